"""The user's own tasks, from the files in the environment variable NEURODEPLOY_TASKS."""

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
from typing import Any, Final, TypeAlias

import numpy as np

from neurodeploy.config import TrainConfig
from neurodeploy.data.dataset import NUMBERS, shown
from neurodeploy.data.encoders import Encoder
from neurodeploy.data.origin import Download, Origin
from neurodeploy.data.task import Task
from neurodeploy.models import files
from neurodeploy.models.errors import InputError

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
"""Valid names of tasks and encoders, which become folder names and values of options."""

NAME_WORDS: Final = "1 to 64 ASCII letters, digits, - and _, not beginning with -"


def own_tasks(variable: str, taken: Collection[str]) -> dict[str, Task]:
    """Return the tasks of the files in an environment variable, by name.

    Args:
        variable: name of the environment variable.
        taken: names of other tasks.

    Raises:
        InputError: if a file is missing, raises an error or has no `TASK`, or the name of its task
            is taken or a field is invalid.
    """
    found: dict[str, Task] = {}
    for path in filter(None, os.environ.get(variable, "").split(os.pathsep)):
        task = _task_of(Path(path).absolute(), variable)
        if task.name in taken or task.name in found:
            raise InputError(
                f"{path}, which {variable} lists, has a task {task.name!r}, but another task has "
                "this name; choose another one"
            )
        found[task.name] = task
    return found


@functools.cache
def _task_of(path: Path, variable: str) -> Task:
    """Run a file, once per process, and return its task."""
    if files.kind(path) != "file":
        raise InputError(f"{path}, which {variable} lists, is not a file; correct the variable")
    task = getattr(_module_of(path, variable), "TASK", None)
    if not isinstance(task, Task):
        raise InputError(
            f"{path}, which {variable} lists, has no TASK; end it with TASK = Task(...) as "
            "docs/how-to/own-task.md shows"
        )
    check_task(task, str(path))
    return _guarded(task, path)


def _module_of(path: Path, variable: str) -> Any:
    name = f"neurodeploy_task_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}, which {variable} lists, is not a Python file; name it NAME.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # required by dataclasses
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # any error in the user's file
        raise InputError(
            f"{path}, which {variable} lists, fails with {_first_line(error)} "
            f"({_place(path, error)}); correct it"
        ) from error
    return module


def _is_function(value: object) -> bool:
    return callable(value) and not isinstance(value, type)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def _are_encoders(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        _is_name(name) and _is_function(make) for name, make in value.items()
    )


def _are_places(value: object) -> bool:
    return isinstance(value, (tuple, list)) and all(
        isinstance(place, str) and place and "\0" not in place for place in value
    )


def _are_texts(value: object) -> bool:
    return isinstance(value, (tuple, list)) and all(isinstance(each, str) for each in value)


def _are_downloads(value: object) -> bool:
    return isinstance(value, (tuple, list)) and all(isinstance(each, Download) for each in value)


_Checks: TypeAlias = Mapping[str, tuple[Callable[[Any], object], str]]
"""By field name: a check of the value, and advice for an invalid one."""

_TEXT: Final = (lambda value: isinstance(value, str), "give a text")
_TASK: Final[_Checks] = {
    "name": (_is_name, f"give {NAME_WORDS}"),
    "description": _TEXT,
    "read": (_is_function, "give a function that returns the Dataset at a path"),
    "default_encoder": (
        _is_function,
        "give a function of a Dataset that returns an encoder, as `lambda dataset: Delta()` does",
    ),
    "config": (lambda value: isinstance(value, TrainConfig), "give a TrainConfig"),
    "origin": (lambda value: isinstance(value, Origin), "give an Origin"),
    "other_encoders": (
        _are_encoders,
        f"give a dict of functions like default_encoder, by names of {NAME_WORDS}",
    ),
    "channel_names": (_are_texts, 'give a tuple of names, such as "acc-x (g)"'),
}
_ORIGIN: Final[_Checks] = {
    **dict.fromkeys(("data", "licence", "citation", "obtain"), _TEXT),
    "places": (_are_places, "give a tuple of names in the data folder"),
    "find": (_is_function, "give a function that returns a Path, or None"),
    "downloads": (_are_downloads, "give a tuple of Download"),
    "unpacked": (lambda value: isinstance(value, bool), "give True or False"),
    "fetch": (
        lambda value: value is None or _is_function(value),
        "give a function that gets the data into a folder, or None",
    ),
}


def check_task(task: Task, source: str) -> None:
    """Raise InputError for an invalid field; the message starts with `source`."""
    for of, checks in (("task", _TASK), ("origin", _ORIGIN)):
        for name, (is_valid, way_out) in checks.items():
            value = getattr(task if of == "task" else task.origin, name)
            if not is_valid(value):
                raise InputError(f"{source}: the {of}'s {name} is {shown(value)}; {way_out}")


def _guarded(task: Task, path: Path) -> Task:
    """Return the task with its functions guarded; see `_guard`."""
    config, origin = task.config, task.origin
    encoder: dict[str, Any] = {"is_valid": _is_encoder, "words": "an encoder, such as Delta()"}
    if config.augment is not None and not is_dataclass(config.augment):  # keeps dataclass reprs
        words = "an array of numbers of the same shape as the signals"
        augment = _guard(config.augment, path, "augment", is_valid=_is_augmented, words=words)
        config = replace(config, augment=augment)
    find = _guard(origin.find, path, "find", is_valid=_is_path_or_none, words="a Path, or None")
    fetch = None if origin.fetch is None else _guard(origin.fetch, path, "fetch")
    return replace(
        task,
        read=_guard(task.read, path, "read", passed=OSError),  # `Task.load` handles OSError
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
    is_valid: Callable[..., bool] = lambda *_: True,
    words: str = "",
    passed: type[Exception] = InputError,
) -> Callable[..., Any]:
    """Wrap a function of the user's file: its errors become InputErrors with file and line.

    Args:
        call: the function.
        path: the user's file.
        name: name of the function, for messages.
        is_valid: checks the result; called with the result and the arguments.
        words: description of a valid result, for messages.
        passed: type of errors that pass unchanged.
    """

    @functools.wraps(call)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            found = call(*args, **kwargs)
        except (InputError, MemoryError, passed):
            raise
        except (Exception, SystemExit) as error:
            raise InputError(
                f"{path}: {name} fails with {_first_line(error)} ({_place(path, error)}); correct "
                "it, or the data"
            ) from error
        if not kwargs and not is_valid(found, *args):  # the commands pass no keywords
            raise InputError(f"{path}: {name} returns {shown(found)}; it must return {words}")
        return found

    return guarded


def _is_encoder(found: object, _: object) -> bool:
    return isinstance(found, Encoder)


def _is_path_or_none(found: object) -> bool:
    return found is None or isinstance(found, Path)


def _is_augmented(found: object, signals: Any, _: object) -> bool:
    is_array = isinstance(found, np.ndarray) and found.dtype.kind in NUMBERS
    return is_array and bool(found.shape == signals.shape)  # type: ignore[attr-defined]


def _first_line(error: BaseException) -> str:
    """Return the type of an error and the first line of its message."""
    return ": ".join([type(error).__name__, *str(error).splitlines()[:1]])


def _place(path: Path, error: BaseException) -> str:
    """Return the line of the file that raised an error, such as "line 3"."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}" if error.lineno else "unknown line"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f"line {lines[-1]}" if lines else "outside of the file"
