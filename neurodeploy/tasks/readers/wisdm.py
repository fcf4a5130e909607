"""WISDM v1.1: 36 people with a phone in the trouser pocket, accelerometer at 20 Hz, six activities.

The file gives m/s^2; the reader gives g. Windows are 128 samples, 6.4 s. The data set has no
official test subjects: those whose number is a multiple of four test here, a quarter of them.

Source: Kwapisz, Weiss and Moore, Activity Recognition using Cell Phone Accelerometers, 2010; the
record format is that of `WISDM_ar_v1.1_raw_about.txt`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.dataset import Dataset
from neurodeploy.tasks.readers.inertial import (
    ACCELEROMETER,
    STANDARD_GRAVITY,
    Segment,
    cut_windows,
    stretches,
)
from neurodeploy.tasks.readers.text import read_text

FILE = "WISDM_ar_v1.1_raw.txt"
CLASS_NAMES = ("Walking", "Jogging", "Upstairs", "Downstairs", "Sitting", "Standing")
RATE_HZ = 20.0
OFFICIAL_RECORDS = 1_098_207
GAP_NS = 1_000_000_000
"""A step in time longer than this, or backwards, ends a segment."""
TEST_ONE_IN = 4
MALFORMED_ONE_IN = 10
"""A file with more than one malformed record in so many is refused."""

OTHER = -1
"""Label of a record whose activity is none of the wanted ones."""

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
        rows: structured array (records,) with subject, label (`OTHER` for activities that are not
            wanted), time in nanoseconds, and value (3,) of the axes x, y, z.
        malformed: how many records could not be read and were left out.
    """

    rows: NDArray[Any]
    malformed: int


def read_records(path: Path, classes: Mapping[str, int]) -> Records:
    """Read `subject,activity,time,x,y,z;` records.

    The official files hold records that end with `,;`, lack `;` or share a line, all of which are
    read, and some without a z, which are counted.

    Args:
        path: the file.
        classes: label of each wanted activity.

    Raises:
        InputError: when the file is missing, or is empty or mostly something else.
    """
    pieces = [p for p in re.split(r"[;\n]", read_text(path)) if p.strip(" ,\r\t")]
    matches = (_RECORD.fullmatch(piece) for piece in pieces)
    rows = np.fromiter((_row(match, classes) for match in matches if match), dtype=_ROW)
    with np.errstate(over="ignore"):  # what float32 cannot hold is malformed too
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
    """Return the subjects whose number is a multiple of four, in ascending order.

    A subject's part does not depend on which others are there.
    """
    return tuple(sorted({int(s) for s in subjects if s % TEST_ONE_IN == 0}))


def read(folder: Path) -> Dataset:
    """Read the official layout.

    Args:
        folder: holds `WISDM_ar_v1.1_raw.txt`.

    Raises:
        InputError: when the file is missing, malformed or has no segment as long as a window.
    """
    path = folder / FILE
    records = read_records(path, {name: label for label, name in enumerate(CLASS_NAMES)})
    kept = records.rows[(records.rows["time"] > 0) & (records.rows["label"] != OTHER)]
    return cut_windows(
        _segments(kept),
        class_names=CLASS_NAMES,
        channel_names=ACCELEROMETER,
        rate_hz=RATE_HZ,
        source=f"WISDM v1.1 in {path}",
        test_subjects=chosen_test_subjects(kept["subject"]),
        notes=_notes(records),
    )


def _segments(rows: NDArray[Any]) -> list[Segment]:
    """Return the stretches of one subject and activity without a gap, in the order of the file."""
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
    return [*notes, "no official test subjects: those with a number divisible by 4 test"]
