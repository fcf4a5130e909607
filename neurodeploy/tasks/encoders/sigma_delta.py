"""The sigma-delta encoder: the rate of spikes conveys the level of a signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.encoders.encoder import Encoder, check_one_or_each, numbers


@dataclass(frozen=True)
class SigmaDelta(Encoder):
    """Spikes at a rate that follows the level of a signal, not its movement.

    For a signal x with gain g the charge q collects the signal, and a spike takes 1 off it:

        q[-1] = 0
        c[t] = q[t-1] + g x[t],  or  q[t-1] + g |x[t]| when rectified
        PLUS[t] = 1 when c[t] >= 1,    MINUS[t] = 1 when c[t] <= -1
        q[t] = c[t] - PLUS[t] + MINUS[t], kept within -1..1

    Attributes:
        gain: spikes a step and unit of the signal, 0 or more; one for all channels, or one a
            channel. A channel with gain 0 has no spikes and no input channel.
        rectified: convey the size of the signal without its sign, by PLUS alone.
    """

    name: ClassVar[str] = "sigma-delta"
    gain: tuple[float, ...] = (0.5,)
    rectified: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", numbers(self.gain, "gain", zero=True))
        if not any(self.gain):
            raise InputError("every gain is 0; give at least one over 0")
        if not isinstance(self.rectified, bool):
            raise InputError(f"rectified is {self.rectified!r}; it must be true or false")

    def channels(self, signal_channels: int) -> int:
        """Return 2 a signal channel with a gain, PLUS of each, then MINUS of each; rectified 1."""
        check_one_or_each(self.gain, "gain", signal_channels)
        used = np.count_nonzero(np.broadcast_to(self.gain, (signal_channels,)))
        return int(used) * (1 if self.rectified else 2)

    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        windows, channels, samples = signals.shape
        gain = np.broadcast_to(np.array(self.gain, np.float64), (channels,))
        used = np.flatnonzero(gain)
        spikes = np.zeros((windows, self.channels(channels), samples), np.uint8)
        charge = np.zeros((windows, len(used)), np.float64)
        for t in range(samples):
            level = signals[:, used, t].astype(np.float64) * gain[used]
            charge += np.abs(level) if self.rectified else level
            plus, minus = charge >= 1, charge <= -1
            spikes[:, : len(used), t] = plus
            if not self.rectified:
                spikes[:, len(used) :, t] = minus
            charge = np.clip(charge - plus + minus, -1, 1)
        return spikes
