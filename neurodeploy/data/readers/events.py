"""Count the events of an event camera or silicon cochlea per block of pixels and time bin.

Channel (p * height + y) * width + x counts the events of polarity p in the block in row y, column
x; height and width are numbers of blocks.
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
"""Increase it when counts change, so that cached counts are computed again."""

HIGHEST: Final = 255
"""The largest count; bins with more events saturate."""

US_PER_S: Final = 1e6

LATEST_US: Final = 2**53
"""Largest valid time, 285 years: float64 represents all integers up to here; tonic wraps later
times."""


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
    """How to count events.

    Attributes:
        height, width: pixels of the sensor.
        polarities: 2, or 1 if the sensor has no polarity.
        pool: rows and columns of pixels per block.
        step_us: microseconds per time bin.
        steps: number of time bins; later events are left out.
        from_first: whether the first bin begins at the first event of a sample instead of time 0.
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
        """Rows and columns of blocks; the last ones may be incomplete."""
        return math.ceil(self.height / self.pool[0]), math.ceil(self.width / self.pool[1])

    @property
    def channels(self) -> int:
        """Number of channels: blocks times polarities."""
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
    """Event counts of a dataset.

    Attributes:
        counts: read-only uint8 array (samples, channels, steps).
        events: total number of events.
        late: number of events after the last time bin, which are left out.
        full: number of counts above `HIGHEST`, which saturate.
        empty: number of samples without events.
    """

    counts: NDArray[np.uint8]
    events: int
    late: int
    full: int
    empty: int

    def notes(self) -> tuple[str, ...]:
        """Return notes on events that are left out, saturated counts and empty samples."""
        sentences = (
            (self.late, f"{self.late:,} of {self.events:,} events come after the last time bin "
             "and are left out"),
            (self.full, f"{self.full:,} counts are over {HIGHEST} and saturate at {HIGHEST}"),
            (self.empty, f"{self.empty:,} of {len(self.counts):,} samples have no event"),
        )  # fmt: skip
        return tuple(sentence for number, sentence in sentences if number)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the counts as arrays to cache, for `from_arrays`."""
        tally = np.array([self.events, self.late, self.full, self.empty])
        return {"counts": self.counts, "tally": tally}


def from_arrays(counts: NDArray[np.uint8], tally: NDArray[np.int64]) -> Binned:
    """Return the counts from the arrays of `Binned.arrays`."""
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
        samples: name, for error messages, and events of each sample.
        total: number of samples.
        bins: how to count.
        advance: progress callback, called with the samples done and the total.

    Raises:
        InputError: if an event is outside of the sensor or has an invalid time.
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
    """Write the counts of validated events to `room`, uint8 (channels, steps).

    Returns:
        The number of events after the last bin, and the number of counts above `HIGHEST`.
    """
    times = events.times_us
    if bins.from_first and len(times):
        times = times - times.min()
    # A small integer dtype could not represent the length of a bin.
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
    """Raise InputError for the first event outside of the sensor or with an invalid time."""
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
    """Return the index of the first value that is wrong or not an integer, or None."""
    if values.dtype.kind == "f":
        wrong = wrong | (values % 1 != 0)
    found = np.flatnonzero(wrong)
    return int(found[0]) if found.size else None


def key(bins: Bins) -> dict[str, Any]:
    """Return the cache key of the counting, as JSON values; the events are not part of it."""
    return {"version": VERSION, "bins": list(astuple(bins))}
