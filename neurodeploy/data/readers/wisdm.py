"""WISDM v1.1 and WISDM 2019: accelerometer (and gyroscope) of phones and watches at 20 Hz.

The readers convert m/s^2 to g. Windows have 128 samples, 6.4 s. Neither dataset has official test
subjects: here they are those whose number is a multiple of four.

v1.1: 36 people with a phone in the trouser pocket, six activities, accelerometer only. Source:
Kwapisz, Weiss and Moore, Activity Recognition using Cell Phone Accelerometers, 2010; the record
format is that of `WISDM_ar_v1.1_raw_about.txt`.

2019: 51 people with a watch and a phone. Of the 18 activities the reader uses the five that other
datasets also have: walking, jogging, stairs, sitting, standing. The two sensors have different
timestamps, so both are interpolated to one 20 Hz grid. Source: Weiss, WISDM Smartphone and
Smartwatch Activity and Biometrics, UCI Machine Learning Repository 507.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data.dataset import Dataset
from neurodeploy.data.readers.files import read_text
from neurodeploy.data.readers.inertial import (
    ACCELEROMETER,
    GYROSCOPE,
    STANDARD_GRAVITY,
    Segment,
    cut_windows,
    stretches,
)
from neurodeploy.models.errors import InputError

FILE = "WISDM_ar_v1.1_raw.txt"
CLASS_NAMES = ("Walking", "Jogging", "Upstairs", "Downstairs", "Sitting", "Standing")
RATE_HZ = 20.0
OFFICIAL_RECORDS = 1_098_207
GAP_NS = 1_000_000_000
"""A gap in time longer than this, or a step backwards, ends a segment."""
TEST_ONE_IN = 4
TEST_NOTE = f"no official test subjects: numbers divisible by {TEST_ONE_IN} are the test subjects"
MALFORMED_ONE_IN = 10
"""A file with more than one malformed record in ten is refused."""

OTHER = -1
"""Label of a record of an unused activity."""

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_RECORD = re.compile(
    rf"\s*(\d{{1,9}}),([A-Za-z]+),(\d{{1,18}}),{_NUMBER},{_NUMBER},{_NUMBER}\s*,?\s*"
)
_ROW = np.dtype(
    [("subject", np.int64), ("label", np.int64), ("time", np.int64), ("value", np.float64, (3,))]
)


@dataclass(frozen=True, eq=False)
class Records:
    """The records of one file.

    Attributes:
        rows: structured array (records,) with subject, label (`OTHER` for unused activities), time
            in nanoseconds, and value (3,) of the axes x, y, z.
        malformed: number of malformed records, which are left out.
    """

    rows: NDArray[Any]
    malformed: int


def read_records(path: Path, classes: Mapping[str, int]) -> Records:
    """Read `subject,activity,time,x,y,z;` records.

    Records that end with `,;`, lack `;` or share a line, as some do in the official files, are
    read; those without z are malformed.

    Args:
        path: the file.
        classes: label of each activity to use.

    Raises:
        InputError: if the file is missing, empty or has too many malformed records.
    """
    pieces = [p for p in re.split(r"[;\n]", read_text(path)) if p.strip(" ,\r\t")]
    matches = (_RECORD.fullmatch(piece) for piece in pieces)
    rows = np.fromiter((_row(match, classes) for match in matches if match), dtype=_ROW)
    with np.errstate(over="ignore"):  # values out of the range of float32 are malformed too
        rows = rows[np.isfinite(rows["value"].astype(np.float32)).all(axis=1)]
    malformed = len(pieces) - len(rows)
    if not pieces or malformed * MALFORMED_ONE_IN > len(pieces):
        raise InputError(
            f"{path} has {malformed} malformed of {len(pieces)} records; it must hold "
            "`subject,activity,time,x,y,z;` records, so download it again"
        )
    return Records(rows, malformed)


def _row(match: re.Match[str], classes: Mapping[str, int]) -> tuple[Any, ...]:
    subject, activity, time, *axes = match.groups()
    label = classes.get(activity, OTHER)
    return int(subject), label, int(time), tuple(float(value) for value in axes)


def chosen_test_subjects(subjects: Iterable[int]) -> tuple[int, ...]:
    """Return the subjects whose number is a multiple of four, in ascending order."""
    return tuple(sorted({int(s) for s in subjects if s % TEST_ONE_IN == 0}))


def read(folder: Path) -> Dataset:
    """Read the official layout.

    Args:
        folder: holds `WISDM_ar_v1.1_raw.txt`.

    Raises:
        InputError: if the file is missing, malformed or has no segment as long as a window.
    """
    path = folder / FILE
    records = read_records(path, {name: label for label, name in enumerate(CLASS_NAMES)})
    wanted = records.rows[(records.rows["time"] > 0) & (records.rows["label"] != OTHER)]
    return cut_windows(
        _segments(wanted),
        class_names=CLASS_NAMES,
        channel_names=ACCELEROMETER,
        rate_hz=RATE_HZ,
        source=f"WISDM v1.1 in {path}",
        test_subjects=chosen_test_subjects(wanted["subject"]),
        notes=_notes(records),
    )


def _segments(rows: NDArray[Any]) -> list[Segment]:
    """Return the segments of one subject and activity without gaps, in the order of the file."""
    step = np.diff(rows["time"])
    cut = (step < 0) | (step > GAP_NS)
    for name in ("subject", "label"):
        cut |= rows[name][1:] != rows[name][:-1]
    signal = rows["value"] / STANDARD_GRAVITY
    return [
        Segment(int(rows["subject"][start]), int(rows["label"][start]), signal[start:end])
        for start, end in stretches(cut, len(rows))
    ]


def _notes(records: Records) -> list[str]:
    rows = records.rows
    counts = {
        "malformed records left out": records.malformed,
        "records left out, without a time": int((rows["time"] <= 0).sum()),
        "records left out, of unknown activities": int((rows["label"] == OTHER).sum()),
    }
    notes = [f"{what}: {count}" for what, count in counts.items() if count]
    if len(rows) < OFFICIAL_RECORDS * 0.999:
        notes.append(f"{len(rows)} of the {OFFICIAL_RECORDS} official records are in the file")
    return [*notes, TEST_NOTE]


CLASSES = {"A": "walking", "B": "jogging", "C": "stairs", "D": "sitting", "E": "standing"}
"""Used activities by their code in the files; `activity_key.txt` of the dataset lists all."""

OFFICIAL_SUBJECTS = 51
STEP_NS = round(1e9 / RATE_HZ)
SENSORS = ("accel", "gyro")

_Pair: TypeAlias = tuple[Records, Records]


def read_watch(folder: Path) -> Dataset:
    """Read the folder `raw/watch`; see `_read_2019`."""
    return _read_2019(folder, "watch")


def read_phone(folder: Path) -> Dataset:
    """Read the folder `raw/phone`; see `_read_2019`."""
    return _read_2019(folder, "phone")


def _read_2019(folder: Path, device: str) -> Dataset:
    """Read the official layout of one device.

    Args:
        folder: holds `accel/data_SUBJECT_accel_DEVICE.txt` and `gyro/data_SUBJECT_gyro_DEVICE.txt`.
        device: "watch" or "phone".

    Raises:
        InputError: if no subject has files of both sensors, or a file is malformed.
    """
    subjects, single = _subjects(folder, device)
    pairs = [_read_pair(folder, device, subject) for subject in subjects]
    segments = [
        segment
        for s, pair in zip(subjects, pairs, strict=True)
        for segment in _segments_2019(s, pair)
    ]
    return cut_windows(
        segments,
        class_names=tuple(CLASSES.values()),
        channel_names=ACCELEROMETER + GYROSCOPE,
        rate_hz=RATE_HZ,
        source=f"WISDM 2019 {device} in {folder}",
        test_subjects=chosen_test_subjects(subjects),
        notes=_notes_2019(pairs, single, segments),
    )


def _subjects(folder: Path, device: str) -> tuple[list[int], list[int]]:
    """Return the subjects with files of both sensors, and those with files of one sensor."""
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
    """Return the subject number in a file name."""
    number = path.name.removeprefix("data_").removesuffix(f"_{sensor}_{device}.txt")
    if not re.fullmatch("[1-9][0-9]{0,8}", number):
        raise InputError(
            f"{path} names the subject {number!r}; it must be a number of 1 to 9 digits that does "
            "not begin with 0, so rename the file or remove it"
        )
    return int(number)


def _read_pair(folder: Path, device: str, subject: int) -> _Pair:
    accel, gyro = (
        _read_file(folder / sensor / f"data_{subject}_{sensor}_{device}.txt", subject)
        for sensor in SENSORS
    )
    return accel, gyro


def _read_file(path: Path, subject: int) -> Records:
    """Return the records of the used activities; raise InputError for another subject's."""
    records = read_records(path, {code: label for label, code in enumerate(CLASSES)})
    others = records.rows["subject"][records.rows["subject"] != subject]
    if others.size:
        raise InputError(
            f"{path} holds {len(others):,} records of subject {others[0]}, who is not the one in "
            "its name; download it again"
        )
    return replace(records, rows=records.rows[records.rows["label"] != OTHER])


