"""Tasks: labelled signals, how they are split by subject, and how they become spikes.

    windows      labelled signal windows, what every reader returns
    split        train, validation and test by subject
    encoders     signal windows to spikes: the registry; encoder is what they share
    delta        spikes for movement; sigma_delta spikes at a rate that follows the level
    augment      varied copies of signals, to train on
    recipe       the numbers of a training
    task         the Task type; encode windows, describe a task in a network
    har          human activity recognition: which data set a folder holds
    inertial     units, channels and windows that the readers below share
    hapt         HAPT, installed package or official folder; hapt_pickle reads the package's file
    uci_har      UCI HAR
    wisdm        WISDM v1.1; wisdm_2019 watch and phone
    text         number tables from text files

To add a task, write one file with a `Task` and name it in `TASKS`.
"""

from __future__ import annotations

from models.errors import InputError
from neurodeploy.tasks.har import HAR
from neurodeploy.tasks.task import Task

TASKS: dict[str, Task] = {task.name: task for task in (HAR,)}


def get(name: str) -> Task:
    """Return the task of that name.

    Raises:
        InputError: when there is none.
    """
    if name not in TASKS:
        raise InputError(f"{name!r} is no task; the tasks are {', '.join(TASKS)}")
    return TASKS[name]
