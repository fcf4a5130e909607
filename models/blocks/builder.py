"""Build the blocks of a network to train: lava-dl's own, and those that lava-dl lacks: dropout of
senders, learned biases, weights of fewer bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor

from neurodeploy.models import loihi
from neurodeploy.models.architecture import Architecture, LayerSpec, Shape
from neurodeploy.models.blocks.lava_dl import slayer
from neurodeploy.models.blocks.synaptic_dense import SynapticDense

Part: TypeAlias = tuple[int, int]
"""Which part of a batch is here, where several processes share it: its first sample, and how many
samples there are in all."""


def drop_senders(arriving: Tensor, share: float, part: Part | None = None) -> Tensor:
    """Return spikes without those of some senders, for a whole sample, the others scaled up.

    Args:
        arriving: float (batch, senders, time).
        share: of the senders that are left out, drawn from torch's global generator of the device.
        part: of a shared batch, for which as much is drawn as for the whole; None for a whole one.
    """
    samples, senders = arriving.shape[:2]
    first, in_all = part or (0, samples)
    drawn = torch.rand(in_all, senders, device=arriving.device)[first : first + samples]
    kept = drawn >= share
    return arriving * (kept / (1 - share))[..., None]


class LearnedBias(slayer.neuron.norm.MeanOnlyBatchNorm):  # type: ignore[misc]
    """Add a learned value to what drives the voltage, one a channel; in SLAYER's units.

    lava-dl's `MeanOnlyBatchNorm` subtracts a running mean, and its minus is the bias of the chip;
    here that value is a parameter with a gradient, rounded as weights are.

    Attributes:
        values: the biases before rounding, float (channels,).
    """

    def __init__(self, num_features: int) -> None:
        torch.nn.Module.__init__(self)
        self.num_features = num_features
        self.pre_hook_fx: Any = lambda mean: mean  # a neuron puts its own rounding here
        self.values = torch.nn.Parameter(torch.zeros(num_features))

    @property
    def running_mean(self) -> Tensor:
        """What is subtracted, before rounding, float (channels,)."""
        return -self.values

    @property
    def rounded(self) -> Tensor:
        """What is added, float (channels,), multiples of 1/32."""
        bias: Tensor = -self.pre_hook_fx(self.running_mean)
        return bias

    def forward(self, current: Tensor) -> Tensor:
        """Return the current (batch, channels, ..., time) with the biases added."""
        return current + self.rounded.reshape(1, -1, *[1] * (current.ndim - 2))


class BiasedRecurrentNeuron(slayer.neuron.cuba.Neuron):  # type: ignore[misc]
    """A neuron that keeps its current from step to step as it was before the bias.

    lava-dl's `Recurrent` runs a step at a time and keeps the current as the norm left it, so that a
    bias would add up there; on a chip it acts on the voltage alone.
    """

    current_state: Tensor

    def dynamics(self, input: Tensor) -> tuple[Tensor, Tensor]:
        """Return current and voltage (batch, neurons, time)."""
        current, voltage = super().dynamics(input)
        if self.persistent_state:
            with torch.no_grad():
                self.current_state = self.current_state - self.norm.rounded
        return current, voltage


_STEPS: Final = (1, 2, 4, 8, 16, 32, 64)
"""In units of the integer weight; a chip stores the exponent of the step once a layer."""


class WeightSteps:
    """Round weights to mantissas of some bits, sign included, times one step for the whole layer.

    weight = step * mantissa, mantissa from -2^(bits - 1) to 2^(bits - 1) - 1. The step is the power
    of two that changes the layer's weights least, in squares; it follows them as they are trained.
    The gradient passes to the weights that the range does not cut, as with lava-dl's 8 bits.

    Args:
        bits: of a weight.
        weights: all weights of the layer, which share the step.
    """

    def __init__(self, bits: int, weights: Sequence[Tensor]) -> None:
        self.bits = bits
        self.weights = list(weights)

    def __call__(self, weight: Tensor, descale: bool = False) -> Tensor:
        """Return the rounded weights in SLAYER's units, or with `descale` as integers."""
        rounded = self._round(weight, self.step())
        return rounded * loihi.SLAYER_SCALE if descale else rounded

    def step(self) -> int:
        """Return the layer's step in units of the integer weight."""
        flat = torch.cat([weight.detach().flatten() for weight in self.weights])
        steps = [step for step in _STEPS if step << (self.bits - 1) <= -loihi.WEIGHT_MIN]
        errors = [float((self._round(flat, step) - flat).square().sum()) for step in steps]
        return steps[errors.index(min(errors))]

    def _round(self, weight: Tensor, step: int) -> Tensor:
        size, half = step / loihi.SLAYER_SCALE, 1 << (self.bits - 1)
        rounded: Any = slayer.utils.quantize(weight, step=size)
        limited: Tensor = rounded.clamp(-half * size, (half - 1) * size)
        return limited


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
