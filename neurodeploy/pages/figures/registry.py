"""Every figure by its name, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from matplotlib.figure import Figure

from neurodeploy.pages.figures import (
    confusion,
    conventional,
    cores,
    energy,
    latency,
    raster,
    spikes,
    steps,
)
from neurodeploy.pages.view import View


@dataclass(frozen=True)
class Drawing:
    """One kind of figure.

    Attributes:
        draw: returns it.
        missing: returns why it cannot be drawn, a sentence, or "".
        describe: returns what it shows, for who cannot see it; only where it can be drawn.
    """

    draw: Callable[[View], Figure]
    missing: Callable[[View], str]
    describe: Callable[[View], str]


FIGURES: Final[dict[str, Drawing]] = {
    "confusion": Drawing(confusion.draw, confusion.missing, confusion.describe),
    "steps": Drawing(steps.draw, steps.missing, steps.describe),
    "energy": Drawing(energy.draw, energy.missing, energy.describe),
    "latency": Drawing(latency.draw, latency.missing, latency.describe),
    "cores": Drawing(cores.draw, cores.missing, cores.describe),
    "spikes": Drawing(spikes.draw, spikes.missing, spikes.describe),
    "raster": Drawing(raster.draw, raster.missing, raster.describe),
    "conventional": Drawing(conventional.draw, conventional.missing, conventional.describe),
}
"""The names are those of the files that `--plots` writes."""
