"""What no number of chips can hold, in the sentences that say so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers import with_limits

from neurodeploy.hw_sim.blocks import BudgetUse
from neurodeploy.hw_sim.chips import CHIPS, Chip, chip
from neurodeploy.hw_sim.design_rules import WAYS_OUT, check
from neurodeploy.hw_sim.placement import place
from neurodeploy.models.layers import ConvLayer, InputLayer
from neurodeploy.models.network import (
    CubaLif,
    Delta,
    DenseLayer,
    QuantizedNetwork,
    Sigma,
    SigmaDelta,
)

LOIHI1, LOIHI2 = chip("loihi1"), chip("loihi2")


def dense(weight, delay=0) -> DenseLayer:
    neuron = CubaLif(np.array([4096]), np.array([4096]), 10)
    return DenseLayer(np.atleast_2d(weight), neuron, np.full((1, 1), delay))


def mixed(neurons: int, senders: int, delay: int = 0) -> DenseLayer:
    """A layer that needs all eight bits: even weights of both signs."""
    weight = np.full((neurons, senders), -256)
    weight[0, 0] = 254
    return dense(weight, delay)


def problems(network: QuantizedNetwork, chip: Chip) -> tuple[str, ...]:
    return check(network, place(network, chip))


@pytest.mark.parametrize("chip", CHIPS.values(), ids=list(CHIPS))
def test_a_small_network_breaks_no_rule(chip):
    assert problems(QuantizedNetwork.chain((mixed(128, 12, 30), mixed(6, 128))), chip) == ()


@pytest.mark.parametrize("chip", CHIPS.values(), ids=list(CHIPS))
def test_large_odd_weights_of_mixed_signs_are_a_problem(chip):
    (problem,) = problems(QuantizedNetwork.chain((mixed(2, 2), dense([[-255, 254]]))), chip)
    assert problem == (
        f"layer 1 has mixed weights that need 9 bits; {chip.name} stores 8; make them multiples of "
        "two or keep them within -128 to 127"
    )


def test_small_odd_weights_of_mixed_signs_are_no_problem():
    assert problems(QuantizedNetwork.chain((dense([[-127, 126]]),)), LOIHI1) == ()


def test_too_large_a_fan_in_is_a_problem():
    assert problems(QuantizedNetwork.chain((dense(np.ones((2, 4096))),)), LOIHI1) == ()
    (problem,) = problems(QuantizedNetwork.chain((dense(np.ones((2, 4097))),)), LOIHI1)
    assert problem == (
        "layer 0 needs 4,097 input axons for one neuron; a neurocore of loihi1 has 4,096; "
        "give the layer fewer senders"
    )


def test_a_neuron_whose_synapses_fill_a_core_is_a_problem():
    """12001 lists of one word of 32 bits are 32 bits more than Loihi 2's 384000."""
    assert problems(QuantizedNetwork.chain((dense(np.ones((1, 12000))),)), LOIHI2) == ()
    assert problems(QuantizedNetwork.chain((dense(np.ones((1, 12001))),)), LOIHI2) == (
        "layer 0 needs 384,032 bits of synaptic memory for one neuron; a neurocore of loihi2 has "
        "384,000; give the layer fewer senders, shorter delays or narrower weights",
    )


def test_a_neuron_that_sends_to_too_many_neurocores_is_a_problem():
    """5000 neurocores of one neuron each listen to the first layer's neuron."""
    lonely = with_limits(LOIHI1, neurons_per_core=1)
    network = QuantizedNetwork.chain((dense(np.ones((1, 1))), dense(np.ones((5000, 1)))))
    assert problems(network, lonely) == (
        "layer 0 needs 5,000 output axons for one neuron; a neurocore of loihi1 has 4,096; "
        "make the next layer smaller, and this one where it is recurrent",
    )


def test_a_kernel_that_fills_a_core_is_a_problem():
    """A list of one synapse for each of 512 * 7 * 7 kernel weights: 25088 words of 32 bits."""
    neuron = CubaLif(np.array([4096]), np.array([4096]), 10)
    layer = ConvLayer(np.ones((2, 512, 7, 7), np.int16), (512, 7, 7), neuron)
    (problem,) = problems(QuantizedNetwork.chain((layer,)), LOIHI2)
    assert problem.startswith("layer 0 needs 802,816 bits of synaptic memory for one neuron")


