"""Blocks of layers, their budgets and axons, against arithmetic by hand and definitions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from helpers import with_limits

from neurodeploy.hw_sim.blocks import (
    Blocks,
    Cut,
    Readers,
    WeightFormat,
    budgets_of,
    decay_settings,
    input_axons,
    output_axons,
    reach,
    readers_of,
    receivers,
    synapse_format,
    synaptic_bits,
    weight_format,
    whole,
)
from neurodeploy.hw_sim.chips import CHIPS, Chip, chip
from neurodeploy.hw_sim.placement import place
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, RecurrentLayer
from neurodeploy.models.network import CubaLif, Delta, QuantizedNetwork, SigmaDelta
from neurodeploy.models.synapses import fan_out, stored_fan_out

NEURON = CubaLif(np.array([4096]), np.array([4096]), 10)


def drawn_convolution(seed: int) -> ConvLayer:
    """Draw a convolution of any stride, padding, dilation and number of groups, a third zeros."""
    rng = np.random.default_rng(seed)
    while True:
        groups, inputs, outputs = rng.integers(1, 4, 3)
        kernel, size = rng.integers(1, 4, 2), rng.integers(1, 9, 2)
        padding, dilation = rng.integers(0, 3, 2), rng.integers(1, 4, 2)
        if (size + 2 * padding > dilation * (kernel - 1)).all():
            return ConvLayer(
                rng.integers(-1, 2, (groups * outputs, inputs, *kernel)),
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
    for neuron in product(*map(range, blocks.shape)):
        found.setdefault(tuple(a // b for a, b in zip(neuron, blocks.size)), []).append(neuron)
    return found


def lists_by_definition(
    layer: ConvLayer, blocks: Blocks, *, zeros: bool = False
) -> dict[tuple[int, int], Counter[tuple[int, ...]]]:
    """Return the weights from a sender to a block that each use of a kernel weight adds.

    Uses are told apart by the place of the output, since each reads a list of its own."""
    grid = {place: number for number, place in enumerate(product(*map(range, blocks.grid)))}
    inputs, outputs = layer.weight.shape[1], len(layer.weight) // layer.groups
    _, height, width = layer.input_shape
    found: dict[tuple[int, int], Counter[tuple[int, ...]]] = {}
    for neuron in product(*map(range, layer.shape)):
        block = grid[tuple(a // b for a, b in zip(neuron, blocks.size))]
        for c, i, j in product(*map(range, layer.weight.shape[1:])):
            channel = neuron[0] // outputs * inputs + c
            y = neuron[1] * layer.stride[0] + i * layer.dilation[0] - layer.padding[0]
            x = neuron[2] * layer.stride[1] + j * layer.dilation[1] - layer.padding[1]
            if 0 <= y < height and 0 <= x < width and (zeros or layer.weight[neuron[0], c, i, j]):
                pair = (channel * height + y) * width + x, block
                found.setdefault(pair, Counter())[neuron[1:]] += 1
    return found


def pairs_by_definition(
    layer: ConvLayer, blocks: Blocks, *, zeros: bool = False
) -> dict[tuple[int, int], int]:
    """Return the weights of every pair of sender and block: output neurons times kernel weights."""
    lists = lists_by_definition(layer, blocks, zeros=zeros)
    return {pair: each.total() for pair, each in lists.items()}


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
        found = reach(layer, blocks, LOIHI1)
        expected = pairs_by_definition(layer, blocks)
        pairs = list(zip(found.sender.tolist(), found.block.tolist()))
        assert pairs == sorted(expected)  # each once, by sender and then by block
        assert found.synapses.tolist() == [expected[pair] for pair in pairs]


@pytest.mark.parametrize("seed", range(20))
def test_every_list_of_synapses_is_read_in_whole_words(seed):
    """Words of 16 bits hold two synapses, after a header of 4 bits; lists break after 3."""
    layer = drawn_convolution(seed)
    small = with_limits(LOIHI2, synapse_list_word=16, synapse_list_header=4, synapse_list_length=3)
    blocks = drawn_blocks(layer, seed)
    found = reach(layer, blocks, small)
    lists = lists_by_definition(layer, blocks)
    words = (0, 1, 2, 2)  # of 0 to 3 synapses: 12, 20 and 28 bits
    for sender, block, read in zip(found.sender, found.block, found.words):
        expected = lists[int(sender), int(block)].values()
        assert read == sum(n // 3 * 2 + words[n % 3] for n in expected)


@pytest.mark.parametrize("seed", range(20))
def test_the_weights_that_a_spike_meets_in_all_blocks_are_its_stored_fan_out(seed):
    layer = drawn_convolution(seed)
    found = reach(layer, drawn_blocks(layer, seed), LOIHI1)
    total = np.bincount(found.sender, found.synapses, layer.inputs)
    assert total.tolist() == stored_fan_out(layer.synapse()).tolist()
    connected = pairs_by_definition(layer, whole(layer), zeros=True)
    assert fan_out(layer.synapse()).tolist() == [
        connected.get((n, 0), 0) for n in range(layer.inputs)
    ]


@pytest.mark.parametrize(
    ("neurons", "excess", "parts"),
    [(100, 1.01, 2), (100, 2.0, 2), (100, 2.01, 3), (100, 8.7, 9), (100, 40, 34), (3, 50, 3)],
)
def test_a_vector_is_cut_into_so_many_parts_as_it_is_too_large(neurons, excess, parts):
    """40 parts of 100 neurons are parts of 3, of which 34 suffice; 3 neurons make 3 parts."""
    assert Blocks((neurons,), (neurons,)).smaller(excess).count == parts


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


LOIHI1, LOIHI2 = chip("loihi1"), chip("loihi2")


def dense(weight, delay=0, current_decay=(4096,)) -> DenseLayer:
    neuron = CubaLif(np.array(current_decay), np.array([4096]), 10)
    return DenseLayer(np.atleast_2d(weight), neuron, np.full((1, 1), delay))


def mixed(*shape: int) -> np.ndarray:
    """Return weights that need all eight bits: even ones of both signs."""
    weight = np.full(shape, -256)
    weight[(0,) * len(shape)] = 254
    return weight


def bits(layer, size, chip: Chip = LOIHI1) -> int:
    """Return the bits of a block of so many neurons, or of this size."""
    blocks = Blocks(layer.shape, size if isinstance(size, tuple) else (size,))
    return synaptic_bits(layer, blocks, each=synapse_format(layer, chip), chip=chip)


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


@pytest.mark.parametrize("weights", [[0, 6], [-1, 1], [0, 0], [-256, 254]])
def test_loihi_2_stores_every_weight_in_eight_bits(weights):
    """Intel's compiler prints memory for eight bits where three to six would do."""
    assert weight_format(dense(weights), LOIHI2).bits == 8


