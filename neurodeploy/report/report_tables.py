"""Tables of a report, shared by terminal, page and notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields as fields_of
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np

from neurodeploy.hw_sim.activity import Breakdown
from neurodeploy.hw_sim.chips import Estimate, exactly
from neurodeploy.hw_sim.confidence import QUANTITIES
from neurodeploy.hw_sim.conventional import Conventional
from neurodeploy.hw_sim.decisions import Decisions
from neurodeploy.hw_sim.estimated import Decision, Estimated, decide
from neurodeploy.hw_sim.estimates import Energy
from neurodeploy.hw_sim.readout import Score
from neurodeploy.hw_sim.timing import LABELS
from neurodeploy.models.display import number_of
from neurodeploy.report import wording
from neurodeploy.report.report_data import ReportData
from neurodeploy.report.tables import (
    NONE,
    Cell,
    Field,
    Table,
    Value,
    amount,
    band,
    cell,
    chip_table,
    count,
    read_fields,
    rows_of,
    share,
)

Chips: TypeAlias = "Sequence[tuple[str, Estimated]]"
"""Title and estimates of each chip."""

# Counted values


def network(report: ReportData) -> Table:
    """Return the layers of the network."""
    return rows_of(
        f"Network, input {wording.shape_text(report.network.input_shape)}",
        report.counted.layers,
        {
            "layer": lambda layer: layer.layer,
            "kind": lambda layer: layer.kind,
            "neurons": lambda layer: layer.neuron_model,
            "shape": lambda layer: wording.shape_text(layer.shape),
            "weights": lambda layer: layer.synapses,
            "delays": lambda layer: layer.delay_kind,
        },
    )


def activity(report: ReportData) -> Table:
    """Return the activity of each layer, averaged over samples."""
    return rows_of(
        "Activity per sample (counted)",
        report.counted.layers,
        {
            "layer": lambda layer: layer.layer,
            "spikes in": lambda layer: count(layer.spikes_in_per_sample),
            "spikes out": lambda layer: count(layer.spikes_per_sample),
            "firing rate": lambda layer: share(layer.firing_rate_per_step),
            "SynOps": lambda layer: count(layer.synops_per_sample),
            "of dense": lambda layer: share(
                layer.synops_per_sample / max(layer.dense_synops_per_sample, 1)
            ),
            "neuron updates": lambda layer: count(layer.neuron_updates_per_sample),
            "dendrite updates": lambda layer: count(layer.dendrite_updates_per_sample),
        },
        [
            "firing rate: spikes per neuron per time step",
            "of dense: SynOps relative to those if every neuron spiked in every time step",
            "dendrite updates: what Intel's counter of updates would show; not charged",
        ],
    )


def classes(report: ReportData) -> list[Table]:
    """Return the table of per-class metrics; nothing without labels."""
    score = report.counted.score
    return [] if score is None else [class_table(score, wording.classes(report))]


def class_table(score: Score, names: Sequence[str]) -> Table:
    """Return recall, precision, F1 and the most frequent wrong prediction of each class.

    Other classes are shown by index if their shortened names are ambiguous.
    """
    short = [wording.shorten(name, 10) for name in names]
    others = short if len(set(short)) == len(short) else list(map(str, range(len(names))))
    confusion = np.array(score.confusion)
    wrong = np.where(np.eye(len(names), dtype=bool), 0, confusion)
    correct, labelled, predicted = (
        each.tolist() for each in (np.diag(confusion), confusion.sum(1), confusion.sum(0))
    )

    def mistaken(i: int) -> Cell:
        most = int(wrong[i].argmax())
        return Cell(others[most], f"{wrong[i, most]:,}", others[most]) if wrong[i].any() else NONE

    return rows_of(
        "Classes (counted); recall, precision and F1 in percent",
        range(len(names)),
        {
            "class": lambda i: numbered(i, names),
            "samples": lambda i: labelled[i],
            "recall": lambda i: _percent(correct[i], labelled[i]),
            "precision": lambda i: _percent(correct[i], predicted[i]),
            "F1": lambda i: _percent(2 * correct[i], labelled[i] + predicted[i]),
            "mistaken for": mistaken,
        },
    )


def numbered(index: int, names: Sequence[str]) -> str:
    """Return the index of a class and its name, if any."""
    return str(index) if names[index] == str(index) else f"{index} {names[index]}"


def _percent(part: int, whole: int) -> Cell:
    return Cell(f"{100 * part / whole:.1f}", value=part / whole) if whole else NONE


SAMPLES_SHOWN: Final = 10
OUTPUTS_SHOWN: Final = 10


def predictions(report: ReportData) -> list[Table]:
    """Return the predictions and the outputs of the first samples."""
    found = report.predictions
    if found is None:
        return []
    names, outputs = wording.classes(report), np.array(found.outputs)
    some = min(outputs.shape[1], OUTPUTS_SHOWN)
    best: dict[str, Callable[[int], Value]] = {
        "predicted": lambda i: numbered(int(outputs[i].argmax()), names),
        "its output": lambda i: _output(outputs[i].max()),
    }
    several = outputs.shape[1] > 1
    shown = range(min(len(outputs), SAMPLES_SHOWN))
    more = report.counted.num_samples - len(shown)
    table = rows_of(
        f"Predictions (counted), from {found.description}",
        shown,
        {
            "sample": lambda i: Cell(str(found.sample_indices[i])),
            **(best if several else {}),
            f"outputs 0 to {some - 1}" if several else "output": lambda i: (
                ", ".join(_output(value).text for value in outputs[i, :some])
                + ", ..." * (outputs.shape[1] > some)
            ),
        },
        [f"{more:,} more; --json has the first {len(outputs):,}"] if more > 0 else [],
    )
    return [table]


def _output(value: Any) -> Cell:
    whole = value.item()
    return Cell(f"{whole:.4g}" if isinstance(whole, float) else str(whole), value=whole)


def sample_outputs(report: Any) -> list[Table]:
    """Return the outputs of the recorded sample; nothing for more than 64 classes."""
    sample = report.sample
    if sample is None or len(sample.outputs) > 64:
        return []
    how = "the outputs" if report.predictions is None else report.predictions.description
    pairs = list(zip(wording.classes(report), sample.outputs.tolist()))
    columns: dict[str, Callable[[Any], Value]] = {
        "output": lambda pair: pair[0],
        "value": lambda pair: pair[1],
    }
    return [rows_of(f"Outputs of this sample, from {how}", pairs, columns)]


def neurobench(report: ReportData) -> list[Table]:
    """Return NeuroBench's metrics."""
    found = report.neurobench
    if found is None:
        return []
    metrics: dict[str, Value] = {
        "connection sparsity": Cell(f"{found.connection_sparsity:.1%}"),
        "activation sparsity": Cell(f"{found.activation_sparsity:.1%}"),
        "footprint (bytes)": found.footprint_bytes,
        "synaptic operations, accumulate": found.effective_acs,
        "synaptic operations, multiply": found.effective_macs,
        "synaptic operations, dense": found.dense_operations,
        "membrane updates": found.membrane_updates,
        "neuron operations": found.effective_neuron_operations,
        "neuron operations, dense": found.dense_neuron_operations,
    }
    shown = {k: Cell(f"{v:,.0f}") if isinstance(v, float) else v for k, v in metrics.items()}
    columns: dict[str, Callable[[str], Value]] = {"metric": str, "value": shown.__getitem__}
    table = rows_of("NeuroBench metrics, operations per sample", shown, columns)
    return [table]


