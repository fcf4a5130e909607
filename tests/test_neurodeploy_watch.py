"""Seglearn's watch data: from its installed package, and what its reader refuses."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.models.errors import InputError, MissingPackageError
from neurodeploy.tasks import get
from neurodeploy.tasks.dataset import Dataset
from neurodeploy.tasks.readers import seglearn_watch
from neurodeploy.tasks.readers.inertial import ACCELEROMETER, GYROSCOPE
from neurodeploy.tasks.split import split

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("seglearn") is None,
    reason="the data package seglearn is not installed",
)


@pytest.fixture(scope="module")
def package() -> Dataset:
    """Return the data as installed."""
    return get("watch").load(None)


@needs_package
def test_the_watch_data_have_the_published_people_exercises_and_windows(package: Dataset) -> None:
    assert package.signals.shape == (3_605, 6, 128)
    assert package.subjects is not None
    assert sorted(set(package.subjects.tolist())) == list(range(1, 11))
    assert len(package.class_names) == 7
    pairs = {(int(s), int(c)) for s, c in zip(package.subjects, package.labels)}
    assert len(pairs) == 10 * 7
    assert package.channel_names == ACCELEROMETER + GYROSCOPE
    assert package.rate_hz == 50.0


@needs_package
def test_the_accelerometer_gives_g_so_that_a_still_arm_has_about_one(package: Dataset) -> None:
    size = np.linalg.norm(package.signals[:, :3].mean(axis=2), axis=1)
    still = package.signals[:, :3].std(axis=2).max(axis=1) < 0.1
    assert still.sum() > 100
    assert np.median(size[still]) == pytest.approx(1.0, abs=0.1)


@needs_package
def test_the_gyroscope_gives_rad_s_so_that_acceleration_turns_about_as_fast(
    package: Dataset,
) -> None:
    gravity, turning = (np.moveaxis(package.signals[:, at : at + 3], 1, 2) for at in (0, 3))
    measured = np.linalg.norm(gravity[:, 2:] - gravity[:, :-2], axis=2) * 50 / 2
    expected = np.linalg.norm(np.cross(turning, gravity), axis=2)[:, 1:-1]
    assert 0.2 < np.median(measured) / np.median(expected) < 5  # degrees would give 1/57


@needs_package
def test_the_windows_are_those_that_numpy_reads_from_the_file(package: Dataset) -> None:
    path = seglearn_watch.package_file()
    assert path is not None
    raw = np.load(path, allow_pickle=True).item()  # the published file: its checksum was compared
    first = raw["X"][0].T.astype(np.float32)
    assert np.array_equal(package.signals[0], first[:, :128])
    assert np.array_equal(package.signals[1], first[:, 64:192])
    counts = [(len(series) - 128) // 64 + 1 for series in raw["X"]]
    assert np.array_equal(package.labels, np.repeat(raw["y"], counts))
    assert np.array_equal(package.subjects, np.repeat(raw["subject"], counts))


@needs_package
def test_three_of_ten_people_test_and_nobody_is_in_two_parts(package: Dataset) -> None:
    assert package.subjects is not None
    parts = split(package)
    people = [
        set(package.subjects[rows].tolist()) for rows in (parts.train, parts.validation, parts.test)
    ]
    assert people == [{1, 2, 4, 7, 8, 10}, {5}, {3, 6, 9}]
    assert "number divisible by 3 test" in package.notes[0]


@needs_package
def test_a_file_and_its_folder_given_by_hand_are_read_alike(
    package: Dataset, tmp_path: Path
) -> None:
    path = seglearn_watch.package_file()
    assert path is not None
    (tmp_path / path.name).symlink_to(path)
    for given in (tmp_path, tmp_path / path.name):
        assert np.array_equal(get("watch").load(given).signals, package.signals)


@needs_package
def test_the_package_is_found_without_being_imported() -> None:
    code = (
        "import sys; from neurodeploy.tasks import get; get('watch').load(None); "
        "sys.exit('seglearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_absent_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingPackageError, match=r"task watch are missing \(.*\); install it with `pip install "
    ):
        get("watch").load(None)


# Made-up files in the layout of the published one


def made_up() -> dict[str, Any]:
    """Return the fields of 5 people, two series of each exercise, 200 samples (two windows)."""
    rng = np.random.default_rng(0)
    rows = [(person, label) for person in range(1, 6) for label in range(7) for _ in "ab"]
    return {
        "X": [rng.normal(0, 1, (200, 6)) for _ in rows],
        "y": np.array([label for _, label in rows]),
        "subject": np.array([person for person, _ in rows]),
        "side": np.zeros(len(rows)),
        "X_labels": ["ax", "ay", "az", "wx", "wy", "wz"],
        "y_labels": ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"],
    }


def write(path: Path, content: object) -> Path:
    """Write what the published file would hold."""
    array = np.empty((), object)
    array[()] = content
    np.save(path, array)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where a made-up file goes."""
    return tmp_path / "watch_dataset.npy"


