"""Handwritten digits before an event camera: N-MNIST, or a small part of it."""

from __future__ import annotations

from pathlib import Path

from neurodeploy.learning.config import TrainConfig
from neurodeploy.models.errors import InputError
from neurodeploy.tasks.augment import Shift
from neurodeploy.tasks.dataset import TEST, TRAIN, Dataset
from neurodeploy.tasks.encoders.registry import Counts, Encoder
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.readers import nmnist_small, tonic_events
from neurodeploy.tasks.readers.collection import Collection, Files, Part, find_homes
from neurodeploy.tasks.readers.events import Bins
from neurodeploy.tasks.task import Task

BINS = Bins(height=34, width=34, polarities=2, pool=(2, 2), step_us=10_000, steps=32)

FILES = Files("*.bin", 10_000, r"[0-9](/[^/.][^/]*\.bin)?", "3/00001.bin", event_bytes=5)

COLLECTION = Collection(
    task="nmnist",
    kind="NMNIST",
    title="N-MNIST",
    parts=(
        Part(TRAIN, {"train": True}, "Train", "train.zip", 60_000, FILES),
        Part(TEST, {"train": False}, "Test", "test.zip", 10_000, FILES),
    ),
    bins=BINS,
    class_names=tuple("0123456789"),
)

CONFIG = TrainConfig(
    network="conv",
    hidden=(128,),
    epochs=20,
    batch_size=32,
    learning_rate=4e-3,
    augment=Shift(BINS.grid, rows=1, columns=1),
)
"""`docs/recipes/nmnist.md` tells how it was chosen."""

ORIGIN = Origin(
    data="N-MNIST, 70,000 recordings of handwritten digits by an event camera",
    licence="CC BY-SA 4.0",
    citation="Orchard et al., Converting Static Image Datasets to Spiking Neuromorphic Datasets "
    "Using Saccades, Frontiers in Neuroscience 9, 2015",
    obtain="get them with `python -m neurodeploy.data --task nmnist --get`",
    places=("nmnist", "NMNIST", nmnist_small.FILE),
    fetch=tonic_events.fetch(COLLECTION),
)


def read(path: Path) -> Dataset:
    """Read N-MNIST through tonic, or a small part of it from its one file; see `nmnist_small`.

    Args:
        path: the folder of the whole data set, or one up to two levels above it, or the file of
            the small part, or the folder that it lies in.

    Raises:
        InputError: when neither is there, or both, or a file is damaged.
    """
    if path.suffix == ".npz":
        return _read_small(path)
    small = path / nmnist_small.FILE
    if not small.is_file():
        return tonic_events.read(COLLECTION, path)
    if homes := find_homes(COLLECTION, path):
        raise InputError(f"{path} holds {small.name} and N-MNIST in {homes[0]}; give one of them")
    return _read_small(small)


def _read_small(path: Path) -> Dataset:
    return nmnist_small.read(path, BINS, COLLECTION.class_names)


def encoder(dataset: Dataset) -> Encoder:
    """Return a spike for every bin with an event."""
    return Counts()


NMNIST = Task(
    name="nmnist",
    description="handwritten digits before an event camera (N-MNIST)",
    read=read,
    default_encoder=encoder,
    config=CONFIG,
    origin=ORIGIN,
)
