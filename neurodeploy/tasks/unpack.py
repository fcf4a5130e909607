"""Unpack an archive from outside: whole or not at all, and nowhere but into its folder."""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from neurodeploy.models import files
from neurodeploy.models.errors import InputError

MOST_BYTES: Final = 64 * 2**30
MOST_FILES: Final = 500_000
BLOCK_BYTES: Final = 2**20
ZIP_START: Final = b"PK"


@dataclass(frozen=True)
class _Member:
    """One file or folder of an archive; `open` gives its content."""

    name: str
    kind: str
    size: int
    open: Callable[[], IO[bytes] | None]


def unpack(archive: Path, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
    """Unpack a zip or tar archive into a new folder, which appears when all of it is there.

    Args:
        archive: zip, or tar with or without gzip, bzip2 or xz.
        folder: what must not be there yet.
        most_bytes: what the content may come to.

    Raises:
        InputError: when the folder is there, or the archive is missing, damaged, too large, or
            holds a link, a device, a name twice or a path that leads out of the folder.
    """
    files.check_file(archive, "download it again")
    if files.kind(folder):
        raise InputError(f"{folder} is there already; move it away and try again")
    temporary = _beside(folder)
    try:
        _extract(archive, temporary, most_bytes)
        temporary.chmod(folder.parent.stat().st_mode & 0o777)
        temporary.rename(folder)
    except (
        zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError
    ):  # fmt: skip
        raise InputError(
            f"{archive} is cut short or damaged; remove it and download it again"
        ) from None
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or packed in a rare way
        raise InputError(f"{archive} cannot be unpacked ({error}); unpack it by hand") from None
    except OSError as error:
        raise InputError(
            f"{archive} cannot be unpacked into {folder} ({error.strerror or error}); nothing was "
            "changed there, so make room, or remove the archive and download it again"
        ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _beside(folder: Path) -> Path:
    """Make an empty folder of another name beside `folder`."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".tmp"))
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror}); set NEURODEPLOY_DATA to another folder"
        ) from None


def _extract(archive: Path, folder: Path, most_bytes: int) -> None:
    """Write the members of an archive into a folder, each once it is found harmless."""
    done = 0
    for number, member in enumerate(_members(archive)):
        path = _path(archive, member, folder)
        done += member.size
        if done > most_bytes or number >= MOST_FILES:
            raise InputError(
                f"{archive} holds more than {most_bytes:,} bytes or {MOST_FILES:,} files; it is "
                "not what it should be, so remove it and download it again"
            )
        if member.kind == "folder":
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            _copy(archive, member, path)


def _path(archive: Path, member: _Member, folder: Path) -> Path:
    """Return where a member goes; raise InputError when that is out of the folder."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or set("\\:\0") & set(member.name):
        raise InputError(
            f"{archive} holds {member.name!r}, which may lead out of the folder; remove the archive"
        )
    if member.kind == "file" and not name.parts:
        raise InputError(f"{archive} holds a file without a name; remove the archive")
    if member.kind not in ("file", "folder"):
        raise InputError(
            f"{archive} holds {member.name!r}, which is a link or a device; remove the archive"
        )
    return folder.joinpath(*name.parts)


def _copy(archive: Path, member: _Member, path: Path) -> None:
    """Write a member's content, of the size that the archive says and no more."""
    content = member.open()
    assert content is not None, member.name
    left = member.size
    try:
        with content, path.open("xb") as file:
            while block := content.read(min(BLOCK_BYTES, left + 1)):
                left -= len(block)
                if left < 0:
                    break
                file.write(block)
    except FileExistsError:
        raise InputError(f"{archive} holds {member.name!r} twice; remove the archive") from None
    if left:
        raise EOFError


def _members(archive: Path) -> Iterator[_Member]:
    with archive.open("rb") as file:
        start = file.read(2)
    if start == ZIP_START:
        yield from _zip_members(archive)
    else:
        yield from _tar_members(archive)


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as opened:
        for each in opened.infolist():
            mode = stat.S_IFMT(each.external_attr >> 16)
            plain = mode in (0, stat.S_IFREG, stat.S_IFDIR)
            kind = "folder" if each.filename.endswith("/") else "file"
            yield _Member(
                each.filename, kind if plain else "other", each.file_size,
                lambda each=each: opened.open(each),  # type: ignore[misc]
            )  # fmt: skip


def _tar_members(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive) as opened:
        for each in opened:
            kind = "file" if each.isreg() else "folder" if each.isdir() else "other"
            yield _Member(
                each.name, kind, each.size,
                lambda each=each: opened.extractfile(each),  # type: ignore[misc]
            )  # fmt: skip
