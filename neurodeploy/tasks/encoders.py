"""Spike encoders: how a signal becomes the spikes of a network's input channels.

An encoder is a frozen dataclass of JSON parameters. To add one, write a subclass of `Encoder` and
name it in `ENCODERS`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InputError
from neurodeploy.tasks.windows import check_finite


class Encoder(ABC):
    """What all encoders share; a subclass is a frozen dataclass that sets `name`."""

    name: ClassVar[str]

    @abstractmethod
    def channels(self, signal_channels: int) -> int:
        """Return the number of input channels of the network for so many signal channels."""

    def steps(self, samples: int) -> int:
        """Return the time steps of a window of so many samples: one a sample unless overridden."""
        return samples

    @abstractmethod
    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the spikes (windows, channels, steps) of checked signals."""

    def encode(self, signals: ArrayLike) -> NDArray[np.uint8]:
        """Turn windows into spikes, each window by itself.

        Args:
            signals: array (windows, channels, samples), taken as float32, finite.

        Returns:
            uint8 array (windows, self.channels(channels), self.steps(samples)) of 0 and 1.

        Raises:
            InputError: when the shape is another or a value is not finite.
        """
        values = np.asarray(signals, dtype=np.float32)
        if values.ndim != 3:
            raise InputError(
                f"signals have shape {values.shape}; an encoder takes (windows, channels, samples)"
            )
        self.channels(values.shape[1])
        check_finite(values, "signals")
        return self._spikes(values)

    def as_dict(self) -> dict[str, Any]:
        """Return the name and the parameters as JSON values; `from_dict` reads them."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        listed = {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}
        return {"name": self.name, **listed}


@dataclass(frozen=True)
class Delta(Encoder):
    """A spike each time that a signal has moved by one threshold, or by several at once.

    For a signal x with threshold d, k[t] counts the thresholds that the spikes have conveyed, and
    m[t] = (x[t] - k[t-1] d) / d is how many it has moved since:

        k[-1] = 0
        ON[t]  = 1 when m[t] >= 1,    OFF[t] = 1 when m[t] <= -1
        k[t] = k[t-1] + ON[t] - OFF[t]

    With `coarse` = c over 1, a move of c thresholds or more has spikes of its own, which move k by
    c, and then neither ON nor OFF fires. The reference k d starts at 0, so the first spikes of a
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
        object.__setattr__(self, "threshold", _numbers(self.threshold, "threshold"))
        if isinstance(self.coarse, bool) or not isinstance(self.coarse, int):
            raise InputError(f"coarse is {self.coarse!r}; it must be a whole number")
        if self.coarse != 0 and self.coarse < 2:
            raise InputError(f"coarse is {self.coarse}; it must be 2 or more, or 0 for none")

    def channels(self, signal_channels: int) -> int:
        """Return 2 a signal channel, or 4: ON of every channel, OFF of every channel, then the
        same of the coarse spikes."""
        _one_or_each(self.threshold, "threshold", signal_channels)
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
        object.__setattr__(self, "gain", _numbers(self.gain, "gain", zero=True))
        if not any(self.gain):
            raise InputError("every gain is 0; give at least one over 0")
        if not isinstance(self.rectified, bool):
            raise InputError(f"rectified is {self.rectified!r}; it must be true or false")

    def channels(self, signal_channels: int) -> int:
        """Return 2 a signal channel with a gain, PLUS of each, then MINUS of each; rectified 1."""
        _one_or_each(self.gain, "gain", signal_channels)
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


@dataclass(frozen=True)
class Together(Encoder):
    """Several encoders of the same signals side by side.

    Attributes:
        parts: the encoders, or their descriptions as `as_dict` gives them; the input channels of
            each follow those of the one before.
    """

    name: ClassVar[str] = "together"
    parts: tuple[Encoder, ...] = field(default_factory=lambda: (Delta(), SigmaDelta()))

    def __post_init__(self) -> None:
        if not isinstance(self.parts, (tuple, list)) or not self.parts:
            raise InputError(f"parts is {self.parts!r}; it must list one encoder or more")
        made = tuple(p if isinstance(p, Encoder) else from_dict(p) for p in self.parts)
        if any(isinstance(part, Together) for part in made):
            raise InputError("parts holds another 'together'; list its parts instead")
        object.__setattr__(self, "parts", made)

    def channels(self, signal_channels: int) -> int:
        """Return the sum over the parts."""
        return sum(part.channels(signal_channels) for part in self.parts)

    def steps(self, samples: int) -> int:
        """Return the steps of the parts, which must agree."""
        steps = {part.steps(samples) for part in self.parts}
        if len(steps) > 1:
            raise InputError(f"the parts take {sorted(steps)} steps; they must take the same")
        return steps.pop()

    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        return np.concatenate([part._spikes(signals) for part in self.parts], axis=1)

    def as_dict(self) -> dict[str, Any]:
        """Return the name and the descriptions of the parts."""
        return {"name": self.name, "parts": [part.as_dict() for part in self.parts]}


ENCODERS: dict[str, type[Encoder]] = {
    encoder.name: encoder for encoder in (Delta, SigmaDelta, Together)
}


def from_dict(values: Mapping[str, Any]) -> Encoder:
    """Return the encoder that `as_dict` described.

    Raises:
        InputError: when the name or a parameter is unknown, or a parameter is out of range.
    """
    name = values.get("name") if isinstance(values, Mapping) else None
    if not isinstance(name, str) or name not in ENCODERS:
        raise InputError(f"{name!r} is no encoder; the encoders are {', '.join(ENCODERS)}")
    kind = ENCODERS[name]
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    parameters = {key: value for key, value in values.items() if key != "name"}
    for key in parameters:
        if key not in known:
            raise InputError(
                f"the encoder {name} has no parameter {key!r}; it has {', '.join(known)}"
            )
    return kind(**parameters)


def _one_or_each(values: tuple[float, ...], name: str, signal_channels: int) -> None:
    if len(values) not in (1, signal_channels):
        raise InputError(
            f"the encoder has {len(values)} values of {name} for {signal_channels} "
            "signal channels; give one, or one a channel"
        )


def _numbers(values: Any, name: str, *, zero: bool = False) -> tuple[float, ...]:
    """Return one or more numbers as a tuple of floats, each finite and over 0 (or 0, if `zero`)."""
    listed = list(values) if isinstance(values, (Sequence, np.ndarray)) else [values]
    low = "0 or more" if zero else "over 0"
    if not listed:
        raise InputError(f"{name} is empty; give one number, or one a signal channel")
    for value in listed:
        if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.number)):
            raise InputError(f"{name} holds {value!r}; it must hold numbers {low}")
        if not (math.isfinite(value) and (value > 0 or (zero and value == 0))):
            raise InputError(f"{name} holds {value}; it must be finite and {low}")
    return tuple(float(value) for value in listed)
