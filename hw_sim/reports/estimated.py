"""The estimated part of a report: one kind of chip, from its cost file and what was counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.blocks import BudgetUse
from neurodeploy.hw_sim.chips import Chip, Estimate, exactly, largest
from neurodeploy.hw_sim.decisions import Decisions
from neurodeploy.hw_sim.design_rules import advice, check
from neurodeploy.hw_sim.estimates import (
    ROWS,
    Energy,
    Latency,
    RealTime,
    by_constants,
    first_steps_s,
    real_time,
    sample_energy,
    sample_latency,
    static_power,
)
from neurodeploy.hw_sim.placement import Core, LayerPlacement, Placement, place
from neurodeploy.hw_sim.workload import Workload, measure
from neurodeploy.models.display import Shown
from neurodeploy.models.network import QuantizedNetwork

MICRO: Final = 1e6
MILLI: Final = 1e3
DIGITS: Final = 4
"""Significant digits of an estimate in JSON; its band is far wider."""
CORES_LISTED: Final = 2048
"""Neurocores that are listed one by one in JSON; of more only the layers are told."""


def placement_as_json(placement: Placement) -> dict[str, Any]:
    """Return the neurocores of a network."""
    few = placement.neurocores <= CORES_LISTED
    return {
        "neurocores": placement.neurocores,
        "neurocores_per_chip": placement.chip.limit("cores_per_chip"),
        "tiles": placement.tiles,
        "chips": placement.chips,
        "max_chips": placement.chip.limit("chips_max"),
        "layers": [_layer_as_json(i, placement) for i in range(len(placement.layers))],
        "neurocore_list": [_core_as_json(core) for core in placement.cores()] if few else None,
    }


def tiles_of(placement: Placement, layer: LayerPlacement) -> tuple[int, int]:
    """Return how many tiles and chips the neurocores of a layer lie on."""
    places = placement.places
    chips, tiles = places.chip[layer.slice], places.tile[layer.slice]
    return len(np.unique(np.stack([chips, tiles]), axis=1).T), len(np.unique(chips))


def _layer_as_json(index: int, placement: Placement) -> dict[str, Any]:
    layer = placement.layers[index]
    tiles, chips = tiles_of(placement, layer)
    return {
        "layer": index,
        "neurocores": layer.neurocores,
        "tiles": tiles,
        "chips": chips,
        "first_neurocore": layer.first,
        "neurons_per_neurocore": layer.neurons_per_core,
        "block_shape": list(layer.blocks.size),
        "weight_bits": layer.weights.bits,
        "binding_budget": layer.binding.name,
        "budgets": {budget.name: _budget_as_json(budget) for budget in layer.budgets},
    }


def _budget_as_json(budget: BudgetUse) -> dict[str, Any]:
    full = rounded(budget.full)
    return {"used": budget.used, "limit": budget.limit, "unit": budget.unit, "utilization": full}


def _core_as_json(core: Core) -> dict[str, Any]:
    values = {**vars(core), "index": core.number, "fullest_budget": core.budget}
    del values["number"], values["budget"], values["full"]
    return {**values, "utilization": rounded(core.full)}


def load_as_json(workload: Workload) -> dict[str, Any]:
    """Return what its neurocores do."""
    peak, ways = workload.peak, workload.traffic
    return {
        "peak": {
            "sample": peak.sample,
            "step": peak.step,
            "neurocore": peak.neurocore,
            "synops": peak.synops,
            "busy_us": band_as_json(peak.busy_s, MICRO),
        },
        "mean_busy_us": band_as_json(workload.busy_s, MICRO),
        "messages_per_sample": ways.messages,
        "hops_east_west_per_sample": ways.east_west,
        "hops_north_south_per_sample": ways.north_south,
        "messages_between_chips_per_sample": ways.between_chips,
        "longest_route_hops": sum(workload.longest_way),
        "input_spikes_per_sample": workload.injected.per_sample,
        "peak_input_spikes_per_step": workload.injected.peak_step,
        "output_spikes_per_sample": workload.read.per_sample,
        "peak_output_spikes_per_step": workload.read.peak_step,
        "output_voltages_per_sample": workload.voltages_read,
    }


def energy_as_json(energy: Energy) -> dict[str, Any]:
    """Return the parts of an energy in microjoules, with bands."""
    names = ("synaptic", "neuron", "within_tiles", "over_hops", "dynamic", "static", "total")
    return {name: band_as_json(getattr(energy, name), MICRO) for name in names}


def values_as_json(energy: Energy) -> dict[str, float]:
    """Return the parts of an energy in microjoules, without bands."""
    return {name: ends["value"] for name, ends in energy_as_json(energy).items()}


def band_as_json(estimate: Estimate, factor: float = 1.0) -> dict[str, float]:
    """Return an estimate with its ends, times `factor`, of `DIGITS` digits."""
    ends = {"low": estimate.low, "value": estimate.value, "high": estimate.high}
    return {end: rounded(number * factor) for end, number in ends.items()}


def rounded(number: float) -> float:
    """Return a number of `DIGITS` significant digits."""
    return float(f"{number:.{DIGITS}g}")


@dataclass(frozen=True)
class Decision:
    """What it costs to stop at the earliest step at which the answers hold.

    Attributes:
        num_steps: run until then.
        latency_s: seconds at full speed.
        energy: of the mean sample until then, at full speed.
        real_time_s: seconds at the pace of the sensor, or of the chip where that is slower; None
            where no pace is known.
        real_time_energy: of the mean sample until then at that pace.
    """

    num_steps: int
    latency_s: Estimate
    energy: Energy
    real_time_s: Estimate | None = None
    real_time_energy: Energy | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        pace = None
        if self.real_time_s is not None and self.real_time_energy is not None:
            pace = _cost_as_json(self.real_time_s, self.real_time_energy)
        return {
            "num_steps": self.num_steps,
            **_cost_as_json(self.latency_s, self.energy),
            "real_time": pace,
        }


def _cost_as_json(latency_s: Estimate, energy: Energy) -> dict[str, Any]:
    return {
        "latency_ms": band_as_json(latency_s, MILLI),
        "energy_per_sample_uj": energy_as_json(energy),
    }


@dataclass(frozen=True)
class Power:
    """Watts, and so the joules of one second of operation.

    Attributes:
        static: of the powered chips, whatever happens on them.
        dynamic: of the network's events, a mean over time.
    """

    static: Estimate
    dynamic: Estimate

    @property
    def total(self) -> Estimate:
        """All of it."""
        return self.static + self.dynamic

    def to_dict(self) -> dict[str, Any]:
        """Return the parts in milliwatts as JSON values."""
        parts = {"static": self.static, "dynamic": self.dynamic, "total": self.total}
        return {name: band_as_json(part, MILLI) for name, part in parts.items()}


@dataclass(frozen=True, eq=False, repr=False)
class Estimated(Shown):
    """What a network would take on one kind of chip.

    Attributes:
        workload: what its neurocores do.
        problems: why no number of chips can hold it, one sentence each; where there are any, the
            rest says what it would take if they could.
        advice: what would lessen its neurocores, where it takes more than one chip.
        latency: at full speed.
        energy: of the mean sample at full speed.
        energies: the same with each constant set of the cost file alone.
        decision: the same up to the earliest step at which the answers hold, where that is known.
        real_time: at the pace of the sensor, where that is known.
        real_time_energy: of the mean sample at that pace.
    """

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
    def placement(self) -> Placement:
        """Its neurocores."""
        return self.workload.placement

    @property
    def power(self) -> Power:
        """At full speed."""
        return self._power(self.energy, self.latency.sample_s)

    @property
    def real_time_power(self) -> Power | None:
        """At the pace of the sensor, where that is known."""
        if self.real_time is None or self.real_time_energy is None:
            return None
        return self._power(self.real_time_energy, self.real_time.sample_s)

    def __repr__(self) -> str:
        """Return neurocores, energy and latency in a line, or why the network does not fit."""
        title = self.placement.chip.title
        if self.problems:
            return f"{title}: does not fit, {self.problems[0]}"
        cores = self.placement.neurocores
        return (
            f"{title}: {cores:,} neurocore{'s' * (cores != 1)}, about "
            f"{self.energy.total.value * MICRO:,.3g} uJ and "
            f"{self.latency.sample_s.value * MILLI:,.3g} ms per sample (estimated)"
        )

    def _power(self, energy: Energy, duration_s: Estimate) -> Power:
        return Power(static_power(self.placement), power(energy, duration_s))

    def to_dict(self) -> dict[str, Any]:
        """Return the chip's entry in the section `estimated` of the report as JSON values."""
        chip = self.placement.chip
        return {
            "title": chip.title,
            "cost_file_sha256": chip.digest,
            "fits": not self.problems,
            "problems": list(self.problems),
            "advice": list(self.advice),
            "placement": placement_as_json(self.placement),
            "load": load_as_json(self.workload),
            "full_speed": self._full_speed(),
            "decision": None if self.decision is None else self.decision.to_dict(),
            "real_time": self._real_time(),
            "energy_cost_rows": {
                part: [r for r in rows if r in chip.costs] for part, rows in ROWS.items()
            },
            "caveats": list(chip.caveats),
        }

    def _full_speed(self) -> dict[str, Any]:
        latency = self.latency
        return {
            "step_us": band_as_json(latency.step_s, MICRO),
            "max_step_us": band_as_json(latency.peak_step_s, MICRO),
            "step_parts_us": {
                "busiest_neurocore": band_as_json(latency.busy_s, MICRO),
                "longest_route": band_as_json(latency.way_s, MICRO),
                "barrier": band_as_json(latency.barrier_s, MICRO),
            },
            "latency_ms": band_as_json(latency.sample_s, MILLI),
            "throughput_samples_per_s": band_as_json(latency.samples_per_s),
            "busiest_layer": latency.busiest_layer,
            "busiest_neurocore": latency.busiest_core,
            "busiest_neurocore_us": rounded(latency.busiest_core_s * MICRO),
            "energy_per_sample_uj": energy_as_json(self.energy),
            "energy_per_sample_by_constants_uj": {
                name: values_as_json(energy) for name, energy in self.energies.items()
            },
            "power_mw": self.power.to_dict(),
        }

    def _real_time(self) -> dict[str, Any] | None:
        if self.real_time is None or self.real_time_energy is None or self.real_time_power is None:
            return None
        return {
            "dt_ms": float(f"{self.real_time.dt_s * MILLI:.12g}"),
            "keeps_up": self.real_time.keeps_up,
            "headroom": band_as_json(self.real_time.headroom),
            "latency_ms": band_as_json(self.real_time.sample_s, MILLI),
            "energy_per_sample_uj": energy_as_json(self.real_time_energy),
            "power_mw": self.real_time_power.to_dict(),
        }


