"""The blocks of SLAYER networks: lava-dl's, and extensions of them.

This module imports lava-dl's SLAYER without its output, builds blocks from their description, runs
them with the timing of a chip and reads their parameters as integers. In SLAYER's fixed point a
weight of 1.0 is the integer 64; `models.quantize` refuses values that are no integers there.

The extensions are dropout of inputs, learned biases, weights of fewer bits, and `SynapticDense`,
which learns a delay per synapse.
"""

from __future__ import annotations

import importlib
import io
import logging
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from itertools import pairwise
from types import ModuleType
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.weight_norm import WeightNorm

from neurodeploy.models import loihi
from neurodeploy.models.architecture import Architecture, LayerSpec, Shape, WeightFormat

_UNUSED = "lava.lib.dl.slayer.object_detection"


class _Deferred(ModuleType):
    """A module that is imported on first use."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


def _import_slayer() -> Any:
    """Import lava-dl's SLAYER without its output and its slow object detection."""
    if "lava.lib.dl.slayer" in sys.modules:
        return importlib.import_module("lava.lib.dl.slayer")
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    sys.modules[_UNUSED] = _Deferred(_UNUSED)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            return importlib.import_module("lava.lib.dl.slayer")
    finally:
        del sys.modules[_UNUSED]


slayer: Any = _import_slayer()

INPUT: Final[Any] = slayer.block.cuba.Input
DENSE: Final[Any] = slayer.block.cuba.Dense
CONV: Final[Any] = slayer.block.cuba.Conv
RECURRENT: Final[Any] = slayer.block.cuba.Recurrent
FLATTEN: Final[Any] = slayer.block.cuba.Flatten
AVERAGE: Final[Any] = slayer.block.cuba.Average


# Parameters as integers


def has_neurons(block: Any) -> bool:
    """Return whether the block is a layer of neurons, not `Flatten` or `Average`."""
    return not isinstance(block, (FLATTEN, AVERAGE)) and block.neuron is not None


def synapses(block: Any) -> dict[str, Any]:
    """Return the synapses of a block by name, as messages name them."""
    if isinstance(block, RECURRENT):
        return {"weights": block.input_synapse, "recurrent weights": block.recurrent_synapse}
    return {} if isinstance(block, INPUT) else {"weights": block.synapse}


def synapse_weights(block: Any) -> list[Tensor]:
    """Return the input weights of a block and, if it is recurrent, its recurrent weights."""
    return [synapse.weight for synapse in synapses(block).values()]


def scaled_weight(block: Any, synapse: Any) -> Any:
    """Return the weights of the forward pass times 64, float64 of the synapse's shape.

    The last axis of lava-dl's kernels, time, is removed.
    """
    for hook in synapse._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm):  # which sets the weight in the forward pass
            hook(synapse, None)
    weight = synapse.weight.detach()
    if getattr(block, "mask", None) is not None:
        weight = weight * block.mask
    if synapse.pre_hook_fx is not None:
        weight = synapse.pre_hook_fx(weight)
    return weight.detach().cpu().double().squeeze(-1).numpy() * loihi.SLAYER_SCALE


def integer_weights(block: Any) -> tuple[Any, ...]:
    """Return the weights of each synapse as int16: (neurons, senders), or a convolution's kernel
    (channels, input channels / groups, height, width)."""
    weights = [scaled_weight(block, s).astype(np.int16) for s in synapses(block).values()]
    return tuple(w if isinstance(block, CONV) else w.reshape(len(w), -1) for w in weights)


def scaled_bias(block: Any) -> Any:
    """Return the bias of a block times 64, float64, one value per neuron or channel.

    It is minus the mean that the block's norm subtracts in evaluation mode.
    """
    norm = block.neuron.norm
    if norm is None:
        return np.zeros(1)
    mean = norm.pre_hook_fx(norm.running_mean.detach())
    return -mean.cpu().double().numpy().reshape(-1) * loihi.SLAYER_SCALE


