"""Trainable spiking networks: stacks of lava-dl's own CUBA LIF blocks.

The blocks, their parameters and their meaning are lava-dl's; on a CPU their dynamics run in the
compiled kernels of `models.kernels`, which give the same spikes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models import loihi
from models.block_spikes import emit
from models.errors import InputError
from models.kernels import CubaBlock, Dynamics
from models.slayer import slayer

SYNAPSES_MAX = 1 << 27
"""A network of more would fit no chip and hardly a machine's memory."""

KERNELS = ("compiled", "stock")
"""Ways to compute the dynamics: ours on a CPU, or lava-dl's (always used on a GPU)."""


@dataclass(frozen=True)
class Architecture:
    """Everything that defines an untrained network.

    Attributes:
        sizes: input channels, then neurons a layer, output neurons last; 1 to 65535 each.
        threshold: in SLAYER's units, 1.0 is the mantissa 64; below 64, in steps of 1/64.
        current_decay, voltage_decay: fraction lost a step, 0 to 1.
        tau_grad, scale_grad: width (relative to the threshold) and scale of the surrogate gradient.
        delays: learn an axonal delay for every hidden neuron.
        longest_start: axonal delays start uniformly between 0 and this many steps.
    """

    sizes: tuple[int, ...]
    threshold: float = 1.25
    current_decay: float = 0.25
    voltage_decay: float = 0.05
    tau_grad: float = 0.02
    scale_grad: float = 1.0
    delays: bool = True
    longest_start: float = 30.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))
        valid = [isinstance(n, int) and 1 <= n <= loihi.SENDERS_MAX for n in self.sizes]
        if len(valid) < 2 or not all(valid):
            raise InputError(
                f"sizes are {self.sizes}; give two or more whole numbers from 1 to "
                f"{loihi.SENDERS_MAX}"
            )
        synapses = sum(n * m for n, m in pairwise(self.sizes))
        if synapses > SYNAPSES_MAX:
            raise InputError(
                f"sizes {self.sizes} make {synapses:,} synapses; the limit is {SYNAPSES_MAX:,}, "
                "about what a Loihi 2 holds, so give smaller layers"
            )
        if not isinstance(self.delays, bool):
            raise InputError(f"delays is {self.delays!r}; give True or False")
        step = 1 / loihi.SLAYER_SCALE
        for name, low, high in (
            ("threshold", step, loihi.SLAYER_THRESHOLD_LIMIT - step),
            ("current_decay", 0.0, 1.0),
            ("voltage_decay", 0.0, 1.0),
            ("tau_grad", 1e-6, 1e6),
            ("scale_grad", 1e-6, 1e6),
            ("longest_start", 0.0, float(loihi.DELAY_MAX)),
        ):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not low <= value <= high:
                raise InputError(f"{name} is {value}; the range is {low:g} to {high:g}")

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {**asdict(self), "sizes": list(self.sizes)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Architecture:
        """Return the architecture that `as_dict` described.

        Raises:
            InputError: when a field is missing, unknown or out of range.
        """
        known = {f.name for f in fields(Architecture)}
        if set(values) != known:
            wrong = ", ".join(sorted(set(values) ^ known))
            raise InputError(f"the architecture has missing or unknown fields: {wrong}")
        return Architecture(**{**values, "sizes": tuple(values["sizes"])})


class SlayerNetwork(torch.nn.Module):
    """A feed-forward stack of `slayer.block.cuba.Dense` blocks with 8-bit weights in the loop.

    Weights and starting delays are drawn from torch's global generator.
    """

    def __init__(self, architecture: Architecture, kernels: str = "compiled") -> None:
        super().__init__()
        if kernels not in KERNELS:
            raise InputError(f"{kernels!r} is no kind of kernels; choose {' or '.join(KERNELS)}")
        self.architecture = architecture
        self.kernels = kernels
        sizes = architecture.sizes
        last = len(sizes) - 2
        self.blocks = torch.nn.ModuleList(
            _block(architecture, sizes[i], sizes[i + 1], delay=architecture.delays and i < last)
            for i in range(last + 1)
        )

    def forward(self, spikes: Tensor) -> Tensor:
        """Return output spikes, float (batch, outputs, time), of input (batch, inputs, time)."""
        return self.layer_spikes(spikes, delayed=True)[-1]

    def layer_spikes(self, spikes: Tensor, *, delayed: bool = False) -> list[Tensor]:
        """Return the spikes of every layer, each (batch, neurons, time).

        Args:
            spikes: float (batch, inputs, time), 0 or 1.
            delayed: after the axonal delays instead of before, where Lava's `s_out` is.
        """
        compiled = self.kernels == "compiled" and spikes.device.type == "cpu"
        run = _run_compiled if compiled else _run_stock
        return list(run(self.blocks, spikes, delayed))

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.parameters()).device

    def delay_parameters(self) -> list[torch.nn.Parameter]:
        """Return the axonal delays, float (neurons,) each, which want their own learning rate."""
        delays: list[Any] = [block.delay for block in self.blocks]
        return [each.delay for each in delays if each is not None]

    def clamp_delays(self) -> None:
        """Bring the delays back into 0..62 after an optimizer step."""
        for delays in self.delay_parameters():
            delays.data.clamp_(0, loihi.DELAY_MAX)


