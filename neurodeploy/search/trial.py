"""One trial: train, quantize, check every spike, simulate the validation samples, estimate.

Test samples are not touched here.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from neurodeploy.hw_sim.chips import Chip
from neurodeploy.models.errors import BackendError, InputError
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.search.space import SearchSpace, configure, suggest
from neurodeploy.tasks.task import TaskData

if TYPE_CHECKING:
    import optuna

    from neurodeploy.learning.config import TrainConfig
    from neurodeploy.learning.fit import TrainedRun
    from neurodeploy.learning.training import Epoch
    from neurodeploy.running.report import Report

MICRO: Final = 1e6
MILLI: Final = 1e3
CHECKED: Final = 64
"""Validation samples on which every spike of trained and quantized network is compared."""
NETWORK: Final = "model.net"
NUMBER_MAX: Final = 10**6
TWIN: Final = "another machine planned it too"


@dataclass(frozen=True)
class Metric:
    """A figure of a network that can be an objective or have a limit.

    Attributes:
        title: name and unit in tables.
        form: format of a value in a line of text.
        goal: "maximize" or "minimize".
        limit: the constraint on it, as in `optimize(constraints=...)`.
        read: returns its value from a report and the name of the chip.
    """

    title: str
    form: str
    goal: Literal["maximize", "minimize"]
    limit: str
    read: Callable[[Report, str], float]


METRICS: Final[Mapping[str, Metric]] = {
    "accuracy": Metric(
        "accuracy", "{:.1%}", "maximize", "min_accuracy", lambda r, _: r.accuracy or 0.0
    ),
    "energy": Metric(
        "dynamic energy (\N{MICRO SIGN}J)",
        "{:.4g} \N{MICRO SIGN}J",
        "minimize",
        "max_energy_uj",
        lambda r, chip: MICRO * r.estimated[chip].energy.dynamic.value,
    ),
    "latency": Metric(
        "latency (ms)",
        "{:.4g} ms",
        "minimize",
        "max_latency_ms",
        lambda r, chip: MILLI * r.estimated[chip].latency.sample_s.value,
    ),
    "neurocores": Metric(
        "neurocores",
        "{:g} neurocores",
        "minimize",
        "max_neurocores",
        lambda r, chip: r.estimated[chip].placement.neurocores,
    ),
    "synops": Metric(
        "SynOps",
        "{:,.0f} SynOps",
        "minimize",
        "max_synops",
        lambda r, _: r.counted.total.synops_per_sample,
    ),
}
"""Objectives by name; all values are means per sample."""


def metrics_of(report: Report, chip: str) -> dict[str, float]:
    """Return all metrics of a report."""
    return {name: float(metric.read(report, chip)) for name, metric in METRICS.items()}


def values_text(metrics: Mapping[str, float], names: Iterable[str]) -> str:
    """Return metrics in a line, such as "93.4%, 1.37 µJ"."""
    return ", ".join(METRICS[name].form.format(metrics[name]) for name in names)


def violations(values: Mapping[str, float], constraints: Mapping[str, float]) -> dict[str, float]:
    """Return by how much each constraint is broken, relative to it; 0 or less where it is met."""
    found = {}
    for name, metric in METRICS.items():
        if metric.limit in constraints:
            limit = constraints[metric.limit]
            sign = 1 if metric.goal == "minimize" else -1
            found[metric.limit] = sign * (values[name] - limit) / max(abs(limit), 1e-12)
    return found


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

    def __call__(self, trial: optuna.Trial) -> list[float]:
        """Run a trial and return its objectives; metrics and history become user attributes.

        Raises:
            TrialFailed: if it could not be finished.
            optuna.TrialPruned: if it is hopeless.
        """
        from optuna import TrialPruned

        if is_twin(trial, "start"):
            raise TrialPruned(TWIN)
        with recorded(trial):
            return self._run(trial)

    def _run(self, trial: optuna.Trial) -> list[float]:
        began, again = time.monotonic(), "host" in trial.user_attrs
        folder = Path(trial.user_attrs.get("folder", self.folder / f"trial-{trial.number:04d}"))
        trial.set_user_attr("folder", str(folder))
        trial.set_user_attr("host", socket.gethostname())
        values = suggest(trial, self.space)
        trial.set_user_attr("values", values)
        reports = []
        for index, data in enumerate(self.folds):
            home = folder if len(self.folds) == 1 else folder / f"fold-{index}"
            own, config = configure(data, values)
            stop = None if index else watch(trial, config.epochs, stop=self.prune)
            network = train(own, config, home, self, again=again, stop=stop)
            reports.append(evaluated(network, own, "validation", self))
        return self._told(trial, reports, time.monotonic() - began)

    def _told(self, trial: optuna.Trial, reports: Sequence[Report], seconds: float) -> list[float]:
        """Store the results of a trial, and return its objectives."""
        folds = [metrics_of(each, self.chip.name) for each in reports]
        means = {name: float(np.mean([fold[name] for fold in folds])) for name in METRICS}
        estimated = [each.estimated[self.chip.name] for each in reports]
        energy = [each.energy.dynamic for each in estimated]
        trial.set_user_attr("metrics", means)
        trial.set_user_attr("folds", folds)
        trial.set_user_attr("energy_low", MICRO * float(np.mean([each.low for each in energy])))
        trial.set_user_attr("energy_high", MICRO * float(np.mean([each.high for each in energy])))
        trial.set_user_attr("sizes", [layer.neurons for layer in reports[0].network.layers])
        trial.set_user_attr("seconds", seconds)
        broken = {"fits": float(max(len(each.problems) for each in estimated))}
        for name, amount in {**broken, **violations(means, self.constraints)}.items():
            trial.set_constraint(name, amount)
        return [means[name] for name in self.objectives]


KEPT: Final[tuple[str, ...]] = ("curve", "folder", "host", "repeat", "start", "values")
"""User attributes of an interrupted trial that its successor gets."""

OUT_OF_MEMORY: Final = ("out of memory", "can't allocate memory", "cannot allocate")


@contextmanager
def recorded(trial: optuna.Trial) -> Iterator[None]:
    """Store why a trial fails in this block, and leave an interrupted one to the next worker.

    Raises:
        TrialFailed: if the block fails for a reason that does not stop the whole search.
    """
    try:
        yield
    except (InputError, BackendError, MemoryError, RuntimeError) as error:
        if not (reason := reason_of(error)):
            if isinstance(error, InputError):  # a full disk
                _leave(trial)
            raise
        trial.set_user_attr("error", reason)
        raise TrialFailed(reason) from error
    except KeyboardInterrupt:
        _leave(trial)
        raise KeyboardInterrupt from None


def _leave(trial: optuna.Trial) -> None:
    """Plan an interrupted trial again, with what its successor needs to go on with it."""
    found = trial.user_attrs
    kept: dict[str, Any] = {name: found[name] for name in KEPT if name in found}
    with suppress(Exception):  # without the storage, the interruption is what to report
        trial.study.enqueue_trial(trial.params, user_attrs=kept)


def is_twin(trial: optuna.Trial, name: str) -> bool:
    """Return whether an earlier trial has the same user attribute: two machines planned it."""
    mine = trial.user_attrs.get(name)
    return mine is not None and any(
        each.number < trial.number and each.user_attrs.get(name) == mine
        for each in trial.study.get_trials(deepcopy=False)
        if each.state.name != "FAIL"
    )


def reason_of(error: BaseException) -> str:
    """Return why a trial failed, or "" if the whole search must stop: a bug, or a full disk."""
    text = (str(error) or type(error).__name__).splitlines()[0]
    if isinstance(error, MemoryError) or any(each in text.lower() for each in OUT_OF_MEMORY):
        return "out of memory; use smaller networks or batches, or fewer workers"
    if "cannot be written" in text:
        return ""
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
    from neurodeploy.models.quantize import quantize
    from neurodeploy.network_files import save
    from neurodeploy.running.comparison import check_equivalence

    config = config.replace(threads=how.threads, device=how.device)
    run = _fit(data, config, folder, again=again, stop=stop)
    network = quantize(run.model)
    found = check_equivalence(run.model, network, data.samples("validation", CHECKED))
    if not found.equal:
        raise InputError(str(found).splitlines()[0])
    save(network, folder / NETWORK)
    return network


def _fit(
    data: TaskData,
    config: TrainConfig,
    folder: Path,
    *,
    again: bool,
    stop: Callable[[Epoch], None] | None,
) -> TrainedRun:
    from neurodeploy.learning.fit import fit

    how: dict[str, Any] = {"out": folder, "on_epoch": stop, "notify": lambda _: None}
    if again:
        with suppress(InputError):  # nothing was saved, or with other threads
            return fit(data, config, resume=True, **how)
    return fit(data, config, **how)


def evaluated(network: QuantizedNetwork, data: TaskData, part: str, how: Objective) -> Report:
    """Simulate the samples of a part, and estimate for the chip of the search."""
    from neurodeploy.running.evaluation import evaluate

    return evaluate(
        network, data.samples(part), chips=[how.chip], threads=how.threads, keep_sample=None
    )


# Early stopping

RUNGS: Final = (0.5, 0.75)
"""Fractions of a training after which it may be stopped."""
MARGIN: Final = 0.01
"""Difference in accuracy from which another trial is better, beyond the noise of an epoch."""


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
    """Return accuracy and SynOps of the trials that came to a rung."""
    curves = (each.user_attrs.get("curve", {}) for each in trials if each.state.name != "FAIL")
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


# Repeated seeds, and the test


@dataclass(frozen=True, eq=False)
class Repeat:
    """Trains a network of the front again with another seed, and evaluates it on the test samples.

    It is a function that Optuna calls, as `Objective` is, in a study of its own. Its trials are
    enqueued with the `values` and the `folder` of a trial of the search.

    Attributes:
        search: the objective of the search.
    """

    search: Objective

    def __call__(self, trial: optuna.Trial) -> float:
        """Return the test accuracy; metrics become the user attributes validation and test."""
        from optuna import TrialPruned

        from neurodeploy.network_files import load

        trial.suggest_int("point", 0, NUMBER_MAX)
        seed = trial.suggest_int("seed", 0, NUMBER_MAX)
        if is_twin(trial, "repeat"):
            raise TrialPruned(TWIN)
        with recorded(trial):
            how = self.search
            again, folder = "host" in trial.user_attrs, Path(trial.user_attrs["folder"])
            trial.set_user_attr("host", socket.gethostname())
            data, config = configure(how.folds[0], trial.user_attrs["values"])
            if seed:
                config, home = config.replace(seed=config.seed + seed), folder / f"seed-{seed}"
                network = train(data, config, home, how, again=again)
            else:  # the network that the search trained
                network = load(folder / NETWORK)
            for part in ("validation", "test"):
                report = evaluated(network, data, part, how)
                trial.set_user_attr(part, metrics_of(report, how.chip.name))
        return float(trial.user_attrs["test"]["accuracy"])