def measured(report: ReportData) -> list[Table]:
    """Return the power and the energy per sample measured on real hardware."""
    found = report.measured
    if found is None:
        return []
    supplies = {"vdd": "supply VDD", "vdd_m": "supply VDDM", "vdd_io": "supply VDDIO"}
    time = found.time_per_step_us
    step = "" if time is None else f", {wording.amount(time * 1e-6, 's')} per time step"
    table = rows_of(
        f"Measured on hardware, {number_of(found.num_samples, 'sample')}{step}",
        [field.name for field in fields_of(Breakdown)],
        {
            "": lambda name: supplies.get(name, name),
            "power (W)": lambda name: float(getattr(found.power_w, name)),
            f"energy ({wording.MICRO}J)": lambda name: float(
                getattr(found.energy_per_sample_uj, name)
            ),
        },
    )
    return [table]


# Estimates for each chip

NEUROCORES: Final = Field("neurocores", lambda e: e.placement.neurocores)
ENERGY: Final = Field("energy per sample", lambda e: e.energy.total, "J")
DYNAMIC: Final = Field("  dynamic", lambda e: e.energy.dynamic, "J")
LATENCY: Final = Field("latency", lambda e: e.latency.sample_s, "s")


def _part(name: str) -> Field:
    return Field(f"  {wording.PARTS[name]}", lambda e: getattr(e.energy, name), "J")


