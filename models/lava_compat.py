"""Import Lava on Python 3.11 and later, and convert arrays to and from its order of axes.

`lava.magma.compiler.var_model` (lava-nc 0.10.0) has a dataclass whose default is an instance of
another dataclass. Python 3.11 refuses such a default unless its class can be hashed, so that one
module is imported with `dataclass(unsafe_hash=True)`. Python 3.10 does not need this.

`lava.magma.runtime.message_infrastructure.multiprocessing` sets the start method of processes to
"fork" on import, and fails if it is set already, as it is by tqdm's progress bars.

Images are (width, height, channels) in Lava and (channels, height, width) here.
"""

from __future__ import annotations

import dataclasses
import importlib
import multiprocessing
import sys
from functools import wraps
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import require

_MODULE = "lava.magma.compiler.var_model"
_PROCESSES = "lava.magma.runtime.message_infrastructure.multiprocessing"


def prepare() -> None:
    """Import the modules of Lava that fail otherwise; call this before any other import of Lava.

    Raises:
        MissingPackageError: when Lava is not installed.
    """
    require("Lava's process graph", "lava.magma")
    if _PROCESSES not in sys.modules and multiprocessing.get_start_method(True) == "fork":
        _import_processes()
    if sys.version_info >= (3, 11) and _MODULE not in sys.modules:
        _import_compiler()


def _import_processes() -> None:
    """Import the module without the call that sets the start method, which is set already."""
    original = multiprocessing.set_start_method
    multiprocessing.set_start_method = lambda *args, **kwargs: None
    try:
        importlib.import_module(_PROCESSES)
    finally:
        multiprocessing.set_start_method = original


def _import_compiler() -> None:
    """Import the module with the dataclass that Python 3.11 refuses."""
    original = dataclasses.dataclass

    @wraps(original)
    def hashable(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **{"unsafe_hash": True, **kwargs})

    dataclasses.dataclass = hashable
    try:
        importlib.import_module(_MODULE)
    finally:
        dataclasses.dataclass = original


def to_lava(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return values (neurons, ...) of a layer of `shape` with Lava's axes first, then the rest."""
    images = values.reshape(*shape, *values.shape[1:])
    return np.ascontiguousarray(images.transpose(_reversed(len(shape), images.ndim)))


def from_lava(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return values with Lava's axes for a layer of `shape` as (neurons, ...)."""
    images = np.ascontiguousarray(values.transpose(_reversed(len(shape), values.ndim)))
    return images.reshape(-1, *values.shape[len(shape) :])


def _reversed(dimensions: int, axes: int) -> tuple[int, ...]:
    return (*reversed(range(dimensions)), *range(dimensions, axes))
