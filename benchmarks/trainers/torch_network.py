"""What the libraries on torch share: a matrix product over all steps, then neurons over time.

That is faster in all of them than going through the layers at every step. Arrays are (time, batch,
neurons). Weights and states are floats in SLAYER's units: they are not rounded to 8 and 24 bits.
The step that a layer takes on Loihi is not there. Each library has the surrogate gradient of its
own defaults.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.trainers.serving import NetworkTrainer
from benchmarks.trainers.training_file import CURRENT_DECAY, VOLTAGE_DECAY, TrainingWorkload
from neurodeploy.models import loihi

CURRENT_KEPT = 1 - CURRENT_DECAY / loihi.DECAY_ONE
VOLTAGE_KEPT = 1 - VOLTAGE_DECAY / loihi.DECAY_ONE
ORDER = (2, 0, 1)
LEAVES_OUT = ("delays", "rounding of weights and states", "the step that a layer takes")


class TorchNetwork(torch.nn.Module):
    """Dense layers, each followed by a library's neurons."""

    def __init__(
        self, workload: TrainingWorkload, neurons: Callable[[], torch.nn.Module], gain: float = 1
    ) -> None:
        """Build it.

        Args:
            workload: has no delays.
            neurons: makes a layer's neurons, which take weighted input and return spikes.
            gain: times which the neurons need their input.
        """
        super().__init__()
        if workload.delays:
            raise SystemExit("it has no delays of single neurons that it could learn")
        self.layers = torch.nn.Sequential()
        for weight in workload.weights:
            dense = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
            dense.weight.data = torch.from_numpy(weight * gain)
            self.layers.extend([dense, neurons()])

    def forward(self, spikes: Tensor) -> Tensor:
        """Return output spikes without the steps that the layers take on Loihi."""
        return self.layers(spikes)


def trainer_of(network: TorchNetwork, workload: TrainingWorkload) -> NetworkTrainer:
    """Return what trains the network."""
    return NetworkTrainer(network, workload, ORDER, workload.in_floats, LEAVES_OUT)
