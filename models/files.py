"""Files: what lies at a path that a person gave, JSON objects without repeated names, and files
that are replaced whole or not at all.
"""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, Final

from neurodeploy.models.errors import InputError


class Object(dict[str, Any]):
    """A JSON object that remembers the keys it was given twice."""

    twice: tuple[str, ...] = ()


def object_of(pairs: list[tuple[str, Any]]) -> Object:
    """Return the object of these keys and values, as `object_pairs_hook` of `json.loads`."""
    made = Object(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        made.twice = tuple(key for key in made if keys.count(key) > 1)
    return made


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


def replace_all(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together: all of them are replaced, or none.

    Raises:
        InputError: when one cannot be written; the message names it and how many are left out.
    """
    try:
        with ExitStack() as stack:
            for path, content in contents.items():
                temporary = stack.enter_context(replacing(path))
                temporary.write_bytes(content)
                _flush(temporary)  # a full disk shows before the first is renamed
    except InputError as error:
        if len(contents) == 1:
            raise
        others = ", ".join(sorted({str(path.parent / f"*{path.suffix}") for path in contents}))
        raise InputError(
            f"{error}; none of the {len(contents)} files was written ({others})"
        ) from None


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


REPORT_PAGE: Final = "report.html"
"""The page that `deploy` writes into a run's folder."""


def kind(path: Path) -> str:
    """Return what lies at a path: "file", "folder", "other" or, for nothing, "".

    Raises:
        InputError: when the system cannot follow the path, whose name is too long, whose folder may
            not be entered or whose links lead in a circle.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise InputError(
            f"{path} cannot be looked up ({error.strerror}); give another path"
        ) from None
    return "file" if S_ISREG(mode) else "folder" if S_ISDIR(mode) else "other"


def check_file(path: Path, way_out: str) -> None:
    """Raise InputError, which ends with the way out, unless a regular file lies at the path."""
    wrong = {"": "does not exist", "folder": "is a folder", "other": "is no regular file"}
    found = kind(path)
    if found != "file":
        raise InputError(f"{path} {wrong[found]}; {way_out}")


def same_file(one: Path, other: Path) -> bool:
    """Tell whether two paths lead to one file, which is there; raises as `kind` does."""
    return bool(kind(one) and kind(other)) and os.path.samefile(one, other)
