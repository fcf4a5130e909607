"""Steps to decision: after how many steps a network's answers hold."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.decisions import (
    DecisionMeter,
    Decisions,
    predictions_by_step,
    propagation_steps,
    steps_to_prediction,
)
from neurodeploy.hw_sim.readout import outputs, score
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models import loihi
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import RecurrentLayer
from neurodeploy.models.network import (
    CubaLif,
    Delta,
    DenseLayer,
    InputLayer,
    QuantizedNetwork,
    Sigma,
)

NEURON = CubaLif(np.array([1000]), np.array([400]), 60)
SILENT = CubaLif(np.array([1000]), np.array([400]), loihi.THRESHOLD_NEVER)


def network(outputs: int, neuron: Any = NEURON, **more: Any) -> QuantizedNetwork:
    """Return 5 inputs, 8 hidden neurons with dendritic delays, and output neurons."""
    rng = np.random.default_rng(outputs)
    delay = rng.integers(0, 4, (8, 1))
    hidden = DenseLayer(rng.integers(-40, 90, (8, 5)), NEURON, delay)
    last = DenseLayer(rng.integers(-60, 90, (outputs, 8)), neuron)
    return QuantizedNetwork.chain((hidden, last), **more)


def spiking(*trains: str) -> Activity:
    """Return what a run of one sample yields whose output neurons spike as written, "01 10"."""
    spikes = np.array([[list(map(int, train)) for train in sample.split()] for sample in trains])
    inputs = np.zeros((len(spikes), 5, spikes.shape[2]), np.uint8)
    hidden = np.zeros((len(spikes), 8, spikes.shape[2]), np.uint8)
    return Activity(inputs, (hidden, spikes.astype(np.uint8)))


def decide(net: QuantizedNetwork, *activities: Activity, labels: Any = None) -> Decisions:
    meter = DecisionMeter(net, None if labels is None else np.asarray(labels))
    for activity in activities:
        meter.add(activity)
    found = meter.result()
    assert found is not None
    return found


def test_answers_are_counted_after_every_step_and_the_lowest_of_equals_answers() -> None:
    found = decide(network(2), spiking("00010 01100", "00100 10000"), labels=[1, 0])
    # after each step: 0 1 1 1 1 (right from 2 on); 1 1 0 0 0, since 1 to 1 is a tie (from 3 on)
    assert found.accuracy_by_step is not None
    assert found.accuracy_by_step == [0.0, 0.5, 1.0, 1.0, 1.0]
    assert found.agreement_by_step == [0.0, 0.5, 1.0, 1.0, 1.0]
    assert found.earliest_step == 3
    assert found.mean_stable_step == 2.5


def test_the_earliest_step_keeps_accuracy_to_the_end_within_one_point() -> None:
    right, late = "100000 000000", "001010 010100"  # late: 0 1 tie(0) 1 tie(0) 0
    kept = [right] * 99 + [late]
    assert decide(network(2), spiking(*kept), labels=[0] * 100).earliest_step == 3
    lost = [right] * 98 + [late] * 2
    assert decide(network(2), spiking(*lost), labels=[0] * 100).earliest_step == 5


def test_no_answer_counts_before_a_spike_can_pass_all_layers() -> None:
    """Two layers take two steps; all samples of class 0 are right by silence until then."""
    silent = spiking("0000 0000")
    assert decide(network(2), silent, labels=[0]).earliest_step == 3
    assert decide(network(2), silent).earliest_step == 3
    driven = network(2)
    driven = QuantizedNetwork.chain((InputLayer(NEURON, (5,)), *driven.layers))
    assert (propagation_steps(driven), steps_to_prediction(driven)) == (2, 3)
    two_steps = spiking("00 00")
    assert decide(network(2), two_steps, labels=[0]).earliest_step == 2


@pytest.mark.parametrize("last", [NEURON, SILENT, Sigma()], ids=["spikes", "voltage", "values"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("driven", [False, True])
def test_answers_depend_on_the_input_after_a_step_a_layer_and_one(
    last: Any, layers: int, driven: bool
) -> None:
    """A value of the first step, through weights that make every neuron fire at once."""
    quick = CubaLif(np.array([4096]), np.array([4096]), 10)
    weight = np.full((2, 2), 200)
    made: list[Any] = [InputLayer(quick, (2,))] if driven else []
    made += [DenseLayer(weight, quick) for _ in range(layers - 1)]
    made.append(DenseLayer(np.array([[-9, -9], [200, 200]]), last))
    net = QuantizedNetwork.chain(tuple(made))
    inputs = np.zeros((1, 2, 6), np.int32)
    inputs[:, :, 0] = 1
    found = predictions_by_step(net, fast.run(net, inputs * (1000 if driven else 1)))
    assert found.argmax(1).tolist() == [steps_to_prediction(net) - 1]


def test_without_labels_the_agreement_counts() -> None:
    found = decide(network(2), spiking("0100 0011", "0000 0010"))
    assert found.accuracy_by_step is None
    assert found.agreement_by_step == [0.0, 0.0, 0.5, 1.0]  # 0001 and 0011
    assert (found.earliest_step, found.mean_stable_step) == (4, 3.5)
    assert found.criterion == "agreement"


@pytest.mark.parametrize("sizes", [(40,), (1, 30, 9), (20, 20)])
def test_the_last_accuracy_is_the_score(sizes: tuple[int, ...], draw_spikes: Any) -> None:
    net = network(4)
    inputs = draw_spikes(40, 5, 30)
    labels = np.random.default_rng(0).integers(0, 4, 40)
    whole = fast.run(net, inputs)
    cuts = np.split(np.arange(40), np.cumsum(sizes)[:-1])
    found = decide(net, *(fast.run(net, inputs[cut]) for cut in cuts), labels=labels)
    assert found.accuracy_by_step is not None
    assert found.accuracy_by_step[-1] == score(outputs(net, whole), labels).accuracy
    assert found.agreement_by_step[-1] == 1.0
    same = asdict(decide(net, whole, labels=labels))
    assert asdict(found) == same


@pytest.mark.parametrize(
    ("net", "states"),
    [
        (network(4), False),
        (network(6, neurons_per_output=2), False),
        (network(6, Sigma(), neurons_per_output=3), False),
        (network(3, SILENT), False),
        (network(6, SILENT, neurons_per_output=2), True),
    ],
    ids=["spikes", "groups", "values in groups", "voltage", "voltage in groups"],
)
def test_predictions_by_step_are_those_of_shorter_runs(
    net: QuantizedNetwork, states: bool, draw_spikes: Any
) -> None:
    inputs = draw_spikes(7, 5, 12)
    found = predictions_by_step(net, fast.run(net, inputs, RunOptions(states=states)))
    for steps in range(1, 13):
        shorter = outputs(net, fast.run(net, np.ascontiguousarray(inputs[:, :, :steps])))
        np.testing.assert_array_equal(found[:, steps - 1], shorter.argmax(1))


def test_one_output_decides_nothing(draw_spikes: Any) -> None:
    net = network(2, neurons_per_output=2)
    meter = DecisionMeter(net, np.zeros(3, np.int64))
    meter.add(fast.run(net, draw_spikes(3, 5, 6)))
    assert meter.result() is None


def test_too_few_labels_are_refused() -> None:
    with pytest.raises(InputError, match="1 for 2 samples"):
        decide(network(2), spiking("0 1", "0 1"), labels=[1])


@pytest.mark.parametrize("senders", [7, 8])
def test_voltages_after_a_run_are_those_of_its_states(senders: int, draw_spikes: Any) -> None:
    rng = np.random.default_rng(senders)
    own = rng.integers(-40, 40, (8, 8))
    delays = rng.integers(0, 3, (5, 8))
    net = QuantizedNetwork.chain(
        (
            InputLayer(NEURON, (senders,), 40, 20),
            RecurrentLayer(rng.integers(-30, 90, (8, senders)), own, NEURON),
            DenseLayer(rng.integers(-30, 90, (5, 8)), NEURON, delays),
        )
    )
    inputs = draw_spikes(6, senders, 20)
    plain, kept = fast.run(net, inputs), fast.run(net, inputs, RunOptions(states=True))
    for index, states in enumerate(kept.states):
        for samples in (slice(None), slice(2, 5)):
            found = fast.voltages(net, plain, index, samples)
            np.testing.assert_array_equal(found, states.voltage[samples])
            assert found.any()


def test_a_network_of_delta_neurons_answers_with_what_they_sent() -> None:
    net = QuantizedNetwork.chain((InputLayer(Delta(0), (2,)),))
    inputs = np.array([[[1, 1, 5], [0, 3, 3]]])
    found = predictions_by_step(net, fast.run(net, inputs))
    assert found.tolist() == [[0, 1, 0]]  # changes: 1 and 0, 0 and 3, 4 and 0
