"""Draw accuracy over time steps, with scales for time and energy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neurodeploy import style
from neurodeploy.hw_sim.decisions import Decisions
from neurodeploy.hw_sim.estimated import Estimated
from neurodeploy.report import wording
from neurodeploy.style import ACCENT, INK, SECOND, SMALL, SOFT, WIDTH, NotDrawn

if TYPE_CHECKING:
    from neurodeploy.report.report_data import ReportData

LEFT, TOP, RIGHT, HEIGHT, RULER = 38.0, 22.0, 14.0, 140.0, 34.0
CHIPS = 2
"""Maximum number of chips with scales for time and energy."""


def draw(report: ReportData) -> tuple[Figure, str]:
    """Draw accuracy and agreement over steps, above the scales for time and energy."""
    found = report.decisions
    if report.network.outputs == 1:
        raise NotDrawn("The network has one output, so there is nothing to decide.")
    if found is None:
        raise NotDrawn("This run did not record predictions step by step.")
    if found.num_steps == 1:
        raise NotDrawn("Each sample has one time step, so a decision cannot come earlier.")
    steps = np.arange(1, len(found.agreement_by_step) + 1)
    rulers = [
        ruler for title, each in wording.chips(report)[:CHIPS] for ruler in _rulers(title, each)
    ]
    figure = style.canvas(TOP + HEIGHT + 36 + RULER * len(rulers))
    axes = style.place(figure, LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT)
    axes.set_xlim(0, steps[-1])
    axes.set_ylim(0, 104)
    axes.set_yticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100%"])
    axes.grid(visible=True, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.plot(
        steps, 100 * np.array(found.agreement_by_step), color=SOFT, linewidth=1, dashes=(4, 2)
    )
    entries: list[tuple[str, str, tuple[int, ...]]] = [
        ("equal to the final prediction", SOFT, (4, 2))
    ]
    if found.accuracy_by_step is not None:
        axes.plot(steps, 100 * np.array(found.accuracy_by_step), color=ACCENT, linewidth=1.8)
        entries.insert(0, ("prediction is correct", ACCENT, ()))
    _legend(axes, entries)
    _mark(axes, found)
    style.write(
        axes, WIDTH - RIGHT, TOP + HEIGHT + 30, "time steps", size=SMALL, ha="right", color=SOFT
    )
    for index, (name, per_step, unit) in enumerate(rulers):
        _ruler(figure, index, steps=int(steps[-1]), name=name, per_step=per_step, unit=unit)
    what = "Agreement with the final prediction" if found.accuracy_by_step is None else "Accuracy"
    described = (
        f"{what} against the time steps run; from step {found.earliest_step} of "
        f"{found.num_steps} on it stays within one point of its final value"
    )
    return figure, described


def _mark(axes: Axes, found: Decisions) -> None:
    step, last = found.earliest_step, found.num_steps
    axes.axvline(step, color=SECOND, linewidth=1, ymax=0.96)
    right = step > last / 2
    axes.text(
        step + (-1 if right else 1) * last / 60, 6, f"from step {step} on\nwithin one point",
        ha="right" if right else "left", size=SMALL, color=SECOND, linespacing=1.3,
    )  # fmt: skip


def _legend(axes: Axes, entries: Sequence[tuple[str, str, tuple[int, ...]]]) -> None:
    figure, x = axes.get_figure(root=True), LEFT
    assert figure is not None
    width, high = (72 * inches for inches in figure.get_size_inches())
    for text, colour, dashes in entries:
        drawn = style.line(x / width, (x + 16) / width, 1 - 8 / high, color=colour, dashes=dashes)
        figure.add_artist(drawn)
        style.write(axes, x + 20, 11, text, size=SMALL, color=INK)
        x += 20 + 5.2 * len(text) + 12


def _rulers(title: str, each: Estimated) -> list[tuple[str, float, str]]:
    """Return time and energy per step at full speed as (name, amount, unit)."""
    steps = each.latency.steps
    name = title.removeprefix("Intel ")
    return [
        (name, each.latency.step_s.value, "s"),
        (name, each.energy.total.value / steps, "J"),
    ]


def _ruler(
    figure: Figure, index: int, *, steps: int, name: str, per_step: float, unit: str
) -> None:
    """Draw a scale below the curve that converts steps to another quantity."""
    whole = per_step * steps
    scale = wording.scale([whole], unit)
    top = TOP + HEIGHT + 50 + RULER * index
    axes = style.place(figure, LEFT, top, WIDTH - LEFT - RIGHT, 1)
    axes.set_xlim(0, max(whole * scale.factor, 1e-12))
    axes.set_yticks([])
    for spine in ("left", "top"):
        axes.spines[spine].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    style.write(axes, LEFT, top - 4, f"{scale.unit} on {name}", size=SMALL, color=SOFT)
