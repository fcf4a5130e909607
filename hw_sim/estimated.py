"""All estimates for one kind of chip, from its cost file and the activity of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Final

from neurodeploy.hw_sim import timing
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.between_samples import Repeated, between_samples
from neurodeploy.hw_sim.chips import Chip, Estimate, exactly, largest
from neurodeploy.hw_sim.confidence import Confidence, Range, confidence
from neurodeploy.hw_sim.decisions import Decisions
from neurodeploy.hw_sim.design_rules import advice, check
from neurodeploy.hw_sim.estimates import (
    ROWS,
    Energy,
    Latency,
    LayerEnergies,
    RealTime,
    by_constants,
    energy_by_layer,
    first_steps_s,
    neurocore_power,
    real_time,
    sample_energy,
    sample_latency,
    static_power,
)
from neurodeploy.hw_sim.placement import Placement, place
from neurodeploy.hw_sim.workload import Workload, measure
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.json_fields import At, Table, same, to_dict
from neurodeploy.models.network import QuantizedNetwork

MICRO: Final = 1e6
MILLI: Final = 1e3


@dataclass(frozen=True)
class Decision:
    """Time and energy until the earliest step at which the predictions hold.

    Attributes:
        num_steps: number of steps until then.
        latency_s: seconds at full speed.
        energy: energy of the mean sample until then, at full speed.
        real_time_s: seconds at the rate of the sensor, or of the chip if slower; None if the rate
            is unknown.
        real_time_energy: energy of the mean sample until then at that rate.
    """

    JSON: ClassVar[Table] = Table(
        {
            "num_steps": "num_steps",
            "latency_ms": "latency_s",
            "energy_per_sample_uj": "energy",
            "real_time": Table(
                name="EarlyRealTime",
                text="The same at the rate of the sensor; null if that is unknown.",
                keys={"latency_ms": "real_time_s", "energy_per_sample_uj": "real_time_energy"},
                given="real_time_energy",
            ),
        }
    )

    num_steps: int
    latency_s: Estimate
    energy: Energy
    real_time_s: Estimate | None = None
    real_time_energy: Energy | None = None


@dataclass(frozen=True)
class Power:
    """Power, equal to energy per time of operation.

    Every part is in watts.

    Attributes:
        static: static power of the chips.
        dynamic: dynamic energy over time.
    """

    JSON: ClassVar[Table] = Table(same("static dynamic total"))

    static: Estimate
    dynamic: Estimate

    @property
    def total(self) -> Estimate:
        """Static and dynamic power."""
        return self.static + self.dynamic


@dataclass(frozen=True)
class Filled:
    """One of as many copies of a network as fit on the chips that one copy takes.

    A step waits for the barrier over all copies. It also waits for the slowest of them, which is
    left out here; `estimate(..., copies=N)` includes it.

    Attributes:
        copies: number of copies, 2 or more.
        latency: latency of the mean sample at full speed.
        energy: energy of the mean sample of one copy at full speed.
    """

    JSON: ClassVar[Table] = Table(
        {
            "copies": "copies",
            "latency_ms": "latency.sample_s",
            "energy_per_sample_uj": "energy",
        }
    )

    copies: int
    latency: Latency
    energy: Energy


@dataclass(frozen=True)
class Ranges:
    """Estimates at full speed, judged by how far such estimates were off where chips were measured.

    Attributes:
        dynamic_energy: joules of the mean sample; None with too few cases, like the others.
        step_time: seconds of the mean time step.
        static_power: static power of the chips in watts.
        notes: the cases and their ratios, one sentence per quantity.
    """

    JSON: ClassVar[Table] = Table(
        {
            "dynamic_energy_uj": "dynamic_energy",
            "step_us": "step_time",
            "static_power_mw": "static_power",
            "notes": "notes",
        },
        "Validation",
    )

    dynamic_energy: Range | None
    step_time: Range | None
    static_power: Range | None
    notes: tuple[str, ...]


FULL_SPEED: Final = Table(
    name="FullSpeed",
    text="Time and energy if each step starts as soon as the one before has ended.",
    keys={
        "step_us": "latency.step_s",
        "max_step_us": "latency.peak_step_s",
        "step_parts_us": Table(
            name="StepParts",
            text="Parts of the time of the mean step. They overlap: the likely time is that of "
            "`busiest` and `barrier`, the low one the larger of them, the high one the sum of all.",
            keys={
                "busiest": "latency.busiest_s",
                "longest_route": "latency.longest_route_s",
                "barrier": "latency.barrier_s",
            },
        ),
        "resources_us": "latency.resources",
        "binding": "latency.binding",
        "layer_bindings": "latency.layers",
        "latency_ms": "latency.sample_s",
        "throughput_samples_per_s": "latency.samples_per_s",
        "busiest_layer": "latency.busiest_layer",
        "busiest_neurocore": "latency.busiest_core",
        "busiest_neurocore_us": "latency.busiest_core_s",
        "energy_per_sample_uj": "energy",
        "energy_per_sample_by_layer_uj": "energy_by_layer",
        "energy_per_sample_by_constants_uj": "energy_by_constants",
        "between_samples": "between_samples",
        "power_mw": "power",
    },
)
REAL_TIME: Final = Table(
    name="RealTime",
    text="Time and energy at the rate of the sensor; null if that is unknown.",
    keys={
        "dt_ms": At("real_time.dt_ms", exact=True),
        "keeps_up": "real_time.keeps_up",
        "headroom": "real_time.headroom",
        "latency_ms": "real_time.sample_s",
        "energy_per_sample_uj": "real_time_energy",
        "power_mw": "real_time_power",
    },
    given="real_time_power",
)


@dataclass(frozen=True, eq=False, repr=False)
class Estimated(Shown):
    """Placement, energy and latency of a network on one kind of chip.

    Attributes:
        workload: work of the neurocores.
        problems: why the largest system of these chips cannot hold the network, one sentence each.
            The other values are then those of a hypothetical larger system.
        advice: changes that reduce the number of neurocores, if one chip is not enough.
        latency: latency at full speed.
        energy: energy of the mean sample at full speed.
        energies: the same for each constant set of the cost file.
        decision: time and energy until the predictions hold; None if unknown.
        real_time: latency at the rate of the sensor, if known.
        real_time_energy: energy of the mean sample at that rate.
    """

    JSON: ClassVar[Table] = Table(
        {
            "title": "placement.chip.title",
            "cost_file_sha256": "placement.chip.digest",
            **same("fits problems advice placement"),
            "load": "workload",
            "own_static_power_mw": "own_static_power",
            "filled": "filled",
            "full_speed": FULL_SPEED,
            "validation": "ranges",
            "decision": "decision",
            "real_time": REAL_TIME,
            **same("energy_cost_rows caveats"),
        }
    )

    workload: Workload
    problems: tuple[str, ...]
    advice: tuple[str, ...]
    latency: Latency
    energy: Energy
    energies: Mapping[str, Energy]
    decision: Decision | None = None
    real_time: RealTime | None = None
    real_time_energy: Energy | None = None

    @property
    def fits(self) -> bool:
        """Whether the largest system of these chips holds the network."""
        return not self.problems

    @property
    def placement(self) -> Placement:
        """Placement of the network."""
        return self.workload.placement

    @property
    def caveats(self) -> tuple[str, ...]:
        """How to read the estimates: those of the cost file, and what it has no rows for."""
        return (*self.placement.chip.caveats, *timing.notes(self.placement.chip))

    @cached_property
    def between_samples(self) -> Mapping[str, Repeated]:
        """One sample of many at full speed: continuous, cleared, or after every state decayed."""
        return between_samples(self.workload)

    @property
    def energy_by_layer(self) -> LayerEnergies:
        """Energy of the mean sample at full speed, by layer."""
        return energy_by_layer(self.workload, duration_s=self.latency.sample_s)

    @property
    def energy_by_constants(self) -> dict[str, dict[str, float]]:
        """Joules of the mean sample by part, with each constant set of the cost file alone."""
        return {name: energy.values for name, energy in self.energies.items()}

    @property
    def energy_cost_rows(self) -> dict[str, tuple[str, ...]]:
        """Rows of the cost file on which each part of the energy depends."""
        costs = self.placement.chip.costs
        return {part: tuple(row for row in rows if row in costs) for part, rows in ROWS.items()}

    @property
    def own_static_power(self) -> Estimate:
        """Static power in watts of the neurocores of one copy: their share of the chip's."""
        return neurocore_power(self.placement.chip) * self.placement.neurocores

    @property
    def filled(self) -> Filled | None:
        """One of as many copies as fit; None where no second fits, or there are several already."""
        copies = self.placement.most_copies
        if copies < 2 or self.placement.total_copies > 1:
            return None
        workload = replace(self.workload, placement=replace(self.placement, copies=copies))
        latency = sample_latency(workload)
        return Filled(copies, latency, sample_energy(workload, duration_s=latency.sample_s))

    @property
    def validation(self) -> dict[str, tuple[Estimate, Confidence]]:
        """Each of `confidence.QUANTITIES` at full speed, and how far such estimates were off."""
        found = {
            "dynamic_energy": self.energy.dynamic,
            "step_time": self.latency.step_s,
            "static_power": self.power.static,
        }
        chip = self.placement.chip
        return {name: (each, confidence(chip, name)) for name, each in found.items()}

    @property
    def ranges(self) -> Ranges:
        """The bands of the estimates by measured cases."""
        judged = self.validation.items()
        bands = {name: known.range(estimate) for name, (estimate, known) in judged}
        return Ranges(**bands, notes=tuple(known.note for _, (_, known) in judged))

    @property
    def power(self) -> Power:
        """Power at full speed."""
        return self._power(self.energy, self.latency.sample_s)

    @property
    def real_time_power(self) -> Power | None:
        """Power at the rate of the sensor; None if that is unknown."""
        if self.real_time is None or self.real_time_energy is None:
            return None
        return self._power(self.real_time_energy, self.real_time.sample_s)

    def __repr__(self) -> str:
        """Return neurocores, energy and latency in one line, or the first problem."""
        title = self.placement.chip.title
        if self.problems:
            return f"{title}: does not fit, {self.problems[0]}"
        cores = self.placement.neurocores
        return (
            f"{title}: {cores:,} neurocore{'s' * (cores != 1)}, about "
            f"{self.energy.total.value * MICRO:,.3g} \N{MICRO SIGN}J and "
            f"{self.latency.sample_s.value * MILLI:,.3g} ms per sample (estimated)"
        )

    def _power(self, energy: Energy, duration_s: Estimate) -> Power:
        return Power(static_power(self.placement), power(energy, duration_s))

    def to_dict(self) -> dict[str, Any]:
        """Return the estimates as JSON values: the chip's entry in `estimated` of a report."""
        return to_dict(self)


