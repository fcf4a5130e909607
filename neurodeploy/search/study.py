"""`neurodeploy.optimize`: search a task's networks with Optuna, in one process or in many.

Optuna samples the trials, stores them, and leaves those of dead workers to others by heartbeats.
"""
# ruff: noqa: E402

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

from neurodeploy.hw_sim.chips import Chip
from neurodeploy.learning.fit import check_data
from neurodeploy.models.errors import InputError, require

require("a search", "optuna", "torch", "lava.lib.dl.slayer")  # before they are imported

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.trial import TrialState

from neurodeploy.models.schema import shown
from neurodeploy.running.evaluation import choose_chips
from neurodeploy.search.results import ABOUT, SearchResult, front_of, result_of
from neurodeploy.search.space import SearchSpace, check_space, default_space, read_space, starts
from neurodeploy.search.storage import (
    HEARTBEAT_S,
    explained,
    open_storage,
    without_password,
)
from neurodeploy.search.trial import METRICS, Objective, Repeat, TrialFailed
from neurodeploy.tasks.dataset import digest
from neurodeploy.tasks.task import TaskData

OnTrial: TypeAlias = Callable[[SearchResult], None]
Report: TypeAlias = Callable[[], None]
Space: TypeAlias = SearchSpace | Mapping[str, Any] | str | Path

FORMAT: Final = 1
"""Version of our attributes of studies and trials; increase it if older ones cannot be read."""
OBJECTIVES_MAX: Final = 3
LIMITS: Final = tuple(metric.limit for metric in METRICS.values())
POLL_S: Final = 0.5
END_S: Final = 30.0
"""Seconds that an interrupted worker has to end."""
REPEATS: Final = "{}, repeated"
"""Name of the study of repeated seeds."""


def optimize(
    task: TaskData | Sequence[TaskData],
    space: Space | None = None,
    objectives: Sequence[str] = ("accuracy", "energy"),
    *,
    constraints: Mapping[str, float] | None = None,
    chip: str | Chip = "loihi2",
    trials: int = 60,
    workers: int = 1,
    seeds: int = 1,
    out: str | Path,
    storage: str | Path | None = None,
    study: str | None = None,
    sampler: optuna.samplers.BaseSampler | None = None,
    prune: bool = True,
    warm_start: bool = True,
    threads: int | None = None,
    device: str = "cpu",
    heartbeat_s: int = HEARTBEAT_S,
    on_trial: OnTrial | None = None,
) -> SearchResult:
    """Search for the best networks of a task, with Optuna.

    Each trial trains a network, quantizes it, checks every spike, simulates the validation samples
    and estimates the cost. Only the validation samples decide. The networks of the front alone are
    evaluated on the test samples, once. Calling it again with the same arguments goes on with the
    study; other processes and machines may call it at the same time.

    Args:
        task: from `neurodeploy.task`; or several folds of it, whose results are averaged.
        space: a search space (docs/schemas/search-space.json): a file, or a dict of lists, ranges
            or Optuna's distributions; by default one around the task's configuration.
        objectives: one to three of "accuracy", "energy", "latency", "neurocores", "synops".
        constraints: limits of the mean validation sample by name: min_accuracy (0 to 1),
            max_energy_uj, max_latency_ms, max_neurocores, max_synops.
        chip: chip of the estimates.
        trials: number of trials in the study, those of earlier calls included; at least 1.
        workers: processes on this machine, each on its share of the CPU cores. A script that sets
            it needs `if __name__ == "__main__":`.
        seeds: seeds per network of the front, whose test accuracies are reported; 0 for no test.
        out: folder of the networks, which all workers share.
        storage: journal file, grpc://HOST:PORT, or URL of a database; `out`/journal.log by default.
        study: name of the study; the task's name by default.
        sampler: Optuna's sampler; TPE by default. A BruteForceSampler tries every combination.
        prune: stop trainings early that are worse than the median of networks that cost no more.
        warm_start: begin with the presets that lie in the space.
        threads: CPU cores per worker; its share by default.
        device: torch device.
        heartbeat_s: seconds between signs of life of a trial; a trial without four is run again.
        on_trial: called with the result so far, without importances, when trials have ended.

    Raises:
        InputError: if an argument is invalid, the storage cannot be used or holds another study, or
            the disk is full.
        KeyboardInterrupt: on Ctrl-C; finished trials are stored.

    Examples:
        >>> space = {"neurons": [8, 16], "layers": [1], "epochs": [1]}
        >>> found = neurodeploy.optimize(task, space, ("accuracy", "synops"), trials=1, out="tiny")
        >>> [(each.state, each.sizes[1:]) for each in found.front]
        [('complete', (10,))]
    """
    folds = _folds(task, seeds)
    _check_counts(trials=trials, workers=workers, seeds=seeds + 1, heartbeat_s=heartbeat_s)
    (chosen,) = choose_chips([chip])
    found = default_space(folds[0]) if space is None else read_space(space)
    check_space(found, folds[0])
    objective = Objective(
        folds, found, _objectives(objectives), _constraints(constraints or {}), chosen,
        Path(out).resolve(), prune, threads or _share(workers), device,
    )  # fmt: skip
    _check_aims(objective)
    name = study or folds[0].name or "search"
    where = storage or Path(out) / "journal.log"
    goals = tuple(METRICS[each].goal for each in objective.objectives)
    first = starts(found, folds[0]) if warm_start else {}
    search = Job(
        objective, goals, where, name, trials, _about(objective), first, sampler, heartbeat_s
    )
    main, repeated = search.open(), None

    def report() -> None:
        if on_trial is not None:
            on_trial(result_of(main, repeated, importances=False))

    run(search, main, workers, report=report, threads=objective.threads)
    if seeds:
        repeats = Job(
            Repeat(objective), ("maximize",), where, REPEATS.format(name), heartbeat_s=heartbeat_s
        )
        repeated = repeats.open()
        with explained(where):
            _enqueue_repeats(main, repeated, seeds)
        run(repeats, repeated, workers, report=report, threads=objective.threads)
    with explained(where):
        return result_of(main, repeated)


