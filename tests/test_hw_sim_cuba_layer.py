"""The compiled layer against the plain equations in 64 bits, whatever way it is worked off."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from neurodeploy.hw_sim.kernels import neuron_steps
from neurodeploy.hw_sim.kernels.cuba_layer import (
    LANES,
    OCTET,
    SPARE,
    list_spikes,
    run_layer,
    sort_by_arrival,
)
from neurodeploy.hw_sim.kernels.dense_cuba import LayerPlan, padded, plan_layer
from neurodeploy.hw_sim.kernels.lanes import load, store
from neurodeploy.models import cuba, loihi
from neurodeploy.models.network import CubaLif, DenseLayer

WIDTHS = (1, 7, 8, 63, 64, 65, 128, 200, 513)
KINDS = ("none", "axonal", "dendritic", "synaptic")


def decayed(state, kept):
    return np.sign(state) * ((np.abs(state) * kept) >> 12)


def reference(layer: DenseLayer, bias, spikes):
    """Return spikes, u, v (batch, time, neurons), wraps and clips (batch,) of spikes (batch,
    senders, time), every number in 64 bits and every delay in a buffer of its own."""
    batch, _, steps = spikes.shape
    weight, delay = layer.weight.astype(np.int64), layer.delay.astype(int)
    future = np.zeros((steps + 1 + loihi.DELAY_MAX, batch, layer.neurons), np.int64)
    for late in np.unique(delay):
        part = weight * (np.broadcast_to(delay, weight.shape) == late)
        future[1 + late : 1 + late + steps] += np.einsum("bst,ns->tbn", spikes, part, optimize=True)
    kept_u, kept_v = (
        4096 - decay.astype(np.int64)
        for decay in (layer.neuron.current_decay, layer.neuron.voltage_decay)
    )
    u = v = np.zeros((batch, layer.neurons), np.int64)
    seen, overflows = [], np.zeros((2, batch), np.int64)
    for t in range(steps):
        driven = decayed(u, kept_u) + (future[t] << 6)
        u = np.where(driven > 1 << 23, driven - (1 << 24), driven)
        u = np.where(u <= -(1 << 23), u + (1 << 24), u)
        charged = decayed(v, kept_v) + u + bias
        v = np.clip(charged, -(1 << 23) + 1, (1 << 23) - 1)
        overflows += [(u != driven).sum(1), (v != charged).sum(1)]
        fired = v > layer.neuron.threshold << 6
        v = np.where(fired, 0, v)
        seen.append((fired, u, v))
    return *(np.stack(values, axis=1) for values in zip(*seen)), *overflows


def run(layer: DenseLayer, plan: LayerPlan, spikes, *, states=True):
    """Return what `reference` does, from the compiled kernel, and check that padding is silent."""
    batch, senders, steps = spikes.shape
    frames = np.zeros((batch, steps, padded(senders, OCTET)), np.uint8)
    frames[:, :, :senders] = spikes.transpose(0, 2, 1)
    width, seen = plan.bias.size, batch if states else 0
    fired = np.full((batch, steps, width), 77, np.uint8)
    u, v = (np.full((seen, steps, width), 77, np.int32) for _ in range(2))
    overflows = np.full((2, plan.bias.size // plan.width, batch), 77, np.int64)
    run_layer(plan, frames, fired, u, v, overflows, 2)
    for values in (fired, u, v):
        assert not values[:, :, layer.neurons :].any()
    return *(values[:, :, : layer.neurons] for values in (fired, u, v)), *overflows.sum(1)


def draw(seed: int, neurons: int, senders: int, kind: str = "none", *, odd=False, batch=5):
    """Return a layer, its bias and spikes (batch, senders, 150): decays of all sizes, the shortest
    and the longest among them, a third of the seeds with states that overflow."""
    rng = np.random.default_rng(seed)
    wild = seed % 3 == 0
    weight = (
        rng.integers(-100, 128, (neurons, senders))
        if odd
        else 2 * rng.integers(-50, 64, (neurons, senders))
    )
    if wild:
        weight = rng.choice([-256, 254 + odd], (neurons, senders))
    decays = rng.choice([0, 4096, *rng.integers(1, 2000, 8)], (2, neurons if seed % 2 else 1))
    longest = int(rng.choice([3, 31, 32, 62]))
    shape = {
        "none": (1, 1),
        "axonal": (1, senders),
        "dendritic": (neurons, 1),
        "synaptic": (neurons, senders),
    }[kind]
    delay = rng.integers(0, longest + 1, shape) * (kind != "none")
    neuron = CubaLif(decays[0], decays[1], int(rng.integers(0, 131072 if wild else 20 * senders)))
    bias = (rng.integers(-4096, 4096, neurons) << 6) * (seed % 4 == 1)
    rate = rng.choice([0.03, 0.3, 1.0])
    spikes = (rng.random((batch, senders, 150)) < rate).astype(np.uint8)
    return DenseLayer(weight, neuron, delay), bias, spikes


def check(layer, bias, spikes, plan, **options):
    """Compare a run with the reference and return what the reference said."""
    expected = reference(layer, bias, spikes)
    found = run(layer, plan, spikes, **options)
    for one, other in zip(found, expected, strict=True):
        if one.size:
            np.testing.assert_array_equal(one, other)
    return expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("neurons", WIDTHS)
def test_layers_of_all_widths_follow_the_equations(neurons, kind):
    for seed, senders in enumerate((65, 12, 128)):
        layer, bias, spikes = draw(7 * neurons + seed, neurons, senders, kind, odd=seed == 1)
        check(layer, bias, spikes, plan_layer(layer, bias))


@pytest.mark.parametrize("senders", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_layers_of_all_numbers_of_senders_follow_the_equations(senders, kind):
    layer, bias, spikes = draw(senders, 33, senders, kind, odd=bool(senders % 2), batch=1)
    check(layer, bias, spikes, plan_layer(layer, bias))


@pytest.mark.parametrize("seed", range(24))
def test_every_way_to_work_a_layer_off_gives_the_same(seed):
    layer, bias, spikes = draw(seed, 70, 130, KINDS[seed // 2 % 4], odd=bool(seed % 2), batch=2)
    plan = plan_layer(layer, bias)
    wide = plan._replace(totals=np.zeros(0, np.int32))
    ordered = wide._replace(crowd=0)
    tiled = plan_layer(layer, bias, tile=32)._replace(totals=wide.totals, crowd=seed % 4 * 9)
    longer = plan._replace(ring=256, stretch=256 - 1 - int(layer.delay.max()))
    assert tiled.width == 64
    for each in (plan, wide, ordered, tiled, longer):
        check(layer, bias, spikes, each)
        check(layer, bias, spikes, each, states=False)


def test_the_layers_above_spike_wrap_and_clip():
    """So that the comparisons are not among silent neurons."""
    runs = [reference(*draw(seed, 70, 130, KINDS[seed // 2 % 4])) for seed in range(24)]
    rates = [fired.mean() for fired, *_ in runs]
    assert sum(0.01 < rate < 0.95 for rate in rates) > len(rates) / 2, rates
    assert sum(bool(wraps.any()) for *_, wraps, _ in runs) > 2
    assert sum(bool(clips.any()) for *_, clips in runs) > 2


@pytest.mark.parametrize("rate", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_silence_and_saturation_follow_the_equations(rate, kind):
    layer, bias, spikes = draw(5, 40, 64, kind)
    fired, *_ = check(layer, bias, np.full_like(spikes, rate), plan_layer(layer, bias))
    assert fired.any() == (rate or bias.any())


@pytest.mark.parametrize("shape", [(0, 64, 9), (2, 64, 0), (2, 64, 1)])
def test_no_sample_and_hardly_a_step(shape):
    layer, bias, _ = draw(2, 40, 64)
    fired, u, *_ = run(layer, plan_layer(layer, bias), np.ones(shape, np.uint8))
    assert fired.shape == u.shape == (shape[0], shape[2], 40)
    assert not fired.any()


def test_a_bias_charges_every_step_from_the_first():
    layer = DenseLayer(np.zeros((3, 1)), CubaLif(np.array(0), np.array(2048), 100))
    bias = np.array([64, 0, -64])
    _, u, v, *_ = run(layer, plan_layer(layer, bias), np.zeros((1, 1, 4), np.uint8))
    assert not u.any()
    assert v[0].T.tolist() == [[64, 96, 112, 120], [0] * 4, [-64, -96, -112, -120]]


def test_sums_that_16_bits_hold_are_added_in_16_bits():
    def totals(weight):
        return plan_layer(DenseLayer(weight, CubaLif(np.array(1), np.array(1), 9))).totals.dtype

    assert totals(np.full((1, 256), 254)) == np.int16
    assert totals(np.full((1, 255), -256)) == np.int16
    assert totals(np.full((1, 256), -256)) == np.int32
    assert totals(np.full((1, 8), 255)) == np.int32


@pytest.mark.parametrize("weight", [254, -256, 255, -255])
@pytest.mark.parametrize("senders", [128, 129, 255, 256, 257])
def test_the_largest_sums_do_not_overflow(weight, senders):
    layer = DenseLayer(np.full((2, senders), weight), CubaLif(np.array(4096), np.array(4096), 9))
    check(layer, np.zeros(2, int), np.ones((1, senders, 3), np.uint8), plan_layer(layer))


@njit(error_model="numpy")
def of_lanes(function, one, other, result):
    for k in range(0, one.size, LANES):
        store(result, k, function(load(one, k, LANES), load(other, k, LANES)))


def test_lanes_decay_as_single_numbers_do():
    rng = np.random.default_rng(1)
    edges = [0, 1, -1, 4095, 4096, -4095, -4096, -4097, 1 << 23, -(1 << 23), (1 << 23) - 1]
    states = np.array([*edges * 2, *rng.integers(-(1 << 23), (1 << 23) + 1, 9984 - 22)], np.int32)
    kept = rng.integers(0, 4097, states.size).astype(np.int32)
    kept[: len(edges)], kept[len(edges) : 2 * len(edges)] = 0, 4096
    found = np.zeros_like(states)
    of_lanes(neuron_steps.decay, states, kept, found)
    np.testing.assert_array_equal(found, decayed(states.astype(np.int64), kept))
    single = [cuba.decay(state, factor) for state, factor in zip(states[:500], kept)]
    np.testing.assert_array_equal(found[:500], single)


def test_spikes_are_listed_step_by_step_and_sorted_by_arrival():
    rng = np.random.default_rng(3)
    frames = (rng.random((20, 88)) < 0.2).astype(np.uint8)
    events, ordered = np.zeros((2, frames.size + SPARE), np.int32)
    count = list_spikes(frames.reshape(-1), 88, 4, 17, events)
    steps, senders = np.nonzero(frames[4:17])
    assert events[:count].tolist() == (steps << 16 | senders).tolist()
    delays, first = rng.integers(0, 19, 88).astype(np.int32), np.zeros(33, np.int64)
    sort_by_arrival(events, count, 60, delays, first, ordered)
    slots = (60 + steps + 1 + delays[senders]) % 32
    assert first.tolist() == np.searchsorted(np.sort(slots), np.arange(33)).tolist()
    for slot in range(32):
        assert ordered[first[slot] : first[slot + 1]].tolist() == senders[slots == slot].tolist()


def test_silent_and_full_stretches_are_listed_within_their_room():
    for value, count in ((0, 0), (1, 5 * 64)):
        events = np.full(5 * 64 + SPARE, -1, np.int32)
        assert list_spikes(np.full(5 * 64, value, np.uint8), 64, 0, 5, events) == count
