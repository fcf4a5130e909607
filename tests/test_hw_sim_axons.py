"""Axons between neurocores, against arithmetic by hand and the definition of a convolution."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from neurodeploy.hw_sim.blocks import (
    Blocks,
    Readers,
    input_axons,
    output_axons,
    readers_of,
    receivers,
    whole,
)
from neurodeploy.hw_sim.chips import chip
from neurodeploy.hw_sim.placement import place
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, RecurrentLayer
from neurodeploy.models.network import CubaLif, QuantizedNetwork

LOIHI1 = chip("loihi1")
NEURON = CubaLif(np.array([4096]), np.array([4096]), 10)


def convolution(weight_shape, input_shape, **options) -> ConvLayer:
    return ConvLayer(np.ones(weight_shape, int), input_shape, NEURON, **options)


def drawn_convolution(rng: np.random.Generator) -> ConvLayer:
    kernel, stride, padding = (tuple(rng.integers(*ends, 2)) for ends in ((1, 4), (1, 4), (0, 3)))
    groups, inputs, outputs = (int(n) for n in rng.integers(1, 4, 3))
    return convolution(
        (groups * outputs, inputs, *kernel), (groups * inputs, *rng.integers(5, 9, 2)),
        stride=stride, padding=padding, dilation=tuple(rng.integers(1, 3, 2)), groups=groups,
    )  # fmt: skip


def mixed(*shape: int) -> np.ndarray:
    """Return weights that need all eight bits."""
    weight = np.full(shape, -256)
    weight[0, 0] = 254
    return weight


def sights_by_definition(layer: ConvLayer, blocks: Blocks) -> dict[tuple, set[tuple]]:
    """Return the input neurons (channel, y, x) that each block sees, by its place in the grid."""
    inputs, outputs = layer.weight.shape[1], len(layer.weight) // layer.groups
    seen: dict[tuple, set[tuple]] = {}
    for neuron in product(*map(range, layer.shape)):
        block = seen.setdefault(tuple(a // b for a, b in zip(neuron, blocks.size)), set())
        for c, i, j in product(*map(range, layer.weight.shape[1:])):
            y = neuron[1] * layer.stride[0] + i * layer.dilation[0] - layer.padding[0]
            x = neuron[2] * layer.stride[1] + j * layer.dilation[1] - layer.padding[1]
            if 0 <= y < layer.input_shape[1] and 0 <= x < layer.input_shape[2]:
                block.add((neuron[0] // outputs * inputs + c, y, x))
    return seen


def drawn_cuts(layer: ConvLayer, rng: np.random.Generator) -> list[Blocks]:
    drawn = Blocks(layer.shape, tuple(int(rng.integers(1, size + 1)) for size in layer.shape))
    return [whole(layer), drawn, Blocks(layer.shape, (1, 1, 1))]


@pytest.mark.parametrize("seed", range(30))
def test_receivers_are_those_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    layer = drawn_convolution(rng)
    for blocks in drawn_cuts(layer, rng):
        seen = sights_by_definition(layer, blocks)
        senders = set().union(*seen.values())
        assert receivers(layer, blocks) == max(
            sum(sender in sight for sight in seen.values()) for sender in senders
        )


@pytest.mark.parametrize("seed", range(30))
def test_input_axons_of_a_convolution_are_the_places_that_a_block_sees(seed):
    """A spike carries its channel, so that all channels of a place share an axon."""
    rng = np.random.default_rng(seed)
    layer = drawn_convolution(rng)
    for blocks in drawn_cuts(layer, rng):
        seen = sights_by_definition(layer, blocks)
        expected = max(len({(y, x) for _, y, x in sight}) for sight in seen.values())
        assert input_axons(layer, blocks) == expected


def test_a_spike_to_a_dense_layer_goes_to_all_its_neurocores():
    assert receivers(DenseLayer(np.ones((10, 2), int), NEURON), Blocks((10,), (3,))) == 4


def test_a_spike_to_columns_of_an_image_goes_to_the_two_that_its_kernels_are_in():
    """49 columns in blocks of 4: a sender is in the kernels of up to 3 columns, in 2 blocks."""
    layer = convolution((36, 24, 5, 5), (24, 33, 101), stride=(2, 2))
    assert layer.shape == (36, 15, 49)
    blocks = Blocks(layer.shape, (36, 15, 4))
    assert (blocks.count, receivers(layer, blocks)) == (13, 2)


def test_three_rows_of_an_image_are_three_neurocores_of_one_row_each():
    layer = convolution((1, 1, 3, 3), (1, 4, 4), padding=(1, 1))
    assert [receivers(layer, Blocks(layer.shape, (1, rows, 4))) for rows in (1, 2, 4)] == [3, 2, 1]


def test_senders_that_no_kernel_reaches_send_nowhere():
    layer = convolution((1, 1, 1, 1), (1, 1, 1), stride=(3, 3), padding=(1, 1))
    assert receivers(layer, whole(layer)) == input_axons(layer, whole(layer)) == 0


def test_a_block_without_padding_sees_more_than_one_at_the_rim():
    """Blocks of two columns of a kernel of three: the first sees columns 0 to 2, others four."""
    layer = convolution((1, 1, 1, 3), (1, 2, 8), padding=(0, 1))
    assert input_axons(layer, Blocks(layer.shape, (1, 2, 2))) == 2 * 4


def test_a_dense_layer_needs_an_input_axon_a_sender_and_a_recurrent_one_its_own_too():
    dense = DenseLayer(np.ones((10, 7), int), NEURON)
    recurrent = RecurrentLayer(np.ones((10, 7), int), np.ones((10, 10), int), NEURON)
    for size in (1, 4, 10):
        assert input_axons(dense, Blocks((10,), (size,))) == 7
        assert input_axons(recurrent, Blocks((10,), (size,))) == 7 + 10
    assert input_axons(InputLayer(NEURON, (10,)), Blocks((10,), (4,))) == 0


def test_the_channels_of_a_place_share_an_output_axon_to_a_convolution():
    """12 places of 3 channels to 5 cores, with 2 entries each; 4 of 12 places in a column."""
    layer, readers = InputLayer(NEURON, (3, 4, 3)), Readers(5, convolve=True)
    assert output_axons(layer, whole(layer), readers, LOIHI1) == 12 * 5 * 2
    assert output_axons(layer, Blocks(layer.shape, (3, 4, 1)), readers, LOIHI1) == 4 * 5 * 2
    dense = Readers(5, convolve=False)
    assert output_axons(layer, whole(layer), dense, LOIHI1) == 36 * 5


@pytest.mark.parametrize("seed", range(20))
def test_readers_take_an_output_axon_to_every_neurocore_that_sees_a_place(seed):
    """The channels of a place may go to neurocores of different groups, one axon to each."""
    rng = np.random.default_rng(seed)
    layer = drawn_convolution(rng)
    for blocks in drawn_cuts(layer, rng):
        seen = sights_by_definition(layer, blocks)
        places = set().union(*seen.values())
        most = max(
            sum(any((c, y, x) in sight for c in range(layer.input_shape[0])) for sight in
                seen.values())
            for _, y, x in places
        )  # fmt: skip
        assert readers_of(layer, blocks) == Readers(most, convolve=True)


def test_groups_in_neurocores_of_their_own_take_an_output_axon_each():
    """Two channels with decays of their own, one setting a neurocore: each channel has its own,
    and each spike goes to one of them; a neurocore with both senders needs an axon to both."""
    neuron = CubaLif(np.array([1, 2]), np.array([4096]), 10)
    reader = ConvLayer(np.ones((2, 1, 1, 1), int), (2, 1, 1), neuron, groups=2)
    row = replace(LOIHI1.limits["decay_settings_per_core"], value=1)
    narrow = replace(LOIHI1, limits={**LOIHI1.limits, "decay_settings_per_core": row})
    placement = place(QuantizedNetwork((InputLayer(NEURON, (2, 1, 1)), reader)), narrow)
    assert [layer.neurocores for layer in placement.layers] == [1, 2]
    assert placement.layers[1].receivers == 1
    used = {budget.name: budget.used for budget in placement.layers[0].budgets}
    assert used["output axons"] == 1 * 2 * LOIHI1.limit("population_axon_entries")


def test_a_dense_layer_takes_the_spikes_of_an_image_with_an_axon_a_neuron():
    dense = DenseLayer(np.ones((10, 24), int), NEURON)
    assert readers_of(dense, Blocks((10,), (4,))) == Readers(3, convolve=False)


def test_a_recurrent_layer_needs_output_axons_to_its_own_neurocores():
    """A list of 112 synapses takes 9 + 7 words of 64 bits, and 1000 of them 1024000 of 1048576.

    2000 neurons: 31 pieces of 9 words and one of 3, 1000 times, are 17.2 times too much: 18 parts
    of 112. 1000 neurons: 15 of 9 and one of 6, 1001 times, are 8.6 times too much: 9 parts of 112.
    """
    recurrent = RecurrentLayer(mixed(1000, 1), mixed(1000, 1000), NEURON)
    placement = place(QuantizedNetwork((recurrent, DenseLayer(mixed(2000, 1000), NEURON))), LOIHI1)
    assert [layer.neurocores for layer in placement.layers] == [9, 18]
    used = {budget.name: budget.used for budget in placement.layers[0].budgets}
    assert used["output axons"] == 112 * (18 + 9)
