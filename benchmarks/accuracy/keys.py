"""What decides about the figures of a run, so that none is taken for that of another.

A key holds the data, the split, the recipe and the network. Encoder and variation count by what
they do as well: a sketch of what they make of some training windows, in few digits, since the last
ones depend on the processor. All other code stands beside the key (`code`), since most changes of
it change no figure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.models import Model

LOOKED_AT: Final = 64
"""Training windows that are encoded and varied for a sketch, evenly spread over all."""

TOLERANCE: Final = 2e-3
"""By what share of their mean size the numbers of two sketches may differ in the mean."""

SKETCHES: Final = ("varied", "encoded", "levels")
"""What of a key is a sketch."""

RECIPE: Final = (
    "network", "delays", "hidden", "threshold", "current_decay", "voltage_decay", "tau_grad",
    "dropout", "epochs", "batch_size", "learning_rate", "delay_rate", "decay_rate", "logit_scale",
    "max_grad_norm",
)  # fmt: skip
RECORDED: Final = {
    "batch_size": "batch", "logit_scale": "count_scale", "max_grad_norm": "gradient_limit",
}  # fmt: skip
"""Fields of a task's configuration, and how the records name them."""

SPIKING: Final = ("recipe", "encoder", "encoded")
"""What of a task's key decides about spiking networks alone."""


def key_of_task(name: str, data: Any) -> dict[str, Any]:
    """Return what decides about all runs of a task, as JSON values.

    Args:
        name: of the task.
        data: its `neurodeploy.tasks.task.TaskData`.
    """
    from benchmarks.ann import inputs
    from neurodeploy.tasks import get
    from neurodeploy.tasks.dataset import digest

    config = get(name).config
    rows = data.split.train[np.linspace(0, len(data.split.train) - 1, LOOKED_AT).astype(int)]
    signals = data.dataset.signals[rows]
    rng = np.random.default_rng(0)
    varied = signals if config.augment is None else config.augment(signals, rng)
    levels = getattr(data.encoder, "levels", None)
    return {
        "task": name,
        "data_sha256": digest(data.dataset),
        "split_sha256": _sha256(data.split.train, data.split.validation, data.split.test),
        "recipe": {**recorded(config), "augment": None},
        "augment": described(config.augment),
        "encoder": data.encoder.as_dict(),
        "varied": sketch(varied),
        "encoded": sketch(data.encoder.encode(signals)),
        "levels": None if levels is None else sketch(inputs.seen(levels, signals)),
    }


def recorded(config: Any) -> dict[str, Any]:
    """Return a configuration as JSON values, by the names of the records."""
    values = {RECORDED.get(name, name): getattr(config, name) for name in RECIPE}
    return {**values, "hidden": list(config.hidden or ())}


def key_of(
    task: Mapping[str, Any], model: Model, network: Any, seed: int, rates: Any = None
) -> dict[str, Any]:
    """Return what decides about a run's figures, as JSON values.

    Args:
        task: key of its task.
        model: which is trained.
        network: its architecture or plan, as JSON values.
        seed: of the training.
        rates: learning rates that an artificial network tries.
    """
    shared = {**task, "model": model.name, "seed": seed, "network": network}
    if model.spiking:
        return shared
    from benchmarks.ann import training

    values = {name: value for name, value in shared.items() if name not in SPIKING}
    return {**values, "rates": rates, "training": training.rules()}


def described(augment: Any) -> Any:
    """Return a variation as JSON values: its name, and its numbers where it has some."""
    if augment is None or not is_dataclass(augment):
        return None if augment is None else augment.__name__
    return {"name": type(augment).__name__, **asdict(augment)}  # type: ignore[arg-type]


def sketch(values: NDArray[Any]) -> list[float]:
    """Return a number for each window (windows, ...): its product with fixed normal numbers."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    weights = np.random.default_rng(0).standard_normal(flat.shape[1])
    return [float(f"{number:.5g}") for number in flat @ weights]


def differences(kept: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs between two keys, as JSON has them."""
    one, other = json.loads(json.dumps(kept)), json.loads(json.dumps(asked))
    return sorted(
        name
        for name in {**one, **other}
        if one.get(name) != other.get(name)
        and not (name in SKETCHES and _near(one.get(name), other.get(name)))
    )


def _near(one: Any, other: Any) -> bool:
    """Return whether two sketches differ by no more than `TOLERANCE`."""
    if not (one and other and len(one) == len(other)):
        return False
    first, second = np.array(one), np.array(other)
    return bool(np.abs(first - second).mean() <= TOLERANCE * np.abs(first).mean())


def _sha256(*arrays: NDArray[Any]) -> str:
    sha = hashlib.sha256()
    for each in arrays:
        sha.update(f"{len(each)}:".encode() + np.ascontiguousarray(each).tobytes())
    return sha.hexdigest()
