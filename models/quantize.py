"""Convert a trained SLAYER network to an integer network with the same spikes.

SLAYER computes with quantized weights and decays; this module reads them as integers and refuses
values that are none. An axonal delay becomes a delay of the receiving layer, so that a layer's
spikes are those that its neurons emit. Synaptic delays are rounded, as in evaluation mode, and
added.
"""
# ruff: noqa: E402

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from neurodeploy.models.errors import require

require("quantizing a SLAYER network", "torch", "lava.lib.dl.slayer")  # before they are imported

import torch

from neurodeploy.models import loihi
from neurodeploy.models.blocks import (
    AVERAGE,
    CONV,
    DENSE,
    FLATTEN,
    HALF_STATE_STEP,
    INPUT,
    RECURRENT,
    BiasedRecurrentNeuron,
    SynapticDense,
    axonal_delays,
    decays,
    has_neurons,
    input_transform,
    integer_weights,
    scaled_bias,
    scaled_weight,
    slayer,
    synapses,
)
from neurodeploy.models.errors import DesignRuleError, InputError
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, Layer, RecurrentLayer
from neurodeploy.models.network import CubaLif, QuantizedNetwork, TaskDescription
from neurodeploy.models.snn import SlayerNetwork
from neurodeploy.models.synapses import Shape


