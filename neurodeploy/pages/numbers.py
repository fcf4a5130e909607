"""Numbers as people read them, in a terminal and on a page: three digits, and the unit that fits.

A page writes "\N{MICRO SIGN}J" where a terminal, which may not know the sign, writes "uJ".
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from neurodeploy.hw_sim.estimates.estimate import Estimate

PREFIXES: Final = {"": 1.0, "m": 1e3, "u": 1e6, "n": 1e9, "p": 1e12}
"""From large units to small, with the factor from the SI unit."""
THOUSANDS: Final = {"k": 1e3, "M": 1e6, "G": 1e9}
"""Behind numbers that are too long otherwise."""
LONG: Final = 1e4
"""From here on a number is so long."""
MICRO: Final = "\N{MICRO SIGN}"


def number(value: float) -> str:
    """Return three significant digits without an exponent, "12.3k" for a long number.

    Below a thousandth there are four decimals, and less than the last of them is said to be less.
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if value < 0:
        return f"-{number(-value)}"
    if value < 1e-3:
        return f"{value:.4f}" if value >= 5e-5 else "<0.0001"
    if value >= 1e12:
        return f"{value:.2e}"
    rounded = float(f"{value:.2e}")
    if rounded < LONG:
        return f"{value:,.0f}" if rounded >= 1e3 else _three(rounded)
    suffix = max((name for name, of in THOUSANDS.items() if rounded >= of), key=THOUSANDS.get)  # type: ignore[arg-type]
    return _three(rounded / THOUSANDS[suffix]) + suffix


def _three(rounded: float) -> str:
    """Return a number below 1000 in three significant digits."""
    return f"{rounded:,.{max(0, 2 - math.floor(math.log10(rounded)))}f}"


def count(value: float) -> str:
    """Return a mean count: whole from 100 on, with a decimal below unless it is whole."""
    if value >= 1e6:
        return number(value)
    if value >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.95 else f"{value:.2g}"


def share(value: float) -> str:
    """Return a fraction in per cent, with a decimal below 10 unless it is 0."""
    return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.1%}"


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
        return f"{self.number(value)} {self.unit}".rstrip()

    def ends(self, estimate: Estimate) -> str:
        """Return the ends of an estimate, "low to high", or "" where they are one."""
        low, high = self.number(estimate.low), self.number(estimate.high)
        return "" if low == high else f"{low} to {high}"

    def band(self, estimate: Estimate) -> str:
        """Return the value and its ends, "2 (1 to 3)"; the value alone where all are one."""
        value, ends = self.number(estimate.value), self.ends(estimate)
        return f"{value} ({ends})" if ends else value


def scale(values: Iterable[float], unit: str, micro: str = "u") -> Scale:
    """Return the unit in which the largest of `values`, in SI units, is 1 or more, if any is."""
    largest = max(values, default=0.0)
    fitting = (name for name, factor in PREFIXES.items() if largest * factor >= 1)
    prefix = next(fitting, "" if largest == 0 else "p") if unit else ""
    return Scale(prefix.replace("u", micro) + unit, PREFIXES[prefix])


def amount(value: float, unit: str, micro: str = "u") -> str:
    """Return a value in SI units with the unit that fits, "380 us"."""
    return scale([value], unit, micro).amount(value)


def printed(value: float, unit: str) -> str:
    """Return the same as a page has it."""
    return amount(value, unit, MICRO)
