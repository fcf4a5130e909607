"""Tables with a column per chip, which terminal, page and notebook show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from neurodeploy.cli import number_of
from neurodeploy.hw_sim.chips import Estimate
from neurodeploy.hw_sim.estimates import Energy
from neurodeploy.hw_sim.reports.estimated import Decision, Estimated
from neurodeploy.hw_sim.reports.report import Report
from neurodeploy.pages import wording
from neurodeploy.pages.listings import NONE, Listing
from neurodeploy.pages.wording import clean

Value: TypeAlias = "Estimate | str | None"


@dataclass(frozen=True)
class Row:
    """One row of a table with a column a chip.

    Attributes:
        label: what it is of; two spaces before it stand for a part of what is above.
        read: its value, an `Estimate` in SI units or a text; None where there is none.
        unit: of the estimate, "" for a bare number.
    """

    label: str
    read: Callable[[Estimated], Value]
    unit: str = ""


Group: TypeAlias = tuple[Row, ...]
"""Rows that may share a unit."""


def _part(name: str) -> Row:
    return Row(f"  {wording.PARTS[name]}", lambda e: getattr(e.energy, name), "J")


SMALL: Final = 0.01
"""Of the unit that rows share: below it a row has a unit of its own."""


def table(
    chips: Sequence[Estimated], title: str, parts: Iterable[tuple[str, Iterable[Group]]]
) -> Listing:
    """Return a table with a column per chip.

    Args:
        chips: the columns.
        title: of the table.
        parts: a heading, "" for none, and the groups of rows below it.
    """
    rows: list[tuple[str, ...]] = []
    for heading, groups in parts:
        found = [row for group in groups for row in _rows(group, chips)]
        rows += [(heading,)] if heading and found else []
        rows += found
    head = ("", *(clean(each.placement.chip.title) for each in chips))
    return Listing(title, head, tuple(rows))


def _rows(group: Group, chips: Sequence[Estimated]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a group: estimates in the one unit that fits the largest of them.

    A row too small for it has a unit of its own. A label names the unit, except where it stands for
    a part of what is above and shares that one's unit. Rows that no chip has a value for are left
    out.
    """
    found = [(row, [row.read(each) for each in chips]) for row in group]
    shared = wording.scale(_values(v for _, values in found for v in values), group[0].unit)
    for place, (row, values) in enumerate(found):
        if all(value is None for value in values):
            continue
        largest = max(_values(values), default=0.0)
        small = 0 < largest * shared.factor < SMALL
        scale = wording.scale([largest], row.unit) if small else shared
        named = row.unit and (small or not (place and row.label.startswith(" ")))
        yield (f"{row.label} ({scale.unit})" if named else row.label, *_cells(values, scale))


def _values(values: Iterable[Value]) -> Iterator[float]:
    return (value.value for value in values if isinstance(value, Estimate))


def _cells(values: Iterable[Value], scale: wording.Scale) -> Iterator[str]:
    for value in values:
        yield scale.band(value) if isinstance(value, Estimate) else value or NONE


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
    (Row("samples per second", lambda e: e.latency.samples_per_s),),
)
"""At full speed."""

ENERGY: Final[tuple[Group, ...]] = (
    (Row("energy per sample", lambda e: e.energy.total, "J"), *map(_part, wording.PARTS)),
    (Row("  dynamic", lambda e: e.energy.dynamic, "J"),),
    (Row("power", lambda e: e.power.total, "W"),),
    (Row("  static", lambda e: e.power.static, "W"),),
)
"""At full speed."""

PACE_TIME: Final[tuple[Group, ...]] = (
    (Row("real time", wording.keeps_up),),
    (Row("time per sample", lambda e: e.real_time.sample_s if e.real_time else None, "s"),),
)
PACE_ENERGY: Final[tuple[Group, ...]] = (
    (
        Row(
            "energy per sample",
            lambda e: e.real_time_energy.total if e.real_time_energy else None,
            "J",
        ),
    ),
    (Row("  dynamic", lambda e: e.real_time_energy.dynamic if e.real_time_energy else None, "J"),),
    (Row("power", lambda e: e.real_time_power.total if e.real_time_power else None, "W"),),
    (Row("  dynamic", lambda e: e.real_time_power.dynamic if e.real_time_power else None, "W"),),
)
"""At the sensor's pace."""


def _decided(read: Callable[[Decision], Value]) -> Callable[[Estimated], Value]:
    return lambda each: None if each.decision is None else read(each.decision)


DECISION: Final[tuple[Group, ...]] = (
    (Row("steps", _decided(lambda d: f"{d.num_steps:,}")),),
    (Row("at full speed", _decided(lambda d: d.latency_s), "s"),),
    (Row("  energy", _decided(lambda d: d.energy.total), "J"),),
    (Row("in real time", _decided(lambda d: d.real_time_s), "s"),),
    (
        Row(
            "  energy",
            _decided(lambda d: d.real_time_energy.total if d.real_time_energy else None),
            "J",
        ),
    ),
)
"""Until the predictions hold."""


