"""Norse's `LIF` neurons.

python -m benchmarks.peers.norse WORKLOAD.npz
"""

from __future__ import annotations

import norse.torch
import torch
from torch import Tensor

from benchmarks.peers import measuring
from benchmarks.peers.torch_layers import FLOATS, TorchStack, firing_voltage, kept, weight_of
from benchmarks.peers.workload_file import LayerArrays, Workload


class Neurons(torch.nn.Module):
    """A layer of `norse.torch.LIF`, whose voltage takes in its decay's share of the current."""

    def __init__(self, layer: LayerArrays) -> None:
        super().__init__()
        share = 1 - torch.as_tensor(kept(layer.voltage_decay))
        if not bool((share > 0).all()):
            raise SystemExit("Norse's neurons take in no current where the voltage does not decay")
        self.gain = 1 / share
        self.neuron = norse.torch.LIF(
            p=norse.torch.LIFParameters(
                tau_syn_inv=1 - torch.as_tensor(kept(layer.current_decay)),
                tau_mem_inv=share,
                v_th=torch.as_tensor(firing_voltage(layer)),
                method="heaviside",
            ),
            dt=1,
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return spikes of weighted input, both (time, samples, neurons), from cleared state."""
        zeros = torch.zeros_like(inputs[0])
        state = norse.torch.LIFFeedForwardState(v=zeros, i=zeros)
        return self.neuron(inputs, state)[0]


def measure(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure Norse."""

    measuring.refuse_delays(workload)

    def build() -> TorchStack:
        neurons = [Neurons(layer) for layer in workload.layers]
        weights = [
            weight_of(layer) * each.gain.reshape(-1, 1)
            for layer, each in zip(workload.layers, neurons)
        ]
        return TorchStack(weights, neurons, options.threads)

    return measuring.run_samples(build, workload, options, FLOATS)


if __name__ == "__main__":
    measuring.main(measure, ("norse", "torch"))
