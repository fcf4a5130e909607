"""How much every layer fires and computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurodeploy.hw_sim.reports.report import CountedLayer
from neurodeploy.pages import wording
from neurodeploy.pages.figures import style
from neurodeploy.pages.figures.style import ACCENT, FAINT, INK, SIZE, SMALL, SOFT, WIDTH

if TYPE_CHECKING:
    from neurodeploy.running.evaluation import Report

ROW, TOP, MOST = 30.0, 20.0, 40
"""Height of a layer and of the head in points, and the most layers that are drawn."""

LEFT, GAP = 5.0, 16.0


def missing(report: Report) -> str:
    """Return why there is nothing to draw, or ""."""
    layers = report.counted.layers
    if not any(layer.spikes_per_sample or layer.synops_per_sample for layer in layers):
        return "No neuron fired and no spike arrived anywhere in the run: there is nothing to draw."
    return ""


def describe(report: Report) -> str:
    """Return what the figure shows, in words for a screen reader."""
    layers = report.counted.layers[:MOST]
    each = (f"layer {x.layer} {wording.count(x.spikes_per_sample)}" for x in layers)
    return f"Spikes that each layer emits in the mean sample: {', '.join(each)}; and its SynOps"


def draw(report: Report) -> Figure:
    """Draw spikes and SynOps of every layer as bars, side by side."""
    layers = report.counted.layers[:MOST]
    figure = style.canvas(TOP + ROW * len(layers) + 2)
    width = (WIDTH - 2 * LEFT - GAP) / 2
    spikes = [layer.spikes_per_sample for layer in layers]
    fires = [f"{_name(layer)}" for layer in layers]
    rates = [f"{wording.share(layer.firing_rate_per_step)} firing" for layer in layers]
    _bars(figure, LEFT, width, "spikes out", spikes, fires, rates)
    synops = [layer.synops_per_sample for layer in layers]
    dense = [
        f"{wording.share(layer.synops_per_sample / max(layer.dense_synops_per_sample, 1))} of dense"
        for layer in layers
    ]
    _bars(figure, LEFT + width + GAP, width, "SynOps", synops, [""] * len(layers), dense)
    return figure


def _name(layer: CountedLayer) -> str:
    return f"layer {layer.layer}"


def _bars(
    figure: Figure,
    left: float,
    width: float,
    title: str,
    values: list[float],
    names: list[str],
    notes: list[str],
) -> None:
    axes: Axes = style.place(figure, left, TOP, width, ROW * len(values))
    style.bare(axes)
    axes.set_xlim(0, max(*values, 1e-9))
    axes.set_ylim(ROW * len(values), 0)
    style.write(axes, left, 11, title, size=SIZE, weight="bold", color=INK)
    for index, value in enumerate(values):
        y = ROW * index
        axes.barh(y + 20, max(values, default=1) or 1, height=3.2, color=FAINT, linewidth=0)
        axes.barh(y + 20, value, height=3.2, color=ACCENT, linewidth=0)
        text = wording.count(value)
        label = f"{names[index]}: {text}" if names[index] else text
        style.write(axes, left, TOP + y + 14, label, size=SMALL, color=INK)
        style.write(
            axes, left + width, TOP + y + 14, notes[index], size=SMALL, ha="right", color=SOFT
        )
