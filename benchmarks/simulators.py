"""Our simulator and others on the same networks, side by side in one run.

    python -m benchmarks.simulators [runs/har/model.net] [--peers all] [--threads 1,2]
        [--markdown docs/benchmarks/speed.md] [--plot docs/benchmarks/speed.png]

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
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks import limits, speed_page, speed_plot, tables, workloads
from benchmarks.compare import PEERS, Outcome, run
from benchmarks.peers import workload_file
from benchmarks.peers.own_network import without_delays, workload_of
from benchmarks.peers.workload_file import Workload
from benchmarks.results import Result, best_time, result_of
from neurodeploy.export import netx
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.running.inputs import task_samples

OURS = ("fast", "lava")
"""What `--peers none` measures: our simulator and the one that all ratios refer to."""

IMAGES = "the network has images, and this program builds dense layers"

Made = tuple[QuantizedNetwork, NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """A network to measure on: its name, what makes it, and a random one's rate of firing."""

    name: str
    make: Callable[[], Made]
    rate: float | None = None


class TooSlow:
    """Remembers on how much work a simulator ran out of time, so that it is spared more of it."""

    def __init__(self) -> None:
        self.least: dict[str, float] = {}

    def note(self, outcome: Outcome, work: float) -> None:
        """Take in what a run came to."""
        if outcome.out_of_time:
            self.least[outcome.peer] = min(work, self.least.get(outcome.peer, work))

    def spares(self, peer: str, work: float) -> bool:
        """Tell whether it ran out of time on no more work than this."""
        return work >= self.least.get(peer, np.inf)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print one table a workload."""
    given = _options().parse_args(argv)
    # Ends what runs as Ctrl-C does, instead of leaving it behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(width=None if sys.stdout.isatty() else 190, highlight=False)
    given.peers = _chosen(given.peers)
    results: list[Result] = []
    slow = TooSlow()
    for case in _cases(given.network, given.workloads.split(","), random=bool(given.plot)):
        results.append(measure(case, given, console, slow))
        if case.rate is None:
            console.print(tables.table_of(tables.cells_of(results[-1])))
        if given.json:
            given.json.write_text(json.dumps([each.as_dict() for each in results], indent=1))
    drawn = [result for result in results if result.rate is not None]
    if drawn:
        console.print(tables.table_of(tables.random_cells(drawn)))
    if given.plot:
        speed_plot.draw(drawn, given.plot)
    if given.markdown:
        speed_page.write(results, given.markdown, given.plot)
    return 0


def measure(case: Case, given: argparse.Namespace, console: Console, slow: TooSlow) -> Result:
    """Run every chosen peer on a network, those without delays on the network without.

    Random networks run on one thread.
    """
    console.print(f"{case.name}: making the network", style="dim")
    network, spikes = case.make()
    workload = workload_of(case.name, network, spikes)
    threads = [1] if case.rate is not None else [int(n) for n in given.threads.split(",")]
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder:
        path, undelayed = Path(folder) / "workload.npz", Path(folder) / "undelayed.npz"
        workload_file.write(workload, path)
        if workload.delayed:
            other = workload_of(f"{case.name} without delays", without_delays(network), spikes)
            workload_file.write(other, undelayed)
        rates = limits.rates_of(network)
        del network
        for peer in given.peers:
            file = undelayed if workload.delayed and not PEERS[peer].delays else path
            for outcome in _runs(peer, workload, file, threads, given, slow):
                console.print(_told(outcome), style="dim")
                outcomes.append(outcome)
    return result_of(workload, outcomes, rates, case.rate)


def _runs(
    peer: str,
    workload: Workload,
    file: Path,
    threads: Sequence[int],
    given: argparse.Namespace,
    slow: TooSlow,
) -> Iterator[Outcome]:
    """Yield what a peer comes to on each number of threads, until it fails on one."""
    work = workload.neurons + workload.synops
    if workload.netx and not PEERS[peer].images:
        yield Outcome(peer, threads[0], None, IMAGES)
        return
    if slow.spares(peer, work):
        yield Outcome(peer, threads[0], None, "not done in time on a smaller network")
        return
    for count in threads:
        began = time.perf_counter()
        outcome = run(
            PEERS[peer], file, threads=count, seconds=given.seconds, limit_s=given.limit
        ).after(time.perf_counter() - began)
        slow.note(outcome, work)
        yield outcome
        if outcome.figures is None:
            return


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("network", nargs="?", type=Path, help="a model.net of `deploy`, if any")
    options.add_argument(
        "--peers", default="all",
        help=f"names with commas between, 'all' or 'none'; there are {', '.join(PEERS)}",
    )  # fmt: skip
    options.add_argument("--threads", default="1,2", help="numbers with commas between")
    options.add_argument(
        "--workloads", default="W1,W1b,N-TIDIGITS,PilotNet,model",
        help="names with commas between, 'random' for the random networks or 'random-10-0.01' "
        "for one of them",
    )  # fmt: skip
    options.add_argument("--seconds", type=float, default=2.0, help="to measure each for, about")
    options.add_argument("--limit", type=float, default=120.0, help="seconds for each at most")
    options.add_argument("--json", type=Path, help="write all figures to this file")
    options.add_argument("--markdown", type=Path, help="write all tables to this file")
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


def _cases(network: Path | None, chosen: Sequence[str], *, random: bool) -> Iterator[Case]:
    """Yield the chosen workloads; all random networks if asked for and none of them is named."""
    known: dict[str, Callable[[], Made]] = {
        "W1": workloads.w1,
        "W1b": lambda: workloads.w1(delays=False),
        "N-TIDIGITS": workloads.ntidigits,
        "PilotNet": workloads.pilotnet,
    }
    yield from (Case(name, make) for name, make in known.items() if name in chosen)
    if network is not None and "model" in chosen:
        yield Case(_model_name(network), lambda: _model(network))
    every = "random" in chosen or (random and not any("random-" in name for name in chosen))
    for neurons in workloads.NETWORK_NEURONS:
        for rate in workloads.FIRING_RATES:
            name = f"random-{neurons}-{rate}"
            if every or name in chosen:
                yield Case(name, partial(workloads.random_network, neurons, rate), rate)


def _model_name(path: Path) -> str:
    """Return the name of the task that a network was made for, or of its file."""
    return netx.read(path).task.name.upper() or path.stem


def _model(path: Path) -> Made:
    """Return the network of a file, and all test samples of its task."""
    network = netx.read(path)
    return network, task_samples(network.task).spikes


def _told(outcome: Outcome) -> str:
    """Return what one run came to, for those who wait."""
    figures = outcome.figures
    said = outcome.reason
    if figures:
        said = f"{tables.number(best_time(figures))} us, exact: {tables.exactness(figures)}"
    return f"  {outcome.peer}, threads {outcome.threads}: {said} ({outcome.took_s:.0f} s)"


if __name__ == "__main__":
    sys.exit(main())
