"""The JSON of the estimates for one kind of chip: units in the keys, rounded values.

Estimates are rounded to four significant digits; counted values are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from neurodeploy.hw_sim import between_samples, estimates
from neurodeploy.hw_sim import estimated as estimating
from neurodeploy.hw_sim import placement as placing
from neurodeploy.hw_sim.blocks import BudgetUse
from neurodeploy.hw_sim.chips import Estimate
from neurodeploy.hw_sim.confidence import Confidence
from neurodeploy.hw_sim.estimated import MICRO, MILLI
from neurodeploy.hw_sim.workload import Workload

DIGITS: Final = 4
"""Significant digits of estimates; their bounds are far wider apart."""
NEUROCORES_LISTED: Final = 2048
"""Maximum number of neurocores that are listed one by one."""

ENERGY_PARTS: Final = (
    "synaptic", "neuron", "within_tiles", "over_hops", "dynamic", "static", "total",
)  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Band:
    """An estimate with its bounds, in the unit that the key names.

    Attributes:
        low: Result with the most favorable sources.
        value: Result with the preferred sources.
        high: Result with the least favorable sources.
    """

    low: float
    value: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much of one of its limits the fullest neurocore of a layer uses.

    Attributes:
        used: Used, in `unit`.
        limit: Limit of a neurocore, in `unit`.
        unit: What is counted.
        utilization: Used divided by the limit; above 1 if it does not fit.
    """

    used: int
    limit: int
    unit: str
    utilization: float


@dataclass(frozen=True, kw_only=True)
class PlacedLayer:
    """The neurocores of one layer.

    Attributes:
        layer: Index of the layer, from 0.
        neurocores: Number of neurocores.
        tiles: Number of tiles with these neurocores.
        chips: Number of chips with these neurocores.
        first_neurocore: Index of the first; the others follow.
        neurons_per_neurocore: Neurons on the fullest neurocore.
        block_shape: Part of the layer's shape on one neurocore.
        weight_bits: Bits of a stored weight; those of both synapses if a weight takes two.
        binding_budget: Budget that determined the number of neurocores; the fullest one in a layer
            on one neurocore.
        budgets: Use of each budget, by name.
    """

    layer: int
    neurocores: int
    tiles: int
    chips: int
    first_neurocore: int
    neurons_per_neurocore: int
    block_shape: tuple[int, ...]
    weight_bits: int
    binding_budget: str
    budgets: dict[str, Budget]


@dataclass(frozen=True, kw_only=True)
class Neurocore:
    """One neurocore.

    Attributes:
        index: Index, from 0; the layers in order.
        layer: Layer whose neurons it holds.
        neurons: Number of neurons.
        chip: Index of its chip.
        tile: Index of its tile on the chip.
        x: Column of the tile on the chip.
        y: Row of the tile on the chip.
        fullest_budget: Budget that is used to the largest fraction.
        utilization: That fraction.
    """

    index: int
    layer: int
    neurons: int
    chip: int
    tile: int
    x: int
    y: int
    fullest_budget: str
    utilization: float


@dataclass(frozen=True, kw_only=True)
class Placement:
    """The neurocores of the network.

    Attributes:
        neurocores: Number of neurocores of one copy.
        neurocores_per_chip: Neurocores of one chip.
        tiles: Tiles in use on the fullest chip, by all copies.
        chips: Chips that one copy takes.
        copies: Copies of the network on so many chips.
        chips_used: Chips in use, by all copies.
        total_copies: Copies on all chips; energy, power and time are those of one.
        max_chips: Chips of the largest system.
        layers: One entry per layer.
        neurocore_list: One entry per neurocore; null if there are more than 2,048.
    """

    neurocores: int
    neurocores_per_chip: int
    tiles: int
    chips: int
    copies: int
    chips_used: int
    total_copies: int
    max_chips: int
    layers: tuple[PlacedLayer, ...]
    neurocore_list: tuple[Neurocore, ...] | None


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The longest step of all samples.

    Attributes:
        sample: Index of the sample in the run.
        step: Index of the time step.
        neurocore: Index of the busiest neurocore.
        synops: SynOps of that neurocore in that step.
        busy_us: Microseconds that the busiest neurocore or link takes, each bound by itself.
    """

    sample: int
    step: int
    neurocore: int
    synops: int
    busy_us: Band


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the neurocores do, and what chip and host exchange.

    Attributes:
        peak: The longest step.
        mean_busy_us: Microseconds of the busiest neurocore or link in the mean step.
        messages_per_sample: Spike messages, each to one neurocore or to the host.
        hops_east_west_per_sample: Hops from tile to tile along rows.
        hops_north_south_per_sample: Hops along columns.
        messages_between_chips_per_sample: Messages to another chip.
        longest_route_hops: Hops of the longest route. Several chips form a square, and their meshes
            connect.
        input_spikes_per_sample: Spikes or values that the host sends.
        peak_input_spikes_per_step: The most in one step.
        output_spikes_per_sample: Spikes that the host reads.
        peak_output_spikes_per_step: The most in one step.
        output_voltages_per_sample: Voltages that the host reads after the last step, from outputs
            that never fire.
    """

    peak: Peak
    mean_busy_us: Band
    messages_per_sample: float
    hops_east_west_per_sample: float
    hops_north_south_per_sample: float
    messages_between_chips_per_sample: float
    longest_route_hops: int
    input_spikes_per_sample: float
    peak_input_spikes_per_step: int
    output_spikes_per_sample: float
    peak_output_spikes_per_step: int
    output_voltages_per_sample: int


