"""The facts of tasks beside the records: the page can be written without the data."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy import facts_file
from benchmarks.accuracy.facts import Facts
from neurodeploy.models.errors import InputError

MADE = Facts(
    task="mnist",
    source="made up",
    notes=("half of it",),
    key={"task": "mnist", "recipe": {"learning_rate": 0.003}},
    own="axonal",
    parameters={"axonal": 100},
    networks={"axonal": {"input_shape": [6], "layers": []}},
    counts=(9, 3, 3),
    labels=np.array([0, 1, 0]),
    subjects=np.array([7, 7, 9]),
    unseen=True,
    classes=2,
    steps=8,
)


@pytest.mark.parametrize("subjects", [MADE.subjects, None])
def test_facts_come_back_as_they_were(tmp_path: Path, subjects: np.ndarray | None) -> None:
    facts = dataclasses.replace(MADE, subjects=subjects)
    here = dataclasses.replace(facts, source="made up in /somewhere")
    assert facts_file.read(tmp_path, "mnist") is None
    facts_file.write(here, tmp_path)
    found = facts_file.read(tmp_path, "mnist")
    assert found is not None
    assert found.recorded
    for field in dataclasses.fields(Facts):
        if field.name != "recorded":
            np.testing.assert_equal(getattr(found, field.name), getattr(facts, field.name))


def test_equal_facts_are_not_written_again(tmp_path: Path) -> None:
    facts_file.write(MADE, tmp_path)
    before = facts_file.path_of(tmp_path, "mnist").stat()
    facts_file.write(MADE, tmp_path)
    assert facts_file.path_of(tmp_path, "mnist").stat().st_ino == before.st_ino


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"labels": []}, r"labels is \[\]"),
        ({"labels": [0, 1.5]}, "labels is"),
        ({"subjects": "ab"}, "subjects is 'ab'"),
        ({"counts": [1, 2]}, "counts is"),
        ({"own": "other"}, "own is 'other'"),
        ({"key": []}, "key is no JSON object"),
        ({"steps": None}, "steps is missing"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: dict[str, object], problem: str) -> None:
    facts_file.write(MADE, tmp_path)
    path = facts_file.path_of(tmp_path, "mnist")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=rf"is not what .* \({problem}.*; remove it"):
        facts_file.read(tmp_path, "mnist")
    path.write_text("{")
    with pytest.raises(InputError, match="it is no JSON object"):
        facts_file.read(tmp_path, "mnist")


def test_recorded_facts_stand_in_for_missing_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    facts_file.write(MADE, tmp_path)
    said: list[str] = []
    assert accuracy._read("mnist", tmp_path, said.append).recorded
    assert said == ["mnist: as it is recorded, since its data are missing"]
    with pytest.raises(InputError, match="the data of the task mnist are missing"):
        accuracy._read("mnist", None, said.append)
