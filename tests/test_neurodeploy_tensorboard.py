"""TensorBoard's event files hold the history, each epoch once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neurodeploy import train
from neurodeploy.learning import loop, training
from neurodeploy.learning.tensorboard import Events, check_installed, check_writable, scalars
from neurodeploy.models.errors import InputError

Make = Callable[..., training.Training]


def read(folder: Path) -> dict[str, dict[int, float]]:
    """Return what TensorBoard shows of a folder: values by name and epoch."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = reader.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    found: dict[str, dict[int, float]] = {}
    for name in events.Tags()["scalars"]:
        steps = [event.step for event in events.Scalars(name)]
        assert len(set(steps)) == len(steps), name
        found[name] = {event.step: event.value for event in events.Scalars(name)}
    return found


def shown(history: list[training.Epoch]) -> dict[str, dict[int, Any]]:
    """Return the same from the history itself."""
    found: dict[str, dict[int, Any]] = {}
    for epoch in history:
        for name, value in scalars(epoch):
            found.setdefault(name, {})[epoch.epoch] = pytest.approx(value, rel=1e-6)
    return found


def test_the_events_are_the_history(tiny_training: Make, tmp_path: Path) -> None:
    started = tiny_training(epochs=3)
    events = Events(tmp_path)
    for epoch in loop.run(started):
        events.add(epoch)
    events.close()
    found = read(tmp_path)
    assert found == shown(started.history)
    assert set(found) >= {
        "loss/training", "accuracy/validation", "rates/layer_1", "delays/layer_0",
        "current_decays/layer_0", "voltage_decays/layer_1", "synops/layer_0",
        "learning_rate/weights", "learning_rate/delays", "seconds",
    }  # fmt: skip


def test_a_training_that_goes_on_shows_every_epoch_once(
    tiny_training: Make, tmp_path: Path
) -> None:
    started = tiny_training(epochs=4)
    list(loop.run(started))
    first = Events(tmp_path, started.history[:1])
    first.add(started.history[1])
    first.add(started.history[2])  # as of a training that was killed before it kept this one
    first.close()
    second = Events(tmp_path, started.history[:2])
    for epoch in started.history[2:]:
        second.add(epoch)
    second.close()
    assert read(tmp_path) == shown(started.history)


def test_the_command_writes_them_on_request_into_the_run_or_elsewhere(
    uci_har_folder: Path, tmp_path: Path
) -> None:
    words = ["--data", str(uci_har_folder), "--out", str(tmp_path / "run"), "--batch", "4"]
    words += ["--hidden", "4", "--epochs", "2", "--threads", "1"]
    assert train.main([*words, "--tensorboard"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    losses = {row["epoch"]: pytest.approx(row["loss"], rel=1e-6) for row in rows}
    assert read(tmp_path / "run/tensorboard")["loss/training"] == losses
    assert train.main([*words, "--tensorboard", str(tmp_path / "else")]) == 0
    assert read(tmp_path / "run/previous/1/tensorboard")["loss/training"] == losses
    assert read(tmp_path / "else")["loss/training"] == losses
    assert not (tmp_path / "run/tensorboard").exists()
    assert train.main([*words, "--resume", "--tensorboard"]) == 0
    assert read(tmp_path / "run/tensorboard")["loss/training"] == losses


def test_without_the_package_it_is_said_before_anything_is_read_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check_installed()
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    out = tmp_path / "run"
    assert train.main(["--data", str(tmp_path), "--out", str(out), "--tensorboard"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: writing TensorBoard's event files needs tensorboard, ")
    assert "pip install 'neurodeploy[tensorboard]==" in said
    assert not out.exists()


def test_a_folder_that_cannot_hold_them_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError) as caught:
        Events(tmp_path / "file" / "events")
    assert str(caught.value) == (
        f"TensorBoard's event files cannot be written to {tmp_path}/file/events (Not a directory); "
        "make room there, give another folder, or leave out --tensorboard"
    )


@pytest.mark.parametrize("below", ["", "/events"])
def test_a_file_in_their_way_is_refused_before_training(
    uci_har_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], below: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    words = ["--data", str(uci_har_folder), "--out", str(tmp_path / "run")]
    assert train.main([*words, "--tensorboard", f"{tmp_path}/file{below}"]) == 2
    assert capsys.readouterr().err == (
        f"error: TensorBoard's event files cannot be written to {tmp_path}/file{below} "
        f"(Not a directory); make room there, give another folder, or leave out --tensorboard\n"
    )
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_not_there_yet_is_not_made_by_the_check(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match=r"cannot be written to .*nowhere/events \(No such file"):
        check_writable(tmp_path / "nowhere" / "events")
