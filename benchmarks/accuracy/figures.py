"""Compute means, deviations and differences between models from the runs of a task.

The sample standard deviation over n seeds is s = sqrt(sum (x_i - mean)^2 / (n - 1)). Two models are
compared seed by seed: d_i is the accuracy of one minus that of the other. The 95% interval of their
mean contains two errors:

- of seeds, e_s = s / sqrt(n): the variation over other trainings, on the same test samples;
- of the test, e_t = sqrt(G / (G - 1) sum_g (S_g - mean N_g)^2) / N: the variation over other
  subjects, with the same trainings. There are G subjects (or samples, if subjects are unknown).
  Subject g has N_g of the N samples, and S_g is the sum of their differences.

    mean +- sqrt((t(n - 1) e_s)^2 + (t(G - 1) e_t)^2)

t(k) is the 97.5% quantile of Student's distribution with k degrees of freedom. This is the 95%
interval of either error if the other is zero, and a conservative one otherwise. A single t with
Welch-Satterthwaite degrees of freedom would be narrower, but three seeds are too few for it: in
simulations dominated by the error of seeds, it covered the true value in 91 to 93% of cases.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t

from benchmarks.accuracy.setup import MODELS, Setup

POINT: Final = 0.01
DELAYS: Final = (("axonal", "no-delays"), ("synaptic", "no-delays"), ("synaptic", "axonal"))
"""Pairs of models to compare; the first may benefit from its delays."""


@dataclass(frozen=True, eq=False)
class Results:
    """The runs of one task.

    Attributes:
        setup: setup of the task.
        runs: rows of the records, in the order of models and seeds.
        correct: by model and seed, 1 for each correctly predicted test sample, else 0.
        recorded: whether the setup was read from the records because the data are missing.
    """

    setup: Setup
    runs: pd.DataFrame
    correct: Mapping[tuple[str, int], NDArray[np.float64]]
    recorded: bool = False

    @property
    def models(self) -> dict[str, pd.DataFrame]:
        """The runs of each model, by its name."""
        return {str(name): rows for name, rows in self.runs.groupby("model", sort=False)}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The accuracy of one model minus that of another.

    Attributes:
        one, other: names of the models.
        mean: mean over the seeds of both models.
        of_seeds: standard error of seeds, NaN for one seed.
        of_test: standard error of the test, infinite for a single subject.
        half_width: half of the width of the 95% interval, NaN for one seed.
        units: number of subjects or samples of the test, in words.
    """

    one: str
    other: str
    mean: float
    of_seeds: float
    of_test: float
    half_width: float
    units: str

    @property
    def sign(self) -> int:
        """Sign of the difference, 1 or -1; 0 if the interval contains zero."""
        return int(math.copysign(1, self.mean)) if abs(self.mean) > self.half_width else 0

    @property
    def words(self) -> str:
        """Conclusion in words."""
        if self.sign:
            return f"{'more' if self.sign > 0 else 'less'} accurate"
        if math.isnan(self.half_width):
            return "one seed shows nothing"
        of_delays = (self.one, self.other) in DELAYS
        return "no benefit shown" if of_delays else "no difference shown"


def difference(results: Results, one: str, other: str) -> Difference | None:
    """Return the accuracy of one model minus that of another, or None without common seeds."""
    seeds = [s for m, s in results.correct if m == one and (other, s) in results.correct]
    if not seeds:
        return None
    gain = np.stack([results.correct[one, s] - results.correct[other, s] for s in seeds])
    each, subjects = gain.mean(axis=1), results.setup.subjects
    units = np.arange(gain.shape[1]) if subjects is None else subjects
    count = len(np.unique(units))
    of_seeds = float(each.std(ddof=1)) / math.sqrt(len(each)) if len(each) > 1 else math.nan
    of_test = error_of_test(gain.mean(axis=0), units)
    return Difference(
        one=one,
        other=other,
        mean=float(each.mean()),
        of_seeds=of_seeds,
        of_test=of_test,
        half_width=half_width((of_seeds, len(each)), (of_test, count)),
        units=f"{count:,} {'samples' if subjects is None else 'subjects'}",
    )


def error_of_test(values: NDArray[np.float64], units: NDArray[np.int64]) -> float:
    """Return the standard error of the mean over samples that are grouped by subject.

    Args:
        values: float64 array (samples,).
        units: int64 array (samples,), the subject of each sample.
    """
    _, at = np.unique(units, return_inverse=True)
    sums, sizes = np.bincount(at, values), np.bincount(at)
    if len(sums) < 2:
        return math.inf
    squares = float(np.square(sums - values.mean() * sizes).sum())
    return math.sqrt(len(sums) / (len(sums) - 1) * squares) / len(values)


def half_width(*errors: tuple[float, int]) -> float:
    """Return half of the width of the 95% interval of a mean with independent errors.

    Each error is given with its number of units. The result is infinite or NaN if an error is.
    """
    if any(not math.isfinite(error) for error, _ in errors):
        return sum(error for error, _ in errors)
    return math.hypot(*(t.ppf(0.975, count - 1) * error for error, count in errors))


def compared(results: Results) -> list[Difference]:
    """Return the differences of `DELAYS`, and of the task's own network to each artificial one."""
    own = results.setup.own
    artificial = [(own, name) for name, model in MODELS.items() if model.kind]
    found = [difference(results, *pair) for pair in (*DELAYS, *artificial)]
    return [each for each in found if each is not None]
