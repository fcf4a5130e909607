"""The tables of a report as titles, heads and rows, which the terminal and the page both show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from neurodeploy.cli import number_of
from neurodeploy.hw_sim.activity import Breakdown, Measured
from neurodeploy.hw_sim.estimates.conventional import WHEN, Conventional
from neurodeploy.hw_sim.neurobench_metrics import Neurobench
from neurodeploy.hw_sim.reports.estimated_json import tiles_of
from neurodeploy.hw_sim.reports.report import Report
from neurodeploy.hw_sim.score import Score
from neurodeploy.pages import numbers, words

NONE: Final = "-"


@dataclass(frozen=True)
class Listing:
    """A table; the first cell of each row names it.

    Attributes:
        title: what it shows.
        head: names of the columns.
        rows: their cells; a row of one cell says what those below it are of.
        words: which columns, from 0, hold words; the others hold numbers.
        notes: how to read it, a sentence each.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = (0,)
    notes: tuple[str, ...] = ()


def network(report: Report) -> Listing:
    """Return the layers of the network."""
    shape = "x".join(map(str, report.network.input_shape))
    head = ("layer", "kind", "neurons", "shape", "weights", "delays")
    rows = tuple(
        (
            str(row.layer),
            row.kind,
            row.neuron,
            "x".join(map(str, row.shape)),
            f"{row.synapses:,}",
            row.delays,
        )
        for row in report.counted.layers
    )
    return Listing(f"The network, on an input of {shape}", head, rows, (1, 2, 3, 5))


def layers(report: Report) -> Listing:
    """Return what each layer did in the mean sample."""
    head = ("layer", "neurons", "in", "out", "firing", "SynOps", "dense", "updates")
    rows = tuple(
        (
            str(row.layer),
            f"{row.neurons:,}",
            numbers.count(row.spikes_in_per_sample),
            numbers.count(row.spikes_per_sample),
            numbers.share(row.firing_rate_per_step),
            numbers.count(row.synops_per_sample),
            numbers.share(row.synops_per_sample / max(row.dense_synops_per_sample, 1)),
            numbers.count(row.neuron_updates_per_sample),
        )
        for row in report.counted.layers
    )
    title = "Counted, a sample: spikes, SynOps and their share of dense"
    return Listing(title, head, rows, ())


def classes(score: Score, names: Sequence[str]) -> Listing:
    """Return how well each class is recognised, and what it is most often taken for."""
    confusion = score.confusion
    right, labelled, answered = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    others = np.where(np.eye(len(confusion), dtype=bool), 0, confusion)
    rows = tuple(
        (
            str(i) if names[i] == str(i) else f"{i} {names[i]}",
            f"{labelled[i]:,}",
            _ratio(right[i], labelled[i]),
            _ratio(right[i], answered[i]),
            _ratio(2 * right[i], labelled[i] + answered[i]),
            f"{others[i].max():,} as {others[i].argmax()}" if others[i].any() else NONE,
        )
        for i in range(len(confusion))
    )
    head = ("class", "samples", "recall", "precision", "F1", "mistaken")
    return Listing(
        "Counted, a class, in per cent; how it is mistaken most often",
        head,
        rows,
    )


def _ratio(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else NONE


def neurocores(report: Report) -> Listing:
    """Return the neurocores of each layer, and what binds them."""
    head = ("chip", "layer", "cores", "tiles", "chips", "neurons", "bound by", "full")
    rows = tuple(
        (
            name,
            str(index),
            f"{layer.neurocores:,}",
            *(f"{count:,}" for count in tiles_of(each.placement, layer)),
            f"{layer.neurons_per_core:,}",
            layer.binding.name,
            numbers.share(layer.binding.full),
        )
        for name, each in report.estimated.items()
        for index, layer in enumerate(each.placement.layers)
    )
    title = "Estimated, neurocores of each layer, and the fullest one's neurons"
    return Listing(title, head, rows, (0, 6))


def constants(report: Report, micro: str = "u") -> Listing:
    """Return the energy that each set of published constants alone leads to, by its parts."""
    energies = [energy for each in report.estimated.values() for energy in each.energies.values()]
    scale = numbers.scale((energy.total.value for energy in energies), "J", micro)
    parts = [*(name for name in words.PARTS if name != "static"), "dynamic", "static"]
    rows: list[tuple[str, ...]] = []
    for each in report.estimated.values():
        rows += [(each.placement.chip.title,)] if each.energies else []
        for source, energy in each.energies.items():
            rows.append((source, *(scale.number(getattr(energy, part).value) for part in parts)))
    title = f"Energy of a sample ({scale.unit}) with the constants of one source alone"
    return Listing(title, ("", *(words.PARTS.get(part, part) for part in parts)), tuple(rows))


def neurobench(found: Neurobench) -> Listing:
    """Return NeuroBench's metrics."""
    operations = {
        "footprint (bytes)": found.footprint_bytes,
        "synaptic operations, accumulating": found.effective_acs,
        "synaptic operations, multiplying": found.effective_macs,
        "synaptic operations, dense": found.dense_operations,
        "membrane updates": found.membrane_updates,
        "neuron operations": found.effective_neuron_operations,
        "neuron operations, dense": found.dense_neuron_operations,
    }
    rows = (
        ("connection sparsity", f"{found.connection_sparsity:.1%}"),
        ("activation sparsity", f"{found.activation_sparsity:.1%}"),
        *((name, NONE if v is None else f"{v:,.0f}") for name, v in operations.items()),
    )
    return Listing("NeuroBench's metrics, operations a sample", ("metric", "value"), rows)


def measured(found: Measured, micro: str = "u") -> Listing:
    """Return what real hardware measured: the power of a run and the energy of an inference."""
    time = found.time_per_step_us
    step = "" if time is None else f", {numbers.amount(time * 1e-6, 's', micro)} a step"
    rows = tuple(
        (
            words.SUPPLIES.get(field.name, field.name),
            *(numbers.number(getattr(of, field.name)) for of in (found.power_w, found.energy_uj)),
        )
        for field in fields(Breakdown)
    )
    title = f"Measured on hardware, {number_of(found.samples, 'sample')}{step}"
    return Listing(title, ("", "power (W)", f"energy ({micro}J)"), rows)


def conventional(report: Report, found: Conventional, micro: str = "u") -> Listing:
    """Return what an artificial network of the same size takes on other hardware."""
    rows = [
        (
            each.operation.title,
            *(
                numbers.amount(energy, "J", micro)
                for energy in (each.operation.energy_j, each.one_pass_j, each.every_step_j)
            ),
        )
        for each in found.processors
    ]
    for chip in report.estimated.values():
        parts = {"without static power": chip.energy.dynamic, "with it": chip.energy.total}
        for name, energy in parts.items():
            title = f"{chip.placement.chip.title}, {name}"
            rows.append((title, "", "", numbers.amount(energy.value, "J", micro)))
    title = "Conventional hardware: an artificial network of this size, arithmetic alone"
    head = ("hardware", "operation", "one pass", "every step")
    return Listing(title, head, tuple(rows), notes=tuple(WHEN.values()))
