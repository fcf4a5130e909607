"""Energy and time of a sample, against arithmetic by hand and published measurements."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from helpers import with_limits

from neurodeploy.export import netx
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.chips import (
    CHIPS,
    Chip,
    Cost,
    Estimate,
    Reading,
    around,
    chip,
    exactly,
    largest,
)
from neurodeploy.hw_sim.estimated import estimate, estimated
from neurodeploy.hw_sim.estimates import (
    Energy,
    Latency,
    by_constants,
    energy_by_layer,
    first_steps_s,
    neuron_energy,
    real_time,
    sample_energy,
    sample_latency,
    static_power,
)
from neurodeploy.hw_sim.placement import Placement, place
from neurodeploy.hw_sim.timing import neuron_updates, operation
from neurodeploy.hw_sim.workload import Workload, measure
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import ConvLayer, RecurrentLayer
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork

LOIHI1, LOIHI2 = chip("loihi1"), chip("loihi2")


PICO, NANO = 1e-12, 1e-9


PARTS = ("synaptic", "neuron", "within_tiles", "over_hops", "static")


NEURON = CubaLif(np.array([1]), np.array([1]), 1)


PILOTNET_INFERENCES = 10000 / 16


PILOTNET_SYNOPS = 2.29e10 / PILOTNET_INFERENCES


PILOTNET_UPDATES_COUNTER = 3.70e9 / PILOTNET_INFERENCES


PILOTNET_UPDATES_NEURONS = 158509 * 16
"""Neurons of lava-dl's PilotNet: 39600 + 76032 + 26460 + 8064 + 5632 + 2560 + 100 + 50 + 10 + 1."""


PILOTNET_DYNAMIC_J = 1.094e-3


TIMES = {  # low, value and high in ns
    "synaptic_operation_time": (30, 40, 50),
    "convolution_operation_time": (10, 20, 30),
    "neuron_update_active_time": (8, 9, 12),
    "neuron_update_inactive_time": (5, 6, 7),
    "spike_generation_time": (0, 1, 30),
    "spike_message_time": (2, 3, 20),
    "hop_east_west_time": (4, 5, 6),
    "hop_north_south_time": (6, 7, 8),
    "message_out_time": (1, 2, 4),
    "link_message_time": (1, 3, 9),
}


BARRIER = {1: (500, 600, 800), 2: (900, 1000, 1100), 4: (1300, 1400, 1500)}
ENERGIES = {  # low, value and high in pJ, and mW
    "synaptic_operation_energy": (20, 30, 50),
    "convolution_operation_energy": (10, 15, 25),
    "neuron_update_active_energy": (80, 90, 100),
    "neuron_update_inactive_energy": (40, 50, 95),
    "spike_generation_energy": (0, 1, 7),
    "spike_message_energy": (2, 3, 11),
    "hop_east_west_energy": (4, 5, 6),
    "hop_north_south_energy": (7, 8, 9),
    "static_power": (100, 200, 400),
}


def row(low: float, value: float, high: float, unit: str = "ns") -> Cost:
    others = Reading(low, "made up", "derived", "B"), Reading(high, "made up", "derived")
    return Cost(value, unit, "made up", "derived", "A", others)


def with_costs(chip: Chip, costs: dict[str, tuple[float, ...]]) -> Chip:
    """Return the chip with rows of these values, of which the second is preferred."""
    rows = {name: row(*ends, unit=chip.costs[name].unit) for name, ends in costs.items()}
    return replace(chip, costs={**chip.costs, **rows})


MADE_UP = replace(
    with_costs(LOIHI1, {**ENERGIES, **TIMES}),
    barrier=tuple((tiles, row(*ends)) for tiles, ends in BARRIER.items()),
)


SQUARE = with_limits(
    MADE_UP, neurons_per_core=1, cores_per_chip=4, cores_per_tile=1, tiles_east_west=2,
    tiles_north_south=2,
)  # fmt: skip
"""Chips of four tiles in a square, each with one neurocore of one neuron."""


