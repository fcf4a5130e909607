"""Gestures of hands and arms before an event camera: DVS Gesture.

The recipe holds starting values, never run on the real data; see `docs/recipes/events.md`.
"""

from __future__ import annotations

from pathlib import Path

from neurodeploy.learning.config import TrainConfig
from neurodeploy.tasks.augment import Shift
from neurodeploy.tasks.dataset import TEST, TRAIN, Dataset
from neurodeploy.tasks.encoders.registry import Counts, Encoder
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.readers import tonic_events
from neurodeploy.tasks.readers.collection import Collection, Files, Part
from neurodeploy.tasks.readers.events import Bins
from neurodeploy.tasks.task import Task

BINS = Bins(
    height=128, width=128, polarities=2, pool=(4, 4), step_us=25_000, steps=60, from_first=True
)

FILES = Files("*.npy", 100, r"user[0-9]{1,9}_[^/]+(/(0|[1-9][0-9]?)\.npy)?", "user01_led/5.npy")

COLLECTION = Collection(
    task="dvsgesture",
    kind="DVSGesture",
    title="DVS Gesture",
    parts=(
        Part(TRAIN, {"train": True}, "ibmGestureTrain", "ibmGestureTrain.tar.gz", 1_077, FILES),
        Part(TEST, {"train": False}, "ibmGestureTest", "ibmGestureTest.tar.gz", 264, FILES),
    ),
    bins=BINS,
    class_names=(
        "clapping",
        "right wave",
        "left wave",
        "right clockwise",
        "right counterclockwise",
        "left clockwise",
        "left counterclockwise",
        "roll",
        "drums",
        "guitar",
        "other",
    ),
    subjects="users",
    apart=True,
    raw=tonic_events.gestures,
)

CONFIG = TrainConfig(
    network="conv",
    hidden=(128,),
    dropout=0.1,
    epochs=30,
    batch_size=16,
    learning_rate=2e-3,
    augment=Shift(BINS.grid, rows=3, columns=3, steps=4),
)
"""Starting values, never run on the real data."""

ORIGIN = Origin(
    data="DVS Gesture, 1,341 gestures of 29 people",
    licence="CC BY 4.0",
    citation="Amir et al., A Low Power, Fully Event-Based Gesture Recognition System, CVPR 2017",
    obtain="get them with `python -m neurodeploy.data --task dvsgesture --get`",
    places=("dvsgesture", "DVSGesture"),
    fetch=tonic_events.fetch(COLLECTION),
)


def read(path: Path) -> Dataset:
    """Read DVS Gesture through tonic; see `tonic_events.read`."""
    return tonic_events.read(COLLECTION, path)


def encoder(dataset: Dataset) -> Encoder:
    """Return a spike for every bin with two events or more."""
    return Counts(2)


DVSGESTURE = Task(
    name="dvsgesture",
    description="gestures of hands and arms before an event camera (DVS Gesture)",
    read=read,
    default_encoder=encoder,
    config=CONFIG,
    origin=ORIGIN,
)
