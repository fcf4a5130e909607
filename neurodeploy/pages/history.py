"""The history of a training as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from neurodeploy.training import Epoch


def draw(history: Sequence[Epoch], path: Path) -> None:
    """Draw loss, accuracy, firing rates and delays over the epochs into a PNG file."""
    epochs = [epoch.epoch for epoch in history]
    figure = Figure(figsize=(10, 6), layout="constrained")
    loss, accuracy, rates, delays = figure.subplots(2, 2, sharex=True).flat
    loss.plot(epochs, [epoch.loss for epoch in history], "o-")
    loss.set_ylabel("training loss")
    accuracy.plot(epochs, [100 * e.train_accuracy for e in history], "o-", label="training")
    accuracy.plot(epochs, [100 * e.validation_accuracy for e in history], "o-", label="validation")
    accuracy.set_ylabel("accuracy (%)")
    accuracy.legend()
    for index in range(len(history[0].rates)):
        rates.plot(epochs, [100 * e.rates[index] for e in history], "o-", label=f"layer {index}")
    rates.set_ylabel("neurons firing in a step (%)")
    rates.set_ylim(bottom=0)
    rates.legend()
    for index in range(len(history[0].delays)):
        delays.plot(epochs, [e.delays[index] for e in history], "o-", label=f"layer {index}")
    delays.set_ylabel("mean axonal delay (time steps)")
    if history[0].delays:
        delays.legend()
    for axes in (rates, delays):
        axes.set_xlabel("epoch")
    figure.savefig(path, format="png", dpi=120)
