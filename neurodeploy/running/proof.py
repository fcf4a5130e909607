"""Compare a trained network with its integer twin, spike by spike.

The trained side runs lava-dl's own dynamics, not our compiled kernels, so that the two sides share
no code.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from neurodeploy.hw_sim.backends import BACKENDS, RunOptions
from neurodeploy.models.blocks.spikes import layer_spikes
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.running.comparison import Divergence, Proof, compare

__all__ = ["Divergence", "Proof", "compare", "prove"]

BATCH = 128


def prove(
    trained: torch.nn.Module,
    network: QuantizedNetwork,
    spikes: NDArray[np.uint8],
    *,
    advance: Callable[[int, int], None] | None = None,
) -> Proof:
    """Compare the spikes of every layer of a trained network and of its integer twin.

    Args:
        trained: torch module with a list `blocks` that `models.quantize.quantize` takes, through
            which its input passes in order; it is left in evaluation mode.
        network: what `models.quantize.quantize` made of it.
        spikes: input, uint8 (samples, channels, time), 0 or 1, or the integers that drive input
            neurons.
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
            values = chosen.reshape(len(chosen), *network.input_shape, chosen.shape[2])
            expected = layer_spikes(trained, torch.from_numpy(values).float().to(device))
        compared = compare([layer.cpu().numpy() for layer in expected], activity.spikes)
        overflows = sum(int((o.wraps + o.clips).sum()) for o in activity.overflows)
        proof = proof + compared + Proof(0, 0, 0, None, overflows)
        if advance is not None:
            advance(proof.samples, len(spikes))
    return proof
