"""Numbers, units and names as terminal, page, notebook and figures write them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from neurodeploy.cli import number_of
from neurodeploy.hw_sim.chips import Cost, Estimate
from neurodeploy.hw_sim.estimated import Estimated
from neurodeploy.hw_sim.placement import Placement
from neurodeploy.running.report import Report
from neurodeploy.running.report_json import Counted

MICRO: Final = "\N{MICRO SIGN}"
PREFIXES: Final = {"": 1.0, "m": 1e3, MICRO: 1e6, "n": 1e9, "p": 1e12}
"""From large units to small, with the factor from the SI unit."""
THOUSANDS: Final = {"k": 1e3, "M": 1e6, "G": 1e9}
"""Suffixes of long numbers."""
LONG: Final = 1e4
"""Numbers from here on have a suffix."""
PARTS: Final = {
    "synaptic": "SynOps",
    "neuron": "neurons",
    "within_tiles": "messages",
    "over_hops": "hops",
    "static": "static",
}
"""The parts of an energy, by their names in `hw_sim.estimates`."""


def number(value: float) -> str:
    """Return three significant digits without an exponent, "12.3k" for a long number.

    Below a thousandth there are four decimals, and "<0.0001" for less than the last of them.
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
    if 1e3 <= rounded < LONG:
        return f"{value:,.0f}"
    suffix, factor = "", 1.0
    if rounded >= LONG:
        suffix, factor = max((s for s in THOUSANDS.items() if s[1] <= rounded), key=lambda s: s[1])
    rounded /= factor
    return f"{rounded:,.{max(0, 2 - math.floor(math.log10(rounded)))}f}{suffix}"


def count(value: float) -> str:
    """Return a mean count: whole from 100 on, with a decimal below unless it is whole."""
    if value >= 1e6:
        return number(value)
    if value >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.95 else f"{value:.2g}"


def share(value: float) -> str:
    """Return a fraction in percent, with a decimal below 10 unless it is 0."""
    return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.1%}"


@dataclass(frozen=True)
class Scale:
    """A unit that fits a quantity, such as microjoules.

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


def scale(values: Iterable[float], unit: str) -> Scale:
    """Return the unit in which the largest of `values`, in SI units, is 1 or more, if any is.

    Libraries choose a prefix for each value; a column or a group of rows needs one for all.
    """
    largest = max(values, default=0.0)
    fitting = (name for name, factor in PREFIXES.items() if largest * factor >= 1)
    prefix = next(fitting, "" if largest == 0 else "p") if unit else ""
    return Scale(prefix + unit, PREFIXES[prefix])


def amount(value: float, unit: str) -> str:
    """Return a value in SI units with the unit that fits, "380 ms"."""
    return scale([value], unit).amount(value)


def clean(text: object) -> str:
    """Return text without control characters, which terminals, XML and pages must not get."""
    return "".join(
        "\ufffd" if unicodedata.category(each) in ("Cc", "Cs") else each for each in str(text)
    )


def shorten(text: str, most: int = 18) -> str:
    """Return `text` in `most` characters or fewer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shape_text(shape: Iterable[int]) -> str:
    """Return a shape, "2x34x34"."""
    return "x".join(map(str, shape))


# Names in a report


def chips(report: Report) -> list[tuple[str, Estimated]]:
    """Return the title of each chip, and what is estimated for it."""
    return [(clean(each.placement.chip.title), each) for each in report.estimated.values()]


def classes(report: Report) -> tuple[str, ...]:
    """Return a name for each output."""
    names, outputs = tuple(map(clean, report.network.task.class_names)), report.network.outputs
    return names if len(names) == outputs else tuple(map(str, range(outputs)))


def ran(counted: Counted) -> str:
    """Return how many samples ran, and how long they are."""
    return (
        f"{number_of(counted.num_samples, 'sample')} of {number_of(counted.num_steps, 'time step')}"
    )


def pace(some: Sequence[Estimated]) -> str:
    """Return the time step of the sensor, "" where it is unknown."""
    return next(
        (f"{e.real_time.dt_s * 1e3:.4g} ms steps" for e in some if e.real_time is not None), ""
    )


def settles(reports: Sequence[Report]) -> str:
    """Return what settles at the earliest step: accuracy with labels, predictions without."""
    found = [report.decisions for report in reports]
    labelled = all(each is not None and each.accuracy_by_step is not None for each in found)
    return "accuracy settles" if labelled else "predictions settle"


def on_chips(placement: Placement) -> str:
    """Return of how many neurocores those in use are, or on how many chips."""
    if placement.chips == 1:
        return f"of {placement.chip.limit('cores_per_chip'):,}"
    return f"on {number_of(placement.chips, 'chip')}"


def why_more(some: Sequence[Estimated]) -> tuple[Estimated, Estimated] | None:
    """Return the chips of the most and the least energy where static power makes the difference.

    None for one chip, or where more than half of the difference has another reason.
    """
    ordered = sorted(some, key=lambda each: each.energy.total.value)
    if len(ordered) < 2:
        return None
    least, most = ordered[0], ordered[-1]
    more = most.energy.total.value - least.energy.total.value
    static = most.energy.static.value - least.energy.static.value
    return (most, least) if more > 0 and static > more / 2 else None


def static_power(each: Estimated) -> Cost:
    """Return the row of the cost file with the static power of a chip."""
    return each.placement.chip.costs["static_power"]


def source_name(row: Cost) -> str:
    """Return the name of a source, without where in it the value stands."""
    return min((row.source.partition(mark)[0] for mark in (",", ":")), key=len)
