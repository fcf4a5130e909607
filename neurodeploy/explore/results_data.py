"""The trials of a search: the front, the best one for a wish, and figures of repeated seeds."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias

from neurodeploy.explore.metrics import METRICS, Figures, figures, violations
from neurodeploy.explore.repeats import Repeated
from neurodeploy.explore.trial import FOLD, load_network
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.json_fields import At, Table, same

if TYPE_CHECKING:
    from neurodeploy.models.network import QuantizedNetwork


State: TypeAlias = Literal["complete", "pruned", "failed"]


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
        sizes: neurons per layer; empty unless complete.
        folder: folder of its network; with several folds, of their folders fold-0, fold-1, ...
        digests: digest of its network, or of that of each fold; empty unless complete.
        host: machine that ran it.
        start: name of the preset that it is, or "".
        error: why it failed, or "".
        seconds: duration of its last run; 0 unless complete.
        repeats: the seeds that were trained and tested; empty unless it is on the front.
    """

    JSON: ClassVar[Table] = Table(
        {
            **same("number state params"),
            "metrics": "figures",
            "energy_low_uj": At("energy_low", exact=True),
            "energy_high_uj": At("energy_high", exact=True),
            **same("feasible sizes folder digests host start error seconds repeats"),
        }
    )

    number: int
    state: State
    params: Mapping[str, Any]
    metrics: Mapping[str, float] = field(default_factory=dict)
    energy_range: tuple[float, float] = (0.0, 0.0)
    feasible: bool = False
    sizes: tuple[int, ...] = ()
    folder: str = ""
    digests: tuple[str, ...] = ()
    host: str = ""
    start: str = ""
    error: str = ""
    seconds: float = 0.0
    repeats: tuple[Repeated, ...] = ()

    @property
    def figures(self) -> Figures | None:
        """Figures on the validation samples; None unless complete."""
        return figures(self.metrics) if self.metrics else None

    @property
    def energy_low(self) -> float | None:
        """Low bound of the dynamic energy per sample; None unless complete."""
        return self.energy_range[0] if self.metrics else None

    @property
    def energy_high(self) -> float | None:
        """High bound of the dynamic energy per sample; None unless complete."""
        return self.energy_range[1] if self.metrics else None

    def network(self, fold: int | None = None) -> QuantizedNetwork:
        """Return the quantized network of the trial.

        Args:
            fold: number of the fold, if there are several.

        Raises:
            InputError: if it is not in `folder`, or another search has written there.
        """
        if self.state != "complete":
            raise InputError(f"trial {self.number} is {self.state}, so it has no network")
        if (fold is None) != (len(self.digests) < 2):
            raise InputError(
                f"trial {self.number} has {len(self.digests)} networks; "
                + ("give the number of a fold" if fold is None else "give no fold")
            )
        folder = Path(self.folder)
        if fold is None:
            return load_network(folder, self.digests[0] if self.digests else "")
        return load_network(folder / FOLD.format(fold), self.digests[fold])


@dataclass(frozen=True, eq=False, repr=False)
class SearchData(Shown):
    """What tables, figures and pages of a search show; `SearchResult` describes the fields."""

    JSON: ClassVar[Table] = Table(
        {
            **same("version name task data_sha256 folds space objectives constraints chip trials"),
            "front": "front_numbers",
            **same("importances num_tested untested"),
        },
        "Search",
        "The result of a search.",
        tag="neurodeploy.search",
    )

    name: str
    objectives: tuple[str, ...]
    constraints: Mapping[str, float]
    chip: str
    trials: tuple[Trial, ...]
    front: tuple[Trial, ...]
    importances: Mapping[str, float] = field(default_factory=dict)
    num_tested: int = 0
    untested: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> Literal[1]:
        """Version of this schema; it increases when a key is removed or changes, not when added."""
        return 1

    @property
    def task(self) -> str:
        """Name of the task."""
        return str(self.about["task"])

    @property
    def data_sha256(self) -> str:
        """Digest of the dataset."""
        return str(self.about["data_sha256"])

    @property
    def folds(self) -> int:
        """Number of folds whose results are averaged."""
        return int(self.about["folds"])

    @property
    def space(self) -> dict[str, Any]:
        """The search space; search-space.json describes it."""
        return dict(self.about["space"])

    @property
    def front_numbers(self) -> tuple[int, ...]:
        """Numbers of the trials that no other feasible trial beats."""
        return tuple(each.number for each in self.front)

    @property
    def complete(self) -> tuple[Trial, ...]:
        """The trials that ran to the end."""
        return tuple(each for each in self.trials if each.state == "complete")

    def pick(self, wish: str) -> Trial:
        """Return the best trial for a wish such as "accuracy>=92%, min energy".

        Args:
            wish: conditions on metrics (accuracy, energy in µJ, latency in ms, neurocores, synops)
                and one goal, "max accuracy" or "min" of another, separated by commas; or the number
                of a trial, such as "trial 12".

        Raises:
            InputError: if the wish is malformed, or no trial meets it.
        """
        if named := _NUMBER.fullmatch(wish.strip()):
            return self._numbered(int(named[1]))
        conditions, key = parse_wish(wish)
        candidates = [each for each in self.complete if each.feasible]
        if not candidates:
            raise InputError(self.why_empty())
        for name, compare, limit, words in conditions:
            left = [each for each in candidates if compare(each.metrics[name], limit)]
            if not left:
                raise InputError(f"no trial meets {words}; {_closest(name, candidates)}")
            candidates = left
        return min(candidates, key=lambda each: (key(each.metrics), each.number))

    def _numbered(self, number: int) -> Trial:
        for each in self.complete:
            if each.number == number:
                return each
        known = ", ".join(str(each.number) for each in self.front) or "none"
        raise InputError(f"trial {number} is not complete; those on the front are {known}")

    def why_empty(self) -> str:
        """Return why the front is empty: which constraint binds, or that no trial was finished."""
        if not self.complete:
            failed = [each for each in self.trials if each.error]
            why = f"; trial {failed[-1].number} failed: {failed[-1].error}" if failed else ""
            return f"no trial of {self.name} is complete{why}; go on with more trials"
        for name, metric in METRICS.items():
            broken = [violations(each.metrics, self.constraints) for each in self.complete]
            if metric.limit in self.constraints and all(b[metric.limit] > 0 for b in broken):
                option = metric.limit.replace("_", "-")
                return (
                    f"no trial meets --{option} {self.constraints[metric.limit]:g}; "
                    f"{_closest(name, self.complete)}"
                )
        if not self.constraints:
            return f"no network fits on {self.chip}; use fewer layers, or fewer neurons per layer"
        options = ", ".join(f"--{name.replace('_', '-')}" for name in self.constraints)
        return (
            f"no trial of {len(self.complete)} meets all constraints at once and fits on "
            f"{self.chip}; relax {options}"
        )


