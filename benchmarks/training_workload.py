"""Seeded networks to train, with input and labels, and what stock lava-dl makes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.trainers import lava_dl
from benchmarks.trainers.training_file import (
    CURRENT_DECAY,
    THRESHOLD,
    VOLTAGE_DECAY,
    TrainingWorkload,
)
from neurodeploy.models import loihi

INPUT_RATE = 0.1
BATCHES = 8
LONGEST_DELAY = 30
WEIGHT_STEP = 2 / loihi.SLAYER_SCALE
"""SLAYER's weights are multiples of it, so that rounding them changes nothing."""

DRIVE = 0.55
"""Spread of the weights, times the root of the number of senders: some 5% fire in a step."""

GRADIENT_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Shape:
    """The size of a workload."""

    sizes: tuple[int, ...] = (12, 128, 128, 6)
    batch: int = 64
    steps: int = 128


def make(shape: Shape, *, delays: bool, seed: int = 1) -> TrainingWorkload:
    """Return a workload; weights, input and labels are the same with delays and without."""
    rng = np.random.default_rng(seed)
    spikes = rng.random((BATCHES, shape.batch, shape.sizes[0], shape.steps)) < INPUT_RATE
    labels = rng.integers(0, shape.sizes[-1], (BATCHES, shape.batch))
    weights = tuple(
        (np.rint(rng.normal(0, DRIVE / np.sqrt(n), (m, n)) / WEIGHT_STEP) * WEIGHT_STEP)
        .clip(-2, 2)
        .astype(np.float32)
        for n, m in pairwise(shape.sizes)
    )
    drawn = tuple(rng.uniform(0, LONGEST_DELAY, n).astype(np.float32) for n in shape.sizes[1:-1])
    unknown = np.zeros(0, np.uint8)
    workload = TrainingWorkload(
        weights, drawn if delays else (), spikes.astype(np.uint8), labels, unknown, unknown
    )
    return replace(
        workload,
        expected=lava_dl.make(workload, "stock").outputs(),
        in_floats=unknown if delays else run_in_floats(workload),
    )


def run_in_floats(workload: TrainingWorkload) -> NDArray[np.uint8]:
    """Return the last layer's spikes on the first batch, with states in double precision.

    u keeps its share and takes in the weighted input, v keeps its own and takes in u; where v
    exceeds the threshold the neuron fires and v is 0. A layer takes no step.
    """
    arriving = workload.spikes[0].astype(np.float64)
    for weight in workload.weights:
        inputs = np.einsum("nm,bmt->tbn", weight.astype(np.float64), arriving)
        current = voltage = np.zeros(inputs.shape[1:])
        fired = np.zeros(inputs.shape, np.bool_)
        for step, now in enumerate(inputs):
            current = current * (1 - CURRENT_DECAY / loihi.DECAY_ONE) + now
            voltage = voltage * (1 - VOLTAGE_DECAY / loihi.DECAY_ONE) + current
            fired[step] = voltage > THRESHOLD
            voltage = np.where(fired[step], 0, voltage)
        arriving = fired.transpose(1, 2, 0).astype(np.float64)
    return arriving.astype(np.uint8)


def check(workload: TrainingWorkload) -> lava_dl.Agreement:
    """Return how far ours and stock lava-dl agree before training.

    Raises:
        SystemExit: when a spike or a gradient differs, or nothing fires.
    """
    found = lava_dl.compare(workload)
    if found.different or not found.spikes:
        raise SystemExit(f"{found.different} of {found.spikes} spikes differ from stock lava-dl's")
    if not found.gradient <= GRADIENT_TOLERANCE:
        raise SystemExit(
            f"a gradient differs from stock lava-dl's by {found.gradient:.1e} of its largest value"
        )
    return found


def firing(workload: TrainingWorkload) -> list[float]:
    """Return the share of each layer's neurons that fires in a step before training."""
    trainer = lava_dl.make(workload, "compiled")
    with torch.no_grad():
        return [float(each.mean()) for each in trainer.network.layer_spikes(trainer.batches[0])]
