"""Energy of a sample, against arithmetic by hand and against a chip's published figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hw_sim.activity import Activity, LayerCounts, count
from hw_sim.chip import Chip, chip
from hw_sim.energy import (
    hop_cost,
    messages,
    neuron_energy,
    sample_energy,
    static_power,
    synaptic_energy,
)
from hw_sim.estimate import Estimate, exactly, largest
from hw_sim.placement import Placement, place
from models.network import CubaLif, DenseLayer, QuantizedNetwork, RecurrentLayer

LOIHI1, LOIHI2 = chip("loihi1"), chip("loihi2")
PICO = 1e-12

PILOTNET_INFERENCES = 10000 / 16
PILOTNET_SYNOPS = 2.29e10 / PILOTNET_INFERENCES
PILOTNET_UPDATES_COUNTER = 3.70e9 / PILOTNET_INFERENCES
PILOTNET_UPDATES_NEURONS = 158509 * 16
"""Neurons of lava-dl's PilotNet: 39600 + 76032 + 26460 + 8064 + 5632 + 2560 + 100 + 50 + 10 + 1."""
PILOTNET_DYNAMIC_J = 1.094e-3


def counts_of(*, spikes_in, spikes, synops, updates) -> LayerCounts:
    arrays = (np.atleast_1d(np.array(a, np.int64)) for a in (spikes_in, spikes, synops, updates))
    return LayerCounts(*arrays)


def placed(chip: Chip, *neurocores: int) -> Placement:
    """A placement of layers of four neurons on as many neurocores as said."""
    network = QuantizedNetwork(
        (DenseLayer(np.ones((4, 4), int), CubaLif(np.array([1]), np.array([1]), 1)),)
    )
    (one,) = place(network, chip).layers
    return Placement(chip, tuple(replace(one, neurocores=n, receivers=n) for n in neurocores))


def test_one_neuron_with_two_weights():
    """Three spikes in, one out, in four steps, on one neurocore of Loihi 1.

    Synaptic: 3 SynOps of 23.6 to 35.5 pJ. Neuron: 4 updates of 81 pJ; low, one active of 72.8 and
    three inactive of 51.2. Traffic: 3 + 1 messages of 1.7 to 111 pJ and 1 spike of 0 to 69.3 pJ.
    Static: 29 mW for 1 us; low, a 128th of it.
    """
    counts = [counts_of(spikes_in=3, spikes=1, synops=3, updates=4)]
    energy = sample_energy(counts, placed(LOIHI1, 1), duration_s=exactly(1e-6))
    expected = {
        "synaptic": (3 * 23.6, 3 * 23.6, 3 * 35.5),
        "neuron": (72.8 + 3 * 51.2, 4 * 81, 4 * 81),
        "spike_traffic": (4 * 1.7, 4 * 1.7, 4 * 111 + 69.3),
        "static": (29000 / 128, 29000, 29000),
    }
    for name, (low, value, high) in expected.items():
        found = getattr(energy, name)
        wanted = [low * PICO, value * PICO, high * PICO]
        assert [found.low, found.value, found.high] == pytest.approx(wanted), name


def test_parts_add_up_to_the_total():
    counts = [counts_of(spikes_in=3, spikes=1, synops=3, updates=4)]
    energy = sample_energy(counts, placed(LOIHI2, 1), duration_s=exactly(1e-6))
    dynamic = energy.synaptic.high + energy.neuron.high + energy.spike_traffic.high
    assert energy.dynamic.high == pytest.approx(dynamic)
    assert energy.total.high == pytest.approx(dynamic + energy.static.high)


def test_energy_is_that_of_the_mean_sample():
    two = [counts_of(spikes_in=[2, 4], spikes=[0, 2], synops=[2, 4], updates=[4, 4])]
    one = [counts_of(spikes_in=3, spikes=1, synops=3, updates=4)]
    where, how_long = placed(LOIHI1, 1), exactly(1e-6)
    assert (
        sample_energy(two, where, duration_s=how_long).total
        == sample_energy(one, where, duration_s=how_long).total
    )


@pytest.mark.parametrize("chip", [LOIHI1, LOIHI2], ids=lambda chip: chip.name)
@pytest.mark.parametrize(
    ("updates", "ratio"), [(PILOTNET_UPDATES_NEURONS, 0.98), (PILOTNET_UPDATES_COUNTER, 1.23)]
)
def test_pilotnet_comes_out_at_the_documented_ratio(chip, updates, ratio):
    """Loihi 1's constants on PilotNet's counters, over the dynamic energy Intel reports."""
    energy = synaptic_energy(PILOTNET_SYNOPS, chip) + neuron_energy(updates, 0, chip=chip)
    assert energy.value / PILOTNET_DYNAMIC_J == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize("updates", [PILOTNET_UPDATES_NEURONS, PILOTNET_UPDATES_COUNTER])
