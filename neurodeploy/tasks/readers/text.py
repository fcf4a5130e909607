"""Read number tables from text files that may be missing, cut short or of another kind."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models import files
from neurodeploy.models.errors import InputError

Number = TypeVar("Number", np.float32, np.int64)


def read_text(path: Path) -> str:
    """Return the text of a file, with bytes that are no UTF-8 replaced.

    Raises:
        InputError: when the file is missing or cannot be read.
    """
    require_file(path)
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check its rights") from error


def require_file(path: Path) -> None:
    """Raise InputError when there is no such file, or it is one that cannot be read."""
    check_rights(path)
    if not path.is_file():
        raise InputError(f"{path} is missing; unpack the data set again, with all its files")


def check_rights(path: Path) -> None:
    """Raise InputError for a file or folder that is there and may not be read, and for what is
    neither: to read a pipe may take for ever."""
    found = files.kind(path)
    if found == "other":
        raise InputError(f"{path} is no regular file; remove it, and unpack the data set again")
    if found and not may_be_read(path):
        raise InputError(f"{path} cannot be read: Permission denied; check its rights")


def may_be_read(path: Path) -> bool:
    """Tell whether a file may be read, or a folder listed and entered."""
    return os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK)


def read_numbers(path: Path, columns: int, *, dtype: type[Number]) -> NDArray[Number]:
    """Read a table of numbers that stand apart by blanks.

    Returns:
        array (rows, columns) of `dtype`, at least one row, finite.

    Raises:
        InputError: when the file is missing, empty, holds another number of columns, something
            that is no number or a number that is not finite.
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
