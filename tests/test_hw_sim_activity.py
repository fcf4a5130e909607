"""What `hw_sim.activity` counts, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from neurodeploy.hw_sim.activity import Activity, count, join
from neurodeploy.models.network import ConvLayer, CubaLif, DenseLayer, QuantizedNetwork


def layer(neurons: int, senders: int) -> DenseLayer:
    return DenseLayer(
        np.ones((neurons, senders), int), CubaLif(np.array([4096]), np.array([4096]), 10)
    )


@pytest.fixture
def network() -> QuantizedNetwork:
    return QuantizedNetwork.chain((layer(3, 2), layer(1, 3)))


@pytest.fixture
def activity() -> Activity:
    """Two samples of four steps: the first sends three spikes in, the second none."""
    inputs = np.zeros((2, 2, 4), np.uint8)
    inputs[0, 0, 0] = inputs[0, 1, 0] = inputs[0, 1, 2] = 1
    hidden = np.zeros((2, 3, 4), np.uint8)
    hidden[0, 2, 1] = hidden[0, 2, 3] = hidden[1, 0, 0] = 1
    output = np.zeros((2, 1, 4), np.uint8)
    output[0, 0, 2] = 1
    return Activity(inputs, (hidden, output))


def test_each_sample_is_counted_by_itself(network, activity):
    """A spike costs a SynOp for every neuron it reaches; every neuron is updated in every step."""
    hidden, output = count(network, activity)
    assert (hidden.spikes_in.tolist(), output.spikes_in.tolist()) == ([3, 0], [2, 1])
    assert (hidden.spikes.tolist(), output.spikes.tolist()) == ([2, 1], [1, 0])
    assert (hidden.synops.tolist(), output.synops.tolist()) == ([3 * 3, 0], [2 * 1, 1 * 1])
    assert hidden.neuron_updates.tolist() == [12, 12]
    assert output.neuron_updates.tolist() == [4, 4]


def test_zero_weights_of_a_dense_layer_cost_synops_too(activity):
    silent = DenseLayer(np.zeros((3, 2)), CubaLif(np.array([4096]), np.array([4096]), 10))
    hidden, _ = count(QuantizedNetwork.chain((silent, layer(1, 3))), activity)
    assert hidden.synops.tolist() == [9, 0]


def test_zero_weights_of_a_convolution_cost_no_synops():
    """A pixel in the middle meets all 9 weights of both kernels, 5 of them not 0; one in a corner
    of the image meets the weight at (0, 0) alone: the kernels do not reach over the edge."""
    weight = np.zeros((2, 1, 3, 3), int)
    weight[0, 0, 1], weight[1, 0, 0, :2] = 4, -2
    conv = ConvLayer(weight, (1, 5, 5), layer(1, 1).neuron)
    inputs = np.zeros((2, 25, 3), np.uint8)
    inputs[0, 12, 0] = inputs[1, 0, 1] = 1
    spikes = np.zeros((2, conv.neurons, 3), np.uint8)
    spikes[1, 0, 2] = 1
    (counts,) = count(QuantizedNetwork.chain((conv,)), Activity(inputs, (spikes,)))
    assert counts.synops.tolist() == [5, 1]


def test_intel_s_counter_of_updates_is_two_a_neuron_and_step_and_one_a_spike(network, activity):
    hidden, output = count(network, activity)
    assert hidden.dendrite_updates.tolist() == [2 * 12 + 2, 2 * 12 + 1]
    assert output.dendrite_updates.tolist() == [2 * 4 + 1, 2 * 4]


def test_spikes_of_the_last_step_are_counted(network):
    inputs = np.zeros((1, 2, 4), np.uint8)
    inputs[0, 0, 3] = 1
    silent = np.zeros((1, 3, 4), np.uint8), np.zeros((1, 1, 4), np.uint8)
    hidden, _ = count(network, Activity(inputs, silent))
    assert hidden.synops.tolist() == [3]


def test_counts_are_wider_than_the_spikes_they_add():
    """300 channels over 300 steps are 90000 spikes, which neither uint8 nor uint16 holds."""
    wide = QuantizedNetwork.chain((layer(1, 300),))
    activity = Activity(np.ones((1, 300, 300), np.uint8), (np.ones((1, 1, 300), np.uint8),))
    (counts,) = count(wide, activity)
    assert counts.spikes_in.tolist() == [90000]
    assert counts.spikes_in.dtype == np.int64


def test_joined_batches_keep_the_order_of_their_samples(network, activity):
    whole = count(network, activity)
    halves = [
        count(network, Activity(activity.inputs[i], tuple(s[i] for s in activity.spikes)))
        for i in (slice(0, 1), slice(1, 2))
    ]
    for joined, expected in zip(join(halves), whole, strict=True):
        assert joined.spikes.tolist() == expected.spikes.tolist()
        assert joined.synops.tolist() == expected.synops.tolist()
        assert joined.neuron_updates.tolist() == expected.neuron_updates.tolist()
