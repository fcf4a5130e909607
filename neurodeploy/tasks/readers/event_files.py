"""Events as the files have them, to be checked before tonic reads the files.

tonic casts what it reads: it wraps what is too large, cuts fractions off, repeats a single number,
and text in place of numbers corrupts its memory.

Each function takes tonic's data set and the index of a sample, and raises ValueError, or whatever
numpy and h5py do, when the file does not hold what it should.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.tasks.readers.events import US_PER_S, Events
from neurodeploy.tasks.readers.npz import map_npy

REAL: Final = "iuf"
"""Kinds of numpy's numbers: whole with and without sign, floating."""
US_PER_MS: Final = 1e3


def gesture(dataset: Any, index: int) -> Events:
    """Return a sample of DVS Gesture, an npy file of rows x, y, polarity, milliseconds."""
    rows = map_npy(Path(dataset.data[index]))
    if rows.ndim != 2 or rows.shape[1] != 4 or rows.dtype.kind not in REAL:
        raise ValueError(f"it is an array {rows.shape} of {rows.dtype}, not of rows of 4 numbers")
    x, y, polarity, times_ms = rows.T
    times_us = times_ms.astype(np.float64) * US_PER_MS
    floating = rows.dtype.kind == "f"
    largest = np.finfo(rows.dtype).max if floating else np.iinfo(rows.dtype).max
    if (times_us > largest).any():  # tonic multiplies in the file's type
        raise ValueError(f"its times in microseconds are beyond its type, {rows.dtype}")
    return Events(x, y, polarity, times_us)


def inner_ear(dataset: Any, index: int) -> Events:
    """Return a sample of SHD or SSC, whose label must be a whole number too."""
    import h5py

    with h5py.File(Path(dataset.location_on_system, dataset.data_filename), "r") as file:
        label = np.asarray(file["labels"][index])
        if label.ndim or label.dtype.kind not in REAL or label % 1 != 0:
            raise ValueError(f"its label is {label}, which is no whole number")
        return _sound(file["spikes/units"][index], file["spikes/times"][index])


def cochlea(dataset: Any, index: int) -> Events:
    """Return a sample of N-TIDIGITS18."""
    name, fields = dataset._samples[index], ("addresses", "timestamps")
    return _sound(*(dataset.data[f"{dataset.partition}_{each}"][name] for each in fields))


def _sound(channels: Any, seconds: Any) -> Events:
    """Return events of channels at times, which must be rows of numbers, as many of both."""
    x, times = np.asarray(channels), np.asarray(seconds)
    if x.ndim != 1 or x.shape != times.shape or not {x.dtype.kind, times.dtype.kind} <= set(REAL):
        raise ValueError(
            f"it has channels {x.shape} of {x.dtype} for times {times.shape} of {times.dtype}"
        )
    nothing: NDArray[np.int8] = np.zeros(len(x), np.int8)
    return Events(x, nothing, nothing, times.astype(np.float64) * US_PER_S)
