"""Figures as SVG, alone or within a page whose colours they follow, and as PNG."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from matplotlib.figure import Figure

from neurodeploy.pages.figures import (
    confusion,
    cores,
    ranges,
    raster,
    spikes,
    steps,
    style,
)

if TYPE_CHECKING:
    from neurodeploy.running.report import Report


FIGURES: Final[dict[str, Callable[[Report], tuple[Figure, str]]]] = {
    "confusion": confusion.draw,
    "steps": steps.draw,
    "energy": ranges.draw_energy,
    "latency": ranges.draw_latency,
    "cores": cores.draw,
    "spikes": spikes.draw,
    "raster": raster.draw,
    "conventional": ranges.draw_conventional,
}
"""By the names of the files that `--plots` writes: each returns a figure, and in words for a screen
reader what it shows, or raises `style.NotDrawn`."""


DPI = 200
"""Of the PNG."""

_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True, eq=False)
class Drawn:
    """One figure of a report, or the reason why it is not there.

    Attributes:
        name: key of `FIGURES`.
        why_missing: a sentence; "" where there is a figure.
        description: what it shows, "" where there is none.
        svg: a whole SVG file, in the colours of the light page; "" where there is none.
        png: a PNG file, where it was asked for.
    """

    name: str
    why_missing: str
    description: str = ""
    svg: str = ""
    png: bytes = b""


def draw_all(
    report: Report, *, png: bool = False, names: Iterable[str] = tuple(FIGURES)
) -> dict[str, Drawn]:
    """Draw figures once each and return them by name.

    Args:
        report: what they show.
        names: of the figures, every one by default.
        png: whether to make PNG files as well.
    """
    drawn = {}
    with style.look(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        for name in names:
            try:
                figure, described = FIGURES[name](report)
            except style.NotDrawn as why:
                drawn[name] = Drawn(name, str(why))
            else:
                image = _file(figure, "png", dpi=DPI) if png else b""
                svg = _file(figure, "svg", metadata=_NO_METADATA).decode()
                drawn[name] = Drawn(name, "", described, svg, image)
    return drawn


def _file(figure: Figure, kind: str, **how: Any) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format=kind, **how)
    return content.getvalue()


def within_page(drawn: Drawn, mark: str = "") -> str:
    """Return the SVG of a figure as an element of a page.

    Its colours become the page's variables, its font the page's, its numbers shorter, and its ids
    differ from those of other figures, and with `mark` from those of other pages. A screen reader
    has its description.
    """
    name = f"{mark}{drawn.name}"
    svg = drawn.svg[drawn.svg.index("<svg") :]
    head, body = svg.split(">", 1)
    box = re.search(r'viewBox="([^"]*)"', head)
    assert box is not None
    body = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", body, count=1, flags=re.S)
    body = re.sub(r'(?<=[ "])xlink:href="#', 'href="#', body)
    named = set(re.findall(r'(?:href="|url\()#([^")]+)', body))
    body = re.sub(
        r'\s+id="([^"]*)"',
        lambda found: f' id="{name}-{found[1]}"' if found[1] in named else "",
        body,
    )
    body = re.sub(r'(href="|url\()#', rf"\g<1>#{name}-", body)
    body = re.sub(r"font: ([^;\"]*?)px [^;\"]*", _font, body)
    body = re.sub(r"(\d+\.\d\d)\d+", r"\1", body)
    for colour, role in style.ROLES.items():
        body = body.replace(colour, f"var(--{role})")
    return f'<svg class="plot" viewBox="{box[1]}" aria-hidden="true" focusable="false">{body}'


def _font(found: re.Match[str]) -> str:
    words = found[1].split()
    weight = f"; font-weight: {words[0]}" if len(words) > 1 else ""
    return f"font-size: {words[-1]}px{weight}"
