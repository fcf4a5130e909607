"""A study that processes and machines work on together.

Optuna samples the trials and stores them, and leaves those of dead workers to others by heartbeats.
"""
# ruff: noqa: E402

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from neurodeploy.models.errors import InputError, require

require("a search", "optuna")  # before it is imported

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from neurodeploy.explore.metrics import METRICS
from neurodeploy.explore.results import ABOUT
from neurodeploy.explore.storage import (
    HEARTBEAT_S,
    explained,
    open_storage,
    without_password,
)
from neurodeploy.explore.trial import TrialFailed, has_ended
from neurodeploy.models.schema import shown

OnEnd: TypeAlias = Callable[[], None]
Notify: TypeAlias = Callable[[str], None]

FORMAT: Final = 1
"""Version of our attributes of studies and trials; increase it if older ones cannot be read."""
POLL_S: Final = 0.5
END_S: Final = 30.0
"""Seconds that an interrupted worker has to end."""
RESTARTS: Final = 10
"""Number of times that a killed worker is replaced."""
ENDED: Final = "Cannot tell a "
"""How Optuna's ValueError begins when it tells the result of a trial that has ended."""


@dataclass(frozen=True, eq=False)
class Job:
    """A study to work on; it is pickled for other processes.

    Attributes:
        objective: function that Optuna optimizes.
        goals: "maximize" or "minimize" for each of its values.
        where: the storage.
        name: name of the study.
        trials: number of trials that shall end; None for those that are enqueued.
        about: what all trials of the study share, as JSON values.
        first: parameters of the first trials, by name.
        sampler: Optuna's sampler.
        heartbeat_s: seconds between signs of life.
    """

    objective: Callable[[optuna.Trial], Any]
    goals: tuple[Literal["maximize", "minimize"], ...]
    where: str | Path
    name: str
    trials: int | None = None
    about: Mapping[str, Any] = field(default_factory=lambda: {"format": FORMAT})
    first: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sampler: optuna.samplers.BaseSampler | None = None
    heartbeat_s: int = HEARTBEAT_S

    def open(self) -> optuna.Study:
        """Create or load the study.

        Raises:
            InputError: if the storage cannot be used, or has another study of this name.
        """
        with explained(self.where):
            study = optuna.create_study(
                storage=open_storage(self.where, heartbeat_s=self.heartbeat_s),
                study_name=self.name,
                directions=self.goals,
                sampler=self.sampler or optuna.samplers.TPESampler(),
                load_if_exists=True,
            )
            if ABOUT not in study.user_attrs and not study.get_trials(deepcopy=False):
                study.set_user_attr(ABOUT, dict(self.about))  # at once, for other machines
            self._check(study)
            self._plan(study)
        return study

    def _plan(self, study: optuna.Study) -> None:
        """Plan the first trials, unless they are."""
        if titles := [METRICS[name].title for name in self.about.get("objectives", ())]:
            study.set_metric_names(titles)
        planned = {each.user_attrs.get("start") for each in study.get_trials(deepcopy=False)}
        for name, params in self.first.items():
            if name not in planned:
                study.enqueue_trial(dict(params), user_attrs={"start": name})

    def _check(self, study: optuna.Study) -> None:
        check_format(study)
        found = study.user_attrs[ABOUT]
        for name, wanted in self.about.items():
            if found.get(name) != wanted:
                raise InputError(
                    f"the study {study.study_name} in {without_password(self.where)} has "
                    f"{_difference(name, found.get(name), wanted)}; give the same options as "
                    "before, or another --out"
                )

    def count(self, study: optuna.Study) -> int:
        """Return how many trials to start; -1 if none is, but some are still running."""
        trials = study.get_trials(deepcopy=False)
        running = sum(each.state is TrialState.RUNNING for each in trials)
        if self.trials is None:
            left = sum(each.state is TrialState.WAITING for each in trials)
        else:
            left = self.trials - sum(map(has_ended, trials)) - running
        return max(left, 0) or (-1 if running else 0)


def _difference(name: str, found: Any, wanted: Any) -> str:
    """Return how what a study holds differs from what is wanted."""
    what = name.removesuffix("_sha256")
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        keys = (key for key in {**found, **wanted} if found.get(key) != wanted.get(key))
        return f"another {what} ({', '.join(keys)})"
    return f"another {what}" if what != name else f"the {what} {shown(found)}, not {shown(wanted)}"


def check_format(study: optuna.Study) -> None:
    """Raise InputError if a study is not of this version."""
    found = study.user_attrs.get(ABOUT, {}).get("format")
    if found != FORMAT:
        by = f"another version (format {found}, not {FORMAT})" if found else "another program"
        raise InputError(f"the study {study.study_name} was written by {by}; give another --out")


