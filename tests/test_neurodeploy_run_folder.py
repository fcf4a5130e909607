"""The folder of a run: stopped by whatever and at any instant, it loses nothing and says so."""

from __future__ import annotations

import itertools
import json
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from neurodeploy.commands import train
from neurodeploy.data.encoders import SigmaDelta
from neurodeploy.models.errors import InputError
from neurodeploy.train import checkpoint, history, training
from neurodeploy.train.run_folder import LOCK, RunFolder, differences, options_of

ROOT = Path(__file__).parent.parent
Make = Callable[..., training.Training]
Train = Callable[..., int]


def contents(folder: Path) -> tuple[Any, ...]:
    """Return everything that a run leaves for others and for its resumption, except the seconds."""
    best = checkpoint.load(folder / "model.pt")
    state = checkpoint.load_values(folder / "resume.pt", checkpoint.STATE_FORMAT)
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for row in (*rows, *state["history"]):
        row["seconds"] = None
    weights = [
        {name: values.tolist() for name, values in each.items()}
        for each in (best.weights, state["network"])
    ]
    return *weights, dict(best.training), state["history"], rows


def save_epochs(started: training.Training, folder: RunFolder, epochs: int | None = None) -> None:
    """Train and save each epoch, as `fit` does; stop early after this many epochs."""
    for _ in itertools.islice(training.run(started), epochs):
        folder.save(started)
    if epochs is None:
        folder.finish(started)


class Killed(BaseException):
    """Stands for the end of the process."""


# Resuming


@pytest.mark.parametrize("stop", [1, 3, 4])
def test_a_resumed_run_ends_as_one_that_was_never_interrupted(
    tiny_training: Make, tmp_path: Path, stop: int
) -> None:
    whole, parts = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "parts")
    uninterrupted, resumed = tiny_training(), tiny_training()
    save_epochs(uninterrupted, whole)
    save_epochs(tiny_training(), parts, stop)
    parts.resume(resumed)
    assert len(resumed.history) == stop
    save_epochs(resumed, parts)
    assert contents(parts.path) == contents(whole.path)
    assert parts.picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("damage", ["cut short", "empty", "a model", "no options", "version 1"])
def test_a_damaged_state_names_the_whole_model_beside_it(
    tiny_training: Make, tmp_path: Path, damage: str
) -> None:
    folder = RunFolder(tmp_path)
    save_epochs(tiny_training(), folder, 1)
    content, values = folder.state.read_bytes(), torch.load(folder.state, weights_only=True)
    if damage == "a model":
        folder.state.write_bytes(folder.model.read_bytes())
    elif damage == "no options":
        torch.save({"format": checkpoint.STATE_FORMAT, "version": 3}, folder.state)
    elif damage == "version 1":
        torch.save({**values, "version": 1}, folder.state)
    else:
        folder.state.write_bytes(content[: len(content) // 2 * (damage == "cut short")])
    with pytest.raises(InputError) as caught:
        folder.resume(tiny_training())
    assert "\n" not in str(caught.value)
    if damage in ("cut short", "version 1"):
        assert f"{folder.model} is intact and has the best epoch" in str(caught.value)


def test_resuming_where_no_run_is_is_refused(tiny_training: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no run to resume \(resume.pt is missing\)"):
        RunFolder(tmp_path).resume(tiny_training())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"learning_rate": 0.5}, "--learning-rate 0.001 instead of 0.5"),
        ({"hidden": (5, 5)}, "--hidden 6 instead of 5 5"),
        ({"seed": 7, "batch_size": 4}, "--batch 8 instead of 4, --seed 0 instead of 7"),
        ({"encoder": SigmaDelta(0.4)}, "another encoder (--encoder, or other data)"),
    ],
)
def test_resuming_with_other_options_is_refused_and_names_them(
    tiny_training: Make, tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    folder = RunFolder(tmp_path)
    save_epochs(tiny_training(), folder, 1)
    before = contents(tmp_path)
    with pytest.raises(InputError) as caught:
        folder.resume(tiny_training(**changes))
    message = str(caught.value).removeprefix(f"the run in {tmp_path} was started with ")
    assert set(message.partition(";")[0].split(", ")) == set(named.split(", "))
    assert contents(tmp_path) == before


def of_each_layer(options: Any, **values: Any) -> None:
    """Change fields of every layer in the options of a run."""
    for layer in options["architecture"]["layers"]:
        layer.update(values)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda old: old.update(task="keywords"), "--task keywords instead of har"),
        (lambda old: old.update(data_sha256="0"), "other data"),
        (lambda old: old.update(threads=97), "--threads 97 instead of "),
        (lambda old: old.update(world_size=2), "2 processes instead of 1"),
        (lambda old: old.update(torch="1.0"), "torch 1.0 instead of "),
        (lambda old: old.pop("seed"), "--seed None instead of 0"),
        (
            lambda old: old["architecture"]["layers"].pop(),
            "another --network (number of layers 1 instead of 2)",
        ),
        (
            lambda old: old["architecture"]["layers"][1].update(threshold=2.0),
            "another --network (threshold of layer 1 2.0 instead of 1.25)",
        ),
        (lambda old: of_each_layer(old, weight_bits=4), "--weight-bits 4 instead of 8"),
        (
            lambda old: of_each_layer(old, delays="synaptic", max_delay=30),
            "--delays synaptic instead of axonal",
        ),
        (
            lambda old: old["architecture"].update(delay_init_max=3.0),
            "another --network (delay_init_max 3.0 instead of 16",
        ),
    ],
)
def test_each_difference_is_named_once_in_the_words_of_the_options(
    tiny_training: Make, change: Callable[[Any], Any], named: str
) -> None:
    current = options_of(tiny_training())
    assert differences(current, current) == []
    saved = json.loads(json.dumps(current))
    change(saved)
    (found,) = differences(saved, current)
    assert found.startswith(named)