def _keeps_up(each: Estimated) -> Cell | None:
    """Return whether the chip keeps up with the sensor, or None if the sensor rate is unknown."""
    if each.real_time is None:
        return None
    times, kept = wording.number(each.real_time.headroom.low), each.real_time.keeps_up
    note = f"{times} times faster" if kept else f"{times} of the speed"
    return Cell("yes" if kept else "no", note, kept, "bad" * (not kept))


def known(path: str) -> Callable[[Any], Any]:
    """Return a function that reads a dotted attribute path, or None if a value on it is None."""

    def read(each: Any) -> Any:
        for name in path.split("."):
            each = None if each is None else getattr(each, name)
        return each

    return read


def _limit(resource: str, seconds: float) -> tuple[str, str]:
    """Return the name of a resource and its time."""
    return LABELS[resource], wording.amount(seconds, "s")


def _limited_by(each: Estimated) -> Cell:
    found = each.latency.binding
    return Cell(*_limit(found.resource, found.seconds), found.resource)


def _copies(each: Estimated) -> Cell | None:
    placed, total = each.placement, each.placement.total_copies
    return None if total == 1 else Cell(f"{total:,}", placed.copies_in_words, total)


def _all_copies(each: Estimated) -> Estimate | None:
    total = each.placement.total_copies
    return None if total == 1 else each.latency.samples_per_s * total


SIZE: Final = (
    NEUROCORES,
    Field("chips", lambda e: e.placement.chips_used),
    Field("copies of the network", _copies),
)
TIME: Final = (
    Field("mean time step", lambda e: e.latency.step_s, "s"),
    Field("  limited by", _limited_by),
    Field("  busiest neurocore or link", lambda e: e.latency.busiest_s, "s"),
    Field("  longest route", lambda e: e.latency.longest_route_s, "s"),
    Field("  barrier", lambda e: e.latency.barrier_s, "s"),
    Field("longest time step", lambda e: e.latency.peak_step_s, "s"),
    LATENCY,
    Field("samples per second", lambda e: e.latency.samples_per_s),
    Field("  of all copies", _all_copies),
)
ENERGIES: Final = (
    ENERGY,
    *map(_part, wording.PARTS),
    DYNAMIC,
    Field("power", lambda e: e.power.total, "W"),
    Field("  static", lambda e: e.power.static, "W"),
)
REAL_TIME_TIME: Final = (
    Field("keeps up", _keeps_up),
    Field("time per sample", known("real_time.sample_s"), "s"),
)
REAL_TIME_ENERGY: Final = (
    Field("energy per sample", known("real_time_energy.total"), "J"),
    Field("  dynamic", known("real_time_energy.dynamic"), "J"),
    Field("power", known("real_time_power.total"), "W"),
    Field("  dynamic", known("real_time_power.dynamic"), "W"),
)
DECISION: Final = (
    Field("time steps", known("decision.num_steps")),
    Field("at full speed", known("decision.latency_s"), "s"),
    Field("  energy", known("decision.energy.total"), "J"),
    Field("in real time", known("decision.real_time_s"), "s"),
    Field("  energy", known("decision.real_time_energy.total"), "J"),
)


def real_time(chips: Chips) -> str:
    """Return the heading of the values in real time."""
    return f"real time, {wording.pace([each for _, each in chips])}"


