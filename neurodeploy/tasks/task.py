"""A task: where labelled signals come from and how they become spikes for a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from neurodeploy.models.errors import InputError
from neurodeploy.models.network import TaskDescription
from neurodeploy.samples import Samples
from neurodeploy.tasks import cache
from neurodeploy.tasks.encoders.registry import Encoder, from_dict
from neurodeploy.tasks.origin import Origin
from neurodeploy.tasks.recipe import Recipe
from neurodeploy.tasks.windows import Windows

MS_PER_S = 1000.0


@dataclass(frozen=True)
class Task:
    """One entry of the task registry.

    Attributes:
        name: key of the registry, as the option `--task` takes it.
        description: one line for help texts.
        read: reads the windows from a folder or file; raises InputError.
        default_encoder: chooses the encoder for the channels that the windows have.
        recipe: how to train its network well.
        origin: where the data come from, and where they are looked for.
        other_encoders: by name, encoders to choose with `--encoder` instead of the default.
    """

    name: str
    description: str
    read: Callable[[Path], Windows]
    default_encoder: Callable[[Windows], Encoder]
    recipe: Recipe
    origin: Origin
    other_encoders: Mapping[str, Callable[[Windows], Encoder]] = field(default_factory=dict)

    def load(self, path: Path | None) -> Windows:
        """Read the windows from a folder or file, or from where the data are found when None.

        Raises:
            InputError: when they are missing or malformed, or the system cannot read them.
        """
        place = self.origin.found(self.name) if path is None else path
        try:
            windows = self.read(place)
        except OSError as error:
            raise InputError(
                f"{error.filename or place} cannot be read ({error.strerror or error}); check that "
                "it is there and its rights"
            ) from error
        if not isinstance(windows, Windows):
            raise InputError(
                f"the task {self.name} reads {place} as {type(windows).__name__}; its `read` must "
                "return Windows"
            )
        return windows

    def encoder(self, windows: Windows, name: str | None = None) -> Encoder:
        """Return the encoder of that name, or the default.

        Raises:
            InputError: when the task has none of that name.
        """
        if name is None:
            return self.default_encoder(windows)
        if name not in self.other_encoders:
            names = ", ".join(self.other_encoders) or "none, so leave --encoder out"
            raise InputError(f"the task {self.name} has no encoder {name!r}; it has {names}")
        return self.other_encoders[name](windows)


def encode_windows(windows: Windows, encoder: Encoder, chosen: ArrayLike) -> Samples:
    """Encode the windows at the indices `chosen`, such as one part of a `Split`."""
    indices = np.asarray(chosen, dtype=np.int64)
    if encoder.kept:
        return Samples.of(cache.spikes(windows, encoder, indices), windows.labels[indices])
    return Samples.of(encoder.encode(windows.signals[indices]), windows.labels[indices])


def step_ms(windows: Windows, encoder: Encoder) -> float | None:
    """Return the milliseconds of signal that one time step stands for, None for no certain time."""
    if windows.rate_hz is None:
        return None
    return MS_PER_S / windows.rate_hz * windows.samples / encoder.steps(windows.samples)


def describe(task: Task, windows: Windows, encoder: Encoder) -> TaskDescription:
    """Return what a network trained on these windows must carry to read new ones."""
    return TaskDescription(
        name=task.name,
        encoder=encoder.as_dict(),
        class_names=windows.class_names,
        steps=encoder.steps(windows.samples),
        dt_ms=step_ms(windows, encoder),
    )


def matching_encoder(description: TaskDescription, windows: Windows) -> Encoder:
    """Return the encoder that a network was trained with, when it fits the windows.

    Args:
        description: what the network carries; parts that it does not know are not compared.
        windows: the data to run the network on.

    Raises:
        InputError: when no encoder is known, or when class names, time steps or their duration
            differ from those that the network was trained on.
    """
    if not description.encoder:
        raise InputError(
            "the network names no encoder; say which one its spikes come from, or export it again "
            "from its checkpoint"
        )
    encoder = from_dict(description.encoder)
    try:
        encoder.channels(len(windows.channel_names))
    except InputError as error:
        raise InputError(
            f"{windows.source} has other channels than the network was trained on ({error})"
        ) from None
    pairs = (
        ("class names", description.class_names or windows.class_names, windows.class_names),
        ("time steps", description.steps, encoder.steps(windows.samples)),
        ("milliseconds a step", description.dt_ms, step_ms(windows, encoder)),
    )
    for what, trained, given in pairs:
        if trained is not None and trained != given:
            raise InputError(
                f"{windows.source}: {what} are {_shown(given)} but the network was trained with "
                f"{_shown(trained)}; give data of the kind it was trained on"
            )
    return encoder


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else f"{value}"
