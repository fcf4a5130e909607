"""Compare simulators on a stream that is never cleared: `python -m benchmarks.simulators --stream`.

Each call hands over one step, or a chunk of steps, and gets the spikes of the last layer back.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks import programs, workloads
from benchmarks.pages import Table, number, share
from benchmarks.peers import workload
from benchmarks.peers.own import without_delays, workload_of
from benchmarks.peers.workload import Workload
from benchmarks.programs import STREAMERS, Program
from neurodeploy.models.network import QuantizedNetwork

HEADINGS: Final = (
    "simulator", "µs a step", "steps/s", "µs a step, 1,000 streams", "x Lava", "exact?",
)  # fmt: skip
REFERENCE: Final = "lava"
"""The program of all ratios."""

Found: TypeAlias = dict[str, tuple[dict[str, Any] | None, str]]
"""Name of a program -> its figures, or None and the reason."""


def measure(
    name: str,
    network: QuantizedNetwork,
    spikes: NDArray[Any],
    *,
    seconds: float,
    limit_s: float,
    peers: Sequence[str] = tuple(STREAMERS),
) -> tuple[Workload, Found]:
    """Run programs of `STREAMERS` on one thread, and return the workload and what they found.

    Args:
        name: name of the network.
        network: dense layers of CUBA LIF neurons.
        spikes: uint8 (samples, channels, time); they follow one another in the stream.
        seconds: approximate duration of each measurement.
        limit_s: time limit of each program.
        peers: names of the programs.
    """
    job, found = workload_of(name, network, spikes), {}
    with tempfile.TemporaryDirectory() as folder:
        path, undelayed = Path(folder) / "workload.npz", Path(folder) / "undelayed.npz"
        workload.write(job, path)
        workload.write(workload_of(name, without_delays(network), spikes), undelayed)
        for peer in peers:
            program = STREAMERS[peer]
            file = path if program.delays else undelayed
            found[peer] = programs.run(program, file, threads=1, seconds=seconds, limit_s=limit_s)
    return job, found


def table_of(job: Workload, found: Found) -> Table:
    """Return the table, with a row per program."""
    about = (
        f"{job.name}, {job.neurons:,} neurons, {job.firing:.1%} firing, {job.synops:,.0f} SynOps "
        "per step; one thread"
    )
    stock = (found.get(REFERENCE) or (None, ""))[0]
    lava_us = float(stock["single"]["median"]) if stock else None
    rows = [
        _row(STREAMERS[peer], figures, lava_us, delayed=job.delayed)
        if figures
        else [STREAMERS[peer].title, *["-"] * (len(HEADINGS) - 2), reason]
        for peer, (figures, reason) in found.items()
    ]
    return Table("One stream, call by call", about, HEADINGS, rows)


def _row(
    program: Program, figures: Mapping[str, Any], lava_us: float | None, *, delayed: bool
) -> list[str]:
    single, batch = float(figures["single"]["median"]), figures["batch"]
    exact = f"yes, {figures['spikes']:,} spikes"
    if figures["different"]:
        exact = f"no, {share(figures['different'], max(figures['spikes'], 1))}"
    return [
        program.title,
        number(single),
        number(1e6 / single),
        number(batch["median"] if batch else None),
        number(lava_us / single if lava_us else None),
        exact + ", without delays" * (delayed and not program.delays),
    ]


def har_shaped(seed: int = 3) -> tuple[QuantizedNetwork, NDArray[np.uint8]]:
    """Return a network with the shape of `deploy --task har`, 33-128-128-6, made as W1 is."""
    return workloads.w1(seed, sizes=(33, 128, 128, 6))
