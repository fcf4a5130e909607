"""The base class of spike encoders, and the types of their parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from neurodeploy.data.dataset import check_finite
from neurodeploy.models import schema
from neurodeploy.models.errors import InputError

Positive: TypeAlias = Annotated[float, Meta(gt=0, le=1e30)]
Positives: TypeAlias = Annotated[tuple[Positive, ...], Meta(min_length=1)]
NotNegatives: TypeAlias = Annotated[
    tuple[Annotated[float, Meta(ge=0, le=1e30)], ...], Meta(min_length=1)
]
"""One number for all signal channels, or one per channel."""


class Encoder(ABC):
    """Base class of encoders; a subclass is a frozen dataclass that sets `name`.

    Fields are validated against their annotations at construction.

    Attributes:
        name: key in `ENCODERS`.
        per_channel: names of the fields with one number, or one number per signal channel.
        takes_bytes: whether `_spikes` also takes uint8 signals, not only float32.
        cached: whether to cache the spikes of a dataset on disk, for slow encoders.
        version: version of the code; increase it when spikes change, because they may be cached.
    """

    name: ClassVar[str]
    per_channel: ClassVar[tuple[str, ...]] = ()
    takes_bytes: ClassVar[bool] = False
    cached: ClassVar[bool] = False
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for name in self.per_channel:
            object.__setattr__(self, name, _listed(getattr(self, name)))
        schema.check_fields(self)

    @abstractmethod
    def channels(self, signal_channels: int) -> int:
        """Return the number of input channels of the network for a number of signal channels."""

    def steps(self, num_steps: int) -> int:
        """Return the time steps of the spikes for a number of signal steps; equal by default."""
        return num_steps

    def trailing_steps(self) -> int:
        """Return how many steps follow the last one of the signal; 0 by default."""
        return 0

    def signal_steps(self, num_steps: int) -> int:
        """Return the signal steps of which `steps` makes `num_steps`; equal by default."""
        return num_steps

    @abstractmethod
    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the spikes (samples, channels, steps) of validated signals."""

    def _start(self, samples: int, channels: int) -> Any:
        """Return the state of so many signals before their first step.

        Raises:
            InputError: if the encoder needs the whole signal.
        """
        raise InputError(
            f"the encoder {self.name} needs a whole recording and cannot encode one that runs on; "
            "predict in windows instead"
        )

    def _next(self, signals: NDArray[np.float32], state: Any) -> NDArray[np.uint8]:
        """Return the spikes of the next steps of validated signals, and update the state."""
        raise NotImplementedError

    def encode(self, signals: ArrayLike) -> NDArray[np.uint8]:
        """Encode signals as spikes; samples are independent.

        Args:
            signals: finite array (samples, channels, num_steps), converted to float32 unless it is
                uint8 and the encoder takes uint8.

        Returns:
            uint8 array (samples, self.channels(channels), self.steps(num_steps)) of 0 and 1.

        Raises:
            InputError: if the shape is wrong or a value is not finite.
        """
        return self._spikes(self._checked(signals))

    def _checked(self, signals: ArrayLike) -> NDArray[np.float32]:
        values = np.asarray(signals)
        if not (self.takes_bytes and values.dtype == np.uint8):
            values = values.astype(np.float32, copy=False)
        if values.ndim != 3:
            raise InputError(
                f"signals have shape {values.shape}; an encoder takes (samples, channels, steps)"
            )
        self.channels(values.shape[1])
        check_finite(values, "signals")
        return values

    def versions(self) -> dict[str, int]:
        """Return the versions of this class and of nested encoders, by name."""
        return {self.name: self.version}

    def as_dict(self) -> dict[str, Any]:
        """Return name and parameters as JSON values, for `from_dict`."""
        return {
            "name": self.name,
            **{f.name: _plain(getattr(self, f.name)) for f in fields(self)},  # type: ignore[arg-type]
        }


class EncoderStream:
    """An encoder at work on signals that arrive in chunks of any number of steps.

    The spikes are those of `Encoder.encode` for the chunks joined; there are no trailing steps.

    Args:
        encoder: an encoder that needs no whole recording; all but `bands`.
        signal_channels: channels of the signals.
        samples: number of signals side by side.

    Raises:
        InputError: if the encoder needs the whole signal, or does not fit the channels.
    """

    def __init__(self, encoder: Encoder, signal_channels: int, samples: int = 1) -> None:
        self.encoder, self._shape = encoder, (samples, signal_channels)
        encoder.channels(signal_channels)
        self.reset()

    def reset(self) -> None:
        """Start again, as before the first step."""
        self._state = self.encoder._start(*self._shape)

    def encode(self, signals: ArrayLike) -> NDArray[np.uint8]:
        """Encode the next steps.

        Args:
            signals: finite array (samples, channels, steps).

        Returns:
            uint8 array (samples, encoder.channels(channels), time steps) of 0 and 1.

        Raises:
            InputError: if the shape is wrong or a value is not finite.
        """
        values = self.encoder._checked(signals)
        if values.shape[:2] != self._shape:
            raise InputError(
                f"signals have shape {values.shape}; this stream takes {self._shape} and steps"
            )
        return self.encoder._next(values, self._state)


def check_one_or_each(values: tuple[float, ...], name: str, signal_channels: int) -> None:
    """Raise InputError unless there is one value, or one per signal channel."""
    if len(values) not in (1, signal_channels):
        raise InputError(
            f"the encoder has {len(values)} values of {name} for {signal_channels} "
            "signal channels; give one, or one per channel"
        )


def _listed(value: Any) -> Any:
    """Return one or more values as a tuple of Python numbers."""
    if isinstance(value, (np.ndarray, np.number)):
        value = value.tolist()
    if isinstance(value, str) or not isinstance(value, Sequence):
        return (value,)
    return tuple(each.item() if isinstance(each, np.number) else each for each in value)


def _plain(value: Any) -> Any:
    """Return a parameter as JSON values."""
    if isinstance(value, Encoder):
        return value.as_dict()
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
