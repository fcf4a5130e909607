"""The tables of a page, as text in rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hw_sim.estimates.estimate import Estimate
from hw_sim.reports.estimated import Estimated
from neurodeploy.cli import number_of
from neurodeploy.pages import numbers, short
from neurodeploy.pages.view import View, energy_parts

OUTPUTS = 64
"""Most outputs of a sample that are listed."""

NONE, TIMES = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Cell:
    """A cell: a text, and a softer one below it."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table of a page; the first cell of each row names it.

    Attributes:
        caption: what it shows.
        head: names of the columns.
        rows: their cells.
        words: which columns, from 0, hold words; the others hold numbers.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: tuple[int, ...] = (0,)


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[Cell | str]],
    words: tuple[int, ...] = (0,),
) -> Table:
    """Return a table whose cells may be given as texts."""
    cells = (tuple(c if isinstance(c, Cell) else Cell(c) for c in row) for row in rows)
    return Table(caption, tuple(head), tuple(cells), words)


def band_cell(band: Estimate, unit: str) -> Cell:
    """Return the likely value, and below it the band."""
    scale = numbers.scale([band.value or band.high], unit)
    return Cell(scale.amount(band.value) if band.value else "0", scale.band(band))


def classes(view: View) -> Table | None:
    """Return recall, precision and F1 of each class, None without labels."""
    score = view.report.counted.score
    if score is None:
        return None
    confusion = score.confusion
    right, labelled, answered = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    rows = [
        (
            view.classes[i],
            f"{labelled[i]:,}",
            _ratio(right[i], labelled[i]),
            _ratio(right[i], answered[i]),
            _ratio(2 * right[i], labelled[i] + answered[i]),
        )
        for i in range(len(confusion))
    ]
    head = ("class", "samples", "recall", "precision", "F1")
    return table("Each class; recall, precision and F1 in per cent", head, rows)