def _segments_2019(subject: int, pair: _Pair) -> Iterator[Segment]:
    """Yield the segments of each activity with data of both sensors, on one 20 Hz grid."""
    for label in range(len(CLASSES)):
        accel, gyro = (_in_time(records.rows[records.rows["label"] == label]) for records in pair)
        for start, end in _overlaps(_spans(accel["time"]), _spans(gyro["time"])):
            grid = np.arange(start, end + 1, STEP_NS)
            signal = np.hstack(
                [_interpolated(accel, grid) / STANDARD_GRAVITY, _interpolated(gyro, grid)]
            )
            yield Segment(subject, label, signal)


def _in_time(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the rows in order of time, the first one of each time."""
    _, first = np.unique(rows["time"], return_index=True)
    return rows[first]


def _spans(times: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return first and last time in nanoseconds of each segment without gaps."""
    parts = stretches(np.diff(times) > GAP_NS, len(times))
    return [(int(times[start]), int(times[end - 1])) for start, end in parts]


def _overlaps(
    first: Sequence[tuple[int, int]], second: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield the overlaps between the spans of two lists."""
    for a, b in ((a, b) for a in first for b in second):
        start, end = max(a[0], b[0]), min(a[1], b[1])
        if start < end:
            yield start, end


def _interpolated(rows: NDArray[Any], grid: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return linearly interpolated values (grid points, 3)."""
    times = (rows["time"] - grid[0]).astype(np.float64)
    points = (grid - grid[0]).astype(np.float64)
    return np.stack([np.interp(points, times, rows["value"][:, axis]) for axis in range(3)], axis=1)


def _notes_2019(
    pairs: Sequence[_Pair], single: Sequence[int], segments: Sequence[Segment]
) -> list[str]:
    records = [r for pair in pairs for r in pair]
    malformed = sum(r.malformed for r in records)
    without = len(pairs) * len(CLASSES) - len({(s.subject, s.label) for s in segments})
    counts = {
        "malformed records left out": malformed,
        "subjects left out, with files of one sensor only": len(single),
        "activities of a subject left out, without data of both sensors": without,
    }
    notes = [f"{what}: {count}" for what, count in counts.items() if count]
    if len(pairs) < OFFICIAL_SUBJECTS:
        notes.append(f"{len(pairs)} of the {OFFICIAL_SUBJECTS} official subjects are in the folder")
    notes.append(f"5 of the 18 activities are used: {', '.join(CLASSES.values())}")
    return [*notes, TEST_NOTE]
