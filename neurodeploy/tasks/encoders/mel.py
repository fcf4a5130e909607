"""Power in bands of the mel scale: how loud a sound is at each pitch, frame by frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.models.errors import InputError


def mel(hz: ArrayLike) -> NDArray[np.float64]:
    """Return frequencies on the mel scale: m = 2595 log10(1 + f / 700)."""
    return np.asarray(2595 * np.log10(1 + np.asarray(hz, np.float64) / 700), np.float64)


def hertz(mels: ArrayLike) -> NDArray[np.float64]:
    """Return frequencies in Hz: f = 700 (10^(m / 2595) - 1)."""
    return np.asarray(700 * (10 ** (np.asarray(mels, np.float64) / 2595) - 1), np.float64)


def band_edges(bands: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Return bands + 2 frequencies in Hz, evenly spaced on the mel scale from low to high."""
    return hertz(np.linspace(mel(low_hz), mel(high_hz), bands + 2))


def spectrum_length(frame: int) -> int:
    """Return the points of the Fourier transform of a frame: the next power of two."""
    return 1 << (frame - 1).bit_length()


def filterbank(edges: NDArray[np.float64], *, rate_hz: float, frame: int) -> NDArray[np.float64]:
    """Return the weight of each spectral line in each band, float64 (lines, bands).

    Band k is a triangle over the edges f[k], f[k+1], f[k+2]: for a line at frequency f

        w = max(0, min((f - f[k]) / (f[k+1] - f[k]), (f[k+2] - f) / (f[k+2] - f[k+1])))

    Args:
        edges: as `band_edges` gives them.
        rate_hz: samples a second.
        frame: samples of a frame; its transform has `spectrum_length(frame)` points.

    Raises:
        InputError: when a band lies between two lines and would never hold anything.
    """
    lines = np.fft.rfftfreq(spectrum_length(frame), 1 / rate_hz)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.minimum((lines - low) / (middle - low), (high - lines) / (high - middle))
    weights = np.maximum(weights, 0)
    empty = np.flatnonzero(~weights.any(axis=0))
    if empty.size:
        band = int(empty[0])
        raise InputError(
            f"band {band}, {low[band]:.0f} to {high[band]:.0f} Hz, lies between two lines of the "
            f"spectrum, which are {lines[1, 0]:.1f} Hz apart; give fewer bands, a longer frame_ms "
            "or a higher low_hz"
        )
    return np.asarray(weights, np.float64)


def band_power(
    signals: NDArray[np.float32], weights: NDArray[np.float64], *, frame: int, hop: int
) -> NDArray[np.float64]:
    """Return the power of signals in bands, frame by frame.

    Frame t holds the last `frame` samples up to sample (t + 1) hop, so nothing that comes later;
    before the signal is silence. With the periodic Hann window h and the weights w of band k,

        P[k, t] = sum over lines l of w[l, k] |sum over n of h[n] x[n] exp(-2 pi i l n / N)|^2

    Args:
        signals: float32 (recordings, samples).
        weights: as `filterbank` gives them.
        frame: samples of a frame.
        hop: samples from one frame to the next.

    Returns:
        float64 array (recordings, bands, samples // hop).
    """
    frames = signals.shape[1] // hop
    silence = np.zeros((len(signals), frame), np.float64)
    padded = np.concatenate([silence, signals[:, : frames * hop]], axis=1)
    views = np.lib.stride_tricks.sliding_window_view(padded, frame, axis=1)[:, hop::hop]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    spectrum = np.fft.rfft(views * window, spectrum_length(frame), axis=2)
    power = spectrum.real**2 + spectrum.imag**2
    return np.ascontiguousarray((power @ weights).transpose(0, 2, 1))