def _longest(each: Estimated) -> str:
    peak = each.workload.peak
    return f"{peak.step:,} of sample {peak.sample:,}"


def _peak_core(each: Estimated) -> str:
    peak = each.workload.peak
    return f"{peak.neurocore:,}: {peak.synops:,} SynOps"


def _mean_core(each: Estimated) -> str:
    core = each.latency.busiest_core
    synops = float(each.workload.core_synops[core]) / each.workload.steps
    return f"{core:,}: {wording.count(synops)} SynOps"


def _hops(each: Estimated) -> str:
    traffic = each.workload.traffic
    return wording.count(traffic.east_west + traffic.north_south)


def _voltages(each: Estimated) -> str | None:
    """Return of how many neurons the host reads v after the last step, None where of none."""
    return wording.count(each.workload.voltages_read) if each.workload.voltages_read else None


def _exchange(label: str, name: str) -> tuple[Group, ...]:
    mean = Row(label, lambda e: wording.count(getattr(e.workload, name).per_sample))
    most = Row("  at most per step", lambda e: f"{getattr(e.workload, name).peak_step:,}")
    return (mean,), (most,)


LOAD: Final[tuple[Group, ...]] = (
    (Row("longest step", _longest),),
    (Row("  its neurocore", _peak_core),),
    (Row("mean step, neurocore", _mean_core),),
    (Row("messages of spikes", lambda e: wording.count(e.workload.traffic.messages)),),
    (Row("  hops", _hops),),
    (Row("  between chips", lambda e: wording.count(e.workload.traffic.between_chips)),),
    *_exchange("host sends", "injected"),
    *_exchange("host reads", "read"),
    (Row("  and v of neurons", _voltages),),
)
"""The longest step beside the mean one, and what passes between neurocores and host."""


FAST: Final = ("at full speed", TIME + ENERGY)


def estimates(report: Report, chips: Sequence[Estimated]) -> Listing:
    """Return time, energy and power of the mean sample and until the predictions hold."""
    pace = f"sensor's {wording.pace(chips)}"
    until = f"until {wording.holds([report])}"
    parts = [("", SIZE), FAST, (pace, PACE_TIME + PACE_ENERGY), (until, DECISION)]
    return table(chips, "Estimated, per sample: likely (low to high)", parts)


def load(chips: Sequence[Estimated]) -> Listing:
    """Return the longest step beside the mean one, and what passes between cores and host."""
    return table(chips, "Load, per sample: mean and peak, numbered from 0", [("", LOAD)])


def first_screen(report: Report, chips: Sequence[Estimated]) -> Listing:
    """Return what matters most of each chip, as the first screen of a terminal shows it."""
    groups: tuple[Group, ...] = (
        (Row("neurocores", _neurocores),),
        (Row("fullest layer", _fullest),),
        (Row("energy per sample", lambda e: e.energy.total, "J"),),
        (Row("  without static", lambda e: e.energy.dynamic, "J"),),
        (Row("  largest parts", _largest_parts),),
        (Row("latency", lambda e: e.latency.sample_s, "s"),),
        (Row("  busiest neurocore", lambda e: wording.busiest(e.latency)),),
        (Row(f"real time, {wording.pace(chips)}", wording.keeps_up),),
        (
            Row(
                "  power then",
                lambda e: e.real_time_power.total if e.real_time_power else None,
                "W",
            ),
        ),
        (Row(f"{wording.holds([report])} after", _steps_and_cost),),
        (Row("  in real time", _decided(lambda d: _cost(d.real_time_s, d.real_time_energy))),),
    )
    return table(chips, "likely (low to high)", [("", groups)])


def _neurocores(each: Estimated) -> str:
    if each.problems:
        return "does not fit, see below"
    return f"{each.placement.neurocores:,} {wording.on_chips(each.placement)}"


def _fullest(each: Estimated) -> str:
    layers = each.placement.layers
    index = max(range(len(layers)), key=lambda i: layers[i].fullest.full)
    fullest = layers[index].fullest
    return f"{index}: {fullest.name} {wording.share(fullest.full)}"


def _largest_parts(each: Estimated) -> str | None:
    """Return the shares of the static part and of the largest other one, the larger first."""
    total = each.energy.total.value
    if not total:
        return None
    shares = {name: getattr(each.energy, name).value / total for name in wording.PARTS}
    other = max((name for name in shares if name != "static"), key=shares.__getitem__)
    both = sorted(("static", other), key=shares.__getitem__, reverse=True)
    return ", ".join(f"{wording.PARTS[name]} {wording.share(shares[name])}" for name in both)


def _steps_and_cost(each: Estimated) -> str | None:
    found = each.decision
    if found is None:
        return None
    return f"{number_of(found.num_steps, 'step')}: {_cost(found.latency_s, found.energy)}"


def _cost(time: Estimate | None, energy: Energy | None) -> str | None:
    if time is None or energy is None:
        return None
    return f"{wording.amount(time.value, 's')}, {wording.amount(energy.total.value, 'J')}"
