"""Accuracy, time and energy after some numbers of steps, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from neurodeploy.hw_sim.decisions import Decisions
from neurodeploy.hw_sim.estimates.energy import Energy
from neurodeploy.hw_sim.estimates.estimate import Estimate
from neurodeploy.hw_sim.reports.estimated import Decision, decide
from neurodeploy.hw_sim.reports.report import Report
from neurodeploy.pages import numbers, words
from neurodeploy.pages.listings import Listing

POINTS: Final = 8
"""Numbers of steps that are shown, beside the earliest at which answers hold."""

Cost: TypeAlias = "tuple[Estimate, Energy]"


def decisions(report: Report, found: Decisions, micro: str = "u") -> list[Listing]:
    """Return what steps cost at full speed, and at the sensor's pace where that is known."""
    points = shown_steps(found)
    costs = {
        name: [decide(each.workload, each.latency, steps=s, pace=each.pace) for s in points]
        for name, each in report.estimated.items()
    }
    fast = {name: [(c.latency_s, c.energy) for c in of] for name, of in costs.items()}
    title = "Steps to a decision: time and energy at full speed"
    made = [_listing(title, found, fast, micro)]
    paced = {name: cells for name, of in costs.items() if (cells := _paced(of))}
    if paced:
        pace = words.pace(list(report.estimated.values()))
        made.append(_listing(f"The same at the sensor's pace, {pace}", found, paced, micro))
    last = made.pop()
    notes = _notes(report, found)
    return [*made, Listing(last.title, last.head, last.rows, last.words, notes)]


def _paced(costs: Sequence[Decision]) -> list[Cost]:
    return [
        (each.pace_s, each.pace_energy)
        for each in costs
        if each.pace_s is not None and each.pace_energy is not None
    ]


def _notes(report: Report, found: Decisions) -> tuple[str, ...]:
    """Return what the mark in the table of steps means, and what an answer waits for."""
    what = "accuracy" if found.accuracy_by_step is not None else "share of final answers"
    return (
        f"*: the fewest steps from which on the {what} stays within one point of its last value",
        f"the mean sample's answer no longer changes after {found.stable_step_mean:.1f} steps",
        words.way(report.counted),
    )


def _listing(title: str, found: Decisions, costs: dict[str, list[Cost]], micro: str) -> Listing:
    accuracy = found.accuracy_by_step
    head = ["steps", "as at the end" if accuracy is None else "accuracy"]
    shares = found.agreement_by_step if accuracy is None else accuracy
    rows = [
        ["*" * (step == found.earliest_step) + f"{step:,}", f"{shares[step - 1]:.1%}"]
        for step in shown_steps(found)
    ]
    for name, cells in costs.items():
        second = numbers.scale((time.value for time, _ in cells), "s", micro)
        joule = numbers.scale((energy.total.value for _, energy in cells), "J", micro)
        head += [f"{name} ({second.unit})", f"({joule.unit})"]
        for row, (time, energy) in zip(rows, cells):
            row += [second.number(time.value), joule.number(energy.total.value)]
    return Listing(title, tuple(head), tuple(map(tuple, rows)), ())


def shown_steps(found: Decisions) -> list[int]:
    """Return about `POINTS` numbers of steps, evenly, with the earliest that holds and the last."""
    parts = min(POINTS, found.steps)
    evenly = {round(found.steps * part / parts) for part in range(1, parts + 1)}
    return sorted(evenly | {found.earliest_step})
