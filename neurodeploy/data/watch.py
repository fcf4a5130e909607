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
from pathlib import Path

import numpy as np

from neurodeploy.config import TrainConfig
from neurodeploy.data.augment import vary_wrist
from neurodeploy.data.dataset import Dataset
from neurodeploy.data.encoders import Delta, Encoder, SigmaDelta, Together
from neurodeploy.data.har import COARSE, DELTA_G, DELTA_RAD_S, LEVEL_PER_G
from neurodeploy.data.origin import Origin, check_published
from neurodeploy.data.readers.inertial import ACCELEROMETER, GYROSCOPE, Segment, cut_windows
from neurodeploy.data.task import Task
from neurodeploy.models.errors import install_commands

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


def package_file() -> Path | None:
    """Return the data file of the installed package, None if it is not installed."""
    spec = importlib.util.find_spec("seglearn")  # does not import it
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "data" / FILE


def read(path: Path) -> Dataset:
    """Read the published file, without importing its package.

    It is a pickle, which is loaded once its checksum is known to be that of the published file.

    Args:
        path: `watch_dataset.npy`, or its folder.

    Raises:
        InputError: if the file is missing or not the published one.
    """
    file = path / FILE if path.is_dir() else path
    check_published(file, FILE_SHA256, f"give the published file or its folder, or {INSTALL}")
    raw = np.load(file, allow_pickle=True).item()
    rows = zip(raw["subject"], raw["y"], raw["X"], strict=True)
    segments = [Segment(int(subject), int(label), series) for subject, label, series in rows]
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