def estimates(chips: Chips, settles: str = "predictions settle") -> Table:
    """Return time, energy and power per sample, and the cost until the predictions settle."""
    sections = {
        "": SIZE,
        "at full speed": TIME + ENERGIES,
        real_time(chips): REAL_TIME_TIME + REAL_TIME_ENERGY,
        f"until {settles}": DECISION,
    }
    return chip_table(chips, "Estimates per sample: likely value (low to high)", sections)


def _exchange(label: str, name: str) -> tuple[Field, Field]:
    mean = Field(label, lambda e: count(getattr(e.workload, name).per_sample))
    return mean, Field("  peak per step", lambda e: getattr(e.workload, name).peak_step)


def _mean_core(each: Estimated) -> Cell:
    core = each.latency.busiest_core
    synops = float(each.workload.core_synops[core]) / each.workload.num_steps
    return Cell(f"{core:,}", f"{wording.count(synops)} SynOps", core)


def _peak(text: Callable[[Any], tuple[str, str]]) -> Callable[[Estimated], Cell]:
    return lambda each: Cell(*text(each.workload.peak), each.workload.peak)


def _hops(each: Estimated) -> Cell:
    traffic = each.workload.traffic
    return count(traffic.east_west + traffic.north_south)


def _voltages(each: Estimated) -> int | None:
    return each.workload.voltages_read or None


LOAD: Final = (
    Field("longest time step", _peak(lambda p: (f"{p.step:,}", f"sample {p.sample:,}"))),
    Field("  neurocore", _peak(lambda p: (f"{p.neurocore:,}", f"{p.synops:,} SynOps"))),
    Field("mean step, neurocore", _mean_core),
    Field("spike messages", lambda e: count(e.workload.traffic.messages)),
    Field("  hops", _hops),
    Field("  between chips", lambda e: count(e.workload.traffic.between_chips)),
    *_exchange("host sends", "injected"),
    *_exchange("host reads", "read"),
    Field("  voltages", _voltages),
)


def load(chips: Chips) -> Table:
    """Return the longest and the mean step, and the traffic of neurocores and host."""
    title = "Load per sample; steps, samples and neurocores count from 0"
    return chip_table(chips, title, {"": LOAD})


def neurocores(report: ReportData) -> Table:
    """Return the neurocores of each layer, and the budget that limits them."""
    found = [
        (name, index, each.placement, layer)
        for name, each in report.estimated.items()
        for index, layer in enumerate(each.placement.layers)
    ]
    return rows_of(
        "Neurocores per layer (estimated)",
        found,
        {
            "chip": lambda row: row[0],
            "layer": lambda row: row[1],
            "cores": lambda row: row[3].neurocores,
            "tiles": lambda row: row[3].tiles,
            "chips": lambda row: row[3].chips,
            "neurons per core": lambda row: row[3].neurons_per_core,
            "limited by": lambda row: row[3].binding.name,
            "used": lambda row: share(row[3].binding.utilization),
        },
        ["neurons per core, limited by, used: values of the layer's fullest neurocore"],
    )


def validation(report: ReportData) -> Table:
    """Return the estimates with the bands that follow from measured cases."""
    found = [
        (title, name, *judged)
        for title, each in wording.chips(report)
        for name, judged in each.validation.items()
    ]

    def by_cases(row: Any) -> str:
        _, _, estimate, known = row
        ends = known.band(estimate.value)
        if ends is None:
            return "too few cases"
        scale = wording.scale([estimate.value], estimate.unit)
        return f"{scale.number(ends[0])} to {scale.number(ends[1])}"

    return rows_of(
        "Estimates at full speed, and their bands by measured cases",
        found,
        {
            "chip": lambda row: row[0],
            "estimate": lambda row: QUANTITIES[row[1]],
            "value": lambda row: band(row[2], row[2].unit),
            "by measured cases": by_cases,
        },
        [f"{row[0]}, {row[3].note}" for row in found],
    )


