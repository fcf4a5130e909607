"""Numbers in few characters, for tables in a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hw_sim.estimates.estimate import Estimate

PREFIXES: Final = {"": 1.0, "m": 1e3, "u": 1e6, "n": 1e9, "p": 1e12}
"""From large units to small, with the factor from the SI unit; plain letters for any terminal."""


def number(value: float) -> str:
    """Return two or three significant digits without an exponent, which nobody reads with ease.

    Below a thousandth there are four decimals, and less than the last of them is said to be less.
    """
    if 0 < value < 1e-3:
        return f"{value:.4f}" if value >= 5e-5 else "<0.0001"
    if value >= 1e4:
        return f"{value / 1e3:,.0f}k" if value >= 1e5 else f"{value / 1e3:.1f}k"
    return f"{value:,.0f}" if value >= 100 else f"{value:.{3 if value >= 0.1 else 2}g}"


def count(value: float) -> str:
    """Return a mean count in seven characters or fewer up to thousands of millions."""
    if value >= 1e6:
        return f"{value / 1e6:,.1f}M" if value >= 1e8 else f"{value / 1e6:.3g}M"
    return f"{value:,.0f}" if isinstance(value, int) or value >= 1e5 else f"{value:,.1f}"


def share(value: float) -> str:
    """Return a fraction in per cent, with a decimal below 10 unless it is 0."""
    return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.1%}"


def prefix(values: Iterable[float]) -> str:
    """Return the prefix of the unit in which the largest of `values`, in SI units, is 1 or more."""
    largest = max(values, default=0.0)
    fitting = (name for name, factor in PREFIXES.items() if largest * factor >= 1)
    return next(fitting, "" if largest == 0 else "p")


def band(estimate: Estimate, unit_prefix: str = "") -> str:
    """Return the value and its ends, "2 (1 to 3)"; the value alone where all are one."""
    ends = (estimate.value, estimate.low, estimate.high)
    value, low, high = (number(end * PREFIXES[unit_prefix]) for end in ends)
    return value if low == high else f"{value} ({low} to {high})"


def likely(estimate: Estimate, unit_prefix: str = "") -> str:
    """Return the value alone."""
    return number(estimate.value * PREFIXES[unit_prefix])


def amount(value: float, unit: str) -> str:
    """Return a value in SI units with the unit that fits, "0.38 ms"."""
    fitting = prefix([value])
    return f"{number(value * PREFIXES[fitting])} {fitting}{unit}"
