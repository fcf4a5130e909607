"""`neurodeploy.optimize`: search a task's networks with Optuna, in one process or in many."""
# ruff: noqa: E402

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np

from neurodeploy.hw_sim.chips import Chip
from neurodeploy.models.errors import InputError, require
from neurodeploy.models.files import replacing

require("a search", "optuna", "torch", "lava.lib.dl.slayer")  # before they are imported

import optuna

from neurodeploy.data.dataset import digest
from neurodeploy.data.task_data import TaskData
from neurodeploy.explore.metrics import METRICS, check_constraints, check_objectives
from neurodeploy.explore.repeats import Repeat, enqueue
from neurodeploy.explore.results import SearchResult, front_of, result_of
from neurodeploy.explore.space import SearchSpace, check_space, default_space, read_space, starts
from neurodeploy.explore.storage import (
    HEARTBEAT_S,
    explained,
    local_file,
    open_storage,
    without_password,
)
from neurodeploy.explore.trial import Objective
from neurodeploy.explore.workers import FORMAT, Job, check_format, run
from neurodeploy.report.evaluate import choose_chips
from neurodeploy.train.fit import Notify, check_data, log
from neurodeploy.train.training import find_device

OnTrial: TypeAlias = Callable[[SearchResult], None]
Space: TypeAlias = SearchSpace | Mapping[str, Any] | str | Path

