"""Neurons other than plain CUBA LIF, by hand: biases, recurrence, input neurons, sigma-delta."""

from __future__ import annotations

import numpy as np
import pytest

from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.readout import outputs
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models import loihi
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import (
    ConvLayer,
    CubaLif,
    Delta,
    DenseLayer,
    InputLayer,
    QuantizedNetwork,
    RecurrentLayer,
    Sigma,
    SigmaDelta,
)


def run(*layers, spikes, **fields):
    return fast.run(
        QuantizedNetwork.chain(tuple(layers), **fields), np.array(spikes), RunOptions(states=True)
    )


def test_a_bias_counts_from_the_first_step():
    layer = DenseLayer(np.array([[2]]), CubaLif(4096, 0, 10, bias=np.array([4])))
    activity = run(layer, spikes=[[[0, 0, 1, 0, 0]]])
    assert activity.states[0].voltage.tolist() == [[[4 << 6, 8 << 6, 0, 6 << 6, 10 << 6]]]
    assert activity.spikes[0].tolist() == [[[0, 0, 1, 0, 0]]]


def test_a_recurrent_spike_arrives_one_step_later_and_by_its_delay():
    weight, recurrent = np.array([[2], [0]]), np.array([[0, 0], [2, 0]])
    for delay in (0, 3):
        layer = RecurrentLayer(weight, recurrent, CubaLif(4096, 0, 1), recurrent_delay=[[delay]])
        sent = run(layer, spikes=[[[1, 0, 0, 0, 0, 0, 0]]]).spikes[0]
        assert np.argwhere(sent[0]).tolist() == [[0, 1], [1, 2 + delay]]


def test_input_neurons_are_driven_through_their_bias_in_the_step_itself():
    layer = InputLayer(CubaLif(4096, 2048, 5), (1,), scale=2, offset=1)
    activity = run(layer, spikes=[[[2, 2, -3, 0]]])
    v = [5 << 6, 0, -5 << 6, ((-5 << 6) // 2) + (1 << 6)]
    assert activity.states[0].voltage.tolist() == [[v]]
    assert activity.spikes[0].tolist() == [[[0, 1, 0, 0]]]
    assert not activity.states[0].current.any()


def test_delta_neurons_send_changes_that_reach_the_threshold():
    layer = InputLayer(Delta(3, spike_exp=0, state_exp=0), (1,))
    activity = run(layer, spikes=[[[2, 3, 3, 10, 8, 7]]])
    assert activity.spikes[0].tolist() == [[[0, 3, 0, 7, 0, -3]]]
    assert activity.states[0].voltage.tolist() == [[[2, 0, 0, 0, -2, 0]]]


def test_sigma_delta_neurons_add_up_rectify_and_send_changes():
    neuron = SigmaDelta(0, bias=np.array([1]), spike_exp=0, state_exp=0)
    layer = DenseLayer(np.array([[3]]), neuron)
    activity = run(layer, spikes=[[[1, -2, 1, 0]]], message_bits=4)
    assert activity.states[0].current.tolist() == [[[0, 3, -3, 0]]]
    assert activity.spikes[0].tolist() == [[[1, 3, -4, 1]]]


def test_exponents_shift_the_state_and_not_what_arrives():
    neuron = SigmaDelta(0, bias=np.array([1]), spike_exp=2, state_exp=3)
    layer = DenseLayer(np.array([[1]]), neuron)
    sent = run(layer, spikes=[[[7, 0]]], message_bits=4).spikes[0]
    assert sent.tolist() == [[[32 >> 3, 7 >> 3]]]


def test_sigma_neurons_send_their_sum_in_every_step():
    activity = run(DenseLayer([[2]], Sigma()), spikes=[[[1, 0, 3, 0]]], message_bits=2)
    assert activity.spikes[0].tolist() == [[[0, 2, 2, 8]]]
    network = QuantizedNetwork.chain((DenseLayer([[2]], Sigma()),))
    assert network.readout == "values"
    assert outputs(network, activity).tolist() == [[8]]


def test_a_sum_that_leaves_32_bits_wraps_and_is_counted():
    layer = DenseLayer(np.full((1, 1), 255), Sigma())
    spikes = np.full((1, 1, 3), (1 << 23) - 1)
    activity = run(layer, spikes=spikes, message_bits=23)
    total = 255 * ((1 << 23) - 1)
    assert activity.spikes[0].tolist() == [[[0, total, 2 * total - (1 << 32)]]]
    assert activity.overflows[0].wraps.tolist() == [1]


def test_a_layer_that_never_fires_answers_with_its_voltage():
    layer = DenseLayer([[2], [4]], CubaLif(0, 4096, loihi.THRESHOLD_NEVER))
    network = QuantizedNetwork.chain((layer,))
    activity = fast.run(network, np.array([[[1, 1, 0]]]))
    assert network.readout == "voltage"
    assert activity.last_voltage.tolist() == [[4 << 6, 8 << 6]]
    assert outputs(network, activity).tolist() == [[256, 512]]


def test_groups_of_neurons_answer_together():
    layer = DenseLayer([[2], [0], [2], [2]], CubaLif(4096, 0, 1))
    network = QuantizedNetwork.chain((layer,), neurons_per_output=2)
    activity = fast.run(network, np.array([[[1, 1, 0]]]))
    assert outputs(network, activity).tolist() == [[2, 4]]


def conv(weight=(2, 2, 1, 1), shape=(2, 4, 4), **fields):
    return ConvLayer(np.zeros(weight), shape, CubaLif(0, 0, 1), **fields)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Delta(131072), ("threshold", "131072")),
        (lambda: SigmaDelta(0, spike_exp=8), ("spike_exp", "8", "0 to 7")),
        (lambda: SigmaDelta(0, bias=np.array([40000])), ("bias", "40000")),
        (lambda: CubaLif(0, 0, 1, bias=np.array([4096])), ("bias", "4096")),
        (lambda: InputLayer(SigmaDelta(0), (1,)), ("input layer", "SigmaDelta")),
        (lambda: InputLayer(CubaLif(0, 0, 1, bias=np.array([1])), (1,)), ("offset",)),
        (lambda: RecurrentLayer([[1]], [[1, 2]], CubaLif(0, 0, 1)), ("recurrent", "(1, 2)")),
        (lambda: conv((2, 1, 3)), ("weight", "(2, 1, 3)")),
        (lambda: conv((2, 3, 1, 1)), ("3 input channels",)),
        (lambda: conv((3, 1, 1, 1), (1, 4, 4), groups=2), ("2 groups",)),
        (lambda: conv((2, 1, 5, 1), (1, 4, 4)), ("kernel", "input")),
        (lambda: conv(stride=0), ("stride", "0")),
        (lambda: conv(padding=(1, 2, 3)), ("padding",)),
        (lambda: conv(dilation=-1), ("dilation", "-1")),
        (lambda: conv(shape=(4, 4)), ("input_shape", "(4, 4)")),
    ],
)
def test_layers_and_neurons_that_cannot_be_are_refused(make, named):
    with pytest.raises(InputError) as caught:
        make()
    assert all(part in str(caught.value) for part in named), caught.value
