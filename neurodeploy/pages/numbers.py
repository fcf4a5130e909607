"""Numbers as people read them: three digits, and the prefix that fits."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hw_sim.estimates.estimate import Estimate
from neurodeploy.pages import short

MICRO = "\N{MICRO SIGN}"


@dataclass(frozen=True)
class Scale:
    """The unit that fits a quantity, such as microjoules.

    Attributes:
        unit: its name, with the prefix.
        factor: from the SI unit to it.
    """

    unit: str
    factor: float

    def number(self, value: float) -> str:
        """Return a value in SI units as a number of this unit."""
        return number(value * self.factor)

    def amount(self, value: float) -> str:
        """Return the same with the unit."""
        return f"{self.number(value)} {self.unit}"

    def band(self, estimate: Estimate) -> str:
        """Return the ends of an estimate, "low to high", or "" where they are one."""
        low, high = self.number(estimate.low), self.number(estimate.high)
        return "" if low == high else f"{low} to {high}"


def scale(values: Iterable[float], unit: str) -> Scale:
    """Return the unit in which the largest of `values`, in SI units, is 1 or more, if any is."""
    fitting = short.prefix(values)
    return Scale(fitting.replace("u", MICRO) + unit, short.PREFIXES[fitting])


def number(value: float) -> str:
    """Return three significant digits without an exponent, as far as that can be read."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 99.95:
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.2e}"
    if abs(value) < 1e-4:
        return f"{value:.1e}"
    decimals = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    return f"{rounded:.{max(0, 2 - math.floor(math.log10(abs(rounded))))}f}"


def count(value: float) -> str:
    """Return a mean count: whole from 100 on, with one decimal below unless it is whole."""
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:,.1f}"
