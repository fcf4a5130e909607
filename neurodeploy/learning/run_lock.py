"""Keep a second training out of a run's folder; the lock ends with its process, however that ends.

The folder itself is locked, so that no file is left behind that could be taken for a lock.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final

from neurodeploy.models.errors import InputError

TAKEN: Final = (errno.EAGAIN, errno.EACCES)


class RunLock:
    """The right to write into a folder, to hold in a `with` block.

    Attributes:
        problem: why the folder cannot be locked, as on some network drives; "" when it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problem = ""
        self._handle: int | None = None

    def __enter__(self) -> RunLock:
        self._take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._give_back()

    def vanished(self) -> bool:
        """Tell whether the folder that was locked no longer lies at its path."""
        if self._handle is None:
            return not self.folder.is_dir()
        try:
            return not os.path.samestat(os.fstat(self._handle), os.stat(self.folder))
        except OSError:
            return True

    def renew(self) -> None:
        """Make the folder anew where it vanished and lock that.

        Raises:
            InputError: when it cannot be made, or another training was faster.
        """
        self._give_back()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{self.folder} vanished and cannot be made anew ({error.strerror}); start again "
                "with another output folder"
            ) from None
        self._take()

    def _take(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            if error.errno in TAKEN:
                raise InputError(
                    f"another training is writing to {self.folder}; wait until it has ended or "
                    "choose another output folder"
                ) from None
            self.problem = error.strerror or str(error)
            return
        self._handle = handle

    def _give_back(self) -> None:
        if self._handle is not None:
            fcntl.flock(self._handle, fcntl.LOCK_UN)  # also in processes that were forked from this
            os.close(self._handle)
            self._handle = None
