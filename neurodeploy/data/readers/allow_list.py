"""Read pickles without running code from them.

A pickle can call any importable function. This unpickler only resolves names on an allow-list:
numpy arrays, their dtypes, and the additions of a reader.
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
    """Return an empty array, whose state the pickle sets; replaces numpy's `_reconstruct`."""
    if kind is not np.ndarray:
        raise pickle.UnpicklingError(f"it makes an array of {kind!r}")
    return np.empty(0, np.int8)


def _latin1(text: str, encoding: str) -> bytes:
    """Return bytes from text; pickle protocol 2 stores bytes so."""
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
"""The allow-list for numpy arrays: replacement objects by module and name."""

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
        file: a file open for reading bytes.
        allowed: the allow-list: replacement objects by module and name.

    Raises:
        UnpicklingError: if the pickle uses a name that is not allowed; nothing is run.
        Exception: of any type, if the pickle is damaged.
    """
    return _AllowListUnpickler(file, allowed).load()
