"""Tasks: labelled signals, how they are split by subject, and how they become spikes.

To add a task, write one file with a `Task` (docs/own-task.md shows how) and name it in `NAMES`, or,
without a change here, in the environment variable NEURODEPLOY_TASKS.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from neurodeploy.models.errors import InputError

if TYPE_CHECKING:
    from neurodeploy.tasks.task import Task

NAMES: Final = (
    "har", "watch", "digits", "mnist", "fashion", "spoken-digits", "nmnist", "shd", "ssc",
    "ntidigits", "dvsgesture",
)  # fmt: skip


class _Installed(Mapping[str, "Task"]):
    """The tasks by name; the file of one is imported when it is asked for."""

    def __getitem__(self, name: str) -> Task:
        if name not in NAMES:
            raise KeyError(name)
        word = name.replace("-", "_")
        task: Task = getattr(importlib.import_module(f"neurodeploy.tasks.{word}"), word.upper())
        return task

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


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
    from neurodeploy.tasks.own import own_tasks

    return own_tasks(TASKS)
