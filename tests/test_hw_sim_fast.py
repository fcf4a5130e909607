"""The fast backend: single neurons by hand arithmetic, networks against the plain equations."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
from numba import njit

from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.kernels import cuba_layer
from neurodeploy.hw_sim.kernels.cuba_layer import OCTET, run_layer
from neurodeploy.hw_sim.kernels.dense_cuba import LayerPlan, padded, plan_layer
from neurodeploy.hw_sim.kernels.lanes import LANES, load, store
from neurodeploy.hw_sim.kernels.shared import cache_per_layer
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models import cuba, loihi
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork

STATES = RunOptions(states=True)


def neuron_network(weights, *, current_decay=0, voltage_decay=0, threshold=1000, delay=0):
    """Return one neuron with one input channel a weight."""
    neuron = CubaLif(np.array(current_decay), np.array(voltage_decay), threshold)
    return QuantizedNetwork.chain((DenseLayer(np.array([weights]), neuron, np.atleast_2d(delay)),))


def trace(network: QuantizedNetwork, *channels):
    """Return the spikes, u and v of the only neuron, for one train of spikes a channel."""
    activity = fast.run(network, np.array([channels], np.uint8), STATES)
    states = activity.states[0]
    return (
        activity.spikes[0][0, 0].tolist(),
        states.current[0, 0].tolist(),
        states.voltage[0, 0].tolist(),
    )


def first_step_of(channels: int) -> np.ndarray:
    """Return one sample of four steps in which every channel spikes at the first."""
    return np.repeat(np.eye(1, 4, dtype=np.uint8)[None], channels, axis=1)


def test_a_spike_arrives_one_step_later_shifted_by_six_bits():
    spikes, u, v = trace(neuron_network([3], current_decay=4096, voltage_decay=4096), [1, 0, 0])
    assert u == [0, 3 << 6, 0]
    assert v == [0, 3 << 6, 0]
    assert spikes == [0, 0, 0]


@pytest.mark.parametrize("sign", [1, -1])
def test_decay_rounds_toward_zero(sign):
    """64 * 4095 >> 12 is 63, in either sign; a plain shift of -64 * 4095 would give -64."""
    _, u, v = trace(neuron_network([sign], current_decay=1, voltage_decay=4096), [1, 0, 0, 0])
    assert u == [0, sign * 64, sign * 63, sign * 62]
    assert v == u
    _, u, v = trace(neuron_network([sign], current_decay=4096, voltage_decay=2048), [1, 0, 0, 0])
    assert v == [0, sign * 64, sign * 32, sign * 16]


def test_a_decay_of_0_forgets_nothing_and_one_of_4096_everything():
    _, u, v = trace(neuron_network([2], current_decay=0, voltage_decay=4096), [1, 0, 0, 1, 0])
    assert u == [0, 128, 128, 128, 256]
    assert v == u


def test_the_voltage_takes_the_current_of_the_same_step():
    _, u, v = trace(neuron_network([2], current_decay=2048, voltage_decay=0), [1, 0, 0, 0])
    assert u == [0, 128, 64, 32]
    assert v == [0, 128, 192, 224]


def test_the_threshold_is_strict():
    decays = {"current_decay": 4096, "voltage_decay": 4096}
    assert trace(neuron_network([5], threshold=5, **decays), [1, 0])[0] == [0, 0]
    assert trace(neuron_network([5], threshold=4, **decays), [1, 0])[0] == [0, 1]


def test_a_spike_clears_the_voltage_and_leaves_the_current():
    spikes, u, v = trace(neuron_network([10], threshold=15), [1, 0, 0, 0])
    assert u == [0, 640, 640, 640]
    assert spikes == [0, 0, 1, 0]
    assert v == [0, 640, 0, 640]


def test_a_threshold_of_0_does_not_fire_at_rest():
    assert trace(neuron_network([1], threshold=0), [0, 0, 0])[0] == [0, 0, 0]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_current_wraps_at_24_bits(sign):
    """1100 senders of weight 120 drive u by 8448000 in a step; 2^23 is 8388608."""
    network = neuron_network([sign * 120] * 1100, voltage_decay=4096)
    activity = fast.run(network, first_step_of(1100), STATES)
    wrapped = sign * (120 * 1100 * 64 - (1 << 24))
    assert activity.states[0].current[0, 0].tolist() == [0, wrapped, wrapped, wrapped]
    assert activity.overflows[0].wraps.tolist() == [1]


def test_a_current_of_2_to_the_23_is_the_last_that_does_not_wrap():
    """1024 senders of weight 128 drive u by exactly 2^23, one of -128 each by -2^23."""
    for weight, u, wraps in ((128, 1 << 23, 0), (-128, 1 << 23, 1)):
        activity = fast.run(neuron_network([weight] * 1024), first_step_of(1024), STATES)
        assert activity.states[0].current[0, 0, 1] == u
        assert activity.overflows[0].wraps.tolist() == [wraps]


def test_a_voltage_clips_where_it_cannot_fire():
    network = neuron_network([-255] * 400)
    activity = fast.run(network, first_step_of(400), STATES)
    voltage = activity.states[0].voltage[0, 0].tolist()
    assert voltage == [0, -255 * 400 * 64, -loihi.VOLTAGE_MAX, -loihi.VOLTAGE_MAX]
    assert activity.overflows[0].clips.tolist() == [2]


def test_a_voltage_that_clips_upward_is_over_every_threshold():
    network = neuron_network([255] * 510, threshold=loihi.THRESHOLD_MAX)
    activity = fast.run(network, first_step_of(510), STATES)
    assert activity.spikes[0][0, 0].tolist() == [0, 0, 1, 0]
    assert activity.overflows[0].clips.tolist() == [1]


@pytest.mark.parametrize("delay", [0, 1, 5, 62])
def test_a_delay_postpones_the_input_by_its_steps(delay):
    network = neuron_network([9, 9], current_decay=4096, voltage_decay=4096, delay=[[delay, 0]])
    _, u, _ = trace(network, [1] + [0] * 69, [0] * 70)
    assert np.flatnonzero(u).tolist() == [1 + delay]


def test_what_a_delay_moves_past_the_end_is_lost():
    network = neuron_network([9, 9], delay=[[6, 5]])
    assert trace(network, [1] + [0] * 5, [1] + [0] * 5)[1] == [0] * 6


def test_equal_delays_of_all_senders_are_a_delay_of_the_receiver():
    rng = np.random.default_rng(3)
    weights = rng.integers(-40, 90, 6)
    spikes = (rng.random((2, 6, 30)) < 0.4).astype(np.uint8)
    decays = {"current_decay": 900, "voltage_decay": 300, "threshold": 60}
    axonal = neuron_network(weights, delay=np.full((1, 6), 4), **decays)
    dendritic = neuron_network(weights, delay=[[4]], **decays)
    assert axonal.layers[0].delay_kind == "axonal"
    assert dendritic.layers[0].delay_kind in ("axonal", "dendritic")
    by_sender, by_receiver = (fast.run(each, spikes, STATES) for each in (axonal, dendritic))
    assert by_sender.spikes[0].any()
    np.testing.assert_array_equal(by_sender.spikes[0], by_receiver.spikes[0])
    np.testing.assert_array_equal(by_sender.states[0].voltage, by_receiver.states[0].voltage)


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


KINDS = ("none", "axonal", "dendritic", "synaptic")


def drawn(draw, seed: int):
    """Return a network and its input: sizes about multiples of eight, all kinds of delay, and
    states that overflow in every third."""
    rng = np.random.default_rng(seed)
    wide = seed % 3 == 0
    network = draw(
        rng,
        (120 if wide else int(rng.integers(1, 18)), *rng.integers(1, 18, 2)),
        delays=[KINDS[seed % 4], *rng.permutation(KINDS)],
        longest=int(rng.choice([3, 20, 62])),
        per_neuron=bool(seed % 2),
        weight=(100, 256) if wide else (-110, 160),
        threshold=(100_000, 131_072) if wide else (0, 300),
    )
    rate = 0.9 if wide else rng.choice([0.1, 0.5, 1.0])
    return network, (rng.random((3, network.inputs, 40)) < rate).astype(np.uint8)


@pytest.mark.parametrize("seed", range(24))
def test_networks_follow_the_equations(seed, random_network):
    network, spikes = drawn(random_network, seed)
    activity = fast.run(network, spikes, STATES)
    arriving = spikes
    for index, layer in enumerate(network.layers):
        *seen, wraps, clips = reference(layer, 0, arriving)
        fired, u, v = (each.transpose(0, 2, 1) for each in seen)
        np.testing.assert_array_equal(activity.spikes[index], fired)
        np.testing.assert_array_equal(activity.states[index].current, u)
        np.testing.assert_array_equal(activity.states[index].voltage, v)
        if layer.delay_kind != "dendritic":
            np.testing.assert_array_equal(activity.overflows[index].wraps, wraps)
            np.testing.assert_array_equal(activity.overflows[index].clips, clips)
        arriving = fired


def test_the_networks_above_spike_and_overflow(random_network):
    """So that those comparisons are not among silent neurons."""
    runs = [fast.run(*drawn(random_network, seed)) for seed in range(24)]
    rates = [layer.mean() for run in runs for layer in run.spikes]
    assert sum(0.01 < rate < 0.95 for rate in rates) > len(rates) / 2, rates
    assert any(run.overflows[0].wraps.any() for run in runs)
    assert any(run.overflows[0].clips.any() for run in runs)


@pytest.mark.parametrize("delays", KINDS)
def test_a_sample_alone_equals_the_same_among_others(delays, random_network):
    rng = np.random.default_rng(8)
    network = random_network(rng, (9, 17, 5), delays=[delays])
    spikes = (rng.random((7, 9, 130)) < 0.4).astype(np.uint8)
    together = fast.run(network, spikes, STATES)
    assert together.spikes[1].any()
    for index in range(len(spikes)):
        alone = fast.run(network, spikes[index : index + 1], STATES)
        for layer in range(2):
            np.testing.assert_array_equal(
                alone.spikes[layer][0], together.spikes[layer][index], strict=True
            )
            np.testing.assert_array_equal(
                alone.states[layer].voltage[0], together.states[layer].voltage[index]
            )


def test_the_number_of_threads_changes_nothing(random_network):
    rng = np.random.default_rng(4)
    network = random_network(rng, (9, 17, 5), delays=["synaptic", "axonal"])
    spikes = (rng.random((8, 9, 50)) < 0.4).astype(np.uint8)
    one = fast.run(network, spikes, RunOptions(threads=1, states=True))
    for threads in (2, 1000, None):
        other = fast.run(network, spikes, RunOptions(threads=threads, states=True))
        for layer in range(2):
            np.testing.assert_array_equal(one.spikes[layer], other.spikes[layer])
            np.testing.assert_array_equal(one.states[layer].current, other.states[layer].current)


def test_the_input_is_left_as_it_was_and_bools_are_spikes_too(random_network):
    rng = np.random.default_rng(2)
    network = random_network(rng, (9, 4))
    spikes = rng.random((2, 9, 30)) < 0.5
    before = spikes.copy()
    from_bools = fast.run(network, spikes)
    np.testing.assert_array_equal(spikes, before)
    from_bytes = fast.run(network, spikes.astype(np.uint8))
    np.testing.assert_array_equal(from_bools.spikes[0], from_bytes.spikes[0])
    assert from_bools.spikes[0].dtype == np.uint8


@pytest.mark.parametrize("shape", [(0, 9, 30), (2, 9, 0)])
def test_no_sample_or_no_step_gives_no_spikes(shape, random_network):
    network = random_network(np.random.default_rng(2), (9, 4, 3))
    activity = fast.run(network, np.zeros(shape, np.uint8), STATES)
    assert [layer.shape for layer in activity.spikes] == [
        (shape[0], neurons, shape[2]) for neurons in (4, 3)
    ]


# One layer in the compiled kernel, in every way to work it off


WIDTHS = (1, 7, 8, 63, 64, 65, 128, 200, 513)


def run_kernel(layer: DenseLayer, plan: LayerPlan, spikes, *, states=True):
    """Return what `reference` does, from the compiled kernel, and check that padding is silent."""
    batch, senders, steps = spikes.shape
    frames = np.zeros((batch, steps, padded(senders, OCTET)), np.uint8)
    frames[:, :, :senders] = spikes.transpose(0, 2, 1)
    width, seen = plan.bias.size, batch if states else 0
    fired = np.full((batch, steps, width), 77, np.uint8)
    u, v = (np.full((seen, steps, width), 77, np.int32) for _ in range(2))
    overflows = np.full((2, plan.bias.size // plan.width, batch), 77, np.int64)
    run_layer(0, overflows[0].size, plan, frames, fired, u, v, overflows)
    for values in (fired, u, v):
        assert not values[:, :, layer.neurons :].any()
    return *(values[:, :, : layer.neurons] for values in (fired, u, v)), *overflows.sum(1)


def draw_layer(seed: int, neurons: int, senders: int, kind: str = "none", *, odd=False, batch=5):
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
    found = run_kernel(layer, plan, spikes, **options)
    for one, other in zip(found, expected, strict=True):
        if one.size:
            np.testing.assert_array_equal(one, other)
    return expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("neurons", WIDTHS)
def test_layers_of_all_widths_follow_the_equations(neurons, kind):
    for seed, senders in enumerate((65, 12, 128)):
        layer, bias, spikes = draw_layer(7 * neurons + seed, neurons, senders, kind, odd=seed == 1)
        check(layer, bias, spikes, plan_layer(layer, bias))


@pytest.mark.parametrize("senders", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_layers_of_all_numbers_of_senders_follow_the_equations(senders, kind):
    layer, bias, spikes = draw_layer(senders, 33, senders, kind, odd=bool(senders % 2), batch=1)
    check(layer, bias, spikes, plan_layer(layer, bias))


@pytest.mark.parametrize("seed", range(24))
def test_every_implementation_gives_the_same_result(seed):
    layer, bias, spikes = draw_layer(
        seed, 70, 130, KINDS[seed // 2 % 4], odd=bool(seed % 2), batch=2
    )
    plan = plan_layer(layer, bias)
    wide = plan._replace(totals=np.zeros(0, np.int32))
    ordered = wide._replace(crowd=0)
    tiled = plan_layer(layer, bias, tile=32)._replace(totals=wide.totals, crowd=seed % 4 * 9)
    longer = plan._replace(ring=256, chunk=256 - 1 - int(layer.delay.max()))
    assert tiled.width == 64
    for each in (plan, wide, ordered, tiled, longer):
        check(layer, bias, spikes, each)
        check(layer, bias, spikes, each, states=False)


@pytest.mark.parametrize("seed", range(8))
def test_weights_of_16_bits_follow_the_equations(seed):
    layer, bias, spikes = draw_layer(seed, 70, 90, KINDS[seed // 2], batch=2)
    rng, top = np.random.default_rng(seed), (300, 2_000, 20_000, 32_767)[seed % 4]
    step = 1 + seed % 2
    weight = rng.integers((-top - 1) // step, top // step + 1, layer.weight.shape) * step
    wide = replace(layer, weight=weight)
    assert wide.synapses_per_weight == 2
    plan = plan_layer(wide, bias)
    for each in (plan, plan._replace(crowd=0), plan_layer(wide, bias, tile=32)):
        check(wide, bias, spikes, each)
        check(wide, bias, spikes, each, states=False)


def test_the_layers_above_spike_wrap_and_clip():
    """So that the comparisons are not among silent neurons."""
    runs = [reference(*draw_layer(seed, 70, 130, KINDS[seed // 2 % 4])) for seed in range(24)]
    rates = [fired.mean() for fired, *_ in runs]
    assert sum(0.01 < rate < 0.95 for rate in rates) > len(rates) / 2, rates
    assert sum(bool(wraps.any()) for *_, wraps, _ in runs) > 2
    assert sum(bool(clips.any()) for *_, clips in runs) > 2


@pytest.mark.parametrize("rate", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_silence_and_saturation_follow_the_equations(rate, kind):
    layer, bias, spikes = draw_layer(5, 40, 64, kind)
    fired, *_ = check(layer, bias, np.full_like(spikes, rate), plan_layer(layer, bias))
    assert fired.any() == (rate or bias.any())


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
    of_lanes(cuba_layer.decay, states, kept, found)
    np.testing.assert_array_equal(found, decayed(states.astype(np.int64), kept))
    single = [cuba.decay(state, factor) for state, factor in zip(states[:500], kept)]
    np.testing.assert_array_equal(found[:500], single)


def test_nothing_keeps_a_layer_alive():
    make = cache_per_layer(lambda layer: np.zeros(3))
    one = DenseLayer(np.ones((1, 1)), CubaLif(0, 0, 1))
    kept = weakref.ref(make(one))
    gone = weakref.ref(one)
    assert kept() is not None
    del one
    gc.collect()
    assert gone() is None
    assert kept() is None
