"""What a time step waits for."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from neurodeploy.hw_sim.chips.cost import Estimate
from neurodeploy.pages import wording
from neurodeploy.pages.figures import ranges
from neurodeploy.pages.figures.ranges import Line, Row
from neurodeploy.pages.view import View, core_parts


def missing(view: View) -> str:
    """Return why there is nothing to draw, or ""."""
    return "" if view.chips else "No chip was asked for."


def describe(view: View) -> str:
    """Return what the figure shows, for who cannot see it."""
    steps = (
        f"{title} {wording.printed(step.value, 's')}, bound by neurocore "
        f"{each.latency.busiest_core} of layer {each.latency.busiest_layer}"
        for title, each in zip(view.titles, view.chips)
        for step in [each.latency.step_s]
    )
    return f"Time of a step at full speed by what takes it; {'; '.join(steps)}"


def draw(view: View) -> Figure:
    """Draw the work of the binding neurocore, then what a step is made of, then steps."""
    latencies = [each.latency for each in view.chips]
    rows = [
        _row(f"{parts[0].name}", [part.band for part in parts])
        for parts in zip(*(core_parts(each) for each in view.chips))
        if any(part.band.high for part in parts)
    ]
    rows.append(_row("busiest neurocore of a step", [each.busy_s for each in latencies]))
    rows.append(_row("longest way of a spike", [each.way_s for each in latencies]))
    rows.append(_row("barrier", [each.barrier_s for each in latencies]))
    rows.append(_row("mean time step", [each.step_s for each in latencies], strong=True))
    rows.append(_row("longest time step", [each.peak_step_s for each in latencies], strong=True))
    return ranges.draw(rows, series=view.titles, unit="s")


def _row(name: str, bands: Sequence[Estimate], *, strong: bool = False) -> Row:
    return Row(name, tuple(Line(i, band) for i, band in enumerate(bands)), strong)
