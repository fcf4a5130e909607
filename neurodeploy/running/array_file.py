"""Open an array in a .npy file, or the only one in an .npz file, without trusting it.

Nothing in it is executed, and a .npy file is mapped, not read.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim import memory
from neurodeploy.models import files
from neurodeploy.models.errors import InputError

NPY: Final = b"\x93NUMPY"
ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
KINDS: Final = "buif"
"""What numpy calls the kinds of real numbers."""


def open_array(path: Path) -> NDArray[Any]:
    """Return the array of numbers in a file, read-only.

    Raises:
        InputError: when the file is missing, cut short, of another kind, or holds no array or
            several, or other things than real numbers.
    """
    path = Path(path)
    files.check_file(path, "give the path of a .npy file")
    try:
        with path.open("rb") as file:
            start = file.read(len(NPY))
        if start.startswith(ZIP):
            return _only_array(path)
        if start != NPY:
            raise InputError(f"{path} is no .npy file; write it with numpy.save")
        return _mapped(path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError,
            RuntimeError) as error:  # fmt: skip
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} cannot be read ({reason}); write it anew with numpy.save") from (
            None
        )


def _mapped(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        shape, fortran, dtype = _header(file)
        _check_numbers(dtype, path)
        size, start = math.prod(shape) * dtype.itemsize, file.tell()
        file.seek(0, 2)
        if file.tell() - start < size:
            raise InputError(
                f"{path} is cut short: its array of shape {shape} takes {size:,} bytes and there "
                f"are {file.tell() - start:,}; copy it again"
            )
    if not size:  # nothing that could be mapped
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, "r", start, shape, "F" if fortran else "C")


def _only_array(path: Path) -> NDArray[Any]:
    """Return the one array of an .npz file, which cannot be mapped; its size is checked first."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != 1:
            listed = ", ".join(name.removesuffix(".npy") for name in names[:5])
            raise InputError(
                f"{path} holds {len(names)} arrays{f' ({listed})' if names else ''}; give a file "
                "with one"
            )
        with archive.open(names[0]) as file:
            shape, fortran, dtype = _header(file)
            _check_numbers(dtype, path)
            size = math.prod(shape) * dtype.itemsize
            free = memory.available()
            way_out = "save the array with numpy.save, which need not be read at once"
            memory.check(2 * size, free, f"{path} takes", way_out)
            data = file.read(size)
    if len(data) < size:
        raise InputError(f"{path} is cut short: its array needs {size:,} bytes; copy it again")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether in Fortran's order, and dtype."""
    version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"version {version} of the format holds no plain numbers")
    try:
        shape, fortran, dtype = readers[version](file)  # type: ignore[no-untyped-call]
    except Exception as error:  # numpy's parser raises whatever it stumbles on
        raise ValueError(f"its header is damaged: {error}") from None
    if any(type(size) is not int or size < 0 for size in shape):  # True is a size to the parser
        raise ValueError(f"its shape is {shape}")
    return shape, fortran, dtype


def _check_numbers(dtype: np.dtype[Any], path: Path) -> None:
    if dtype.hasobject:
        raise InputError(
            f"{path} holds Python objects, which could run code and are not read; save an array "
            "of numbers"
        )
    if dtype.kind not in KINDS:
        raise InputError(
            f"{path} holds {dtype}; the input must be numbers, so save an array of them"
        )
