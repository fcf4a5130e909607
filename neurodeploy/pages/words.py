"""What the terminal, the page and its figures say in the same words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from neurodeploy.cli import number_of
from neurodeploy.hw_sim.estimates.latency import Latency
from neurodeploy.hw_sim.placement.place import Placement
from neurodeploy.hw_sim.reports.counted import Counted
from neurodeploy.hw_sim.reports.estimated import Estimated
from neurodeploy.hw_sim.reports.report import Report
from neurodeploy.pages import numbers

PARTS: Final = {
    "synaptic": "SynOps",
    "neuron": "neurons",
    "within_tiles": "messages",
    "over_hops": "hops",
    "static": "static",
}
"""The parts of an energy, by their names in `hw_sim.estimates.energy`."""
SUPPLIES: Final = {"vdd": "supply VDD", "vdd_m": "supply VDDM", "vdd_io": "supply VDDIO"}
"""Parts of what is measured."""


def clean(text: str) -> str:
    """Return text without control characters, which neither a terminal, XML nor a page may hold."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)


def classes(report: Report) -> tuple[str, ...]:
    """Return a name for each output."""
    network = report.network
    given = tuple(map(clean, network.task.class_names))
    return given if len(given) == network.outputs else tuple(map(str, range(network.outputs)))


def ran(counted: Counted) -> str:
    """Return how much ran."""
    return f"{number_of(counted.samples, 'sample')} of {number_of(counted.steps, 'time step')}"


def way(counted: Counted) -> str:
    """Return how long a spike is on its way through the network."""
    delays = ""
    if counted.delay_steps:
        delays = f", and delays add up to {number_of(counted.delay_steps, 'step')}"
    return f"a spike takes {number_of(counted.way_steps, 'step')} through the layers{delays}"


def pace(chips: Sequence[Estimated]) -> str:
    """Return what the pace of the sensor is, "" where none is known."""
    paces = [each.pace for each in chips if each.pace is not None]
    return f"{paces[0].dt_s * 1e3:.4g} ms steps" if paces else ""


def keeps_up(each: Estimated) -> str | None:
    """Return whether the sensor's pace is kept, None without one."""
    if each.pace is None:
        return None
    times = numbers.number(each.pace.headroom.low)
    return f"kept, {times} times faster" if each.pace.keeps_up else f"not kept, {times} of it"


def holds(reports: Sequence[Report]) -> str:
    """Return what holds from the earliest step on: accuracy where all have labels, else answers."""
    found = [report.decisions for report in reports]
    labelled = all(each is not None and each.accuracy_by_step is not None for each in found)
    return "accuracy holds" if labelled else "answers hold"


def busiest(latency: Latency) -> str:
    """Return which neurocore takes longest, and its share of the mean step."""
    of_step = latency.busiest_core_s / latency.step_s.value if latency.step_s.value else 0.0
    where = f"{latency.busiest_core:,}, layer {latency.busiest_layer}"
    return f"{where}: {numbers.share(of_step)} of step"


def on_chips(placement: Placement) -> str:
    """Return of how many neurocores those in use are, or on how many chips."""
    if placement.chips == 1:
        return f"of {placement.chip.limit('cores_per_chip'):,}"
    return f"on {number_of(placement.chips, 'chip')}"
