"""The search for configurations: no test sample is seen, folds are disjoint, studies continue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import recipes
from neurodeploy.config import TrainConfig
from neurodeploy.data.augment import vary_wearing
from neurodeploy.data.dataset import TEST, TRAIN, VALIDATION, Dataset
from neurodeploy.data.encoders import Delta
from neurodeploy.data.origin import Origin
from neurodeploy.data.task import Task
from neurodeploy.explore.study import read_search

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def a_dataset(*, parts: bool = False) -> Dataset:
    """Return 60 samples of two classes by six subjects, of whom 5 and 6 test."""
    labels = np.arange(60) % 2
    signals = np.random.default_rng(0).normal(size=(60, 2, 16)) + labels[:, None, None]
    more = {"parts": np.repeat([TRAIN, VALIDATION, TEST], 20)} if parts else {}
    return Dataset(
        signals, labels, np.repeat(np.arange(1, 7), 10), ("a", "b"), ("x", "y"), 10.0, "made up",
        (5, 6), **more,
    )  # fmt: skip


def a_task(name: str = "made", *, parts: bool = False) -> Task:
    config = TrainConfig(hidden=(4,), epochs=2, batch_size=8, augment=vary_wearing)
    origin = Origin("none", "none", "none", "none")
    read, encoder = (lambda _: a_dataset(parts=parts)), (lambda _: Delta(0.5))
    return Task(name, "made up", read, encoder, replace(config, augment=None), origin)


@pytest.mark.parametrize(
    ("name", "parts", "kind"),
    [("made", False, "subjects"), ("made", True, "classes"), ("digits", True, "stretches")],
)
def test_folds_are_disjoint_and_hold_no_test_sample(name: str, parts: bool, kind: str) -> None:
    dataset = a_dataset(parts=parts)
    folds = list(recipes.folds_of(a_task(name, parts=parts), dataset, 4))
    assert sorted(np.concatenate(folds).tolist()) == list(range(40))
    for fold in folds:
        if kind == "subjects":
            assert dataset.subjects is not None
            assert len(set(dataset.subjects[fold])) == 1
        elif kind == "classes":
            assert np.bincount(dataset.labels[fold]).tolist() == [5, 5]
        else:
            assert (np.diff(fold) == 1).all()


def test_a_trial_trains_on_what_neither_validates_nor_tests() -> None:
    task, dataset = a_task(), a_dataset()
    fold = list(recipes.folds_of(task, dataset, 4))[1]
    parts = recipes.fold_of(task, dataset, fold).split
    assert parts.validation.tolist() == fold.tolist()
    assert sorted([*parts.train, *parts.validation]) == list(range(40))
    assert len(parts.test) == 0


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_study_starts_with_the_configuration_and_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recipes.tasks, "get", lambda name: a_task())
    monkeypatch.setattr(recipes.tasks, "names", lambda: ("made",))
    words = ["--task", "made", "--data", str(tmp_path), "--out", str(tmp_path), "--folds", "2"]
    assert recipes.main([*words, "--trials", "1"]) == 0
    assert recipes.main([*words, "--trials", "2"]) == 0
    assert capsys.readouterr().out.count("complete") == 3  # one, then two
    first, second = read_search(tmp_path / "journal.log").trials
    assert first.start == "dense"
    assert first.params["learning_rate"] == a_task().config.learning_rate
    assert first.params["neurons 0"] == 4
    assert first.params != second.params
    rows = pd.read_csv(tmp_path / "trials.csv")
    assert rows.accuracy.between(0, 1).all()
    assert {each.name for each in (tmp_path / "trial-0000").iterdir()} == {"fold-0", "fold-1"}
