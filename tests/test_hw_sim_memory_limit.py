"""Memory: how much there is, how much a run takes, and what follows."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from neurodeploy.hw_sim import backends, memory
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.memory import BATCH_BYTES, Need, available, batch_size
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import ConvLayer, CubaLif, DenseLayer, InputLayer, QuantizedNetwork
from neurodeploy.models.neurons import Sigma, SigmaDelta


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Return a function that writes files of a made-up system: /proc and /sys/fs/cgroup."""
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")

    def write(**texts: str) -> None:
        for name, text in texts.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


MEMINFO = "MemTotal:       1000 kB\nMemFree:   10 kB\nMemAvailable:    500 kB\n"


def test_what_is_available_is_what_the_kernel_says(system):
    system(proc__meminfo=MEMINFO)
    assert available() == 500 * 1024


def test_without_proc_it_is_what_is_built_in(system):
    assert available() == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_without_either_it_is_not_known(system, monkeypatch):
    def refuse(name):
        raise ValueError(name)

    monkeypatch.setattr(os, "sysconf", refuse)
    assert available() is None
    assert batch_size([Need(10**15, 10**6)], steps=1, most=20) == 20


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cgroup__memory_dot_max": "max\n", "cgroup__memory_dot_current": "9\n"}, 500 * 1024),
        ({"cgroup__memory_dot_max": "1000", "cgroup__memory_dot_current": "300"}, 700),
        ({"cgroup__memory_dot_max": "100", "cgroup__memory_dot_current": "300"}, 0),
        ({"cgroup__memory_dot_max": "1000"}, 500 * 1024),
        (
            {
                "cgroup__memory_dot_max": "1000",
                "cgroup__memory_dot_current": "900",
                "cgroup__memory_dot_stat": "anon 5\ninactive_file 250\n",
            },
            350,
        ),
        (
            {
                "cgroup__memory__memory_dot_limit_in_bytes": "2000",
                "cgroup__memory__memory_dot_usage_in_bytes": "500",
            },
            1500,
        ),
        (
            {
                "cgroup__memory__memory_dot_limit_in_bytes": str(2**63 - 4096),
                "cgroup__memory__memory_dot_usage_in_bytes": "500",
            },
            500 * 1024,
        ),
        (
            {
                "proc__self__cgroup": "0::/a/b\n",
                "cgroup__a__memory_dot_max": "900",
                "cgroup__a__memory_dot_current": "100",
                "cgroup__a__b__memory_dot_max": "max",
                "cgroup__a__b__memory_dot_current": "50",
            },
            800,
        ),
    ],
)
def test_a_container_s_limit_counts(system, files, expected):
    system(proc__meminfo=MEMINFO, **files)
    assert available() == expected


def test_samples_run_in_batches_that_the_budget_holds(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10**12)
    sample = BATCH_BYTES // 10
    assert batch_size([Need(0, sample)], steps=1, most=512) == 10
    assert batch_size([Need(0, sample), Need(0, sample)], steps=1, most=512) == 5
    assert batch_size([Need(0, sample)], steps=1, most=3) == 3
    assert batch_size([Need(0, 5 * BATCH_BYTES)], steps=1, most=512) == 1


def test_a_small_machine_gets_smaller_batches(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 100 * 10**6)
    assert batch_size([Need(20 * 10**6, 10**6)], steps=1, most=512) == 40


@pytest.mark.parametrize(
    ("need", "message"),
    [
        (
            Need(3 * 10**9, 1),
            "the network takes about 3.0 GB of memory and the machine has 1.0 GB free; run a "
            "smaller one",
        ),
        (
            Need(10**8, 2 * 10**9),
            "one sample of 7,000 time steps takes about 2.1 GB of memory and the machine has 1.0 "
            "GB free; give shorter samples or a smaller network",
        ),
    ],
)
def test_what_the_machine_cannot_hold_is_refused_with_the_figure(need, message, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10**9)
    with pytest.raises(InputError) as error:
        batch_size([need], steps=7000, most=512)
    assert str(error.value) == message


