"""Read pickled pandas frames of numbers without pandas and without running what a pickle may name.

Besides numpy arrays it may name plain objects and pandas classes, whose inert stand-ins keep the
state.
"""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.readers.allow_list import ARRAYS, load

Frame: TypeAlias = dict[str, NDArray[Any]]
"""Columns by name, each an array (rows,)."""


class _Inert:
    """Stands for a pandas object: keeps the state that it is given and does nothing."""

    def __init__(self, *_: object) -> None:
        self.state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state


def _new_index(_kind: object, state: object) -> _Inert:
    index = _Inert()
    index.state = state
    return index


def _reconstructor(kind: object, base: object, state: object) -> _Inert:
    if kind is not _Inert or base is not object or state is not None:
        raise pickle.UnpicklingError(f"it rebuilds {kind!r}, which is no pandas object")
    return _Inert()


_ALLOWED: dict[tuple[str, str], Any] = {
    **ARRAYS,
    ("builtins", "object"): object,
    ("builtins", "slice"): slice,
    ("copyreg", "_reconstructor"): _reconstructor,
    ("pandas.core.frame", "DataFrame"): _Inert,
    ("pandas.core.internals.managers", "BlockManager"): _Inert,
    ("pandas.core.indexes.base", "Index"): _Inert,
    ("pandas.core.indexes.base", "_new_Index"): _new_index,
    ("pandas.core.indexes.range", "RangeIndex"): _Inert,
}


def read_frames(path: Path) -> dict[int, list[Frame]]:
    """Read a gzipped pickle of `{subject: [DataFrame, ...]}`.

    Raises:
        InputError: when the file is no such pickle, is cut short, or names anything beyond numpy
            arrays and pandas frames; nothing it names has run then.
    """
    try:
        with gzip.open(path, "rb") as file:
            raw = load(file, _ALLOWED)
        return {int(subject): [_columns(frame) for frame in raw[subject]] for subject in raw}
    except Exception as error:  # a broken pickle can make the unpickler raise anything
        raise InputError(
            f"{path} is not a pickle of pandas frames ({error}); install its package again"
        ) from error


def _columns(frame: _Inert) -> Frame:
    """Return the columns of a pandas frame from the state of its block manager.

    Source: pandas 1.0, `BlockManager.__getstate__`, the entry "0.14.1": axes are column names and
    row index; each block is an array (columns of the block, rows) and the places of its columns.
    """
    content = frame.state["_data"].state[-1]["0.14.1"]
    names = [str(name) for name in content["axes"][0].state["data"]]
    columns: Frame = {}
    for block in content["blocks"]:
        places = np.arange(len(names))[block["mgr_locs"]]
        columns.update({names[int(p)]: row for p, row in zip(places, block["values"], strict=True)})
    return columns
