"""Search a task's training configuration with Optuna, by validation accuracy only.

    python -m benchmarks.recipes --task digits [--trials 20] [--folds 3]

The first trial is the task's current configuration. A trial trains once per fold. Folds split the
training and validation samples by subject if subjects are known, by stretches of consecutive
recordings, or by class. Trials that are worse than the median after a fold are pruned. The study is
stored in `runs/recipes/TASK.log`, with a table as CSV; the same command adds trials to it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.pages import Table
from neurodeploy import cli, tasks
from neurodeploy.learning import training
from neurodeploy.learning.config import TrainConfig
from neurodeploy.models.errors import InputError
from neurodeploy.tasks.dataset import Dataset, digest
from neurodeploy.tasks.split import Split, split
from neurodeploy.tasks.task import Task, TaskData

Rows = NDArray[np.int64]

FOLDS_OF_DATA: Final = 5
STRETCHES: Final = ("digits",)
"""Tasks whose recordings are ordered by person, but not labeled with a subject."""
HIDDEN: Final = ("task's own", "64", "128", "256", "512", "128-128", "256-128", "256-256")
SCALED: Final = {
    "learning_rate": 4.0, "logit_scale": 4.0, "current_decay": 2.0, "voltage_decay": 4.0,
    "tau_grad": 4.0,
}  # fmt: skip
"""Parameters searched on a log scale, from the task's value / factor to value * factor."""


@dataclass(frozen=True, eq=False)
class Search:
    """The parts that all trials of a study share.

    Attributes:
        task: task whose configuration is searched.
        dataset: dataset of the task.
        folds: rows of the validation samples of each fold.
        start: configuration of the first trial.
    """

    task: Task
    dataset: Dataset
    folds: tuple[Rows, ...]
    start: TrainConfig

    def data(self, fold: int, encoder: str | None) -> TaskData:
        """Return the samples split by a fold, without test samples."""
        validation = self.folds[fold]
        train = np.setdiff1d(not_tested(self.dataset), validation)
        parts = Split(train, validation, np.empty(0, np.int64))
        return TaskData(self.task, self.dataset, parts, self.task.encoder(self.dataset, encoder))

    def config(self, trial: Any) -> TrainConfig:
        """Return the configuration that a trial suggests."""
        start, changes = self.start, {}
        for name, factor in SCALED.items():
            value = getattr(start, name)
            high = min(value * factor, 1.0) if name.endswith("decay") else value * factor
            changes[name] = trial.suggest_float(name, value / factor, high, log=True)
        changes["dropout"] = trial.suggest_float("dropout", 0.0, 0.4)
        changes["delays"] = trial.suggest_categorical("delays", ["task's own", "none"])
        changes["epochs"] = round(start.epochs * trial.suggest_categorical("epochs", [0.5, 1, 2]))
        sizes = trial.suggest_categorical("hidden", HIDDEN)
        changes["hidden"] = (
            tuple(map(int, sizes.split("-"))) if sizes != HIDDEN[0] else start.hidden
        )
        if changes["delays"] != "none":
            changes["delays"] = start.delays
        if trial.suggest_categorical("augment", [True, False]) is False:
            changes["augment"] = None
        return replace(start, **changes)

    def first(self) -> dict[str, Any]:
        """Return the parameters of the first trial, which is the current configuration."""
        numbers = {name: getattr(self.start, name) for name in (*SCALED, "dropout")}
        choices = {"delays": "task's own", "epochs": 1, "hidden": HIDDEN[0], "augment": True}
        return {**numbers, **choices, "encoder": "task's own"}

    def objective(self, trial: Any) -> float:
        """Train on every fold and return the mean validation accuracy after the last epoch."""
        import optuna

        config = self.config(trial)
        names = ["task's own", *self.task.other_encoders]
        encoder = trial.suggest_categorical("encoder", names)
        found: list[dict[str, float]] = []
        for fold in range(len(self.folds)):
            data = self.data(fold, None if encoder == names[0] else encoder)
            found.append(train(data, replace(config, seed=trial.number)))
            for name in found[0]:
                trial.set_user_attr(name, [each[name] for each in found])
            mean = float(np.mean([each["accuracy_last"] for each in found]))
            trial.report(mean, fold)
            if trial.should_prune():
                raise optuna.TrialPruned
        return mean


