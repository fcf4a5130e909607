"""UCI HAR: windows of 128 samples at 50 Hz, with an official split by subject.

The signals are the accelerometer's `total_acc` (g) and the gyroscope's `body_gyro` (rad/s), with
noise filtered by the authors; channels, units, classes and test subjects are those of HAPT.

Source: Reyes-Ortiz et al., Human Activity Recognition Using Smartphones, UCI Machine Learning
Repository 240.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data.dataset import Dataset, check_labels
from neurodeploy.data.readers.files import read_numbers
from neurodeploy.data.readers.inertial import ACCELEROMETER, GYROSCOPE, WINDOW_SAMPLES
from neurodeploy.models.errors import InputError

CLASS_NAMES = (
    "WALKING", "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "STANDING", "LAYING",
)  # fmt: skip
RATE_HZ = 50.0
OFFICIAL_WINDOWS = {"train": 7_352, "test": 2_947}
SIGNALS = (
    "total_acc_x", "total_acc_y", "total_acc_z", "body_gyro_x", "body_gyro_y", "body_gyro_z",
)  # fmt: skip


def read(folder: Path) -> Dataset:
    """Read the official layout.

    Args:
        folder: `UCI HAR Dataset`, with `train` and `test`; each holds `y_PART.txt` (1 to 6),
            `subject_PART.txt` and `Inertial Signals/SIGNAL_PART.txt` (128 columns).

    Raises:
        InputError: if a file is missing, truncated or malformed, or a subject is in both parts.
    """
    train, test = _Part(folder, "train"), _Part(folder, "test")
    both = np.intersect1d(train.subjects, test.subjects)
    if both.size:
        raise InputError(
            f"{test.path('subject')} names subject {both[0]}, who is in train too; each belongs to "
            "one part, so download the dataset again"
        )
    return Dataset(
        signals=np.concatenate([train.signals, test.signals]),
        labels=np.concatenate([train.labels, test.labels]) - 1,
        subjects=np.concatenate([train.subjects, test.subjects]),
        class_names=CLASS_NAMES,
        channel_names=ACCELEROMETER + GYROSCOPE,
        rate_hz=RATE_HZ,
        source=f"UCI HAR (UCI 240) in {folder}",
        test_subjects=tuple(int(subject) for subject in np.unique(test.subjects)),
        notes=tuple(note for part in (train, test) for note in part.notes()),
    )


class _Part:
    """One of the two parts: signals (windows, 6, 128), labels 1 to 6, subjects."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder / name, name
        self.labels = read_numbers(self.path("y"), 1, dtype=np.int64)[:, 0]
        check_labels(self.labels, CLASS_NAMES, f"{self.path('y')}", first=1)
        self.subjects = read_numbers(self.path("subject"), 1, dtype=np.int64)[:, 0]
        self._check_rows(self.path("subject"), len(self.subjects))
        self.signals = np.stack([self._signal(signal) for signal in SIGNALS], axis=1)

    def notes(self) -> list[str]:
        """Return a note if the number of windows is not the official one."""
        found, official = len(self.labels), OFFICIAL_WINDOWS[self.name]
        if found == official:
            return []
        return [f"{self.name} has {found:,} windows instead of the official {official:,}"]

    def path(self, kind: str) -> Path:
        """Return the file of labels or subjects."""
        return self.folder / f"{kind}_{self.name}.txt"

    def _signal(self, signal: str) -> NDArray[np.float32]:
        path = self.folder / "Inertial Signals" / f"{signal}_{self.name}.txt"
        values = read_numbers(path, WINDOW_SAMPLES, dtype=np.float32)
        self._check_rows(path, len(values))
        return values

    def _check_rows(self, path: Path, rows: int) -> None:
        if rows != len(self.labels):
            raise InputError(
                f"{path} has {rows} rows but {self.path('y').name} has {len(self.labels)}; "
                "download the dataset again"
            )
