"""The data of a task: its dataset, split and encoder, from its files or from arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.config import TrainConfig
from neurodeploy.data import cache, get
from neurodeploy.data.dataset import TEST, TRAIN, VALIDATION, Dataset, Signal
from neurodeploy.data.encoders import Counts, Encoder, Spikes, from_dict
from neurodeploy.data.origin import Origin
from neurodeploy.data.recordings import EncodedRecording, encode_recordings, of_subjects
from neurodeploy.data.samples import Samples, shortfall, spread
from neurodeploy.data.split import PARTS, Split, split
from neurodeploy.data.task import Task
from neurodeploy.models.architecture import Architecture
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork, TaskDescription, check_network

MS_PER_S = 1000.0


@dataclass(frozen=True, eq=False, repr=False)
class TaskData(Shown):
    """A task with its dataset, split and encoder: `neurodeploy.task("har")`.

    Attributes:
        task: the task.
        dataset: all labelled samples.
        split: indices of the training, validation and test samples.
        encoder: encodes signals as spikes.
        notes: sentences on samples that were left out and choices that were made.

    Examples:
        >>> task.name, len(task.validation), task.test.spikes.shape, task.config.epochs
        ('digits', 270, (450, 64, 16), 80)
    """

    task: Task
    dataset: Dataset
    split: Split
    encoder: Encoder
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name per label."""
        return self.dataset.class_names

    @property
    def config(self) -> TrainConfig:
        """The task's training configuration, tuned on validation data."""
        return self.task.config

    @property
    def train(self) -> Samples:
        """The training samples, encoded when they are read."""
        return self.samples("train")

    @property
    def validation(self) -> Samples:
        """The validation samples, which select the best epoch."""
        return self.samples("validation")

    @property
    def test(self) -> Samples:
        """The test samples."""
        return self.samples("test")

    def samples(self, part: str, count: int | None = None) -> Samples:
        """Return the samples of "train", "validation" or "test", or `count` evenly spaced ones."""
        dataset, encoder, rows = self.dataset, self.encoder, getattr(self.split, part)
        numbers = spread(len(rows), count)
        chosen = rows[numbers]
        return Samples(
            numbers=numbers,
            num_steps=encoder.steps(dataset.num_steps),
            part=lambda start, stop: encode_samples(dataset, encoder, chosen[start:stop]).spikes,
            labels=dataset.labels[chosen],
            source=dataset.source,
            split=dataset.test_words if part == "test" else f"{part} samples",
            signal=lambda at: Signal(
                dataset.signals[chosen[at]], dataset.channel_names, dataset.grid
            ),
            notes=shortfall(len(rows), count),
        )

    def recordings(self, part: str) -> tuple[EncodedRecording, ...]:
        """Return the whole recordings of the people in "train", "validation" or "test", encoded.

        Those of `har` with HAPT are 19 of 9 test subjects; the spikes of the first, of subject 2,
        have the shape (33, 18026).

        Raises:
            InputError: if the data have no recordings, or the encoder changes the number of steps.
        """
        chosen = of_subjects(self.dataset, getattr(self.split, part))
        return tuple(encode_recordings(self.dataset, self.encoder, chosen))

    def take(self, count: int) -> TaskData:
        """Return the task with at most `count` evenly spaced samples per part, for a quick trial.

        Raises:
            InputError: if `count` is below 1.

        Examples:
            >>> small = task.take(100)
            >>> len(small.train), len(small.validation), len(small.test)
            (100, 100, 100)
        """
        if count < 1:
            raise InputError(f"count is {count}; give 1 or more")
        rows = {part: getattr(self.split, part) for part in PARTS}
        few = {part: each[spread(len(each), count)] for part, each in rows.items()}
        return replace(self, split=Split(**few))

    def architecture(self, config: TrainConfig) -> Architecture:
        """Return the architecture that a configuration describes for these data.

        Raises:
            InputError: if it does not fit the channels and classes.
        """
        return config.architecture(
            channels=self.encoder.channels(len(self.dataset.channel_names)),
            classes=len(self.class_names),
            steps=self.encoder.steps(self.dataset.num_steps),
            grid=self.dataset.grid,
        )

    def encoded_for(self, network: QuantizedNetwork) -> TaskData:
        """Return the data as a network from elsewhere takes them.

        Arrays of spikes get the steps after each sample that the network asks for; other data stay
        as they are.
        """
        encoder = network.task.encoder
        if self.name or encoder.get("name") != Spikes.name:
            return self
        return replace(self, encoder=from_dict(encoder))

    def majority_share(self) -> float:
        """Return the fraction of the most frequent class among the validation samples."""
        labels = self.dataset.labels[self.split.validation]
        return float(np.bincount(labels).max() / len(labels))

    def describe(self) -> TaskDescription:
        """Return the description of the task that is stored with a trained network."""
        return TaskDescription(
            name=self.name,
            encoder=self.encoder.as_dict(),
            class_names=self.class_names,
            num_steps=self.encoder.steps(self.dataset.num_steps),
            dt_ms=step_ms(self.dataset, self.encoder),
        )

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(getattr(self.split, part)):,} {part}" for part in PARTS)
        channels = self.encoder.channels(len(self.dataset.channel_names))
        return (
            f"{self.name or 'data'}: {self.dataset.source}\n"
            f"  {counts}; {len(self.class_names)} classes: {', '.join(self.class_names)}\n"
            f"  spikes of {channels} channels in {self.encoder.steps(self.dataset.num_steps)} steps"
        )


