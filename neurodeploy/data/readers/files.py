"""Common code of readers: find a dataset's folder, read tables and arrays, report progress.

Files may be missing, truncated or of another format; the error is an InputError of one sentence.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data.samples import Advance
from neurodeploy.models import files
from neurodeploy.models.errors import InputError

Number = TypeVar("Number", np.float32, np.int64)

ZIP_START: Final = b"PK"

_LISTENER: ContextVar[Advance | None] = ContextVar("listener", default=None)


def report_progress(done: int, total: int) -> None:
    """Report progress to the callback of `progress_to`, if any, in any unit."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(done, total)


@contextmanager
def progress_to(advance: Advance) -> Iterator[None]:
    """Pass the progress of readers to `advance` in this block."""
    token = _LISTENER.set(advance)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def levels(path: Path, depth: int) -> Iterator[list[Path]]:
    """Yield a list of the folder itself, then of its subfolders, and so on, `depth` levels down.

    Hidden folders, `__MACOSX` and unreadable folders are skipped; a folder that is linked twice is
    yielded once.

    Raises:
        InputError: if the folder itself is not readable.
    """
    check_rights(path)
    seen: set[Path] = set()
    level = [path]
    for _ in range(depth + 1):
        new = []
        for each in level:
            if (at := each.resolve()) not in seen:
                seen.add(at)
                new.append(each)
        yield new
        level = [below for each in new for below in _subfolders(each) if may_be_read(below)]


def nearest(path: Path, depth: int, holds: Callable[[Path], bool]) -> list[Path]:
    """Return the folders for which `holds` is true, of the first level with any."""
    found = ([each for each in level if holds(each)] for level in levels(path, depth))
    return next((each for each in found if each), [])


def check_nothing_locked(path: Path, depth: int) -> None:
    """Raise InputError for an unreadable folder, which `levels` skips.

    Call it if no dataset was found: it may be in that folder.
    """
    for level in levels(path, depth - 1):
        for below in (below for each in level for below in _subfolders(each)):
            check_rights(below)


def _subfolders(folder: Path) -> list[Path]:
    found = (path for path in folder.glob("*") if not path.name.startswith((".", "__")))
    return sorted(path for path in found if path.is_dir())


def check_rights(path: Path) -> None:
    """Raise InputError for an unreadable file or folder, and for anything else, such as a pipe,
    which could block forever."""
    found = files.kind(path)
    if found == "other":
        raise InputError(f"{path} is not a regular file; remove it, and unpack the dataset again")
    if found and not may_be_read(path):
        raise InputError(f"{path} cannot be read: Permission denied; check its permissions")


def may_be_read(path: Path) -> bool:
    """Return whether a file is readable, or a folder readable and searchable."""
    return os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK)


def require_file(path: Path) -> None:
    """Raise InputError if a file is missing or not readable."""
    check_rights(path)
    if not path.is_file():
        raise InputError(f"{path} is missing; unpack the dataset again, with all its files")


def read_text(path: Path) -> str:
    """Return the text of a file, with invalid UTF-8 replaced.

    Raises:
        InputError: if the file is missing or not readable.
    """
    require_file(path)
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; check its permissions"
        ) from error


def read_numbers(path: Path, columns: int, *, dtype: type[Number]) -> NDArray[Number]:
    """Read a table of numbers separated by whitespace.

    Returns:
        Finite array (rows, columns) of `dtype`, with at least one row.

    Raises:
        InputError: if the file is missing, empty, has another number of columns, or a value that is
            not a finite number.
    """
    require_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # numpy warns about empty files
            warnings.simplefilter("error", DeprecationWarning)  # numpy 1 reads 1.5 as the integer 1
            table = np.loadtxt(path, dtype=dtype, ndmin=2, comments=None)
    except (ValueError, OSError, DeprecationWarning) as error:
        reason = str(error).partition(";")[0]
        raise InputError(
            f"{path} is not a table of {columns} columns ({reason}); download it again"
        ) from error
    if not table.size:
        raise InputError(f"{path} is empty; download it again")
    if table.shape[1] != columns:
        raise InputError(
            f"{path} has {table.shape[1]} columns; it must have {columns}, so download it again"
        )
    wrong = np.argwhere(~np.isfinite(table))
    if wrong.size:
        row, column = (int(index) for index in wrong[0])
        raise InputError(
            f"{path} holds {table[row, column]} in row {row + 1}, column {column + 1}; signals "
            "must be finite, so repair the file or download it again"
        )
    return table


def read_npz(
    path: Path, names: Iterable[str], *, wrong: str, way_out: str
) -> dict[str, NDArray[Any]]:
    """Return arrays of an .npz file, without unpickling.

    Args:
        path: the file.
        names: names of the required arrays.
        wrong: what an error message says about the file, after its path.
        way_out: advice at the end of the message.

    Raises:
        InputError: if the file is missing, damaged or not an .npz file, contains Python objects or
            lacks an array.
    """
    check_rights(path)
    names = tuple(names)
    try:
        with path.open("rb") as file:
            if file.read(len(ZIP_START)) != ZIP_START:
                raise ValueError("it is not a zip archive")
            file.seek(0)
            with np.load(file, allow_pickle=False) as fields:
                found = {name: fields[name] for name in names if name in fields}
    except Exception as error:  # numpy can raise anything for a damaged file
        raise InputError(f"{path} {wrong} ({_reason(error)}); {way_out}") from error
    if missing := [name for name in names if name not in found]:
        raise InputError(f"{path} {wrong} (it has no array {', '.join(missing)}); {way_out}")
    return found


def map_npy(path: Path) -> NDArray[Any]:
    """Return the array of an .npy file as a memory map.

    Raises:
        InputError: if the path is not a readable regular file.
        ValueError: with one line, if the file is damaged, not an .npy file, or contains Python
            objects.
    """
    npy: Any = np.lib.format
    check_rights(path)
    try:
        return np.asarray(npy.open_memmap(path, mode="r"))
    except Exception as error:  # as above
        raise ValueError(_reason(error)) from error


def _reason(error: Exception) -> str:
    """Return the first line of numpy's message, but not its advice to allow pickles, which it gives
    for every unknown file."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return "it holds something other than arrays of numbers or text" if "pickle" in line else line
