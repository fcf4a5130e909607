"""The tables of a report as titles, heads and rows, which terminal, page and notebook show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias

import numpy as np

from neurodeploy.cli import number_of
from neurodeploy.hw_sim.activity import Breakdown, Measured
from neurodeploy.hw_sim.chips import Estimate
from neurodeploy.hw_sim.conventional import WHEN, Conventional
from neurodeploy.hw_sim.decisions import Decisions
from neurodeploy.hw_sim.estimates import Energy
from neurodeploy.hw_sim.neurobench_metrics import Neurobench
from neurodeploy.hw_sim.readout import Predictions, Score
from neurodeploy.hw_sim.reports.estimated import Decision, decide, tiles_of
from neurodeploy.hw_sim.reports.report import Report
from neurodeploy.pages import wording

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
            row.neuron_model,
            "x".join(map(str, row.shape)),
            f"{row.synapses:,}",
            row.delay_kind,
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
            wording.count(row.spikes_in_per_sample),
            wording.count(row.spikes_per_sample),
            wording.share(row.firing_rate_per_step),
            wording.count(row.synops_per_sample),
            wording.share(row.synops_per_sample / max(row.dense_synops_per_sample, 1)),
            wording.count(row.neuron_updates_per_sample),
        )
        for row in report.counted.layers
    )
    title = "Counted, per sample: spikes, SynOps and their share of dense"
    return Listing(title, head, rows, ())


def classes(score: Score, names: Sequence[str], *, most: int | None = None) -> Listing:
    """Return how well each class is recognised, and what it is most often taken for.

    Args:
        score: what was counted.
        names: of the classes.
        most: characters of a name; the class's own is whole by default. The number stands for the
            name of the other class where shortened names are alike.
    """
    short = [wording.shorten(name, most or 10) for name in names]
    others_are = short if len(set(short)) == len(short) else list(map(str, range(len(names))))
    own = names if most is None else short
    confusion = score.confusion
    correct, labelled, predicted = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    others = np.where(np.eye(len(confusion), dtype=bool), 0, confusion)
    rows = tuple(
        (
            numbered(i, own),
            f"{labelled[i]:,}",
            _ratio(correct[i], labelled[i]),
            _ratio(correct[i], predicted[i]),
            _ratio(2 * correct[i], labelled[i] + predicted[i]),
            f"{others[i].max():,} as {others_are[others[i].argmax()]}" if others[i].any() else NONE,
        )
        for i in range(len(confusion))
    )
    head = ("class", "samples", "recall", "precision", "F1", "mistaken")
    return Listing(
        "Counted, per class, in percent; what it is mistaken for",
        head,
        rows,
    )


def numbered(index: int, names: Sequence[str]) -> str:
    """Return the number of a class and its name, where it has one."""
    return str(index) if names[index] == str(index) else f"{index} {names[index]}"


def _ratio(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else NONE


SAMPLES_SHOWN: Final = 10
OUTPUTS_SHOWN: Final = 10


def predictions(report: Report, found: Predictions) -> Listing:
    """Return what the first samples are predicted as, and the outputs that say so."""
    names, outputs = wording.classes(report), found.outputs
    some = min(outputs.shape[1], OUTPUTS_SHOWN)
    several = outputs.shape[1] > 1
    rows = []
    for sample, row in zip(found.sample_indices, outputs[:SAMPLES_SHOWN]):
        best = int(row.argmax())
        predicted = [numbered(best, names), _output(row[best])] if several else []
        listed = ", ".join(map(_output, row[:some])) + ", ..." * (len(row) > some)
        rows.append((str(sample), *predicted, listed))
    head = ("sample", *(["predicted", "its output"] if several else []))
    last = f"outputs 0 to {some - 1}" if several else "output"
    more = report.counted.num_samples - len(rows)
    notes = [f"{more:,} more; --json has those of the first {len(outputs):,}"] if more > 0 else []
    words = (1, 3) if several else (1,)
    return Listing(
        f"Predictions (counted): {found.description}",
        (*head, last),
        tuple(rows),
        words,
        tuple(notes),
    )


def _output(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value.item(), float) else str(value)


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
            wording.share(layer.binding.full),
        )
        for name, each in report.estimated.items()
        for index, layer in enumerate(each.placement.layers)
    )
    title = "Estimated, neurocores of each layer, and the fullest one's neurons"
    return Listing(title, head, rows, (0, 6))


def constants(report: Report) -> Listing:
    """Return the energy that each set of published constants alone leads to, by its parts."""
    energies = [energy for each in report.estimated.values() for energy in each.energies.values()]
    scale = wording.scale((energy.total.value for energy in energies), "J")
    parts = [*(name for name in wording.PARTS if name != "static"), "dynamic", "static"]
    rows: list[tuple[str, ...]] = []
    for each in report.estimated.values():
        rows += [(each.placement.chip.title,)] if each.energies else []
        for source, energy in each.energies.items():
            rows.append((source, *(scale.number(getattr(energy, part).value) for part in parts)))
    title = f"Energy per sample ({scale.unit}) with the constants of one source alone"
    return Listing(title, ("", *(wording.PARTS.get(part, part) for part in parts)), tuple(rows))


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
    return Listing("NeuroBench's metrics, operations per sample", ("metric", "value"), rows)


def measured(found: Measured) -> Listing:
    """Return what real hardware measured: the power of a run and the energy of an inference."""
    time = found.time_per_step_us
    step = "" if time is None else f", {wording.amount(time * 1e-6, 's')} per step"
    rows = tuple(
        (
            wording.SUPPLIES.get(field.name, field.name),
            *(
                wording.number(getattr(of, field.name))
                for of in (found.power_w, found.energy_per_sample_uj)
            ),
        )
        for field in fields(Breakdown)
    )
    title = f"Measured on hardware, {number_of(found.num_samples, 'sample')}{step}"
    return Listing(title, ("", "power (W)", f"energy ({wording.MICRO}J)"), rows)


def conventional(report: Report, found: Conventional) -> Listing:
    """Return what an artificial network of the same size takes on other hardware."""
    rows = [
        (
            each.operation.title,
            *(
                wording.amount(energy, "J")
                for energy in (each.operation.energy_j, each.one_pass_j, each.every_step_j)
            ),
        )
        for each in found.processors
    ]
    for chip in report.estimated.values():
        parts = {"without static power": chip.energy.dynamic, "with it": chip.energy.total}
        for name, energy in parts.items():
            title = f"{chip.placement.chip.title}, {name}"
            rows.append((title, "", "", wording.amount(energy.value, "J")))
    title = "Conventional hardware: an artificial network of this size, arithmetic alone"
    head = ("hardware", "operation", "one pass", "every step")
    return Listing(title, head, tuple(rows), notes=tuple(WHEN.values()))


POINTS: Final = 8
"""Numbers of steps that are shown, beside the earliest at which predictions hold."""

Cost: TypeAlias = "tuple[Estimate, Energy]"


def decisions(report: Report, found: Decisions) -> list[Listing]:
    """Return what steps cost at full speed, and at the sensor's pace where that is known."""
    points = shown_steps(found)
    costs = {
        name: [decide(each.workload, each.latency, steps=s, pace=each.real_time) for s in points]
        for name, each in report.estimated.items()
    }
    fast = {name: [(c.latency_s, c.energy) for c in of] for name, of in costs.items()}
    title = "Steps to a decision: time and energy at full speed"
    made = [_listing(title, found, fast)]
    paced = {name: cells for name, of in costs.items() if (cells := _paced(of))}
    if paced:
        pace = wording.pace(list(report.estimated.values()))
        made.append(_listing(f"The same at the sensor's pace, {pace}", found, paced))
    last = made.pop()
    notes = _notes(report, found)
    return [*made, Listing(last.title, last.head, last.rows, last.words, notes)]


