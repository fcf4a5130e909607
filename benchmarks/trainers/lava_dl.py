"""Train lava-dl's blocks, with lava-dl's own dynamics or with our kernels.

python -m benchmarks.trainers.lava_dl WORKLOAD.npz --variant stock|compiled
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from benchmarks.trainers import serving
from benchmarks.trainers.training_file import (
    CURRENT_DECAY,
    THRESHOLD,
    VOLTAGE_DECAY,
    TrainingWorkload,
)
from neurodeploy.models import loihi
from neurodeploy.models.snn import Architecture, SlayerNetwork

ORDER = (0, 1, 2)


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


def architecture(sizes: tuple[int, ...], *, delays: bool) -> Architecture:
    """Return what all programs train, in the project's terms."""
    return Architecture.dense(
        sizes,
        threshold=THRESHOLD,
        current_decay=CURRENT_DECAY / loihi.DECAY_ONE,
        voltage_decay=VOLTAGE_DECAY / loihi.DECAY_ONE,
        delays="axonal" if delays else "none",
    )


def make(workload: TrainingWorkload, variant: str) -> serving.NetworkTrainer:
    """Return the trainer."""
    network = SlayerNetwork(
        architecture(workload.sizes, delays=bool(workload.delays)), variant or "compiled"
    )
    for block, weight in zip(network.blocks, workload.weights):
        block.synapse.weight.data = torch.tensor(weight).reshape(block.synapse.weight.shape)
    for parameter, delay in zip(network.delay_parameters(), workload.delays):
        parameter.data = torch.tensor(delay)
    return serving.NetworkTrainer(
        network, workload, ORDER, workload.expected, after=network.after_step
    )


def compare(workload: TrainingWorkload) -> Agreement:
    """Return how far our kernels agree with stock lava-dl, which runs on one thread."""
    one, other = (make(workload, variant) for variant in ("compiled", "stock"))
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


if __name__ == "__main__":
    serving.main(make, ("lava-dl", "torch"))
