"""Placement on neurocores and the design rules of a chip, against arithmetic by hand."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from hw_sim.chip import CHIPS, Chip, chip
from hw_sim.design_rules import check
from hw_sim.placement import WeightFormat, decay_settings, place, synaptic_bits, weight_format
from models.layers import ConvLayer, InputLayer
from models.network import CubaLif, Delta, DenseLayer, QuantizedNetwork, Sigma, SigmaDelta

LOIHI1, LOIHI2 = chip("loihi1"), chip("loihi2")


def dense(weight, delay=0, current_decay=(4096,)) -> DenseLayer:
    neuron = CubaLif(np.array(current_decay), np.array([4096]), 10)
    return DenseLayer(np.atleast_2d(weight), neuron, np.full((1, 1), delay))


def mixed(neurons: int, senders: int, delay: int = 0) -> DenseLayer:
    """A layer that needs all eight bits: even weights of both signs."""
    weight = np.full((neurons, senders), -256)
    weight[0, 0] = 254
    return dense(weight, delay)


def problems(network: QuantizedNetwork, chip: Chip) -> tuple[str, ...]:
    return check(network, place(network, chip))


def with_limit(chip: Chip, name: str, value: int) -> Chip:
    row = replace(chip.limits[name], value=value)
    return replace(chip, limits=MappingProxyType({**chip.limits, name: row}))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([-256, 254], WeightFormat("mixed", 8, 0)),  # -128..127, times 2 as the hardware has it
        ([-127, 126], WeightFormat("mixed", 8, -1)),  # odd, but they fit eight bits
        ([-128, 128], WeightFormat("mixed", 2, 0)),  # mantissas -1 and 1: times 2^7
        ([-255, 254], WeightFormat("mixed", 9, 0)),  # odd and large: does not fit
        ([3, 255], WeightFormat("excitatory", 8, 0)),
        ([0, 6], WeightFormat("excitatory", 2, -5)),  # mantissas 0 and 3
        ([-255, 0], WeightFormat("inhibitory", 8, 0)),
        ([-256, -2], WeightFormat("inhibitory", 8, 1)),  # mantissas 128 and 1
        ([64, 1], WeightFormat("excitatory", 8, 0)),  # seven bits: there are 1 to 6, and 8
        ([0, 0], WeightFormat("excitatory", 1, -7)),
        ([-1, 1], WeightFormat("mixed", 2, -7)),
        ([-1, 0], WeightFormat("inhibitory", 1, -7)),
    ],
)
def test_weights_take_the_narrowest_format_that_holds_them(weights, expected):
    assert weight_format(dense(weights), LOIHI1) == expected


@pytest.mark.parametrize("step", [1, 2, 4, 32])
def test_a_format_that_fits_gives_every_weight_back(step):
    """weight = mantissa * 2^(8 - bits + exponent + mixed)."""
    rng = np.random.default_rng(step)
    for low, high in ((-64, 63), (0, 255), (-255, 0)):
        weight = rng.integers(low, high + 1, (5, 7)) // step * step
        found = weight_format(dense(weight), LOIHI1)
        unit = 2 ** (8 - found.bits + found.exponent + (found.signs == "mixed"))
        mantissa = weight // unit
        assert (mantissa * unit == weight).all()
        top = 2 ** (found.bits - 1) if found.signs == "mixed" else 2**found.bits
        assert abs(mantissa).max() <= top


def test_one_neuron_with_two_inputs_takes_two_words():
    """Each sender has a list of one synapse: 8 + 10 bits, rounded up to 64."""
    assert synaptic_bits(dense([-256, 254]), 1, LOIHI1) == 2 * 64


def test_a_list_of_synapses_breaks_after_64():
    """64 * 8 + 10 = 522 bits take 9 words, the 65th synapse another one; three senders."""
    layer = mixed(65, 3)
    assert synaptic_bits(layer, 64, LOIHI1) == 3 * 9 * 64
    assert synaptic_bits(layer, 65, LOIHI1) == 3 * (9 + 1) * 64


def test_delays_are_stored_with_every_synapse():
    """A delay of 62 takes 6 bits: 64 * 14 + 10 = 906 bits, 15 words."""
    assert synaptic_bits(mixed(64, 1, delay=62), 64, LOIHI1) == 15 * 64
    assert synaptic_bits(mixed(64, 1, delay=1), 64, LOIHI1) == 10 * 64  # 64 * 9 + 10 = 586


def test_loihi_2_counts_words_of_128_bits():
    assert synaptic_bits(mixed(64, 1), 64, LOIHI2) == 5 * 128  # 522 bits


@pytest.mark.parametrize(("neurons", "cores"), [(1000, 1), (1024, 1), (1025, 2), (2049, 4)])
def test_a_layer_is_halved_until_its_neurons_fit(neurons, cores):
    placement = place(QuantizedNetwork((dense(np.ones((neurons, 1))),)), LOIHI1)
    assert placement.neurocores == cores
    assert placement.layers[0].binding.name == "neurons"


def test_a_layer_is_halved_until_its_synapses_fit():
    """2048 lists of 8 pieces of 9 words are 9437184 bits; 1048576 fit: 512 / 16 = 32 neurons.

    At 64 neurons a core: 2048 * 9 * 64 = 1179648, too many; at 32: 266 bits, 5 words: 655360.
    """
    placed = place(QuantizedNetwork((mixed(512, 2048),)), LOIHI1).layers[0]
    assert (placed.neurocores, placed.neurons_per_core) == (16, 32)
    assert placed.binding.name == "synaptic memory"
    assert placed.binding.used == 655360


def test_a_neuron_takes_an_output_axon_to_every_core_of_the_next_layer():
    """The second layer takes 16 cores, so 512 neurons need 8192 axons: two cores of 4096."""
    placement = place(QuantizedNetwork((dense(np.ones((2048, 1))), mixed(512, 2048))), LOIHI1)
    first, second = placement.layers
    assert second.neurocores == 16
    assert (first.neurocores, first.neurons_per_core) == (8, 256)
    assert first.binding.name == "output axons"
    assert first.binding.used == 256 * 16


def test_layers_do_not_share_neurocores():
    placement = place(QuantizedNetwork((mixed(4, 2), mixed(3, 4), mixed(2, 3))), LOIHI1)
    assert [layer.neurocores for layer in placement.layers] == [1, 1, 1]
    assert placement.neurocores == 3


@pytest.mark.parametrize(("cores", "tiles"), [(1, 1), (4, 1), (5, 2)])
def test_four_neurocores_share_a_tile(cores, tiles):
    layers = (mixed(1, 1),) * cores
    assert place(QuantizedNetwork(layers), LOIHI1).tiles == tiles


def test_decay_settings_are_pairs_on_one_core():
    layer = dense(np.ones((6, 1)), current_decay=[1, 1, 2, 2, 3, 4])
    assert decay_settings(dense(np.ones((6, 1))), 6) == 0
    assert [decay_settings(layer, n) for n in (6, 2, 1)] == [4, 2, 1]


def test_the_channels_of_a_place_share_a_core():
    """Two channels with decays of their own and two places: each core of two neurons has both."""
    neuron = CubaLif(np.array([1, 2]), np.array([4096]), 10)
    assert decay_settings(ConvLayer(np.ones((2, 1, 1, 1)), (1, 1, 2), neuron), 2) == 2


def test_many_decay_settings_split_a_layer():
    layer = dense(np.ones((64, 1)), current_decay=np.arange(64))
    placed = place(QuantizedNetwork((layer,)), LOIHI1).layers[0]
    assert (placed.neurocores, placed.binding.name) == (4, "decay settings")


@pytest.mark.parametrize("chip", CHIPS.values(), ids=list(CHIPS))
def test_a_small_network_breaks_no_rule(chip):
    assert problems(QuantizedNetwork((mixed(128, 12, 30), mixed(6, 128))), chip) == ()


@pytest.mark.parametrize("chip", CHIPS.values(), ids=list(CHIPS))
def test_large_odd_weights_of_mixed_signs_are_a_problem(chip):
    (problem,) = problems(QuantizedNetwork((mixed(2, 2), dense([[-255, 254]]))), chip)
    assert problem == (
        f"layer 1 has mixed weights that need 9 bits; {chip.name} stores 8; make them multiples of "
        "two or keep them within -128 to 127"
    )


def test_small_odd_weights_of_mixed_signs_are_no_problem():
    assert problems(QuantizedNetwork((dense([[-127, 126]]),)), LOIHI1) == ()


def test_too_large_a_fan_in_is_a_problem():
    (problem,) = problems(QuantizedNetwork((dense(np.ones((2, 4097))),)), LOIHI1)
    assert problem == (
        "layer 0 needs 4097 axons of input axons for one neuron; a neurocore of loihi1 has 4096; "
        "give the layer fewer senders"
    )


def test_a_neuron_whose_synapses_fill_a_core_is_a_problem():
    """12001 lists of one word of 128 bits are 128 bits more than Loihi 2's 1536000."""
    assert problems(QuantizedNetwork((dense(np.ones((1, 12000))),)), LOIHI2) == ()
    (problem,) = problems(QuantizedNetwork((dense(np.ones((1, 12001))),)), LOIHI2)
    assert "layer 0 needs 1536128 bits of synaptic memory for one neuron" in problem


