"""One trial: train, quantize, check every spike, simulate the validation samples, estimate."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from neurodeploy.data.task_data import TaskData
from neurodeploy.explore.metrics import METRICS, MICRO, metrics_of, violations
from neurodeploy.explore.space import SearchSpace, configure, suggest
from neurodeploy.hw_sim.chips import Chip
from neurodeploy.models.errors import BackendError, FolderInUseError, InputError, NotWrittenError
from neurodeploy.models.network import QuantizedNetwork

if TYPE_CHECKING:
    import optuna

    from neurodeploy.config import TrainConfig
    from neurodeploy.report.report import Report
    from neurodeploy.train.fit import TrainedRun
    from neurodeploy.train.training import Epoch, Training

CHECKED: Final = 64
"""Validation samples on which every spike of trained and quantized network is compared."""
NETWORK: Final = "model.net"
FOLD: Final = "fold-{}"
"""Folder of the network of one of several folds."""
ERROR: Final = "error"
"""User attribute of a failed trial: the reason."""
DUPLICATE: Final = "duplicate"
"""User attribute of a trial that another machine planned too: the number of the other one."""


class TrialFailed(Exception):
    """A trial could not be finished; the message, one sentence, is stored with the trial."""


@dataclass(frozen=True, eq=False)
class Objective:
    """The function that Optuna optimizes; it is pickled for other processes.

    Attributes:
        folds: data of the task, or of several folds of it, whose results are averaged.
        space: the search space.
        objectives: names of `METRICS`.
        constraints: limits by name.
        chip: chip of the estimates.
        folder: folder of the trials' networks.
        prune: whether to stop hopeless trainings early.
        threads: CPU cores to use; None for all.
        device: torch device.
        study: folder of this study's trials in `folder`; "" for `folder` itself.
    """

    folds: tuple[TaskData, ...]
    space: SearchSpace
    objectives: tuple[str, ...]
    constraints: Mapping[str, float]
    chip: Chip
    folder: Path
    prune: bool = True
    threads: int | None = None
    device: str = "cpu"
    study: str = ""

    def __call__(self, trial: optuna.Trial) -> list[float]:
        """Run a trial and return its objectives; metrics and history become user attributes.

        Raises:
            TrialFailed: if it could not be finished.
            optuna.TrialPruned: if it is hopeless.
        """
        refuse_duplicate(trial, "start")
        own = str(Path(self.study, f"trial-{trial.number:04d}"))
        with recorded(trial):
            began, again = time.monotonic(), "host" in trial.user_attrs
            trial.set_user_attr("host", socket.gethostname())
            trial.set_user_attr("values", suggest(trial, self.space))
            if (values := _copied(trial)) is not None:
                return values
            try:
                reports = self._reports(trial, trial.user_attrs.get("folder", own), again=again)
            except FolderInUseError:  # the worker from which the trial was taken still trains there
                reports = self._reports(trial, own, again=False)
            return self._tell(trial, reports, time.monotonic() - began)

    def _reports(self, trial: optuna.Trial, folder: str, *, again: bool) -> list[Report]:
        """Train the networks of a trial, and return their reports on the validation samples."""
        trial.set_user_attr("folder", folder)
        reports = []
        for index, data in enumerate(self.folds):
            fold = FOLD.format(index) if len(self.folds) > 1 else ""
            own, config = configure(data, trial.user_attrs["values"])
            stops = self.prune and {*self.objectives} <= PRUNED
            stop = None if index else watch(trial, config.epochs, stop=stops)
            home = self.folder / folder / fold
            network = train(own, config, home, self, again=again, stop=stop)
            reports.append(evaluated(network, own, "validation", self))
        return reports

    def _tell(self, trial: optuna.Trial, reports: Sequence[Report], seconds: float) -> list[float]:
        """Store the results of a trial, and return its objectives."""
        folds = [metrics_of(each, self.chip.name) for each in reports]
        means = {name: float(np.mean([fold[name] for fold in folds])) for name in METRICS}
        if unknown := [name for name, value in means.items() if not math.isfinite(value)]:
            raise InputError(f"{', '.join(unknown)} of the network cannot be told; see its report")
        estimated = [each.estimated[self.chip.name] for each in reports]
        energy = [each.energy.dynamic for each in estimated]
        trial.set_user_attr("metrics", means)
        trial.set_user_attr("folds", folds)
        trial.set_user_attr("energy_low", MICRO * float(np.mean([each.low for each in energy])))
        trial.set_user_attr("energy_high", MICRO * float(np.mean([each.high for each in energy])))
        trial.set_user_attr("digests", [each.digest for each in reports])
        trial.set_user_attr("sizes", [layer.neurons for layer in reports[0].network.layers])
        trial.set_user_attr("seconds", seconds)
        broken = {"fits": float(max(len(each.problems) for each in estimated))}
        for name, amount in {**broken, **violations(means, self.constraints)}.items():
            trial.set_constraint(name, amount)
        return [means[name] for name in self.objectives]


RESULTS: Final = ("metrics", "folds", "energy_low", "energy_high", "digests", "sizes", "folder")
"""User attributes that a network has, whichever trial trained it."""


def _copied(trial: optuna.Trial) -> list[float] | None:
    """Give a trial the results of a complete one with the same hyperparameters, if there is one."""
    for same in trial.study.get_trials(deepcopy=False):
        if same.state.name == "COMPLETE" and same.params == trial.params:
            for name in RESULTS:
                trial.set_user_attr(name, same.user_attrs[name])
            trial.set_user_attr("seconds", 0.0)
            for name, amount in same.constraints.items():
                trial.set_constraint(name, amount)
            return list(same.values)
    return None


OUT_OF_MEMORY: Final = (
    "out of memory", "can't allocate memory", "cannot allocate", "alloc_failed", "bad_alloc",
)  # fmt: skip


def has_ended(trial: optuna.trial.FrozenTrial) -> bool:
    """Return whether a trial has ended, and was not left to another worker or to its duplicate."""
    return {
        "COMPLETE": True,
        "PRUNED": DUPLICATE not in trial.user_attrs,
        "FAIL": ERROR in trial.user_attrs,
    }.get(trial.state.name, False)


@contextmanager
def recorded(trial: optuna.Trial) -> Iterator[None]:
    """Store why a trial fails in this block, and leave an interrupted one to the next worker.

    Raises:
        TrialFailed: if the block fails for a reason that does not stop the whole search.
    """
    try:
        yield
    except NotWrittenError:
        _leave(trial)
        raise
    except (InputError, BackendError, MemoryError, OSError, RuntimeError) as error:
        if not (reason := reason_of(error)):
            raise
        trial.set_user_attr(ERROR, reason)
        raise TrialFailed(reason) from error
    except KeyboardInterrupt:
        _leave(trial)
        raise KeyboardInterrupt from None


def _leave(trial: optuna.Trial) -> None:
    """Plan an interrupted trial again, with its attributes, so that its successor goes on."""
    with suppress(Exception):  # without the storage, the interruption is what to report
        now = trial.study.get_trials(deepcopy=False)[trial.number]
        if now.state.name != "RUNNING":  # another worker has taken it over
            return
        planned = now.system_attrs.get("fixed_params", {})  # if it has not suggested all of them
        trial.study.enqueue_trial({**planned, **now.params}, user_attrs=now.user_attrs)


def refuse_duplicate(trial: optuna.Trial, name: str) -> None:
    """Raise TrialPruned if an earlier trial has the same user attribute.

    Two machines that begin at the same time plan the same trial.
    """
    from optuna import TrialPruned

    if (mine := trial.user_attrs.get(name)) is None:
        return
    for each in trial.study.get_trials(deepcopy=False)[: trial.number]:
        runs = each.state.name != "FAIL" and DUPLICATE not in each.user_attrs
        if runs and each.user_attrs.get(name) == mine:
            trial.set_user_attr(DUPLICATE, each.number)
            raise TrialPruned(f"trial {each.number} is the same")


def reason_of(error: BaseException) -> str:
    """Return why a trial failed, or "" for a bug, which stops the whole search."""
    text = (str(error) or type(error).__name__).splitlines()[0]
    if isinstance(error, MemoryError) or any(each in text.lower() for each in OUT_OF_MEMORY):
        return "out of memory; use smaller networks or batches, or fewer workers"
    return " ".join(str(error).split()) if isinstance(error, (InputError, BackendError)) else ""


def train(
    data: TaskData,
    config: TrainConfig,
    folder: Path,
    how: Objective,
    *,
    again: bool = False,
    stop: Callable[[Epoch], None] | None = None,
) -> QuantizedNetwork:
    """Train, quantize, check every spike, and write `model.net`; return the network.

    Args:
        data: the data.
        config: the configuration.
        folder: folder of the files.
        how: the objective of the search.
        again: whether to go on with a training that another worker left in the folder.
        stop: callback of `fit` after each epoch.

    Raises:
        InputError: if it cannot be trained, or a spike of the quantized network differs.
    """
    from neurodeploy.evaluation.comparison import check_equivalence
    from neurodeploy.evaluation.files import save
    from neurodeploy.models.quantize import quantize
    from neurodeploy.train.fit import fit

    config = config.replace(threads=how.threads, device=how.device)
    options: dict[str, Any] = {"out": folder, "on_epoch": stop, "notify": lambda _: None}
    run: TrainedRun | None = None
    started: list[Training] = []
    if again:
        try:
            run = fit(data, config, resume=True, on_start=started.append, **options)
        except InputError as error:  # nothing was saved, or with other threads
            if started or isinstance(error, (FolderInUseError, NotWrittenError)):
                raise
    if run is None:
        run = fit(data, config, **options)
    network = quantize(run.model)
    found = check_equivalence(run.model, network, data.samples("validation", CHECKED))
    if not found.equal:
        raise InputError(str(found).splitlines()[0])
    save(network, folder / NETWORK)
    return network


def load_network(folder: Path, digest: str) -> QuantizedNetwork:
    """Return the network in the folder of a trial.

    Raises:
        InputError: if it is not there, or is not the network with this digest; "" is not compared.
    """
    from neurodeploy.evaluation.files import load

    path = folder / NETWORK
    if not path.exists():
        raise InputError(
            f"{path} does not exist; networks are in the folder --out of the machine that trained "
            "them, so name that folder, and let all machines share it"
        )
    network = load(path)
    if digest and network.digest != digest:
        raise InputError(
            f"{path} is another network ({network.digest[:12]}) than that of the trial "
            f"({digest[:12]}); another search wrote there, so give each its own --out"
        )
    return network


def evaluated(network: QuantizedNetwork, data: TaskData, part: str, how: Objective) -> Report:
    """Simulate the samples of a part, and estimate for the chip of the search."""
    from neurodeploy.report.evaluate import evaluate

    return evaluate(
        network, data.samples(part), chips=[how.chip], threads=how.threads, keep_sample=None
    )


# Early stopping

RUNGS: Final = (0.5, 0.75)
"""Fractions of a training after which it may be stopped."""
MARGIN: Final = 0.01
"""Difference in accuracy from which another trial is better, beyond the noise of an epoch."""
PRUNED: Final = frozenset({"accuracy", "energy", "synops"})
"""Objectives with which trainings are stopped early, as SynOps stand for them."""


def watch(trial: optuna.Trial, epochs: int, *, stop: bool) -> Callable[[Epoch], None]:
    """Return a callback of `fit` that stores accuracy and SynOps at each rung.

    With `stop` it raises TrialPruned if the training `is_hopeless` there.
    """
    rungs = {round(at * epochs): at for at in RUNGS if 0 < round(at * epochs) < epochs}
    curve: dict[str, tuple[float, float]] = trial.user_attrs.get("curve", {})

    def after(epoch: Epoch) -> None:
        from optuna import TrialPruned

        if (rung := rungs.get(epoch.epoch)) is None:
            return
        point = curve[str(rung)] = epoch.validation_accuracy, sum(epoch.synops)
        trial.set_user_attr("curve", curve)
        if stop and is_hopeless(point, points_at(rung, trial.study.get_trials(deepcopy=False))):
            raise TrialPruned(f"stopped after {rung:.0%} of its epochs")

    return after


def points_at(rung: float, trials: Sequence[optuna.trial.FrozenTrial]) -> list[tuple[float, float]]:
    """Return accuracy and SynOps of the trials that came to a rung and broke no constraint."""
    curves = (
        each.user_attrs.get("curve", {})
        for each in trials
        if each.state.name != "FAIL" and all(amount <= 0 for amount in each.constraints.values())
    )
    return [tuple(curve[str(rung)]) for curve in curves if str(rung) in curve]


def is_hopeless(point: tuple[float, float], others: Sequence[tuple[float, float]]) -> bool:
    """Return whether another network is more accurate by a margin and costs no more.

    Optuna's pruners take studies with one objective only. The cheapest networks are never hopeless.

    Args:
        point: accuracy, and SynOps per sample.
        others: the same of other trials after the same fraction of their epochs.
    """
    accuracy, cost = point
    return any(other > accuracy + MARGIN and other_cost <= cost for other, other_cost in others)
