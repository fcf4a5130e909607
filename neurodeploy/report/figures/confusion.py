"""Draw the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from neurodeploy import style
from neurodeploy.report import wording
from neurodeploy.style import ACCENT, FAINT, INK, SECOND, SMALL, SOFT, WIDTH, NotDrawn

if TYPE_CHECKING:
    from neurodeploy.report.report_data import ReportData

NUMBERED, NAMED = 16, 48
"""Maximum number of classes with counts in the cells, and with names beside the rows."""

UPRIGHT = 14.0
"""Minimum column width in points for a vertical name above it."""

WEAKEST, STRONGEST = 0.12, 0.55
"""Opacity of a cell with few and with all samples of its class; text stays legible."""


def draw(report: ReportData) -> tuple[Figure, str]:
    """Draw a row per class and a column per prediction, shaded by the share of the row."""
    score = report.counted.score
    if score is None:
        raise NotDrawn("The samples have no labels, so the accuracy is unknown.")
    confusion, classes = np.array(score.confusion), len(score.confusion)
    names = [wording.shorten(name) for name in wording.classes(report)]
    named = classes <= NAMED
    left = min(max(12 + 6.0 * max(map(len, names)) + 18, 52.0), 140.0) if named else 24.0
    cell = min((WIDTH - left - 6) / classes, 36.0)
    side, top = cell * classes, 34.0
    over = 8 + 5.6 * max(map(len, names)) if _columns_named(names, cell) else 0.0
    top += over
    figure = style.canvas(top + side + 6)
    axes = style.place(figure, left, top, side, side)
    axes.set_xlim(0, classes)
    axes.set_ylim(classes, 0)
    style.bare(axes)
    axes.add_patch(
        Rectangle((0, 0), classes, classes, facecolor="none", edgecolor=FAINT, clip_on=False)
    )
    share = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    for row, column in np.argwhere(confusion):
        correct = row == column
        axes.add_patch(
            Rectangle(
                (column + 0.03, row + 0.03), 0.94, 0.94, linewidth=0,
                facecolor=ACCENT if correct else SECOND,
                alpha=WEAKEST + (STRONGEST - WEAKEST) * float(share[row, column]),
            )
        )  # fmt: skip
    if classes <= NUMBERED:
        for row, column in np.ndindex(confusion.shape):
            found = int(confusion[row, column])
            axes.text(
                column + 0.5, row + 0.5, f"{found}" if found else "·", ha="center",
                va="center_baseline", size=_size(cell, int(confusion.max())),
                color=INK if found else SOFT, weight="bold" if row == column else "normal",
            )  # fmt: skip
    style.write(axes, left, 10, "prediction", size=SMALL, color=SOFT)
    if named:
        _write_names(axes, names, (left, top), cell, upright=over > 0)
    described = (
        f"Confusion matrix of {classes} classes; {score.accuracy:.2%} of {score.num_samples:,} "
        "samples lie on its diagonal"
    )
    return figure, described


def _write_names(
    axes: Axes, names: Sequence[str], corner: tuple[float, float], cell: float, *, upright: bool
) -> None:
    """Write the class names beside the rows and, if there is room, vertically above the columns."""
    left, top = corner
    size = min(SMALL, cell * 0.8)
    above: dict[str, Any] = {"size": size, "ha": "center"}
    for index, name in enumerate(names):
        y = top + cell * (index + 0.5) + size * 0.35
        style.write(axes, left - 20, y, name, size=size, ha="right", color=INK)
        if name != str(index):
            style.write(axes, left - 6, y, str(index), size=size, ha="right", color=SOFT)
        x = left + cell * (index + 0.5)
        if upright:
            style.write(axes, x, top - 18, name, va="bottom", rotation=90, color=INK, **above)
        if cell >= 9:
            style.write(axes, x, top - 6, str(index), color=SOFT, **above)
    style.write(axes, left - 20, top - 6, "class", size=SMALL, ha="right", color=SOFT)


def _columns_named(names: Sequence[str], cell: float) -> bool:
    return cell >= UPRIGHT and any(name != str(index) for index, name in enumerate(names))


def _size(cell: float, largest: int) -> float:
    return min(style.SIZE, cell / (0.68 * max(len(str(largest)), 2)))
