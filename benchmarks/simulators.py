"""Our simulator and others on the same networks, side by side in one run.

    python -m benchmarks.simulators [runs/har/model.net] [--peers all] [--threads 1,2]

For each network one table: microseconds a time step and sample, one sample at a time (another each
time, so that no branch predictor learns it) and, where a simulator can, all at once; start and stop
left out. Each simulator runs in a process of its own under a time limit, and its output is
compared with ours, spike by spike. `benchmarks.compare` has the table of simulators.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks import tables, workloads
from benchmarks.compare import PEERS, Outcome, run
from benchmarks.peers import workload_file
from benchmarks.peers.own_network import without_delays, workload_of
from benchmarks.peers.workload_file import Workload
from export import netx
from models.network import QuantizedNetwork
from neurodeploy.evaluation import load_test_samples

OURS = ("fast", "lava")
"""What `--peers none` measures: our simulator and the one that all ratios refer to."""

MODEL_SAMPLES = 256

Make = Callable[[], tuple[QuantizedNetwork, NDArray[np.uint8]]]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print one table a workload."""
    given = _options().parse_args(argv)
    # Ends what runs as Ctrl-C does, instead of leaving it behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)
    given.peers = _chosen(given.peers)
    results = []
    for name, make in _workloads(given.network, given.workloads.split(","), given.plot):
        console.print(f"{name}: making the network", style="dim")
        workload, outcomes = measure(name, *make(), given, console)
        console.print(tables.table_of(workload, outcomes))
        results.append((workload, outcomes))
        if given.json:
            _save(results, given.json)
    if given.plot:
        tables.plot(results, given.plot)
    return 0


def measure(
    name: str,
    network: QuantizedNetwork,
    spikes: NDArray[np.uint8],
    given: argparse.Namespace,
    console: Console,
) -> tuple[Workload, list[Outcome]]:
    """Run every chosen peer on the network, those without delays on the network without.

    A peer that fails on one number of threads is not tried on the next.
    """
    workload = workload_of(name, network, spikes)
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        path, undelayed = Path(folder) / "workload.npz", Path(folder) / "undelayed.npz"
        workload_file.write(workload, path)
        if workload.delayed:
            other = workload_of(f"{name} without delays", without_delays(network), spikes)
            workload_file.write(other, undelayed)
        for peer in given.peers:
            file = undelayed if workload.delayed and not PEERS[peer].delays else path
            for threads in map(int, given.threads.split(",")):
                outcome = run(
                    PEERS[peer], file, threads=threads, seconds=given.seconds, limit_s=given.limit
                )
                outcomes.append(outcome)
                console.print(_told(outcome), style="dim")
                if outcome.figures is None:
                    break
    return workload, outcomes


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("network", nargs="?", type=Path, help="a model.net of `deploy`, if any")
    options.add_argument(
        "--peers", default="all",
        help=f"names with commas between, 'all' or 'none'; there are {', '.join(PEERS)}",
    )  # fmt: skip
    options.add_argument("--threads", default="1,2", help="numbers with commas between")
    options.add_argument(
        "--workloads", default="W1,W1b,N-TIDIGITS,model",
        help="names with commas between, 'random' for the random networks or 'random-10-0.01' "
        "for one of them",
    )  # fmt: skip
    options.add_argument("--seconds", type=float, default=2.0, help="to measure each for, about")
    options.add_argument("--limit", type=float, default=300.0, help="seconds for each at most")
    options.add_argument("--json", type=Path, help="write all figures to this file")
    options.add_argument(
        "--plot",
        type=Path,
        help="draw time against work over the random networks, all of them unless --workloads "
        "names some",
    )
    return options


def _chosen(peers: str) -> list[str]:
    """Return the names of the peers to run; ours and the reference always."""
    if peers == "all":
        return list(PEERS)
    wanted = [] if peers == "none" else peers.split(",")
    for name in wanted:
        if name not in PEERS:
            raise SystemExit(f"{name!r} is no simulator; there are {', '.join(PEERS)}")
    return [name for name in PEERS if name in (*OURS, *wanted)]


def _workloads(
    network: Path | None, chosen: Sequence[str], plot: Path | None
) -> Iterator[tuple[str, Make]]:
    """Yield the names of the chosen workloads and what makes them."""
    known: dict[str, Make] = {
        "W1": workloads.w1,
        "W1b": lambda: workloads.w1(delays=False),
        "N-TIDIGITS": workloads.ntidigits,
    }
    for name, make in known.items():
        if name in chosen:
            yield name, make
    if network is not None and "model" in chosen:
        yield network.parent.name, lambda: _model(network)
    some = any(name.startswith("random-") for name in chosen)
    every = "random" in chosen or (plot is not None and not some)
    for neurons in workloads.NETWORK_NEURONS:
        for rate in workloads.FIRING_RATES:
            name = f"random-{neurons}-{rate}"
            if every or name in chosen:
                yield name, lambda n=neurons, r=rate: workloads.random_network(n, r)


def _model(path: Path) -> tuple[QuantizedNetwork, NDArray[np.uint8]]:
    """Return the network of a file, and test samples of its task."""
    network = netx.read(path)
    return network, load_test_samples(network.task, None, MODEL_SAMPLES)[0].spikes


def _told(outcome: Outcome) -> str:
    """Return what one run came to, for those who wait."""
    figures = outcome.figures
    said = outcome.reason
    if figures:
        said = f"{tables.number(tables.best_time(figures))} us, exact: {tables.exactness(figures)}"
    return f"  {outcome.peer}, threads {outcome.threads}: {said}"


def _save(results: Sequence[tuple[Workload, Sequence[Outcome]]], path: Path) -> None:
    """Write all figures so far as JSON."""
    made = [
        {
            "workload": workload.name,
            "neurons": workload.neurons,
            "firing": workload.firing,
            "synops_a_step": workload.synops,
            "delays": workload.delayed,
            "samples": len(workload.spikes),
            "steps": workload.spikes.shape[2],
            "outcomes": [asdict(outcome) for outcome in outcomes],
        }
        for workload, outcomes in results
    ]
    path.write_text(json.dumps(made, indent=1))


if __name__ == "__main__":
    sys.exit(main())