def train(data: TaskData, config: TrainConfig) -> dict[str, float]:
    """Train once and return the figures on the validation samples."""
    began = time.process_time()
    started = training.start(data, config)
    history = list(training.run(started))
    last, best = history[-1], history[started.best_epoch - 1]
    return {
        "accuracy_last": last.validation_accuracy,
        "accuracy_best": best.validation_accuracy,
        "best_epoch": best.epoch,
        "train_accuracy": last.train_accuracy,
        "synops": sum(last.synops),
        "core_seconds": time.process_time() - began,
    }


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


def study_of(search: Search, path: Path) -> Any:
    """Load the study in a file, or create one that starts with the task's configuration.

    Raises:
        InputError: if the file contains a study with other data or folds.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(path))),
            study_name=search.task.name,
            direction="maximize",
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=0),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
        )
    except (ValueError, KeyError) as error:
        raise InputError(f"{path} is no study of Optuna ({error}); name another --out") from None
    data = {"data_sha256": digest(search.dataset), "folds": len(search.folds)}
    if not study.trials:
        for name, value in data.items():
            study.set_user_attr(name, value)
        study.enqueue_trial(search.first())
    other = [name for name, value in data.items() if study.user_attrs.get(name) != value]
    if other:
        raise InputError(f"{path} holds a study with other {', '.join(other)}; name another --out")
    return study


def table_of(search: Search, study: Any) -> Table:
    """Return the trials, the most accurate first, with their differences from the first trial."""
    start = search.first()
    trials = [trial for trial in study.trials if "accuracy_last" in trial.user_attrs]
    trials.sort(key=lambda trial: trial.value or 0.0, reverse=True)
    headings = [
        "trial",
        "state",
        "last epoch",
        "best epoch",
        "SynOps",
        "core seconds",
        "changes",
    ]
    rows = []
    for trial in trials:
        last, best, synops, seconds = (
            np.mean(trial.user_attrs[name])
            for name in ("accuracy_last", "accuracy_best", "synops", "core_seconds")
        )
        words = ", ".join(
            f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in trial.params.items()
            if value != start[name]
        )
        row = [str(trial.number), trial.state.name.lower(), f"{last:.3f}", f"{best:.3f}"]
        rows.append([*row, f"{synops:,.0f}", f"{seconds:.0f}", words])
    return Table(study.study_name, "validation accuracy, means over folds", headings, rows)


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Add trials to the study of a task, and print all."""
    args = _options().parse_args(argv)
    cli.use_threads(args.threads)
    task = tasks.get(args.task)
    dataset = task.load(args.data)
    start = task.config if args.network is None else task.config.with_network(args.network)
    folds = tuple(folds_of(task, dataset))[:: -(-FOLDS_OF_DATA // args.folds)]
    path = args.out or Path("runs/recipes") / f"{args.task}.log"
    search = Search(task, dataset, folds, start)
    study = study_of(search, path)
    study.optimize(search.objective, n_trials=args.trials)
    study.trials_dataframe().to_csv(path.with_suffix(".csv"), index=False)
    table_of(search, study).show()
    print(f"\nWrote {path.with_suffix('.csv')}")
    return cli.DONE


def _options() -> argparse.ArgumentParser:
    options = cli.parser("recipes", (__doc__ or "").splitlines()[0])
    options.prog = "python -m benchmarks.recipes"
    options.add_argument("--task", choices=tasks.names(), required=True, metavar="NAME")
    cli.add_data_option(options)
    options.add_argument("--network", metavar="NAME", help="network preset")
    options.add_argument("--trials", type=cli.whole_number(1), default=20, help="trials to add")
    options.add_argument(
        "--folds", type=cli.whole_number(1, FOLDS_OF_DATA), default=3,
        help=f"number of folds per trial, out of {FOLDS_OF_DATA}",
    )  # fmt: skip
    options.add_argument("--out", type=Path, metavar="FILE", help="file of the study")
    cli.add_threads_option(options)
    return options


if __name__ == "__main__":
    sys.exit(main())
