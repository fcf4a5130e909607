"""This project's Lava backend: Lava's simulator with our synapse models, all samples in one run.

python -m benchmarks.peers.neurodeploy_lava WORKLOAD.npz

The backend tells every 50 steps how far it is; the time between those reports leaves out start and
stop.
"""

from __future__ import annotations

import time
from itertools import pairwise

from benchmarks.peers import measuring
from benchmarks.peers.own_network import network_of
from benchmarks.peers.workload_file import Workload
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.simulators import lava

STEPS = 2_048
"""To run, rounded to whole samples; at least one."""


def measure(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure the Lava backend and compare all that it ran."""
    steps = workload.spikes.shape[2]
    spikes = workload.spikes[: max(1, STEPS // steps)]
    reports: list[tuple[float, int]] = []

    def report(done: int, _: int) -> None:
        if done and (not reports or reports[-1][1] < done):
            reports.append((time.perf_counter(), done))

    began = time.perf_counter()
    activity = lava.run(network_of(workload), spikes, RunOptions(progress=report))
    seconds = time.perf_counter() - began
    running = reports[:-1] if reports[-1][1] == len(spikes) * steps else reports
    pieces = [
        1e6 * (after - before) / (more - done)
        for (before, done), (after, more) in pairwise(running)
    ]
    if not pieces:
        raise SystemExit(f"{len(spikes) * steps} steps are too few to time the backend")
    # Reports are polled for, so that single pieces err both ways; their sum does not.
    (first, start), (last, end) = running[0], running[-1]
    single = measuring.spread(pieces) | {"median": 1e6 * (last - first) / (end - start)}
    counts = measuring.count_different(activity.spikes[-1], workload.expected[: len(spikes)])
    started = seconds - 1e-6 * single["median"] * len(spikes) * steps
    return measuring.Findings(single, None, 0, started, **counts)


if __name__ == "__main__":
    measuring.main(measure, ("lava-nc",))
