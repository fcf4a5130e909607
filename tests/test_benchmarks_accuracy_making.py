"""How a run of the benchmark of accuracy is made: it goes on where it was, or starts anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import code, making
from benchmarks.accuracy.commands import TOLD, Commands, RunFailed
from benchmarks.accuracy.facts import Facts
from benchmarks.accuracy.runs import Place, Run, prepare, runs_of
from neurodeploy.learning import checkpoint, run_folder
from neurodeploy.models.errors import InputError

STATE = {"format": run_folder.FORMAT, "version": run_folder.VERSION}
"""What tells a training's state from other files."""


@pytest.fixture(autouse=True)
def _known_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take some digest for that of the code, since reading all of it takes long."""
    monkeypatch.setattr(code, "digest", lambda places: f"{len(places)} places")
    monkeypatch.setattr(code, "unchanged", lambda _: True)  # which keeps what it was at first
    monkeypatch.setattr(code, "_git", lambda *words: "")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a run of a made-up task of two test windows, whose folder is ready."""
    facts = Facts(
        task="made",
        source="made up",
        key={"task": "made"},
        own="axonal",
        parameters={"axonal": 100},
        networks={"axonal": {}},
        counts=(9, 3, 2),
        labels=np.array([0, 1]),
        subjects=None,
        unseen=False,
        classes=2,
        steps=8,
    )
    made = runs_of(facts, Place(tmp_path), [0], ["axonal"])[0]
    assert prepare(made) == ""
    return made


RIGHT = {"accuracy": 1.0, "answers": [0, 1]}


def test_an_interrupted_training_is_resumed(run: Run) -> None:
    said: list[Sequence[str]] = []

    class Stopped(Commands):
        def run(self, words: Sequence[str], log: Path, good: tuple[int, ...] = (0,)) -> str:
            said.append(words)
            checkpoint.save_values(STATE, run.folder / "resume.pt")
            raise RunFailed("interrupted")

    for _ in range(2):
        assert prepare(run) == ""
        with pytest.raises(RunFailed):
            making.make(run, Stopped())
    assert [("--resume" in words) for words in said] == [False, True]
    assert run.kept() is None


def test_code_that_began_a_run_is_told_as_well(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_spiking", lambda *_: RIGHT)
    first = code.makers(run.model)["sha256"]
    assert making.make(run, Commands())["code"]["sha256"] == [first]
    monkeypatch.setattr(code, "digest", lambda places: "other")
    assert making.make(run, Commands())["code"]["sha256"] == sorted([first, "other"])


@pytest.mark.parametrize(
    ("reason", "anew"),
    [
        (f"{'it was started with other options ' * 20}(start anew without --resume)", True),
        ("another training is writing to this folder", False),
    ],
)
def test_a_training_that_does_not_fit_starts_anew(run: Run, reason: str, anew: bool) -> None:
    (run.folder / "resume.pt").touch()
    said: list[bool] = []

    class Refuses(Commands):
        def run(self, words: Sequence[str], log: Path, good: tuple[int, ...] = (0,)) -> str:
            said.append("--resume" in words)
            failed = RunFailed(reason[:TOLD])
            failed.code, failed.said = 2, reason
            raise failed

    with pytest.raises(RunFailed):
        making.make(run, Refuses())
    assert said == ([True, False] if anew else [True])
    assert (run.folder.with_name("axonal-seed-0.earlier-1") / "resume.pt").exists() == anew


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (b"", "resume.pt is no checkpoint of neurodeploy: it cannot be read"),
        (b"PK cut short", "resume.pt is no checkpoint of neurodeploy: it cannot be read"),
        ({**STATE, "version": 0}, "resume.pt has version 0 and this program reads 2"),
        ({**STATE, "format": "other"}, "resume.pt is no checkpoint of neurodeploy"),
        (STATE, ""),
    ],
)
def test_a_state_that_cannot_be_read_is_set_aside_and_told(
    run: Run, state: Any, reason: str
) -> None:
    path = run.folder / "resume.pt"
    path.write_bytes(state) if isinstance(state, bytes) else checkpoint.save_values(state, path)
    told, aside = prepare(run), run.folder.with_name("axonal-seed-0.earlier-1")
    assert (aside / "resume.pt").exists() == bool(reason)
    assert path.exists() == (not reason)
    assert (run.folder / "key.json").exists()
    assert reason in told
    assert bool(told) == told.endswith(f"it is now in {aside}, and the run starts anew")


@pytest.mark.parametrize(
    ("name", "reason"), [("code", "sha256 is missing"), ("spent", "core_seconds is missing")]
)
def test_a_damaged_file_of_a_run_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.setattr(making, "_spiking", lambda *_: RIGHT)
    (run.folder / f"{name}.json").write_text("{}")
    told = rf"{name}.json is not what the benchmark wrote \({reason}\); remove it, and"
    with pytest.raises(InputError, match=told):
        making.make(run, Commands())
