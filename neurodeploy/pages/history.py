"""The history of a training as a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neurodeploy.learning.training import Epoch

PERCENT = 100

ABOVE: Final[dict[str, Any]] = {
    "loc": "lower left",
    "bbox_to_anchor": (0, 1),
    "ncols": 3,
    "columnspacing": 1,
    "handlelength": 1,
    "fontsize": "small",
    "frameon": False,
}
"""A legend above its axes: looking for the best place within them takes long with many lines."""


def draw(history: Sequence[Epoch], path: Path) -> None:
    """Draw what became of loss, accuracy and every layer over the epochs into a PNG file."""
    figure(history).savefig(path, format="png", dpi=120)


def figure(history: Sequence[Epoch]) -> Figure:
    """Return the curves of loss, accuracy and every layer over the epochs."""
    figure = Figure(figsize=(13, 7), layout="constrained")
    loss, accuracy, rates, synops, delays, decays = figure.subplots(2, 3, sharex=True).flat
    _lines(loss, history, lambda e: {"": e.loss})
    loss.set_ylabel("training loss")
    _lines(accuracy, history, _accuracies)
    accuracy.set_ylabel("accuracy (%)")
    _lines(rates, history, lambda e: _by_layer([PERCENT * rate for rate in e.rates]))
    rates.set_ylabel("neurons firing in a step (%)")
    _lines(synops, history, lambda e: _by_layer(e.synops))
    synops.set_ylabel("SynOps a sample, validation")
    _lines(delays, history, lambda e: _by_layer(e.delays, "delays"))
    delays.set_ylabel("mean delay (time steps)")
    _lines(decays, history, _decays)
    decays.set_ylabel("mean decay (fraction lost a step)")
    for axes in (rates, synops, decays):
        axes.set_ylim(bottom=0)
    for axes in (synops, delays, decays):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    return figure


def _lines(
    axes: Any, history: Sequence[Epoch], values: Callable[[Epoch], dict[str, float]]
) -> None:
    """Draw a line for each name that `values` has for an epoch; a single one has no legend."""
    epochs = [epoch.epoch for epoch in history]
    names = list(values(history[0]))
    for name in names:
        axes.plot(epochs, [values(epoch)[name] for epoch in history], "o-", ms=3, label=name)
    if len(names) > 1:
        axes.legend(**ABOVE)


def _accuracies(epoch: Epoch) -> dict[str, float]:
    return {
        "training": PERCENT * epoch.train_accuracy,
        "validation": PERCENT * epoch.validation_accuracy,
    }


def _decays(epoch: Epoch) -> dict[str, float]:
    return {
        **_by_layer(epoch.current_decays, "current, layer"),
        **_by_layer(epoch.voltage_decays, "voltage, layer"),
    }


def _by_layer(values: Sequence[float], name: str = "layer") -> dict[str, float]:
    return {f"{name} {index}": value for index, value in enumerate(values)}
