"""Format numbers, units and names for terminal, page, notebook and figures."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from neurodeploy.hw_sim.chips import Cost, Estimate
from neurodeploy.hw_sim.estimated import Estimated
from neurodeploy.hw_sim.placement import Placement
from neurodeploy.models.display import number_of
from neurodeploy.report.parts import Counted
from neurodeploy.report.report_data import ReportData

MICRO: Final = "\N{MICRO SIGN}"
PREFIXES: Final = {"": 1.0, "m": 1e3, MICRO: 1e6, "n": 1e9, "p": 1e12}
"""Factor from the SI unit to each prefix, from large units to small."""
THOUSANDS: Final = {"k": 1e3, "M": 1e6, "G": 1e9}
"""Suffixes of large numbers."""
LONG: Final = 1e4
"""Smallest number with a suffix."""
PARTS: Final = {
    "synaptic": "SynOps",
    "neuron": "neurons",
    "within_tiles": "messages",
    "over_hops": "hops",
    "static": "static",
}
"""Labels of the parts of an energy, by their names in `hw_sim.estimates`."""


def number(value: float) -> str:
    """Format a number with three significant digits, such as "0.123" or "12.3k".

    Numbers below 0.001 have four decimals, or become "<0.0001". Numbers from 1e12 have an exponent.
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
    """Format a mean count: whole numbers from 100 on, such as "1.23M" from a million on."""
    if value >= 1e6:
        return number(value)
    if value >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.95 else f"{value:.2g}"


def share(value: float) -> str:
    """Format a fraction in percent, with one decimal between 0 and 10%."""
    return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.1%}"


@dataclass(frozen=True)
class Scale:
    """Unit of a quantity, such as microjoules.

    Attributes:
        unit: name of the unit, with its prefix.
        factor: factor from the SI unit to this unit.
    """

    unit: str
    factor: float

    def number(self, value: float) -> str:
        """Format a value in SI units as a number in this unit."""
        return number(value * self.factor)

    def amount(self, value: float) -> str:
        """Format a value in SI units as a number with this unit."""
        return f"{self.number(value)} {self.unit}".rstrip()

    def ends(self, estimate: Estimate) -> str:
        """Format the range of an estimate as "low to high", or "" if both are equal."""
        low, high = self.number(estimate.low), self.number(estimate.high)
        return "" if low == high else f"{low} to {high}"


def scale(values: Iterable[float], unit: str) -> Scale:
    """Return the largest unit in which the largest of `values`, in SI units, is at least 1.

    Libraries choose a prefix per value; a column or a group of rows needs one prefix for all.
    """
    largest = max(values, default=0.0)
    fitting = (name for name, factor in PREFIXES.items() if largest * factor >= 1)
    prefix = next(fitting, "" if largest == 0 else "p") if unit else ""
    return Scale(prefix + unit, PREFIXES[prefix])


def amount(value: float, unit: str) -> str:
    """Format a value in SI units with the unit that fits, such as "380 ms"."""
    return scale([value], unit).amount(value)


def clean(text: object) -> str:
    """Replace control characters, which are unsafe in terminals, XML and pages."""
    return "".join(
        "\ufffd" if unicodedata.category(each) in ("Cc", "Cs") else each for each in str(text)
    )


def shorten(text: str, most: int = 18) -> str:
    """Truncate `text` to at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shape_text(shape: Iterable[int]) -> str:
    """Format a shape, such as "2x34x34"."""
    return "x".join(map(str, shape))


# Names in a report


def chips(report: ReportData) -> list[tuple[str, Estimated]]:
    """Return the title and the estimates of each chip."""
    return [(clean(each.placement.chip.title), each) for each in report.estimated.values()]


def classes(report: ReportData) -> tuple[str, ...]:
    """Return a name for each output: its class, or its index if the classes are unknown."""
    names, outputs = tuple(map(clean, report.network.task.class_names)), report.network.outputs
    return names if len(names) == outputs else tuple(map(str, range(outputs)))


def ran(counted: Counted) -> str:
    """Return the number of samples and of time steps per sample, in words."""
    return (
        f"{number_of(counted.num_samples, 'sample')} of {number_of(counted.num_steps, 'time step')}"
    )


def pace(some: Sequence[Estimated]) -> str:
    """Return the time step of the sensor in words, or "" if it is unknown."""
    return next(
        (f"{e.real_time.dt_s * 1e3:.4g} ms steps" for e in some if e.real_time is not None), ""
    )


def settles(reports: Sequence[ReportData]) -> str:
    """Return "accuracy settles" if all reports have labels, else "predictions settle"."""
    found = [report.decisions for report in reports]
    labelled = all(each is not None and each.accuracy_by_step is not None for each in found)
    return "accuracy settles" if labelled else "predictions settle"


def on_chips(placement: Placement) -> str:
    """Return the number of neurocores on the chip ("of 128"), or of chips ("on 2 chips")."""
    if placement.chips == 1:
        return f"of {placement.chip.limit('cores_per_chip'):,}"
    return f"on {number_of(placement.chips, 'chip')}"


def copies(some: Sequence[Estimated]) -> list[str]:
    """Return a sentence for each kind of chip that holds several copies of the network."""
    return [
        f"{each.placement.chip.title}: {each.placement.copies_in_words}. Values are those of one "
        f"sample of one copy; a step waits for the slowest of {each.placement.total_copies:,} "
        + ("copies, and they share the static power." if each.placement.copies > 1 else "copies.")
        for each in some
        if each.placement.total_copies > 1
    ]


def why_more(some: Sequence[Estimated]) -> tuple[Estimated, Estimated] | None:
    """Return the chips with the highest and the lowest energy if static power explains the gap.

    Return None for a single chip, or if static power is half of the difference or less.
    """
    ordered = sorted(some, key=lambda each: each.energy.total.value)
    if len(ordered) < 2:
        return None
    least, most = ordered[0], ordered[-1]
    more = most.energy.total.value - least.energy.total.value
    static = most.energy.static.value - least.energy.static.value
    return (most, least) if more > 0 and static > more / 2 else None


def static_power(each: Estimated) -> Cost:
    """Return the cost file row of a chip's static power."""
    return each.placement.chip.costs["static_power"]


def source_name(row: Cost) -> str:
    """Return the name of a source without the location of the value in it."""
    return min((row.source.partition(mark)[0] for mark in (",", ":")), key=len)
