"""The metrics of a network: what a search optimizes, and what it limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from neurodeploy.models.errors import InputError

if TYPE_CHECKING:
    from neurodeploy.report.report import Report

MICRO: Final = 1e6
MILLI: Final = 1e3
OBJECTIVES_MAX: Final = 3
ACCURATE: Final = "min_accuracy"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The metrics of a network, means over samples, with units in the names.

    Attributes:
        accuracy: Fraction of correct predictions, 0 to 1.
        energy_uj: Dynamic energy per sample in microjoules.
        latency_ms: Time per sample at full speed in milliseconds.
        neurocores: Number of neurocores.
        synops_per_sample: SynOps per sample.
    """

    accuracy: float
    energy_uj: float
    latency_ms: float
    neurocores: float
    synops_per_sample: float


def figures(values: Mapping[str, float]) -> Figures:
    """Return the figures of a network from its metrics by name."""
    return Figures(
        accuracy=values["accuracy"],
        energy_uj=values["energy"],
        latency_ms=values["latency"],
        neurocores=values["neurocores"],
        synops_per_sample=values["synops"],
    )


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


# Arguments of a search


def check_objectives(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of objectives.

    Raises:
        InputError: if one does not exist or appears twice, or there are too many or too few.
    """
    found = (names,) if isinstance(names, str) else tuple(names)
    for name in found:
        if name not in METRICS or found.count(name) > 1:
            why = "appears twice" if name in METRICS else "does not exist"
            raise InputError(f"the objective {name!r} {why}; choose among {', '.join(METRICS)}")
    if not 1 <= len(found) <= OBJECTIVES_MAX:
        raise InputError(f"there are {len(found)} objectives; give 1 to {OBJECTIVES_MAX}")
    return found


def check_constraints(limits: Mapping[str, float], objectives: Sequence[str]) -> dict[str, float]:
    """Return the limits by name.

    Raises:
        InputError: if one does not exist, is out of range, or nothing asks for accuracy.
    """
    known = {metric.limit for metric in METRICS.values()}
    for name, limit in limits.items():
        if name not in known:
            raise InputError(f"there is no constraint {name!r}; choose among {', '.join(known)}")
        high = 1.0 if name == ACCURATE else float("inf")
        is_number = isinstance(limit, (int, float)) and 0 < limit < float("inf")
        if not is_number or limit > high:
            over = "above 0 and up to 1" if name == ACCURATE else "above 0"
            raise InputError(f"{name} is {limit!r}; give a number {over}")
    if "accuracy" not in objectives and ACCURATE not in limits:
        raise InputError(
            f"the objectives {', '.join(objectives)} ignore the accuracy, so an untrained network "
            f"would win; add the objective accuracy, or the constraint {ACCURATE}"
        )
    return {name: float(limit) for name, limit in limits.items()}
