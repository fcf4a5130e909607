"""What lava-dl's netx gets wrong about a network, one small rule each; all of them run.

They matter to someone who loads the `.net` file with lava-dl; our own Lava graph needs none of
them. Rules of a single layer (ranges, shapes) are in `models.layers`, rules of a chip in
`hw_sim.design_rules`.

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
    """Yield the weights of each dense or recurrent layer, which netx scales, with its index.

    netx scales both weights of a recurrent layer together and no kernels of convolutions.
    """
    for index, layer in enumerate(network.layers):
        if not isinstance(layer, ConvLayer) and weights_of(layer):
            yield index, np.hstack(weights_of(layer))


def weights_not_all_zero(network: QuantizedNetwork) -> Iterator[str]:
    """Find layers of zeros; netx takes the logarithm of their scale."""
    for index, weight in _matrices(network):
        if not weight.any():
            yield (
                f"layer {index} has only zero weights, for which lava-dl's netx raises "
                "OverflowError; give it another weight or remove it"
            )


def negative_weights_not_down_to_a_power_of_two(network: QuantizedNetwork) -> Iterator[str]:
    """Find layers without a positive weight whose minimum -2^k netx scales to -256.

    Magnitudes in such a layer have 8 bits in Lava, at most 255.
    """
    for index, weight in _matrices(network):
        largest = -int(weight.min())
        if weight.max() <= 0 < largest and largest & (largest - 1) == 0:
            yield (
                f"layer {index} has no positive weight and the minimum {-largest}, a negative "
                "power of two, which lava-dl's netx scales to -256 and Lava clips; use another "
                "minimum or make one weight positive"
            )


def odd_weights_not_beside_zero_alone(network: QuantizedNetwork) -> Iterator[str]:
    """Find layers with odd, zero and no positive weights whose minimum needs more than 7 bits.

    netx treats a layer with a zero as one of mixed signs, which needs one bit more, and Lava treats
    a layer without positive weights as inhibitory: together they shift by a negative number.
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


def mixed_weights_below_the_maximum(network: QuantizedNetwork) -> Iterator[str]:
    """Find layers with the largest weight and negative ones, where netx clips and prints."""
    limit = loihi.SLAYER_WEIGHT_MAX
    for index, weight in _matrices(network):
        largest = int(weight.max())
        if weight.min() < 0 and largest > limit:
            yield (
                f"layer {index} has the weight {largest} and negative weights, so that lava-dl's "
                f"netx clips it to {limit}; keep its weights at most {limit}"
            )


def delays_of_recurrent_layers_alike(network: QuantizedNetwork) -> Iterator[str]:
    """Find recurrent layers whose delays netx cannot build: it has one array for both weights."""
    for index, layer in enumerate(network.layers):
        if not isinstance(layer, RecurrentLayer):
            continue
        delays = layer.delay, layer.recurrent_delay
        if not any(each.any() for each in delays):
            continue
        square = layer.inputs == layer.neurons
        full = [np.broadcast_to(each, layer.recurrent.shape) for each in delays] if square else []
        if not square or (full[0] != full[1]).any():
            yield (
                f"layer {index} is recurrent with delays that lava-dl's netx cannot build: it has "
                "one square array for both weights; leave the delays out"
            )


def weights_of_delayed_recurrent_layers_unscaled(network: QuantizedNetwork) -> Iterator[str]:
    """Find recurrent layers with delays whose weights netx scales up and does not scale back.

    It multiplies weights from -128 to 127 to fill 8 bits; its recurrent layer with delays has no
    weight exponent.
    """
    low, high = loihi.WEIGHT_MIN // 2, loihi.WEIGHT_MAX // 2
    for index, layer in enumerate(network.layers):
        if not isinstance(layer, RecurrentLayer) or not max_delay(layer):
            continue
        weight = np.hstack(weights_of(layer))
        if low <= weight.min() and weight.max() <= high:
            yield (
                f"layer {index} is recurrent with delays and weights from {weight.min()} to "
                f"{weight.max()}, which lava-dl's netx inflates to 8 bits; give it a weight below "
                f"{low} or over {high}, or leave the delays out"
            )


def no_average(network: QuantizedNetwork) -> Iterator[str]:
    """Find an average layer, which netx refuses."""
    if network.neurons_per_output > 1:
        yield (
            "lava-dl's netx does not build the average layer at the end; load the file there with "
            f"num_layers={len(network.layers)} and average groups of {network.neurons_per_output} "
            "outputs"
        )


def no_state_between_samples(network: QuantizedNetwork) -> Iterator[str]:
    """Find sigma-delta neurons, which netx never resets."""
    if any(layer.neuron.graded for layer in network.layers):
        yield ("lava-dl's netx never resets sigma-delta neurons; run one sample per network there")


RULES: Final[tuple[Rule, ...]] = (
    weights_not_all_zero,
    negative_weights_not_down_to_a_power_of_two,
    odd_weights_not_beside_zero_alone,
    mixed_weights_below_the_maximum,
    delays_of_recurrent_layers_alike,
    weights_of_delayed_recurrent_layers_unscaled,
    no_average,
    no_state_between_samples,
)


def check(network: QuantizedNetwork) -> tuple[str, ...]:
    """Return what stock netx gets wrong about `network`, one sentence each."""
    return tuple(problem for rule in RULES for problem in rule(network))
