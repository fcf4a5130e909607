"""One sample from the sensor's signal to the prediction: every spike of every layer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from neurodeploy.cli import number_of
from neurodeploy.pages import wording
from neurodeploy.pages.figures import style
from neurodeploy.pages.figures.style import ACCENT, INK, SERIES, SMALL, SOFT, WIDTH, NotDrawn
from neurodeploy.pages.wording import clean
from neurodeploy.running.recording import RecordedSample, RecordedSpikes
from neurodeploy.tasks.dataset import Signal

if TYPE_CHECKING:
    from neurodeploy.running.report import Report

LINES, GROUPS, FRAMES = 3, 4, 8
"""Channels in one panel of lines, panels, and images of a sample that is not one image."""

HEIGHT: Final = 56.0
"""Points of a panel."""


def signal_panels(signal: Signal | None) -> list[Any]:
    """Return the panels that show a signal; of channels, those of one unit share one."""
    if signal is None:
        return []
    if signal.grid is not None:
        return [Frames(_frames(signal))]
    groups: dict[tuple[str, str], list[int]] = {}
    names = [clean(name) for name in signal.names]
    for index, name in enumerate(names):
        found = re.fullmatch(r"(.*?)[-_ ]?(\w*)( \(.*\))?", name)
        assert found is not None
        groups.setdefault((found[1], found[3] or ""), []).append(index)
    made = []
    for (stem, unit), members in list(groups.items())[:GROUPS]:
        some = members[:LINES]
        title = (f"{stem or 'signal'}{unit}",)
        short = tuple(
            wording.shorten(names[i].removeprefix(stem).removesuffix(unit).lstrip("-_ "), 14)
            for i in some
        )
        made.append(Lines(title, signal.values[some], short))
    return made


def _frames(signal: Signal) -> NDArray[np.float64]:
    """Return images (frames, height, width): the planes added, and the samples of equal times."""
    assert signal.grid is not None
    values = signal.values.reshape(-1, *signal.grid, signal.values.shape[1]).sum(0, np.float64)
    parts = np.array_split(values, min(FRAMES, values.shape[2]), axis=2)
    return np.stack([part.sum(2) for part in parts])


@dataclass(frozen=True)
class Lines:
    """A panel with channels of a signal as lines."""

    title: tuple[str, ...]
    values: NDArray[Any]
    names: tuple[str, ...]
    height: float = HEIGHT

    def draw(self, axes: Axes, steps: int, top: float) -> None:
        """Draw the lines, and their names beside them."""
        times = (np.arange(self.values.shape[1]) + 0.5) * steps / self.values.shape[1]
        for index, (values, name) in enumerate(zip(self.values, self.names)):
            axes.plot(times, values, color=SERIES[index % 3], linewidth=1.0, label=name)
        low, high = axes.get_ylim()
        for value, place in ((low, "bottom"), (high, "top")):
            axes.text(
                0,
                value,
                f" {wording.number(value)}",
                size=SMALL - 1.5,
                color=SOFT,
                va=place,
                ha="left",
            )
        label(axes, top, self.title)
        left = 4.0
        for index, name in enumerate(self.names):
            how = {"size": SMALL - 1, "color": SERIES[index % 3], "weight": "bold"}
            style.write(axes, left, top + 23, name, **how)
            left += 6.2 * len(name) + 8


@dataclass(frozen=True)
class Frames:
    """A panel with images, each where in time it was seen."""

    frames: NDArray[np.float64]
    height: float = HEIGHT

    def draw(self, axes: Axes, steps: int, top: float) -> None:
        """Draw the images beside one another; a pixel that saw nothing stays blank."""
        count, high, wide = self.frames.shape
        filling = steps * HEIGHT / (WIDTH - 90) / high  # steps that a pixel is wide, if high enough
        pixel = min(steps / count / wide, filling)
        most = self.frames.max() or 1
        for index, frame in enumerate(self.frames):
            y, x = np.nonzero(frame > 0)
            left, right = (index * steps / count + pixel * edge for edge in (x, x + 1))
            corners = [(left, y), (right, y), (right, y + 1), (left, y + 1)]
            colours = [to_rgba(INK, float(frame[at] / most)) for at in zip(y, x)]
            squares = np.stack([np.stack(corner, 1) for corner in corners], 1)
            axes.add_collection(PolyCollection(list(squares), facecolors=colours, linewidths=0))
        axes.set_ylim(high * filling / pixel, 0)
        label(axes, top, ("image",) if count == 1 else (f"{count} images", "of the signal"))


def label(axes: Axes, top: float, lines: tuple[str, ...]) -> None:
    """Write the lines left of a panel, the first of them stronger."""
    for index, text in enumerate(lines):
        weight = "normal" if index else "bold"
        size, colour = (SMALL - 1, SOFT) if index else (SMALL, INK)
        style.write(axes, 4, top + 10 + 12 * index, text, size=size, color=colour, weight=weight)


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


def thinned(report: Report) -> list[str]:
    """Return a sentence for each thing that is not drawn in full."""
    sample = report.sample
    if sample is None:
        return []
    found = []
    panels = [("the input", sample.inputs)] if _binary(sample.inputs) else []
    panels += [(f"layer {index}", layer) for index, layer in enumerate(sample.layers)]
    for name, kept in panels:
        rows = _rows(kept)
        if len(rows.chosen) < kept.neurons:
            found.append(f"{len(rows.chosen):,} of the {kept.neurons:,} neurons of {name}")
    sentences = [
        f"{len(lines):,} of {of:,} {what} are drawn."
        for what, of, lines in _left_out(sample)
        if len(lines) < of
    ]
    if found:
        sentences.append(f"Large layers are thinned; drawn are {', '.join(found)}.")
    steps = sample.inputs.values.shape[1]
    if steps > COLUMNS:
        joined = -(-steps // COLUMNS)
        sentences.append(f"Each column stands for {joined} of the {steps:,} time steps.")
    return sentences


def draw(report: Report) -> tuple[Figure, str]:
    """Draw the signal, the input and the spikes of all layers over the time steps."""
    sample = report.sample
    if sample is None:
        raise NotDrawn("No sample was recorded.")
    panels = [*signal_panels(sample.signal), *_inputs(sample)]
    last = len(sample.layers) - 1
    for index, layer in enumerate(sample.layers):
        named = index == last and len(wording.classes(report)) == layer.neurons > 1
        names = wording.classes(report) if named else ()
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
    dt_ms = report.network.task.dt_ms
    label = "time step" + (f" ({dt_ms:g} ms each)" if dt_ms else "")
    style.write(
        axes, WIDTH - RIGHT, top - GAP + AXIS - 2, label, size=SMALL, ha="right", color=SOFT
    )
    each = (f"layer {i} {layer.spikes:,}" for i, layer in enumerate(sample.layers))
    described = (
        f"Spike raster of sample {sample.number}: {sample.inputs.spikes:,} input values or spikes; "
        f"spikes of {', '.join(each)}"
    )
    return figure, described


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
            label(axes, top, self.title)
            return
        for index, name in enumerate(self.names):
            place = top + each * (index + 0.5) + 3
            style.write(axes, 4, place, wording.shorten(name, 15), size=SMALL - 1, color=INK)


def _left_out(sample: RecordedSample) -> Iterator[tuple[str, int, list[Any]]]:
    """Yield what is drawn as lines: in words, how many there are, and those that are drawn."""
    if sample.signal is not None and sample.signal.grid is None:
        drawn = [line for panel in signal_panels(sample.signal) for line in panel.values]
        yield "channels of the signal", len(sample.signal.names), drawn
    if not _binary(sample.inputs):
        (panel,) = _inputs(sample)
        yield "input values", sample.inputs.neurons, list(panel.values)


def _inputs(sample: RecordedSample) -> list[Any]:
    kept = sample.inputs
    if _binary(kept):
        return [_Raster(("input", *_amounts(kept)), _rows(kept))]
    some = np.linspace(0, len(kept.rows) - 1, min(len(kept.rows), LINES)).astype(int)
    names = tuple(f"{kept.rows[at]:,}" for at in some)
    title = ("input values",)
    return [Lines(title, kept.values[some], names)]


def _binary(kept: RecordedSpikes) -> bool:
    return bool(((kept.values == 0) | (kept.values == 1)).all())


def _amounts(kept: RecordedSpikes) -> tuple[str, str]:
    return number_of(kept.neurons, "neuron"), number_of(kept.spikes, "spike")


def _rows(kept: RecordedSpikes) -> _Rows:
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
