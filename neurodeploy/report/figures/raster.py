"""Draw one sample, from the sensor signal through the spikes of every layer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from neurodeploy import style
from neurodeploy.data.dataset import Signal
from neurodeploy.evaluation.recording import RecordedSample, RecordedSpikes
from neurodeploy.models.display import number_of
from neurodeploy.report import wording
from neurodeploy.report.wording import clean
from neurodeploy.style import ACCENT, INK, SERIES, SMALL, SOFT, WIDTH, NotDrawn

if TYPE_CHECKING:
    from neurodeploy.report.report_data import ReportData

LINES, GROUPS, FRAMES = 3, 4, 8
"""Maximum number of channels per panel, of signal panels, and of images per sample."""

HEIGHT: Final = 56.0
"""Height of a panel in points."""


def signal_panels(signal: Signal | None) -> list[Any]:
    """Return the panels of a signal; channels with the same stem and unit share a panel."""
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
    """Return images (frames, height, width), summed over planes and over equal spans of time."""
    assert signal.grid is not None
    values = signal.values.reshape(-1, *signal.grid, signal.values.shape[1]).sum(0, np.float64)
    parts = np.array_split(values, min(FRAMES, values.shape[2]), axis=2)
    return np.stack([part.sum(2) for part in parts])


@dataclass(frozen=True)
class Lines:
    """Panel with the channels of a signal as lines."""

    title: tuple[str, ...]
    values: NDArray[Any]
    names: tuple[str, ...]
    height: float = HEIGHT

    def draw(self, axes: Axes, steps: int, top: float) -> None:
        """Draw the lines and their names."""
        times = (np.arange(self.values.shape[1]) + 0.5) * steps / self.values.shape[1]
        for index, (values, name) in enumerate(zip(self.values, self.names)):
            axes.plot(times, values, color=SERIES[index % 3], linewidth=1.0, label=name)
        low, high = axes.get_ylim()
        for value, place in ((low, "bottom"), (high, "top")):
            end: dict[str, Any] = {"size": SMALL - 1.5, "color": SOFT, "va": place, "ha": "left"}
            axes.text(0, value, f" {wording.number(value)}", **end)
        label(axes, top, self.title)
        left = 4.0
        for index, name in enumerate(self.names):
            how = {"size": SMALL - 1, "color": SERIES[index % 3], "weight": "bold"}
            style.write(axes, left, top + 23, name, **how)
            left += 6.2 * len(name) + 8


@dataclass(frozen=True)
class Frames:
    """Panel with images along the time axis."""

    frames: NDArray[np.float64]
    height: float = HEIGHT

    def draw(self, axes: Axes, steps: int, top: float) -> None:
        """Draw the images side by side; pixels with value 0 stay blank."""
        count, high, wide = self.frames.shape
        filling = steps * HEIGHT / (WIDTH - 90) / high  # pixel width in steps at full height
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
    """Write lines of text to the left of a panel, the first one in bold."""
    for index, text in enumerate(lines):
        weight = "normal" if index else "bold"
        size, colour = (SMALL - 1, SOFT) if index else (SMALL, INK)
        style.write(axes, 4, top + 10 + 12 * index, text, size=size, color=colour, weight=weight)


COLUMNS: Final = 1000
"""Maximum number of columns; longer samples merge several steps into one column."""

MARKS: Final = 8000
"""Maximum number of spikes per layer; busier layers show fewer neurons."""

TOP, GAP, AXIS, LEFT, RIGHT = 6.0, 9.0, 34.0, 84.0, 6.0
"""Sizes in points: top margin, gap between panels, time axis, left and right margin."""


def draw(report: ReportData) -> tuple[Figure, str]:
    """Draw signal, input and the spikes of all layers over time."""
    sample = report.sample
    if sample is None:
        raise NotDrawn("No sample was recorded.")
    panels = [*signal_panels(sample.signal), _input(sample), *_layers(report, sample)]
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
    below = "time step" + (f" ({dt_ms:g} ms each)" if dt_ms else "")
    right = {"size": SMALL, "ha": "right", "color": SOFT}
    style.write(axes, WIDTH - RIGHT, top - GAP + AXIS - 2, below, **right)
    each = (f"layer {i} {layer.spikes:,}" for i, layer in enumerate(sample.layers))
    described = (
        f"Spike raster of sample {sample.number}: {sample.inputs.spikes:,} input values or spikes; "
        f"spikes of {', '.join(each)}"
    )
    return figure, described


def thinned(report: ReportData) -> list[str]:
    """Return a sentence for each part of the sample that is not drawn in full."""
    sample = report.sample
    if sample is None:
        return []
    given, layers = _input(sample), _layers(report, sample)
    signal = [panel for panel in signal_panels(sample.signal) if isinstance(panel, Lines)]
    shown = {}
    if signal and sample.signal is not None:
        lines = sum(len(panel.values) for panel in signal)
        shown["channels of the signal"] = (lines, len(sample.signal.names))
    if isinstance(given, Lines):
        shown["input values"] = (len(given.values), sample.inputs.neurons)
    found = [f"{n:,} of {of:,} {what} are drawn." for what, (n, of) in shown.items() if n < of]
    rasters = [("the input", given)] if isinstance(given, _Raster) else []
    rasters += [(panel.title[0], panel) for panel in layers]
    few = [
        f"{len(panel.marks):,} of the {panel.neurons:,} neurons of {name}"
        for name, panel in rasters
        if len(panel.marks) < panel.neurons
    ]
    if few:
        found.append(f"Large layers are subsampled to {', '.join(few)}.")
    steps = sample.inputs.values.shape[1]
    if steps > COLUMNS:
        joined = -(-steps // COLUMNS)
        found.append(f"Each column stands for {joined} of the {steps:,} time steps.")
    return found


def _input(sample: RecordedSample) -> Lines | _Raster:
    """Return the panel of the input: a raster for spikes, lines for other values."""
    sent = sample.inputs
    if ((sent.values == 0) | (sent.values == 1)).all():
        return _Raster.of("input", sent)
    some = np.linspace(0, len(sent.rows) - 1, min(len(sent.rows), LINES)).astype(int)
    return Lines(("input values",), sent.values[some], tuple(f"{sent.rows[at]:,}" for at in some))


def _layers(report: ReportData, sample: RecordedSample) -> list[_Raster]:
    """Return the panels of the layers; the last layer is labelled with class names."""
    last, classes = len(sample.layers) - 1, wording.classes(report)
    names = classes if len(classes) == sample.layers[-1].neurons > 1 else ()
    return [
        _Raster.of(f"layer {i}", layer, ACCENT, names if i == last else ())
        for i, layer in enumerate(sample.layers)
    ]


@dataclass(frozen=True)
class _Raster:
    """Panel with a spike raster.

    Attributes:
        title: lines of the title.
        neurons: number of neurons in the layer.
        marks: spikes of the drawn neurons, bool (rows, columns).
        colour: colour of the spikes.
        names: names of the neurons, or ().
    """

    title: tuple[str, ...]
    neurons: int
    marks: NDArray[np.bool_]
    colour: str
    names: tuple[str, ...]

    @classmethod
    def of(
        cls, name: str, sent: RecordedSpikes, colour: str = INK, names: tuple[str, ...] = ()
    ) -> _Raster:
        """Return the panel of a layer; merge steps, then omit neurons, to respect the limits."""
        marks = sent.values != 0
        steps = marks.shape[1]
        if steps > COLUMNS:
            joined = -(-steps // COLUMNS)
            padded = np.pad(marks, ((0, 0), (0, -steps % joined)))
            marks = padded.reshape(len(marks), -1, joined).any(2)
        if marks.sum() > MARKS:
            rows = min(max(8, int(len(marks) * MARKS / marks.sum())), len(marks))
            marks = marks[np.linspace(0, len(marks) - 1, rows).astype(int)]
        title = (name, number_of(sent.neurons, "neuron"), number_of(sent.spikes, "spike"))
        return cls(title, sent.neurons, marks, colour, names)

    @property
    def height(self) -> float:
        """Height in points; a layer with few neurons has taller rows."""
        rows = len(self.marks)
        return max(rows * 13.0, 40.0) if rows <= 12 else 40 + 0.55 * rows

    def draw(self, axes: Axes, steps: int, top: float) -> None:
        """Draw the spikes, and the title or the names of the neurons beside them."""
        rows, columns = self.marks.shape
        axes.set_ylim(rows, 0)
        at, when = np.nonzero(self.marks)
        each = self.height / rows
        tall = 0.76 if each > 2 else 1.0
        x = (when + 0.5) * steps / columns
        y = at + (1 - tall) / 2
        gap = np.full(len(x), np.nan)  # one path for all spikes keeps the page small
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
