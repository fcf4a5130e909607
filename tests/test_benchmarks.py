"""The benchmark runs other simulators, compares them with the expected spikes and says why not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import pages, programs, simulators, streams, workloads
from benchmarks.limits import Rates
from benchmarks.peers import own, workload
from benchmarks.peers.workload import Workload
from benchmarks.programs import HAR_TRAINERS, SIMULATORS, STREAMERS, TRAINERS
from benchmarks.simulators import Outcome, Result
from neurodeploy.models.network import ConvLayer, CubaLif, DenseLayer, InputLayer, QuantizedNetwork


@pytest.fixture(scope="module")
def job():
    rng = np.random.default_rng(7)
    spikes = (rng.random((3, 6, 160)) < 0.3).astype(np.uint8)
    neuron = CubaLif(1024, 410, 300)
    hidden = DenseLayer(2 * rng.integers(-60, 90, (8, 6)), neuron)
    output = DenseLayer(2 * rng.integers(-60, 90, (4, 8)), neuron, rng.integers(0, 5, (1, 8)))
    return own.workload_of("tiny", QuantizedNetwork.chain((hidden, output)), spikes)


@pytest.fixture
def file(job, tmp_path):
    path = tmp_path / "workload.npz"
    workload.write(job, path)
    return path


def run(name, path, limit_s=900):
    return programs.run(SIMULATORS[name], path, threads=1, seconds=0.01, limit_s=limit_s)


def test_a_workload_file_holds_everything_without_pickles(job, file):
    again = workload.read(Workload, file)
    for name in ("spikes", "expected", "stream_expected"):
        assert np.array_equal(getattr(again, name), getattr(job, name))
    for one, other in zip(again.layers, job.layers, strict=True):
        assert all(np.array_equal(vars(one)[name], vars(other)[name]) for name in vars(one))
    assert (again.synops, again.firing, again.name) == (job.synops, job.firing, "tiny")


@pytest.mark.parametrize(
    "name",
    [
        "fast",
        *(pytest.param(each, marks=pytest.mark.long) for each in ("slayer", "lava", "own-lava")),
    ],
)
def test_simulators_of_this_environment_give_the_expected_spikes(name, file):
    figures, reason = run(name, file)
    assert figures, reason
    assert figures["spikes"] > 50
    assert figures["different"] == 0
    assert figures["single"]["median"] > 0
    assert figures["peak_mb"] > 10


@pytest.mark.parametrize(
    "name",
    [
        "fast", "fast-8",
        *(pytest.param(each, marks=pytest.mark.long) for each in ("lava", "own-lava", "snntorch")),
    ],
)  # fmt: skip
def test_streams_give_the_spikes_of_the_whole(name, file, job):
    figures, reason = programs.run(STREAMERS[name], file, threads=1, seconds=0.01, limit_s=900)
    if job.delayed and not STREAMERS[name].delays:
        assert "no delays" in reason
        return
    assert figures, reason
    assert figures["spikes"] > 5
    assert figures["different"] == 0
    row = dict(zip(streams.HEADINGS, streams.table_of(job, {name: (figures, "")}).rows[0]))
    assert row["exact?"].startswith("yes")
    assert (row["µs a step, 1,000 streams"] == "-") == (name != "fast")


def test_a_wrong_spike_is_counted(file, job):
    wrong = job.expected.copy()
    wrong[0, 0, 5] ^= 1
    workload.write(replace(job, expected=wrong), file)
    figures, _ = run("fast", file)
    assert figures["different"] == 1
    assert simulators.exactness(figures).startswith("no, ")


def test_a_program_that_takes_too_long_is_ended(file):
    assert run("slayer", file, limit_s=0.2) == (None, "not done after 0.2 s")


def test_the_reason_of_a_failure_is_one_line(tmp_path):
    figures, reason = run("fast", tmp_path / "missing.npz")
    assert figures is None
    assert "missing.npz" in reason
    assert "\n" not in reason


@pytest.mark.parametrize("table", [SIMULATORS, STREAMERS, TRAINERS, HAR_TRAINERS])
def test_every_entry_has_a_program_and_pinned_packages(table):
    for entry in table.values():
        assert (pages.ROOT / f"benchmarks/peers/{entry.module}.py").is_file()
        assert all(any(sign in package for sign in "=<") for package in entry.packages)


@pytest.fixture
def result():
    """Return a result in which we took 2 µs on one thread and 1 on two, and Lava 3,000."""

    def figures(us, ways=("single", "batch")):
        return {
            **{way: {"median": us} if way in ways else None for way in ("single", "batch")},
            "batch_size": 3, "peak_mb": 5.0, "synops": 4.0, "different": 0, "spikes": 1,
            "versions": {"numpy": "2"}, "leaves_out": [],
        }  # fmt: skip

    outcomes = [
        Outcome("fast", 1, figures(2.0)),
        Outcome("fast", 2, figures(1.0)),
        Outcome("lava", 1, figures(3000.0, ["single"])),
        Outcome("norse", 1, None, "why"),
    ]
    return Result("tiny", 12, 0.1, 4.0, True, 3, 40, 0.1, Rates(0.012, 0.01), outcomes)


def test_ratios_to_lava_stand_for_each_number_of_threads(result):
    table = simulators.table_of(result)
    single, batch, lava, norse = (dict(zip(table.headings, row)) for row in table.rows)
    assert (single["x Lava, 1 thread"], single["x Lava, 2 threads"]) == ("1,500", "3,000")
    assert (batch["µs, 1 thread"], batch["µs, 2 threads"]) == ("2.00", "1.00")
    assert (lava["x Lava, 1 thread"], lava["µs, 2 threads"]) == ("1.00", "-")
    assert norse["exact?"] == "why"
    # 12 updates at 12 a microsecond and 4 SynOps at 10: 1.4 µs of 2
    assert [row[table.headings.index("of limit")] for row in table.rows] == [
        "70%", "70%", "0.047%", "-"
    ]  # fmt: skip


@pytest.mark.long
def test_images_travel_as_a_netx_file(tmp_path):
    rng = np.random.default_rng(3)
    first = InputLayer(CubaLif(0, 4000, 20), (2, 5, 4))
    conv = ConvLayer(2 * rng.integers(-60, 90, (3, 2, 2, 2)), first.shape, CubaLif(1024, 410, 300))
    values = np.repeat(rng.integers(0, 90, (2, 40, 1)), 30, 2).astype(np.int16)
    network = QuantizedNetwork.chain((first, conv))
    workload.write(own.workload_of("images", network, values), tmp_path / "w.npz")
    again = workload.read(Workload, tmp_path / "w.npz")
    assert not again.layers
    assert own.network_of(again).digest == network.digest
    assert np.array_equal(again.spikes, values)
    assert np.array_equal(again.stream, np.repeat(values[0][:, :1], 48, 1))
    for name in ("fast", "lava"):
        figures, _ = run(name, tmp_path / "w.npz")
        assert figures["spikes"] > 50
        assert figures["different"] == 0


@pytest.mark.parametrize("neurons", workloads.NETWORK_NEURONS)
def test_random_networks_have_as_many_neurons_as_asked_for(neurons):
    assert sum(workloads.random_sizes(neurons)) == neurons


def test_random_networks_fire_as_asked_for():
    network, spikes = workloads.random_network(200, 0.1)
    made = own.workload_of("random", network, spikes)
    assert made.firing == pytest.approx(0.1, abs=0.02)
    assert not made.delayed


def test_w1b_has_the_weights_of_w1_and_no_delays():
    (one, spikes), (other, same) = workloads.w1(), workloads.w1(delays=False)
    assert np.array_equal(spikes, same)
    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(one.layers, other.layers))
    assert {layer.delay_kind for layer in other.layers} == {"none"}
