"""What a report says of each kind of chip, row by row: the terminal and the page show the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from neurodeploy.hw_sim.estimates.energy import ROWS
from neurodeploy.hw_sim.estimates.estimate import Estimate
from neurodeploy.hw_sim.reports.estimated import Decision, Estimated
from neurodeploy.pages import numbers, words

Value: TypeAlias = "Estimate | str | None"


@dataclass(frozen=True)
class Row:
    """One row of a table with a column a chip.

    Attributes:
        label: what it is of; two spaces before it stand for a part of what is above.
        read: its value, an `Estimate` in SI units or a text; None where there is none.
        unit: of the estimate, "" for a bare number.
        rests_on: rows of the cost file that it rests on, in words.
    """

    label: str
    read: Callable[[Estimated], Value]
    unit: str = ""
    rests_on: str = ""


Group: TypeAlias = tuple[Row, ...]
"""Rows that may share a unit."""


def _part(name: str) -> Row:
    rows = ", ".join(ROWS[name]).replace("_", " ")
    return Row(f"  {words.PARTS[name]}", lambda e: getattr(e.energy, name), "J", rows)


SIZE: Final[tuple[Group, ...]] = (
    (Row("neurocores", lambda e: f"{e.placement.neurocores:,}"),),
    (Row("chips", lambda e: f"{e.placement.chips:,}"),),
)

TIME: Final[tuple[Group, ...]] = (
    (
        Row("mean step", lambda e: e.latency.step_s, "s"),
        Row("  busiest core", lambda e: e.latency.busy_s, "s"),
        Row("  longest way", lambda e: e.latency.way_s, "s"),
        Row("  barrier", lambda e: e.latency.barrier_s, "s"),
        Row("longest step", lambda e: e.latency.peak_step_s, "s"),
    ),
    (Row("latency", lambda e: e.latency.sample_s, "s"),),
    (Row("samples a second", lambda e: e.latency.samples_per_s),),
)
"""At full speed."""

ENERGY: Final[tuple[Group, ...]] = (
    (Row("energy", lambda e: e.energy.total, "J"), *map(_part, words.PARTS)),
    (Row("  dynamic", lambda e: e.energy.dynamic, "J"),),
    (Row("power", lambda e: e.power.total, "W"),),
    (Row("  static", lambda e: e.power.static, "W"),),
)
"""At full speed."""

PACE_TIME: Final[tuple[Group, ...]] = (
    (Row("real time", words.keeps_up),),
    (Row("a sample", lambda e: e.pace.sample_s if e.pace else None, "s"),),
)
PACE_ENERGY: Final[tuple[Group, ...]] = (
    (Row("energy", lambda e: e.pace_energy.total if e.pace_energy else None, "J"),),
    (Row("  dynamic", lambda e: e.pace_energy.dynamic if e.pace_energy else None, "J"),),
    (Row("power", lambda e: e.pace_power.total if e.pace_power else None, "W"),),
    (Row("  dynamic", lambda e: e.pace_power.dynamic if e.pace_power else None, "W"),),
)
"""At the sensor's pace."""


def _decided(read: Callable[[Decision], Value]) -> Callable[[Estimated], Value]:
    return lambda each: None if each.decision is None else read(each.decision)


DECISION: Final[tuple[Group, ...]] = (
    (Row("steps", _decided(lambda d: f"{d.steps:,}")),),
    (Row("at full speed", _decided(lambda d: d.latency_s), "s"),),
    (Row("  energy", _decided(lambda d: d.energy.total), "J"),),
    (Row("in real time", _decided(lambda d: d.pace_s), "s"),),
    (Row("  energy", _decided(lambda d: d.pace_energy.total if d.pace_energy else None), "J"),),
)
"""Until the answers hold."""


def _longest(each: Estimated) -> str:
    peak = each.workload.peak
    return f"{peak.step:,} of sample {peak.sample:,}"


def _peak_core(each: Estimated) -> str:
    peak = each.workload.peak
    return f"{peak.neurocore:,}: {peak.synops:,} SynOps"


def _mean_core(each: Estimated) -> str:
    core = each.latency.busiest_core
    synops = float(each.workload.core_synops[core]) / each.workload.steps
    return f"{core:,}: {numbers.count(synops)} SynOps"


def _hops(each: Estimated) -> str:
    traffic = each.workload.traffic
    return numbers.count(traffic.east_west + traffic.north_south)


def _voltages(each: Estimated) -> str | None:
    """Return of how many neurons the host reads v after the last step, None where of none."""
    return numbers.count(each.workload.voltages_read) if each.workload.voltages_read else None


def _exchange(label: str, name: str) -> tuple[Group, ...]:
    mean = Row(label, lambda e: numbers.count(getattr(e.workload, name).per_sample))
    most = Row("  at most in a step", lambda e: f"{getattr(e.workload, name).peak_step:,}")
    return (mean,), (most,)


LOAD: Final[tuple[Group, ...]] = (
    (Row("longest step", _longest),),
    (Row("  its neurocore", _peak_core),),
    (Row("mean step, neurocore", _mean_core),),
    (Row("messages of spikes", lambda e: numbers.count(e.workload.traffic.messages)),),
    (Row("  hops", _hops),),
    (Row("  between chips", lambda e: numbers.count(e.workload.traffic.between_chips)),),
    *_exchange("host sends", "injected"),
    *_exchange("host reads", "read"),
    (Row("  and v of neurons", _voltages),),
)
"""The longest step beside the mean one, and what passes between neurocores and host."""
