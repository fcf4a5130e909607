"""What readers share: finding a dataset's folder, reading tables and arrays, telling the progress.

All of it is for files that may be missing, cut short or of another kind: what is wrong becomes one
sentence.
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

from neurodeploy.models import files
from neurodeploy.models.errors import InputError
from neurodeploy.samples import Advance

Number = TypeVar("Number", np.float32, np.int64)

ZIP_START: Final = b"PK"

_LISTENER: ContextVar[Advance | None] = ContextVar("listener", default=None)


def report_progress(done: int, total: int) -> None:
    """Tell a command that shows a bar how much is read, in any unit; without one, do nothing."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(done, total)


@contextmanager
def progress_to(advance: Advance) -> Iterator[None]:
    """Have `advance` called with what readers report."""
    token = _LISTENER.set(advance)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def levels(path: Path, depth: int) -> Iterator[list[Path]]:
    """Yield the folder itself, then the folders in it, and so on, `depth` levels down.

    Hidden folders, what unpacking leaves on macOS and folders that may not be read are passed over;
    a folder that links reach twice comes once.

    Raises:
        InputError: when the folder itself may not be read.
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
    """Return the folders for which `holds` is true, of the first level that has any."""
    found = ([each for each in level if holds(each)] for level in levels(path, depth))
    return next((each for each in found if each), [])


def check_nothing_locked(path: Path, depth: int) -> None:
    """Raise InputError for a folder that `levels` passes over because it may not be read.

    Call it when nothing was found: the dataset may lie in that folder.
    """
    for level in levels(path, depth - 1):
        for below in (below for each in level for below in _subfolders(each)):
            check_rights(below)


def _subfolders(folder: Path) -> list[Path]:
    found = (path for path in folder.glob("*") if not path.name.startswith((".", "__")))
    return sorted(path for path in found if path.is_dir())


def check_rights(path: Path) -> None:
    """Raise InputError for a file or folder that may not be read, and for anything else.

    To read a pipe may take forever.
    """
    found = files.kind(path)
    if found == "other":
        raise InputError(f"{path} is no regular file; remove it, and unpack the dataset again")
    if found and not may_be_read(path):
        raise InputError(f"{path} cannot be read: Permission denied; check its rights")


def may_be_read(path: Path) -> bool:
    """Tell whether a file may be read, or a folder listed and entered."""
    return os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK)


def require_file(path: Path) -> None:
    """Raise InputError when there is no such file, or it cannot be read."""
    check_rights(path)
    if not path.is_file():
        raise InputError(f"{path} is missing; unpack the dataset again, with all its files")


def read_text(path: Path) -> str:
    """Return the text of a file, with bytes that are not UTF-8 replaced.

    Raises:
        InputError: when the file is missing or cannot be read.
    """
    require_file(path)
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check its rights") from error


def read_numbers(path: Path, columns: int, *, dtype: type[Number]) -> NDArray[Number]:
    """Read a table of numbers that are separated by blanks.

    Returns:
        array (rows, columns) of `dtype`, at least one row, finite.

    Raises:
        InputError: when the file is missing, empty, has another number of columns, or holds
            something that is no finite number.
    """
    require_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # numpy warns of an empty file
            warnings.simplefilter("error", DeprecationWarning)  # numpy 1 takes 1.5 for the label 1
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
    """Return the named arrays of a file; nothing is unpickled.

    Args:
        path: of the file.
        names: of the arrays to read; all must be there.
        wrong: what a message says of a damaged file, after its path.
        way_out: ends the message.

    Raises:
        InputError: when the file is missing, is no npz file, is damaged, holds objects or lacks an
            array.
    """
    check_rights(path)
    names = tuple(names)
    try:
        with path.open("rb") as file:
            if file.read(len(ZIP_START)) != ZIP_START:
                raise ValueError("it is no zip archive")
            file.seek(0)
            with np.load(file, allow_pickle=False) as fields:
                found = {name: fields[name] for name in names if name in fields}
    except Exception as error:  # a damaged archive or header can make numpy raise anything
        raise InputError(f"{path} {wrong} ({_reason(error)}); {way_out}") from error
    if missing := [name for name in names if name not in found]:
        raise InputError(f"{path} {wrong} (it has no array {', '.join(missing)}); {way_out}")
    return found


def map_npy(path: Path) -> NDArray[Any]:
    """Return the array of an npy file, whose values are read only when they are used.

    Raises:
        InputError: when the path is no regular file or may not be read.
        ValueError: with one line, when the file is damaged, no npy file or holds objects.
    """
    npy: Any = np.lib.format
    check_rights(path)
    try:
        return np.asarray(npy.open_memmap(path, mode="r"))
    except Exception as error:  # as above
        raise ValueError(_reason(error)) from error


def _reason(error: Exception) -> str:
    """Return the first line of what numpy says, without its advice to trust a pickle, which it
    takes every unknown file for."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return "it holds something else than arrays of numbers or text" if "pickle" in line else line
