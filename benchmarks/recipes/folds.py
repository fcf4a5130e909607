"""Which windows that are not for the test validate, fold by fold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurodeploy.tasks.dataset import TEST, Dataset

Rows = NDArray[np.int64]


def not_tested(windows: Dataset) -> Rows:
    """Return the indices of the windows that may be looked at before the test, in order."""
    if windows.parts is not None:
        return np.flatnonzero(windows.parts != TEST)
    assert windows.subjects is not None
    return np.flatnonzero(~np.isin(windows.subjects, windows.test_subjects))


def by_subject(windows: Dataset, count: int) -> list[Rows]:
    """Return `count` folds of whole subjects: in ascending order, fold i has i, i + count, ..."""
    rows = not_tested(windows)
    assert windows.subjects is not None
    subjects = np.unique(windows.subjects[rows])
    return [rows[np.isin(windows.subjects[rows], subjects[i::count])] for i in range(count)]


def in_turn(windows: Dataset, count: int) -> list[Rows]:
    """Return `count` folds in which window i, i + count, ... of each class validate."""
    rows = not_tested(windows)
    classes = [rows[windows.labels[rows] == label] for label in np.unique(windows.labels)]
    return [np.sort(np.concatenate([each[i::count] for each in classes])) for i in range(count)]


def stretches(windows: Dataset, count: int) -> list[Rows]:
    """Return `count` folds, each a stretch of windows that follow each other."""
    return list(np.array_split(not_tested(windows), count))


def thinned(rows: Rows, count: int | None) -> Rows:
    """Return about so many of the indices, evenly spread; all when None."""
    return rows if count is None else rows[:: max(1, len(rows) // count)]