def load_task(
    task: Task | str, path: str | Path | None = None, *, encoder: str | None = None
) -> TaskData:
    """Read the data of a task; the spikes of slow encoders are computed once and cached.

    Args:
        task: a task or its name; `python -m neurodeploy.data` lists them.
        path: folder or file of the dataset; None for the default location.
        encoder: name of an alternative encoder; None for the default.

    Raises:
        InputError: if there is no such task or encoder, or the data are missing or malformed.

    Examples:
        >>> task = neurodeploy.task("digits")
        >>> len(task.train), len(task.test), task.test.spikes.shape
        (1077, 450, (450, 64, 16))
    """
    task = get(task) if isinstance(task, str) else task
    dataset = task.load(None if path is None else Path(path))
    chosen = task.encoder(dataset, encoder)
    notes = (*dataset.notes, *cache.prepare(dataset, chosen))
    return TaskData(task, dataset, split(dataset), chosen, notes)


def task_from_arrays(
    train: tuple[ArrayLike, ArrayLike],
    validation: tuple[ArrayLike, ArrayLike],
    test: tuple[ArrayLike, ArrayLike],
    *,
    class_names: Sequence[str] | None = None,
    dt_ms: float | None = None,
    config: TrainConfig | None = None,
) -> TaskData:
    """Create a task from arrays of spikes.

    Args:
        train: spikes, integers (samples, channels, time) of 0 and 1, and labels, integers
            (samples,) from 0.
        validation: spikes and labels of the validation samples.
        test: spikes and labels of the test samples.
        class_names: one name per label; numbers by default.
        dt_ms: milliseconds per time step, or None if a step has no duration.
        config: training configuration; `TrainConfig()` by default.

    Raises:
        InputError: if shapes do not match, or a part has no sample of some class.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.array([0, 1, 2] * 4)
        >>> parts = [(rng.integers(0, 2, (12, 8, 20)), labels) for _ in range(3)]
        >>> data = neurodeploy.task_from_arrays(*parts, class_names=("low", "mid", "high"))
        >>> len(data.train), data.test.spikes.shape
        (12, (12, 8, 20))
    """
    arrays = {"train": train, "validation": validation, "test": test}
    checked = {name: _checked_part(name, part) for name, part in arrays.items()}
    shapes = {name: each.spikes.shape[1:] for name, each in checked.items()}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise InputError(f"parts differ in (channels, time): {listed}; give all of one shape")
    labels = np.concatenate([each.targets for each in checked.values()])
    names = tuple(class_names or map(str, range(int(labels.max()) + 1)))
    if labels.max() >= len(names):
        raise InputError(
            f"there is a label {labels.max()} for {len(names)} class names; give one name per label"
        )
    if dt_ms is not None and not dt_ms > 0:
        raise InputError(f"dt_ms is {dt_ms}; give milliseconds above 0, or None")
    parts = np.repeat(
        np.array([TRAIN, VALIDATION, TEST], np.uint8), [len(each) for each in checked.values()]
    )
    spikes = np.concatenate([each.spikes for each in checked.values()])
    dataset = _spike_dataset(spikes.astype(np.uint8), labels, parts, names, dt_ms)
    task = Task(
        name="",
        description="arrays of spikes",
        read=lambda path: dataset,
        default_encoder=lambda dataset: Counts(),
        config=config or TrainConfig(),
        origin=Origin("arrays", "yours", "you", "they are in memory"),
    )
    return TaskData(task, dataset, split(dataset), Counts())


