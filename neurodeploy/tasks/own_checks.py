"""Checks of a task in a file of the user's own.

Every command lists all tasks, so what it cannot list in one breaks them all; a task's name is that
of the folder of its runs too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from neurodeploy.tasks.download import Download
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.recipe import Checks, Recipe, check_fields, is_function
from neurodeploy.tasks.task import Task

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
"""What names a folder of runs and an option's choice."""

NAME_WORDS: Final = "1 to 64 ASCII letters, digits, - and _, not - first"


def check_task(task: Task, source: str) -> None:
    """Raise InputError, which starts with the source, for a field that the commands cannot use."""
    check_fields(task, _TASK, of=f"{source}: the task's ")
    check_fields(task.origin, _ORIGIN, of=f"{source}: the origin's ")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def _are_encoders(value: object) -> bool:
    pairs = value.items() if isinstance(value, Mapping) else [(None, None)]
    return all(_is_name(name) and is_function(make) for name, make in pairs)


def _are_places(value: Any) -> bool:
    places = value if isinstance(value, (tuple, list)) else [""]
    return all(_is_text(place) and place and "\0" not in place for place in places)


def _are_downloads(value: object) -> bool:
    return isinstance(value, (tuple, list)) and all(isinstance(each, Download) for each in value)


_TEXT: Final = (_is_text, "give a text")

_TASK: Final[Checks] = {
    "name": (_is_name, f"give {NAME_WORDS}"),
    "description": _TEXT,
    "read": (is_function, "give a function that returns the Windows of a path"),
    "default_encoder": (
        is_function,
        "give a function that returns the encoder of windows, as `lambda windows: Delta()` does",
    ),
    "recipe": (lambda value: isinstance(value, Recipe), "give a Recipe"),
    "origin": (lambda value: isinstance(value, Origin), "give an Origin"),
    "other_encoders": (
        _are_encoders,
        f"give a dict of functions as default_encoder is one, each by a name of {NAME_WORDS}",
    ),
}

_ORIGIN: Final[Checks] = {
    **dict.fromkeys(("data", "licence", "citation", "obtain"), _TEXT),
    "places": (_are_places, "give a tuple of names in the data home"),
    "find": (is_function, "give a function that returns a Path, or None"),
    "downloads": (_are_downloads, "give a tuple of Download"),
    "unpacked": (lambda value: isinstance(value, bool), "give True or False"),
    "fetch": (
        lambda value: value is None or is_function(value),
        "give a function that gets the data into a folder, or None",
    ),
}