def dense(*sizes: int) -> QuantizedNetwork:
    layers = [DenseLayer(np.ones((b, a), int), NEURON) for a, b in pairwise(sizes)]
    return QuantizedNetwork.chain(tuple(layers))


def spiking(network: QuantizedNetwork, steps: int, *spikes: tuple[int, int, int]) -> Activity:
    """Return one sample with a spike for each (layer, neuron, step); layer -1 is the input."""
    sizes = (network.inputs, *(layer.neurons for layer in network.layers))
    sent = [np.zeros((1, size, steps), np.uint8) for size in sizes]
    for layer, neuron, step in spikes:
        sent[layer + 1][0, neuron, step] = 1
    return Activity(sent[0], tuple(sent[1:]))


def energy_of(network: Any, chip: Chip, activity: Activity, seconds: float = 1e-6, **options):
    workload = measure(activity, place(network, chip))
    return sample_energy(workload, duration_s=exactly(seconds), **options)


def picojoules(energy: Energy) -> dict[str, list[float]]:
    found = {name: getattr(energy, name) for name in PARTS}
    return {name: [each.low / PICO, each.value / PICO, each.high / PICO]
            for name, each in found.items()}  # fmt: skip


def assert_energies(found: Energy, **expected: list[float]) -> None:
    for name, values in picojoules(found).items():
        assert values == pytest.approx(expected[name]), name


def test_one_neuron_with_two_weights():
    """Three spikes in, one out, in four steps, on one neurocore.

    Low: one update is active and three are not. Value and high: all four are. Static: for 1 us,
    and at the low end a 128th of the chip.
    """
    activity = spiking(dense(2, 1), 4, (-1, 0, 0), (-1, 1, 0), (-1, 1, 2), (0, 0, 1))
    assert_energies(
        energy_of(dense(2, 1), MADE_UP, activity),
        synaptic=[3 * 20, 3 * 30, 3 * 50],
        neuron=[80 + 3 * 40, 4 * 90 + 1, 4 * 100 + 7],
        within_tiles=[4 * 2, 4 * 3, 4 * 11],
        over_hops=[0, 0, 0],
        static=[1e5 / 128, 2e5, 4e5],
    )


def test_spikes_go_to_every_neurocore_over_the_tiles_between():
    """Two neurons in the upper row of a square send to two in the lower row.

    An input spike goes to (0, 0) and (1, 0): 1 hop east. A spike of the first neuron goes down, and
    down and east: 2 south, 1 east. A spike of the last goes up and west to the host: 1 and 1.
    """
    network = dense(1, 2, 2)
    activity = spiking(network, 3, (-1, 0, 0), (0, 0, 1), (1, 1, 2))
    east_west, north_south = 1 + 1 + 1, 2 + 1
    assert_energies(
        energy_of(network, SQUARE, activity),
        synaptic=[4 * 20, 4 * 30, 4 * 50],
        neuron=[2 * 80 + 10 * 40, 12 * 90 + 2, 12 * 100 + 14],
        within_tiles=[5 * 2, 5 * 3, 5 * 11],
        over_hops=[east_west * a + north_south * b for a, b in ((4, 7), (5, 8), (6, 9))],
        static=[1e5, 2e5, 4e5],
    )


def test_every_layer_has_the_energy_of_its_synapses_neurons_messages_and_neurocores():
    """As above, with one neuron below: three of the chip's four neurocores are in use."""
    network = dense(1, 2, 1)
    workload = measure(
        spiking(network, 3, (-1, 0, 0), (0, 0, 1), (1, 0, 2)), place(network, SQUARE)
    )
    found = energy_by_layer(workload, duration_s=exactly(1e-6))
    parts = {"host": found.host, "0": found.layers[0], "1": found.layers[1], "rest": found.rest}
    likely = {
        where: [values[1] for values in picojoules(energy).values()]
        for where, energy in parts.items()
    }
    assert likely["host"] == pytest.approx([0, 0, 2 * 3, 5, 0])
    assert likely["0"] == pytest.approx([2 * 30, 6 * 90 + 1, 3, 8, 2e5 * 2 / 4])
    assert likely["1"] == pytest.approx([30, 3 * 90 + 1, 3, 8, 2e5 / 4])
    assert likely["rest"] == pytest.approx([0, 0, 0, 0, 2e5 / 4])
    assert found.rest.static.low == 0  # as if others used that neurocore


