"""What spends the energy of a sample."""

from __future__ import annotations

from matplotlib.figure import Figure

from neurodeploy.hw_sim.chips.cost import Estimate
from neurodeploy.hw_sim.estimates.energy import Energy
from neurodeploy.pages import wording
from neurodeploy.pages.figures import ranges
from neurodeploy.pages.figures.ranges import Line, Row
from neurodeploy.pages.view import View, energy_parts


def missing(view: View) -> str:
    """Return why there is nothing to draw, or ""."""
    return "" if view.chips else "No chip was asked for."


def describe(view: View) -> str:
    """Return what the figure shows, for who cannot see it."""
    totals = (
        f"{title} {wording.printed(each.energy.total.value, 'J')}"
        for title, each in zip(view.titles, view.chips)
    )
    return f"Energy of a sample at full speed by what spends it; in all {', '.join(totals)}"


def draw(view: View) -> Figure:
    """Draw the parts of a sample's energy at full speed, then their sums."""
    energies = [each.energy for each in view.chips]
    rows = [
        Row(part[0].name, tuple(Line(i, each.band) for i, each in enumerate(part)))
        for part in zip(*map(energy_parts, energies))
    ]
    rows.append(_sum("all dynamic", [each.dynamic for each in energies]))
    rows.append(_sum("total at full speed", [each.total for each in energies]))
    paced = [
        (i, each.pace_energy) for i, each in enumerate(view.chips) if each.pace_energy is not None
    ]
    if paced:
        rows.append(_paced("total at the sensor's pace", paced))
    return ranges.draw(rows, series=view.titles, unit="J")


def _sum(name: str, bands: list[Estimate]) -> Row:
    return Row(name, tuple(Line(i, band) for i, band in enumerate(bands)), strong=True)


def _paced(name: str, energies: list[tuple[int, Energy]]) -> Row:
    return Row(name, tuple(Line(i, each.total) for i, each in energies), strong=True)
