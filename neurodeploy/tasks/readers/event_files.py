"""Events as the files have them, to be checked before tonic reads the files.

tonic casts what it reads: it wraps what is too large, cuts fractions off, repeats a single number,
and text in place of numbers corrupts its memory.

Each function takes tonic's data set and returns a reader, which takes the index of a sample. Both
raise ValueError, or whatever numpy and h5py do, when a file does not hold what it should.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.tasks.readers.events import US_PER_S, Events
from neurodeploy.tasks.readers.npz import map_npy

REAL: Final = "iuf"
"""Kinds of numpy's numbers: whole with and without sign, floating."""
US_PER_MS: Final = 1e3


Reader: TypeAlias = Callable[[int], Events]


def gestures(dataset: Any) -> Reader:
    """Return the reader of DVS Gesture: npy files of rows x, y, polarity, milliseconds."""
    return lambda index: _gesture(map_npy(Path(dataset.data[index])))


def inner_ear(dataset: Any) -> Reader:
    """Return the reader of SHD and SSC, whose labels must be whole numbers too."""
    import h5py

    file = h5py.File(Path(dataset.location_on_system, dataset.data_filename), "r")
    labels, units, times = (file[name] for name in ("labels", "spikes/units", "spikes/times"))

    def read(index: int) -> Events:
        label = np.asarray(labels[index])
        if label.ndim or label.dtype.kind not in REAL or label % 1 != 0:
            raise ValueError(f"its label is {label}, which is no whole number")
        return _sound(units[index], times[index])

    return read


def cochlea(dataset: Any) -> Reader:
    """Return the reader of N-TIDIGITS18."""
    channels, times = (
        dataset.data[f"{dataset.partition}_{field}"] for field in ("addresses", "timestamps")
    )
    names = dataset._samples
    return lambda index: _sound(channels[names[index]], times[names[index]])


def _gesture(rows: NDArray[Any]) -> Events:
    """Return events of rows x, y, polarity, milliseconds."""
    if rows.ndim != 2 or rows.shape[1] != 4 or rows.dtype.kind not in REAL:
        raise ValueError(f"it is an array {rows.shape} of {rows.dtype}, not of rows of 4 numbers")
    x, y, polarity, times_ms = rows.T
    times_us = times_ms.astype(np.float64) * US_PER_MS
    floating = rows.dtype.kind == "f"
    largest = np.finfo(rows.dtype).max if floating else np.iinfo(rows.dtype).max
    if (times_us > largest).any():  # tonic multiplies in the file's type
        raise ValueError(f"its times in microseconds are beyond its type, {rows.dtype}")
    return Events(x, y, polarity, times_us)


def _sound(channels: Any, seconds: Any) -> Events:
    """Return events of channels at times, which must be rows of numbers, as many of both."""
    x, times = np.asarray(channels), np.asarray(seconds)
    if x.ndim != 1 or x.shape != times.shape or not {x.dtype.kind, times.dtype.kind} <= set(REAL):
        raise ValueError(
            f"it has channels {x.shape} of {x.dtype} for times {times.shape} of {times.dtype}"
        )
    nothing: NDArray[np.int8] = np.zeros(len(x), np.int8)
    return Events(x, nothing, nothing, times.astype(np.float64) * US_PER_S)