def test_a_filled_chip_is_that_of_as_many_copies_as_fit():
    """Four of one neuron on a square of four neurocores; of three neurons, no second fits."""
    network = dense(1, 1)
    activity = spiking(network, 3, (-1, 0, 0), (0, 0, 1))
    found = estimate(network, activity, SQUARE).filled
    copies = estimate(network, activity, SQUARE, copies=4)
    assert found.copies == 4
    assert (found.energy, found.latency) == (copies.energy, copies.latency)
    seconds = found.latency.sample_s.value
    assert found.energy.static.value == pytest.approx(0.2 / 4 * seconds)
    assert copies.filled is None
    assert estimate(dense(1, 3), spiking(dense(1, 3), 1), SQUARE).filled is None
    assert estimate(network, activity, SQUARE).own_static_power.low == pytest.approx(0.1 / 4)


def test_a_convolution_has_an_energy_of_its_own():
    conv = ConvLayer(np.ones((2, 1, 1, 2), int), (1, 1, 3), NEURON)
    network = QuantizedNetwork.chain((conv, DenseLayer(np.ones((3, 4), int), NEURON)))
    activity = spiking(network, 2, (-1, 0, 0), (-1, 1, 0), (0, 3, 1))
    found = picojoules(energy_of(network, MADE_UP, activity))
    synops = 2 + 2 * 2, 3  # the first sender is in one kernel of two channels, the second in two
    expected = [synops[0] * a + synops[1] * b for a, b in ((10, 20), (15, 30), (25, 50))]
    assert found["synaptic"] == pytest.approx(expected)
    costs = {name: row for name, row in MADE_UP.costs.items() if name[:4] != "conv"}
    without = picojoules(energy_of(network, replace(MADE_UP, costs=costs), activity))
    assert without["synaptic"] == pytest.approx([sum(synops) * a for a in (20, 30, 50)])


def test_a_recurrent_layer_s_spikes_go_to_its_own_neurocores_too():
    """One spike of two neurons on two tiles: to both of them and to the host, one hop from it."""
    layer = RecurrentLayer(np.ones((2, 1), int), np.ones((2, 2), int), NEURON)
    network = QuantizedNetwork.chain((layer,))
    found = picojoules(energy_of(network, SQUARE, spiking(network, 1, (0, 1, 0))))
    assert found["synaptic"][1] == pytest.approx(2 * 30)
    assert found["within_tiles"][1] == pytest.approx(3 * 3)
    assert found["over_hops"][1] == pytest.approx(2 * 5)


def test_energy_is_that_of_the_mean_sample():
    network = dense(2, 1)
    one = spiking(network, 4, (-1, 0, 0), (-1, 1, 2), (0, 0, 1))
    none = spiking(network, 4)
    both = Activity(
        np.concatenate([one.inputs, none.inputs]),
        (np.concatenate([one.spikes[0], none.spikes[0]]),),
    )
    found, single, silent = (energy_of(network, MADE_UP, each) for each in (both, one, none))
    for name in PARTS:
        mean = (getattr(single, name).value + getattr(silent, name).value) / 2
        assert getattr(found, name).value == pytest.approx(mean), name


