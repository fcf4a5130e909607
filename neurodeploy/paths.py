"""Look up the paths that a person gave; one that the system cannot follow is an InputError."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Final

from neurodeploy.models.errors import InputError

REPORT_PAGE: Final = "report.html"
"""The page that `deploy` writes into a run's folder."""


def kind(path: Path) -> str:
    """Return what lies at a path: "file", "folder", "other" or, for nothing, "".

    Raises:
        InputError: when the system cannot follow the path, whose name is too long, whose folder may
            not be entered or whose links lead in a circle.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise InputError(
            f"{path} cannot be looked up ({error.strerror}); give another path"
        ) from None
    return "file" if S_ISREG(mode) else "folder" if S_ISDIR(mode) else "other"


def check_file(path: Path, way_out: str) -> None:
    """Raise InputError, which ends with the way out, unless a regular file lies at the path."""
    wrong = {"": "does not exist", "folder": "is a folder", "other": "is no regular file"}
    found = kind(path)
    if found != "file":
        raise InputError(f"{path} {wrong[found]}; {way_out}")


def same_file(one: Path, other: Path) -> bool:
    """Tell whether two paths lead to one file, which is there; raises as `kind` does."""
    return bool(kind(one) and kind(other)) and os.path.samefile(one, other)