def test_the_band_of_loihi_2_holds_what_intel_reports_for_pilotnet(updates):
    energy = synaptic_energy(PILOTNET_SYNOPS, LOIHI2) + neuron_energy(updates, 0, chip=LOIHI2)
    assert energy.low < PILOTNET_DYNAMIC_J < energy.high


def test_static_power_of_pilotnet_is_what_intel_reports():
    assert static_power(placed(LOIHI2, 74)).value == pytest.approx(0.232)


def test_the_low_end_of_static_power_is_the_share_of_the_neurocores_in_use():
    power = static_power(placed(LOIHI2, 30, 30))
    assert power.low == pytest.approx(0.232 * 60 / 120)
    assert power.high == pytest.approx(0.376)


def test_a_spike_goes_to_every_neurocore_of_the_next_layer():
    """5 spikes in to 3 cores, 2 between to 4 cores, 1 out to one reader."""
    counts = [
        counts_of(spikes_in=5, spikes=2, synops=0, updates=4),
        counts_of(spikes_in=2, spikes=1, synops=0, updates=4),
    ]
    assert messages(counts, placed(LOIHI1, 3, 4)) == 5 * 3 + 2 * 4 + 1


def test_a_spike_to_a_convolution_goes_to_the_neurocores_that_it_reaches():
    """5 spikes in to 4 of 32 cores, 2 out to one reader."""
    counts = [counts_of(spikes_in=5, spikes=2, synops=0, updates=4)]
    (layer,) = placed(LOIHI1, 32).layers
    assert messages(counts, Placement(LOIHI1, (replace(layer, receivers=4),))) == 5 * 4 + 2


def test_a_recurrent_layer_s_spikes_go_to_its_own_neurocores_too():
    """5 spikes in and 3 of its own to 2 cores, and its own 3 to one reader."""
    weight, neuron = np.ones((4, 4), int), CubaLif(np.array([1]), np.array([1]), 1)
    inputs, spikes = np.zeros((2, 1, 4, 8), np.uint8)
    inputs[0, 0, :5] = spikes[0, 1, :3] = 1
    network = QuantizedNetwork((RecurrentLayer(weight, weight, neuron),))
    counts = count(network, Activity(inputs, (spikes,)))
    assert messages(counts, placed(LOIHI1, 2)) == (5 + 3) * 2 + 3


def test_one_tile_needs_no_hops():
    assert hop_cost(placed(LOIHI1, 4), "energy") == exactly(0)


def test_hops_grow_from_none_over_the_mean_to_the_corners():
    """40 cores are 10 tiles: 8 wide and 2 high; means are 63 / 24 and 3 / 6 hops."""
    cost = hop_cost(placed(LOIHI1, 40), "energy")
    assert cost.low == 0
    assert cost.value == pytest.approx((63 / 24 * 3.0 + 0.5 * 4.0) * PICO)
    assert cost.high == pytest.approx((7 * 3.0 + 1 * 4.2) * PICO)


def test_the_mean_number_of_hops_is_that_of_all_pairs():
    pairs = [abs(a - b) for a in range(8) for b in range(8)]
    cost = hop_cost(placed(LOIHI1, 32), "energy")  # 8 tiles in a row
    assert cost.value == pytest.approx(np.mean(pairs) * 3.0 * PICO)


def test_no_spikes_leave_updates_and_static_energy():
    counts = [counts_of(spikes_in=0, spikes=0, synops=0, updates=4)]
    energy = sample_energy(counts, placed(LOIHI1, 1), duration_s=exactly(1e-6))
    assert energy.synaptic == energy.spike_traffic == exactly(0)
    assert energy.neuron.value == pytest.approx(4 * 81 * PICO)


def test_estimates_add_and_multiply_end_by_end():
    a, b = Estimate(1, 2, 3), Estimate(10, 20, 30)
    assert a + b == Estimate(11, 22, 33)
    assert a * b == Estimate(10, 40, 90)
    assert a * 2 == Estimate(2, 4, 6)


def test_the_inverse_of_an_estimate_changes_its_ends():
    assert Estimate(1, 2, 4).inverse() == Estimate(0.25, 0.5, 1)


def test_the_largest_estimate_is_taken_end_by_end():
    assert largest([Estimate(0, 5, 6), Estimate(1, 2, 9)]) == Estimate(1, 5, 9)
