"""A network to train, its input and its labels as one npz file, which every program reads.

Needs numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 1.25
CURRENT_DECAY, VOLTAGE_DECAY = 1024, 205
"""In SLAYER's units, and in units of 1/4096: a quarter, and about 5%."""

LEARNING_RATE = 1e-3
RATE_SCALE = 20.0
"""The logits are the output rates times this."""

_OTHERS = ("spikes", "labels", "expected", "in_floats")


@dataclass(frozen=True)
class TrainingWorkload:
    """What all programs train.

    Attributes:
        weights: of each layer, float32 (neurons, senders), multiples of 1/32 as SLAYER has them.
        delays: of each hidden layer, float32 (neurons,) in time steps; none without delays.
        spikes: input, uint8 (batches, batch, channels, time).
        labels: int64 (batches, batch).
        expected: spikes of stock lava-dl's last layer on the first batch before training, uint8
            (batch, neurons, time).
        in_floats: the same of neurons whose states are floats, where a layer takes no step.
    """

    weights: tuple[NDArray[np.float32], ...]
    delays: tuple[NDArray[np.float32], ...]
    spikes: NDArray[np.uint8]
    labels: NDArray[np.int64]
    expected: NDArray[np.uint8]
    in_floats: NDArray[np.uint8]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Input channels, then neurons a layer."""
        return (self.weights[0].shape[1], *(len(weight) for weight in self.weights))


def write(workload: TrainingWorkload, path: Path) -> None:
    """Write the workload."""
    arrays: dict[str, Any] = {f"weight_{k}": each for k, each in enumerate(workload.weights)}
    arrays |= {f"delay_{k}": each for k, each in enumerate(workload.delays)}
    arrays |= {name: getattr(workload, name) for name in _OTHERS}
    np.savez_compressed(path, **arrays)


def read(path: Path) -> TrainingWorkload:
    """Read what `write` wrote."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    lists = {
        name: tuple(arrays[f"{name}_{k}"] for k in range(len(arrays)) if f"{name}_{k}" in arrays)
        for name in ("weight", "delay")
    }
    others = (arrays[name] for name in _OTHERS)
    return TrainingWorkload(lists["weight"], lists["delay"], *others)