def _block(architecture: Architecture, senders: int, neurons: int, *, delay: bool) -> Any:
    """Return a block that is complete: lava-dl leaves its shapes open until a first forward."""
    block = slayer.block.cuba.Dense(
        {
            "threshold": architecture.threshold,
            "current_decay": architecture.current_decay,
            "voltage_decay": architecture.voltage_decay,
            "tau_grad": architecture.tau_grad,
            "scale_grad": architecture.scale_grad,
        },
        senders,
        neurons,
        delay=delay,
    )
    with torch.no_grad():
        block(torch.zeros(1, senders, 1))
    if delay:
        block.delay.delay.data = architecture.longest_start * torch.rand(neurons)
    return block


def _run_compiled(blocks: Any, spikes: Tensor, delayed: bool) -> Iterator[Tensor]:
    arriving = spikes.transpose(1, 2).contiguous()
    for block in blocks:
        weight = block.synapse.pre_hook_fx(block.synapse.weight).flatten(1)
        inputs = torch.nn.functional.linear(arriving, weight)
        if block.delay is not None:
            block.delay.clamp()
        delays = None if block.delay is None else block.delay.delay
        arriving = CubaBlock.apply(inputs, delays, dynamics_of(block.neuron, inputs.shape[2]))
        if delays is not None and not delayed:
            plain = CubaBlock.apply(inputs, None, dynamics_of(block.neuron, inputs.shape[2]))
            yield plain.transpose(1, 2)
        else:
            yield arriving.transpose(1, 2)


def _run_stock(blocks: Any, spikes: Tensor, delayed: bool) -> Iterator[Tensor]:
    arriving = spikes
    for block in blocks:
        emitted, arriving = emit(block, arriving)
        yield arriving if delayed else emitted


def dynamics_of(neuron: Any, neurons: int) -> Dynamics:
    """Return the constants of a `slayer.neuron.cuba.Neuron` as the kernels take them."""

    def kept(decays: Tensor) -> Any:
        whole = torch.round(decays.detach()).numpy().astype(np.int32)
        return np.ascontiguousarray(np.broadcast_to(loihi.DECAY_ONE - whole, (neurons,)))

    return Dynamics(
        kept(neuron.current_decay),
        kept(neuron.voltage_decay),
        neuron.v_th_mant,
        centre=neuron.threshold + neuron.threshold_eps,
        slope=neuron.tau_rho * slayer.neuron.cuba.TAU_RHO_MULT,
        height=neuron.scale_rho * slayer.neuron.cuba.SCALE_RHO_MULT,
    )
