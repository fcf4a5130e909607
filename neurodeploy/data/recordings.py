"""Whole recordings, encoded, with a label for every time step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data.dataset import Dataset, Recording
from neurodeploy.data.encoders import Encoder
from neurodeploy.models.errors import InputError

ENCODED_TOGETHER: Final = 16
"""Recordings to encode at a time, which limits memory."""


@dataclass(frozen=True, eq=False)
class EncodedRecording:
    """A whole recording as spikes: `neurodeploy.task("har").recordings("test")`.

    Attributes:
        spikes: uint8 array (channels, steps) of 0 and 1; the encoder ran over the whole recording.
        labels: int64 array (steps,): the class, or -1 where there is none.
        subject: number of the person, or None.
        recording: the recording before encoding.
    """

    spikes: NDArray[np.uint8]
    labels: NDArray[np.int64]
    subject: int | None
    recording: Recording

    @property
    def num_steps(self) -> int:
        """Number of time steps."""
        return len(self.labels)


def of_subjects(dataset: Dataset, samples: NDArray[np.int64]) -> list[Recording]:
    """Return the recordings of the subjects of some samples, in the order of the dataset."""
    if dataset.subjects is None:
        return []
    subjects = set(dataset.subjects[samples].tolist())
    return [each for each in dataset.recordings if each.subject in subjects]


def check_recordings(dataset: Dataset, encoder: Encoder) -> None:
    """Raise InputError unless the dataset has recordings that the encoder can encode.

    A label per step needs an encoder that gives one step of spikes for each step of the signal.
    """
    if not dataset.recordings or dataset.subjects is None:
        raise InputError(
            f"{dataset.source} holds no whole recordings with a label per step; use data that do, "
            "such as HAPT of the task har, or cut samples"
        )
    first = dataset.recordings[0].num_steps
    if (steps := encoder.steps(first)) != first:
        raise InputError(
            f"the encoder {encoder.name} makes {steps} steps of a recording of {first}, so its "
            "labels do not fit; use an encoder that keeps the number of steps"
        )


def encode_recordings(
    dataset: Dataset, encoder: Encoder, recordings: Sequence[Recording]
) -> Iterator[EncodedRecording]:
    """Yield recordings with their spikes.

    Recordings of different lengths are encoded together, followed by zeros. Encoders that keep the
    number of steps are causal, so these do not affect the spikes before.

    Raises:
        InputError: as `check_recordings`.
    """
    check_recordings(dataset, encoder)
    for start in range(0, len(recordings), ENCODED_TOGETHER):
        some = recordings[start : start + ENCODED_TOGETHER]
        steps = max(each.num_steps for each in some)
        signals = np.zeros((len(some), len(some[0].signal), steps), some[0].signal.dtype)
        for row, each in zip(signals, some):
            row[:, : each.num_steps] = each.signal
        for spikes, each in zip(encoder.encode(signals), some):
            cut = np.ascontiguousarray(spikes[:, : each.num_steps])
            yield EncodedRecording(cut, each.labels, each.subject, each)
