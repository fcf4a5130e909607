"""The benchmark runs other simulators, compares them with the expected spikes and says why not."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import compare, tables, workloads
from benchmarks.compare import PEERS, Outcome, Peer
from benchmarks.peers import measuring, own_network, workload_file
from models.network import CubaLif, DenseLayer, QuantizedNetwork


@pytest.fixture(scope="module")
def workload():
    rng = np.random.default_rng(7)
    spikes = (rng.random((3, 6, 40)) < 0.3).astype(np.uint8)
    neuron = CubaLif(1024, 410, 300)
    hidden = DenseLayer(2 * rng.integers(-60, 90, (8, 6)), neuron)
    output = DenseLayer(2 * rng.integers(-60, 90, (4, 8)), neuron, rng.integers(0, 5, (1, 8)))
    return own_network.workload_of("tiny", QuantizedNetwork((hidden, output)), spikes)


@pytest.fixture
def file(workload, tmp_path):
    path = tmp_path / "workload.npz"
    workload_file.write(workload, path)
    return path


def run(name, path, limit_s=100):
    return compare.run(PEERS[name], path, threads=1, seconds=0.01, limit_s=limit_s)


def test_a_workload_file_holds_everything_without_pickles(workload, file):
    again = workload_file.read(file)
    for name in ("spikes", "expected", "stream_expected"):
        assert np.array_equal(getattr(again, name), getattr(workload, name))
    for one, other in zip(again.layers, workload.layers, strict=True):
        assert all(
            np.array_equal(getattr(one, name), getattr(other, name))
            for name in workload_file.LAYER_ARRAYS
        )
    assert (again.synops, again.firing, again.name) == (workload.synops, workload.firing, "tiny")


@pytest.mark.parametrize("name", ["fast", "slayer", "lava", "own-lava"])
def test_simulators_of_this_environment_give_the_expected_spikes(name, file, workload):
    if name == "own-lava":  # it reports every 50 steps, and two reports are needed
        workload_file.write(replace_spikes(workload), file)
    outcome = run(name, file)
    assert outcome.figures, outcome.reason
    assert outcome.figures["spikes"] > 50
    assert outcome.figures["different"] == 0
    assert outcome.figures["single"]["median"] > 0
    assert outcome.figures["peak_mb"] > 10


def replace_spikes(workload):
    spikes = np.tile(workload.spikes, (1, 1, 4))
    return own_network.workload_of("longer", own_network.network_of(workload), spikes)


def test_a_wrong_spike_is_counted(file, workload):
    wrong = workload.expected.copy()
    wrong[0, 0, 5] ^= 1
    workload_file.write(replace(workload, expected=wrong), file)
    figures = run("fast", file).figures
    assert figures["different"] == 1
    assert tables.exactness(figures).startswith("no, ")


def test_a_peer_that_takes_too_long_is_ended(file):
    assert run("slayer", file, limit_s=0.2) == Outcome("slayer", 1, None, "not done after 0.2 s")


def test_the_reason_of_a_failure_is_one_line(tmp_path):
    outcome = run("fast", tmp_path / "missing.npz")
    assert outcome.figures is None
    assert "missing.npz" in outcome.reason
    assert "\n" not in outcome.reason


def test_delays_are_refused_where_a_simulator_has_none(workload):
    with pytest.raises(SystemExit, match="no delays"):
        measuring.refuse_delays(workload)
    network = own_network.without_delays(own_network.network_of(workload))
    measuring.refuse_delays(own_network.workload_of("tiny", network, workload.spikes))


def test_without_uv_peers_say_so(monkeypatch, file):
    compare._install.cache_clear()
    monkeypatch.setattr(compare.shutil, "which", lambda _: None)
    assert "uv is not installed" in run("norse", file).reason


def test_every_peer_has_a_program_and_pinned_packages():
    for peer in PEERS.values():
        assert (compare.ROOT / f"benchmarks/peers/{peer.program}.py").is_file()
        assert all(any(sign in package for sign in "=<") for package in peer.packages)


def test_peers_that_ran_and_that_did_not_have_rows(workload):
    ways = {key: {"median": 2.0} for key in ("single", "batch")}
    figures = {
        **ways, "batch_size": 3, "peak_mb": 5.0, "synops": 4.0, "different": 0, "spikes": 1
    }  # fmt: skip
    outcomes = [Outcome("fast", 1, figures), Outcome("norse", 1, None, "why")]
    assert tables.table_of(workload, outcomes).row_count == 3


@pytest.mark.parametrize("neurons", workloads.NETWORK_NEURONS)
def test_random_networks_have_as_many_neurons_as_asked_for(neurons):
    assert sum(workloads.random_sizes(neurons)) == neurons


def test_random_networks_fire_as_asked_for():
    network, spikes = workloads.random_network(200, 0.1)
    made = own_network.workload_of("random", network, spikes)
    assert made.firing == pytest.approx(0.1, abs=0.02)
    assert not made.delayed


def test_w1b_has_the_weights_of_w1_and_no_delays():
    (one, spikes), (other, same) = workloads.w1(), workloads.w1(delays=False)
    assert np.array_equal(spikes, same)
    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(one.layers, other.layers))
    assert {layer.delay_kind for layer in other.layers} == {"none"}


def test_a_program_is_its_own_peer_when_python_is_this_one():
    assert compare._python(Peer("x", "x", "x")) == (sys.executable,)