OWNER: Final = ".study"
"""File in the folder of a study, with its name."""
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
    notify: Notify = log,
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
        study: name of the study, whose networks are then in a folder of this name in `out`; the
            task's name by default.
        sampler: Optuna's sampler; TPE by default. A BruteForceSampler tries every combination.
        prune: stop a training early if a network that costs no more is better.
        warm_start: begin with the presets that lie in the space.
        threads: CPU cores per worker; its share by default.
        device: torch device.
        heartbeat_s: seconds between signs of life of a trial; a trial without four is run again.
        on_trial: called with the result so far, without importances, at the start and when trials
            have ended.
        notify: called with each warning; by default they go to the logger "neurodeploy".

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
    _check_counts(trials, workers, seeds, heartbeat_s)
    aims = check_objectives(objectives)
    limits = check_constraints(constraints or {}, aims)
    (chosen,) = choose_chips([chip])
    find_device(device)
    name, folder = _name(study, folds[0])
    found = default_space(folds[0]) if space is None else read_space(space)
    check_space(found, folds[0])
    share = None if workers == 1 else max(1, (os.cpu_count() or 1) // workers)
    objective = Objective(
        folds, found, aims, limits, chosen,
        Path(out).resolve(), prune, threads or share, device, folder,
    )  # fmt: skip
    where = storage or Path(out) / "journal.log"
    goals = tuple(METRICS[each].goal for each in objective.objectives)
    first = starts(found, folds[0]) if warm_start else {}
    search = Job(
        objective, goals, where, name, trials, _about(objective), first, sampler, heartbeat_s
    )
    main, repeated = search.open(), None
    _claim(objective.folder / objective.study, name)

    def tell() -> None:
        if on_trial is not None:
            on_trial(result_of(main, repeated, objective.folder, importances=False))

    tell()
    run(search, main, workers, on_end=tell, notify=notify, threads=objective.threads)
    if seeds:
        repeats = Job(
            Repeat(objective), ("maximize",), where, REPEATS.format(name), heartbeat_s=heartbeat_s
        )
        repeated = repeats.open()
        with explained(where):
            optuna.storages.fail_stale_trials(repeated)
            enqueue(front_of(main), repeated, seeds)
        run(repeats, repeated, workers, on_end=tell, notify=notify, threads=objective.threads)
    with explained(where):
        return result_of(main, repeated, objective.folder)


def read_search(
    storage: str | Path, study: str | None = None, out: str | Path | None = None
) -> SearchResult:
    """Return the result of a search from its storage, without its data.

    Args:
        storage: as for `optimize`.
        study: name of the study; the only one in the storage by default.
        out: folder of the search; that of the journal file by default.

    Raises:
        InputError: if there is no such study.
    """
    file = local_file(storage)
    if file is not None and not file.is_file():
        raise InputError(f"{file} does not exist; run a search first, or name its --out")
    with explained(storage):
        opened = open_storage(storage)
        known = optuna.get_all_study_names(opened)
        name = _choose(study, known, without_password(storage))
        main = optuna.load_study(study_name=name, storage=opened)
        check_format(main)
        repeated = None
        if (repeats := REPEATS.format(name)) in known:
            repeated = optuna.load_study(study_name=repeats, storage=opened)
        folder = Path(out) if out is not None else (file or Path()).parent
        return result_of(main, repeated, folder.resolve())


def _choose(study: str | None, known: Sequence[str], where: str) -> str:
    """Return the name of the study to read."""
    names = [each for each in known if not each.endswith(REPEATS.format(""))]
    if study is None and len(names) == 1:
        return names[0]
    if study in names:
        return str(study)
    if not names:
        raise InputError(f"the storage {where} has no study; run a search first")
    what = f"{len(names)} studies" if study is None else f"no study {study}"
    raise InputError(f"the storage {where} has {what}; name one of {', '.join(names)} with --study")


# Arguments


def _claim(folder: Path, study: str) -> None:
    """Note in the folder whose networks it holds; raise InputError if another study's."""
    if owner(folder) is None:
        with replacing(folder / OWNER) as temporary:
            temporary.write_text(study)
    if (found := owner(folder)) != study:
        raise InputError(f"{folder} holds the networks of the study {found}; give another --out")


def owner(folder: Path) -> str | None:
    """Return the name of the study whose networks a folder holds."""
    return (folder / OWNER).read_text() if (folder / OWNER).exists() else None


def _folds(task: TaskData | Sequence[TaskData], seeds: int) -> tuple[TaskData, ...]:
    folds = (task,) if isinstance(task, TaskData) else tuple(task)
    for each in folds or (None,):
        check_data(each)
    if len(folds) > 1 and seeds:
        raise InputError(
            f"seeds is {seeds} with {len(folds)} folds, which share no test samples; give seeds=0"
        )
    return folds


def _check_counts(trials: int, workers: int, seeds: int, heartbeat_s: int) -> None:
    for name, count, low in (
        ("trials", trials, 1), ("workers", workers, 1), ("seeds", seeds, 0),
        ("heartbeat_s", heartbeat_s, 1),
    ):  # fmt: skip
        if not isinstance(count, int) or count < low:
            raise InputError(f"{name} is {count!r}; give an integer from {low}")
    if workers > (cores := os.cpu_count() or 1):
        raise InputError(f"workers is {workers}; give 1 to {cores}, as many as there are cores")


def _name(study: str | None, data: TaskData) -> tuple[str, str]:
    """Return the name of the study, and the folder of its trials in the folder of the search."""
    own = data.name or "search"
    name = study or own
    if Path(name).name != name or name == "..":
        raise InputError(f"the study is named {name!r}; give a name that a folder may have")
    return name, "" if name == own else name


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
        "training_sha256": _training_digest(objective.folds),
    }


def _training_digest(folds: Sequence[TaskData]) -> str:
    """Return a digest of what a space leaves as it is: configurations, encoders and samples."""
    found = hashlib.sha256()
    for data in folds:
        values = [data.config, data.encoder.as_dict()]
        found.update(msgspec.json.encode(values, enc_hook=_type_name))  # of an augmentation
        for rows in (data.split.train, data.split.validation, data.split.test):
            found.update(np.ascontiguousarray(rows).tobytes())
    return found.hexdigest()


def _type_name(value: Any) -> str:
    return getattr(value, "__name__", None) or type(value).__qualname__
