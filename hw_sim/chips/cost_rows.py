"""The rows that a cost file has: which it must have, their units and their ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LARGEST_COST: Final = 10**12
"""Of any cost in its unit: a joule, some minutes or a gigawatt for one event."""

SHORTEST_BARRIER: Final = 1e-6
"""Of a barrier in its unit; no step of a chip takes no time at all."""


@dataclass(frozen=True)
class Rule:
    """What a row may hold.

    Attributes:
        units: those allowed.
        low: smallest value.
        high: largest value.
        whole: whether only whole numbers are allowed.
        required: whether every cost file has the row.
    """

    units: tuple[str, ...]
    low: float
    high: float
    whole: bool
    required: bool = True


def _limit(unit: str, low: int, high: int, *, required: bool = True) -> Rule:
    return Rule((unit,), low, high, whole=True, required=required)


def _cost(*units: str, low: float = 0) -> Rule:
    return Rule(units, low, LARGEST_COST, whole=False)


LIMITS: Final = {
    "cores_per_chip": _limit("neurocores", 1, 10**6),
    "chips_max": _limit("chips", 1, 10**6),
    "neurons_per_core": _limit("neurons", 1, 10**9),
    "synaptic_memory": _limit("bits", 1, 10**12),
    "synapse_list_length": _limit("synapses", 1, 10**9, required=False),
    "synapse_list_header": _limit("bits", 0, 10**6),
    "synapse_list_word": _limit("bits", 1, 10**6),
    "input_axons_per_core": _limit("axons", 1, 10**9, required=False),
    "output_axons_per_core": _limit("axons", 1, 10**9, required=False),
    "population_axon_entries": _limit("output axons", 1, 10**6, required=False),
    "decay_settings_per_core": _limit("settings", 1, 10**9, required=False),
    "delay_max": _limit("steps", 0, 10**6),
    "graded_spike_bits_max": _limit("bits", 0, 64),
    "weight_bits_small_max": _limit("bits", 0, 64),
    "weight_bits_max": _limit("bits", 1, 64),
    "weight_exponent_min": _limit("powers of two", -64, 0),
    "cores_per_tile": _limit("neurocores", 1, 1024),
    "tiles_east_west": _limit("tiles", 1, 1024),
    "tiles_north_south": _limit("tiles", 1, 1024),
}
"""By name, in the order of docs/cost-files.md. A limit that is not required and has no row does not
bind."""

COSTS: Final = {
    "synaptic_operation_energy": _cost("pJ"),
    "convolution_operation_energy": _cost("pJ"),
    "neuron_update_active_energy": _cost("pJ"),
    "neuron_update_inactive_energy": _cost("pJ"),
    "spike_generation_energy": _cost("pJ"),
    "spike_message_energy": _cost("pJ"),
    "hop_east_west_energy": _cost("pJ"),
    "hop_north_south_energy": _cost("pJ"),
    "static_power": _cost("mW"),
    "synaptic_operation_time": _cost("ns", "us"),
    "convolution_operation_time": _cost("ns", "us"),
    "neuron_update_active_time": _cost("ns", "us"),
    "neuron_update_inactive_time": _cost("ns", "us"),
    "spike_generation_time": _cost("ns", "us"),
    "spike_message_time": _cost("ns", "us"),
    "hop_east_west_time": _cost("ns", "us"),
    "hop_north_south_time": _cost("ns", "us"),
}
"""By name, in the order of docs/cost-files.md."""

BARRIER: Final = _cost("ns", "us", low=SHORTEST_BARRIER)
"""Of each row of the section `barrier`, whose names are numbers of tiles."""

TILES_MAX: Final = 10**9
"""The most tiles that a row of the barrier may be for."""
