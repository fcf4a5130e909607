"""Shift what neurons do to later steps: what a delay of all that they receive comes to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from neurodeploy.hw_sim.kernels.event_sums import parallel

_EIGHT = 8


def late(values: NDArray[Any], delays: NDArray[np.integer]) -> NDArray[Any]:
    """Return values of neurons (B, T, N padded) later by their delays (N,); what is moved past the
    end is lost, and zeros come before. The length of a frame is a multiple of eight."""
    steps_later = np.zeros(values.shape[2], np.int64)
    steps_later[: len(delays)] = delays
    result = np.zeros_like(values)
    if values.dtype == np.uint8:
        _move_spikes(values, values.view(np.uint64), steps_later, result)
    else:
        _move(values, steps_later, result)
    return result


@parallel
def _move_spikes(spikes, words, delays, result):
    """Move bytes of 0 and 1, eight at a time where none fired."""
    steps = spikes.shape[1]
    for sample in prange(spikes.shape[0]):
        for t in range(steps):
            for k in range(words.shape[2]):
                if words[sample, t, k]:
                    for j in range(_EIGHT * k, _EIGHT * k + _EIGHT):
                        if spikes[sample, t, j] and t + delays[j] < steps:
                            result[sample, t + delays[j], j] = 1


@parallel
def _move(values, delays, result):
    for sample in prange(values.shape[0]):
        for t in range(values.shape[1]):
            for j in range(values.shape[2]):
                if t >= delays[j]:
                    result[sample, t, j] = values[sample, t - delays[j], j]
