"""Varied copies of recordings of speech: said faster or slower, sooner or later, in noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SPEED_SPREAD = 0.1
EARLIER, LATER = 200, 800
"""Samples that a recording is moved by at most; what moves out at the front is lost."""

NOISE_DB = (20.0, 60.0)
"""How far the noise lies below the recording."""


def vary_speaking(signals: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the recordings as if played at another speed, which changes their pitch, started at
    another time and made in a noisy place.

    Each recording is stretched by the factor exp(s) for a normal s of deviation `SPEED_SPREAD` and
    moved by a whole number of samples, -`EARLIER` to `LATER`. White noise is added to all of it,
    whose root mean square is that of the recording (with the silence about it) less a number of
    decibels that is drawn evenly from `NOISE_DB`.

    Args:
        signals: float32 (recordings, channels, samples); the zeros at the end are silence.
        rng: where the variation is drawn from.

    Returns:
        float32 array of the same shape.
    """
    varied = np.zeros_like(signals)
    factors = np.exp(rng.normal(0, SPEED_SPREAD, len(signals)))
    moves = rng.integers(-EARLIER, LATER + 1, len(signals))
    for recording, new, factor, move in zip(signals, varied, factors, moves, strict=True):
        for sound, channel in zip(recording, new, strict=True):
            _play(sound, channel, factor=factor, first=int(move))
    return varied + _noise(varied, rng)


def _noise(signals: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return noise for each recording, as `vary_speaking` says."""
    below_db = rng.uniform(*NOISE_DB, (len(signals), 1, 1))
    size = np.sqrt(np.square(signals).mean(axis=(1, 2), keepdims=True)) * 10 ** (-below_db / 20)
    noise = size.astype(np.float32) * rng.standard_normal(signals.shape, np.float32)
    return np.asarray(noise, np.float32)


def _play(
    sound: NDArray[np.float32], into: NDArray[np.float32], *, factor: float, first: int
) -> None:
    """Write a sound, `factor` times as long and without the silence behind it, from sample `first`
    on into silence; what lies outside is lost."""
    heard = np.flatnonzero(sound)
    length = int(heard[-1]) + 1 if heard.size else 0
    start, end = max(first, 0), min(first + int(length * factor), len(into))
    if start < end:
        times = (np.arange(start, end) - first) / factor
        into[start:end] = np.interp(times, np.arange(length), sound[:length])
