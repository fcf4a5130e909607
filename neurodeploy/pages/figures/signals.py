"""What the sensor gave for a sample: its channels as lines, or the images that they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from numpy.typing import NDArray

from neurodeploy.pages import numbers
from neurodeploy.pages.figures import style
from neurodeploy.pages.figures.style import INK, SERIES, SMALL, SOFT, WIDTH
from neurodeploy.pages.words import clean
from neurodeploy.tasks.windows import Signal

LINES, GROUPS, FRAMES = 3, 4, 8
"""Channels in one panel of lines, panels, and images of a sample that is not one image."""

HEIGHT: Final = 56.0
"""Points of a panel."""


def panels(signal: Signal | None) -> list[Any]:
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
            style.shorten(names[i].removeprefix(stem).removesuffix(unit).lstrip("-_ "), 14)
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
                f" {numbers.number(value)}",
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