LABELLED_PARTS: Final = np.array([TRAIN, TRAIN, TRAIN, VALIDATION, TEST], np.uint8)
"""The part of the first, second, ... sample of a class, over and over."""


def task_from_input(
    source: str | Path | ArrayLike,
    network: QuantizedNetwork,
    *,
    labels: str | Path | ArrayLike,
) -> TaskData:
    """Create a task from labelled spikes that a network takes, in order to fine-tune it.

    Of every five samples of a class, in the order of the array, the fourth validates and the fifth
    tests. If neighbors belong together, such as windows of one recording, form the parts yourself
    with `task_from_arrays`.

    Args:
        source: a .npy file or an array, spikes of 0 and 1, as for `load_input`.
        network: the network, whose class names and time step the task gets.
        labels: a .npy file or an array, the correct class of each sample, integers (samples,).

    Raises:
        InputError: if spikes or labels do not fit the network, or a class has too few samples.

    Examples:
        >>> many = np.repeat(spikes, 4, axis=0)
        >>> data = neurodeploy.task_from_input(many, network, labels=np.arange(20) % 2)
        >>> len(data.train), len(data.validation), len(data.test)
        (12, 4, 4)
    """
    from neurodeploy.data.inputs import load_input

    check_network(network)
    about = network.task
    samples = load_input(source, replace(network, task=TaskDescription()), labels=labels)
    spikes, targets = samples.spikes, samples.targets
    if spikes.min() < 0 or spikes.max() > 1:
        raise InputError(
            f"{samples.source} ranges from {spikes.min()} to {spikes.max()}; training takes spikes "
            "of 0 and 1"
        )
    parts = np.zeros(len(targets), np.uint8)
    for label in range(network.outputs):
        rows = np.flatnonzero(targets == label)
        if len(rows) < len(LABELLED_PARTS):
            raise InputError(
                f"{samples.source} has {len(rows)} samples of class {label}; give at least "
                f"{len(LABELLED_PARTS)} of each, to train, validate and test on"
            )
        parts[rows] = np.resize(LABELLED_PARTS, len(rows))
    by_part = [
        (spikes[parts == part], targets[parts == part]) for part in (TRAIN, VALIDATION, TEST)
    ]
    data = task_from_arrays(
        *by_part,
        class_names=about.class_names or tuple(map(str, range(network.outputs))),
        dt_ms=about.dt_ms,
    )
    named = replace(data.dataset, source=samples.source)
    return replace(data, dataset=named).encoded_for(network)


def _checked_part(name: str, part: tuple[ArrayLike, ArrayLike]) -> Samples:
    """Return the samples of one part; raise InputError unless spikes and labels match."""
    try:
        spikes, labels = part
    except (TypeError, ValueError):
        raise InputError(f"{name} is not a pair; give (spikes, labels)") from None
    try:
        samples = Samples.of(spikes, labels)
        samples.targets  # noqa: B018  raises where there are none
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    found = samples.spikes
    if not found.size or found.min() < 0 or found.max() > 1:
        raise InputError(f"{name}: give at least one sample, with spikes of 0 or 1")
    return samples


