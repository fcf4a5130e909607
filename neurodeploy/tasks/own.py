"""Tasks in files of the user's own, which the environment variable NEURODEPLOY_TASKS lists."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Callable, Collection, Mapping
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurodeploy.learning.config import Checks, TrainConfig, check_fields, is_function
from neurodeploy.models import files
from neurodeploy.models.errors import InputError
from neurodeploy.tasks.dataset import NUMBERS, shown
from neurodeploy.tasks.encoders import Encoder
from neurodeploy.tasks.origin import Download, Origin
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
    "read": (is_function, "give a function that returns the Dataset at a path"),
    "default_encoder": (
        is_function,
        "give a function of a Dataset that returns an encoder, as `lambda dataset: Delta()` does",
    ),
    "config": (lambda value: isinstance(value, TrainConfig), "give a TrainConfig"),
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


VARIABLE: Final = "NEURODEPLOY_TASKS"
"""Paths of Python files, parted as PATH is: by `:`, on Windows by `;`."""


def own_tasks(taken: Collection[str]) -> dict[str, Task]:
    """Return the tasks of the files that the environment names, by name.

    Args:
        taken: names that are taken.

    Raises:
        InputError: when a file is missing, cannot be run, has no `TASK`, or its task has the name
            of another or something in it that no command can use.
    """
    found: dict[str, Task] = {}
    for path in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        task = _task_of(Path(path).absolute())
        if task.name in taken or task.name in found:
            raise InputError(
                f"{path}, which {VARIABLE} lists, calls its task {task.name!r} as another is "
                "called; give it a name of its own"
            )
        found[task.name] = task
    return found


@functools.cache
def _task_of(path: Path) -> Task:
    """Run a file, once in a process, and return its task."""
    if files.kind(path) != "file":
        raise InputError(f"{path}, which {VARIABLE} lists, is no file; correct the variable")
    task = getattr(_module_of(path), "TASK", None)
    if not isinstance(task, Task):
        raise InputError(
            f"{path}, which {VARIABLE} lists, has no TASK; end it with TASK = Task(...) as "
            "docs/own-task.md shows"
        )
    check_task(task, str(path))
    return _guarded(task, path)


def _guarded(task: Task, path: Path) -> Task:
    """Return the task with functions that raise nothing but sentences; see `_guard`."""
    config, origin = task.config, task.origin
    encoder: dict[str, Any] = {"is_right": _is_encoder, "words": "an encoder, such as Delta()"}
    if config.augment is not None and not is_dataclass(config.augment):  # those show their fields
        words = "an array of numbers of the same shape as the signals"
        augment = _guard(config.augment, path, "augment", is_right=_is_varied, words=words)
        config = replace(config, augment=augment)
    find = _guard(origin.find, path, "find", is_right=_is_path_or_none, words="a Path, or None")
    fetch = None if origin.fetch is None else _guard(origin.fetch, path, "fetch")
    return replace(
        task,
        read=_guard(task.read, path, "read", passed=OSError),  # `Task.load` says what that means
        default_encoder=_guard(task.default_encoder, path, "default_encoder", **encoder),
        other_encoders={
            name: _guard(call, path, f"the encoder {name}", **encoder)
            for name, call in task.other_encoders.items()
        },
        config=config,
        origin=replace(origin, find=find, fetch=fetch),
    )


def _guard(
    call: Callable[..., Any],
    path: Path,
    name: str,
    *,
    is_right: Callable[..., bool] = lambda *_: True,
    words: str = "",
    passed: type[Exception] = InputError,
) -> Callable[..., Any]:
    """Return a function of the user's file whose errors are sentences that name the file and line.

    Args:
        call: the function.
        path: of the file.
        name: what the function is called.
        is_right: whether what it returns will do, which is told what it was called with too.
        words: what it must return.
        passed: errors that somebody else turns into a sentence.
    """

    @functools.wraps(call)
    def guarded(*given: Any, **named: Any) -> Any:
        try:
            found = call(*given, **named)
        except (InputError, MemoryError, passed):  # the commands say what to do
            raise
        except (Exception, SystemExit) as error:
            raise InputError(
                f"{path}: {name} fails with {_said(error)} ({_place(path, error)}); correct it, or "
                "what it was given"
            ) from error
        if not named and not is_right(found, *given):  # the commands name nothing
            raise InputError(f"{path}: {name} returns {shown(found)}; it must return {words}")
        return found

    return guarded


def _is_encoder(found: object, _: object) -> bool:
    return isinstance(found, Encoder)


def _is_path_or_none(found: object) -> bool:
    return found is None or isinstance(found, Path)


def _is_varied(found: object, signals: Any, _: object) -> bool:
    """Tell whether an augmentation returns an array as it was given one."""
    if not isinstance(found, np.ndarray) or found.dtype.kind not in NUMBERS:
        return False
    return bool(found.shape == signals.shape)


def _module_of(path: Path) -> Any:
    name = f"neurodeploy_task_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}, which {VARIABLE} lists, is no Python file; name it NAME.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever it is, it is in the user's file
        raise InputError(
            f"{path}, which {VARIABLE} lists, fails with {_said(error)} ({_place(path, error)}); "
            "correct it"
        ) from error
    return module


def _said(error: BaseException) -> str:
    """Return the kind of an error and the first line of what it says."""
    return ": ".join([type(error).__name__, *str(error).splitlines()[:1]])


def _place(path: Path, error: BaseException) -> str:
    """Return the line of the file at which an error came up."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}" if error.lineno else "in no certain line"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f"line {lines[-1]}" if lines else "in none of its lines"
