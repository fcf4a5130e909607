"""Which windows train, validate and test: whole subjects, so that nobody is in two splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from neurodeploy.tasks.windows import Windows

VALIDATION_ONE_IN = 5
"""One of so many training subjects validates."""


@dataclass(frozen=True, eq=False)
class Split:
    """The windows of each part.

    Attributes:
        train: int64 array, ascending indices of windows to learn from.
        validation: the same, to choose settings and stop by.
        test: the same, to report on.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def validation_subjects(train_subjects: Sequence[int]) -> tuple[int, ...]:
    """Choose the subjects that validate: a fifth of them, evenly spread over their numbers.

    With n subjects in ascending order and k = max(1, round(n / 5)), subject j of the chosen is at
    position floor((2 j + 1) n / (2 k)), the middle of the j-th of k equal stretches.

    Args:
        train_subjects: subjects that are not for the test, in any order.
    """
    ordered = sorted(set(train_subjects))
    count = max(1, round(len(ordered) / VALIDATION_ONE_IN))
    return tuple(ordered[(2 * j + 1) * len(ordered) // (2 * count)] for j in range(count))


def split_by_subject(
    windows: Windows,
    *,
    test: Sequence[int] | None = None,
    validation: Sequence[int] | None = None,
) -> Split:
    """Divide the windows by subject.

    Args:
        windows: all windows of a data set.
        test: subjects to test on; the data set's own when None.
        validation: subjects to validate on; `validation_subjects` chooses when None.

    Raises:
        InputError: when a subject is in two splits or not in the data, or when a split has no
            window of some class.
    """
    present = sorted({int(subject) for subject in windows.subjects})
    tested = [s for s in windows.test_subjects if s in present] if test is None else list(test)
    rest = [subject for subject in present if subject not in tested]
    if validation is None:
        if len(rest) < 2:
            raise InputError(
                f"{windows.source}: when subjects {_listed(tested)} test, {_listed(rest)} is left "
                "to train and to validate; at least 2 are needed, so give data of more subjects"
            )
        validation = validation_subjects(rest)
    _check_subjects(windows, present, test=tested, validation=validation)
    groups = {
        "train": [subject for subject in rest if subject not in validation],
        "validation": list(validation),
        "test": tested,
    }
    return Split(**{part: _indices(windows, part, chosen) for part, chosen in groups.items()})


def _check_subjects(
    windows: Windows, present: Sequence[int], *, test: Sequence[int], validation: Sequence[int]
) -> None:
    both = sorted(set(test) & set(validation))
    if both:
        raise InputError(
            f"subjects to validate and to test have {_listed(both)} in common; put each "
            "in one split"
        )
    absent = sorted((set(test) | set(validation)) - set(present))
    if absent:
        raise InputError(
            f"{windows.source} has no subject numbered {_listed(absent)}; choose among "
            f"{_listed(present)}"
        )


def _indices(windows: Windows, part: str, subjects: Sequence[int]) -> NDArray[np.int64]:
    chosen = np.flatnonzero(np.isin(windows.subjects, subjects)).astype(np.int64)
    counts = np.bincount(windows.labels[chosen], minlength=len(windows.class_names))
    missing = [name for name, count in zip(windows.class_names, counts, strict=True) if not count]
    if missing:
        raise InputError(
            f"{windows.source}: the {part} split, subjects {_listed(subjects)}, has no window of "
            f"{', '.join(missing)}; every split needs every class, so give data of more subjects "
            "or choose others"
        )
    chosen.setflags(write=False)
    return chosen


def _listed(subjects: Sequence[int]) -> str:
    return ", ".join(str(subject) for subject in sorted(subjects)) or "(none)"
