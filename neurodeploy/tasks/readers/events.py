"""Events of a camera or a cochlea to counts per square of pixels and time bin.

Channel (p * height + y) * width + x counts the events of polarity p in the square in row y, column
x; height and width are those of the squares.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError

VERSION: Final = 1
"""Raise it when the same events give other counts, so that cached counts are computed again."""

HIGHEST: Final = 255
"""The highest count; a bin with more events saturates."""

US_PER_S: Final = 1e6

LATEST_US: Final = 2**53
"""285 years: the range of consecutive integers in float64; tonic wraps later times."""


@dataclass(frozen=True, eq=False)
class Events:
    """The events of one sample, arrays (events,) of numbers, in any order.

    Attributes:
        x, y: column and row of the pixel, from 0.
        polarity: 0 or 1; 0 if the sensor has none.
        times_us: microseconds, 0 or more.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    polarity: NDArray[Any]
    times_us: NDArray[Any]


@dataclass(frozen=True)
class Bins:
    """How events become counts.

    Attributes:
        height, width: pixels of the sensor.
        polarities: 2, or 1 where the sensor has none.
        pool: rows and columns of pixels per square.
        step_us: microseconds per time bin.
        steps: number of time bins; events after the last are left out.
        from_first: whether time starts at a sample's first event instead of at 0.
    """

    height: int
    width: int
    polarities: int
    pool: tuple[int, int]
    step_us: int
    steps: int
    from_first: bool = False

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of squares; the last ones may be cut by the sensor's edge."""
        return math.ceil(self.height / self.pool[0]), math.ceil(self.width / self.pool[1])

    @property
    def channels(self) -> int:
        """Number of channels: squares times polarities."""
        return self.polarities * math.prod(self.grid)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """One name per channel."""
        height, width = self.grid
        if self.polarities == height == 1:
            return tuple(f"channel {x} (events)" for x in range(width))
        signs = ("",) if self.polarities == 1 else ("off ", "on ")
        places = [f"x {x} y {y} (events)" for y in range(height) for x in range(width)]
        return tuple(sign + place for sign in signs for place in places)

    @property
    def rate_hz(self) -> float:
        """Time bins per second."""
        return US_PER_S / self.step_us


@dataclass(frozen=True, eq=False)
class Binned:
    """Counts of many samples.

    Attributes:
        counts: uint8 array (samples, channels, steps), read-only.
        events: events of all samples.
        late: how many of them come after the last time bin and are left out.
        full: how many counts are over `HIGHEST` and saturate.
        empty: samples without an event.
    """

    counts: NDArray[np.uint8]
    events: int
    late: int
    full: int
    empty: int

    def notes(self) -> tuple[str, ...]:
        """Return one sentence for each thing that the counts leave out."""
        sentences = (
            (self.late, f"{self.late:,} of {self.events:,} events come after the last time bin "
             "and are left out"),
            (self.full, f"{self.full:,} counts are over {HIGHEST} and saturate at {HIGHEST}"),
            (self.empty, f"{self.empty:,} of {len(self.counts):,} samples have no event"),
        )  # fmt: skip
        return tuple(sentence for number, sentence in sentences if number)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return arrays from which `from_arrays` restores the counts."""
        tally = np.array([self.events, self.late, self.full, self.empty])
        return {"counts": self.counts, "tally": tally}


def from_arrays(counts: NDArray[np.uint8], tally: NDArray[np.int64]) -> Binned:
    """Return the counts that `Binned.arrays` was called on."""
    return Binned(counts, *(int(number) for number in tally))


def count_all(
    samples: Iterable[tuple[str, Events]],
    total: int,
    bins: Bins,
    *,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Binned:
    """Count the events of all samples.

    Args:
        samples: the name for messages, and the events, of each sample.
        total: number of samples.
        bins: squares and time bins.
        advance: called with the samples done and their number.

    Raises:
        InputError: when an event is outside of the sensor or has no valid time.
    """
    counts = np.zeros((total, bins.channels, bins.steps), np.uint8)
    tally = np.zeros(4, np.int64)
    for done, (name, events) in enumerate(samples):
        check(events, bins, name)
        late, full = count(events, bins, counts[done])
        number = len(events.times_us)
        tally += (number, late, full, number == 0)
        advance(done + 1, total)
    counts.setflags(write=False)
    return from_arrays(counts, tally)


def count(events: Events, bins: Bins, room: NDArray[np.uint8]) -> tuple[int, int]:
    """Write the counts of checked events to `room`, uint8 (channels, steps).

    Returns:
        How many events come too late, and how many counts are over `HIGHEST`.
    """
    times = events.times_us
    if bins.from_first and len(times):
        times = times - times.min()
    # A dtype of few bits could not hold the length of a bin.
    length = bins.step_us if times.dtype.kind == "f" else np.int64(bins.step_us)
    step = np.floor_divide(times, length).astype(np.int64)
    (height, width), (down, across) = bins.grid, bins.pool
    row = events.polarity.astype(np.int64) * height + events.y.astype(np.int64) // down
    cell = (row * width + events.x.astype(np.int64) // across) * bins.steps + step
    early = step < bins.steps
    counts = np.bincount(cell[early], minlength=room.size)
    room[:] = np.minimum(counts, HIGHEST).reshape(room.shape)
    return len(step) - int(np.count_nonzero(early)), int(np.count_nonzero(counts > HIGHEST))


def check(events: Events, bins: Bins, name: str) -> None:
    """Raise InputError for the first event outside of the sensor or without a valid time."""
    for what, values, limit in (
        ("x", events.x, bins.width),
        ("y", events.y, bins.height),
        ("polarity", events.polarity, bins.polarities),
    ):
        wrong = _first(~((values >= 0) & (values < limit)), values)
        if wrong is not None:
            raise InputError(
                f"{name}: event {wrong} has {what} {values[wrong]}; it must be an integer from "
                f"0 to {limit - 1}, so download the dataset again"
            )
    times = events.times_us
    outside = np.flatnonzero(~((times >= 0) & (times <= LATEST_US)))
    if outside.size:
        raise InputError(
            f"{name}: event {outside[0]} is at {times[outside[0]]} microseconds; times must be "
            f"from 0 to {LATEST_US}, so download the dataset again"
        )


def _first(wrong: NDArray[np.bool_], values: NDArray[Any]) -> int | None:
    """Return the index of the first value that is wrong or no integer, or None."""
    if values.dtype.kind == "f":
        wrong = wrong | (values % 1 != 0)
    found = np.flatnonzero(wrong)
    return int(found[0]) if found.size else None


def key(bins: Bins) -> dict[str, Any]:
    """Return everything but the events that cached counts depend on, as JSON values."""
    return {"version": VERSION, "bins": list(astuple(bins))}
