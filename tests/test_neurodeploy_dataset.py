"""What windows and the data home refuse: nothing is cut off, wrapped or left out in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy import data
from neurodeploy.models.errors import InputError
from neurodeploy.tasks import digits, inventory, origin
from neurodeploy.tasks.dataset import Dataset, digest
from neurodeploy.tasks.split import split


def dataset_of(**changes: Any) -> Dataset:
    """Return 4 windows of 2 channels and 8 samples, with changes."""
    values = {
        "signals": np.zeros((4, 2, 8), np.float32),
        "labels": [0, 1, 0, 1],
        "subjects": [1, 1, 2, 2],
        "class_names": ("rest", "move"),
        "channel_names": ("x", "y"),
        "rate_hz": 50.0,
        "source": "made up",
    }
    return Dataset(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [0.5, 1, 0, 1]}, r"labels hold 0\.5; they must be whole numbers that int64"),
        ({"labels": [np.nan, 1, 0, 1]}, "labels hold nan; they must be whole numbers"),
        ({"labels": list("abab")}, r"labels are <U1; give an array of real numbers"),
        ({"labels": [2**70, 0, 0, 0]}, "labels are object; give an array of real numbers"),
        ({"labels": None}, "labels are object; give an array of real numbers"),
        ({"subjects": [1.5, 1, 2, 2]}, r"subjects hold 1\.5; they must be whole numbers"),
        ({"parts": [0, 1, 2, 3]}, "parts hold 3; give each window 0 to train, 1 to validate or 2"),
        ({"parts": [0, 1, 2, 256]}, "parts hold 256; they must be whole numbers that uint8 can"),
        ({"parts": [-1, 1, 2, 0]}, "parts hold -1; they must be whole numbers that uint8 can hold"),
        ({"signals": [[[1, 2], [3]]]}, "signals are rows of different lengths; give a full array"),
        ({"signals": None}, "signals are object; give an array of real numbers"),
        ({"signals": 3}, r"signals have shape \(\); they must be \(windows, 2 channels, samples\)"),
        ({"signals": np.full((4, 2, 8), 1j)}, "signals are complex128; give an array of real"),
        ({"signals": np.full((4, 2, 8), 1e300)}, "window 0, channel 0 holds inf; signals must be"),
        ({"signals": np.zeros((4, 2, 0))}, "windows have 0 samples; give windows of 1 or more"),
        ({"rate_hz": 0.0}, r"made up has 0\.0 samples a second; give a number over 0, or None"),
        ({"rate_hz": float("nan")}, "made up has nan samples a second; give a number over 0"),
        ({"rate_hz": "50"}, r"made up has '50' samples a second; give a number over 0, or None"),
        ({"rate_hz": True}, "made up has True samples a second; give a number over 0"),
        ({"grid": 2}, r"made up has the grid 2; give \(height, width\) in whole numbers, or None"),
        ({"grid": (1.0, 2.0)}, r"made up has the grid \(1\.0, 2\.0\); give \(height, width\) in"),
        ({"grid": (1, 2, 1)}, r"made up has the grid \(1, 2, 1\); give \(height, width\) in"),
        ({"test_subjects": None}, "test_subjects are object; give an array of real numbers"),
        ({"test_subjects": "0"}, "test_subjects are <U1; give an array of real numbers"),
        ({"test_subjects": 0}, "made up: test_subjects are 0; give a tuple of numbers"),
        ({"test_subjects": (0.5,)}, r"test_subjects hold 0\.5; they must be whole numbers"),
        ({"class_names": None}, "made up: class_names are None; give a tuple of texts"),
        ({"class_names": (1, 2)}, r"class_names are \(1, 2\); give a tuple of texts"),
        ({"class_names": "ab"}, "class_names are 'ab'; give a tuple of texts"),
        ({"class_names": np.zeros((2, 2))}, r"are an array of float64 of shape \(2, 2\); give"),
        ({"channel_names": (1, 2)}, r"channel_names are \(1, 2\); give a tuple of texts"),
        ({"notes": None}, "notes are None; give a tuple of texts"),
        ({"notes": "hello"}, "notes are 'hello'; give a tuple of texts"),
        ({"grid": (0, 2)}, r"no multiple of the pixels of its grid \(0, 2\); give the grid of one"),
    ],
)
def test_windows_refuse_what_they_cannot_hold(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        dataset_of(**changes)
    assert str(raised.value).startswith("made up")
    assert "\n" not in str(raised.value)


def test_the_source_of_windows_is_a_text() -> None:
    with pytest.raises(InputError, match="the source of the dataset is 3; give a text"):
        dataset_of(source=3)


@pytest.mark.parametrize("kind", [list, np.array])
def test_windows_of_numpy_or_lists_are_those_of_tuples_and_plain_numbers(kind: Any) -> None:
    given = dataset_of(
        rate_hz=np.float32(50.0), test_subjects=kind([2]), class_names=["rest", "move"],
        channel_names=["x", "y"], notes=["one"], grid=[np.int64(1), np.int64(2)],
    )  # fmt: skip
    assert (given.test_subjects, given.class_names) == ((2,), ("rest", "move"))
    assert given.grid == (1, 2)
    assert digest(given) == digest(dataset_of(test_subjects=(2,), grid=(1, 2)))


def test_whole_numbers_of_any_type_are_taken_as_they_are() -> None:
    dataset = dataset_of(labels=np.array([0.0, 1.0, 0.0, 1.0]), subjects=np.uint8([1, 1, 2, 2]))
    assert dataset.labels.tolist() == [0, 1, 0, 1]
    assert dataset.labels.dtype == np.int64
    assert dataset_of(labels=np.array([False, True] * 2)).labels.tolist() == [0, 1, 0, 1]


def test_an_array_of_another_type_is_copied_and_read_only_too() -> None:
    labels = np.array([0, 1, 0, 1], np.int32)
    labels.setflags(write=False)
    assert not dataset_of(labels=labels).labels.flags.writeable


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"subjects": [], "parts": None}, r"subjects \(none\) test, \(none\) is left to train"),
        ({"subjects": None, "parts": []}, "the train split has no window of rest, move; every"),
    ],
)
def test_no_window_at_all_cannot_be_split(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split(dataset_of(signals=np.zeros((0, 2, 8)), labels=[], **changes))


@pytest.mark.parametrize(("wrong", "said"), [(256, "256"), (1.5, "1.5"), (np.nan, "nan")])
def test_digits_of_other_labels_are_refused(wrong: float, said: str) -> None:
    labels = np.where(np.arange(1797) == 5, wrong, 0)
    with pytest.raises(InputError, match=f"gives a digit the label {said}.*; known are 0..9, so"):
        digits.dataset_of(np.zeros((1797, 8, 8)), labels)
    with pytest.raises(InputError, match=r"gives digits of shape \(0, 8, 8\), up to 0; known"):
        digits.dataset_of(np.zeros((0, 8, 8)), labels)


# Places


@pytest.mark.parametrize(
    ("home", "message"),
    [
        ("~nobody-of-that-name/data", r"~nobody-.* begins with a home folder that there is not;"),
        ("long" * 100, r"cannot be looked up \(File name too long\); give another path"),
    ],
)
def test_a_data_home_that_cannot_be_looked_up_is_one_sentence(
    home: str, message: str, toy_task: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    made = toy_task()
    monkeypatch.setenv("NEURODEPLOY_DATA", home)
    with pytest.raises(InputError, match=message):
        made.load(None)
    with pytest.raises(InputError, match=message):
        inventory.entries()
    assert data.main(["--task", "toy", "--get"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_user_without_a_home_is_told_to_name_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", nobody)
    with pytest.raises(InputError, match=r"~/\.cache begins with .* variable XDG_CACHE_HOME$"):
        origin.cache_folder()


def test_what_the_system_cannot_read_is_one_sentence(
    toy_task: Callable[..., Any], tmp_path: Path
) -> None:
    def forbidden(path: Path) -> Dataset:
        raise PermissionError(13, "Permission denied", f"{path}/file")

    message = r"/file cannot be read \(Permission denied\); check that it is there and its rights"
    with pytest.raises(InputError, match=message):
        replace(toy_task(), read=forbidden).load(tmp_path)


@pytest.mark.parametrize("task", ["har", "watch", "mnist", "spoken-digits", "nmnist", "digits"])
def test_a_name_too_long_is_refused(task: str) -> None:
    from neurodeploy import tasks

    with pytest.raises(InputError, match=r"long.*(cannot be (read|looked up)|holds no data)"):
        tasks.get(task).load(Path("long" * 100))


def test_a_task_that_reads_no_windows_is_named(
    toy_task: Callable[..., Any], tmp_path: Path
) -> None:
    made = replace(toy_task(), read=lambda path: None)
    with pytest.raises(
        InputError, match=r"task toy reads .* as NoneType; its `read` must return W"
    ):
        made.load(tmp_path)
