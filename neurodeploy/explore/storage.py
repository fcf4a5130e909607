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

from optuna.exceptions import ExperimentalWarning, StorageInternalError
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

_HEARTBEAT: Final = "neurodeploy:heartbeat"


class _Heartbeat(BaseHeartbeat):
    """Heartbeats for all storages of Optuna, as an attribute of each running trial.

    A trial whose last one is too old, by the clock of the worker that looks, is stale.
    """

    heartbeat_s = HEARTBEAT_S

    def record_heartbeat(self, trial_id: int) -> None:
        with suppress(Exception):  # if the storage is gone, the end of the trial says so
            storage: Any = self
            storage.set_trial_system_attr(trial_id, _HEARTBEAT, [time.time(), self.heartbeat_s])

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        storage: Any = self
        running = storage.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING,))
        return [trial._trial_id for trial in running if _is_stale(trial, self.heartbeat_s)]

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
        with quiet():
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


def _is_stale(trial: FrozenTrial, heartbeat_s: int) -> bool:
    """Return whether a running trial gives no more signs of life.

    Each sign holds its time, and the seconds until the next one, which its worker chose. Until the
    first one they are the start of the trial and `heartbeat_s`. A trial that is run again has the
    last sign of its first worker.
    """
    started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    last, interval = trial.system_attrs.get(_HEARTBEAT, (0.0, heartbeat_s))
    if last < started:
        last, interval = started, heartbeat_s
    return bool(last < time.time() - GRACE * interval)


class _Journal(_Heartbeat, JournalStorage):
    pass


class _JournalFile(JournalFileBackend):
    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        try:
            super().append_logs(logs)
        except OSError:
            _drop_partial_record(Path(self._file_path))
            raise


class _Proxy(_Heartbeat, GrpcStorageProxy):
    pass


class _Database(_Heartbeat, RDBStorage):
    """A database; its own heartbeats forget a trial whose worker is killed before the first."""


@contextmanager
def quiet() -> Iterator[None]:
    """Let Optuna not say in this block that a part of it is experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


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
    with explained(where), quiet():
        return opened(str(where), heartbeat_s)


def local_file(where: str | Path) -> Path | None:
    """Return the path of a journal or SQLite database, None for a storage on a server."""
    kind, _, rest = str(where).partition("://")
    if not rest:
        return Path(where)
    return Path(rest.partition("?")[0][1:]) if kind.startswith("sqlite") and rest[1:] else None


def _open_journal(where: str, heartbeat_s: int) -> BaseStorage:
    path = Path(where).absolute()  # Optuna waits for ever for a lock that has a relative path
    check_writable(path)
    if path.exists():
        _drop_partial_record(path)
    storage = _Journal(_JournalFile(str(path)))
    storage.heartbeat_s = heartbeat_s
    return storage


def _drop_partial_record(path: Path) -> None:
    """Remove the half of a record that a full disk left at the end; Optuna would read no more."""
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        with path.open("rb+") as file:
            content = file.read()
            if content and not content.endswith(b"\n") and content.count(b"\n"):
                file.truncate(content.rindex(b"\n") + 1)
    finally:
        lock.release()


def _open_proxy(where: str, heartbeat_s: int) -> BaseStorage:
    try:
        address = urlsplit(where)
        host, port = address.hostname or "localhost", address.port or 13000
    except ValueError as error:
        raise InputError(
            f"the storage {where} is no address ({error}); give grpc://HOST:PORT"
        ) from None
    storage = _Proxy(host=host, port=port)
    storage.heartbeat_s = heartbeat_s
    storage.wait_server_ready(timeout=GRPC_WAIT_S)
    return storage


def _open_database(where: str, heartbeat_s: int) -> BaseStorage:
    if (file := local_file(where)) is not None:
        check_writable(file)
    # pre-ping connects again after a lost connection
    storage = _Database(where, engine_kwargs={"pool_pre_ping": True})
    storage.heartbeat_s = heartbeat_s
    return storage


@contextmanager
def explained(where: str | Path) -> Iterator[None]:
    """Raise errors of the storage in this block as InputError.

    Raises:
        InputError: names the storage, without its password, and the reason.
    """
    name, safe = without_password(where), "finished trials are safe, so run the same command again"
    try:
        yield
    except InputError:
        raise
    except ImportError as error:
        module = getattr(error.__cause__ or error, "name", None) or error
        raise InputError(
            f"the storage {name} needs {module}, which is not installed; install it, or use "
            "another storage"
        ) from None
    except Exception as error:
        chain = list(_chain(error))
        if lost := next(filter(_is_lost, chain), None):
            reason = f"cannot be reached ({_reason(lost)}); {safe} when it is there"
        elif not (own := list(filter(_is_of_storage, chain))):
            raise
        elif full := next((each for each in own if isinstance(each, OSError)), None):
            reason = f"cannot be written ({full.strerror or full}); {safe} when it can"
        else:
            reason = (
                f"cannot be used ({_reason(error)}); give a new one, or one that this version of "
                "Optuna wrote"
            )
        raise InputError(f"the storage {name} {reason}") from None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those before it, as Optuna hides what the storage raised behind others."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_lost(error: BaseException) -> bool:
    of_proxy = type(error).__module__.partition(".")[0] == "grpc"
    return of_proxy or isinstance(error, (StorageInternalError, ConnectionError))


def _is_of_storage(error: BaseException) -> bool:
    """Return whether an error that is not of Optuna's own types comes from a storage."""
    codes = [frame.f_code for frame, _ in walk_tb(error.__traceback__)]
    inside = any(
        f"optuna{os.sep}storages" in code.co_filename or code is _open_journal.__code__
        for code in codes
    )
    return inside or type(error).__module__.partition(".")[0] in ("sqlalchemy", "alembic")


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    return (str(getattr(cause, "orig", None) or cause) or type(cause).__name__).splitlines()[0]


def without_password(where: str | Path) -> str:
    """Return the address of a storage without a password."""
    hidden = re.sub(r"(://[^/@]*?:)[^@]*@", r"\1***@", str(where))
    return re.sub(r"([?&]\w*password=)[^&]*", r"\1***", hidden)