def publish(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the checksum be that of a made-up file."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(seglearn_watch, "FILE_SHA256", found)


def test_series_are_cut_into_windows_that_overlap_by_half(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = made_up()
    publish(write(file, content), monkeypatch)
    dataset = get("watch").load(file)
    assert dataset.signals.shape == (5 * 7 * 2 * 2, 6, 128)
    series = content["X"][0].T.astype(np.float32)
    assert np.array_equal(dataset.signals[:2], [series[:, :128], series[:, 64:192]])
    assert dataset.labels[:5].tolist() == [0, 0, 0, 0, 1]
    assert dataset.test_subjects == (3,)


def changed(name: str, change: Callable[[Any], Any]) -> Callable[[], dict[str, Any]]:
    """Return a function that makes fields of which one is changed."""

    def make() -> dict[str, Any]:
        content = made_up()
        content[name] = change(content[name])
        return content

    return make


def without(name: str) -> Callable[[], dict[str, Any]]:
    """Return a function that makes fields without one."""
    return lambda: {key: value for key, value in made_up().items() if key != name}


def with_nan(series: list[Any]) -> list[Any]:
    """Return the series with one value that is none."""
    series[4][17, 3] = np.nan
    return series


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (without("subject"), r"has no field subject; it must have X, y, subject, X_labels, y_lab"),
        (
            changed("X", lambda all_: [*all_[:2], all_[2][:, :5], *all_[3:]]),
            r"series 2 has 5 channels; it must have 6 \(ax, ay, az, wx, wy, wz\), so install it",
        ),
        (
            changed("X_labels", lambda names: names[:5]),
            r"has X_labels \['ax', 'ay', 'az', 'wx', 'wy'\]; they must be ax, ay, az, wx, wy, wz",
        ),
        (changed("y_labels", lambda names: names[::-1]), r"has y_labels \['ROW', .*must be PEN, A"),
        (
            changed("X_labels", lambda names: [np.zeros((20, 20))] * 6),
            r"has X_labels \[array\(\[\[0\., 0\..*\]; they must be ax, ay, az, wx, wy, wz, in",
        ),
        (
            changed("y_labels", lambda names: ["x" * 500] * 7),
            r"has y_labels \['xxx.{,250}; they mus",
        ),
        (changed("X", with_nan), r"series 4 holds nan in sample 17 of wx; signals must be finite"),
        (changed("X", lambda all_: ["ab", *all_[1:]]), "series 0 is no table of numbers"),
        (changed("X", lambda all_: [all_[0][:, 0], *all_[1:]]), "series 0 is no table of numbers"),
        (changed("y", lambda y: y + 1), r"npy holds label 7; labels run from 0 to 6, so read ano"),
        (changed("y", lambda y: y - 1), "holds label -1; labels run from 0 to 6"),
        (
            changed("y", lambda y: y + 0.5),
            "70 series in X, and y is no array of as many",
        ),
        (changed("subject", lambda s: s[:-1]), "70 series in X, and subject is no array of as m"),
        (changed("subject", lambda s: list("abc")), "and subject is no array of as many whole"),
        (changed("X", lambda all_: []), "has 0 series in X, and y is no array"),
        (changed("X", lambda all_: 3), "has 0 series in X, and y is no array"),
    ],
)
def test_what_is_wrong_with_the_content_is_said(
    file: Path, make: Callable[[], dict[str, Any]], message: str
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        get("watch").load(write(file, make()))
    assert "\n" not in str(raised.value)


def test_content_in_order_of_another_file_is_refused_by_its_checksum(file: Path) -> None:
    with pytest.raises(InputError, match=r"npy has sha256 [0-9a-f]{64}, the published file eb122f"):
        get("watch").load(write(file, made_up()))


@pytest.mark.parametrize(
    ("people", "message"),
    [
        (
            [1, 1, 1, 1, 1],
            r"subjects \(none\) test, 1 is left to train and to validate; at lea",
        ),
        ([3, 3, 3, 1, 1], "subjects 3 test, 1 is left to train and to validate; at least 2"),
        ([1, 2, 4, 5, 7], r"the test split, subjects \(none\), has no window of pendulum, abducti"),
    ],
)
def test_a_list_of_subjects_that_leaves_a_part_empty_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch, people: list[int], message: str
) -> None:
    content = made_up()
    content["subject"] = np.array(people)[content["subject"] - 1]
    publish(write(file, content), monkeypatch)
    with pytest.raises(InputError, match=message):
        split(get("watch").load(file))


