"""The pictures of the benchmark of accuracy: a panel for each task."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.accuracy.figures import Outcome, Outcomes, task_of
from benchmarks.accuracy.models import MODELS
from neurodeploy.models.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPIKING, ARTIFICIAL = "#0072b2", "#d55e00"
MARKERS: Final = dict(zip(MODELS, "osD^vP*"))
PANEL: Final = (4.4, 3.4)
ACROSS: Final = 3


def draw_accuracy(outcomes: Sequence[Outcomes], path: Path) -> None:
    """Draw the accuracy of every model, a dot a seed and a bar at their mean, into a PNG file."""
    _draw(outcomes, path, _accuracy_panel)


def draw_operations(outcomes: Sequence[Outcomes], path: Path) -> None:
    """Draw accuracy against SynOps or MACs of a sample into a PNG file."""
    _draw(outcomes, path, _operations_panel)


PICTURES: Final[dict[str, Callable[[Sequence[Outcomes], Path], None]]] = {
    "accuracy": draw_accuracy,
    "operations": draw_operations,
}


def _draw(
    outcomes: Sequence[Outcomes], path: Path, panel: Callable[[Axes, Outcomes], None]
) -> None:
    from matplotlib.figure import Figure

    columns = min(len(outcomes), ACROSS)
    rows = math.ceil(len(outcomes) / columns)
    size = (max(PANEL[0] * columns, 5.5), PANEL[1] * rows)
    figure = Figure(figsize=size, layout="constrained")
    grid: Any = figure.subplots(rows, columns, squeeze=False)
    for axes, each in zip(grid.flat, outcomes):
        panel(axes, each)
        axes.set_title(task_of(each).task, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3, lw=0.6)
        axes.tick_params(labelsize=8)
    for axes in grid.flat[len(outcomes) :]:
        axes.set_visible(False)
    shown: dict[str, Any] = {}
    for axes in grid.flat:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            shown.setdefault(label, handle)
    if shown:
        figure.legend(
            list(shown.values()), list(shown), loc="outside lower center", ncols=4, fontsize=8,
            frameon=False,
        )  # fmt: skip
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy on the test, %\n(axis is cut)", fontsize=9)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")


def _accuracy_panel(axes: Axes, outcomes: Outcomes) -> None:
    for place, each in enumerate(outcomes.values()):
        values = [100 * value for value in each.values("accuracy")]
        across = [place + 0.12 * (index - (len(values) - 1) / 2) for index in range(len(values))]
        axes.plot(across, values, "o", ms=4.5, color=_colour(each), alpha=0.85, mew=0)
        middle = sum(values) / len(values)
        axes.plot([place - 0.3, place + 0.3], [middle, middle], "-", lw=1.6, color=_colour(each))
    names = [
        each.model.title.replace(", ", ",\n").replace(" ANN", "\nANN") for each in outcomes.values()
    ]
    axes.set_xticks(range(len(names)), [name.replace(" delays", "\ndelays") for name in names])
    axes.tick_params(axis="x", labelsize=6.5)
    axes.set_xlim(-0.6, len(names) - 0.4)


def _operations_panel(axes: Axes, outcomes: Outcomes) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    for name, each in outcomes.items():
        axes.plot(
            each.values("operations"),
            [100 * value for value in each.values("accuracy")],
            MARKERS[name],
            ms=5,
            alpha=0.8,
            mew=0,
            color=_colour(each),
            label=each.model.title,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("SynOps (SNN) or MACs (ANN) of a sample", fontsize=8)


def _colour(each: Outcome) -> str:
    return SPIKING if each.model.spiking else ARTIFICIAL
