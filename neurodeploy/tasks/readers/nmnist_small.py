"""A small N-MNIST in one numpy file, which is read without tonic.

For PART in `train` and `test` the file holds `PART_x`, `PART_y`, `PART_p`, `PART_t` (microseconds)
of all events one sample after the other, `PART_offset` (samples + 1), where each sample starts and
the last one ends, and `PART_label` (samples).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks import reading
from neurodeploy.tasks.dataset import TEST, TRAIN, Dataset, check_labels
from neurodeploy.tasks.readers import events
from neurodeploy.tasks.readers.events import Bins, Events
from neurodeploy.tasks.readers.npz import read_npz

FILE: Final = "nmnist_small.npz"
PARTS: Final = (("train", TRAIN), ("test", TEST))
EVENT_FIELDS: Final = ("x", "y", "p", "t")
FIELDS: Final = (*EVENT_FIELDS, "offset", "label")

WRONG: Final = "cannot be read as a small N-MNIST"
ANOTHER: Final = "give another, or the folder of the whole data set"


def read(path: Path, bins: Bins, class_names: tuple[str, ...]) -> Dataset:
    """Read the file and count its events.

    Raises:
        InputError: when it is no such file or is damaged.
    """
    arrays = {name: _load(path, name) for name, _ in PARTS}
    for part, fields in arrays.items():
        _check(path, part, fields, class_names)
    samples = (sample for part, fields in arrays.items() for sample in _samples(part, path, fields))
    labels = [fields["label"] for fields in arrays.values()]
    total = sum(len(each) for each in labels)
    binned = events.count_all(samples, total, bins, advance=reading.tell)
    return Dataset(
        signals=binned.counts,
        labels=np.concatenate(labels).astype(np.int64),
        subjects=None,
        class_names=class_names,
        channel_names=bins.channel_names,
        rate_hz=bins.rate_hz,
        source=f"a small N-MNIST in {path}",
        notes=binned.notes(),
        parts=np.repeat([number for _, number in PARTS], [len(each) for each in labels]),
        grid=bins.grid,
    )


def _load(path: Path, part: str) -> dict[str, NDArray[Any]]:
    """Return the fields of one part."""
    names = {field: f"{part}_{field}" for field in FIELDS}
    found = read_npz(path, names.values(), wrong=WRONG, way_out=ANOTHER)
    missing = [name for name in names.values() if name not in found]
    if missing:
        raise InputError(f"{path} {WRONG} (it has no array {missing[0]}); {ANOTHER}")
    return {field: found[name] for field, name in names.items()}


def _check(
    path: Path, part: str, fields: dict[str, NDArray[Any]], class_names: tuple[str, ...]
) -> None:
    """Raise InputError unless all fields are whole numbers of the shapes that belong together."""
    for field, values in fields.items():
        if values.ndim != 1 or values.dtype.kind not in "iu":
            raise InputError(
                f"{path}: {part}_{field} has shape {values.shape} of {values.dtype}; it must be "
                "one row of whole numbers, so give another file"
            )
    offset, number = fields["offset"].astype(np.int64), len(fields["t"])
    for field in ("x", "y", "p"):
        if len(fields[field]) != number:
            raise InputError(
                f"{path}: {part}_{field} has {len(fields[field]):,} events but {part}_t has "
                f"{number:,}; the file is damaged, so give another"
            )
    if len(offset) != len(fields["label"]) + 1:
        raise InputError(
            f"{path}: {part}_offset has {len(offset):,} values for {len(fields['label']):,} "
            "labels; it must have one more, so give another file"
        )
    if offset[0] != 0 or offset[-1] != number or (np.diff(offset) < 0).any():
        raise InputError(
            f"{path}: {part}_offset does not rise from 0 to the {number:,} events of {part}_t; the "
            "file is damaged, so give another"
        )
    check_labels(fields["label"].astype(np.int64), class_names, f"{path}: {part}_label")


def _samples(
    part: str, path: Path, fields: dict[str, NDArray[Any]]
) -> Iterator[tuple[str, Events]]:
    """Yield what each sample is called and its events."""
    offset = fields["offset"]
    for index in range(len(offset) - 1):
        at = slice(int(offset[index]), int(offset[index + 1]))
        yield (
            f"{path}, {part} sample {index}",
            Events(*(fields[each][at] for each in EVENT_FIELDS)),
        )
