"""Draw a map of the neurocores on chips and tiles, and the utilization of each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from neurodeploy import style
from neurodeploy.hw_sim.estimated import Estimated
from neurodeploy.hw_sim.placement import Core
from neurodeploy.models.display import number_of
from neurodeploy.report import wording
from neurodeploy.style import (
    ACCENT,
    FAINT,
    INK,
    NO_CHIP,
    SECOND,
    SIZE,
    SMALL,
    SOFT,
    THIRD,
    WIDTH,
    NotDrawn,
)

if TYPE_CHECKING:
    from neurodeploy.report.report_data import ReportData

SIDE: Final = 4
"""Maximum number of chips of one kind in a row and in a column of the map."""

LARGEST: Final = 2048
"""Maximum number of neurocores of a chip that is drawn."""

TILE: Final = 41.0
"""Maximum size of a tile in points."""

TOP, GAP, LEFT = 20.0, 10.0, 5.0


def taken(each: Estimated) -> str:
    """Return a phrase on the neurocores, tiles and chips in use."""
    placement, chips = each.placement, each.placement.chips
    used, limit = placement.neurocores, placement.chip.limit("cores_per_chip")
    tiles = len(set(zip(placement.places.chip.tolist(), placement.places.tile.tolist())))
    whole = f"{used:,} of {limit:,} neurocores" if chips == 1 else f"{used:,} neurocores"
    on = "" if chips == 1 else f" of {number_of(chips, 'chip')}"
    one = " for each copy" * (placement.total_copies > 1)
    return f"{whole}, on {number_of(tiles, 'tile')}{on}{one}"


def drawn_in_part(report: ReportData) -> list[str]:
    """Return a sentence for each kind of chip that is not drawn in full."""
    found = []
    for title, each in wording.chips(report):
        chips = each.placement.chips
        if not _is_drawn(each):
            found.append(f"{title} has more than {LARGEST:,} neurocores and is not drawn.")
        elif len(_square(chips)) < chips:
            found.append(
                f"{title}: {chips:,} chips form a square; only the upper left {SIDE} by {SIDE} "
                "are drawn."
            )
    return found


def _is_drawn(each: Estimated) -> bool:
    return each.placement.chip.limit("cores_per_chip") <= LARGEST


def _square(chips: int) -> dict[int, tuple[int, int]]:
    """Return row and column of each drawn chip, in the order of `mesh.places_of`."""
    across = math.isqrt(chips - 1) + 1
    rows, columns = range(min(SIDE, -(-chips // across))), range(min(SIDE, across))
    return {r * across + c: (r, c) for r in rows for c in columns if r * across + c < chips}


def draw(report: ReportData) -> tuple[Figure, str]:
    """Draw the chips in use, with their tiles and neurocores."""
    kinds = [kind for kind in wording.chips(report) if _is_drawn(kind[1])]
    if not report.estimated:
        raise NotDrawn(NO_CHIP)
    if not kinds:
        raise NotDrawn(f"Chips with more than {LARGEST:,} neurocores are too large to draw.")
    plans = [(title, each, _Plan(each)) for title, each in kinds]
    figure = style.canvas(sum(TOP + plan.height + GAP for _, _, plan in plans))
    top = 0.0
    for title, each, plan in plans:
        axes = style.place(figure, LEFT, top + TOP, plan.width, plan.height)
        style.bare(axes)
        axes.set_xlim(0, plan.width)
        axes.set_ylim(plan.height, 0)
        style.write(
            axes, LEFT, top + 11, wording.shorten(title, 20), size=SIZE, weight="bold", color=INK
        )
        note = {"size": SMALL, "ha": "right", "color": SOFT}
        style.write(axes, WIDTH - LEFT, top + 11, taken(each), **note)
        plan.draw(axes)
        top += TOP + plan.height + GAP
    used = "; ".join(f"{title}: {taken(chip)}" for title, chip in wording.chips(report))
    return figure, f"Map of the neurocores in use and how full each is; {used}"


class _Plan:
    """Layout of the chips of one kind: a square, as large as fits the figure."""

    def __init__(self, each: Estimated) -> None:
        chip = each.placement.chip
        self.square = _square(each.placement.chips)
        self.used = [core for core in each.placement.cores() if core.chip in self.square]
        self.on_chip, self.on_tile = chip.limit("cores_per_chip"), chip.limit("cores_per_tile")
        self.tiles = -(-self.on_chip // self.on_tile)
        self.across = min(chip.limit("tiles_east_west"), self.tiles)
        self.down = -(-self.tiles // self.across)
        self.width = WIDTH - 2 * LEFT
        columns = 1 + max(column for _, column in self.square.values())
        rows = 1 + max(row for row, _ in self.square.values())
        widest = (self.width - GAP * (columns - 1)) / columns
        self.tile = min(widest / self.across, TILE)
        self.height = rows * (self.tile * self.down + GAP) - GAP
        self.side = 1
        while self.side**2 < self.on_tile:
            self.side += 1

    def draw(self, axes: Axes) -> None:
        """Draw all tiles and the neurocores in use."""
        for number in self.square:
            for tile in range(self.tiles):
                left, top = self._corner(number, tile % self.across, tile // self.across)
                side = self.tile * 0.92
                axes.add_patch(
                    Rectangle((left, top), side, side, facecolor=FAINT, alpha=0.45, linewidth=0)
                )
        for core in self.used:
            self._core(axes, core)

    def _corner(self, chip: int, x: int, y: int) -> tuple[float, float]:
        row, column = self.square[chip]
        left = column * (self.tile * self.across + GAP) + x * self.tile
        return left, row * (self.tile * self.down + GAP) + y * self.tile

    def _core(self, axes: Axes, core: Core) -> None:
        left, top = self._corner(core.chip, core.x, core.y)
        inner = self.tile * 0.92
        size = inner / self.side
        place = core.number % self.on_chip % self.on_tile
        left += size * (place % self.side)
        top += size * (place // self.side)
        pad = size * 0.07
        side = size - 2 * pad
        colour = SECOND if core.utilization > 1 else (ACCENT, THIRD)[core.layer % 2]
        height = side * min(max(core.utilization, 0.04), 1.0)
        axes.add_patch(
            Rectangle(
                (left + pad, top + pad), side, side, facecolor=style.PAPER, edgecolor=colour,
                linewidth=min(0.9, side / 12),
            )
        )  # fmt: skip
        axes.add_patch(
            Rectangle(
                (left + pad, top + pad + side - height), side, height, facecolor=colour, alpha=0.6,
                linewidth=0,
            )
        )  # fmt: skip
        if side >= 12:
            axes.text(
                left + size / 2, top + size / 2, str(core.layer), ha="center",
                va="center_baseline", size=min(SMALL, side * 0.55), color=INK,
            )  # fmt: skip
