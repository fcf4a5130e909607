"""The state, contents and download of the tasks' datasets."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data import known
from neurodeploy.data.dataset import Dataset, digest
from neurodeploy.data.origin import fetch, home, is_empty, unpack
from neurodeploy.data.samples import Advance
from neurodeploy.data.split import PARTS, split
from neurodeploy.data.task import Task
from neurodeploy.models import files
from neurodeploy.models.errors import InputError

SCHEMA: Final = "neurodeploy.data"
VERSION: Final = 2

Progress: TypeAlias = Callable[[str], AbstractContextManager[Advance]]
"""Creates a progress bar with a description, as a context manager that yields its callback."""


@dataclass(frozen=True)
class Entry:
    """The state of a task's dataset, without reading it.

    Attributes:
        task: the task.
        path: folder or file of the dataset, None if it is missing.
        lacking: names of missing downloads if others exist, or a phrase on a path that cannot be
            read.
    """

    task: Task
    path: Path | None
    lacking: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """ "found", "incomplete" or "missing"."""
        if self.path is None:
            return "missing"
        return "incomplete" if self.lacking else "found"

    def as_json(self) -> dict[str, Any]:
        """Return the entry as JSON values."""
        origin = self.task.origin
        return {
            "name": self.task.name,
            "description": self.task.description,
            "state": self.state,
            "path": None if self.path is None else str(self.path),
            "lacking": list(self.lacking),
            "data": origin.data,
            "licence": origin.licence,
            "citation": origin.citation,
            "obtain": origin.obtain,
            "downloads": [
                {
                    "file": each.file,
                    "size_bytes": each.size,
                    "checksum": each.checksum,
                    "unchecked": each.unchecked or None,
                    "mirrors": list(each.mirrors),
                }
                for each in origin.downloads
            ],
        }


@dataclass(frozen=True, eq=False)
class Contents:
    """The contents of a task's dataset.

    Attributes:
        dataset: all samples.
        counts: number of samples of each class, int64 (classes,), for each of train, validation and
            test.
    """

    dataset: Dataset
    counts: dict[str, NDArray[np.int64]]

    def as_json(self) -> dict[str, Any]:
        """Return the contents as JSON values."""
        dataset = self.dataset
        return {
            "source": dataset.source,
            "sha256": digest(dataset),
            "num_samples": len(dataset),
            "channels": len(dataset.channel_names),
            "num_steps": dataset.num_steps,
            "rate_hz": dataset.rate_hz,
            "test": dataset.test_words,
            "test_subjects": list(dataset.test_subjects),
            "classes": [
                {"name": name, **{part: int(self.counts[part][at]) for part in PARTS}}
                for at, name in enumerate(dataset.class_names)
            ],
            "notes": list(dataset.notes),
        }


def entries() -> tuple[Entry, ...]:
    """Return an entry for each task, the user's own last.

    Raises:
        InputError: if a file of NEURODEPLOY_TASKS is invalid.
    """
    return tuple(_entry_or_place(task) for task in known().values())


def _entry_or_place(task: Task) -> Entry:
    """Return the entry of a task, even if a path cannot be read, such as a circular link, so that
    the other tasks can be listed."""
    try:
        return entry(task)
    except InputError:
        places = (home() / place for place in task.origin.places)
        there = tuple(f"data that can be read at {p}" for p in places if os.path.lexists(p))
        if not there:
            raise
        return Entry(task, None, there)


def entry(task: Task, folder: Path | None = None) -> Entry:
    """Return the state of a task's dataset, in a folder or in the default locations."""
    path = task.origin.where() if folder is None else folder
    if path is None or path != target(task) or task.origin.unpacked:
        return Entry(task, path)
    names = [each.file for each in task.origin.downloads]
    there = {name for name in names if files.kind(path / name)}
    return Entry(task, path, tuple(name for name in names if there and name not in there))


def contents(task: Task, path: Path) -> Contents:
    """Read a dataset and count the samples of each class in each part.

    Raises:
        InputError: if it is malformed or cannot be split.
    """
    dataset = task.load(path)
    parts = split(dataset)
    classes = len(dataset.class_names)
    counts = {
        part: np.bincount(dataset.labels[getattr(parts, part)], minlength=classes) for part in PARTS
    }
    return Contents(dataset, counts)


def target(task: Task) -> Path:
    """Return the download folder of a task's dataset."""
    return home() / task.name


def get(task: Task, progress: Progress) -> tuple[Path, tuple[str, ...]]:
    """Download the dataset of a task unless it exists.

    Files in the task's own folder are checked, and missing ones downloaded; a dataset found
    elsewhere is not changed.

    Returns:
        The folder or file, and a note for each download without a checksum.

    Raises:
        InputError: if the download fails.
    """
    origin, folder, found = task.origin, target(task), entry(task)
    if found.path is not None and (found.path != folder or not _to_complete(found)):
        return found.path, ()
    if not origin.downloads and origin.fetch is None:
        raise InputError(
            f"this command cannot download the dataset of the task {task.name}; {origin.obtain}"
        )
    try:
        if origin.fetch is not None:
            origin.fetch(folder)
        elif origin.unpacked:
            _download_archive(task, folder, progress)
        else:
            _download(task, folder, progress)
    finally:
        with suppress(OSError):
            folder.rmdir()  # only succeeds if it is empty
    notes = (f"{each.file} has no checksum: {each.unchecked}" for each in origin.downloads
             if each.checksum is None)  # fmt: skip
    return folder, tuple(notes)


def _to_complete(found: Entry) -> bool:
    """Return whether a download can complete or check the files in the task's own folder."""
    origin, folder = found.task.origin, target(found.task)
    if files.kind(folder) != "folder":
        return False
    if origin.fetch is not None or is_empty(folder):
        return True
    names = [] if origin.unpacked else [each.file for each in origin.downloads]
    return any(files.kind(folder / name) for name in names)


def _download(task: Task, folder: Path, progress: Progress) -> None:
    for each in task.origin.downloads:
        with progress(f"downloading {each.file}") as advance:
            fetch(each, folder, advance)


def _download_archive(task: Task, folder: Path, progress: Progress) -> None:
    """Download an archive, unpack it into the folder and delete it."""
    (each,) = task.origin.downloads
    with suppress(OSError):
        folder.rmdir()  # `unpack` needs a new folder
    with progress(f"downloading {each.file}") as advance:
        archive = fetch(each, home(), advance)
    unpack(archive, folder)
    archive.unlink(missing_ok=True)
