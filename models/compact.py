"""Leave out neurons that cannot matter: those that nothing reaches, or that reach nothing.

A neuron of a hidden dense or recurrent layer whose weights are all zero on one side, before
rounding, is not needed, and a network without it answers the same. Its weights would be stored and
added on a chip, zeros as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from neurodeploy.models.snn import SlayerNetwork


def removable_layers(network: SlayerNetwork) -> list[int]:
    """Return which layers may lose neurons: not the last, no images, and none before images."""
    kinds = [layer.kind for layer in network.architecture.layers]
    return [index for index, pair in enumerate(pairwise(kinds)) if "conv" not in pair]


def weights_into(block: Any) -> list[Tensor]:
    """Return the weights of what arrives at a block, and of its own spikes if it is recurrent."""
    if hasattr(block, "recurrent_synapse"):
        return [block.input_synapse.weight, block.recurrent_synapse.weight]
    return [block.synapse.weight]


def needed_neurons(network: SlayerNetwork) -> list[Tensor]:
    """Return for each layer which neurons are needed, bool (neurons,), one at the least."""
    removable = removable_layers(network)
    found = []
    for index, (block, shape) in enumerate(zip(network.layers, network.architecture.shapes[1:])):
        needed = torch.ones(math.prod(shape), dtype=torch.bool)
        if index in removable:
            arriving, leaving = weights_into(block)[0], weights_into(network.layers[index + 1])[0]
            reached = (arriving.detach().flatten(1) != 0).any(1)
            if block.neuron.norm is not None:
                reached |= block.neuron.norm.values.detach() != 0
            needed = (reached & (leaving.detach().flatten(1) != 0).any(0)).cpu()
            if not needed.any():
                needed[0] = True
        found.append(needed)
    return found


def compacted(network: SlayerNetwork) -> SlayerNetwork:
    """Return the network without the neurons that are not needed, in evaluation mode.

    It shares no weights with `network`, and gives the same answers.
    """
    needed = needed_neurons(network)
    removable = removable_layers(network)
    layers = tuple(
        replace(layer, neurons=int(kept.sum())) if index in removable else layer
        for index, (layer, kept) in enumerate(zip(network.architecture.layers, needed))
    )
    architecture = replace(network.architecture, layers=layers)
    with torch.random.fork_rng(devices=[]):
        smaller = SlayerNetwork(architecture, network.kernels)
    senders = torch.ones(network.architecture.sizes[0], dtype=torch.bool)
    with torch.no_grad():
        for old, new, kept in zip(network.layers, smaller.layers, needed):
            for to, values in _pairs(old, new, kept, senders):
                to.copy_(values)
            senders = kept
    return smaller.to(network.device).eval()


_OF_SENDERS = ("synapse.weight", "input_synapse.weight", "mask", "synaptic_delay")


def _pairs(old: Any, new: Any, kept: Tensor, senders: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each number of a new block and what is to be copied into it."""
    values, everything = old.state_dict(), bool(kept.all() and senders.all())
    for name, to in new.state_dict().items():
        value = values[name].cpu()
        if name == "spike_state":
            continue  # what a recurrent block sent last, which every run starts without
        if not everything and name in _OF_SENDERS:
            value = value[kept][:, senders]
        elif not everything and name == "recurrent_synapse.weight":
            value = value[kept][:, kept]
        elif not everything and len(value) == len(kept) > 1:
            value = value[kept]
        yield to, value
