"""What decides about the figures of a run, so that none is taken for that of another.

A key holds the recipe, the data, the split and the network. Encoder and variation count by what
they do as well: a sketch of what they make of some training windows, in few digits, since the last
ones depend on the processor. Other code counts by a digest of its syntax, without comments and
docstrings; it stands beside the key, since it changes in ways that change no figure: a run of other
code is kept, and said to be of other code.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import math
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.models import AXONAL, MODELS, Model, parameters

ROOT: Final = Path(__file__).parents[2]
LOOKED_AT: Final = 64
"""Training windows that are encoded and varied for a sketch."""

TOLERANCE: Final = 1e-3
"""By what share of the larger one two numbers of a key may differ that are not whole."""

PACKAGES: Final = ("neurodeploy", "torch", "numpy", "lava-dl")
SPIKING_CODE: Final = (
    "models", "export", "hw_sim", "neurodeploy/learning", "neurodeploy/running",
    "neurodeploy/tasks/augment", "neurodeploy/tasks/encoders",
    "benchmarks/accuracy/answers.py",
)  # fmt: skip
ARTIFICIAL_CODE: Final = ("benchmarks/ann",)


@dataclass(frozen=True, eq=False)
class Facts:
    """What the benchmark has to know of a task.

    Attributes:
        task: its name.
        source: data set, in words.
        key: of every run of the task, as JSON values.
        own: the delays that its recipe learns: name of a model.
        parameters: of each spiking model, by its name.
        networks: architectures of these, as JSON values.
        plans: of the artificial models by their name, as JSON values.
        counts: windows to train, to validate and to test.
        labels: int64 array, of the test windows.
        subjects: int64 array, of the test windows, or None where they are not all of people whom
            no other window is of.
        classes: how many.
        steps: time steps of a sample.
    """

    task: str
    source: str
    key: Mapping[str, Any]
    own: str
    parameters: Mapping[str, int]
    networks: Mapping[str, Any]
    plans: Mapping[str, Any]
    counts: tuple[int, int, int]
    labels: NDArray[np.int64]
    subjects: NDArray[np.int64] | None
    classes: int
    steps: int

    @property
    def majority(self) -> float:
        """The share of the test windows that the most frequent class has."""
        return float(np.bincount(self.labels).max() / len(self.labels))


def facts_of(name: str) -> Facts:
    """Return the facts of a task, whose data are read for them.

    Raises:
        InputError: when they are missing or malformed.
    """
    from benchmarks.ann import inputs, sizes
    from neurodeploy import train

    data = train.load_data(_options(name))
    windows, split = data.windows, data.split
    spiking = {model.name: model for model in MODELS.values() if model.spiking}
    networks = {
        model: _settings(name, each.words, data).architecture for model, each in spiking.items()
    }
    own = _settings(name, (), data).architecture
    counted = {model: parameters(network) for model, network in networks.items()}
    shape = inputs.shape_of(data)
    plans = {
        model.name: sizes.plan_for(model.kind, shape, parameters(own)).as_dict()
        for model in MODELS.values()
        if model.kind
    }
    same = [model for model, network in networks.items() if network == own]
    return Facts(
        name,
        windows.source,
        _key_of_task(name, data),
        same[0] if same else AXONAL,
        counted,
        {model: network.as_dict() for model, network in networks.items()},
        plans,
        (len(split.train), len(split.validation), len(split.test)),
        windows.labels[split.test],
        _test_subjects(windows, split),
        len(windows.class_names),
        data.encoder.steps(windows.samples),
    )


def _test_subjects(windows: Any, split: Any) -> NDArray[np.int64] | None:
    """Return the subjects of the test windows where no other windows are of them, else None."""
    if windows.subjects is None:
        return None
    others = windows.subjects[np.concatenate([split.train, split.validation])]
    tested: NDArray[np.int64] = windows.subjects[split.test]
    return None if np.isin(tested, others).any() else tested


def key_of(facts: Facts, model: Model, seed: int, first_seed: int) -> dict[str, Any]:
    """Return what decides about a run's figures, as JSON values.

    Args:
        facts: of its task.
        model: which is trained.
        seed: of the training.
        first_seed: on which an artificial network's rate is chosen.
    """
    shared = {**facts.key, "model": model.name, "seed": seed}
    if model.spiking:
        return {**shared, "network": facts.networks[model.name]}
    from benchmarks.ann import training

    values = {name: value for name, value in shared.items() if name not in ("recipe", "encoder")}
    rate = {"rates": list(training.RATES), "first_seed": first_seed}
    return {**values, "network": facts.plans[model.name], "rate": rate}


def differences(kept: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs between two keys, as JSON has them."""
    one, other = json.loads(json.dumps(kept)), json.loads(json.dumps(asked))
    return sorted(name for name in {**one, **other} if not _same(one.get(name), other.get(name)))


