"""Where a task's data come from, on which terms, and where they are looked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from neurodeploy.models import files
from neurodeploy.models.errors import InputError, MissingPackageError
from neurodeploy.tasks.download import Download

HOME_VARIABLE: Final = "NEURODEPLOY_DATA"


@dataclass(frozen=True)
class Origin:
    """The data of a task.

    Attributes:
        data: what they are, in words, with their number.
        licence: on which terms they may be used.
        citation: what to cite.
        obtain: one clause that says how to get them, such as "install it with `...`".
        places: names in the data home where they are looked for, the first to be found counts.
        package: name of the Python package that brings them, "" when none does.
        find: looks elsewhere, such as in an installed package; returns None when they are absent.
        downloads: files that `python -m neurodeploy.data --get` puts into the task's folder.
        unpacked: whether the one download is an archive, whose content is put there instead.
        fetch: gets the data in some other way, into the folder that it is called with.
    """

    data: str
    licence: str
    citation: str
    obtain: str
    places: tuple[str, ...] = ()
    package: str = ""
    find: Callable[[], Path | None] = lambda: None
    downloads: tuple[Download, ...] = ()
    unpacked: bool = False
    fetch: Callable[[Path], None] | None = None

    def __post_init__(self) -> None:
        if self.unpacked and len(self.downloads) != 1:
            raise InputError(f"{len(self.downloads)} downloads are to be unpacked; give one")

    def where(self) -> Path | None:
        """Return the folder or file that holds the data, None when they are absent.

        An empty folder holds none.

        Raises:
            InputError: when the data home cannot be looked up.
        """
        for place in self.places:
            path = home() / place
            if files.kind(path) and not is_empty(path):
                return path
        return self.find()

    def found(self, task: str) -> Path:
        """Return the folder or file that holds the data.

        Raises:
            InputError: when they are absent, MissingPackageError when a package would bring them.
        """
        path = self.where()
        if path is None:
            message = (
                f"the data of the task {task} are missing ({self.data}); {self.obtain}, or say "
                "where they are with --data"
            )
            if self.package:
                raise MissingPackageError(message, self.package)
            raise InputError(message)
        return path


def is_empty(path: Path) -> bool:
    """Tell whether a path is a folder without anything in it; one that may not be read is not."""
    try:
        return path.is_dir() and not any(path.iterdir())
    except OSError:
        return False


def home() -> Path:
    """Return the folder of data sets: what NEURODEPLOY_DATA says, or one of the user's cache.

    Raises:
        InputError: when a `~` in it, or that of the cache, stands for no folder.
    """
    named = os.environ.get(HOME_VARIABLE)
    return _expanded(named, HOME_VARIABLE) if named else cache_folder() / "data"


def cache_folder() -> Path:
    """Return the folder for what can be made or downloaded again.

    Raises:
        InputError: when the user has no home folder and XDG_CACHE_HOME names none.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else _expanded("~/.cache", "XDG_CACHE_HOME")) / "neurodeploy"


def _expanded(path: str, variable: str) -> Path:
    """Return a path with `~` as the home folder that it stands for."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(
            f"{path} begins with a home folder that there is not; name the folder in full with the "
            f"environment variable {variable}"
        ) from None
