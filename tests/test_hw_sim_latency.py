"""Time of a sample, against arithmetic by hand and against a published step time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from neurodeploy.hw_sim.activity import Activity, LayerCounts
from neurodeploy.hw_sim.chips import Chip, Cost, Estimate, Reading, chip, exactly
from neurodeploy.hw_sim.estimates import (
    Latency,
    first_steps_s,
    real_time,
    sample_latency,
    steps_of,
)
from neurodeploy.hw_sim.placement import place
from neurodeploy.hw_sim.workload import Workload, measure
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import ConvLayer
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork

LOIHI1, LOIHI2 = chip("loihi1"), chip("loihi2")
NANO, MICRO = 1e-9, 1e-6
NEURON = CubaLif(np.array([1]), np.array([1]), 1)

TIMES = {  # low, value and high in ns
    "synaptic_operation_time": (30, 40, 50),
    "convolution_operation_time": (10, 20, 30),
    "neuron_update_active_time": (8, 9, 12),
    "neuron_update_inactive_time": (5, 6, 7),
    "spike_generation_time": (0, 1, 30),
    "spike_message_time": (2, 3, 20),
    "hop_east_west_time": (4, 5, 6),
    "hop_north_south_time": (6, 7, 8),
}
BARRIER = {1: (500, 600, 800), 2: (900, 1000, 1100), 4: (1300, 1400, 1500)}


def row(low: float, value: float, high: float) -> Cost:
    others = (Reading(low, "made up", "derived"), Reading(high, "made up", "derived"))
    return Cost(value, "ns", "made up", "derived", alternatives=others)


def with_limits(chip: Chip, **values: int) -> Chip:
    rows = {name: replace(chip.limits["delay_max"], value=value) for name, value in values.items()}
    return replace(chip, limits={**chip.limits, **rows})


MADE_UP = replace(
    LOIHI1,
    costs={**LOIHI1.costs, **{name: row(*ends) for name, ends in TIMES.items()}},
    barrier=tuple((tiles, row(*ends)) for tiles, ends in BARRIER.items()),
)
SQUARE = with_limits(
    MADE_UP, neurons_per_core=1, cores_per_chip=4, cores_per_tile=1, tiles_east_west=2,
    tiles_north_south=2,
)  # fmt: skip
"""Chips of four tiles in a square, each with one neurocore of one neuron."""


def dense(*sizes: int) -> QuantizedNetwork:
    layers = [DenseLayer(np.ones((b, a), int), NEURON) for a, b in pairwise(sizes)]
    return QuantizedNetwork(tuple(layers))


def worked(network: QuantizedNetwork, chip: Chip, steps: int, *spikes: tuple) -> Workload:
    """Return the work of one sample with a spike for each (layer, neuron, step), -1 the input."""
    sizes = (network.inputs, *(layer.neurons for layer in network.layers))
    sent = [np.zeros((1, size, steps), np.uint8) for size in sizes]
    for layer, neuron, step in spikes:
        sent[layer + 1][0, neuron, step] = 1
    return measure(Activity(sent[0], tuple(sent[1:])), place(network, chip))


def nanoseconds(estimate: Estimate) -> list[float]:
    return [estimate.low / NANO, estimate.value / NANO, estimate.high / NANO]


def test_a_step_is_the_work_of_the_neurocore_and_the_barrier():
    """Four neurons on one neurocore, two steps: 3 spikes in and 1 out in the first, none after.

    Low: 1 update is active and 3 are not; in the second step none is.
    """
    spikes = [(-1, 0, 0), (-1, 1, 0), (-1, 2, 0), (0, 3, 0)]
    latency = sample_latency(worked(dense(3, 4), MADE_UP, 2, *spikes))
    first = [
        12 * 30 + 3 * 2 + 8 + 3 * 5,
        12 * 40 + 3 * 3 + 4 * 9 + 1,
        12 * 50 + 3 * 20 + 4 * 12 + 30,
    ]
    second = [4 * 5, 4 * 9, 4 * 12]
    mean = [(a + b) / 2 for a, b in zip(first, second)]
    assert nanoseconds(latency.busy_s) == pytest.approx(mean)
    assert nanoseconds(latency.peak_s) == pytest.approx(first)
    assert nanoseconds(latency.barrier_s) == pytest.approx(BARRIER[1])
    assert nanoseconds(latency.step_s) == pytest.approx(np.add(mean, BARRIER[1]))
    assert nanoseconds(latency.peak_step_s) == pytest.approx(np.add(first, BARRIER[1]))
    assert nanoseconds(latency.sample_s) == pytest.approx(2 * np.add(mean, BARRIER[1]))
    assert latency.samples_per_s.value == pytest.approx(1 / latency.sample_s.value)
    assert latency.samples_per_s.low == pytest.approx(1 / latency.sample_s.high)


def test_a_neuron_at_rest_takes_no_longer_than_an_active_one_at_the_low_end():
    """A cost file may have it the other way around."""
    costs = {**MADE_UP.costs, "neuron_update_inactive_time": row(20, 20, 20)}
    latency = sample_latency(worked(dense(3, 4), replace(MADE_UP, costs=costs), 2))
    assert nanoseconds(latency.busy_s) == pytest.approx([4 * 8, 4 * 9, 4 * 12])


def test_every_step_waits_for_its_own_busiest_neurocore():
    """Two layers are busy in one step each: the mean step is not that of either's mean."""
    network = dense(1, 1, 1)
    latency = sample_latency(worked(network, MADE_UP, 2, (-1, 0, 0), (0, 0, 1)))
    one = 40 + 3 + 9  # the first layer in step 0, the second in step 1
    assert latency.busy_s.value == pytest.approx(one * NANO)


