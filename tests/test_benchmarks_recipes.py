"""The search for recipes: no test window is seen, folds are disjoint, and nothing is done twice."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.recipes import __main__ as recipes
from benchmarks.recipes import folds, record, search
from benchmarks.recipes.search import Job, Search, Trial, jobs_of
from neurodeploy.learning.config import TrainConfig
from neurodeploy.models.errors import InputError
from neurodeploy.tasks import TASKS
from neurodeploy.tasks.augment import VaryImages
from neurodeploy.tasks.dataset import TEST, TRAIN, VALIDATION, Dataset
from neurodeploy.tasks.encoders.registry import Delta, Lif
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.task import Task


def windows(*, parts: bool = False) -> Dataset:
    """Return 60 windows of two classes by six subjects, of whom 5 and 6 test."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    signals = rng.normal(size=(60, 2, 16)) + labels[:, None, None]
    given = {"parts": np.repeat([TRAIN, VALIDATION, TEST], 20)} if parts else {}
    return Dataset(
        signals, labels, np.repeat(np.arange(1, 7), 10), ("a", "b"), ("x", "y"), 10.0, "made up",
        (5, 6), **given,
    )  # fmt: skip


def a_search(*trials: Trial, network: str | None = None) -> Search:
    recipe = TrainConfig(hidden=(4,), epochs=2, batch_size=8)
    origin = Origin("none", "none", "none", "none")
    task = Task("made", "made up", lambda _: windows(), lambda _: Delta(0.5), recipe, origin)
    return Search(task, recipe, lambda each: folds.in_turn(each, 4), trials, network)


def test_no_fold_holds_a_test_window() -> None:
    by_parts, by_subject = windows(parts=True), windows()
    assert folds.not_tested(by_parts).tolist() == list(range(40))
    assert folds.not_tested(by_subject).tolist() == list(range(40))
    for found in (
        folds.by_subject(by_subject, 3),
        folds.in_turn(by_parts, 3),
        folds.stretches(by_parts, 3),
    ):
        assert sorted(np.concatenate(found).tolist()) == list(range(40))


def test_folds_are_of_subjects_classes_and_stretches() -> None:
    made = windows()
    assert made.subjects is not None
    assert np.unique(made.subjects[folds.by_subject(made, 3)[0]]).tolist() == [1, 4]
    turn = folds.in_turn(made, 5)[1]
    assert turn.tolist() == [2, 3, 12, 13, 22, 23, 32, 33]  # the second of every five of a class
    assert folds.stretches(made, 4)[1].tolist() == list(range(10, 20))


@pytest.mark.parametrize(("count", "found"), [(None, 40), (40, 40), (20, 20), (1000, 40)])
def test_windows_are_thinned_evenly(count: int | None, found: int) -> None:
    assert len(folds.thinned(np.arange(40), count)) == found


def test_a_job_trains_on_what_neither_validates_nor_tests(monkeypatch: Any) -> None:
    seen: dict[str, Any] = {}
    start = search.training.start

    def watched(data: Any, config: Any) -> Any:
        seen.update(split=data.split, config=config, sizes=data.architecture(config).sizes)
        return start(data, config)

    monkeypatch.setattr(search.training, "start", watched)
    (job,) = jobs_of(a_search(Trial("wide", {"hidden": (6,)}, folds=(1,), seeds=(3,), windows=15)))
    found = search.train(job, windows())
    split = seen["split"]
    assert split.validation.tolist() == folds.in_turn(windows(), 4)[1].tolist()
    assert len(split.train) == 15
    assert not set(split.train) & set(split.validation)
    assert max(split.train) < 40
    assert len(split.test) == 0
    assert (seen["config"].seed, seen["sizes"]) == (3, (4, 6, 2))
    assert 0 <= found["accuracy_last"] <= found["accuracy_best"] <= 1
    assert found["best_epoch"] in (1, 2)


def test_what_a_training_sees_is_part_of_what_it_is() -> None:
    made = a_search(Trial("one", folds=(0, 1)), Trial("few", windows=15))
    jobs = list(jobs_of(made))
    found = [job.data(windows()) for job in jobs]
    assert len(set(found)) == 3
    assert found[0] == Job(made, jobs[0].trial, 0, 7).data(windows())


