"""`Dataset`: labelled samples, each a signal of several channels and time steps.

An image is a sample of one time step whose channels are its pixels. Event data are counts per time
bin, one bin per step.
"""

from __future__ import annotations

import hashlib
import json
import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from neurodeploy.models import schema
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError

NUMBERS: Final = "buif"
"""NumPy's kinds of real numbers: bool, unsigned, signed, float."""


def fixed_signals(values: ArrayLike, what: str) -> NDArray[Any]:
    """Return a read-only array, uint8 if the values are uint8, else float32.

    Values too large for float32 become infinite; the caller must refuse them.

    Args:
        values: numbers.
        what: name for error messages, such as "HAPT: signals".

    Raises:
        InputError: if the values are not numbers.
    """
    array = _numbers(values, what)
    with np.errstate(over="ignore"):
        return read_only(array, np.uint8 if array.dtype == np.uint8 else np.float32)


def whole_numbers(values: ArrayLike, dtype: type[np.integer[Any]], what: str) -> NDArray[Any]:
    """Return a read-only integer array.

    Args:
        values: whole numbers, such as 2 or 2.0.
        dtype: dtype of the result.
        what: name for error messages, such as "HAPT: labels".

    Raises:
        InputError: if a value is not a whole number, or out of the range of the dtype.
    """
    array, limits = _numbers(values, what), np.iinfo(dtype)
    with np.errstate(invalid="ignore"):
        wrong = array[(array % 1 != 0) | (array < limits.min) | (array > limits.max)]
    if wrong.size:
        raise InputError(
            f"{what} hold {wrong[0]}; they must be integers in the range of {np.dtype(dtype)}, "
            "so correct the data"
        )
    return read_only(array, dtype)


