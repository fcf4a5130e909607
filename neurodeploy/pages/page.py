"""A report, and networks side by side, as one HTML file that needs nothing else.

`report --html page.html`. The templates hold the headings and whatever does not depend on the run;
`texts` has the sentences that do.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from neurodeploy.hw_sim.reports.report import NOT_MODELLED
from neurodeploy.models.files import replacing
from neurodeploy.pages import networks, report_tables, texts
from neurodeploy.pages.figures import drawing
from neurodeploy.pages.figures.drawing import Drawn
from neurodeploy.pages.tables import Cell, Table
from neurodeploy.pages.wording import chips, classes, clean

if TYPE_CHECKING:
    from neurodeploy.running.evaluation import Report
    from neurodeploy.running.side_by_side import SideBySide

PHONE: Final = 46
"""Characters that a table on a phone has room for, with two between columns."""


def render(report: Report, drawn: Mapping[str, Drawn]) -> str:
    """Return the page of a report.

    Args:
        report: what it shows.
        drawn: every figure by its name.
    """
    caveats = [clean(c) for _, each in chips(report) for c in each.placement.chip.caveats]
    return template("report").render(
        figures={name: figure(each) for name, each in drawn.items()},
        title=texts.title(report),
        summary=texts.summary(report),
        digest=report.digest[:12],
        tiles=texts.tiles(report),
        why=texts.why_more(report),
        problems=texts.problems(report),
        texts={
            name: getattr(texts, name)(report)
            for name in ("accuracy", "steps", "load", "places", "sample")
        },
        tables=_tables(report),
        hardware=texts.hardware_sources(report),
        sources=texts.sources(report),
        provenance=texts.provenance(report),
        training=texts.training(report.network.provenance),
        caveats=list(dict.fromkeys(caveats)),
        not_modelled=NOT_MODELLED,
    )


def _tables(report: Report) -> dict[str, list[Table]]:
    """Return the tables of each section of the page."""
    score, found, some = report.counted.score, report.decisions, chips(report)
    made: dict[str, list[Table]] = {
        "network": [report_tables.network(report)],
        "activity": [report_tables.activity(report)],
        "outputs": report_tables.sample_outputs(report),
        "placement": [report_tables.size(some), report_tables.neurocores(report)],
        "energy": [report_tables.energies(some), report_tables.constants(report)],
        "time": [report_tables.times(some), report_tables.load(some)],
    }
    optional = {
        "accuracy": score and [report_tables.classes(score, classes(report))],
        "decisions": found
        and [report_tables.decision(report, some), *report_tables.decisions(report, found)],
        "conventional": report.conventional
        and [report_tables.conventional(report, report.conventional)],
        "measured": report.measured and [report_tables.measured(report.measured)],
    }
    made |= {name: tables or [] for name, tables in optional.items()}
    if report.neurobench is not None:
        made["activity"].append(report_tables.neurobench(report.neurobench))
    return {name: [table for table in tables if table.rows] for name, tables in made.items()}


def write_networks(found: SideBySide, path: Path) -> None:
    """Write networks side by side as a page, which looks like that of a report.

    Raises:
        InputError: when the file cannot be written.
    """
    first = found.entries[0].report
    page = template("comparison").render(
        networks=[
            {
                "name": clean(entry.name),
                "digest": entry.report.digest[:12],
                "summary": texts.summary(entry.report),
                "training": texts.training(entry.report.network.provenance),
                "problems": texts.problems(entry.report),
            }
            for entry in found.entries
        ],
        tables=list(networks.tables(found.entries).values()),
        notes=list(map(clean, found.notes)),
        why=texts.why_more(first),
        versions=texts.versions(first),
    )
    with replacing(path) as temporary:
        temporary.write_bytes(page.encode())


def figure(drawn: Drawn, mark: str = "") -> dict[str, Any]:
    """Return what the templates show of a figure; `mark` tells its ids from another page's."""
    return {
        "id": f"{mark}{drawn.name}",
        "name": drawn.name,
        "missing": drawn.why_missing,
        "description": drawn.description,
        # matplotlib escapes what it writes
        "svg": Markup(drawing.within_page(drawn, mark)) if drawn.svg else "",
    }


@cache
def template(name: str) -> Template:
    """Return the template of that name."""
    return _environment().get_template(f"{name}.html.j2")


@cache
def _environment() -> Environment:
    folder = resources.files("neurodeploy.pages") / "templates"
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
    )  # fmt: skip
    environment.filters["clean"] = clean
    environment.tests["broad"] = broad
    return environment


def broad(table: Table) -> bool:
    """Return whether a table is too wide for a phone, where its rows become blocks then."""
    heads = tuple(map(Cell, table.columns))
    rows = [heads, *(row for row in table.rows if len(row) > 1)]
    return sum(max(map(_longest_word, column)) + 2 for column in zip(*rows)) > PHONE


def _longest_word(cell: Cell) -> int:
    return max(map(len, [*cell.text.split(), *cell.note.split(), ""]))
