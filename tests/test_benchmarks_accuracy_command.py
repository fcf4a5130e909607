"""The benchmark of accuracy as a command: runs that go on where they were, and how they end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy import board, code, facts_file, records, schedule
from benchmarks.accuracy.commands import Commands, RunFailed
from benchmarks.accuracy.facts import Facts
from benchmarks.accuracy.models import MODELS
from benchmarks.accuracy.runs import Place, Run, prepare, runs_of, with_rate, write_json
from neurodeploy.models.errors import InputError

LABELS = [0, 1, 0, 1]
BAND = {"low": 1.0, "value": 2.0, "high": 4.0}

Maker = Callable[[Run, Commands], Mapping[str, Any]]


@pytest.fixture(autouse=True)
def _known_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take some digest for that of the code, since reading all of it takes long."""
    monkeypatch.setattr(code, "digest", lambda places: f"{len(places)} places")
    monkeypatch.setattr(code, "unchanged", lambda _: True)  # which keeps what it was at first
    monkeypatch.setattr(code, "_git", lambda *words: "")


def facts() -> Facts:
    """Return the facts of a made-up task whose own network has axonal delays."""
    names = [model.name for model in MODELS.values() if model.spiking]
    layers = [{"kind": "dense", "neurons": 8}, {"kind": "dense", "neurons": 2}]
    shape = {"channels": 3, "samples": 32, "classes": 2, "grid": None}
    plan = {"shape": shape, "merged": 2, "width": 8, "hidden": 0, "parameters": 90, "macs": 80}
    return Facts(
        task="made",
        source="made up",
        key={"task": "made", "recipe": {"learning_rate": 0.003}, "encoder": {}},
        own="axonal",
        parameters=dict.fromkeys(names, 100),
        networks={
            **{name: {"input_shape": [6], "layers": layers} for name in names},
            **{name: {**plan, "kind": name} for name in ("dense", "cnn", "gru")},
        },
        counts=(36, 12, 4),
        labels=np.array(LABELS),
        subjects=None,
        unseen=False,
        classes=2,
        steps=32,
    )


def figures() -> dict[str, Any]:
    """Return the figures of a run of either kind, which answers all windows right."""
    chip = {"fits": True, "dynamic_uj": BAND, "latency_ms": BAND}
    return {
        **dict.fromkeys(("accuracy", "macro_f1", "trained_accuracy"), 1.0),
        **{"same_answers": True, "different_spikes": 0, "answers": LABELS},
        **{"parameters": 100, "operations": 5000.0, "epoch": 3, "validation": 0.9, "rate": 0.01},
        **{"core_seconds": 120.0, "code": {**code.makers(MODELS["axonal"]), "sha256": ["0"]}},
        "chips": {"loihi1": chip, "loihi2": chip},
    }


def run_with(
    monkeypatch: pytest.MonkeyPatch,
    make: Maker,
    *words: str,
    made: Any = None,
    models: Sequence[str] = ("--models", "axonal", "gru", "--jobs", "1"),
) -> int:
    """Run the benchmark on the made-up task, a function in place of trainings."""

    def kept(run: Run, commands: Commands) -> Mapping[str, Any]:
        values = {"key": run.key, **make(run, commands)}
        write_json(values, run.result)
        return values

    monkeypatch.setattr(accuracy, "_tasks", lambda *_: ["made"])
    monkeypatch.setattr(accuracy, "facts_of", lambda _: made or facts())
    monkeypatch.setattr(schedule, "make", kept)
    return accuracy.main([*models, *words])


def noted() -> tuple[list[str], Maker]:
    """Return a list, and what makes runs and adds their names to it."""
    made: list[str] = []

    def make(run: Run, commands: Commands) -> Mapping[str, Any]:
        made.append(run.folder.name)
        return figures()

    return made, make


def test_runs_that_are_there_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, make = noted()
    words = ["--runs", str(tmp_path)]
    assert run_with(monkeypatch, make, *words, "--seeds", "0") == 0
    assert run_with(monkeypatch, make, *words, "--seeds", "0", "1") == 0
    assert made == ["axonal-seed-0", "gru-seed-0", "axonal-seed-1", "gru-seed-1"]
    out = capsys.readouterr().out
    assert "2 of 3 runs are there already" in out


def test_what_is_there_is_shown_and_nothing_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, make = noted()
    page = tmp_path / "page.md"
    words = ["--runs", str(tmp_path / "runs"), "--markdown", str(page)]
    assert run_with(monkeypatch, make, *words, "--kept") == 2
    assert "leave --kept out" in capsys.readouterr().err
    assert not made
    assert not page.exists()
    assert run_with(monkeypatch, make, *words, "--seeds", "0") == 0
    assert run_with(monkeypatch, make, *words, "--kept", "--seeds", "0", "1") == 0
    assert made == ["axonal-seed-0", "gru-seed-0"]
    assert "fewer than 3 seeds" in page.read_text()
    assert "- made, GRU, seed 1: not there with these seeds" in page.read_text()


