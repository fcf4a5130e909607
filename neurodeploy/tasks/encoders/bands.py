"""The encoder of sound: levels of bands of a waveform, then the spikes of another encoder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.encoders import cochlea, mel
from neurodeploy.tasks.encoders.delta import Delta
from neurodeploy.tasks.encoders.encoder import Encoder, numbers

KINDS: Final = ("log-mel", "cochlea")
PART_RECORDINGS: Final = 256
"""Recordings that are analysed at a time, which bounds the memory."""

LEVELS_A_RANGE: Final = 4096
"""Levels are multiples of one part in so many. Sums in floating point may end otherwise in the last
bit, such as when a recording is alone or among others; levels, and so spikes, are the same."""


@dataclass(frozen=True)
class Bands(Encoder):
    """Levels of frequency bands, frame by frame, and the spikes that `code` makes of them.

    With P[k, t] the power of band k in frame t (`mel.band_power`, or the square of
    `cochlea.envelopes`), the level is where it lies in the range below the loudest value of the
    same recording, so that it does not depend on the volume:

        level[k, t] = max(0, 1 + 10 log10(P[k, t] / max P) / range_db)

    and 0 throughout a recording of silence. The reference is known when a recording has ended.

    Attributes:
        kind: "log-mel" or "cochlea".
        bands: number of bands.
        rate_hz: samples a second of the waveform.
        hop_ms: milliseconds from one frame to the next, which is one time step.
        frame_ms: milliseconds of a frame (log-mel alone).
        low_hz, high_hz: the lowest and the highest edge of the bands (log-mel), or the lowest and
            the highest resonator (cochlea).
        range_db: decibels below the loudest value at which the level is 0.
        code: the encoder of the levels; the signal channels that it sees are the bands, lowest
            first.
    """

    name: ClassVar[str] = "bands"
    kept: ClassVar[bool] = True
    version: ClassVar[int] = 1
    kind: str = "log-mel"
    bands: int = 32
    rate_hz: float = 8000.0
    hop_ms: float = 10.0
    frame_ms: float = 25.0
    low_hz: float = 100.0
    high_hz: float = 3800.0
    range_db: float = 40.0
    code: Encoder = field(default_factory=lambda: Delta((0.1,)))

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"kind is {self.kind!r}; it must be one of {', '.join(KINDS)}")
        if isinstance(self.bands, bool) or not isinstance(self.bands, int) or self.bands < 1:
            raise InputError(f"bands is {self.bands!r}; it must be a whole number from 1 up")
        for name in ("rate_hz", "hop_ms", "frame_ms", "low_hz", "high_hz", "range_db"):
            (value,) = numbers([getattr(self, name)], name)
            object.__setattr__(self, name, value)
        if not self.low_hz < self.high_hz <= self.rate_hz / 2:
            raise InputError(
                f"bands lie from {self.low_hz:g} to {self.high_hz:g} Hz; low_hz must be below "
                f"high_hz, and high_hz at most half of rate_hz, {self.rate_hz / 2:g}"
            )
        if not isinstance(self.code, Encoder):
            raise InputError(f"code is {self.code!r}; it must be an encoder")
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
        """Samples of a frame."""
        return round(self.frame_ms * self.rate_hz / 1000)

    def channels(self, signal_channels: int) -> int:
        """Return the channels that the code makes of the bands.

        Raises:
            InputError: unless there is one signal channel.
        """
        if signal_channels != 1:
            raise InputError(
                f"the encoder bands takes one waveform, but the signals have {signal_channels} "
                "channels; give one, such as their mean"
            )
        return self.code.channels(self.bands)

    def steps(self, samples: int) -> int:
        """Return the steps of the code for one frame a hop; what is left of a hop is not heard.

        Raises:
            InputError: when the samples are less than a hop.
        """
        if samples < self.hop:
            raise InputError(
                f"a recording has {samples} samples, less than the hop of {self.hop}; give longer "
                "recordings or a smaller hop_ms"
            )
        return self.code.steps(samples // self.hop)

    def levels(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what comes before the spikes: the level of each band in each frame.

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
            return mel.band_power(sound, self._weights(), frame=self.frame, hop=self.hop)
        places = cochlea.centres(self.bands, self.low_hz, self.high_hz)
        return cochlea.envelopes(sound, places, rate_hz=self.rate_hz, hop=self.hop) ** 2

    def _weights(self) -> NDArray[np.float64]:
        edges = mel.band_edges(self.bands, self.low_hz, self.high_hz)
        return mel.filterbank(edges, rate_hz=self.rate_hz, frame=self.frame)

    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        return self.code.encode(self.levels(signals))

    def versions(self) -> dict[str, int]:
        """Return its own version and that of the code."""
        return {**super().versions(), **self.code.versions()}

    def as_dict(self) -> dict[str, Any]:
        """Return the name and the parameters, the code as its own description."""
        return {**super().as_dict(), "code": self.code.as_dict()}


def _levels(power: NDArray[np.float64], range_db: float) -> NDArray[np.float64]:
    """Return the levels of recordings, see `Bands`; float64 of the same shape."""
    loudest = power.max(axis=(1, 2), keepdims=True)
    least = 10 ** (-range_db / 10)  # of the loudest: there the level is 0
    share = np.divide(power, loudest, out=np.full_like(power, least), where=loudest > 0)
    levels = 1 + 10 * np.log10(np.maximum(share, least)) / range_db
    return np.asarray(np.round(levels * LEVELS_A_RANGE) / LEVELS_A_RANGE, np.float64)
