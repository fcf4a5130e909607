"""Continuous runs: chunks of any sizes equal one run of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from benchmarks.differences import differences
from benchmarks.fuzz import joined
from benchmarks.random_networks import LENGTH, Case, case
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.hw_sim.streaming import Stream
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, RecurrentLayer

NETWORKS = 60


def random_cases(count: int, seed: int) -> Iterator[tuple[Case, np.random.Generator]]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield case(rng.bytes(LENGTH)), rng


def binary_cases(count: int, seed: int) -> Iterator[tuple[Case, np.random.Generator]]:
    """Yield networks that one kernel steps: dense and recurrent layers of CUBA LIF neurons."""
    rng = np.random.default_rng(seed)

    def matrix(*shape: int) -> np.ndarray:
        reach = rng.choice([100, 256, 3000])
        return rng.integers(-reach, reach, shape)

    def delay(*shape: int) -> np.ndarray:
        each = [int(rng.choice([1, size])) for size in shape]
        return rng.integers(0, rng.choice([1, 4, 63]), each)

    for _ in range(count):
        sizes = rng.integers(1, 150, rng.integers(2, 5)).tolist()
        layers: list[Any] = []
        for senders, neurons in pairwise(sizes):
            decays = (rng.integers(0, 4097, rng.choice([1, neurons])) for _ in range(2))
            bias = rng.integers(-200, 200, neurons) * rng.integers(0, 2)
            neuron = CubaLif(*decays, int(rng.choice([0, 500, 20_000])), bias)
            weight, delays = matrix(neurons, senders), delay(neurons, senders)
            if rng.random() < 0.5:
                layers.append(DenseLayer(weight, neuron, delays))
            else:
                own = matrix(neurons, neurons), delay(neurons, neurons)
                layers.append(RecurrentLayer(weight, own[0], neuron, delays, own[1]))
        size = (int(rng.integers(1, 4)), sizes[0], int(rng.integers(2, 120)))
        spikes = (rng.random(size) < rng.choice([0.02, 0.2, 0.6])).astype(np.uint8)
        yield Case(QuantizedNetwork.chain(layers), spikes), rng


def chunks(spikes: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the steps of the spikes (B, C, T) in chunks of random sizes, many of them 1."""
    steps = spikes.shape[2]
    cuts = rng.choice(np.arange(1, steps), rng.integers(1, steps), replace=False)
    return np.split(spikes, np.sort(cuts), axis=2)


@pytest.mark.parametrize("states", [True, False])
@pytest.mark.parametrize("draw", [random_cases, binary_cases])
def test_chunks_equal_the_whole(draw: Any, states: bool) -> None:
    for drawn, rng in draw(NETWORKS, seed=0):
        whole = fast.run(drawn.network, drawn.spikes, RunOptions(states=True))
        stream = Stream(drawn.network, len(drawn.spikes), states=states)
        parts = joined([stream.run(each) for each in chunks(drawn.spikes, rng)])
        assert not differences(parts, whole), drawn.network
        assert stream.steps == drawn.spikes.shape[2]
        for number, layer in enumerate(drawn.network.layers):
            if layer.delay_kind != "dendritic":  # the whole counts delayed steps past its end
                for name, right in vars(whole.overflows[number]).items():
                    counts = getattr(parts.overflows[number], name)
                    assert np.array_equal(counts, right), (drawn.network, number, name)


@pytest.mark.parametrize("draw", [random_cases, binary_cases])
def test_steps_equal_the_whole_also_between_chunks(draw: Any) -> None:
    for drawn, rng in draw(NETWORKS, seed=1):
        whole = fast.run(drawn.network, drawn.spikes, RunOptions(states=True))
        stream = Stream(drawn.network, len(drawn.spikes), states=bool(rng.integers(2)))
        outputs = [
            stream.step(each[:, :, 0])[:, :, None]
            if each.shape[2] == 1
            else stream.run(each).spikes[-1]
            for each in chunks(drawn.spikes, rng)
        ]
        assert np.array_equal(np.concatenate(outputs, 2), whole.spikes[-1]), drawn.network
        assert stream.steps == drawn.spikes.shape[2]


