"""The split that a data set lays down window by window, and windows that are images or counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy import tasks
from neurodeploy.learning.config import TrainConfig
from neurodeploy.models.errors import InputError
from neurodeploy.tasks.dataset import TEST, TRAIN, VALIDATION, Dataset, digest
from neurodeploy.tasks.encoders.registry import Delta, SigmaDelta
from neurodeploy.tasks.origin import HOME_VARIABLE, Origin, home
from neurodeploy.tasks.split import split
from neurodeploy.tasks.task import Task, TaskData, matching_encoder


def images(**changes: Any) -> Dataset:
    """Return 24 images of 2 planes, 3 high and 4 wide, of 2 classes; the last 4 test."""
    values: dict[str, Any] = {
        "signals": np.arange(24 * 24, dtype=np.int64).reshape(24, 24, 1).astype(np.uint8),
        "labels": np.arange(24) % 2,
        "subjects": None,
        "class_names": ("even", "odd"),
        "channel_names": tuple(f"pixel {i}" for i in range(24)),
        "rate_hz": None,
        "source": "made up",
        "parts": np.repeat([TRAIN, TEST], [20, 4]),
        "grid": (3, 4),
    }
    return Dataset(**(values | changes))


def test_whole_numbers_stay_such() -> None:
    assert images().signals.dtype == np.uint8
    assert images(signals=np.zeros((24, 24, 1), np.int16)).signals.dtype == np.float32


def test_read_only_arrays_are_not_copied() -> None:
    signals = np.zeros((24, 24, 1), np.uint8)
    copied = images(signals=signals).signals
    signals.setflags(write=False)
    kept = images(signals=signals).signals
    assert not np.shares_memory(copied, signals)
    assert np.shares_memory(kept, signals)


def test_a_read_only_view_of_writable_memory_is_copied() -> None:
    signals = np.zeros((24, 24, 1), np.uint8)
    view = signals[:]
    view.setflags(write=False)
    dataset = images(signals=view)
    signals[0, 0, 0] = 9
    assert dataset.signals[0, 0, 0] == 0


def test_without_validation_the_third_of_every_five_windows_of_a_class_validates() -> None:
    made = split(images())
    # The training windows of class 0 are 0, 2, 4, ..., 18, those of class 1 are 1, 3, 5, ..., 19.
    assert made.validation.tolist() == [4, 5, 14, 15]
    assert made.test.tolist() == [20, 21, 22, 23]
    assert made.train.tolist() == [i for i in range(20) if i not in (4, 5, 14, 15)]


def test_validation_that_the_data_set_lays_down_is_taken() -> None:
    made = split(images(parts=np.repeat([VALIDATION, TRAIN, TEST], [2, 18, 4])))
    assert made.validation.tolist() == [0, 1]
    assert made.train.tolist() == list(range(2, 20))


def test_subjects_do_not_count_where_parts_are_laid_down() -> None:
    dataset = images(subjects=np.arange(24), test_subjects=(0,))
    assert split(dataset).test.tolist() == [20, 21, 22, 23]
    assert dataset.test_words == "test samples"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parts": None}, "made up has neither subjects nor parts; give one of them"),
        ({"parts": np.zeros(3)}, r"parts have shape \(3,\) for 24 windows; give one a window"),
        ({"grid": (5, 5)}, r"24 channels, which is no multiple of the pixels of its grid \(5, 5\)"),
    ],
)
def test_windows_refuse_parts_and_grids_that_do_not_fit(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        images(**changes)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (np.full(24, TRAIN), "made up: the test split has no window of even, odd; every split"),
        (np.full(24, TEST), "made up: the train split has no window of even, odd; every split"),
        (
            np.where(np.arange(24) % 2, TEST, TRAIN),
            "made up: the train split has no window of odd; .* so give the whole data set",
        ),
    ],
)
def test_a_split_without_a_class_is_refused(parts: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        split(images(parts=parts))


def test_the_digest_tells_parts_apart() -> None:
    one, other = images(), images(parts=np.repeat([TRAIN, TEST], [19, 5]))
    assert digest(one) == digest(images())
    assert digest(one) != digest(other)


def test_an_image_takes_no_certain_time() -> None:
    dataset, encoder = images(), SigmaDelta(0.5)
    described = TaskData(tasks.get("har"), dataset, split(dataset), encoder).describe()
    assert described.dt_ms is None
    assert matching_encoder(described, dataset) == encoder


def test_convolutions_take_images_and_other_networks_channels() -> None:
    config = TrainConfig(hidden=(8,))
    values: dict[str, Any] = {"channels": 24, "classes": 2, "grid": (3, 4)}
    assert config.with_network("conv").architecture(**values).input_shape == (2, 3, 4)
    assert config.architecture(**values).input_shape == (24,)


def test_a_recipe_names_its_network_and_delays() -> None:
    config = TrainConfig(network="recurrent", delays="none", hidden=(8, 4), dropout=0.1)
    made = config.architecture(channels=3, classes=2)
    assert [layer.kind for layer in made.layers] == ["recurrent", "dense", "dense"]
    assert [layer.delays for layer in made.layers] == ["none"] * 3
    assert [layer.dropout for layer in made.layers] == [0.0, 0.1, 0.1]
    other = replace(config, network="dense", delays="axonal").architecture(channels=3, classes=2)
    assert [layer.delays for layer in other.layers] == ["axonal", "axonal", "none"]


@pytest.mark.parametrize(("steps", "longest", "start"), [(12, 6, 3), (128, 62, 30.0), (1, 1, 0)])
def test_delays_leave_room_in_a_sample(steps: int, longest: int, start: float) -> None:
    made = TrainConfig(hidden=(8,)).architecture(channels=3, classes=2, steps=steps)
    assert [layer.max_delay for layer in made.layers] == [longest] * 2
    assert made.delay_init_max == start


def made_up_task(**changes: Any) -> Task:
    """Return a task that reads `images` from anywhere, with an encoder to choose."""
    values: dict[str, Any] = {
        "name": "made-up",
        "description": "made up",
        "read": lambda path: replace(images(), source=str(path)),
        "default_encoder": lambda dataset: SigmaDelta(0.5),
        "config": TrainConfig(),
        "origin": Origin("24 images", "none", "nobody", "make them up", places=("first", "second")),
        "other_encoders": {"moves": lambda dataset: Delta(0.1)},
    }
    return Task(**(values | changes))


def test_a_task_gives_the_encoder_that_is_asked_for() -> None:
    task = made_up_task()
    assert task.encoder(images()) == SigmaDelta(0.5)
    assert task.encoder(images(), "moves") == Delta(0.1)
    with pytest.raises(InputError, match="no other encoder 'rate'; beside its own it has moves"):
        task.encoder(images(), "rate")
    with pytest.raises(InputError, match="has no other encoder 'moves'; it has its own alone"):
        made_up_task(other_encoders={}).encoder(images(), "moves")


def test_data_are_looked_for_in_the_data_home_place_by_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    task = made_up_task()
    with pytest.raises(
        InputError,
        match=r"task made-up are missing \(24 images\); make them up, or say where they are with",
    ):
        task.load(None)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()  # empty, and so no data
    (tmp_path / "second" / "file").touch()
    assert task.load(None).source == str(tmp_path / "second")
    (tmp_path / "first" / "file").touch()
    assert task.load(None).source == str(tmp_path / "first")
    assert task.load(tmp_path / "given").source == str(tmp_path / "given")


def test_the_data_home_is_in_the_users_cache_unless_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert home() == tmp_path / "neurodeploy" / "data"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert home() == Path.home() / ".cache" / "neurodeploy" / "data"
    monkeypatch.setenv(HOME_VARIABLE, "~/sets")
    assert home() == Path.home() / "sets"
