"""Find the folder of a data set: the one that a person gave, or one some levels below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from neurodeploy.tasks.readers.text import check_rights, may_be_read


def levels(path: Path, depth: int) -> Iterator[list[Path]]:
    """Yield the folder itself, then the folders in it, and so on, `depth` levels down.

    Hidden folders, what unpacking leaves on macOS and folders that may not be read are passed over;
    a folder that links reach twice comes once.

    Raises:
        InputError: when the given folder may not be read.
    """
    check_rights(path)
    seen: set[Path] = set()
    level = [path]
    for _ in range(depth + 1):
        level = list(_new(level, seen))
        yield level
        level = [below for each in level for below in _subfolders(each) if may_be_read(below)]


def _new(level: Iterable[Path], seen: set[Path]) -> Iterator[Path]:
    """Yield the folders that were not seen before, and note them there."""
    for each in level:
        at = each.resolve()
        if at not in seen:
            seen.add(at)
            yield each


def nearest(path: Path, depth: int, holds: Callable[[Path], bool]) -> list[Path]:
    """Return the folders that hold what is looked for, of the first level that has any."""
    found = ([each for each in level if holds(each)] for level in levels(path, depth))
    return next((each for each in found if each), [])


def check_nothing_locked(path: Path, depth: int) -> None:
    """Raise InputError for a folder that `levels` passes over since it may not be read.

    For whoever has found nothing: what is looked for may lie in it.
    """
    for level in levels(path, depth - 1):
        for below in (below for each in level for below in _subfolders(each)):
            check_rights(below)


def _subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, without hidden ones and what unpacking leaves on macOS."""
    found = (path for path in folder.glob("*") if not path.name.startswith((".", "__")))
    return sorted(path for path in found if path.is_dir())
