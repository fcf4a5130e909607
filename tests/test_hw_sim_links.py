"""Who sends to which neurocores, counted as the docstring of `counters` shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurodeploy.hw_sim.chips import chip
from neurodeploy.hw_sim.placement import place
from neurodeploy.hw_sim.traffic import counters
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer
from neurodeploy.models.network import CubaLif, QuantizedNetwork

NEURON = CubaLif(np.array([4096]), np.array([4096]), 10)
TWO = replace(chip("loihi1"), limits={
    **chip("loihi1").limits,
    "neurons_per_core": replace(chip("loihi1").limits["neurons_per_core"], value=2),
})  # fmt: skip
"""Loihi 1 with two neurons in a neurocore."""
IMAGES = QuantizedNetwork(
    (
        ConvLayer(np.ones((1, 1, 1, 1), int), (1, 1, 3), NEURON),
        ConvLayer(np.ones((2, 1, 1, 2), int), (1, 1, 3), NEURON),
    )
)
"""Three neurons, then two channels that read neurons 0 and 1, and two that read 1 and 2."""


def test_a_convolution_has_the_counters_of_the_worked_example():
    placement = place(IMAGES, TWO)
    assert [layer.neurocores for layer in placement.layers] == [2, 2]
    found = counters(placement, 1)
    assert (found.count, found.sending) == (4, 2)
    assert found.start.tolist() == [0, 2, 5, 7]
    assert found.counter.tolist() == [0, 2, 0, 2, 3, 1, 3]
    assert found.synapses.tolist() == [1, 2, 1, 2, 2, 1, 2]


def test_what_the_host_sends_and_reads_is_counted_on_one_side():
    placement = place(IMAGES, TWO)
    sent, read = counters(placement, 0), counters(placement, 2)
    assert (sent.count, sent.sending) == (2, 0)
    assert sent.counter.tolist() == [0, 0, 1]
    assert (read.count, read.sending) == (2, 2)
    assert read.counter.tolist() == [0, 1, 0, 1]  # channels of two columns, a neurocore a column


def test_all_neurocores_of_a_dense_layer_share_a_counter_and_driven_neurons_have_none():
    layers = InputLayer(NEURON, (3,)), DenseLayer(np.ones((5, 3), int), NEURON)
    placement = place(QuantizedNetwork(layers), TWO)
    assert [layer.neurocores for layer in placement.layers] == [2, 3]
    assert counters(placement, 0).count == 0
    found = counters(placement, 1)
    assert (found.count, found.sending) == (3, 2)
    assert found.start.tolist() == [0, 2, 4, 6]
    assert found.counter.tolist() == [0, 2, 0, 2, 1, 2]
    assert found.synapses.tolist() == [1] * 6