def test_the_first_steps_cost_what_happens_in_them():
    """An input spike in the first step, one out in the third: the second adds updates alone."""
    network = dense(1, 1)
    activity = spiking(network, 3, (-1, 0, 0), (0, 0, 2))
    rows = [(1, 0, 1), (1, 0, 1), (1, 1, 2)]  # SynOps, spikes and messages of the first steps
    for steps, (synops, spikes, messages) in enumerate(rows, start=1):
        found = picojoules(energy_of(network, MADE_UP, activity, steps=steps))
        assert found["synaptic"][1] == pytest.approx(synops * 30)
        assert found["neuron"][1] == pytest.approx(steps * 90 + spikes)
        assert found["neuron"][0] == pytest.approx(spikes * 80 + (steps - spikes) * 40)
        assert found["within_tiles"][1] == pytest.approx(messages * 3)
    whole = picojoules(energy_of(network, MADE_UP, activity))
    assert found == whole


def test_no_spikes_leave_updates_and_static_energy():
    network = dense(2, 1)
    found = energy_of(network, LOIHI1, spiking(network, 4))
    assert found.synaptic == found.within_tiles == found.over_hops == exactly(0)
    assert found.neuron.value == pytest.approx(4 * 81 * PICO)
    assert found.neuron.low == pytest.approx(4 * 51.2 * PICO)


@pytest.mark.parametrize(("neurons", "chips"), [(1, 1), (4, 1), (5, 2), (9, 3)])
def test_every_chip_in_use_takes_static_power(neurons, chips):
    """Low: the share of the neurocores that are in use."""
    found = static_power(place(dense(1, neurons), SQUARE))
    assert found.value == pytest.approx(chips * 0.2)
    assert found.high == pytest.approx(chips * 0.4)
    assert found.low == pytest.approx(neurons / 4 * 0.1)


def test_every_set_has_an_energy_of_its_values_alone():
    """Set A has every second value, B every first one, and neither has a band."""
    network = dense(2, 1)
    activity = spiking(network, 4, (-1, 0, 0), (0, 0, 1))
    workload = measure(activity, place(network, MADE_UP))
    found = by_constants(workload, Estimate(1e-7, 1e-6, 1e-5))
    assert picojoules(found["A"])["synaptic"] == pytest.approx([30, 30, 30])
    assert picojoules(found["B"])["synaptic"] == pytest.approx([20, 20, 20])
    assert picojoules(found["B"])["neuron"] == pytest.approx([80 + 3 * 40, 4 * 80, 4 * 80])
    assert picojoules(found["B"])["static"] == pytest.approx([1e5 / 128, 1e5, 1e5])


def drawn(seed: int) -> tuple[QuantizedNetwork, Activity]:
    rng = np.random.default_rng(seed)
    network = dense(*(int(n) for n in rng.integers(1, 9, 4)))
    sent = [
        (rng.random((2, size, 5)) < rng.random()).astype(np.uint8)
        for size in (network.inputs, *(layer.neurons for layer in network.layers))
    ]
    return network, Activity(sent[0], tuple(sent[1:]))


def drawn_chip(seed: int) -> Chip:
    """Return a chip of odd costs: any order of rest and work, many zeros, bands or none."""
    rng = np.random.default_rng(seed)
    rows = {}
    for name in LOIHI1.costs:
        values = rng.random(3) * rng.integers(0, 2, 3) * 10.0 ** rng.integers(-3, 4)
        low, value, high = sorted(values.tolist() if rng.random() < 0.6 else values[:1].repeat(3))
        rows[name] = (low, value, high)
    small = with_limits(LOIHI1, neurons_per_core=2, cores_per_chip=int(rng.integers(1, 5)))
    return with_costs(small, rows)


@pytest.mark.parametrize("seed", range(40))
def test_odd_costs_give_bands_in_order_that_hold_every_set(seed):
    network, activity = drawn(seed)
    workload = measure(activity, place(network, drawn_chip(seed)))
    latency = sample_latency(workload)
    pace = real_time(latency, 1.0)
    for duration in (latency.sample_s, pace.sample_s):
        energy = sample_energy(workload, duration_s=duration)
        for name, of_set in by_constants(workload, duration).items():
            for part in (*PARTS, "dynamic", "total"):
                band, value = getattr(energy, part), getattr(of_set, part).value
                assert band.low <= value * (1 + 1e-12), (name, part)
                assert value <= band.high * (1 + 1e-12), (name, part)
    for steps in (1, 3, 5):
        assert (
            sample_energy(
                workload, duration_s=first_steps_s(workload, latency, steps), steps=steps
            ).total.value
            <= energy.total.value
        )


