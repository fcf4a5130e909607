"""An encoder of sound: the power of mel or cochlear frequency bands, encoded as spikes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from neurodeploy.data.encoders.encoder import Encoder, Positive
from neurodeploy.data.encoders.signals import Delta
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
    """Return the length of the FFT of a frame: the next power of two."""
    return 1 << (frame - 1).bit_length()


def filterbank(edges: NDArray[np.float64], *, rate_hz: float, frame: int) -> NDArray[np.float64]:
    """Return the weight of each FFT bin in each band, float64 (FFT bins, bands).

    Band k is a triangle over the edges f[k], f[k+1], f[k+2]: for a bin at frequency f

        w = max(0, min((f - f[k]) / (f[k+1] - f[k]), (f[k+2] - f) / (f[k+2] - f[k+1])))

    Args:
        edges: band edges from `band_edges`.
        rate_hz: samples per second.
        frame: samples per frame; the FFT has `spectrum_length(frame)` points.

    Raises:
        InputError: if a band contains no FFT bin.
    """
    lines = np.fft.rfftfreq(spectrum_length(frame), 1 / rate_hz)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.minimum((lines - low) / (middle - low), (high - lines) / (high - middle))
    weights = np.maximum(weights, 0)
    empty = np.flatnonzero(~weights.any(axis=0))
    if empty.size:
        band = int(empty[0])
        raise InputError(
            f"band {band}, {low[band]:.0f} to {high[band]:.0f} Hz, contains no FFT bin, which are "
            f"{lines[1, 0]:.1f} Hz apart; give fewer bands, a longer frame_ms or a higher low_hz"
        )
    return np.asarray(weights, np.float64)


def band_power(
    signals: NDArray[np.float32], weights: NDArray[np.float64], *, frame: int, hop: int
) -> NDArray[np.float64]:
    """Return the power of each band in each frame.

    Frame t is causal: it contains the `frame` samples before sample (t + 1) hop, zeros before the
    signal. With the periodic Hann window h and the weights w of band k,

        P[k, t] = sum over FFT bins l of w[l, k] |sum over n of h[n] x[n] exp(-2 pi i l n / N)|^2

    Args:
        signals: float32 (recordings, samples).
        weights: weights from `filterbank`.
        frame: samples per frame.
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


