"""What the benchmark found on one workload, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.compare import REFERENCE, Outcome
from benchmarks.limits import Rates, floor
from benchmarks.peers.workload_file import Workload

WAYS = {"single": "one at a time", "batch": "{} at once"}

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Result:
    """One workload and what every simulator came to on it.

    Attributes:
        name: of the workload.
        neurons: of all layers.
        firing: share of them that fire in a step, 0..1.
        synops: stored weights added because a spike arrived, a step and sample.
        delays: whether the network has any.
        samples: in the workload; not every simulator runs all.
        steps: of a sample.
        rate: at which a random network was to fire, or None for other networks.
        rates: that this machine reaches in loops that do nothing else.
        outcomes: one for each simulator and number of threads.
    """

    name: str
    neurons: int
    firing: float
    synops: float
    delays: bool
    samples: int
    steps: int
    rate: float | None
    rates: Rates
    outcomes: tuple[Outcome, ...]

    @property
    def work(self) -> float:
        """SynOps and neuron updates a step and sample."""
        return self.synops + self.neurons

    @property
    def threads(self) -> tuple[int, ...]:
        """Numbers of threads that were asked for."""
        return tuple(sorted({each.threads for each in self.outcomes}))

    @property
    def peers(self) -> tuple[str, ...]:
        """Names of the simulators, in the order in which they ran."""
        return tuple(dict.fromkeys(each.peer for each in self.outcomes))

    def figures(self, peer: str) -> dict[int, Figures]:
        """Return what a simulator came to, by number of threads."""
        return {
            each.threads: each.figures
            for each in self.outcomes
            if each.peer == peer and each.figures
        }

    def reason(self, peer: str) -> str:
        """Return why a simulator has no figures."""
        return next(each.reason for each in self.outcomes if each.peer == peer)

    @property
    def reference_us(self) -> float | None:
        """Microseconds a step of stock Lava, the least over numbers of threads."""
        found = self.figures(REFERENCE).values()
        return min((float(each["single"]["median"]) for each in found), default=None)

    def floor_us(self, synops: float | None = None) -> float:
        """Return the least microseconds a step and sample on one thread of this machine, for the
        SynOps of the network or, where a simulator ran another, for its."""
        work = self.synops if synops is None else synops
        rates = {"updates_rate": self.rates.updates, "synops_rate": self.rates.synops}
        return floor(self.neurons, work, **rates) / 1e3

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {**asdict(self), "floor_us": self.floor_us()}


def result_of(
    workload: Workload, outcomes: list[Outcome], rates: Rates, rate: float | None = None
) -> Result:
    """Return the result without the arrays of the workload."""
    samples, _, steps = workload.spikes.shape
    return Result(
        workload.name, workload.neurons, workload.firing, workload.synops, workload.delayed,
        samples, steps, rate, rates, tuple(outcomes),
    )  # fmt: skip


def best_time(figures: Figures) -> float:
    """Return the least median microseconds a step and sample of the ways that there are."""
    return min(float(figures[way]["median"]) for way in WAYS if figures[way])
