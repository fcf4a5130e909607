"""Tasks: datasets of labelled signals, their split, and their spike encoders.

To add a task, write one file with a `Task` (docs/how-to/own-task.md) and list it in the environment
variable NEURODEPLOY_TASKS, or, within neurodeploy, add it to `MODULES`.

    har, watch, digits, mnist, spoken_digits, events   the tasks of neurodeploy
    own             tasks from users' files
    readers/        one file per format of raw data
    samples         samples to run: spikes, labels, source; inputs: from arrays and .npy files
    dataset         labelled samples; split: training, validation and test parts
    encoders/       from signals to spikes; augment: random changes of training data
    task            a task; task_data: its data; recordings: whole recordings of it
    inventory       which tasks have their data here
    origin          downloads, checksums and archives; cache: encoded arrays on disk
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from neurodeploy.models.errors import InputError

if TYPE_CHECKING:
    from neurodeploy.data.task import Task

VARIABLE: Final = "NEURODEPLOY_TASKS"
"""Environment variable with the paths of the user's task files, separated as in PATH."""

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
    """The tasks by name; a task's module is imported on first access."""

    def __getitem__(self, name: str) -> Task:
        module = importlib.import_module(f"neurodeploy.data.{MODULES[name]}")
        task: Task = getattr(module, name.replace("-", "_").upper())
        return task

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


TASKS: Mapping[str, Task] = _Installed()


def known() -> dict[str, Task]:
    """Return all tasks by name: `TASKS`, then the user's own.

    Raises:
        InputError: if a file of NEURODEPLOY_TASKS is invalid.
    """
    return {**TASKS, **_own()}


def names() -> tuple[str, ...]:
    """Return the names of all tasks, without importing the installed ones.

    Raises:
        InputError: if a file of NEURODEPLOY_TASKS is invalid.

    Examples:
        >>> "har" in neurodeploy.task_names()
        True
    """
    return (*TASKS, *_own())


def get(name: str) -> Task:
    """Return the task of that name.

    Raises:
        InputError: if there is none.
    """
    if name in TASKS:
        return TASKS[name]
    own = _own()
    if name not in own:
        raise InputError(f"there is no task {name!r}; the tasks are {', '.join((*TASKS, *own))}")
    return own[name]


def _own() -> dict[str, Task]:
    if not os.environ.get(VARIABLE):
        return {}  # without importing numpy, for --help
    from neurodeploy.data.own import own_tasks

    return own_tasks(VARIABLE, TASKS)