def run(
    job: Job,
    study: optuna.Study,
    workers: int = 1,
    *,
    on_end: OnEnd = lambda: None,
    notify: Notify = lambda _: None,
    threads: int | None = None,
) -> None:
    """Work on a study in this process, or in several, until all trials have ended.

    Args:
        job: the study to work on.
        study: the same study, opened.
        workers: number of processes; 1 for this one.
        on_end: called when trials have ended.
        notify: called with each warning.
        threads: CPU cores of each process.

    Raises:
        InputError: if the workers ended before all trials did.
    """
    if workers == 1:
        work(job, study, on_end)
        return
    import cloudpickle

    packed, context = cloudpickle.dumps(job), multiprocessing.get_context("spawn")
    processes: list[Any] = []

    def start() -> None:
        processes.append(context.Process(target=_work_here, args=(packed,), daemon=True))
        with _environment(threads or 1):
            processes[-1].start()

    try:
        for _ in range(workers):
            start()
        with explained(job.where):
            _watch(study, processes, start, on_end, notify)
            left = job.count(study)
    finally:
        _end(processes)
    if left:
        codes = ", ".join(str(each.exitcode) for each in processes)
        raise InputError(
            f"the workers ended before all trials did (exit codes {codes}); finished trials are "
            "stored, and the same command goes on"
        )


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Let processes that start in this block use so many threads."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    before = {name: os.environ[name] for name in names if name in os.environ}
    os.environ.update(dict.fromkeys(names, str(threads)))
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]
        os.environ.update(before)


def _work_here(packed: bytes) -> None:
    """Work on a pickled job; the main function of a worker process."""
    import pickle

    from neurodeploy.hw_sim.memory import keep_freed_memory

    keep_freed_memory()  # this process is ours, so it may be set up as a command is
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        job: Job = pickle.loads(packed)
        work(job, job.open())
    except InputError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        os._exit(130)


def _interrupt(*_: Any) -> None:
    """Interrupt the trial, and let nothing interrupt what follows."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _watch(
    study: optuna.Study,
    processes: Sequence[Any],
    start: Callable[[], None],
    on_end: OnEnd,
    notify: Notify,
) -> None:
    """Wait for the workers, replace those that were killed, and tell when trials have ended."""
    told, restarts, alive = 0, 0, True
    while alive:
        time.sleep(POLL_S)
        killed = sum((each.exitcode or 0) < 0 for each in processes)
        for _ in range(restarts, min(killed, RESTARTS)):
            notify("warning: a worker was killed; another one takes its place")
            start()
            restarts += 1
        alive = any(each.is_alive() for each in processes)
        ended = sum(map(has_ended, study.get_trials(deepcopy=False)))
        if ended > told:
            told = ended
            on_end()


def _end(processes: Sequence[Any]) -> None:
    """Interrupt the workers that still run, and wait for them."""
    started = [each for each in processes if each.pid is not None]
    for each in started:
        if each.is_alive():
            os.kill(each.pid, signal.SIGINT)
    for each in started:
        each.join(END_S)
        each.kill()
        each.join()


def work(job: Job, study: optuna.Study, on_end: OnEnd = lambda: None) -> None:
    """Run trials until all have ended, also those that dead workers left.

    Raises:
        InputError: if the storage cannot be reached, or the disk is full.
    """
    with explained(job.where):
        begun = any(each.state is not TrialState.WAITING for each in study.get_trials())
        parent = multiprocessing.parent_process()
        if begun or parent:
            study.sampler.reseed_rng()  # others, or an earlier run, drew from the same state
        while (left := job.count(study)) and (parent is None or parent.is_alive()):
            if left < 0:  # others run the last ones
                time.sleep(POLL_S)
                optuna.storages.fail_stale_trials(study)
                continue
            _run_trial(job, study)
            on_end()


def _run_trial(job: Job, study: optuna.Study) -> None:
    """Run a trial; what comes of one that another worker has taken over meanwhile is ignored."""
    raised: BaseException | None = None

    def objective(trial: optuna.Trial) -> Any:
        nonlocal raised
        try:
            return job.objective(trial)
        except BaseException as error:
            raised = error
            raise

    try:
        study.optimize(objective, n_trials=1, catch=(TrialFailed,))
    except Exception as error:
        told = (error, error.__context__)  # an assertion of Optuna's hides why it failed
        if not any(
            isinstance(each, UpdateFinishedTrialError) or str(each).startswith(ENDED)
            for each in told
        ):
            raise
        of_trial = (TrialFailed, UpdateFinishedTrialError, optuna.TrialPruned)
        if raised is not None and not isinstance(raised, of_trial):
            raise raised from None
