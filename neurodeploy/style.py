"""Shared style of all figures: colours, fonts, and the width of a phone screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

INK, SOFT, FAINT, PAPER = "#1d2024", "#5a616b", "#d9dce1", "#fdfdfb"
ACCENT, SECOND, THIRD = "#0f5c9e", "#b3530d", "#6d7681"

ROLES: Final = {
    INK: "ink", SOFT: "soft", FAINT: "faint", PAPER: "paper",
    ACCENT: "accent", SECOND: "second", THIRD: "third",
}  # fmt: skip
"""CSS variable of each colour of the light page.

The colours must differ: in an SVG, each is replaced by its variable to support the dark theme.
"""

SERIES: Final = (ACCENT, SECOND, THIRD)
"""Colours of series, such as chips; distinct for red-green colour blindness."""

MARKERS: Final = ("o", "D", "s", "^")
"""Markers of series, for readers who cannot distinguish the colours.

There is one more marker than colours, so that pairs of colour and marker repeat late.
"""

WIDTH: Final = 340.0
"""Width of a figure in points; on a phone, a point is one CSS pixel."""

SIZE, SMALL = 11.0, 9.5
"""Font sizes in points."""

_LOOK: Final[dict[str, Any]] = {
    "font.size": SIZE, "font.family": "DejaVu Sans", "text.color": INK, "text.parse_math": False,
    "axes.labelcolor": SOFT, "axes.labelsize": SMALL, "axes.titlesize": SIZE,
    "axes.edgecolor": FAINT, "axes.facecolor": "none", "axes.linewidth": 0.8,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "axes.titlelocation": "left", "axes.titlecolor": INK, "axes.titlepad": 4,
    "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": SOFT, "ytick.labelcolor": SOFT,
    "xtick.labelsize": SMALL, "ytick.labelsize": SMALL, "xtick.major.size": 3,
    "ytick.major.size": 0, "xtick.minor.size": 0, "ytick.minor.size": 0,
    "grid.color": FAINT, "grid.linewidth": 0.6, "lines.linewidth": 1.4,
    "figure.facecolor": PAPER, "path.simplify": False, "svg.fonttype": "none",
    "svg.hashsalt": "neurodeploy",
}  # fmt: skip


NO_CHIP: Final = "No chip was chosen."


class NotDrawn(Exception):
    """Raised if a report lacks the data for a figure; the message is a sentence for the page."""


@contextmanager
def look() -> Iterator[None]:
    """Apply this style within the context, independent of the user's matplotlibrc."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_LOOK)  # type: ignore[arg-type]
        yield


def canvas(height: float) -> Figure:
    """Return a figure of width `WIDTH` and the given height, in points."""
    return Figure(figsize=(WIDTH / 72, height / 72))


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes at a position in points from the upper left corner of the figure."""
    wide, high = (72 * inches for inches in figure.get_size_inches())
    return figure.add_axes((left / wide, 1 - (top + height) / high, width / wide, height / high))


def write(axes: Axes, x: float, y: float, text: str, **how: Any) -> None:
    """Write text at a position in points from the upper left corner of the figure."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    wide, high = (72 * inches for inches in figure.get_size_inches())
    figure.text(x / wide, 1 - y / high, text, **how)


def bare(axes: Axes) -> None:
    """Remove frame and ticks."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def line(left: float, right: float, y: float, *, color: str, dashes: Sequence[int] = ()) -> Line2D:
    """Return a horizontal line for a legend, in fractions of the figure."""
    drawn = Line2D([left, right], [y, y], color=color, linewidth=1.6)
    if dashes:
        drawn.set_dashes(dashes)
    return drawn
