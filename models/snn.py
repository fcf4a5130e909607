"""Trainable spiking networks of lava-dl's CUBA LIF blocks.

The blocks and their parameters are lava-dl's; on a CPU they run in compiled kernels, which compute
the same spikes. `models.blocks` adds synaptic delays, learned biases and weights of fewer bits.
`compacted` removes neurons that have no effect.
"""
# ruff: noqa: E402

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from neurodeploy.models.errors import require

require("a SLAYER network", "torch", "lava.lib.dl.slayer")  # before they are imported

import torch
from torch import Tensor

from neurodeploy.models import loihi
from neurodeploy.models.architecture import Architecture, LayerSpec, Shape
from neurodeploy.models.blocks import (
    CONV,
    FLATTEN,
    RECURRENT,
    Part,
    SynapticDense,
    build_blocks,
    decays,
    drop_senders,
    emit,
    integer_weights,
    slayer,
    synapse_weights,
    synapses,
)
from neurodeploy.models.errors import InputError
from neurodeploy.models.kernels.neurons import AxonalShift, CubaNeurons, Dynamics
from neurodeploy.models.kernels.sums import dense_sums, synaptic_sums
from neurodeploy.models.layers import ConvLayer
from neurodeploy.models.network import TaskDescription
from neurodeploy.models.neurons import CubaLif
from neurodeploy.models.synapses import stored_fan_out

__all__ = ["KERNELS", "Architecture", "SlayerNetwork"]

KERNELS = ("compiled", "stock")
"""Implementations of the dynamics: our kernels (CPU only), or lava-dl's (always used on a GPU)."""

WIDEST, NARROWEST = 5.0, 0.3
"""Widths of the Gaussians of synaptic delays in time steps, when training starts and just before
delays are rounded."""

ROUNDED_FROM = 0.75
"""From this fraction of the training on, synaptic delays are rounded and no longer change."""


