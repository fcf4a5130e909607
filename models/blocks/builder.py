"""Build lava-dl's blocks, and ours, from the description of a network."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from neurodeploy.models.architectures.architecture import Architecture, Shape
from neurodeploy.models.architectures.layer_spec import LayerSpec
from neurodeploy.models.blocks.lava_dl import slayer
from neurodeploy.models.blocks.learned_bias import BiasedRecurrentNeuron, LearnedBias
from neurodeploy.models.blocks.synaptic_dense import SynapticDense
from neurodeploy.models.blocks.weight_steps import WeightSteps

_FULL_BITS = 8


def build_blocks(architecture: Architecture) -> list[Any]:
    """Return the blocks of a network in order, with `Flatten` between images and dense layers.

    Weights, masks and starting delays are drawn from torch's global generator.
    """
    blocks: list[Any] = []
    for layer, (before, after) in zip(architecture.layers, pairwise(architecture.shapes)):
        if layer.kind != "conv" and len(before) == 3:
            blocks.append(slayer.block.cuba.Flatten())
        blocks.append(_block(architecture, layer, before, after))
    return blocks


def _block(architecture: Architecture, layer: LayerSpec, before: Shape, after: Shape) -> Any:
    """Return a block that is complete: lava-dl leaves its shapes open until a first forward."""
    axonal = layer.delays == "axonal"
    block = _MAKERS[layer.kind](layer, before, after)
    if axonal:
        block.delay.max_delay = layer.longest_delay
    taken = before if layer.kind == "conv" else (math.prod(before),)
    with torch.no_grad():
        block(torch.zeros(1, *taken, 1))
    start = min(architecture.longest_start, layer.longest_delay)
    if axonal:
        block.delay.delay.data = start * torch.rand(after[0])
    if isinstance(block, SynapticDense):
        block.synaptic_delay.data = start * torch.rand(block.synaptic_delay.shape)
    _round_weights(block, layer)
    return block


def _neuron(layer: LayerSpec, channels: int) -> dict[str, Any]:
    """Return the parameters of a block's neurons, a dict of its own, since blocks change it."""
    neuron: dict[str, Any] = {
        "threshold": layer.threshold,
        "current_decay": layer.current_decay,
        "voltage_decay": layer.voltage_decay,
        "tau_grad": layer.tau_grad,
        "scale_grad": layer.scale_grad,
    }
    if layer.bias:
        neuron["norm"] = partial(LearnedBias, channels)
    if layer.learn_decays != "no":
        neuron["requires_grad"] = True
    if layer.learn_decays == "neuron":
        neuron["shared_param"] = False
        for name in ("current_decay", "voltage_decay"):
            neuron[name] = (neuron[name], neuron[name])  # lava-dl would spread a single one
    return neuron


def _dense(layer: LayerSpec, before: Shape, after: Shape) -> Any:
    senders, neurons = math.prod(before), after[0]
    parameters: dict[str, Any] = {"delay": layer.delays == "axonal"}
    if layer.connections < 1:
        parameters["mask"] = _mask(layer.connected(senders), senders, neurons)
    neuron = _neuron(layer, neurons)
    if layer.delays == "synaptic":
        block = SynapticDense(neuron, senders, neurons, longest=layer.longest_delay, **parameters)
    else:
        block = slayer.block.cuba.Dense(neuron, senders, neurons, **parameters)
    if block.mask is not None:
        weight, mask = block.synapse.weight, block.mask
        weight.data *= mask / math.sqrt(float(mask.mean()))  # the sums keep their size
        weight.register_hook(lambda grad: grad * block.mask)
    return block


def _mask(connected: int, senders: int, neurons: int) -> Tensor:
    """Return which synapses exist, float (neurons, senders), 0 or 1; as many for each neuron."""
    chosen = torch.rand(neurons, senders).argsort(1)[:, :connected]
    return torch.zeros(neurons, senders).scatter_(1, chosen, 1.0)


def _recurrent(layer: LayerSpec, before: Shape, after: Shape) -> Any:
    neuron = _neuron(layer, after[0])
    block = slayer.block.cuba.Recurrent(
        neuron, math.prod(before), after[0], delay=layer.delays == "axonal"
    )
    if layer.bias:
        block.neuron = BiasedRecurrentNeuron(**neuron)
        for synapse in (block.input_synapse, block.recurrent_synapse):
            synapse.pre_hook_fx = block.neuron.quantize_8bit
    return block


def _conv(layer: LayerSpec, before: Shape, after: Shape) -> Any:
    return slayer.block.cuba.Conv(
        _neuron(layer, after[0]),
        before[0],
        after[0],
        layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
        groups=layer.groups,
        delay=layer.delays == "axonal",
    )


_MAKERS = {"dense": _dense, "recurrent": _recurrent, "conv": _conv}


def _round_weights(block: Any, layer: LayerSpec) -> None:
    """Let the block's weights have as few bits as the layer says, instead of lava-dl's 8."""
    if layer.weight_bits == _FULL_BITS:
        return
    synapses = (
        (block.input_synapse, block.recurrent_synapse)
        if layer.kind == "recurrent"
        else (block.synapse,)
    )
    steps = WeightSteps(layer.weight_bits, [each.weight for each in synapses])
    for synapse in synapses:
        synapse.pre_hook_fx = steps
