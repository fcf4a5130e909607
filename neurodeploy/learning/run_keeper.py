"""Keep a training while it runs: after every epoch its files, at its end the picture."""

from __future__ import annotations

from pathlib import Path

from neurodeploy.learning import tensorboard
from neurodeploy.learning.run_folder import RunFolder
from neurodeploy.learning.run_lock import RunLock
from neurodeploy.learning.training import Training
from neurodeploy.models.errors import InputError


class Keeper:
    """Writes what a training leaves; only the leader of its processes does.

    Attributes:
        kept: number of epochs that are on the disk.
    """

    def __init__(
        self, training: Training, folder: RunFolder, lock: RunLock, events: Path | None = None
    ) -> None:
        """Go on with the folder's run where the training was resumed.

        Args:
            training: it is read, never changed.
            folder: of the run.
            lock: on the folder, held.
            events: folder of TensorBoard's event files, or None for none.
        """
        self.training = training
        self.folder = folder
        self.lock = lock
        self.kept = len(training.history)
        self._events_folder = events
        self._events: tensorboard.Events | None = None

    def keep(self) -> list[str]:
        """Keep the epoch that was just done; return what a person should be told of it.

        Raises:
            InputError: when something cannot be written.
        """
        told = []
        if not self.kept and (earlier := self.folder.set_aside()):
            told.append(f"note: the earlier run is now in {earlier}")
        try:
            self._save(told)
        except InputError:
            if not self.lock.vanished():
                raise
            self._save(told)  # it vanished while it was written to
        self.kept = len(self.training.history)
        self._write_events()
        return told

    def _save(self, told: list[str]) -> None:
        """Write the run into its folder, anew where that vanished."""
        if self.lock.vanished():
            self.lock.renew()
            told.append(
                f"warning: {self.folder.path} vanished and was made anew, with all of this run"
            )
        self.folder.save(self.training)

    def finish(self) -> None:
        """Draw the epochs that were kept, if any, and end the event files.

        Raises:
            InputError: when the picture cannot be written.
        """
        if not self.kept:
            return
        self.folder.draw(self.training.history[: self.kept])
        if self._events_folder is not None and self._events is None:
            self._write_events()  # of a training that was resumed when all was done
        if self._events is not None:
            self._events.close()

    def _write_events(self) -> None:
        if self._events_folder is None:
            return
        if self._events is None:
            epochs = self.training.history[: self.kept]
            self._events = tensorboard.Events(self._events_folder, epochs)
        else:
            self._events.add(self.training.history[-1])