def constants(report: ReportData) -> Table:
    """Return the energy, by part, with each set of published constants alone."""
    found = report.estimated.values()
    energies = [energy for each in found for energy in each.energies.values()]
    scale = wording.scale((energy.total.value for energy in energies), "J")
    parts = [*(name for name in wording.PARTS if name != "static"), "dynamic", "static"]
    rows: list[tuple[Cell, ...]] = []
    for each in found:
        rows += [(cell(each.placement.chip.title),)] if each.energies else []
        for source, energy in each.energies.items():
            values = (getattr(energy, part).value for part in parts)
            rows.append((cell(source), *(Cell(scale.number(v), value=v) for v in values)))
    title = f"Energy per sample ({scale.unit}) with the constants of one source alone"
    return Table(title, ("source", *(wording.PARTS.get(p, p) for p in parts)), tuple(rows))


def energy_by_layer(chips: Chips) -> Table:
    """Return the likely energy of each layer, by part, on each chip."""
    scale = wording.scale((each.energy.total.value for _, each in chips), "J")
    rows: list[tuple[Cell, ...]] = []
    for chip, each in chips:
        parts, whole = each.energy_by_layer, each.energy.total.value or 1.0
        layers = [(f"layer {index}", energy) for index, energy in enumerate(parts.layers)]
        rows.append((cell(chip),))
        for name, energy in (("input", parts.host), *layers, ("rest of the chip", parts.rest)):
            values = [getattr(energy, part).value for part in wording.PARTS]
            amounts = [Cell(scale.number(v), value=v) for v in (*values, energy.total.value)]
            rows.append((cell(name), *amounts, share(energy.total.value / whole)))
    title = f"Energy per sample by layer ({scale.unit}), likely values"
    return Table(title, ("", *wording.PARTS.values(), "total", "share"), tuple(rows))


def between_samples(report: ReportData) -> Table:
    """Return one sample of many: continuous, or one sample after another."""

    def read(name: str, value: str) -> Callable[[Estimated], Value]:
        return lambda each: getattr(each.between_samples[name], value)

    sections = {
        heading: (
            Field("steps between", read(name, "steps")),
            Field("time", read(name, "sample_s"), "s"),
            Field("energy", read(name, "energy"), "J"),
        )
        for name, heading in BETWEEN.items()
    }
    chips = wording.chips(report)
    table = chip_table(chips, "From one sample to the next, at full speed", sections)
    notes = (
        f"{heading}: {each.between_samples[name].note}"
        for name, heading in BETWEEN.items()
        for _, each in chips
    )
    return replace(table, notes=tuple(dict.fromkeys(notes)))


BETWEEN: Final = {
    "continuous": "continuous",
    "cleared": "one sample after another, neurons cleared",
    "decayed": "one sample after another, states decayed",
}
"""Name in `between_samples.WAYS` -> heading."""


def time_by_layer(report: ReportData) -> Table:
    """Return which resource limits each layer on each chip, and what would relieve it."""
    rows: list[tuple[Cell, ...]] = []
    notes: dict[str, None] = {}
    for each in report.estimated.values():
        rows.append((cell(each.placement.chip.title),))
        for index, found in enumerate(each.latency.layers):
            texts = *_limit(found.resource, found.seconds), *_limit(found.next, found.next_s)
            rows.append((cell(f"layer {index}"), *map(cell, texts)))
            notes[f"if limited by {LABELS[found.resource]}: {found.relief}"] = None
    titles = ("", "limited by", "per step", "then by", "per step")
    title = "Time per step by layer: the slowest resource, likely values"
    return Table(title, titles, tuple(rows), tuple(notes))


def conventional(report: ReportData) -> list[Table]:
    """Return the energy of artificial networks, and of this one, on other hardware."""
    found = report.conventional
    if found is None:
        return []
    known = found.artificial
    headings = (
        "this network", "one pass", "every step", known.network if known else "", "operation",
    )  # fmt: skip
    rows: list[tuple[str, Sequence[Estimate | float | None]]] = []
    for title, each in wording.chips(report):
        rows.append((f"{title}, dynamic", [each.energy.dynamic]))
        rows.append((f"{title}, total", [each.energy.total]))
        if each.real_time_energy is not None:
            rows.append((f"{title}, in real time", [each.real_time_energy.total]))
    for m in found.microcontrollers:
        figures = m.spiking_j, m.one_pass_j, m.every_step_j, m.artificial_j
        rows.append((m.board.title, [*figures, m.board.mac_energy("dense")]))
    for p in found.processors:
        joules = None, p.one_pass_j, p.every_step_j, p.artificial_j, p.operation.energy_j
        rows.append((p.operation.title, joules))
    columns: dict[str, Callable[[Any], Value]] = {"hardware": lambda row: row[0]}
    for place, heading in enumerate(headings):
        if heading:
            columns[heading] = partial(_joules, place)
    title = "Energy per sample on other hardware"
    return [rows_of(title, rows, columns, list(conventional_notes(found)))]


