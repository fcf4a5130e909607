"""Steps to a decision and conventional hardware, as tables in a terminal."""

from __future__ import annotations

from typing import Final

from rich.table import Table

from hw_sim.decisions import Decisions
from hw_sim.estimates.conventional import Conventional
from hw_sim.reports.counted import Counted
from hw_sim.reports.estimated import Decision, decide
from hw_sim.reports.report import Report
from neurodeploy.cli import number_of
from neurodeploy.pages import short
from neurodeploy.pages.terminal.tables import add_numbers, plain

POINTS: Final = 8
"""Numbers of steps that are shown, beside the earliest at which answers hold."""


def decisions(report: Report, found: Decisions) -> Table:
    """Return accuracy, latency and energy after some numbers of steps."""
    accuracy = found.accuracy_by_step
    table = Table(
        title="Steps to a decision, with the time and energy until then",
        title_justify="left",
    )
    add_numbers(table, "steps")
    add_numbers(table, "as at the end" if accuracy is None else "accuracy")
    chips = list(report.estimated.values())
    points = shown_steps(found)
    costs = [[decide(each.workload, each.latency, step) for step in points] for each in chips]
    units = [(_prefix_s(of_chip), _prefix_j(of_chip)) for of_chip in costs]
    for name, (second, joule) in zip(report.estimated, units):
        add_numbers(table, plain(f"{name} ({second}s)"))
        add_numbers(table, f"({joule}J)")
    shares = found.agreement_by_step if accuracy is None else accuracy
    for place, step in enumerate(points):
        cells = []
        for of_chip, (second, joule) in zip(costs, units):
            cells.append(short.likely(of_chip[place].latency_s, second))
            cells.append(short.likely(of_chip[place].energy.total, joule))
        style = "bold" if step == found.earliest_step else ""
        mark = "*" * (step == found.earliest_step)
        table.add_row(f"{mark}{step:,}", f"{shares[step - 1]:.1%}", *cells, style=style)
    return table


def how_to_read(found: Decisions, counted: Counted) -> list[str]:
    """Return what the mark in the table of steps means, and what an answer waits for."""
    what = "accuracy" if found.accuracy_by_step is not None else "share of final answers"
    return [
        f"*: the fewest steps from which on the {what} stays within one point of its last value",
        f"the mean sample's answer no longer changes after {found.stable_step_mean:.1f} steps",
        way(counted),
    ]


def way(counted: Counted) -> str:
    """Return in words how long a spike is on its way through the network."""
    delays = ""
    if counted.delay_steps:
        delays = f", and delays add up to {number_of(counted.delay_steps, 'step')}"
    return f"a spike takes {number_of(counted.way_steps, 'step')} through the layers{delays}"


def _prefix_s(costs: list[Decision]) -> str:
    return short.prefix(cost.latency_s.value for cost in costs)


def _prefix_j(costs: list[Decision]) -> str:
    return short.prefix(cost.energy.total.value for cost in costs)


def shown_steps(found: Decisions) -> list[int]:
    """Return about `POINTS` numbers of steps, evenly, with the earliest that holds and the last."""
    parts = min(POINTS, found.steps)
    evenly = {round(found.steps * part / parts) for part in range(1, parts + 1)}
    return sorted(evenly | {found.earliest_step})


def conventional(report: Report, found: Conventional) -> Table:
    """Return what an artificial network of the same size takes on other hardware."""
    table = Table(
        title="Conventional hardware: an artificial network of this size, arithmetic alone",
        title_justify="left",
    )
    table.add_column("hardware")
    for name in ("operation", "one pass", "every step"):
        add_numbers(table, name)
    for each in found.processors:
        energies = (each.operation.energy_j, each.one_pass_j, each.every_step_j)
        cells = (short.amount(energy, "J") for energy in energies)
        table.add_row(plain(each.operation.title), *cells)
    for chip in report.estimated.values():
        parts = {"without static power": chip.energy.dynamic, "with it": chip.energy.total}
        for words, energy in parts.items():
            row = plain(f"{chip.placement.chip.title}, {words}", "bold")
            table.add_row(row, "", "", short.amount(energy.value, "J"))
    return table