@dataclass(frozen=True, kw_only=True)
class Energy(Generic[T]):
    """Energy of the mean sample in microjoules.

    Attributes:
        synaptic: Adding weights.
        neuron: Updating neurons and generating their spikes.
        within_tiles: Messages to neurocores.
        over_hops: Hops of messages from tile to tile.
        dynamic: Sum of the four parts above.
        static: Static power of the chips during the sample.
        total: Dynamic and static.
    """

    synaptic: T
    neuron: T
    within_tiles: T
    over_hops: T
    dynamic: T
    static: T
    total: T


@dataclass(frozen=True, kw_only=True)
class EnergyByLayer:
    """Energy of the mean sample by where it is spent, in microjoules; adds up to the whole.

    Attributes:
        layers: One entry per layer. A message belongs to the layer that sends it. Static energy is
            that of the layer's neurocores, an equal share of the chip's for each.
        host: Messages from the host to the first layer.
        rest: Static energy of the neurocores that are not in use; low: 0, as if others used them.
    """

    layers: tuple[Energy[Band], ...]
    host: Energy[Band]
    rest: Energy[Band]


@dataclass(frozen=True, kw_only=True)
class Power:
    """Power in milliwatts, equal to millijoules per second of operation.

    Attributes:
        static: Static power of the chips.
        dynamic: Dynamic power: energy of the network's events over time.
        total: Dynamic and static.
    """

    static: Band
    dynamic: Band
    total: Band


@dataclass(frozen=True, kw_only=True)
class StepParts:
    """Parts of the time of the mean step, in microseconds.

    They overlap: the likely time is that of `busiest` and `barrier`, the low one the larger of
    them, the high one the sum of all three.

    Attributes:
        busiest: Busiest neurocore or link of each step, mean over steps.
        longest_route: Longest route of a spike over the mesh.
        barrier: Barrier at which all neurocores synchronize.
    """

    busiest: Band
    longest_route: Band
    barrier: Band


@dataclass(frozen=True, kw_only=True)
class Binding:
    """What takes longest in the mean step.

    Attributes:
        resource: Key of `resources_us`.
        us: Microseconds that it takes.
        next_resource: What takes longest after it, and binds once it is relieved.
        next_us: Microseconds that this takes.
        relief: What would make it take less.
    """

    resource: str
    us: float
    next_resource: str
    next_us: float
    relief: str


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """One sample of many, with what lies between it and the next.

    Attributes:
        num_steps: Time steps between samples, at most; null if no number suffices.
        sample_ms: Milliseconds from one sample to the next; null if there is no next one.
        energy_uj: Microjoules of a sample and of what follows it; null if there is no next one.
        note: How to read it, or why it cannot be.
    """

    num_steps: int | None
    sample_ms: Band | None
    energy_uj: Band | None
    note: str


