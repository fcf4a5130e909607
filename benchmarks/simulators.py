"""Our simulator against Lava's, side by side in one run.

    python -m benchmarks.simulators [runs/har/model.net]

For each network: microseconds a time step and sample of Lava's stock simulator (netx, fixed_pt,
start and stop left out) and of `fast`: one sample at a time (another each time, so that no branch
predictor learns it) and 256 at once, on one thread and on all. The outputs of stock Lava and `fast`
are compared on the first sample.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks import workloads
from export import netx
from hw_sim import fast
from hw_sim.activity import count
from hw_sim.run_options import RunOptions
from models.network import QuantizedNetwork
from neurodeploy.evaluation import load_test_samples

REPEATS, WARM_UP = 9, 3
LIMIT_S = 300


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print a table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("network", nargs="?", type=Path, help="a model.net of `deploy`, if any")
    options.add_argument("--lava-steps", type=int, default=128, help="steps to time Lava on")
    given = options.parse_args(argv)
    cases = [("W1", *workloads.w1())]
    if given.network is not None:
        network = netx.read(given.network)
        spikes = load_test_samples(network.task, None, 256)[0].spikes
        cases.append((network.task.name, network, spikes))
    table = Table(title="microseconds a time step and sample, medians", title_justify="left")
    table.add_column("")
    for name, *_ in cases:
        table.add_column(name, justify="right")
    measured = [measure(network, spikes, given.lava_steps) for _, network, spikes in cases]
    for label in measured[0]:
        table.add_row(label, *(each[label] for each in measured))
    Console(width=80).print(table)
    return 0


def measure(
    network: QuantizedNetwork, spikes: NDArray[np.uint8], lava_steps: int
) -> dict[str, str]:
    """Return the figures of one network by their labels."""
    activity = fast.run(network, spikes)
    steps = spikes.shape[2]
    synops = sum(int(layer.synops.sum()) for layer in count(network, activity))
    emitted = sum(int(layer.sum()) for layer in activity.spikes)
    neurons = sum(layer.neurons for layer in network.layers)
    stock = stock_lava(network, spikes, lava_steps, activity.spikes[-1][0])
    single, one, every = (
        time_fast(network, batches, threads) / steps
        for batches, threads in (
            ([sample[None] for sample in spikes], 1),
            ([spikes], 1),
            ([spikes], os.cpu_count() or 1),
        )
    )
    return {
        "firing": f"{emitted / len(spikes) / steps / neurons:.1%}",
        "SynOps a step": f"{synops / len(spikes) / steps:,.0f}",
        "stock Lava": f"{stock:,.0f}",
        "fast, one sample at a time, 1 thread": f"{single:.2f}",
        "fast, 256 samples, 1 thread": f"{one:.3f}",
        f"fast, 256 samples, {os.cpu_count()} threads": f"{every:.3f}",
        "stock Lava / fast, one at a time": f"{stock / single:,.0f}",
        "stock Lava / fast, 256 samples, 1 thread": f"{stock / one:,.0f}",
    }


def time_fast(
    network: QuantizedNetwork, batches: Sequence[NDArray[np.uint8]], threads: int
) -> float:
    """Return the median microseconds of a run, a sample, over the batches in turn."""
    times = []
    for k in range(max(REPEATS, len(batches)) + WARM_UP):
        batch = batches[k % len(batches)]
        began = time.perf_counter()
        fast.run(network, batch, RunOptions(threads=threads))
        times.append(1e6 * (time.perf_counter() - began) / len(batch))
    return statistics.median(times[WARM_UP:])


def stock_lava(
    network: QuantizedNetwork, spikes: NDArray[np.uint8], steps: int, expected: NDArray[np.uint8]
) -> float:
    """Return Lava's microseconds a step; raise when its output is not the expected one."""
    with tempfile.TemporaryDirectory() as folder:
        path, inputs = Path(folder) / "network.net", Path(folder) / "spikes.npy"
        netx.write(network, path)
        np.save(inputs, spikes[:4])
        ran = subprocess.run(
            [sys.executable, "-m", "benchmarks.stock_lava", str(path), str(inputs), str(steps)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            timeout=LIMIT_S, check=True,
        )  # fmt: skip
    found = json.loads(ran.stdout.decode().strip().splitlines()[-1])
    if not np.array_equal(found["first_output"], expected):
        raise SystemExit("stock Lava and fast differ in the output of the first sample")
    return 1e6 * float(found["seconds"]) / steps


if __name__ == "__main__":
    sys.exit(main())