def networks():
    rng = np.random.default_rng(0)
    lif = CubaLif(np.array([1024]), np.array([512]), 200)
    never = CubaLif(np.array([0]), np.array([0]), 1 << 17)
    wide = DenseLayer(rng.integers(-50, 60, (600, 40)), lif)
    image = ConvLayer(rng.integers(-50, 60, (8, 2, 3, 3)), (2, 16, 16), lif)
    return {
        "dense": QuantizedNetwork.chain((wide, DenseLayer(rng.integers(-50, 60, (10, 600)), lif))),
        "voltage": QuantizedNetwork.chain(
            (wide, DenseLayer(rng.integers(-50, 60, (10, 600)), never))
        ),
        "images": QuantizedNetwork.chain((InputLayer(lif, (2, 16, 16)), image)),
        "graded": QuantizedNetwork.chain(
            (
                DenseLayer(rng.integers(-50, 60, (300, 40)), SigmaDelta(1)),
                DenseLayer(rng.integers(-50, 60, (10, 300)), Sigma()),
            ),
            message_bits=8,
        ),
    }


def peak_of(run: Callable[[], Activity]) -> tuple[int, Activity]:
    """Return the bytes that a run holds at most, its result among them, and the result."""
    tracemalloc.start()
    try:
        kept = run()
        return tracemalloc.get_traced_memory()[1], kept
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", networks())
def test_the_estimate_of_the_fast_backend_is_an_upper_one_and_near(name):
    """numpy and numba tell tracemalloc what they allocate."""
    network, steps, batch = networks()[name], 100, 8
    spikes = np.random.default_rng(1).integers(0, 2, (batch, network.inputs, steps))
    backend = backends.get("fast")
    backend.run(network, spikes[:1])
    peak, kept = peak_of(lambda: backend.run(network, spikes))
    assert len(kept.spikes) == len(network.layers)
    need = backend.memory(network, steps)
    assert 0.3 * batch * need.sample < peak < need.fixed + batch * need.sample


@pytest.mark.parametrize("name", backends.BACKENDS)
def test_every_backend_estimates_what_it_takes(name):
    network = networks()["dense"]
    need, longer = (backends.get(name).memory(network, steps) for steps in (100, 200))
    assert need.fixed > 0
    assert longer.sample == 2 * need.sample > 0


def test_a_convolution_copies_no_more_than_the_rows_that_it_works_on():
    lif = CubaLif(np.array([1024]), np.array([512]), 200)
    weight = np.full((2, 16, 3, 3), 4)
    network = QuantizedNetwork.chain((ConvLayer(weight, (16, 100, 90), lif),))
    spikes = np.ones((1, network.inputs, 12), np.uint8)
    backends.get("fast").run(networks()["images"], np.ones((1, 512, 3), np.uint8))
    peak, _ = peak_of(lambda: backends.get("fast").run(network, spikes))
    need = fast.memory(network, 12)
    assert need.fixed < network.inputs * 12
    assert 0.4 < peak / (need.fixed + need.sample) < 1


def test_a_narrow_layer_is_padded_to_what_the_kernel_steps_at_once():
    lif = CubaLif(np.array([1024]), np.array([512]), 200)
    layers = (DenseLayer(np.full((1, 8), 100), lif), DenseLayer(np.full((1, 1), 100), lif))
    network, steps = QuantizedNetwork.chain(layers), 100_000
    spikes = np.ones((1, 8, steps), np.uint8)
    backends.get("fast").run(network, spikes[:, :, :9])
    peak, _ = peak_of(lambda: backends.get("fast").run(network, spikes))
    assert peak > 2 * 64 * steps
    need = fast.memory(network, steps)
    assert 0.7 < peak / (need.fixed + need.sample) < 1
