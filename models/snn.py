"""Trainable spiking networks: lava-dl's own CUBA LIF blocks, and what is built on them.

The blocks, their parameters and their meaning are lava-dl's; on a CPU they run in compiled kernels,
which give the same spikes. What lava-dl lacks is added as blocks of the same kind: synaptic delays,
learned biases, weights of few bits. `compacted` leaves out neurons that no longer matter.
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
from neurodeploy.models.architecture import Architecture
from neurodeploy.models.blocks.builder import Part, build_blocks, drop_senders
from neurodeploy.models.blocks.lava_dl import FLATTEN
from neurodeploy.models.blocks.spikes import emit
from neurodeploy.models.blocks.synaptic_dense import SynapticDense
from neurodeploy.models.errors import InputError
from neurodeploy.models.kernels.runs import run_compiled
from neurodeploy.models.layers import ConvLayer, fan_out
from neurodeploy.models.network import TaskDescription
from neurodeploy.models.neurons import CubaLif

__all__ = ["KERNELS", "Architecture", "SlayerNetwork"]

KERNELS = ("compiled", "stock")
"""Ways to compute the dynamics: ours on a CPU, or lava-dl's (always used on a GPU)."""

WIDEST, NARROWEST = 5.0, 0.3
"""Widths of the Gaussians of synaptic delays in steps, when training begins and before delays are
rounded."""

ROUNDED_FROM = 0.75
"""From here on in a training, 0..1, synaptic delays are whole numbers and learn no more."""


