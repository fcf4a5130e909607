"""What every spike encoder is, and the types of the parameters that encoders share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from neurodeploy.models import schema
from neurodeploy.models.errors import InputError
from neurodeploy.tasks.dataset import check_finite

Positive: TypeAlias = Annotated[float, Meta(gt=0, le=1e30)]
Positives: TypeAlias = Annotated[tuple[Positive, ...], Meta(min_length=1)]
NotNegatives: TypeAlias = Annotated[
    tuple[Annotated[float, Meta(ge=0, le=1e30)], ...], Meta(min_length=1)
]
"""One number for all signal channels, or one per channel."""


class Encoder(ABC):
    """What all encoders share; a subclass is a frozen dataclass that sets `name`.

    The annotations of its fields are checked when it is constructed.

    Attributes:
        name: key in the table of encoders.
        per_channel: names of the fields that hold one number, or one per signal channel.
        takes_bytes: whether `_spikes` takes uint8 signals too, and not float32 only.
        cached: whether it is so slow that the spikes of a dataset are worth caching on disk.
        version: of its code; raise it with a change that changes spikes, which may be cached.
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
        """Return the number of the network's input channels for so many signal channels."""

    def steps(self, num_steps: int) -> int:
        """Return the time steps of spikes for so many of the signal: as many, by default."""
        return num_steps

    @abstractmethod
    def _spikes(self, signals: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the spikes (samples, channels, steps) of checked signals."""

    def encode(self, signals: ArrayLike) -> NDArray[np.uint8]:
        """Turn signals into spikes, each sample by itself.

        Args:
            signals: array (samples, channels, num_steps), finite; converted to float32 unless it
                is uint8 and the encoder takes that.

        Returns:
            uint8 array (samples, self.channels(channels), self.steps(num_steps)) of 0 and 1.

        Raises:
            InputError: when the shape is another or a value is not finite.
        """
        values = np.asarray(signals)
        if not (self.takes_bytes and values.dtype == np.uint8):
            values = values.astype(np.float32, copy=False)
        if values.ndim != 3:
            raise InputError(
                f"signals have shape {values.shape}; an encoder takes (samples, channels, steps)"
            )
        self.channels(values.shape[1])
        check_finite(values, "signals")
        return self._spikes(values)

    def versions(self) -> dict[str, int]:
        """Return the version of its code, and of each encoder that it holds, by name."""
        return {self.name: self.version}

    def as_dict(self) -> dict[str, Any]:
        """Return the name and the parameters as JSON values; `from_dict` reads them."""
        return {
            "name": self.name,
            **{f.name: _plain(getattr(self, f.name)) for f in fields(self)},  # type: ignore[arg-type]
        }


def check_one_or_each(values: tuple[float, ...], name: str, signal_channels: int) -> None:
    """Raise InputError unless there is one value for all signal channels, or one for each."""
    if len(values) not in (1, signal_channels):
        raise InputError(
            f"the encoder has {len(values)} values of {name} for {signal_channels} "
            "signal channels; give one, or one per channel"
        )


def _listed(value: Any) -> Any:
    """Return one or more values as a tuple, with numpy's numbers as Python's."""
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
