"""The rules of the netx format, against what lava-dl's netx and Lava really do with weights."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from neurodeploy.export import lava_graph, rules
from neurodeploy.models import lava_compat, loihi
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork

lava_compat.prepare()

from lava.lib.dl.netx.utils import optimize_weight_bits  # noqa: E402
from lava.utils.weightutils import (  # noqa: E402
    clip_weights,
    determine_sign_mode,
    truncate_weights,
)


def network_of(*weights: Any) -> QuantizedNetwork:
    neuron = CubaLif(np.array([1024]), np.array([410]), 100)
    return QuantizedNetwork.chain(tuple(DenseLayer(np.array(each), neuron) for each in weights))


@pytest.fixture
def stock():
    """Return the weights with which a network loaded by stock netx computes.

    netx scales them and says how many bits they take; its sign mode does not reach Lava's model
    (`AbstractPyDenseModelBitAcc.run_spk`), which determines its own.
    """

    def effective(weight: np.ndarray) -> np.ndarray:
        stored, bits, exponent, _ = optimize_weight_bits(weight.astype(int))
        mode = determine_sign_mode(stored)
        kept = truncate_weights(clip_weights(stored, mode, num_bits=8), mode, bits)
        return kept * 2.0**exponent

    return effective


WRONG = {
    "only zeros": ([[0, 0], [0, 0]], ("layer 0", "OverflowError")),
    **{
        f"{minimum} and {other}": ([[minimum, other]], ("layer 0", f"the minimum {minimum}"))
        for minimum in (-(1 << k) for k in range(9))
        for other in (min(minimum // 2, -1), 0)
    },
    **{
        f"odd down to {row[0]} and 0": ([row], ("an odd weight", str(row[0]), "-128"))
        for row in ((-255, 0), (-129, 0), (-130, -1, 0))
    },
    "255 and -3": ([[255, -3]], ("layer 0", "255", "at most 254")),
}
"""Weights, and what the one problem names."""


@pytest.mark.parametrize("case", WRONG)
def test_what_netx_gets_wrong_is_one_problem(case, stock):
    weight, named = np.array(WRONG[case][0]), WRONG[case][1]
    (problem,) = rules.check(network_of(weight))
    assert [each for each in named if each not in problem] == []
    with np.errstate(divide="ignore"):
        if "OverflowError" in named:
            with pytest.raises(OverflowError):
                stock(weight)
        else:
            assert not np.array_equal(stock(weight), weight)


@pytest.mark.parametrize(
    "weights", [(-256, 1), (-64, 2), (-127, 0), (-254, 0), (-255, -3), (255, 3, 0)]
)
def test_what_is_close_to_it_is_exact(stock, weights):
    weight = np.array([weights])
    assert rules.check(network_of(weight)) == ()
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(stock(weight), weight)


def test_both_synapses_of_a_16_bit_weight_are_exact_in_stock_lava():
    """Lava clips and truncates weights, and shifts their sum by the exponent of their group."""
    every = np.arange(-(1 << 15), 1 << 15, dtype=np.int16)[None]
    total = np.zeros(every.shape, int)
    for group in lava_graph.groups(every, 2):
        clipped = clip_weights(group.weight, group.sign_mode, num_bits=8)
        total += truncate_weights(clipped, group.sign_mode, 8) << group.exponent
    np.testing.assert_array_equal(total, every)


def test_every_problem_is_reported_with_its_layer():
    problems = rules.check(network_of([[0], [0]], [[-4, -2]], [[255], [-1]]))
    assert [problem[:7] for problem in problems] == ["layer 0", "layer 1", "layer 2"]


def test_rules_refuse_exactly_what_stock_netx_gets_wrong(stock):
    """Every pair of weights among the interesting ones."""
    values = sorted({s * (1 << k) + o for k in range(9) for s in (-1, 1) for o in (-1, 0, 1)})
    values = [v for v in values if loihi.WEIGHT_MIN <= v <= loihi.WEIGHT_MAX]
    refused = 0
    with np.errstate(divide="ignore"):
        for pair in itertools.combinations_with_replacement(values, 2):
            weight = np.array([pair])
            right = weight.any() and np.array_equal(stock(weight), weight)
            assert (rules.check(network_of(weight)) == ()) == right, pair
            refused += not right
    assert 0 < refused < len(values) ** 2 / 4


def test_what_the_rules_accept_is_exact_in_stock_netx(stock):
    rng = np.random.default_rng(11)
    accepted = 0
    with np.errstate(divide="ignore"):
        for _ in range(400):
            low, high = np.sort(rng.integers(loihi.WEIGHT_MIN, loihi.WEIGHT_MAX + 2, 2))
            weight = rng.integers(low, high + 1, rng.integers(1, 5, 2)) << rng.integers(0, 4)
            weight = np.clip(weight, loihi.WEIGHT_MIN, loihi.WEIGHT_MAX)
            if not rules.check(network_of(weight)):
                accepted += 1
                np.testing.assert_array_equal(stock(weight), weight)
    assert accepted > 200