def decays(block: Any) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return current and voltage decays in 1/4096, int32, one shared or one per neuron."""
    neuron = block.neuron
    return _whole_decay(neuron.current_decay), _whole_decay(neuron.voltage_decay)


def _whole_decay(values: Tensor) -> NDArray[np.int32]:
    clamped = values.detach().cpu().clamp(0, loihi.DECAY_ONE)
    whole: NDArray[np.int32] = torch.round(clamped).numpy().astype(np.int32)
    return whole


def input_transform(block: Any) -> tuple[Any, Any]:
    """Return weight and bias of an input block times 64, float64; 64 and 0 where it has none."""

    def scaled(value: Any, default: float) -> Any:
        if value is None:
            return np.array(default * loihi.SLAYER_SCALE)
        hooked = block.pre_hook_fx(value.detach())
        return hooked.cpu().double().numpy().reshape(-1)[0] * loihi.SLAYER_SCALE

    return scaled(block.weight, 1.0), scaled(block.bias, 0.0)


def axonal_delays(block: Any) -> Any:
    """Return the delays that the forward pass applies, int64, one per channel; None without any."""
    if block.delay is None:
        return None
    delays = block.delay.delay.detach().cpu().clamp(0, block.delay.max_delay)
    return torch.floor(delays).numpy().astype(np.int64)


# Blocks that lava-dl lacks

Part: TypeAlias = tuple[int, int]
"""The part of a batch that a process has: index of its first sample, size of the whole batch."""


def drop_senders(arriving: Tensor, rate: float, part: Part | None = None) -> Tensor:
    """Apply dropout to whole senders: drop all spikes of some and scale up the others, per sample.

    Args:
        arriving: float (batch, senders, time).
        rate: probability that a sender is dropped; drawn from torch's global generator.
        part: the part of the batch in distributed training, where every process draws for the whole
            batch; None otherwise.
    """
    samples, senders = arriving.shape[:2]
    first, batch = part or (0, samples)
    drawn = torch.rand(batch, senders, device=arriving.device)[first : first + samples]
    return arriving * ((drawn >= rate) / (1 - rate))[..., None]


class LearnedBias(slayer.neuron.norm.MeanOnlyBatchNorm):  # type: ignore[misc]
    """Add a learned bias per channel to the input of the voltage, in SLAYER's units.

    lava-dl's `MeanOnlyBatchNorm` subtracts a running mean; on the chip the bias is its negative.
    Here the mean is a trainable parameter, rounded like weights.

    Attributes:
        values: the biases before rounding, float (channels,).
    """

    def __init__(self, num_features: int) -> None:
        torch.nn.Module.__init__(self)
        self.num_features = num_features
        self.pre_hook_fx: Any = lambda mean: mean  # the neuron sets its rounding here
        self.values = torch.nn.Parameter(torch.zeros(num_features))

    @property
    def running_mean(self) -> Tensor:
        """The mean that is subtracted, before rounding, float (channels,)."""
        return -self.values

    @property
    def rounded(self) -> Tensor:
        """The rounded biases, float (channels,), multiples of 1/32."""
        bias: Tensor = -self.pre_hook_fx(self.running_mean)
        return bias

    def forward(self, current: Tensor) -> Tensor:
        """Return the current (batch, channels, ..., time) with the biases added."""
        return current + self.rounded.reshape(1, -1, *[1] * (current.ndim - 2))


class BiasedRecurrentNeuron(slayer.neuron.cuba.Neuron):  # type: ignore[misc]
    """Neurons of a recurrent block whose bias does not accumulate in the current.

    lava-dl's `Recurrent` runs one step at a time and stores the current after the norm, so that a
    bias would accumulate there. On a chip the bias acts on the voltage alone.
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
"""Candidate steps in units of the integer weight; a chip stores one exponent per layer."""


class WeightSteps:
    """Round weights to mantissas of a few bits, sign included, times one step for the whole layer.

    weight = step * mantissa, mantissa from -2^(bits - 1) to 2^(bits - 1) - 1. The step is the power
    of two with the smallest squared error over the layer's weights; it follows their training. The
    gradient passes to the weights inside the range, as with lava-dl's 8 bits.

    Args:
        bits: bits per weight.
        weights: all weights of the layer; they share the step.
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


WEIGHT_LIMITS: Final[dict[WeightFormat, tuple[int, int]]] = {
    "signed": (-128, 127),
    "unsigned": (0, 255),
}
"""Range of the integer weights of each `LayerSpec.weight_format` with a step of one."""

HALF_STATE_STEP: Final = 0.5 / (loihi.SLAYER_SCALE << loihi.ACTIVATION_SHIFT)
"""Half the resolution of SLAYER's voltage. Added to any threshold it makes "reaches" equal
"exceeds", and float32 holds the sum; lava-dl's epsilon is lost from 64 on."""


