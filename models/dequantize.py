"""Convert an integer network back to a trainable SLAYER network with the same spikes.

It is the way back of `models.quantize`: an integer becomes that integer divided by 64 in SLAYER's
units, and a block rounds to the integers that its layer needs (`LayerSpec.weight_format`,
`weight_bits`, `bias_bits`). What SLAYER has no counterpart for is refused, all of it at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurodeploy.models import loihi
from neurodeploy.models.architecture import (
    Architecture,
    Delays,
    LayerSpec,
    WeightBits,
    WeightFormat,
)
from neurodeploy.models.blocks import WEIGHT_LIMITS, SynapticDense, synapses
from neurodeploy.models.errors import DesignRuleError
from neurodeploy.models.layers import ConvLayer, InputLayer, Layer, RecurrentLayer, weights_of
from neurodeploy.models.network import QuantizedNetwork, check_network
from neurodeploy.models.neurons import NEURONS, CubaLif
from neurodeploy.models.snn import SlayerNetwork

FEW_BITS: Final[tuple[WeightBits, ...]] = (4, 6)
"""Weights of fewer than 8 bits, fewest first."""

_STEPS: Final = (1, 2, 4, 8, 16, 32)


def to_slayer(
    network: QuantizedNetwork,
    *,
    weight_bits: WeightBits | None = None,
    tau_grad: float = 0.02,
    scale_grad: float = 1.0,
    kernels: str = "compiled",
) -> SlayerNetwork:
    """Return a trainable network with the spikes of a quantized network, in evaluation mode.

    Delays stay as they are in training, unless axonal ones get a learning rate. A neuron that fires
    whatever the input is, to send a constant, gets no gradient. `quantize` of the result gives the
    same layers, except that a bias, decay or delay for all neurons can become one per neuron.

    Args:
        network: the network; dense, recurrent and convolutional layers of CUBA LIF neurons.
        weight_bits: bits per weight, 8, 6 or 4; the fewest that hold the weights of all layers by
            default. Fewer bits round the weights, and with them the spikes.
        tau_grad: width of the surrogate gradient, relative to the threshold.
        scale_grad: scale of the surrogate gradient.
        kernels: "compiled", or lava-dl's own ("stock").

    Raises:
        DesignRuleError: if SLAYER cannot represent the network; names every layer and reason.

    Examples:
        >>> quantized = neurodeploy.quantize(run.model)
        >>> trainable = neurodeploy.to_slayer(quantized)
        >>> neurodeploy.check_equivalence(trainable, quantized, task.test).equal
        True
    """
    check_network(network)
    if problems := tuple(_problems(network)):
        raise DesignRuleError("the network to train", problems)
    bits = weight_bits or bits_of(network)
    specs = [
        _spec(network, index, bits, tau_grad=tau_grad, scale_grad=scale_grad)
        for index in range(len(network.layers))
    ]
    shape = network.input_shape if len(network.input_shape) in (1, 3) else (network.inputs,)
    with torch.random.fork_rng(devices=[]):
        made = SlayerNetwork(Architecture(shape, tuple(specs)), kernels)
    made.spreads_delays = False
    made.set_progress(0.0)
    made.task, made.provenance = network.task, network.provenance
    with torch.no_grad():
        for index, (block, layer) in enumerate(zip(made.layers, network.layers)):
            _set_weights(block, layer)
            _set_neurons(block, layer)
            _set_delays(block, made.architecture.layers[index], network.layers[index:])
    for block, layer in zip(made.layers, network.layers):
        _hold(block, torch.from_numpy(~constant_neurons(layer)))
    return made.eval()


def bits_of(network: QuantizedNetwork) -> WeightBits:
    """Return the fewest bits, 4, 6 or 8, that hold the weights of every layer, sign included."""
    for bits in FEW_BITS:
        if all(_fits(layer, bits) for layer in network.layers):
            return bits
    return 8


def _fits(layer: Layer, bits: int) -> bool:
    weight, half = _flat(layer), 1 << (bits - 1)
    return any(
        not (weight % step).any()
        and -half * step <= weight.min(initial=0)
        and weight.max(initial=0) <= (half - 1) * step
        for step in _STEPS
        if step * half <= -loihi.WEIGHT_MIN
    )


def _flat(layer: Layer) -> NDArray[np.int64]:
    """Return all weights of a layer, int64 (weights,)."""
    return np.concatenate([weight.reshape(-1) for weight in weights_of(layer)]).astype(np.int64)


def weight_format(layer: Layer) -> WeightFormat | None:
    """Return the integers that hold a layer's weights in 8 bits, or None if none do."""
    weight = _flat(layer)
    if not (weight & 1).any() and weight.max(initial=0) <= loihi.SLAYER_WEIGHT_MAX:
        return "even"
    fit = (name for name, (low, high) in WEIGHT_LIMITS.items() if _within(weight, low, high))
    return next(fit, None)


