"""Try what a task's recipe could be on validation windows, and keep a record of every training.

    python -m benchmarks.recipes --task digits [--out docs/recipes/digits.csv]

Trainings that the record holds are not done again; interrupted at any time, the search goes on
where it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, Final

from rich.console import Console

from benchmarks import tables
from benchmarks.recipes import digits, fashion, har_small, record, spoken_digits, watch
from benchmarks.recipes.search import Job, Search, jobs_of, train
from neurodeploy import cli
from neurodeploy.models.files import check_writable
from neurodeploy.tasks.dataset import Dataset

SEARCHES: Final[dict[str, Callable[[], Search]]] = {
    "digits": digits.search,
    "fashion": fashion.search,
    "har-small": har_small.search,
    "spoken-digits": spoken_digits.search,
    "watch": watch.search,
}
"""By the name of the task, or of a network of it."""


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the trainings that the record lacks, and show what all came to."""
    given = _options().parse_args(argv)
    cli.use_threads(given.threads)
    out = given.out or Path("docs/recipes") / f"{given.task}.csv"
    search = SEARCHES[given.task]()
    known = record.read(out)
    windows = search.task.load(given.data)
    jobs = {job: _asked(job, windows) for job in jobs_of(search)}
    lacking = [job for job, asked in jobs.items() if record.find(known, **asked) is None]
    for job in lacking:
        job.check(windows)
    if lacking:
        check_writable(out)
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    try:
        rows = list(_rows(jobs, windows, out, console))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command goes on where it was") from None
    console.print(tables.table_of(cells_of(rows, search)))
    return cli.DONE


def _asked(job: Job, windows: Dataset) -> dict[str, Any]:
    """Return what tells a training from all others."""
    return {"seed": job.seed, "data": job.data(windows), "settings": job.settings(windows)}


def _rows(
    jobs: Mapping[Job, Mapping[str, Any]], windows: Dataset, out: Path, console: Console
) -> Iterator[record.Row]:
    """Yield the row of each training, which is done where the record lacks it, and tell of it."""
    for number, (job, asked) in enumerate(jobs.items(), 1):
        row = record.find(record.read(out), **asked)
        if row is None:
            named = {"trial": job.trial.name, "fold": job.fold}
            row = record.add(out, {**named, **train(job, windows), **asked})
        said = f"{number} of {len(jobs)}: {job.trial.name}, fold {job.fold}, seed {job.seed}"
        console.print(f"{said}: {_said(row)}", style="dim")
        yield row


def _said(row: record.Row) -> str:
    last, best = float(row["accuracy_last"]), float(row["accuracy_best"])
    return f"{last:.1%} last, {best:.1%} best ({float(row['seconds']):.0f} s)"


def cells_of(rows: Sequence[record.Row], search: Search) -> tables.Cells:
    """Return a row for each trial of a search: the means over its trainings, in their order."""
    trials: dict[str, list[record.Row]] = {}
    for job, row in zip(jobs_of(search), rows, strict=True):
        trials.setdefault(job.trial.name, []).append(row)
    headings = ["trial", "trainings", "last epoch", "best epoch", "SynOps", "seconds"]
    return tables.Cells(
        f"{search.task.name}: validation accuracy",
        headings,
        [
            [
                name,
                f"{len(each)}",
                f"{_mean(each, 'accuracy_last'):.3f}",
                f"{_mean(each, 'accuracy_best'):.3f}",
                f"{_mean(each, 'synops'):,.0f}",
                f"{_mean(each, 'seconds'):.0f}",
            ]
            for name, each in trials.items()
        ],
    )


def _mean(rows: Sequence[record.Row], name: str) -> float:
    return mean(float(row[name]) for row in rows)


def _options() -> argparse.ArgumentParser:
    options = cli.parser("recipes", (__doc__ or "").splitlines()[0])
    options.prog = "python -m benchmarks.recipes"
    options.add_argument(
        "--task", choices=SEARCHES, required=True, metavar="NAME",
        help=f"one of {', '.join(SEARCHES)}",
    )  # fmt: skip
    cli.add_data_option(options)
    options.add_argument(
        "--out", type=Path, metavar="FILE", help="the record; docs/recipes/NAME.csv when not given"
    )
    cli.add_threads_option(options)
    return options


if __name__ == "__main__":
    sys.exit(main())
