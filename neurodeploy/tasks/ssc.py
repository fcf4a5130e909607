"""Spoken words as spikes of a model of the inner ear: SSC.

The recipe holds starting values, never run on the real data; see `docs/recipes/events.md`.
"""

from __future__ import annotations

from pathlib import Path

from neurodeploy.learning.config import TrainConfig
from neurodeploy.tasks.augment import Shift
from neurodeploy.tasks.dataset import TEST, TRAIN, VALIDATION, Dataset
from neurodeploy.tasks.encoders.registry import Counts, Encoder
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.readers import tonic_events
from neurodeploy.tasks.readers.collection import Collection, Part
from neurodeploy.tasks.readers.events import Bins
from neurodeploy.tasks.task import Task

BINS = Bins(height=1, width=700, polarities=1, pool=(1, 5), step_us=10_000, steps=100)

COLLECTION = Collection(
    task="ssc",
    kind="SSC",
    title="Spiking Speech Commands",
    parts=(
        Part(TRAIN, {"split": "train"}, "ssc_train.h5", "ssc_train.h5.zip", 75_466),
        Part(VALIDATION, {"split": "valid"}, "ssc_valid.h5", "ssc_valid.h5.zip", 9_981),
        Part(TEST, {"split": "test"}, "ssc_test.h5", "ssc_test.h5.zip", 20_382),
    ),
    bins=BINS,
    raw=tonic_events.inner_ear,
)

CONFIG = TrainConfig(
    hidden=(512, 512),
    dropout=0.1,
    epochs=20,
    batch_size=128,
    learning_rate=2e-3,
    delay_rate=0.2,
    augment=Shift(BINS.grid, columns=4, steps=4),
)
"""Starting values, never run on the real data."""

ORIGIN = Origin(
    data="Spiking Speech Commands, 105,829 spoken words",
    licence="CC BY 4.0",
    citation="Cramer et al., The Heidelberg Spiking Data Sets for the Systematic Evaluation of "
    "Spiking Neural Networks, IEEE Transactions on Neural Networks and Learning Systems 33, 2022",
    obtain="get them with `python -m neurodeploy.data --task ssc --get`",
    places=("ssc", "SSC"),
    fetch=tonic_events.fetch(COLLECTION),
)


def read(path: Path) -> Dataset:
    """Read Spiking Speech Commands through tonic; see `tonic_events.read`."""
    return tonic_events.read(COLLECTION, path)


def encoder(dataset: Dataset) -> Encoder:
    """Return a spike for every bin with an event."""
    return Counts()


SSC = Task(
    name="ssc",
    description="35 spoken words through a model of the inner ear (SSC)",
    read=read,
    default_encoder=encoder,
    config=CONFIG,
    origin=ORIGIN,
)
