"""Compare a trained network with its integer twin, spike by spike.

The trained side runs lava-dl's own dynamics, not our compiled kernels, so that the two sides share
no code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hw_sim.backends import BACKENDS
from hw_sim.run_options import RunOptions
from models.network import QuantizedNetwork
from models.snn import layer_spikes

BATCH = 128


@dataclass(frozen=True, order=True)
class Divergence:
    """A spike that differs; the first is of the earliest layer, sample, time step, neuron."""

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
        found = [] if self.first is None else [self.first]
        if other.first is not None:
            found.append(replace(other.first, sample=other.first.sample + self.samples))
        return Proof(
            self.samples + other.samples,
            self.spikes + other.spikes,
            self.different + other.different,
            min(found, default=None),
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
        trained: torch module with a list `blocks` of `slayer.block.cuba.Dense`, through which its
            input passes in order; it is left in evaluation mode.
        network: what `models.quantize.quantize` made of it.
        spikes: input, uint8 (samples, channels, time), 0 or 1.
        advance: called with the samples done and the samples in all.

    Raises:
        InputError: when the spikes do not fit the network.
    """
    proof = Proof(0, 0, 0, None)
    trained.eval()
    device = next(trained.parameters()).device
    for start in range(0, len(spikes), BATCH):
        chosen = spikes[start : start + BATCH]
        activity = BACKENDS["fast"].run(network, chosen, RunOptions())
        with torch.no_grad():
            expected = layer_spikes(trained, torch.from_numpy(chosen).float().to(device))
        compared = compare([layer.cpu().numpy() for layer in expected], activity.spikes)
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
