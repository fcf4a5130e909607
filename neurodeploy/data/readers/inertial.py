"""Common code of the readers of accelerometer and gyroscope data: units, channels and windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data.dataset import UNLABELLED, Dataset, Recording
from neurodeploy.models.errors import InputError

WINDOW_SAMPLES = 128
"""Time steps per window in every dataset: 2.56 s at 50 Hz (as in UCI HAR), 6.4 s at 20 Hz."""

STRIDE_SAMPLES = 64
"""Samples from the start of one window to the next: windows overlap by half, as in UCI HAR."""

STANDARD_GRAVITY = 9.80665
"""Metres per second squared in one g."""

ACCELEROMETER = ("acc-x (g)", "acc-y (g)", "acc-z (g)")
GYROSCOPE = ("gyro-x (rad/s)", "gyro-y (rad/s)", "gyro-z (rad/s)")


@dataclass(frozen=True, eq=False)
class Segment:
    """A segment of a recording without gaps and with one label.

    Attributes:
        subject: number of the person.
        label: index of the class.
        signal: floating-point array (samples, channels), in g and rad/s.
    """

    subject: int
    label: int
    signal: NDArray[np.floating[Any]]


def runs(values: NDArray[Any]) -> list[tuple[int, int]]:
    """Return start and end (exclusive) of each run of equal values in a vector."""
    return stretches(values[1:] != values[:-1], len(values))


def stretches(cut: NDArray[np.bool_], length: int) -> list[tuple[int, int]]:
    """Return start and end (exclusive) of the segments of a vector; `cut[i]` parts i and i+1."""
    edges = [0, *(int(index) + 1 for index in np.flatnonzero(cut)), length]
    return list(pairwise(edges)) if length else []


def segments_of(recording: Recording) -> Iterator[Segment]:
    """Yield the segments of a recording with one label each; leave out unlabelled steps."""
    signal: NDArray[Any] = recording.signal
    for start, end in runs(recording.labels):
        label = int(recording.labels[start])
        if label != UNLABELLED:
            yield Segment(recording.subject or 0, label, signal[:, start:end].T)


def cut_windows(
    segments: Iterable[Segment],
    *,
    class_names: Sequence[str],
    channel_names: Sequence[str],
    rate_hz: float,
    source: str,
    test_subjects: Sequence[int],
    notes: Sequence[str] = (),
    recordings: Sequence[Recording] = (),
) -> Dataset:
    """Cut segments into windows of 128 samples that overlap by half.

    Segments shorter than a window are left out and counted in the notes.

    Raises:
        InputError: if no segment is as long as a window.
    """
    segments = list(segments)
    whole = [s for s in segments if len(s.signal) >= WINDOW_SAMPLES]
    if not whole:
        raise InputError(
            f"{source} has no segment of {WINDOW_SAMPLES} samples with one label; download it "
            "again or give another folder"
        )
    cut = [_windows_of(segment.signal) for segment in whole]
    counts = [len(part) for part in cut]
    short, total = len(segments) - len(whole), len(segments)
    left_out = f"segments left out, shorter than {WINDOW_SAMPLES} samples: {short} of {total}"
    return Dataset(
        signals=np.concatenate(cut),
        labels=np.repeat([segment.label for segment in whole], counts),
        subjects=np.repeat([segment.subject for segment in whole], counts),
        class_names=tuple(class_names),
        channel_names=tuple(channel_names),
        rate_hz=rate_hz,
        source=source,
        test_subjects=tuple(test_subjects),
        notes=(*notes, left_out) if short else tuple(notes),
        recordings=tuple(recordings),
    )


def _windows_of(signal: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return the windows (windows, channels, 128) of one segment (samples, channels)."""
    every = np.lib.stride_tricks.sliding_window_view(signal, WINDOW_SAMPLES, axis=0)
    return every[::STRIDE_SAMPLES].astype(np.float32)
