"""TensorBoard's event files hold the history, each epoch once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neurodeploy.commands import train
from neurodeploy.models.errors import InputError
from neurodeploy.train import tensorboard, training

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


def write(folder: Path, epochs: list[training.Epoch]) -> None:
    events = tensorboard.Events(folder)
    for epoch in epochs:
        events.add(epoch)
    events.close()


def test_a_resumed_training_shows_every_value_of_every_epoch_once(
    tiny_training: Make, tmp_path: Path
) -> None:
    epochs = list(training.run(tiny_training(epochs=4)))
    write(tmp_path, epochs[:3])  # killed before it saved the third
    write(tmp_path, epochs)
    found = read(tmp_path)
    for epoch in epochs:
        for name, value in tensorboard.scalars(epoch):
            assert found[name][epoch.epoch] == pytest.approx(value, rel=1e-6)
    assert {len(values) for values in found.values()} == {4}
    assert set(found) >= {
        "loss/training", "accuracy/validation", "rates/layer_1", "delays/layer_0",
        "current_decays/layer_0", "voltage_decays/layer_1", "synops/layer_0",
        "learning_rate/weights", "learning_rate/delays", "seconds",
    }  # fmt: skip


def test_the_command_writes_them_into_the_run_or_elsewhere(
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


def test_a_missing_package_is_named_before_anything_is_read_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    out = tmp_path / "run"
    assert train.main(["--data", str(tmp_path), "--out", str(out), "--tensorboard"]) == 2
    assert "pip install 'neurodeploy[tensorboard]==" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("below", ["", "/events"])
def test_a_file_in_their_way_is_refused_before_training(
    uci_har_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], below: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    words = ["--data", str(uci_har_folder), "--out", str(tmp_path / "run")]
    assert train.main([*words, "--tensorboard", f"{tmp_path}/file{below}"]) == 2
    message = f"event files cannot be written to {tmp_path}/file{below} (Not a directory)"
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_check_makes_no_folder(tmp_path: Path) -> None:
    tensorboard.check(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    for make in (tensorboard.check, tensorboard.Events):
        act: Any = make
        with pytest.raises(InputError, match=r"cannot be written to .*nowhere/events \("):
            act(tmp_path / "nowhere" / "events")
