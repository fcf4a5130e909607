"""The task `watch`: shoulder exercises recorded by a smartwatch, from the package seglearn.

Ten people did seven shoulder exercises on each side: 140 series of one exercise each, about 20
repetitions, accelerometer in g and gyroscope in rad/s at 50 Hz. The dataset has no official test
subjects: here they are the 3 whose number is a multiple of three.

Source: Burns et al., Shoulder Physiotherapy Exercise Recognition: Machine Learning the Inertial
Signals from a Smartwatch, Physiological Measurement 39, 2018; the layout is that of `load_watch` in
seglearn's `datasets.py`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.config import TrainConfig
from neurodeploy.data.augment import vary_wrist
from neurodeploy.data.dataset import Dataset, check_labels, shown
from neurodeploy.data.encoders import Delta, Encoder, SigmaDelta, Together
from neurodeploy.data.har import COARSE, DELTA_G, DELTA_RAD_S, LEVEL_PER_G
from neurodeploy.data.origin import Origin, check_published
from neurodeploy.data.readers import allow_list
from neurodeploy.data.readers.files import check_rights
from neurodeploy.data.readers.inertial import ACCELEROMETER, GYROSCOPE, Segment, cut_windows
from neurodeploy.data.task import Task
from neurodeploy.models.errors import InputError, install_commands

CLASS_NAMES = (
    "pendulum", "abduction", "forward elevation", "internal rotation", "external rotation",
    "trapezius extension", "upright row",
)  # fmt: skip
RATE_HZ = 50.0
TEST_ONE_IN = 3

PACKAGE = "seglearn==1.2.5"
FILE = "watch_dataset.npy"
FILE_SHA256 = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"
INSTALL = f"install it with {install_commands(PACKAGE, '--no-deps')}"

_CHANNELS = ["ax", "ay", "az", "wx", "wy", "wz"]
_CLASSES = ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"]
_FIELDS = ("X", "y", "subject", "X_labels", "y_labels")


def package_file() -> Path | None:
    """Return the data file of the installed package, None if it is not installed."""
    spec = importlib.util.find_spec("seglearn")  # does not import it
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "data" / FILE


def read(path: Path) -> Dataset:
    """Read the published file, without importing its package.

    The content is checked before the checksum, because its error messages are more specific.

    Args:
        path: `watch_dataset.npy`, or its folder.

    Raises:
        InputError: if the file is missing, malformed or not the published one.
    """
    file = path / FILE if path.is_dir() else path
    check_rights(file)
    if not file.is_file():
        raise InputError(f"{file} is missing; give the file or its folder, or {INSTALL}")
    content = _content(file)
    segments = list(_segments(content, file))
    check_published(file, FILE_SHA256, f"{INSTALL} once more")
    people = sorted({segment.subject for segment in segments})
    return cut_windows(
        segments,
        class_names=CLASS_NAMES,
        channel_names=ACCELEROMETER + GYROSCOPE,
        rate_hz=RATE_HZ,
        source=f"seglearn's watch data in {PACKAGE}",
        test_subjects=[person for person in people if person % TEST_ONE_IN == 0],
        notes=(
            f"no official test subjects: numbers divisible by {TEST_ONE_IN} are the test subjects",
        ),
    )


def _content(path: Path) -> Mapping[str, Any]:
    """Return the dictionary in the file, an array of one Python object."""
    try:
        with path.open("rb") as file:
            npy: Any = np.lib.format
            if npy.read_magic(file) != (1, 0):
                raise ValueError("it has another version of the npy format")
            shape, _, dtype = npy.read_array_header_1_0(file)
            if shape != () or dtype.kind != "O":
                raise ValueError(f"it is an array {shape} of {dtype}")
            raw = allow_list.load(file).item()
        if not isinstance(raw, dict):
            raise TypeError(f"it holds a {type(raw).__name__} where a dictionary must be")
        missing = [name for name in _FIELDS if name not in raw]
    except Exception as error:  # a damaged pickle can raise anything
        raise InputError(
            f"{path} is not seglearn's watch dataset ({error}); {INSTALL} once more"
        ) from error
    if missing:
        raise InputError(
            f"{path} has no field {missing[0]}; it must have {', '.join(_FIELDS)}, so {INSTALL}"
        )
    return raw


def _segments(content: Mapping[str, Any], path: Path) -> Iterator[Segment]:
    """Yield each series as a segment, after checking them."""
    for name, expected in (("X_labels", _CHANNELS), ("y_labels", _CLASSES)):
        found = content[name]
        words = isinstance(found, list) and all(isinstance(each, str) for each in found)
        if not words or found != expected:
            raise InputError(
                f"{path} has {name} {shown(found)}; they must be {', '.join(expected)}, in this "
                f"order, so {INSTALL}"
            )
    labels, subjects = (_whole_numbers(content, name, path) for name in ("y", "subject"))
    check_labels(labels, CLASS_NAMES, str(path))
    for number, series in enumerate(content["X"]):
        _check_series(series, f"{path}: series {number}")
        yield Segment(int(subjects[number]), int(labels[number]), series)


def _whole_numbers(content: Mapping[str, Any], name: str, path: Path) -> NDArray[np.int64]:
    """Return the integers of a field, one per series."""
    values, series = content[name], content["X"]
    count = len(series) if isinstance(series, list) else 0
    whole = isinstance(values, np.ndarray) and values.dtype.kind in "iu"
    if not whole or values.shape != (count,) or not count:
        raise InputError(
            f"{path} has {count} series in X, but {name} is not an array of as many integers, at "
            f"least one; {INSTALL} once more"
        )
    return np.asarray(values, np.int64)


def _check_series(series: Any, what: str) -> None:
    """Raise InputError unless `series` is a finite floating-point array (samples, 6)."""
    if not isinstance(series, np.ndarray) or series.dtype.kind != "f" or series.ndim != 2:
        raise InputError(
            f"{what} is not a floating-point array (samples, channels); {INSTALL} once more"
        )
    if series.shape[1] != len(_CHANNELS):
        raise InputError(
            f"{what} has {series.shape[1]} channels; it must have {len(_CHANNELS)} "
            f"({', '.join(_CHANNELS)}), so {INSTALL}"
        )
    wrong = np.argwhere(~np.isfinite(series))
    if len(wrong):
        sample, channel = (int(index) for index in wrong[0])
        raise InputError(
            f"{what} holds {series[sample, channel]} in sample {sample} of {_CHANNELS[channel]}; "
            f"signals must be finite, so {INSTALL} once more"
        )


MOVEMENT = Delta((DELTA_G,) * 3 + (DELTA_RAD_S,) * 3, coarse=COARSE)
TURNING_PER_RAD_S = 2.0

CONFIG = TrainConfig(
    hidden=(128, 128),
    epochs=16,
    batch_size=32,
    learning_rate=3e-3,
    logit_scale=0.15,
    augment=vary_wrist,
)
"""docs/recipes/watch.md describes how it was tuned."""

ORIGIN = Origin(
    data="the watch dataset of seglearn, 3,605 windows of 10 people",
    licence="BSD 3-Clause",
    citation="Burns et al., Shoulder Physiotherapy Exercise Recognition: Machine Learning the "
    "Inertial Signals from a Smartwatch, Physiological Measurement 39, 2018",
    obtain=INSTALL,
    places=("watch",),
    package=PACKAGE,
    find=package_file,
)


def default_encoder(dataset: Dataset) -> Encoder:
    """Return two concatenated encoders, for movement, and for gravity and angular rate.

    Unlike in `har`, the sign of the angular rate is encoded, because it distinguishes inward from
    outward rotation.
    """
    return Together((MOVEMENT, SigmaDelta((LEVEL_PER_G,) * 3 + (TURNING_PER_RAD_S,) * 3)))


WATCH = Task(
    name="watch",
    description="seven shoulder exercises from a watch's accelerometer and gyroscope (seglearn)",
    read=read,
    default_encoder=default_encoder,
    config=CONFIG,
    origin=ORIGIN,
    channel_names=ACCELEROMETER + GYROSCOPE,
)
