"""What a search found: its trials, the front, repeated seeds, and the files that show them."""

from __future__ import annotations

import json
import operator
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, Final

from neurodeploy.models import files
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.search.trial import METRICS, NETWORK, values_text, violations

if TYPE_CHECKING:
    import optuna

    from neurodeploy.models.network import QuantizedNetwork

ABOUT: Final = "neurodeploy"
"""User attribute of a study: what all its trials share."""
IMPORTANT_FROM: Final = 10
"""Number of trials from which importances mean something."""
STATES: Final = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
"""Optuna's states of trials that have ended."""


@dataclass(frozen=True)
class Repeated:
    """A network of the front, trained with one seed, and its metrics by name.

    Attributes:
        seed: seed, relative to that of the search, 0 for the network that the search trained.
        validation: metrics on the validation samples.
        test: metrics on the test samples.
    """

    seed: int
    validation: Mapping[str, float]
    test: Mapping[str, float]


@dataclass(frozen=True)
class Trial:
    """One trial of a search.

    Attributes:
        number: its number in the study, from 0.
        state: "complete", "pruned" (stopped early) or "failed".
        params: its hyperparameters.
        metrics: metrics on the validation samples by name, see `METRICS`; empty unless complete.
        energy_range: low and high bound of the dynamic energy in µJ.
        feasible: whether it meets the constraints and fits on the chip.
        sizes: neurons per layer.
        folder: folder of its network.
        host: machine that ran it.
        start: name of the preset that it is, or "".
        error: why it failed, or "".
        seconds: duration.
        repeats: the seeds that were trained and tested, if it is on the front.
    """

    number: int
    state: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float] = field(default_factory=dict)
    energy_range: tuple[float, float] = (0.0, 0.0)
    feasible: bool = False
    sizes: tuple[int, ...] = ()
    folder: str = ""
    host: str = ""
    start: str = ""
    error: str = ""
    seconds: float = 0.0
    repeats: tuple[Repeated, ...] = ()

    def network(self, out: str | Path | None = None) -> QuantizedNetwork:
        """Return the quantized network of the trial.

        Args:
            out: folder of the search, if it has another path here than on `host`.

        Raises:
            InputError: if its file is not here, as after a search on another machine.
        """
        from neurodeploy.network_files import load

        folder = Path(self.folder)
        path = (folder if out is None else Path(out) / folder.name) / NETWORK
        if not path.exists():
            raise InputError(
                f"{path} does not exist; trial {self.number} wrote its network to {folder} on "
                f"{self.host}, so let all workers share the folder --out"
            )
        return load(path)


