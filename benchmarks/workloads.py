"""Seeded networks and inputs to measure simulators on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hw_sim import fast
from models.loihi import THRESHOLD_MAX
from models.network import CubaLif, DenseLayer, QuantizedNetwork

SIZES = (12, 128, 128, 6)
STEPS = 128
SAMPLES = 256
INPUT_RATE = 0.08
TARGET_RATE = 0.05
LONGEST_DELAY = 30
CURRENT_DECAY, VOLTAGE_DECAY = 1024, 410


def w1(seed: int = 1) -> tuple[QuantizedNetwork, NDArray[np.uint8]]:
    """Return a 12-128-128-6 network with axonal delays, and input for it.

    Each layer's threshold is chosen so that 5% of its neurons fire in a step. Even weights over
    the whole range, delays uniform over 0..30 steps on what the hidden neurons send.

    Returns:
        The network, and spikes uint8 (256, 12, 128).
    """
    rng = np.random.default_rng(seed)
    spikes = (rng.random((SAMPLES, SIZES[0], STEPS)) < INPUT_RATE).astype(np.uint8)
    layers: list[DenseLayer] = []
    arriving = spikes[:64]
    for index, (senders, neurons) in enumerate(pairwise(SIZES)):
        weight = 2 * rng.integers(-128, 128, (neurons, senders))
        delay = rng.integers(0, LONGEST_DELAY + 1, (1, senders)) if index else np.zeros((1, 1))
        layer = _with_rate(weight, delay, arriving)
        layers.append(layer)
        arriving = fast.run(QuantizedNetwork((layer,)), arriving).spikes[0]
    return QuantizedNetwork(tuple(layers)), spikes


def _with_rate(
    weight: NDArray[np.int64], delay: NDArray[np.float64], arriving: NDArray[np.uint8]
) -> DenseLayer:
    """Return the layer with the lowest threshold at which no more than 5% fire in a step."""
    low, high = 1, THRESHOLD_MAX
    while high - low > 1:
        middle = (low + high) // 2
        layer = DenseLayer(weight, CubaLif(CURRENT_DECAY, VOLTAGE_DECAY, middle), delay)
        rate = fast.run(QuantizedNetwork((layer,)), arriving).spikes[0].mean()
        low, high = (middle, high) if rate > TARGET_RATE else (low, middle)
    return DenseLayer(weight, CubaLif(CURRENT_DECAY, VOLTAGE_DECAY, high), delay)
