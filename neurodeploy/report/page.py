"""Render a report as one self-contained HTML file.

`report --html page.html` writes it. The templates hold headings and sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from neurodeploy.models.display import number_of
from neurodeploy.report import report_tables, texts
from neurodeploy.report.figures import cores, drawing, raster, steps
from neurodeploy.report.figures.drawing import Drawn
from neurodeploy.report.parts import NOT_MODELLED
from neurodeploy.report.report_tables import (
    DECISION,
    ENERGIES,
    REAL_TIME_ENERGY,
    REAL_TIME_TIME,
    SIZE,
    TIME,
)
from neurodeploy.report.tables import Cell, Table, chip_table
from neurodeploy.report.wording import amount, chips, classes, clean, settles

if TYPE_CHECKING:
    from neurodeploy.report.report_data import ReportData

PHONE: Final = 49
"""Maximum width of a table on a phone in characters, with two between columns."""


def render(report: ReportData, drawn: Mapping[str, Drawn]) -> str:
    """Return the HTML page of a report.

    Args:
        report: the report.
        drawn: all figures, by name.
    """
    some = chips(report)
    caveats = [clean(c) for _, each in some for c in each.caveats]
    return template("report").render(
        report=report,
        chips=some,
        chips_drawn=steps.CHIPS,
        classes=classes(report),
        figures={name: figure(each) for name, each in drawn.items()},
        notes={
            "cores": cores.drawn_in_part(report),
            "raster": raster.thinned(report) if report.sample else [],
            "way": report_tables.way(report),
        },
        title=texts.title(report),
        summary=texts.summary(report),
        first_words=texts.first_words(report),
        tiles=texts.tiles(report),
        why=texts.why_more(report),
        problems=texts.problems(report),
        tables=_tables(report),
        provenance=texts.provenance(report),
        training=texts.training(report.network.provenance),
        caveats=list(dict.fromkeys(caveats)),
        not_modelled=NOT_MODELLED,
    )


def _tables(report: ReportData) -> dict[str, list[Table]]:
    """Return the tables of each section of the page."""
    some, fast = chips(report), "at full speed"
    real = report_tables.real_time(some)
    energy = {fast: ENERGIES, real: REAL_TIME_ENERGY}
    time = {fast: TIME, real: REAL_TIME_TIME}
    decision = chip_table(some, f"Until {settles([report])}", {"": DECISION})
    made = {
        "accuracy": report_tables.classes(report),
        "decisions": [decision, *report_tables.decisions(report)],
        "energy": [
            chip_table(some, "Energy per sample, and power", energy),
            report_tables.constants(report),
            report_tables.validation(report),
        ],
        "layers": [report_tables.energy_by_layer(some)],
        "time": [
            chip_table(some, "Time per time step and per sample", time),
            report_tables.between_samples(report),
            report_tables.time_by_layer(report),
            report_tables.load(some),
        ],
        "placement": [
            chip_table(some, "Neurocores and chips in use", {"": SIZE}),
            report_tables.neurocores(report),
        ],
        "activity": [report_tables.activity(report), *report_tables.neurobench(report)],
        "outputs": report_tables.sample_outputs(report),
        "conventional": report_tables.conventional(report),
        "measured": report_tables.measured(report),
        "network": [report_tables.network(report)],
    }
    return {name: [table for table in tables if table.rows] for name, tables in made.items()}


def figure(drawn: Drawn, mark: str = "") -> dict[str, Any]:
    """Return the template values of a figure; `mark` makes its ids unique to the page."""
    return {
        "id": f"{mark}{drawn.name}",
        "name": drawn.name,
        "missing": drawn.why_missing,
        "description": drawn.description,
        # matplotlib escapes text
        "svg": Markup(drawing.within_page(drawn, mark)) if drawn.svg else "",
    }


@cache
def template(name: str) -> Template:
    """Load a template by name."""
    return _environment().get_template(f"{name}.html.j2")


@cache
def _environment() -> Environment:
    folder = resources.files("neurodeploy.report") / "templates"
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
    )  # fmt: skip
    environment.filters.update(clean=clean, of=number_of, amount=amount, exact=exact)
    environment.tests["broad"] = broad
    return environment


def exact(value: float) -> str:
    """Format a value of a cost file: integers in full, others with six significant digits."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.6g}"


def broad(table: Table) -> bool:
    """Return whether a table is too wide for a phone, so that its rows become blocks there."""
    heads = tuple(map(Cell, table.columns))
    rows = [heads, *(row for row in table.rows if len(row) > 1)]
    return sum(max(map(_longest_word, column)) + 2 for column in zip(*rows)) > PHONE


def _longest_word(cell: Cell) -> int:
    return max(map(len, [*cell.text.split(), *cell.note.split(), ""]))
