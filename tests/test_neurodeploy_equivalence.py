"""The equivalence check: a trained network and its quantized one, spike by spike."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from neurodeploy.evaluation.comparison import (
    BATCH,
    Comparison,
    Divergence,
    check_equivalence,
    compare_spikes,
)
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import Architecture, SlayerNetwork

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture
def trained() -> SlayerNetwork:
    torch.manual_seed(2)
    return SlayerNetwork(Architecture.dense((6, 14, 10, 4), threshold=0.3))


def with_layer(network: QuantizedNetwork, index: int, **fields) -> QuantizedNetwork:
    """Return the network with fields of one layer replaced."""
    layers = list(network.layers)
    layers[index] = replace(layers[index], **fields)
    return network.with_layers(tuple(layers))


def busiest_synapse(network: QuantizedNetwork, layer: int, spikes: np.ndarray) -> tuple[int, int]:
    """Return the neuron and the sender that spike most; a change between silent ones is unseen."""
    raster = (spikes, *fast.run(network, spikes).spikes)
    sender, neuron = (int(raster[i].sum((0, 2)).argmax()) for i in (layer, layer + 1))
    return neuron, sender


NAMES = ("a", "b")


def silence() -> list[np.ndarray]:
    return [np.zeros((3, neurons, 5), np.uint8) for neurons in (4, 2)]


def test_equal_runs_are_equal_and_their_spikes_are_counted():
    runs = silence()
    runs[0][1, 2, 3] = runs[1][:, 0, 4] = 1
    found = compare_spikes(runs, [layer.copy() for layer in runs], names=NAMES)
    assert found == Comparison(NAMES, 2, num_samples=3, num_spikes=4)
    assert found.equal
    assert str(found) == "a and b agree in all 4 spikes of 2 layers over 3 samples"


@pytest.mark.parametrize(
    ("places", "first"),
    [
        ([(1, 0, 0, 0), (0, 2, 3, 4)], Divergence(0, 2, 4, 3)),
        ([(0, 1, 0, 0), (0, 0, 3, 4)], Divergence(0, 0, 4, 3)),
        ([(0, 1, 0, 2), (0, 1, 3, 1)], Divergence(0, 1, 1, 3)),
        ([(0, 1, 3, 2), (0, 1, 1, 2)], Divergence(0, 1, 2, 1)),
    ],
    ids=["layer", "sample", "time step", "neuron"],
)
def test_the_first_divergence_is_the_earliest_by(places, first):
    """Places are (layer, sample, neuron, step), a divergence names the step before the neuron."""
    other = silence()
    for layer, *place in places:
        other[layer][tuple(place)] = 1
    for found in (compare_spikes(silence(), other), compare_spikes(other, silence())):
        assert (found.num_different, found.first, found.num_spikes) == (2, first, 0)
        assert not found.equal
        assert str(first) in str(found)


def test_comparisons_add_up_and_samples_count_on():
    one = Comparison(NAMES, 2, 128, 1000, 0, None, num_overflows=2)
    other = Comparison(NAMES, 2, 30, 200, 3, Divergence(1, 4, 9, 0), num_overflows=1)
    summed = Comparison(NAMES, 2, 158, 1200, 3, Divergence(1, 132, 9, 0), num_overflows=3)
    assert one + other == summed
    assert other + one == replace(summed, first=Divergence(1, 4, 9, 0))


@pytest.mark.parametrize(
    ("later", "first"),
    [
        (Divergence(0, 5, 1, 1), Divergence(0, 15, 1, 1)),
        (Divergence(1, 0, 0, 0), Divergence(1, 4, 9, 0)),
    ],
)
def test_the_first_divergence_of_a_sum_is_of_the_earliest_layer(later, first):
    one = Comparison(NAMES, 2, 10, 0, 1, Divergence(1, 4, 9, 0))
    assert (one + replace(one, first=later)).first == first


def test_a_network_equals_its_quantization_over_several_batches(trained, draw_spikes):
    seen = []
    spikes = draw_spikes(BATCH + 7, 6, 40)
    found = check_equivalence(
        trained, quantize(trained), spikes, advance=lambda *counts: seen.append(counts)
    )
    assert found.equal
    assert found.num_samples == len(spikes)
    assert found.num_spikes > 5000
    assert seen == [(BATCH, len(spikes)), (len(spikes), len(spikes))]


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_one_weight_changed_by_two_is_found(trained, draw_spikes, layer):
    network, spikes = quantize(trained), draw_spikes(8, 6, 100)
    weight = network.layers[layer].weight.copy()
    weight[busiest_synapse(network, layer, spikes)] -= 2
    changed = with_layer(network, layer, weight=weight)
    found = check_equivalence(trained, changed, spikes)
    assert not found.equal
    assert found.num_different > 0
    assert found.first.layer == layer
    one, other = found.sides
    assert {one.spike, other.spike} == {0, 1}
    first = found.first
    states = fast.run(changed, spikes, RunOptions(states=True)).states[first.layer]
    assert other.voltage == states.voltage[first.sample, first.neuron, first.step]
    assert (one.voltage, other.backend) == (None, "fast")


def test_one_delay_changed_by_one_is_found(trained, draw_spikes):
    network, spikes = quantize(trained), draw_spikes(8, 6, 100)
    delay = network.layers[1].delay.copy()
    delay[0, busiest_synapse(network, 1, spikes)[1]] += 1
    found = check_equivalence(trained, with_layer(network, 1, delay=delay), spikes)
    assert found.first.layer == 1


def test_dropout_takes_no_part_and_stays_as_it_was(stack, draw_spikes):
    from neurodeploy.models.blocks import slayer

    neuron = {"threshold": 0.3, "current_decay": 0.25, "voltage_decay": 0.05}
    torch.manual_seed(4)
    network = stack(
        slayer.block.cuba.Dense({**neuron, "dropout": torch.nn.Dropout(0.5)}, 6, 9),
        slayer.block.cuba.Dense(neuron, 9, 3),
    ).train()
    found = check_equivalence(network, quantize(network), draw_spikes(4, 6, 50))
    assert found.equal
    assert found.num_spikes > 200
    assert all(part.training for part in network.modules())


def test_spikes_of_another_width_are_refused(trained, draw_spikes):
    message = "the input has shape (2, 5, 9); the network takes (6, time) or (samples, 6, time)"
    with pytest.raises(InputError, match=re.escape(message)):
        check_equivalence(trained, quantize(trained), draw_spikes(2, 5, 9))
