"""The folder of a run: interrupted at any instant, it goes on to the same weights."""

from __future__ import annotations

import errno
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from neurodeploy.learning import checkpoint, loop, training
from neurodeploy.learning.run_folder import RunFolder
from neurodeploy.models import files
from neurodeploy.models.errors import InputError
from neurodeploy.pages import history

Make = Callable[..., training.Training]


def train(started: training.Training, folder: RunFolder, epochs: int | None = None) -> None:
    """Train and keep each epoch, as the command does, stopping early after so many epochs."""
    for _ in itertools.islice(loop.run(started), epochs):
        folder.save(started)
    if epochs is None:
        folder.draw(started.history)


def contents(folder: RunFolder) -> tuple[Any, ...]:
    """Return what a run leaves for others: the best weights, how they came about, the history."""
    kept = checkpoint.load(folder.model)
    weights = {name: values.tolist() for name, values in kept.weights.items()}
    rows = [json.loads(line) for line in folder.history.read_text().splitlines()]
    return weights, dict(kept.training), [{**row, "seconds": None} for row in rows]


class Killed(BaseException):
    """Stands for the end of the process."""


# Resuming


@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_a_resumed_run_ends_as_one_that_was_never_interrupted(
    tiny_training: Make, tmp_path: Path, stop: int
) -> None:
    whole, parts = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "parts")
    uninterrupted, resumed = tiny_training(), tiny_training()
    train(uninterrupted, whole)
    train(tiny_training(), parts, stop)
    parts.resume(resumed)
    assert len(resumed.history) == stop
    train(resumed, parts)
    assert contents(parts) == contents(whole)
    one, other = uninterrupted.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_resuming_a_run_of_another_version_is_refused(tiny_training: Make, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    train(tiny_training(), folder, 1)
    values = torch.load(folder.state, weights_only=True)
    torch.save({**values, "version": 1}, folder.state)
    with pytest.raises(InputError) as caught:
        folder.resume(tiny_training())
    assert str(caught.value) == (
        f"{folder.state} has version 1 and this program reads 2; {folder.model} is whole and holds "
        "its best epoch: export that, or start anew without --resume, or use the program "
        "that wrote it"
    )


def test_resuming_where_no_run_is_is_refused(tiny_training: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no run to resume \(resume.pt is missing\); start"):
        RunFolder(tmp_path).resume(tiny_training())


@pytest.mark.parametrize("damage", ["cut short", "empty", "another kind", "no options"])
def test_resuming_from_a_damaged_state_is_refused(
    tiny_training: Make, tmp_path: Path, damage: str
) -> None:
    folder = RunFolder(tmp_path)
    train(tiny_training(), folder, 1)
    whole = folder.state.read_bytes()
    if damage == "another kind":
        folder.state.write_bytes(folder.model.read_bytes())
    elif damage == "no options":
        torch.save({"format": "neurodeploy.resume", "version": 2}, folder.state)
    else:
        folder.state.write_bytes(whole[: len(whole) // 2] if damage == "cut short" else b"")
    with pytest.raises(InputError) as caught:
        folder.resume(tiny_training())
    assert "\n" not in str(caught.value)


# Writing


@pytest.mark.parametrize("after", [False, True], ids=["before renaming", "after renaming"])
def test_a_run_that_dies_at_any_write_resumes_to_the_same_weights(
    tiny_training: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    monkeypatch.setattr(history, "draw", lambda _, path, **__: path.write_bytes(b"a picture"))
    whole = RunFolder(tmp_path / "whole")
    train(tiny_training(epochs=3), whole)
    replace = Path.replace
    for write in range(10):  # 3 files an epoch and the picture
        folder = RunFolder(tmp_path / str(write))
        countdown = itertools.count(write, -1)

        def die(self: Path, target: Path) -> Path:
            dying = next(countdown) == 0  # noqa: B023  called within this round
            if dying and not after:
                raise Killed
            moved = replace(self, target)
            if dying:
                raise Killed
            return moved

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", die)
            with pytest.raises(Killed):
                train(tiny_training(epochs=3), folder)
        again = tiny_training(epochs=3)
        if folder.state.exists():
            folder.resume(again)
        train(again, folder)
        assert contents(folder) == contents(whole), write
        assert not list(folder.path.glob(".*")), write


def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(
    tiny_training: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = RunFolder(tmp_path)
    started = tiny_training()
    epochs = loop.run(started)
    next(epochs)
    folder.save(started)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    next(epochs)
    monkeypatch.setattr(files, "_flush", full)
    with pytest.raises(InputError) as caught:
        folder.save(started)
    assert str(caught.value) == (
        f"{folder.state} cannot be written (No space left on device); nothing was changed there"
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_torchs_own_error_on_a_full_disk_is_the_same_sentence(
    tiny_training: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")

    started = tiny_training()
    next(loop.run(started))
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match=r"resume.pt cannot be written \(PytorchStreamWriter"):
        RunFolder(tmp_path).save(started)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=r"cannot be written .*; choose another output folder"):
        RunFolder(tmp_path / "file").check_writable()
    with pytest.raises(InputError, match=r"cannot be written .*; choose another output folder"):
        RunFolder(tmp_path / "file" / "deeper").check_writable()
    assert (tmp_path / "file").read_text() == "mine"


def test_checking_a_folder_leaves_nothing_in_it(tmp_path: Path) -> None:
    RunFolder(tmp_path / "a" / "b").check_writable()
    assert not list((tmp_path / "a" / "b").iterdir())


def test_the_history_is_one_json_object_an_epoch_and_a_picture(
    tiny_training: Make, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path)
    started = tiny_training(epochs=3)
    train(started, folder)
    rows = [json.loads(line) for line in folder.history.read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[2]["loss"] == started.history[2].loss
    assert folder.picture.read_bytes().startswith(b"\x89PNG")


# An earlier run


def test_an_earlier_run_is_kept_in_previous_with_what_was_exported_of_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    names = ("model.pt", "resume.pt", "history.jsonl", "history.png", "model.net", "report.html")
    for name in names:
        (tmp_path / name).write_text(name)
    (tmp_path / "notes.txt").write_text("mine")
    kept = folder.set_aside()
    assert kept == tmp_path / "previous/1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "previous"]
    assert {p.name: p.read_text() for p in kept.iterdir()} == {n: n for n in names}


def test_nothing_to_set_aside_leaves_previous_alone(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.set_aside() is None
    (tmp_path / "model.pt").write_text("first")
    assert folder.set_aside()
    assert folder.set_aside() is None
    assert (folder.previous / "1/model.pt").read_text() == "first"


def test_every_earlier_run_is_kept_in_a_folder_of_its_own(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for run in ("first", "second", "third"):
        (tmp_path / "model.pt").write_text(run)
        folder.set_aside()
    kept = {path.name: (path / "model.pt").read_text() for path in folder.previous.iterdir()}
    assert kept == {"1": "first", "2": "second", "3": "third"}


def test_setting_aside_that_dies_on_the_way_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace
    for move in range(2):
        folder = RunFolder(tmp_path / str(move))
        folder.path.mkdir()
        for name in ("model.pt", "resume.pt"):
            (folder.path / name).write_text(name)
        countdown = itertools.count(move, -1)

        def die(self: Path, target: Path) -> Path:
            if next(countdown) == 0:  # noqa: B023  called within this round
                raise Killed
            return replace(self, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", die)
            with pytest.raises(Killed):
                folder.set_aside()
        assert folder.set_aside()
        kept = {path.name: path.read_text() for path in folder.previous.glob("*/*")}
        assert kept == {"model.pt": "model.pt", "resume.pt": "resume.pt"}, move
        assert [path.name for path in folder.path.iterdir()] == ["previous"], move