def _joules(place: int, row: tuple[str, Sequence[Estimate | float | None]]) -> Cell:
    value = row[1][place] if place < len(row[1]) else None
    if value is None:
        return cell("")
    return band(value, "J") if isinstance(value, Estimate) else amount(value, "J")


def conventional_notes(found: Conventional) -> Iterator[str]:
    """Yield how to read the energies on other hardware, one sentence each."""
    yield "one pass, every step: a dense network of the same size, arithmetic only on processors"
    yield from found.when.values()
    if known := found.artificial:
        yield (
            f"{known.network}: an artificial network with {known.accuracy:.1%} accuracy on the "
            f"task {known.task}, {known.macs:,} multiply-accumulates per sample: {known.source}"
        )
    cycles = found.spiking_cycles
    synop, update = cycles.synop.value, cycles.neuron_update.value
    yield (
        "microcontrollers: from measured int8 inferences of MLPerf Tiny, awake only; this network "
        f"with {synop:g} cycles per SynOp and {update:g} per neuron update, as compiled"
    )


# Accuracy and cost by time steps

POINTS: Final = 8
"""Rows of the table, besides the earliest step at which predictions settle."""


def decisions(report: ReportData) -> list[Table]:
    """Return accuracy and cost by steps, at full speed and, if the rate is known, in real time."""
    found = report.decisions
    if found is None:
        return []
    parts = min(POINTS, found.num_steps)
    evenly = {round(found.num_steps * part / parts) for part in range(1, parts + 1)}
    points = sorted(evenly | {found.earliest_step})
    costs = {
        name: [decide(each.workload, each.latency, steps=s, rate=each.real_time) for s in points]
        for name, each in report.estimated.items()
    }
    speeds = {
        "at full speed": ("latency_s", "energy.total"),
        real_time(wording.chips(report)): ("real_time_s", "real_time_energy.total"),
    }
    tables: list[Table] = []
    for speed, paths in speeds.items():
        spent = (
            Field(name, partial(_spent, each, path), unit)
            for name, each in costs.items()
            for path, unit in zip(paths, ("s", "J"))
        )
        fields = (*_by_step(found, points), *spent)
        columns = list(read_fields(fields, range(len(points))))
        if len(columns) > 2 or not tables:
            labels, cells = zip(*columns)
            title = f"Accuracy, time and energy by time steps, {speed}"
            tables.append(Table(title, labels, tuple(zip(*cells))))
    return [*tables[:-1], replace(tables[-1], notes=tuple(_settled(report, found)))]


def _by_step(found: Decisions, points: Sequence[int]) -> Iterator[Field]:
    """Yield the fields of the steps and of the accuracy after them.

    Without labels, the second field is the share of predictions equal to the final one.
    """
    accuracy = found.accuracy_by_step
    shares = found.agreement_by_step if accuracy is None else accuracy

    def step(place: int) -> Cell:
        mark = points[place] == found.earliest_step
        return Cell("*" * mark + f"{points[place]:,}", value=points[place], style="strong" * mark)

    def share(place: int) -> Cell:
        value = float(shares[points[place] - 1])
        return Cell(f"{value:.1%}", value=value)

    yield Field("steps", step)
    yield Field("final prediction" if accuracy is None else "accuracy", share)


def _spent(costs: Sequence[Decision], path: str, place: int) -> Estimate | None:
    """Return the likely value of a cost, without its range."""
    spent = known(path)(costs[place])
    return None if spent is None else exactly(spent.value)


