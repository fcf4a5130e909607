"""The front of a search: every trial, and the best ones with the range of their seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from neurodeploy import style
from neurodeploy.explore.metrics import METRICS

if TYPE_CHECKING:
    from neurodeploy.explore.results_data import SearchData, Trial

PERCENT: Final = 100
HEIGHT: Final = 280.0
LOG_FROM: Final = 10.0
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""


def axes_of(result: SearchData) -> tuple[str, str]:
    """Return the metrics on the horizontal and the vertical axis."""
    costs = [name for name in result.objectives if name != "accuracy"]
    return (costs or ["energy"])[0], "accuracy"


def draw(result: SearchData) -> tuple[Figure, str]:
    """Return the figure and its description.

    Raises:
        NotDrawn: if no trial is complete.
    """
    if not result.complete:
        raise style.NotDrawn("No trial is complete.")
    cost, accuracy = axes_of(result)
    figure = Figure(figsize=(style.WIDTH / 72, HEIGHT / 72), layout="constrained")
    axes = figure.subplots()
    front = {each.number for each in result.front}
    others = [each for each in result.complete if each.number not in front and not each.start]
    for feasible, mark in ((True, "o"), (False, "x")):
        some = [each for each in others if each.feasible is feasible]
        label = "other trials" if feasible else "breaks a constraint"
        _points(axes, some, cost, marker=mark, color=style.THIRD, label=label, s=14)
    _front(axes, result.front, cost)
    _presets(axes, result.complete, cost)
    values = [each.metrics[cost] for each in result.complete]
    if min(values) > 0 and max(values) / min(values) > LOG_FROM:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:.4g}"))
    axes.set_xlabel(f"{METRICS[cost].title}, per validation sample")
    axes.set_ylabel(f"{accuracy}, validation (%)")
    axes.grid(visible=True)
    figure.legend(fontsize=style.SMALL, frameon=False, loc="outside upper center", ncols=3)
    return figure, _description(result, cost)


def _points(axes: Axes, trials: Sequence[Trial], cost: str, **how: Any) -> None:
    if trials:
        x = [each.metrics[cost] for each in trials]
        axes.scatter(x, [PERCENT * each.metrics["accuracy"] for each in trials], **how)


def _front(axes: Axes, front: Sequence[Trial], cost: str) -> None:
    """Draw the front, with the range of accuracies over the seeds as error bars."""
    points = sorted(front, key=lambda each: each.metrics[cost])
    x = [each.metrics[cost] for each in points]
    y = [PERCENT * each.metrics["accuracy"] for each in points]
    seeds = [
        [PERCENT * each.metrics["accuracy"]]
        + [PERCENT * made.validation["accuracy"] for made in each.repeats]
        for each in points
    ]
    bars = [
        [at - min(s) for at, s in zip(y, seeds)],
        [max(s) - at for at, s in zip(y, seeds)],
    ]
    how: dict[str, Any] = {
        "color": style.ACCENT,
        "marker": "o",
        "markersize": 4,
        "capsize": 2,
        "drawstyle": "steps-post",
    }
    axes.errorbar(x, y, yerr=bars, label="front", **how)


def _presets(axes: Axes, trials: Sequence[Trial], cost: str) -> None:
    marks = cycle("sD^vP*")
    for each in trials:
        if each.start:
            x, y = each.metrics[cost], PERCENT * each.metrics["accuracy"]
            how: dict[str, Any] = {
                "marker": next(marks),
                "color": style.SECOND,
                "label": f"preset {each.start}",
            }
            axes.plot(x, y, linestyle="none", markersize=5, **how)


def _description(result: SearchData, cost: str) -> str:
    words = [
        f"{PERCENT * each.metrics['accuracy']:.1f}% at {each.metrics[cost]:.3g}"
        for each in result.front
        if math.isfinite(each.metrics[cost])
    ]
    return (
        f"Accuracy against {METRICS[cost].title} of {len(result.complete)} trials. "
        f"The front: {'; '.join(words) or 'empty'}."
    )
