"""Search a task's training configuration by cross-validation, without its test samples.

    python -m benchmarks.recipes --task digits [--trials 20] [--folds 3]

`neurodeploy.optimize` does the search. The first trial is the task's current configuration. A trial
trains once per fold. Folds split the training and validation samples by subject if subjects are
known, by stretches of consecutive recordings, or by class. The study is in `runs/recipes/TASK`,
with a table as CSV; the same command goes on with it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.pages import Table
from neurodeploy import data as tasks
from neurodeploy.commands import cli
from neurodeploy.data.dataset import Dataset
from neurodeploy.data.split import Split, split
from neurodeploy.data.task import Task
from neurodeploy.data.task_data import TaskData
from neurodeploy.explore.page import trials_table
from neurodeploy.explore.results import SearchResult
from neurodeploy.explore.space import DEFAULT
from neurodeploy.explore.study import optimize

Rows = NDArray[np.int64]

FOLDS_OF_DATA: Final = 5
STRETCHES: Final = ("digits",)
"""Tasks whose recordings are ordered by person, but not labeled with a subject."""
SCALED: Final = {
    "learning_rate": 4.0, "logit_scale": 4.0, "current_decay": 2.0, "voltage_decay": 4.0,
    "tau_grad": 4.0,
}  # fmt: skip
"""Parameters searched on a log scale, from the task's value / factor to value * factor."""
SIZES: Final = (64, 128, 256, 512)
"""Sizes of hidden layers, beside those of the task."""


def space_of(task: Task, data: TaskData) -> dict[str, Any]:
    """Return the search space around the configuration of a task."""
    config, network = task.config, data.architecture(task.config)
    ranges = {}
    for name, factor in SCALED.items():
        value = getattr(config, name)
        high = min(value * factor, 1.0) if name.endswith("decay") else value * factor
        ranges[name] = {"low": value / factor, "high": high, "log": True}
    return {
        **ranges,
        "dropout": {"low": 0.0, "high": 0.4},
        "delays": list(dict.fromkeys((network.layers[0].delays, "none"))),
        "epochs": sorted({max(1, round(config.epochs * share)) for share in (0.5, 1, 2)}),
        "layers": sorted({1, 2, len(network.layers) - 1}),
        "neurons": sorted({*SIZES, *network.sizes[1:-1]}),
        "augment": [True, False] if config.augment is not None else [False],
        "encoder": [DEFAULT, *task.other_encoders],
    }


def fold_of(task: Task, dataset: Dataset, validation: Rows) -> TaskData:
    """Return the samples that are not tested, split into training and validation."""
    train = np.setdiff1d(not_tested(dataset), validation)
    parts = Split(train, validation, np.empty(0, np.int64))
    return TaskData(task, dataset, parts, task.encoder(dataset))


def not_tested(dataset: Dataset) -> Rows:
    """Return the rows of the training and validation samples, in order."""
    parts = split(dataset)
    return np.sort(np.concatenate([parts.train, parts.validation]))


def folds_of(task: Task, dataset: Dataset, count: int = FOLDS_OF_DATA) -> Iterator[Rows]:
    """Yield the validation rows of each fold; folds contain no test samples."""
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

    rows = not_tested(dataset)
    if task.name in STRETCHES:
        folds = KFold(count).split(rows)
    elif dataset.subjects is not None and dataset.parts is None:
        subjects = dataset.subjects[rows]
        folds = GroupKFold(min(count, len(set(subjects)))).split(rows, groups=subjects)
    else:
        folds = StratifiedKFold(count).split(rows, dataset.labels[rows])
    for _, validation in folds:
        yield rows[validation]


def table_of(found: SearchResult) -> Table:
    """Return the trials, the most accurate first."""
    table = trials_table(found)
    order = sorted(
        range(len(found.trials)), key=lambda i: -found.trials[i].metrics.get("accuracy", 0.0)
    )
    rows = [[cell.line for cell in table.rows[index]] for index in order]
    return Table(found.name, "validation accuracy, mean over folds", list(table.columns), rows)


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Add trials to the study of a task, and print all."""
    args = _options().parse_args(argv)
    cli.use_threads(args.threads)
    task = tasks.get(args.task)
    if args.network is not None:
        task = replace(task, config=task.config.with_network(args.network))
    dataset = task.load(args.data)
    chosen = tuple(folds_of(task, dataset))[:: -(-FOLDS_OF_DATA // args.folds)]
    folds = [fold_of(task, dataset, rows) for rows in chosen]
    out = args.out or Path("runs/recipes") / args.task
    found = optimize(
        folds, space_of(task, folds[0]), ("accuracy",), trials=args.trials, seeds=0, out=out,
        workers=args.workers, threads=args.threads,
    )  # fmt: skip
    pd.DataFrame(found.to_rows()).to_csv(out / "trials.csv", index=False)
    table_of(found).show()
    print(f"\nWrote {out / 'trials.csv'}")
    return cli.DONE


def _options() -> argparse.ArgumentParser:
    options = cli.parser("recipes", (__doc__ or "").splitlines()[0])
    options.prog = "python -m benchmarks.recipes"
    options.add_argument("--task", choices=tasks.names(), required=True, metavar="NAME")
    cli.add_data_option(options)
    options.add_argument("--network", metavar="NAME", help="network preset")
    options.add_argument("--trials", type=cli.whole_number(1), default=20, help="trials in all")
    options.add_argument(
        "--folds", type=cli.whole_number(1, FOLDS_OF_DATA), default=3,
        help=f"number of folds per trial, out of {FOLDS_OF_DATA}",
    )  # fmt: skip
    options.add_argument("--workers", type=cli.whole_number(1), default=1, help="processes")
    options.add_argument("--out", type=Path, metavar="FOLDER", help="folder of the study")
    cli.add_threads_option(options)
    return options


if __name__ == "__main__":
    sys.exit(main())
