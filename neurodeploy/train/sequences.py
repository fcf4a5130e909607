"""Samples of a continuous training: sequences of recordings, with a label for every step.

A sequence starts from cleared state anywhere in a recording, and so does the encoder. Its first
`settling_steps` steps have no loss, since there the network and the leaky counts still remember
the start. Steps without a label have none either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurodeploy.config import TrainConfig
from neurodeploy.data.dataset import UNLABELLED, Recording
from neurodeploy.data.recordings import check_recordings, of_subjects
from neurodeploy.data.task_data import TaskData
from neurodeploy.models.errors import InputError

PART_STEPS: Final = 1 << 20
"""Maximum number of time steps to encode at a time, over all sequences."""


@dataclass(frozen=True, eq=False)
class Sequences:
    """Encoded sequences.

    Attributes:
        spikes: uint8 array (sequences, channels, steps) of 0 and 1.
        targets: int64 array (sequences, steps): the class of each step, or `UNLABELLED` for a step
            that has no loss.
    """

    spikes: NDArray[np.uint8]
    targets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.targets)


def check(data: TaskData, config: TrainConfig) -> None:
    """Raise InputError unless the data have recordings of the length that training needs."""
    check_recordings(data.dataset, data.encoder)
    for part in ("train", "validation"):
        recordings = of_subjects(data.dataset, getattr(data.split, part))
        longest = max((each.num_steps for each in recordings), default=0)
        if longest < config.sequence_steps:
            raise InputError(
                f"sequence_steps is {config.sequence_steps:,}, but the longest {part} recording "
                f"has {longest:,} steps; give fewer sequence_steps"
            )


def _long_enough(data: TaskData, config: TrainConfig, part: str) -> list[Recording]:
    recordings = of_subjects(data.dataset, getattr(data.split, part))
    return [each for each in recordings if each.num_steps >= config.sequence_steps]


def per_recording(recording: Recording, config: TrainConfig) -> int:
    """Return the number of sequences that have about as many steps with a loss as a recording."""
    hop = config.sequence_steps - config.settling_steps
    return max(1, (recording.num_steps - config.settling_steps) // hop)


def num_sequences(data: TaskData, config: TrainConfig) -> int:
    """Return the number of training sequences per epoch."""
    return sum(per_recording(each, config) for each in _long_enough(data, config, "train"))


def epoch_sequences(data: TaskData, config: TrainConfig, epoch: int) -> Iterator[Sequences]:
    """Yield the training sequences of one epoch, augmented and in random order.

    Each starts at a random step of a recording; long recordings have more. Each part is a whole
    number of batches with about `PART_STEPS` steps at most, which limits memory.
    """
    rng = np.random.default_rng([config.seed, epoch])
    recordings = _long_enough(data, config, "train")
    places = [
        (recording, int(start))
        for recording in recordings
        for start in rng.integers(
            0,
            recording.num_steps - config.sequence_steps + 1,
            per_recording(recording, config),
        )
    ]
    order = rng.permutation(len(places))
    batches = max(1, PART_STEPS // config.sequence_steps // config.batch_size)
    most = batches * config.batch_size
    for first in range(0, len(order), most):
        chosen = [places[index] for index in order[first : first + most]]
        yield _encoded(data, config, chosen, rng)


def validation_sequences(data: TaskData, config: TrainConfig) -> Sequences:
    """Return the validation sequences, in which each step counts at most once."""
    hop = config.sequence_steps - config.settling_steps
    places = [
        (recording, hop * index)
        for recording in _long_enough(data, config, "validation")
        for index in range(per_recording(recording, config))
    ]
    return _encoded(data, config, places, None)


def _encoded(
    data: TaskData,
    config: TrainConfig,
    places: Sequence[tuple[Recording, int]],
    rng: np.random.Generator | None,
) -> Sequences:
    """Return the sequences at some places, augmented if there is a random generator."""
    spans = [(each, slice(start, start + config.sequence_steps)) for each, start in places]
    signals = np.stack([recording.signal[:, span] for recording, span in spans])
    targets = np.stack([recording.labels[span] for recording, span in spans])
    if rng is not None and config.augment is not None:
        signals, targets = _augmented(config.augment, signals, targets, rng)
    targets[:, : config.settling_steps] = UNLABELLED
    return Sequences(data.encoder.encode(signals), targets)


def _augmented(
    augment: Any, signals: NDArray[Any], targets: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return augmented signals and their labels, which move with signals that are warped."""
    if hasattr(augment, "with_labels"):
        moved: tuple[NDArray[Any], NDArray[np.int64]] = augment.with_labels(signals, targets, rng)
        return moved
    return augment(signals, rng), targets


def leaky_sums(spikes: Tensor, memory_steps: float) -> Tensor:
    """Return the leaky counts of spikes; see `hw_sim.readout.leaky_counts`.

    Args:
        spikes: float (batch, outputs, steps).
        memory_steps: memory in time steps, 1 or more.

    Returns:
        float (batch, outputs, steps), differentiable.
    """
    steps = spikes.shape[2]
    ages = torch.arange(steps)[None, :] - torch.arange(steps)[:, None]  # from row to column
    kept = torch.pow(1 - 1 / memory_steps, ages.clamp(min=0)) * (ages >= 0)
    return spikes @ kept.to(spikes)


def scored(output: Tensor, labels: Tensor, config: TrainConfig) -> tuple[Tensor, Tensor]:
    """Return the counts that are compared with labels, and these labels.

    Args:
        output: spikes of the last layer, float (batch, classes, steps).
        labels: int64 (batch,), or in a continuous training (batch, steps) with `UNLABELLED`.
        config: the configuration.

    Returns:
        float (rows, classes) and int64 (rows,): one row per sample, or per step with a label.
    """
    if not config.continuous:
        return output.sum(2), labels
    counts = leaky_sums(output, config.memory_steps).transpose(1, 2)
    known = labels != UNLABELLED
    return counts[known], labels[known]
