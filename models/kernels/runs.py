"""Run the blocks of a network in compiled kernels on a CPU, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurodeploy.models import loihi
from neurodeploy.models.blocks.builder import drop_senders
from neurodeploy.models.blocks.lava_dl import CONV, RECURRENT, slayer
from neurodeploy.models.blocks.synaptic_dense import SynapticDense
from neurodeploy.models.kernels.cuba_block import AxonalShift, CubaBlock, Dynamics
from neurodeploy.models.kernels.learned_neurons import LearnedNeurons
from neurodeploy.models.kernels.sums import dense_sums, synaptic_sums


def run_compiled(network: Any, spikes: Tensor, delayed: bool) -> Iterator[Tensor]:
    """Yield the spikes of every layer, (batch, neurons, time); see `SlayerNetwork.layer_spikes`."""
    arriving = spikes.transpose(1, 2).contiguous()
    architecture = network.architecture
    for block, layer, shape in zip(network.layers, architecture.layers, architecture.shapes):
        if network.training and layer.dropout:
            arriving = drop_senders(arriving.transpose(1, 2), layer.dropout, network.part)
            arriving = arriving.transpose(1, 2)
        inputs = _weighted(block, arriving, shape)
        arriving, emitted = _fired(block, inputs, delayed)
        yield (arriving if delayed else emitted).transpose(1, 2)


def _weighted(block: Any, arriving: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the weighted sums of spikes (batch, time, senders) as (batch, time, neurons)."""
    if isinstance(block, SynapticDense):
        return synaptic_sums(block, arriving)
    if isinstance(block, CONV):
        return _convolved(block.synapse, arriving, shape)
    synapse = block.input_synapse if isinstance(block, RECURRENT) else block.synapse
    weight = synapse.pre_hook_fx(synapse.weight).flatten(1)
    return dense_sums(arriving, weight)


def _convolved(synapse: Any, arriving: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return sums over images, time steps taken for samples."""
    batch, steps, _ = arriving.shape
    sums = torch.nn.functional.conv2d(
        arriving.reshape(batch * steps, *shape),
        synapse.pre_hook_fx(synapse.weight).squeeze(-1),
        stride=synapse.stride[:2],
        padding=synapse.padding[:2],
        groups=synapse.groups,
    )
    return exact(sums).reshape(batch, steps, -1)


def exact(sums: Tensor) -> Tensor:
    """Return sums of multiples of 1/64 as such: a convolution may compute them another way."""
    whole: Tensor = slayer.utils.quantize(sums, step=1 / loihi.SLAYER_SCALE)
    return whole


def _fired(block: Any, inputs: Tensor, delayed: bool) -> tuple[Tensor, Tensor]:
    """Return the spikes (batch, time, neurons) after and before the axonal delays."""
    neurons = inputs.shape[2]
    dynamics = dynamics_of(block.neuron, neurons)
    delays = None
    if block.delay is not None:
        block.delay.clamp()
        delays = each_neuron(block.delay.delay, neurons)
    neuron = block.neuron
    plain = neuron.norm is None and not neuron.requires_grad and not isinstance(block, RECURRENT)
    if plain and (delayed or delays is None):
        spikes = CubaBlock.apply(inputs, delays, dynamics)
        return spikes, spikes
    if plain:
        emitted = CubaBlock.apply(inputs, None, dynamics)
    else:
        emitted = _learned(block, inputs, dynamics)
    return emitted if delays is None else AxonalShift.apply(emitted, delays), emitted


def _learned(block: Any, inputs: Tensor, dynamics: Dynamics) -> Tensor:
    """Run neurons with biases, learned decays or feedback."""
    neuron, neurons = block.neuron, inputs.shape[2]
    bias = None if neuron.norm is None else each_neuron(neuron.norm.rounded, neurons)
    feedback = None
    if isinstance(block, RECURRENT):
        own = block.recurrent_synapse
        feedback = own.pre_hook_fx(own.weight).flatten(1)
    decays = [each_neuron(d, neurons) for d in (neuron.current_decay, neuron.voltage_decay)]
    spikes: Tensor = LearnedNeurons.apply(inputs, feedback, bias, *decays, dynamics)
    return spikes


def each_neuron(values: Tensor, neurons: int) -> Tensor:
    """Return one value a neuron of one for all or one a channel."""
    return values if len(values) == neurons else values.repeat_interleave(neurons // len(values))


def dynamics_of(neuron: Any, neurons: int) -> Dynamics:
    """Return the constants of a `slayer.neuron.cuba.Neuron` as the kernels take them."""

    def kept(decays: Tensor) -> Any:
        whole = torch.round(decays.detach().clamp(0, loihi.DECAY_ONE)).numpy().astype(np.int32)
        return np.repeat(loihi.DECAY_ONE - whole, neurons // len(whole))

    return Dynamics(
        kept(neuron.current_decay),
        kept(neuron.voltage_decay),
        neuron.v_th_mant,
        centre=neuron.threshold + neuron.threshold_eps,
        slope=neuron.tau_rho * slayer.neuron.cuba.TAU_RHO_MULT,
        height=neuron.scale_rho * slayer.neuron.cuba.SCALE_RHO_MULT,
    )