@dataclass(frozen=True, kw_only=True)
class FullSpeed:
    """Time and energy if each step starts as soon as the one before has ended.

    Attributes:
        step_us: Microseconds of the mean step.
        max_step_us: Microseconds of the longest step.
        step_parts_us: Parts of the mean step, in microseconds.
        resources_us: Microseconds of each resource and of the barrier in the mean step, each on its
            own busiest neurocore or link. A resource without a row in the cost file is missing.
        binding: What takes longest in the mean step.
        layer_bindings: The same for the neurocores of each layer and the links that its spikes
            cross, without the barrier.
        latency_ms: Milliseconds of one sample, all its steps.
        throughput_samples_per_s: Samples per second of one copy, one after another.
        busiest_layer: Layer of the neurocore that takes longest in the mean step.
        busiest_neurocore: Index of that neurocore.
        busiest_neurocore_us: Microseconds that this neurocore takes in the mean step.
        energy_per_sample_uj: Energy of the mean sample, in microjoules.
        energy_per_sample_by_layer_uj: The same by layer.
        energy_per_sample_by_constants_uj: The same with each constant set of the cost file alone.
        between_samples: One sample of many: "continuous", with the state kept; "cleared", with
            every neuron cleared between samples; "decayed", after waiting for states of zero.
        power_mw: Power, in milliwatts.
    """

    step_us: Band
    max_step_us: Band
    step_parts_us: StepParts
    resources_us: dict[str, Band]
    binding: Binding
    layer_bindings: tuple[Binding, ...]
    latency_ms: Band
    throughput_samples_per_s: Band
    busiest_layer: int
    busiest_neurocore: int
    busiest_neurocore_us: float
    energy_per_sample_uj: Energy[Band]
    energy_per_sample_by_layer_uj: EnergyByLayer
    energy_per_sample_by_constants_uj: dict[str, Energy[float]]
    between_samples: dict[str, Repeated]
    power_mw: Power


@dataclass(frozen=True, kw_only=True)
class Range:
    """Band of an estimate that follows from measured cases, in the unit that the key names.

    Attributes:
        low: The estimate divided by the largest ratio of estimate and measured value.
        high: The estimate divided by the smallest ratio.
        num_cases: Number of cases.
    """

    low: float
    high: float
    num_cases: int


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Estimates at full speed, judged by how far such estimates were off where chips were measured.

    Attributes:
        dynamic_energy_uj: Dynamic energy of the mean sample, in microjoules; null with too few
            cases, like the others.
        step_us: Mean time step, in microseconds.
        static_power_mw: Static power, in milliwatts.
        notes: The cases and their ratios, one sentence per quantity.
    """

    dynamic_energy_uj: Range | None
    step_us: Range | None
    static_power_mw: Range | None
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class EarlyRealTime:
    """The first steps at the rate of the sensor.

    Attributes:
        latency_ms: Milliseconds of these steps: time steps of the sensor, or of the chip if slower.
        energy_per_sample_uj: Energy in microjoules, with static power over all that time.
    """

    latency_ms: Band
    energy_per_sample_uj: Energy[Band]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Time and energy until the earliest step at which the predictions hold.

    Attributes:
        num_steps: Steps until then: `decisions.earliest_step`.
        latency_ms: Milliseconds at full speed.
        energy_per_sample_uj: Energy of the mean sample until then, in microjoules, at full speed.
        real_time: The same at the rate of the sensor; null if that is unknown.
    """

    num_steps: int
    latency_ms: Band
    energy_per_sample_uj: Energy[Band]
    real_time: EarlyRealTime | None


@dataclass(frozen=True, kw_only=True)
class RealTime:
    """Time and energy at the rate of the sensor.

    Attributes:
        dt_ms: One time step of the sensor, in milliseconds.
        keeps_up: Whether the longest step fits into `dt_ms` even at its slowest.
        headroom: `dt_ms` over the longest step.
        latency_ms: Milliseconds of one sample.
        energy_per_sample_uj: Energy of the mean sample, in microjoules.
        power_mw: Power, in milliwatts.
    """

    dt_ms: float
    keeps_up: bool
    headroom: Band
    latency_ms: Band
    energy_per_sample_uj: Energy[Band]
    power_mw: Power


@dataclass(frozen=True, kw_only=True)
class Filled:
    """One of as many copies of the network as fit on the chips that one copy takes.

    Attributes:
        copies: Number of copies.
        latency_ms: Milliseconds of one sample at full speed, with the barrier over all copies.
        energy_per_sample_uj: Energy of the mean sample of one copy, in microjoules.
    """

    copies: int
    latency_ms: Band
    energy_per_sample_uj: Energy[Band]


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """Estimates for one kind of chip, from its cost file and the counted values.

    Attributes:
        title: Full name of the chip.
        cost_file_sha256: Digest of its cost file.
        fits: Whether the largest system of these chips holds the network.
        problems: Why it does not fit, one sentence each.
        advice: What would reduce the number of neurocores, if one chip is not enough.
        placement: The neurocores of the network.
        load: What the neurocores do.
        own_static_power_mw: Static power of the network's neurocores, their share of the chip's, in
            milliwatts.
        filled: One of as many copies as fit side by side; null where no second fits, or where
            there are several copies already.
        full_speed: Time and energy at full speed.
        validation: How far such estimates were off where chips were measured.
        decision: Time and energy until the predictions hold; null if unknown.
        real_time: Time and energy at the rate of the sensor; null if that is unknown.
        energy_cost_rows: Rows of the cost file on which each part of the energy depends.
        caveats: How to read the estimates, one sentence each.
    """

    title: str
    cost_file_sha256: str
    fits: bool
    problems: tuple[str, ...]
    advice: tuple[str, ...]
    placement: Placement
    load: Load
    own_static_power_mw: Band
    filled: Filled | None
    full_speed: FullSpeed
    validation: Validation
    decision: Decision | None
    real_time: RealTime | None
    energy_cost_rows: dict[str, list[str]]
    caveats: tuple[str, ...]


