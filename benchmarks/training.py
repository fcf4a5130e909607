"""Training of one network by stock lava-dl, by ours and by other libraries, side by side.

    python -m benchmarks.training [--peers all] [--threads 1 2] [--har]
        [--markdown docs/benchmarks/training-speed.md] [--json FILE]

The same network, data and batch for all, with axonal delays (lava-dl and ours alone) and without.
Ours must equal stock lava-dl in spikes and gradients before anything is timed. `--har` adds an
epoch of the task `har`. `benchmarks.training_runs` has the table of libraries.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import tables, training_page
from benchmarks.compare import Peer
from benchmarks.training_page import Result
from benchmarks.training_runs import HAR_TRAINERS, OURS, STOCK, TRAINERS, measure

HAR_ROUNDS = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print one table a workload and one of the targets."""
    given = _options().parse_args(argv)
    # Ends what runs as Ctrl-C does, instead of leaving it behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(width=None if sys.stdout.isatty() else 190, highlight=False)
    peers = _chosen(given.peers)
    results: list[Result] = []
    for delays in (True, False):
        results.append(_network(peers, given, console, delays=delays))
        console.print(tables.table_of(training_page.cells_of(results[-1])))
    if given.har:
        results.append(_har(given, console))
        console.print(tables.table_of(training_page.cells_of(results[-1])))
    console.print(tables.table_of(training_page.target_cells(results)))
    if given.json:
        values = {
            "workloads": [result.as_dict() for result in results],
            "targets": [target.as_dict() for target in training_page.targets(results)],
        }
        given.json.write_text(json.dumps(values, indent=1))
    if given.markdown:
        training_page.write(results, given.markdown)
    return 0


def _network(
    peers: Sequence[Peer], given: argparse.Namespace, console: Console, *, delays: bool
) -> Result:
    """Measure the network of the options; those without delays train the one without."""
    import torch

    from benchmarks import training_workload
    from benchmarks.trainers import training_file

    torch.set_num_threads(1)  # with two, lava-dl's loops over time are several times slower
    shape = training_workload.Shape(tuple(given.sizes), given.batch, given.steps)
    workload = training_workload.make(shape, delays=delays)
    agreement = training_workload.check(workload)
    sizes = "-".join(str(n) for n in shape.sizes)
    rates = ", ".join(f"{rate:.1%}" for rate in training_workload.firing(workload))
    name = "With axonal delays" if delays else "Without delays"
    about = (
        f"{sizes}, batch {shape.batch}, {shape.steps} steps, {rates} firing; ours equals "
        f"lava-dl in {agreement.spikes:,} spikes, gradients within {agreement.gradient:.0e}"
    )
    console.print(f"{name}: {about}", style="dim")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "workload.npz"
        training_file.write(workload, path)
        runs = measure(
            [peer for peer in peers if peer.delays or not delays], [path], given.threads,
            lambda line: console.print(line, style="dim"),
            seconds=given.seconds, limit_s=given.limit, rounds=given.rounds,
        )  # fmt: skip
    return Result(name, about, shape.batch, delays, runs)


def _har(given: argparse.Namespace, console: Console) -> Result:
    """Measure epochs of `har` on two threads."""
    from neurodeploy.tasks import get
    from neurodeploy.tasks.split import split_by_subject

    console.print("har: an epoch is a step", style="dim")
    windows = len(split_by_subject(get("har").load(None)).train)
    runs = measure(
        HAR_TRAINERS, [], [2], lambda line: console.print(line, style="dim"),
        seconds=0, limit_s=given.limit, rounds=HAR_ROUNDS, least=1,
    )  # fmt: skip
    about = f"an epoch of {windows:,} windows, batch {get('har').config.batch}, axonal delays"
    return Result("har", about, windows, True, runs, "s")


def _chosen(peers: str) -> list[Peer]:
    """Return the trainers to run; stock lava-dl and ours always."""
    wanted = {"all": list(TRAINERS), "none": []}.get(peers, peers.split(","))
    for name in wanted:
        if name not in TRAINERS:
            raise SystemExit(f"{name!r} is no library; there are {', '.join(TRAINERS)}")
    return [peer for name, peer in TRAINERS.items() if name in (STOCK, OURS, *wanted)]


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument(
        "--peers", default="all",
        help=f"names with commas between, 'all' or 'none'; there are {', '.join(TRAINERS)}",
    )  # fmt: skip
    options.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of them")
    options.add_argument(
        "--har", action="store_true", help="measure epochs of the task har as well"
    )
    options.add_argument("--sizes", type=int, nargs="+", default=[12, 128, 128, 6])
    options.add_argument("--batch", type=int, default=64, help="samples of a step")
    options.add_argument("--steps", type=int, default=128, help="time steps of a sample")
    options.add_argument(
        "--seconds", type=float, default=20.0, help="to train each for, about, in all rounds"
    )
    options.add_argument("--rounds", type=int, default=5, help="turns of each")
    options.add_argument("--limit", type=float, default=300.0, help="seconds that a turn may take")
    options.add_argument("--json", type=Path, help="write all figures to this file")
    options.add_argument("--markdown", type=Path, help="write all tables to this file")
    return options


if __name__ == "__main__":
    sys.exit(main())
