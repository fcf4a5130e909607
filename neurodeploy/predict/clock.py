"""Rate, gaps and resampling: rows with times become pieces of evenly spaced rows without gaps.

A gap is a missing time, a value that is not a number, or a clock that runs backwards. Nothing is
filled in: the piece after a gap says so, and whoever predicts starts again from cleared state.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.predict.columns import Columns, Intake
from neurodeploy.predict.sources import Source

FIRST_ROWS: Final = 33
"""Rows from which unit and rate of the times are told."""

RATE_TOLERANCE: Final = 0.05
"""Greatest relative difference between the measured and the stated rate."""

SAME_RATE: Final = 0.005
"""Relative difference of rates from which a recording is resampled."""

GAP_STEPS: Final = 1.75
"""Longest time between two rows, in steps; a lost row makes it 2, jitter seldom over 1.5."""

LARGEST: Final = 1e30
"""Largest value that counts as a number; encoders compute in float32."""

LATEST_S: Final = 1e10
"""Largest time that counts as one: 317 years, of which float64 still tells microseconds."""

GRAVITY: Final = (0.5, 2.0)
"""Range of the median magnitude, in g, of an accelerometer that measures gravity too."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Consecutive rows without a gap.

    Attributes:
        values: float64 (rows, channels), in the units of the network.
        times: seconds since the first row, float64 (rows,).
        gap: why the first row does not follow the row before: "missing rows", "not a number" or
            "clock"; "" if it does.
    """

    values: NDArray[np.float64]
    times: NDArray[np.float64]
    gap: str = ""


def pieces(
    source: Source,
    columns: Columns,
    wanted: Intake,
    *,
    rate_hz: float,
    max_gap: float | None = None,
) -> Iterator[Piece]:
    """Yield the rows of a recording, checked and at the rate of the network.

    Args:
        source: the recording; notes are added to it.
        columns: its columns.
        wanted: what the network takes.
        rate_hz: rows per second of the recording; it is resampled if the network takes others.
        max_gap: longest time between two rows in seconds; 1.75 steps of the recording by default.

    Raises:
        InputError: if the rate or the unit does not fit.
    """
    chosen = [*([] if columns.time is None else [columns.time]), *columns.channels]
    chunks = source.chunks(chosen)
    head, chunks = _first(chunks, FIRST_ROWS if columns.time is not None else 1)
    if not len(head):
        return
    rate, unit_s = rate_hz, _unit_of_times(head, source, columns, wanted, rate_hz)
    _check_gravity(head[:, -len(columns.channels) :], columns, source)
    longest = GAP_STEPS / rate if max_gap is None else max_gap
    clock = Clock(rate, None if columns.time is None else unit_s, longest)
    target = wanted.rate_hz or rate
    resampler = Resampler(rate, target) if abs(target / rate - 1) > SAME_RATE else None
    if resampler is not None and columns.encoded:
        raise InputError(
            f"{source.name} holds spikes at {rate:g} Hz and the network takes {target:g} Hz; "
            "spikes cannot be resampled, so resample the signal and encode it"
        )
    try:
        for chunk in chunks:
            for piece in clock.split(chunk):
                made = replace(piece, values=piece.values * np.array(columns.factors))
                yield made if resampler is None else resampler.push(made)
    finally:
        if clock.repeated:
            source.notes.append(f"{clock.repeated:,} rows repeat the time before; left out")
        if clock.damaged:
            source.notes.append(
                f"rows with a value that is not a number: {clock.damaged:,} of {clock.rows:,}; "
                "left out"
            )


def _first(
    chunks: Iterator[NDArray[np.float64]], rows: int
) -> tuple[NDArray[np.float64], Iterator[NDArray[np.float64]]]:
    """Return the first rows, and all chunks from the start."""
    held: list[NDArray[np.float64]] = []
    for chunk in chunks:
        held.append(chunk)
        if sum(map(len, held)) >= rows:
            break
    head = np.concatenate(held) if held else np.zeros((0, 0))

    def every() -> Iterator[NDArray[np.float64]]:
        yield from held
        held.clear()
        yield from chunks

    return head[: max(rows, FIRST_ROWS)], every()


def _unit_of_times(
    head: NDArray[np.float64],
    source: Source,
    columns: Columns,
    wanted: Intake,
    stated: float,
) -> float:
    """Return seconds per unit of the times, after checking the rate."""
    times = head[:, 0] if columns.time is not None else np.zeros(0)
    moved = np.diff(times[np.isfinite(times)])
    moved = moved[moved > 0]
    if not len(moved):
        if columns.time is None:
            source.notes.append(f"there is no column of times; taken as {stated:g} rows a second")
        return columns.time_unit_s or 1.0
    step = float(np.median(moved))
    unit_s = columns.time_unit_s or _unit(step, stated)
    rate = 1 / (step * unit_s)
    if abs(rate / stated - 1) <= RATE_TOLERANCE:
        return unit_s
    if stated != wanted.rate_hz:
        raise InputError(
            f"{source.name} has {rate:.4g} rows a second, and --rate is {stated:g}; give "
            f"--rate {rate:.4g}"
        )
    raise InputError(
        f"{source.name} has {rate:.4g} rows a second, and the network takes {stated:g}; give "
        f"--rate {rate:.4g} to resample it"
    )


def _unit(step: float, rate_hz: float) -> float:
    """Return seconds per unit of times that are `step` units apart, at about this rate."""
    expected = -math.log(rate_hz)
    return min((1.0, 1e-3, 1e-6, 1e-9), key=lambda u: abs(math.log(step * u) - expected))


def _check_gravity(values: NDArray[np.float64], columns: Columns, source: Source) -> None:
    """Raise InputError if an accelerometer whose unit is not stated cannot be in g."""
    acc = [
        place
        for place, name in enumerate(columns.names)
        if name.startswith("acc") and name.endswith("(g)") and not columns.unit_known[place]
    ]
    whole = values[np.isfinite(values).all(axis=1)] if len(acc) == 3 else values[:0]
    if not len(whole):
        return
    size = float(np.median(np.linalg.norm(whole[:, acc], axis=1)))
    if GRAVITY[0] <= size <= GRAVITY[1]:
        if not all(columns.unit_known):
            source.notes.append("the columns state no unit; taken as g and rad/s")
        return
    way_out = "state the unit with --acc-unit"
    if size > GRAVITY[1]:
        way_out = "if it is in m/s^2, give --acc-unit m/s^2"
    raise InputError(
        f"{source.name}: the acceleration has a median magnitude of {size:.3g}, and in g, with "
        f"gravity, it is near 1; {way_out}, or give the acceleration with gravity"
    )


class Clock:
    """Splits rows at gaps.

    Args:
        rate_hz: rows per second.
        unit_s: seconds per unit of the times in the first column; None if there are none.
        longest_s: longest time between two rows.

    Attributes:
        rows: rows so far.
        repeated: rows left out because they repeat the time of the row before.
        damaged: rows left out because a value is not a number.
    """

    def __init__(self, rate_hz: float, unit_s: float | None, longest_s: float) -> None:
        self.rate_hz, self.unit_s, self.longest_s = rate_hz, unit_s, longest_s
        self.rows = 0
        self.repeated = self.damaged = 0
        self.last: float | None = None
        self.offset = 0.0
        self.gap = ""

    def split(self, chunk: NDArray[np.float64]) -> Iterator[Piece]:
        """Yield the pieces of the next rows: times first, unless there are none, then channels."""
        times, backwards, kept = self._times(chunk)
        chunk, times, backwards = chunk[kept], times[kept], backwards[kept]
        values = chunk if self.unit_s is None else chunk[:, 1:]
        with np.errstate(invalid="ignore"):
            good = (np.abs(values) <= LARGEST).all(axis=1) & np.isfinite(times)
        self.damaged += int(np.count_nonzero(~good))
        start = 0
        for index in () if self._even(times, good, backwards) else range(len(values)):
            waiting = bool(self.gap) and index == start  # no row has followed the gap yet
            reason = self._reason(float(times[index]), bool(good[index]), bool(backwards[index]))
            if reason and not (waiting and reason == "missing rows"):
                if index > start:
                    yield self._piece(values[start:index], times[start:index])
                start = index + (not good[index])
                self._mark(reason)
            if good[index]:
                self.last = float(times[index])
        if len(values) > start:
            self.last = float(times[-1])
            yield self._piece(values[start:], times[start:])

    def _even(
        self, times: NDArray[np.float64], good: NDArray[np.bool_], backwards: NDArray[np.bool_]
    ) -> bool:
        """Return whether no row of the chunk follows a gap, as most chunks."""
        before = times[:1] if self.last is None else np.array([self.last])
        return bool(
            good.all()
            and not backwards.any()
            and (np.diff(times, prepend=before) <= self.longest_s).all()
        )

    def _reason(self, time: float, good: bool, backwards: bool) -> str:
        if backwards:
            return "clock"
        if not good:
            return "not a number"
        if self.last is not None and time - self.last > self.longest_s:
            return "missing rows"
        return ""

    def _mark(self, reason: str) -> None:
        if reason and reason not in self.gap.split("; "):
            self.gap = "; ".join(filter(None, [self.gap, reason]))

    def _piece(self, values: NDArray[np.float64], times: NDArray[np.float64]) -> Piece:
        gap, self.gap = self.gap, ""
        return Piece(values, times, gap)

    def _times(
        self, chunk: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Return seconds since the first row, where the clock ran backwards, and rows to keep.

        After a clock that ran backwards, times go on one step after the last.
        """
        none = np.zeros(len(chunk), np.bool_)
        if self.unit_s is None:
            times = (self.rows + np.arange(len(chunk))) / self.rate_hz
            self.rows += len(chunk)
            return times, none, ~none
        raw = chunk[:, 0] * self.unit_s
        raw[np.abs(raw) > LATEST_S] = np.nan
        if not self.rows:
            self.offset = -float(raw[np.isfinite(raw)][:1].sum())
            self.newest = -math.inf
        self.rows += len(chunk)
        times, backwards, kept = raw + self.offset, none.copy(), ~none
        for index in (
            np.flatnonzero(np.diff(times, prepend=self.newest) <= 0)
            if (np.isfinite(times).all())
            else range(len(times))
        ):
            self._check_order(times, int(index), backwards, kept)
        finite = times[np.isfinite(times)]
        self.newest = float(finite[-1]) if len(finite) else self.newest
        return times, backwards, kept

    def _check_order(
        self,
        times: NDArray[np.float64],
        index: int,
        backwards: NDArray[np.bool_],
        kept: NDArray[np.bool_],
    ) -> None:
        """Shift the times from a row on if the clock ran backwards there; drop a repeated time."""
        before = times[:index][np.isfinite(times[:index])]
        last = float(before[-1]) if len(before) else self.newest
        if not np.isfinite(times[index]) or times[index] > last:
            return
        if times[index] == last:
            kept[index] = False
            self.repeated += 1
            return
        shift = last + 1 / self.rate_hz - float(times[index])
        backwards[index] = True
        times[index:] += shift
        self.offset += shift


