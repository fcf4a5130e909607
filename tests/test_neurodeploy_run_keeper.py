"""A training that is stopped, by whatever and at any instant, loses nothing and says so."""

from __future__ import annotations

import itertools
import json
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from neurodeploy import train
from neurodeploy.learning import checkpoint
from neurodeploy.learning.run_folder import FORMAT, READABLE, Keeper, RunLock

EPOCHS = 5

Train = Callable[..., int]


@pytest.fixture
def run(uci_har_folder: Path) -> Train:
    """Return a function that trains a tiny network for some epochs into a folder."""
    words = ["--data", str(uci_har_folder), "--hidden", "6", "--epochs", str(EPOCHS)]
    words += ["--batch", "6", "--threads", "1"]

    def command(folder: Path, *more: str) -> int:
        return train.main([*words, "--out", str(folder), *more])

    return command


@pytest.fixture
def whole(run: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return the folder of a run that nothing stopped."""
    folder = tmp_path / "whole"
    assert run(folder) == 0
    capsys.readouterr()
    return folder


def contents(folder: Path) -> tuple[Any, ...]:
    """Return all that a run leaves for others and for its resumption, but for the seconds."""
    kept = checkpoint.load(folder / "model.pt")
    state = checkpoint.load_values(folder / "resume.pt", FORMAT, READABLE)
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for row in (*rows, *state["history"]):
        row["seconds"] = None
    tensors = {name: values.tolist() for name, values in kept.weights.items()}
    last = {name: values.tolist() for name, values in state["network"].items()}
    return tensors, dict(kept.training), last, state["history"], rows


def before_keeping(
    monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[Path], Any]
) -> None:
    """Do something with the run's folder before an epoch is kept, from 1."""
    keep, countdown = Keeper.keep, itertools.count(number - 1, -1)

    def kept(keeper: Keeper) -> list[str]:
        if next(countdown) == 0:
            act(keeper.folder.path)
        return keep(keeper)

    monkeypatch.setattr(Keeper, "keep", kept)


# What a killed run left (`test_neurodeploy_run_killed.py` kills some)


def test_what_a_killed_run_left_unfinished_is_removed_and_nothing_else(
    run: Train, whole: Path
) -> None:
    before = contents(whole)
    (whole / ".resume.pt.x1.tmp").write_bytes(b"half")
    (whole / ".history.jsonl.x1.tmp").write_bytes(b"half")
    (whole / ".model.net.x1.tmp").write_bytes(b"of an export under way")
    (whole / "notes.tmp").write_bytes(b"mine")
    assert run(whole, "--resume") == 0
    assert {p.name for p in whole.glob("*.tmp")} == {".model.net.x1.tmp", "notes.tmp"}
    assert contents(whole) == before


# The disk


@contextmanager
def any_file_size_again() -> Iterator[None]:
    """Take back what was done to the limit of file sizes within."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_cannot_grow_is_one_sentence_and_resume_goes_on_when_it_can(
    run: Train,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "parts"
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

    def limit(_: Path) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, hard))

    with any_file_size_again(), monkeypatch.context() as patched:
        before_keeping(patched, 3, limit)
        assert run(folder) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-2:] == [
        f"note: {folder} holds the run up to epoch 2",
        f"error: {folder}/resume.pt cannot be written (File too large); nothing was changed there",
    ]
    assert not list(folder.glob(".*"))
    assert run(folder, "--resume") == 0
    assert contents(folder) == contents(whole)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of half a megabyte where that is permitted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    able = shutil.which("mount") is not None
    if not able or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_one_sentence_and_resume_goes_on_when_there_is_room(
    run: Train,
    whole: Path,
    small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, filler = small_disk / "parts", small_disk / "filler"

    def fill(_: Path) -> None:
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(1 << 20))

    with monkeypatch.context() as patched:
        before_keeping(patched, 4, fill)
        assert run(folder) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-2] == f"note: {folder} holds the run up to epoch 3"
    assert said[-1].startswith(f"error: {folder}/resume.pt cannot be written (No space left on dev")
    filler.unlink()
    assert run(folder, "--resume") == 0
    assert contents(folder) == contents(whole)


# The folder


@pytest.mark.parametrize("number", [1, 3])
def test_a_folder_that_vanishes_is_made_anew_and_holds_the_whole_run(
    run: Train,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    folder = tmp_path / "runs" / "har"
    before_keeping(monkeypatch, number, lambda path: shutil.rmtree(path.parent))
    assert run(folder) == 0
    said = capsys.readouterr().err
    assert said.count(f"warning: {folder} vanished and was made anew, with all of this run\n") == 1
    assert contents(folder) == contents(whole)
    assert (folder / "history.png").exists()


def test_a_folder_that_vanishes_within_a_save_is_made_anew_too(
    run: Train,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, countdown, save = tmp_path / "run", itertools.count(2, -1), torch.save

    def vanishing(values: Any, path: Path) -> None:
        save(values, path)
        if next(countdown) == 0:
            shutil.rmtree(folder)

    monkeypatch.setattr(torch, "save", vanishing)
    assert run(folder) == 0
    assert "vanished and was made anew" in capsys.readouterr().err
    assert contents(folder) == contents(whole)


def test_a_folder_that_gave_its_place_to_a_file_is_one_sentence(
    run: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def replaced(path: Path) -> None:
        shutil.rmtree(path)
        path.write_text("mine")

    folder = tmp_path / "run"
    before_keeping(monkeypatch, 2, replaced)
    assert run(folder) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: {folder} vanished and cannot be made anew (File exists); start again with another "
        "output folder"
    )
    assert folder.read_text() == "mine"


def test_a_second_run_in_a_folder_is_refused_and_changes_nothing(
    run: Train, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(whole)
    for more in ((), ("--resume",)):
        with RunLock(whole):
            assert run(whole, *more) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.endswith(
            f"error: another training is writing to {whole}; wait until it has ended or choose "
            "another output folder\n"
        )
    assert contents(whole) == before
    assert not (whole / "previous").exists()


def test_a_folder_that_cannot_be_locked_is_warned_about(
    run: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_locks(*_: Any) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    assert run(tmp_path / "run") == 0
    assert capsys.readouterr().err.count(
        f"warning: {tmp_path}/run cannot be locked (No locks available); start no other training "
        "that writes there\n"
    )


# The numbers, and the data


@pytest.mark.parametrize("what", ["loss", "gradient"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_one_sentence_and_leaves_the_epochs_before(
    run: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: str,
    value: float,
) -> None:
    folder, cross_entropy = tmp_path / "run", torch.nn.functional.cross_entropy

    def broken(logits: torch.Tensor, *rest: Any, **options: Any) -> torch.Tensor:
        loss = cross_entropy(logits, *rest, **options)
        if what == "loss":
            return loss * value
        logits.register_hook(lambda grad: grad * value)
        return loss

    def later(_: Path) -> None:
        monkeypatch.setattr(torch.nn.functional, "cross_entropy", broken)

    before_keeping(monkeypatch, 2, later)
    assert run(folder) == 2
    # An infinite gradient times a zero somewhere is none, so either may be named.
    said = capsys.readouterr().err.splitlines()
    assert said[-2] == f"note: {folder} holds the run up to epoch 2"
    named = {f"{value}", "nan"} if what == "gradient" else {f"{value}"}
    assert said[-1] in {
        f"error: the {what} became {shown} in epoch 3; start anew with a lower learning rate"
        for shown in named
    }
    assert len((folder / "history.jsonl").read_text().splitlines()) == 2
    assert (folder / "history.png").exists()
    checkpoint.load(folder / "model.pt").network()


def test_a_run_resumes_on_the_same_data_in_another_place_and_not_on_other_data(
    run: Train, whole: Path, uci_har_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(whole)
    moved = uci_har_folder.rename(uci_har_folder.with_name("elsewhere"))
    assert run(whole, "--resume", "--data", str(moved)) == 0
    after = contents(whole)
    assert (after[0], *after[2:]) == (before[0], *before[2:])
    capsys.readouterr()
    labels = moved / "train" / "y_train.txt"
    labels.write_text(labels.read_text()[::-1].strip() + "\n")
    assert run(whole, "--resume", "--data", str(moved)) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: the run in {whole} was started with other data; give the options it was started "
        "with, or start anew without --resume"
    )
    assert contents(whole) == after


def test_a_batch_larger_than_the_data_is_one_sentence(
    run: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "run", "--batch", "13") == 2
    assert capsys.readouterr().err.endswith(
        "error: the batch is 13 but there are 12 training windows; give a smaller batch\n"
    )
    assert not (tmp_path / "run").exists(), "a failed training leaves no empty folder"


def test_ctrl_c_between_an_epoch_and_its_save_leaves_the_epochs_before_and_their_picture(
    run: Train,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        before_keeping(patched, 3, lambda _: signal.raise_signal(signal.SIGINT))
        assert run(folder) == 130
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"interrupted; {folder} holds the run up to epoch 2; go on with --resume"
    )
    assert len((folder / "history.jsonl").read_text().splitlines()) == 2
    assert (folder / "history.png").read_bytes().startswith(b"\x89PNG")
    assert run(folder, "--resume") == 0
    assert contents(folder) == contents(whole)
