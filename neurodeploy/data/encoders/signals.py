"""Encoders of sampled signals, event counts and pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from neurodeploy.data.encoders.encoder import Encoder, NotNegatives, Positives, check_one_or_each
from neurodeploy.models.errors import InputError


@dataclass(frozen=True)
class Counts(Encoder):
    """A spike in each time bin with at least `threshold` events.

    Attributes:
        threshold: number of events, 1 to 255.
    """

    name: ClassVar[str] = "counts"
    takes_bytes: ClassVar[bool] = True
    threshold: Annotated[int, Meta(ge=1, le=255)] = 1

    def channels(self, signal_channels: int) -> int:
        """Return one input channel per signal channel."""
        return signal_channels

    def _spikes(self, signals: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.uint8]:
        return (signals >= self.threshold).astype(np.uint8)

    def _start(self, samples: int, channels: int) -> None:
        return None

    def _next(self, signals: NDArray[np.float32], state: None) -> NDArray[np.uint8]:
        return self._spikes(signals)


@dataclass(frozen=True)
class Spikes(Encoder):
    """Spikes as they are, for networks from elsewhere; a value other than 0 is a spike.

    Attributes:
        extra_steps: zero steps after each sample. A network of L layers answers L steps late, and
            without as many would lose the last steps of a sample.
    """

    name: ClassVar[str] = "spikes"
    takes_bytes: ClassVar[bool] = True
    extra_steps: Annotated[int, Meta(ge=0, le=65535)] = 0

    def channels(self, signal_channels: int) -> int:
        """Return one input channel per signal channel."""
        return signal_channels

    def steps(self, num_steps: int) -> int:
        """Return the time steps of a sample with the additional ones."""
        return num_steps + self.extra_steps

    def signal_steps(self, num_steps: int) -> int:
        """Return the time steps without the additional ones."""
        return num_steps - self.extra_steps

    def trailing_steps(self) -> int:
        """Return the additional steps."""
        return self.extra_steps

    def _spikes(self, signals: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.pad((signals != 0).astype(np.uint8), ((0, 0), (0, 0), (0, self.extra_steps)))

    def _start(self, samples: int, channels: int) -> None:
        return None

    def _next(self, signals: NDArray[np.float32], state: None) -> NDArray[np.uint8]:
        return np.asarray(signals != 0, np.uint8)


@dataclass(frozen=True)
class Delta(Encoder):
    """Delta modulation: a spike whenever a signal has changed by the threshold.

    For a signal x with threshold d, k[t] d is the value that the spikes have encoded so far, and
    m[t] = x[t] - k[t-1] d is the change since then:

        k[-1] = 0
        ON[t]  = 1 when m[t] >= d,    OFF[t] = 1 when m[t] <= -d
        k[t] = k[t-1] + ON[t] - OFF[t]

    With `coarse` = c, a change of c d or more has its own spikes, FAR_ON and FAR_OFF, which change
    k by c; then neither ON nor OFF fires. k starts at 0, so the first spikes of a sample encode its
    initial level. k is an integer and computed in float64, so there is no drift.

    Attributes:
        threshold: above 0, in the unit of the signal; one for all channels, or one per channel.
            A single number becomes a tuple.
        coarse: number of thresholds per coarse spike, 2 or more, or 0 for no coarse spikes.
    """

    name: ClassVar[str] = "delta"
    per_channel: ClassVar[tuple[str, ...]] = ("threshold",)
    threshold: Positives = (0.2,)
    coarse: Annotated[int, Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.coarse == 1:
            raise InputError("coarse is 1; give 2 or more, or 0 for no coarse spikes")

    def channels(self, signal_channels: int) -> int:
        """Return 2 input channels per signal channel, or 4 with coarse spikes.

        The order is ON of all channels, then OFF, FAR_ON, FAR_OFF.
        """
        check_one_or_each(self.threshold, "threshold", signal_channels)
        return (4 if self.coarse else 2) * signal_channels

    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        return self._next(signals, self._start(*signals.shape[:2]))

    def _start(self, samples: int, channels: int) -> NDArray[np.float64]:
        return np.zeros((samples, channels), np.float64)

    def _next(self, signals: NDArray[np.float32], state: NDArray[np.float64]) -> NDArray[np.uint8]:
        samples, channels, num_steps = signals.shape
        spikes = np.zeros((samples, self.channels(channels), num_steps), np.uint8)
        threshold = np.array(self.threshold, np.float64)
        conveyed = state
        for t in range(num_steps):
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
    """Leaky integrate-and-fire neurons, one driven by each channel.

    For a signal x with gain g, the voltage v loses the fraction `leak` per step, adds the signal,
    and is reset to 0 by a spike:

        v[-1] = 0
        c[t] = (1 - leak) v[t-1] + g x[t]
        SPIKE[t] = 1 when c[t] >= 1
        v[t] = 0 after a spike, else c[t]

    A constant signal with g x < leak gives no spikes. Computed in float64.

    Attributes:
        gain: voltage per step and unit of the signal, above 0; one for all channels, or one per
            channel. A single number becomes a tuple.
        leak: fraction of the voltage lost per step, 0 to below 1.
    """

    name: ClassVar[str] = "lif"
    per_channel: ClassVar[tuple[str, ...]] = ("gain",)
    gain: Positives = (0.5,)
    leak: Annotated[float, Meta(ge=0, lt=1)] = 0.2

    def channels(self, signal_channels: int) -> int:
        """Return one per signal channel."""
        check_one_or_each(self.gain, "gain", signal_channels)
        return signal_channels

    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        return self._next(signals, self._start(*signals.shape[:2]))

    def _start(self, samples: int, channels: int) -> NDArray[np.float64]:
        return np.zeros((samples, channels), np.float64)

    def _next(self, signals: NDArray[np.float32], state: NDArray[np.float64]) -> NDArray[np.uint8]:
        samples, channels, num_steps = signals.shape
        spikes = np.zeros((samples, channels, num_steps), np.uint8)
        gain = np.array(self.gain, np.float64)
        voltage = state
        for t in range(num_steps):
            voltage[:] = (1 - self.leak) * voltage + gain * signals[:, :, t]
            fired = voltage >= 1
            spikes[:, :, t] = fired
            voltage[fired] = 0
        return spikes


@dataclass(frozen=True)
class SigmaDelta(Encoder):
    """Sigma-delta modulation: the spike rate follows the level of a signal, not its change.

    For a signal x with gain g, the charge q integrates the signal, and a spike subtracts 1:

        q[-1] = 0
        c[t] = q[t-1] + g x[t],  or  q[t-1] + g |x[t]| when rectified
        PLUS[t] = 1 when c[t] >= 1,    MINUS[t] = 1 when c[t] <= -1
        q[t] = c[t] - PLUS[t] + MINUS[t], clipped to -1..1

    Attributes:
        gain: spikes per step and unit of the signal, 0 or more; one for all channels, or one per
            channel. A channel with gain 0 has no spikes and no input channel.
        rectified: whether to encode the absolute value of the signal, with PLUS only.
    """

    name: ClassVar[str] = "sigma-delta"
    per_channel: ClassVar[tuple[str, ...]] = ("gain",)
    gain: NotNegatives = (0.5,)
    rectified: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not any(self.gain):
            raise InputError("every gain is 0; give at least one over 0")

    def channels(self, signal_channels: int) -> int:
        """Return 2 per signal channel with a gain, PLUS of each, then MINUS of each; 1 if
        rectified."""
        check_one_or_each(self.gain, "gain", signal_channels)
        used = np.count_nonzero(np.broadcast_to(self.gain, (signal_channels,)))
        return int(used) * (1 if self.rectified else 2)

    def _gains(self, channels: int) -> NDArray[np.float64]:
        return np.broadcast_to(np.array(self.gain, np.float64), (channels,))

    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        return self._next(signals, self._start(*signals.shape[:2]))

    def _start(self, samples: int, channels: int) -> NDArray[np.float64]:
        return np.zeros((samples, np.count_nonzero(self._gains(channels))), np.float64)

    def _next(self, signals: NDArray[np.float32], state: NDArray[np.float64]) -> NDArray[np.uint8]:
        samples, channels, num_steps = signals.shape
        gain, charge = self._gains(channels), state
        used = np.flatnonzero(gain)
        spikes = np.zeros((samples, self.channels(channels), num_steps), np.uint8)
        for t in range(num_steps):
            level = signals[:, used, t].astype(np.float64) * gain[used]
            charge += np.abs(level) if self.rectified else level
            plus, minus = charge >= 1, charge <= -1
            spikes[:, : len(used), t] = plus
            if not self.rectified:
                spikes[:, len(used) :, t] = minus
            charge[:] = np.clip(charge - plus + minus, -1, 1)
        return spikes


BRIGHTEST: Final = 255
"""The largest value of a pixel."""

STEPS_MAX: Final = 4096
"""Limit of the time steps per image, so that a typing error does not exhaust the memory."""


def rate_code(levels: NDArray[np.int64], highest: int, steps: int) -> NDArray[np.uint8]:
    """Return round(steps * level / highest) spikes per level, evenly spread, half rounded up.

        spike[t] = floor((t + 1) level / highest + 1/2) - floor(t level / highest + 1/2)

    Args:
        levels: int64 array (levels,), 0..highest.
        highest: level that fires at every step.
        steps: time steps.

    Returns:
        uint8 array (levels, steps) of 0 and 1.
    """
    ends = np.arange(steps + 1) * levels[:, None]
    counts = (2 * ends + highest) // (2 * highest)
    return np.asarray(counts[:, 1:] > counts[:, :-1], np.uint8)


def latency_code(levels: NDArray[np.int64], highest: int, steps: int) -> NDArray[np.uint8]:
    """Return one spike per level, earlier for a higher level, and none for level 0.

        spike[t] = 1 when t = floor((1 - level / highest) (steps - 1) + 1/2) and level > 0

    Args and Returns: see `rate_code`; `highest` fires at step 0.
    """
    late = (highest - levels) * (steps - 1)
    step = (2 * late + highest) // (2 * highest)
    return np.asarray((step[:, None] == np.arange(steps)) & (levels[:, None] > 0), np.uint8)


CODES: Final[dict[str, Callable[[NDArray[np.int64], int, int], NDArray[np.uint8]]]] = {
    "rate": rate_code,
    "latency": latency_code,
}
"""The codes by name: levels, the highest of them and time steps to spikes (levels, steps)."""


@dataclass(frozen=True)
class Pixels(Encoder):
    """Spikes of pixels 0 to 255, looked up in a table of their values; see `rate_code` and
    `latency_code`.

    A pixel has the level min(pixel, highest). Each step of a sample is one image and takes
    `time_steps` steps of spikes; several images follow each other.

    Attributes:
        time_steps: steps per image, 1 to 4096.
        highest: pixel value, 1 to 255; from here on pixels fire at every step, or first.
        code: name of the code in `CODES`.
    """

    name: ClassVar[str] = "pixels"
    takes_bytes: ClassVar[bool] = True
    time_steps: Annotated[int, Meta(ge=1, le=STEPS_MAX)] = 16
    highest: Annotated[int, Meta(ge=1, le=BRIGHTEST)] = BRIGHTEST
    code: Literal["rate", "latency"] = "rate"

    def channels(self, signal_channels: int) -> int:
        """Return one per pixel."""
        return signal_channels

    def steps(self, num_steps: int) -> int:
        """Return the time steps of so many images, one after the other."""
        return num_steps * self.time_steps

    def signal_steps(self, num_steps: int) -> int:
        """Return the images of so many time steps."""
        return num_steps // self.time_steps

    def table(self) -> NDArray[np.uint8]:
        """Return the spikes (256, time_steps) of every value that a pixel can have."""
        levels = np.minimum(np.arange(BRIGHTEST + 1), self.highest)
        return CODES[self.code](levels, self.highest, self.time_steps)

    def _spikes(self, signals: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.uint8]:
        samples, channels, num_steps = signals.shape
        spikes = np.take(self.table(), _pixels(signals), axis=0)
        return spikes.reshape(samples, channels, self.steps(num_steps))

    def _start(self, samples: int, channels: int) -> None:
        return None

    def _next(self, signals: NDArray[np.float32], state: None) -> NDArray[np.uint8]:
        return self._spikes(signals)


def _pixels(signals: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the signals as uint8; raise InputError unless they are integers from 0 to 255."""
    if signals.dtype == np.uint8:
        return signals.astype(np.uint8, copy=False)
    wrong = signals[(signals != np.floor(signals)) | (signals < 0) | (signals > BRIGHTEST)]
    if wrong.size:
        raise InputError(
            f"signals hold {wrong[0]:g}; pixels must be integers from 0 to {BRIGHTEST}, so "
            "scale and round them"
        )
    return signals.astype(np.uint8)
