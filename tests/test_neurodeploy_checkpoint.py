"""Checkpoints: what is saved is what is loaded, and every other file is refused in a sentence."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.models.errors import InputError
from neurodeploy.models.network import TaskDescription
from neurodeploy.models.snn import Architecture, SlayerNetwork
from neurodeploy.train import checkpoint
from neurodeploy.train.checkpoint import Checkpoint

pytestmark = pytest.mark.usefixtures("one_torch_thread")

NOT_ONE = "is not a checkpoint of neurodeploy"


@pytest.fixture
def trained() -> Checkpoint:
    torch.manual_seed(1)
    architecture = Architecture.dense((3, 8, 2), threshold=0.4)
    return Checkpoint(
        architecture,
        SlayerNetwork(architecture).state_dict(),
        TaskDescription("har", {"name": "delta", "step": 0.3}, ("sit", "run"), 50, 20.0),
        {"seed": 1, "epoch": 4, "validation_accuracy": 0.9},
    )


@pytest.fixture
def saved(trained, tmp_path) -> Path:
    path = tmp_path / "runs" / "har" / "model.pt"
    checkpoint.save(trained, path)
    return path


def refusal(path: Path) -> str:
    """Return what `load` says of the file after naming it, which must be one line."""
    with pytest.raises(InputError) as error:
        checkpoint.load(path)
    text = str(error.value)
    assert text.startswith(f"{path} ")
    assert "\n" not in text
    return text.removeprefix(f"{path} ")


def rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    """Change the values in a checkpoint file."""
    values = torch.load(path, weights_only=True)
    change(values)
    torch.save(values, path)


def test_what_was_saved_is_loaded(trained, saved):
    loaded = checkpoint.load(saved)
    assert loaded.architecture == trained.architecture
    assert loaded.task == trained.task
    assert loaded.training == trained.training
    assert loaded.weights.keys() == trained.weights.keys()
    assert all(torch.equal(loaded.weights[name], v) for name, v in trained.weights.items())
    assert [file.name for file in saved.parent.iterdir()] == ["model.pt"]


@pytest.mark.parametrize("kernels", ["compiled", "stock"])
def test_the_network_of_a_checkpoint_spikes_as_before(trained, saved, draw_spikes, kernels):
    spikes = torch.from_numpy(draw_spikes(3, 3, 40)).float()
    expected = trained.network().layer_spikes(spikes)
    given = checkpoint.load(saved).network(kernels).layer_spikes(spikes)
    assert expected[0].sum() > 20
    assert all(torch.equal(one, other) for one, other in zip(given, expected))


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert refusal(tmp_path / "model.pt").startswith("does not exist; give the path")
    assert refusal(tmp_path).startswith("is a folder; give the path")


@pytest.mark.parametrize(
    ("content", "way_out"),
    [
        *[(each, "train again") for each in (b"\x80\x04", b"\x80\x02}q\x00(", b"PK\x03\x04")],
        *[(each, "model.pt") for each in (b"", b"accuracy,0.9\n", b"\x89PNG\r\n\x1a\n")],
        (b"\x89HDF\r\n\x1a\n", "neurodeploy.load"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_a_way_out(tmp_path, content, way_out):
    path = tmp_path / "other.txt"
    path.write_bytes(content)
    text = refusal(path)
    assert "not a checkpoint" in text
    assert way_out in text


@pytest.mark.parametrize("length", [0, 10, 2000])
def test_a_broken_model_beside_a_whole_state_is_written_again_from_it(saved, length):
    state = saved.with_name("resume.pt")
    checkpoint.save_values({"format": checkpoint.STATE_FORMAT, "version": 3}, state)
    assert str(saved) in refusal(state)
    saved.write_bytes(saved.read_bytes()[:length])
    text = refusal(saved)
    assert f"train --resume writes it again from {state}" in text
    state.write_bytes(state.read_bytes()[:-40])  # now it is broken as well
    assert "--resume" not in refusal(saved)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_cut_short_is_refused(saved, legacy):
    if legacy:
        values = torch.load(saved, weights_only=True)
        torch.save(values, saved, _use_new_zipfile_serialization=False)
    content = saved.read_bytes()
    for length in (1, 10, 100, 500, len(content) // 2, len(content) - 100, len(content) - 1):
        saved.write_bytes(content[:length])
        assert refusal(saved).startswith(NOT_ONE)


def test_a_file_with_flipped_bytes_is_loaded_or_refused(saved):
    values = torch.load(saved, weights_only=True)
    torch.save(values, saved, _use_new_zipfile_serialization=False)
    content, rng = saved.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            damaged[place] = rng.integers(256)
        saved.write_bytes(bytes(damaged))
        try:
            checkpoint.load(saved).network()
        except InputError:
            refused += 1
    assert refused > 100


class Hostile:
    """An object whose pickle runs a command when a careless program reads it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("form", ["torch", "legacy torch", "inside", "pickle", "module"])
