"""This project's own simulator.

python -m benchmarks.peers.neurodeploy_fast WORKLOAD.npz
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import measuring
from benchmarks.peers.own_network import network_of
from benchmarks.peers.workload_file import Workload
from neurodeploy.cli import keep_freed_memory
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.simulators import fast


class Fast:
    """`hw_sim.simulators.fast` as a `measuring.SampleSimulator`."""

    def __init__(self, workload: Workload, threads: int) -> None:
        keep_freed_memory()  # as the commands do
        self.network = network_of(workload)
        self.options = RunOptions(threads=threads)

    def prepare(self, spikes: NDArray[Any]) -> NDArray[Any]:
        """Return spikes as they are, and images as the integers that the simulator takes."""
        return spikes if spikes.dtype == np.uint8 else spikes.astype(np.int32)

    def run(self, prepared: NDArray[Any]) -> Any:
        """Return the activity of all layers."""
        return fast.run(self.network, prepared, self.options)

    def outputs(self, result: Any) -> NDArray[np.uint8]:
        """Return the last layer's spikes (samples, neurons, time)."""
        return result.spikes[-1]


def measure(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure `fast`."""
    return measuring.run_samples(
        lambda: Fast(workload, options.threads), workload, options, most=None
    )


if __name__ == "__main__":
    measuring.main(measure, ("numba", "numpy"))
