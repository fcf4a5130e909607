"""Trials an hour of a search with one worker and with several: python -m benchmarks.search_workers.

Every search trains the task's own configuration with random seeds, so that all trials cost the
same. The time begins with the command's own start of its workers, and ends with the last trial.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence

import optuna

from benchmarks.pages import Table
from neurodeploy import cli
from neurodeploy.search.study import optimize
from neurodeploy.tasks.task import TaskData, load_task


def trials_an_hour(data: TaskData, epochs: int, trials: int, workers: int, threads: int) -> float:
    """Run a search and return how many trials it runs an hour."""
    space = {"seed": {"low": 0, "high": 1_000_000}, "epochs": [epochs]}
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        optimize(
            data, space, trials=trials, workers=workers, threads=threads, seeds=0, prune=False,
            out=folder,
        )  # fmt: skip
        return 3600 * trials / (time.perf_counter() - began)


def table_of(found: dict[tuple[int, int], float], about: str) -> Table:
    """Return the table of trials an hour by number of workers and threads of each."""
    first = next(iter(found.values()))
    rows = [
        [str(workers), str(threads), f"{rate:.0f}", f"{rate / first:.2f}"]
        for (workers, threads), rate in found.items()
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
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    data, cores = load_task(args.task, None), os.cpu_count() or 1
    ways = [(1, 1), (1, cores), (cores, 1)]
    optimize_once = trials_an_hour(data, 1, 1, 1, 1)  # compiles and caches the kernels
    cli.say(f"warm-up: {optimize_once:.0f} trials/hour")
    found = {way: trials_an_hour(data, args.epochs, args.trials, *way) for way in ways}
    table_of(found, f"{args.task}, {args.trials} trials of {args.epochs} epochs").show()
    return cli.DONE


if __name__ == "__main__":
    sys.exit(main())
