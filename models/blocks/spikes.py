"""The spikes of lava-dl's blocks, by lava-dl's own dynamics, in the steps in which a chip has them.

A chip starts every sample from cleared state, and its biases act from the first step on, one step
before the first input has passed the first layer. SLAYER's layers start together with the input,
and its `Recurrent` block keeps the states of the batch before. So here the input gets one silent
step more, of whose outputs the first is left out, and states are cleared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from neurodeploy.models.blocks.lava_dl import FLATTEN, INPUT, RECURRENT, has_neurons, slayer
from neurodeploy.models.blocks.synaptic_dense import SynapticDense


def layer_spikes(network: Any, spikes: Tensor) -> list[Tensor]:
    """Return the spikes of every layer before its axonal delays, where Lava's `s_out` is.

    Args:
        network: any torch module with a list `blocks` that `models.quantize.quantize` takes; in
            evaluation mode, where it has biases.
        spikes: float input (batch, channels, time) or, for images, (batch, channels, height,
            width, time).

    Returns:
        float (batch, neurons, time) of every block with neurons.
    """
    first = network.blocks[0]
    takes_a_step = isinstance(first, INPUT) and first.neuron is not None
    # Input neurons take a step in SLAYER and none on a chip: that is the step for the others.
    arriving = torch.nn.functional.pad(spikes, (0, 1) if takes_a_step else (1, 0))
    return [emitted.flatten(1, -2)[..., 1:] for emitted in _run(network.blocks, arriving)]


def _run(blocks: Any, arriving: Tensor) -> Iterator[Tensor]:
    for block in blocks:
        if isinstance(block, FLATTEN):
            arriving = arriving.flatten(1, -2)
        elif has_neurons(block):
            emitted, arriving = emit(block, arriving)
            yield emitted


def emit(block: Any, arriving: Tensor) -> tuple[Tensor, Tensor]:
    """Return the spikes of one block with neurons before and after its axonal delays."""
    if isinstance(block, INPUT):
        fired = _driven(block, arriving)
    elif isinstance(block, RECURRENT):
        fired = _fed_back(block, arriving)
    elif isinstance(block, SynapticDense):
        fired = block.neuron(block.weighted(arriving))
    else:
        if getattr(block, "mask", None) is not None:
            block.synapse.weight.data *= block.mask  # as the block's own forward pass does
        fired = block.neuron(block.synapse(arriving))
    emitted = slayer.axon.delay(fired, 1)
    return emitted, emitted if block.delay is None else block.delay(emitted)


def _driven(block: Any, values: Tensor) -> Tensor:
    drive = block.pre_hook_fx(values)
    if block.weight is not None:
        drive = drive * block.pre_hook_fx(block.weight)
    if block.bias is not None:
        drive = drive + block.pre_hook_fx(block.bias)
    spikes: Tensor = block.neuron(drive)
    return spikes


def _fed_back(block: Any, arriving: Tensor) -> Tensor:
    """Run a recurrent block from cleared state, and leave its state as it was."""
    neuron = block.neuron
    kept = neuron.current_state, neuron.voltage_state
    neuron.current_state, neuron.voltage_state = (torch.zeros_like(each) for each in kept)
    try:
        spikes: Tensor = slayer.utils.recurrent.custom_recurrent(
            block.input_synapse(arriving), neuron, block.recurrent_synapse
        )
    finally:
        neuron.current_state, neuron.voltage_state = kept
    return spikes