class SlayerNetwork(torch.nn.Module):
    """A feed-forward stack of blocks with rounded weights in the loop.

    In evaluation mode it spikes as its integer twin; while training, dropout leaves out senders and
    synaptic delays are spread. Networks with biases run one silent step before the input, whose
    output is left out, as `models.blocks.spikes` explains.

    Attributes:
        blocks: in order, with lava-dl's `Flatten` between images and dense layers.
        part: of a batch that several processes share, so that they drop what a single one would.
        task: what it was trained for, which `quantize` hands on.
        provenance: how it was trained, as JSON values, which `quantize` hands on.
    """

    def __init__(self, architecture: Architecture, kernels: str = "compiled") -> None:
        super().__init__()
        if kernels not in KERNELS:
            raise InputError(f"{kernels!r} is no kind of kernels; choose {' or '.join(KERNELS)}")
        self.architecture = architecture
        self.kernels = kernels
        self.part: Part | None = None
        self.task = TaskDescription()
        self.provenance: Mapping[str, Any] = {}
        self.blocks = torch.nn.ModuleList(build_blocks(architecture))
        for decays in self.parameter_groups().get("decays", ()):
            decays.register_hook(self._corrected)  # type: ignore[no-untyped-call]
        self.set_progress(0.0)

    @property
    def layers(self) -> list[Any]:
        """The blocks with neurons, one a layer of the architecture."""
        return [block for block in self.blocks if not isinstance(block, FLATTEN)]

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.parameters()).device

    @property
    def runs_compiled(self) -> bool:
        """Whether our kernels compute it, not lava-dl's."""
        return self.kernels == "compiled" and self.device.type == "cpu"

    def forward(self, spikes: Tensor) -> Tensor:
        """Return output spikes, float (batch, outputs, time), of input (batch, inputs, time)."""
        return self.layer_spikes(spikes, delayed=True)[-1]

    def layer_spikes(self, spikes: Tensor, *, delayed: bool = False) -> list[Tensor]:
        """Return the spikes of every layer, each (batch, neurons, time).

        Args:
            spikes: float (batch, inputs, time), 0 or 1.
            delayed: after the axonal delays instead of before, where Lava's `s_out` is.
        """
        first = int(self.architecture.has_biases)
        arriving = torch.nn.functional.pad(spikes, (first, 0)) if first else spikes
        if self.runs_compiled:
            layers = run_compiled(self, arriving, delayed)
        else:
            layers = self._run_stock(arriving, delayed)
        return [layer[..., first:] for layer in layers]

    def _run_stock(self, arriving: Tensor, delayed: bool) -> Iterator[Tensor]:
        shapes, layers = self.architecture.shapes, self.architecture.layers
        for index, block in enumerate(self.layers):
            if self.training and layers[index].dropout:
                arriving = drop_senders(arriving, layers[index].dropout, self.part)
            if layers[index].kind == "conv":
                arriving = arriving.reshape(len(arriving), *shapes[index], -1)
            emitted, arriving = emit(block, arriving)
            emitted, arriving = emitted.flatten(1, -2), arriving.flatten(1, -2)
            yield arriving if delayed else emitted

    def synops(self, spikes: Tensor, layers: Sequence[Tensor]) -> Tensor:
        """Return the SynOps of every sample, float (batch,); see `layer_synops`."""
        return self.layer_synops(spikes, layers).sum(0)

    def layer_synops(self, spikes: Tensor, layers: Sequence[Tensor]) -> Tensor:
        """Return the SynOps of every layer and sample as a report counts them, with gradient.

        Args:
            spikes: the input, (batch, inputs, time).
            layers: what `layer_spikes` returned for it, before axonal delays.

        Returns:
            float (layers, batch).
        """
        counts = []
        for arrived, emitted, (synops, own) in zip(
            (spikes, *layers), layers, fan_outs(self.architecture)
        ):
            weights = torch.from_numpy(synops).to(spikes)
            counts.append(arrived.sum(2) @ weights + own * emitted.sum((1, 2)))
        return torch.stack(counts)

    def parameter_groups(self) -> dict[str, list[torch.nn.Parameter]]:
        """Return what is learned by the kind of its learning rate, none empty.

        "weights" (biases too), "delays" in time steps, "decays" in 1/4096.
        """
        delays = self.delay_parameters()
        decays = [
            each
            for block in self.layers
            for each in (block.neuron.current_decay, block.neuron.voltage_decay)
            if each.requires_grad
        ]
        others = {id(each) for each in (*delays, *decays)}
        weights = [p for p in self.parameters() if p.requires_grad and id(p) not in others]
        groups = {"weights": weights, "delays": delays, "decays": decays}
        return {name: each for name, each in groups.items() if each}

    def delay_parameters(self) -> list[torch.nn.Parameter]:
        """Return the learned delays in time steps: axonal (neurons,), synaptic (neurons,
        senders)."""
        return [delays for delays, _ in self._delays()]

    def _delays(self) -> Iterator[tuple[Any, int]]:
        """Yield learned delays with the longest that they may be."""
        for block, layer in zip(self.layers, self.architecture.layers):
            if block.delay is not None:
                yield block.delay.delay, layer.longest_delay
            if isinstance(block, SynapticDense):
                yield block.synaptic_delay, layer.longest_delay

    def after_step(self) -> None:
        """Bring what an optimizer's step moved back to where it means something."""
        for delays, longest in self._delays():
            delays.data.clamp_(0, longest)
        for block in self.layers:
            if block.neuron.requires_grad:
                block.neuron.clamp()

    def set_progress(self, position: float) -> None:
        """Tell how much of a training is done, 0..1: the Gaussians of synaptic delays shrink."""
        share = position / ROUNDED_FROM
        width = WIDEST * (NARROWEST / WIDEST) ** share if share < 1 else 0.0
        for block in self.layers:
            if isinstance(block, SynapticDense):
                block.width = width

    def _corrected(self, grad: Tensor) -> Tensor:
        """Correct the gradient that lava-dl's own dynamics give for decays: they lack the sign and
        the unit of 1/4096."""
        return grad if self.runs_compiled else grad / -loihi.DECAY_ONE


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


def fan_outs(architecture: Architecture) -> list[tuple[Any, int]]:
    """Return for each layer the SynOps of a spike of each sender, int64 (senders,), and of a spike
    of its own that comes back to it; zeros among the weights count, as in a report."""
    found = []
    for layer, (before, after) in zip(architecture.layers, pairwise(architecture.shapes)):
        own = after[0] if layer.kind == "recurrent" else 0
        if layer.kind == "conv":
            shape = (after[0], before[0] // layer.groups, *layer.kernel)
            neuron = CubaLif(np.zeros(1, np.int32), np.zeros(1, np.int32), 1)
            image = ConvLayer(
                np.zeros(shape, np.int16), before, neuron, layer.stride, layer.padding,
                groups=layer.groups,
            )  # fmt: skip
            found.append((fan_out(image), own))
        else:
            found.append((np.full(int(np.prod(before)), after[0], np.int64), own))
    return found