def test_more_neurocores_than_the_chip_has_are_a_problem():
    """With 2048 senders, 65 neurons take 10 words a list and 8 fit; 33 take 5: 8256 / 33 = 251."""
    (problem,) = problems(QuantizedNetwork((mixed(8256, 2048),)), LOIHI1)
    assert "the network needs 251 neurocores; loihi1 has 128" in problem
    assert "because of its synaptic memory" in problem


def test_a_delay_past_the_chip_s_longest_is_a_problem():
    short = with_limit(LOIHI1, "delay_max", 30)
    (problem,) = problems(QuantizedNetwork((mixed(2, 2, delay=31),)), short)
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
    network = QuantizedNetwork(layers)
    assert problems(network, LOIHI2) == ()
    found = problems(network, LOIHI1)
    assert [problem.split(",")[0] for problem in found] == ["layer 0", "layer 1", "layer 2"]
    assert found[1] == (
        "layer 1, of sigma-delta with ReLU neurons, sends graded spikes of 24 bits; loihi1 carries "
        "0; use CUBA LIF neurons, or take a chip with wider graded spikes"
    )


def test_graded_input_is_a_problem_where_the_chip_has_no_graded_spikes():
    network = QuantizedNetwork((dense([[2, 2]]),), message_bits=8)
    assert problems(network, LOIHI2) == ()
    assert problems(network, LOIHI1) == (
        "the input sends graded spikes of 8 bits; loihi1 carries 0; send spikes of 0 or 1, or take "
        "a chip with wider graded spikes",
    )


def test_every_problem_is_reported_at_once():
    wide = dense(np.ones((2, 4097)))
    odd = dense([[-255, 254]])
    assert len(problems(QuantizedNetwork((wide, odd)), LOIHI1)) == 2
