"""Describe everything that determines a run: data, split, configuration, encoder and networks.

A `Setup` is stored with the records. A record with another setup is stale, and the page can be
written without the data. The setup also contains sketches of the output of encoder and augmentation
on some training samples. They are compared with a tolerance, since last digits depend on the
processor.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.architecture import Architecture
from neurodeploy.models.errors import InputError
from neurodeploy.models.old_names import renamed

SKETCHED: Final = 64
"""Number of evenly spaced training samples in a sketch."""
TOLERANCE: Final = 2e-3
"""Maximum mean difference of equal sketches, relative to their mean magnitude."""

CONFIG: Final = (
    "network", "delays", "hidden", "threshold", "current_decay", "voltage_decay", "tau_grad",
    "dropout", "epochs", "batch_size", "learning_rate", "delay_rate", "decay_rate", "logit_scale",
    "max_grad_norm",
)  # fmt: skip


@dataclass(frozen=True)
class Model:
    """One model.

    Attributes:
        title: name in tables.
        options: options of `train`; empty for artificial networks.
        kind: key of `benchmarks.ann.KINDS` for artificial networks, else "".
        tasks: tasks that have it by default; empty for all.
    """

    title: str
    options: tuple[str, ...] = ()
    kind: str = ""
    tasks: tuple[str, ...] = ()


MODELS: Final[dict[str, Model]] = {
    "no-delays": Model("SNN, no delays", ("--delays", "none")),
    "axonal": Model("SNN, axonal delays", ("--delays", "axonal")),
    "synaptic": Model("SNN, synaptic delays", ("--delays", "synaptic")),
    "small": Model("SNN, small", ("--network", "small"), tasks=("har",)),
    "dense": Model("dense ANN", kind="dense"),
    "cnn": Model("CNN", kind="cnn"),
    "gru": Model("GRU", kind="gru"),
}
"""Models by name, in the order of the tables."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """A task, as read by one version of the code.

    Attributes:
        task: name of the task.
        source: dataset, in words.
        notes: notes of its reader.
        counts: number of training, validation and test samples.
        classes: number of classes.
        steps: time steps per sample.
        unseen: whether the subjects of the test samples have no other samples.
        own: name of the model that the task trains by default.
        data_sha256, split_sha256: digests of the samples and of their split.
        config: the task's configuration.
        augment: name and parameters of the augmentation, or None.
        encoder: name and parameters of the encoder.
        sketches: one number per sketched sample, or None, by "augment", "encoder" and "levels".
        networks: architecture of each spiking model, plan of each artificial one, by name.
        parameters: number of parameters of each spiking model.
        ann: hyperparameters of the artificial networks.
        labels, subjects: labels and subjects of the test samples, int64; subjects may be None.
    """

    task: str
    source: str
    notes: tuple[str, ...]
    counts: tuple[int, int, int]
    classes: int
    steps: int
    unseen: bool
    own: str
    data_sha256: str
    split_sha256: str
    config: Mapping[str, Any]
    augment: Any
    encoder: Mapping[str, Any]
    sketches: Mapping[str, list[float] | None]
    networks: Mapping[str, Any]
    parameters: Mapping[str, int]
    ann: Mapping[str, Any]
    labels: NDArray[np.int64]
    subjects: NDArray[np.int64] | None

    @property
    def majority(self) -> float:
        """Fraction of the test samples with the most frequent label."""
        return float(np.bincount(self.labels).max() / len(self.labels))

    def as_dict(self) -> dict[str, Any]:
        """Return all fields except the arrays as JSON values."""
        values = {name: each for name, each in vars(self).items() if name not in ARRAYS}
        found: dict[str, Any] = json.loads(json.dumps(values))
        return found

    @property
    def key(self) -> str:
        """Short name: the task and the start of a sha256."""
        text = json.dumps(self.as_dict(), sort_keys=True)
        return f"{self.task}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


ARRAYS: Final = ("labels", "subjects")


def from_dict(values: Mapping[str, Any], labels: NDArray[Any], subjects: Any) -> Setup:
    """Return a setup from the values of `as_dict` and its arrays."""
    whole = None if subjects is None else subjects.astype(np.int64)
    found = {
        **{name: tuple(values[name]) for name in ("notes", "counts")},
        "networks": renamed(values["networks"], "network"),
        "config": renamed(values["config"], "run"),
    }
    return Setup(**{**values, **found}, labels=labels.astype(np.int64), subjects=whole)


def differences(recorded: Setup, now: Setup, model: str) -> list[str]:
    """Return the names of the differences between setups that affect a model's figures."""
    names = ["data_sha256", "split_sha256", "augment"]
    sketches = ["augment", "levels"]
    if MODELS[model].kind:
        names.append("ann")
    else:
        names += ["config", "encoder"]
        sketches.append("encoder")
    one, other = recorded.as_dict(), now.as_dict()
    found = [name for name in names if one[name] != other[name]]
    if one["networks"].get(model) != other["networks"].get(model):
        found.append("network")
    close = (_close(recorded.sketches[name], now.sketches[name]) for name in sketches)
    return found + [f"output of {name}" for name, same in zip(sketches, close) if not same]


