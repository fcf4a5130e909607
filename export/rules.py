"""Rules for networks that lava-dl's netx is to load correctly.

They matter only if the `.net` file is loaded with lava-dl; our own Lava graph needs none of them.
Rules for a single layer (ranges, shapes) are in `models.layers`, rules for a chip in
`hw_sim.design_rules`. The rules pass layers whose weights exceed 8 bits, which netx does not load
at all; `notes` names them.

Source: `lava.lib.dl.netx.utils.optimize_weight_bits`, `lava.lib.dl.netx.blocks.process` (lava-dl
0.6.0) and the clipping that follows in `lava.utils.weightutils.clip_weights` (lava-nc 0.10.0).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import numpy as np

from neurodeploy.models import loihi
from neurodeploy.models.arrays import IntArray
from neurodeploy.models.layers import ConvLayer, RecurrentLayer, max_delay, weights_of
from neurodeploy.models.network import QuantizedNetwork

Rule: TypeAlias = Callable[[QuantizedNetwork], Iterator[str]]


def _matrices(network: QuantizedNetwork) -> Iterator[tuple[int, IntArray]]:
    """Yield the index and the weights of each dense or recurrent layer.

    netx scales these: both matrices of a recurrent layer together, but no convolution kernels.
    """
    for index, layer in enumerate(network.layers):
        narrow = layer.synapses_per_weight == 1
        if narrow and not isinstance(layer, ConvLayer) and weights_of(layer):
            yield index, np.hstack(weights_of(layer))


def weights_not_all_zero(network: QuantizedNetwork) -> Iterator[str]:
    """Find layers with only zero weights; netx takes the logarithm of their scale."""
    for index, weight in _matrices(network):
        if not weight.any():
            yield (
                f"layer {index} has only zero weights, for which lava-dl's netx raises "
                "OverflowError; give it another weight or remove it"
            )


def inhibitory_minimum_not_a_power_of_two(network: QuantizedNetwork) -> Iterator[str]:
    """Find layers without positive weights whose minimum is -2^k, which netx scales to -256.

    Lava stores magnitudes of such a layer in 8 bits, at most 255.
    """
    for index, weight in _matrices(network):
        largest = -int(weight.min())
        if weight.max() <= 0 < largest and largest & (largest - 1) == 0:
            yield (
                f"layer {index} has no positive weight and the minimum {-largest}, a negative "
                "power of two, which lava-dl's netx scales to -256 and Lava clips; change the "
                "minimum or make one weight positive"
            )


def no_odd_inhibitory_weights_with_zeros(network: QuantizedNetwork) -> Iterator[str]:
    """Find layers with odd, zero and no positive weights whose minimum needs more than 7 bits.

    netx treats a layer with zeros as one of mixed signs, which needs one more bit. Lava treats a
    layer without positive weights as inhibitory. Together this shifts by a negative number.
    """
    limit = loihi.WEIGHT_MIN // 2
    for index, weight in _matrices(network):
        lowest, highest = int(weight.min()), int(weight.max())
        if highest == 0 and lowest < limit and (weight & 1).any():
            yield (
                f"layer {index} has no positive weight, a 0, an odd weight and the minimum "
                f"{lowest}, below {limit}, which netx and Lava truncate wrongly; make its weights "
                "even or one of them positive"
            )


def mixed_weights_at_most_254(network: QuantizedNetwork) -> Iterator[str]:
    """Find layers with negative weights and one above 254, which netx clips."""
    limit = loihi.SLAYER_WEIGHT_MAX
    for index, weight in _matrices(network):
        largest = int(weight.max())
        if weight.min() < 0 and largest > limit:
            yield (
                f"layer {index} has the weight {largest} and negative weights, so that lava-dl's "
                f"netx clips it to {limit}; keep its weights at most {limit}"
            )


def recurrent_delays_equal(network: QuantizedNetwork) -> Iterator[str]:
    """Find recurrent layers with different delays of input and recurrent spikes.

    netx has a single delay matrix for both.
    """
    for index, layer in enumerate(network.layers):
        if not isinstance(layer, RecurrentLayer) or layer.synapses_per_weight == 2:
            continue
        delays = layer.delay, layer.recurrent_delay
        if not any(each.any() for each in delays):
            continue
        square = layer.inputs == layer.neurons
        full = [np.broadcast_to(each, layer.recurrent.shape) for each in delays] if square else []
        if not square or (full[0] != full[1]).any():
            yield (
                f"layer {index} is recurrent with delays that lava-dl's netx cannot build: it has "
                "one square delay matrix for both weight matrices; remove the delays"
            )


def recurrent_weights_with_delays_not_scaled(network: QuantizedNetwork) -> Iterator[str]:
    """Find recurrent layers with delays whose weights netx scales up without compensation.

    It multiplies weights within -128..127 to fill 8 bits, and its recurrent layer with delays has
    no weight exponent.
    """
    low, high = loihi.WEIGHT_MIN // 2, loihi.WEIGHT_MAX // 2
    for index, layer in enumerate(network.layers):
        if not isinstance(layer, RecurrentLayer) or not max_delay(layer):
            continue
        weight = np.hstack(weights_of(layer))
        if low <= weight.min() and weight.max() <= high:
            yield (
                f"layer {index} is recurrent with delays and weights from {weight.min()} to "
                f"{weight.max()}, which lava-dl's netx scales up to 8 bits; give it a weight below "
                f"{low} or over {high}, or remove the delays"
            )


def no_average(network: QuantizedNetwork) -> Iterator[str]:
    """Find an average layer, which netx does not support."""
    if network.neurons_per_output > 1:
        yield (
            "lava-dl's netx does not build the average layer at the end; load the file there with "
            f"num_layers={len(network.layers)} and average groups of {network.neurons_per_output} "
            "outputs"
        )


def no_state_between_samples(network: QuantizedNetwork) -> Iterator[str]:
    """Find sigma-delta neurons, which netx does not reset between samples."""
    if any(layer.neuron.graded for layer in network.layers):
        yield "lava-dl's netx never resets sigma-delta neurons; build a new network per sample"


RULES: Final[tuple[Rule, ...]] = (
    weights_not_all_zero,
    inhibitory_minimum_not_a_power_of_two,
    no_odd_inhibitory_weights_with_zeros,
    mixed_weights_at_most_254,
    recurrent_delays_equal,
    recurrent_weights_with_delays_not_scaled,
    no_average,
    no_state_between_samples,
)


def check(network: QuantizedNetwork) -> tuple[str, ...]:
    """Return a sentence for every problem that lava-dl's netx would have with `network`."""
    return tuple(problem for rule in RULES for problem in rule(network))


def weights_within_8_bits(network: QuantizedNetwork) -> Iterator[str]:
    """Find layers whose weights take two synapses each; netx finds no weights in the file."""
    for index, layer in enumerate(network.layers):
        if layer.synapses_per_weight == 2:
            lowest = min(int(each.min()) for each in weights_of(layer))
            highest = max(int(each.max()) for each in weights_of(layer))
            yield (
                f"layer {index} has weights from {lowest} to {highest}, which take two synapses "
                "each; lava-dl's netx has no such layers and does not load the file, so build the "
                "network with neurodeploy.to_lava"
            )


def notes(network: QuantizedNetwork) -> tuple[str, ...]:
    """Return a sentence for every layer because of which netx refuses the file.

    They are no problems: whoever loads the file with netx gets an error, not another network.
    """
    return tuple(weights_within_8_bits(network))