def _paced(costs: Sequence[Decision]) -> list[Cost]:
    return [
        (each.real_time_s, each.real_time_energy)
        for each in costs
        if each.real_time_s is not None and each.real_time_energy is not None
    ]


def _notes(report: Report, found: Decisions) -> tuple[str, ...]:
    """Return what the mark in the table of steps means, and what a prediction waits for."""
    what = "accuracy" if found.accuracy_by_step is not None else "share of final predictions"
    return (
        f"*: the fewest steps from which on the {what} stays within one point of its last value",
        f"the mean sample's prediction no longer changes after {found.mean_stable_step:.1f} steps",
        wording.way(report.counted),
    )


def _listing(title: str, found: Decisions, costs: dict[str, list[Cost]]) -> Listing:
    accuracy = found.accuracy_by_step
    head = ["steps", "as at the end" if accuracy is None else "accuracy"]
    shares = found.agreement_by_step if accuracy is None else accuracy
    rows = [
        ["*" * (step == found.earliest_step) + f"{step:,}", f"{shares[step - 1]:.1%}"]
        for step in shown_steps(found)
    ]
    for name, cells in costs.items():
        second = wording.scale((time.value for time, _ in cells), "s")
        joule = wording.scale((energy.total.value for _, energy in cells), "J")
        head += [f"{name} ({second.unit})", f"({joule.unit})"]
        for row, (time, energy) in zip(rows, cells):
            row += [second.number(time.value), joule.number(energy.total.value)]
    return Listing(title, tuple(head), tuple(map(tuple, rows)), ())


def shown_steps(found: Decisions) -> list[int]:
    """Return about `POINTS` numbers of steps, evenly, with the earliest that holds and the last."""
    parts = min(POINTS, found.num_steps)
    evenly = {round(found.num_steps * part / parts) for part in range(1, parts + 1)}
    return sorted(evenly | {found.earliest_step})