class SlayerNetwork(torch.nn.Module):
    """A feed-forward stack of blocks with rounded weights in the loop.

    In evaluation mode its spikes equal those of its quantized network. In training mode, dropout
    removes inputs and synaptic delays are spread over time. A network with biases runs one silent
    step before the input and removes it from the output; see `models.blocks.layer_spikes`.

    Attributes:
        blocks: in order, with lava-dl's `Flatten` between images and dense layers.
        part: the part of the batch that this process has in distributed training, where dropout
            must equal that of a single process; None otherwise.
        task: what the network was trained for; `quantize` copies it.
        provenance: how it was trained, as JSON values; `quantize` copies it.
        spreads_delays: whether training spreads spikes over time to learn synaptic delays; else
            they stay as they are.
    """

    def __init__(self, architecture: Architecture, kernels: str = "compiled") -> None:
        super().__init__()
        if kernels not in KERNELS:
            raise InputError(f"kernels is {kernels!r}; choose {' or '.join(KERNELS)}")
        self.architecture = architecture
        self.kernels = kernels
        self.part: Part | None = None
        self.task = TaskDescription()
        self.provenance: Mapping[str, Any] = {}
        self.spreads_delays = True
        self.blocks = torch.nn.ModuleList(build_blocks(architecture))
        for decay in self.parameter_groups().get("decays", ()):
            decay.register_hook(self._corrected_gradient)  # type: ignore[no-untyped-call]
        self.set_progress(0.0)

    @property
    def layers(self) -> list[Any]:
        """The blocks with neurons, one per layer of the architecture."""
        return [block for block in self.blocks if not isinstance(block, FLATTEN)]

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return next(self.parameters()).device

    @property
    def runs_compiled(self) -> bool:
        """Whether the network runs in our kernels, not in lava-dl's."""
        return self.kernels == "compiled" and self.device.type == "cpu"

    def forward(self, spikes: Tensor) -> Tensor:
        """Return output spikes, float (batch, outputs, time), of input (batch, inputs, time)."""
        return self.layer_spikes(spikes, delayed=True)[-1]

    def layer_spikes(self, spikes: Tensor, *, delayed: bool = False) -> list[Tensor]:
        """Return the spikes of every layer, each (batch, neurons, time).

        Args:
            spikes: float (batch, inputs, time), 0 or 1.
            delayed: return the spikes after the axonal delays, not before them (Lava's `s_out`).
        """
        first = int(self.architecture.has_biases)
        arriving = torch.nn.functional.pad(spikes, (first, 0)) if first else spikes
        run = self._run_compiled if self.runs_compiled else self._run_stock
        return [layer[..., first:] for layer in run(arriving, delayed)]

    def _run_stock(self, arriving: Tensor, delayed: bool) -> Iterator[Tensor]:
        for block, layer, shape in self._layers():
            if self.training and layer.dropout:
                arriving = drop_senders(arriving, layer.dropout, self.part)
            if layer.kind == "conv":
                arriving = arriving.reshape(len(arriving), *shape, -1)
            emitted, arriving = emit(block, arriving)
            emitted, arriving = emitted.flatten(1, -2), arriving.flatten(1, -2)
            yield arriving if delayed else emitted

    def _run_compiled(self, spikes: Tensor, delayed: bool) -> Iterator[Tensor]:
        arriving = spikes.transpose(1, 2).contiguous()  # the kernels take (batch, time, neurons)
        for block, layer, shape in self._layers():
            if self.training and layer.dropout:
                arriving = drop_senders(arriving.transpose(1, 2), layer.dropout, self.part)
                arriving = arriving.transpose(1, 2)
            arriving, emitted = _fired(block, _weighted(block, arriving, shape), delayed)
            yield (arriving if delayed else emitted).transpose(1, 2)

    def _layers(self) -> Iterator[tuple[Any, LayerSpec, Shape]]:
        """Yield each block with neurons, its description and the shape of its input."""
        return zip(self.layers, self.architecture.layers, self.architecture.shapes)

    def layer_synops(self, spikes: Tensor, layers: Sequence[Tensor]) -> Tensor:
        """Return the SynOps per layer and sample, differentiable; counted as in a report.

        Args:
            spikes: the input, (batch, inputs, time).
            layers: the spikes that `layer_spikes` returned for it, before axonal delays.

        Returns:
            float (layers, batch).
        """
        counts = []
        for arrived, emitted, (synops, own) in zip((spikes, *layers), layers, fan_outs(self)):
            weights = torch.from_numpy(synops).to(spikes)
            counts.append(arrived.sum(2) @ weights + own * emitted.sum((1, 2)))
        return torch.stack(counts)

    def parameter_groups(self) -> dict[str, list[torch.nn.Parameter]]:
        """Return the trainable parameters by learning rate, without empty groups.

        The groups are "weights" (with biases), "delays" in time steps and "decays" in 1/4096.
        """
        delays = self.delay_parameters()
        learned_decays = [
            decay
            for block in self.layers
            for decay in (block.neuron.current_decay, block.neuron.voltage_decay)
            if decay.requires_grad
        ]
        others = {id(each) for each in (*delays, *learned_decays)}
        weights = [p for p in self.parameters() if p.requires_grad and id(p) not in others]
        groups = {"weights": weights, "delays": delays, "decays": learned_decays}
        return {name: each for name, each in groups.items() if each}

    def delay_parameters(self) -> list[torch.nn.Parameter]:
        """Return the learned delays in time steps: axonal (neurons,), synaptic (neurons,
        senders)."""
        return [delays for delays, _ in self._delays()]

    def _delays(self) -> Iterator[tuple[Any, int]]:
        """Yield learned delays with their upper limit."""
        for block, layer in zip(self.layers, self.architecture.layers):
            if block.delay is not None:
                yield block.delay.delay, layer.max_delay
            if isinstance(block, SynapticDense):
                yield block.synaptic_delay, layer.max_delay

    def after_step(self) -> None:
        """Clamp delays, decays and unsigned weights to their ranges after an optimizer step."""
        for delays, longest in self._delays():
            delays.data.clamp_(0, longest)
        for block, layer in zip(self.layers, self.architecture.layers):
            if block.neuron.requires_grad:
                block.neuron.clamp()
            if layer.weight_format == "unsigned":  # below 0 they would get no gradient
                for weight in synapse_weights(block):
                    weight.data.clamp_(min=0)

    def set_progress(self, position: float) -> None:
        """Set the completed fraction of the training, 0..1, to narrow the Gaussians of delays."""
        fraction = position / ROUNDED_FROM
        spread = fraction < 1 and self.spreads_delays
        width = WIDEST * (NARROWEST / WIDEST) ** fraction if spread else 0.0
        for block in self.layers:
            if isinstance(block, SynapticDense):
                block.width = width

    def _corrected_gradient(self, grad: Tensor) -> Tensor:
        """Correct the sign and the unit (1/4096) of lava-dl's gradient of decays."""
        return grad if self.runs_compiled else grad / -loihi.DECAY_ONE