def _within(weight: NDArray[np.int64], low: int, high: int) -> bool:
    return low <= int(weight.min()) and int(weight.max()) <= high


def constant_neurons(layer: Any) -> NDArray[np.bool_]:
    """Return which neurons of a layer fire whatever the input is, bool (neurons,).

    Such a neuron has a bias over its threshold and no input, or relays others of its kind: a bias
    of its threshold, and recurrent weights from them only. It is how a constant passes a current
    filter on Loihi; see `models.loihi_form`. A convolution, whose pixels share weights, has none.
    """
    if isinstance(layer, (ConvLayer, InputLayer)):
        return np.zeros(layer.neurons, np.bool_)
    weight, *recurrent = weights_of(layer)
    bias = np.broadcast_to(layer.neuron.bias, (layer.neurons,))
    free, fires = ~weight.any(axis=1), bias > layer.neuron.threshold
    if not recurrent:
        return free & fires  # type: ignore[no-any-return]
    (own,), found = recurrent, np.zeros(layer.neurons, np.bool_)
    while True:
        relays = (own[:, found] > 0).any(axis=1) & (bias == layer.neuron.threshold)
        more = free & ~own[:, ~found].any(axis=1) & (fires | relays)
        if (more == found).all():
            return found
        found = more


# What SLAYER cannot represent


def _problems(network: QuantizedNetwork) -> Iterator[str]:
    """Yield a sentence for everything that SLAYER has no counterpart for."""
    if network.message_bits:
        yield (
            f"its input is graded spikes of {network.message_bits} bits, and training takes binary "
            "spikes; encode the input as spikes of 0 and 1"
        )
    if network.neurons_per_output > 1:
        yield (
            f"{network.neurons_per_output} neurons are averaged per output, and training counts "
            "the spikes of one; train the network where it comes from"
        )
    for index, layer in enumerate(network.layers):
        known = not isinstance(layer, InputLayer) and isinstance(layer.neuron, CubaLif)
        found = _layer_problems(index, layer) if known else _kind_problems(layer)
        yield from (f"layer {index} {problem}" for problem in found)


def _kind_problems(layer: Layer) -> Iterator[str]:
    kind = NEURONS[type(layer.neuron)]
    if isinstance(layer, InputLayer):
        yield f"is an input layer of {kind} neurons; training takes spikes, so leave it out"
    else:
        yield f"has {kind} neurons; SLAYER trains CUBA LIF neurons"


def _layer_problems(index: int, layer: Any) -> Iterator[str]:
    neuron = layer.neuron
    if neuron.threshold > loihi.THRESHOLD_MAX:
        yield "never fires, so it has no spikes to train; give it a threshold"
    if neuron.threshold == 0:
        yield "has the threshold 0, where the surrogate gradient has no width; give 1 or more"
    weight = _flat(layer)
    if weight.min() < loihi.WEIGHT_MIN or weight.max() > loihi.WEIGHT_MAX:
        yield (
            f"has weights from {weight.min()} to {weight.max()}, which take two synapses each, and "
            "training takes one; quantize the network to 8 bits"
        )
    elif weight_format(layer) is None:
        yield (
            f"has weights from {weight.min()} to {weight.max()} that 8 bits do not hold: odd ones "
            "range from -128 to 127, or to 255 without negative ones; round them to even numbers "
            "from -256 to 254"
        )
    if isinstance(layer, ConvLayer):
        yield from _conv_problems(layer)
    if isinstance(layer, RecurrentLayer):
        if layer.recurrent_delay.any():
            yield "delays its recurrent spikes, which SLAYER cannot; set recurrent_delay to 0"
        if layer.delay_kind not in ("none", "axonal") or (index == 0 and layer.delay.any()):
            yield (
                "is recurrent with delays of its input, which SLAYER has only for the spikes of "
                "the layer before; set them to 0"
            )


def _conv_problems(layer: Any) -> Iterator[str]:
    channels = len(layer.weight)
    for name, parts in (("current_decay", 1), ("voltage_decay", 1), ("bias", channels)):
        values = getattr(layer.neuron, name)
        if values.size > parts and _varies(values, parts):
            per = "channel" if values.size == channels else "neuron"
            yield f"is a convolution with one {name} per {per}, which SLAYER has not; share it"


def _varies(values: NDArray[Any], groups: int) -> bool:
    """Return whether values differ within one of `groups` equal parts."""
    rows = values.reshape(groups, -1)
    return bool((rows != rows[:, :1]).any())


# The description of a layer


