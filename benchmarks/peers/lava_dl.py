"""lava-dl's SLAYER on a CPU: its forward pass, and training with its dynamics or our kernels.

python -m benchmarks.peers.lava_dl WORKLOAD.npz [--train --variant stock|compiled]
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.peers import measuring, training
from benchmarks.peers.workload import (
    CURRENT_DECAY,
    PADDING,
    STRIDE,
    THRESHOLD,
    VOLTAGE_DECAY,
    LayerArrays,
    TrainingWorkload,
    Workload,
)
from neurodeploy.models import loihi
from neurodeploy.models.architecture import Architecture, LayerSpec
from neurodeploy.models.blocks import slayer
from neurodeploy.models.snn import SlayerNetwork


def block(layer: LayerArrays, following: LayerArrays | None) -> Any:
    """Return a `slayer.block.cuba.Dense` that is the integer layer.

    SLAYER delays what a block sends: the delays of its own outputs and those with which the next
    layer receives them.
    """
    for decay in (layer.current_decay, layer.voltage_decay):
        if decay.size > 1:
            raise SystemExit("this program builds SLAYER blocks with one decay for all neurons")
    delay = delays(layer, following)
    neurons, senders = layer.weight.shape
    parameters = {
        "threshold": layer.threshold / loihi.SLAYER_SCALE,
        "current_decay": float(layer.current_decay[0]) / loihi.DECAY_ONE,
        "voltage_decay": float(layer.voltage_decay[0]) / loihi.DECAY_ONE,
    }
    made = slayer.block.cuba.Dense(parameters, senders, neurons, delay=bool(delay.any()))
    with torch.no_grad():
        made(torch.zeros(1, senders, 1))  # lava-dl leaves its shapes open till then
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


def simulate(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure SLAYER's forward pass."""
    if workload.layers[0].delay.shape[0] == 1 and workload.layers[0].delay.any():
        raise SystemExit("SLAYER has no block that could delay the input")
    return measuring.run_samples(lambda: Slayer(workload, options.threads), workload, options)


@dataclass(frozen=True)
class Agreement:
    """How far two trainers agree before training.

    Attributes:
        spikes: of all layers, on the first batch.
        different: neuron steps that differ.
        gradient: largest difference of a gradient, as a share of the largest of that parameter.
    """

    spikes: int
    different: int
    gradient: float


def trainer_of(workload: TrainingWorkload, variant: str) -> training.NetworkTrainer:
    """Return the trainer with stock dynamics or with our kernels."""
    values = {
        "threshold": THRESHOLD,
        "current_decay": CURRENT_DECAY / loihi.DECAY_ONE,
        "voltage_decay": VOLTAGE_DECAY / loihi.DECAY_ONE,
    }
    conv = {"kernel_size": 3, "stride": STRIDE, "padding": PADDING}
    layers = (
        LayerSpec("conv", channels=shape[0], **conv, **values)
        if len(shape) == 3
        else LayerSpec("dense", shape[0], **values)
        for shape in workload.shapes[1:]
    )
    architecture = Architecture(workload.shapes[0], tuple(layers))
    architecture = architecture.with_delays("axonal" if workload.delays else "none")
    network = SlayerNetwork(architecture, variant)
    for each, weight in zip(network.layers, workload.weights):
        each.synapse.weight.data = torch.tensor(weight).reshape(each.synapse.weight.shape)
    for parameter, delay in zip(network.delay_parameters(), workload.delays):
        parameter.data = torch.tensor(delay)
    return training.NetworkTrainer(
        network, workload, (0, 1, 2), workload.expected, network.after_step
    )


def compare(workload: TrainingWorkload) -> Agreement:
    """Return how far our kernels agree with stock lava-dl, which runs on one thread."""
    one, other = (trainer_of(workload, variant) for variant in ("compiled", "stock"))
    with torch.no_grad():
        pairs = list(zip(*(each.network.layer_spikes(each.batches[0]) for each in (one, other))))
    for each in (one, other):
        each.loss(0).backward()
    names = dict(other.network.named_parameters())
    errors = [
        float((p.grad - names[name].grad).abs().max() / names[name].grad.abs().max())
        for name, p in one.network.named_parameters()
        if p.grad is not None
    ]
    return Agreement(
        int(sum(stock.sum() for _, stock in pairs)),
        int(sum((ours != stock).sum() for ours, stock in pairs)),
        max(errors),
    )


def train(workload: TrainingWorkload, options: measuring.Options) -> measuring.Findings:
    """Measure training."""
    return training.measure(lambda: trainer_of(workload, options.variant), options)


if __name__ == "__main__":
    measuring.main(("lava-dl", "torch"), simulate, train)