def _weighted(block: Any, arriving: Tensor, shape: Shape) -> Tensor:
    """Return the weighted sums of spikes (batch, time, senders) as (batch, time, neurons)."""
    if isinstance(block, SynapticDense):
        return synaptic_sums(block, arriving)
    synapse = next(iter(synapses(block).values()))
    weight = synapse.pre_hook_fx(synapse.weight)
    if not isinstance(block, CONV):
        return dense_sums(arriving, weight.flatten(1))
    batch, steps, _ = arriving.shape
    sums = torch.nn.functional.conv2d(
        arriving.reshape(batch * steps, *shape),  # time steps as samples of one batch
        weight.squeeze(-1),
        stride=synapse.stride[:2],
        padding=synapse.padding[:2],
        dilation=synapse.dilation[:2],
        groups=synapse.groups,
    )
    # The sums are multiples of 1/64; round away the inexactness of some convolution algorithms.
    exact: Tensor = slayer.utils.quantize(sums, step=1 / loihi.SLAYER_SCALE)
    return exact.reshape(batch, steps, -1)


def _fired(block: Any, inputs: Tensor, delayed: bool) -> tuple[Tensor, Tensor]:
    """Return the spikes (batch, time, neurons), after and before the axonal delays."""
    neuron, neurons = block.neuron, inputs.shape[2]
    delays = feedback = None
    if block.delay is not None:
        block.delay.clamp()
        delays = _per_neuron(block.delay.delay, neurons)
    if isinstance(block, RECURRENT):
        recurrent = block.recurrent_synapse
        feedback = recurrent.pre_hook_fx(recurrent.weight).flatten(1)
    bias = None if neuron.norm is None else _per_neuron(neuron.norm.rounded, neurons)
    learned = (neuron.current_decay, neuron.voltage_decay) if neuron.requires_grad else ()
    learned_decays: list[Any] = [_per_neuron(d, neurons) for d in learned] or [None, None]
    plain = feedback is None and bias is None and not learned
    fused_delays = delays if plain and delayed else None  # delayed by the same kernel
    dynamics = dynamics_of(block, neurons)
    emitted: Tensor = CubaNeurons.apply(
        inputs, fused_delays, feedback, bias, *learned_decays, dynamics
    )
    if delays is None or fused_delays is not None:
        return emitted, emitted
    return AxonalShift.apply(emitted, delays), emitted