def _ratio(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else NONE


def decisions(view: View) -> Table | None:
    """Return what stopping at the earliest step costs, None where it is not known."""
    found = view.report.decisions
    if found is None or not any(each.decision for each in view.chips):
        return None
    rows = [
        (f"{title}, {number_of(steps, 'step')}", band_cell(time, "s"), band_cell(energy.total, "J"))
        for title, each in zip(view.titles, view.chips)
        if each.decision is not None
        for steps, time, energy in (
            (each.decision.steps, each.decision.latency_s, each.decision.energy),
            (found.steps, each.latency.sample_s, each.energy),
        )
    ]
    caption = "Until the earliest step and to the end, at full speed"
    return table(caption, ("", "time", "energy"), rows)


def outputs(view: View) -> Table | None:
    """Return what each output of the network gave for the sample that is drawn."""
    answers, kept = view.report.answers, view.sample
    if kept is None or len(kept.outputs) > OUTPUTS:
        return None
    how = "the outputs" if answers is None else answers.how
    rows = zip(view.classes, (f"{value:,}" for value in kept.outputs.tolist()))
    return table(f"What it answers: {how}", ("output", "value"), list(rows))


def energy(view: View) -> Table:
    """Return the parts of a sample's energy on every chip."""
    at_full, at_pace = "total, full speed", "total, sensor's pace"
    parts = [list(energy_parts(each.energy)) for each in view.chips]
    rows: list[tuple[Cell | str, ...]] = [
        (Cell(row[0].name, row[0].rests_on), *(band_cell(part.band, "J") for part in row))
        for row in zip(*parts)
    ]
    rows.append(("all dynamic", *(band_cell(e.energy.dynamic, "J") for e in view.chips)))
    rows.append((at_full, *(band_cell(e.energy.total, "J") for e in view.chips)))
    if any(each.pace_energy for each in view.chips):
        rows.append((at_pace, *(_paced(each) for each in view.chips)))
        rows.append(("a second, sensor's pace", *(_second(each) for each in view.chips)))
    return table("Energy of the mean sample", ("", *view.titles), rows)


def _paced(each: Estimated) -> Cell:
    return Cell(NONE) if each.pace_energy is None else band_cell(each.pace_energy.total, "J")


def _second(each: Estimated) -> Cell:
    return Cell(NONE) if each.pace_power is None else band_cell(each.pace_power.total, "J")


def constants(view: View) -> Table | None:
    """Return the energy that each constant set of the cost files leads to."""
    rows = [
        (
            f"{title}, {name}",
            band_cell(found.dynamic, "J").text,
            band_cell(found.total, "J").text,
        )
        for title, each in zip(view.titles, view.chips)
        for name, found in each.energies.items()
    ]
    head = ("constants of", "dynamic", "total")
    return table("The same with one source's constants alone", head, rows) if rows else None


def latency(view: View) -> Table:
    """Return times and rates on every chip."""
    rows: list[tuple[str, Callable[[Estimated], Cell]]] = [
        ("mean time step", lambda e: band_cell(e.latency.step_s, "s")),
        ("longest time step", lambda e: band_cell(e.latency.peak_step_s, "s")),
        ("a sample", lambda e: band_cell(e.latency.sample_s, "s")),
        ("samples a second", _throughput),
        ("binding neurocore", _binding),
        ("sensor's step", _pace),
        ("real time kept", _kept),
    ]
    return table(
        "Time at full speed, and whether the sensor's pace is kept",
        ("", *view.titles),
        [(name, *(read(each) for each in view.chips)) for name, read in rows],
    )


def _throughput(each: Estimated) -> Cell:
    rate = each.latency.samples_per_s
    return Cell(
        numbers.number(rate.value), f"{numbers.number(rate.low)} to {numbers.number(rate.high)}"
    )


def _binding(each: Estimated) -> Cell:
    return Cell(str(each.latency.busiest_core), f"of layer {each.latency.busiest_layer}")


def _pace(each: Estimated) -> Cell:
    return Cell("not known") if each.pace is None else Cell(f"{each.pace.dt_s * 1e3:g} ms")


def _kept(each: Estimated) -> Cell:
    if each.pace is None:
        return Cell(NONE)
    times = numbers.number(each.pace.headroom.low)
    return Cell("yes" if each.pace.keeps_up else "no", f"{times} times as fast")


def placement(view: View) -> Table:
    """Return the neurocores of every layer on every chip."""
    rows = [
        (
            f"{title}, layer {index}",
            f"{layer.neurocores:,}",
            f"{layer.neurons_per_core:,}",
            short.share(layer.binding.used / max(layer.binding.limit, 1)),
            layer.binding.name,
        )
        for title, each in zip(view.titles, view.chips)
        for index, layer in enumerate(each.placement.layers)
    ]
    head = ("", "cores", "neurons a core", "full", "bound by")
    return table("Neurocores of each layer, and the budget that binds", head, rows, (0, 4))


def activity(view: View) -> Table:
    """Return what every layer did in the mean sample."""
    rows = [
        (
            f"layer {row.layer}",
            numbers.count(round(row.spikes_in_per_sample, 1)),
            numbers.count(round(row.spikes_per_sample, 1)),
            short.share(row.firing_rate_per_step),
            numbers.count(round(row.synops_per_sample)),
            short.share(row.synops_per_sample / max(row.dense_synops_per_sample, 1)),
        )
        for row in view.report.counted.layers
    ]
    head = ("", "spikes in", "spikes out", "firing", "SynOps", "of dense")
    return table("The mean sample, counted", head, rows)


def neurobench(view: View) -> Table | None:
    """Return NeuroBench's metrics, None where they were not counted."""
    found = view.report.neurobench
    if found is None:
        return None
    amounts = {
        "footprint, bytes": found.footprint_bytes,
        "effective accumulates": found.effective_acs,
        "effective multiply-accumulates": found.effective_macs,
        "dense operations": found.dense_operations,
        "membrane updates": found.membrane_updates,
        "neuron operations": found.effective_neuron_operations,
        "dense neuron operations": found.dense_neuron_operations,
    }
    rows = [
        ("connection sparsity", short.share(found.connection_sparsity)),
        ("activation sparsity", short.share(found.activation_sparsity)),
        *((name, NONE if v is None else f"{v:,.0f}") for name, v in amounts.items()),
    ]
    return table("NeuroBench's metrics of the mean sample", ("metric", "value"), rows)


def network(view: View) -> Table:
    """Return the layers of the network."""
    rows = [
        (
            f"layer {row.layer}",
            Cell(row.kind, row.neuron),
            TIMES.join(map(str, row.shape)),
            f"{row.synapses:,}",
            row.delays,
        )
        for row in view.report.counted.layers
    ]
    shape = TIMES.join(map(str, view.report.network.input_shape))
    head = ("", "kind", "shape", "weights", "delays")
    return table(f"Layers, on an input of {shape}", head, rows, (0, 1, 4))
