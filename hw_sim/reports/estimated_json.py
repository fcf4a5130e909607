"""The parts of an estimate as JSON values, in the units that the keys of a report end in."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from neurodeploy.hw_sim.estimates.energy import Energy
from neurodeploy.hw_sim.estimates.estimate import Estimate
from neurodeploy.hw_sim.estimates.workload import Workload
from neurodeploy.hw_sim.placement.budgets import BudgetUse
from neurodeploy.hw_sim.placement.place import Core, LayerPlacement, Placement

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
        "chips_limit": placement.chip.limit("chips_max"),
        "layers": [_layer_as_json(i, placement) for i in range(len(placement.layers))],
        "neurocores_listed": [_core_as_json(core) for core in placement.cores()] if few else None,
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
        "neurons_per_core": layer.neurons_per_core,
        "block": list(layer.blocks.size),
        "weight_bits": layer.weights.bits,
        "binding_budget": layer.binding.name,
        "budgets": {budget.name: _budget_as_json(budget) for budget in layer.budgets},
    }


def _budget_as_json(budget: BudgetUse) -> dict[str, Any]:
    full = rounded(budget.full)
    return {"used": budget.used, "limit": budget.limit, "unit": budget.unit, "full": full}


def _core_as_json(core: Core) -> dict[str, Any]:
    return {**vars(core), "full": rounded(core.full)}


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
        "longest_way_hops": sum(workload.longest_way),
        "injected_per_sample": workload.injected.per_sample,
        "injected_peak_step": workload.injected.peak_step,
        "read_per_sample": workload.read.per_sample,
        "read_peak_step": workload.read.peak_step,
        "voltages_read_per_sample": workload.voltages_read,
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