def _per_neuron(values: Tensor, neurons: int) -> Tensor:
    """Return one value per neuron from one shared value or one per channel."""
    return values if len(values) == neurons else values.repeat_interleave(neurons // len(values))


def dynamics_of(block: Any, neurons: int) -> Dynamics:
    """Return the constants of a block's neurons for the kernels."""
    neuron = block.neuron
    current, voltage = (np.repeat(loihi.DECAY_ONE - d, neurons // len(d)) for d in decays(block))
    return Dynamics(
        current,
        voltage,
        neuron.v_th_mant,
        center=neuron.threshold + neuron.threshold_eps,
        tau=neuron.tau_rho * slayer.neuron.cuba.TAU_RHO_MULT,
        scale=neuron.scale_rho * slayer.neuron.cuba.SCALE_RHO_MULT,
    )


def removable_layers(network: SlayerNetwork) -> list[int]:
    """Return the layers that may lose neurons: not the last, no images, none before images."""
    kinds = [layer.kind for layer in network.architecture.layers]
    return [index for index, pair in enumerate(pairwise(kinds)) if "conv" not in pair]


def needed_neurons(network: SlayerNetwork) -> list[Tensor]:
    """Return a mask of the neurons with an effect for each layer, bool (neurons,), one at least."""
    removable = removable_layers(network)
    found = []
    for index, (block, shape) in enumerate(zip(network.layers, network.architecture.shapes[1:])):
        needed = torch.ones(math.prod(shape), dtype=torch.bool)
        if index in removable:
            arriving, leaving = (
                synapse_weights(block)[0],
                synapse_weights(network.layers[index + 1])[0],
            )
            reached = (arriving.detach().flatten(1) != 0).any(1)
            if block.neuron.norm is not None:
                reached |= block.neuron.norm.values.detach() != 0
            needed = (reached & (leaving.detach().flatten(1) != 0).any(0)).cpu()
            if not needed.any():
                needed[0] = True
        found.append(needed)
    return found


def compacted(network: SlayerNetwork) -> SlayerNetwork:
    """Return a copy without the neurons that have no effect, in evaluation mode.

    It shares no memory with `network` and has the same output spikes.
    """
    needed = needed_neurons(network)
    removable = removable_layers(network)
    layers = tuple(
        replace(layer, neurons=int(mask.sum())) if index in removable else layer
        for index, (layer, mask) in enumerate(zip(network.architecture.layers, needed))
    )
    architecture = replace(network.architecture, layers=layers)
    with torch.random.fork_rng(devices=[]):
        smaller = SlayerNetwork(architecture, network.kernels)
    senders = torch.ones(network.architecture.sizes[0], dtype=torch.bool)
    with torch.no_grad():
        for old, new, mask in zip(network.layers, smaller.layers, needed):
            for target, values in _compacted_state(old, new, mask, senders):
                target.copy_(values)
            senders = mask
    return smaller.to(network.device).eval()


_BY_SENDER = ("synapse.weight", "input_synapse.weight", "mask", "synaptic_delay")


def _compacted_state(
    old: Any, new: Any, mask: Tensor, senders: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each tensor of a new block and the values to copy into it."""
    values, unchanged = old.state_dict(), bool(mask.all() and senders.all())
    for name, target in new.state_dict().items():
        value = values[name].cpu()
        if name == "spike_state":
            continue  # the last spikes of a recurrent block, which every run clears
        if not unchanged and name in _BY_SENDER:
            value = value[mask][:, senders]
        elif not unchanged and name == "recurrent_synapse.weight":
            value = value[mask][:, mask]
        elif not unchanged and len(value) == len(mask) > 1:
            value = value[mask]
        yield target, value


def fan_outs(network: SlayerNetwork) -> list[tuple[Any, int]]:
    """Return the SynOps of an input spike, int64 (senders,), and of a recurrent spike per layer.

    Only those weights of a convolution count that are not zero once quantized, as in a report.
    """
    found = []
    specs, shapes = network.architecture.layers, pairwise(network.architecture.shapes)
    for block, layer, (before, after) in zip(network.layers, specs, shapes):
        own = after[0] if layer.kind == "recurrent" else 0
        if layer.kind == "conv":
            neuron = CubaLif(np.zeros(1, np.int32), np.zeros(1, np.int32), 1)
            conv = ConvLayer(
                integer_weights(block)[0], before, neuron, layer.stride, layer.padding,
                layer.dilation, layer.groups,
            )  # fmt: skip
            found.append((stored_fan_out(conv.synapse()), own))
        else:
            found.append((np.full(int(np.prod(before)), after[0], np.int64), own))
    return found