def _spike_dataset(
    spikes: NDArray[np.uint8],
    labels: NDArray[Any],
    parts: NDArray[np.uint8],
    class_names: tuple[str, ...],
    dt_ms: float | None,
) -> Dataset:
    return Dataset(
        signals=spikes,
        labels=labels,
        subjects=None,
        class_names=class_names,
        channel_names=tuple(f"channel {index}" for index in range(spikes.shape[1])),
        rate_hz=None if dt_ms is None else MS_PER_S / dt_ms,
        source="arrays",
        parts=parts,
    )


def load_like(description: TaskDescription, path: Path | None = None) -> TaskData:
    """Read the data of the task that a network was trained for, with the network's encoder.

    Raises:
        InputError: if the network stores no task, or the data are missing or do not fit.
    """
    if not description.name:
        raise InputError(
            "the network stores no task, so there are no samples to run; give some with "
            "--input spikes.npy (see docs/how-to/any-network.md)"
        )
    task = get(description.name)
    dataset = task.load(path)
    encoder = matching_encoder(description, dataset)
    return TaskData(task, dataset, split(dataset), encoder, dataset.notes)


def encode_samples(dataset: Dataset, encoder: Encoder, chosen: ArrayLike) -> Samples:
    """Encode the samples at some indices, such as one part of a `Split`."""
    indices = np.asarray(chosen, dtype=np.int64)
    if encoder.cached:
        return Samples.of(cache.spikes(dataset, encoder, indices), dataset.labels[indices])
    return Samples.of(encoder.encode(dataset.signals[indices]), dataset.labels[indices])


def step_ms(dataset: Dataset, encoder: Encoder) -> float | None:
    """Return the milliseconds of signal per time step, None if a step has no duration."""
    if dataset.rate_hz is None:
        return None
    steps = encoder.steps(dataset.num_steps) - encoder.trailing_steps()
    return MS_PER_S / dataset.rate_hz * dataset.num_steps / steps


def matching_encoder(description: TaskDescription, dataset: Dataset) -> Encoder:
    """Return the encoder that a network was trained with, if it fits the dataset.

    Args:
        description: task description stored with the network; None and () are not compared.
        dataset: the data to run the network on.

    Raises:
        InputError: if the network stores no encoder, or if channels, class names, time steps or
            their duration differ from the training data.
    """
    if not description.encoder:
        raise InputError(
            "the network stores no encoder; export it again from its checkpoint, or give spikes "
            "with --input"
        )
    encoder = from_dict(description.encoder)
    try:
        encoder.channels(len(dataset.channel_names))
    except InputError as error:
        raise InputError(
            f"the channels of {dataset.source} differ from those of the training ({error})"
        ) from None
    pairs = (
        ("class names", description.class_names or dataset.class_names, dataset.class_names),
        ("time steps", description.num_steps, encoder.steps(dataset.num_steps)),
        ("milliseconds per step", description.dt_ms, step_ms(dataset, encoder)),
    )
    for what, trained, found in pairs:
        if trained is not None and trained != found:
            raise InputError(
                f"{dataset.source}: {what} are {_shown(found)}, but the network was trained with "
                f"{_shown(trained)}; give data like those of the training"
            )
    return encoder


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else f"{value}"


def task_samples(
    task: TaskDescription, folder: Path | None = None, *, count: int | None = None
) -> Samples:
    """Load the test samples of a network's task, encoded as in training.

    Args:
        task: the task description of the network.
        folder: folder of the dataset, or None for the default location.
        count: number of samples, evenly spaced; all by default.

    Raises:
        InputError: if the network names no task, or the data is missing or does not match.
    """
    return load_like(task, folder).samples("test", count)
