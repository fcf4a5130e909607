"""Plot the history of a training run, in a file or a notebook.

Axes other than accuracy start at 0. All have a minimum range, so that noise does not look like a
trend.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neurodeploy import style
from neurodeploy.models.display import number_of
from neurodeploy.style import INK, SOFT

if TYPE_CHECKING:
    from neurodeploy.models.architecture import LayerSpec
    from neurodeploy.train.training import Epoch

PERCENT: Final = 100
LEAST_ACCURACY: Final = 20.0
"""Minimum range of the accuracy axis, in percentage points."""
COLOURS: Final = (
    "#2e7fc4", "#c4661a", "#3a9150", "#b0549c", "#8a7a2c", "#5a6fd0", "#c24a4a", "#2f9190",
)  # fmt: skip
"""Line colours, distinct on light and dark backgrounds."""
DPI: Final = 120


@dataclass(frozen=True)
class Panel:
    """One panel of the figure.

    Attributes:
        title: quantity and unit.
        read: function that returns the values of an epoch, by line name.
        least: minimum upper end of the axis, which starts at 0.
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


def delay_names(layers: Sequence[LayerSpec]) -> tuple[str, ...]:
    """Return a name for the learned delays of each layer that has any.

    As in a report, the name is that of the layer that receives the delayed spikes.
    """
    receiver = {"axonal": 1, "synaptic": 0}  # axonal delays belong to the sender
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
    """Return a title with the number of epochs and the best epoch."""
    shown = history[_best(history, best)]
    epochs = number_of(len(history), "epoch")
    accuracy = f"{PERCENT * shown.validation_accuracy:.1f}% validation accuracy"
    return f"Training of {epochs}; best epoch {shown.epoch}: {accuracy}"


def _best(history: Sequence[Epoch], best: int | None) -> int:
    """Return the index of the best epoch in the history."""
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
    """Plot loss, accuracy and the values of every layer over the epochs to a PNG file.

    Args:
        history: one or more epochs.
        path: path of the PNG file.
        best: number of the best epoch, from 1; by default the one with the highest validation
            accuracy.
        layers: layers of the network, which name the delays; without them, delays are numbered.
    """
    with style.look():
        figure(history, best=best, layers=layers).savefig(path, format="png", dpi=DPI)


def svg(history: Sequence[Epoch], *, best: int | None = None) -> str:
    """Return the figure of `draw` as the text of an SVG file, without its title."""
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
    """Return the figure: six panels over the epochs, with the best epoch marked.

    Args:
        history: one or more epochs.
        best: see `draw`.
        named: whether to add the title.
        layers: see `draw`.
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
    """Draw the lines of a panel; `names`, if any, replace the names in the legend."""
    epochs = [epoch.epoch for epoch in history]
    read = [panel.read(epoch) for epoch in history]
    lines = {name: [values[name] for values in read] for name in read[-1]}
    if names:
        lines = dict(zip(names, lines.values(), strict=True))
    axes.set_title(panel.title)
    axes.grid(visible=True, axis="y")
    for values, colour in zip(lines.values(), cycle(COLOURS)):
        axes.plot(epochs, values, "o-", ms=3, color=colour)
    every = [value for values in lines.values() for value in values]
    axes.set_ylim(*(accuracy_span(every) if panel is ACCURACY else _from_zero(every, panel.least)))
    if any(lines):
        axes.legend(
            lines, loc="upper left", bbox_to_anchor=(1.01, 1.02), frameon=False, fontsize=9,
            labelcolor=INK, handlelength=0.8, borderaxespad=0,
        )  # fmt: skip
    if not lines:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color=SOFT)


def _from_zero(values: Sequence[float], least: float) -> tuple[float, float]:
    return 0, max(least, 1.05 * max(values, default=0))


def accuracy_span(values: Sequence[float]) -> tuple[float, float]:
    """Return the limits of the accuracy axis, at least `LEAST_ACCURACY` points apart."""
    high = min(100.0, max(values) + 1)
    low = min(min(values) - 1, high - LEAST_ACCURACY)
    return max(0.0, low), max(high, LEAST_ACCURACY)
