"""Time of a sample, against arithmetic by hand and against a published step time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hw_sim.activity import LayerCounts
from hw_sim.chip import Chip, chip
from hw_sim.estimate import exactly
from hw_sim.latency import Latency, core_time, real_time, sample_latency, steps_of
from hw_sim.placement import Placement, place
from models.errors import InputError
from models.network import CubaLif, DenseLayer, QuantizedNetwork

LOIHI1, LOIHI2 = chip("loihi1"), chip("loihi2")
NANO, MICRO = 1e-9, 1e-6


def counts_of(*, spikes_in, spikes, synops, updates) -> LayerCounts:
    arrays = (np.atleast_1d(np.array(a, np.int64)) for a in (spikes_in, spikes, synops, updates))
    return LayerCounts(*arrays)


def placed(chip: Chip, *neurocores: int) -> Placement:
    """A placement of layers of four neurons, spread evenly on as many neurocores as said."""
    network = QuantizedNetwork(
        (DenseLayer(np.ones((4, 4), int), CubaLif(np.array([1]), np.array([1]), 1)),)
    )
    (one,) = place(network, chip).layers
    layers = (replace(one, neurocores=n, neurons_per_core=4 // n, receivers=n) for n in neurocores)
    return Placement(chip, tuple(layers))


def test_a_step_is_the_work_of_the_core_and_the_barrier():
    """Four neurons, 10 steps, 30 spikes in, 120 SynOps, 5 spikes out, one core of Loihi 1.

    A step: 12 SynOps of 3.5 ns, 4 updates of 8.4 ns, 3 messages of 2.1 ns, barrier 600 ns.
    """
    counts = [counts_of(spikes_in=30, spikes=5, synops=120, updates=40)]
    latency = sample_latency(counts, placed(LOIHI1, 1))
    assert latency.steps == 10
    step = (12 * 3.5 + 4 * 8.4 + 3 * 2.1 + 600) * NANO
    assert latency.step_s.value == pytest.approx(step)
    assert latency.sample_s.value == pytest.approx(10 * step)
    assert latency.samples_per_s.value == pytest.approx(1 / (10 * step))


def test_the_slowest_and_the_fastest_step_take_the_ends_of_every_row():
    """Low: 0.5 active updates of 8.4 and 3.5 inactive of 5.3. High: SANA-FE's figures."""
    counts = [counts_of(spikes_in=30, spikes=5, synops=120, updates=40)]
    step = sample_latency(counts, placed(LOIHI1, 1)).step_s
    low = 12 * 3.5 + 0.5 * 8.4 + 3.5 * 5.3 + 3 * 2.1 + 600
    high = 12 * 3.8 + 4 * 9.7 + 0.5 * 30 + 3 * 20 + 600
    assert step.low == pytest.approx(low * NANO)
    assert step.high == pytest.approx(high * NANO)


def test_two_cores_share_the_work_but_each_gets_every_spike():
    counts = [counts_of(spikes_in=30, spikes=0, synops=120, updates=40)]
    one = core_time(counts, placed(LOIHI1, 1), index=0, steps=10)
    two = core_time(counts, placed(LOIHI1, 2), index=0, steps=10)
    arriving = 3 * 2.1 * NANO
    assert two.value - arriving == pytest.approx((one.value - arriving) / 2)


def test_a_core_of_a_convolution_gets_its_share_of_the_spikes():
    """3 spikes a step, each to 1 of 2 cores: 1.5 messages of 2.1 ns at each."""
    counts = [counts_of(spikes_in=30, spikes=0, synops=0, updates=40)]
    (layer,) = placed(LOIHI1, 2).layers
    where = Placement(LOIHI1, (replace(layer, receivers=1),))
    found = core_time(counts, where, index=0, steps=10)
    assert found.value == pytest.approx((2 * 8.4 + 1.5 * 2.1) * NANO)


def test_time_follows_the_busiest_layer_and_not_the_sum():
    quiet = counts_of(spikes_in=0, spikes=0, synops=0, updates=40)
    busy = counts_of(spikes_in=1000, spikes=0, synops=4000, updates=40)
    latency = sample_latency([quiet, busy, quiet], placed(LOIHI1, 1, 1, 1))
    assert latency.busiest_layer == 1
    alone = sample_latency([busy], placed(LOIHI1, 1))
    assert latency.step_s.value == pytest.approx(alone.step_s.value)


def test_more_tiles_take_a_longer_barrier_and_longer_ways():
    """8 neurocores are 2 tiles: barrier 1.0 us; mean 0.5 hops of 4.1 ns."""
    counts = [counts_of(spikes_in=0, spikes=0, synops=0, updates=40)] * 2
    one = sample_latency(counts, placed(LOIHI1, 2, 2)).step_s.value
    two = sample_latency(counts, placed(LOIHI1, 4, 4)).step_s.value
    updates = 2 * 8.4, 1 * 8.4
    assert one == pytest.approx((600 + updates[0]) * NANO)
    assert two == pytest.approx((1000 + updates[1] + 0.5 * 4.1) * NANO)


def test_the_band_of_loihi_2_holds_the_step_time_of_pilotnet():
    """The busiest core adds 1.51e5 weights a step; Intel reports 152.8 us a step."""
    counts = [counts_of(spikes_in=0, spikes=0, synops=1.51e5, updates=4)]
    step = sample_latency(counts, placed(LOIHI2, 1)).step_s
    assert step.low < 152.8 * MICRO < step.high
    assert step.value == pytest.approx(152.8 * MICRO, rel=0.05)


def test_a_fast_chip_waits_for_the_sensor():
    pace = real_time(Latency(exactly(1 * MICRO), steps=128, busiest_layer=0), dt_ms=20)
    assert pace.keeps_up
    assert pace.sample_s.value == pytest.approx(128 * 0.020)
    assert pace.headroom.value == pytest.approx(20000)


def test_a_slow_chip_falls_behind_the_sensor():
    pace = real_time(Latency(exactly(3e-3), steps=10, busiest_layer=0), dt_ms=1)
    assert not pace.keeps_up
    assert pace.sample_s.value == pytest.approx(10 * 3e-3)


def test_a_chip_keeps_up_only_where_its_slowest_step_does():
    step = (
        exactly(1e-3)
        + sample_latency(
            [counts_of(spikes_in=0, spikes=0, synops=0, updates=4)], placed(LOIHI1, 1)
        ).step_s
    )
    latency = Latency(step, steps=1, busiest_layer=0)
    assert real_time(latency, dt_ms=step.high * 1001).keeps_up
    assert not real_time(latency, dt_ms=step.high * 999).keeps_up


@pytest.mark.parametrize("dt_ms", [0, -1, float("nan")])
def test_a_time_step_must_last(dt_ms):
    with pytest.raises(InputError, match="a time step must last longer than 0 ms"):
        real_time(Latency(exactly(1e-6), steps=1, busiest_layer=0), dt_ms=dt_ms)


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
