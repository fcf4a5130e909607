"""The task `har`: human activity recognition from a worn accelerometer and gyroscope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from neurodeploy.config import TrainConfig
from neurodeploy.data.augment import vary_wearing
from neurodeploy.data.dataset import Dataset
from neurodeploy.data.encoders import Delta, Encoder, SigmaDelta, Together
from neurodeploy.data.origin import Origin
from neurodeploy.data.readers import hapt, uci_har, wisdm
from neurodeploy.data.readers.files import check_nothing_locked, levels
from neurodeploy.data.readers.inertial import ACCELEROMETER, GYROSCOPE
from neurodeploy.data.task import Task
from neurodeploy.models.errors import InputError

SEARCH_DEPTH = 3
"""Levels of subfolders to search for a dataset."""

NAMED = 5
"""Maximum number of datasets in an error message."""

DELTA_G, DELTA_RAD_S, COARSE = 0.1, 0.2, 3
LEVEL_PER_G, TURNING_PER_RAD_S = 0.5, 2.5
"""Thresholds and gains of the encoder; `docs/recipes/har.md` describes how they were chosen."""

CONFIG = TrainConfig(
    hidden=(128, 128),
    epochs=16,
    batch_size=32,
    learning_rate=3e-3,
    logit_scale=0.15,
    augment=vary_wearing,
)

CONTINUOUS = CONFIG.replace(continuous=True, batch_size=8)
"""For HAPT's whole recordings; `docs/benchmarks/continuous.md` describes how it was chosen."""

ORIGIN = Origin(
    data="HAPT, 10,411 windows of 30 people, or UCI HAR or WISDM",
    licence="CC BY 4.0 according to UCI's page; HAPT's own file forbids commercial use",
    citation="Reyes-Ortiz et al., Transition-Aware Human Activity Recognition Using Smartphones, "
    "Neurocomputing 171, 2016 (UCI 341)",
    obtain=hapt.INSTALL,
    places=("har",),
    package=hapt.PACKAGE,
    find=hapt.package_file,
)


@dataclass(frozen=True)
class Layout:
    """The files of one dataset.

    Attributes:
        name: name of the dataset.
        marker: file pattern, relative to the folder to read, that only this dataset matches.
        read: reads the folder.
    """

    name: str
    marker: str
    read: Callable[[Path], Dataset]


WATCH_2019 = Layout("WISDM 2019 watch", "*/data_*_watch.txt", wisdm.read_watch)
PHONE_2019 = Layout("WISDM 2019 phone", "*/data_*_phone.txt", wisdm.read_phone)
LAYOUTS = (
    Layout("UCI HAR", "*/Inertial Signals", uci_har.read),
    Layout("HAPT", "*_exp*_user*.txt", hapt.read_raw),
    Layout("WISDM v1.1", wisdm.FILE, wisdm.read),
    WATCH_2019,
    PHONE_2019,
)


def read(path: Path) -> Dataset:
    """Read the dataset in a folder, or HAPT from its package's file.

    Args:
        path: the dataset's folder or a folder up to three levels above it, or `HAPT.pkl.gz`.

    Raises:
        InputError: if the folder does not contain exactly one known dataset, or a file is missing
            or malformed.
    """
    if path.name == hapt.PACKAGE_FILE:
        return hapt.read_package(path)
    layout, home = find_layout(path)
    return layout.read(home)


def find_layout(folder: Path) -> tuple[Layout, Path]:
    """Return the layout of the dataset in a folder, and the folder to read.

    Raises:
        InputError: if the folder does not exist, or does not contain exactly one known dataset.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; unpack a dataset and give its folder")
    found = _found(folder)
    if not found:
        check_nothing_locked(folder, SEARCH_DEPTH)
        known = ", ".join(f"{layout.marker} ({layout.name})" for layout in LAYOUTS)
        raise InputError(
            f"{folder} holds no known dataset, down to {SEARCH_DEPTH} levels; expected {known}, "
            "so unpack one of these and give its folder"
        )
    if len(found) > 1:
        named = [f"{layout.name} in {home}" for layout, home in found[:NAMED]]
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        raise InputError(
            f"{folder} holds {len(found)} datasets ({', '.join(named)}{more}); give a folder "
            "with only one"
        )
    return found[0]


def _found(folder: Path) -> list[tuple[Layout, Path]]:
    """Return each dataset in a folder and below; skip the phone data of WISDM 2019 if its watch
    data are there."""
    found = [
        (layout, home)
        for level in levels(folder, SEARCH_DEPTH)
        for layout in LAYOUTS
        for home in level
        if next(home.glob(layout.marker), None) is not None
    ]
    watches = {home.resolve().parent for layout, home in found if layout is WATCH_2019}
    return [
        (layout, home)
        for layout, home in found
        if not (layout is PHONE_2019 and home.resolve().parent in watches)
    ]


def default_encoder(dataset: Dataset) -> Encoder:
    """Return three concatenated encoders, for movement, gravity and the size of the angular rate.

    A delta encoder with coarse spikes encodes movement. At rest only gravity indicates the posture,
    so a sigma-delta encoder encodes the level of the accelerometer. Another one encodes the
    absolute value of the angular rate.
    """
    sensors = [name in ACCELEROMETER for name in dataset.channel_names]
    thresholds = tuple(DELTA_G if acc else DELTA_RAD_S for acc in sensors)
    parts: list[Encoder] = [Delta(thresholds, coarse=COARSE)]
    if any(sensors):
        parts.append(SigmaDelta(tuple(LEVEL_PER_G if acc else 0.0 for acc in sensors)))
    if not all(sensors):
        turning = tuple(0.0 if acc else TURNING_PER_RAD_S for acc in sensors)
        parts.append(SigmaDelta(turning, rectified=True))
    return Together(tuple(parts))


HAR = Task(
    name="har",
    description="human activities from a worn accelerometer and gyroscope (HAPT, UCI HAR, WISDM)",
    read=read,
    default_encoder=default_encoder,
    config=CONFIG,
    origin=ORIGIN,
    continuous=CONTINUOUS,
    channel_names=ACCELEROMETER + GYROSCOPE,
)