def round_to_integers(value: Tensor, descale: bool = False, *, limits: tuple[int, int]) -> Tensor:
    """Round to multiples of 1/64 between two limits, which are integers times 64.

    Returns:
        The rounded values in SLAYER's units, or with `descale` as integers.
    """
    low, high = (limit / loihi.SLAYER_SCALE for limit in limits)
    rounded: Tensor = slayer.utils.quantize(value, step=1 / loihi.SLAYER_SCALE).clamp(low, high)
    return rounded * loihi.SLAYER_SCALE if descale else rounded


CUTOFF: Final = 2.0
"""A Gaussian is cut off at this multiple of its width."""


class SynapticDense(slayer.block.cuba.Dense):  # type: ignore[misc]
    """A dense block with a learned delay per synapse.

    In training, spikes are spread over time. A synapse with delay d and width sigma has the kernel
    (1 - f) G[m] + f G[m + 1], where m is the integer part of d, f its fraction, and G[m] a Gaussian
    around m steps, cut off at two widths, with sum 1. The width of G[m] is sigma, halved until it
    is at most m / 2. The kernel is therefore causal, its mean is d, and the gradient of d covers
    its width. The width shrinks during training; at the end, and in evaluation mode, delays are
    rounded to whole steps.

    Source: Hammouamri, Khalfaoui-Hassani and Masquelier, "Learning delays in spiking neural
    networks using dilated convolutions with learnable spacings" (ICLR 2024), which uses one
    Gaussian around d.

    Attributes:
        synaptic_delay: float (neurons, senders), 0 to `longest`.
        longest: upper limit of the delays in time steps.
        width: width of the Gaussians in steps; 0 rounds the delays in training, too.
    """

    def __init__(
        self, neuron: dict[str, Any], senders: int, neurons: int, *, longest: int, **options: Any
    ) -> None:
        super().__init__(neuron, senders, neurons, **options)
        self.synaptic_delay = torch.nn.Parameter(torch.zeros(neurons, senders))
        self.longest = longest
        self.width = 0.0

    @property
    def whole(self) -> bool:
        """Whether delays are currently rounded to whole steps."""
        return not self.training or self.width <= 0

    def forward(self, spikes: Tensor) -> Tensor:
        """Return spikes (batch, neurons, time) of spikes (batch, senders, time)."""
        fired = slayer.axon.delay(self.neuron(self.weighted(spikes)), 1)
        delayed: Tensor = fired if self.delay is None else self.delay(fired)
        return delayed

    def weighted(self, spikes: Tensor) -> Tensor:
        """Return the weighted sums of the delayed spikes, float (batch, neurons, time)."""
        weight = self.synapse.pre_hook_fx(self.synapse.weight).flatten(1)
        table = torch.from_numpy(gaussians(0.0 if self.whole else self.width, self.longest))
        table = table.to(weight)
        row, fraction = split_delays(self.synaptic_delay, self.longest, whole=self.whole)
        taps = torch.lerp(table[row], table[row + 1], fraction[..., None])
        kernel = (weight[..., None] * taps).flip(-1)
        padded = torch.nn.functional.pad(spikes, (table.shape[1] - 1, 0))
        sums = torch.nn.functional.conv1d(padded, kernel)
        # With whole delays the sums are multiples of 1/64; round away inexact convolution.
        return slayer.utils.quantize(sums, step=1 / loihi.SLAYER_SCALE) if self.whole else sums

    def whole_delays(self) -> NDArray[np.int64]:
        """Return the rounded delays, int64 (neurons, senders), 0 where there is no synapse."""
        rounded, _ = split_delays(self.synaptic_delay.detach().cpu(), self.longest, whole=True)
        delays: NDArray[np.int64] = rounded.numpy()
        if self.mask is not None:
            delays = delays * (self.mask.flatten(1).cpu().numpy() != 0)
        return delays


def split_delays(delays: Tensor, longest: int, *, whole: bool) -> tuple[Tensor, Tensor]:
    """Split delays into the lower row of the table, int64, and the weight of the next row, 0..1."""
    clamped = delays.clamp(0, longest)
    if whole:
        return torch.floor(clamped.detach() + 0.5).long(), 0 * clamped
    row = torch.floor(clamped.detach()).clamp_(max=longest - 1)
    return row.long(), clamped - row


def widths(width: float) -> list[float]:
    """Return the widths in use: `width`, halved until it covers a single step, and 0."""
    found = []
    while int(CUTOFF * width) > 0:
        found.append(width)
        width /= 2
    return [*found, 0.0]


