"""Encoders of sampled signals: level changes, sigma-delta, LIF neurons, counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.encoders.encoder import Encoder, check_one_or_each, numbers


@dataclass(frozen=True)
class Counts(Encoder):
    """One spike in each bin that holds so many events or more, and none in the others.

    Attributes:
        threshold: events that make a spike, 1 to 255.
    """

    name: ClassVar[str] = "counts"
    takes_bytes: ClassVar[bool] = True
    threshold: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.threshold, bool) or not isinstance(self.threshold, int):
            raise InputError(f"threshold is {self.threshold!r}; it must be a whole number")
        if not 1 <= self.threshold <= 255:
            raise InputError(f"threshold is {self.threshold}; it must be from 1 to 255")

    def channels(self, signal_channels: int) -> int:
        """Return the signal's channels: one each."""
        return signal_channels

    def _spikes(self, signals: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.uint8]:
        return (signals >= self.threshold).astype(np.uint8)


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