def chip_object(found: estimating.Estimated) -> Estimated:
    """Return the JSON object of the estimates for one kind of chip."""
    chip = found.placement.chip
    return Estimated(
        title=chip.title,
        cost_file_sha256=chip.digest,
        fits=not found.problems,
        problems=found.problems,
        advice=found.advice,
        placement=_placement(found.placement),
        load=_load(found.workload),
        own_static_power_mw=band(found.own_static_power, MILLI),
        filled=None if found.filled is None else _filled(found.filled),
        full_speed=_full_speed(found),
        validation=_validation(found),
        decision=None if found.decision is None else _decision(found.decision),
        real_time=_real_time(found),
        energy_cost_rows={
            part: [row for row in rows if row in chip.costs]
            for part, rows in estimates.ROWS.items()
        },
        caveats=found.caveats,
    )


def _placement(placement: placing.Placement) -> Placement:
    listed = placement.neurocores <= NEUROCORES_LISTED
    return Placement(
        neurocores=placement.neurocores,
        neurocores_per_chip=placement.chip.limit("cores_per_chip"),
        tiles=placement.tiles,
        chips=placement.chips,
        copies=placement.copies,
        chips_used=placement.chips_used,
        total_copies=placement.total_copies,
        max_chips=placement.chip.limit("chips_max"),
        layers=tuple(_placed(index, placement) for index in range(len(placement.layers))),
        neurocore_list=tuple(map(_neurocore, placement.cores())) if listed else None,
    )


def _placed(index: int, placement: placing.Placement) -> PlacedLayer:
    layer = placement.layers[index]
    tiles, chips = estimating.tiles_of(placement, layer)
    return PlacedLayer(
        layer=index,
        neurocores=layer.neurocores,
        tiles=tiles,
        chips=chips,
        first_neurocore=layer.first,
        neurons_per_neurocore=layer.neurons_per_core,
        block_shape=tuple(layer.blocks.size),
        weight_bits=layer.weights.stored_bits,
        binding_budget=layer.binding.name,
        budgets={budget.name: _budget(budget) for budget in layer.budgets},
    )


def _budget(budget: BudgetUse) -> Budget:
    return from_attributes(budget, Budget, utilization=rounded(budget.utilization))


def _neurocore(core: placing.Core) -> Neurocore:
    utilization = rounded(core.utilization)
    own = {"index": core.number, "fullest_budget": core.budget, "utilization": utilization}
    return from_attributes(core, Neurocore, **own)


def _load(workload: Workload) -> Load:
    peak, traffic = workload.peak, workload.traffic
    return Load(
        peak=from_attributes(peak, Peak, busy_us=band(peak.seconds, MICRO)),
        mean_busy_us=band(workload.busiest_s, MICRO),
        messages_per_sample=traffic.messages,
        hops_east_west_per_sample=traffic.east_west,
        hops_north_south_per_sample=traffic.north_south,
        messages_between_chips_per_sample=traffic.between_chips,
        longest_route_hops=sum(workload.longest_route),
        input_spikes_per_sample=workload.injected.per_sample,
        peak_input_spikes_per_step=workload.injected.peak_step,
        output_spikes_per_sample=workload.read.per_sample,
        peak_output_spikes_per_step=workload.read.peak_step,
        output_voltages_per_sample=workload.voltages_read,
    )