@pytest.mark.parametrize("step", [1, 2, 4, 32])
@pytest.mark.parametrize("chip", CHIPS.values(), ids=list(CHIPS))
def test_a_format_that_fits_gives_every_weight_back(chip, step):
    """weight = mantissa * 2^(8 - bits + exponent + mixed)."""
    rng = np.random.default_rng(step)
    for low, high in ((-64, 63), (0, 255), (-255, 0)):
        weight = rng.integers(low, high + 1, (5, 7)) // step * step
        found = weight_format(dense(weight), chip)
        unit = 2.0 ** (8 - found.bits + found.exponent + (found.signs == "mixed"))
        mantissa = weight / unit
        assert (mantissa == np.round(mantissa)).all()
        top = 2 ** (found.bits - 1) if found.signs == "mixed" else 2**found.bits
        assert abs(mantissa).max() <= top


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([-32_768, 32_767], WeightFormat("mixed", 8, 7, 8)),
        ([0, 32_767], WeightFormat("mixed", 8, 7, 8)),
        ([-2_048, 2_047], WeightFormat("mixed", 4, 3, 8)),  # high: -8..7
        ([256, 0], WeightFormat("mixed", 2, 1, 1)),  # high: 0..1, low: 0
        ([-300, -300 + 64], WeightFormat("mixed", 2, 1, 6)),  # high: -2..-1, low: 212 and 20
    ],
)
def test_weights_of_two_synapses_take_two_formats(weights, expected):
    assert weight_format(dense(weights), LOIHI1) == expected


