"""Compare a trained network with its integer twin, spike by spike.

The trained side runs lava-dl's own dynamics, not our compiled kernels, so that the two sides share
no code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hw_sim.backends import BACKENDS
from hw_sim.run_options import RunOptions
from models.network import QuantizedNetwork
from models.snn import layer_spikes

BATCH = 128


@dataclass(frozen=True)
class Divergence:
    """The first spike that differs: earliest layer, then sample, then time step, then neuron."""

    layer: int
    sample: int
    step: int
    neuron: int

    def __str__(self) -> str:
        return (
            f"layer {self.layer}, sample {self.sample}, time step {self.step}, neuron {self.neuron}"
        )


@dataclass(frozen=True)
class Proof:
    """What a comparison of two runs of one network found.

    Attributes:
        samples: how many were compared.
        spikes: how many spikes both sides emitted in all layers, where they agree.
        different: neuron steps that differ.
        first: the first of them, or None.
        wraps: how often u wrapped and v was clipped in the integer run.
    """

    samples: int
    spikes: int
    different: int
    first: Divergence | None
    wraps: int = 0

    @property
    def equal(self) -> bool:
        """Whether every spike is equal."""
        return self.different == 0

    def __add__(self, other: Proof) -> Proof:
        """Return both comparisons as one, the samples of `other` after these."""
        first = self.first
        if first is None and other.first is not None:
            moved = other.first
            first = Divergence(moved.layer, moved.sample + self.samples, moved.step, moved.neuron)
        return Proof(
            self.samples + other.samples,
            self.spikes + other.spikes,
            self.different + other.different,
            first,
            self.wraps + other.wraps,
        )


def prove(
    trained: torch.nn.Module,
    network: QuantizedNetwork,
    spikes: NDArray[np.uint8],
    *,
    advance: Callable[[int, int], None] | None = None,
) -> Proof:
    """Compare the spikes of every layer of a trained network and of its integer twin.

    Args:
        trained: torch module with a list `blocks` of lava-dl's blocks.
        network: what `models.quantize.quantize` made of it.
        spikes: input, uint8 (samples, channels, time), 0 or 1.
        advance: called with the samples done and the samples in all.
    """
    proof = Proof(0, 0, 0, None)
    trained.eval()
    for start in range(0, len(spikes), BATCH):
        chosen = spikes[start : start + BATCH]
        with torch.no_grad():
            expected = layer_spikes(trained, torch.from_numpy(chosen).float())
        activity = BACKENDS["fast"].run(network, chosen, RunOptions())
        compared = compare([layer.numpy() for layer in expected], activity.spikes)
        overflows = sum(int((o.wraps + o.clips).sum()) for o in activity.overflows)
        proof = proof + compared + Proof(0, 0, 0, None, overflows)
        if advance is not None:
            advance(proof.samples, len(spikes))
    return proof


def compare(expected: Any, given: Any) -> Proof:
    """Compare two runs, each a sequence of arrays (samples, neurons, time), one a layer."""
    spikes, different, first = 0, 0, None
    for index, (one, other) in enumerate(zip(expected, given, strict=True)):
        wrong = one != other
        count = int(wrong.sum())
        spikes += int(((one != 0) & ~wrong).sum())
        different += count
        if count and first is None:
            sample, step, neuron = np.argwhere(wrong.transpose(0, 2, 1))[0]
            first = Divergence(index, int(sample), int(step), int(neuron))
    return Proof(len(given[0]), spikes, different, first)
