"""What every spike encoder is, and checks of the parameters that encoders share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.dataset import check_finite


class Encoder(ABC):
    """What all encoders share; a subclass is a frozen dataclass that sets `name`.

    Attributes:
        name: key of the registry.
        takes_bytes: whether `_spikes` takes uint8 signals as they are, and not as float32 only.
        kept: whether it is slow, so that the spikes of a data set are worth keeping on disk.
        version: of its code; a change that changes spikes must raise it, since they may be kept.
    """

    name: ClassVar[str]
    takes_bytes: ClassVar[bool] = False
    kept: ClassVar[bool] = False
    version: ClassVar[int] = 1

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
            signals: array (windows, channels, samples), finite; taken as float32, or as it is
                where it is uint8 and the encoder takes that.

        Returns:
            uint8 array (windows, self.channels(channels), self.steps(samples)) of 0 and 1.

        Raises:
            InputError: when the shape is another or a value is not finite.
        """
        values = np.asarray(signals)
        if not (self.takes_bytes and values.dtype == np.uint8):
            values = values.astype(np.float32, copy=False)
        if values.ndim != 3:
            raise InputError(
                f"signals have shape {values.shape}; an encoder takes (windows, channels, samples)"
            )
        self.channels(values.shape[1])
        check_finite(values, "signals")
        return self._spikes(values)

    def versions(self) -> dict[str, int]:
        """Return the version of its code, and of each encoder that it holds, by name."""
        return {self.name: self.version}

    def as_dict(self) -> dict[str, Any]:
        """Return the name and the parameters as JSON values; `from_dict` reads them."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        listed = {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}
        return {"name": self.name, **listed}


def check_one_or_each(values: tuple[float, ...], name: str, signal_channels: int) -> None:
    """Raise InputError unless there is one value for all signal channels, or one for each."""
    if len(values) not in (1, signal_channels):
        raise InputError(
            f"the encoder has {len(values)} values of {name} for {signal_channels} "
            "signal channels; give one, or one a channel"
        )


def numbers(values: Any, name: str, *, zero: bool = False) -> tuple[float, ...]:
    """Return one or more numbers as a tuple of floats, each finite and over 0 (or 0, if `zero`).

    Raises:
        InputError: when there is none, or one is no such number.
    """
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
