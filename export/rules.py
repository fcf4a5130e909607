"""What lava-dl's netx would get wrong about a network: small rules that all run.

Our own Lava graph takes weights as they are and needs none of them; they are for who loads the
`.net` file with stock lava-dl. Rules of one layer (ranges, shapes) live in `models.network`, rules
of a chip in `hw_sim.design_rules`.

Source: `lava.lib.dl.netx.utils.optimize_weight_bits` (lava-dl 0.6.0) and the clipping that follows
it in `lava.utils.weightutils.clip_weights` (lava-nc 0.10.0).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from models import loihi
from models.network import QuantizedNetwork

Rule: TypeAlias = Callable[[QuantizedNetwork], Iterator[str]]


def weights_not_all_zero(network: QuantizedNetwork) -> Iterator[str]:
    """Find layers of zeros, whose scale netx takes the logarithm of."""
    for index, layer in enumerate(network.layers):
        if not layer.weight.any():
            yield (
                f"layer {index} has no weight but 0, on which lava-dl's netx raises OverflowError; "
                "give it at least one other weight or leave it out"
            )


def negative_weights_not_down_to_a_power_of_two(network: QuantizedNetwork) -> Iterator[str]:
    """Find layers without a positive weight whose minimum -2^k netx scales to -256.

    In such a layer Lava takes magnitudes of 8 bits, which end at 255.
    """
    for index, layer in enumerate(network.layers):
        largest = -int(layer.weight.min())
        if layer.weight.max() <= 0 < largest and largest & (largest - 1) == 0:
            yield (
                f"layer {index} has no positive weight and the minimum {-largest}, minus a power "
                "of two, which stock Lava clips once lava-dl's netx has scaled it to -256; use "
                "another minimum or make one weight positive"
            )


def odd_weights_not_beside_zero_alone(network: QuantizedNetwork) -> Iterator[str]:
    """Find layers of odd and zero weights below the range of 7 bits.

    netx takes a layer with a zero for one of mixed signs, which needs a bit more, and Lava one
    without positive weights for an inhibitory one: together they shift by a negative number.
    """
    limit = loihi.WEIGHT_MIN // 2
    for index, layer in enumerate(network.layers):
        lowest, highest = int(layer.weight.min()), int(layer.weight.max())
        if highest == 0 and lowest < limit and (layer.weight & 1).any():
            yield (
                f"layer {index} has no positive weight, a 0, an odd one and the minimum {lowest}, "
                f"below {limit}, which stock netx and Lava truncate wrongly; make its weights even "
                "or one of them positive"
            )


def mixed_weights_below_the_maximum(network: QuantizedNetwork) -> Iterator[str]:
    """Find layers with the largest weight beside negative ones, where netx clips and prints."""
    limit = loihi.SLAYER_WEIGHT_MAX
    for index, layer in enumerate(network.layers):
        largest = int(layer.weight.max())
        if layer.weight.min() < 0 and largest > limit:
            yield (
                f"layer {index} has the weight {largest} beside negative ones, which lava-dl's "
                f"netx clips to {limit}; keep its weights at most {limit}"
            )


RULES: Final[tuple[Rule, ...]] = (
    weights_not_all_zero,
    negative_weights_not_down_to_a_power_of_two,
    odd_weights_not_beside_zero_alone,
    mixed_weights_below_the_maximum,
)


def check(network: QuantizedNetwork) -> tuple[str, ...]:
    """Return everything that stock netx would get wrong about `network`, one sentence each."""
    return tuple(problem for rule in RULES for problem in rule(network))