def _same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal, fractions in lists within `TOLERANCE`."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return all(map(_near, one, other))
    return bool(one == other)


def _near(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=TOLERANCE)
    return _same(one, other)


def _options(task: str, words: Sequence[str] = ()) -> argparse.Namespace:
    from neurodeploy import train

    options = argparse.ArgumentParser()
    train.add_options(options)
    return options.parse_args(["--task", task, *words])


def _settings(task: str, words: Sequence[str], data: Any) -> Any:
    from neurodeploy import train

    return train.settings_of(_options(task, words), data)


def _key_of_task(name: str, data: Any) -> dict[str, Any]:
    from neurodeploy.tasks import get
    from neurodeploy.tasks import windows as windows_module

    recipe = get(name).recipe
    augment = recipe.augment
    numbers = {key: value for key, value in vars(recipe).items() if key != "augment"}
    signals = data.windows.signals[data.split.train[:LOOKED_AT]]
    varied = signals if augment is None else augment(signals, np.random.default_rng(0))
    return {
        "task": name,
        "data_sha256": windows_module.digest(data.windows),
        "split_sha256": _sha256(data.split.train, data.split.validation, data.split.test),
        "encoder": data.encoder.as_dict(),
        "recipe": {**numbers, "hidden": list(recipe.hidden)},
        "encoded": sketch(data.encoder.encode(signals)),
        "varied": sketch(varied),
        "versions": {package: metadata.version(package) for package in PACKAGES},
    }


def sketch(values: NDArray[Any]) -> list[float]:
    """Return the root mean square of every window, to four digits."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    return [float(f"{size:.4g}") for size in np.sqrt(np.square(flat).mean(axis=1))]


def _sha256(*arrays: NDArray[Any]) -> str:
    sha = hashlib.sha256()
    for each in arrays:
        sha.update(np.ascontiguousarray(each).tobytes())
    return sha.hexdigest()


def code_of(model: Model) -> dict[str, Any]:
    """Return the state of the code that makes a model's runs: a digest, the commit, and whether
    files of it are changed since."""
    return {
        "sha256": _code_digest(SPIKING_CODE if model.spiking else ARTIFICIAL_CODE),
        "commit": _commit(),
        "changed": _changed(SPIKING_CODE if model.spiking else ARTIFICIAL_CODE),
    }


@cache
def _code_digest(places: tuple[str, ...]) -> str:
    sha = hashlib.sha256()
    for path in _files(places):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            _without_docstring(node)
        sha.update(f"{path.relative_to(ROOT)} {ast.dump(tree)}".encode())
    return sha.hexdigest()


def _files(places: Iterable[str]) -> list[Path]:
    found = [path for place in places for path in sorted((ROOT / place).rglob("*.py"))]
    return [*found, *(ROOT / place for place in places if place.endswith(".py"))]


def _without_docstring(node: ast.AST) -> None:
    """Take the texts that stand alone, which do nothing, out of a node's body."""
    body = getattr(node, "body", None)
    if isinstance(body, list):
        node.body = [each for each in body if not _is_text(each)]  # type: ignore[attr-defined]


def _is_text(node: ast.AST) -> bool:
    value = getattr(node, "value", None)
    return isinstance(node, ast.Expr) and isinstance(value, ast.Constant)


@cache
def _commit() -> str:
    """Return the commit of the project's folder, or "unknown" outside a repository."""
    return _git("rev-parse", "--short=12", "HEAD") or "unknown"


@cache
def _changed(places: tuple[str, ...]) -> bool:
    return bool(_git("status", "--porcelain", "--", *places))


def _git(*words: str) -> str:
    """Return what git says of the project's folder, "" where it cannot."""
    line = ["git", "-C", str(ROOT), *words]
    try:
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return ""
    return done.stdout.strip()
