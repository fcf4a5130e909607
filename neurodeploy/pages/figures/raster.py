"""One sample from the sensor's signal to the answer: every spike of every layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from neurodeploy.cli import number_of
from neurodeploy.pages.figures import signals, style
from neurodeploy.pages.figures.style import ACCENT, INK, SMALL, SOFT, WIDTH
from neurodeploy.pages.view import View
from neurodeploy.running.kept_sample import KeptSample, KeptSpikes

COLUMNS: Final = 1000
"""Most steps that are told apart; of a longer sample several make one column."""

MARKS: Final = 8000
"""Spikes of a layer that are drawn; where there are more, fewer of its neurons are."""

TOP, GAP, AXIS, LEFT, RIGHT = 6.0, 9.0, 34.0, 84.0, 6.0
"""Points: above all, between panels, the scale, and the margins beside them."""


@dataclass(frozen=True)
class _Rows:
    """Spikes of one panel: the neurons that are drawn, and where, (rows, columns) of bool."""

    neurons: int
    chosen: NDArray[np.int64]
    marks: NDArray[np.bool_]

    @property
    def height(self) -> float:
        """Points: as few neurons take more room each."""
        rows = len(self.chosen)
        return max(rows * 13.0, 40.0) if rows <= 12 else 40 + 0.55 * rows


def missing(view: View) -> str:
    """Return why there is nothing to draw, or ""."""
    return "" if view.sample is not None else "No sample was kept to be drawn."


def describe(view: View) -> str:
    """Return what the figure shows, for who cannot see it."""
    sample = _sample(view)
    each = (f"layer {i} {layer.spikes:,}" for i, layer in enumerate(sample.layers))
    return (
        f"Spike raster of sample {sample.number}: {sample.inputs.spikes:,} input values or spikes; "
        f"spikes of {', '.join(each)}"
    )


def thinned(view: View) -> list[str]:
    """Return a sentence for each thing that is not drawn in full."""
    sample = _sample(view)
    found = []
    panels = [("the input", sample.inputs)] if _binary(sample.inputs) else []
    panels += [(f"layer {index}", layer) for index, layer in enumerate(sample.layers)]
    for name, kept in panels:
        rows = _rows(kept)
        if len(rows.chosen) < kept.neurons:
            found.append(f"{len(rows.chosen):,} of the {kept.neurons:,} neurons of {name}")
    sentences = [
        f"Of {of:,} {what}, {len(lines):,} are drawn."
        for what, of, lines in _left_out(sample)
        if len(lines) < of
    ]
    if found:
        sentences.append(f"Drawn are every so many neurons of large layers: {', '.join(found)}.")
    steps = sample.inputs.values.shape[1]
    if steps > COLUMNS:
        joined = -(-steps // COLUMNS)
        sentences.append(f"Of {steps:,} time steps, {joined} share a column.")
    return sentences


def draw(view: View) -> Figure:
    """Draw the signal, the input and the spikes of all layers over the time steps."""
    sample = _sample(view)
    panels = [*signals.panels(sample.signal), *_inputs(sample)]
    last = len(sample.layers) - 1
    for index, layer in enumerate(sample.layers):
        answers = index == last and len(view.classes) == layer.neurons > 1
        names = view.classes if answers else ()
        panels.append(_Raster((f"layer {index}", *_amounts(layer)), _rows(layer), names, ACCENT))
    steps = sample.inputs.values.shape[1]
    figure = style.canvas(sum(p.height + GAP for p in panels) + TOP + AXIS - GAP)
    top = TOP
    for panel in panels:
        axes = style.place(figure, LEFT, top, WIDTH - LEFT - RIGHT, panel.height)
        axes.set_xlim(0, steps)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.tick_params(labelbottom=panel is panels[-1], length=3 if panel is panels[-1] else 0)
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        panel.draw(axes, steps, top)
        top += panel.height + GAP
    dt_ms = view.report.network.task.dt_ms
    label = "time step" + (f" ({dt_ms:g} ms each)" if dt_ms else "")
    style.write(
        axes, WIDTH - RIGHT, top - GAP + AXIS - 2, label, size=SMALL, ha="right", color=SOFT
    )
    return figure


@dataclass(frozen=True)
class _Raster:
    """A panel with spikes."""

    title: tuple[str, ...]
    rows: _Rows
    names: tuple[str, ...] = ()
    colour: str = INK

    @property
    def height(self) -> float:
        return self.rows.height

    def draw(self, axes: Axes, steps: int, top: float) -> None:
        """Draw the spikes, and what they are of beside them."""
        rows, columns = self.rows.marks.shape
        axes.set_ylim(rows, 0)
        at, when = np.nonzero(self.rows.marks)
        each = self.height / rows
        tall = 0.76 if each > 2 else 1.0
        x = (when + 0.5) * steps / columns
        y = at + (1 - tall) / 2
        gap = np.full(len(x), np.nan)
        axes.plot(
            np.stack([x, x, gap], 1).ravel(), np.stack([y, y + tall, gap], 1).ravel(),
            color=self.colour, linewidth=float(np.clip(0.8 * WIDTH / steps, 0.5, 1.3)),
            solid_capstyle="butt",
        )  # fmt: skip
        if not (self.names and each >= 10):
            signals.label(axes, top, self.title)
            return
        for index, name in enumerate(self.names):
            place = top + each * (index + 0.5) + 3
            style.write(axes, 4, place, style.shorten(name, 15), size=SMALL - 1, color=INK)


def _left_out(sample: KeptSample) -> Iterator[tuple[str, int, list[Any]]]:
    """Yield what is drawn as lines: in words, how many there are, and those that are drawn."""
    if sample.signal is not None and sample.signal.grid is None:
        drawn = [line for panel in signals.panels(sample.signal) for line in panel.values]
        yield "channels of the signal", len(sample.signal.names), drawn
    if not _binary(sample.inputs):
        (panel,) = _inputs(sample)
        yield "input values", sample.inputs.neurons, list(panel.values)


def _inputs(sample: KeptSample) -> list[Any]:
    kept = sample.inputs
    if _binary(kept):
        return [_Raster(("input", *_amounts(kept)), _rows(kept))]
    some = np.linspace(0, len(kept.rows) - 1, min(len(kept.rows), signals.LINES)).astype(int)
    names = tuple(f"{kept.rows[at]:,}" for at in some)
    title = ("input values",)
    return [signals.Lines(title, kept.values[some], names)]


def _binary(kept: KeptSpikes) -> bool:
    return bool(((kept.values == 0) | (kept.values == 1)).all())


def _amounts(kept: KeptSpikes) -> tuple[str, str]:
    return number_of(kept.neurons, "neuron"), number_of(kept.spikes, "spike")


def _rows(kept: KeptSpikes) -> _Rows:
    """Return what is drawn of a layer: columns joined, then neurons left out for `MARKS`."""
    sent = kept.values != 0
    steps = sent.shape[1]
    if steps > COLUMNS:
        joined = -(-steps // COLUMNS)
        padded = np.pad(sent, ((0, 0), (0, -steps % joined)))
        sent = padded.reshape(len(sent), -1, joined).any(2)
    rows = len(sent)
    if sent.sum() > MARKS:
        rows = max(8, int(rows * MARKS / sent.sum()))
    some = np.linspace(0, len(sent) - 1, min(rows, len(sent))).astype(int)
    return _Rows(kept.neurons, kept.rows[some], sent[some])


def _sample(view: View) -> KeptSample:
    assert view.sample is not None
    return view.sample
