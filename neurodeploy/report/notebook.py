"""HTML representations of objects in a notebook, with style and figures but no script.

`neurodeploy.models.display.HTML` maps each type to its function here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.chips import CHIPS, Chip
from neurodeploy.hw_sim.estimated import Estimated
from neurodeploy.hw_sim.placement import Placement, place
from neurodeploy.models.display import number_of
from neurodeploy.models.graph import Connection
from neurodeploy.models.layers import LAYERS, max_delay
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import NEURONS
from neurodeploy.report import networks, page, report_tables, terminal, texts, wording
from neurodeploy.report.figures import drawing
from neurodeploy.report.tables import Cell, Table, count, rows_of, share
from neurodeploy.train import history

if TYPE_CHECKING:  # torch is imported with tasks to train on
    from neurodeploy.data.task_data import TaskData
    from neurodeploy.evaluation.calibration import Calibration
    from neurodeploy.evaluation.comparison import Comparison
    from neurodeploy.evaluation.nir import NirImport
    from neurodeploy.report.report import Report, SideBySide

CHIP: Final = "loihi2"
"""Chip on which a network is placed for display."""
FIGURES: Final = ("confusion", "layers", "energy", "spikes")
"""Figures shown for a report."""


def object_html(title: str, summary: str, **parts: Any) -> str:
    """Return the HTML of an object: title, summary, tiles, sentences, tables and figures."""
    return page.template("notebook").render(
        {"first_words": [], "tiles": [], "sentences": [], "tables": [], "figures": [], **parts},
        title=wording.clean(title),
        summary=wording.clean(summary),
    )


def network_html(network: QuantizedNetwork) -> str:
    """Return the layers of a network and the neurocores that they take on `CHIP`.

    A network that is no chain is shown by its connections.
    """
    name = network.task.name or "Spiking network"
    if network.is_chain:
        return _placed(place(network, CHIPS[CHIP]), name)
    columns: dict[str, Callable[[Connection], Any]] = {
        "from": lambda each: each.source,
        "to": lambda each: each.target,
        "neurons": lambda each: wording.shape_text(each.synapse.shape),
        "weights": lambda each: count(each.synapse.count),
        "delays": lambda each: delays_text(each.delay_kind, each.max_delay),
    }
    summary = f"{number_of(len(network.populations), 'population')}. sha256 {network.digest[:12]}."
    return object_html(name, summary, tables=[rows_of("Connections", network.connections, columns)])


def delays_text(kind: str, steps: int) -> str:
    """Return the kind of delays and the longest."""
    return f"{kind}, up to {steps}" if steps else "none"


def placement_html(placement: Placement) -> str:
    """Return the neurocores of each layer of a placed network."""
    name = placement.network.task.name or "Network"
    return _placed(placement, f"{name} on {placement.chip.title}")


def _placed(placement: Placement, title: str) -> str:
    network, title_of_chip = placement.network, placement.chip.title
    neurons = sum(layer.neurons for layer in network.layers)
    summary = (
        f"Input {wording.shape_text(network.input_shape)}, {number_of(network.outputs, 'output')}, "
        f"{number_of(neurons, 'neuron')}; {number_of(placement.neurocores, 'neurocore')} "
        f"{wording.on_chips(placement)} on {title_of_chip}. sha256 {network.digest[:12]}."
    )
    return object_html(title, summary, tables=[layers(placement)])


def layers(placement: Placement) -> Table:
    """Return the table of layers with shape, bits, delays and neurocores."""

    def delays(layer: Any) -> str:
        return delays_text(layer.delay_kind, max_delay(layer))

    return rows_of(
        f"Layers, on neurocores of {placement.chip.title}",
        list(enumerate(zip(placement.network.layers, placement.layers))),
        {
            "layer": lambda row: row[0],
            "kind": lambda row: LAYERS[type(row[1][0])],
            "neurons": lambda row: NEURONS[type(row[1][0].neuron)],
            "shape": lambda row: wording.shape_text(row[1][0].shape),
            "weights": lambda row: row[1][0].synapses,
            "bits": lambda row: row[1][1].weights.stored_bits if row[1][0].synapses else None,
            "delays (steps)": lambda row: delays(row[1][0]),
            "neurocores": lambda row: row[1][1].neurocores,
            "fullest neurocore": lambda row: (
                f"{wording.share(row[1][1].fullest.utilization)} {row[1][1].fullest.name}"
            ),
        },
    )


def chip_html(chip: Chip) -> str:
    """Return the limits and costs of a chip, each with its source."""
    table = rows_of(
        "Limits and costs",
        chip.rows().items(),
        {
            "name": lambda item: item[0].replace("_", " "),
            "value": lambda item: Cell(f"{item[1].value:,.6g} {item[1].unit}", value=item[1].value),
            "source": lambda item: item[1].source,
            "grade": lambda item: item[1].grade,
        },
    )
    return object_html(chip.title, f"Cost file sha256 {chip.digest[:12]}.", tables=[table])


def activity_html(activity: Activity) -> str:
    """Return the spike count and the firing rate of each layer in a run."""
    samples, channels, steps = activity.inputs.shape
    arrays = {"input": activity.inputs, **{str(i): s for i, s in enumerate(activity.spikes)}}
    counts = {name: int((array != 0).sum()) for name, array in arrays.items()}
    table = rows_of(
        "Spikes (counted)",
        arrays,
        {
            "layer": str,
            "neurons": lambda name: arrays[name].shape[1],
            "spikes": counts.__getitem__,
            "per sample": lambda name: count(counts[name] / max(samples, 1)),
            "per neuron and step": lambda name: share(counts[name] / max(arrays[name].size, 1)),
        },
    )
    what = f"{number_of(samples, 'sample')} of {number_of(steps, 'time step')}, {channels:,} inputs"
    return object_html("Activity", f"{what}.", tables=[table])


def estimated_html(estimated: Estimated) -> str:
    """Return time, energy and power per sample on one kind of chip, and the energy by layer."""
    title, workload = wording.clean(estimated.placement.chip.title), estimated.workload
    chips = [(title, estimated)]
    samples, steps = workload.num_samples, workload.num_steps
    ran = f"{number_of(samples, 'sample')} of {number_of(steps, 'time step')}"
    return object_html(
        f"Estimate for {title}",
        f"The mean of {ran}.",
        first_words=[texts.first_words_on(title, estimated)],
        sentences=[*wording.copies([estimated]), *estimated.problems],
        tables=[report_tables.estimates(chips), report_tables.energy_by_layer(chips)],
    )


def report_html(report: Report) -> str:
    """Return the headline values of a report and the figures in `FIGURES`."""
    drawn = drawing.draw_all(report, names=FIGURES)
    mark = f"n{report.digest[:8]}{report.counted.num_samples}-"
    return object_html(
        texts.title(report),
        f"{texts.summary(report)} Network sha256 {report.digest[:12]}.",
        first_words=texts.first_words(report),
        tiles=texts.tiles(report),
        sentences=[*texts.problems(report), texts.why_more(report)],
        figures=[page.figure(each, mark) for each in drawn.values() if each.svg],
    )


def comparison_html(comparison: Comparison) -> str:
    """Return the verdict of a comparison of two runs, and the first spike that differs."""
    verdict, *rest = str(comparison).splitlines()
    one, other = comparison.names
    return object_html(
        f"{one} and {other} {'agree' if comparison.equal else 'differ'}",
        f"{verdict}.",
        sentences=[*(f"{line}." for line in rest), comparison.note],
        tables=[terminal.sides(comparison)] if comparison.sides else [],
    )


def calibration_html(found: Calibration) -> str:
    """Return the layers of integers beside those of the float network, and what would help."""
    from neurodeploy.report.calibration import decisions, layer_table

    return object_html(
        f"Calibration with {found.quantized.bits} bits",
        f"{decisions(found)}.",
        sentences=[f"{each}." for each in (*found.quantized.approximations, *found.advice)],
        tables=[layer_table(found)],
    )


def nir_html(found: NirImport) -> str:
    """Return how a NIR graph was read, its layers on `CHIP`, and its calibration."""
    from neurodeploy.report.calibration import decisions, layer_table

    tables = [layers(place(found.network, CHIPS[CHIP]))]
    sentences = [f"{each}." for each in found.notes]
    if found.calibration is not None:
        tables.append(layer_table(found.calibration))
        sentences.append(f"{decisions(found.calibration)}.")
    return object_html(f"NIR graph {found.source}", "", sentences=sentences, tables=tables)


def history_html(epochs: Sequence[Any], *, best: int | None = None) -> str:
    """Return the training curves.

    Args:
        epochs: `neurodeploy.train.training.Epoch` objects.
        best: number of the best epoch, from 1; by default the one with the highest validation
            accuracy.
    """
    if not epochs:
        return object_html("Training", "No epoch has finished.")
    svg, title = history.svg(epochs, best=best), history.title(epochs, best=best)
    drawn = page.figure(drawing.Drawn("history", "", title, svg), f"n{abs(hash(svg)):x}-")
    return object_html("Training", f"{title}.", figures=[drawn])


def run_html(run: Any) -> str:
    """Return the training curves of a `neurodeploy.train.fit.TrainedRun`."""
    return history_html(run.history, best=run.best_epoch)


def networks_html(found: SideBySide) -> str:
    """Return networks side by side, one per row."""
    tables = list(networks.tables(found.entries).values())
    return object_html("Networks side by side", "", sentences=list(found.notes), tables=tables)


def data_html(data: TaskData) -> str:
    """Return the number of samples per class in a task's data."""
    from neurodeploy.report.data_sets import class_counts

    labels, names = data.dataset.labels, data.class_names
    parts = {
        part: np.bincount(labels[rows], minlength=len(names))
        for part, rows in vars(data.split).items()
    }
    channels = data.encoder.channels(len(data.dataset.channel_names))
    steps = data.encoder.steps(data.dataset.num_steps)
    return object_html(
        data.name or "Data",
        f"{data.dataset.source}; spikes of {channels:,} channels in {steps:,} time steps.",
        sentences=list(data.notes),
        tables=[class_counts(names, parts)],
    )
