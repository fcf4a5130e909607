"""Tasks in files of the user's own, which the environment variable NEURODEPLOY_TASKS lists."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from models.errors import InputError
from neurodeploy import paths
from neurodeploy.tasks.task import Task

VARIABLE: Final = "NEURODEPLOY_TASKS"
"""Paths of Python files, parted as PATH is: by `:`, on Windows by `;`."""


def own_tasks(taken: Mapping[str, Task]) -> dict[str, Task]:
    """Return the tasks of the files that the environment names, by name.

    Args:
        taken: tasks whose names are taken.

    Raises:
        InputError: when a file is missing, cannot be run, has no `TASK`, or its task has the name
            of another.
    """
    found: dict[str, Task] = {}
    for path in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        task = _task_of(Path(path).absolute())
        if task.name in {**taken, **found}:
            raise InputError(
                f"{path}, which {VARIABLE} lists, calls its task {task.name!r} as another is "
                "called; give it a name of its own"
            )
        found[task.name] = task
    return found


@functools.cache
def _task_of(path: Path) -> Task:
    """Run a file, once in a process, and return its task."""
    if paths.kind(path) != "file":
        raise InputError(f"{path}, which {VARIABLE} lists, is no file; correct the variable")
    task = getattr(_module_of(path), "TASK", None)
    if not isinstance(task, Task):
        raise InputError(
            f"{path}, which {VARIABLE} lists, has no TASK; end it with TASK = Task(...) as "
            "docs/own-task.md shows"
        )
    return task


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
    return f"line {lines[-1]}" if lines else "before its first line"
