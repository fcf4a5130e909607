"""Estimates as ranges on one scale of powers of ten, the likely value as a mark.

Energy, time and the comparison with conventional hardware are drawn so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from neurodeploy.hw_sim.chips.cost import Estimate
from neurodeploy.pages import wording
from neurodeploy.pages.figures import style
from neurodeploy.pages.figures.style import INK, SMALL, SOFT, WIDTH

LEGEND, HEAD, LINE, GAP, AXIS = 22.0, 17.0, 13.0, 5.0, 22.0
"""Heights in points: of the legend, of a row's name, of a range, between rows, of the scale."""

LEFT, RIGHT = 6.0, 64.0
"""Margins in points; values stand in the right one."""


@dataclass(frozen=True)
class Line:
    """One range.

    Attributes:
        series: which of the things side by side, from 0.
        band: in SI units; None where there is none.
    """

    series: int
    band: Estimate


@dataclass(frozen=True)
class Row:
    """Ranges under one name.

    Attributes:
        name: what they are of.
        lines: the ranges, from the top.
        strong: whether it is a sum of others.
    """

    name: str
    lines: tuple[Line, ...]
    strong: bool = False


def draw(rows: Sequence[Row], *, series: Sequence[str], unit: str) -> Figure:
    """Draw rows of ranges, with a legend where there are several series."""
    legend = LEGEND * -(-len(series) // _beside(series)) if len(series) > 1 else 2.0
    body = sum(HEAD + LINE * len(row.lines) + GAP for row in rows)
    figure = style.canvas(legend + body + AXIS)
    axes = style.place(figure, LEFT, legend, WIDTH - LEFT - RIGHT, body)
    limits = _limits([line.band for row in rows for line in row.lines])
    _scale(axes, limits, unit)
    axes.set_ylim(body, 0)
    if len(series) > 1:
        _legend(axes, series)
    top = 0.0
    for row in rows:
        weight = "bold" if row.strong else "normal"
        style.write(
            axes, LEFT, legend + top + HEAD - 4, row.name, size=style.SIZE, weight=weight, color=INK
        )
        for index, line in enumerate(row.lines):
            y = top + HEAD + LINE * (index + 0.5)
            _range(axes, line, y, floor=limits[0])
            text = "0" if not line.band.value else _amount(line.band.value, unit)
            style.write(
                axes, WIDTH - 3, legend + y + 3, text, size=SMALL, ha="right", color=INK,
                weight=weight,
            )  # fmt: skip
        top += HEAD + LINE * len(row.lines) + GAP
    return figure


def _amount(value: float, unit: str) -> str:
    return wording.printed(value, unit)


def _tick(value: float, unit: str) -> str:
    scale = wording.scale([value * 1.001], unit, wording.MICRO)
    return f"{value * scale.factor:g} {scale.unit}"


def _limits(bands: Sequence[Estimate]) -> tuple[float, float]:
    """Return the ends of the scale: all likely values and highs, and other ends down to a thousand
    millionth of the highest."""
    ends = [end for band in bands for end in (band.low, band.value, band.high) if end > 0]
    if not ends:
        return 1e-9, 1e-6
    high = max(ends)
    low = max(min(ends), 1e-9 * high)
    return low / 1.6, max(high * 1.4, low * 10)


def _scale(axes: Axes, limits: tuple[float, float], unit: str) -> None:
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    decades = range(math.ceil(math.log10(limits[0])), math.floor(math.log10(limits[1])) + 1)
    every = -(-len(decades) // 5)
    ticks = [10.0**power for power in decades][::every]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(ticks, [_tick(tick, unit) for tick in ticks])
    axes.set_yticks([])
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)


def _range(axes: Axes, line: Line, y: float, *, floor: float) -> None:
    colour = style.SERIES[line.series % len(style.SERIES)]
    band = line.band
    if band.high > 0:
        ends = [max(band.low, floor), band.high]
        axes.plot(ends, [y, y], color=colour, alpha=0.35, linewidth=5, solid_capstyle="round")
    if band.value > 0:
        marker = style.MARKERS[line.series % len(style.MARKERS)]
        size = 6.5 if marker == "o" else 5.2
        axes.plot(
            [max(band.value, floor)], [y], marker=marker, markersize=size, color=colour,
            markeredgecolor=style.PAPER, markeredgewidth=0.8, linestyle="none",
        )  # fmt: skip


def _beside(series: Sequence[str]) -> int:
    """Return how many names stand beside one another in the legend: all, or two where too long."""
    width = sum(22 + 5.2 * len(style.shorten(name, 30)) for name in series)
    return len(series) if width <= WIDTH else 2


def _legend(axes: Axes, series: Sequence[str]) -> None:
    handles = [
        axes.plot(
            [], [], marker=style.MARKERS[i % len(style.MARKERS)], linestyle="none",
            color=style.SERIES[i % len(style.SERIES)],
            markersize=6, label=style.shorten(name, 30),
        )[0]
        for i, name in enumerate(series)
    ]  # fmt: skip
    figure = axes.figure
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, 1), ncols=_beside(series),
        frameon=False, borderpad=0.2, handletextpad=0.2, columnspacing=1.4, fontsize=SMALL,
        labelcolor=SOFT, handlelength=1.4, borderaxespad=0.2,
    )  # fmt: skip
