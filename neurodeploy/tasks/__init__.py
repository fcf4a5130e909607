"""Tasks: labelled signals, how they are split by subject, and how they become spikes.

To add a task, write one file with a `Task` (docs/how-to/own-task.md) and name it in the environment
variable NEURODEPLOY_TASKS, or, in this project, add it to `MODULES`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from neurodeploy.models.errors import InputError

if TYPE_CHECKING:
    from neurodeploy.tasks.task import Task

VARIABLE: Final = "NEURODEPLOY_TASKS"
"""Environment variable: paths of the user's files with tasks, separated as in PATH."""

MODULES: Final = {
    "har": "har",
    "watch": "watch",
    "digits": "digits",
    "mnist": "mnist",
    "fashion": "mnist",
    "spoken-digits": "spoken_digits",
    "nmnist": "events",
    "shd": "events",
    "ssc": "events",
    "ntidigits": "events",
    "dvsgesture": "events",
}
"""The module that defines each task, as a constant of its name."""


class _Installed(Mapping[str, "Task"]):
    """The tasks by name; the module of one is imported when it is asked for."""

    def __getitem__(self, name: str) -> Task:
        module = importlib.import_module(f"neurodeploy.tasks.{MODULES[name]}")
        task: Task = getattr(module, name.replace("-", "_").upper())
        return task

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


TASKS: Mapping[str, Task] = _Installed()


def known() -> dict[str, Task]:
    """Return all tasks by name: `TASKS`, then those of the user's own files.

    Raises:
        InputError: when one of these files cannot be used.
    """
    return {**TASKS, **_own()}


def names() -> tuple[str, ...]:
    """Return the names of all tasks, without importing the installed ones.

    Raises:
        InputError: when one of the user's own files cannot be used.

    Examples:
        >>> "har" in neurodeploy.task_names()
        True
    """
    return (*TASKS, *_own())


def get(name: str) -> Task:
    """Return the task of that name.

    Raises:
        InputError: when there is none.
    """
    if name in TASKS:
        return TASKS[name]
    own = _own()
    if name not in own:
        raise InputError(f"{name!r} is no task; the tasks are {', '.join((*TASKS, *own))}")
    return own[name]


def _own() -> dict[str, Task]:
    if not os.environ.get(VARIABLE):
        return {}  # without importing numpy, for --help
    from neurodeploy.tasks.own import own_tasks

    return own_tasks(TASKS)
