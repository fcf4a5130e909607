"""The figures of runs that are kept with the project: whole, and only those of the same key."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import records
from benchmarks.accuracy.facts import Facts
from benchmarks.accuracy.runs import Place, Run, runs_of, write_json
from neurodeploy.models.errors import InputError

LABELS = np.array([0, 11, 35])
BAND = {"low": 1.0, "value": 2.0, "high": 4.0}


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
    """Return a run's figures."""
    chip = {"fits": True, **dict.fromkeys(("dynamic_uj", "latency_ms"), BAND)}
    code = {"sha256": ["0"], "commit": "a", "changed": False, "versions": {}, "processor": "b"}
    return {
        **{"key": run.key, "code": code, "core_seconds": 5.0, "note": note},
        **dict.fromkeys(("accuracy", "macro_f1", "validation", "trained_accuracy"), 1.0),
        **{"same_answers": True, "different_spikes": 0, "answers": LABELS.tolist()},
        **{"parameters": 100, "operations": 5000.0, "epoch": 3, "chips": {"loihi2": chip}},
    }


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


def damaged(values: Any, at: str, value: Any) -> Any:
    """Return figures of which the value at names like "code.commit" is another."""
    first, _, rest = at.partition(".")
    return {**values, first: damaged(values[first], rest, value) if rest else value}


DAMAGES = [
    *((name, value) for name in ("accuracy", "macro_f1", "validation", "trained_accuracy")
      for value in (None, "x", 1.5, -1, float("nan"), 10**400)),
    *((name, value) for name in ("core_seconds", "parameters", "operations", "epoch",
      "different_spikes", "key.seed") for value in (None, "x", -1, float("inf"), 10**400, True)),
    *((name, value) for name in ("key", "code", "chips", "chips.loihi2", "code.versions",
      "chips.loihi2.latency_ms") for value in (None, "x", [], 3)),
    *((name, value) for name in ("same_answers", "code.changed", "code.commit", "code.processor",
      "code.sha256", "key.model") for value in (None, 3)),
    *(("key.varied", value) for value in (["x"], {"0": 1}, 5, [[1], [1, 2]])),
    *(("answers", value) for value in (None, 5, [0.0], [-1], [None], {"0": 1})),
    *(("chips.loihi2.dynamic_uj.low", value) for value in (None, "x")),
]  # fmt: skip


def told_of(name: str) -> str:
    """Return how a message names a value."""
    return "chips" if name.startswith("chips") else name.rpartition(".")[2]


@pytest.mark.parametrize(("name", "value"), DAMAGES)
def test_every_figure_of_a_result_is_looked_at(tmp_path: Path, name: str, value: Any) -> None:
    run = a_run(Place(tmp_path))
    run.folder.mkdir(parents=True)
    run.result.write_text(json.dumps(damaged(figures(run), name, value)))
    told = rf"result.json is not what the benchmark wrote \({told_of(name)} is .*; remove it"
    with pytest.raises(InputError, match=told):
        run.kept()


@pytest.mark.parametrize(("name", "value"), [each for each in DAMAGES if each[0] != "answers"])
def test_every_figure_of_a_line_is_looked_at(tmp_path: Path, name: str, value: Any) -> None:
    path = tmp_path / "made.jsonl"
    values = figures(a_run(Place(tmp_path)))
    records.add(values, path)
    line = json.dumps(damaged({**values, "answers": "0bz"}, name, value))
    path.write_text(f"{path.read_text()}{line}\n")
    told = rf"made.jsonl, line 2 is not .* \({told_of(name)} is .*; remove the line"
    with pytest.raises(InputError, match=told):
        records.read(path)


@pytest.mark.parametrize("line", ["{", "[]", "{}", "", "null", "[" * 100_000, "\u00e9"])
def test_a_line_that_is_no_object_of_figures_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "made.jsonl"
    path.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"made.jsonl, line 1 is not what the benchmark wrote"):
        records.read(path)


@pytest.mark.parametrize("answers", ["0-", "0B", None, 5, [1, 2], ["0", "b"]])
def test_answers_of_a_line_are_digits(tmp_path: Path, answers: Any) -> None:
    path = tmp_path / "made.jsonl"
    path.write_text(json.dumps({**figures(a_run(Place(tmp_path))), "answers": answers}))
    if answers == [1, 2]:  # as the files of runs have them
        assert records.read(path)[0]["answers"] == [1, 2]
        return
    with pytest.raises(InputError, match=r"line 1 is not .* \(answers is "):
        records.read(path)


@pytest.mark.parametrize("lies", ["folder", "bytes", "loop"])
def test_records_that_cannot_be_read_are_named(tmp_path: Path, lies: str) -> None:
    path = tmp_path / "made.jsonl"
    if lies == "folder":
        path.mkdir()
    elif lies == "bytes":
        path.write_bytes(b"\xff\xfe")
    else:
        path.symlink_to(path)
    with pytest.raises(InputError, match=r"made.jsonl cannot be read \(.*\); move it away"):
        records.read(path)


def test_a_model_that_is_not_known_any_more_keeps_its_line(tmp_path: Path) -> None:
    run, path = a_run(Place(tmp_path)), tmp_path / "made.jsonl"
    values = {name: value for name, value in figures(run).items() if name != "chips"}
    records.add({**values, "key": {**run.key, "model": "older"}}, path)
    records.add(figures(run), path)
    assert [each["key"]["model"] for each in records.read(path)] == ["axonal", "older"]


def test_benchmarks_that_write_at_once_lose_no_line(tmp_path: Path) -> None:
    place, path = Place(tmp_path), tmp_path / "made.jsonl"
    runs = [a_run(place, seed) for seed in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda run: records.add(figures(run), path), runs))
    assert [each["key"]["seed"] for each in records.read(path)] == list(range(24))


def test_a_folder_is_held_against_other_processes(tmp_path: Path) -> None:
    code = (
        "import fcntl, os, sys\n"
        "fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "records")]
    with records.alone(tmp_path / "records"):
        held = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert "BlockingIOError" in held.stderr
    assert subprocess.run(words, check=False, timeout=60).returncode == 0


def test_a_folder_that_cannot_be_held_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = r"the folder of records .*file cannot be made or locked \(File exists\); choose another"
    with pytest.raises(InputError, match=told), records.alone(tmp_path / "file"):
        pass
