"""Objects as a notebook shows them: HTML that holds its own style and figures, and no script.

`neurodeploy.models.display.HTML` names these functions by the types that they show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from neurodeploy.cli import number_of
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.chips import CHIPS, Chip
from neurodeploy.hw_sim.placement import LayerPlacement, Placement, place
from neurodeploy.hw_sim.reports.estimated import Estimated
from neurodeploy.hw_sim.reports.report import Report
from neurodeploy.models.layers import LAYERS, max_delay
from neurodeploy.models.network import QuantizedNetwork, digest
from neurodeploy.models.neurons import NEURONS
from neurodeploy.pages import beside, history, per_chip, wording
from neurodeploy.pages.figures import drawing
from neurodeploy.pages.html import page, texts
from neurodeploy.pages.listings import NONE, Listing
from neurodeploy.pages.view import View

if TYPE_CHECKING:  # torch is imported with tasks to train on
    from neurodeploy.running.comparison import Comparison, Side
    from neurodeploy.running.side_by_side import SideBySide
    from neurodeploy.tasks.task import TaskData

CHIP: Final = "loihi2"
"""The chip on whose neurocores a network is shown."""
FIGURES: Final = ("confusion", "energy", "spikes")
"""Figures of a report's first screen."""


def network_html(network: QuantizedNetwork) -> str:
    """Return the layers of a network, with the share that each takes of neurocores of `CHIP`."""
    placement = place(network, CHIPS[CHIP])
    title = network.task.name or "Spiking network"
    return _shown(title, _summary(network, placement), tables=[layers(placement)])


def network_text(network: QuantizedNetwork) -> str:
    """Return the same as text: a line on the network, one on each layer, and its neurocores."""
    placement = place(network, CHIPS[CHIP])
    each = ", ".join(
        f"layer {i}: {_share(layer)}" for i, layer in enumerate(placement.layers[:8])
    ) + ", ..." * (len(placement.layers) > 8)
    return f"{network!r}\n  on {placement.chip.title}: {each}"


def _summary(network: QuantizedNetwork, placement: Placement) -> str:
    shape = "x".join(map(str, network.input_shape))
    neurons = sum(layer.neurons for layer in network.layers)
    cores = number_of(placement.neurocores, "neurocore")
    return (
        f"Input {shape}, {number_of(network.outputs, 'output')}, {number_of(neurons, 'neuron')}; "
        f"{cores} {wording.on_chips(placement)} on {placement.chip.title}. "
        f"sha256 {digest(network)[:12]}."
    )


def placement_html(placement: Placement) -> str:
    """Return the neurocores of a network on a kind of chip, by layer."""
    return _shown(
        f"{placement.network.task.name or 'Network'} on {placement.chip.title}",
        _summary(placement.network, placement),
        tables=[layers(placement)],
    )


def layers(placement: Placement) -> Listing:
    """Return the layers of a network with shape, bits, delays and share of neurocores."""
    rows = tuple(
        (
            str(index),
            LAYERS[type(layer)],
            NEURONS[type(layer.neuron)],
            "x".join(map(str, layer.shape)),
            f"{layer.synapses:,}",
            str(placed.weights.bits) if layer.synapses else NONE,
            f"{layer.delay_kind}, to {max_delay(layer)}" if max_delay(layer) else "none",
            f"{placed.neurocores:,}",
            f"{wording.share(placed.fullest.full)} {placed.fullest.name}",
        )
        for index, (layer, placed) in enumerate(zip(placement.network.layers, placement.layers))
    )
    head = (
        "layer", "kind", "neurons", "shape", "weights", "bits", "delays (steps)",
        "neurocores", "fullest one's share",
    )  # fmt: skip
    return Listing(f"Layers, on neurocores of {placement.chip.title}", head, rows, (1, 2, 3, 6, 8))


def _share(placed: LayerPlacement) -> str:
    full = wording.share(placed.fullest.full)
    if placed.neurocores == 1:
        return f"{full} of a neurocore"
    return f"{placed.neurocores:,} neurocores, the fullest {full}"


def chip_html(chip: Chip) -> str:
    """Return the limits and costs of a chip, each with its source."""
    rows = tuple(
        (name.replace("_", " "), f"{row.value:,.6g} {row.unit}", row.source, row.grade)
        for name, row in chip.rows().items()
    )
    head = ("row", "value", "source", "grade")
    table = Listing("Limits and costs", head, rows, (0, 2, 3))
    return _shown(chip.title, f"Cost file sha256 {chip.digest[:12]}.", tables=[table])


def activity_html(activity: Activity) -> str:
    """Return how many spikes each layer emitted in a run, and its rate."""
    samples, channels, steps = activity.inputs.shape
    arrays = {"input": activity.inputs, **{str(i): s for i, s in enumerate(activity.spikes)}}
    counts = {name: int((array != 0).sum()) for name, array in arrays.items()}
    rows = tuple(
        (
            name,
            f"{array.shape[1]:,}",
            f"{counts[name]:,}",
            wording.count(counts[name] / max(samples, 1)),
            wording.share(counts[name] / max(array.size, 1)),
        )
        for name, array in arrays.items()
    )
    head = ("layer", "neurons", "spikes", "per sample", "rate per neuron and step")
    what = f"{number_of(samples, 'sample')} of {number_of(steps, 'time step')}, {channels:,} inputs"
    return _shown("Activity", f"{what}.", tables=[Listing("Spikes, counted", head, rows)])