# Writing


@pytest.mark.parametrize("after", [False, True], ids=["before renaming", "after renaming"])
def test_a_run_that_dies_at_any_write_resumes_to_the_same_weights(
    tiny_training: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    monkeypatch.setattr(history, "draw", lambda _, path, **__: path.write_bytes(b"a picture"))
    whole = RunFolder(tmp_path / "whole")
    save_epochs(tiny_training(epochs=3), whole)
    replace = Path.replace
    for write in range(10):  # 3 files per epoch and the picture
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
                save_epochs(tiny_training(epochs=3), folder)
        again = tiny_training(epochs=3)
        if folder.state.exists():
            folder.resume(again)
        save_epochs(again, folder)
        assert contents(folder.path) == contents(whole.path), write


def test_every_earlier_run_moves_to_a_folder_of_its_own(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    names = {"model.pt", "resume.pt", "history.jsonl", "history.png", "model.net", "report.html"}
    (tmp_path / "notes.txt").write_text("mine")
    assert folder.set_aside() is None
    for run in ("1", "2", "3"):
        for name in names:
            (tmp_path / name).write_text(run)
        assert folder.set_aside() == folder.previous / run
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "previous"}
    for run in ("1", "2", "3"):
        assert {p.name: p.read_text() for p in (folder.previous / run).iterdir()} == dict.fromkeys(
            names, run
        )


@pytest.mark.parametrize("move", [0, 1])
def test_moving_an_earlier_run_that_dies_on_the_way_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, move: int
) -> None:
    folder, replace, countdown = RunFolder(tmp_path), Path.replace, itertools.count(move, -1)
    for name in ("model.pt", "resume.pt"):
        (tmp_path / name).write_text(name)

    def die(self: Path, target: Path) -> Path:
        if next(countdown) == 0:
            raise Killed
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", die)
        with pytest.raises(Killed):
            folder.set_aside()
    assert folder.set_aside()
    found = {path.name: path.read_text() for path in folder.previous.glob("*/*")}
    assert found == {"model.pt": "model.pt", "resume.pt": "resume.pt"}


# As a command


@pytest.fixture
def run(uci_har_folder: Path) -> Train:
    """Return a function that trains a tiny network for 5 epochs into a folder."""
    words = ["--data", str(uci_har_folder), "--hidden", "6", "--epochs", "5"]
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


def before_saving(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[Path], Any]) -> None:
    """Do something with the run's folder before an epoch is saved, from 1."""
    save, countdown = RunFolder.save, itertools.count(number - 1, -1)

    def acted(folder: RunFolder, started: training.Training) -> list[str]:
        if next(countdown) == 0:
            act(folder.path)
        return save(folder, started)

    monkeypatch.setattr(RunFolder, "save", acted)


def test_unfinished_files_of_a_killed_run_are_removed_and_nothing_else(
    run: Train, whole: Path
) -> None:
    before = contents(whole)
    (whole / ".resume.pt.x1.tmp").write_bytes(b"half")
    (whole / ".history.jsonl.x1.tmp").write_bytes(b"half")
    (whole / ".model.net.x1.tmp").write_bytes(b"of an export in progress")
    (whole / "notes.tmp").write_bytes(b"mine")
    assert run(whole, "--resume") == 0
    assert {p.name for p in whole.glob("*.tmp")} == {".model.net.x1.tmp", "notes.tmp"}
    assert contents(whole) == before


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
        before_saving(patched, 4, fill)
        assert run(folder) == 2
    *_, note, error = capsys.readouterr().err.splitlines()
    assert note.startswith("note: ")
    assert note.endswith(f"{folder} holds the run up to epoch 3")
    assert error.startswith(f"error: {folder}/resume.pt cannot be written (No space left on dev")
    filler.unlink()
    assert run(folder, "--resume") == 0
    assert contents(folder) == contents(whole)


