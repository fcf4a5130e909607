"""Blocks of layers and what a spike reaches of them, one neuron and one kernel weight at a time."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest

from neurodeploy.hw_sim.blocks import Blocks, axis_reach, reach, whole
from neurodeploy.models.layers import ConvLayer, InputLayer, fan_out
from neurodeploy.models.network import CubaLif

NEURON = CubaLif(np.array([4096]), np.array([4096]), 10)


def drawn_convolution(seed: int) -> ConvLayer:
    """Draw a convolution of any stride, padding, dilation and number of groups."""
    rng = np.random.default_rng(seed)
    while True:
        groups, inputs, outputs = rng.integers(1, 4, 3)
        kernel, size = rng.integers(1, 4, 2), rng.integers(1, 9, 2)
        padding, dilation = rng.integers(0, 3, 2), rng.integers(1, 4, 2)
        if (size + 2 * padding > dilation * (kernel - 1)).all():
            return ConvLayer(
                np.ones((groups * outputs, inputs, *kernel), int),
                (groups * inputs, *size),
                NEURON,
                stride=tuple(rng.integers(1, 4, 2)),
                padding=tuple(padding),
                dilation=tuple(dilation),
                groups=groups,
            )


def drawn_blocks(layer: ConvLayer, seed: int) -> Blocks:
    rng = np.random.default_rng(seed)
    return Blocks(layer.shape, tuple(int(rng.integers(1, size + 1)) for size in layer.shape))


def boxes_by_definition(blocks: Blocks) -> dict[tuple[int, ...], list[tuple[int, ...]]]:
    """Return the places of the neurons of every block, by the block's place in the grid."""
    found: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for place in product(*map(range, blocks.shape)):
        found.setdefault(tuple(a // b for a, b in zip(place, blocks.size)), []).append(place)
    return found


def pairs_by_definition(layer: ConvLayer, blocks: Blocks) -> dict[tuple[int, int], int]:
    """Return the weights of every pair of sender and block: output neurons times kernel weights."""
    grid = {place: number for number, place in enumerate(product(*map(range, blocks.grid)))}
    inputs, outputs = layer.weight.shape[1], len(layer.weight) // layer.groups
    _, height, width = layer.input_shape
    found: Counter[tuple[int, int]] = Counter()
    for neuron in product(*map(range, layer.shape)):
        block = grid[tuple(a // b for a, b in zip(neuron, blocks.size))]
        for c, i, j in product(*map(range, layer.weight.shape[1:])):
            channel = neuron[0] // outputs * inputs + c
            y = neuron[1] * layer.stride[0] + i * layer.dilation[0] - layer.padding[0]
            x = neuron[2] * layer.stride[1] + j * layer.dilation[1] - layer.padding[1]
            if 0 <= y < height and 0 <= x < width:
                found[(channel * height + y) * width + x, block] += 1
    return found


@pytest.mark.parametrize(
    ("shape", "size"),
    [((7,), (3,)), ((8,), (4,)), ((1,), (1,)), ((5, 7), (5, 2)), ((5, 7), (2, 1)),
     ((2, 3, 5), (2, 3, 4)), ((4, 3, 5), (3, 1, 1)), ((3, 2, 2), (3, 2, 2))],
)  # fmt: skip
def test_every_neuron_is_in_the_block_of_its_place(shape, size):
    blocks = Blocks(shape, size)
    boxes = boxes_by_definition(blocks)
    order = list(product(*map(range, blocks.grid)))
    assert (blocks.count, blocks.grid) == (len(boxes), tuple(np.array(order[-1]) + 1))
    expected = [order.index(tuple(np.array(p) // size)) for p in product(*map(range, shape))]
    assert blocks.of_neuron().tolist() == expected
    counts = np.bincount(blocks.of_neuron())
    assert counts.tolist() == [len(boxes[place]) for place in order]
    assert blocks.neurons == counts.max() == counts[0]
    extents = [tuple(np.ptp(np.array(boxes[place]), axis=0) + 1) for place in order]
    assert blocks.sizes() == extents


@pytest.mark.parametrize("seed", range(60))
def test_what_a_spike_reaches_is_that_of_the_definition(seed):
    layer = drawn_convolution(seed)
    for blocks in (whole(layer), drawn_blocks(layer, seed), Blocks(layer.shape, (1, 1, 1))):
        found = reach(layer, blocks)
        expected = pairs_by_definition(layer, blocks)
        pairs = list(zip(found.sender.tolist(), found.block.tolist()))
        assert pairs == sorted(expected)  # each once, by sender and then by block
        assert found.synapses.tolist() == [expected[pair] for pair in pairs]


@pytest.mark.parametrize("seed", range(20))
def test_the_weights_that_a_spike_meets_in_all_blocks_are_its_fan_out(seed):
    layer = drawn_convolution(seed)
    found = reach(layer, drawn_blocks(layer, seed))
    total = np.bincount(found.sender, found.synapses, layer.inputs)
    assert total.tolist() == fan_out(layer).tolist()


def test_a_sender_that_no_kernel_reaches_has_no_pair():
    """Stride 2 of a kernel of one: of four columns the second and the last are never read."""
    layer = ConvLayer(np.ones((1, 1, 1, 1), int), (1, 1, 4), NEURON, stride=(1, 2))
    assert reach(layer, whole(layer)).sender.tolist() == [0, 2]


def test_padding_alone_reaches_nothing():
    layer = ConvLayer(np.ones((1, 1, 1, 1), int), (1, 1, 1), NEURON, stride=(3, 3), padding=(1, 1))
    found = reach(layer, whole(layer))
    assert len(found.sender) == len(found.block) == len(found.synapses) == 0


def test_columns_that_dilation_leaves_out_are_not_reached():
    """Outputs 0 and 2 of three read the middle of five inputs; output 1 lies between."""
    layer = ConvLayer(np.ones((1, 1, 1, 2), int), (1, 1, 5), NEURON, dilation=(1, 2))
    assert axis_reach(layer, Blocks(layer.shape, (1, 1, 1)), 2)[2].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("neurons", "excess", "parts"),
    [(100, 1.01, 2), (100, 2.0, 2), (100, 2.01, 3), (100, 8.7, 9), (100, 40, 34), (3, 50, 3)],
)
def test_a_vector_is_cut_into_so_many_parts_as_it_is_too_large(neurons, excess, parts):
    """40 parts of 100 neurons are parts of 3, of which 34 suffice; 3 neurons make 3 parts."""
    assert Blocks((neurons,), (neurons,)).smaller(excess).count == parts


def test_a_cut_vector_is_cut_into_times_more_parts():
    assert Blocks((96,), (32,)).smaller(1.5).size == (16,)
    assert Blocks((96,), (32,)).smaller(2.5).size == (11,)  # 9 parts, of 10.7


def test_images_are_cut_into_two_to_the_k_columns_then_rows_then_channels():
    blocks, sizes = Blocks((3, 5, 9), (3, 5, 9)), []
    while blocks.neurons > 1:
        blocks = blocks.smaller(1.1)
        sizes.append(blocks.size)
    assert sizes == [
        (3, 5, 8), (3, 5, 4), (3, 5, 2), (3, 5, 1), (3, 4, 1), (3, 2, 1), (3, 1, 1), (2, 1, 1),
        (1, 1, 1),
    ]  # fmt: skip
    assert blocks.smaller(9.0) == blocks


def test_an_image_without_channels_is_cut_by_columns_first():
    layer = InputLayer(NEURON, (6, 4))
    assert whole(layer).smaller(7.0).size == (6, 2)


@pytest.mark.parametrize("seed", range(30))
def test_cuts_get_smaller_until_every_neuron_is_alone(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 40, rng.choice([1, 2, 3])))
    blocks = Blocks(shape, shape)
    while blocks.neurons > 1:
        smaller = blocks.smaller(float(rng.uniform(1.001, 5)))
        assert smaller.neurons < blocks.neurons
        assert smaller.count > blocks.count
        blocks = smaller
    assert blocks.count == np.prod(shape)
