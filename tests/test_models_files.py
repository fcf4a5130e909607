"""Files are replaced as a whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import resource
import stat

import pytest

from neurodeploy.models.errors import InputError
from neurodeploy.models.files import check_file, check_writable, kind, replace_all, replacing


def test_the_file_appears_when_it_is_complete_in_folders_that_are_created(tmp_path):
    path = tmp_path / "a" / "b" / "out.txt"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["out.txt"]


def test_a_file_has_the_mode_of_any_new_file_and_the_umask_stays(tmp_path, monkeypatch):
    path, before = tmp_path / "out.txt", os.umask(0o027)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", lambda _: pytest.fail("all threads share the umask"))
            with replacing(path) as temporary:
                temporary.write_text("new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    "error",
    [RuntimeError(), KeyboardInterrupt(), SystemExit(), OSError(errno.ENOSPC, "No space left")],
)
def test_on_an_error_the_old_file_stays_alone(error, tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    expected = InputError if isinstance(error, OSError) else type(error)

    def write() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(expected) as caught:
        write()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.txt"]
    if expected is InputError:
        assert re.search(r"out\.txt .*No space left", str(caught.value))


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/out\.txt"), replacing(tmp_path / "file/out.txt"):
        pytest.fail("the block was entered")


@pytest.mark.parametrize(("make", "what"), [(os.mkdir, "folder"), (os.mkfifo, "pipe")])
def test_what_is_not_a_file_is_not_replaced(make, what, tmp_path):
    path = tmp_path / "out.txt"
    make(path)
    before = path.stat()
    for write in (check_writable, lambda path: replacing(path).__enter__()):
        with pytest.raises(InputError, match=rf"out\.txt is a {what}"):
            write(path)
    with pytest.raises(InputError, match=r"out\.txt .*; give another"):
        check_file(path, "give another")
    assert kind(path) == {"folder": "folder", "pipe": "other"}[what]
    assert os.path.samestat(before, path.stat())
    assert os.listdir(tmp_path) == ["out.txt"]


def test_the_target_of_a_link_is_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    real, link = tmp_path / "folder" / "real.txt", tmp_path / "out.txt"
    link.symlink_to(real)
    for text in ("new", "newer"):
        with replacing(link) as temporary:
            temporary.write_text(text)
        assert real.read_text() == text
    assert link.is_symlink()


def test_files_that_belong_together_are_all_replaced_or_none(tmp_path):
    small, large = tmp_path / "small.txt", tmp_path / "large.txt"
    replace_all({small: b"old", large: b"old"})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(InputError, match=re.escape(str(large))):
            replace_all({small: b"new", large: bytes(2000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"old"}
