"""The official parts of an event data set: who is in which, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.readers.collection import Collection
from neurodeploy.tasks.split import validation_subjects
from neurodeploy.tasks.windows import TEST, TRAIN, VALIDATION


def with_validation(
    official: NDArray[np.uint8], subjects: NDArray[np.int64] | None
) -> NDArray[np.uint8]:
    """Return the parts; where subjects are known, a fifth of those who train validate."""
    parts = official.astype(np.uint8)
    if subjects is None:
        return parts
    people = sorted({int(person) for person in subjects[parts == TRAIN]})
    if len(people) > 1:
        chosen = np.isin(subjects, validation_subjects(people))
        parts[(parts == TRAIN) & chosen] = VALIDATION
    return parts


def check_apart(home: Path, official: NDArray[np.uint8], subjects: NDArray[np.int64]) -> None:
    """Raise InputError for a person who is in the test and elsewhere."""
    both = np.intersect1d(subjects[official == TEST], subjects[official != TEST])
    if both.size:
        raise InputError(
            f"{home} has person {both[0]} in the test and in the training part; each belongs to "
            "one, so download the data set again"
        )


def people_notes(
    official: NDArray[np.uint8], subjects: NDArray[np.int64] | None
) -> tuple[str, ...]:
    """Return a sentence where people are known and cannot be divided to train and validate."""
    if subjects is None or len(np.unique(subjects[official == TRAIN])) != 1:
        return ()
    return ("the training part is of one person, whose samples both train and validate",)


def shortages(collection: Collection, official: NDArray[Any]) -> Iterator[str]:
    """Yield a sentence for each part that has another number of samples than was published."""
    words = {TRAIN: "training", VALIDATION: "validation", TEST: "test"}
    for part in collection.parts:
        number = int(np.count_nonzero(official == part.number))
        if part.published and number != part.published:
            yield (
                f"the {words[part.number]} part has {number:,} samples where the published one "
                f"has {part.published:,}"
            )