def width_index(of: Sequence[float], delay: int) -> int:
    """Return the index of the largest width whose Gaussian around a whole delay is causal."""
    return next(index for index, width in enumerate(of) if int(CUTOFF * width) <= delay)


def gaussian(width: float) -> NDArray[np.float64]:
    """Return the taps of a centered Gaussian, cut off, with sum 1."""
    reach = int(CUTOFF * width)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (width or 1)) ** 2)
    normed: NDArray[np.float64] = taps / taps.sum()
    return normed


def gaussians(width: float, longest: int) -> NDArray[np.float32]:
    """Return the kernel around every whole delay.

    Args:
        width: width of the Gaussians; 0 for a single tap.
        longest: the longest delay; the table has rows for 0 to longest + 1.

    Returns:
        float32 (longest + 2, taps): the weight of a spike after 0, 1, ... steps; rows have sum 1.
    """
    levels = widths(width)
    table = np.zeros((longest + 2, longest + 2 + int(CUTOFF * width)))
    for m in range(longest + 2):
        taps = gaussian(levels[width_index(levels, m)])
        table[m, m - len(taps) // 2 : m + len(taps) // 2 + 1] = taps
    return table.astype(np.float32)


# Build blocks from their description

_FULL_BITS = 8


def build_blocks(architecture: Architecture) -> list[Any]:
    """Return the blocks of a network in order, with `Flatten` between images and dense layers.

    Weights, masks and initial delays are drawn from torch's global generator.
    """
    blocks: list[Any] = []
    for layer, (before, after) in zip(architecture.layers, pairwise(architecture.shapes)):
        if layer.kind != "conv" and len(before) == 3:
            blocks.append(FLATTEN())
        blocks.append(_block(architecture, layer, before, after))
    return blocks


def _block(architecture: Architecture, layer: LayerSpec, before: Shape, after: Shape) -> Any:
    """Return a complete block; lava-dl leaves its shapes open until a first forward pass."""
    axonal = layer.delays == "axonal"
    block = _BUILDERS[layer.kind](layer, before, after)
    if axonal:
        block.delay.max_delay = layer.max_delay
    input_shape = before if layer.kind == "conv" else (math.prod(before),)
    with torch.no_grad():
        block(torch.zeros(1, *input_shape, 1))
    start = min(architecture.delay_init_max, layer.max_delay)
    if axonal:
        block.delay.delay.data = start * torch.rand(after[0])
    if isinstance(block, SynapticDense):
        block.synaptic_delay.data = start * torch.rand(block.synaptic_delay.shape)
    _set_integers(block, layer)
    return block


def _set_integers(block: Any, layer: LayerSpec) -> None:
    """Set rounding of weights and biases, and the threshold's epsilon, where lava-dl's differ."""
    rounding: Any = None
    if layer.weight_bits != _FULL_BITS:
        rounding = WeightSteps(layer.weight_bits, synapse_weights(block))
    elif layer.weight_format != "even":
        rounding = partial(round_to_integers, limits=WEIGHT_LIMITS[layer.weight_format])
    for synapse in synapses(block).values() if rounding is not None else ():
        synapse.pre_hook_fx = rounding
    if layer.bias and layer.bias_bits != _FULL_BITS:
        limits = -loihi.BIAS_MAX, -loihi.BIAS_MIN  # of the mean, which is minus the bias
        block.neuron.norm.pre_hook_fx = partial(round_to_integers, limits=limits)
    if layer.threshold >= loihi.SLAYER_THRESHOLD_LIMIT:
        block.neuron.threshold_eps = HALF_STATE_STEP


def _neuron(layer: LayerSpec, channels: int) -> dict[str, Any]:
    """Return the parameters of a block's neurons, in a new dict, since blocks modify it."""
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
            neuron[name] = (neuron[name], neuron[name])  # lava-dl draws values from this range
    return neuron


def _dense(layer: LayerSpec, before: Shape, after: Shape) -> Any:
    senders, neurons = math.prod(before), after[0]
    parameters: dict[str, Any] = {"delay": layer.delays == "axonal"}
    if layer.density < 1:
        parameters["mask"] = _mask(layer.synapses_per_neuron(senders), senders, neurons)
    neuron = _neuron(layer, neurons)
    if layer.delays == "synaptic":
        block = SynapticDense(neuron, senders, neurons, longest=layer.max_delay, **parameters)
    else:
        block = DENSE(neuron, senders, neurons, **parameters)
    if block.mask is not None:
        weight, mask = block.synapse.weight, block.mask
        weight.data *= mask / math.sqrt(float(mask.mean()))  # preserves the variance of the sums
        weight.register_hook(lambda grad: grad * block.mask)
    return block


def _mask(connected: int, senders: int, neurons: int) -> Tensor:
    """Return a random mask of synapses, float (neurons, senders), equally many per neuron."""
    chosen = torch.rand(neurons, senders).argsort(1)[:, :connected]
    return torch.zeros(neurons, senders).scatter_(1, chosen, 1.0)


def _recurrent(layer: LayerSpec, before: Shape, after: Shape) -> Any:
    neuron = _neuron(layer, after[0])
    block = RECURRENT(neuron, math.prod(before), after[0], delay=layer.delays == "axonal")
    if layer.bias:
        block.neuron = BiasedRecurrentNeuron(**neuron)
        for synapse in synapses(block).values():
            synapse.pre_hook_fx = block.neuron.quantize_8bit
    return block


def _conv(layer: LayerSpec, before: Shape, after: Shape) -> Any:
    return CONV(
        _neuron(layer, after[0]),
        before[0],
        after[0],
        layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
        delay=layer.delays == "axonal",
    )


_BUILDERS = {"dense": _dense, "recurrent": _recurrent, "conv": _conv}


# Run blocks in lava-dl's dynamics, with the timing of a chip


def layer_spikes(network: Any, spikes: Tensor) -> list[Tensor]:
    """Return the spikes of every layer before its axonal delays, like Lava's `s_out`.

    On a chip every sample starts from cleared state, and biases act from the first step on, one
    step before the first input has passed the first layer. SLAYER's layers start with the input,
    and its `Recurrent` block starts from the state after the previous batch. So this function
    prepends one silent step to the input, removes the first step of the outputs, and clears the
    states.

    Args:
        network: any torch module with a list `blocks` that `models.quantize.quantize` takes; in
            evaluation mode, if it has biases.
        spikes: float input (batch, channels, time) or, for images, (batch, channels, height,
            width, time).

    Returns:
        float (batch, neurons, time) of every block with neurons.
    """
    first = network.blocks[0]
    input_neurons = isinstance(first, INPUT) and first.neuron is not None
    # Input neurons delay spikes by one step in SLAYER and not on a chip; that is the silent step.
    arriving = torch.nn.functional.pad(spikes, (0, 1) if input_neurons else (1, 0))
    return [emitted.flatten(1, -2)[..., 1:] for emitted in _run(network.blocks, arriving)]


def _run(blocks: Any, arriving: Tensor) -> Iterator[Tensor]:
    for block in blocks:
        if isinstance(block, FLATTEN):
            arriving = arriving.flatten(1, -2)
        elif has_neurons(block):
            emitted, arriving = emit(block, arriving)
            yield emitted


def emit(block: Any, arriving: Tensor) -> tuple[Tensor, Tensor]:
    """Return the spikes of a block with neurons, before and after its axonal delays."""
    if isinstance(block, INPUT):
        fired = _input_spikes(block, arriving)
    elif isinstance(block, RECURRENT):
        fired = _recurrent_spikes(block, arriving)
    elif isinstance(block, SynapticDense):
        fired = block.neuron(block.weighted(arriving))
    else:
        if getattr(block, "mask", None) is not None:
            block.synapse.weight.data *= block.mask  # as the block's own forward pass does
        fired = block.neuron(block.synapse(arriving))
    emitted = slayer.axon.delay(fired, 1)
    return emitted, emitted if block.delay is None else block.delay(emitted)


def _input_spikes(block: Any, values: Tensor) -> Tensor:
    drive = block.pre_hook_fx(values)
    if block.weight is not None:
        drive = drive * block.pre_hook_fx(block.weight)
    if block.bias is not None:
        drive = drive + block.pre_hook_fx(block.bias)
    spikes: Tensor = block.neuron(drive)
    return spikes


def _recurrent_spikes(block: Any, arriving: Tensor) -> Tensor:
    """Run a recurrent block from cleared state and restore its state afterwards."""
    neuron = block.neuron
    states = neuron.current_state, neuron.voltage_state
    neuron.current_state, neuron.voltage_state = (torch.zeros_like(each) for each in states)
    try:
        spikes: Tensor = slayer.utils.recurrent.custom_recurrent(
            block.input_synapse(arriving), neuron, block.recurrent_synapse
        )
    finally:
        neuron.current_state, neuron.voltage_state = states
    return spikes