def test_code_in_a_file_is_refused_and_not_run(saved, tmp_path, form):
    marker, path = tmp_path / "ran", tmp_path / "hostile.pt"
    hostile = Hostile(marker)
    if form == "inside":
        values = torch.load(saved, weights_only=True)
        torch.save({**values, "training": {"seed": hostile}}, path)
    elif form == "pickle":
        path.write_bytes(pickle.dumps(hostile, protocol=2))
    elif form == "module":
        torch.save(torch.nn.Linear(2, 3), path)
    else:
        torch.save(hostile, path, _use_new_zipfile_serialization=form == "torch")
    assert "it contains code, which is not run" in refusal(path)
    assert not marker.exists()


def test_another_programs_state_dict_is_refused(trained, tmp_path):
    for values in (dict(trained.weights), torch.zeros(3), {"format": "another", "version": 1}):
        torch.save(values, tmp_path / "other.pt")
        assert "own-network" in refusal(tmp_path / "other.pt")


@pytest.mark.parametrize("version", [1, 4])
def test_another_version_is_refused(saved, version):
    rewrite(saved, lambda values: values.update(version=version))
    assert refusal(saved).startswith(
        f"has format version {version}, but this neurodeploy reads 2 and 3; "
    )


def first_layer(values):
    return values["architecture"]["layers"][0]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda v: v.pop("architecture"), "`architecture`"),
        (lambda v: v.pop("training"), "`training`"),
        (lambda v: v.update(weights=None), "weights"),
        (lambda v: v["architecture"].pop("layers"), "layers"),
        (lambda v: v["architecture"].update(sizes=3), "`sizes`"),
        (lambda v: first_layer(v).update(neurons=10**9), "65535"),
        (lambda v: first_layer(v).update(threshold=-1.0), "threshold"),
        (lambda v: v["task"].pop("class_names"), "the task description is damaged"),
        (lambda v: v["task"].update(dt_ms=torch.ones(1)), "the task description is damaged"),
        (lambda v: v["training"].update(seed=torch.ones(1)), "Tensor is not JSON serializable"),
    ],
)
def test_a_damaged_field_is_named(saved, change, named):
    rewrite(saved, change)
    text = refusal(saved)
    assert text.startswith("is a damaged checkpoint (")
    assert named in text
    assert text.endswith("; train again")


@pytest.mark.parametrize("value", [torch.zeros(8, 4, 1, 1, 1), None, "weights", 3])
def test_weights_that_do_not_fit_are_refused(trained, value):
    weights = {**trained.weights, "blocks.0.synapse.weight": value}
    with pytest.raises(InputError, match="the weights do not fit the architecture"):
        replace(trained, weights=weights).network()
    weights = dict(trained.weights)
    weights["blocks.7.synapse.weight"] = weights.pop("blocks.1.synapse.weight")
    with pytest.raises(InputError, match="do not fit the architecture"):
        replace(trained, weights=weights).network()


@pytest.mark.parametrize("name", ["blocks.1.synapse.weight", "blocks.0.delay.delay"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(trained, name, value):
    values = trained.weights[name].clone()
    values.view(-1)[2] = value
    with pytest.raises(InputError, match=f"^{name} holds a value that is not finite"):
        replace(trained, weights={**trained.weights, name: values}).network()


def test_a_folder_that_cannot_be_written_is_refused(trained, tmp_path):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "model.pt"
    with pytest.raises(InputError, match=re.escape(f"{path} cannot be written (")):
        checkpoint.save(trained, path)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("no space left"), OSError(28)])
def test_an_interrupted_save_leaves_the_old_file(trained, saved, monkeypatch, error):
    before = saved.read_bytes()

    def half(values, path):
        Path(path).write_bytes(b"half of a file")
        raise error

    monkeypatch.setattr(torch, "save", half)
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else InputError
    with pytest.raises(expected):
        checkpoint.save(replace(trained, training={"seed": 2}), saved)
    assert saved.read_bytes() == before
    assert [file.name for file in saved.parent.iterdir()] == ["model.pt"]
