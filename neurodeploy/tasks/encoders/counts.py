"""The encoder of counted events: a spike where enough of them came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.encoders.encoder import Encoder


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
