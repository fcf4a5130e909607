"""The tables of a page: those with a column a chip, and listings as a page has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from neurodeploy.hw_sim.chips.cost import Estimate
from neurodeploy.pages import listings, wording
from neurodeploy.pages.listings import NONE, Group, Listing, Row, Value
from neurodeploy.pages.view import View
from neurodeploy.pages.wording import MICRO, clean

OUTPUTS = 64
"""Most outputs of a sample that are listed."""


@dataclass(frozen=True)
class Cell:
    """A cell: a text, a softer one below it, and whether it names a part of what is above."""

    text: str
    note: str = ""
    part: bool = False


@dataclass(frozen=True)
class Table:
    """A table of a page; the first cell of each row names it.

    Attributes:
        caption: what it shows.
        head: names of the columns.
        rows: their cells; a row of one cell says what those below it are of.
        words: which columns, from 0, hold words; the others hold numbers.
        notes: how to read it, a sentence each.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: tuple[int, ...] = (0,)
    notes: tuple[str, ...] = ()


def of_listing(listing: Listing | None) -> list[Table]:
    """Return a listing as a table of a page, none where there is none."""
    if listing is None:
        return []
    rows = tuple(tuple(Cell(clean(text)) for text in row) for row in listing.rows)
    head = tuple(map(clean, listing.head))
    return [Table(listing.title, head, rows, listing.words, listing.notes)]


def band_cell(band: Estimate, unit: str) -> Cell:
    """Return the likely value, and below it the band."""
    scale = wording.scale([band.value or band.high], unit, MICRO)
    return Cell(scale.amount(band.value) if band.value else "0", scale.ends(band))


def value_cell(value: Value, unit: str) -> Cell:
    """Return what a row reads, of a text what it says more below it."""
    if isinstance(value, Estimate):
        return band_cell(value, unit)
    text = value or NONE
    mark = next((mark for mark in (": ", ", ") if mark in text), "\n")
    first, _, more = text.partition(mark)
    return Cell(first, more)


def of_chips(view: View, caption: str, parts: Iterable[tuple[str, Iterable[Group]]]) -> list[Table]:
    """Return a table with a column a chip, in parts with a heading each unless that is ""."""
    rows: list[tuple[Cell, ...]] = []
    for heading, groups in parts:
        found = [made for group in groups for row in group for made in _row(view, row)]
        rows += [(Cell(heading),)] if heading and found else []
        rows += found
    return [Table(caption, ("", *view.titles), tuple(rows))] if rows and view.chips else []


def _row(view: View, row: Row) -> list[tuple[Cell, ...]]:
    values = [row.read(each) for each in view.chips]
    if all(value is None for value in values):
        return []
    first = Cell(row.label.strip(), row.rests_on, part=row.label.startswith(" "))
    return [(first, *(value_cell(value, row.unit) for value in values))]


def accuracy(view: View) -> list[Table]:
    """Return recall, precision and F1 of each class, nothing without labels."""
    score = view.report.counted.score
    return of_listing(None if score is None else listings.classes(score, view.classes))


def decisions(view: View) -> list[Table]:
    """Return what stopping at some steps costs, nothing where it is not known."""
    found = view.report.decisions
    if found is None:
        return []
    until = f"until {wording.holds([view.report])}"
    made = of_chips(view, "Time and energy of a decision", [(until, listings.DECISION)])
    for listing in listings.decisions(view.report, found, MICRO):
        made += of_listing(listing)
    return made


def energy(view: View) -> list[Table]:
    """Return the energy of a sample and the power on every chip."""
    pace = f"sensor's {wording.pace(view.chips)}"
    parts = [("at full speed", listings.ENERGY), (pace, listings.PACE_ENERGY)]
    return of_chips(view, "Energy of the mean sample, and power", parts)


def constants(view: View) -> list[Table]:
    """Return the energy that each constant set of the cost files leads to."""
    made = listings.constants(view.report, MICRO)
    return of_listing(made if made.rows else None)


def time(view: View) -> list[Table]:
    """Return times and rates on every chip."""
    pace = f"sensor's {wording.pace(view.chips)}"
    parts = [("at full speed", listings.TIME), (pace, listings.PACE_TIME)]
    return of_chips(view, "Time, and whether the sensor's pace is kept", parts)


def load(view: View) -> list[Table]:
    """Return the longest step beside the mean one, and what passes between cores and host."""
    caption = "Load, a sample: mean and peak, numbered from 0"
    return of_chips(view, caption, [("", listings.LOAD)])


def placement(view: View) -> list[Table]:
    """Return the neurocores of the network and of every layer on every chip."""
    made = of_chips(view, "What the network takes", [("", listings.SIZE)])
    return made + of_listing(listings.neurocores(view.report))


def activity(view: View) -> list[Table]:
    """Return what every layer did in the mean sample, and NeuroBench's metrics."""
    found = view.report.neurobench
    bench = of_listing(None if found is None else listings.neurobench(found))
    return of_listing(listings.layers(view.report)) + bench


def outputs(view: View) -> list[Table]:
    """Return what each output of the network gave for the sample that is drawn."""
    answers, kept = view.report.answers, view.sample
    if kept is None or len(kept.outputs) > OUTPUTS:
        return []
    how = "the outputs" if answers is None else answers.how
    rows = tuple(zip(view.classes, (f"{value:,}" for value in kept.outputs.tolist())))
    return of_listing(Listing(f"What it answers: {how}", ("output", "value"), rows))


def conventional(view: View) -> list[Table]:
    """Return what a network of the same size takes on other hardware."""
    found = view.report.conventional
    return of_listing(listings.conventional(view.report, found, MICRO) if found else None)


def measured(view: View) -> list[Table]:
    """Return what real hardware measured."""
    found = view.report.measured
    return of_listing(listings.measured(found, MICRO) if found else None)


def network(view: View) -> list[Table]:
    """Return the layers of the network."""
    return of_listing(listings.network(view.report))


TABLES = (
    accuracy, decisions, energy, constants, time, load, placement, activity, outputs, conventional,
    measured, network,
)  # fmt: skip
"""All of them, by which the template calls them."""
