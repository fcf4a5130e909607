"""Recordings in several files, one per sensor, joined by their times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.predict.columns import label, time_column
from neurodeploy.predict.sources import Source

GAP_STEPS: Final = 2.5
"""Longest time between two rows to interpolate over, in median steps of their file."""


class JoinedSource(Source):
    """The rows of a first file, with the columns of others interpolated at its times.

    A column without a sensor in its name, such as `x`, gets the name of its file in front. Where
    another file has no rows, its columns are NaN, which is a gap. Times must be in one unit.

    Args:
        parts: the sources, each with a column of times.

    Raises:
        InputError: if one has no column of times.
    """

    def __init__(self, parts: Sequence[Source]) -> None:
        self.name, self.notes = " with ".join(Path(part.name).name for part in parts), []
        self.parts = list(parts)
        self.times: list[int] = []
        names, self.places = ["time"], [(0, -1)]
        for number, part in enumerate(parts):
            at = time_column(part)
            if at is None:
                raise InputError(
                    f"{part.name} has no column of times, by which to join {self.name}; give one "
                    "file, or add the times"
                )
            self.times.append(at)
            if number == 0:
                names, self.places = [part.names[at]], [(0, at)]
            for index, name in enumerate(part.names):
                if index != at and label(name).axis:
                    own = label(name).sensor
                    names.append(name if own else f"{Path(part.name).stem} {name}")
                    self.places.append((number, index))
        self.names, self.count = tuple(names), len(names)

    def chunks(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        """Yield the rows of the first file, as they arrive, with the columns of the others."""
        chosen = [self.places[column] for column in columns]
        wanted = {
            number: [index for part, index in chosen if part == number]
            for number in range(len(self.parts))
        }
        first, *others = (
            part.chunks([self.times[number], *wanted[number]])
            for number, part in enumerate(self.parts)
        )
        joined = [_At(chunks, part.name) for chunks, part in zip(others, self.parts[1:])]
        for chunk in first:
            rows = [chunk[:, 1:], *(each.at(chunk[:, 0]) for each in joined)]
            order = [(n, i) for n in wanted for i in wanted[n]]
            yield np.concatenate(rows, axis=1)[:, [order.index(place) for place in chosen]]
        for part in self.parts:
            self.notes += part.notes


class _At:
    """Rows of a file at times of another one, which may only grow."""

    def __init__(self, chunks: Iterator[NDArray[np.float64]], name: str) -> None:
        self.chunks, self.name = chunks, name
        self.rows: NDArray[np.float64] | None = None
        self.step = 0.0

    def at(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the columns at times, float64 (len(times), columns)."""
        finite = times[np.isfinite(times)]
        last = float(finite.max()) if len(finite) else -np.inf
        while self.rows is None or not len(self.rows) or self.rows[-1, 0] < last:
            chunk = next(self.chunks, None)
            if chunk is None:
                break
            self._add(chunk[np.isfinite(chunk[:, 0])])
        rows = np.zeros((0, 1)) if self.rows is None else self.rows
        found = np.full((len(times), rows.shape[1] - 1), np.nan)
        if len(rows) > 1:
            left = np.clip(np.searchsorted(rows[:, 0], times, side="right") - 1, 0, len(rows) - 2)
            span = rows[left + 1, 0] - rows[left, 0]
            share = (times - rows[left, 0]) / span
            near = (share >= 0) & (share <= 1) & (span <= GAP_STEPS * self.step)
            between = rows[left] + share[:, None] * (rows[left + 1] - rows[left])
            found[near] = between[near, 1:]
            if len(finite):
                keep = max(int(np.searchsorted(rows[:, 0], finite.min())) - 1, 0)
                self.rows = rows[min(keep, len(rows) - 1) :]
        return found

    def _add(self, chunk: NDArray[np.float64]) -> None:
        rows = chunk if self.rows is None else np.concatenate([self.rows, chunk])
        moved = np.diff(rows[:, 0])
        if (moved < 0).any():
            raise InputError(
                f"the clock of {self.name} runs backwards, so it cannot be joined; cut it there"
            )
        self.rows = rows[np.concatenate([[True], moved > 0])] if len(rows) else rows
        if not self.step and len(moved):
            self.step = float(np.median(moved[moved > 0])) if (moved > 0).any() else 0.0
