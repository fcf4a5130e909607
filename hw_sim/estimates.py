"""Energy and latency of one sample: numbers of events times the cost of each.

Constants come from the cost file. If it has several sets of them, such as Davies 2018 and SANA-FE,
`by_constants` returns the energy for each set. The time of a step is that of its busiest neurocore
or link and of the barrier that synchronizes all neurocores: see `timing`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from neurodeploy.hw_sim.chips import Chip, Estimate, exactly, largest
from neurodeploy.hw_sim.placement import Placement
from neurodeploy.hw_sim.timing import BARRIER, RESOURCES, neuron_updates, operation, step_time
from neurodeploy.hw_sim.traffic import Traffic
from neurodeploy.hw_sim.workload import Workload
from neurodeploy.models.errors import InputError
from neurodeploy.models.json_fields import Table, same

ROWS: Final = {
    "synaptic": ("synaptic_operation_energy", "convolution_operation_energy"),
    "neuron": (
        "neuron_update_active_energy", "neuron_update_inactive_energy", "spike_generation_energy",
    ),
    "within_tiles": ("spike_message_energy",),
    "over_hops": ("hop_east_west_energy", "hop_north_south_energy"),
    "static": ("static_power",),
}  # fmt: skip
"""Part of the energy -> the rows of the cost file on which it depends."""


@dataclass(frozen=True)
class Energy:
    """The energy of one sample, by part.

    Every part is in joules.

    Attributes:
        synaptic: SynOps, which add weights.
        neuron: neuron updates and the generation of spikes.
        within_tiles: messages to neurocores.
        over_hops: hops of messages from tile to tile.
        static: static energy of the powered chips during the sample.
    """

    JSON: ClassVar[Table] = Table(
        same("synaptic neuron within_tiles over_hops dynamic static total")
    )

    synaptic: Estimate
    neuron: Estimate
    within_tiles: Estimate
    over_hops: Estimate
    static: Estimate

    def __add__(self, other: Energy) -> Energy:
        return Energy(
            self.synaptic + other.synaptic,
            self.neuron + other.neuron,
            self.within_tiles + other.within_tiles,
            self.over_hops + other.over_hops,
            self.static + other.static,
        )

    @property
    def dynamic(self) -> Estimate:
        """Energy of all events: everything except `static`."""
        return self.synaptic + self.neuron + self.within_tiles + self.over_hops

    @property
    def total(self) -> Estimate:
        """Dynamic and static energy."""
        return self.dynamic + self.static

    @property
    def values(self) -> dict[str, float]:
        """Joules of every part without bounds, by name."""
        return {name: getattr(self, name).value for name in self.JSON.keys}


NO_ENERGY: Final = Energy(*[exactly(0.0, "J")] * 5)


@dataclass(frozen=True)
class LayerEnergies:
    """The energy of one sample by where it is spent; all entries add up to that of the sample.

    Attributes:
        layers: one entry per layer. A message belongs to the layer that sends it. Static energy is
            that of the layer's neurocores, an equal share of the chip's for each.
        host: messages from the host to the first layer.
        rest: static energy of the neurocores that are not in use; low: 0, as if others used them.
    """

    JSON: ClassVar[Table] = Table(same("layers host rest"), "EnergyByLayer")

    layers: tuple[Energy, ...]
    host: Energy
    rest: Energy


def sample_energy(workload: Workload, *, duration_s: Estimate, steps: int | None = None) -> Energy:
    """Return the energy of the mean sample.

    Args:
        workload: work of the neurocores.
        duration_s: seconds for which the chips are powered per sample.
        steps: number of time steps to count, 1 or more; all by default.
    """
    found = energy_by_layer(workload, duration_s=duration_s, steps=steps)
    return sum((*found.layers, found.rest), found.host)


def energy_by_layer(
    workload: Workload, *, duration_s: Estimate, steps: int | None = None
) -> LayerEnergies:
    """Return the energy of the mean sample by layer; arguments are those of `sample_energy`."""
    steps = workload.num_steps if steps is None else steps
    placement = workload.placement
    every = workload.messages.sum()
    counted = float(workload.messages[:steps].sum() / every if every else 0)
    sent = [_messages(each * counted, placement.chip) for each in workload.sent]
    core = neurocore_power(placement.chip) * duration_s
    layers = tuple(
        replace(
            sent[index + 1],
            synaptic=synaptic_energy(workload, index, steps),
            neuron=layer_neuron_energy(workload, index, steps),
            static=core * placed.neurocores,
        )
        for index, placed in enumerate(placement.layers)
    )
    rest = rest_power(placement) * duration_s
    return LayerEnergies(layers, host=sent[0], rest=replace(NO_ENERGY, static=rest))


def _messages(traffic: Traffic, chip: Chip) -> Energy:
    within = chip.cost("spike_message_energy") * traffic.messages
    return replace(NO_ENERGY, within_tiles=within, over_hops=hop_energy(traffic, chip))


def synaptic_energy(workload: Workload, index: int, steps: int) -> Estimate:
    """Return the joules of the SynOps of layer `index` in the first `steps` steps."""
    layer = workload.placement.network.layers[index]
    synops = float(workload.synops[index, :steps].sum())
    return operation(layer, workload.placement.chip, "energy") * synops


def layer_neuron_energy(workload: Workload, index: int, steps: int) -> Estimate:
    """Return the `neuron_energy` of layer `index` in the first `steps` steps."""
    updates = workload.placement.layers[index].neurons * steps
    spikes = float(workload.spikes[index, :steps].sum())
    return neuron_energy(updates, spikes, chip=workload.placement.chip)


def neuron_energy(updates: float, spikes: float, *, chip: Chip) -> Estimate:
    """Return the joules of neuron updates, `timing.neuron_updates`, and of generating spikes."""
    update = neuron_updates(updates, spikes, chip=chip, what="energy")
    return update + chip.cost("spike_generation_energy") * spikes


def hop_energy(traffic: Traffic, chip: Chip) -> Estimate:
    """Return the joules of all hops."""
    across = chip.cost("hop_east_west_energy") * traffic.east_west
    return across + chip.cost("hop_north_south_energy") * traffic.north_south


def static_power(placement: Placement) -> Estimate:
    """Return the static power of the chips in watts, the share of one copy of the network.

    Value and high: the power of whole chips. Low: the fraction of the neurocores in use, for chips
    whose other neurocores are switched off or used by other networks.
    """
    return neurocore_power(placement.chip) * placement.neurocores + rest_power(placement)


def neurocore_power(chip: Chip) -> Estimate:
    """Return the static power of a chip in watts over its number of neurocores."""
    return chip.cost("static_power") * (1 / chip.limit("cores_per_chip"))


def rest_power(placement: Placement) -> Estimate:
    """Return the static power in watts of the neurocores that are not in use; low: 0.

    Copies of the network share it evenly.
    """
    cores = placement.chips * placement.chip.limit("cores_per_chip")
    others = max(cores / placement.copies - placement.neurocores, 0)
    return neurocore_power(placement.chip) * others * Estimate(0.0, 1.0, 1.0)


def by_constants(workload: Workload, duration_s: Estimate) -> dict[str, Energy]:
    """Return the energy of the mean sample for each constant set of the cost file.

    For rows without a value of the set, the preferred value of the file is used.
    """
    found = {}
    for name in workload.placement.chip.sets:
        placement = replace(workload.placement, chip=workload.placement.chip.using(name))
        found[name] = sample_energy(
            replace(workload, placement=placement), duration_s=exactly(duration_s.value, "s")
        )
    return found


@dataclass(frozen=True)
class Binding:
    """The resource that binds, in the mean step.

    Attributes:
        resource: what takes longest: a key of the resources, or "barrier".
        seconds: seconds (value) that it takes.
        next: what takes longest after it, and binds once the first is relieved.
        next_s: seconds that this takes.
    """

    JSON: ClassVar[Table] = Table(
        {
            "resource": "resource",
            "us": "seconds",
            "next_resource": "next",
            "next_us": "next_s",
            "relief": "relief",
        }
    )

    resource: str
    seconds: float
    next: str
    next_s: float

    @property
    def relief(self) -> str:
        """What would make the step shorter."""
        if self.resource == BARRIER:
            return "use fewer tiles; the work is shorter than the barrier"
        return RESOURCES[self.resource].relief


def binding(seconds: Mapping[str, float]) -> Binding:
    """Return the resource that takes longest, of two or more with their seconds."""
    first, second = sorted(seconds, key=lambda name: -seconds[name])[:2]
    return Binding(first, seconds[first], second, seconds[second])


@dataclass(frozen=True)
class Latency:
    """The time of one sample at full speed.

    Attributes:
        busiest_s: seconds of the busiest resource of each step, the mean over steps.
        longest_route_s: seconds of the longest route of a spike.
        barrier_s: seconds of the barrier.
        peak_s: seconds of the busiest resource in the longest step of all samples.
        steps: time steps of one sample.
        busiest_core: index of the neurocore that takes longest in the mean step.
        busiest_layer: index of the layer of the neurocore that takes longest in the mean step.
        busiest_core_s: seconds (value) of that neurocore in the mean step; other steps may have
            other neurocores that take longest.
        resources: seconds of each resource and of the barrier in the mean
            step, each for its own busiest neurocore or link of each step; without those that the
            cost file has no row for.
        layers: which resource binds each layer: its neurocores and the links that its spikes
            cross, without the barrier.
    """

    busiest_s: Estimate
    longest_route_s: Estimate
    barrier_s: Estimate
    peak_s: Estimate
    steps: int
    busiest_core: int = 0
    busiest_layer: int = 0
    busiest_core_s: float = 0.0
    resources: Mapping[str, Estimate] = field(default_factory=dict)
    layers: tuple[Binding, ...] = ()

    @property
    def binding(self) -> Binding:
        """What takes longest in the mean step, the barrier included."""
        return binding({name: each.value for name, each in self.resources.items()})

    @property
    def step_s(self) -> Estimate:
        """Seconds of the mean time step."""
        return step_time(self.busiest_s, self.longest_route_s, self.barrier_s)

    @property
    def peak_step_s(self) -> Estimate:
        """Seconds of the longest time step of all samples."""
        return step_time(self.peak_s, self.longest_route_s, self.barrier_s)

    @property
    def sample_s(self) -> Estimate:
        """Seconds of one sample: steps * step_s."""
        return self.step_s * self.steps

    @property
    def samples_per_s(self) -> Estimate:
        """Samples per second of one copy, one after another: 1 / sample_s."""
        return self.sample_s.inverse()


@dataclass(frozen=True)
class RealTime:
    """One sample at the rate of a sensor, one time step every `dt_s`.

    Attributes:
        dt_s: seconds per time step of the sensor.
        sample_s: seconds per sample; longer than the sensor's if the chip falls behind.
        headroom: the sensor's time step over the longest step; the chip keeps up if it is 1 or
            more.
    """

    dt_s: float
    sample_s: Estimate
    headroom: Estimate

    @property
    def dt_ms(self) -> float:
        """Milliseconds per time step of the sensor, without the rounding error of `dt_s`."""
        return float(f"{self.dt_s * 1000:.12g}")

    @property
    def keeps_up(self) -> bool:
        """Whether the chip keeps up in the longest step, even with the slowest estimate."""
        return self.headroom.low >= 1


def sample_latency(workload: Workload) -> Latency:
    """Return the time of the mean sample at full speed."""
    placement, chip = workload.placement, workload.placement.chip
    across, along = workload.longest_route
    route = chip.cost("hop_east_west_time") * across + chip.cost("hop_north_south_time") * along
    firsts = [placed.first for placed in placement.layers]
    core = workload.busiest_core
    barrier = chip.barrier_time(placement.tiles * placement.chips_used)
    busy = workload.busy.items()
    return Latency(
        busiest_s=workload.busiest_s,
        longest_route_s=route,
        barrier_s=barrier,
        peak_s=workload.peak.seconds,
        steps=workload.num_steps,
        busiest_core=core,
        busiest_layer=max(index for index, first in enumerate(firsts) if first <= core),
        busiest_core_s=float(workload.core_s[core]),
        resources={**{name: each.seconds for name, each in busy}, BARRIER: barrier},
        layers=tuple(
            binding({name: float(each.layer_s[index]) for name, each in busy})
            for index in range(len(placement.layers))
        ),
    )


def first_steps_s(workload: Workload, latency: Latency, steps: int) -> Estimate:
    """Return the seconds of the first `steps` steps of the mean sample, 1 to all."""
    whole = float(workload.busiest_by_step_s.sum())
    share = float(workload.busiest_by_step_s[:steps].sum()) / whole if whole else 0.0
    busy = latency.busiest_s * (share * latency.steps / steps)
    return step_time(busy, latency.longest_route_s, latency.barrier_s) * steps


def real_time(latency: Latency, dt_ms: float) -> RealTime:
    """Return the latency at the rate of a sensor with one time step every `dt_ms`.

    Raises:
        InputError: unless `dt_ms` is positive and finite.
    """
    if not 0 < dt_ms < math.inf:
        raise InputError(f"dt_ms is {dt_ms}; a time step must last longer than 0 ms, and end")
    dt_s = dt_ms / 1000
    return RealTime(
        dt_s=dt_s,
        sample_s=largest([latency.sample_s, exactly(dt_s * latency.steps, "s")]),
        headroom=latency.peak_step_s.inverse() * exactly(dt_s, "s"),
    )