def read_search(storage: str | Path, study: str | None = None) -> SearchResult:
    """Return the result of a search from its storage, without its data.

    Args:
        storage: as for `optimize`.
        study: name of the study; the only one in the storage by default.

    Raises:
        InputError: if there is no such study.
    """
    if "://" not in str(storage) and not Path(storage).is_file():
        raise InputError(f"{storage} does not exist; run a search first, or name its --out")
    with explained(storage):
        opened = open_storage(storage)
        names = [each for each in optuna.get_all_study_names(opened) if not _is_repeats(each)]
        name = study or (names[0] if len(names) == 1 else None)
        if name not in names:
            known = ", ".join(names) or "none"
            raise InputError(
                f"the storage {without_password(storage)} has no study {study or ''}; name one "
                f"with --study (it has {known})"
            )
        return _result(opened, name)


def _is_repeats(name: str) -> bool:
    return name.endswith(REPEATS.format(""))


def _result(storage: optuna.storages.BaseStorage, name: str) -> SearchResult:
    main = optuna.load_study(study_name=name, storage=storage)
    _check_format(main)
    repeats = REPEATS.format(name)
    known = repeats in optuna.get_all_study_names(storage)
    return result_of(
        main, optuna.load_study(study_name=repeats, storage=storage) if known else None
    )


# Arguments


def _folds(task: TaskData | Sequence[TaskData], seeds: int) -> tuple[TaskData, ...]:
    folds = (task,) if isinstance(task, TaskData) else tuple(task)
    for each in folds or (None,):
        check_data(each)
    if len(folds) > 1 and seeds:
        raise InputError(
            f"seeds is {seeds} with {len(folds)} folds, which share no test samples; give seeds=0"
        )
    return folds


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if not isinstance(count, int) or count < 1:
            shift = name == "seeds"  # 0 is allowed
            raise InputError(f"{name} is {count - shift}; give an integer from {1 - shift}")


