"""Train with snnTorch's `Synaptic` neurons, reset to zero at once.

python -m benchmarks.trainers.snntorch WORKLOAD.npz

The loop over time is its user's. Surrogate: arc tangent; the reset takes no part in the gradient.
"""

from __future__ import annotations

import snntorch
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


class Neurons(torch.nn.Module):
    """A layer's neurons over time."""

    def __init__(self) -> None:
        super().__init__()
        self.neuron = snntorch.Synaptic(
            alpha=CURRENT_KEPT,
            beta=VOLTAGE_KEPT,
            threshold=THRESHOLD,
            reset_mechanism="zero",
            reset_delay=False,
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return spikes of weighted input, both (time, batch, neurons), from cleared state."""
        current = voltage = torch.zeros_like(inputs[0])
        spikes = []
        for now in inputs.unbind():
            spike, current, voltage = self.neuron(now, current, voltage)
            spikes.append(spike)
        return torch.stack(spikes)


def make(workload: TrainingWorkload, variant: str) -> serving.NetworkTrainer:
    """Return the trainer; there is one variant."""
    return trainer_of(TorchNetwork(workload, Neurons), workload)


if __name__ == "__main__":
    serving.main(make, ("snntorch", "torch"))