@pytest.mark.parametrize("chip", CHIPS.values(), ids=list(CHIPS))
@pytest.mark.parametrize("seed", range(5))
def test_the_band_of_an_installed_chip_holds_every_set(seed, chip):
    network, activity = drawn(seed)
    workload = measure(activity, place(network, chip))
    energy = sample_energy(workload, duration_s=exactly(1e-3))
    sets = by_constants(workload, exactly(1e-3))
    assert tuple(sets) == chip.sets
    for of_set in sets.values():
        assert energy.total.low <= of_set.total.value <= energy.total.high


@pytest.mark.parametrize("chip", [LOIHI1, LOIHI2], ids=lambda chip: chip.name)
@pytest.mark.parametrize(
    ("updates", "ratio"), [(PILOTNET_UPDATES_NEURONS, 0.98), (PILOTNET_UPDATES_COUNTER, 1.23)]
)
def test_pilotnet_comes_out_at_the_documented_ratio(chip, updates, ratio):
    """Loihi 1's constants on PilotNet's counters, over the dynamic energy Intel reports."""
    synop = operation(dense(1, 1).layers[0], chip, "energy")
    energy = synop * PILOTNET_SYNOPS + neuron_energy(updates, 0, chip=chip)
    assert energy.value / PILOTNET_DYNAMIC_J == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize("updates", [PILOTNET_UPDATES_NEURONS, PILOTNET_UPDATES_COUNTER])
def test_the_band_of_loihi_2_holds_what_intel_reports_for_pilotnet(updates):
    synop = operation(dense(1, 1).layers[0], LOIHI2, "energy")
    energy = synop * PILOTNET_SYNOPS + neuron_energy(updates, 0, chip=LOIHI2)
    assert energy.low < PILOTNET_DYNAMIC_J < energy.high


def test_static_power_of_pilotnet_is_what_intel_reports(shipped):
    placement: Placement = place(netx.read(shipped("gts/pilotnet_lif/network.net")), LOIHI2)
    power = static_power(placement)
    assert (power.value, power.high) == pytest.approx((0.232, 0.376))
    assert power.low == pytest.approx(0.232 * 72 / 120)


@pytest.mark.parametrize("what", ["energy", "time"])
def test_at_the_low_end_only_neurons_that_spike_are_active_and_at_the_others_all(what):
    """Of ten updates three end in a spike. One at rest never takes more than an active one."""
    active, rest = (LOIHI1.cost(f"neuron_update_{kind}_{what}") for kind in ("active", "inactive"))
    found = neuron_updates(10, 3, chip=LOIHI1, what=what)
    assert found.low == pytest.approx(3 * active.low + 7 * rest.low)
    assert (found.value, found.high) == (10 * active.value, 10 * active.high)
    resting = {f"neuron_update_inactive_{what}": LOIHI1.costs[f"neuron_update_active_{what}"]}
    costly = replace(LOIHI1, costs={**LOIHI1.costs, **{
        name: replace(row, value=1000, alternatives=()) for name, row in resting.items()
    }})  # fmt: skip
    assert neuron_updates(10, 3, chip=costly, what=what).low == pytest.approx(10 * active.low)


LOIHI1, LOIHI2 = chip("loihi1"), chip("loihi2")


MICRO = 1e-6


def worked(network: QuantizedNetwork, chip: Chip, steps: int, *spikes: tuple) -> Workload:
    """Return the work of one sample with a spike for each (layer, neuron, step), -1 the input."""
    sizes = (network.inputs, *(layer.neurons for layer in network.layers))
    sent = [np.zeros((1, size, steps), np.uint8) for size in sizes]
    for layer, neuron, step in spikes:
        sent[layer + 1][0, neuron, step] = 1
    return measure(Activity(sent[0], tuple(sent[1:])), place(network, chip))


