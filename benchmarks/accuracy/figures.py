"""What the runs of the benchmark of accuracy come to: means, deviations, and what differs.

With n seeds the mean of x_i has the sample deviation s = sqrt(sum (x_i - mean)^2 / (n - 1)). Two
models are compared seed by seed: d_i is the accuracy of one less that of the other. Two errors make
their mean unsure, and both are in its interval:

- of seeds, e_s = s / sqrt(n): how other trainings would come out on the same test windows;
- of the test, e_t = sqrt(G / (G - 1) sum_g (S_g - mean N_g)^2) / N over G subjects (or windows,
  where nobody is named), of whom subject g has N_g of the N windows and the sum S_g of what differs
  there: how the same trainings would come out on other people.

    mean +- sqrt((t(n - 1) e_s)^2 + (t(G - 1) e_t)^2)

where t(k) is the 97.5% point of Student's distribution of k degrees of freedom. That is the 95%
interval of either error where the other is zero; where both count it is wider than it need be, and
so is it where chance strikes a seed and a window together, which is part of both errors. One t with
Welch and Satterthwaite's degrees of freedom would be narrower, but three seeds are too few for it:
simulated, it held the truth in 91 to 93% where seeds matter most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.facts import Facts
from benchmarks.accuracy.models import AXONAL, MODELS, NO_DELAYS, SYNAPTIC, Model

LEVEL: Final = 0.95
POINT: Final = 0.01

DELAYS: Final = ((AXONAL, NO_DELAYS), (SYNAPTIC, NO_DELAYS), (SYNAPTIC, AXONAL))
"""Pairs of models with other delays, of which the first may have a benefit."""

Interval: TypeAlias = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Outcome:
    """The runs of one model on one task.

    Attributes:
        facts: of the task.
        model: which was trained.
        results: figures of each run by its seed, as `runs` writes them.
    """

    facts: Facts
    model: Model
    results: Mapping[int, Mapping[str, Any]]

    def values(self, name: str) -> list[float]:
        """Return a figure of every seed."""
        return [float(each[name]) for each in self.results.values()]

    def mean(self, name: str) -> float:
        """Return the mean of a figure over the seeds."""
        return mean(self.values(name))

    def deviation(self, name: str) -> float | None:
        """Return the sample standard deviation over the seeds, None of one seed."""
        values = self.values(name)
        return stdev(values) if len(values) > 1 else None

    def chip(self, name: str) -> list[Mapping[str, Any]]:
        """Return what each seed would take on a chip."""
        return [each["chips"][name] for each in self.results.values()]

    def right(self, seed: int) -> NDArray[np.float64]:
        """Return 1 for each test window that a seed answers right, else 0."""
        answers = np.asarray(self.results[seed]["answers"])
        found: NDArray[np.float64] = (answers == self.facts.labels).astype(np.float64)
        return found


Outcomes: TypeAlias = Mapping[str, Outcome]
"""The models of one task by their names."""


def task_of(outcomes: Outcomes) -> Facts:
    """Return the facts of the task, of which there is one model or more."""
    return next(iter(outcomes.values())).facts


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The accuracy of one model less that of another.

    Attributes:
        one: name of the first.
        other: name of the other.
        mean: over the seeds that both have.
        of_seeds: standard error of seeds, None of one seed.
        of_test: standard error of the test, infinite for a single subject.
        interval: 95% interval of the mean, None of one seed.
        units: what the test is of, in words.
    """

    one: str
    other: str
    mean: float
    of_seeds: float | None
    of_test: float
    interval: Interval | None
    units: str

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on one side of zero, else 0."""
        if self.interval is None:
            return 0
        low, high = self.interval
        return 1 if low > 0 else -1 if high < 0 else 0

    @property
    def words(self) -> str:
        """What it shows."""
        if self.sign:
            return f"{'more' if self.sign > 0 else 'less'} accurate"
        if self.interval is None:
            return "one seed shows nothing"
        of_delays = (self.one, self.other) in DELAYS
        return "no benefit shown" if of_delays else "no difference shown"


def difference(one: Outcome, other: Outcome) -> Difference | None:
    """Return the accuracy of one model less that of another, None without a seed of both."""
    seeds = [seed for seed in one.results if seed in other.results]
    if not seeds:
        return None
    right = np.stack([one.right(seed) - other.right(seed) for seed in seeds])
    each = right.mean(axis=1).tolist()
    subjects = one.facts.subjects
    units = np.arange(right.shape[1]) if subjects is None else subjects
    count = len(np.unique(units))
    of_seeds = stdev(each) / math.sqrt(len(each)) if len(each) > 1 else None
    of_test = error_of_test(right.mean(axis=0), units)
    half = None if of_seeds is None else half_width((of_seeds, len(each)), (of_test, count))
    return Difference(
        one=one.model.name,
        other=other.model.name,
        mean=mean(each),
        of_seeds=of_seeds,
        of_test=of_test,
        interval=None if half is None else (mean(each) - half, mean(each) + half),
        units=f"{count:,} {'windows' if subjects is None else 'subjects'}",
    )


def error_of_test(values: NDArray[np.float64], units: NDArray[np.int64]) -> float:
    """Return the standard error of the mean over windows that come by whole subjects.

    Args:
        values: float64 array (windows,).
        units: int64 array (windows,), the subject of each.
    """
    _, at = np.unique(units, return_inverse=True)
    sums, sizes = np.bincount(at, values), np.bincount(at)
    if len(sums) < 2:
        return math.inf
    squares = float(np.square(sums - values.mean() * sizes).sum())
    return math.sqrt(len(sums) / (len(sums) - 1) * squares) / len(values)


def half_width(*errors: tuple[float, int]) -> float:
    """Return half of the 95% interval of a mean whose errors add up, each with the count of what it
    was found from; infinite where one is."""
    from scipy.stats import t  # type: ignore[import-untyped]

    if any(math.isinf(error) for error, _ in errors):
        return math.inf
    return math.hypot(*(t.ppf((1 + LEVEL) / 2, count - 1) * error for error, count in errors))


def compared(outcomes: Outcomes) -> list[Difference]:
    """Return what differs between the models of a task: delays, and the task's own network less
    each artificial one."""
    own = task_of(outcomes).own
    artificial = [(own, model.name) for model in MODELS.values() if not model.spiking]
    found = [
        difference(outcomes[one], outcomes[other])
        for one, other in (*DELAYS, *artificial)
        if one in outcomes and other in outcomes
    ]
    return [each for each in found if each is not None]


def mean_range(values: Sequence[Mapping[str, float]]) -> tuple[float, float, float]:
    """Return the means of low ends, values and high ends."""
    low, value, high = (mean(each[end] for each in values) for end in ("low", "value", "high"))
    return low, value, high