@dataclass(frozen=True, eq=False, repr=False)
class SearchResult(Shown):
    """The trials of a search so far; what `optimize` returns.

    Attributes:
        name: name of the study.
        objectives: names of the objectives.
        constraints: limits by name.
        chip: name of the chip.
        trials: the trials that have ended, by number.
        front: the best trials: feasible, and no other is better in one objective and as good in the
            others. By validation samples only.
        importances: how much each hyperparameter matters for reaching the front; sums to 1.
        num_tested: number of networks that ran on the test samples, with those that were on an
            earlier front.
        about: task, data and space of the search.

    Examples:
        >>> space = {"learning_rate": [0.001, 0.003], "epochs": [1]}
        >>> found = neurodeploy.optimize(task, space, trials=2, out="explore")
        >>> len(found.trials), found.pick("max accuracy") in found.front
        (2, True)
    """

    name: str
    objectives: tuple[str, ...]
    constraints: Mapping[str, float]
    chip: str
    trials: tuple[Trial, ...]
    front: tuple[Trial, ...]
    importances: Mapping[str, float] = field(default_factory=dict)
    num_tested: int = 0
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def complete(self) -> tuple[Trial, ...]:
        """The trials that ran to the end."""
        return tuple(each for each in self.trials if each.state == "complete")

    def pick(self, wish: str) -> Trial:
        """Return the best trial for a wish such as "accuracy>=0.92, min energy".

        Args:
            wish: conditions on metrics (accuracy, energy in µJ, latency in ms, neurocores, synops),
                and one "min" or "max" of a metric, separated by commas.

        Raises:
            InputError: if the wish is malformed, or no trial meets it.
        """
        conditions, key = parse_wish(wish)
        candidates = [each for each in self.complete if each.feasible]
        for name, compare, limit, words in conditions:
            left = [each for each in candidates if compare(each.metrics[name], limit)]
            if not left:
                raise InputError(f"no trial meets {words}; {_closest(name, candidates)}")
            candidates = left
        if not candidates:
            raise InputError(self.why_empty())
        return min(candidates, key=lambda each: (key(each.metrics), each.number))

    def why_empty(self) -> str:
        """Return why the front is empty: which constraint binds, or that no trial was finished."""
        if not self.complete:
            failed = [each for each in self.trials if each.error]
            why = f"; trial {failed[-1].number} failed: {failed[-1].error}" if failed else ""
            return f"no trial of {self.name} is complete{why}"
        for name, metric in METRICS.items():
            broken = [violations(each.metrics, self.constraints) for each in self.complete]
            if metric.limit in self.constraints and all(b[metric.limit] > 0 for b in broken):
                option = metric.limit.replace("_", "-")
                return (
                    f"no trial meets --{option} {self.constraints[metric.limit]:g}; "
                    f"{_closest(name, self.complete)}"
                )
        return (
            f"no trial of {len(self.complete)} meets all constraints at once and fits on "
            f"{self.chip}; relax one of {', '.join(self.constraints) or 'them'}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values, which docs/schemas/search.json describes."""
        from neurodeploy.running.report_json import to_dict
        from neurodeploy.search.results_json import search_object

        return to_dict(search_object(self))

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one flat row per trial for `pandas.DataFrame`."""
        found = self.to_dict()
        return [
            {
                "trial": each["number"], "state": each["state"],
                "front": each["number"] in found["front"], "feasible": each["feasible"],
                **(each["metrics"] or {}), **each["params"],
            }
            for each in found["trials"]
        ]  # fmt: skip

    def save(self, folder: str | Path) -> None:
        """Write `results.json`, the page `index.html`, and the picture `front.png`.

        Raises:
            InputError: if a file cannot be written.
        """
        from neurodeploy.pages import search

        drawn = search.drawn(self)
        values = json.dumps(self.to_dict(), indent=2) + "\n"
        contents = (values.encode(), search.render(self, drawn).encode(), drawn.png)
        names = ("results.json", "index.html", "front.png")
        paths = (Path(folder) / name for name in names)
        files.replace_all({path: each for path, each in zip(paths, contents) if each})

    def __repr__(self) -> str:
        """Return the number of trials and the front, a line per network."""
        lines = [f"{self.name}: {len(self.complete)} of {len(self.trials)} trials are complete"]
        for each in self.front:
            lines.append(f"  trial {each.number}: {values_text(each.metrics, self.objectives)}")
        return "\n".join(lines if self.front else [*lines, f"  {self.why_empty()}"])


def _closest(name: str, trials: Sequence[Trial]) -> str:
    """Return the best value of a metric as a phrase."""
    sign = -1 if METRICS[name].goal == "maximize" else 1
    best = min(trials, key=lambda each: sign * each.metrics[name])
    extreme = "highest" if sign < 0 else "lowest"
    return f"the {extreme} {name} is {best.metrics[name]:.4g}, of trial {best.number}"


_COMPARE: Final = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
_CONDITION: Final = re.compile(r"(\w+)\s*(<=|>=|<|>)\s*([0-9.eE+-]+)$")
_GOAL: Final = re.compile(r"(min|max)\s+(\w+)$")


def parse_wish(wish: str) -> tuple[list[tuple[str, Any, float, str]], Any]:
    """Return the conditions of a wish, and the sort key of metrics, which is least for the best.

    Raises:
        InputError: if the wish is malformed.
    """
    conditions: list[tuple[str, Any, float, str]] = []
    keys = []
    for part in (each.strip() for each in wish.split(",")):
        condition, goal = _CONDITION.match(part), _GOAL.match(part)
        try:
            if condition and condition[1] in METRICS:
                compare: Any = _COMPARE[condition[2]]
                conditions.append((condition[1], compare, float(condition[3]), part))
            elif goal and goal[2] in METRICS:
                keys.append((-1 if goal[1] == "max" else 1, goal[2]))
            else:
                raise ValueError
        except ValueError:
            raise InputError(
                f"{part!r} is neither a condition such as accuracy>=0.92 nor a goal such as min "
                f"energy; the metrics are {', '.join(METRICS)}"
            ) from None
    if len(keys) != 1:
        raise InputError(
            f"{wish!r} has {len(keys)} goals; give one, such as 'accuracy>=0.92, min energy'"
        )
    ((sign, name),) = keys
    return conditions, lambda metrics: sign * metrics[name]


# From a study of Optuna


def result_of(
    study: optuna.Study, repeats: optuna.Study | None = None, *, importances: bool = True
) -> SearchResult:
    """Return the result of a search from its study, and from that of the repeated seeds.

    Args:
        study: the study.
        repeats: the study of the repeated seeds, or None.
        importances: whether to compute the importances, which takes time.
    """
    seeds = _repeats(repeats)
    ended = [each for each in study.get_trials(deepcopy=False) if _has_ended(each)]
    trials = {each.number: _trial(each, seeds.get(each.number, ())) for each in ended}
    about = study.user_attrs[ABOUT]
    front = [each.number for each in front_of(study)]
    objectives = tuple(about["objectives"])
    main = objectives[-1]
    return SearchResult(
        name=study.study_name,
        objectives=objectives,
        constraints=about["constraints"],
        chip=about["chip"],
        trials=tuple(trials.values()),
        front=tuple(sorted((trials[n] for n in front), key=lambda each: each.metrics[main])),
        importances=_importances(study, len(ended)) if importances else {},
        num_tested=len(seeds),
        about={name: about[name] for name in ("task", "data_sha256", "folds", "space")},
    )


def _has_ended(trial: optuna.trial.FrozenTrial) -> bool:
    """Return whether a trial has ended; one that another worker took over has not."""
    failed = trial.state.name == "FAIL"
    return trial.state.name in STATES and (not failed or "error" in trial.user_attrs)


def front_of(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return Optuna's best trials, and of those with equal values the first only."""
    first: dict[tuple[float, ...], optuna.trial.FrozenTrial] = {}
    for each in sorted(study.best_trials, key=lambda each: each.number):
        first.setdefault(tuple(each.values), each)
    return list(first.values())


def _trial(trial: optuna.trial.FrozenTrial, repeats: Sequence[Repeated]) -> Trial:
    found = trial.user_attrs
    return Trial(
        number=trial.number,
        state=STATES[trial.state.name],
        params=trial.params,
        metrics=found.get("metrics", {}),
        energy_range=(found.get("energy_low", 0.0), found.get("energy_high", 0.0)),
        feasible="metrics" in found and all(v <= 0 for v in trial.constraints.values()),
        sizes=tuple(found.get("sizes", ())),
        folder=found.get("folder", ""),
        host=found.get("host", ""),
        start=found.get("start", ""),
        error=found.get("error", ""),
        seconds=found.get("seconds", 0.0),
        repeats=tuple(repeats),
    )


def _repeats(study: optuna.Study | None) -> dict[int, list[Repeated]]:
    found: dict[int, list[Repeated]] = {}
    for each in study.get_trials(deepcopy=False) if study is not None else ():
        if each.state.name == "COMPLETE":
            made = Repeated(
                each.params["seed"], each.user_attrs["validation"], each.user_attrs["test"]
            )
            found.setdefault(each.params["point"], []).append(made)
    return {point: sorted(made, key=lambda each: each.seed) for point, made in found.items()}


def _importances(study: optuna.Study, ended: int) -> dict[str, float]:
    """Return Optuna's importances of the hyperparameters; {} with too few trials for them."""
    from optuna.importance import get_param_importances

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dict(get_param_importances(study)) if ended >= IMPORTANT_FROM else {}
        except (RuntimeError, ValueError):  # too few trials, or nothing varied
            return {}


def spread(trial: Trial, part: str, name: str) -> tuple[float, float, float] | None:
    """Return mean, lowest and highest value of a metric over the seeds of a trial, or None.

    Args:
        trial: the trial.
        part: "validation" or "test".
        name: name of the metric.
    """
    values = [getattr(each, part)[name] for each in trial.repeats]
    return (mean(values), min(values), max(values)) if values else None
