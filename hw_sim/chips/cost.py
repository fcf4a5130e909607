"""A figure with its bounds, and what one event costs on a chip, with unit, source and grade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple


@dataclass(frozen=True)
class Estimate:
    """A value between the lowest and the highest that the sources allow, all in one unit.

    Sums and products take the ends together: low with low, high with high. That is the widest
    band, as if every source erred to the same side; all quantities here are 0 or more.

    Attributes:
        low: what the most favourable source gives, 0 or more.
        value: what the source that the cost file prefers gives.
        high: what the least favourable source gives.
    """

    low: float
    value: float
    high: float

    def __post_init__(self) -> None:
        assert 0 <= self.low <= self.value <= self.high, self

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.low + other.low, self.value + other.value, self.high + other.high)

    def __mul__(self, factor: Estimate | float) -> Estimate:
        by = factor if isinstance(factor, Estimate) else exactly(factor)
        return Estimate(self.low * by.low, self.value * by.value, self.high * by.high)

    def inverse(self) -> Estimate:
        """Return 1 / x: the ends change places. No end may be 0."""
        return Estimate(1 / self.high, 1 / self.value, 1 / self.low)


def around(value: float, low: float, high: float) -> Estimate:
    """Return an estimate of ends that were computed another way than its value.

    Rounding can put such an end on the wrong side of the value, by a digit of no meaning.
    """
    return Estimate(min(low, value), value, max(high, value))


def exactly(value: float) -> Estimate:
    """Return an estimate without a band, for what is known or counted."""
    return Estimate(value, value, value)


def largest(estimates: Sequence[Estimate]) -> Estimate:
    """Return the band of the largest of `estimates`: the largest low, value and high."""
    return Estimate(
        max(e.low for e in estimates),
        max(e.value for e in estimates),
        max(e.high for e in estimates),
    )


GRADES: Final = ("code", "notebook", "abstract", "second-hand", "derived", "memory", "measured")
"""How well a value is founded: read in public code; printed by Intel's benchmark notebook; from a
paper's abstract; from somebody's note on a paper; arithmetic on other values; not confirmed; on the
hardware itself by who gives the file, which is true of no installed one."""

SI_FACTORS: Final = {"pJ": 1e-12, "ns": 1e-9, "us": 1e-6, "mW": 1e-3}
"""From the units of cost rows to joules, seconds and watts."""


class Reading(NamedTuple):
    """What one source says of a row.

    Attributes:
        value: in the row's unit.
        source: where it comes from.
        grade: one of `GRADES`.
        set: the constant set that it belongs to, as "SANA-FE"; "" for none.
    """

    value: float
    source: str
    grade: str
    set: str = ""


@dataclass(frozen=True)
class Cost:
    """A limit, or what one event costs.

    Attributes:
        value: the value used.
        unit: a unit of `SI_FACTORS` for costs, the thing counted for limits.
        source: where `value` comes from.
        grade: one of `GRADES`.
        set: the constant set of `value`; "" for none.
        alternatives: what other sources say.
    """

    value: float
    unit: str
    source: str
    grade: str
    set: str = ""
    alternatives: tuple[Reading, ...] = ()

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What every source says; the first is the one used."""
        return (Reading(self.value, self.source, self.grade, self.set), *self.alternatives)

    @property
    def low(self) -> float:
        """The lowest value that a source gives."""
        return min(reading.value for reading in self.readings)

    @property
    def high(self) -> float:
        """The highest value that a source gives."""
        return max(reading.value for reading in self.readings)

    @property
    def si(self) -> Estimate:
        """The cost in joules, seconds or watts, from the lowest to the highest reading."""
        return Estimate(self.low, self.value, self.high) * SI_FACTORS[self.unit]

    def using(self, set_name: str) -> Cost:
        """Return the row with the reading of a constant set alone, or the one used without it."""
        of_set = (reading for reading in self.readings if reading.set == set_name)
        return replace(self, **next(of_set, self.readings[0])._asdict(), alternatives=())

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON values: as in the cost file, and its ends."""
        return {
            "low": self.low,
            "high": self.high,
            "unit": self.unit,
            **self.readings[0]._asdict(),
            "alternatives": [reading._asdict() for reading in self.alternatives],
        }