def power(energy: Energy, duration_s: Estimate) -> Estimate:
    """Return the watts of a sample's events over its time, and so the joules of one second."""
    return energy.dynamic * duration_s.inverse()


def estimate(
    network: QuantizedNetwork, activity: Activity, chip: Chip | str = "loihi2"
) -> Estimated:
    """Return what a run of a network would take on a chip: neurocores, energy, latency.

    Args:
        network: that ran.
        activity: what it did, one sample or more.
        chip: a chip, or the name of an installed one, "loihi1" or "loihi2".

    Returns:
        Energy in J and latency in s of the mean sample, each with its low and high bound.

    Raises:
        InputError: when there is no such chip.

    Example:
        >>> activity = neurodeploy.simulate(network, spikes)
        >>> energy = neurodeploy.estimate(network, activity, "loihi1").energy
        >>> energy.dynamic.low <= energy.dynamic.value <= energy.dynamic.high
        True
    """
    return estimated(measure(activity, place(network, chip)), dt_ms=network.task.dt_ms)


def estimated(
    workload: Workload, *, dt_ms: float | None = None, decisions: Decisions | None = None
) -> Estimated:
    """Return what a network would take for the mean sample.

    Args:
        workload: what the neurocores of one kind of chip did.
        dt_ms: milliseconds of one time step of the sensor, where there is one.
        decisions: how the answers came about, where that is known.

    Raises:
        InputError: when `dt_ms` is not above 0.
    """
    placement = workload.placement
    latency = sample_latency(workload)
    pace = None if dt_ms is None else real_time(latency, dt_ms)
    return Estimated(
        workload=workload,
        problems=check(placement.network, placement),
        advice=advice(placement),
        latency=latency,
        energy=sample_energy(workload, duration_s=latency.sample_s),
        energies=by_constants(workload, latency.sample_s),
        decision=None
        if decisions is None
        else decide(workload, latency, steps=decisions.earliest_step, pace=pace),
        real_time=pace,
        real_time_energy=None
        if pace is None
        else sample_energy(workload, duration_s=pace.sample_s),
    )


def decide(
    workload: Workload, latency: Latency, *, steps: int, pace: RealTime | None = None
) -> Decision:
    """Return what the first `steps` steps of the mean sample cost, at full speed and at a pace."""
    duration = first_steps_s(workload, latency, steps)
    made = Decision(steps, duration, sample_energy(workload, duration_s=duration, steps=steps))
    if pace is None:
        return made
    waited = largest([duration, exactly(pace.dt_s * steps)])
    energy = sample_energy(workload, duration_s=waited, steps=steps)
    return replace(made, real_time_s=waited, real_time_energy=energy)
