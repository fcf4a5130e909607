"""The energy of one sample, in joules: what is counted, times what each event costs.

Constants come from the cost file. Where the file has them of several sets, such as Davies 2018 and
SANA-FE, `by_constants` gives the energy that each set alone leads to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from neurodeploy.hw_sim.chips.chip import Chip
from neurodeploy.hw_sim.chips.cost import Estimate, exactly
from neurodeploy.hw_sim.estimates.meter import Workload, neuron_updates, operation
from neurodeploy.hw_sim.placement.mesh import Traffic
from neurodeploy.hw_sim.placement.place import Placement

ROWS: Final = {
    "synaptic": ("synaptic_operation_energy", "convolution_operation_energy"),
    "neuron": (
        "neuron_update_active_energy", "neuron_update_inactive_energy", "spike_generation_energy",
    ),
    "within_tiles": ("spike_message_energy",),
    "over_hops": ("hop_east_west_energy", "hop_north_south_energy"),
    "static": ("static_power",),
}  # fmt: skip
"""The rows of the cost file that each part of the energy rests on."""


@dataclass(frozen=True)
class Energy:
    """The energy of one sample in joules, by what spends it.

    Attributes:
        synaptic: weights added.
        neuron: neurons advanced, and their spikes generated.
        within_tiles: messages, each a spike on its way to one neurocore.
        over_hops: their hops from tile to tile.
        static: what the powered chips take meanwhile, whatever happens on them.
    """

    synaptic: Estimate
    neuron: Estimate
    within_tiles: Estimate
    over_hops: Estimate
    static: Estimate

    @property
    def dynamic(self) -> Estimate:
        """What the network's events cost: everything but `static`."""
        return self.synaptic + self.neuron + self.within_tiles + self.over_hops

    @property
    def total(self) -> Estimate:
        """All of it."""
        return self.dynamic + self.static


def sample_energy(workload: Workload, *, duration_s: Estimate, steps: int | None = None) -> Energy:
    """Return the energy of the mean sample.

    Args:
        workload: what the neurocores did.
        duration_s: seconds that the chips are on for one sample.
        steps: how many of its time steps count, 1 or more; all by default.
    """
    steps = workload.steps if steps is None else steps
    placement = workload.placement
    spikes = float(workload.spikes[:, :steps].sum())
    every = workload.messages.sum()
    ways = workload.traffic * float(workload.messages[:steps].sum() / every if every else 0)
    neurons = sum(placed.neurons for placed in placement.layers)
    return Energy(
        synaptic=synaptic_energy(workload, steps),
        neuron=neuron_energy(neurons * steps, spikes, chip=placement.chip),
        within_tiles=placement.chip.cost("spike_message_energy") * ways.messages,
        over_hops=hop_energy(ways, placement.chip),
        static=static_power(placement) * duration_s,
    )


def synaptic_energy(workload: Workload, steps: int) -> Estimate:
    """Return SynOps * energy of one, over the layers and the first `steps` steps, in joules."""
    layers = zip(workload.placement.network.layers, workload.synops[:, :steps].sum(1))
    chip = workload.placement.chip
    parts = (operation(layer, chip, "energy") * float(synops) for layer, synops in layers)
    return sum(parts, exactly(0.0))


def neuron_energy(updates: float, spikes: float, *, chip: Chip) -> Estimate:
    """Return the joules of `updates` neuron updates, of which `spikes` end in a spike.

    The updates are `core_time.neuron_updates`; spikes add their generation.
    """
    update = neuron_updates(updates, spikes, chip=chip, what="energy")
    return update + chip.cost("spike_generation_energy") * spikes


def hop_energy(ways: Traffic, chip: Chip) -> Estimate:
    """Return the joules of all hops: east-west and north-south ones times what each costs."""
    across = chip.cost("hop_east_west_energy") * ways.east_west
    return across + chip.cost("hop_north_south_energy") * ways.north_south


def static_power(placement: Placement) -> Estimate:
    """Return the watts that the powered chips take before any event.

    Value and high: those of whole chips. Low: the share of the neurocores in use, as where the rest
    is used by others or switched off.
    """
    whole = placement.chip.cost("static_power") * placement.chips
    share = placement.neurocores / (placement.chips * placement.chip.limit("cores_per_chip"))
    return whole * Estimate(min(share, 1.0), 1.0, 1.0)


def by_constants(workload: Workload, duration_s: Estimate) -> dict[str, Energy]:
    """Return the energy of the mean sample with each constant set of the cost file alone.

    Where a set has no row for something, the value that the file prefers stands in.
    """
    found = {}
    for name in workload.placement.chip.sets:
        placement = replace(workload.placement, chip=workload.placement.chip.using(name))
        found[name] = sample_energy(
            replace(workload, placement=placement), duration_s=exactly(duration_s.value)
        )
    return found