def estimated_html(estimated: Estimated) -> str:
    """Return time, energy and power of the mean sample on one kind of chip, with bands."""
    workload = estimated.workload
    parts = [("at full speed", (*per_chip.SIZE, *per_chip.TIME, *per_chip.ENERGY))]
    if estimated.real_time is not None:
        parts.append((f"at {wording.pace([estimated])}", per_chip.PACE_TIME + per_chip.PACE_ENERGY))
    title = "Estimated, per sample: likely (low to high)"
    return _shown(
        f"Estimate for {estimated.placement.chip.title}",
        f"The mean of {number_of(workload.samples, 'sample')} of "
        f"{number_of(workload.steps, 'time step')}.",
        sentences=list(estimated.problems),
        tables=[per_chip.table([estimated], title, parts)],
    )


def report_html(report: Report) -> str:
    """Return the first screen of a report: headline figures, and figures of `FIGURES`."""
    view = View(report)
    drawn = drawing.draw_all(view, names=FIGURES)
    mark = f"n{report.digest[:8]}{report.counted.num_samples}-"
    return _shown(
        texts.title(view),
        f"{texts.summary(view)} Network sha256 {report.digest[:12]}.",
        tiles=texts.tiles(view),
        sentences=[*texts.problems(view), *filter(None, [texts.why_more(view)])],
        figures=[page.figure(each, mark) for each in drawn.values() if each.svg],
    )


def comparison_html(comparison: Comparison) -> str:
    """Return the verdict of a comparison of two runs, and the first spike that differs."""
    verdict, *rest = str(comparison).splitlines()
    one, other = comparison.names
    return _shown(
        f"{one} and {other} {'agree' if comparison.equal else 'differ'}",
        f"{verdict}.",
        sentences=[*(f"{line}." for line in rest), comparison.note],
        tables=[_sides(comparison.sides)] if comparison.sides else [],
    )


def _sides(sides: Sequence[Side]) -> Listing:
    names = {"spike": "spike", "weighted input": "weighted", "u": "current", "v": "voltage"}
    values = {label: [getattr(side, name) for side in sides] for label, name in names.items()}
    rows = tuple(
        (label, *(NONE if v is None else f"{v:,}" for v in found))
        for label, found in values.items()
    )
    return Listing("At this place and step", ("", *(side.backend for side in sides)), rows)


def history_html(epochs: Sequence[Any], *, best: int | None = None) -> str:
    """Return the curves of a training.

    Args:
        epochs: `neurodeploy.learning.training.Epoch`, one or more.
        best: number of the best epoch, from 1; that of the best validation accuracy by default.
    """
    if not epochs:
        return _shown("Training", "No epoch is done.")
    svg = history.svg(epochs, best=best)
    drawn = drawing.Drawn("history", "", history.title(epochs, best=best), svg)
    mark = f"n{abs(hash(svg)):x}-"
    return _shown(
        "Training", f"{history.title(epochs, best=best)}.", figures=[page.figure(drawn, mark)]
    )


def run_html(run: Any) -> str:
    """Return the curves of a finished training, a `neurodeploy.learning.fit.TrainedRun`."""
    return history_html(run.history, best=run.best_epoch)


def networks_html(found: SideBySide) -> str:
    """Return networks side by side, one per row."""
    tables = list(beside.listings(found.entries).values())
    return _shown("Networks side by side", "", sentences=list(found.notes), tables=tables)


def data_html(data: TaskData) -> str:
    """Return how many samples of each class a task's data have."""
    labels = {
        part: np.bincount(data.dataset.labels[rows], minlength=len(data.class_names))
        for part, rows in vars(data.split).items()
    }
    rows = tuple(
        (name, *(f"{counts[label]:,}" for counts in labels.values()))
        for label, name in enumerate(data.class_names)
    )
    total = ("all", *(f"{counts.sum():,}" for counts in labels.values()))
    channels = data.encoder.channels(len(data.dataset.channel_names))
    steps = data.encoder.steps(data.dataset.num_steps)
    return _shown(
        data.name or "Data",
        f"{data.dataset.source}; spikes of {channels:,} channels in {steps:,} time steps.",
        sentences=list(data.notes),
        tables=[Listing("Samples", ("class", *labels), (*rows, total))],
    )


def _shown(title: str, summary: str, **parts: Any) -> str:
    """Return the HTML of an object: title, summary, tiles, sentences, tables and figures."""
    given = {"tiles": [], "sentences": [], "tables": [], "figures": [], **parts}
    return page.template("notebook").render(
        title=wording.clean(title), summary=wording.clean(summary), **given
    )
