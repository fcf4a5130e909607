"""Convert a trained SLAYER network into an integer network without loss.

SLAYER computes with quantized weights and decays; here they become integers, and a value without an
integer counterpart is refused. An axonal delay moves to the receiving layer, as a column of its
delay, so that a layer's spikes are what its neurons emit. Synaptic delays are rounded, as they are
outside training, and added.
"""
# ruff: noqa: E402

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurodeploy.models.errors import require

require("quantizing a SLAYER network", "torch", "lava.lib.dl.slayer")  # before they are imported

import torch

from neurodeploy.models import blocks as slayer_blocks
from neurodeploy.models.block_rules import check_blocks
from neurodeploy.models.blocks import SynapticDense
from neurodeploy.models.errors import DesignRuleError, InputError
from neurodeploy.models.layers import (
    ConvLayer,
    DenseLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    Shape,
)
from neurodeploy.models.network import CubaLif, QuantizedNetwork, TaskDescription
from neurodeploy.models.snn import SlayerNetwork


def quantize(
    network: torch.nn.Module,
    *,
    task: TaskDescription | None = None,
    provenance: Mapping[str, Any] | None = None,
    input_shape: Shape = (),
) -> QuantizedNetwork:
    """Return the integer network with the same spikes as a trained one.

    Args:
        network: a torch module with a list `blocks` of `slayer.block.cuba.Input`, `Dense`, `Conv`,
            `Recurrent`, `Flatten` and `Average`, or our `SynapticDense`, each fed by the one
            before. It is not changed (lava-dl's own export removes its weight norm).
        task: what the network was trained for; known for a `SlayerNetwork` that was trained here.
        provenance: how it was made, as JSON values; known in the same case.
        input_shape: (channels, height, width) of the input, required where the first block is a
            convolution, unless the network is a `SlayerNetwork`.

    Raises:
        DesignRuleError: when blocks hold what integers, Lava or netx cannot; names all of them.
        InputError: when the module has no blocks, or the input shape of a convolution is unknown.

    Examples:
        >>> network = neurodeploy.quantize(run.model)
        >>> [layer.shape for layer in network.layers], network.layers[0].weight.dtype
        ([(16,), (10,)], dtype('int16'))
    """
    if isinstance(network, SlayerNetwork):
        task = network.task if task is None else task
        provenance = network.provenance if provenance is None else provenance
    blocks = list(getattr(network, "blocks", ()))
    if not blocks:
        raise InputError(
            f"{type(network).__name__} has no blocks; give a torch module whose attribute 'blocks' "
            "lists lava-dl blocks"
        )
    if problems := check_blocks(blocks):
        raise DesignRuleError("the trained network", problems)
    if isinstance(blocks[0], slayer_blocks.INPUT):
        input_shape = tuple(blocks[0].input_shape)
    if not input_shape and isinstance(network, SlayerNetwork):
        input_shape = network.architecture.input_shape
    layers = _layers(blocks, tuple(input_shape))
    if not layers:
        raise InputError(f"{type(network).__name__} has no block with neurons")
    last = blocks[-1]
    average = (
        layers[-1].neurons // last.num_outputs if isinstance(last, slayer_blocks.AVERAGE) else 1
    )
    return QuantizedNetwork(
        layers,
        task or TaskDescription(),
        provenance or {},
        input_shape,
        neurons_per_output=average,
    )


def _layers(blocks: Sequence[Any], input_shape: Shape) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    shape, delay = input_shape, _no_delay()
    for block in blocks:
        if isinstance(block, slayer_blocks.FLATTEN):
            shape = (math.prod(shape),) if shape else ()
        elif slayer_blocks.has_neurons(block):
            layers.append(_layer(block, shape, delay))
            shape = layers[-1].shape
            delay = _axonal_delay(block, layers[-1])
    return tuple(layers)


def _layer(block: Any, before: Shape, delay: Any) -> Layer:
    """Return the layer of a block; its input has shape `before` and arrives with `delay`."""
    neuron = _neuron(block)
    if isinstance(block, slayer_blocks.INPUT):
        scale, offset = slayer_blocks.input_transform(block)
        return InputLayer(neuron, before, int(scale), int(offset))
    weight, *recurrent = slayer_blocks.integer_weights(block)
    if isinstance(block, slayer_blocks.RECURRENT):
        return RecurrentLayer(weight, recurrent[0], neuron, delay)
    if isinstance(block, SynapticDense):
        return DenseLayer(weight, neuron, delay + block.whole_delays())
    if not isinstance(block, slayer_blocks.CONV):
        return DenseLayer(weight, neuron, delay)
    if len(before) != 3:
        raise InputError(
            "the input shape of a convolution is unknown; give input_shape=(channels, height, "
            "width)"
        )
    kernel = block.synapse
    return ConvLayer(
        weight, before, neuron, kernel.stride[:2], kernel.padding[:2], kernel.dilation[:2],
        kernel.groups,
    )  # fmt: skip


def _neuron(block: Any) -> CubaLif:
    bias = slayer_blocks.scaled_bias(block).astype(np.int32)
    return CubaLif(*slayer_blocks.decays(block), block.neuron.v_th_mant, bias)


def _axonal_delay(block: Any, layer: Layer) -> Any:
    """Return the axonal delays of a layer's neurons, int64 (1, neurons), or (1, 1) without any."""
    delays = slayer_blocks.axonal_delays(block)
    if delays is None:
        return _no_delay()
    return np.repeat(delays, layer.neurons // len(delays))[None, :]


def _no_delay() -> Any:
    return np.zeros((1, 1), np.int8)
