"""Write files so that a reader sees the old one or the new one, never half of either."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurodeploy.models.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and rename it to `path` when the block succeeds.

    On any error or interruption the temporary file is removed and `path` is as it was. Where `path`
    is a link, the file that it leads to is replaced.

    Raises:
        InputError: when the folder cannot be made or written, the disk is full, or a folder, a pipe
            or a device is there.
    """
    path = _target(path)
    temporary = _beside(path)
    try:
        yield temporary
        _flush(temporary)
        os.chmod(temporary, 0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); nothing was changed there"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def temporary_pattern(path: Path) -> str:
    """Return what the names of files match that a killed process left beside `path`."""
    return f".{glob.escape(path.name)}.*.tmp"


def check_writable(path: Path) -> None:
    """Raise InputError unless a file can be written at `path`, whose folder is made."""
    _beside(_target(path)).unlink()


def _target(path: Path) -> Path:
    """Return where the file lies that is to be written."""
    target = Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)
    if os.path.exists(target) and not os.path.isfile(target):
        kind = "a folder" if os.path.isdir(target) else "a pipe or a device"
        raise InputError(f"{path} cannot be written, since {kind} is there; choose another name")
    return target


def _beside(path: Path) -> Path:
    """Make an empty file of another name beside `path`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}); choose another output folder"
        ) from None
    return Path(name)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
