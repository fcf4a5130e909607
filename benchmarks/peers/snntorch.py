"""snnTorch's `Synaptic` neurons, reset to zero at once.

python -m benchmarks.peers.snntorch WORKLOAD.npz
"""

from __future__ import annotations

import snntorch
import torch
from torch import Tensor

from benchmarks.peers import measuring
from benchmarks.peers.torch_layers import FLOATS, TorchStack, firing_voltage, kept, weight_of
from benchmarks.peers.workload_file import LayerArrays, Workload


def neurons(layer: LayerArrays) -> torch.nn.Module:
    """Return a module that runs the layer's neurons over time."""
    return OverTime(
        snntorch.Synaptic(
            alpha=kept(layer.current_decay),
            beta=kept(layer.voltage_decay),
            threshold=firing_voltage(layer),
            reset_mechanism="zero",
            reset_delay=False,
            surrogate_disable=True,
        )
    )


class OverTime(torch.nn.Module):
    """The loop over time that snnTorch leaves to its users."""

    def __init__(self, neuron: snntorch.Synaptic) -> None:
        super().__init__()
        self.neuron = neuron

    def forward(self, inputs: Tensor) -> Tensor:
        """Return spikes of weighted input, both (time, samples, neurons), from cleared state."""
        current = voltage = torch.zeros_like(inputs[0])
        spikes = []
        for now in inputs:
            spike, current, voltage = self.neuron(now, current, voltage)
            spikes.append(spike)
        return torch.stack(spikes)


def measure(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure snnTorch."""

    measuring.refuse_delays(workload)

    def build() -> TorchStack:
        layers = workload.layers
        return TorchStack(
            [weight_of(each) for each in layers], [neurons(each) for each in layers],
            options.threads,
        )  # fmt: skip

    return measuring.run_samples(build, workload, options, FLOATS)


if __name__ == "__main__":
    measuring.main(measure, ("snntorch", "torch"))
