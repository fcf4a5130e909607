"""The task registry, windows, the split by subject, and what a network carries of its task."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurodeploy import tasks
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import TaskDescription
from neurodeploy.tasks.dataset import Dataset
from neurodeploy.tasks.encoders.registry import Delta, Encoder
from neurodeploy.tasks.split import Split, split_by_subject, validation_subjects
from neurodeploy.tasks.task import TaskData, encode_samples, matching_encoder, step_ms


def dataset_of(people: range, **changes: Any) -> Dataset:
    """Return 2 windows of each of 2 classes for each person; the two highest subjects test."""
    count = 4 * len(people)
    values: dict[str, Any] = {
        "signals": np.arange(count * 2 * 8, dtype=float).reshape(count, 2, 8) / 100,
        "labels": np.arange(count) % 2,
        "subjects": np.repeat(people, 4),
        "class_names": ("rest", "move"),
        "channel_names": ("acc-x (g)", "acc-y (g)"),
        "rate_hz": 50.0,
        "source": "made up",
        "test_subjects": tuple(people)[-2:],
    }
    return Dataset(**(values | changes))


def test_get_names_the_known_tasks_when_given_another() -> None:
    with pytest.raises(InputError, match="'hra' is no task; the tasks are har"):
        tasks.get("hra")


def test_every_task_is_registered_under_its_name_and_described() -> None:
    for name, task in tasks.TASKS.items():
        assert tasks.get(name) is task
        assert task.name == name
        assert task.description


def test_tasks_work_without_torch() -> None:
    code = "import sys, neurodeploy.tasks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_windows_are_read_only_copies_of_fixed_type() -> None:
    labels = np.zeros(8, np.int32)
    dataset = dataset_of(range(2), labels=labels)
    labels[0] = 1
    assert dataset.labels[0] == 0
    assert [dataset.signals.dtype.name, dataset.labels.dtype.name] == ["float32", "int64"]
    with pytest.raises(ValueError, match="read-only"):
        dataset.signals[0, 0, 0] = 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"signals": np.zeros((8, 3, 8))},
            r"shape \(8, 3, 8\); they must be \(windows, 2 channels",
        ),
        ({"signals": np.zeros((8, 2))}, r"shape \(8, 2\); they must be \(windows, 2 channels"),
        ({"labels": np.zeros(7)}, r"labels have shape \(7,\) for 8 windows; give one a window"),
        ({"subjects": np.zeros(9)}, r"subjects have shape \(9,\) for 8 windows; give one a window"),
        ({"labels": np.full(8, 2)}, "made up holds label 2; labels run from 0 to 1"),
        ({"labels": np.full(8, -1)}, "made up holds label -1; labels run from 0 to 1"),
        ({"signals": np.full((8, 2, 8), np.nan)}, "made up: window 0, channel 0 holds nan"),
    ],
)
def test_windows_refuse_what_disagrees(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dataset_of(range(2), **changes)


def test_split_puts_each_window_and_each_subject_into_one_part() -> None:
    dataset = dataset_of(range(1, 13))
    split = split_by_subject(dataset)
    parts = [split.train, split.validation, split.test]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(dataset)))
    people = [set(dataset.subjects[part].tolist()) for part in parts]
    assert people == [{1, 2, 4, 5, 6, 7, 9, 10}, {3, 8}, {11, 12}]


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


def test_split_takes_the_subjects_it_is_given() -> None:
    dataset = dataset_of(range(5))
    split = split_by_subject(dataset, test=[0], validation=[4, 3])
    assert set(dataset.subjects[split.test]) == {0}
    assert set(dataset.subjects[split.validation]) == {3, 4}


def test_split_ignores_official_test_subjects_that_are_absent() -> None:
    dataset = dataset_of(range(5), test_subjects=(4, 77))
    assert set(dataset.subjects[split_by_subject(dataset).test]) == {4}


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (
            {"test": [1], "validation": [1, 2]},
            "to validate and to test have 1 in common; put each in one split",
        ),
        ({"test": [9]}, "made up has no subject numbered 9; choose among 0, 1, 2, 3"),
        ({"test": []}, r"the test split, subjects \(none\), has no window of rest, move"),
        ({"validation": []}, r"the validation split, subjects \(none\), has no window of rest"),
        ({"test": [0], "validation": [1, 2, 3]}, r"the train split, subjects \(none\), has no"),
        (
            {"test": [0, 1, 2]},
            "when subjects 0, 1, 2 test, 3 is left to train and to validate; at least 2",
        ),
    ],
)
def test_split_refuses_subjects_that_leave_a_part_empty(
    chosen: dict[str, list[int]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        split_by_subject(dataset_of(range(4)), **chosen)


def test_split_refuses_a_part_without_a_class() -> None:
    dataset = dataset_of(range(4))
    labels = np.where(dataset.subjects == 3, 0, dataset.labels)
    with pytest.raises(
        InputError, match="the test split, subjects 3, has no window of move; every"
    ):
        split_by_subject(replace(dataset, labels=labels), test=[3])


def test_encode_windows_encodes_the_chosen_in_order() -> None:
    dataset = dataset_of(range(4))
    samples = encode_samples(dataset, Delta((0.1,)), [5, 2])
    assert np.array_equal(samples.spikes, Delta((0.1,)).encode(dataset.signals[[5, 2]]))
    assert samples.labels.tolist() == [1, 0]


def test_a_step_of_delta_lasts_one_sample() -> None:
    assert step_ms(dataset_of(range(4), rate_hz=20.0), Delta()) == 50.0


def described_by(dataset: Dataset, encoder: Encoder) -> TaskDescription:
    nobody = np.zeros(0, np.int64)
    return TaskData(tasks.get("har"), dataset, Split(nobody, nobody, nobody), encoder).describe()


def test_a_network_finds_its_encoder_again_from_its_description() -> None:
    dataset, encoder = dataset_of(range(4)), Delta((0.1, 0.2))
    described = described_by(dataset, encoder)
    assert (described.name, described.num_steps, described.dt_ms) == ("har", 8, 20.0)
    assert described.class_names == ("rest", "move")
    stored = replace(described, encoder=json.loads(json.dumps(dict(described.encoder))))
    assert matching_encoder(stored, dataset) == encoder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": {}}, "the network names no encoder; say which one"),
        (
            {"class_names": ("a", "b")},
            "made up: class names are rest, move but the network was trained with a, b; ",
        ),
        (
            {"num_steps": 99},
            "time steps are 8 but the network was trained with 99; give data of the kind",
        ),
        ({"dt_ms": 50.0}, "milliseconds a step are 20.0 but the network was trained with 50.0"),
        (
            {"encoder": {"name": "delta", "threshold": [1, 1, 1]}},
            "the encoder has 3 values of threshold for 2 signal channels",
        ),
    ],
)
def test_a_network_of_other_data_is_refused(changes: dict[str, Any], message: str) -> None:
    dataset = dataset_of(range(4))
    described = replace(described_by(dataset, Delta()), **changes)
    with pytest.raises(InputError, match=message):
        matching_encoder(described, dataset)


def test_parts_that_a_network_does_not_know_are_not_compared() -> None:
    described = TaskDescription(encoder={"name": "delta", "threshold": 0.3})
    assert matching_encoder(described, dataset_of(range(4))) == Delta((0.3,))
