"""The delta encoder: spikes convey how far a signal has moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.encoders.encoder import Encoder, check_one_or_each, numbers


@dataclass(frozen=True)
class Delta(Encoder):
    """A spike each time that a signal has moved by one threshold, or by several at once.

    For a signal x with threshold d, k[t] counts the thresholds that the spikes have conveyed, and
    m[t] = x[t] - k[t-1] d is how far it has moved since:

        k[-1] = 0
        ON[t]  = 1 when m[t] >= d,    OFF[t] = 1 when m[t] <= -d
        k[t] = k[t-1] + ON[t] - OFF[t]

    With `coarse` = c, a move of c d or more has spikes of its own, FAR_ON and FAR_OFF, which move k
    by c, and then neither ON nor OFF fires. The reference k d starts at 0, so the first spikes of a
    window convey the level it starts from. Computed in float64 from a whole k: no drift.

    Attributes:
        threshold: over 0, in the unit of the signal; one for all channels, or one a channel.
            A number or a sequence is accepted and kept as a tuple.
        coarse: thresholds that a coarse spike stands for, 2 or more, or 0 for no coarse spikes.
    """

    name: ClassVar[str] = "delta"
    threshold: tuple[float, ...] = (0.2,)
    coarse: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", numbers(self.threshold, "threshold"))
        if isinstance(self.coarse, bool) or not isinstance(self.coarse, int):
            raise InputError(f"coarse is {self.coarse!r}; it must be a whole number")
        if self.coarse != 0 and self.coarse < 2:
            raise InputError(f"coarse is {self.coarse}; it must be 2 or more, or 0 for none")

    def channels(self, signal_channels: int) -> int:
        """Return 2 a signal channel, ON of each, then OFF of each; with coarse spikes 4, as ON,
        OFF, FAR_ON, FAR_OFF."""
        check_one_or_each(self.threshold, "threshold", signal_channels)
        return (4 if self.coarse else 2) * signal_channels

    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        windows, channels, samples = signals.shape
        spikes = np.zeros((windows, self.channels(channels), samples), np.uint8)
        threshold = np.array(self.threshold, np.float64)
        conveyed = np.zeros((windows, channels), np.float64)
        for t in range(samples):
            moved = signals[:, :, t] - conveyed * threshold
            if self.coarse:
                far = np.abs(moved) >= self.coarse * threshold
                on, off = far & (moved > 0), far & (moved < 0)
                spikes[:, 2 * channels : 3 * channels, t] = on
                spikes[:, 3 * channels :, t] = off
                conveyed += self.coarse * (on.astype(np.float64) - off)
                moved[far] = 0
            on, off = moved >= threshold, moved <= -threshold
            spikes[:, :channels, t] = on
            spikes[:, channels : 2 * channels, t] = off
            conveyed += on.astype(np.float64) - off
        return spikes