def test_settings_tell_all_that_decides() -> None:
    vary = VaryImages((8, 8), shift=0.5)
    trial = Trial("other", {"augment": vary, "epochs": 5}, Lif(), "small", windows=10)
    found = Job(a_search(trial), trial, 0, 0).settings(windows())
    assert (found["epochs"], found["windows"]) == (5, 10)
    assert [layer["neurons"] for layer in found["network"]["layers"]] == [64, 2]
    assert found["encoder"] == Lif().as_dict()
    assert (found["augment"]["name"], found["augment"]["shift"]) == ("VaryImages", 0.5)
    json.dumps(found)


@pytest.mark.parametrize("network", [None, "small"])
def test_a_trial_without_delays_has_none(network: str | None) -> None:
    made = a_search(Trial("none", {"delays": "none"}), Trial("own"), network=network)
    without, own = (each.architecture(windows()).layers for each in jobs_of(made))
    assert {layer.delays for layer in without} == {"none"}
    assert "axonal" in {layer.delays for layer in own}


def test_the_command_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = [Trial("one", seeds=(0, 1)), Trial("two", {"learning_rate": 0.01})]
    monkeypatch.setattr(recipes, "SEARCHES", {"made": lambda: a_search(*trials)})
    out = tmp_path / "made.csv"
    words = ["--task", "made", "--data", str(tmp_path), "--out", str(out)]
    assert recipes.main(words) == 0
    first = out.read_text()
    trials.append(Trial("three", {"epochs": 1}))
    assert recipes.main(words) == 0
    assert out.read_text().startswith(first)
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["trial"], row["seed"]) for row in rows] == [
        ("one", "0"), ("one", "1"), ("two", "0"), ("three", "0"),
    ]  # fmt: skip
    printed = capsys.readouterr().out
    assert "1 of 3: one, fold 0, seed 0: " in printed
    assert "4 of 4: three, fold 0, seed 0: " in printed
    mean = (float(rows[0]["accuracy_last"]) + float(rows[1]["accuracy_last"])) / 2
    assert f"{mean:.3f}" in printed


def test_a_record_of_other_columns_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "digits.csv"
    out.write_text("n,name\n0,old\n")
    with pytest.raises(InputError, match="has other columns than trial, fold, seed"):
        record.read(out)
    assert recipes.main(["--task", "digits", "--out", str(out)]) == 2
    assert "move it away, or name another file with --out" in capsys.readouterr().err
    assert out.read_text() == "n,name\n0,old\n"


ROW = {
    **dict.fromkeys(("trial", "data"), "some"),
    **dict.fromkeys(("accuracy_last", "accuracy_best", "train_accuracy"), "0.5"),
    **dict.fromkeys(("fold", "seed", "best_epoch", "synops", "seconds"), "1"),
    "settings": '"{}"',
}


def a_line(**changes: str) -> str:
    """Return a line of a record."""
    row = {**ROW, **changes}
    return ",".join(row[name] for name in record.COLUMNS)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (a_line()[:-1], "unexpected end of data"),
        (a_line() + ",x,y", "it has 13 of 11 columns"),
        ("a,b", "it has 2 of 11 columns"),
        ("", "it has 0 of 11 columns"),
        *((a_line(seconds=text), f"seconds is '{text}', not 0 to") for text in ("", "x", "-5")),
        *(
            (a_line(accuracy_best=text), f"accuracy_best is '{text}', not 0 to 1")
            for text in ("nan", "1.5", "1e999")
        ),
        (a_line(settings="hello"), "Expecting value"),
        (a_line(settings="3"), "settings are no JSON object"),
        (a_line(settings="[" * 100_000), "maximum recursion depth exceeded"),
        (a_line(settings="x" * 200_000), "field larger than"),
    ],
    ids=lambda text: text[-20:],
)
def test_a_line_that_is_no_training_is_named(tmp_path: Path, line: str, reason: str) -> None:
    out = tmp_path / "made.csv"
    out.write_text("\n".join([",".join(record.COLUMNS), a_line(), line, a_line()]) + "\n")
    with pytest.raises(InputError) as raised:
        record.read(out)
    assert f"made.csv, line 3 is not the row of a training ({reason}" in str(raised.value)
    assert str(raised.value).endswith("remove the line, and its training is made again")


