"""What lies between samples, against hand arithmetic and networks that ran on without input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.between_samples import between_samples, waiting_steps
from neurodeploy.hw_sim.chips import chip
from neurodeploy.hw_sim.estimates import sample_energy, sample_latency
from neurodeploy.hw_sim.placement import place
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.hw_sim.workload import Workload, measure
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, RecurrentLayer
from neurodeploy.models.network import CubaLif, QuantizedNetwork, Sigma, SigmaDelta


def neuron(current: Any, voltage: Any, threshold: int = 100, bias: int = 0) -> CubaLif:
    return CubaLif(np.array(current), np.array(voltage), threshold, np.array([bias]))


def one(current: int, voltage: int, weight: int = 1, **more: int) -> QuantizedNetwork:
    layer = DenseLayer(np.array([[weight]]), neuron([current], [voltage], **more))
    return QuantizedNetwork.chain((layer,))


def test_one_neuron_waits_as_long_as_its_voltage_halves():
    """u is at most 1 << 6 and gone after a step; v at most 64 * 4096 / 2048 = 128, then 64, 32, 16,
    8, 4, 2, 1 and 0. The last spike of the sample arrives one step after it."""
    assert waiting_steps(one(4096, 2048)).steps == 1 + 8


def test_a_voltage_that_may_not_pass_the_threshold_is_at_most_the_threshold():
    """With a threshold of 0 no positive voltage is left, and a weight of -1 leaves what 1 did."""
    assert waiting_steps(one(4096, 2048, threshold=0)).steps == 1 + 1
    assert waiting_steps(one(4096, 2048, weight=-1, threshold=0)).steps == 1 + 8


def drawn(seed: int) -> QuantizedNetwork:
    """Draw a network of a convolution and two dense layers, one with delays."""
    rng = np.random.default_rng(seed)
    conv = ConvLayer(rng.integers(-9, 40, (2, 1, 3, 3)), (1, 4, 4), neuron([600], [200]))
    delay = rng.integers(0, 9, (6, conv.neurons))
    decays = rng.integers(90, 3000, (2, 6))
    return QuantizedNetwork.chain(
        (
            conv,
            DenseLayer(rng.integers(-30, 40, (6, conv.neurons)), neuron(*decays), delay=delay),
            DenseLayer(rng.integers(-30, 40, (3, 6)), neuron([2000], [50], threshold=200)),
        )
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_state_is_zero_after_the_steps_that_suffice(seed):
    network = drawn(seed)
    steps = waiting_steps(network).steps
    rng = np.random.default_rng(seed)
    spikes = np.zeros((2, network.inputs, 20 + steps), np.uint8)
    spikes[:, :, :20] = rng.random((2, network.inputs, 20)) < [[[0.3]], [[0.9]]]
    activity = fast.run(network, spikes, RunOptions(states=True))
    for states in activity.states:
        assert states.voltage[:, :, :20].any()
        assert not states.voltage[:, :, -1].any()
        assert not states.current[:, :, -1].any()


@pytest.mark.parametrize(
    ("layer", "word"),
    [
        (DenseLayer(np.ones((2, 3), int), neuron([1], [1], bias=4)), "bias"),
        (DenseLayer(np.ones((2, 3), int), neuron([9], [0])), "decay of 0"),
        (DenseLayer(np.ones((2, 3), int), neuron([0], [9])), "decay of 0"),
        (RecurrentLayer(np.ones((2, 3), int), np.ones((2, 2), int), neuron([9], [9])), "recurrent"),
        (InputLayer(neuron([9], [9]), (3,), 1, 5), "bias"),
    ],
)
def test_a_state_that_never_decays_is_named(layer, word):
    found = waiting_steps(QuantizedNetwork.chain((layer,)))
    assert found.steps is None
    assert "layer 0" in found.reason
    assert word in found.reason


def test_sigma_delta_neurons_keep_their_state():
    layers = (
        DenseLayer(np.ones((2, 3), int), SigmaDelta(1)),
        DenseLayer(np.ones((1, 2), int), Sigma()),
    )
    assert "sigma-delta" in waiting_steps(QuantizedNetwork.chain(layers)).reason


def worked(network: QuantizedNetwork, costs: Any) -> Workload:
    spikes = np.ones((1, network.inputs, 5), np.uint8)
    return measure(fast.run(network, spikes), place(network, costs))


def test_a_sample_costs_what_lies_before_the_next():
    """One neuron, 5 steps; the wait is 9 steps of one update and the barrier."""
    workload, costs = worked(one(4096, 2048), chip("loihi1")), chip("loihi1")
    found = between_samples(workload)
    latency = sample_latency(workload)
    energy = sample_energy(workload, duration_s=latency.sample_s).total
    kept, cleared, decayed = (found[name] for name in ("continuous", "cleared", "decayed"))
    assert (kept.sample_s, kept.energy) == (latency.sample_s, energy)
    step = 8.4e-9 + costs.barrier_time(1).value
    assert cleared.sample_s.value == pytest.approx(latency.sample_s.value + step)
    assert cleared.sample_s.low == latency.sample_s.low
    static = costs.cost("static_power").value
    assert cleared.energy.value == pytest.approx(energy.value + 45.3e-12 + static * step)
    assert decayed.steps == 9
    assert decayed.sample_s.value == pytest.approx(latency.sample_s.value + 9 * step)
    assert decayed.energy.value == pytest.approx(energy.value + 9 * (81e-12 + static * step))


def test_a_cost_file_without_the_energy_of_clearing_says_so():
    costs = {k: v for k, v in chip("loihi1").costs.items() if k != "neuron_clear_energy"}
    found = between_samples(worked(one(4096, 2048), replace(chip("loihi1"), costs=costs)))
    assert "no neuron_clear_energy" in found["cleared"].note


def test_a_network_that_never_rests_has_no_next_sample_without_a_reset():
    found = between_samples(worked(one(9, 9, bias=3), chip("loihi2")))
    assert "layer 0 has a bias" in found["decayed"].note
    assert found["decayed"].steps is found["decayed"].energy is None
    assert found["cleared"].sample_s.value > found["continuous"].sample_s.value
