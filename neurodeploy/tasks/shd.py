"""Spoken digits in German and English as spikes of a model of the inner ear: SHD.

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
from neurodeploy.tasks.readers.collection import Collection, Part
from neurodeploy.tasks.readers.events import Bins
from neurodeploy.tasks.task import Task

BINS = Bins(height=1, width=700, polarities=1, pool=(1, 5), step_us=10_000, steps=100)

COLLECTION = Collection(
    task="shd",
    kind="SHD",
    title="Spiking Heidelberg Digits",
    parts=(
        Part(TRAIN, {"train": True}, "shd_train.h5", "shd_train.h5.zip", 8_156),
        Part(TEST, {"train": False}, "shd_test.h5", "shd_test.h5.zip", 2_264),
    ),
    bins=BINS,
    subjects="speaker",
    raw=tonic_events.inner_ear,
)

CONFIG = TrainConfig(
    hidden=(256, 256),
    dropout=0.2,
    epochs=30,
    batch_size=64,
    learning_rate=2e-3,
    delay_rate=0.2,
    augment=Shift(BINS.grid, columns=4, steps=4),
)
"""Starting values, never run on the real data."""

ORIGIN = Origin(
    data="Spiking Heidelberg Digits, 10,420 spoken digits of 12 people",
    licence="CC BY 4.0",
    citation="Cramer et al., The Heidelberg Spiking Data Sets for the Systematic Evaluation of "
    "Spiking Neural Networks, IEEE Transactions on Neural Networks and Learning Systems 33, 2022",
    obtain="get them with `python -m neurodeploy.data --task shd --get`",
    places=("shd", "SHD"),
    fetch=tonic_events.fetch(COLLECTION),
)


def read(path: Path) -> Dataset:
    """Read Spiking Heidelberg Digits through tonic; see `tonic_events.read`."""
    return tonic_events.read(COLLECTION, path)


def encoder(dataset: Dataset) -> Encoder:
    """Return a spike for every bin with an event."""
    return Counts()


SHD = Task(
    name="shd",
    description="spoken digits through a model of the inner ear (SHD)",
    read=read,
    default_encoder=encoder,
    config=CONFIG,
    origin=ORIGIN,
)
