"""Compare the speed of `fast` and other simulators on the same networks.

    python -m benchmarks.simulators [runs/har/model.net] [--peers all] [--threads 1,2]
        [--markdown docs/benchmarks/speed.md] [--plot docs/benchmarks/speed.png]
    python -m benchmarks.simulators --stream [runs/har/model.net]
        [--markdown docs/benchmarks/speed-streams.md]

Prints one table per network with the time in microseconds per time step and sample, excluding start
and stop. Simulators run one sample at a time (a different one each time, so that branch predictors
cannot learn it) and, if supported, all samples at once. Each simulator runs in its own process with
a time limit, and its output is compared with that of `fast`, spike by spike. `benchmarks.programs`
lists the simulators.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks import convolutions, limits, pages, programs, streams, workloads
from benchmarks.pages import Table, number, share
from benchmarks.peers import workload
from benchmarks.peers.own import without_delays, workload_of
from benchmarks.programs import REFERENCE, SIMULATORS, STREAMERS
from neurodeploy.data.task_data import task_samples
from neurodeploy.export import netx
from neurodeploy.models.network import QuantizedNetwork

OURS: Final = ("fast", REFERENCE)
"""Simulators of `--peers none`: `fast` and the reference of all ratios."""
IMAGES: Final = "the network has images, and this program builds dense layers"
WAYS: Final = {"single": "one at a time", "batch": "{} at once"}

Made = tuple[QuantizedNetwork, NDArray[Any]]


@dataclass(frozen=True)
class Outcome:
    """Figures of one simulator on a number of threads, or the reason why there are none."""

    peer: str
    threads: int
    figures: dict[str, Any] | None
    reason: str = ""

    @property
    def best_us(self) -> float:
        """Shortest median time of its modes, in microseconds per step and sample."""
        assert self.figures is not None
        return min(float(self.figures[way]["median"]) for way in WAYS if self.figures[way])


@dataclass(frozen=True)
class Result:
    """One workload and the results of all simulators.

    Attributes:
        name: name of the workload.
        neurons: number of neurons of all layers.
        firing: fraction of neurons that fire per step, 0..1.
        synops: SynOps per step and sample.
        delays: whether the network has delays.
        samples: number of samples; not every simulator runs all of them.
        steps: time steps per sample.
        rate: target firing rate of a random network; None for other networks.
        rates: peak rates of this machine.
        outcomes: one per simulator and number of threads.
    """

    name: str
    neurons: int
    firing: float
    synops: float
    delays: bool
    samples: int
    steps: int
    rate: float | None
    rates: limits.Rates
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def threads(self) -> list[int]:
        """Numbers of threads, ascending."""
        return sorted({each.threads for each in self.outcomes})

    def of(self, peer: str) -> dict[int, Outcome]:
        """Return the outcomes of a simulator with figures, by number of threads."""
        found = (each for each in self.outcomes if each.peer == peer and each.figures)
        return {each.threads: each for each in found}

    def floor_us(self, synops: float | None = None) -> float:
        """Return the lower bound of the time on one thread, in microseconds per step and sample.

        Args:
            synops: SynOps per step and sample; by default those of the network.
        """
        work = self.synops if synops is None else synops
        return self.rates.floor_ns(self.neurons, work) / 1e3


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print one table per workload."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = _options().parse_args(words)
    # Stop child processes on SIGTERM, as on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if args.stream:
        return stream(args, words)
    peers = programs.chosen(SIMULATORS, args.peers, OURS)
    results: list[Result] = []
    too_slow: dict[str, float] = {}
    wanted, beside = args.workloads.split(","), []
    for name, make, rate in _cases(args.network, wanted, random=bool(args.plot)):
        results.append(measure(name, make(), rate, peers, args, too_slow))
        if rate is None:
            table_of(results[-1]).show()
        if args.json:
            values = [{**asdict(each), "floor_us": each.floor_us()} for each in results]
            args.json.write_text(json.dumps(values, indent=1))
    drawn = [result for result in results if result.rate is not None]
    if drawn:
        random_table(drawn).show()
    if convolutions.NAME in wanted:
        beside.append(convolutions.table([int(n) for n in args.threads.split(",")]))
        beside[-1].show()
    if args.plot:
        draw(drawn, args.plot)
    if args.markdown:
        write(results, beside, args.markdown, args.plot, words)
    return 0


def stream(args: argparse.Namespace, argv: Sequence[str]) -> int:
    """Measure and print the table of streams: of the network named, or one of HAR's shape."""
    name, made = "33-128-128-6, seeded, axonal delays of 0 to 30 steps", streams.har_shaped
    if args.network is not None:
        ((name, made, _),) = _cases(args.network, ["model"], random=False)
    peers = programs.chosen(STREAMERS, args.peers, ("fast",))
    load = os.getloadavg()[0]
    job, found = streams.measure(
        name, *made(), seconds=args.seconds, limit_s=args.limit, peers=peers
    )
    table = streams.table_of(job, found)
    table.show()
    if args.markdown:
        ran = {STREAMERS[peer].title: figures for peer, (figures, _) in found.items() if figures}
        pages.write(
            args.markdown, "simulators", argv, template="streams", table=table,
            load=f"{load:.1f}", load_after=f"{os.getloadavg()[0]:.1f}",
            versions=programs.versions_table(ran),
        )  # fmt: skip
    return 0


