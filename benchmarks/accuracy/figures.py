"""What the runs of the benchmark of accuracy come to: means, deviations, and what differs.

With n seeds the mean of x_i has the sample deviation s = sqrt(sum (x_i - mean)^2 / (n - 1)). Two
models are compared seed by seed: d_i is the accuracy of one less that of the other. Two intervals
tell how sure the mean of d_i is, each for what the other leaves out:

- over seeds: mean +- t s / sqrt(n), t the 97.5% point of Student's distribution of n - 1 degrees;
  how other trainings would come out on the same test windows;
- over the test: the middle 95% of the means over test subjects (or samples, where no subjects are
  known) drawn with replacement; how the same trainings would come out on other people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.keys import Facts
from benchmarks.accuracy.models import AXONAL, MODELS, NO_DELAYS, SYNAPTIC, Model

DRAWS: Final = 4000
LEVEL: Final = 0.95
POINT: Final = 0.01

DELAYS: Final = ((AXONAL, NO_DELAYS), (SYNAPTIC, NO_DELAYS), (SYNAPTIC, AXONAL))
"""Pairs of models with other delays, of which the first may have a benefit."""

Band: TypeAlias = tuple[float, float]


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


def facts_of(outcomes: Outcomes) -> Facts:
    """Return the facts of the task, of which there is one model or more."""
    return next(iter(outcomes.values())).facts


@dataclass(frozen=True)
class Difference:
    """The accuracy of one model less that of another.

    Attributes:
        one: name of the first.
        other: name of the other.
        mean: over the seeds that both have.
        seeds: how many.
        over_seeds: interval over seeds, None of one seed.
        over_test: interval over the test.
        units: what the test was drawn from, in words.
    """

    one: str
    other: str
    mean: float
    seeds: int
    over_seeds: Band | None
    over_test: Band
    units: str

    @property
    def sign(self) -> int:
        """1 or -1 where both intervals lie on one side of zero, else 0."""
        if self.over_seeds is None:
            return 0
        low = min(self.over_seeds[0], self.over_test[0])
        high = max(self.over_seeds[1], self.over_test[1])
        return 1 if low > 0 else -1 if high < 0 else 0

    @property
    def words(self) -> str:
        """What it shows."""
        of_delays = (self.one, self.other) in DELAYS
        if self.sign:
            return f"{'more' if self.sign > 0 else 'less'} accurate"
        if self.over_seeds is None:
            return "one seed shows nothing"
        return "no benefit shown" if of_delays else "no difference shown"


def difference(one: Outcome, other: Outcome) -> Difference | None:
    """Return the accuracy of one model less that of another, None without a seed of both."""
    seeds = [seed for seed in one.results if seed in other.results]
    if not seeds:
        return None
    right = np.mean([one.right(seed) - other.right(seed) for seed in seeds], axis=0)
    each = [
        float(one.results[seed]["accuracy"]) - float(other.results[seed]["accuracy"])
        for seed in seeds
    ]
    subjects = one.facts.subjects
    count = len(right) if subjects is None else len(np.unique(subjects))
    units = f"{count:,} {'samples' if subjects is None else 'subjects'}"
    over = (interval(each), drawn_interval(right, subjects))
    return Difference(one.model.name, other.model.name, mean(each), len(seeds), *over, units)


def interval(values: Sequence[float]) -> Band | None:
    """Return the 95% interval of the mean by Student's distribution, None of one value."""
    if len(values) < 2:
        return None
    from scipy.stats import t  # type: ignore[import-untyped]

    half = float(t.ppf((1 + LEVEL) / 2, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return mean(values) - half, mean(values) + half


def drawn_interval(values: NDArray[np.float64], groups: NDArray[np.int64] | None) -> Band:
    """Return the middle 95% of the means over whole groups drawn with replacement, of each value
    alone without groups."""
    units = np.arange(len(values)) if groups is None else groups
    _, at = np.unique(units, return_inverse=True)
    sums, sizes = np.bincount(at, values), np.bincount(at)
    rng = np.random.default_rng(0)
    means = np.empty(DRAWS)
    for index in range(DRAWS):
        drawn = rng.integers(0, len(sums), len(sums))
        means[index] = sums[drawn].sum() / sizes[drawn].sum()
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def compared(outcomes: Outcomes) -> list[Difference]:
    """Return what differs between the models of a task: delays, and the task's own network less
    each artificial one."""
    own = facts_of(outcomes).own
    artificial = [(own, model.name) for model in MODELS.values() if not model.spiking]
    found = [
        difference(outcomes[one], outcomes[other])
        for one, other in (*DELAYS, *artificial)
        if one in outcomes and other in outcomes
    ]
    return [each for each in found if each is not None]


def band(values: Sequence[Mapping[str, float]]) -> tuple[float, float, float]:
    """Return the means of low ends, values and high ends."""
    low, value, high = (mean(each[end] for each in values) for end in ("low", "value", "high"))
    return low, value, high
