"""A picture of signal, spikes and decisions over time."""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from neurodeploy import style
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.models import files
from neurodeploy.style import ACCENT, FAINT, SECOND, SERIES, SMALL, SOFT

if TYPE_CHECKING:
    from neurodeploy.predict.clock import Piece
    from neurodeploy.predict.columns import Columns
    from neurodeploy.predict.predicting import Decision, Plan, Way

ROWS_MAX: Final = 1 << 18
"""Rows that a picture holds: 87 minutes at 50 Hz. Of a longer recording it shows the end."""

COLUMNS: Final = 1200
"""Columns of the raster; a column shows the rate of several steps."""

GROUPS, LINES = 4, 3
"""Signal panels, and lines per panel, at most."""

WIDE, HIGH, CLASS_HIGH = 9.0, 1.15, 0.24
"""Width of the picture, height of a panel and of a class, in inches."""

WAYS: Final = {"windows": ACCENT, "continuous": SECOND}


class Timeline:
    """Keeps what a picture needs while a network predicts: an observer.

    Args:
        plan: how the network predicts.
        columns: the columns of the recording.
    """

    def __init__(self, plan: Plan, columns: Columns) -> None:
        self.plan, self.names = plan, columns.names
        self.rows: deque[tuple[NDArray[Any], NDArray[Any]]] = deque()
        self.spikes: deque[tuple[float, float, NDArray[Any]]] = deque()
        self.decisions: deque[Decision] = deque(maxlen=ROWS_MAX)
        self.gaps: deque[tuple[float, float]] = deque(maxlen=ROWS_MAX)
        self.held = 0
        self.first: Way | None = None
        self.last = 0.0

    def piece(self, piece: Piece) -> None:
        """Keep the rows of a piece, and leave the oldest behind."""
        if not len(piece.times):
            return
        if piece.gap:
            self.gaps.append((self.last, float(piece.times[0])))
            self.rows.append((piece.values[:1] * np.nan, piece.times[:1]))
        self.last = float(piece.times[-1])
        self.rows.append((piece.values.astype(np.float32), piece.times))
        self.held += len(piece.times)
        while self.held > ROWS_MAX and len(self.rows) > 1:
            self.held -= len(self.rows.popleft()[1])
        oldest = float(self.rows[0][1][0])
        while self.spikes and self.spikes[0][1] < oldest:
            self.spikes.popleft()

    def ran(self, activity: Activity, times: NDArray[np.float64], way: Way) -> None:
        """Keep the input spikes of the steps that are new since the window before."""
        self.first = self.first or way
        if way != self.first:
            return
        inputs = activity.inputs
        steps = inputs.shape[2]
        rows = steps if way == "continuous" else self.plan.window
        shown = steps if way == "continuous" else min(self.plan.hop, self.plan.window)
        part = max(steps * shown // rows, 1)
        for spikes, end in zip(inputs, times, strict=True):
            start = float(end) - shown / self.plan.rate_hz
            self.spikes.append((start, float(end), (spikes[:, -part:] != 0).astype(np.uint8)))

    def draw(self, path: Path) -> None:
        """Write the picture, a PNG, SVG or PDF file."""
        with style.look():
            figure = self._figure()
            with files.replacing(path) as temporary:
                figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=150)

    def _figure(self) -> Figure:
        groups = self._groups()
        classes = self.plan.network.task.class_names or tuple(
            map(str, range(self.plan.network.outputs))
        )
        heights = [HIGH] * (len(groups) + 1) + [CLASS_HIGH * len(classes) + 0.2]
        figure = Figure(figsize=(WIDE, sum(heights) + 0.9), layout="constrained")
        panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        values, times = self._signal()
        for axes, (title, members) in zip(panels, groups.items()):
            self._lines(axes, title, times, values, members)
        self._raster(panels[-2], float(times[0]), float(times[-1]))
        self._classes(panels[-1], classes)
        for axes in panels:
            for start, end in self.gaps:
                axes.axvspan(start, end, color=FAINT, linewidth=0)
        panels[-1].set_xlim(float(times[0]), float(times[-1]) + 1 / self.plan.rate_hz)
        panels[-1].set_xlabel("time (s)")
        return figure

    def _groups(self) -> dict[str, list[int]]:
        """Return the channels of each panel; channels with one stem and unit share it."""
        groups: dict[str, list[int]] = {}
        if self.plan.wanted.encoder is None:
            return groups
        for index, name in enumerate(self.names):
            found = re.fullmatch(r"(.*?)[-_ ]?\w?( \(.*\))?", name)
            stem = f"{found[1]}{found[2] or ''}" if found else name
            groups.setdefault(stem, []).append(index)
        return dict(list(groups.items())[:GROUPS])

    def _signal(self) -> tuple[NDArray[Any], NDArray[Any]]:
        if not self.rows:
            return np.zeros((1, len(self.names))), np.zeros(1)
        return (
            np.concatenate([values for values, _ in self.rows]),
            np.concatenate([times for _, times in self.rows]),
        )

    def _lines(
        self,
        axes: Axes,
        title: str,
        times: NDArray[Any],
        values: NDArray[Any],
        members: list[int],
    ) -> None:
        for place, index in enumerate(members[:LINES]):
            name = self.names[index].split(" (")[0]
            axes.plot(times, values[:, index], color=SERIES[place % 3], linewidth=0.6, label=name)
        axes.set_ylabel(title)
        _legend(axes)

    def _raster(self, axes: Axes, start: float, end: float) -> None:
        """Draw the rate of each input channel in each column."""
        channels = self.plan.network.inputs
        total, count = np.zeros((channels, COLUMNS)), np.zeros(COLUMNS)
        scale = COLUMNS / max(end - start, 1e-9)
        for since, until, spikes in self.spikes:
            at = since + (np.arange(spikes.shape[1]) + 0.5) * (until - since) / spikes.shape[1]
            column = np.clip(((at - start) * scale).astype(int), 0, COLUMNS - 1)
            np.add.at(total.T, column, spikes.T)
            np.add.at(count, column, 1)
        rate = total / np.maximum(count, 1)
        axes.imshow(
            rate, aspect="auto", cmap="Greys", vmin=0, vmax=max(float(rate.max()), 1e-9),
            extent=(start, end, channels - 0.5, -0.5), interpolation="nearest",
        )  # fmt: skip
        axes.set_ylabel(f"{channels} channels\nof spikes")

    def _classes(self, axes: Axes, classes: tuple[str, ...]) -> None:
        """Draw a bar for each decision, from the decision before to it."""
        ways = [way for way in WAYS if any(each.way == way for each in self.decisions)]
        high = 0.8 / max(len(ways), 1)
        hop = self.plan.hop / self.plan.rate_hz
        for place, way in enumerate(ways):
            made = [each for each in self.decisions if each.way == way and each.class_name]
            rows = np.array([classes.index(each.class_name) for each in made])
            axes.barh(
                rows - 0.4 + high * (place + 0.5), [hop] * len(made), height=high,
                left=[each.time_s - hop for each in made], color=WAYS[way], linewidth=0, label=way,
            )  # fmt: skip
        axes.set_yticks(range(len(classes)), [name.lower().replace("_", " ") for name in classes])
        axes.set_ylim(len(classes) - 0.5, -0.5)
        axes.grid(axis="y")
        axes.tick_params(axis="y", labelcolor=SOFT)
        axes.set_title(f"decisions: {' and '.join(ways)}" if ways else "no decision", size=SMALL)
        if len(ways) > 1:
            _legend(axes)


def _legend(axes: Axes) -> None:
    """Show the names of lines or bars above the panel, on the right."""
    where: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 0.96), "borderpad": 0.2}
    axes.legend(ncols=LINES, fontsize=SMALL - 2, frameon=False, **where)
