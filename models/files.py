"""Files: check paths, and replace files atomically."""

from __future__ import annotations

import glob
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Final

from neurodeploy.models.errors import InputError, NotWrittenError

HDF5: Final = b"\x89HDF\r\n\x1a\n"
ZIP: Final = b"PK"
"""First bytes of netx files (HDF5) and of PyTorch checkpoints (ZIP)."""

REPORT_PAGE: Final = "report.html"
"""Name of the HTML report that `deploy` writes into the run folder."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and rename it to `path` when the block succeeds.

    On an error or interruption the temporary file is removed and `path` stays as it was. Where
    `path` is a symbolic link, its target is replaced.

    Raises:
        InputError: when the folder cannot be created or written, the disk is full, or `path` is a
            folder, a pipe or a device.
    """
    path = _target(path)
    temporary = _beside(path)
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
    except OSError as error:
        raise NotWrittenError(
            f"{path} cannot be written ({error.strerror or error}); nothing was changed there"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def replace_all(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together: either all are replaced or none is.

    Raises:
        InputError: when one cannot be written; the message names it.
    """
    try:
        with ExitStack() as stack:
            for path, content in contents.items():
                temporary = stack.enter_context(replacing(path))
                temporary.write_bytes(content)
                _flush(temporary)  # fails on a full disk, before any file is renamed
    except InputError as error:
        if len(contents) == 1:
            raise
        others = ", ".join(sorted({str(path.parent / f"*{path.suffix}") for path in contents}))
        raise type(error)(
            f"{error}; none of the {len(contents)} files was written ({others})"
        ) from None


def temporary_pattern(path: Path) -> str:
    """Return the glob pattern of the temporary files that a killed process left beside `path`."""
    return f".{glob.escape(path.name)}.*.tmp"


def check_writable(path: Path) -> None:
    """Create the folder of `path` and raise InputError unless a file can be written there."""
    _beside(_target(path)).unlink()


def _target(path: Path) -> Path:
    """Return the path of the file to replace, with links resolved."""
    target = Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)
    if os.path.exists(target) and not os.path.isfile(target):
        kind = "a folder" if os.path.isdir(target) else "a pipe or a device"
        raise InputError(f"{path} is {kind} and cannot be replaced; choose another name")
    return target


def _beside(path: Path) -> Path:
    """Create an empty temporary file beside `path`, with the mode of any new file."""
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise NotWrittenError(
            f"{path} cannot be written ({error.strerror}); choose another output folder"
        ) from None
    return temporary


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def kind(path: Path) -> str:
    """Return what is at a path: "file", "folder", "other", or "" if it does not exist.

    Raises:
        InputError: when the path cannot be accessed: a name is too long, a folder has no read
            permission, or symbolic links form a loop.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise InputError(
            f"{path} cannot be accessed ({error.strerror}); give another path"
        ) from None
    return "file" if S_ISREG(mode) else "folder" if S_ISDIR(mode) else "other"


def check_file(path: Path, way_out: str) -> None:
    """Raise InputError, whose message ends with `way_out`, unless the path is a regular file."""
    wrong = {"": "does not exist", "folder": "is a folder", "other": "is not a regular file"}
    found = kind(path)
    if found != "file":
        raise InputError(f"{path} {wrong[found]}; {way_out}")


def same_file(one: Path, other: Path) -> bool:
    """Return whether two paths are the same existing file; raises like `kind`."""
    return bool(kind(one) and kind(other)) and os.path.samefile(one, other)
