"""What a network would take on each kind of chip, as tables in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rich.table import Table

from hw_sim.estimates.estimate import Estimate
from hw_sim.reports.estimated import Estimated
from hw_sim.reports.estimated_json import tiles_of
from hw_sim.reports.report import Report
from neurodeploy.pages import short
from neurodeploy.pages.terminal.chip_columns import Columns
from neurodeploy.pages.terminal.summary import keeps_up, pace_label, pace_power
from neurodeploy.pages.terminal.tables import add_numbers, plain

PARTS: Final = {
    "synaptic": "synaptic",
    "neurons": "neuron",
    "within tiles": "within_tiles",
    "over hops": "over_hops",
    "static": "static",
}
"""The parts of an energy in a word or two, and their names."""


def estimates(chips: Sequence[Estimated]) -> Table:
    """Return time and energy of a sample, and power, at both paces."""
    table = Table(title="Estimated, a sample: likely (low to high)", title_justify="left")
    columns = Columns(table, chips, lambda e: e.placement.chip.title)
    columns.words("neurocores", lambda e: f"{e.placement.neurocores:,}")
    columns.words("chips", lambda e: f"{e.placement.chips:,}")
    columns.heading("at full speed")
    columns.bands(
        "s",
        ("mean step", lambda e: e.latency.step_s),
        ("  busiest neurocore", lambda e: e.latency.busy_s),
        ("  longest way", lambda e: e.latency.way_s),
        ("  barrier", lambda e: e.latency.barrier_s),
        ("longest step", lambda e: e.latency.peak_step_s),
    )
    columns.bands("s", ("latency", lambda e: e.latency.sample_s))
    columns.bands("", ("samples a second", lambda e: e.latency.samples_per_s))
    parts = [("  " + words, _part(name)) for words, name in PARTS.items()]
    columns.bands("J", ("energy", lambda e: e.energy.total), *parts)
    columns.bands("W", ("power", lambda e: e.power.total))
    columns.bands("W", ("  static", lambda e: e.power.static))
    if any(each.pace is not None for each in chips):
        _add_pace(columns, pace_label(chips))
    return table


def _add_pace(columns: Columns[Estimated], label: str) -> None:
    columns.heading("at the sensor's pace")
    columns.words(label.partition(", ")[2], keeps_up)
    columns.bands("s", ("a sample", lambda e: e.pace.sample_s if e.pace else None))
    columns.bands("J", ("energy", lambda e: e.pace_energy.total if e.pace_energy else None))
    columns.bands("J", ("  dynamic", lambda e: e.pace_energy.dynamic if e.pace_energy else None))
    columns.bands("W", ("power", pace_power))
    columns.bands("W", ("  dynamic", lambda e: e.pace_power.dynamic if e.pace_power else None))


def _part(name: str) -> Callable[[Estimated], Estimate]:
    def read(each: Estimated) -> Estimate:
        found: Estimate = getattr(each.energy, name)
        return found

    return read


def load(chips: Sequence[Estimated]) -> Table:
    """Return the longest step beside the mean one, and what passes between cores and host."""
    table = Table(title="Load, a sample: mean and peak, numbered from 0", title_justify="left")
    columns = Columns(table, chips, lambda e: e.placement.chip.title)
    columns.words("longest step", _longest)
    columns.words("  its neurocore", lambda e: _core(e.workload.peak.neurocore, _peak_synops(e)))
    columns.words("mean step", lambda e: "")
    columns.words("  its neurocore", lambda e: _core(e.latency.busiest_core, _mean_synops(e)))
    columns.words("messages of spikes", lambda e: short.count(e.workload.traffic.messages))
    columns.words("  hops", _hops)
    columns.words("  between chips", lambda e: short.count(e.workload.traffic.between_chips))
    for label, exchange in (("host sends", "injected"), ("host reads", "read")):
        columns.words(label, _mean_of(exchange))
        columns.words("  at most in a step", _most_of(exchange))
    columns.words("  and v of neurons", _voltages)
    return table


def _voltages(each: Estimated) -> str | None:
    """Return of how many neurons the host reads v after the last step, None where of none."""
    return short.count(each.workload.voltages_read) if each.workload.voltages_read else None


def _longest(each: Estimated) -> str:
    return f"{each.workload.peak.step:,} of sample {each.workload.peak.sample:,}"


def _core(number: int, synops: str) -> str:
    return f"{number:,}: {synops} SynOps"


def _peak_synops(each: Estimated) -> str:
    return f"{each.workload.peak.synops:,}"


def _mean_synops(each: Estimated) -> str:
    core = each.workload.core_synops[each.latency.busiest_core] / each.workload.steps
    return short.number(float(core))


def _hops(each: Estimated) -> str:
    traffic = each.workload.traffic
    return short.count(traffic.east_west + traffic.north_south)


def _mean_of(exchange: str) -> Callable[[Estimated], str]:
    return lambda each: short.count(getattr(each.workload, exchange).per_sample)


def _most_of(exchange: str) -> Callable[[Estimated], str]:
    return lambda each: f"{getattr(each.workload, exchange).peak_step:,}"


def neurocores(report: Report) -> Table:
    """Return the neurocores of each layer, and what binds them."""
    table = Table(
        title="Estimated, neurocores of each layer, and the fullest one's neurons",
        title_justify="left",
    )
    for name in ("chip", "layer", "cores", "tiles", "chips", "neurons", "bound by", "full"):
        if name in ("chip", "bound by"):
            table.add_column(name, no_wrap=True)
        else:
            add_numbers(table, name)
    for name, each in report.estimated.items():
        for index, layer in enumerate(each.placement.layers):
            binding = layer.binding
            tiles, chips = tiles_of(each.placement, layer)
            table.add_row(
                plain(name),
                str(index),
                f"{layer.neurocores:,}",
                f"{tiles:,}",
                f"{chips:,}",
                f"{layer.neurons_per_core:,}",
                binding.name,
                short.share(binding.full),
            )
    return table


def constants(report: Report) -> Table:
    """Return the energy that each set of published constants alone leads to."""
    energies = [energy for each in report.estimated.values() for energy in each.energies.values()]
    prefix = short.prefix(energy.total.value for energy in energies)
    table = Table(
        title=f"Energy of a sample ({prefix}J) with the constants of one source alone",
        title_justify="left",
    )
    table.add_column("chip", no_wrap=True)
    table.add_column("constants", no_wrap=True)
    parts = {
        "SynOps": "synaptic", "neuron": "neuron", "tiles": "within_tiles", "hops": "over_hops",
        "dynamic": "dynamic", "static": "static",
    }  # fmt: skip
    for name in parts:
        add_numbers(table, name)
    for name, each in report.estimated.items():
        for source, energy in each.energies.items():
            cells = (short.likely(getattr(energy, part), prefix) for part in parts.values())
            table.add_row(plain(name), plain(source), *cells)
    return table
