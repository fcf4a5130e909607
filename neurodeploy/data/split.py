"""Split a dataset into training, validation and test samples, by its parts or by subject.

A split by subject has no person in two parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data.dataset import TEST, TRAIN, VALIDATION, Dataset
from neurodeploy.models.errors import InputError

PARTS: Final = ("train", "validation", "test")

VALIDATION_ONE_IN = 5
"""One in five training subjects, or training samples of each class, is used for validation."""


@dataclass(frozen=True, eq=False)
class Split:
    """Indices of the samples of each part.

    Attributes:
        train: int64 array, ascending.
        validation: int64 array, ascending.
        test: int64 array, ascending.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split(dataset: Dataset) -> Split:
    """Split the samples by `dataset.parts` or, if that is None, by subject.

    Raises:
        InputError: if a part has no sample of some class.
    """
    if dataset.parts is None:
        return split_by_subject(dataset)
    parts = dataset.parts
    if not (parts == VALIDATION).any():
        parts = parts.copy()
        parts[validation_rows(dataset.labels, parts)] = VALIDATION
    named = (("train", TRAIN), ("validation", VALIDATION), ("test", TEST))
    rows = {name: np.flatnonzero(parts == part) for name, part in named}
    return Split(**{name: _checked(dataset, f"{name} split", at) for name, at in rows.items()})


def validation_rows(labels: NDArray[np.int64], parts: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the training samples to use for validation: the third of every five of each class."""
    chosen = [np.flatnonzero((parts == TRAIN) & (labels == label)) for label in np.unique(labels)]
    validating = [rows[VALIDATION_ONE_IN // 2 :: VALIDATION_ONE_IN] for rows in chosen]
    return np.concatenate([np.zeros(0, np.int64), *validating])  # there may be no sample at all


def validation_subjects(train_subjects: Sequence[int]) -> tuple[int, ...]:
    """Return the subjects to use for validation: a fifth of them, evenly spaced.

    With n subjects in ascending order and k = max(1, round(n / 5)), the j-th validation subject is
    at position floor((2 j + 1) n / (2 k)), the middle of the j-th of k equal intervals.

    Args:
        train_subjects: the subjects outside the test set, in any order.
    """
    ordered = sorted(set(train_subjects))
    count = max(1, round(len(ordered) / VALIDATION_ONE_IN))
    return tuple(ordered[(2 * j + 1) * len(ordered) // (2 * count)] for j in range(count))


def split_by_subject(
    dataset: Dataset,
    *,
    test: Sequence[int] | None = None,
    validation: Sequence[int] | None = None,
) -> Split:
    """Split the samples by subject.

    Args:
        dataset: the dataset to split.
        test: test subjects; None for `dataset.test_subjects`.
        validation: validation subjects; None for those of `validation_subjects`.

    Raises:
        InputError: if a subject is in two parts or not in the data, or a part has no sample of some
            class.
    """
    if dataset.subjects is None:
        raise InputError(f"{dataset.source} has no subjects to split by; give its parts")
    present = sorted({int(subject) for subject in dataset.subjects})
    tested = [s for s in dataset.test_subjects if s in present] if test is None else list(test)
    rest = [subject for subject in present if subject not in tested]
    if validation is None:
        if len(rest) < 2:
            raise InputError(
                f"{dataset.source}: with the test subjects {_listed(tested)}, only "
                f"{_listed(rest)} is left for training and validation; at least 2 are needed, so "
                "give data of more subjects"
            )
        validation = validation_subjects(rest)
    _check_subjects(dataset, present, test=tested, validation=validation)
    groups = {
        "train": [subject for subject in rest if subject not in validation],
        "validation": list(validation),
        "test": tested,
    }
    return Split(
        **{
            part: _checked(
                dataset,
                f"{part} split, subjects {_listed(chosen)},",
                np.flatnonzero(np.isin(dataset.subjects, chosen)),
            )
            for part, chosen in groups.items()
        }
    )


def _check_subjects(
    dataset: Dataset, present: Sequence[int], *, test: Sequence[int], validation: Sequence[int]
) -> None:
    both = sorted(set(test) & set(validation))
    if both:
        raise InputError(
            f"subjects {_listed(both)} are in both validation and test; put each subject "
            "in one of them"
        )
    absent = sorted((set(test) | set(validation)) - set(present))
    if absent:
        raise InputError(
            f"{dataset.source} has no subject {_listed(absent)}; choose among {_listed(present)}"
        )


def _checked(dataset: Dataset, what: str, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return the read-only indices of a part; raise InputError if a class is missing."""
    chosen = rows.astype(np.int64)
    counts = np.bincount(dataset.labels[chosen], minlength=len(dataset.class_names))
    missing = [name for name, count in zip(dataset.class_names, counts, strict=True) if not count]
    if missing:
        raise InputError(
            f"{dataset.source}: the {what} has no sample of {', '.join(missing)}; every split "
            "needs every class, so give the whole dataset"
        )
    chosen.setflags(write=False)
    return chosen


def _listed(subjects: Sequence[int]) -> str:
    return ", ".join(str(subject) for subject in sorted(subjects)) or "(none)"
