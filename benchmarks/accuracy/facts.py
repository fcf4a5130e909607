"""What the benchmark has to know of a task."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.keys import key_of_task
from benchmarks.accuracy.models import MODELS, parameters
from neurodeploy.models.errors import InputError


@dataclass(frozen=True, eq=False, kw_only=True)
class Facts:
    """What the benchmark has to know of a task.

    Attributes:
        task: its name.
        source: data set, in words.
        notes: what its reader says of the data.
        key: of every run of the task, as JSON values; see `keys.key_of_task`.
        own: the network that its recipe trains: name of a model.
        parameters: of each spiking model, by its name.
        networks: architecture of each spiking model and plan of each artificial one, by its name,
            as JSON values.
        counts: windows to train, to validate and to test.
        labels: int64 array, of the test windows.
        subjects: int64 array, of the test windows, or None where nobody is named.
        unseen: whether no other windows are of these subjects.
        classes: how many.
        steps: time steps of a sample.
        recorded: whether they are read from a file, since the data are missing.
    """

    task: str
    source: str
    notes: tuple[str, ...] = ()
    key: Mapping[str, Any]
    own: str
    parameters: Mapping[str, int]
    networks: Mapping[str, Any]
    counts: tuple[int, int, int]
    labels: NDArray[np.int64]
    subjects: NDArray[np.int64] | None
    unseen: bool
    classes: int
    steps: int
    recorded: bool = False

    @property
    def majority(self) -> float:
        """The share of the test windows that the most frequent class has."""
        return float(np.bincount(self.labels).max() / len(self.labels))


def facts_of(name: str) -> Facts:
    """Return the facts of a task, whose data are read for them.

    Raises:
        InputError: when they are missing or malformed, or the task's own network is none of those
            that are compared.
    """
    from neurodeploy import train

    data = train.load_data(_options(name))
    windows, split = data.dataset, data.split
    spiking = {model.name: model for model in MODELS.values() if model.spiking}
    networks = {model: _network(name, each.words, data) for model, each in spiking.items()}
    own = _network(name, (), data)
    same = [model for model, network in networks.items() if network == own]
    if not same:
        raise InputError(
            f"the task {name} trains by itself none of {', '.join(spiking)}, which are compared; "
            "give its recipe one of the kinds of delays"
        )
    subjects = None if windows.subjects is None else windows.subjects[split.test]
    return Facts(
        task=name,
        source=windows.source,
        notes=windows.notes,
        key=key_of_task(name, data),
        own=same[0],
        parameters={model: parameters(network) for model, network in networks.items()},
        networks={
            **{model: network.as_dict() for model, network in networks.items()},
            **_plans(data, parameters(own)),
        },
        counts=(len(split.train), len(split.validation), len(split.test)),
        labels=windows.labels[split.test],
        subjects=subjects,
        unseen=subjects is not None and _unseen(windows, split),
        classes=len(windows.class_names),
        steps=data.encoder.steps(windows.num_steps),
    )


def _plans(data: Any, size: int) -> dict[str, Any]:
    from benchmarks.ann import inputs, sizes

    shape = inputs.shape_of(data)
    kinds = {model.name: model.kind for model in MODELS.values() if model.kind}
    return {name: sizes.plan_for(kind, shape, size).as_dict() for name, kind in kinds.items()}


def _unseen(windows: Any, split: Any) -> bool:
    others = windows.subjects[np.concatenate([split.train, split.validation])]
    return not np.isin(windows.subjects[split.test], others).any()


def _options(task: str, words: Sequence[str] = ()) -> argparse.Namespace:
    from neurodeploy import train

    options = argparse.ArgumentParser()
    train.add_options(options)
    return options.parse_args(["--task", task, *words])


def _network(task: str, words: Sequence[str], data: Any) -> Any:
    from neurodeploy import train

    return data.architecture(train.config_of(_options(task, words)))