def test_work_of_several_neurocores_in_one_step_does_not_add_up():
    """The first neurocore also sends a spike, 1 ns; the others of its step wait for it."""
    network = dense(1, 1, 1)
    spikes = [(-1, 0, 0), (0, 0, 0), (1, 0, 0)]
    latency = sample_latency(worked(network, MADE_UP, 1, *spikes))
    assert latency.busy_s.value == pytest.approx((40 + 3 + 9 + 1) * NANO)


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
    network = QuantizedNetwork((conv,))
    spikes = [(-1, 0, 0), (-1, 0, 1), (-1, 1, 2)]
    latency = sample_latency(worked(network, SQUARE, 3, *spikes))
    assert (latency.busiest_core, latency.busiest_layer) == (0, 0)
    alone, busiest = latency.busiest_core_s, latency.busy_s.value
    still, moved = (sample_latency(worked(network, SQUARE, 1, *each)).busy_s.value
                    for each in ([], [(-1, 0, 0)]))  # fmt: skip
    assert alone == pytest.approx((2 * moved + still) / 3)
    assert busiest == pytest.approx(moved)


def test_a_convolution_has_a_time_of_its_own():
    conv = ConvLayer(np.ones((2, 1, 1, 2), int), (1, 1, 3), NEURON)
    network = QuantizedNetwork((conv,))
    latency = sample_latency(worked(network, MADE_UP, 1, (-1, 1, 0)))
    assert nanoseconds(latency.busy_s) == pytest.approx(
        [4 * 10 + 2 + 4 * 5, 4 * 20 + 3 + 4 * 9, 4 * 30 + 20 + 4 * 12]
    )


def test_the_longest_way_may_hide_behind_the_work():
    """A neuron at (0, 0) sends to (1, 0), (0, 1) and (1, 1): one hop east and one south."""
    latency = sample_latency(worked(dense(1, 1, 3), SQUARE, 1, (0, 0, 0)))
    assert nanoseconds(latency.way_s) == pytest.approx([0, 5 + 7, 6 + 8])
    still = sample_latency(worked(dense(1, 1, 3), SQUARE, 1, (-1, 0, 0)))
    assert nanoseconds(still.way_s) == [0, 0, 0]


