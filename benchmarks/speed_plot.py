"""A picture of time against work over the random networks, a panel for each rate of firing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.compare import PEERS
from benchmarks.results import Result, best_time

OURS = "fast"
OURS_STYLE = {"linewidth": 3, "color": "black", "zorder": 9}
GUIDE_US = 1e-3
"""Microseconds an operation along the guide: one nanosecond."""

MARKERS = "osv^<>DPX*h"


def draw(results: Sequence[Result], path: Path) -> None:
    """Write each simulator's best way on one thread as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rates = sorted({result.rate for result in results if result.rate is not None})
    figure, panels = pyplot.subplots(
        1, len(rates), figsize=(3.6 * len(rates) + 0.6, 5), sharex=True, sharey=True, squeeze=False
    )
    peers = [name for name in PEERS if any(result.figures(name).get(1) for result in results)]
    for rate, axes in zip(rates, panels[0]):
        _draw_panel(axes, [result for result in results if result.rate == rate], peers)
        axes.set_title(f"up to {rate:.0%} of the neurons fire in a step", fontsize="medium")
    panels[0, 0].set_ylabel("microseconds a step and sample, one thread")
    for axes in panels[0]:
        axes.set_xlabel("SynOps and neuron updates a step")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.tight_layout()
    figure.legend(
        handles, labels, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4, fontsize="small"
    )
    figure.savefig(path, dpi=100, bbox_inches="tight")
    pyplot.close(figure)


def _draw_panel(axes: Any, results: list[Result], peers: list[str]) -> None:
    ordered = sorted(results, key=lambda result: result.work)
    for marker, name in zip(MARKERS, peers):
        found = [(result.work, result.figures(name).get(1)) for result in ordered]
        points = [(work, best_time(figures)) for work, figures in found if figures]
        style = OURS_STYLE if name == OURS else {"linewidth": 1}
        axes.plot(*_columns(points), marker=marker, markersize=4, label=PEERS[name].title, **style)
    works = [result.work for result in ordered]
    floors = [result.floor_us() for result in ordered]
    axes.plot(works, floors, "k:", linewidth=1.5, label="limit of this machine")
    guide = [GUIDE_US * work for work in works]
    axes.plot(works, guide, "--", color="0.6", linewidth=1, zorder=0, label="1 ns an operation")
    axes.set(xscale="log", yscale="log")
    axes.grid(visible=True, alpha=0.3)


def _columns(points: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