def quantize(
    network: torch.nn.Module,
    *,
    task: TaskDescription | None = None,
    provenance: Mapping[str, Any] | None = None,
    input_shape: Shape = (),
) -> QuantizedNetwork:
    """Return the integer network with the same spikes as a trained network.

    Args:
        network: a torch module with a list `blocks` of `slayer.block.cuba.Input`, `Dense`, `Conv`,
            `Recurrent`, `Flatten` and `Average`, or our `SynapticDense`, applied in order. It is
            not modified (lava-dl's own export removes its weight norm).
        task: what the network was trained for; by default the task of a `SlayerNetwork`.
        provenance: origin of the network as JSON values; by default that of a `SlayerNetwork`.
        input_shape: (channels, height, width) of the input, required if the first block is a
            convolution, unless the network is a `SlayerNetwork`.

    Raises:
        DesignRuleError: when blocks have parameters or features that integers, Lava or netx cannot
            represent; names all of them.
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
    if isinstance(blocks[0], INPUT):
        input_shape = tuple(blocks[0].input_shape)
    if not input_shape and isinstance(network, SlayerNetwork):
        input_shape = network.architecture.input_shape
    layers = _layers(blocks, tuple(input_shape))
    if not layers:
        raise InputError(f"{type(network).__name__} has no block with neurons")
    last = blocks[-1]
    average = layers[-1].neurons // last.num_outputs if isinstance(last, AVERAGE) else 1
    return QuantizedNetwork.chain(
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
        if isinstance(block, FLATTEN):
            shape = (math.prod(shape),) if shape else ()
        elif has_neurons(block):
            layers.append(_layer(block, shape, delay))
            shape = layers[-1].shape
            delay = _axonal_delay(block, layers[-1])
    return tuple(layers)


def _layer(block: Any, before: Shape, delay: Any) -> Layer:
    """Return the layer of a block whose input has shape `before` and the axonal delays `delay`."""
    neuron = _neuron(block)
    if isinstance(block, INPUT):
        scale, offset = input_transform(block)
        return InputLayer(neuron, before, int(scale), int(offset))
    weight, *recurrent = integer_weights(block)
    if isinstance(block, RECURRENT):
        return RecurrentLayer(weight, recurrent[0], neuron, delay)
    if isinstance(block, SynapticDense):
        return DenseLayer(weight, neuron, _compact(delay + block.whole_delays()))
    if not isinstance(block, CONV):
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
    bias = scaled_bias(block).astype(np.int32)
    return CubaLif(*decays(block), block.neuron.v_th_mant, bias)


def _axonal_delay(block: Any, layer: Layer) -> Any:
    """Return the axonal delays of a layer's neurons, int64 (1, neurons), or (1, 1) without any."""
    delays = axonal_delays(block)
    if delays is None:
        return _no_delay()
    return np.repeat(delays, layer.neurons // len(delays))[None, :]


def _compact(delays: Any) -> Any:
    """Return delays (neurons, inputs) as one row or column if all rows or columns are equal."""
    if (delays == delays[:1]).all():
        return delays[:1]
    return delays[:, :1] if (delays == delays[:, :1]).all() else delays


def _no_delay() -> Any:
    return np.zeros((1, 1), np.int8)


# Requirements on blocks


def check_blocks(blocks: Sequence[Any]) -> tuple[str, ...]:
    """Return a sentence for every rule that a block breaks.

    The rules about values run only on blocks of a supported kind at a supported position.
    """
    found = []
    for index, block in enumerate(blocks):
        problems = list(_unsupported(block)) or list(_misplaced(blocks, index))
        if not problems and has_neurons(block):
            problems = [p for rule in RULES for p in rule(block)]
            problems += _delays_have_a_receiver(blocks[index + 1 :], block)
        found += [f"block {index}: {problem}" for problem in problems]
    return tuple(found)


def _unsupported(block: Any) -> Iterator[str]:
    if isinstance(block, (FLATTEN, AVERAGE)):
        return
    if not isinstance(block, (INPUT, DENSE, CONV, RECURRENT)):
        kind = f"{type(block).__module__.split('.')[-1]}.{type(block).__name__}"
        yield (
            f"{kind} is not supported; use slayer.block.cuba.Input, Dense, Conv, Recurrent, "
            "Flatten or Average"
        )
        return
    if block.neuron is not None:
        yield from _unsupported_neuron(block)
        for name, synapse in synapses(block).items():
            yield from _unsupported_synapse(block, name, synapse)


def _unsupported_neuron(block: Any) -> Iterator[str]:
    neuron, norm = block.neuron, block.neuron.norm
    for name, values in block.named_parameters():
        if not bool(torch.isfinite(values).all()):
            yield f"{name} holds a value that is not finite; train again"
    if neuron.graded_spike:
        yield "its spikes are graded; use graded_spike=False"
    if norm is not None and not isinstance(norm, slayer.neuron.norm.MeanOnlyBatchNorm):
        yield (
            f"its norm is {type(norm).__name__}, which scales the input, as Lava's neurons cannot; "
            "use slayer.neuron.norm.MeanOnlyBatchNorm"
        )
    if neuron.persistent_state and not isinstance(block, RECURRENT):
        yield (
            "its state persists between batches; use persistent_state=False (a Recurrent block "
            "sets it in the dict of neuron parameters, so pass each block its own dict)"
        )
    if not block.delay_shift:
        yield "delay_shift is False, but every layer of Lava delays by one step; train with True"
    if neuron.w_scale != loihi.SLAYER_SCALE:
        yield f"its neurons have scale={neuron.w_scale}; use the default, {loihi.SLAYER_SCALE}"
    if not neuron.shared_param and neuron.shape is None:
        yield "its decays are not initialized; run one forward pass before loading the weights"
    if not neuron.shared_param and neuron.shape is not None and len(neuron.shape) > 1:
        yield (
            "its decays differ between the channels of an image, which SLAYER applies per column "
            "on a CPU; use shared_param=True"
        )
    if isinstance(block, RECURRENT) and block.bias is not None:
        yield "its bias is added to the current, Lava's to the voltage; use a MeanOnlyBatchNorm"


def _unsupported_synapse(block: Any, name: str, synapse: Any) -> Iterator[str]:
    if synapse.bias is not None:
        yield f"its {name} have biases, but Lava's are on the voltage; use a MeanOnlyBatchNorm"
    if not isinstance(block, CONV) and any(size != 1 for size in synapse.weight.shape[2:]):
        yield "its input is an image; flatten it and give in_neurons as one number"
    if getattr(block, "mask", None) is not None and synapse.weight_norm_enabled:
        yield "lava-dl ignores its mask because weight_norm is on; use one of the two"


def _misplaced(blocks: Sequence[Any], index: int) -> Iterator[str]:
    block = blocks[index]
    if isinstance(block, INPUT) and index:
        yield "it is an Input block after the first block; remove it"
    if isinstance(block, INPUT) and block.input_shape is None:
        yield "its shape is not initialized; run one forward pass before loading the weights"
    if isinstance(block, AVERAGE) and index != len(blocks) - 1:
        yield "it is an Average block before the last block; averages are a readout, not spikes"


def weights_have_integers(block: Any) -> Iterator[str]:
    """Weights must be multiples of 1/64 between -4 and 254/64, as SLAYER's own 8 bits give."""
    for name, synapse in synapses(block).items():
        scaled = scaled_weight(block, synapse)
        if not np.array_equal(scaled, np.round(scaled)):
            yield (
                f"its {name} are not multiples of 1/64, so they are not quantized; leave "
                "pre_hook_fx at the block's default"
            )
        low, high = scaled.min(), scaled.max()
        if low < loihi.WEIGHT_MIN or high > loihi.WEIGHT_MAX:
            yield (
                f"its {name} reach from {low:.0f} to {high:.0f} in integers and netx would clip "
                f"them to {loihi.WEIGHT_MIN}..{loihi.SLAYER_WEIGHT_MAX}; leave pre_hook_fx at the "
                "block's default (quantize_hook_fx takes 7 bits, not 8)"
            )


def biases_have_integers(block: Any) -> Iterator[str]:
    """Biases must be multiples of 1/64 that fit 13 bits, as SLAYER's own 8 bits give."""
    scaled = scaled_bias(block)
    if not np.isfinite(scaled).all() or not np.array_equal(scaled, np.round(scaled)):
        yield "its biases are not multiples of 1/64; leave the norm's pre_hook_fx at its default"
    elif scaled.min() < loihi.BIAS_MIN or scaled.max() > loihi.BIAS_MAX:
        yield (
            f"its biases reach from {scaled.min():.0f} to {scaled.max():.0f} in integers; Lava's "
            f"are {loihi.BIAS_MIN} to {loihi.BIAS_MAX}"
        )


def input_drives_the_voltage(block: Any) -> Iterator[str]:
    """The current of input neurons must not persist, since Lava adds the input to the voltage."""
    if not isinstance(block, INPUT):
        return
    if (decays(block)[0] != loihi.DECAY_ONE).any():
        yield "it is an Input block whose current persists, as Lava's cannot; set current_decay=1"
    if any(value != round(float(value)) for value in input_transform(block)):
        yield "its weight or bias is not a multiple of 1/64; leave pre_hook_fx at its default"
    if scaled_bias(block).any():
        yield "it is an Input block whose norm adds biases; give the block a bias instead"


def feedback_leaves_biases_alone(block: Any) -> Iterator[str]:
    """The biases of a recurrent block must not accumulate in its current.

    lava-dl stores the current after the norm, so they do unless the current decays in one step.
    """
    stored = isinstance(block, RECURRENT) and not isinstance(block.neuron, BiasedRecurrentNeuron)
    if stored and scaled_bias(block).any() and (decays(block)[0] != loihi.DECAY_ONE).any():
        yield (
            "the biases of its norm accumulate in its current, since lava-dl's Recurrent stores it "
            "after the norm; Lava adds biases to the voltage, so use norm=None or current_decay=1"
        )


def threshold_fits(block: Any) -> Iterator[str]:
    """The threshold must be 0 or more, and float32 must hold it with SLAYER's epsilon.

    The sum must lie between the threshold and the next voltage, or SLAYER fires at another step.
    """
    neuron = block.neuron
    threshold, above = neuron.threshold, neuron.threshold + neuron.threshold_eps
    if threshold < 0:
        yield f"its threshold is {threshold:g}; it must be 0 or more"
    elif neuron.v_th_mant > loihi.THRESHOLD_MAX:
        limit = loihi.THRESHOLD_MAX / loihi.SLAYER_SCALE
        yield f"its threshold is {threshold:g}; the chip's largest is {limit:g}"
    elif not threshold < float(np.float32(above)) < threshold + 2 * HALF_STATE_STEP:
        yield (
            f"its threshold is {threshold:g}; from {loihi.SLAYER_THRESHOLD_LIMIT:g} on float32 "
            "loses SLAYER's epsilon and it fires one step early, so train with a lower one, or set "
            f"block.neuron.threshold_eps to {HALF_STATE_STEP:.3g}"
        )


def delays_fit(block: Any) -> Iterator[str]:
    """Axonal delays must be 62 steps or less; SLAYER's forward pass clamps them to 0 or more."""
    if block.delay is None:
        return
    if not block.delay.init:
        yield "its delays are not initialized; run one forward pass before loading the weights"
        return
    longest = axonal_delays(block).max()
    if longest > loihi.DELAY_MAX:
        yield (
            f"its delays reach {longest} steps; the longest is {loihi.DELAY_MAX}, so train with "
            f"max_delay={loihi.DELAY_MAX}"
        )


def sums_are_exact(block: Any) -> Iterator[str]:
    """Weighted sums must be exact in float32, in which SLAYER computes them."""
    sums = [
        np.abs(scaled_weight(block, synapse)).reshape(len(synapse.weight), -1).sum(axis=1)
        for synapse in synapses(block).values()
    ]
    largest = int(sum(sums).max()) if sums else 0
    if largest >= loihi.ACCUMULATOR_LIMIT:
        yield (
            f"its weighted sums can reach {largest}; float32 is exact below "
            f"{loihi.ACCUMULATOR_LIMIT}, so use fewer senders"
        )


RULES = (
    weights_have_integers,
    biases_have_integers,
    input_drives_the_voltage,
    feedback_leaves_biases_alone,
    threshold_fits,
    delays_fit,
    sums_are_exact,
)
"""The rules for blocks with neurons; all of them run."""


def _delays_have_a_receiver(later: Sequence[Any], block: Any) -> Iterator[str]:
    """Axonal delays become delays of the receiving layer, which must support them."""
    if block.delay is None or not axonal_delays(block).any():
        return
    receivers = [each for each in later if not isinstance(each, (FLATTEN, AVERAGE))]
    if not receivers:
        yield (
            "it is the last layer and has axonal delays, which no layer receives; build it with "
            "delay=False"
        )
    elif isinstance(receivers[0], CONV):
        yield (
            "it has axonal delays and sends to a convolution, for which Lava has none; build it "
            "with delay=False"
        )
    elif isinstance(receivers[0], SynapticDense):
        longest = axonal_delays(block).max() + receivers[0].whole_delays().max()
        if longest > loihi.DELAY_MAX:
            yield (
                f"its axonal delays and the synaptic ones of the next block add up to {longest} "
                f"steps; the longest is {loihi.DELAY_MAX}, so give both a lower limit"
            )