def read_only(values: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """Return a read-only C-order copy, or the array itself if it is read-only and owns its data."""
    own = values.flags.owndata and not values.flags.writeable
    fixed = np.asarray(values, dtype, order="C") if own else np.array(values, dtype, order="C")
    fixed.setflags(write=False)
    return fixed


def _numbers(values: ArrayLike, what: str) -> NDArray[Any]:
    """Return the values as an array; raise InputError if they are not numbers."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise InputError(f"{what} have rows of different lengths; give a full array") from None
    if array.dtype.kind not in NUMBERS:
        raise InputError(f"{what} are {array.dtype}; give an array of real numbers")
    return array


TRAIN: Final = 0
VALIDATION: Final = 1
TEST: Final = 2
"""Values of `Dataset.parts`."""


UNLABELLED: Final = -1
"""The label of a step of a recording that belongs to no class."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A whole recording with one label per time step; arrays are read-only.

    Attributes:
        signal: array (channels, steps), finite: uint8 or float32, as `Dataset.signals`.
        labels: int64 array (steps,): a class of the dataset, or `UNLABELLED`.
        subject: number of the person, or None.

    Raises:
        InputError: if shapes do not match, a label is not an integer of -1 or more, or the signal
            is not finite.
    """

    signal: NDArray[np.float32] | NDArray[np.uint8]
    labels: NDArray[np.int64]
    subject: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "signal", fixed_signals(self.signal, "a recording: its signal"))
        labels = whole_numbers(self.labels, np.int64, "a recording: its labels")
        object.__setattr__(self, "labels", labels)
        if self.signal.ndim != 2 or labels.shape != self.signal.shape[1:]:
            raise InputError(
                f"a recording has a signal of shape {self.signal.shape} and labels of shape "
                f"{labels.shape}; give (channels, steps) and (steps,)"
            )
        check_finite(self.signal[None], "a recording")

    @property
    def num_steps(self) -> int:
        """Number of time steps, before encoding."""
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled samples of a multichannel signal; arrays are read-only.

    The test set is defined by `parts`, sample by sample, or else by `test_subjects`.

    Attributes:
        signals: array (num_samples, channels, num_steps) in the units of `channel_names`: uint8,
            for example for pixels and event counts, or finite float32.
        labels: int64 array (num_samples,), 0 to the number of classes minus 1.
        subjects: int64 array (num_samples,), the person of each sample, or None.
        class_names: one name per label.
        channel_names: one name with its unit per channel, such as "acc-x (g)".
        rate_hz: time steps per second, or None if a step has no duration.
        source: dataset and reader, for reports.
        test_subjects: the subjects of the test set.
        notes: sentences on what the reader left out or chose.
        parts: uint8 array (num_samples,) of `TRAIN`, `VALIDATION` and `TEST`, or None to split by
            subject; without any `VALIDATION`, some samples of `TRAIN` become validation samples.
        grid: (height, width) if channels are pixels: channel (k * height + y) * width + x is pixel
            x, y of plane k.
        recordings: the whole recordings of all subjects that the samples were cut from, or ().

    Raises:
        InputError: if shapes do not match, a label has no name, a value of `parts` is not one of
            the three, a signal is not finite, or a field has the wrong type.
    """

    signals: NDArray[np.float32] | NDArray[np.uint8]
    labels: NDArray[np.int64]
    subjects: NDArray[np.int64] | None
    class_names: tuple[str, ...]
    channel_names: tuple[str, ...]
    rate_hz: float | None
    source: str
    test_subjects: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    parts: NDArray[np.uint8] | None = None
    grid: tuple[int, int] | None = None
    recordings: tuple[Recording, ...] = ()

    def __post_init__(self) -> None:
        where = self.source if isinstance(self.source, str) else "the dataset"
        names = _Plain.__struct_fields__
        plain = schema.convert({name: _plain(getattr(self, name)) for name in names}, _Plain, where)
        fixed = {name: getattr(plain, name) for name in names}
        fixed["signals"] = fixed_signals(self.signals, f"{where}: signals")
        for name, dtype in (("labels", np.int64), ("subjects", np.int64), ("parts", np.uint8)):
            values = getattr(self, name)
            if values is not None or name == "labels":
                fixed[name] = whole_numbers(values, dtype, f"{where}: {name}")
        for name, value in fixed.items():
            object.__setattr__(self, name, value)
        for check in (_check_signals, _check_rows, _check_parts, _check_grid, _check_recordings):
            check(self)
        check_finite(self.signals, self.source)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_samples(self) -> int:
        """Number of samples."""
        return len(self.labels)

    @property
    def num_steps(self) -> int:
        """Time steps per sample, before encoding."""
        return int(self.signals.shape[2])

    @property
    def test_words(self) -> str:
        """Name of the test set: "test subjects" or "test samples"."""
        return "test subjects" if self.parts is None else "test samples"


@dataclass(frozen=True, eq=False, repr=False)
class Signal(Shown):
    """One sample before encoding.

    Attributes:
        values: float32 or uint8 array (channels, num_steps).
        names: one name with its unit per channel.
        grid: (height, width) if the channels are pixels; see `Dataset.grid`.
    """

    values: NDArray[Any]
    names: tuple[str, ...]
    grid: tuple[int, int] | None = None


def digest(dataset: Dataset) -> str:
    """Return the sha256 of a dataset's content, without `source` and `notes`."""
    names = [dataset.class_names, dataset.channel_names, dataset.rate_hz, dataset.test_subjects]
    sha = hashlib.sha256(json.dumps([*names, dataset.signals.shape]).encode())
    for values in (dataset.signals, dataset.labels, dataset.subjects, dataset.parts):
        if values is not None:
            sha.update(values.data)
    return sha.hexdigest()


def shown(value: object) -> str:
    """Return a value as text for an error message, shortened to one line."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    return " ".join(reprlib.repr(value).split())


class _Plain(msgspec.Struct):
    """The fields of a dataset that are not arrays."""

    source: str
    class_names: tuple[str, ...]
    channel_names: tuple[str, ...]
    notes: tuple[str, ...]
    test_subjects: tuple[int, ...]
    rate_hz: Annotated[int, Meta(gt=0)] | Annotated[float, Meta(gt=0, le=1e30)] | None
    grid: tuple[Annotated[int, Meta(ge=1)], Annotated[int, Meta(ge=1)]] | None


def _plain(value: Any) -> Any:
    """Convert numpy numbers and arrays to Python objects."""
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    return value.tolist() if isinstance(value, (np.number, np.ndarray)) else value


def _check_signals(dataset: Dataset) -> None:
    signals = dataset.signals
    if signals.ndim != 3 or signals.shape[1:] != (len(dataset.channel_names), signals.shape[-1]):
        raise InputError(
            f"{dataset.source}: signals have shape {signals.shape}; it must be (samples, "
            f"{len(dataset.channel_names)}, steps), for {len(dataset.channel_names)} channels"
        )
    if not signals.shape[2]:
        raise InputError(f"{dataset.source}: samples have 0 steps; give 1 or more")


def _check_rows(dataset: Dataset) -> None:
    count = len(dataset.signals)
    for name in ("labels", "subjects", "parts"):
        values = getattr(dataset, name)
        shape = (count,) if values is None else values.shape
        if shape != (count,):
            raise InputError(
                f"{dataset.source}: {name} have shape {shape} for {count} samples; give one "
                "per sample"
            )
    check_labels(dataset.labels, dataset.class_names, dataset.source)


def _check_parts(dataset: Dataset) -> None:
    """Raise InputError unless `parts` or `subjects` define the split of every sample."""
    if dataset.parts is None:
        if dataset.subjects is None:
            raise InputError(f"{dataset.source} has neither subjects nor parts; give one of them")
        return
    wrong = dataset.parts[dataset.parts > TEST]
    if wrong.size:
        raise InputError(
            f"{dataset.source}: parts hold {wrong[0]}; give each sample {TRAIN} (train), "
            f"{VALIDATION} (validation) or {TEST} (test)"
        )


def _check_grid(dataset: Dataset) -> None:
    grid = dataset.grid
    if grid is not None and len(dataset.channel_names) % math.prod(grid):
        raise InputError(
            f"{dataset.source} has {len(dataset.channel_names)} channels, which is not a multiple "
            f"of the pixels of its grid {grid}; give (height, width) of one plane"
        )


def _check_recordings(dataset: Dataset) -> None:
    """Raise InputError for a recording whose channels or labels are not those of the samples."""
    channels, classes = len(dataset.channel_names), len(dataset.class_names)
    for index, recording in enumerate(dataset.recordings):
        if len(recording.signal) != channels:
            raise InputError(
                f"{dataset.source}: recording {index} has {len(recording.signal)} channels, but "
                f"the samples have {channels}; give all of one kind"
            )
        wrong = (recording.labels < UNLABELLED) | (recording.labels >= classes)
        if wrong.any():
            raise InputError(
                f"{dataset.source}: recording {index} holds label {recording.labels[wrong][0]}; "
                f"labels run from 0 to {classes - 1}, and {UNLABELLED} where there is none"
            )


def check_labels(
    labels: NDArray[np.int64], class_names: Sequence[str], source: str, *, first: int = 0
) -> None:
    """Raise InputError unless all labels are within `first` + 0 to the number of classes - 1."""
    last = first + len(class_names) - 1
    wrong = labels[(labels < first) | (labels > last)]
    if wrong.size:
        raise InputError(
            f"{source} holds label {wrong[0]}; labels run from {first} to {last}, so read "
            "another file or download it again"
        )


def check_finite(signals: NDArray[Any], source: str) -> None:
    """Raise InputError with sample and channel of the first value that is not finite, if any.

    Args:
        signals: array (samples, channels, steps).
        source: start of the message.
    """
    if signals.dtype.kind != "f":
        return
    finite = np.isfinite(signals).all(axis=2)
    if not finite.all():
        sample, channel = (int(index) for index in np.argwhere(~finite)[0])
        values = signals[sample, channel]
        raise InputError(
            f"{source}: sample {sample}, channel {channel} holds "
            f"{values[~np.isfinite(values)][0]}; signals must be finite, so remove the sample"
        )


def image_dataset(
    train: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    test: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    *,
    class_names: Sequence[str],
    source: str,
    highest: int = 255,
    notes: Sequence[str] = (),
) -> Dataset:
    """Return a dataset of images, as samples of one time step; training images come first.

    Args:
        train: pixels, uint8 (images, height, width), and labels, uint8 (images,).
        test: pixels and labels of the test images.
        class_names: one name per label.
        source: dataset and reader, for reports.
        highest: the largest possible pixel value.
        notes: notes of the reader.
    """
    height, width = train[0].shape[1:]
    return Dataset(
        signals=np.concatenate([train[0], test[0]]).reshape(-1, height * width, 1),
        labels=np.concatenate([train[1], test[1]]).astype(np.int64),
        subjects=None,
        class_names=tuple(class_names),
        channel_names=tuple(
            f"pixel {x}, {y} (0..{highest})" for y in range(height) for x in range(width)
        ),
        rate_hz=None,
        source=source,
        notes=tuple(notes),
        parts=np.repeat(np.array([TRAIN, TEST], np.uint8), [len(train[1]), len(test[1])]),
        grid=(height, width),
    )