def _close(one: list[float] | None, other: list[float] | None) -> bool:
    if one is None or other is None or len(one) != len(other):
        return one == other
    first, second = np.array(one), np.array(other)
    return bool(np.abs(first - second).mean() <= TOLERANCE * np.abs(first).mean())


def setup_of(name: str) -> Setup:
    """Read a task's data and return its setup.

    Raises:
        InputError: if the data are missing or malformed, or if the task's default network is not
            one of the compared models.
    """
    from neurodeploy import task
    from neurodeploy.data.dataset import digest

    data = task(name)
    dataset, split = data.dataset, data.split
    networks, own = _networks(data)
    parameters = {model: parameters_of(network) for model, network in networks.items()}
    tested = None if dataset.subjects is None else dataset.subjects[split.test]
    others = np.concatenate([split.train, split.validation])
    return Setup(
        task=name,
        source=dataset.source.partition(" in ")[0],  # without the folder on this machine
        notes=tuple(dataset.notes),
        counts=(len(split.train), len(split.validation), len(split.test)),
        classes=len(dataset.class_names),
        steps=data.encoder.steps(dataset.num_steps),
        unseen=tested is not None and not np.isin(tested, dataset.subjects[others]).any(),
        own=own,
        data_sha256=digest(dataset),
        split_sha256=_sha256(split.train, split.validation, split.test),
        config=recorded(data.config),
        augment=described(data.config.augment),
        encoder=data.encoder.as_dict(),
        sketches=_sketches(data),
        networks={
            **{n: each.as_dict() for n, each in networks.items()},
            **_plans(data, parameters[own]),
        },
        parameters=parameters,
        ann=_ann_rules(),
        labels=dataset.labels[split.test],
        subjects=tested,
    )


def _networks(data: Any) -> tuple[dict[str, Architecture], str]:
    """Return the architectures of the spiking models, and the name of the task's default one."""
    config = data.config
    networks = {
        kind: data.architecture(replace(config, delays="none" if kind == "no-delays" else kind))
        for kind in ("no-delays", "axonal", "synaptic")
    }
    networks["small"] = data.architecture(config.with_network("small"))
    own = data.architecture(config)
    same = [model for model, network in networks.items() if network == own]
    if not same:
        raise InputError(
            f"the task {data.name} trains by default none of {', '.join(networks)}, which are "
            "compared; give its configuration one of the kinds of delays"
        )
    return networks, same[0]


def _plans(data: Any, parameters: int) -> dict[str, Any]:
    from benchmarks import ann

    shape = ann.shape_of(data)
    return {kind: ann.plan_for(kind, shape, parameters).as_dict() for kind in ann.KINDS}


def _ann_rules() -> dict[str, Any]:
    from benchmarks import ann

    return ann.rules()


def parameters_of(network: Architecture) -> int:
    """Return the number of parameters of a spiking network: weights, delays and biases.

    Axonal delays count one per neuron, or per channel of images; synaptic delays one per weight.
    """
    total = 0
    for layer, weights in zip(network.layers, network.synapses):
        neurons = layer.channels if layer.kind == "conv" else layer.neurons
        delays = {"none": 0, "axonal": neurons, "synaptic": weights}[layer.delays]
        total += weights + (delays or 0) + (neurons or 0) * layer.bias
    return total


def recorded(config: Any) -> dict[str, Any]:
    """Return the fields `CONFIG` of a configuration as JSON values."""
    values = {name: getattr(config, name) for name in CONFIG}
    return {**values, "hidden": list(config.hidden or ())}


def described(augment: Any) -> Any:
    """Return name and parameters of an augmentation as JSON values."""
    if augment is None or not is_dataclass(augment):
        return None if augment is None else augment.__name__
    return {"name": type(augment).__name__, **asdict(augment)}  # type: ignore[arg-type]


def _sketches(data: Any) -> dict[str, list[float] | None]:
    train = data.split.train
    signals = data.dataset.signals[train[np.linspace(0, len(train) - 1, SKETCHED).astype(int)]]
    augment, levels = data.config.augment, getattr(data.encoder, "levels", None)
    varied = signals if augment is None else augment(signals, np.random.default_rng(0))
    return {
        "augment": sketch(varied),
        "encoder": sketch(data.encoder.encode(signals)),
        "levels": None if levels is None else sketch(np.asarray(levels(signals), np.float32)),
    }


def sketch(values: NDArray[Any]) -> list[float]:
    """Return one number per sample: the dot product with fixed normal random numbers."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    weights = np.random.default_rng(0).standard_normal(flat.shape[1])
    return [float(f"{number:.5g}") for number in flat @ weights]


def _sha256(*arrays: NDArray[Any]) -> str:
    sha = hashlib.sha256()
    for each in arrays:
        sha.update(f"{len(each)}:".encode() + np.ascontiguousarray(each).tobytes())
    return sha.hexdigest()