def _objectives(names: Sequence[str]) -> tuple[str, ...]:
    found = (names,) if isinstance(names, str) else tuple(names)
    for name in found:
        if name not in METRICS or found.count(name) > 1:
            why = "appears twice" if name in METRICS else "does not exist"
            raise InputError(f"the objective {name!r} {why}; choose among {', '.join(METRICS)}")
    if not 1 <= len(found) <= OBJECTIVES_MAX:
        raise InputError(f"there are {len(found)} objectives; give 1 to {OBJECTIVES_MAX}")
    return found


def _constraints(limits: Mapping[str, float]) -> dict[str, float]:
    for name, limit in limits.items():
        if name not in LIMITS:
            raise InputError(f"there is no constraint {name!r}; choose among {', '.join(LIMITS)}")
        high = 1.0 if name == "min_accuracy" else float("inf")
        if not 0 < limit <= high or limit == float("inf"):
            over = "0 to 1" if name == "min_accuracy" else "0"
            raise InputError(f"{name} is {limit:g}; give a number over {over}")
    return {name: float(limit) for name, limit in limits.items()}


def _check_aims(objective: Objective) -> None:
    """Raise InputError if a search would ignore the accuracy."""
    if "accuracy" not in objective.objectives and "min_accuracy" not in objective.constraints:
        raise InputError(
            f"the objectives {', '.join(objective.objectives)} ignore the accuracy, so an "
            "untrained network would win; add the objective accuracy, or the constraint "
            "min_accuracy"
        )


