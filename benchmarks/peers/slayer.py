"""The forward pass of lava-dl's SLAYER, with its stock dynamics, on a CPU.

python -m benchmarks.peers.slayer WORKLOAD.npz
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.peers import measuring
from benchmarks.peers.workload_file import LayerArrays, Workload
from neurodeploy.models import loihi
from neurodeploy.models.blocks import slayer


def block(layer: LayerArrays, following: LayerArrays | None) -> Any:
    """Return a `slayer.block.cuba.Dense` that is the integer layer.

    SLAYER delays what a block sends: the delays of its own outputs and those with which the next
    layer receives them.
    """
    for decay in (layer.current_decay, layer.voltage_decay):
        if decay.size > 1:
            raise SystemExit("this program builds SLAYER blocks with one decay for all neurons")
    delay = delays(layer, following)
    made = slayer.block.cuba.Dense(
        {
            "threshold": layer.threshold / loihi.SLAYER_SCALE,
            "current_decay": float(layer.current_decay[0]) / loihi.DECAY_ONE,
            "voltage_decay": float(layer.voltage_decay[0]) / loihi.DECAY_ONE,
        },
        layer.weight.shape[1],
        layer.weight.shape[0],
        delay=bool(delay.any()),
    )
    with torch.no_grad():
        made(torch.zeros(1, layer.weight.shape[1], 1))  # lava-dl leaves its shapes open till then
    weight = torch.from_numpy(layer.weight.astype(np.float32) / loihi.SLAYER_SCALE)
    made.synapse.weight.data = weight.reshape(made.synapse.weight.shape)
    if delay.any():
        made.delay.delay.data = torch.from_numpy(delay.astype(np.float32))
        made.delay.max_delay = loihi.DELAY_MAX
    return made


def delays(layer: LayerArrays, following: LayerArrays | None) -> NDArray[np.int32]:
    """Return the delays of what the layer sends, (neurons,), in time steps."""
    sent = [layer.delay[:, 0]] if layer.delay.shape[1] == 1 else []
    if following is not None and following.delay.shape[0] == 1:
        sent.append(following.delay[0])
    if layer.delay.shape[1] > 1 and layer.delay.shape[0] > 1:
        raise SystemExit("SLAYER has no delays of single synapses")
    neurons = len(layer.weight)
    return sum((np.broadcast_to(each, (neurons,)) for each in sent), np.zeros(neurons, np.int32))


class Slayer:
    """SLAYER as a `measuring.SampleSimulator`."""

    def __init__(self, workload: Workload, threads: int) -> None:
        torch.set_num_threads(threads)
        layers = workload.layers
        self.network = torch.nn.Sequential(
            *(block(each, after) for each, after in zip_longest(layers, layers[1:]))
        )

    def prepare(self, spikes: NDArray[np.uint8]) -> Tensor:
        """Return spikes (samples, channels, time) as floats."""
        return torch.from_numpy(spikes).float()

    def run(self, prepared: Tensor) -> Tensor:
        """Return the last layer's spikes."""
        with torch.no_grad():
            spikes: Tensor = self.network(prepared)
            return spikes

    def outputs(self, result: Tensor) -> NDArray[Any]:
        """Return them as an array."""
        return result.numpy()


def measure(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure SLAYER."""
    if workload.layers[0].delay.shape[0] == 1 and workload.layers[0].delay.any():
        raise SystemExit("SLAYER has no block that could delay the input")
    return measuring.run_samples(lambda: Slayer(workload, options.threads), workload, options)


if __name__ == "__main__":
    measuring.main(measure, ("lava-dl", "torch"))
