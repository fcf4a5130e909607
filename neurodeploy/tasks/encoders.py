"""Spike encoders: how a signal becomes the spikes of a network's input channels.

An encoder is a frozen dataclass of JSON parameters. To add one, write a subclass of `Encoder` and
name it in `ENCODERS`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
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
    """A spike each time that a signal has moved by one threshold.

    For a signal x with threshold d, k[t] counts the thresholds that the spikes have conveyed:

        k[-1] = 0
        ON[t]  = 1 when x[t] - k[t-1] d >= d
        OFF[t] = 1 when k[t-1] d - x[t] >= d
        k[t] = k[t-1] + ON[t] - OFF[t]

    The reference k d starts at 0, so the first spikes of a window convey the level it starts from,
    at most one threshold a step. Computed in float64 from a whole k: the reference does not drift.

    Attributes:
        threshold: over 0, in the unit of the signal; one for all channels, or one a channel.
            A number or a sequence is accepted and kept as a tuple.
    """

    name: ClassVar[str] = "delta"
    threshold: tuple[float, ...] = (0.2,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", _positive(self.threshold, "threshold"))

    def channels(self, signal_channels: int) -> int:
        """Return 2 a signal channel: ON of every channel, then OFF of every channel."""
        if len(self.threshold) not in (1, signal_channels):
            raise InputError(
                f"the delta encoder has {len(self.threshold)} thresholds for {signal_channels} "
                "signal channels; give one, or one a channel"
            )
        return 2 * signal_channels

    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        windows, channels, samples = signals.shape
        spikes = np.zeros((windows, 2 * channels, samples), np.uint8)
        threshold = np.array(self.threshold, np.float64)
        conveyed = np.zeros((windows, channels), np.float64)
        for t in range(samples):
            moved = signals[:, :, t] - conveyed * threshold
            on, off = moved >= threshold, moved <= -threshold
            spikes[:, :channels, t] = on
            spikes[:, channels:, t] = off
            conveyed += on
            conveyed -= off
        return spikes


ENCODERS: dict[str, type[Encoder]] = {encoder.name: encoder for encoder in (Delta,)}


def from_dict(values: Mapping[str, Any]) -> Encoder:
    """Return the encoder that `as_dict` described.

    Raises:
        InputError: when the name or a parameter is unknown, or a parameter is out of range.
    """
    name = values.get("name")
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


def _positive(values: Any, name: str) -> tuple[float, ...]:
    """Return one or more numbers as a tuple of floats, each finite and over 0."""
    listed = list(values) if isinstance(values, (Sequence, np.ndarray)) else [values]
    if not listed:
        raise InputError(f"{name} is empty; give one number, or one a signal channel")
    for value in listed:
        if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.number)):
            raise InputError(f"{name} holds {value!r}; it must hold numbers over 0")
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} holds {value}; it must be finite and over 0")
    return tuple(float(value) for value in listed)