@pytest.mark.parametrize(("neurons", "tiles"), [(1, 1), (2, 2), (4, 4), (5, 4), (40, 4)])
def test_more_tiles_and_chips_take_the_barrier_of_their_number(neurons, tiles):
    """Five neurocores are on two chips: there is no larger barrier than that of four tiles."""
    latency = sample_latency(worked(dense(1, neurons), SQUARE, 1))
    assert nanoseconds(latency.barrier_s) == pytest.approx(BARRIER[tiles])


def test_tiles_of_all_chips_meet_at_the_barrier():
    two = with_limits(SQUARE, cores_per_chip=1)
    latency = sample_latency(worked(dense(1, 2), two, 1))
    assert nanoseconds(latency.barrier_s) == pytest.approx(BARRIER[2])


def test_the_first_steps_take_what_they_do_and_a_barrier_each():
    """One SynOp in the first step of three, none after."""
    workload = worked(dense(1, 1), MADE_UP, 3, (-1, 0, 0))
    latency = sample_latency(workload)
    busy, value = [40 + 3 + 9, 9, 9], BARRIER[1][1]
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


def test_a_slow_chip_falls_behind_the_sensor():
    pace = real_time(made_up(3e-3, steps=10), dt_ms=1)
    assert not pace.keeps_up
    assert pace.sample_s.value == pytest.approx(10 * 3e-3)


def test_a_chip_keeps_up_only_where_its_longest_step_does():
    """The mean step takes half a millisecond; one of them 2."""
    pace = real_time(made_up(0.5e-3, steps=10, peak_s=2e-3), dt_ms=1)
    assert not pace.keeps_up
    assert pace.headroom.value == pytest.approx(0.5)
    assert pace.sample_s.value == pytest.approx(10e-3)
    assert real_time(made_up(0.5e-3, steps=10, peak_s=2e-3), dt_ms=2.001).keeps_up


def test_a_burst_in_one_step_of_a_run_sets_the_headroom():
    every = [(-1, sender, 3) for sender in range(200)]
    latency = sample_latency(worked(dense(200, 100), MADE_UP, 50, *every))
    assert latency.peak_step_s.value > 5 * latency.step_s.value
    pace = real_time(latency, dt_ms=1)
    assert pace.headroom.value == pytest.approx(1e-3 / latency.peak_step_s.value)


def test_a_chip_keeps_up_only_where_its_slowest_estimate_does():
    latency = sample_latency(worked(dense(3, 4), MADE_UP, 1, (-1, 0, 0)))
    high_ms = latency.peak_step_s.high * 1000
    assert real_time(latency, dt_ms=high_ms * 1.001).keeps_up
    assert not real_time(latency, dt_ms=high_ms * 0.999).keeps_up


@pytest.mark.parametrize("dt_ms", [0, -1, float("nan"), float("inf")])
def test_a_time_step_must_last(dt_ms):
    with pytest.raises(InputError, match="a time step must last longer than 0 ms"):
        real_time(made_up(1e-6), dt_ms=dt_ms)


def counts_of(*, spikes_in, spikes, synops, updates) -> LayerCounts:
    arrays = (np.atleast_1d(np.array(a, np.int64)) for a in (spikes_in, spikes, synops, updates))
    return LayerCounts(*arrays)


def test_steps_are_updates_over_neurons():
    counts = [counts_of(spikes_in=[0] * 2, spikes=[0] * 2, synops=[0] * 2, updates=[40, 40])]
    assert steps_of(counts, [4]) == 10


def test_counts_of_another_network_are_refused():
    counts = [counts_of(spikes_in=0, spikes=0, synops=0, updates=40)]
    with pytest.raises(InputError, match="counts of 1 layers for a network of 2"):
        steps_of(counts, [4, 4])
    with pytest.raises(InputError, match="fit no number of steps"):
        steps_of(counts, [7])
    with pytest.raises(InputError, match="fit no number of steps"):
        steps_of(counts * 2, [4, 2])


def test_counts_of_no_sample_are_refused():
    with pytest.raises(InputError, match="the counts hold no sample"):
        steps_of([counts_of(spikes_in=[], spikes=[], synops=[], updates=[])], [4])
