"""The energy of a sample beside what conventional hardware would take for the same task."""

from __future__ import annotations

from matplotlib.figure import Figure

from neurodeploy.hw_sim.chips.cost import exactly
from neurodeploy.pages import wording
from neurodeploy.pages.figures import ranges
from neurodeploy.pages.figures.ranges import Line, Row
from neurodeploy.pages.figures.style import shorten
from neurodeploy.pages.view import View, processors


def missing(view: View) -> str:
    """Return why there is nothing to draw, or ""."""
    if not processors(view.report):
        return "What conventional hardware would take was not worked out in this run."
    return ""


def describe(view: View) -> str:
    """Return what the figure shows, for who cannot see it."""
    each = (
        f"{machine.operation.title} {wording.printed(machine.one_pass_j, 'J')}"
        for machine in processors(view.report)
    )
    return (
        f"Energy of a sample on Loihi beside a network of the same size on conventional hardware, "
        f"evaluated once: {', '.join(each)}"
    )


def draw(view: View) -> Figure:
    """Draw the chips' energies, then each machine's for one pass and for a pass every step."""
    rows = []
    for title, each in zip(view.titles, view.chips):
        energy = each.energy
        rows.append(Row(f"{title}, dynamic", (Line(0, energy.dynamic),)))
        rows.append(Row(f"{title}, total at full speed", (Line(0, energy.total),)))
    for machine in processors(view.report):
        bands = (machine.one_pass_j, machine.every_step_j)
        lines = tuple(Line(i, exactly(joules)) for i, joules in enumerate(bands, 1))
        rows.append(Row(shorten(machine.operation.title, 48), lines))
    series = ("this network", "dense twin, once a sample", "every time step")
    return ranges.draw(rows, series=series, unit="J")
