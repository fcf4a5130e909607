"""Archives: unpacked whole and nowhere but into their folder, or not at all."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.unpack import unpack

CONTENT = bytes(range(256)) * 5000


def zipped(path: Path, members: dict[str, bytes], *, mode: int = 0o100644) -> Path:
    """Write a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return path


def tarred(path: Path, members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> Path:
    """Write a tar archive with gzip."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, "/etc/passwd", len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


PACKERS = {"zip": zipped, "tar.gz": tarred}
FILES = {"set/a.txt": b"one", "set/below/b.bin": CONTENT, "c": b""}


@pytest.mark.parametrize("kind", PACKERS)
def test_an_archive_is_unpacked_into_a_new_folder(kind: str, tmp_path: Path) -> None:
    archive = PACKERS[kind](tmp_path / "x", FILES)
    unpack(archive, tmp_path / "data" / "new")
    home = tmp_path / "data" / "new"
    found = {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.is_file()}
    assert found == FILES
    assert os.listdir(tmp_path / "data") == ["new"]


def test_folders_in_an_archive_are_made(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("empty/", b"")
    unpack(tmp_path / "x.zip", tmp_path / "new")
    assert (tmp_path / "new" / "empty").is_dir()


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("name", ["../out", "a/../../out", "/etc/out", "a\\..\\out", "c:out"])
def test_a_path_out_of_the_folder_is_refused(kind: str, name: str, tmp_path: Path) -> None:
    archive = PACKERS[kind](tmp_path / "x", {"good": b"1", name: b"2"})
    with pytest.raises(InputError, match="which may lead out of the folder; remove the archive"):
        unpack(archive, tmp_path / "data" / "new")
    assert os.listdir(tmp_path / "data") == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(kind: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds 'link', which is a link or a device"):
        unpack(tarred(tmp_path / "x", {"link": b""}, kind), tmp_path / "data" / "new")
    with pytest.raises(InputError, match="holds 'link', which is a link or a device"):
        unpack(zipped(tmp_path / "y", {"link": b"/etc"}, mode=0o120777), tmp_path / "data" / "new")
    assert os.listdir(tmp_path / "data") == []


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_is_refused(kind: str, tmp_path: Path) -> None:
    archive = PACKERS[kind](tmp_path / "x", {"a": bytes(600_000), "b": bytes(600_000)})
    assert archive.stat().st_size < 5000
    with pytest.raises(InputError, match="holds more than 1,000,000 bytes or 500,000 files"):
        unpack(archive, tmp_path / "data" / "new", most_bytes=1_000_000)
    assert os.listdir(tmp_path / "data") == []


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x", {"a": bytes(600_000)})
    size = (600_000).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(InputError, match="is cut short or damaged; remove it and download it"):
        unpack(archive, tmp_path / "data" / "new")
    assert os.listdir(tmp_path / "data") == []


@pytest.mark.parametrize("kind", PACKERS)
def test_a_half_downloaded_archive_is_refused(kind: str, tmp_path: Path) -> None:
    archive = PACKERS[kind](tmp_path / "x", {"a": os.urandom(5000), "b": b"2"})
    whole = archive.read_bytes()
    for kept in (0, 1, 100, len(whole) // 2, len(whole) - 30):
        archive.write_bytes(whole[:kept])
        with pytest.raises(InputError, match=r"x is cut short or damaged; remove it and downl"):
            unpack(archive, tmp_path / "data" / "new")
        assert os.listdir(tmp_path / "data") == []


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"no archive" * 100))
    packed[-6] ^= 1
    (tmp_path / "x").write_bytes(packed)
    with pytest.raises(InputError, match="x is cut short or damaged"):
        unpack(tmp_path / "x", tmp_path / "new")


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a", "2")
    with pytest.raises(InputError, match="holds 'a' twice; remove the archive"):
        unpack(tmp_path / "x", tmp_path / "new")


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x", {"a": b"1"})
    content = bytearray(archive.read_bytes())
    for start, flag in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(start) + flag] |= 1
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be unpacked \(.* encrypted.*; unpack it by hand"):
        unpack(archive, tmp_path / "new")


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x", {"a": b"1"})
    (tmp_path / "new").mkdir()
    with pytest.raises(InputError, match="new is there already; move it away and try again"):
        unpack(archive, tmp_path / "new")
    assert os.listdir(tmp_path / "new") == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x", {"a": b"1"})
    with pytest.raises(InputError, match=r"new cannot be written \(Not a directory\); set NEURO"):
        unpack(archive, archive / "below" / "new")


def test_names_that_clash_are_one_sentence(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x", {"a": b"1", "a/b": b"2"})
    with pytest.raises(InputError, match=r"x cannot be unpacked into .*new \("):
        unpack(archive, tmp_path / "new")
    assert os.listdir(tmp_path) == ["x"]


def test_a_missing_archive_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="x does not exist; download it again"):
        unpack(tmp_path / "x", tmp_path / "new")
