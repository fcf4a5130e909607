"""Files that are replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import resource
import stat

import pytest

from neurodeploy.models.errors import InputError
from neurodeploy.models.files import check_writable, replace_all, replacing


def test_the_file_is_there_only_when_it_is_complete(tmp_path):
    path = tmp_path / "out.txt"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_missing_folders_are_made(tmp_path):
    with replacing(tmp_path / "a" / "b" / "out.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a" / "b" / "out.txt").read_text() == "new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_on_any_error_the_old_file_stays_and_nothing_else(error, tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as temporary:
        raise error(temporary.write_text("half"))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_a_full_disk_is_one_sentence_and_the_old_file_stays(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with (
        pytest.raises(InputError, match=r"out\.txt cannot be written \(No space left on device\)"),
        replacing(path),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match=r"cannot be written .* choose another output folder"),
        replacing(tmp_path / "file" / "out.txt"),
    ):
        pytest.fail("the block was entered")


@pytest.mark.parametrize(("make", "kind"), [(os.mkdir, "a folder"), (os.mkfifo, "a pipe")])
def test_what_is_no_file_is_not_replaced(make, kind, tmp_path):
    path = tmp_path / "out.txt"
    make(path)
    before = path.stat()
    for write in (check_writable, lambda path: replacing(path).__enter__()):
        with pytest.raises(InputError, match=rf"out\.txt is {kind}.* cannot be replaced"):
            write(path)
    assert os.path.samestat(before, path.stat())
    assert os.listdir(tmp_path) == ["out.txt"]


def test_the_file_that_a_link_leads_to_is_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    real, link = tmp_path / "folder" / "real.txt", tmp_path / "out.txt"
    link.symlink_to(real)
    for text in ("new", "newer"):
        with replacing(link) as temporary:
            temporary.write_text(text)
        assert real.read_text() == text
    assert link.is_symlink()


def test_it_has_the_permissions_of_a_file_written_plainly(tmp_path):
    """Temporary files can be read by their owner alone."""
    with replacing(tmp_path / "out.txt") as temporary:
        temporary.write_text("new")
    (tmp_path / "plain.txt").write_text("")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("out.txt", "plain.txt")]
    assert modes[0] == modes[1]


def test_files_that_belong_together_are_all_replaced_or_none(tmp_path):
    small, large = tmp_path / "small.txt", tmp_path / "large.txt"
    replace_all({small: b"old", large: b"old"})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(InputError) as caught:
            replace_all({small: b"new", large: bytes(2000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(large) in str(caught.value)
    assert "none of the 2 files" in str(caught.value)
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"old"}
