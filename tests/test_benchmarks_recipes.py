"""The search for configurations: no test sample is seen, folds are disjoint, studies continue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import recipes
from benchmarks.recipes import Search
from neurodeploy.learning.config import TrainConfig
from neurodeploy.models.errors import InputError
from neurodeploy.tasks.augment import vary_wearing
from neurodeploy.tasks.dataset import TEST, TRAIN, VALIDATION, Dataset
from neurodeploy.tasks.encoders import Delta
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.task import Task

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


def a_search(count: int = 2, **changes: Any) -> Search:
    task, dataset = a_task(), a_dataset()
    values = {"task": task, "dataset": dataset, "folds": tuple(recipes.folds_of(task, dataset, 4))}
    return Search(**{**values, "start": task.config, "folds": values["folds"][:count], **changes})


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
    search = a_search()
    parts = search.data(1, None).split
    assert parts.validation.tolist() == search.folds[1].tolist()
    assert sorted([*parts.train, *parts.validation]) == list(range(40))
    assert len(parts.test) == 0


def test_a_study_starts_with_the_configuration_and_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recipes.tasks, "get", lambda name: a_task())
    monkeypatch.setattr(recipes.tasks, "names", lambda: ("made",))
    path = tmp_path / "made.log"
    words = ["--task", "made", "--data", str(tmp_path), "--out", str(path), "--folds", "1"]
    assert recipes.main([*words, "--trials", "1"]) == 0
    assert recipes.main([*words, "--trials", "1"]) == 0
    assert capsys.readouterr().out.count("complete") == 3  # one, then two
    search = a_search(1, folds=tuple(recipes.folds_of(a_task(), a_dataset()))[:1])
    first, second = recipes.study_of(search, path).trials
    assert search.config(first) == search.start
    assert first.params != second.params
    assert 0 <= first.value <= first.user_attrs["accuracy_best"][0] <= 1
    assert len(path.with_suffix(".csv").read_text().splitlines()) == 3


def test_a_study_of_other_data_or_no_study_is_refused(tmp_path: Path) -> None:
    path, search = tmp_path / "made.log", a_search()
    recipes.study_of(search, path)
    other = replace(search.dataset, signals=np.zeros((60, 2, 16)))
    for changed, named in ((a_search(dataset=other), "data_sha256"), (a_search(1), "folds")):
        with pytest.raises(InputError, match=rf"made.log .*{named}"):
            recipes.study_of(changed, path)
    path.write_text("no study\n")
    with pytest.raises(InputError, match=r"made.log"):
        recipes.study_of(search, path)
