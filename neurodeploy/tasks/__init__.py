"""Tasks: labelled signals, how they are split by subject, and how they become spikes.

    readers/     files of a data set to labelled signal windows
    encoders/    signal windows to spikes
    windows      labelled signal windows, what every reader returns; fixed_arrays their types
    split        train, validation and test
    augment/     varied copies of signals, to train on
    recipe       the numbers of a training
    task         the Task type; encode windows, describe a task in a network
    own          tasks in files of the user's own; own_checks what is refused of them
    cache        arrays kept on disk, so that they are made once; kept_spikes uses it
    download     a published file, whole or not at all; idx_downloads lists those of MNIST and
                 Fashion-MNIST, unpack opens archives
    inventory    which data are there, what they hold; download them
    origin       where data come from, on which terms, where they are looked for
    har          human activity recognition: which data set a folder holds
    watch        shoulder exercises from a watch
    spoken_digits  digits that six speakers say
    digits       small handwritten digits
    mnist        handwritten digits; fashion pictures of clothes
    nmnist       handwritten digits before an event camera; dvsgesture gestures
    shd          spoken digits through a model of the inner ear; ssc words
    ntidigits    spoken digits before a silicon cochlea
    reading      how far a reader has come

To add a task, write one file with a `Task` (docs/own-task.md shows how) and name it in `TASKS`, or,
without a change here, in the environment variable NEURODEPLOY_TASKS.
"""

from __future__ import annotations

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.digits import DIGITS
from neurodeploy.tasks.dvsgesture import DVSGESTURE
from neurodeploy.tasks.fashion import FASHION
from neurodeploy.tasks.har import HAR
from neurodeploy.tasks.mnist import MNIST
from neurodeploy.tasks.nmnist import NMNIST
from neurodeploy.tasks.ntidigits import NTIDIGITS
from neurodeploy.tasks.own import own_tasks
from neurodeploy.tasks.shd import SHD
from neurodeploy.tasks.spoken_digits import SPOKEN_DIGITS
from neurodeploy.tasks.ssc import SSC
from neurodeploy.tasks.task import Task
from neurodeploy.tasks.watch import WATCH

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        HAR, WATCH, DIGITS, MNIST, FASHION, SPOKEN_DIGITS, NMNIST, SHD, SSC, NTIDIGITS, DVSGESTURE,
    )
}  # fmt: skip


def known() -> dict[str, Task]:
    """Return all tasks by name: `TASKS`, then those of the user's own files.

    Raises:
        InputError: when one of these files cannot be used.
    """
    return {**TASKS, **own_tasks(TASKS)}


def get(name: str) -> Task:
    """Return the task of that name.

    Raises:
        InputError: when there is none.
    """
    tasks = known()
    if name not in tasks:
        raise InputError(f"{name!r} is no task; the tasks are {', '.join(tasks)}")
    return tasks[name]
