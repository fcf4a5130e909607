"""Trainable spiking networks: lava-dl's own CUBA LIF blocks, and what is built on them.

The blocks, their parameters and their meaning are lava-dl's; on a CPU they run in compiled kernels,
which give the same spikes. What lava-dl lacks is added as blocks of the same kind: synaptic delays,
learned biases, weights of few bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from neurodeploy.models import loihi
from neurodeploy.models.architectures.architecture import Architecture
from neurodeploy.models.architectures.fan_out import fan_outs
from neurodeploy.models.blocks.builder import build_blocks
from neurodeploy.models.blocks.dropout import Part, drop_senders
from neurodeploy.models.blocks.spikes import emit
from neurodeploy.models.blocks.synaptic_dense import SynapticDense
from neurodeploy.models.blocks.values import FLATTEN
from neurodeploy.models.errors import InputError
from neurodeploy.models.kernels.runs import run_compiled

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
    """

    def __init__(self, architecture: Architecture, kernels: str = "compiled") -> None:
        super().__init__()
        if kernels not in KERNELS:
            raise InputError(f"{kernels!r} is no kind of kernels; choose {' or '.join(KERNELS)}")
        self.architecture = architecture
        self.kernels = kernels
        self.part: Part | None = None
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
        for arrived, emitted, (fan_out, own) in zip(
            (spikes, *layers), layers, fan_outs(self.architecture)
        ):
            weights = torch.from_numpy(fan_out).to(spikes)
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
