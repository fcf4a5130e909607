"""Seglearn's watch data: from its installed package, and what its reader refuses."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

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
    return str(raised.value)


def test_another_or_a_damaged_file_is_refused(file: Path) -> None:
    assert "does not exist" in refused(file)
    for content in (b"", b"PK\x03\x04 an archive", b"\x93NUMPY\x01\x00"):
        file.write_bytes(content)
        assert "has sha256" in refused(file)


def test_a_hostile_pickle_is_refused_before_it_runs(file: Path) -> None:
    marker = file.parent / "ran"
    np.save(file, np.array(Calls(os.system, f"touch {marker}"), object))
    assert "has sha256" in refused(file)
    assert not marker.exists()
    np.load(file, allow_pickle=True)  # what a reader that trusts the file does
    assert marker.exists()
