"""The Lava backend: the process graph on Lava's CPU simulator, in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw_sim.activity import Activity, States
from hw_sim.lava_process import Job, job_folder, refuse_empty, run_job
from hw_sim.run_options import RunOptions, check_spikes
from models.network import QuantizedNetwork

START_LIMIT_S = 120.0
STEP_LIMIT_S = 0.05


def run(
    network: QuantizedNetwork,
    spikes: NDArray[np.uint8],
    options: RunOptions = RunOptions(),
) -> Activity:
    """Run every sample from cleared state for its whole length, all in one run of Lava.

    Args:
        network: what to run.
        spikes: 0 or 1, uint8 array (batch, channels, time).
        options: `states`, `progress` and `time_limit_s` count here; the limit is two minutes and
            50 ms a step by default.

    Raises:
        InputError: when the spikes do not fit the network.
        BackendError: when Lava raises, dies or exceeds the time limit.
    """
    inputs = check_spikes(network, spikes)
    refuse_empty(inputs)
    steps = inputs.shape[0] * inputs.shape[2]
    limit = options.time_limit_s
    if limit is None:
        limit = START_LIMIT_S + STEP_LIMIT_S * steps
    with job_folder(network, inputs) as folder:
        if options.states:
            (folder / "states").touch()
        run_job(
            Job("hw_sim.lava_worker", folder, "Lava's simulator", steps, limit, options.progress)
        )
        return _collect(network, inputs, folder, states=options.states)


def _collect(
    network: QuantizedNetwork, inputs: NDArray[np.uint8], folder: Path, *, states: bool
) -> Activity:
    batch, _, steps = inputs.shape

    def load(index: int, name: str) -> Any:
        stream = np.load(folder / f"layer_{index}_{name}.npy")
        return np.ascontiguousarray(stream.reshape(-1, batch, steps).transpose(1, 0, 2))

    indices = range(len(network.layers))
    return Activity(
        inputs,
        tuple(load(i, "spikes") for i in indices),
        tuple(States(load(i, "current"), load(i, "voltage")) for i in indices) if states else (),
    )
