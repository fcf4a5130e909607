"""Varied copies of counted events: moved over the sensor, and in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Shift:
    """Moves the counts of each window by whole squares and time bins; what comes in is empty.

    Attributes:
        grid: rows and columns of squares; for a cochlea one row of channels.
        rows, columns, steps: the farthest that a window moves either way, 0 for not at all; each is
            drawn evenly.
    """

    grid: tuple[int, int]
    rows: int = 0
    columns: int = 0
    steps: int = 0

    def __call__(self, signals: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        """Return moved copies of signals (windows, channels, steps), of the same dtype."""
        limits = (self.rows, self.columns, self.steps)
        moves = np.stack([rng.integers(-most, most + 1, len(signals)) for most in limits], axis=1)
        shaped = signals.reshape(len(signals), -1, *self.grid, signals.shape[2])
        moved = np.zeros_like(shaped)
        for window, move in enumerate(moves):
            to, come = zip(*(_slices(int(by)) for by in move))
            moved[(window, slice(None), *to)] = shaped[(window, slice(None), *come)]
        return moved.reshape(signals.shape)


def _slices(by: int) -> tuple[slice, slice]:
    """Return where what moves by so many places goes to, and where it comes from."""
    there, here = slice(max(by, 0), min(by, 0) or None), slice(max(-by, 0), min(-by, 0) or None)
    return there, here
