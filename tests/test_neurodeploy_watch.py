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
from helpers import Calls

from neurodeploy.data import get, watch
from neurodeploy.data.dataset import Dataset
from neurodeploy.data.readers.inertial import ACCELEROMETER, GYROSCOPE
from neurodeploy.data.split import split
from neurodeploy.models.errors import InputError, MissingPackageError

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("seglearn") is None,
    reason="the data package seglearn is not installed",
)


@pytest.fixture(scope="module")
def package() -> Dataset:
    """Return the data as installed."""
    return get("watch").load(None)


@needs_package
def test_the_watch_data_are_those_that_numpy_reads_from_the_file(package: Dataset) -> None:
    path = watch.package_file()
    assert path is not None
    raw = np.load(path, allow_pickle=True).item()  # the published file: its checksum was compared
    first = raw["X"][0].T.astype(np.float32)
    assert np.array_equal(package.signals[:2], [first[:, :128], first[:, 64:192]])
    counts = [(len(series) - 128) // 64 + 1 for series in raw["X"]]
    assert np.array_equal(package.labels, np.repeat(raw["y"], counts))
    assert np.array_equal(package.subjects, np.repeat(raw["subject"], counts))
    assert package.signals.shape == (3_605, 6, 128)
    assert package.channel_names == ACCELEROMETER + GYROSCOPE
    pairs = {(int(s), int(c)) for s, c in zip(package.subjects, package.labels)}
    assert len(pairs) == 10 * 7


@needs_package
def test_the_sensors_give_g_and_rad_s(package: Dataset) -> None:
    size = np.linalg.norm(package.signals[:, :3].mean(axis=2), axis=1)
    still = package.signals[:, :3].std(axis=2).max(axis=1) < 0.1
    assert still.sum() > 100
    assert np.median(size[still]) == pytest.approx(1.0, abs=0.1)
    # the direction of gravity turns about as fast as the gyroscope says
    gravity, turning = (np.moveaxis(package.signals[:, at : at + 3], 1, 2) for at in (0, 3))
    measured = np.linalg.norm(gravity[:, 2:] - gravity[:, :-2], axis=2) * package.rate_hz / 2
    expected = np.linalg.norm(np.cross(turning, gravity), axis=2)[:, 1:-1]
    assert 0.2 < np.median(measured) / np.median(expected) < 5  # degrees would give 1/57


@needs_package
def test_three_of_ten_people_test_and_nobody_is_in_two_parts(package: Dataset) -> None:
    assert package.subjects is not None
    parts = split(package)
    rows = (parts.train, parts.validation, parts.test)
    people = [set(package.subjects[each].tolist()) for each in rows]
    assert people == [{1, 2, 4, 7, 8, 10}, {5}, {3, 6, 9}]
    assert "numbers divisible by 3" in package.notes[0]


@needs_package
def test_the_file_is_read_from_anywhere_and_its_package_is_not_imported(
    package: Dataset, tmp_path: Path
) -> None:
    path = watch.package_file()
    assert path is not None
    (tmp_path / path.name).symlink_to(path)
    for place in (tmp_path, tmp_path / path.name):
        assert np.array_equal(get("watch").load(place).signals, package.signals)
    code = (
        "import sys; from neurodeploy.data import get; get('watch').load(None); "
        "sys.exit('seglearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_absent_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"`pip install .*seglearn"):
        get("watch").load(None)


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


def refused(path: Path) -> str:
    """Return the sentence with which a file is refused."""
    with pytest.raises(InputError) as raised:
        get("watch").load(path)
    assert str(path) in str(raised.value)
    assert "seglearn==" in str(raised.value)  # how to install it
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 700
    return str(raised.value)


def test_series_are_cut_into_windows_that_overlap_by_half(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = made_up()
    assert "has sha256" in refused(write(file, content))
    monkeypatch.setattr(watch, "FILE_SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    dataset = get("watch").load(file)
    assert dataset.signals.shape == (5 * 7 * 2 * 2, 6, 128)
    series = content["X"][0].T.astype(np.float32)
    assert np.array_equal(dataset.signals[:2], [series[:, :128], series[:, 64:192]])
    assert dataset.labels[:5].tolist() == [0, 0, 0, 0, 1]
    assert dataset.test_subjects == (3,)


def with_nan(series: list[Any]) -> list[Any]:
    """Return the series with one value that is none."""
    series[4][17, 3] = np.nan
    return series


@pytest.mark.parametrize(
    ("name", "change", "named"),
    [
        ("subject", None, "has no field subject"),
        ("X", lambda all_: [*all_[:2], all_[2][:, :5], *all_[3:]], "series 2 has 5 channels"),
        ("X", with_nan, "series 4 holds nan in sample 17 of wx"),
        ("X", lambda all_: ["ab", *all_[1:]], "series 0 is not a floating-point array"),
        ("X", lambda all_: [all_[0][:, 0], *all_[1:]], "series 0 is not a floating-point array"),
        ("X", lambda all_: [], "has 0 series in X"),
        ("X", lambda all_: 3, "has 0 series in X"),
        ("X_labels", lambda names: names[:5], "has X_labels ['ax', 'ay', 'az', 'wx', 'wy']"),
        ("X_labels", lambda names: [np.zeros((20, 20))] * 6, "has X_labels [array"),
        ("y_labels", lambda names: names[::-1], "has y_labels ['ROW'"),
        ("y_labels", lambda names: ["x" * 500] * 7, "has y_labels ['xxx"),
        ("y", lambda y: y + 0.5, "70 series in X, but y is"),
        ("subject", lambda s: s[:-1], "70 series in X, but subject is"),
        ("subject", lambda s: list("abc"), "70 series in X, but subject is"),
    ],
)
def test_what_is_wrong_with_the_content_is_said(
    file: Path, name: str, change: Callable[[Any], Any] | None, named: str
) -> None:
    content = made_up()
    value = content.pop(name)
    assert named in refused(
        write(file, content | ({} if change is None else {name: change(value)}))
    )


FIELDS = ["X", "y", "subject", "X_labels", "y_labels"]


@pytest.mark.parametrize("content", [3, [1], {"X"}, None, FIELDS, set(FIELDS), " ".join(FIELDS)])
def test_an_object_that_is_no_dictionary_of_the_fields_is_refused(
    file: Path, content: object
) -> None:
    assert f"it holds a {type(content).__name__}" in refused(write(file, content))


def test_another_or_a_damaged_file_is_refused(file: Path, tmp_path: Path) -> None:
    assert "is missing" in refused(file)
    np.save(file, np.zeros((3, 6, 128), np.float32))
    assert "it is an array (3, 6, 128) of float32" in refused(file)
    whole = write(file, made_up()).read_bytes()
    contents = [whole[: int(share * len(whole))] for share in (0, 0.001, 0.1, 0.5, 0.999)]
    for content in (*contents, b"PK\x03\x04 an archive", b"\x1f\x8b\x08\x00"):
        file.write_bytes(content)
        assert "is not seglearn's watch data" in refused(file)


@pytest.mark.parametrize("field", ["X", "y", "side"])
def test_a_hostile_pickle_is_refused_before_it_runs(file: Path, field: str) -> None:
    marker = file.parent / "ran"
    write(file, made_up() | {field: Calls(os.system, f"touch {marker}")})
    assert ".system, which is not allowed" in refused(file)
    assert not marker.exists()
    np.load(file, allow_pickle=True)  # what an unpickler without a list does
    assert marker.exists()


@pytest.mark.parametrize("function", [eval, getattr, np.load, pickle.loads])
def test_the_file_may_name_nothing_but_arrays(file: Path, function: Callable[..., Any]) -> None:
    assert f"{function.__name__}, which is not allowed" in refused(
        write(file, Calls(function, "1"))
    )