@pytest.mark.parametrize("lies", ["folder", "bytes", "below a file", "nothing"])
def test_a_record_that_cannot_be_read_is_refused(tmp_path: Path, lies: str) -> None:
    out = tmp_path / "made.csv"
    if lies == "folder":
        out.mkdir()
    elif lies == "bytes":
        out.write_bytes(b"\xff\xfe")
    elif lies == "below a file":
        out.touch()
        out /= "made.csv"
    else:
        out = Path("")
    with pytest.raises(InputError, match=r" cannot be read \(.*\); name another file with --out"):
        record.read(out)


@pytest.mark.parametrize(
    ("trial", "reason"),
    [
        (Trial("wide", {"batch_size": 39}), "fold 0, trains on 38 windows and its batch is 39"),
        (Trial("few", windows=1), "fold 0, trains on no window of b"),
        (Trial("last", folds=(24,)), "fold 24, validates on no window of a, b"),
    ],
)
def test_too_little_data_is_told_before_the_first_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    trial: Trial, reason: str,
) -> None:  # fmt: skip
    made = replace(a_search(Trial("fits"), trial), folds=lambda each: folds.in_turn(each, 25))
    monkeypatch.setattr(recipes, "SEARCHES", {"made": lambda: made})
    monkeypatch.setattr(recipes, "train", None)  # cannot be called
    out = tmp_path / "made.csv"
    assert recipes.main(["--task", "made", "--data", str(tmp_path), "--out", str(out)]) == 2
    told = f"made up: trial {trial.name!r}, {reason}; give the whole data set"
    assert told in capsys.readouterr().err
    assert not out.exists()


def test_a_place_that_cannot_be_written_is_told_before_the_first_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> None:
        raise InputError(f"{path} cannot be written")

    monkeypatch.setattr(recipes, "SEARCHES", {"made": lambda: a_search(Trial("one"))})
    out = tmp_path / "made.csv"
    words = ["--task", "made", "--data", str(tmp_path), "--out", str(out)]
    with monkeypatch.context() as patched:
        patched.setattr(recipes, "check_writable", refuse)
        patched.setattr(recipes, "train", None)  # cannot be called
        assert recipes.main(words) == 2
        assert "made.csv cannot be written" in capsys.readouterr().err
    assert recipes.main(words) == 0
    monkeypatch.setattr(recipes, "check_writable", refuse)
    assert recipes.main(words) == 0  # nothing is left to write


def test_an_interruption_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(job: Job, windows: Dataset) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recipes, "SEARCHES", {"made": lambda: a_search(Trial("one"))})
    monkeypatch.setattr(recipes, "train", interrupted)
    words = ["--task", "made", "--data", str(tmp_path), "--out", str(tmp_path / "made.csv")]
    assert recipes.main(words) == 130
    assert "interrupted; the same command goes on where it was" in capsys.readouterr().err


@pytest.mark.parametrize("name", recipes.SEARCHES)
def test_every_search_is_of_a_task_and_tries_what_was_chosen(name: str) -> None:
    found = recipes.SEARCHES[name]()
    assert TASKS[found.task.name] is found.task
    names = [trial.name for trial in found.trials]
    assert len(set(names)) == len(names)
    assert any(_is_chosen(trial, found) for trial in found.trials)


def _is_chosen(trial: Trial, found: Search) -> bool:
    """Return whether a trial is the recipe, or the preset, as it is."""
    tried = {**vars(found.recipe), **trial.changes}
    chosen = {**vars(found.task.config), **({"hidden": (64,)} if found.network == "small" else {})}
    others = (trial.encoder, trial.network, trial.windows)
    return tried == chosen and others == (None, None, None)
