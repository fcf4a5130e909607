"""Continuous runs: chunks of any sizes equal one run of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from benchmarks.differences import differences
from benchmarks.random_networks import LENGTH, Case, case
from neurodeploy.hw_sim.activity import Activity, States
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.hw_sim.streaming import Stream

NETWORKS = 60


def random_cases(count: int, seed: int = 0) -> Iterator[tuple[Case, np.random.Generator]]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield case(rng.bytes(LENGTH)), rng


def chunks(spikes: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the steps of the spikes (B, C, T) in chunks of random sizes, many of them 1."""
    steps = spikes.shape[2]
    cuts = rng.choice(np.arange(1, steps), rng.integers(1, steps), replace=False)
    return np.split(spikes, np.sort(cuts), axis=2)


def joined(parts: list[Activity]) -> Activity:
    """Return the activities of consecutive chunks as one."""

    def join(arrays: Any) -> np.ndarray:
        return np.concatenate(list(arrays), axis=2)

    states = tuple(
        States(*(join(getattr(each, name) for each in layer) for name in vars(layer[0])))
        for layer in zip(*(part.states for part in parts))
    )
    spikes = tuple(map(join, zip(*(part.spikes for part in parts))))
    inputs = join(part.inputs for part in parts)
    return Activity(inputs, spikes, states, last_voltage=parts[-1].last_voltage)


@pytest.mark.parametrize("states", [True, False])
def test_chunks_equal_the_whole(states: bool) -> None:
    for drawn, rng in random_cases(NETWORKS):
        whole = fast.run(drawn.network, drawn.spikes, RunOptions(states=True))
        stream = Stream(drawn.network, len(drawn.spikes), states=states)
        parts = [stream.run(each) for each in chunks(drawn.spikes, rng)]
        assert not differences(joined(parts), whole), drawn.network
        assert stream.steps == drawn.spikes.shape[2]
