"""Numbers and names as reports write them: SI prefixes, shares, the parts of an energy."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from neurodeploy.cli import number_of
from neurodeploy.hw_sim.chips import Cost, Estimate
from neurodeploy.hw_sim.estimates import Latency
from neurodeploy.hw_sim.placement import Placement
from neurodeploy.hw_sim.reports.estimated import Estimated
from neurodeploy.hw_sim.reports.report import Counted, Report

MICRO: Final = "\N{MICRO SIGN}"
PREFIXES: Final = {"": 1.0, "m": 1e3, MICRO: 1e6, "n": 1e9, "p": 1e12}
"""From large units to small, with the factor from the SI unit."""
THOUSANDS: Final = {"k": 1e3, "M": 1e6, "G": 1e9}
"""Behind numbers that are too long otherwise."""
LONG: Final = 1e4
"""From here on a number is so long."""


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


def scale(values: Iterable[float], unit: str) -> Scale:
    """Return the unit in which the largest of `values`, in SI units, is 1 or more, if any is."""
    largest = max(values, default=0.0)
    fitting = (name for name, factor in PREFIXES.items() if largest * factor >= 1)
    prefix = next(fitting, "" if largest == 0 else "p") if unit else ""
    return Scale(prefix + unit, PREFIXES[prefix])


def amount(value: float, unit: str) -> str:
    """Return a value in SI units with the unit that fits, "380 ms"."""
    return scale([value], unit).amount(value)


PARTS: Final = {
    "synaptic": "SynOps",
    "neuron": "neurons",
    "within_tiles": "messages",
    "over_hops": "hops",
    "static": "static",
}
"""The parts of an energy, by their names in `hw_sim.estimates`."""
SUPPLIES: Final = {"vdd": "supply VDD", "vdd_m": "supply VDDM", "vdd_io": "supply VDDIO"}
"""Parts of what is measured."""


def clean(text: str) -> str:
    """Return text without control characters, which neither a terminal, XML nor a page may hold."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)


def shorten(text: str, most: int = 18) -> str:
    """Return `text` in `most` characters or fewer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def classes(report: Report) -> tuple[str, ...]:
    """Return a name for each output."""
    network = report.network
    given = tuple(map(clean, network.task.class_names))
    return given if len(given) == network.outputs else tuple(map(str, range(network.outputs)))


def ran(counted: Counted) -> str:
    """Return how much ran."""
    return (
        f"{number_of(counted.num_samples, 'sample')} of {number_of(counted.num_steps, 'time step')}"
    )


def way(counted: Counted) -> str:
    """Return how long a spike is on its way through the network."""
    delays = ""
    if counted.max_delay_steps:
        delays = f", and delays add up to {number_of(counted.max_delay_steps, 'step')}"
    return (
        f"a spike takes {number_of(counted.propagation_steps, 'step')} through the layers{delays}"
    )


def pace(chips: Sequence[Estimated]) -> str:
    """Return what the pace of the sensor is, "" where none is known."""
    paces = [each.real_time for each in chips if each.real_time is not None]
    return f"{paces[0].dt_s * 1e3:.4g} ms steps" if paces else ""


def why_more(chips: Sequence[Estimated]) -> tuple[Estimated, Estimated] | None:
    """Return the chips of the most and the least energy where static power makes the difference.

    None for one chip, or where more than half of the difference has another reason.
    """
    ordered = sorted(chips, key=lambda each: each.energy.total.value)
    if len(ordered) < 2:
        return None
    least, most = ordered[0], ordered[-1]
    more = most.energy.total.value - least.energy.total.value
    static = most.energy.static.value - least.energy.static.value
    return (most, least) if more > 0 and static > more / 2 else None


def static_power(each: Estimated) -> Cost:
    """Return the row of the cost file that the static power of a chip rests on."""
    return each.placement.chip.costs["static_power"]


def why_more_briefly(chips: Sequence[Estimated]) -> str:
    """Return in a line why one chip shows more energy than another, "" where it has other
    reasons."""
    found = why_more(chips)
    if found is None:
        return ""
    each = (
        f"{amount(static_power(e).si.value, 'W')} ({source_name(static_power(e))})" for e in found
    )
    most, least = (e.placement.chip.name for e in found)
    return clean(f"More energy on {most} than on {least}: static power {' against '.join(each)}")


def source_name(row: Cost) -> str:
    """Return the name of a source, without where in it the value stands."""
    return min((row.source.partition(mark)[0] for mark in (",", ":")), key=len)


def keeps_up(each: Estimated) -> str | None:
    """Return whether the sensor's pace is kept, None without one."""
    if each.real_time is None:
        return None
    times = number(each.real_time.headroom.low)
    return f"kept, {times} times faster" if each.real_time.keeps_up else f"not kept, {times} of it"


def holds(reports: Sequence[Report]) -> str:
    """Return what holds from the earliest step on: accuracy where all have labels, else
    predictions."""
    found = [report.decisions for report in reports]
    labelled = all(each is not None and each.accuracy_by_step is not None for each in found)
    return "accuracy holds" if labelled else "predictions hold"


def busiest(latency: Latency) -> str:
    """Return which neurocore takes longest, and its share of the mean step."""
    of_step = latency.busiest_core_s / latency.step_s.value if latency.step_s.value else 0.0
    where = f"{latency.busiest_core:,}, layer {latency.busiest_layer}"
    return f"{where}: {share(of_step)} of step"


def on_chips(placement: Placement) -> str:
    """Return of how many neurocores those in use are, or on how many chips."""
    if placement.chips == 1:
        return f"of {placement.chip.limit('cores_per_chip'):,}"
    return f"on {number_of(placement.chips, 'chip')}"
