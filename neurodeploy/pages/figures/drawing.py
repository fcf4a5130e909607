"""Figures as SVG, alone or within a page whose colours they follow, and as PNG."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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
    from neurodeploy.running.evaluation import Report


@dataclass(frozen=True)
class Drawing:
    """One kind of figure.

    Attributes:
        draw: returns it.
        missing: returns why it cannot be drawn, a sentence, or "".
        describe: returns what it shows, in words for a screen reader; only where it can be drawn.
    """

    draw: Callable[[Report], Figure]
    missing: Callable[[Report], str]
    describe: Callable[[Report], str]


FIGURES: Final[dict[str, Drawing]] = {
    "confusion": Drawing(confusion.draw, confusion.missing, confusion.describe),
    "steps": Drawing(steps.draw, steps.missing, steps.describe),
    "energy": Drawing(ranges.draw_energy, ranges.chips_missing, ranges.describe_energy),
    "latency": Drawing(ranges.draw_latency, ranges.chips_missing, ranges.describe_latency),
    "cores": Drawing(cores.draw, cores.missing, cores.describe),
    "spikes": Drawing(spikes.draw, spikes.missing, spikes.describe),
    "raster": Drawing(raster.draw, raster.missing, raster.describe),
    "conventional": Drawing(
        ranges.draw_conventional, ranges.conventional_missing, ranges.describe_conventional
    ),
}
"""The names are those of the files that `--plots` writes."""


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
            kind = FIGURES[name]
            why = kind.missing(report)
            if why:
                drawn[name] = Drawn(name, why)
                continue
            figure = kind.draw(report)
            drawn[name] = Drawn(
                name, "", kind.describe(report), _svg(figure), _png(figure) if png else b""
            )
    return drawn


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=_NO_METADATA)
    return text.getvalue()


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DPI)
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
