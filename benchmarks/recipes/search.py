"""A search for a task's recipe: trials on folds of the windows that are not for the test.

No split holds a window of the test.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks.accuracy.keys import described, recorded
from benchmarks.recipes.folds import Rows, not_tested, thinned
from neurodeploy.learning import loop, training
from neurodeploy.learning.config import TrainConfig
from neurodeploy.models.architecture import Architecture
from neurodeploy.models.errors import InputError
from neurodeploy.tasks.dataset import Dataset, digest
from neurodeploy.tasks.encoders.registry import Encoder
from neurodeploy.tasks.split import Split
from neurodeploy.tasks.task import Task, TaskData


@dataclass(frozen=True)
class Trial:
    """What is tried.

    Attributes:
        name: in a few words what differs from the other trials.
        changes: of the search's recipe.
        encoder: in place of the task's own.
        network: preset in place of the recipe's.
        folds: of the search's folds, those to validate on.
        seeds: of the trainings.
        windows: about how many to train on, all when None.
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    encoder: Encoder | None = None
    network: str | None = None
    folds: Sequence[int] = (0,)
    seeds: Sequence[int] = (0,)
    windows: int | None = None


@dataclass(frozen=True)
class Search:
    """The trials of a task, in the order in which they are run.

    Attributes:
        task: whose recipe is looked for.
        recipe: from which trials differ.
        folds: of the windows, which `Trial.folds` counts.
        trials: to run.
        network: preset that trials train, in place of the recipe's.
    """

    task: Task
    recipe: TrainConfig
    folds: Callable[[Dataset], Sequence[Rows]]
    trials: Sequence[Trial]
    network: str | None = None


@dataclass(frozen=True, eq=False)
class Job:
    """One training: a trial on a fold from a seed."""

    search: Search
    trial: Trial
    fold: int
    seed: int

    @property
    def recipe(self) -> TrainConfig:
        """The recipe that it follows."""
        config, network = self.search.recipe, self.trial.network or self.search.network
        if network is not None:
            config = replace(config.with_network(network), delays=config.delays)
        return replace(config, **self.trial.changes)

    def encoder(self, windows: Dataset) -> Encoder:
        """Return the encoder that it takes."""
        return self.trial.encoder or self.search.task.default_encoder(windows)

    def split(self, windows: Dataset) -> Split:
        """Return what it trains on and the fold that validates; nothing tests."""
        validation = self.search.folds(windows)[self.fold]
        rest = np.setdiff1d(not_tested(windows), validation)
        return Split(thinned(rest, self.trial.windows), validation, np.empty(0, np.int64))

    def data(self, windows: Dataset) -> str:
        """Return a digest of the windows and of its split."""
        split = self.split(windows)
        sha = hashlib.sha256(digest(windows).encode())
        for rows in (split.train, split.validation):
            sha.update(np.ascontiguousarray(rows, np.int64).tobytes() + b"|")
        return sha.hexdigest()[:16]

    def check(self, windows: Dataset) -> None:
        """Raise InputError where too little of the windows is left to train or to validate on."""
        split, batch = self.split(windows), self.recipe.batch_size
        what = f"{windows.source}: trial {self.trial.name!r}, fold {self.fold},"
        for does, rows in (("trains", split.train), ("validates", split.validation)):
            there = set(windows.labels[rows].tolist())
            missing = [name for at, name in enumerate(windows.class_names) if at not in there]
            if missing:
                raise InputError(
                    f"{what} {does} on no window of {', '.join(missing)}; give the whole data set"
                )
        if len(split.train) < batch:
            raise InputError(
                f"{what} trains on {len(split.train)} windows and its batch is {batch}; give the "
                "whole data set"
            )

    def architecture(self, windows: Dataset) -> Architecture:
        """Return the network that it trains."""
        return self.task_data(windows).architecture(self.recipe)

    def task_data(self, windows: Dataset) -> TaskData:
        """Return the windows as it splits and encodes them."""
        return TaskData(self.search.task, windows, self.split(windows), self.encoder(windows))

    def settings(self, windows: Dataset) -> dict[str, Any]:
        """Return all else that decides about it but code, as JSON values."""
        recipe = self.recipe
        return {
            **recorded(self.search.recipe),
            **recorded(recipe),
            "network": self.architecture(windows).as_dict(),
            "augment": described(recipe.augment),
            "encoder": self.encoder(windows).as_dict(),
            "windows": self.trial.windows,
        }


def jobs_of(search: Search) -> Iterator[Job]:
    """Yield the trainings of a search in their order."""
    for trial in search.trials:
        for fold in trial.folds:
            for seed in trial.seeds:
                yield Job(search, trial, fold, seed)


def train(job: Job, windows: Dataset) -> dict[str, Any]:
    """Train on all but the job's fold and return what it came to on that.

    Args:
        job: what to train.
        windows: of the task.
    """
    began = time.process_time()
    started = training.start(job.task_data(windows), replace(job.recipe, seed=job.seed))
    history = list(loop.run(started))
    last, best = history[-1], history[started.best_epoch - 1]
    return {
        "accuracy_last": round(last.validation_accuracy, 4),
        "accuracy_best": round(best.validation_accuracy, 4),
        "best_epoch": best.epoch,
        "train_accuracy": round(last.train_accuracy, 4),
        "synops": round(sum(last.synops)),
        "seconds": round(time.process_time() - began, 1),
    }
