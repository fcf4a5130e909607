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
    array[int(index) : int(index) + lanes.size] = lanes.astype(array.dtype)


def store_first(array: Any, index: Any, lanes: Any, count: Any) -> None:
    first = min(int(count), lanes.size)
    array[int(index) : int(index) + first] = lanes[:first].astype(array.dtype)


def load_pair(array: Any, index: Any) -> Any:
    return array[int(index) : int(index) + 2].copy().view(np.int32)[0]


def add_pairs(totals: Any, pair: Any, factors: Any) -> Any:
    even, odd = np.array([pair], np.int32).view(np.int16).astype(np.int32)
    products = factors.astype(np.int32)
    return totals + even * products[::2] + odd * products[1::2]


def load_word(array: Any, index: Any) -> Any:
    part = array.view(np.uint8)[int(index) * array.itemsize :][:8]
    return part.copy().view(np.uint64)[0]


def store_word(array: Any, index: Any, word: Any) -> None:
    bytes_of = array.view(np.uint8)
    bytes_of[int(index) * array.itemsize :][:8] = np.array([word], np.uint64).view(np.uint8)


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