def _full_speed(found: estimating.Estimated) -> FullSpeed:
    latency = found.latency
    return FullSpeed(
        step_us=band(latency.step_s, MICRO),
        max_step_us=band(latency.peak_step_s, MICRO),
        step_parts_us=StepParts(
            busiest=band(latency.busiest_s, MICRO),
            longest_route=band(latency.longest_route_s, MICRO),
            barrier=band(latency.barrier_s, MICRO),
        ),
        resources_us={name: band(each, MICRO) for name, each in latency.resources.items()},
        binding=_binding(latency.binding),
        layer_bindings=tuple(map(_binding, latency.layers)),
        latency_ms=band(latency.sample_s, MILLI),
        throughput_samples_per_s=band(latency.samples_per_s),
        busiest_layer=latency.busiest_layer,
        busiest_neurocore=latency.busiest_core,
        busiest_neurocore_us=rounded(latency.busiest_core_s * MICRO),
        energy_per_sample_uj=_energy(found.energy),
        energy_per_sample_by_layer_uj=EnergyByLayer(
            layers=tuple(map(_energy, found.energy_by_layer.layers)),
            host=_energy(found.energy_by_layer.host),
            rest=_energy(found.energy_by_layer.rest),
        ),
        energy_per_sample_by_constants_uj={
            name: _values(energy) for name, energy in found.energies.items()
        },
        between_samples={name: _repeated(each) for name, each in found.between_samples.items()},
        power_mw=_power(found.power),
    )


def _repeated(found: between_samples.Repeated) -> Repeated:
    return Repeated(
        num_steps=found.steps,
        sample_ms=None if found.sample_s is None else band(found.sample_s, MILLI),
        energy_uj=None if found.energy is None else band(found.energy, MICRO),
        note=found.note,
    )


def _binding(found: estimates.Binding) -> Binding:
    return Binding(
        resource=found.resource,
        us=rounded(found.seconds * MICRO),
        next_resource=found.next,
        next_us=rounded(found.next_s * MICRO),
        relief=found.relief,
    )


def _filled(found: estimating.Filled) -> Filled:
    return Filled(
        copies=found.copies,
        latency_ms=band(found.latency.sample_s, MILLI),
        energy_per_sample_uj=_energy(found.energy),
    )


def _validation(found: estimating.Estimated) -> Validation:
    factors = {"dynamic_energy": MICRO, "step_time": MICRO, "static_power": MILLI}
    energy, step, power = (
        _range(*found.validation[name], factor) for name, factor in factors.items()
    )
    return Validation(
        dynamic_energy_uj=energy,
        step_us=step,
        static_power_mw=power,
        notes=tuple(known.note for _, known in found.validation.values()),
    )


def _range(estimate: Estimate, known: Confidence, factor: float) -> Range | None:
    ends = known.band(estimate.value * factor)
    if ends is None:
        return None
    return Range(low=rounded(ends[0]), high=rounded(ends[1]), num_cases=len(known.cases))


def _decision(found: estimating.Decision) -> Decision:
    early = None
    if found.real_time_s is not None and found.real_time_energy is not None:
        energy = _energy(found.real_time_energy)
        latency = band(found.real_time_s, MILLI)
        early = EarlyRealTime(latency_ms=latency, energy_per_sample_uj=energy)
    return Decision(
        num_steps=found.num_steps,
        latency_ms=band(found.latency_s, MILLI),
        energy_per_sample_uj=_energy(found.energy),
        real_time=early,
    )


def _real_time(found: estimating.Estimated) -> RealTime | None:
    rate, energy, power = found.real_time, found.real_time_energy, found.real_time_power
    if rate is None or energy is None or power is None:
        return None
    return RealTime(
        dt_ms=float(f"{rate.dt_s * MILLI:.12g}"),
        keeps_up=rate.keeps_up,
        headroom=band(rate.headroom),
        latency_ms=band(rate.sample_s, MILLI),
        energy_per_sample_uj=_energy(energy),
        power_mw=_power(power),
    )


def _energy(energy: estimates.Energy) -> Energy[Band]:
    return Energy(**{name: band(getattr(energy, name), MICRO) for name in ENERGY_PARTS})


def _values(energy: estimates.Energy) -> Energy[float]:
    return Energy(**{name: rounded(getattr(energy, name).value * MICRO) for name in ENERGY_PARTS})


def _power(power: estimating.Power) -> Power:
    return Power(
        static=band(power.static, MILLI),
        dynamic=band(power.dynamic, MILLI),
        total=band(power.total, MILLI),
    )


def band(estimate: Estimate, factor: float = 1.0) -> Band:
    """Return the bounds of an estimate times `factor`, rounded."""
    ends = (estimate.low, estimate.value, estimate.high)
    low, value, high = (rounded(end * factor) for end in ends)
    return Band(low=low, value=value, high=high)


def rounded(number: float) -> float:
    """Return a number rounded to `DIGITS` significant digits."""
    return float(f"{number:.{DIGITS}g}")


def from_attributes(item: Any, kind: type[T], **more: Any) -> T:
    """Return a `kind` with the attributes of `item` of the same names, and with `more`."""
    found = {name: getattr(item, name) for name in kind.__annotations__ if hasattr(item, name)}
    return kind(**{**found, **more})
