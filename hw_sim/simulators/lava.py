"""The Lava backend: the process graph on Lava's CPU simulator, in a child process."""

from __future__ import annotations

import shutil
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Activity, States, check_input
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.memory import STATES, Need
from neurodeploy.hw_sim.simulators.process import Job, job_folder, run_job, started, wait
from neurodeploy.models.errors import BackendError, InputError, require
from neurodeploy.models.lava_compat import from_lava
from neurodeploy.models.layers import Layer, weights_of
from neurodeploy.models.network import QuantizedNetwork

SHARED_MEMORY = Path("/dev/shm")
CHANNEL_BYTES = 64 * 4
START_LIMIT_S = 300.0
STEP_LIMIT_S = 0.2


def run(
    network: QuantizedNetwork,
    spikes: NDArray[Any],
    options: RunOptions = RunOptions(),
) -> Activity:
    """Run every sample from cleared state for its whole length, all in one run of Lava.

    Args:
        network: the network.
        spikes: integers (batch, channels, time), see `hw_sim.activity`.
        options: `states`, `progress` and `time_limit_s` apply; the default limit is five minutes
            plus 0.2 s per step.

    Raises:
        InputError: when the spikes do not fit the network.
        MissingPackageError: when Lava is not installed.
        BackendError: when Lava raises, is killed, exceeds the time limit, or lacks shared memory.
    """
    inputs = check_input(network, spikes)
    require("the backend lava", "lava.magma")
    check_shared_memory(network)
    steps = inputs.shape[0] * inputs.shape[2]
    limit = options.time_limit_s
    if limit is None:
        limit = START_LIMIT_S + STEP_LIMIT_S * steps
    with job_folder(network, inputs) as folder:
        if options.states:
            (folder / "states").touch()
        run_job(_job(folder, steps, limit, options))
        return collect(network, inputs, folder, states=options.states)


def _job(folder: Path, steps: int, limit_s: float, options: RunOptions) -> Job:
    worker = "neurodeploy.hw_sim.simulators.lava_worker"
    return Job(worker, folder, "Lava's simulator", steps, limit_s, options.progress)


class Stream:
    """One stream on Lava, in a child process that starts with the first chunk.

    Attributes:
        now: number of steps so far.
    """

    def __init__(self, network: QuantizedNetwork, num_streams: int, options: RunOptions) -> None:
        if num_streams != 1:
            raise InputError(
                f"num_streams is {num_streams}; Lava's simulator runs one stream, so start one for "
                "each, or choose the backend fast"
            )
        require("the backend lava", "lava.magma")
        self.network, self.options = network, options
        self.now, self._chunks, self._failed = 0, 0, False
        self._folder = Path()
        self._child: Any = None
        self._process = ExitStack()
        weakref.finalize(self, self._process.close)

    def run(self, inputs: NDArray[Any]) -> Activity:
        """Run the next steps; inputs (1, channels, steps) from `check_input`.

        Raises:
            BackendError: as `run`, for this and every later chunk until `reset`.
        """
        if self._failed:
            raise BackendError("the stream has failed and its state is lost; reset it")
        steps = inputs.shape[2]
        limit = self.options.time_limit_s or START_LIMIT_S + STEP_LIMIT_S * steps
        try:
            self._send(inputs)
            wait(self._child, _job(self._folder, steps, limit, self.options), self._chunks)
            activity = collect(self.network, inputs, self._folder, states=self.options.states)
        except BaseException:
            self.close()
            self._failed = True
            raise
        self._chunks += 1
        self.now += steps
        return activity

    def step(self, spikes: NDArray[Any]) -> None:
        """Do nothing; Lava has no quick way to run one step."""

    def _send(self, inputs: NDArray[Any]) -> None:
        if self._chunks:
            np.save(self._folder / "spikes.npy", inputs)
            (self._folder / f"go_{self._chunks}").touch()
            return
        check_shared_memory(self.network)
        self._folder = self._process.enter_context(job_folder(self.network, inputs))
        (self._folder / "stream").touch()
        if self.options.states:
            (self._folder / "states").touch()
        job = _job(self._folder, 0, 0, self.options)
        self._child = self._process.enter_context(started(job))

    def reset(self) -> None:
        """Clear the state: the next chunk starts a new process."""
        self.close()
        self.now, self._chunks, self._failed = 0, 0, False

    def close(self) -> None:
        """End the process."""
        self._process.close()


def check_shared_memory(network: QuantizedNetwork) -> None:
    """Raise BackendError if the messages of Lava's processes do not fit the shared memory.

    Every layer has two channels of 64 messages, with four bytes per neuron
    (`lava.magma.compiler.compiler`, `pypy_channel_size`), and the input has one. A layer whose
    weights take two synapses has a second synapse process, with a channel to and from it.
    """
    if not SHARED_MEMORY.is_dir():
        return
    numbers = network.inputs + 2 * sum(layer.neurons for layer in network.layers)
    numbers += sum(layer.inputs + layer.neurons for layer in _wide(network))
    need, free = CHANNEL_BYTES * numbers, shutil.disk_usage(SHARED_MEMORY).free
    if need > free:
        raise BackendError(
            f"Lava needs {need / 1e6:,.1f} MB of shared memory for this network and "
            f"{SHARED_MEMORY} has {free / 1e6:,.1f} MB free; enlarge it (docker run --shm-size) or "
            "run with --backend fast"
        )


def _wide(network: QuantizedNetwork) -> list[Layer]:
    """Return the layers whose weights take two synapses."""
    return [layer for layer in network.layers if layer.synapses_per_weight == 2]


def collect(
    network: QuantizedNetwork, inputs: NDArray[Any], folder: Path, *, states: bool
) -> Activity:
    """Return the activity that `lava_worker` wrote to `folder`, for the checked input `inputs`."""
    batch, _, steps = inputs.shape

    def load(index: int, name: str) -> Any:
        stream = from_lava(
            np.load(folder / f"layer_{index}_{name}.npy"), network.layers[index].shape
        )
        return np.ascontiguousarray(stream.reshape(-1, batch, steps).transpose(1, 0, 2))

    indices = range(len(network.layers))
    names = ("current", "voltage", "weighted")
    return Activity(
        inputs,
        tuple(load(i, "spikes") for i in indices),
        tuple(States(*(load(i, name) for name in names)) for i in indices) if states else (),
        last_voltage=(
            load(indices[-1], "voltage")[:, :, -1] if network.readout == "voltage" else None
        ),
    )


LAVA_BYTES = 80 * 10**6
PROCESS_BYTES = 15 * 10**6
"""Memory of Lava's simulator, and of each of its processes in addition to shared pages."""


def memory(network: QuantizedNetwork, steps: int) -> Need:
    """Return the memory of a run: Lava's processes, and copies of spikes and input."""
    sent = sum(layer.neurons * (4 if layer.neuron.graded else 1) for layer in network.layers)
    if network.readout == "voltage":
        sent += 4 * STATES * network.layers[-1].neurons
    weights = sum(
        array.size * layer.synapses_per_weight
        for layer in network.layers
        for array in weights_of(layer)
    )
    processes = 3 + 2 * len(network.layers) + len(_wide(network))
    fixed = LAVA_BYTES + PROCESS_BYTES * processes + 24 * weights
    return Need(fixed, steps * (16 * network.inputs + 4 * sent))