def _share(workers: int) -> int | None:
    """Return the CPU cores of each worker, None for all of them."""
    return None if workers == 1 else max(1, (os.cpu_count() or 1) // workers)


# Studies


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
        with explained(self.where), _quiet_optuna():
            study = optuna.create_study(
                storage=open_storage(self.where, heartbeat_s=self.heartbeat_s),
                study_name=self.name,
                directions=self.goals,
                sampler=self.sampler or optuna.samplers.TPESampler(),
                load_if_exists=True,
            )
            if ABOUT not in study.user_attrs and not study.get_trials(deepcopy=False):
                self._begin(study)
            self._check(study)
        return study

    def _begin(self, study: optuna.Study) -> None:
        study.set_user_attr(ABOUT, dict(self.about))  # one value, which other machines see whole
        if titles := [METRICS[name].title for name in self.about.get("objectives", ())]:
            study.set_metric_names(titles)
        for name, params in self.first.items():
            study.enqueue_trial(dict(params), user_attrs={"start": name}, skip_if_exists=True)

    def _check(self, study: optuna.Study) -> None:
        _check_format(study)
        found = study.user_attrs[ABOUT]
        for name, wanted in self.about.items():
            if found.get(name) != wanted:
                raise InputError(
                    f"the study {study.study_name} in {without_password(self.where)} has the "
                    f"{name} {shown(found.get(name))}, not {shown(wanted)}; name another --study "
                    "or --out, or give the same options as before"
                )

    def count(self, study: optuna.Study) -> int:
        """Return how many trials to start; -1 if none is, but some are still running."""
        trials = study.get_trials(deepcopy=False)
        planned = sum(map(_is_planned, trials)) if self.trials is None else self.trials
        left = planned - sum(map(_has_ended, trials))
        running = sum(each.state is TrialState.RUNNING for each in trials)
        return max(left - running, 0) or (-1 if left > 0 else 0)


def _about(objective: Objective) -> dict[str, Any]:
    """Return what all trials of a search share."""
    data = objective.folds[0]
    return {
        "format": FORMAT,
        "task": data.name,
        "data_sha256": digest(data.dataset),
        "folds": len(objective.folds),
        "objectives": list(objective.objectives),
        "constraints": dict(objective.constraints),
        "chip": objective.chip.name,
        "costs_sha256": objective.chip.digest,
        "space": msgspec.json.decode(msgspec.json.encode(objective.space)),
    }


def _check_format(study: optuna.Study) -> None:
    found = study.user_attrs.get(ABOUT, {}).get("format")
    if found != FORMAT:
        by = f"another version (format {found}, not {FORMAT})" if found else "another program"
        raise InputError(
            f"the study {study.study_name} was written by {by}; name another --study or --out"
        )


def _has_ended(trial: optuna.trial.FrozenTrial) -> bool:
    """Return whether a trial ended; an interrupted one failed without an error of its own."""
    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    return trial.state in ended or "error" in trial.user_attrs


def _is_planned(trial: optuna.trial.FrozenTrial) -> bool:
    """Return whether a trial counts in a study of enqueued trials."""
    return _has_ended(trial) or trial.state in (TrialState.WAITING, TrialState.RUNNING)


def _enqueue_repeats(search: optuna.Study, repeats: optuna.Study, seeds: int) -> None:
    """Plan the seeds of each network of the front that are not planned yet."""
    with _quiet_optuna():
        optuna.storages.fail_stale_trials(repeats)
    planned = [each for each in repeats.get_trials(deepcopy=False) if _is_planned(each)]
    known = [each.user_attrs.get("repeat") for each in planned]
    for trial in front_of(search):
        for seed in range(seeds):
            if [trial.number, seed] not in known:
                kept = {name: trial.user_attrs[name] for name in ("values", "folder")}
                repeats.enqueue_trial(
                    {"point": trial.number, "seed": seed},
                    user_attrs={**kept, "repeat": [trial.number, seed]},
                )


# Workers


def run(
    job: Job,
    study: optuna.Study,
    workers: int = 1,
    *,
    report: Report = lambda: None,
    threads: int | None = None,
) -> None:
    """Work on a study in this process, or in several, until all trials have ended.

    Args:
        job: the study to work on.
        study: the same study, opened.
        workers: number of processes; 1 for this one.
        report: called when trials have ended.
        threads: CPU cores of each process.

    Raises:
        InputError: if the workers ended before all trials did.
    """
    if workers == 1:
        work(job, study, report)
        return
    import cloudpickle

    packed, context = cloudpickle.dumps(job), multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_work_here, args=(packed,), daemon=True) for _ in range(workers)
    ]
    try:
        with _environment(threads or 1):
            for each in processes:
                each.start()
        with explained(job.where):
            _watch(study, processes, report)
    finally:
        _end(processes)
    if job.count(study):
        codes = ", ".join(str(each.exitcode) for each in processes)
        raise InputError(
            f"the workers ended before all trials did (exit codes {codes}); finished trials are "
            "stored, and the same command goes on"
        )


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Let processes that start in this block use so many threads."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _work_here(packed: bytes) -> None:
    """Work on a pickled job; the main function of a worker process."""
    import pickle

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        job: Job = pickle.loads(packed)
        work(job, job.open())
    except InputError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        os._exit(130)


def _watch(study: optuna.Study, processes: Sequence[Any], report: Report) -> None:
    """Wait for the workers, and report when trials have ended."""
    reported = 0
    while any(each.is_alive() for each in processes):
        time.sleep(POLL_S)
        ended = sum(map(_has_ended, study.get_trials(deepcopy=False)))
        if ended > reported:
            reported = ended
            report()


def _end(processes: Sequence[Any]) -> None:
    """Interrupt the workers that still run, and wait for them."""
    for each in processes:
        if each.is_alive():
            with suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGINT)
    for each in processes:
        each.join(END_S)
        if each.is_alive():
            each.kill()
            each.join()


def work(job: Job, study: optuna.Study, report: Report = lambda: None) -> None:
    """Run trials until all have ended, also those that dead workers left.

    Raises:
        InputError: if the storage cannot be reached, or the disk is full.
    """
    with explained(job.where), _quiet_optuna():
        while (left := job.count(study)) and not _is_orphan():
            if left < 0:  # others run the last ones
                time.sleep(POLL_S)
                optuna.storages.fail_stale_trials(study)
                continue
            with suppress(UpdateFinishedTrialError):  # it took too long, and others ran it again
                study.optimize(job.objective, n_trials=1, catch=(TrialFailed,))
            report()


def _is_orphan() -> bool:
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
