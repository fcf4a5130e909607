"""Weighted sums of spikes with a delay a synapse."""

from __future__ import annotations

from torch import Tensor

from models.synaptic_dense import SynapticDense


def synaptic_sums(block: SynapticDense, arriving: Tensor) -> Tensor:
    """Return the sums (batch, time, neurons) of spikes (batch, time, senders)."""
    return block.weighted(arriving.transpose(1, 2)).transpose(1, 2)
