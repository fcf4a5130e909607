"""Estimates as ranges on one scale of powers of ten, the likely value as a mark: what spends the
energy of a sample, what a time step waits for, and the energy beside conventional hardware.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from neurodeploy.hw_sim.chips import Estimate, exactly
from neurodeploy.hw_sim.estimates import Energy
from neurodeploy.pages import wording
from neurodeploy.pages.figures import style
from neurodeploy.pages.figures.style import INK, SMALL, SOFT, WIDTH
from neurodeploy.pages.view import View, core_parts, energy_parts, processors

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
    return wording.amount(value, unit)


def _tick(value: float, unit: str) -> str:
    scale = wording.scale([value * 1.001], unit)
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
    width = sum(22 + 5.2 * len(wording.shorten(name, 30)) for name in series)
    return len(series) if width <= WIDTH else 2


def _legend(axes: Axes, series: Sequence[str]) -> None:
    handles = [
        axes.plot(
            [], [], marker=style.MARKERS[i % len(style.MARKERS)], linestyle="none",
            color=style.SERIES[i % len(style.SERIES)],
            markersize=6, label=wording.shorten(name, 30),
        )[0]
        for i, name in enumerate(series)
    ]  # fmt: skip
    figure = axes.figure
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, 1), ncols=_beside(series),
        frameon=False, borderpad=0.2, handletextpad=0.2, columnspacing=1.4, fontsize=SMALL,
        labelcolor=SOFT, handlelength=1.4, borderaxespad=0.2,
    )  # fmt: skip


def chips_missing(view: View) -> str:
    """Return why there is nothing to draw, or ""."""
    return "" if view.chips else "No chip was asked for."


def describe_energy(view: View) -> str:
    """Return what the figure shows, in words for a screen reader."""
    totals = (
        f"{title} {wording.amount(each.energy.total.value, 'J')}"
        for title, each in zip(view.titles, view.chips)
    )
    return f"Energy per sample at full speed by what spends it; in all {', '.join(totals)}"


def draw_energy(view: View) -> Figure:
    """Draw the parts of a sample's energy at full speed, then their sums."""
    energies = [each.energy for each in view.chips]
    rows = [
        Row(part[0].name, tuple(Line(i, each.band) for i, each in enumerate(part)))
        for part in zip(*map(energy_parts, energies))
    ]
    rows.append(_sum("all dynamic", [each.dynamic for each in energies]))
    rows.append(_sum("total at full speed", [each.total for each in energies]))
    paced = [
        (i, each.real_time_energy)
        for i, each in enumerate(view.chips)
        if each.real_time_energy is not None
    ]
    if paced:
        rows.append(_paced("total at the sensor's pace", paced))
    return draw(rows, series=view.titles, unit="J")


def _sum(name: str, bands: list[Estimate]) -> Row:
    return _row(name, bands, strong=True)


def _paced(name: str, energies: list[tuple[int, Energy]]) -> Row:
    return Row(name, tuple(Line(i, each.total) for i, each in energies), strong=True)


def describe_latency(view: View) -> str:
    """Return what the figure shows, in words for a screen reader."""
    steps = (
        f"{title} {wording.amount(step.value, 's')}, bound by neurocore "
        f"{each.latency.busiest_core} of layer {each.latency.busiest_layer}"
        for title, each in zip(view.titles, view.chips)
        for step in [each.latency.step_s]
    )
    return f"Time of a step at full speed by what takes it; {'; '.join(steps)}"


def draw_latency(view: View) -> Figure:
    """Draw the work of the binding neurocore, then what a step is made of, then steps."""
    latencies = [each.latency for each in view.chips]
    rows = [
        _row(f"{parts[0].name}", [part.band for part in parts])
        for parts in zip(*(core_parts(each) for each in view.chips))
        if any(part.band.high for part in parts)
    ]
    rows.append(_row("busiest neurocore of a step", [each.busy_s for each in latencies]))
    rows.append(_row("longest way of a spike", [each.way_s for each in latencies]))
    rows.append(_row("barrier", [each.barrier_s for each in latencies]))
    rows.append(_row("mean time step", [each.step_s for each in latencies], strong=True))
    rows.append(_row("longest time step", [each.peak_step_s for each in latencies], strong=True))
    return draw(rows, series=view.titles, unit="s")


def _row(name: str, bands: Sequence[Estimate], *, strong: bool = False) -> Row:
    return Row(name, tuple(Line(i, band) for i, band in enumerate(bands)), strong)


def conventional_missing(view: View) -> str:
    """Return why there is nothing to draw, or ""."""
    if not processors(view.report):
        return "What conventional hardware would take was not worked out in this run."
    return ""


def describe_conventional(view: View) -> str:
    """Return what the figure shows, in words for a screen reader."""
    each = (
        f"{machine.operation.title} {wording.amount(machine.one_pass_j, 'J')}"
        for machine in processors(view.report)
    )
    return (
        f"Energy per sample on Loihi beside a network of the same size on conventional hardware, "
        f"evaluated once: {', '.join(each)}"
    )


def draw_conventional(view: View) -> Figure:
    """Draw the chips' energies, then each machine's for one pass and for a pass every step."""
    rows = []
    for title, each in zip(view.titles, view.chips):
        energy = each.energy
        rows.append(Row(f"{title}, dynamic", (Line(0, energy.dynamic),)))
        rows.append(Row(f"{title}, total at full speed", (Line(0, energy.total),)))
    for machine in processors(view.report):
        bands = (machine.one_pass_j, machine.every_step_j)
        lines = tuple(Line(i, exactly(joules)) for i, joules in enumerate(bands, 1))
        rows.append(Row(wording.shorten(machine.operation.title, 48), lines))
    series = ("this network", "dense network, once per sample", "every time step")
    return draw(rows, series=series, unit="J")