def _spec(network: QuantizedNetwork, index: int, bits: WeightBits, **values: Any) -> LayerSpec:
    """Return the description of a layer."""
    layer: Any = network.layers[index]
    neuron = layer.neuron
    several = not isinstance(layer, ConvLayer) and (
        max(neuron.current_decay.size, neuron.voltage_decay.size) > 1
    )
    after = network.layers[index + 1] if index + 1 < len(network.layers) else None
    format_ = weight_format(layer) if bits == 8 else None
    return LayerSpec(
        **_shape_fields(layer),
        delays=_delays(layer, index, network, after),
        bias=bool(neuron.bias.any()),
        bias_bits=13,
        threshold=neuron.threshold / loihi.SLAYER_SCALE,
        current_decay=float(neuron.current_decay[0]) / loihi.DECAY_ONE,
        voltage_decay=float(neuron.voltage_decay[0]) / loihi.DECAY_ONE,
        learn_decays="neuron" if several else "no",
        weight_bits=bits,
        weight_format=format_ or "even",
        **values,
    )


def _shape_fields(layer: Any) -> dict[str, Any]:
    if not isinstance(layer, ConvLayer):
        kind = "recurrent" if isinstance(layer, RecurrentLayer) else "dense"
        return {"kind": kind, "neurons": layer.neurons}
    return {
        "kind": "conv",
        "channels": len(layer.weight),
        "kernel_size": tuple(layer.weight.shape[2:]),
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": layer.dilation,
        "groups": layer.groups,
    }


def _delays(layer: Layer, index: int, network: QuantizedNetwork, after: Layer | None) -> Delays:
    """Return the kind of delays of a block: axonal ones are in the layer after it."""
    before = network.layers[index - 1] if index else None
    if _own_delays(before, layer):
        return "synaptic"
    return "none" if after is None or _axonal(layer, after) is None else "axonal"


def _own_delays(before: Layer | None, layer: Any) -> bool:
    """Return whether a layer needs delays per synapse: they are not those of the layer before."""
    if layer.delay_kind == "none":
        return False
    return before is None or _axonal(before, layer) is None


def _axonal(layer: Layer, after: Any) -> NDArray[np.int64] | None:
    """Return the delays of a layer's spikes, one per neuron or channel, or None without any.

    Delays that differ within a channel are not axonal in SLAYER.
    """
    if after.delay_kind != "axonal":
        return None
    per_neuron = np.broadcast_to(after.delay.reshape(-1), (after.inputs,)).astype(np.int64)
    rows = per_neuron.reshape(layer.shape[0], -1)
    return None if (rows != rows[:, :1]).any() else rows[:, 0]


# The parameters


def _scaled(values: NDArray[Any]) -> Tensor:
    """Return integers in SLAYER's units, float32."""
    return torch.from_numpy(values.astype(np.float32) / loihi.SLAYER_SCALE)


def _set_weights(block: Any, layer: Layer) -> None:
    for synapse, weight in zip(synapses(block).values(), weights_of(layer), strict=True):
        synapse.weight.copy_(_scaled(weight).reshape(synapse.weight.shape))


def _set_neurons(block: Any, layer: Any) -> None:
    neuron, size = layer.neuron, len(layer.weight)
    for name in ("current_decay", "voltage_decay"):
        target, values = getattr(block.neuron, name), getattr(neuron, name)
        target.copy_(torch.from_numpy(np.broadcast_to(values[: len(target)], len(target)).copy()))
    if block.neuron.norm is not None:
        values = neuron.bias if neuron.bias.size == 1 else neuron.bias.reshape(size, -1)[:, 0]
        block.neuron.norm.values.copy_(_scaled(np.broadcast_to(values, size)))


def _set_delays(block: Any, spec: LayerSpec, layers: Any) -> None:
    """Set the delays of a block; `layers` are its layer and those after it.

    SLAYER rounds axonal delays down, so they start half a step higher.
    """
    if isinstance(block, SynapticDense):
        own = np.broadcast_to(layers[0].delay, layers[0].weight.shape)
        block.synaptic_delay.copy_(torch.from_numpy(own.astype(np.float32)))
    if block.delay is not None:
        delays = _axonal(layers[0], layers[1])
        assert delays is not None
        start = torch.from_numpy(delays.astype(np.float32)) + 0.5
        block.delay.delay.copy_(start.clamp(max=spec.max_delay))


def _hold(block: Any, learns: Tensor) -> None:
    """Let neurons without `learns`, bool (neurons,), get no gradient of their own parameters."""
    if bool(learns.all()):
        return

    def masked(grad: Tensor) -> Tensor:
        return grad * learns.to(grad).reshape(-1, *[1] * (grad.ndim - 1))

    held = [synapse.weight for synapse in synapses(block).values()]
    held += [block.neuron.norm.values, block.neuron.current_decay, block.neuron.voltage_decay]
    held += [] if block.delay is None else [block.delay.delay]
    for parameter in held:
        if parameter.requires_grad and len(parameter) == len(learns):
            parameter.register_hook(masked)