def test_a_file_that_cannot_grow_is_one_sentence_and_leaves_no_part(
    run: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, limits = tmp_path / "parts", resource.getrlimit(resource.RLIMIT_FSIZE)
    before_saving(
        monkeypatch, 3, lambda _: resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, limits[1]))
    )
    try:
        assert run(folder) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: {folder}/resume.pt cannot be written (File too large)")
    assert not list(folder.glob(".*.tmp"))


@pytest.mark.parametrize("number", [1, 3])
def test_a_folder_that_vanishes_is_made_again_and_holds_the_whole_run(
    run: Train,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    folder = tmp_path / "runs" / "har"
    before_saving(monkeypatch, number, lambda path: shutil.rmtree(path.parent))
    assert run(folder) == 0
    assert (
        capsys.readouterr().err.count(f"warning: {folder} was removed and has been created again")
        == 1
    )
    assert contents(folder) == contents(whole)


def test_a_folder_that_vanishes_during_a_save_is_made_again_too(
    run: Train, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, countdown, save = tmp_path / "run", itertools.count(2, -1), torch.save

    def vanishing(values: Any, path: Path) -> None:
        save(values, path)
        if next(countdown) == 0:
            shutil.rmtree(folder)

    monkeypatch.setattr(torch, "save", vanishing)
    assert run(folder) == 0
    assert contents(folder) == contents(whole)


def test_a_file_in_place_of_the_folder_is_one_sentence(
    run: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def replaced(path: Path) -> None:
        shutil.rmtree(path)
        path.write_text("mine")

    folder = tmp_path / "run"
    before_saving(monkeypatch, 2, replaced)
    assert run(folder) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(
        f"error: {folder} was removed and cannot be created again (File exists)"
    )
    assert folder.read_text() == "mine"
    assert run(folder) == 2
    assert str(folder) in capsys.readouterr().err
    assert folder.read_text() == "mine"


@pytest.mark.parametrize("more", [(), ("--resume",)])
def test_a_second_run_in_a_folder_is_refused_and_changes_nothing(
    run: Train, whole: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    before = contents(whole)
    with FileLock(whole / LOCK):
        assert run(whole, *more) == 2
    assert f"another training is writing to {whole}" in capsys.readouterr().err
    assert contents(whole) == before
    assert not (whole / "previous").exists()


def test_the_lock_of_a_killed_process_is_free(run: Train, whole: Path) -> None:
    code = f"import filelock, time; lock = filelock.FileLock({str(whole / LOCK)!r})"
    code += "; lock.acquire(); print(1, flush=True); time.sleep(60)"
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"
        assert run(whole, "--resume") == 2
        child.send_signal(signal.SIGKILL)
        child.wait(30)
    assert run(whole, "--resume") == 0


def test_a_folder_that_cannot_be_locked_is_used_with_a_warning(
    run: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_locks(*_: Any) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    assert run(tmp_path / "run") == 0
    warning = f"warning: {tmp_path}/run cannot be locked (No locks available)"
    assert capsys.readouterr().err.count(warning) == 1


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

    before_saving(monkeypatch, 2, later)
    assert run(folder) == 2
    note, error = capsys.readouterr().err.splitlines()[-2:]
    assert note == f"note: {folder} holds the run up to epoch 2"
    # An infinite gradient times a zero somewhere is NaN, so either may be named.
    assert any(f"the {what} became {each} in epoch 3" in error for each in (value, "nan"))
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
    assert (*after[:2], *after[3:]) == (*before[:2], *before[3:])  # all but the source in words
    labels = moved / "train" / "y_train.txt"
    labels.write_text(labels.read_text()[::-1].strip() + "\n")
    assert run(whole, "--resume", "--data", str(moved)) == 2
    assert "was started with other data" in capsys.readouterr().err.splitlines()[-1]
    assert contents(whole) == after


def test_a_failed_training_leaves_no_empty_folder(
    run: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "a" / "run", "--batch", "13") == 2
    assert "the batch is 13 but there are 12 training samples" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_ctrl_c_between_an_epoch_and_its_save_leaves_the_epochs_before_and_their_picture(
    run: Train,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        before_saving(patched, 3, lambda _: signal.raise_signal(signal.SIGINT))
        assert run(folder) == 130
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.endswith(f"{folder} holds the run up to epoch 2; continue with --resume")
    assert len((folder / "history.jsonl").read_text().splitlines()) == 2
    assert (folder / "history.png").read_bytes().startswith(b"\x89PNG")
    assert run(folder, "--resume") == 0
    assert contents(folder) == contents(whole)
