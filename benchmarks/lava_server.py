"""Run many networks on Lava in one child process, which imports Lava once.

    with LavaServer() as lava:
        activity = lava.run(network, spikes)

The child is `python -m benchmarks.lava_server FOLDER`. FOLDER receives the jobs 0, 1, ... of
`hw_sim.simulators.lava_worker`; a job is ready once it contains the file `go`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.export import netx
from neurodeploy.hw_sim.activity import Activity, check_input
from neurodeploy.hw_sim.simulators import lava
from neurodeploy.hw_sim.simulators.process import Job, started
from neurodeploy.models.errors import BackendError
from neurodeploy.models.network import QuantizedNetwork

POLL_S = 0.005
LIMIT_S = 600.0
RUNS_A_CHILD = 50
"""Number of runs after which the child is replaced, since Lava leaks memory with every run."""


class LavaServer:
    """Runs networks on Lava. The child starts with the first run, and again after a failed run."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._child: Any = None
        self._folder = Path()
        self._runs = 0

    def __enter__(self) -> LavaServer:
        return self

    def __exit__(self, *error: Any) -> None:
        self._end()

    def run(self, network: QuantizedNetwork, spikes: NDArray[Any]) -> Activity:
        """Run every sample on Lava from cleared state and return the activity with states.

        Raises:
            BackendError: if Lava raises, dies or takes longer than ten minutes.
        """
        if self._child is None or self._runs == RUNS_A_CHILD:
            self._start()
        inputs = check_input(network, spikes)
        job = self._folder / str(self._runs)
        job.mkdir()
        netx.write(network, job / "network.net")
        np.save(job / "spikes.npy", inputs)
        (job / "states").touch()
        (job / "go").touch()
        self._runs += 1
        try:
            self._wait(job)
            return lava.collect(network, inputs, job, states=True)
        except BaseException:
            self._end()
            raise

    def _start(self) -> None:
        self._end()
        folder = tempfile.TemporaryDirectory(prefix="neurodeploy-")
        self._folder = Path(self._stack.enter_context(folder))
        job = Job("benchmarks.lava_server", self._folder, "Lava's simulator", 0, LIMIT_S)
        self._child = self._stack.enter_context(started(job))
        self._runs = 0

    def _end(self) -> None:
        self._stack.close()
        self._child = None

    def _wait(self, job: Path) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not (job / "done").exists():
            error = self._folder / "error.txt"
            if error.exists():
                raise BackendError(f"Lava's simulator failed: {error.read_text()}")
            if self._child.poll() is not None:
                raise BackendError("Lava's simulator failed: its process ended without a message")
            if time.monotonic() > deadline:
                raise BackendError(f"Lava's simulator did not finish in {LIMIT_S:.0f} s")
            time.sleep(POLL_S)


def serve(folder: Path, watch: Any) -> None:
    """Run the jobs in the folder until this process is terminated."""
    from neurodeploy.hw_sim.simulators import lava_worker

    for number in range(RUNS_A_CHILD):
        job = folder / str(number)
        while not (job / "go").exists():
            time.sleep(POLL_S)
        lava_worker.run(job, watch)
        (job / "done").touch()


if __name__ == "__main__":
    from neurodeploy.hw_sim.simulators.process import run_worker

    run_worker(serve, sys.argv[1])