def test_weights_of_two_synapses_have_two_lists():
    """64 * 8 + 10 = 522 bits take 9 words each; with delays of 6 bits 906, 15 words."""
    weight = np.tile([-32_768, 32_767], (64, 3))
    assert bits(dense(weight), 64) == 2 * 6 * 9 * 64
    assert bits(dense(weight, delay=62), 64) == 2 * 6 * 15 * 64
    layer = RecurrentLayer(weight[:, :3], np.ones((64, 64), int), NEURON)
    assert bits(layer, 64) == 2 * (3 + 64) * 9 * 64


def test_a_list_of_synapses_breaks_after_64():
    """64 * 8 + 10 = 522 bits take 9 words, the 65th synapse another one; three senders."""
    layer = dense(mixed(65, 3))
    assert bits(layer, 64) == 3 * 9 * 64
    assert bits(layer, 65) == 3 * (9 + 1) * 64


def test_delays_are_stored_with_every_synapse():
    """A delay of 62 takes 6 bits: 64 * 14 + 10 = 906 bits, 15 words."""
    assert bits(dense(mixed(64, 1), delay=62), 64) == 15 * 64
    assert bits(dense(mixed(64, 1), delay=1), 64) == 10 * 64  # 64 * 9 + 10 = 586


def test_a_recurrent_layer_has_lists_for_its_own_neurons():
    layer = RecurrentLayer(mixed(64, 3), mixed(64, 64), NEURON)
    assert bits(layer, 64) == (3 + 64) * 9 * 64