def test_many_streams_step_on_several_threads() -> None:
    ((drawn, rng),) = binary_cases(1, seed=2)
    size = (200, drawn.network.inputs, 30)
    spikes = (rng.random(size) < 0.2).astype(np.uint8)
    whole = fast.run(drawn.network, spikes)
    stream = Stream(drawn.network, 200, threads=2)
    outputs = [stream.step(spikes[:, :, t]) for t in range(30)]
    assert np.array_equal(np.stack(outputs, 2), whole.spikes[-1])


def test_a_reset_clears_states_and_spikes_in_flight() -> None:
    for draw in (random_cases, binary_cases):
        for drawn, _ in draw(5, seed=3):
            stream = Stream(drawn.network, len(drawn.spikes))
            first = stream.run(drawn.spikes)
            stream.reset()
            assert stream.steps == 0
            assert not differences(stream.run(drawn.spikes), first)


@pytest.fixture
def stream() -> Stream:
    weight = np.random.default_rng(4).integers(-50, 100, (5, 4))
    return Stream(QuantizedNetwork.chain([DenseLayer(weight, CubaLif(1024, 300, 100))]), 2)


@pytest.mark.parametrize(
    ("shape", "dtype", "named"),
    [((2, 3), np.uint8, r"\(2, 3\); the network takes \(batch, 4, time\)"),
     ((1, 4, 5), np.uint8, r"\(1, 4, 5\); give \(2, 4, steps\) for 2 streams"),
     ((2, 4, 0), np.uint8, r"with at least one step"),
     ((2, 4, 4), np.float32, "must be an array of integers")],
)  # fmt: skip
def test_spikes_that_do_not_fit_are_refused(stream, shape, dtype, named) -> None:
    with pytest.raises(InputError, match=named):
        stream.run(np.zeros(shape, dtype))
    assert stream.steps == 0


@pytest.mark.parametrize(
    ("value", "named"),
    [(np.zeros((2, 4, 1), np.uint8), r"one step have shape \(2, 4, 1\); give"),
     (np.zeros((3, 4), np.uint8), r"\(3, 4, 1\); give \(2, 4, steps\)"),
     (np.full((2, 4), 2, np.uint8), "reach from 0 to 2; they must be 0 or 1"),
     (np.zeros((2, 4)), "must be an array of integers")],
)  # fmt: skip
def test_a_step_that_does_not_fit_is_refused_and_changes_nothing(stream, value, named) -> None:
    before = stream.run(np.ones((2, 4, 3), int)).spikes
    with pytest.raises(InputError, match=named):
        stream.step(value)
    assert stream.steps == 3
    stream.reset()
    assert all(map(np.array_equal, stream.run(np.ones((2, 4, 3), int)).spikes, before))


@pytest.mark.parametrize(
    ("options", "named"),
    [({"num_streams": 0}, "num_streams"), ({"num_streams": 1.5}, "num_streams"),
     ({"backend": "slow"}, "'slow' is not a backend"),
     ({"backend": "loihi2"}, "loihi2 does not run streams; choose fast or lava"),
     ({"backend": "lava", "num_streams": 2}, "runs one stream"),
     ({"num_streams": 1 << 20, "states": True}, r"1,048,576 streams take about .* run fewer"),
     ({"threads": 0}, "threads is 0")],
)  # fmt: skip
def test_options_that_no_stream_has_are_refused(stream, options, named, monkeypatch) -> None:
    monkeypatch.setattr("neurodeploy.hw_sim.memory.available", lambda: 10**6)
    with pytest.raises(InputError, match=named):
        Stream(stream.network, **options)


def test_chunks_equal_the_whole_in_lava() -> None:
    for number, (drawn, rng) in enumerate(random_cases(4, seed=5)):
        spikes = drawn.spikes[:1]
        whole = fast.run(drawn.network, spikes, RunOptions(states=True))
        with Stream(drawn.network, backend="lava", states=True, time_limit_s=120) as stream:
            for _ in range(2 if number == 0 else 1):  # a second time after a reset
                parts = [stream.run(each) for each in chunks(spikes, rng)]
                assert not differences(joined(parts), whole), drawn.network
                stream.reset()