def nanoseconds(estimate: Estimate) -> list[float]:
    return [estimate.low / NANO, estimate.value / NANO, estimate.high / NANO]


def test_a_step_is_the_busiest_resource_and_the_barrier():
    """Four neurons on one neurocore, two steps: 3 spikes in and 1 out in the first, none after.

    Low: 1 update is active and 3 are not; in the second step none is. SynOps take longest in the
    first step, updates in the second; high: everything one after another.
    """
    spikes = [(-1, 0, 0), (-1, 1, 0), (-1, 2, 0), (0, 3, 0)]
    latency = sample_latency(worked(dense(3, 4), MADE_UP, 2, *spikes))
    first = [12 * 30, 12 * 40, 12 * 50 + 3 * 20 + 4 * 12 + 30 + 4]
    second = [4 * 5, 4 * 9, 4 * 12]
    mean = [(a + b) / 2 for a, b in zip(first, second)]
    low, value, high = BARRIER[1]
    assert nanoseconds(latency.busiest_s) == pytest.approx(mean)
    assert nanoseconds(latency.peak_s) == pytest.approx(first)
    assert nanoseconds(latency.barrier_s) == pytest.approx(BARRIER[1])
    step = [max(mean[0], low), mean[1] + value, mean[2] + high]
    assert nanoseconds(latency.step_s) == pytest.approx(step)
    assert nanoseconds(latency.peak_step_s) == pytest.approx(
        [max(first[0], low), first[1] + value, first[2] + high]
    )
    assert nanoseconds(latency.sample_s) == pytest.approx(2 * np.array(step))
    assert latency.samples_per_s.value == pytest.approx(1 / latency.sample_s.value)
    assert latency.samples_per_s.low == pytest.approx(1 / latency.sample_s.high)


def test_the_resource_that_binds_is_named_by_layer():
    """Two input spikes and one between the layers, on tiles of their own, in one step.

    Layer 0 (1 neuron): 2 SynOps of 40 ns, 9 + 1 of update and spike, 2 messages in of 3, 2 out of
    2, and 1 over each of two links of 3. Layer 1 (2 neurons on 2 neurocores): 1 SynOp each.
    """
    latency = sample_latency(worked(dense(2, 1, 2), SQUARE, 1, (-1, 0, 0), (-1, 1, 0), (0, 0, 0)))
    values = {name: each.value / NANO for name, each in latency.resources.items()}
    assert values == pytest.approx(
        {"neuron_updates": 10, "synops": 80, "messages_in": 6, "messages_out": 4, "link": 3,
         "barrier": latency.barrier_s.value / NANO}
    )  # fmt: skip
    assert (latency.binding.resource, latency.binding.next) == ("barrier", "synops")
    assert [(each.resource, each.next) for each in latency.layers] == [
        ("synops", "neuron_updates"), ("synops", "neuron_updates"),
    ]  # fmt: skip
    assert "split the layer" in latency.layers[0].relief
    assert "tiles" in latency.binding.relief


def test_a_cost_file_without_the_optional_rows_leaves_them_out_and_says_so():
    optional = {"message_out_time", "link_message_time", "synaptic_memory_read_time"}
    costs = {name: cost for name, cost in MADE_UP.costs.items() if name not in optional}
    older = replace(MADE_UP, costs=costs)
    network, spikes = dense(2, 3, 2), [(-1, 0, 0), (0, 0, 0)]
    found = estimated(worked(network, older, 1, *spikes))
    assert set(found.latency.resources) == {"neuron_updates", "synops", "messages_in", "barrier"}
    said = " ".join(set(found.caveats) - set(older.caveats))
    assert all(row in said for row in optional)
    assert (
        found.latency.step_s.value
        == sample_latency(worked(network, MADE_UP, 1, *spikes)).step_s.value
    )