def _settled(report: ReportData, found: Decisions) -> Iterator[str]:
    """Yield the notes on the table of steps."""
    what = "accuracy" if found.accuracy_by_step is not None else "share of final predictions"
    yield f"*: from this step on, the {what} stays within one point of its final value"
    yield f"a prediction no longer changes after {found.mean_stable_step:.1f} steps on average"
    yield way(report)


def way(report: ReportData) -> str:
    """Return a sentence on the steps that a spike takes through the network."""
    counted = report.counted
    delays = number_of(counted.max_delay_steps, "step")
    added = f"; delays add up to {delays}" if counted.max_delay_steps else ""
    return f"a spike takes {number_of(counted.propagation_steps, 'step')} through the layers{added}"


# The first screen


def first_screen(report: ReportData, chips: Chips) -> Table:
    """Return the main estimates of each chip, for the first screen in a terminal."""
    fields = (
        Field("neurocores", neurocores_in_use),
        Field("fullest layer", _fullest),
        ENERGY,
        DYNAMIC,
        Field("  largest parts", _largest_parts),
        Field("  each, side by side", _side_by_side),
        LATENCY,
        Field("  busiest neurocore", _busiest),
        Field(real_time(chips), _keeps_up),
        Field("  power", known("real_time_power.total"), "W"),
        Field(f"{wording.settles([report])} after", _settled_after),
        Field("  at full speed", decision_cost),
        Field("  in real time", decision_cost_in_real_time),
    )
    return chip_table(chips, "likely (low to high)", {"": fields})


def neurocores_in_use(each: Estimated) -> Cell:
    """Return the number of neurocores in use, and the number available."""
    note = "does not fit" if each.problems else wording.on_chips(each.placement)
    style = "bad" * bool(each.problems)
    return Cell(f"{each.placement.neurocores:,}", note, each.placement.neurocores, style)


def _fullest(each: Estimated) -> Cell:
    layers = each.placement.layers
    index = max(range(len(layers)), key=lambda i: layers[i].fullest.utilization)
    fullest = layers[index].fullest
    return Cell(f"{index}", f"{fullest.name} {wording.share(fullest.utilization)}", index)


def _largest_parts(each: Estimated) -> str | None:
    """Return the share of static energy and of the largest other part, in descending order."""
    total = each.energy.total.value
    if not total:
        return None
    shares = {name: getattr(each.energy, name).value / total for name in wording.PARTS}
    other = max((name for name in shares if name != "static"), key=shares.__getitem__)
    both = sorted(("static", other), key=shares.__getitem__, reverse=True)
    return ", ".join(f"{wording.PARTS[name]} {wording.share(shares[name])}" for name in both)


def _side_by_side(each: Estimated) -> Cell | None:
    """Return the energy of each of as many copies as fit, and their number."""
    if each.filled is None:
        return None
    joules = wording.amount(each.filled.energy.total.value, "J")
    return Cell(joules, number_of(each.filled.copies, "network"), joules)


def _busiest(each: Estimated) -> Cell:
    """Return the busiest neurocore and its share of the mean step."""
    latency, step = each.latency, each.latency.step_s.value
    share = wording.share(latency.busiest_core_s / step if step else 0.0)
    note = f"layer {latency.busiest_layer}, {share} of step"
    return Cell(f"{latency.busiest_core:,}", note, latency.busiest_core)


def _settled_after(each: Estimated) -> str | None:
    return None if each.decision is None else number_of(each.decision.num_steps, "step")


def decision_cost(each: Estimated) -> Cell | None:
    """Return time and energy until the predictions settle, at full speed."""
    found = each.decision
    return None if found is None else _cost(found.latency_s, found.energy)


def decision_cost_in_real_time(each: Estimated) -> Cell | None:
    """Return time and energy until the predictions settle, in real time."""
    found = each.decision
    return None if found is None else _cost(found.real_time_s, found.real_time_energy)


def _cost(time: Estimate | None, energy: Energy | None) -> Cell | None:
    if time is None or energy is None:
        return None
    joules = wording.amount(energy.total.value, "J")
    return Cell(wording.amount(time.value, "s"), joules, time.value)
