"""The estimated part of a report: one chip, from its cost file and what was counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hw_sim.activity import LayerCounts
from hw_sim.chip import Chip
from hw_sim.design_rules import check
from hw_sim.energy import Energy, sample_energy, static_power
from hw_sim.estimate import Estimate
from hw_sim.latency import Latency, RealTime, real_time, sample_latency
from hw_sim.placement import LayerPlacement, Placement, place
from models.network import QuantizedNetwork

MICRO: Final = 1e6
MILLI: Final = 1e3
DIGITS: Final = 4
"""Significant digits of an estimate in JSON; its band is far wider."""


@dataclass(frozen=True)
class Estimated:
    """What a network would take on one chip.

    Attributes:
        placement: its neurocores.
        problems: why the chip cannot hold it, one sentence each; where there are any, the rest
            says what it would take if it could.
        latency: at full speed.
        energy: of the mean sample at full speed.
        pace: at the pace of the sensor, where that is known.
        pace_energy: of the mean sample at that pace.
    """

    placement: Placement
    problems: tuple[str, ...]
    latency: Latency
    energy: Energy
    pace: RealTime | None = None
    pace_energy: Energy | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the chip's entry in the section `estimated` of the report as JSON values."""
        chip = self.placement.chip
        return {
            "title": chip.title,
            "cost_file_sha256": chip.digest,
            "fits": not self.problems,
            "problems": list(self.problems),
            "placement": _placement_as_json(self.placement),
            "full_speed": self._full_speed(),
            "real_time": self._real_time(),
            "caveats": list(chip.caveats),
        }

    def _full_speed(self) -> dict[str, Any]:
        latency = self.latency
        return {
            "step_us": _json(latency.step_s, MICRO),
            "latency_ms": _json(latency.sample_s, MILLI),
            "throughput_samples_per_s": _json(latency.samples_per_s),
            "busiest_layer": latency.busiest_layer,
            "energy_uj": _energy_as_json(self.energy),
            "power_mw": self._power(self.energy, latency.sample_s),
        }

    def _real_time(self) -> dict[str, Any] | None:
        if self.pace is None or self.pace_energy is None:
            return None
        return {
            "dt_ms": self.pace.dt_s * MILLI,
            "keeps_up": self.pace.keeps_up,
            "headroom": _json(self.pace.headroom),
            "sample_ms": _json(self.pace.sample_s, MILLI),
            "energy_uj": _energy_as_json(self.pace_energy),
            "power_mw": self._power(self.pace_energy, self.pace.sample_s),
        }

    def _power(self, energy: Energy, duration_s: Estimate) -> dict[str, Any]:
        static = static_power(self.placement)
        dynamic = energy.dynamic * duration_s.inverse()
        return {
            "static": _json(static, MILLI),
            "dynamic": _json(dynamic, MILLI),
            "total": _json(static + dynamic, MILLI),
        }


def estimated(
    network: QuantizedNetwork,
    counts: Sequence[LayerCounts],
    *,
    chip: Chip,
    dt_ms: float | None = None,
) -> Estimated:
    """Return what `network` would take on `chip` for the mean sample.

    Args:
        network: what ran.
        counts: what each layer did, an entry a sample.
        chip: limits and costs.
        dt_ms: milliseconds of one time step of the sensor, where there is one.

    Raises:
        InputError: when the counts are not those of the network, or `dt_ms` is not above 0.
    """
    placement = place(network, chip)
    latency = sample_latency(counts, placement)
    pace = None if dt_ms is None else real_time(latency, dt_ms)
    return Estimated(
        placement=placement,
        problems=check(network, placement),
        latency=latency,
        energy=sample_energy(counts, placement, duration_s=latency.sample_s),
        pace=pace,
        pace_energy=(
            None if pace is None else sample_energy(counts, placement, duration_s=pace.sample_s)
        ),
    )


def _placement_as_json(placement: Placement) -> dict[str, Any]:
    return {
        "neurocores": placement.neurocores,
        "neurocores_limit": placement.chip.limit("cores_per_chip"),
        "layers": [_layer_as_json(i, layer) for i, layer in enumerate(placement.layers)],
    }


def _layer_as_json(index: int, layer: LayerPlacement) -> dict[str, Any]:
    budgets = {b.name: {"used": b.used, "limit": b.limit, "unit": b.unit} for b in layer.budgets}
    return {
        "layer": index,
        "neurocores": layer.neurocores,
        "neurons_per_core": layer.neurons_per_core,
        "weight_bits": layer.weights.bits,
        "binding_budget": layer.binding.name,
        "budgets": budgets,
    }


def _energy_as_json(energy: Energy) -> dict[str, Any]:
    names = ("synaptic", "neuron", "spike_traffic", "dynamic", "static", "total")
    return {name: _json(getattr(energy, name), MICRO) for name in names}


def _json(estimate: Estimate, factor: float = 1.0) -> dict[str, float]:
    ends = {"low": estimate.low, "value": estimate.value, "high": estimate.high}
    return {end: float(f"{number * factor:.{DIGITS}g}") for end, number in ends.items()}