def test_a_list_of_subjects_that_leaves_a_class_out_of_a_part_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = made_up()
    content["y"] = np.where((content["subject"] == 3) & (content["y"] == 6), 5, content["y"])
    publish(write(file, content), monkeypatch)
    with pytest.raises(InputError, match="test split, subjects 3, has no window of upright row"):
        split(get("watch").load(file))


# Other files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not seglearn's watch data"),
        (b"PK\x03\x04 an archive", r"is not seglearn's watch data \(the magic string is not corr"),
    ],
)
def test_no_npy_file_is_refused(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        get("watch").load(file)


FIELDS = ["X", "y", "subject", "X_labels", "y_labels"]


@pytest.mark.parametrize("content", [3, [1], {"X"}, None, FIELDS, set(FIELDS), " ".join(FIELDS)])
def test_an_object_that_is_no_dictionary_of_the_fields_is_refused(
    file: Path, content: object
) -> None:
    with pytest.raises(InputError, match=r"not seglearn's watch data \(it holds a \w+ where a dic"):
        get("watch").load(write(file, content))


def test_an_array_of_another_data_set_is_refused(file: Path) -> None:
    np.save(file, np.zeros((3, 6, 128), np.float32))
    with pytest.raises(InputError, match=r"watch data \(it is an array \(3, 6, 128\) of float32\)"):
        get("watch").load(file)


def test_a_file_of_another_data_set_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "HAPT.pkl.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00")
    with pytest.raises(InputError, match=r"HAPT\.pkl\.gz is not seglearn's watch data"):
        get("watch").load(path)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.999])
def test_half_a_file_is_refused(file: Path, share: float) -> None:
    whole = write(file, made_up()).read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"npy is not seglearn's watch data \(.+\); install it"):
        get("watch").load(file)


def test_a_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"watch_dataset\.npy is missing; give the file or its fo"):
        get("watch").load(tmp_path)


class Calls:
    """Pickles to a call of any function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("field", ["X", "y", "side"])
def test_a_hostile_pickle_is_refused_before_it_runs(file: Path, field: str) -> None:
    marker = file.parent / "ran"
    content = made_up() | {field: Calls(os.system, f"touch {marker}")}
    write(file, content)
    with pytest.raises(InputError, match=r"\(it names \w+\.system, which is not allowed\); inst"):
        get("watch").load(file)
    assert not marker.exists()
    np.load(file, allow_pickle=True)  # what an unpickler without a list does
    assert marker.exists()


@pytest.mark.parametrize("function", [eval, getattr, np.load, pickle.loads])
def test_the_file_may_name_nothing_but_arrays(file: Path, function: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match=r"it names [\w.]+, which is not allowed"):
        get("watch").load(write(file, Calls(function, "1")))
