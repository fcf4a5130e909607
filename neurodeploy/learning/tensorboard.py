"""The history of a training as TensorBoard's event files, where the package tensorboard is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from neurodeploy.learning.training import Epoch
from neurodeploy.models.errors import InputError, require

LAYERED = ("rates", "delays", "current_decays", "voltage_decays", "synops")
"""Parts of an epoch with a value for each layer."""


def check_installed() -> None:
    """Raise MissingPackageError unless torch can write event files."""
    require("writing TensorBoard's event files", "tensorboard")


def check_writable(folder: Path) -> None:
    """Raise InputError when event files cannot be written to a folder, which may not be there yet.

    Nothing is left there: an empty folder would be taken for an earlier run's.
    """
    there = next(each for each in (folder, *folder.absolute().parents) if os.path.lexists(each))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise _refusal(folder, error) from None


class Events:
    """Event files of one training in a folder, which may hold those of earlier trainings.

    A training that is resumed writes all its epochs again: TensorBoard is told to forget what was
    written before, so that no epoch is missing or shown twice, wherever the training was killed.
    """

    def __init__(self, folder: Path, history: Iterable[Epoch] = ()) -> None:
        """Write the epochs that were done.

        Raises:
            InputError: when the folder cannot be written.
        """
        from torch.utils.tensorboard import SummaryWriter

        self.folder = folder
        try:
            self._writer: Any = SummaryWriter(str(folder), purge_step=1)  # type: ignore[no-untyped-call]
        except OSError as error:
            raise _refusal(self.folder, error) from None
        for epoch in history:
            self.add(epoch)

    def add(self, epoch: Epoch) -> None:
        """Write an epoch and see it to the disk.

        Raises:
            InputError: when it cannot be written.
        """
        try:
            for name, value in scalars(epoch):
                self._writer.add_scalar(name, value, epoch.epoch)
            self._writer.flush()
        except OSError as error:
            raise _refusal(self.folder, error) from None

    def close(self) -> None:
        """End the files."""
        self._writer.close()


def _refusal(folder: Path, error: OSError) -> InputError:
    return InputError(
        f"TensorBoard's event files cannot be written to {folder} ({error.strerror or error}); "
        "make room there, give another folder, or leave out --tensorboard"
    )


def scalars(epoch: Epoch) -> Iterator[tuple[str, float]]:
    """Yield the name and value of everything that an epoch came to."""
    yield "loss/training", epoch.loss
    yield "accuracy/training", epoch.train_accuracy
    yield "accuracy/validation", epoch.validation_accuracy
    yield "seconds", epoch.seconds
    if epoch.spent is not None:
        yield "spent", epoch.spent
    for name in LAYERED:
        for layer, value in enumerate(getattr(epoch, name)):
            yield f"{name}/layer_{layer}", value
    for name, value in epoch.learning_rates.items():
        yield f"learning_rate/{name}", value
