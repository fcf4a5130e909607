"""`report --compare`: two backends on the same input, and the first place where they differ."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from neurodeploy.commands import report
from neurodeploy.export import netx
from neurodeploy.hw_sim import memory
from neurodeploy.hw_sim.backends import BACKENDS, RunOptions
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.errors import BackendError
from neurodeploy.models.network import ConvLayer, CubaLif, QuantizedNetwork

STATES = RunOptions(states=True)

pytestmark = pytest.mark.usefixtures("workplace")


@pytest.fixture
def network(random_network):
    """Return a network 6-8-5-3 with even weights and write it to model.net."""
    drawn = random_network(np.random.default_rng(4), (6, 8, 5, 3), delays=["none", "axonal"])
    even = tuple(replace(layer, weight=layer.weight & ~1) for layer in drawn.layers)
    return written(drawn.with_layers(even))


@pytest.fixture
def spikes():
    """Return the input of 7 samples, which is in input.npy."""
    drawn = (np.random.default_rng(5).random((7, 6, 40)) < 0.2).astype(np.uint8)
    np.save("input.npy", drawn)
    return drawn


def written(network):
    netx.write(network, "model.net")
    return network


@pytest.fixture
def other(monkeypatch):
    """Return a function that lets the backend `lava` run `run` instead."""

    def set_run(run):
        monkeypatch.setitem(BACKENDS, "lava", replace(BACKENDS["lava"], run=run))

    return set_run


def with_another_weight(network, layer):
    """Return the network with a weight of one layer larger by 60."""
    weight = network.layers[layer].weight.copy()
    weight[1, 2] += 60 if weight[1, 2] < 0 else -60
    changed = replace(network.layers[layer], weight=weight)
    return network.with_layers((*network.layers[:layer], changed, *network.layers[layer + 1 :]))


def first_place(right, wrong):
    """Return (layer, sample, step, neuron) of the first difference, looked up one by one."""
    for layer, (one, two) in enumerate(zip(right, wrong)):
        for sample in range(len(one)):
            for step in range(one.shape[2]):
                for neuron in range(one.shape[1]):
                    if one[sample, neuron, step] != two[sample, neuron, step]:
                        return layer, sample, step, neuron
    return None


def run(capsys, *words):
    code = report.main(["model.net", "--input", "input.npy", "--compare", "lava", *words])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_equal_backends_agree_in_all_spikes(network, spikes, other, capsys):
    other(fast.run)
    sent = sum(int(layer.sum()) for layer in fast.run(network, spikes).spikes)
    code, out, err = run(capsys)
    assert (code, err) == (0, "")
    assert f"fast and lava agree in all {sent:,} spikes of 3 layers over 7 samples\n" in out
    assert out.splitlines()[-2] == "Next, print JSON:"
    found = json.loads(run(capsys, "--json")[1])["comparison"]
    assert (found["equal"], found["num_spikes"], found["sides"]) == (True, sent, [])


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("one_by_one", [False, True])
def test_the_first_difference_is_shown_with_both_sides(
    network, spikes, other, capsys, monkeypatch, layer, one_by_one
):
    changed = with_another_weight(network, layer)
    other(lambda _, given, options=STATES: fast.run(changed, given, options))
    if one_by_one:
        monkeypatch.setattr(memory, "BATCH_BYTES", 1)
    right, wrong = fast.run(network, spikes, STATES), fast.run(changed, spikes, STATES)
    place = first_place(right.spikes, wrong.spikes)
    assert place is not None
    code, out, _ = run(capsys, "--json")
    found = json.loads(out)["comparison"]
    assert code == 1
    assert tuple(found["first"].values()) == place
    different = sum(int((a != b).sum()) for a, b in zip(right.spikes, wrong.spikes))
    assert found["num_different"] == different
    at, _, step, neuron = place
    where = (place[1], neuron, step)
    for side, ran in zip(found["sides"], (right, wrong), strict=True):
        assert side["spike"] == ran.spikes[at][where]
        assert side["weighted"] == ran.states[at].weighted[where]
        assert side["current"] == ran.states[at].current[where]
        assert side["voltage"] == ran.states[at].voltage[where]


def test_a_sample_keeps_the_number_that_it_has_in_the_input(network, spikes, other, capsys):
    changed = with_another_weight(network, 0)
    spikes[:6] = 0
    np.save("input.npy", spikes)
    other(lambda _, given, options=STATES: fast.run(changed, given, options))
    out = run(capsys, "--samples", "2")[1]
    assert "layer 0, sample 1, time step" in out
    assert "; it is sample 6 of the whole input\n" in out
    assert json.loads(run(capsys, "--samples", "2", "--json")[1])["predictions"][
        "sample_indices"
    ] == [0, 6]


def test_a_place_in_an_image_has_channel_y_and_x(spikes, other, capsys):
    neuron = CubaLif(np.array([1000]), np.array([500]), 40)
    kernel = np.random.default_rng(2).integers(-20, 50, (3, 1, 2, 2)) & ~1
    network = written(QuantizedNetwork.chain((ConvLayer(kernel, (1, 2, 3), neuron),)))
    changed = network.with_layers((replace(network.layers[0], weight=kernel - 30),))
    other(lambda _, given, options=STATES: fast.run(changed, given, options))
    out = run(capsys)[1]
    place = first_place(fast.run(network, spikes).spikes, fast.run(changed, spikes).spikes)
    channel, y, x = np.unravel_index(place[3], (3, 1, 2))
    assert f"neuron {place[3]} (channel {channel}, y {y}, x {x})\n" in out


def test_answers_that_are_read_from_v_are_compared_too(network, spikes, other, capsys):
    never = CubaLif(np.array([0]), np.array([4096]), 1 << 17)
    last = replace(network.layers[-1], neuron=never)
    network = written(network.with_layers((*network.layers[:-1], last)))
    changed = with_another_weight(network, 2)
    other(lambda _, given, options=STATES: fast.run(changed, given, options))
    code, out, _ = run(capsys)
    assert code == 1
    expected = fast.run(network, spikes).last_voltage != fast.run(changed, spikes).last_voltage
    assert f"they also differ in {expected.sum()} outputs read from v\n" in out


def test_a_backend_without_states_and_one_that_fails_are_no_obstacle(
    network, spikes, other, capsys
):
    changed = with_another_weight(network, 0)
    other(lambda _, given, options: fast.run(changed, given, replace(options, states=False)))
    sides = json.loads(run(capsys, "--json")[1])["comparison"]["sides"]
    assert [side["voltage"] is None for side in sides] == [False, True]

    def fails_alone(_, given, options):
        if options.states:
            raise BackendError("it is too late")
        return fast.run(changed, given, options)

    other(fails_alone)
    code, out, _ = run(capsys)
    assert code == 1
    assert "note: its states are not known, for it is too late" in out


def test_a_sample_that_differs_only_among_others_is_said_to(network, spikes, other, capsys):
    changed = with_another_weight(network, 0)

    def among_others(_, given, options):
        return fast.run(network if options.states else changed, given, options)

    other(among_others)
    assert "note: run alone, the sample does not differ" in run(capsys)[1]


def test_lava_agrees_on_a_network_of_images(capsys):
    neuron = CubaLif(np.array([1000]), np.array([500]), 40)
    kernel = np.random.default_rng(2).integers(-20, 50, (3, 1, 2, 2)) & ~1
    written(QuantizedNetwork.chain((ConvLayer(kernel, (1, 3, 4), neuron),)))
    np.save("input.npy", np.random.default_rng(1).integers(0, 2, (2, 1, 3, 4, 9)))
    code, out, err = run(capsys, "--time-limit", "100")
    assert (code, err) == (0, "")
    assert "fast and lava agree in all " in out