def test_constants_of_zero_leave_the_barrier():
    free = with_costs(MADE_UP, dict.fromkeys(TIMES, (0, 0, 0)))
    latency = sample_latency(worked(dense(2, 3), free, 1, (-1, 0, 0)))
    assert latency.step_s == latency.barrier_s
    assert latency.binding.resource == "barrier"
    assert latency.samples_per_s.value == pytest.approx(1 / (BARRIER[1][1] * NANO))


def test_a_silent_network_of_one_neuron_takes_its_update():
    latency = sample_latency(worked(dense(1, 1), MADE_UP, 2))
    assert nanoseconds(latency.busiest_s) == [5, 9, 12]
    assert latency.layers[0].resource == "neuron_updates"


def test_every_step_waits_for_its_own_busiest_neurocore():
    """Two layers are busy in one step each: the mean step is not that of either's mean."""
    network = dense(1, 1, 1)
    latency = sample_latency(worked(network, MADE_UP, 2, (-1, 0, 0), (0, 0, 1)))
    one = 40  # a SynOp of the first layer in step 0, of the second in step 1
    assert latency.busiest_s.value == pytest.approx(one * NANO)


def test_the_busiest_neurocore_names_its_layer():
    network = dense(2, 3, 2)
    spikes = [(-1, 0, 0), (0, 0, 1), (0, 1, 1), (0, 2, 1)]
    latency = sample_latency(worked(network, SQUARE, 2, *spikes))
    assert (latency.busiest_core, latency.busiest_layer) == (3, 1)
    quiet = sample_latency(worked(network, SQUARE, 2, (-1, 0, 0)))
    assert (quiet.busiest_core, quiet.busiest_layer) == (0, 0)


def test_the_busiest_neurocore_in_the_mean_is_not_the_busiest_of_every_step():
    """Of two neurons on neurocores of their own, one works in two of three steps, one in one."""
    conv = ConvLayer(np.ones((1, 1, 1, 1), int), (1, 1, 2), NEURON)
    network = QuantizedNetwork.chain((conv,))
    spikes = [(-1, 0, 0), (-1, 0, 1), (-1, 1, 2)]
    latency = sample_latency(worked(network, SQUARE, 3, *spikes))
    assert (latency.busiest_core, latency.busiest_layer) == (0, 0)
    alone, busiest = latency.busiest_core_s, latency.busiest_s.value
    still, moved = (sample_latency(worked(network, SQUARE, 1, *each)).busiest_s.value
                    for each in ([], [(-1, 0, 0)]))  # fmt: skip
    assert alone == pytest.approx((2 * moved + still) / 3)
    assert busiest == pytest.approx(moved)


def test_a_convolution_has_a_time_of_its_own():
    conv = ConvLayer(np.ones((2, 1, 1, 2), int), (1, 1, 3), NEURON)
    network = QuantizedNetwork.chain((conv,))
    latency = sample_latency(worked(network, MADE_UP, 1, (-1, 1, 0)))
    assert nanoseconds(latency.busiest_s) == pytest.approx([4 * 10, 4 * 20, 4 * 30 + 20 + 4 * 12])


def test_the_longest_way_may_hide_behind_the_work():
    """A neuron at (0, 0) sends to (1, 0), (0, 1) and (1, 1): one hop east and one south."""
    latency = sample_latency(worked(dense(1, 1, 3), SQUARE, 1, (0, 0, 0)))
    assert nanoseconds(latency.longest_route_s) == pytest.approx([4 + 6, 5 + 7, 6 + 8])
    parts = latency.busiest_s, latency.longest_route_s, latency.barrier_s
    assert latency.step_s.value == pytest.approx(parts[0].value + parts[2].value)
    assert latency.step_s.high == pytest.approx(sum(each.high for each in parts))
    still = sample_latency(worked(dense(1, 1, 3), SQUARE, 1, (-1, 0, 0)))
    assert nanoseconds(still.longest_route_s) == [0, 0, 0]