def measure(
    name: str,
    made: Made,
    rate: float | None,
    peers: Sequence[str],
    args: argparse.Namespace,
    too_slow: dict[str, float],
) -> Result:
    """Run peers on a network; those without support for delays run it without delays.

    Random networks run on one thread. `too_slow` holds the smallest work on which a peer ran out of
    time; the peer skips networks with as much or more work.
    """
    network, spikes = made
    job = workload_of(name, network, spikes)
    threads = [1] if rate is not None else [int(n) for n in args.threads.split(",")]
    samples, _, steps = spikes.shape
    result = Result(
        name, job.neurons, job.firing, job.synops, job.delayed, samples, steps, rate,
        limits.rates_of(network),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path, undelayed = Path(folder) / "workload.npz", Path(folder) / "undelayed.npz"
        workload.write(job, path)
        if job.delayed:
            other = workload_of(f"{name} without delays", without_delays(network), spikes)
            workload.write(other, undelayed)
        bar = tqdm(total=len(peers) * len(threads), desc=name, disable=None)
        with bar:
            for peer in peers:
                file = undelayed if job.delayed and not SIMULATORS[peer].delays else path
                for outcome in _runs(peer, job, file, threads, args, too_slow):
                    bar.update()
                    result.outcomes.append(outcome)
    return result


def _runs(
    peer: str,
    job: workload.Workload,
    file: Path,
    threads: Sequence[int],
    args: argparse.Namespace,
    too_slow: dict[str, float],
) -> Iterator[Outcome]:
    """Yield the outcomes of a peer for each number of threads, until one fails."""
    work = job.neurons + job.synops
    if job.netx.size and not SIMULATORS[peer].images:
        yield Outcome(peer, threads[0], None, IMAGES)
        return
    if work >= too_slow.get(peer, np.inf):
        yield Outcome(peer, threads[0], None, "not done in time on a smaller network")
        return
    for count in threads:
        figures, reason = programs.run(
            SIMULATORS[peer], file, threads=count, seconds=args.seconds, limit_s=args.limit
        )
        if reason.startswith(programs.OUT_OF_TIME):
            too_slow[peer] = min(work, too_slow.get(peer, np.inf))
        yield Outcome(peer, count, figures, reason)
        if figures is None:
            return


def _cases(
    network: Path | None, wanted: Sequence[str], *, random: bool
) -> Iterator[tuple[str, Callable[[], Made], float | None]]:
    """Yield name, factory and, for random networks, firing rate of each workload.

    With `random`, all random networks are included unless single ones are named.
    """
    known: dict[str, Callable[[], Made]] = {
        "W1": workloads.w1,
        "W1b": lambda: workloads.w1(delays=False),
        "N-TIDIGITS": workloads.ntidigits,
        "PilotNet": workloads.pilotnet,
    }
    yield from ((name, make, None) for name, make in known.items() if name in wanted)
    if network is not None and "model" in wanted:
        read = netx.read(network)
        name = read.task.name.upper() or network.stem
        yield name, lambda: (read, task_samples(read.task).spikes), None
    every = "random" in wanted or (random and not any("random-" in name for name in wanted))
    for neurons in workloads.NETWORK_NEURONS:
        for rate in workloads.FIRING_RATES:
            name = f"random-{neurons}-{rate}"
            if every or name in wanted:
                yield name, partial(workloads.random_network, neurons, rate), rate


def table_of(result: Result) -> Table:
    """Return the table of one workload, with a row per simulator and mode."""
    threads = [f"{count} thread{'s' * (count > 1)}" for count in result.threads]
    headings = ["simulator", *(f"µs, {each}" for each in threads), "samples/s", "ns/SynOp"]
    headings += ["of limit", *(f"x Lava, {each}" for each in threads), "peak MB", "exact?"]
    rows = []
    for name in dict.fromkeys(each.peer for each in result.outcomes):
        found = result.of(name)
        if not found:
            reason = next(each.reason for each in result.outcomes if each.peer == name)
            rows.append([SIMULATORS[name].title, *["-"] * (len(headings) - 2), reason])
        for way in WAYS:
            if any(each.figures and each.figures[way] for each in found.values()):
                rows.append(_row(result, name, way))
    about = (
        f"{result.neurons:,} neurons, {result.firing:.1%} firing, {result.synops:,.0f} SynOps per "
        f"step, {result.samples:,} sample{'s' * (result.samples > 1)} of {result.steps:,} steps, "
        f"limit {number(result.floor_us())} µs"
    )
    return Table(result.name, about, headings, rows)


def _row(result: Result, name: str, way: str) -> list[str]:
    """Return the cells of one simulator and mode.

    Columns other than times come from the smallest number of threads with figures.
    """
    found = {count: each.figures or {} for count, each in result.of(name).items()}
    first = found[min(found)]
    times = [
        float(found[count][way]["median"]) if count in found and found[count][way] else None
        for count in result.threads
    ]
    known = [time for time in times if time is not None]
    stock = min((each.best_us for each in result.of(REFERENCE).values()), default=None)
    label = f", {WAYS[way].format(format(first['batch_size'], ','))}" if first["batch"] else ""
    alone = times[result.threads.index(1)] if 1 in result.threads else None
    restricted = ", without delays" if result.delays and not SIMULATORS[name].delays else ""
    return [
        f"{SIMULATORS[name].title}{label}",
        *(number(time) for time in times),
        number(1e6 / min(known) / result.steps),
        number(1e3 * known[0] / first["synops"] if first["synops"] else None),
        share(result.floor_us(first["synops"]), alone),
        *(number(stock / time if stock and time else None) for time in times),
        f"{first['peak_mb']:,.0f}",
        exactness(first) + restricted,
    ]


def exactness(figures: Mapping[str, Any]) -> str:
    """Return in words whether all spikes are as expected, or the share that differs."""
    if not figures["different"]:
        return f"yes, {figures['spikes']:,} spikes"
    return f"no, {share(figures['different'], max(figures['spikes'], 1))}"


def random_table(results: Sequence[Result]) -> Table:
    """Return the table of all random networks, with each simulator's best mode on one thread."""
    ran = {each.peer for result in results for each in result.outcomes}
    peers = [name for name in SIMULATORS if name in ran]
    headings = ["neurons", "fire", "SynOps", "limit", *(SIMULATORS[name].title for name in peers)]
    rows = []
    for result in results:
        found = (result.of(name).get(1) for name in peers)
        times = [number(each.best_us if each else None) for each in found]
        start = [f"{result.neurons:,}", f"{result.firing:.0%}", number(result.synops)]
        rows.append([*start, number(result.floor_us()), *times])
    about = "microseconds per step and sample, each simulator's best way, one thread"
    return Table("Random networks", about, headings, rows)


def write(
    results: Sequence[Result],
    beside: Sequence[Table],
    path: Path,
    plot: Path | None,
    argv: Sequence[str],
) -> None:
    """Write the page; `beside` are further tables, `plot` is the figure of `draw`, if any."""
    drawn = [result for result in results if result.rate is not None]
    found = {
        program.title: each.figures
        for name, program in SIMULATORS.items()
        for result in results
        for each in list(result.of(name).values())[:1]
        if each.figures
    }
    pages.write(
        path, "simulators", argv, plot=plot, versions=programs.versions_table(found),
        tables=[*(table_of(each) for each in results if each.rate is None), *beside],
        random=random_table(drawn) if drawn else None,
    )  # fmt: skip


def draw(results: Sequence[Result], path: Path) -> None:
    """Draw time against work of the random networks into a PNG file, one panel per firing rate."""
    from matplotlib.figure import Figure

    rates = sorted({result.rate for result in results if result.rate is not None})
    figure = Figure(figsize=(3.6 * len(rates) + 0.6, 5), layout="constrained")
    panels: Any = figure.subplots(1, len(rates), sharex=True, sharey=True, squeeze=False)
    for rate, axes in zip(rates, panels[0]):
        chosen = [result for result in results if result.rate == rate]
        _draw_panel(axes, sorted(chosen, key=lambda each: each.synops + each.neurons))
        axes.set_title(f"up to {rate:.0%} of the neurons fire in a step", fontsize="medium")
        axes.set_xlabel("SynOps and neuron updates per step")
    panels[0, 0].set_ylabel("microseconds per step and sample, one thread")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize="small")
    figure.savefig(path, dpi=100)


