"""The leaky integrate-and-fire encoder: a neuron a channel, driven by the level of the signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.encoders.encoder import Encoder, check_one_or_each, numbers


@dataclass(frozen=True)
class Lif(Encoder):
    """Spikes of a leaky integrate-and-fire neuron that each channel drives.

    For a signal x with gain g, the voltage v leaks a share of itself a step, collects the signal,
    and a spike resets it:

        v[-1] = 0
        c[t] = (1 - leak) v[t-1] + g x[t]
        SPIKE[t] = 1 when c[t] >= 1
        v[t] = 0 after a spike, else c[t]

    A constant level x is silent while g x < leak. Computed in float64.

    Attributes:
        gain: voltage a step and unit of the signal, over 0; one for all channels, or one a channel.
            A number or a sequence is accepted and kept as a tuple.
        leak: share of the voltage lost a step, 0 to below 1.
    """

    name: ClassVar[str] = "lif"
    gain: tuple[float, ...] = (0.5,)
    leak: float = 0.2

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", numbers(self.gain, "gain"))
        (leak,) = numbers([self.leak], "leak", zero=True)
        if leak >= 1:
            raise InputError(f"leak is {leak}; it must be below 1, such as 0.2")
        object.__setattr__(self, "leak", leak)

    def channels(self, signal_channels: int) -> int:
        """Return one a signal channel."""
        check_one_or_each(self.gain, "gain", signal_channels)
        return signal_channels

    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        windows, channels, samples = signals.shape
        spikes = np.zeros((windows, channels, samples), np.uint8)
        gain = np.array(self.gain, np.float64)
        voltage = np.zeros((windows, channels), np.float64)
        for t in range(samples):
            voltage = (1 - self.leak) * voltage + gain * signals[:, :, t]
            fired = voltage >= 1
            spikes[:, :, t] = fired
            voltage[fired] = 0
        return spikes
