"""A report as one HTML file that needs nothing else, and its figures as files.

`report --html page.html --plots folder`
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from neurodeploy.hw_sim.reports.report import NOT_MODELLED
from neurodeploy.models.files import replacing
from neurodeploy.pages.figures import drawing
from neurodeploy.pages.figures.drawing import Drawn
from neurodeploy.pages.html import tables, texts
from neurodeploy.pages.view import View
from neurodeploy.pages.wording import clean
from neurodeploy.running.side_by_side import SideBySide

TEMPLATE: Final = "report.html.j2"
COMPARISON: Final = """<!doctype html><meta charset="utf-8"><title>Networks side by side</title>
<table><tr>{% for key in rows[0] %}<th>{{ key }}{% endfor %}
{% for row in rows %}<tr>{% for value in row.values() %}<td>{{ value }}{% endfor %}
{% endfor %}</table>{% for note in notes %}<p>{{ note }}{% endfor %}
"""


def write(view: View, *, page: Path | None, plots: Path | None) -> list[Path]:
    """Write the page, the figures, or both, and return what was written.

    Raises:
        InputError: when a file or folder cannot be written.
    """
    drawn = drawing.draw_all(view, png=plots is not None)
    written = []
    if page is not None:
        _write(page, render(view, drawn).encode())
        written.append(page)
    for name, each in drawn.items() if plots is not None else ():
        if each.svg:
            assert plots is not None
            _write(plots / f"{name}.svg", each.svg.encode())
            _write(plots / f"{name}.png", each.png)
            written += [plots / f"{name}.svg", plots / f"{name}.png"]
    return written


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_comparison(found: SideBySide, path: Path) -> None:
    """Write networks side by side as a page.

    Raises:
        InputError: when the file cannot be written.
    """
    rows = found.to_rows()
    text = _environment().from_string(COMPARISON).render(rows=rows, notes=found.notes)
    _write(path, text.encode())


def render(view: View, drawn: Mapping[str, Drawn]) -> str:
    """Return the page.

    Args:
        view: what it shows.
        drawn: every figure by its name.
    """
    page: str = _template().render(content(view, drawn))
    return page


def content(view: View, drawn: Mapping[str, Drawn]) -> dict[str, Any]:
    """Return what the template fills in: texts, tables and figures by the template's names."""
    caveats = [clean(c) for each in view.chips for c in each.placement.chip.caveats]
    return {
        "figures": {name: _figure(each) for name, each in drawn.items()},
        "title": texts.title(view),
        "summary": texts.summary(view),
        "digest": view.report.digest[:12],
        "tiles": texts.tiles(view),
        "problems": texts.problems(view),
        "texts": {
            name: getattr(texts, name)(view)
            for name in ("accuracy", "steps", "load", "places", "sample")
        },
        "tables": {each.__name__: each(view) for each in tables.TABLES},
        "hardware": texts.hardware_sources(view),
        "sources": texts.sources(view),
        "provenance": texts.provenance(view),
        "caveats": list(dict.fromkeys(caveats)),
        "not_modelled": NOT_MODELLED,
    }


def _figure(drawn: Drawn) -> dict[str, Any]:
    return {
        "name": drawn.name,
        "missing": drawn.why_missing,
        "description": drawn.description,
        "svg": Markup(drawing.within_page(drawn)) if drawn.svg else "",  # escaped by matplotlib
    }


@cache
def _template() -> Any:
    text = resources.files("neurodeploy.pages.html").joinpath(TEMPLATE).read_text(encoding="utf-8")
    return _environment().from_string(text)


def _environment() -> Environment:
    return Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