def power(energy: Energy, duration_s: Estimate) -> Estimate:
    """Return the dynamic power in watts: the dynamic energy of a sample over its duration."""
    return energy.dynamic * duration_s.inverse()


def estimate(
    network: QuantizedNetwork,
    activity: Activity,
    chip: Chip | str = "loihi2",
    *,
    copies: int = 1,
    chips_used: int | None = None,
) -> Estimated:
    """Estimate placement, energy and latency of a network on a chip.

    With several copies, the estimates are those of one sample of one copy. The copies run different
    samples in lockstep: a step waits for the slowest of them (the expected maximum of as many draws
    from the samples of `activity`) and for the barrier over the tiles of all copies. They share the
    static power. If `activity` has one sample, all copies run that.

    Args:
        network: the network that ran.
        activity: its activity, one sample or more.
        chip: a chip, or the name of an installed one, "loihi1" or "loihi2".
        copies: copies of the network on each chip, or on each group of chips that one copy takes.
        chips_used: number of chips with copies; by default those that one copy takes.

    Returns:
        Energy in J and latency in s of the mean sample, each with a low and a high bound.

    Raises:
        InputError: when there is no such chip, `activity` is none, or the copies do not fit.

    Examples:
        >>> activity = neurodeploy.simulate(network, spikes)
        >>> energy = neurodeploy.estimate(network, activity, "loihi1").energy
        >>> energy.dynamic.low <= energy.dynamic.value <= energy.dynamic.high
        True
    """
    if not isinstance(activity, Activity):
        raise InputError(
            f"the activity is of type {type(activity).__name__}; give what neurodeploy.simulate "
            "returns"
        )
    placement = place(network, chip, copies=copies, chips_used=chips_used)
    return estimated(measure(activity, placement), dt_ms=network.task.dt_ms)


