"""Draw where the energy of a sample goes: the whole chip, then its layers by parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from neurodeploy import style
from neurodeploy.hw_sim.chips import exactly
from neurodeploy.hw_sim.estimated import Estimated
from neurodeploy.hw_sim.estimates import Energy
from neurodeploy.report import wording
from neurodeploy.style import (
    ACCENT,
    FAINT,
    INK,
    NO_CHIP,
    SECOND,
    SMALL,
    SOFT,
    THIRD,
    WIDTH,
    NotDrawn,
)

if TYPE_CHECKING:
    from neurodeploy.report.report_data import ReportData

PARTS: Final = {
    "synapses": (ACCENT, ("synaptic",)),
    "neurons": (SECOND, ("neuron",)),
    "messages": (INK, ("within_tiles", "over_hops")),
    "static": (THIRD, ("static",)),
}
"""Parts of a bar: colour, and the parts of an `Energy`."""
REST: Final = "rest of chip"
LEGEND, HEAD, ROW, GAP, BAR = 22.0, 48.0, 16.0, 12.0, 9.0
"""Heights in points: legend, whole chip, row, gap between chips, bar."""
LEFT, RIGHT, MOST = 58.0, 62.0, 40
"""Margins in points for names and values, and the maximum number of layers."""


def draw(report: ReportData) -> tuple[Figure, str]:
    """Draw for each chip a bar of its whole energy, and below it a bar for each layer."""
    found = [(title, each, rows(each)) for title, each in wording.chips(report)]
    if not found:
        raise NotDrawn(NO_CHIP)
    heights = [HEAD + ROW * len(bars) + GAP for _, _, bars in found]
    figure = style.canvas(LEGEND + sum(heights))
    most = max(energy.total.value for _, _, bars in found for _, energy in bars)
    top = LEGEND
    for (title, each, bars), height in zip(found, heights):
        axes = style.place(figure, LEFT, top, WIDTH - LEFT - RIGHT, height)
        style.bare(axes)
        axes.set_xlim(0, most or 1)
        axes.set_ylim(height, 0)
        _whole(axes, top, title, each)
        for index, (name, energy) in enumerate(bars):
            _layer(axes, top, HEAD + ROW * index, name=name, energy=energy)
        top += height
    _legend(figure)
    described = "; ".join(f"{title}: {_described(bars)}" for title, _, bars in found)
    return figure, f"Energy per sample of each layer at full speed. {described}"


def rows(each: Estimated) -> list[tuple[str, Energy]]:
    """Return the name and the energy of the input and of each of the first `MOST` layers."""
    found = each.energy_by_layer
    layers = [(f"layer {index}", energy) for index, energy in enumerate(found.layers[:MOST])]
    return [("input", found.host), *layers]


def _described(bars: Sequence[tuple[str, Energy]]) -> str:
    return ", ".join(f"{name} {wording.amount(e.total.value, 'J')}" for name, e in bars)


def _whole(axes: Axes, top: float, title: str, each: Estimated) -> None:
    """Draw one bar of all energy, as wide as the axes: its parts, and the rest of the chips."""
    energy, rest = each.energy, each.energy_by_layer.rest.static.value
    total = energy.total.value or 1.0
    used = replace(energy, static=exactly(energy.static.value - rest))
    width = axes.get_xlim()[1]
    end = _parts(axes, 21, used, width / total)
    _bar(axes, 21, end, width - end, FAINT)
    shares = (energy.dynamic.value, used.static.value, rest)
    texts = [wording.share(share / total) for share in shares]
    note = f"dynamic {texts[0]}, static {texts[1]}, {REST} {texts[2]}"
    style.write(axes, 0, top + 11, title, weight="bold", color=INK)
    _label(axes, top + 24, "all", energy)
    style.write(axes, LEFT, top + 38, note, size=SMALL, color=SOFT)


def _layer(axes: Axes, top: float, y: float, *, name: str, energy: Energy) -> None:
    """Draw the bar of a layer, by parts."""
    _parts(axes, y + ROW / 2, energy, 1.0)
    _label(axes, top + y + ROW / 2 + 3, name, energy)


def _parts(axes: Axes, y: float, energy: Energy, scale: float) -> float:
    """Draw the parts of an energy side by side, and return where they end."""
    left = 0.0
    for colour, names in PARTS.values():
        part = scale * sum(getattr(energy, each).value for each in names)
        _bar(axes, y, left, part, colour)
        left += part
    return left


def _bar(axes: Axes, y: float, left: float, width: float, colour: str) -> None:
    axes.barh(y, width, left=left, height=BAR, color=colour, linewidth=0)


def _label(axes: Axes, y: float, name: str, energy: Energy) -> None:
    joules = energy.total.value
    text = wording.amount(joules, "J") if joules else "0"
    style.write(axes, 0, y, name, size=SMALL, color=INK)
    style.write(axes, WIDTH - 3, y, text, size=SMALL, ha="right", color=INK)


def _legend(figure: Figure) -> None:
    colours = {name: colour for name, (colour, _) in PARTS.items()} | {REST: FAINT}
    handles = [Patch(color=colour, label=name) for name, colour in colours.items()]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, 1), ncols=len(handles),
        frameon=False, borderpad=0.2, handletextpad=0.4, columnspacing=1.0, fontsize=SMALL,
        labelcolor=SOFT, handlelength=0.9, handleheight=0.9, borderaxespad=0.2,
    )  # fmt: skip
