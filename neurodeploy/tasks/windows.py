"""What a task's data is once it is read: signal windows with labels and subjects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InputError


@dataclass(frozen=True, eq=False)
class Windows:
    """Labelled windows of a multichannel signal; arrays are read-only copies.

    Attributes:
        signals: float32 array (windows, channels, samples), finite, in units of `channel_names`.
        labels: int64 array (windows,), 0 to the number of classes minus 1.
        subjects: int64 array (windows,), number of the person who wore the sensor.
        class_names: one name a label.
        channel_names: one name with its unit a channel, such as "acc-x (g)".
        rate_hz: samples a second.
        source: data set and reader, for reports.
        test_subjects: subjects kept for the test, as the data set or its reader lays down.
        notes: one sentence for each thing that the reader dropped or chose.

    Raises:
        InputError: when shapes disagree, a label has no name or a value is not finite.
    """

    signals: NDArray[np.float32]
    labels: NDArray[np.int64]
    subjects: NDArray[np.int64]
    class_names: tuple[str, ...]
    channel_names: tuple[str, ...]
    rate_hz: float
    source: str
    test_subjects: tuple[int, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, dtype in (("signals", np.float32), ("labels", np.int64), ("subjects", np.int64)):
            object.__setattr__(self, name, _read_only(getattr(self, name), dtype))
        _check_shapes(self)
        check_finite(self.signals, self.source)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def samples(self) -> int:
        """Samples of one window."""
        return int(self.signals.shape[2])


@dataclass(frozen=True, eq=False)
class Signal:
    """One window as the sensor gave it.

    Attributes:
        values: float32 array (channels, samples).
        names: one name with its unit a channel.
    """

    values: NDArray[np.float32]
    names: tuple[str, ...]


def digest(windows: Windows) -> str:
    """Return the sha256 of what the windows hold, wherever they come from.

    Their source and the reader's notes do not count.
    """
    names = [windows.class_names, windows.channel_names, windows.rate_hz, windows.test_subjects]
    sha = hashlib.sha256(json.dumps([*names, windows.signals.shape]).encode())
    for values in (windows.signals, windows.labels, windows.subjects):
        sha.update(values.data)
    return sha.hexdigest()


def _read_only(values: ArrayLike, dtype: type[np.generic]) -> NDArray[Any]:
    copied = np.array(values, dtype=dtype, order="C")
    copied.setflags(write=False)
    return copied


def _check_shapes(windows: Windows) -> None:
    signals, count = windows.signals, len(windows.signals)
    if signals.ndim != 3 or signals.shape[1:] != (len(windows.channel_names), signals.shape[-1]):
        raise InputError(
            f"{windows.source}: signals have shape {signals.shape}; they must be (windows, "
            f"{len(windows.channel_names)} channels, samples)"
        )
    for name in ("labels", "subjects"):
        shape = getattr(windows, name).shape
        if shape != (count,):
            raise InputError(
                f"{windows.source}: {name} have shape {shape} for {count} windows; give one "
                "a window"
            )
    check_labels(windows.labels, windows.class_names, windows.source)


def check_labels(
    labels: NDArray[np.int64], class_names: Sequence[str], source: str, *, first: int = 0
) -> None:
    """Raise InputError unless each label names a class, where `first` is the lowest label."""
    last = first + len(class_names) - 1
    wrong = labels[(labels < first) | (labels > last)]
    if wrong.size:
        raise InputError(
            f"{source} holds label {wrong[0]}; labels run from {first} to {last}, "
            "so read another file or download it again"
        )


def check_finite(signals: NDArray[np.floating[Any]], source: str) -> None:
    """Raise InputError that names the window and channel of the first value that is not finite.

    Args:
        signals: floating array (windows, channels, samples).
        source: what the message starts with.
    """
    finite = np.isfinite(signals).all(axis=2)
    if not finite.all():
        window, channel = (int(index) for index in np.argwhere(~finite)[0])
        values = signals[window, channel]
        raise InputError(
            f"{source}: window {window}, channel {channel} holds "
            f"{values[~np.isfinite(values)][0]}; signals must be finite, so remove the window"
        )