def test_every_budget_has_a_way_out():
    small = with_limits(
        LOIHI1, neurons_per_core=1, synaptic_memory=1, input_axons_per_core=1,
        output_axons_per_core=1, decay_settings_per_core=1,
    )  # fmt: skip
    network = QuantizedNetwork.chain((dense(np.ones((2, 2))), dense(np.ones((2, 2)))))
    assert {use.name for use in place(network, small).layers[0].budgets} <= WAYS_OUT.keys()
    entry = place(network, small)
    for name in WAYS_OUT:
        full = (BudgetUse(name, 2, 1, "things"),)
        one = replace(entry, layers=(replace(entry.layers[0], budgets=full),))
        assert any(WAYS_OUT[name] in problem for problem in check(network, one))


def test_more_neurocores_than_one_chip_has_are_no_problem():
    """129 pieces of 9 words for each of 2048 senders are 145.1 times too much: parts of 57, which
    are 145."""
    network = QuantizedNetwork.chain((mixed(8256, 2048),))
    placement = place(network, LOIHI1)
    assert (placement.neurocores, placement.chips) == (145, 2)
    assert check(network, placement) == ()


def test_more_chips_than_the_largest_system_has_are_a_problem():
    """1025 neurons of one neurocore each, and 3, on chips of 128: 9 chips."""
    narrow = with_limits(LOIHI1, neurons_per_core=1, chips_max=8)
    network = QuantizedNetwork.chain((dense(np.ones((3, 1))), dense(np.ones((1025, 3)))))
    assert problems(network, narrow) == (
        "the network needs 1,028 neurocores on 9 chips; the largest system of loihi1 has 8 chips; "
        "make it smaller, first layer 1, which takes 1,025 because of its neurons",
    )
    assert problems(network, with_limits(narrow, chips_max=9)) == ()


def test_a_delay_past_the_chip_s_longest_is_a_problem():
    short = with_limits(LOIHI1, delay_max=30)
    (problem,) = problems(QuantizedNetwork.chain((mixed(2, 2, delay=31),)), short)
    assert problem == (
        "layer 0 has a delay of 31 steps; loihi1 delays a spike by at most 30; train with a "
        "maximum delay of 30"
    )


def test_graded_neurons_are_a_problem_where_the_chip_has_no_graded_spikes():
    layers = (
        InputLayer(Delta(1), (2,)),
        DenseLayer([[1, 1]], SigmaDelta(1)),
        DenseLayer([[1]], Sigma()),
    )
    network = QuantizedNetwork.chain(layers)
    assert problems(network, LOIHI2) == ()
    assert problems(network, LOIHI1) == (
        "layers 0 to 2, of delta (sigma-delta input), sigma-delta with ReLU and sigma (sigma-delta "
        "output) neurons, send graded spikes of 24 bits; loihi1 carries 0; use CUBA LIF neurons, "
        "or take a chip with wider graded spikes",
    )
    assert problems(QuantizedNetwork.chain(layers[:1]), LOIHI1) == (
        "layer 0, of delta (sigma-delta input) neurons, sends graded spikes of 24 bits; loihi1 "
        "carries 0; use CUBA LIF neurons, or take a chip with wider graded spikes",
    )


def test_graded_input_is_a_problem_where_the_chip_has_no_graded_spikes():
    network = QuantizedNetwork.chain((dense([[2, 2]]),), message_bits=8)
    assert problems(network, LOIHI2) == ()
    assert problems(network, LOIHI1) == (
        "the input sends graded spikes of 8 bits; loihi1 carries 0; send spikes of 0 or 1, or take "
        "a chip with wider graded spikes",
    )


def test_every_problem_is_reported_at_once():
    wide = dense(np.ones((2, 4097)))
    odd = dense([[-255, 254]])
    assert len(problems(QuantizedNetwork.chain((wide, odd)), LOIHI1)) == 2
