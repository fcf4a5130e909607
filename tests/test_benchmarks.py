"""The benchmark runs other simulators, compares them with the expected spikes and says why not."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import compare, limits, simulators, speed_page, speed_plot, tables, workloads
from benchmarks.compare import PEERS, Outcome, Peer
from benchmarks.limits import Rates
from benchmarks.peers import measuring, own_network, workload_file
from benchmarks.results import result_of
from neurodeploy.models.network import (
    ConvLayer,
    CubaLif,
    DenseLayer,
    InputLayer,
    QuantizedNetwork,
)


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


def run(name, path, limit_s=900):
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
    compare.install.cache_clear()
    monkeypatch.setattr(compare.shutil, "which", lambda _: None)
    assert "uv is not installed" in run("norse", file).reason


def test_every_peer_has_a_program_and_pinned_packages():
    for peer in PEERS.values():
        assert (compare.ROOT / f"benchmarks/peers/{peer.program}.py").is_file()
        assert all(any(sign in package for sign in "=<") for package in peer.packages)


@pytest.fixture
def result(workload):
    """Return a result in which we took 2 us on one thread and 1 on two, and Lava 3,000."""

    def figures(us, ways=("single", "batch")):
        return {
            **{way: {"median": us} if way in ways else None for way in ("single", "batch")},
            "batch_size": 3, "peak_mb": 5.0, "synops": 4.0, "different": 0, "spikes": 1,
            "versions": {"numpy": "2"},
        }  # fmt: skip

    outcomes = [
        Outcome("fast", 1, figures(2.0)),
        Outcome("fast", 2, figures(1.0)),
        Outcome("lava", 1, figures(3000.0, ["single"])),
        Outcome("norse", 1, None, "why"),
    ]
    return result_of(workload, outcomes, Rates(updates=0.012, synops=0.01), rate=0.1)


def test_ratios_to_lava_stand_for_each_number_of_threads(result):
    cells = tables.cells_of(replace(result, synops=4.0, neurons=12))
    single, batch, lava, norse = (dict(zip(cells.headings, row)) for row in cells.rows)
    assert (single["x Lava, 1 thread"], single["x Lava, 2 threads"]) == ("1,500", "3,000")
    assert (batch["us, 1 thread"], batch["us, 2 threads"]) == ("2.00", "1.00")
    assert (lava["x Lava, 1 thread"], lava["us, 2 threads"]) == ("1.00", "-")
    assert norse["exact?"] == "why"
    assert tables.table_of(cells).row_count == 4


def test_the_share_of_the_limit_is_that_of_one_thread(result):
    """12 updates at 12 a microsecond and 4 SynOps at 10: 1.4 us of 2."""
    cells = tables.cells_of(replace(result, synops=4.0, neurons=12))
    assert [row[cells.headings.index("of limit")] for row in cells.rows] == [
        "70%", "70%", "0.047%", "-"
    ]  # fmt: skip


def test_limits_are_measured_for_the_layer_with_most_synapses(workload, monkeypatch):
    seen = []
    monkeypatch.setattr(limits, "synop_rate", lambda *shape: seen.append(shape[:2]) or len(seen))
    monkeypatch.setattr(limits, "update_rate", lambda: 5.0)
    layers = (DenseLayer(np.ones((300, 7)), CubaLif(1, 1, 1)),)
    layers += (DenseLayer(np.ones((2, 300)), CubaLif(1, 1, 1)),)
    assert limits.rates_of(QuantizedNetwork(layers)) == Rates(5.0, 4)
    assert set(seen) == {(7, 128), (7, 256)}


@pytest.mark.parametrize("add", limits.LOOPS.values())
def test_loops_of_the_limits_run(add):
    order = np.arange(8, dtype=np.int32)
    assert add(order, 8, 128) == 0


def test_the_page_holds_tables_plot_and_machine(result, tmp_path):
    page, plot = tmp_path / "docs/speed.md", tmp_path / "docs/speed.png"
    page.parent.mkdir()
    bigger = replace(result, neurons=500, synops=3e4)
    speed_plot.draw([result, bigger], plot)
    speed_page.write([replace(result, rate=None), result, bigger], page, plot)
    text = page.read_text()
    assert plot.stat().st_size < 200_000
    for part in ("](speed.png)", "| Norse |", speed_page.processor(), "numpy 2", "## tiny"):
        assert part in text


def test_images_travel_as_a_netx_file(tmp_path):
    rng = np.random.default_rng(3)
    first = InputLayer(CubaLif(0, 4000, 20), (2, 5, 4))
    conv = ConvLayer(2 * rng.integers(-60, 90, (3, 2, 2, 2)), first.shape, CubaLif(1024, 410, 300))
    values = np.repeat(rng.integers(0, 90, (2, 40, 1)), 30, 2).astype(np.int16)
    network = QuantizedNetwork((first, conv))
    workload_file.write(own_network.workload_of("images", network, values), tmp_path / "w.npz")
    workload = workload_file.read(tmp_path / "w.npz")
    assert not workload.layers
    assert own_network.network_of(workload).digest == network.digest
    assert np.array_equal(workload.spikes, values)
    assert np.array_equal(workload.stream, np.repeat(values[0][:, :1], 48, 1))
    for name in ("fast", "lava"):
        figures = run(name, tmp_path / "w.npz").figures
        assert figures["spikes"] > 50
        assert figures["different"] == 0


def test_programs_of_dense_layers_are_spared_images(workload, tmp_path):
    images = replace(workload, netx=b"images")
    outcomes = simulators._runs("norse", images, tmp_path, [1, 2], None, simulators.TooSlow())
    assert [each.reason for each in outcomes] == [simulators.IMAGES]


def test_a_simulator_that_ran_out_of_time_is_spared_more_work():
    slow = simulators.TooSlow()
    slow.note(Outcome("norse", 1, None, f"{compare.OUT_OF_TIME} 9 s"), 100)
    slow.note(Outcome("slayer", 1, None, "no such file"), 100)
    assert slow.spares("norse", 100)
    assert not slow.spares("norse", 99)
    assert not slow.spares("slayer", 100)


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
    assert compare.python_of(Peer("x", "x", "x")) == (sys.executable,)
