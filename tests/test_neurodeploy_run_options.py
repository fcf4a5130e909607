"""A run that is resumed with other options: which, in the words that a person typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from neurodeploy.learning import loop, training
from neurodeploy.learning.run_folder import RunFolder
from neurodeploy.models.errors import InputError
from neurodeploy.tasks.encoders import SigmaDelta

Make = Callable[..., training.Training]


def contents(folder: RunFolder) -> list[bytes]:
    """Return what every file of a run holds."""
    return [file.read_bytes() for file in sorted(folder.path.iterdir())]


def train_an_epoch(started: training.Training, folder: RunFolder) -> None:
    """Train and keep one epoch, as the command does."""
    next(loop.run(started))
    folder.save(started)


def of_each_layer(options: Any, **values: Any) -> None:
    """Change fields of every layer in the options that a run was started with."""
    for layer in options["architecture"]["layers"]:
        layer.update(values)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"learning_rate": 0.5}, "--learning-rate 0.001 instead of 0.5"),
        ({"batch_size": 4}, "--batch 8 instead of 4"),
        ({"seed": 7}, "--seed 0 instead of 7"),
        ({"hidden": (5, 5)}, "--hidden 6 instead of 5 5"),
        ({"seed": 7, "batch_size": 4}, "--seed 0 instead of 7, --batch 8 instead of 4"),
    ],
)
def test_resuming_with_other_options_is_refused_and_names_them(
    tiny_training: Make, tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    folder = RunFolder(tmp_path)
    train_an_epoch(tiny_training(), folder)
    before = contents(folder)
    with pytest.raises(InputError) as caught:
        folder.resume(tiny_training(**changes))
    assert str(caught.value) == (
        f"the run in {tmp_path} was started with {named}; give the options it was started with, or "
        "start anew without --resume"
    )
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda kept: kept.update(task="keywords"), "--task keywords instead of har"),
        (lambda kept: kept.update(data_sha256="0"), "other data"),
        (lambda kept: kept.update(threads=97), "--threads 97 instead of "),
        (lambda kept: kept.update(processes=2), "2 processes instead of 1"),
        (lambda kept: kept.update(torch="1.0"), "torch 1.0 instead of "),
        (lambda kept: kept.pop("seed"), "--seed None instead of 0"),
        (
            lambda kept: kept["architecture"]["layers"].pop(),
            "another --network (number of layers 1 instead of 2)",
        ),
        (
            lambda kept: kept["architecture"]["layers"][1].update(threshold=2.0),
            "another --network (threshold of layer 1 2.0 instead of 1.25)",
        ),
        (lambda kept: of_each_layer(kept, weight_bits=4), "--weight-bits 4 instead of 8"),
        (
            lambda kept: of_each_layer(kept, delays="synaptic", max_delay=30),
            "--delays synaptic instead of axonal",
        ),
        (lambda kept: of_each_layer(kept, bias=True), "another --network (bias of layer 0 True"),
        (
            lambda kept: kept["architecture"].update(delay_init_max=3.0),
            "another --network (delay_init_max 3.0 instead of 16.0)",
        ),
    ],
)
def test_resuming_a_run_of_another_task_data_or_network_is_refused_in_words(
    tiny_training: Make, tmp_path: Path, change: Callable[[Any], Any], named: str
) -> None:
    folder = RunFolder(tmp_path)
    train_an_epoch(tiny_training(), folder)
    values = torch.load(folder.state, weights_only=True)
    change(values["options"])
    torch.save(values, folder.state)
    before = contents(folder)
    with pytest.raises(InputError) as caught:
        folder.resume(tiny_training())
    text = str(caught.value)
    assert text.startswith(f"the run in {tmp_path} was started with {named}")
    assert text.endswith("; give the options it was started with, or start anew without --resume")
    assert ", " not in text.partition(" with ")[2].partition(";")[0]
    assert contents(folder) == before


def test_resuming_with_another_encoder_says_so_without_its_numbers(
    tiny_training: Make, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path)
    train_an_epoch(tiny_training(), folder)
    with pytest.raises(InputError, match=r"started with another encoder \(--encoder, or other"):
        folder.resume(tiny_training(encoder=SigmaDelta(0.4)))
