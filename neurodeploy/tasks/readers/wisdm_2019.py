"""WISDM 2019: 51 people with a watch and a phone, accelerometer and gyroscope at 20 Hz.

Of the 18 activities the reader takes the five of body and legs that other data sets have too:
walking, jogging, stairs, sitting, standing. Accelerometer values are m/s^2 in the files and g
here; the gyroscope's are rad/s. Each sensor has its own times, so both are interpolated to one
20 Hz grid. Windows are 128 samples, 6.4 s. The data set has no official test subjects: those whose
number is a multiple of four test here, a quarter of them.

Source: Weiss, WISDM Smartphone and Smartwatch Activity and Biometrics, UCI Machine Learning
Repository 507.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.dataset import Dataset
from neurodeploy.tasks.readers.inertial import (
    ACCELEROMETER,
    GYROSCOPE,
    STANDARD_GRAVITY,
    Segment,
    cut_windows,
    stretches,
)
from neurodeploy.tasks.readers.wisdm import (
    GAP_NS,
    OTHER,
    RATE_HZ,
    Records,
    chosen_test_subjects,
    read_records,
)

CLASSES = {"A": "walking", "B": "jogging", "C": "stairs", "D": "sitting", "E": "standing"}
"""Code in the files, name here; see `activity_key.txt` of the data set for the others."""

OFFICIAL_SUBJECTS = 51
STEP_NS = round(1e9 / RATE_HZ)
SENSORS = ("accel", "gyro")

_Pair: TypeAlias = tuple[Records, Records]


def read_watch(folder: Path) -> Dataset:
    """Read the folder `raw/watch`; see `_read`."""
    return _read(folder, "watch")


def read_phone(folder: Path) -> Dataset:
    """Read the folder `raw/phone`; see `_read`."""
    return _read(folder, "phone")


def _read(folder: Path, device: str) -> Dataset:
    """Read the official layout of one device.

    Args:
        folder: holds `accel/data_SUBJECT_accel_DEVICE.txt` and `gyro/data_SUBJECT_gyro_DEVICE.txt`.
        device: "watch" or "phone".

    Raises:
        InputError: when a sensor's files or every pair of files is missing, or one is malformed.
    """
    subjects, single = _subjects(folder, device)
    pairs = [_read_pair(folder, device, subject) for subject in subjects]
    segments = [
        segment for s, pair in zip(subjects, pairs, strict=True) for segment in _segments(s, pair)
    ]
    return cut_windows(
        segments,
        class_names=tuple(CLASSES.values()),
        channel_names=ACCELEROMETER + GYROSCOPE,
        rate_hz=RATE_HZ,
        source=f"WISDM 2019 {device} in {folder}",
        test_subjects=chosen_test_subjects(subjects),
        notes=_notes(pairs, single, segments),
    )


def _subjects(folder: Path, device: str) -> tuple[list[int], list[int]]:
    """Return the subjects with files of both sensors, and those with one only."""
    found = []
    for sensor in SENSORS:
        names = [path.name for path in (folder / sensor).glob(f"data_*_{sensor}_{device}.txt")]
        if not names:
            raise InputError(
                f"{folder / sensor} holds no data_SUBJECT_{sensor}_{device}.txt; unpack the data "
                "set again, with all its files"
            )
        found.append({_number(folder / sensor / name, sensor, device) for name in names})
    both = found[0] & found[1]
    if not both:
        raise InputError(
            f"{folder} has no subject with files of both {' and '.join(SENSORS)}; unpack the data "
            "set again, with all its files"
        )
    return sorted(both), sorted(found[0] ^ found[1])


def _number(path: Path, sensor: str, device: str) -> int:
    """Return the subject that a file's name says."""
    said = path.name.removeprefix("data_").removesuffix(f"_{sensor}_{device}.txt")
    if not re.fullmatch("[1-9][0-9]{0,8}", said):
        raise InputError(
            f"{path} names the subject {said!r}; it must be a number of 1 to 9 digits that does "
            "not begin with 0, so rename the file or remove it"
        )
    return int(said)


def _read_pair(folder: Path, device: str, subject: int) -> _Pair:
    accel, gyro = (
        _read_file(folder / sensor / f"data_{subject}_{sensor}_{device}.txt", subject)
        for sensor in SENSORS
    )
    return accel, gyro


def _read_file(path: Path, subject: int) -> Records:
    """Return the wanted records of a file, all of which must be of the subject that it names."""
    records = read_records(path, {code: label for label, code in enumerate(CLASSES)})
    others = records.rows["subject"][records.rows["subject"] != subject]
    if others.size:
        raise InputError(
            f"{path} holds {len(others):,} records of subject {others[0]}, whose name it does not "
            "bear; download it again"
        )
    return _wanted(records)


def _wanted(records: Records) -> Records:
    return replace(records, rows=records.rows[records.rows["label"] != OTHER])


def _segments(subject: int, pair: _Pair) -> Iterator[Segment]:
    """Yield the stretches of each activity in which both sensors ran, on one 20 Hz grid."""
    for label in range(len(CLASSES)):
        accel, gyro = (_in_time(records.rows[records.rows["label"] == label]) for records in pair)
        for start, end in _overlaps(_spans(accel["time"]), _spans(gyro["time"])):
            grid = np.arange(start, end + 1, STEP_NS)
            signal = np.hstack(
                [_interpolated(accel, grid) / STANDARD_GRAVITY, _interpolated(gyro, grid)]
            )
            yield Segment(subject, label, signal)


def _in_time(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the rows in the order of their times, the first of each time only."""
    _, first = np.unique(rows["time"], return_index=True)
    return rows[first]


def _spans(times: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return first and last time in nanoseconds of each stretch without a gap."""
    parts = stretches(np.diff(times) > GAP_NS, len(times))
    return [(int(times[start]), int(times[end - 1])) for start, end in parts]


def _overlaps(
    first: Sequence[tuple[int, int]], second: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield the times that lie in a span of each list."""
    for a, b in ((a, b) for a in first for b in second):
        start, end = max(a[0], b[0]), min(a[1], b[1])
        if start < end:
            yield start, end


def _interpolated(rows: NDArray[Any], grid: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the values (grid points, 3) on straight lines between the records."""
    times = (rows["time"] - grid[0]).astype(np.float64)
    points = (grid - grid[0]).astype(np.float64)
    return np.stack([np.interp(points, times, rows["value"][:, axis]) for axis in range(3)], axis=1)


def _notes(pairs: Sequence[_Pair], single: Sequence[int], segments: Sequence[Segment]) -> list[str]:
    records = [r for pair in pairs for r in pair]
    malformed = sum(r.malformed for r in records)
    without = len(pairs) * len(CLASSES) - len({(s.subject, s.label) for s in segments})
    counts = {
        "malformed records left out": malformed,
        "subjects left out, with files of one sensor only": len(single),
        "activities of a subject left out, without a time that both sensors have": without,
    }
    notes = [f"{what}: {count}" for what, count in counts.items() if count]
    if len(pairs) < OFFICIAL_SUBJECTS:
        notes.append(f"{len(pairs)} of the {OFFICIAL_SUBJECTS} official subjects are in the folder")
    notes.append(f"5 of the 18 activities are used: {', '.join(CLASSES.values())}")
    return [*notes, "no official test subjects: those with a number divisible by 4 test"]
