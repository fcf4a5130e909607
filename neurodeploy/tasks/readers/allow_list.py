"""Read pickles without running code from them.

A pickle can name any function and have it called. Here it can only name what is on an allow-list:
numpy arrays and their dtypes, and what a reader adds.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from gzip import GzipFile
from typing import IO, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

BinaryFile: TypeAlias = IO[bytes] | GzipFile


def _empty_array(kind: object, _shape: object, _dtype: object) -> NDArray[Any]:
    """Return the array that the pickle fills next; numpy's `_reconstruct` for plain arrays."""
    if kind is not np.ndarray:
        raise pickle.UnpicklingError(f"it makes an array of {kind!r}")
    return np.empty(0, np.int8)


def _latin1(text: str, encoding: str) -> bytes:
    """Return the bytes that protocol 2 stores as text."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes with {encoding!r}")
    return text.encode("latin1")


ARRAYS: Final[dict[tuple[str, str], Any]] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("_codecs", "encode"): _latin1,
}
"""What a pickle of arrays names, by module and name, and what each becomes."""

_PYTHON_2_MODULES: Final = {"__builtin__": "builtins", "copy_reg": "copyreg"}


class _AllowListUnpickler(pickle.Unpickler):
    def __init__(self, file: BinaryFile, allowed: Mapping[tuple[str, str], Any]) -> None:
        super().__init__(file)
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[_PYTHON_2_MODULES.get(module, module), name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it names {module}.{name}, which is not allowed"
            ) from None


def load(file: BinaryFile, allowed: Mapping[tuple[str, str], Any] = ARRAYS) -> Any:
    """Return the content of the pickle at the file's position.

    Args:
        file: open for bytes.
        allowed: what it may name, by module and name, and what each becomes.

    Raises:
        Exception: of any kind when the pickle is broken, an UnpicklingError when it names anything
            else; nothing that it names runs.
    """
    return _AllowListUnpickler(file, allowed).load()
