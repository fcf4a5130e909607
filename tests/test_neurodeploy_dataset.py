"""Datasets, how they are split, tasks and the data folder: nothing is left out silently."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy import data as tasks
from neurodeploy.commands import data
from neurodeploy.config import TrainConfig
from neurodeploy.data import inventory
from neurodeploy.data.dataset import TEST, TRAIN, VALIDATION, Dataset, digest
from neurodeploy.data.encoders import Delta, Encoder, SigmaDelta
from neurodeploy.data.origin import HOME_VARIABLE, Origin, home
from neurodeploy.data.split import Split, split, split_by_subject, validation_subjects
from neurodeploy.data.task import Task
from neurodeploy.data.task_data import TaskData, encode_samples, matching_encoder, step_ms
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import TaskDescription


def people(persons: range = range(4), **changes: Any) -> Dataset:
    """Return 2 samples of each of 2 classes for each person; the two highest subjects test."""
    count = 4 * len(persons)
    values: dict[str, Any] = {
        "signals": np.arange(count * 2 * 8, dtype=float).reshape(count, 2, 8) / 100,
        "labels": np.arange(count) % 2,
        "subjects": np.repeat(persons, 4),
        "class_names": ("rest", "move"),
        "channel_names": ("x", "y"),
        "rate_hz": 50.0,
        "source": "made up",
        "test_subjects": tuple(persons)[-2:],
    }
    return Dataset(**(values | changes))


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


def test_arrays_are_read_only_and_of_fixed_type() -> None:
    labels = np.zeros(16, np.int32)
    dataset = people(labels=labels)
    labels[0] = 1
    assert dataset.labels[0] == 0
    assert (dataset.signals.dtype, dataset.labels.dtype) == (np.float32, np.int64)
    assert not dataset.signals.flags.writeable
    assert not dataset.labels.flags.writeable
    assert (dataset.num_samples, len(dataset), dataset.num_steps) == (16, 16, 8)
    assert images().signals.dtype == np.uint8
    assert images(signals=np.zeros((24, 24, 1), np.int16)).signals.dtype == np.float32
    assert people(range(1), labels=np.array([False, True] * 2)).labels.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("kind", [list, np.array])
def test_lists_and_numpy_values_are_taken_as_tuples_and_plain_numbers(kind: Any) -> None:
    dataset = people(
        rate_hz=np.float32(50.0), test_subjects=kind([2]), class_names=["rest", "move"],
        channel_names=["x", "y"], notes=["one"], grid=[np.int64(1), np.int64(2)],
    )  # fmt: skip
    assert (dataset.test_subjects, dataset.class_names) == ((2,), ("rest", "move"))
    assert dataset.grid == (1, 2)
    assert digest(dataset) == digest(people(test_subjects=(2,), grid=(1, 2)))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"labels": [0.5, *[1] * 15]}, "labels hold 0.5; "),
        ({"labels": [np.nan, *[1] * 15]}, "labels hold nan; "),
        ({"labels": list("ab" * 8)}, "labels are <U1; "),
        ({"labels": [2**70, *[0] * 15]}, "labels are object; "),
        ({"labels": None}, "labels are object; "),
        ({"labels": np.zeros(7)}, "labels have shape (7,) for 16 samples"),
        ({"labels": np.full(16, 2)}, "holds label 2; labels run from 0 to 1"),
        ({"labels": np.full(16, -1)}, "holds label -1; labels run from 0 to 1"),
        ({"subjects": [1.5, *[1] * 15]}, "subjects hold 1.5; "),
        ({"subjects": np.zeros(9)}, "subjects have shape (9,) for 16 samples"),
        ({"subjects": None}, "neither subjects nor parts"),
        ({"parts": [3, *[1] * 15]}, "parts hold 3; "),
        ({"parts": [256, *[1] * 15]}, "parts hold 256; "),
        ({"parts": [-1, *[1] * 15]}, "parts hold -1; "),
        ({"parts": np.zeros(3)}, "parts have shape (3,) for 16 samples"),
        ({"signals": [[[1, 2], [3]]]}, "signals have rows of different lengths"),
        ({"signals": None}, "signals are object; "),
        ({"signals": 3}, "signals have shape (); "),
        ({"signals": np.zeros((16, 3, 8))}, "signals have shape (16, 3, 8); "),
        ({"signals": np.zeros((16, 2))}, "signals have shape (16, 2); "),
        ({"signals": np.zeros((16, 2, 0))}, "0 steps"),
        ({"signals": np.full((16, 2, 8), 1j)}, "signals are complex128; "),
        ({"signals": np.full((16, 2, 8), 1e300)}, "sample 0, channel 0 holds inf"),
        ({"signals": np.full((16, 2, 8), np.nan)}, "sample 0, channel 0 holds nan"),
        *(({"rate_hz": bad}, "made up: rate_hz is ") for bad in (0.0, float("nan"), "50", True)),
        *(({"grid": bad}, "made up: grid") for bad in (2, (1.0, 2.0), (1, 2, 1), (0, 2))),
        ({"grid": (5, 5)}, "2 channels, which is not a multiple of the pixels of its grid (5, 5)"),
        *(({"test_subjects": bad}, "made up: test_subjects") for bad in (None, "0", 0, (0.5,))),
        *(({"class_names": bad}, "made up: class_names")
          for bad in (None, (1, 2), "ab", np.zeros((2, 2)))),
        ({"channel_names": (1, 2)}, "made up: channel_names[0] is 1; "),
        *(({"notes": bad}, "made up: notes is ") for bad in (None, "hello")),
        ({"source": 3}, "the dataset: source is 3; "),
    ],
)  # fmt: skip
def test_a_dataset_refuses_what_it_cannot_hold(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError) as raised:
        people(**changes)
    assert named in str(raised.value)
    assert "made up" in str(raised.value) or "source" in changes
    assert "\n" not in str(raised.value)


def test_the_digest_tells_contents_apart_and_not_their_source() -> None:
    assert digest(images()) == digest(images(source="elsewhere", notes=("read again",)))
    assert digest(images()) != digest(images(parts=np.repeat([TRAIN, TEST], [19, 5])))


def test_subjects_are_divided_so_that_nobody_is_in_two_parts() -> None:
    dataset = people(range(1, 13))
    made = split(dataset)
    parts = [made.train, made.validation, made.test]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(dataset)))
    assert dataset.subjects is not None
    found = [set(dataset.subjects[part].tolist()) for part in parts]
    assert found == [{1, 2, 4, 5, 6, 7, 9, 10}, {3, 8}, {11, 12}]
    chosen = split_by_subject(dataset, test=[1], validation=[4, 3])
    assert set(dataset.subjects[chosen.test]) == {1}
    assert set(dataset.subjects[chosen.validation]) == {3, 4}
    absent = people(range(5), test_subjects=(4, 77))
    assert absent.subjects is not None
    assert set(absent.subjects[split(absent).test]) == {4}


@pytest.mark.parametrize(
    ("subjects", "chosen"),
    [
        ([9, 4], (9,)),
        ([3, 2, 1], (2,)),
        (list(range(10)), (2, 7)),
        (list(range(21)), (2, 7, 13, 18)),
        ([5, 5, 6, 6], (6,)),
    ],
)
def test_a_fifth_of_the_training_subjects_validates_evenly_spread(
    subjects: list[int], chosen: tuple[int, ...]
) -> None:
    assert validation_subjects(subjects) == chosen


def test_parts_of_the_dataset_are_taken_and_a_fifth_of_the_training_part_validates() -> None:
    made = split(images(subjects=np.arange(24), test_subjects=(0,)))
    # The training samples of class 0 are 0, 2, 4, ..., 18, those of class 1 are 1, 3, 5, ..., 19.
    assert made.validation.tolist() == [4, 5, 14, 15]
    assert made.test.tolist() == [20, 21, 22, 23]
    assert made.train.tolist() == [i for i in range(20) if i not in (4, 5, 14, 15)]
    official = split(images(parts=np.repeat([VALIDATION, TRAIN, TEST], [2, 18, 4])))
    assert official.validation.tolist() == [0, 1]
    assert official.train.tolist() == list(range(2, 20))


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"test": [1], "validation": [1, 2]}, "subjects 1 are in both"),
        ({"test": [9]}, "no subject 9"),
        ({"test": []}, "test split, subjects (none), has no sample of rest, move"),
        ({"validation": []}, "validation split, subjects (none), has no sample of rest"),
        ({"test": [0], "validation": [1, 2, 3]}, "train split, subjects (none), has no"),
        ({"test": [0, 1, 2]}, "test subjects 0, 1, 2, only 3 is left"),
    ],
)
def test_subjects_that_leave_a_part_empty_are_refused(
    chosen: dict[str, list[int]], named: str
) -> None:
    with pytest.raises(InputError) as raised:
        split_by_subject(people(), **chosen)
    assert named in str(raised.value)


@pytest.mark.parametrize(
    ("dataset", "named"),
    [
        (people(labels=np.arange(16) % 2 * (np.arange(16) < 8)), "subjects 2, 3, has no sample of"),
        (images(parts=np.full(24, TRAIN)), "test split has no sample of even, odd"),
        (images(parts=np.full(24, TEST)), "train split has no sample of even, odd"),
        (
            images(parts=np.where(np.arange(24) % 2, TEST, TRAIN)),
            "train split has no sample of odd",
        ),
        (people(range(0)), "test subjects (none), only (none) is left"),
        (
            replace(people(range(0)), subjects=None, parts=np.zeros(0)),
            "train split has no sample of rest, move",
        ),
    ],
)
def test_a_split_without_a_class_is_refused(dataset: Dataset, named: str) -> None:
    with pytest.raises(InputError) as raised:
        split(dataset)
    assert named in str(raised.value)


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
    with pytest.raises(InputError, match=r"'rate'; .* moves"):
        task.encoder(images(), "rate")
    with pytest.raises(InputError, match="'moves'"):
        made_up_task(other_encoders={}).encoder(images(), "moves")


def test_data_are_searched_in_the_data_folder_place_by_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    task = made_up_task()
    with pytest.raises(InputError, match=r"made-up is missing \(24 images\); make them up, .*--d"):
        task.load(None)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()  # empty, and so no data
    (tmp_path / "second" / "file").touch()
    assert task.load(None).source == str(tmp_path / "second")
    (tmp_path / "first" / "file").touch()
    assert task.load(None).source == str(tmp_path / "first")
    assert task.load(tmp_path / "third").source == str(tmp_path / "third")


def test_the_data_folder_is_in_the_users_cache_unless_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert home() == tmp_path / "neurodeploy" / "data"
    if sys.platform == "linux":
        monkeypatch.delenv("XDG_CACHE_HOME")
        assert home() == Path.home() / ".cache" / "neurodeploy" / "data"
    monkeypatch.setenv(HOME_VARIABLE, "~/sets")
    assert home() == Path.home() / "sets"


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("~nobody-of-that-name/data", "~nobody-of-that-name/data begins with a home folder"),
        ("long" * 100, r"cannot be accessed \(File name too long\)"),
    ],
)
def test_a_data_folder_that_cannot_be_looked_up_is_one_sentence(
    place: str, named: str, toy_task: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    made = toy_task()
    monkeypatch.setenv(HOME_VARIABLE, place)
    for look in (lambda: made.load(None), inventory.entries):
        with pytest.raises(InputError, match=named):
            look()
    assert data.main(["--task", "toy", "--get"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_chosen_samples_are_encoded_in_order() -> None:
    samples = encode_samples(people(), Delta(0.1), [5, 2])
    assert np.array_equal(samples.spikes, Delta(0.1).encode(people().signals[[5, 2]]))
    assert samples.targets.tolist() == [1, 0]


def test_take_leaves_some_samples_of_every_part() -> None:
    dataset = people(range(12))
    whole = TaskData(made_up_task(), dataset, split(dataset), Delta())
    few = whole.take(3)
    assert [len(few.train), len(few.validation), len(few.test)] == [3, 3, 3]
    assert np.array_equal(few.test.spikes, whole.test.take(3).spikes)
    assert len(whole.take(10**6).train) == len(whole.train)
    with pytest.raises(InputError, match="0"):
        whole.take(0)


def test_a_config_describes_the_network_for_the_data() -> None:
    config = TrainConfig(hidden=(8,))
    values: dict[str, Any] = {"channels": 24, "classes": 2, "grid": (3, 4)}
    assert config.with_network("conv").architecture(**values).input_shape == (2, 3, 4)
    assert config.architecture(**values).input_shape == (24,)
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


def described_by(dataset: Dataset, encoder: Encoder) -> TaskDescription:
    """Return what a network trained on a dataset carries."""
    nobody = np.zeros(0, np.int64)
    return TaskData(tasks.get("har"), dataset, Split(nobody, nobody, nobody), encoder).describe()


def test_a_network_finds_its_encoder_again_from_its_description() -> None:
    encoder = Delta((0.1, 0.2))
    described = described_by(people(), encoder)
    assert (described.name, described.num_steps, described.dt_ms) == ("har", 8, 20.0)
    assert described.class_names == ("rest", "move")
    stored = replace(described, encoder=json.loads(json.dumps(dict(described.encoder))))
    assert matching_encoder(stored, people()) == encoder
    assert step_ms(people(rate_hz=20.0), Delta()) == 50.0
    image = described_by(images(), SigmaDelta(0.5))
    assert image.dt_ms is None
    assert matching_encoder(image, images()) == SigmaDelta(0.5)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"encoder": {}}, "stores no encoder"),
        ({"class_names": ("a", "b")}, "rest, move, but the network was trained with a, b"),
        ({"num_steps": 99}, "8, but the network was trained with 99"),
        ({"dt_ms": 50.0}, "20.0, but the network was trained with 50.0"),
        ({"encoder": {"name": "delta", "threshold": [1, 1, 1]}}, "3 values of threshold for 2 "),
    ],
)
def test_a_network_of_other_data_is_refused(changes: dict[str, Any], named: str) -> None:
    described = replace(described_by(people(), Delta()), **changes)
    with pytest.raises(InputError, match=named):
        matching_encoder(described, people())
