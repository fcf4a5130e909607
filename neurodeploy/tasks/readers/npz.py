"""Arrays of numpy's files from outside: nothing is unpickled, and what is wrong is one line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.readers.text import check_rights

ZIP_START: Final = b"PK"


def read_npz(
    path: Path, names: Iterable[str], *, wrong: str, way_out: str
) -> dict[str, NDArray[Any]]:
    """Return those of the named arrays that a file holds.

    Args:
        path: the file.
        names: arrays to read; others are left unread.
        wrong: what is said of a damaged file, to follow its name.
        way_out: what to do then.

    Raises:
        InputError: when the file is missing, is no npz file, is damaged or holds objects.
    """
    check_rights(path)
    try:
        with path.open("rb") as file:
            if file.read(len(ZIP_START)) != ZIP_START:
                raise ValueError("it is no zip archive")
            file.seek(0)
            with np.load(file, allow_pickle=False) as fields:
                return {name: fields[name] for name in names if name in fields}
    except Exception as error:  # a damaged archive or header can make numpy raise anything
        raise InputError(f"{path} {wrong} ({_reason(error)}); {way_out}") from error


def map_npy(path: Path) -> NDArray[Any]:
    """Return the array of an npy file, whose values are read only when they are looked at.

    Raises:
        InputError: when the path is no regular file or may not be read.
        ValueError: with one line, when the file is damaged, is another or holds objects.
    """
    npy: Any = np.lib.format
    check_rights(path)
    try:
        return np.asarray(npy.open_memmap(path, mode="r"))
    except Exception as error:  # as above
        raise ValueError(_reason(error)) from error


def _reason(error: Exception) -> str:
    """Return the first line of what numpy says, without its advice to trust a pickle: it takes
    whatever it does not know for one."""
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return "it holds something else than arrays of numbers or text" if "pickle" in said else said