@pytest.mark.parametrize(("neurons", "tiles"), [(1, 1), (2, 2), (4, 4), (5, 4), (40, 4)])
def test_more_tiles_and_chips_take_the_barrier_of_their_number(neurons, tiles):
    """Five neurocores are on two chips: there is no larger barrier than that of four tiles."""
    latency = sample_latency(worked(dense(1, neurons), SQUARE, 1))
    assert nanoseconds(latency.barrier_s) == pytest.approx(BARRIER[tiles])


def test_the_first_steps_take_what_they_do_and_a_barrier_each():
    """One SynOp in the first step of three, none after."""
    workload = worked(dense(1, 1), MADE_UP, 3, (-1, 0, 0))
    latency = sample_latency(workload)
    busy, value = [40, 9, 9], BARRIER[1][1]
    for steps in (1, 2, 3):
        found = first_steps_s(workload, latency, steps)
        assert found.value == pytest.approx((sum(busy[:steps]) + steps * value) * NANO)
    assert nanoseconds(found) == pytest.approx(nanoseconds(latency.sample_s))


def test_the_step_time_of_pilotnet_lies_in_the_band_of_loihi_2():
    """The busiest core adds 1.51e5 weights a step, as 74 spikes to 2048 neurons do; Intel reports
    152.8 us a step."""
    wide = with_limits(LOIHI2, synaptic_memory=10**9)
    every = [(-1, sender, 0) for sender in range(74)]
    step = sample_latency(worked(dense(74, 2048), wide, 1, *every)).step_s
    assert step.low < 152.8 * MICRO < step.high
    assert step.value == pytest.approx(152.8 * MICRO, rel=0.01)


def made_up(step_s: float, *, steps: int = 1, peak_s: float | None = None) -> Latency:
    none, peak = exactly(0), step_s if peak_s is None else peak_s
    return Latency(exactly(step_s), none, none, exactly(peak), steps)


def test_a_fast_chip_waits_for_the_sensor():
    pace = real_time(made_up(1 * MICRO, steps=128), dt_ms=20)
    assert pace.keeps_up
    assert pace.sample_s.value == pytest.approx(128 * 0.020)
    assert pace.headroom.value == pytest.approx(20000)


def test_a_chip_keeps_up_only_where_its_longest_step_does():
    """The mean step takes half a millisecond; one of them 2."""
    pace = real_time(made_up(0.5e-3, steps=10, peak_s=2e-3), dt_ms=1)
    assert not pace.keeps_up
    assert pace.headroom.value == pytest.approx(0.5)
    assert pace.sample_s.value == pytest.approx(10e-3)
    assert real_time(made_up(0.5e-3, steps=10, peak_s=2e-3), dt_ms=2.001).keeps_up


def test_a_chip_keeps_up_only_where_its_slowest_estimate_does():
    latency = sample_latency(worked(dense(3, 4), MADE_UP, 1, (-1, 0, 0)))
    high_ms = latency.peak_step_s.high * 1000
    assert real_time(latency, dt_ms=high_ms * 1.001).keeps_up
    assert not real_time(latency, dt_ms=high_ms * 0.999).keeps_up


@pytest.mark.parametrize("dt_ms", [0, -1, float("nan"), float("inf")])
def test_a_time_step_must_last(dt_ms):
    with pytest.raises(InputError, match="a time step must last longer than 0 ms"):
        real_time(made_up(1e-6), dt_ms=dt_ms)


def test_estimates_are_combined_end_by_end():
    a, b = Estimate(1, 2, 3), Estimate(10, 20, 30)
    assert (a + b, a * b, a * 2) == (Estimate(11, 22, 33), Estimate(10, 40, 90), Estimate(2, 4, 6))
    assert Estimate(1, 2, 4).inverse() == Estimate(0.25, 0.5, 1)
    assert largest([Estimate(0, 5, 6), Estimate(1, 2, 9)]) == Estimate(1, 5, 9)
    assert around(2, 2.0000001, 1.9999999) == Estimate(2, 2, 2)
