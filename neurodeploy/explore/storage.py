"""Where a study is stored: Optuna's journal file, gRPC proxy or database, all with heartbeats."""
# ruff: noqa: E402

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from traceback import walk_tb
from typing import Any, Final
from urllib.parse import urlsplit

from neurodeploy.models.errors import InputError, require
from neurodeploy.models.files import check_writable

require("a search", "optuna")  # before it is imported

from optuna.exceptions import ExperimentalWarning
from optuna.storages import (
    BaseStorage,
    GrpcStorageProxy,
    JournalStorage,
    RDBStorage,
    RetryHeartbeatStaleTrialCallback,
)
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from neurodeploy.explore.trial import DUPLICATE, ERROR

HEARTBEAT_S: Final = 30
"""Seconds between the signs of life of a running trial."""
GRACE: Final = 4
"""A trial without this many signs of life is left to other workers."""
DEATHS_MAX: Final = 5
"""A trial in which so many workers died has failed."""
GRPC_WAIT_S: Final = 10.0

_ALIVE_UNTIL: Final = "neurodeploy:alive-until"
"""System attribute of a running trial: the time from which it is stale."""


class _Heartbeat(BaseStorage, BaseHeartbeat):
    """Optuna's heartbeats for all its storages, of which only databases have some.

    Those of a database forget a trial whose worker is killed before the first one.
    """

    heartbeat_s = HEARTBEAT_S

    def record_heartbeat(self, trial_id: int) -> None:
        with suppress(Exception):  # if the storage is gone, the end of the trial says so
            until = time.time() + GRACE * self.heartbeat_s
            self.set_trial_system_attr(trial_id, _ALIVE_UNTIL, until)

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        """Return the running trials without signs of life, by the clock of this machine."""
        stale, now = [], time.time()
        for trial in self.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING,)):
            started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
            until = trial.system_attrs.get(_ALIVE_UNTIL, 0.0)  # of its first run, if run again
            if now > max(until, started + GRACE * self.heartbeat_s):
                stale.append(trial._trial_id)
        return stale

    def get_heartbeat_interval(self) -> int | None:
        return self.heartbeat_s

    def get_heartbeat_stale_trial_callback(self) -> Callable[[Any, Any], None]:
        return _run_again


def _run_again(study: Study, trial: FrozenTrial) -> None:
    """Plan a trial again whose worker died, or record that too many died in it."""
    if ERROR in trial.user_attrs or DUPLICATE in trial.user_attrs:  # it had come to its end
        return
    deaths = len(trial.system_attrs.get("retry_history", ())) + 1
    if deaths < DEATHS_MAX:
        RetryHeartbeatStaleTrialCallback()(study, trial)
        return
    error = f"{deaths} workers died in it, perhaps for lack of memory; use smaller networks"
    study.add_trial(
        create_trial(
            state=TrialState.FAIL,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={**trial.user_attrs, ERROR: error},
        )
    )


class _Journal(_Heartbeat, JournalStorage):
    pass


class _Proxy(_Heartbeat, GrpcStorageProxy):
    pass


class _Database(_Heartbeat, RDBStorage):
    pass


class _Lock(JournalFileSymlinkLock):
    """A lock of a journal; who gets it removes half a record, after which none could be read."""

    def acquire(self) -> bool:
        super().acquire()
        try:
            with open(self._lock_target_file, "rb+") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - 1, 0))
                if file.read() not in (b"", b"\n"):
                    file.seek(0)
                    if whole := file.read().rfind(b"\n") + 1:
                        file.truncate(whole)
        except BaseException:
            self.release()
            raise
        return True

    def release(self) -> None:
        with suppress(RuntimeError):  # who slept under the lock has lost it to another
            super().release()


def open_storage(where: str | Path, *, heartbeat_s: int = HEARTBEAT_S) -> BaseStorage:
    """Open or create a storage.

    Args:
        where: path of a journal file, grpc://HOST:PORT of Optuna's gRPC proxy, or the URL of a
            database, such as postgresql://USER@HOST/NAME.
        heartbeat_s: seconds between signs of life of a running trial.

    Raises:
        InputError: if it cannot be reached, or holds something else.
    """
    kind = str(where).partition("://")[0] if "://" in str(where) else ""
    opened = {"": _open_journal, "grpc": _open_proxy}.get(kind, _open_database)
    with explained(where):
        storage = opened(str(where))
    storage.heartbeat_s = heartbeat_s
    return storage


def local_file(where: str | Path) -> Path | None:
    """Return the path of a journal or SQLite database, None for a storage on a server."""
    kind, _, rest = str(where).partition("://")
    if not rest:
        return Path(where)
    return Path(rest.partition("?")[0][1:]) if kind.startswith("sqlite") and rest[1:] else None


def _open_journal(where: str) -> _Heartbeat:
    path = Path(where).absolute()  # Optuna waits for ever for a lock that has a relative path
    check_writable(path)
    return _Journal(JournalFileBackend(str(path), _Lock(str(path))))


def _open_proxy(where: str) -> _Heartbeat:
    try:
        address = urlsplit(where)
        host, port = address.hostname or "localhost", address.port or 13000
    except ValueError as error:
        raise InputError(
            f"the storage {where} is no address ({error}); give grpc://HOST:PORT"
        ) from None
    storage = _Proxy(host=host, port=port)
    storage.wait_server_ready(timeout=GRPC_WAIT_S)
    return storage


def _open_database(where: str) -> _Heartbeat:
    if (file := local_file(where)) is not None:
        check_writable(file)
    # pre-ping connects again after a lost connection
    return _Database(where, engine_kwargs={"pool_pre_ping": True})


@contextmanager
def explained(where: str | Path) -> Iterator[None]:
    """Raise errors of the storage in this block as InputError, and hide what is experimental.

    Raises:
        InputError: names the storage, without its password, and Optuna's reason.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    except InputError:
        raise
    except Exception as error:
        own = list(filter(_is_of_storage, _chain(error)))
        if not own:
            raise
        reasons = [str(getattr(each, "orig", None) or each) for each in reversed(own)]
        reason = next(filter(None, reasons), type(error).__name__).splitlines()[0]
        raise InputError(
            f"the storage {without_password(where)} cannot be used ({reason}); finished trials are "
            "safe: run the same command again when it works, or give another one"
        ) from None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those before it, as Optuna hides what the storage raised behind others."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_of_storage(error: BaseException) -> bool:
    inside = f"optuna{os.sep}storages"
    return any(inside in frame.f_code.co_filename for frame, _ in walk_tb(error.__traceback__))


def without_password(where: str | Path) -> str:
    """Return the address of a storage without a password."""
    hidden = re.sub(r"(://[^/@]*?:)[^@]*@", r"\1***@", str(where))
    return re.sub(r"([?&]\w*password=)[^&]*", r"\1***", hidden)
