"""How to train a task's network well; the numbers are chosen on validation windows only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.architectures.layer_spec import Delays

Augment: TypeAlias = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]
"""Returns varied copies of signals (windows, channels, samples); the labels stay."""


@dataclass(frozen=True)
class Recipe:
    """The numbers of a training.

    Attributes:
        network: name of a preset; see `models.architectures.presets`.
        delays: that the network learns, or None for the preset's own.
        hidden: neurons of each hidden layer.
        threshold, current_decay, voltage_decay, tau_grad: see
            `models.architectures.layer_spec.LayerSpec`.
        dropout: the same, of every layer but the first.
        epochs: passes over the training windows.
        batch: windows a step of the optimizer.
        learning_rate: highest rate of the weights; it rises over the first fifth of the steps and
            falls along a cosine.
        delay_rate: the same for the delays, in time steps.
        decay_rate: the same for decays that are learned, in 1/4096.
        count_scale: the answer's logits are the output spike counts times this.
        gradient_limit: the norm to which a step's gradient is cut.
        augment: varies the training signals anew in every epoch, or None.
    """

    network: str = "dense"
    delays: Delays | None = None
    hidden: tuple[int, ...] = (128, 128)
    threshold: float = 1.25
    current_decay: float = 0.25
    voltage_decay: float = 0.05
    tau_grad: float = 0.02
    dropout: float = 0.0
    epochs: int = 12
    batch: int = 32
    learning_rate: float = 1e-3
    delay_rate: float = 0.1
    decay_rate: float = 4.0
    count_scale: float = 0.3
    gradient_limit: float = 1.0
    augment: Augment | None = None

    @property
    def rates(self) -> dict[str, float]:
        """The highest learning rates by what they are for, as a network groups its parameters."""
        return {
            "weights": self.learning_rate,
            "delays": self.delay_rate,
            "decays": self.decay_rate,
        }
