"""What each command says to bad input: it ends with 2, says why in one sentence, and loses nothing
that was there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch

SMALL = ("--epochs", "1", "--hidden", "8", "--batch", "6")
Command = Callable[..., tuple[int, str, str]]


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, without the data."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "data" not in path.relative_to(folder).parts
    }


def cut_short(path: Path) -> None:
    """Cut a file in half, as a broken copy does."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_layers(path: Path) -> None:
    """Take the layers out of a netx file."""
    with h5py.File(path, "a") as file:
        del file["layer"]


def changed(path: Path) -> None:
    """Change one weight of a netx file."""
    with h5py.File(path, "a") as file:
        weight = file["layer/0/weight"]
        weight[0, 0] = int(weight[0, 0]) - 2 if weight[0, 0] > 0 else int(weight[0, 0]) + 2


def of_somebody_else(path: Path) -> None:
    """Put a checkpoint of another program in a file's place."""
    torch.save({"state_dict": {"weight": torch.zeros(3)}}, path)


def nothing(path: Path) -> None:
    """Leave the file as it is."""


MODEL, NETWORK = Path("runs/har/model.pt"), Path("runs/har/model.net")


@pytest.mark.parametrize(
    ("damage", "words", "message"),
    [
        (Path.unlink, ("export", MODEL), "runs/har/model.pt does not exist; give the path of a"),
        (cut_short, ("export", MODEL), "runs/har/model.pt is not a checkpoint of neurodeploy: it"),
        (of_somebody_else, ("export", MODEL), "runs/har/model.pt is not a checkpoint"),
        (nothing, ("export", MODEL, "--out", MODEL), "--out is runs/har/model.pt; give"),
        (nothing, ("export", MODEL, "--out", "data"), "--out is data; give"),
        (nothing, ("export", "runs"), "runs/model.pt does not exist; give the path of a"),
        (nothing, ("export", MODEL, "--data", "runs"), "runs holds no known dataset"),
        (nothing, ("export", NETWORK), "runs/har/model.net is a netx file, so it is exported"),
        (Path.unlink, ("report", NETWORK), "runs/har/model.net does not exist; give the path of"),
        (cut_short, ("report", NETWORK), "runs/har/model.net is not a readable netx file"),
        (without_layers, ("report", NETWORK), "runs/har/model.net: the file has no layers; it"),
        (changed, ("report", NETWORK), "runs/har/model.net: the content does not match its digest"),
        (nothing, ("report", MODEL), "runs/har/model.pt is a checkpoint; export it first with"),
        (nothing, ("report", NETWORK, "--data", "runs"), "runs holds no known dataset"),
        (nothing, ("report", NETWORK, "--data", "no"), "no is not a folder"),
        (nothing, ("report", NETWORK, "--backend", "loihi2"), "Intel's hardware packages are not"),
        (nothing, ("train", "--data", "no"), "no is not a folder"),
        (nothing, ("train", "--out", "data/train/y_train.txt"), "data/train/y_train.txt cannot be"),
        (nothing, ("train", "--out", MODEL), "runs/har/model.pt cannot be written, because"),
        (nothing, ("train",), "the batch is 32 but there are 12 training samples; give a"),
        (nothing, ("train", *SMALL, "--device", "gpu"), "the device 'gpu' cannot be used ("),
        (
            nothing,
            ("train", *SMALL, "--resume", "--seed", "5"),
            "the run in runs/har was started with --seed 0 instead of 5; use the options it was",
        ),
        (
            nothing,
            ("train", *SMALL, "--resume", "--out", "other"),
            "other holds no run to resume (resume.pt is missing); start one without --resume",
        ),
        (nothing, ("deploy", "--data", "no"), "no is not a folder"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_nothing_is_lost(
    command: Command,
    work: Path,
    damage: Callable[[Path], Any],
    words: tuple[Any, ...],
    message: str,
) -> None:
    if damage is not nothing:
        damage(words[1])
    before = files(work)
    data = [] if "--data" in words else ["--data", "data"]
    code, out, err = command(*words, *data)
    assert (code, out) == (2, "")
    *notes, said = err.splitlines()
    assert said.startswith(f"error: {message}")
    assert all(each.endswith((" official 7,352", " official 2,947")) for each in notes)  # tiny data
    assert files(work) == before


def test_a_network_of_six_channels_is_not_run_on_a_data_set_of_three(
    command: Command, work: Path, wisdm_folder: Path
) -> None:
    for words in (("report", NETWORK), ("export", MODEL)):
        code, out, err = command(*words, "--data", wisdm_folder)
        assert (code, out) == (2, "")
        assert err.startswith("error: the channels of WISDM v1.1 in ")
        assert "differ from those of the training" in err
        assert err.count("\n") == 1


def test_a_network_is_not_run_on_other_activities(
    command: Command, work: Path, wisdm_2019_folder: Path
) -> None:
    code, out, err = command("report", NETWORK, "--data", wisdm_2019_folder)
    assert (code, out) == (2, "")
    assert "class names are " in err
    assert err.count("\n") == 1


def test_a_data_set_that_lost_a_file_is_named(command: Command, work: Path) -> None:
    (work / "data/test/y_test.txt").unlink()
    for words in (("train", *SMALL), ("export", MODEL), ("report", NETWORK), ("deploy", *SMALL)):
        before = files(work)
        code, out, err = command(*words, "--data", "data")
        assert (code, out) == (2, "")
        assert err.startswith("error: data/test/y_test.txt is missing")
        assert files(work) == before


def test_a_state_names_the_model_and_a_broken_model_the_state(command: Command, work: Path) -> None:
    for name in ("export", "report"):
        code, _, err = command(name, "runs/har/resume.pt")
        assert code == 2
        assert "runs/har/model.pt" in err
        assert "export runs/har/resume.pt" not in err
    whole = MODEL.read_bytes()
    cut_short(MODEL)
    assert "train --resume" in command("export", MODEL)[2]
    assert command("train", "--data", "data", *SMALL, "--resume")[0] == 0
    assert len(MODEL.read_bytes()) == len(whole)
    assert command("export", MODEL, "--data", "data")[0] == 0
