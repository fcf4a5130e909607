"""The figures of runs that are kept with the project: whole, and only those of the same key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import records
from benchmarks.accuracy.facts import Facts
from benchmarks.accuracy.runs import Place, Run, runs_of, write_json
from models.errors import InputError

LABELS = np.array([0, 11, 35])


def a_run(place: Place, seed: int = 0, rate: float = 0.003) -> Run:
    """Return a run of a made-up task of 36 classes."""
    facts = Facts(
        task="made",
        source="made up",
        key={"task": "made", "recipe": {"learning_rate": rate}},
        own="axonal",
        parameters={"axonal": 100},
        networks={"axonal": {}},
        counts=(9, 3, 3),
        labels=LABELS,
        subjects=None,
        unseen=False,
        classes=36,
        steps=8,
    )
    return runs_of(facts, place, [seed], ["axonal"])[0]


def figures(run: Run, note: int = 0) -> dict[str, Any]:
    """Return some of a run's figures."""
    return {"key": run.key, "accuracy": 1.0, "answers": LABELS.tolist(), "note": note}


def test_records_hold_one_line_a_run_in_order(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "made.jsonl"
    assert records.read(path) == []
    place = Place(tmp_path, tmp_path / "folder")
    for seed, rate, note in ((2, 0.003, 5), (0, 0.003, 6), (2, 0.003, 7), (2, 0.01, 8)):
        records.add(figures(a_run(place, seed, rate), note), path)
    found = records.read(path)
    assert [(each["key"]["seed"], each["note"]) for each in found] == [(0, 6), (2, 7), (2, 8)]
    assert found[0] == figures(a_run(place, 0), 6)
    assert '"answers":"0bz"' in path.read_text().splitlines()[0]


def test_a_run_that_the_records_hold_is_made(tmp_path: Path) -> None:
    place = Place(tmp_path / "runs", tmp_path)
    run = a_run(place)
    assert run.kept() is None
    assert run.records is not None
    records.add(figures(run), run.records)
    assert run.kept() == figures(run)
    assert a_run(Place(tmp_path / "runs")).kept() is None
    assert a_run(place, rate=0.1).kept() is None
    assert a_run(place, seed=1).kept() is None


def test_what_the_records_tell_comes_first(tmp_path: Path) -> None:
    run = a_run(Place(tmp_path / "runs", tmp_path))
    assert run.records is not None
    records.add(figures(run, 5), run.records)
    run.folder.mkdir(parents=True)
    write_json(figures(run, 6), run.result)
    found = run.kept()
    assert found is not None
    assert found["note"] == 5


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "{}",
        '{"key": {}, "answers": "", "accuracy": 1}',
        '{"key": {"model": "gru", "seed": 0}, "answers": "0-", "accuracy": 1}',
        '{"key": 3, "answers": "0", "accuracy": 1}',
        "\u00e9",
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "made.jsonl"
    records.add(figures(a_run(Place(tmp_path))), path)
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=r"made.jsonl, line 2 is not the figures of a run"):
        records.read(path)
