"""Draw spikes and SynOps of every layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from neurodeploy import style
from neurodeploy.report import wording
from neurodeploy.style import ACCENT, FAINT, INK, SIZE, SMALL, SOFT, WIDTH, NotDrawn

if TYPE_CHECKING:
    from neurodeploy.report.report_data import ReportData

ROW, TOP, MOST = 30.0, 20.0, 40
"""Row height and header height in points, and the maximum number of layers."""
LEFT, GAP = 5.0, 16.0


def draw(report: ReportData) -> tuple[Figure, str]:
    """Draw spikes and SynOps of every layer as bars, side by side."""
    layers = report.counted.layers[:MOST]
    if not any(layer.spikes_per_sample or layer.synops_per_sample for layer in layers):
        raise NotDrawn("No neuron fired and no spike arrived in the run.")
    figure = style.canvas(TOP + ROW * len(layers) + 2)
    spikes = [
        (
            layer.spikes_per_sample,
            f"layer {layer.layer}: {wording.count(layer.spikes_per_sample)}",
            f"{wording.share(layer.firing_rate_per_step)} firing",
        )
        for layer in layers
    ]
    synops = [
        (each, wording.count(each), f"{wording.share(each / max(dense, 1))} of dense")
        for each, dense in ((x.synops_per_sample, x.dense_synops_per_sample) for x in layers)
    ]
    _bars(figure, LEFT, "spikes out", spikes)
    _bars(figure, WIDTH / 2 + GAP / 2, "SynOps", synops)
    described = ", ".join(text for _, text, _ in spikes)
    return figure, f"Spikes that each layer emits per sample: {described}; and its SynOps"


def _bars(figure: Figure, left: float, title: str, rows: Sequence[tuple[float, str, str]]) -> None:
    """Draw a bar for each (value, text, note), with text and note above its ends."""
    width, most = (WIDTH - 2 * LEFT - GAP) / 2, max(value for value, _, _ in rows) or 1
    axes = style.place(figure, left, TOP, width, ROW * len(rows))
    style.bare(axes)
    axes.set_xlim(0, most)
    axes.set_ylim(ROW * len(rows), 0)
    style.write(axes, left, 11, title, size=SIZE, weight="bold", color=INK)
    for index, (value, text, note) in enumerate(rows):
        y = ROW * index
        axes.barh(y + 20, most, height=3.2, color=FAINT, linewidth=0)
        axes.barh(y + 20, value, height=3.2, color=ACCENT, linewidth=0)
        style.write(axes, left, TOP + y + 14, text, size=SMALL, color=INK)
        right = left + width
        style.write(axes, right, TOP + y + 14, note, size=SMALL, ha="right", color=SOFT)
