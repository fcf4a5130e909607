"""The rules of the netx format, against what lava-dl's netx and Lava really do with weights."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from neurodeploy.export import rules
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
    return QuantizedNetwork(tuple(DenseLayer(np.array(each), neuron) for each in weights))


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


def test_netx_raises_on_a_layer_of_zeros(stock):
    weight = np.zeros((2, 3), int)
    (problem,) = rules.check(network_of(weight))
    assert problem.startswith("layer 0 has no weight but 0")
    assert "OverflowError" in problem
    with np.errstate(divide="ignore"), pytest.raises(OverflowError):
        stock(weight)


@pytest.mark.parametrize("minimum", [-(1 << k) for k in range(9)])
def test_netx_stores_negative_weights_down_to_a_power_of_two_too_small(stock, minimum):
    for other in (min(minimum // 2, -1), 0):
        weight = np.array([[minimum, other]])
        (problem,) = rules.check(network_of(weight))
        assert f"the minimum {minimum}, minus a power of two" in problem
        with np.errstate(divide="ignore"):
            assert stock(weight)[0, 0] > minimum


@pytest.mark.parametrize("weights", [(-256, 1), (-64, 2), (-127, 0), (-254, 0), (-255, -3)])
def test_another_minimum_or_a_positive_weight_makes_it_exact(stock, weights):
    weight = np.array([weights])
    assert rules.check(network_of(weight)) == ()
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(stock(weight), weight)


@pytest.mark.parametrize("weights", [(-255, 0), (-129, 0), (-130, -1, 0)])
def test_netx_and_lava_truncate_odd_weights_beside_zero_wrongly(stock, weights):
    weight = np.array([weights])
    (problem,) = rules.check(network_of(weight))
    assert f"an odd one and the minimum {min(weights)}, below -128" in problem
    with np.errstate(divide="ignore"):
        assert not np.array_equal(stock(weight), weight)


def test_netx_clips_255_beside_negative_weights_and_prints(stock, capsys):
    weight = np.array([[255, -3]])
    (problem,) = rules.check(network_of(weight))
    assert "layer 0 has the weight 255" in problem
    assert "at most 254" in problem
    assert stock(weight)[0, 0] == 254
    assert "WARNING" in capsys.readouterr().out


def test_255_among_positive_weights_is_exact(stock):
    weight = np.array([[255, 3, 0]])
    assert rules.check(network_of(weight)) == ()
    np.testing.assert_array_equal(stock(weight), weight)


def test_every_problem_is_reported_with_its_layer():
    problems = rules.check(network_of([[0], [0]], [[-4, -2]], [[255], [-1]]))
    assert [problem[:7] for problem in problems] == ["layer 0", "layer 1", "layer 2"]


def test_rules_refuse_exactly_what_stock_netx_gets_wrong(stock, capsys):
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
