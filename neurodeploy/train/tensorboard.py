"""The history of a training as TensorBoard event files, with the optional package tensorboard."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from neurodeploy.models.errors import InputError, require
from neurodeploy.train.training import Epoch

FOLDER: Final = "tensorboard"
"""Default folder of event files within a run's folder."""

PER_LAYER: Final = ("rates", "delays", "current_decays", "voltage_decays", "synops")
"""Fields of `Epoch` with one value per layer."""


def check(folder: Path | None) -> None:
    """Check that event files can be written, without creating the folder.

    Args:
        folder: folder for the files; None to check for the package only.

    Raises:
        MissingPackageError: if the package tensorboard is not installed.
        InputError: if the folder cannot be written.
    """
    require("writing TensorBoard's event files", "tensorboard")
    if folder is None:
        return
    there = next(each for each in (folder, *folder.absolute().parents) if os.path.lexists(each))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise _refusal(folder, error) from None


class Events:
    """Writes the event files of a training; the folder may contain those of earlier ones.

    A resumed training writes all its epochs again and tells TensorBoard to discard earlier events,
    so that no epoch is missing or shown twice after a kill.

    Raises:
        InputError: if the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.folder = folder
        try:
            self._writer: Any = SummaryWriter(str(folder), purge_step=1)  # type: ignore[no-untyped-call]
        except OSError as error:
            raise _refusal(self.folder, error) from None

    def add(self, epoch: Epoch) -> None:
        """Write an epoch and flush it to disk.

        Raises:
            InputError: if it cannot be written.
        """
        try:
            for name, value in scalars(epoch):
                self._writer.add_scalar(name, value, epoch.epoch)
            self._writer.flush()
        except OSError as error:
            raise _refusal(self.folder, error) from None

    def close(self) -> None:
        """Close the files."""
        self._writer.close()


def _refusal(folder: Path, error: OSError) -> InputError:
    return InputError(
        f"TensorBoard event files cannot be written to {folder} ({error.strerror or error}); "
        "free disk space, choose another folder, or leave out --tensorboard"
    )


def scalars(epoch: Epoch) -> Iterator[tuple[str, float]]:
    """Yield name and value of each scalar of an epoch."""
    yield "loss/training", epoch.loss
    yield "accuracy/training", epoch.train_accuracy
    yield "accuracy/validation", epoch.validation_accuracy
    yield "seconds", epoch.seconds
    if epoch.cost is not None:
        yield "cost", epoch.cost
    for name in PER_LAYER:
        for layer, value in enumerate(getattr(epoch, name)):
            yield f"{name}/layer_{layer}", value
    for name, value in epoch.learning_rates.items():
        yield f"learning_rate/{name}", value
