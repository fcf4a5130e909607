"""What a network of several chips is told to change, and that the change does what it says."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from helpers import with_limits

from neurodeploy.hw_sim.chips import Chip, chip
from neurodeploy.hw_sim.design_rules import advice
from neurodeploy.hw_sim.placement import place
from neurodeploy.models.layers import ConvLayer, DenseLayer
from neurodeploy.models.network import CubaLif, QuantizedNetwork

LOIHI1 = chip("loihi1")
NEURON = CubaLif(np.array([4096]), np.array([4096]), 10)


ONE_CORE = with_limits(LOIHI1, cores_per_chip=1)
"""Loihi 1 of one neurocore a chip, so that whatever takes two is told what to change."""


def weights(bits: int, *shape: int) -> np.ndarray:
    """Return weights of both signs that take so many bits, and all the range."""
    weight = np.full(shape, -256, np.int16)
    weight[(0,) * len(shape)] = 256 - (2 << 8 - bits)
    return weight


def dense(neurons: int, senders: int, *, bits: int = 8, delay: int = 0) -> DenseLayer:
    return DenseLayer(weights(bits, neurons, senders), NEURON, np.full((1, 1), delay))


def neurocores(layer: Any, chip: Chip) -> int:
    return place(QuantizedNetwork.chain((layer,)), chip).neurocores


def told(*layers: Any, chip: Chip = ONE_CORE) -> tuple[str, ...]:
    return advice(place(QuantizedNetwork.chain(layers), chip))


def named(sentence: str) -> dict[str, int]:
    """Return the changes that a sentence names, and the neurocores that each would need."""
    changes = sentence.partition(": ")[2].split(", ")
    found = (re.fullmatch(r"(.+) would need ([\d,]+)", change) for change in changes if change)
    return {match[1]: int(match[2].replace(",", "")) for match in found if match}


def test_a_network_on_one_chip_needs_no_advice():
    assert told(dense(300, 3000), chip=LOIHI1) == ()
    assert told(dense(3, 3)) == ()


def test_a_layer_is_told_how_many_neurocores_narrower_weights_would_need():
    """Without headers, 100366 8-bit synapses of 170 senders are 131 neurocores, and of 6 bits 99.

    Lists of 100366 are 1568 pieces of 8 words of 64 bits and one of 14 synapses, 2: 130.17 times
    1048576 bits for 170. With 6 bits they are 6 words a piece: 97.6, and 98 parts of 1025 neurons
    are one too many for a neurocore; of 8 bits 131 parts take 767.
    """
    chip = with_limits(LOIHI1, synapse_list_header=0)
    first, second, third = 1, 170, 100366
    sentences = told(dense(first, 1), dense(second, first), dense(third, second), chip=chip)
    assert sentences[-1].startswith(
        "layer 2 needs 131 neurocores for synaptic memory: 6-bit weights would need 99"
    )
    assert neurocores(dense(third, second, bits=6), chip) == 99


@pytest.mark.parametrize(
    ("neurons", "senders", "delay"),
    [(900, 2000, 0), (700, 3000, 62), (2000, 1500, 3), (300, 4096, 15)],
)
def test_placing_a_layer_changed_as_told_takes_the_neurocores_named(neurons, senders, delay):
    (sentence,) = told(dense(neurons, senders, delay=delay))
    here = neurocores(dense(neurons, senders, delay=delay), ONE_CORE)
    assert sentence.startswith(f"layer 0 needs {here} neurocores for synaptic memory: ")
    changes = named(sentence)
    assert changes
    for what, cores in changes.items():
        assert cores < here
        if what.endswith("-bit weights"):
            changed = dense(neurons, senders, bits=int(what[0]), delay=delay)
        elif "delays" in what:
            most = int(re.findall(r"\d+|no", what)[0].replace("no", "0"))
            changed = dense(neurons, senders, delay=most)
        else:
            changed = dense((neurons + 1) // 2, senders, delay=delay)
        assert neurocores(changed, ONE_CORE) == cores, what


def test_a_layer_of_images_is_told_of_half_as_many_channels():
    layer = ConvLayer(weights(8, 6, 2, 3, 3), (2, 40, 40), NEURON)
    (sentence,) = told(layer)
    assert sentence == (
        "layer 0 needs 10 neurocores for neurons: half as many channels would need 5"
    )
    half = ConvLayer(weights(8, 3, 2, 3, 3), (2, 40, 40), NEURON)
    assert [neurocores(each, ONE_CORE) for each in (layer, half)] == [10, 5]


def test_a_layer_with_too_many_axons_is_told_of_half_as_many_neurons():
    """2048 neurons to 9 neurocores need 18432 axons, 5 times 4096; 1024 need 9216, 3 times."""
    first, _ = told(DenseLayer(np.ones((2048, 1), int), NEURON), dense(512, 2048))
    assert first == (
        "layer 0 needs 5 neurocores for output axons: half as many neurons would need 3"
    )


def test_where_half_does_not_help_a_quarter_is_tried():
    """Three channels of three columns, three neurons a neurocore: a column each. Two channels take
    as many, since two columns are four neurons; one channel fits one."""
    three = with_limits(ONE_CORE, neurons_per_core=3)
    layers = [ConvLayer(np.ones((n, 1, 1, 1), int), (1, 1, 3), NEURON) for n in (3, 2, 1)]
    assert [neurocores(layer, three) for layer in layers] == [3, 3, 1]
    assert told(layers[0], chip=three) == (
        "layer 0 needs 3 neurocores for neurons: a quarter of the channels would need 1",
    )


def test_a_layer_with_many_decays_is_told_how_many_pairs_a_neurocore_holds():
    neuron = CubaLif(np.arange(64), np.array([4096]), 10)
    (sentence,) = told(DenseLayer(np.ones((64, 1), int), neuron))
    assert sentence == (
        "layer 0 needs 3 neurocores for decay settings: at most 31 different pairs of decays would "
        "need 1"
    )
    fewer = CubaLif(np.arange(64) % 31, np.array([4096]), 10)
    assert neurocores(DenseLayer(np.ones((64, 1), int), fewer), ONE_CORE) == 1


def test_a_convolution_with_too_many_input_axons_is_told_of_a_narrower_input():
    """An image of 10 by 12 places is 120 axons, and blocks of 4 columns have 40 of 64; 6 columns
    have 60."""
    chip = with_limits(ONE_CORE, input_axons_per_core=64)
    layer = ConvLayer(np.ones((2, 1, 1, 1), int), (1, 10, 12), NEURON)
    (sentence,) = told(layer, chip=chip)
    here = neurocores(layer, chip)
    assert sentence == (
        f"layer 0 needs {here} neurocores for input axons: an input half as wide would need 1"
    )
    half = ConvLayer(np.ones((2, 1, 1, 1), int), (1, 10, 6), NEURON)
    assert (here, neurocores(half, chip)) == (3, 1)


@pytest.mark.parametrize(
    "layer",
    [
        ConvLayer(np.ones((1, 1, 1, 12), int), (1, 10, 12), NEURON),
        ConvLayer(np.ones((1, 1, 1, 1), int), (1, 10, 12),
                  CubaLif(np.arange(120) % 3, np.array([4096]), 10)),
    ],
    ids=["the kernel would not fit", "neurons with decays of their own"],
)  # fmt: skip
def test_a_layer_for_which_no_change_is_known_has_no_sentence(layer):
    chip = with_limits(ONE_CORE, input_axons_per_core=64, decay_settings_per_core=100)
    placement = place(QuantizedNetwork.chain((layer,)), chip)
    assert placement.neurocores > 1
    assert placement.layers[0].binding.name == "input axons"
    assert advice(placement) == ()


def test_layers_of_one_neurocore_are_not_named():
    sentences = told(dense(900, 2000), dense(3, 900))
    assert [sentence.split(" needs ")[0] for sentence in sentences] == ["layer 0"]


def test_weights_of_both_signs_are_never_told_to_take_one_bit():
    """Two bits are a sign and one more; without them there is no smaller width to try."""
    (sentence,) = told(dense(3000, 4096, bits=2))
    assert "bit weights" not in sentence
    (sentence,) = told(DenseLayer(np.tile([1, 3], (3000, 2048)), NEURON))
    assert "1-bit weights" in sentence


def test_weights_of_two_synapses_are_told_what_one_would_take():
    weight = np.tile([-32_768, 32_767], (2_000, 450))
    (sentence,) = told(DenseLayer(weight, NEURON))
    change = named(sentence)["8-bit weights with one synapse each"]
    assert change == neurocores(dense(2_000, 900), ONE_CORE)


def test_loihi_2_has_no_narrower_weights_to_tell_of():
    chip2 = with_limits(chip("loihi2"), cores_per_chip=1)
    (sentence,) = told(dense(100, 2560), chip=chip2)
    assert sentence.startswith("layer 0 needs 12 neurocores for synaptic memory: half as many")
