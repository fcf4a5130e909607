"""The history of a training as a picture, in a file and in a notebook.

Axes begin at 0, and spans have a least size, so that noise does not look like change.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neurodeploy.pages.figures import style
from neurodeploy.pages.figures.style import INK, SOFT

if TYPE_CHECKING:
    from neurodeploy.learning.training import Epoch
    from neurodeploy.models.architecture import LayerSpec

PERCENT: Final = 100
LEAST_ACCURACY: Final = 20.0
"""Points of accuracy that its axis spans at least."""
COLOURS: Final = (
    "#2e7fc4", "#c4661a", "#3a9150", "#b0549c", "#8a7a2c", "#5a6fd0", "#c24a4a", "#2f9190",
)  # fmt: skip
"""Of lines, distinct on light and dark; text beside them is in ink."""
APART: Final = 0.055
"""Of the height of the axes, between the names of two lines."""


@dataclass(frozen=True)
class Panel:
    """One of the pictures.

    Attributes:
        title: what it shows, with the unit.
        read: values of an epoch by the names of their lines.
        least: where the axis, which begins at 0, ends at the lowest.
    """

    title: str
    read: Callable[[Epoch], dict[str, float]]
    least: float


def _by_layer(values: Sequence[float], name: str = "layer", factor: float = 1) -> dict[str, float]:
    return {f"{name} {index}": factor * value for index, value in enumerate(values)}


def _accuracies(epoch: Epoch) -> dict[str, float]:
    return {
        "training": PERCENT * epoch.train_accuracy,
        "validation": PERCENT * epoch.validation_accuracy,
    }


def _decays(epoch: Epoch) -> dict[str, float]:
    return {
        **_by_layer(epoch.current_decays, "current"),
        **_by_layer(epoch.voltage_decays, "voltage"),
    }


DPI: Final = 120


def delay_names(layers: Sequence[LayerSpec]) -> tuple[str, ...]:
    """Return a name for each layer's learned delays: by the layer that their spikes arrive at, as
    in a report."""
    receiver = {"axonal": 1, "synaptic": 0}  # axonal ones belong to the sender
    return tuple(
        f"into layer {index + receiver[layer.delays]}"
        for index, layer in enumerate(layers)
        if layer.delays in receiver
    )


ACCURACY: Final = Panel("accuracy (%)", _accuracies, 0)
DELAYS: Final = Panel("mean delay (time steps)", lambda e: _by_layer(e.delays, "delays"), 4)
PANELS: Final = (
    Panel("training loss", lambda e: {"": e.loss}, 0.5),
    ACCURACY,
    Panel("neurons that fire per step (%)", lambda e: _by_layer(e.rates, factor=PERCENT), 5),
    Panel("SynOps per sample, validation", lambda e: _by_layer(e.synops), 10),
    DELAYS,
    Panel("mean decay (fraction lost per step)", _decays, 0.2),
)


def title(history: Sequence[Epoch], *, best: int | None = None) -> str:
    """Return how many epochs there are and which is the best, in words."""
    shown = history[_best(history, best)]
    epochs = f"{len(history):,} epoch{'s' * (len(history) != 1)}"
    accuracy = f"{PERCENT * shown.validation_accuracy:.1f}% of the validation samples correct"
    return f"Training of {epochs}, the best is epoch {shown.epoch}: {accuracy}"


def _best(history: Sequence[Epoch], best: int | None) -> int:
    """Return the place of the best epoch in the history."""
    if best is not None:
        return next(place for place, each in enumerate(history) if each.epoch == best)
    return max(range(len(history)), key=lambda place: history[place].validation_accuracy)


def draw(
    history: Sequence[Epoch],
    path: Path,
    *,
    best: int | None = None,
    layers: Sequence[LayerSpec] = (),
) -> None:
    """Draw what became of loss, accuracy and every layer over the epochs into a PNG file.

    Args:
        history: one epoch or more.
        path: of the file.
        best: number of the best epoch, from 1; that of the best validation accuracy by default.
        layers: of the network, by which delays are named; they are numbered without.
    """
    with style.look():
        figure(history, best=best, layers=layers).savefig(path, format="png", dpi=DPI)


def svg(history: Sequence[Epoch], *, best: int | None = None) -> str:
    """Return the same picture without its title as an SVG file."""
    text = io.StringIO()
    with style.look():
        made = figure(history, best=best, named=False)
        made.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def figure(
    history: Sequence[Epoch],
    *,
    best: int | None = None,
    named: bool = True,
    layers: Sequence[LayerSpec] = (),
) -> Figure:
    """Return the picture: six panels over the epochs, the best epoch marked in each.

    Args:
        history: one epoch or more.
        best: as `draw` takes it.
        named: whether the picture has its title.
        layers: as `draw` takes them.
    """
    mark = history[_best(history, best)].epoch
    with style.look():
        made = Figure(figsize=(13, 7.4))
        made.subplots_adjust(0.05, 0.07, 0.93, 0.86 if named else 0.95, wspace=0.45, hspace=0.28)
        if named:
            made.text(0.05, 0.945, title(history, best=best), size=14, weight="bold", color=INK)
        for panel, axes in zip(PANELS, made.subplots(2, 3, sharex=True).flat):
            _draw(axes, panel, history, delay_names(layers) if panel is DELAYS else ())
            axes.axvline(mark, color=SOFT, linewidth=0.8, dashes=(3, 3), zorder=0)
        for axes in made.axes[3:]:
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    return made


def _draw(axes: Axes, panel: Panel, history: Sequence[Epoch], names: Sequence[str] = ()) -> None:
    """Draw a line for each value of a panel and name it where it ends, as `names` has it if any."""
    epochs = [epoch.epoch for epoch in history]
    read = [panel.read(epoch) for epoch in history]
    lines = {name: [values[name] for values in read] for name in read[-1]}
    if names:
        lines = dict(zip(names, lines.values(), strict=True))
    axes.set_title(panel.title)
    axes.grid(visible=True, axis="y")
    for index, values in enumerate(lines.values()):
        colour = COLOURS[index % len(COLOURS)]
        axes.plot(epochs, values, "o-", ms=3, color=colour)
    every = [value for values in lines.values() for value in values]
    axes.set_ylim(*(accuracy_span(every) if panel is ACCURACY else _from_zero(every, panel.least)))
    _name(axes, {name: values[-1] for name, values in lines.items() if name})
    if not lines:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color=SOFT)


def _from_zero(values: Sequence[float], least: float) -> tuple[float, float]:
    return 0, max(least, 1.05 * max(values, default=0))


def accuracy_span(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis of accuracies: theirs, at least `LEAST_ACCURACY` points apart."""
    high = min(100.0, max(values) + 1)
    low = min(min(values) - 1, high - LEAST_ACCURACY)
    return max(0.0, low), max(high, LEAST_ACCURACY)


def _name(axes: Axes, ends: dict[str, float]) -> None:
    """Write the names of lines beside their ends, none over another."""
    low, high = axes.get_ylim()
    places = _apart([(value - low) / (high - low) for value in ends.values()])
    for index, (name, y) in enumerate(zip(ends, places)):
        how: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
        axes.scatter([1.03], [y], s=16, color=COLOURS[index % len(COLOURS)], **how)
        axes.text(1.05, y, name, va="center", size=9, color=INK, **how)


def _apart(heights: Sequence[float]) -> list[float]:
    """Return heights, 0 to 1, moved until they are `APART`: up, and down from the top again."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    found, free = list(heights), 0.0
    for index in order:
        found[index] = max(free, found[index])
        free = found[index] + APART
    free = 1.0
    for index in reversed(order):
        found[index] = min(free, found[index])
        free = found[index] - APART
    return found