def _closest(name: str, trials: Sequence[Trial]) -> str:
    """Return the best value of a metric as a phrase."""
    sign = -1 if METRICS[name].goal == "maximize" else 1
    best = min(trials, key=lambda each: sign * each.metrics[name])
    extreme = "highest" if sign < 0 else "lowest"
    return f"the {extreme} {name} is {best.metrics[name]:.4g}, of trial {best.number}"


_COMPARE: Final = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
_CONDITION: Final = re.compile(r"(\w+)\s*(<=|>=|<|>)\s*([0-9.e+-]+)(%?)")
_GOAL: Final = re.compile(r"(min|max)\s+(\w+)")
_NUMBER: Final = re.compile(r"trial\s+(\d+)", re.IGNORECASE)


def parse_wish(wish: str) -> tuple[list[tuple[str, Any, float, str]], Any]:
    """Return the conditions of a wish, and the sort key of metrics, which is least for the best.

    Raises:
        InputError: if the wish is malformed.
    """
    conditions: list[tuple[str, Any, float, str]] = []
    goals: list[str] = []
    for part in (each.strip() for each in wish.split(",")):
        plain = part.lower().replace("\N{LESS-THAN OR EQUAL TO}", "<=")
        plain = plain.replace("\N{GREATER-THAN OR EQUAL TO}", ">=")
        condition, goal = _CONDITION.fullmatch(plain), _GOAL.fullmatch(plain)
        if condition and condition[1] in METRICS:
            limit = _limit(part, condition[1], condition[3], bool(condition[4]))
            conditions.append((condition[1], _COMPARE[condition[2]], limit, part))
        elif goal and goal[2] in METRICS:
            if goal[1] != (wanted := METRICS[goal[2]].goal[:3]):
                raise InputError(f"{part!r} asks for the worst network; give {wanted} {goal[2]}")
            goals.append(goal[2])
        else:
            raise InputError(
                f"{part!r} is neither a condition such as accuracy>=92% nor a goal such as min "
                f"energy; the metrics are {', '.join(METRICS)}"
            )
    if len(goals) != 1:
        raise InputError(
            f"{wish!r} has {len(goals)} goals; give one, such as 'accuracy>=92%, min energy'"
        )
    (name,) = goals
    sign = -1 if METRICS[name].goal == "maximize" else 1
    return conditions, lambda metrics: sign * metrics[name]


def _limit(part: str, name: str, text: str, is_percent: bool) -> float:
    """Return the number of a condition."""
    try:
        limit = float(text) / (100 if is_percent else 1)
    except ValueError:
        raise InputError(f"{part!r}: {text!r} is no number") from None
    if (name == "accuracy" and limit > 1) or (name != "accuracy" and is_percent):
        what = "is from 0 to 1, or a percentage such as 92%" if name == "accuracy" else "has no %"
        raise InputError(f"{part!r}: {name} {what}")
    return limit


def spread(trial: Trial, part: str, name: str) -> tuple[float, float, float] | None:
    """Return mean, lowest and highest value of a metric over the seeds of a trial, or None.

    Args:
        trial: the trial.
        part: "validation" or "test".
        name: name of the metric.
    """
    values = [getattr(each, part)[name] for each in trial.repeats]
    return (mean(values), min(values), max(values)) if values else None