def centres(bands: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Return the center frequencies of the resonators in Hz, ascending.

    They are evenly spaced on the ERB-rate scale E(f) = 21.4 log10(1 + 0.00437 f).

    Source: Glasberg and Moore, Derivation of auditory filter shapes from notched-noise data,
    Hearing Research 47, 1990.
    """
    ends = 21.4 * np.log10(1 + 0.00437 * np.array([low_hz, high_hz]))
    evenly = np.linspace(ends[0], ends[1], bands)
    return np.asarray((10 ** (evenly / 21.4) - 1) / 0.00437, np.float64)


def bandwidth(centre_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the equivalent rectangular bandwidth in Hz: ERB(f) = 24.7 (1 + 0.00437 f).

    Source: as for `centres`.
    """
    return 24.7 * (1 + 0.00437 * centre_hz)


def envelopes(
    signals: NDArray[np.float32], centres_hz: NDArray[np.float64], *, rate_hz: float, hop: int
) -> NDArray[np.float64]:
    """Return the envelope of each resonator's output, one value per hop.

    A resonator at f with bandwidth B = ERB(f) has two poles of radius r = exp(-pi B / rate) at the
    angles +-2 pi f / rate, and a gain g such that the gain at f is 1:

        y[n] = g (x[n] - x[n-2]) + 2 r cos(2 pi f / rate) y[n-1] - r^2 y[n-2]

    Its half-wave rectified output is averaged over a hop and smoothed:

        a[t] = mean over the hop of max(0, y),    e[t] = (a[t] + e[t-1]) / 2,    e[-1] = 0

    Args:
        signals: float32 (recordings, samples).
        centres_hz: center frequencies from `centres`.
        rate_hz: samples per second.
        hop: samples per envelope value.

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
    """Return the coefficients b (of x[n], x[n-1], x[n-2]) and a (of y) for `lfilter`."""
    found = []
    for angle, radius in zip(
        2 * np.pi * centres_hz / rate_hz,
        np.exp(-np.pi * bandwidth(centres_hz) / rate_hz),
        strict=True,
    ):
        falls = np.array([1, -2 * radius * np.cos(angle), radius**2])
        turn = np.exp(-1j * angle * np.arange(3))
        gain = abs(falls @ turn) / abs(turn[0] - turn[2])
        found.append((gain * np.array([1.0, 0.0, -1.0]), falls))
    return found


Kind: TypeAlias = Literal["log-mel", "cochlea"]

PART_RECORDINGS: Final = 256
"""Recordings to process at a time, which limits memory."""

NUM_LEVELS: Final = 4096
"""Levels are rounded to multiples of 1/4096, so that spikes do not depend on the last bit of
floating-point sums, which can differ between a single recording and a batch."""


@dataclass(frozen=True)
class Bands(Encoder):
    """Levels of frequency bands in each frame, encoded as spikes by the encoder `code`.

    With P[k, t] the power of band k in frame t (`band_power`, or the square of `envelopes`), the
    level is relative to the loudest value of the recording, so that it does not depend on the
    volume:

        level[k, t] = max(0, 1 + 10 log10(P[k, t] / max P) / range_db)

    A silent recording has level 0. The reference max P is only known at the end of a recording.

    Attributes:
        kind: "log-mel" or "cochlea".
        bands: number of bands.
        rate_hz: samples per second of the waveform.
        hop_ms: milliseconds from one frame to the next, which is one time step.
        frame_ms: milliseconds per frame (log-mel only).
        low_hz, high_hz: lowest and highest edge of the bands (log-mel), or lowest and highest
            center frequency (cochlea).
        range_db: decibels below the loudest value at which the level is 0.
        code: encoder of the levels; its signal channels are the bands, lowest first.
    """

    name: ClassVar[str] = "bands"
    cached: ClassVar[bool] = True
    version: ClassVar[int] = 1
    kind: Kind = "log-mel"
    bands: Annotated[int, Meta(ge=1)] = 32
    rate_hz: Positive = 8000.0
    hop_ms: Positive = 10.0
    frame_ms: Positive = 25.0
    low_hz: Positive = 100.0
    high_hz: Positive = 3800.0
    range_db: Positive = 40.0
    code: Encoder = field(default_factory=lambda: Delta((0.1,)))

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low_hz < self.high_hz <= self.rate_hz / 2:
            raise InputError(
                f"low_hz is {self.low_hz:g} and high_hz {self.high_hz:g}; low_hz must be below "
                f"high_hz, and high_hz at most half of rate_hz, {self.rate_hz / 2:g}"
            )
        if isinstance(self.code, Bands):
            raise InputError("code is another 'bands'; give the encoder of its levels instead")
        self._check_durations()

    def _check_durations(self) -> None:
        hop, frame = self.hop_ms * self.rate_hz / 1000, self.frame_ms * self.rate_hz / 1000
        for name, samples, least in (("hop_ms", hop, 1), ("frame_ms", frame, 2)):
            if round(samples, 6) % 1 or samples < least:
                raise InputError(
                    f"{name} is {getattr(self, name):g}, which is {samples:g} samples of "
                    f"{self.rate_hz:g} Hz; it must be a whole number of samples from {least} up"
                )
        if self.kind == "log-mel":
            self._weights()
        elif self.high_hz >= self.rate_hz / 2:
            raise InputError(
                f"high_hz is {self.high_hz:g}; a resonator must lie below half of rate_hz, "
                f"{self.rate_hz / 2:g}"
            )

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return round(self.hop_ms * self.rate_hz / 1000)

    @property
    def frame(self) -> int:
        """Samples per frame."""
        return round(self.frame_ms * self.rate_hz / 1000)

    def channels(self, signal_channels: int) -> int:
        """Return the channels of `code` for the bands.

        Raises:
            InputError: unless there is one signal channel.
        """
        if signal_channels != 1:
            raise InputError(
                f"the encoder bands takes one waveform, but the signals have {signal_channels} "
                "channels; give one, such as their mean"
            )
        return self.code.channels(self.bands)

    def steps(self, num_steps: int) -> int:
        """Return the time steps of `code` for one frame per hop; an incomplete hop is left out.

        Raises:
            InputError: if there are fewer samples than a hop.
        """
        if num_steps < self.hop:
            raise InputError(
                f"recordings have {num_steps} samples, fewer than the hop of {self.hop}; give "
                "longer recordings or a smaller hop_ms"
            )
        return self.code.steps(num_steps // self.hop)

    def signal_steps(self, num_steps: int) -> int:
        """Return the samples of so many time steps."""
        return self.code.signal_steps(num_steps) * self.hop

    def levels(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the level of each band in each frame, before encoding.

        Args:
            signals: float32 (recordings, 1, samples), finite.

        Returns:
            float32 array (recordings, bands, samples // hop), 0 to 1 in steps of 1/4096.
        """
        self.channels(signals.shape[1])
        self.steps(signals.shape[2])
        frames = signals.shape[2] // self.hop
        result = np.empty((len(signals), self.bands, frames), np.float32)
        for start in range(0, len(signals), PART_RECORDINGS):
            rows = slice(start, start + PART_RECORDINGS)
            result[rows] = _levels(self._power(signals[rows, 0]), self.range_db)
        return result

    def _power(self, sound: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the power of each band, float64 (recordings, bands, frames)."""
        if self.kind == "log-mel":
            return band_power(sound, self._weights(), frame=self.frame, hop=self.hop)
        places = centres(self.bands, self.low_hz, self.high_hz)
        return envelopes(sound, places, rate_hz=self.rate_hz, hop=self.hop) ** 2

    def _weights(self) -> NDArray[np.float64]:
        edges = band_edges(self.bands, self.low_hz, self.high_hz)
        return filterbank(edges, rate_hz=self.rate_hz, frame=self.frame)

    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        return self.code.encode(self.levels(signals))

    def versions(self) -> dict[str, int]:
        """Return the versions of this class and of `code`."""
        return {**super().versions(), **self.code.versions()}


def _levels(power: NDArray[np.float64], range_db: float) -> NDArray[np.float64]:
    """Return the levels (see `Bands`), float64 of the same shape as `power`."""
    loudest = power.max(axis=(1, 2), keepdims=True)
    least = 10 ** (-range_db / 10)  # relative power at level 0
    share = np.divide(power, loudest, out=np.full_like(power, least), where=loudest > 0)
    levels = 1 + 10 * np.log10(np.maximum(share, least)) / range_db
    return np.asarray(np.round(levels * NUM_LEVELS) / NUM_LEVELS, np.float64)
