"""The table of backends, and that those in it give the same bits: `fast` against Lava itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from neurodeploy.hw_sim import backends
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.models import loihi
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import (
    ConvLayer,
    CubaLif,
    DenseLayer,
    QuantizedNetwork,
    RecurrentLayer,
)


def layer_of(weight, *, current_decay=1024, voltage_decay=300, threshold=100, delay=0):
    neuron = CubaLif(np.array(current_decay), np.array(voltage_decay), threshold)
    return DenseLayer(np.array(weight), neuron, np.atleast_2d(delay))


def every_delay_kind(draw, rng):
    kinds = ("none", "axonal", "dendritic", "synaptic")
    return draw(rng, (7, 9, 8, 8, 6), delays=kinds, per_neuron=True, threshold=(20, 90)), 150


def delays_of_62_and_0(draw, rng):
    delay = rng.choice([0, 1, 61, 62], (6, 5))
    return QuantizedNetwork.chain((layer_of(rng.integers(-60, 120, (6, 5)), delay=delay),)), 70


def decays_0_and_4096(draw, rng):
    decays = np.array([0, 1, 4095, 4096])
    current, voltage = (each.ravel() for each in np.meshgrid(decays, decays))
    hidden = rng.integers(-100, 130, (16, 6))
    first = layer_of(hidden, current_decay=current, voltage_decay=voltage, threshold=400)
    return QuantizedNetwork.chain(
        (first, layer_of(rng.integers(-50, 60, (3, 16)), current_decay=4096))
    ), 40


def weights_at_the_ends_and_odd(draw, rng):
    weights = [rng.choice([-256, -255, -1, 0, 1, 253, 254, 255], s) for s in ((8, 6), (5, 8))]
    return QuantizedNetwork.chain(
        tuple(layer_of(w, threshold=t) for w, t in zip(weights, (0, 30)))
    ), 30


def overflowing_states(draw, rng):
    signs = np.array([1, 1, 1, -1])[:, None]
    weights = np.where(signs > 0, 255, -256) * np.ones((4, 64), int)
    hidden = layer_of(
        weights,
        current_decay=[0, 0, 200, 0],
        voltage_decay=[0, 2000, 4096, 0],
        threshold=loihi.THRESHOLD_MAX,
    )
    return QuantizedNetwork.chain((hidden, layer_of(np.full((2, 4), 90)))), 60


def negative_weights_and_zeros(draw, rng):
    hidden = layer_of(rng.integers(0, 120, (6, 5)))
    inhibited = layer_of(rng.integers(-256, 0, (5, 6)), delay=rng.integers(0, 9, (1, 6)))
    return QuantizedNetwork.chain(
        (hidden, inhibited, layer_of(np.zeros((3, 5), int), threshold=0))
    ), 30


def one_step(draw, rng):
    return draw(rng, (5, 4, 3), delays=("synaptic", "none"), threshold=(0, 1)), 1


def one_neuron(draw, rng):
    return QuantizedNetwork.chain((layer_of([[200]], threshold=150, delay=3),)), 25


def drawn(draw, rng):
    kinds = rng.permutation(["none", "axonal", "dendritic", "synaptic"])
    return draw(rng, rng.integers(3, 14, 4), delays=kinds, longest=12, threshold=(20, 200)), 40


def weights_of_16_bits(draw, rng):
    def weights(*shape):
        return rng.integers(-8_000, 12_000, shape)

    hidden = layer_of(weights(8, 5), threshold=20_000, delay=rng.integers(0, 9, (8, 5)))
    neuron = CubaLif(1500, 300, 30_000)
    recurrent = RecurrentLayer(
        weights(7, 8), weights(7, 7), neuron, rng.integers(0, 9, (1, 8)), rng.integers(0, 3, (7, 1))
    )
    ends = rng.choice([-32_768, -257, -1, 0, 256, 32_767], (5, 7))
    return QuantizedNetwork.chain((hidden, recurrent, layer_of(ends, threshold=30_000))), 40


def convolutions_of_16_bits(draw, rng):
    first = ConvLayer(
        rng.integers(-9_000, 12_000, (4, 1, 3, 2)), (2, 5, 6), CubaLif(1500, 300, 40_000),
        padding=1, groups=2,
    )  # fmt: skip
    second = ConvLayer(
        rng.choice([-32_768, 32_767, 32_767], (3, 4, 2, 2)), first.shape, CubaLif(4096, 300, 99_000)
    )
    return QuantizedNetwork.chain((first, second)), 30


def sums_beyond_24_bits(draw, rng):
    """257 times 32767 exceed 2^23, the high parts alone do not: Lava wraps each part by itself."""
    kernel = np.full((2, 257, 1, 1), 32_767)
    return QuantizedNetwork.chain((ConvLayer(kernel, (257, 1, 1), CubaLif(4096, 300, 99_000)),)), 8


def sums_beyond_32_bits(draw, rng):
    """2^10 times the least weight leave 32 bits when they are shifted, 2^11 times it are 0 then."""
    weights = np.full((3, 1 << 11), -32_768)
    weights[1, 1 << 10 :], weights[2] = 0, 32_767
    return QuantizedNetwork.chain((layer_of(weights, threshold=9_000),)), 8


CASES: dict[str, tuple[Callable, bool]] = {
    "every delay kind": (every_delay_kind, True),
    "delays of 62 and 0": (delays_of_62_and_0, True),
    "decays of 0 and 4096": (decays_0_and_4096, True),
    "weights at the ends and odd": (weights_at_the_ends_and_odd, True),
    "overflowing states": (overflowing_states, False),
    "negative weights and zeros": (negative_weights_and_zeros, False),
    "one step": (one_step, False),
    "one neuron": (one_neuron, True),
    "drawn": (drawn, True),
    "weights of 16 bits": (weights_of_16_bits, True),
    "convolutions of 16 bits": (convolutions_of_16_bits, True),
    "sums beyond 24 bits": (sums_beyond_24_bits, False),
    "sums beyond 32 bits": (sums_beyond_32_bits, False),
}
"""Name -> the network and its steps, and whether all its layers must spike."""


def samples_for(network: QuantizedNetwork, steps: int, rng: np.random.Generator) -> np.ndarray:
    """Return six samples: silent, saturated, dense before silent, and three at random."""
    spikes = (
        rng.random((6, network.inputs, steps)) < np.array([0, 1, 0.7, 0, 0.3, 0.1])[:, None, None]
    )
    return spikes.astype(np.uint8)


def assert_bit_exact(found: Activity, expected: Activity) -> None:
    for index, (spikes, right) in enumerate(zip(found.spikes, expected.spikes, strict=True)):
        np.testing.assert_array_equal(spikes, right, f"spikes of layer {index}")
    for index, (states, right) in enumerate(zip(found.states, expected.states, strict=True)):
        np.testing.assert_array_equal(states.current, right.current, f"u of layer {index}")
        np.testing.assert_array_equal(states.voltage, right.voltage, f"v of layer {index}")


@pytest.mark.parametrize("case", CASES)
def test_fast_is_bit_exact_with_lava(case, random_network, on_lava):
    rng = np.random.default_rng(len(case))
    make, spiking = CASES[case]
    network, steps = make(random_network, rng)
    spikes = samples_for(network, steps, rng)
    fast = backends.get("fast").run(network, spikes, RunOptions(states=True))
    lava = on_lava(network, spikes)
    assert_bit_exact(fast, lava)
    rates = [layer.mean() for layer in lava.spikes]
    assert not spiking or all(0.002 < rate < 0.9 for rate in rates), rates
    assert not any(layer[0].any() for layer in lava.spikes), "the first sample is silent"


def test_the_backend_lava_is_lava(random_network, on_lava):
    network, _ = one_neuron(random_network, None)
    spikes = samples_for(network, 25, np.random.default_rng(0))
    found = backends.get("lava").run(network, spikes, RunOptions(states=True))
    assert_bit_exact(found, on_lava(network, spikes))


def test_states_that_overflow_are_counted(random_network):
    """In Lava they wrap and clip alike, as the case of that name shows."""
    network, steps = overflowing_states(random_network, np.random.default_rng(0))
    spikes = samples_for(network, steps, np.random.default_rng(0))
    overflows = backends.get("fast").run(network, spikes).overflows[0]
    assert overflows.wraps[1] > 0
    assert overflows.clips[1] > 0
    assert (overflows.wraps[0], overflows.clips[0]) == (0, 0)


def test_sums_that_leave_32_bits_are_counted():
    """The second neuron's u is -2^31, wrapped once; the first one's sum is 0 when it is shifted."""
    network, steps = sums_beyond_32_bits(None, None)
    spikes = np.zeros((1, network.inputs, steps), np.uint8)
    spikes[:, :, 0] = 1
    found = backends.get("fast").run(network, spikes, RunOptions(states=True))
    assert found.states[0].current[0, :2, 1].tolist() == [0, -(1 << 31) + (1 << 24)]
    assert found.overflows[0].wraps[0] >= 3


def test_a_backend_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(
        InputError, match="'gpu' is not a backend; choose one of fast, lava, loihi2"
    ):
        backends.get("gpu")


@pytest.mark.parametrize("name", backends.BACKENDS)
@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        (np.zeros((2, 5, 4), np.uint8), "has shape (2, 5, 4); the network takes (batch, 3, time)"),
        (np.zeros((3, 4), np.uint8), "has shape (3, 4)"),
        (np.full((1, 3, 4), 2, np.uint8), "reach from 0 to 2; they must be 0 or 1"),
        (np.zeros((1, 3, 4)), "has dtype float64; it must be an array of integers"),
    ],
)
def test_spikes_that_do_not_fit_are_refused(name, spikes, message):
    network = QuantizedNetwork.chain((layer_of(np.ones((2, 3), int)),))
    with pytest.raises(InputError) as caught:
        backends.get(name).run(network, spikes)
    assert message in str(caught.value)
