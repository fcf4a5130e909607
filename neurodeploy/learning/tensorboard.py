"""The history of a training as TensorBoard's event files, if the package tensorboard is there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from neurodeploy.learning.training import Epoch
from neurodeploy.models.errors import InputError, require

FOLDER: Final = "tensorboard"
"""Where event files are in a run's folder, if no other folder is given."""

PER_LAYER: Final = ("rates", "delays", "current_decays", "voltage_decays", "synops")
"""Fields of an epoch with a value per layer."""


def check(folder: Path | None) -> None:
    """Check that event files can be written, without making the folder.

    Args:
        folder: for the files, which an empty one would show as an earlier run; None to check for
            the package only.

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
    """Event files of one training in a folder, which may hold those of earlier trainings.

    A resumed training writes all its epochs again. TensorBoard then drops the earlier ones, so that
    no epoch is missing or shown twice, wherever the training was killed.

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
        """Write an epoch to the disk.

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
        f"TensorBoard's event files cannot be written to {folder} ({error.strerror or error}); "
        "make room there, give another folder, or leave out --tensorboard"
    )


def scalars(epoch: Epoch) -> Iterator[tuple[str, float]]:
    """Yield the name and value of everything in an epoch."""
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
