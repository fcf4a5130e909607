"""The tables of a page: which of the listings each part of it shows."""

from __future__ import annotations

from neurodeploy.pages import listings, per_chip, wording
from neurodeploy.pages.listings import Listing
from neurodeploy.pages.view import View

OUTPUTS = 64
"""Most outputs of a sample that are listed."""


def accuracy(view: View) -> list[Listing]:
    """Return recall, precision and F1 of each class, nothing without labels."""
    score = view.report.counted.score
    return [] if score is None else [listings.classes(score, view.classes)]


def decisions(view: View) -> list[Listing]:
    """Return what stopping at some steps costs, nothing where it is not known."""
    found = view.report.decisions
    if found is None:
        return []
    parts = [(f"until {wording.holds([view.report])}", per_chip.DECISION)]
    first = per_chip.table(view.chips, "Time and energy of a decision", parts)
    return [first, *listings.decisions(view.report, found)]


def energy(view: View) -> list[Listing]:
    """Return the energy per sample and the power on every chip."""
    parts = [("at full speed", per_chip.ENERGY), (_pace(view), per_chip.PACE_ENERGY)]
    return [per_chip.table(view.chips, "Energy of the mean sample, and power", parts)]


def constants(view: View) -> list[Listing]:
    """Return the energy that each constant set of the cost files leads to."""
    return [listings.constants(view.report)]


def time(view: View) -> list[Listing]:
    """Return times and rates on every chip."""
    parts = [("at full speed", per_chip.TIME), (_pace(view), per_chip.PACE_TIME)]
    return [per_chip.table(view.chips, "Time, and whether the sensor's pace is kept", parts)]


def _pace(view: View) -> str:
    return f"sensor's {wording.pace(view.chips)}"


def load(view: View) -> list[Listing]:
    """Return the longest step beside the mean one, and what passes between cores and host."""
    return [per_chip.load(view.chips)]


def placement(view: View) -> list[Listing]:
    """Return the neurocores of the network and of every layer on every chip."""
    made = per_chip.table(view.chips, "What the network takes", [("", per_chip.SIZE)])
    return [made, listings.neurocores(view.report)]


def activity(view: View) -> list[Listing]:
    """Return what every layer did in the mean sample, and NeuroBench's metrics."""
    found = view.report.neurobench
    bench = [] if found is None else [listings.neurobench(found)]
    return [listings.layers(view.report), *bench]


def outputs(view: View) -> list[Listing]:
    """Return what each output of the network gave for the sample that is drawn."""
    answers, kept = view.report.predictions, view.sample
    if kept is None or len(kept.outputs) > OUTPUTS:
        return []
    how = "the outputs" if answers is None else answers.description
    rows = tuple(zip(view.classes, (f"{value:,}" for value in kept.outputs.tolist())))
    return [Listing(f"What it predicts: {how}", ("output", "value"), rows)]


def conventional(view: View) -> list[Listing]:
    """Return what a network of the same size takes on other hardware."""
    found = view.report.conventional
    return [listings.conventional(view.report, found)] if found else []


def measured(view: View) -> list[Listing]:
    """Return what real hardware measured."""
    found = view.report.measured
    return [listings.measured(found)] if found else []


def network(view: View) -> list[Listing]:
    """Return the layers of the network."""
    return [listings.network(view.report)]


TABLES = (
    accuracy, decisions, energy, constants, time, load, placement, activity, outputs, conventional,
    measured, network,
)  # fmt: skip
"""All of them, by which the template calls them."""