@pytest.mark.parametrize(("neurons", "words"), [(50, 13), (10, 3), (9, 3), (17, 5), (1, 1)])
def test_lists_of_loihi_2_take_the_words_that_the_compiler_prints(neurons, words):
    """Words of 32 bits without a header, eight bits a synapse, in one piece."""
    assert bits(dense(mixed(neurons, 1)), neurons, LOIHI2) == 32 * words
    assert bits(dense(mixed(5000, 1)), 5000, LOIHI2) == 32 * 1250


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("channels", range(1, 13))
def test_a_kernel_has_a_list_a_weight_of_an_input_channel_to_the_channels_of_the_block(
    groups, channels
):
    """Of 12 output channels in groups: the block's lists, one after the other, by definition."""
    layer = ConvLayer(mixed(12, 2, 2, 3), (2 * groups, 4, 5), NEURON, groups=groups)
    most = 0
    for start in range(0, 12, channels):
        lists: dict[tuple[int, ...], int] = {}
        block = range(start, min(start + channels, 12))
        for channel, c, i, j in product(block, *map(range, layer.weight.shape[1:])):
            key = (channel // (12 // groups) * 2 + c, i, j)
            lists[key] = lists.get(key, 0) + 1
        most = max(most, sum(-(-(n * 8 + 10) // 64) * 64 for n in lists.values()))
    assert bits(layer, (channels, 2, 1)) == most


def test_a_kernel_stores_no_zeros_and_a_matrix_does():
    """8 output channels of 2 input channels, 3 x 3: lists of 8, 7, 1 and 0 synapses.

    With 8 bits a synapse and 10 for the header: 74, 66, 18 and 0 bits in words of 64."""
    weight = mixed(8, 2, 3, 3)
    weight[:1, 1], weight[1:, 0, 0], weight[:, 0, 1] = 0, 0, 0
    layer = ConvLayer(weight, (2, 4, 5), NEURON)
    assert bits(layer, layer.shape) == (9 * 2 + 3 * 1 + 3 * 0 + 3 * 2) * 64
    assert bits(dense(weight.reshape(8, -1)), 8) == 18 * 2 * 64


def test_the_kernel_is_shared_by_all_places_of_a_block():
    layer = ConvLayer(mixed(8, 3, 5, 5), (3, 20, 30), NEURON)
    assert len({bits(layer, (8, h, w)) for h in (1, 16) for w in (1, 4, 26)}) == 1


@pytest.mark.parametrize("seed", range(20))
def test_decay_settings_are_the_pairs_of_a_block(seed):
    rng = np.random.default_rng(seed)
    channels = int(rng.integers(1, 6))
    neuron = CubaLif(rng.integers(0, 3, channels), rng.integers(0, 2, channels), 10)
    layer = InputLayer(neuron, (channels, 3, 4) if seed % 2 else (channels,))
    blocks = Blocks(layer.shape, tuple(int(rng.integers(1, n + 1)) for n in layer.shape))
    pairs: dict[int, set] = {}
    for block, where in zip(blocks.of_neuron().tolist(), product(*map(range, layer.shape))):
        pair = tuple(int(each[where[0]]) for each in (neuron.current_decay, neuron.voltage_decay))
        pairs.setdefault(block, set()).add(pair)
    expected = 0 if channels == 1 else max(map(len, pairs.values()))
    assert decay_settings(layer, blocks) == expected


def test_one_pair_of_decays_for_all_takes_no_budget():
    assert decay_settings(dense(np.ones((6, 1))), Blocks((6,), (6,))) == 0
    assert decay_settings(DenseLayer([[1]], SigmaDelta(1)), Blocks((1,), (1,))) == 0
    assert decay_settings(InputLayer(Delta(1), (4,)), Blocks((4,), (2,))) == 0


def cut_of(layer, chip: Chip) -> Cut:
    return Cut(layer, whole(layer), Readers(3, convolve=False), synapse_format(layer, chip), chip)


def test_the_budgets_of_a_block_are_those_of_the_chip_s_limits():
    layer = dense(mixed(10, 4), current_decay=range(10))
    found = {each.name: (each.used, each.limit) for each in budgets_of(cut_of(layer, LOIHI1))}
    assert found == {
        "neurons": (10, 1024),
        "synaptic memory": (4 * 2 * 64, 1048576),
        "input axons": (4, 4096),
        "output axons": (30, 4096),
        "decay settings": (10, 31),
    }


def test_a_limit_without_a_row_does_not_bind():
    layer = dense(mixed(10, 4), current_decay=range(10))
    free = {name: row for name, row in LOIHI1.limits.items() if name[:13] != "output_axons_"}
    free = replace(LOIHI1, limits=free)
    names = [each.name for each in budgets_of(cut_of(layer, free))]
    assert names == ["neurons", "synaptic memory", "input axons", "decay settings"]
    assert [each.name for each in budgets_of(cut_of(layer, LOIHI2))] == names[:2]


def convolution(weight_shape, input_shape, **options) -> ConvLayer:
    return ConvLayer(np.ones(weight_shape, int), input_shape, NEURON, **options)


def sights_by_definition(layer: ConvLayer, blocks: Blocks) -> list[set[tuple]]:
    """Return the input neurons (channel, y, x) that each block sees."""
    seen: list[set[tuple]] = [set() for _ in range(blocks.count)]
    for sender, block in pairs_by_definition(layer, blocks, zeros=True):
        seen[block].add(tuple(int(i) for i in np.unravel_index(sender, layer.input_shape)))
    return seen


def drawn_cuts(layer: ConvLayer, rng: np.random.Generator) -> list[Blocks]:
    drawn = Blocks(layer.shape, tuple(int(rng.integers(1, size + 1)) for size in layer.shape))
    return [whole(layer), drawn, Blocks(layer.shape, (1, 1, 1))]


@pytest.mark.parametrize("seed", range(30))
def test_receivers_are_those_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    layer = drawn_convolution(seed)
    for blocks in drawn_cuts(layer, rng):
        seen = sights_by_definition(layer, blocks)
        senders = set().union(*seen)
        reached = [sum(sender in sight for sight in seen) for sender in senders]
        assert receivers(layer, blocks) == max(reached, default=0)


@pytest.mark.parametrize("seed", range(30))
def test_input_axons_of_a_convolution_are_the_places_that_a_block_sees(seed):
    """A spike carries its channel, so that all channels of a place share an axon."""
    rng = np.random.default_rng(seed)
    layer = drawn_convolution(seed)
    for blocks in drawn_cuts(layer, rng):
        seen = sights_by_definition(layer, blocks)
        expected = max(len({(y, x) for _, y, x in sight}) for sight in seen)
        assert input_axons(layer, blocks) == expected


def test_a_spike_to_columns_of_an_image_goes_to_the_two_that_its_kernels_are_in():
    """49 columns in blocks of 4: a sender is in the kernels of up to 3 columns, in 2 blocks."""
    layer = convolution((36, 24, 5, 5), (24, 33, 101), stride=(2, 2))
    assert layer.shape == (36, 15, 49)
    blocks = Blocks(layer.shape, (36, 15, 4))
    assert (blocks.count, receivers(layer, blocks)) == (13, 2)


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
    layer = drawn_convolution(seed)
    for blocks in drawn_cuts(layer, rng):
        seen = sights_by_definition(layer, blocks)
        places = set().union(*seen)
        channels = range(layer.input_shape[0])
        reached = [
            sum(any((c, y, x) in sight for c in channels) for sight in seen) for _, y, x in places
        ]
        assert readers_of(layer, blocks) == Readers(max(reached, default=0), convolve=True)


def test_groups_in_neurocores_of_their_own_take_an_output_axon_each():
    """Two channels with decays of their own, one setting a neurocore: each channel has its own,
    and each spike goes to one of them; a neurocore with both senders needs an axon to both."""
    neuron = CubaLif(np.array([1, 2]), np.array([4096]), 10)
    reader = ConvLayer(np.ones((2, 1, 1, 1), int), (2, 1, 1), neuron, groups=2)
    row = replace(LOIHI1.limits["decay_settings_per_core"], value=1)
    narrow = replace(LOIHI1, limits={**LOIHI1.limits, "decay_settings_per_core": row})
    placement = place(QuantizedNetwork.chain((InputLayer(NEURON, (2, 1, 1)), reader)), narrow)
    assert [layer.neurocores for layer in placement.layers] == [1, 2]
    assert placement.layers[1].receivers == 1
    used = {budget.name: budget.used for budget in placement.layers[0].budgets}
    assert used["output axons"] == 1 * 2 * LOIHI1.limit("population_axon_entries")


def test_a_recurrent_layer_needs_output_axons_to_its_own_neurocores():
    """A list of 112 synapses takes 9 + 7 words of 64 bits, and 1000 of them 1024000 of 1048576.

    2000 neurons: 31 pieces of 9 words and one of 3, 1000 times, are 17.2 times too much: 18 parts
    of 112. 1000 neurons: 15 of 9 and one of 6, 1001 times, are 8.6 times too much: 9 parts of 112.
    """
    recurrent = RecurrentLayer(mixed(1000, 1), mixed(1000, 1000), NEURON)
    placement = place(
        QuantizedNetwork.chain((recurrent, DenseLayer(mixed(2000, 1000), NEURON))), LOIHI1
    )
    assert [layer.neurocores for layer in placement.layers] == [9, 18]
    used = {budget.name: budget.used for budget in placement.layers[0].budgets}
    assert used["output axons"] == 112 * (18 + 9)
