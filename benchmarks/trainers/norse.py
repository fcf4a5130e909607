"""Train with Norse's `LIF` neurons.

python -m benchmarks.trainers.norse WORKLOAD.npz

Their voltage takes in its decay's share of the current, so weights are that much larger. Surrogate:
SuperSpike's; the gradient goes through the reset as well.
"""

from __future__ import annotations

import norse.torch
import torch
from torch import Tensor

from benchmarks.trainers import serving
from benchmarks.trainers.torch_network import (
    CURRENT_KEPT,
    VOLTAGE_KEPT,
    TorchNetwork,
    trainer_of,
)
from benchmarks.trainers.training_file import THRESHOLD, TrainingWorkload

SHARE = 1 - VOLTAGE_KEPT


class Neurons(torch.nn.Module):
    """A layer's neurons over time."""

    def __init__(self) -> None:
        super().__init__()
        self.neuron = norse.torch.LIF(
            p=norse.torch.LIFParameters(
                tau_syn_inv=torch.as_tensor(1 - CURRENT_KEPT),
                tau_mem_inv=torch.as_tensor(SHARE),
                v_th=torch.as_tensor(THRESHOLD),
            ),
            dt=1,
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return spikes of weighted input, both (time, batch, neurons), from cleared state."""
        zeros = torch.zeros_like(inputs[0])
        state = norse.torch.LIFFeedForwardState(v=zeros, i=zeros)
        return self.neuron(inputs, state)[0]


def make(workload: TrainingWorkload, variant: str) -> serving.NetworkTrainer:
    """Return the trainer; there is one variant."""
    return trainer_of(TorchNetwork(workload, Neurons, 1 / SHARE), workload)


if __name__ == "__main__":
    serving.main(make, ("norse", "torch"))
