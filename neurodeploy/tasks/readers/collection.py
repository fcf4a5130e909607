"""What an event data set is for tonic, and which files of it must be there.

tonic wants the unpacked files of a data set in one folder, and beside them the archives that they
came in, of which it asks no more than that they are there.

Source: tonic 1.7, `tonic.datasets`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.errors import InputError
from neurodeploy.tasks.readers.events import Bins

SEARCH_DEPTH: Final = 2
"""How many levels below the given folder a data set may lie."""


@dataclass(frozen=True)
class Part:
    """One official part of a data set.

    Attributes:
        number: `TRAIN`, `VALIDATION` or `TEST`.
        arguments: that make tonic's class read this part.
        content: the file, or the folder of files, that holds the samples.
        archive: the file that tonic wants beside it, "" for none.
        published: number of samples of the whole data set, 0 for not known.
        pattern: of the files in the folder, "" where `content` is a file.
        fewest: files without which tonic takes the folder for incomplete.
        event_bytes: of which the size of each file is a multiple, 0 where it need not be.
    """

    number: int
    arguments: Mapping[str, Any]
    content: str
    archive: str
    published: int = 0
    pattern: str = ""
    fewest: int = 0
    event_bytes: int = 0


@dataclass(frozen=True)
class Collection:
    """A data set that tonic reads, and how it is counted.

    Attributes:
        task: name of the task that reads it.
        kind: tonic's class.
        title: the data set's name, for reports.
        parts: the official parts.
        bins: how events become counts.
        class_names: one a label; where empty, those in the files.
        subjects: tonic's attribute with the person of each sample, "" for none; where a person is
            known, whole people of the training part validate.
        notes: what the reader leaves out, in sentences.
    """

    task: str
    kind: str
    title: str
    parts: tuple[Part, ...]
    bins: Bins
    class_names: tuple[str, ...] = ()
    subjects: str = ""
    notes: tuple[str, ...] = ()

    def get_it(self) -> str:
        """Return how to get the data, in one clause."""
        return (
            f"get it with `python -m neurodeploy.data --task {self.task} --get`, or {self.put_it()}"
        )

    def put_it(self) -> str:
        """Return how to place the data by hand, in one clause."""
        wanted = [name for part in self.parts for name in (part.content, part.archive) if name]
        return f"put {', '.join(dict.fromkeys(wanted))} in a folder {self.kind}"


def find_home(collection: Collection, path: Path) -> Path:
    """Return the folder that holds the first part.

    Raises:
        InputError: when there is none.
    """
    content = collection.parts[0].content
    for depth in range(SEARCH_DEPTH + 1):
        found = sorted(path.glob("*/" * depth + content))
        if found:
            return found[0].parent.absolute()
    raise InputError(
        f"{path} holds no {content}, down to {SEARCH_DEPTH} levels, and so not "
        f"{collection.title}; {collection.get_it()}"
    )


def find_files(collection: Collection, part: Part, home: Path) -> list[Path]:
    """Return the files of a part, once tonic will find all that it looks for.

    Raises:
        InputError: when something is missing.
    """
    content = home / part.content
    if not content.exists():
        raise InputError(f"{home} has no {part.content}; {collection.get_it()}")
    if part.archive and not (home / part.archive).is_file():
        raise InputError(
            f"{home} has no {part.archive}, without which tonic takes the data for missing; an "
            "empty file of that name is enough"
        )
    if not part.pattern:
        return [content]
    files = list(content.rglob(part.pattern))
    if len(files) < part.fewest:
        raise InputError(
            f"{content} holds {len(files):,} files {part.pattern}, and tonic takes less than "
            f"{part.fewest:,} for incomplete; unpack {part.archive} again"
        )
    return files
