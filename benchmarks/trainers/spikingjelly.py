"""Train with SpikingJelly's `CUBALIFNode` in its multi-step mode, on torch.

python -m benchmarks.trainers.spikingjelly WORKLOAD.npz

Its faster backends need a GPU. Surrogate: a rectangle; the reset takes no part in the gradient, as
its guide advises.
"""

from __future__ import annotations

import torch
from spikingjelly.activation_based import functional, neuron
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
        self.node = neuron.CUBALIFNode(CURRENT_KEPT, VOLTAGE_KEPT, THRESHOLD)
        self.node.detach_reset = True
        self.node.step_mode = "m"

    def forward(self, inputs: Tensor) -> Tensor:
        """Return spikes of weighted input, both (time, batch, neurons), from cleared state."""
        functional.reset_net(self.node)
        return self.node(inputs)


def make(workload: TrainingWorkload, variant: str) -> serving.NetworkTrainer:
    """Return the trainer; there is one variant."""
    return trainer_of(TorchNetwork(workload, Neurons), workload)


if __name__ == "__main__":
    serving.main(make, ("spikingjelly", "torch"))