def estimated(
    workload: Workload, *, dt_ms: float | None = None, decisions: Decisions | None = None
) -> Estimated:
    """Return the estimates for the mean sample.

    Args:
        workload: work of the neurocores.
        dt_ms: milliseconds per time step of the sensor, if there is one.
        decisions: the predictions after every step, if known.

    Raises:
        InputError: unless `dt_ms` is positive.
    """
    placement = workload.placement
    latency = sample_latency(workload)
    rate = None if dt_ms is None else real_time(latency, dt_ms)
    steps = None if decisions is None else decisions.earliest_step
    return Estimated(
        workload=workload,
        problems=check(placement.network, placement),
        advice=advice(placement),
        latency=latency,
        energy=sample_energy(workload, duration_s=latency.sample_s),
        energies=by_constants(workload, latency.sample_s),
        decision=None if steps is None else decide(workload, latency, steps=steps, rate=rate),
        real_time=rate,
        real_time_energy=None
        if rate is None
        else sample_energy(workload, duration_s=rate.sample_s),
    )


def decide(
    workload: Workload, latency: Latency, *, steps: int, rate: RealTime | None = None
) -> Decision:
    """Return time and energy of the first `steps` steps of the mean sample.

    They are those at full speed and, with `rate`, at the rate of the sensor.
    """
    duration = first_steps_s(workload, latency, steps)
    full_speed = Decision(
        steps, duration, sample_energy(workload, duration_s=duration, steps=steps)
    )
    if rate is None:
        return full_speed
    real_time_s = largest([duration, exactly(rate.dt_s * steps, "s")])
    energy = sample_energy(workload, duration_s=real_time_s, steps=steps)
    return replace(full_speed, real_time_s=real_time_s, real_time_energy=energy)
