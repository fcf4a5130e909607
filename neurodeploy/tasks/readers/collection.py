"""What an event data set is for tonic, and which files of it must be there.

tonic wants the unpacked files of a data set in one folder, and beside them the archives that they
came in, of which it asks no more than that they are there.

Source: tonic 1.7, `tonic.datasets`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.readers.events import Bins, Events
from neurodeploy.tasks.readers.search import check_nothing_locked, nearest
from neurodeploy.tasks.readers.text import check_rights, require_file

SEARCH_DEPTH: Final = 2
"""How many levels below the given folder a data set may lie."""


@dataclass(frozen=True)
class Files:
    """The files of a folder, each of which holds one sample.

    Attributes:
        pattern: of their names.
        fewest: number of files without which tonic takes the folder for incomplete.
        names: what the paths of files and folders match, relative to the folder.
        example: such a path of a file, to show.
        event_bytes: of which the size of each file is a multiple, 0 where it need not be.
    """

    pattern: str
    fewest: int
    names: str
    example: str
    event_bytes: int = 0


@dataclass(frozen=True)
class Part:
    """One official part of a data set.

    Attributes:
        number: `TRAIN`, `VALIDATION` or `TEST`.
        arguments: that make tonic's class read this part.
        content: the file, or the folder of files, that holds the samples.
        archive: the file that tonic wants beside it, "" for none.
        published: number of samples of the whole data set, 0 for not known.
        files: those in the folder, None where `content` is a file.
    """

    number: int
    arguments: Mapping[str, Any]
    content: str
    archive: str
    published: int = 0
    files: Files | None = None


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
        apart: whether a person may be in one official part only.
        notes: what the reader leaves out, in sentences.
        raw: of tonic's data set, returns what reads a sample's events as its file has them; None
            where tonic casts nothing. See `event_files`.
    """

    task: str
    kind: str
    title: str
    parts: tuple[Part, ...]
    bins: Bins
    class_names: tuple[str, ...] = ()
    subjects: str = ""
    apart: bool = False
    notes: tuple[str, ...] = ()
    raw: Callable[[Any], Callable[[int], Events]] | None = None

    def get_it(self) -> str:
        """Return how to get the data, in one clause."""
        return (
            f"get it with `python -m neurodeploy.data --task {self.task} --get`, or {self.put_it()}"
        )

    def put_it(self) -> str:
        """Return how to place the data by hand, in one clause."""
        wanted = [name for part in self.parts for name in (part.content, part.archive) if name]
        return f"put {', '.join(dict.fromkeys(wanted))} in a folder {self.kind}"


def find_homes(collection: Collection, path: Path) -> list[Path]:
    """Return the folders that hold the first part, of the nearest level that has any."""
    content = collection.parts[0].content
    return nearest(path, SEARCH_DEPTH, lambda folder: (folder / content).exists())


def find_home(collection: Collection, path: Path) -> Path:
    """Return the folder that holds the first part.

    Raises:
        InputError: when there is none, or there are several.
    """
    content, found = collection.parts[0].content, find_homes(collection, path)
    if not found:
        check_nothing_locked(path, SEARCH_DEPTH)
    if len(found) > 1:
        names = ", ".join(str(each) for each in found)
        raise InputError(f"{path} holds several {content}, in {names}; give one of these folders")
    if found:
        return found[0].absolute()
    raise InputError(
        f"{path} holds no {content}, down to {SEARCH_DEPTH} levels, and so not "
        f"{collection.title}; {collection.get_it()}"
    )


def find_files(collection: Collection, part: Part, home: Path) -> list[Path]:
    """Return the files of a part, once tonic will find all that it looks for, and nothing else.

    Raises:
        InputError: when something is missing, or is not named as the data set's own files are.
    """
    content = home / part.content
    if not content.exists():
        raise InputError(f"{home} has no {part.content}; {collection.get_it()}")
    if part.archive and not (home / part.archive).is_file():
        raise InputError(
            f"{home} has no {part.archive}, without which tonic takes the data for missing; an "
            "empty file of that name is enough"
        )
    if part.files is None:
        require_file(content)
        return [content]
    _check_names(part.files, content)
    found = list(content.rglob(part.files.pattern))
    if len(found) < part.files.fewest:
        raise InputError(
            f"{content} holds {len(found):,} files {part.files.pattern}, and tonic takes less than "
            f"{part.files.fewest:,} for incomplete; unpack {part.archive} again"
        )
    return found


def _check_names(files: Files, content: Path) -> None:
    """Raise InputError for a folder or sample that is named in another way, or cannot be read.

    tonic takes labels from the ends of names: those of copies and leftovers would be wrong.
    """
    pattern = re.compile(files.names)
    ending = files.pattern.removeprefix("*.")  # tonic asks for no point before it
    check_rights(content)
    for path in content.rglob("*"):
        if not path.name.endswith(ending) and not path.is_dir():
            continue  # tonic passes it over
        if not pattern.fullmatch(path.relative_to(content).as_posix()):
            raise InputError(
                f"{path} is not named as those of the data set are, such as {content.name}/"
                f"{files.example}; remove it or move it away"
            )
        check_rights(path)
