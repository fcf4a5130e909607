"""A report as one HTML file that needs nothing else, and its figures as files.

`report --html page.html --plots folder`
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
from neurodeploy.pages import beside
from neurodeploy.pages.figures import drawing
from neurodeploy.pages.figures.drawing import Drawn
from neurodeploy.pages.html import tables, texts
from neurodeploy.pages.listings import Listing
from neurodeploy.pages.view import View
from neurodeploy.pages.wording import clean

if TYPE_CHECKING:
    from neurodeploy.running.side_by_side import SideBySide

PHONE: Final = 46
"""Characters that a table on a phone has room for, with two between columns."""
MARKS: Final = (" (", ": ", ", ")
"""What a note begins with."""


def write(view: View, path: Path) -> None:
    """Write the page.

    Raises:
        InputError: when the file cannot be written.
    """
    _write(path, render(view, drawing.draw_all(view)).encode())


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_comparison(found: SideBySide, path: Path) -> None:
    """Write networks side by side as a page, which looks like that of a report.

    Raises:
        InputError: when the file cannot be written.
    """
    _write(path, render_comparison(found).encode())


def render_comparison(found: SideBySide) -> str:
    """Return the page of networks side by side."""
    networks = [
        {
            "name": clean(entry.name),
            "digest": entry.report.digest[:12],
            "summary": texts.summary(View(entry.report)),
            "training": texts.training(entry.report.network.provenance),
            "problems": texts.problems(View(entry.report)),
        }
        for entry in found.entries
    ]
    return template("comparison").render(
        networks=networks,
        tables=list(beside.listings(found.entries).values()),
        notes=list(map(clean, found.notes)),
        why=texts.why_more(View(found.entries[0].report)),
        versions=texts.versions(found.entries[0].report),
    )


def render(view: View, drawn: Mapping[str, Drawn]) -> str:
    """Return the page.

    Args:
        view: what it shows.
        drawn: every figure by its name.
    """
    return template("report").render(content(view, drawn))


def content(view: View, drawn: Mapping[str, Drawn]) -> dict[str, Any]:
    """Return what the template fills in: texts, tables and figures by the template's names."""
    caveats = [clean(c) for each in view.chips for c in each.placement.chip.caveats]
    return {
        "figures": {name: figure(each) for name, each in drawn.items()},
        "title": texts.title(view),
        "summary": texts.summary(view),
        "digest": view.report.digest[:12],
        "tiles": texts.tiles(view),
        "why": texts.why_more(view),
        "problems": texts.problems(view),
        "texts": {
            name: getattr(texts, name)(view)
            for name in ("accuracy", "steps", "load", "places", "sample")
        },
        "tables": {t.__name__: [made for made in t(view) if made.rows] for t in tables.TABLES},
        "hardware": texts.hardware_sources(view),
        "sources": texts.sources(view),
        "provenance": texts.provenance(view),
        "training": texts.training(view.report.network.provenance),
        "caveats": list(dict.fromkeys(caveats)),
        "not_modelled": NOT_MODELLED,
    }


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
    folder = resources.files("neurodeploy.pages.html")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
    )  # fmt: skip
    environment.filters.update(clean=clean, parts=parts)
    environment.tests["broad"] = broad
    return environment


def parts(text: str) -> dict[str, str]:
    """Return a cell as its value and the softer note below it: "2 (1 to 3)" is 2 and "1 to 3",
    "9 as RUNNING" is 9 and "as RUNNING"."""
    number, _, name = clean(text).partition(" as ")
    if name and number.replace(",", "").isdecimal():
        return {"text": number, "note": f"as {name}"}
    first, _, more = clean(text).partition(next((m for m in MARKS if m in text), "\n"))
    return {"text": first, "note": more.removesuffix(")") if " (" in text else more}


def broad(table: Listing) -> bool:
    """Return whether a table is too wide for a phone, where its rows become blocks then."""
    rows = [table.head, *(row for row in table.rows if len(row) > 1)]
    return sum(max(map(_narrowest, column)) + 2 for column in zip(*rows)) > PHONE


def _narrowest(text: str) -> int:
    """Return the characters of the longest piece of a cell that is not broken."""
    found = parts(text)
    return max(map(len, [*found["text"].split(), *found["note"].split(), ""]))
