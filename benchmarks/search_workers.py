"""Trials an hour of a search with one worker and with several: python -m benchmarks.search_workers.

Every search is a run of the command, start-up included. Its trials train the task's own
configuration with random seeds, so that all cost the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.pages import Table
from neurodeploy.commands import cli


def seconds(task: str, epochs: int, trials: int, workers: int, threads: int) -> float:
    """Run a search and return how long it takes."""
    space = {"seed": {"low": 0, "high": 1_000_000}, "epochs": [epochs]}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "space.json").write_text(json.dumps(space))
        line = [
            sys.executable, "-m", "neurodeploy.explore", "--task", task, "--no-pruning",
            "--space", f"{folder}/space.json", "--out", folder, "--seeds", "0",
            "--trials", str(trials), "--workers", str(workers), "--threads", str(threads),
        ]  # fmt: skip
        began = time.perf_counter()
        subprocess.run(line, check=True, capture_output=True)
        return time.perf_counter() - began


def table_of(found: Mapping[tuple[int, int], float], trials: int, about: str) -> Table:
    """Return the table of trials an hour by number of workers and threads of each."""
    first = next(iter(found.values()))
    rows = [
        [str(workers), str(threads), f"{3600 * trials / time:.0f}", f"{first / time:.2f}"]
        for (workers, threads), time in found.items()
    ]
    return Table("Workers", about, ["workers", "threads of each", "trials/hour", "ratio"], rows)


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Measure one worker on one core, one on all cores, and one worker per core."""
    options = cli.parser("search_workers", (__doc__ or "").splitlines()[0].partition(":")[0] + ".")
    options.prog = "python -m benchmarks.search_workers"
    options.add_argument("--task", default="har", help="task")
    options.add_argument("--trials", type=cli.whole_number(1), default=24, help="trials of each")
    options.add_argument("--epochs", type=cli.whole_number(1), default=4, help="of each trial")
    args = options.parse_args(argv)
    cores = os.cpu_count() or 1
    seconds(args.task, 1, 1, 1, 1)  # compiles the kernels
    found = {
        way: seconds(args.task, args.epochs, args.trials, *way)
        for way in ((1, 1), (1, cores), (cores, 1))
    }
    about = f"{args.task}, {args.trials} trials of {args.epochs} epochs"
    table_of(found, args.trials, about).show()
    return cli.DONE


if __name__ == "__main__":
    sys.exit(main())