def test_a_run_of_another_recipe_is_made_again_and_kept_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, make = noted()
    words = ["--runs", str(tmp_path), "--seeds", "0"]
    assert run_with(monkeypatch, make, *words) == 0
    other = facts()
    other.key["recipe"]["learning_rate"] = 0.1
    assert run_with(monkeypatch, make, *words, made=other) == 0
    assert made == ["axonal-seed-0", "gru-seed-0", "axonal-seed-0"]  # a GRU has no such rate
    out = capsys.readouterr().out
    assert "made, SNN, axonal delays, seed 0: what is there differs in recipe" in out
    assert (tmp_path / "made" / "axonal-seed-0.earlier-1" / "result.json").exists()


def test_a_failed_run_says_why_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(run: Run, commands: Commands) -> Mapping[str, Any]:
        if run.model.spiking:
            raise RunFailed("it broke")
        return figures()

    page = tmp_path / "page.md"
    words = ["--runs", str(tmp_path), "--seeds", "0", "--markdown", str(page)]
    assert run_with(monkeypatch, make, *words) == 1
    assert "- made, SNN, axonal delays, seed 0: it broke" in page.read_text()
    printed = capsys.readouterr()
    assert "GRU" in printed.out
    assert "failed: made, SNN, axonal delays, seed 0: it broke" in printed.err


def test_other_seeds_take_the_rate_that_the_first_chose(tmp_path: Path) -> None:
    first, other = runs_of(facts(), Place(tmp_path), [4, 5], ["gru"])
    spiking = runs_of(facts(), Place(tmp_path), [5], ["axonal"])[0]
    assert [run.waits for run in (first, other, spiking)] == [False, True, False]
    assert len(first.rates) > 1
    with pytest.raises(RunFailed, match="its learning rate is chosen on the first seed, which f"):
        prepare(other)
    assert not other.folder.exists()
    ready = with_rate(other, {first: {**figures(), "rate": 0.003}, spiking: figures()})
    assert ready.rates == (0.003,)
    assert not ready.waits
    assert ready.key != with_rate(other, {first: figures()}).key
    assert with_rate(other, {}).waits


def test_a_first_seed_that_fails_fails_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(run: Run, commands: Commands) -> Mapping[str, Any]:
        if not run.model.spiking:
            raise RunFailed("it broke")
        return figures()

    assert run_with(monkeypatch, make, "--runs", str(tmp_path), "--seeds", "0", "1") == 1
    failed = [line for line in capsys.readouterr().err.splitlines() if "failed: " in line]
    assert failed == [
        "failed: made, GRU, seed 0: it broke",
        "failed: made, GRU, seed 1: its learning rate is chosen on the first seed, which failed",
    ]


def test_a_command_that_fails_says_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"no_such_module ended with exit code 1 \(.*No module"):
        Commands().run(["no_such_module"], tmp_path / "log.txt")


