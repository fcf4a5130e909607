"""What a neurocore's neurons take of its budgets, against arithmetic by hand and definitions."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from neurodeploy.hw_sim.blocks import (
    Blocks,
    BudgetUse,
    Cut,
    Readers,
    SynapseFormat,
    WeightFormat,
    budgets_of,
    decay_settings,
    synapse_format,
    synaptic_bits,
    weight_format,
    whole,
)
from neurodeploy.hw_sim.chips import CHIPS, Chip, chip
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, RecurrentLayer
from neurodeploy.models.network import CubaLif, Delta, SigmaDelta

LOIHI1, LOIHI2 = chip("loihi1"), chip("loihi2")
NEURON = CubaLif(np.array([4096]), np.array([4096]), 10)


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


def with_limits(chip: Chip, **values: int) -> Chip:
    rows = {name: replace(chip.limits["delay_max"], value=value) for name, value in values.items()}
    return replace(chip, limits={**chip.limits, **rows})


def without(chip: Chip, *names: str) -> Chip:
    return replace(chip, limits={n: row for n, row in chip.limits.items() if n not in names})


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


def test_the_recurrent_weights_count_as_well():
    layer = RecurrentLayer(np.ones((2, 2), int), np.array([[-256, 254], [0, 0]]), NEURON)
    assert weight_format(layer, LOIHI1) == weight_format(dense([-256, 254, 1]), LOIHI1)


def test_one_neuron_with_two_inputs_takes_two_words():
    """Each sender has a list of one synapse: 8 + 10 bits, rounded up to 64."""
    assert bits(dense([-256, 254]), 1) == 2 * 64


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


def test_a_longer_recurrent_delay_sets_the_bits_of_all_delays():
    late = np.full((1, 1), 62)
    layer = RecurrentLayer(mixed(4, 3), mixed(4, 4), NEURON, recurrent_delay=late)
    assert synapse_format(layer, LOIHI1) == SynapseFormat(8, 6)


@pytest.mark.parametrize(("neurons", "words"), [(50, 13), (10, 3), (9, 3), (17, 5), (1, 1)])
def test_lists_of_loihi_2_take_the_words_that_the_compiler_prints(neurons, words):
    """Words of 32 bits without a header, eight bits a synapse, in one piece."""
    assert bits(dense(mixed(neurons, 1)), neurons, LOIHI2) == 32 * words
    assert bits(dense(mixed(5000, 1)), 5000, LOIHI2) == 32 * 1250


def test_an_input_layer_takes_no_synaptic_memory():
    layer = InputLayer(NEURON, (7,))
    assert synaptic_bits(layer, whole(layer), each=SynapseFormat(8, 0), chip=LOIHI1) == 0


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
    for block, place in zip(blocks.of_neuron().tolist(), product(*map(range, layer.shape))):
        pair = tuple(int(each[place[0]]) for each in (neuron.current_decay, neuron.voltage_decay))
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
    free = without(LOIHI1, "output_axons_per_core", "population_axon_entries")
    names = [each.name for each in budgets_of(cut_of(layer, free))]
    assert names == ["neurons", "synaptic memory", "input axons", "decay settings"]
    assert [each.name for each in budgets_of(cut_of(layer, LOIHI2))] == names[:2]


def test_lists_without_a_most_length_are_not_cut():
    layer = dense(mixed(65, 3))
    assert bits(layer, 65, without(LOIHI1, "synapse_list_length")) == 3 * 9 * 64  # 530 bits
    assert bits(layer, 65, with_limits(LOIHI1, synapse_list_length=5)) == 3 * 13 * 64


def test_a_budget_is_full_at_its_limit_and_fits():
    use = BudgetUse("neurons", 1024, 1024, "neurons")
    assert (use.full, use.fits) == (1.0, True)
    over = BudgetUse("neurons", 1025, 1024, "neurons")
    assert over.full > 1
    assert not over.fits
