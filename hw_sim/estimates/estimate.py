"""A quantity that is estimated, with the band it may lie in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