def test_commands_end_when_the_benchmark_does(tmp_path: Path) -> None:
    commands, reasons = Commands(), []

    def wait() -> None:
        try:
            commands.run(["http.server", "0", "--bind", "127.0.0.1"], tmp_path / "log.txt")
        except RunFailed as error:
            reasons.append(str(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not commands._running:
        time.sleep(0.01)
    commands.end()
    waiting.join(30)
    assert reasons
    with pytest.raises(RunFailed, match="interrupted"):
        commands.run(["this"], tmp_path / "log.txt")


def test_records_take_what_is_there_and_what_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, make = noted()
    runs, kept = ["--runs", str(tmp_path / "runs")], tmp_path / "records"
    assert run_with(monkeypatch, make, *runs, "--seeds", "0") == 0
    assert not kept.exists()
    assert run_with(monkeypatch, make, *runs, "--seeds", "0", "1", "--records", str(kept)) == 0
    assert facts_file.path_of(kept, "made").exists()
    found = records.read(kept / "made.jsonl")
    assert [(each["key"]["model"], each["key"]["seed"]) for each in found] == [
        ("axonal", 0), ("axonal", 1), ("gru", 0), ("gru", 1),
    ]  # fmt: skip
    elsewhere = ["--runs", str(tmp_path / "elsewhere"), "--records", str(kept)]
    assert run_with(monkeypatch, make, *elsewhere, "--seeds", "0", "1") == 0
    assert len(made) == 4


def test_records_of_later_seeds_count_when_the_first_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, make = noted()
    words = ["--seeds", "0", "1", "--records", str(tmp_path)]
    assert run_with(monkeypatch, make, "--runs", str(tmp_path / "one"), *words) == 0
    lines = (tmp_path / "made.jsonl").read_text().splitlines()
    kept = [line for line in lines if '"model":"gru","seed":0' not in line]
    assert len(kept) == 3
    (tmp_path / "made.jsonl").write_text("\n".join(kept) + "\n")
    made.clear()
    assert run_with(monkeypatch, make, "--runs", str(tmp_path / "other"), *words) == 0
    assert made == ["gru-seed-0"]


def test_two_jobs_come_to_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    met = threading.Barrier(2, timeout=60)

    def make(run: Run, commands: Commands) -> Mapping[str, Any]:
        met.wait()
        return figures()

    words = ["--runs", str(tmp_path), "--seeds", "0", "1", "--jobs", "2", "--models", "axonal"]
    assert run_with(monkeypatch, make, *words, models=()) == 0
    assert len(list(tmp_path.rglob("result.json"))) == 2


def test_what_is_not_foreseen_fails_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(run: Run, commands: Commands) -> Mapping[str, Any]:
        if run.model.spiking:
            raise AssertionError
        return figures()

    assert run_with(monkeypatch, make, "--runs", str(tmp_path), "--seeds", "0") == 1
    assert "failed: made, SNN, axonal delays, seed 0: AssertionError" in capsys.readouterr().err


def test_an_interruption_ends_what_was_started_and_keeps_what_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended: list[bool] = []

    def make(run: Run, commands: Commands) -> Mapping[str, Any]:
        if run.seed:
            while not commands.ended:
                time.sleep(0.01)
            ended.append(True)
            raise RunFailed("interrupted")
        return figures()

    def interrupted(self: board.Board, run: Run, figures: Mapping[str, Any]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(board.Board, "done", interrupted)
    words = ["--runs", str(tmp_path), "--seeds", "0", "1", "--jobs", "2", "--models", "axonal"]
    assert run_with(monkeypatch, make, *words, models=()) == 130
    assert ended == [True]
    assert "the same command goes on where it was" in capsys.readouterr().err
    assert (tmp_path / "made" / "axonal-seed-0" / "result.json").exists()


def test_a_run_that_another_benchmark_has_made_meanwhile_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(facts(), MODELS["axonal"], 0, Place(tmp_path))
    write_json({"key": run.key, **figures()}, run.result)
    monkeypatch.setattr(schedule, "make", None)  # cannot be called
    found = schedule._one(run, Commands(), print)
    assert found["accuracy"] == figures()["accuracy"]


def test_a_run_left_in_the_queue_after_an_interruption_is_not_prepared(tmp_path: Path) -> None:
    run, commands = runs_of(facts(), Place(tmp_path), [0], ["axonal"])[0], Commands()
    commands.end()
    with pytest.raises(RunFailed, match="interrupted"):
        schedule._one(run, commands, print)
    assert not run.folder.exists()


def test_a_folder_that_cannot_be_written_is_told_before_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(run: Run, commands: Commands) -> Mapping[str, Any]:
        raise AssertionError

    (tmp_path / "file").touch()
    words = ["--runs", str(tmp_path / "runs"), "--markdown", str(tmp_path / "file" / "page.md")]
    assert run_with(monkeypatch, never, *words) == 2
    assert "page.md cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--markdown", ""), ("--markdown", "folder")])
def test_a_page_that_is_no_file_is_refused_before_the_data_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: Sequence[str],
) -> None:  # fmt: skip
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(accuracy, "_runs", None)  # cannot be called
    assert accuracy.main(words) == 2
    assert f"--markdown {words[1] or '.'} is no file; give the name" in capsys.readouterr().err


def test_nothing_but_the_page_is_written_of_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, make = noted()
    page, kept = tmp_path / "page.md", tmp_path / "records"
    words = ["--runs", str(tmp_path / "runs"), "--seeds", "0"]
    assert run_with(monkeypatch, make, *words) == 0
    words += ["--kept", "--records", str(kept), "--markdown", str(page)]
    assert run_with(monkeypatch, make, *words) == 0
    assert page.exists()
    assert not kept.exists()


def test_answers_that_do_not_fit_the_accuracy_are_refused(tmp_path: Path) -> None:
    run = runs_of(facts(), Place(tmp_path), [0], ["axonal"])[0]
    prepare(run)
    for wrong in ({"accuracy": 0.75}, {"answers": LABELS[:3]}, {"answers": [*LABELS[:3], 36]}):
        write_json({**figures(), "key": run.key, **wrong}, run.result)
        with pytest.raises(InputError, match=r"axonal of seed 0: accuracy is .*; remove what"):
            run.kept()
    run.result.write_text("{")
    with pytest.raises(InputError, match=r"result.json .* \(it is no JSON object\); remove it"):
        run.kept()


def test_tasks_without_data_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    said: list[str] = []
    there = accuracy._tasks(None, None, said.append)
    assert "mnist" not in there
    assert any(line.startswith("mnist is left out, its data are missing (") for line in said)
    facts_file.path_of(tmp_path, "mnist").touch()
    assert "mnist" in accuracy._tasks(None, tmp_path, said.append)
    assert accuracy._tasks(["mnist"], tmp_path, said.append) == ["mnist"]


def test_times_are_said_in_words() -> None:
    assert [board.duration(s) for s in (12.3, 150, 4000)] == ["12 s", "2 min", "1 h 7 min"]
