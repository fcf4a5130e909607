"""A task: a dataset of labelled signals, and how they are encoded as spikes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from neurodeploy.config import TrainConfig
from neurodeploy.data.dataset import Dataset
from neurodeploy.data.encoders import Encoder
from neurodeploy.data.origin import Origin
from neurodeploy.models.errors import InputError


@dataclass(frozen=True)
class Task:
    """A classification task.

    Attributes:
        name: name of the task, for the option `--task`.
        description: one line for help texts.
        read: returns the dataset in a folder or file; raises InputError.
        default_encoder: returns the encoder for a dataset.
        config: training configuration.
        origin: source, licence and location of the dataset.
        other_encoders: alternatives to the default encoder, by name.
        continuous: configuration of a training on whole recordings; None if there are none.
        channel_names: names with units of the channels, such as "acc-x (g)", by which the columns
            of a recording are found; datasets may have the first of them only.
    """

    name: str
    description: str
    read: Callable[[Path], Dataset]
    default_encoder: Callable[[Dataset], Encoder]
    config: TrainConfig
    origin: Origin
    other_encoders: Mapping[str, Callable[[Dataset], Encoder]] = field(default_factory=dict)
    continuous: TrainConfig | None = None
    channel_names: tuple[str, ...] = ()

    def load(self, path: Path | None) -> Dataset:
        """Read the dataset from a folder or file; None for the default location.

        Raises:
            InputError: if the data are missing, malformed or not readable.
        """
        place = self.origin.found(self.name) if path is None else path
        try:
            dataset = self.read(place)
        except OSError as error:
            raise InputError(
                f"{error.filename or place} cannot be read ({error.strerror or error}); check that "
                "it exists, and its permissions"
            ) from error
        if not isinstance(dataset, Dataset):
            raise InputError(
                f"`read` of the task {self.name} returns a {type(dataset).__name__} for {place}; "
                "it must return a Dataset"
            )
        return dataset

    def encoder(self, dataset: Dataset, name: str | None = None) -> Encoder:
        """Return the encoder of that name, or the default encoder for None.

        Raises:
            InputError: if the task has no such encoder.
        """
        if name is None:
            return self.default_encoder(dataset)
        self.check_encoder(name)
        return self.other_encoders[name](dataset)

    def check_encoder(self, name: str) -> None:
        """Raise InputError unless the task has an alternative encoder of that name."""
        if name not in self.other_encoders:
            others = ", ".join(self.other_encoders)
            way_out = f"choose {others}, or leave it out" if others else "leave it out"
            raise InputError(
                f"the task {self.name} has no encoder {name!r}; {way_out} for the default"
            )
