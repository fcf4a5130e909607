"""Spoken digits before a silicon cochlea: the single digits of N-TIDIGITS18.

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

BINS = Bins(
    height=1, width=64, polarities=1, pool=(1, 1), step_us=10_000, steps=100, from_first=True
)

COLLECTION = Collection(
    task="ntidigits",
    kind="NTIDIGITS18",
    title="N-TIDIGITS18",
    parts=(
        Part(TRAIN, {"train": True, "single_digits": True}, "n-tidigits.hdf5", ""),
        Part(TEST, {"train": False, "single_digits": True}, "n-tidigits.hdf5", ""),
    ),
    bins=BINS,
    class_names=("oh", "1", "2", "3", "4", "5", "6", "7", "8", "9", "zero"),
    notes=("sequences of several digits are left out",),
    raw=tonic_events.cochlea,
)

CONFIG = TrainConfig(
    hidden=(256, 256),
    dropout=0.1,
    epochs=30,
    batch_size=32,
    learning_rate=2e-3,
    delay_rate=0.2,
    augment=Shift(BINS.grid, columns=1, steps=4),
)
"""Starting values, never run on the real data."""

ORIGIN = Origin(
    data="N-TIDIGITS18, spoken single digits of the TIDIGITS corpus",
    licence="not stated with the file; the speech is of TIDIGITS, which LDC licenses",
    citation="Anumula et al., Feature Representations for Neuromorphic Audio Spike Streams, "
    "Frontiers in Neuroscience 12, 2018",
    obtain="get them with `python -m neurodeploy.data --task ntidigits --get`",
    places=("ntidigits", "NTIDIGITS18"),
    fetch=tonic_events.fetch(COLLECTION),
)


def read(path: Path) -> Dataset:
    """Read N-TIDIGITS18 through tonic; see `tonic_events.read`."""
    return tonic_events.read(COLLECTION, path)


def encoder(dataset: Dataset) -> Encoder:
    """Return a spike for every bin with an event."""
    return Counts()


NTIDIGITS = Task(
    name="ntidigits",
    description="spoken digits before a silicon cochlea (N-TIDIGITS18)",
    read=read,
    default_encoder=encoder,
    config=CONFIG,
    origin=ORIGIN,
)