def _draw_panel(axes: Any, results: Sequence[Result]) -> None:
    works = [result.synops + result.neurons for result in results]
    peers = [name for name in SIMULATORS if any(result.of(name).get(1) for result in results)]
    for marker, name in zip("osv^<>DPX*h", peers):
        found = [(work, result.of(name).get(1)) for work, result in zip(works, results)]
        points = [(work, each.best_us) for work, each in found if each]
        style = {"lw": 3, "color": "black", "zorder": 9} if name == OURS[0] else {"lw": 1}
        axes.plot(*zip(*points), marker=marker, ms=4, label=SIMULATORS[name].title, **style)
    floors = [result.floor_us() for result in results]
    axes.plot(works, floors, "k:", lw=1.5, label="limit of this machine")
    guide = [1e-3 * work for work in works]
    axes.plot(works, guide, "--", color="0.6", lw=1, zorder=0, label="1 ns per operation")
    axes.set(xscale="log", yscale="log")
    axes.grid(visible=True, alpha=0.3)


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("network", nargs="?", type=Path, help="a model.net (optional)")
    options.add_argument(
        "--peers", default="all",
        help=f"comma-separated names, 'all' or 'none'; names: {', '.join(SIMULATORS)}",
    )  # fmt: skip
    options.add_argument(
        "--stream", action="store_true",
        help="instead, calls of one step or a chunk of steps on a stream that is never cleared; "
        f"peers: {', '.join(STREAMERS)}",
    )  # fmt: skip
    options.add_argument("--threads", default="1,2", help="comma-separated numbers")
    options.add_argument(
        "--workloads", default="W1,W1b,N-TIDIGITS,PilotNet,convolutions,model",
        help="comma-separated names; 'random' for all random networks, or 'random-10-0.01' "
        "for one of them",
    )  # fmt: skip
    options.add_argument("--seconds", type=float, default=2.0, help="duration of each measurement")
    options.add_argument("--limit", type=float, default=120.0, help="time limit in seconds")
    options.add_argument("--json", type=Path, help="write all figures to this file")
    options.add_argument("--markdown", type=Path, help="write all tables to this file")
    options.add_argument(
        "--plot", type=Path, help="PNG file of the random networks, by default of all"
    )
    return options


if __name__ == "__main__":
    sys.exit(main())
