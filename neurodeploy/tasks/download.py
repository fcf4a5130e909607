"""Download one published file: whole and as published, or not at all."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from neurodeploy.models import files
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import check_writable, replacing
from neurodeploy.tasks.reading import Advance

TIMEOUT_S: Final = 30.0
BLOCK_BYTES: Final = 2**18
MOST_BYTES: Final = 16 * 2**30
"""The largest file that is accepted where its size is not known beforehand."""

DIGITS: Final = {"md5": 32, "sha256": 64}


@dataclass(frozen=True)
class Download:
    """A file that somebody publishes.

    An md5 will do where no sha256 is published: who publishes a file could make another with the
    same md5, but nobody can to an md5 that is given.

    Attributes:
        mirrors: addresses of the same file, http or https, tried in this order.
        file: the name that it gets.
        size: bytes; None only where `unchecked` says why.
        checksum: "md5:" or "sha256:" and lower-case hex; None only where `unchecked` says why.
        unchecked: one sentence that says why there is no checksum, and what is checked instead.

    Raises:
        InputError: when an address, the name or the checksum is no such thing, or a checksum is
            missing without a reason.
    """

    mirrors: tuple[str, ...]
    file: str
    size: int | None
    checksum: str | None
    unchecked: str = ""

    def __post_init__(self) -> None:
        for url in self.mirrors:
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
                raise InputError(f"{url!r} is no address of http or https; give one")
        if not self.mirrors or self.file != Path(self.file).name or self.file in ("", "..", "."):
            raise InputError(f"the download {self.file!r} must have a plain name and a mirror")
        kind, _, digits = (self.checksum or "").partition(":")
        if self.checksum and not re.fullmatch(f"[0-9a-f]{{{DIGITS.get(kind, 0)}}}", digits):
            raise InputError(
                f"{self.file}: the checksum is {self.checksum!r}; it must be md5: or sha256: and "
                "lower-case hex digits"
            )
        if not self.unchecked and (self.checksum is None or self.size is None):
            raise InputError(
                f"{self.file} has no checksum or size; give both, or say in `unchecked` why not"
            )


class _MirrorError(Exception):
    """Say what a mirror did wrong, to go on with its host left out."""


def fetch(download: Download, folder: Path, advance: Advance | None = None) -> Path:
    """Download a file into a folder, unless it is there already, and return its path.

    It appears under its name only when it is whole and its checksum right. On any error or
    interruption nothing is left.

    Args:
        download: what to download.
        folder: is made where it is missing.
        advance: called with the bytes that are there and the bytes in all.

    Raises:
        InputError: when another file is there already, no mirror gives the file as published, or it
            cannot be written.
    """
    path = folder / download.file
    if files.kind(path):
        files.check_file(path, "move it away and try again")
        if wrong := problem(download, path):
            raise InputError(
                f"{path} is there already but {wrong}; move it away and try again, for nothing is "
                "overwritten"
            )
        return path
    _check_writable(path)
    failures = []
    for url in download.mirrors:
        try:
            with replacing(path) as temporary:
                _check_room(download, folder)
                _receive(download, url, temporary, advance or _ignore)
                if wrong := problem(download, temporary):
                    raise _MirrorError(f"sent a file that {wrong}")
        except _MirrorError as error:
            failures.append(f"{urlsplit(url).netloc} {error}")
        else:
            return path
    raise InputError(
        f"{download.file} could not be downloaded ({'; '.join(failures)}); try again later, or get "
        f"it from elsewhere and place it at {path}"
    )


def problem(download: Download, path: Path) -> str:
    """Return how a file differs from the published one, "" for not at all.

    The clause follows the file's name: "has md5 ..., the published file ...".
    """
    size = path.stat().st_size
    if download.size is not None and size != download.size:
        return f"has {size:,} bytes, the published file {download.size:,}"
    if download.checksum is None:
        return ""
    kind, wanted = download.checksum.split(":")
    try:
        found = _digest(path, kind)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if found == wanted else f"has {kind} {found}, the published file {wanted}"


def check_published(path: Path, sha256: str, way_out: str) -> None:
    """Raise InputError, which ends with the way out, unless a file has that sha256."""
    found = _digest(path, "sha256")
    if found != sha256:
        raise InputError(f"{path} has sha256 {found}, the published file {sha256}; {way_out}")


def _digest(path: Path, kind: str) -> str:
    sums = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            sums.update(block)
    return sums.hexdigest()


def _ignore(done: int, total: int) -> None:
    pass


def _check_writable(path: Path) -> None:
    """Raise InputError unless a file can be written there, whose folder is made."""
    try:
        check_writable(path)
    except InputError as error:
        said = str(error).partition(";")[0]
        raise InputError(f"{said}; set NEURODEPLOY_DATA to another folder") from None


def _check_room(download: Download, folder: Path) -> None:
    """Raise InputError when the disk has no room for the file."""
    free = shutil.disk_usage(folder).free
    if download.size is not None and free < download.size:
        raise InputError(
            f"{download.file} needs {download.size:,} bytes and {folder} has {free:,} free; make "
            "room, or set NEURODEPLOY_DATA to a folder that has it"
        )


def _receive(download: Download, url: str, path: Path, advance: Advance) -> None:
    """Write what a mirror sends; raise _MirrorError for its faults, OSError for the disk's."""
    most = MOST_BYTES if download.size is None else download.size
    done = 0
    with path.open("wb") as file:
        for block, promised in _blocks(url):
            done += len(block)
            if done > most:
                raise _MirrorError(f"sent more than the {most:,} bytes that there are")
            file.write(block)
            advance(done, download.size or promised or done)
    if download.size is None and promised is not None and done != promised:
        raise _MirrorError(f"broke off after {done:,} of {promised:,} bytes")


def _blocks(url: str) -> Iterator[tuple[bytes, int | None]]:
    """Yield what a mirror sends and how many bytes it said there are; the last block is empty.

    Raises:
        _MirrorError: when it cannot be reached, refuses or falls silent.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError

    try:
        with _open(url) as answer:
            length = answer.headers.get("Content-Length", "")
            promised = int(length) if length.isdecimal() else None
            while block := answer.read(BLOCK_BYTES):
                yield block, promised
            yield b"", promised
    except HTTPError as error:
        error.close()
        raise _MirrorError(f"answered {error.code} {error.reason}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise _MirrorError(_reason(error)) from None


def _reason(error: Exception) -> str:
    """Return what went wrong on the network, to follow the name of a host."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return f"gave no answer within {TIMEOUT_S:g} s"
    return f"failed ({getattr(inner, 'strerror', None) or inner or type(inner).__name__})"


def _open(url: str) -> Any:
    """Open an address of http or https, and follow it nowhere else."""
    from urllib import request

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler, request.HTTPHandler, request.HTTPSHandler, request.UnknownHandler,
        request.HTTPRedirectHandler, request.HTTPErrorProcessor, request.HTTPDefaultErrorHandler,
    ):  # fmt: skip
        opener.add_handler(handler())
    opener.addheaders = [("User-Agent", "neurodeploy"), ("Accept-Encoding", "identity")]
    return opener.open(url, timeout=TIMEOUT_S)
