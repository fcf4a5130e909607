"""Implement `hw_sim.kernels.lanes` in NumPy, to run kernels in Python: slow, but not compiled.

`benchmarks.mutants` replaces the compiled module with this one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LANES = 64
"""Rows of weights, outgoing spikes and states are padded to a multiple of this."""


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def load(array: Any, index: Any, count: int) -> Any:
    return array[int(index) : int(index) + count].copy()


def store(array: Any, index: Any, lanes: Any) -> None:
    array[int(index) : int(index) + lanes.size] = lanes


def add_to(array: Any, index: Any, lanes: Any) -> None:
    array[int(index) : int(index) + lanes.size] += lanes.astype(array.dtype)


def spread(number: Any, bits: int, count: int) -> Any:
    return np.full(count, number, f"i{bits // 8}")


def widen(lanes: Any, bits: int) -> Any:
    return lanes.astype(f"i{bits // 8}")


def select(condition: Any, yes: Any, no: Any) -> Any:
    lanes = yes if isinstance(yes, np.ndarray) else no
    return np.where(condition, yes, no).astype(lanes.dtype)


def bits_of(condition: Any) -> Any:
    return np.uint64(int.from_bytes(np.packbits(condition, bitorder="little").tobytes(), "little"))


def count_bits(word: Any) -> int:
    return int(word).bit_count()
