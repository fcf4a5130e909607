"""Draw figures as SVG files, as inline SVG that follows the colours of a page, and as PNG."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from matplotlib.figure import Figure

from neurodeploy import style
from neurodeploy.report.figures import confusion, cores, layers, ranges, raster, spikes, steps

if TYPE_CHECKING:
    from neurodeploy.report.report_data import ReportData


FIGURES: Final[dict[str, Callable[[ReportData], tuple[Figure, str]]]] = {
    "confusion": confusion.draw,
    "steps": steps.draw,
    "energy": ranges.draw_energy,
    "layers": layers.draw,
    "latency": ranges.draw_latency,
    "cores": cores.draw,
    "spikes": spikes.draw,
    "raster": raster.draw,
    "conventional": ranges.draw_conventional,
}
"""Drawing functions, by the name of the file that `--plots` writes.

Each returns a figure and its description for screen readers, or raises `style.NotDrawn`.
"""


DPI = 200
"""Resolution of PNG files."""

_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True, eq=False)
class Drawn:
    """One figure of a report, or the reason why it is missing.

    Attributes:
        name: key of `FIGURES`.
        why_missing: reason why there is no figure, a sentence; "" if there is one.
        description: description for screen readers; "" if there is no figure.
        svg: text of an SVG file in the colours of the light page; "" if there is no figure.
        png: contents of a PNG file; empty unless requested.
    """

    name: str
    why_missing: str
    description: str = ""
    svg: str = ""
    png: bytes = b""


def draw_all(
    report: ReportData, *, png: bool = False, names: Iterable[str] = tuple(FIGURES)
) -> dict[str, Drawn]:
    """Draw figures and return them by name.

    Args:
        report: the report.
        png: whether to render PNG files as well.
        names: names of the figures; all by default.
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
                drawn[name] = saved(name, figure, described, png=png)
    return drawn


def saved(name: str, figure: Figure, description: str, *, png: bool = False) -> Drawn:
    """Return a figure as SVG, and as PNG if requested."""
    image = _file(figure, "png", dpi=DPI) if png else b""
    svg = _file(figure, "svg", metadata=_NO_METADATA).decode()
    return Drawn(name, "", description, svg, image)


def _file(figure: Figure, kind: str, **how: Any) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format=kind, **how)
    return content.getvalue()


def within_page(drawn: Drawn, mark: str = "") -> str:
    """Return a figure as an inline SVG element.

    Replace colours by the CSS variables of the page, use the font of the page, and round numbers.
    Prefix ids with the name of the figure, and with `mark` to make them unique across pages. Screen
    readers skip the element; the page holds the description.
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
