"""Draw estimates as ranges on a logarithmic scale, with a marker at the likely value.

The figures show the energy per sample, the time per step, and the energy on conventional hardware.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from neurodeploy import style
from neurodeploy.hw_sim.chips import Estimate, exactly
from neurodeploy.hw_sim.timing import LABELS
from neurodeploy.report import wording
from neurodeploy.style import INK, MARKERS, NO_CHIP, SERIES, SMALL, SOFT, WIDTH, NotDrawn

if TYPE_CHECKING:
    from neurodeploy.report.report_data import ReportData

LEGEND, HEAD, LINE, GAP, AXIS = 22.0, 17.0, 13.0, 5.0, 22.0
"""Heights in points: legend, row name, range, gap between rows, axis."""
LEFT, RIGHT = 6.0, 64.0
"""Margins in points; the right one holds the values."""


@dataclass(frozen=True)
class Row:
    """Ranges under one name.

    Attributes:
        name: name of the row.
        bands: ranges in SI units, by index of the series.
        strong: whether the row is a sum of others, shown in bold.
    """

    name: str
    bands: dict[int, Estimate]
    strong: bool = False


def draw(rows: Sequence[Row], *, series: Sequence[str], unit: str) -> Figure:
    """Draw rows of ranges, with a legend if there are several series."""
    legend = LEGEND * -(-len(series) // _beside(series)) if len(series) > 1 else 2.0
    body = sum(HEAD + LINE * len(row.bands) + GAP for row in rows)
    figure = style.canvas(legend + body + AXIS)
    axes = style.place(figure, LEFT, legend, WIDTH - LEFT - RIGHT, body)
    limits = _limits([band for row in rows for band in row.bands.values()])
    _scale(axes, limits, unit)
    axes.set_ylim(body, 0)
    if len(series) > 1:
        _legend(axes, series)
    top = 0.0
    for row in rows:
        how = {"weight": "bold" if row.strong else "normal", "color": INK}
        style.write(axes, LEFT, legend + top + HEAD - 4, row.name, size=style.SIZE, **how)
        for index, (place, band) in enumerate(row.bands.items()):
            y = top + HEAD + LINE * (index + 0.5)
            _range(axes, place, band, y, floor=limits[0])
            text = wording.amount(band.value, unit) if band.value else "0"
            style.write(axes, WIDTH - 3, legend + y + 3, text, size=SMALL, ha="right", **how)
        top += HEAD + LINE * len(row.bands) + GAP
    return figure


def _limits(bands: Sequence[Estimate]) -> tuple[float, float]:
    """Return the limits of the axis; lows below 1e-9 of the highest value are cut off."""
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
    ticks = [10.0**power for power in decades][:: -(-len(decades) // 5)]
    scales = [wording.scale([tick * 1.001], unit) for tick in ticks]
    texts = [f"{tick * scale.factor:g} {scale.unit}" for tick, scale in zip(ticks, scales)]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(ticks, texts)
    axes.set_yticks([])
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)


def _range(axes: Axes, series: int, band: Estimate, y: float, *, floor: float) -> None:
    colour = SERIES[series % len(SERIES)]
    if band.high > 0:
        ends = [max(band.low, floor), band.high]
        axes.plot(ends, [y, y], color=colour, alpha=0.35, linewidth=5, solid_capstyle="round")
    if band.value > 0:
        marker = MARKERS[series % len(MARKERS)]
        axes.plot(
            [max(band.value, floor)], [y], marker=marker, markersize=6.5 if marker in "o^" else 5.2,
            color=colour, markeredgecolor=style.PAPER, markeredgewidth=0.8, linestyle="none",
        )  # fmt: skip


def _beside(series: Sequence[str]) -> int:
    """Return the number of legend columns: one per series, or two if the names are too long."""
    width = sum(22 + 5.2 * len(wording.shorten(name, 30)) for name in series)
    return len(series) if width <= WIDTH else 2


def _legend(axes: Axes, series: Sequence[str]) -> None:
    handles = [
        axes.plot(
            [], [], marker=MARKERS[i % len(MARKERS)], color=SERIES[i % len(SERIES)],
            linestyle="none", markersize=6, label=wording.shorten(name, 30),
        )[0]
        for i, name in enumerate(series)
    ]  # fmt: skip
    axes.figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, 1), ncols=_beside(series),
        frameon=False, borderpad=0.2, handletextpad=0.2, columnspacing=1.4, fontsize=SMALL,
        labelcolor=SOFT, handlelength=1.4, borderaxespad=0.2,
    )  # fmt: skip


def _row(name: str, bands: Sequence[Estimate | None], *, strong: bool = False) -> Row:
    found = {place: band for place, band in enumerate(bands) if band is not None}
    return Row(name, found, strong)


def _titles(report: ReportData) -> list[str]:
    return [title for title, _ in wording.chips(report)]


def draw_energy(report: ReportData) -> tuple[Figure, str]:
    """Draw the energy per sample: its parts at full speed, then the sums."""
    found = list(report.estimated.values())
    if not found:
        raise NotDrawn(NO_CHIP)
    energies = [each.energy for each in found]
    rows = [
        _row(word, [getattr(each, name) for each in energies])
        for name, word in wording.PARTS.items()
    ]
    rows.append(_row("dynamic", [each.dynamic for each in energies], strong=True))
    rows.append(_row("total at full speed", [each.total for each in energies], strong=True))
    paced = [None if e.real_time_energy is None else e.real_time_energy.total for e in found]
    if any(band is not None for band in paced):
        rows.append(_row("total in real time", paced, strong=True))
    totals = (
        f"{title} {wording.amount(each.energy.total.value, 'J')}"
        for title, each in wording.chips(report)
    )
    described = f"Energy per sample at full speed and its parts; total {', '.join(totals)}"
    return draw(rows, series=_titles(report), unit="J"), described


def draw_latency(report: ReportData) -> tuple[Figure, str]:
    """Draw the time per step: what each resource takes, and the whole step."""
    if not report.estimated:
        raise NotDrawn(NO_CHIP)
    latencies = [each.latency for each in report.estimated.values()]
    rows = [_row(LABELS[name], [each.resources.get(name) for each in latencies]) for name in LABELS]
    rows = [row for row in rows if any(band.high for band in row.bands.values())]
    rows.append(_row("longest route of a spike", [each.longest_route_s for each in latencies]))
    rows.append(_row("mean time step", [each.step_s for each in latencies], strong=True))
    rows.append(_row("longest time step", [each.peak_step_s for each in latencies], strong=True))
    steps = (
        f"{title} {wording.amount(each.latency.step_s.value, 's')}, limited by "
        f"{LABELS[each.latency.binding.resource]}"
        for title, each in wording.chips(report)
    )
    described = f"Time of a step at full speed and its parts; {'; '.join(steps)}"
    return draw(rows, series=_titles(report), unit="s"), described


def draw_conventional(report: ReportData) -> tuple[Figure, str]:
    """Draw the energy of the chips, then of microcontrollers and processors."""
    found = report.conventional
    if found is None or not found.processors:
        raise NotDrawn("The energy on conventional hardware was not computed in this run.")
    rows = []
    for title, each in wording.chips(report):
        rows.append(Row(f"{title}, dynamic", {0: each.energy.dynamic}))
        rows.append(Row(f"{title}, total at full speed", {0: each.energy.total}))
        if each.real_time_energy is not None:
            rows.append(Row(f"{title}, in real time", {0: each.real_time_energy.total}))
    for m in found.microcontrollers:
        bands = (m.spiking_j, m.one_pass_j, m.every_step_j, m.artificial_j)
        rows.append(_row(m.board.title, bands))
    for p in found.processors:
        figures = (p.one_pass_j, p.every_step_j, p.artificial_j)
        exact = [None if joules is None else exactly(joules) for joules in figures]
        rows.append(_row(wording.shorten(p.operation.title, 48), [None, *exact]))
    series = ["this network", "same size, once per sample", "same size, every time step"]
    if found.artificial:
        series.append(f"{found.artificial.network}, {found.artificial.accuracy:.1%} accuracy")
    machines = (
        *((m.board.title, m.one_pass_j.value) for m in found.microcontrollers),
        *((p.operation.title, p.one_pass_j) for p in found.processors),
    )
    texts = (f"{title} {wording.amount(joules, 'J')}" for title, joules in machines)
    described = (
        "Energy per sample on Loihi beside a dense network of the same size on conventional "
        f"hardware, evaluated once: {', '.join(texts)}"
    )
    return draw(rows, series=series, unit="J"), described