class Resampler:
    """Resamples pieces to another rate, causally, by a low-pass filter and linear interpolation.

    To a lower rate, a Butterworth filter of order 4 at 0.4 of it precedes, which delays slow
    signals by about 1 step of the new rate. Chunks of any size give the same rows.

    Args:
        rate_hz: rows per second of the pieces.
        target_hz: rows per second of the result.
    """

    def __init__(self, rate_hz: float, target_hz: float) -> None:
        self.target_hz = target_hz
        self.filter: NDArray[np.float64] | None = None
        if target_hz < rate_hz:
            from scipy.signal import butter  # type: ignore[import-untyped]

            low_pass = butter(4, 0.4 * target_hz, fs=rate_hz, output="sos")
            self.filter = np.asarray(low_pass, np.float64)
        self._clear()

    def _clear(self) -> None:
        self.state: NDArray[np.float64] | None = None
        self.values = np.zeros((0, 0))
        self.times = np.zeros(0)
        self.first, self.count = 0.0, 0

    def push(self, piece: Piece) -> Piece:
        """Return the rows of the new rate that the piece completes; there may be none."""
        if piece.gap or self.count == 0:
            self._clear()
            self.first = float(piece.times[0])
        values = self._low_pass(piece.values)
        if len(self.times):
            values = np.concatenate([self.values, values])
        times = np.concatenate([self.times, piece.times])
        number = int((times[-1] - self.first) * self.target_hz + 1e-6) + 1
        at = self.first + np.arange(self.count, number) / self.target_hz
        self.count = number
        self.values, self.times = values[-1:], times[-1:]
        return Piece(_between(times, values, at), at, piece.gap)

    def _low_pass(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.filter is None:
            return values
        from scipy.signal import sosfilt, sosfilt_zi

        if self.state is None:
            self.state = sosfilt_zi(self.filter)[:, :, None] * values[0]
        filtered, self.state = sosfilt(self.filter, values, axis=0, zi=self.state)
        return np.asarray(filtered, np.float64)


def _between(
    times: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate between the rows at `times`, float64 (len(at), channels)."""
    if len(times) == 1:
        return np.repeat(values, len(at), axis=0)
    left = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    share = ((at - times[left]) / (times[left + 1] - times[left]))[:, None]
    return np.asarray(values[left] + np.clip(share, 0, 1) * (values[left + 1] - values[left]))
