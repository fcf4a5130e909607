"""Envelopes of a bank of resonators, as the inner ear has them: rectified and smoothed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def centres(bands: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Return the resonators' frequencies in Hz, evenly spaced by ear, lowest first.

    On the scale E(f) = 21.4 log10(1 + 0.00437 f), whose unit is the bandwidth of hearing.

    Source: Glasberg and Moore, Derivation of auditory filter shapes from notched-noise data,
    Hearing Research 47, 1990.
    """
    ends = 21.4 * np.log10(1 + 0.00437 * np.array([low_hz, high_hz]))
    evenly = np.linspace(ends[0], ends[1], bands)
    return np.asarray((10 ** (evenly / 21.4) - 1) / 0.00437, np.float64)


def bandwidth(centre_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the bandwidth of hearing in Hz: ERB(f) = 24.7 (1 + 0.00437 f), source as above."""
    return 24.7 * (1 + 0.00437 * centre_hz)


def envelopes(
    signals: NDArray[np.float32], centres_hz: NDArray[np.float64], *, rate_hz: float, hop: int
) -> NDArray[np.float64]:
    """Return how strongly each resonator moves, hop by hop.

    A resonator at f with bandwidth B = ERB(f) is two poles of radius r = exp(-pi B / rate) at the
    angles plus and minus 2 pi f / rate, with a gain that makes it 1 at f:

        y[n] = g (x[n] - x[n-2]) + 2 r cos(2 pi f / rate) y[n-1] - r^2 y[n-2]

    Its half waves are averaged over a hop and smoothed with the envelope before, half and half:

        a[t] = mean over the hop of max(0, y),    e[t] = (a[t] + e[t-1]) / 2,    e[-1] = 0

    Args:
        signals: float32 (recordings, samples).
        centres_hz: as `centres` gives them.
        rate_hz: samples a second.
        hop: samples an envelope value stands for.

    Returns:
        float64 array (recordings, bands, samples // hop), 0 or more.
    """
    from scipy.signal import lfilter  # type: ignore[import-untyped]

    frames = signals.shape[1] // hop
    sound = signals[:, : frames * hop].astype(np.float64)
    result = np.empty((len(signals), len(centres_hz), frames))
    for band, (rises, falls) in enumerate(_resonators(centres_hz, rate_hz)):
        moved = np.maximum(lfilter(rises, falls, sound, axis=1), 0)
        result[:, band] = moved.reshape(len(signals), frames, hop).mean(axis=2)
    return np.asarray(lfilter([0.5], [1, -0.5], result, axis=2), np.float64)


def _resonators(
    centres_hz: NDArray[np.float64], rate_hz: float
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the coefficients of x[n], x[n-1], x[n-2] and of y, as `lfilter` takes them."""
    made = []
    for angle, radius in zip(
        2 * np.pi * centres_hz / rate_hz,
        np.exp(-np.pi * bandwidth(centres_hz) / rate_hz),
        strict=True,
    ):
        falls = np.array([1, -2 * radius * np.cos(angle), radius**2])
        turn = np.exp(-1j * angle * np.arange(3))
        gain = abs(falls @ turn) / abs(turn[0] - turn[2])
        made.append((gain * np.array([1.0, 0.0, -1.0]), falls))
    return made
