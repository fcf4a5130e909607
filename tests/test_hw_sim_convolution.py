"""Convolutions: spike by spike and as matrix products, against the definition of a correlation."""

from __future__ import annotations

import platform
from dataclasses import replace

import numpy as np
import pytest

from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.kernels import conv, conv_layer, spike_buffer
from neurodeploy.hw_sim.kernels.shared import run_parallel
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.layers import ConvLayer
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, Sigma
from neurodeploy.models.synapses import fan_out

NEURON = CubaLif(np.array([4096]), np.array([0]), 131071)


def correlate(layer: ConvLayer, image: np.ndarray) -> np.ndarray:
    """Return the correlation of one image (channels, height, width), by its definition."""
    _, height, width = layer.input_shape
    (up, left), outputs = layer.padding, len(layer.weight) // layer.groups
    inputs, rows, columns = layer.weight.shape[1:]
    padded = np.zeros((layer.input_shape[0], height + 2 * up, width + 2 * left), np.int64)
    padded[:, up : up + height, left : left + width] = image
    result = np.zeros(layer.shape, np.int64)
    for channel, y, x in np.ndindex(*layer.shape):
        first = channel // outputs * inputs
        for member, i, j in np.ndindex(inputs, rows, columns):
            row = y * layer.stride[0] + i * layer.dilation[0]
            column = x * layer.stride[1] + j * layer.dilation[1]
            weight = int(layer.weight[channel, member, i, j])
            result[channel, y, x] += weight * padded[first + member, row, column]
    return result


def random_layer(rng: np.random.Generator) -> ConvLayer:
    groups = int(rng.choice([1, 1, 2, 3]))
    inputs, outputs = groups * rng.integers(1, 3), groups * rng.integers(1, 5)
    kernel = rng.integers(1, 4, 2)
    dilation, stride = rng.integers(1, 4, 2), rng.integers(1, 4, 2)
    image = dilation * (kernel - 1) + 1 + rng.integers(0, 5, 2)
    return ConvLayer(
        rng.integers(-256, 256, (outputs, inputs // groups, *kernel)),
        (inputs, *image),
        NEURON,
        stride,
        rng.integers(0, 3, 2),
        dilation,
        groups,
    )


def draw_images(rng: np.random.Generator, layer: ConvLayer, largest: int) -> np.ndarray:
    """Return images (2 samples, 3 steps, *shape) of which half of the values are not 0."""
    size = (2, 3, *layer.input_shape)
    if largest == 1:
        return (rng.random(size) < 0.5).astype(np.uint8)
    return (rng.integers(-largest, largest + 1, size) * (rng.random(size) < 0.5)).astype(np.int32)


@pytest.mark.parametrize("largest", [1, 300, 40_000, 1 << 17])
@pytest.mark.parametrize("seed", range(20))
def test_every_way_gives_the_correlation_one_step_later(seed, largest):
    rng = np.random.default_rng(seed + largest)
    layer = random_layer(rng)
    images = draw_images(rng, layer, largest)
    values = images.reshape(2, 3, -1).transpose(0, 2, 1)
    arriving = spike_buffer.from_neurons(values, layer.input_shape)
    for listed in (False, True):
        received, way = np.zeros((2, 3, layer.neurons), np.int32), conv.way_of(layer, arriving)
        run_parallel(conv_layer.run_sums, 2 * layer.shape[1], conv.plan_of(layer),
                     way._replace(listed=listed), arriving, received)  # fmt: skip
        given = spike_buffer.to_neurons(received, layer.shape)
        assert not given[:, :, 0].any()
        for sample, t in np.ndindex(2, 2):
            sums = correlate(layer, images[sample, t]).reshape(-1)
            wrapped = (sums + (1 << 23)) % (1 << 24) - (1 << 23)
            assert np.array_equal(given[sample, :, t + 1], wrapped)


@pytest.mark.parametrize("seed", range(12))
def test_neurons_of_a_convolution_are_those_of_the_equations(seed):
    """With states, the neurons are stepped by another kernel."""
    rng = np.random.default_rng(seed)
    layer, largest = random_layer(rng), [1, 1, 400][seed % 3]
    each = (len(layer.weight), layer.neurons, 1)[seed % 4 % 3]
    neuron = CubaLif(rng.integers(0, 4097, each), rng.integers(0, 4097, each),
                     int(rng.integers(0, 3000)), rng.integers(-300, 300, each))  # fmt: skip
    network = QuantizedNetwork.chain(
        (replace(layer, neuron=neuron),), message_bits=9 * (largest > 1)
    )
    images = rng.integers(0, largest + 1, (2, layer.inputs, 30))
    fused, apart = (fast.run(network, images, RunOptions(states=each)) for each in (False, True))
    assert np.array_equal(fused.spikes[0], apart.spikes[0])
    for name in ("wraps", "clips"):
        counts = [getattr(each.overflows[0], name) for each in (fused, apart)]
        assert np.array_equal(*counts)


def test_sums_wrap_at_24_bits_as_lava_s_do():
    layer = ConvLayer(np.full((1, 1, 1, 1), 255), (1, 1, 1), Sigma())
    network = QuantizedNetwork.chain((layer,), message_bits=24)
    value = (1 << 23) // 255 + 1
    sent = fast.run(network, np.array([[[value, 0]]])).spikes[0]
    assert sent.tolist() == [[[0, 255 * value - (1 << 24)]]]


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="undefined elsewhere")
def test_a_sum_that_leaves_32_bits_is_0_as_in_lava_and_counted(on_lava):
    layer = ConvLayer(np.full((2, 1, 3, 3), 255), (1, 3, 4), CubaLif(4096, 4096, 100), padding=1)
    network = QuantizedNetwork.chain((layer,), message_bits=24)
    values = np.random.default_rng(1).integers(0, 1 << 24, (2, 12, 6))
    values[:, :, 3] = (1 << 24) - 1
    ours = fast.run(network, values, RunOptions(states=True))
    lavas = on_lava(network, values)
    assert np.array_equal(ours.spikes[0], lavas.spikes[0])
    assert np.array_equal(ours.states[0].weighted, lavas.states[0].weighted)
    assert np.array_equal(ours.states[0].voltage, lavas.states[0].voltage)
    assert (ours.overflows[0].wraps > 0).all()


@pytest.mark.parametrize("seed", range(8))
def test_the_wide_way_gives_the_correlation_too(seed):
    rng = np.random.default_rng(seed)
    layer = random_layer(rng)
    images = rng.integers(-1000, 1000, (1, 2, *layer.input_shape)).astype(np.int32)
    values = images.reshape(1, 2, -1).transpose(0, 2, 1)
    arriving = spike_buffer.from_neurons(values, layer.input_shape)
    received, lost = np.zeros((1, 2, layer.neurons), np.int32), np.zeros(1, np.int64)
    conv.wide_product(layer, arriving, received, lost)
    given = spike_buffer.to_neurons(received, layer.shape)[0, :, 1]
    assert np.array_equal(given, correlate(layer, images[0, 0]).reshape(-1))
    assert not lost.any()


def test_fan_out_counts_the_weights_that_a_spike_meets():
    rng = np.random.default_rng(3)
    for _ in range(20):
        layer = random_layer(rng)
        ones = ConvLayer(np.ones_like(layer.weight), layer.input_shape, NEURON, layer.stride,
                         layer.padding, layer.dilation, layer.groups)  # fmt: skip
        image = np.zeros(layer.inputs, np.int64)
        for sender in range(layer.inputs):
            image[:] = 0
            image[sender] = 1
            met = correlate(ones, image.reshape(layer.input_shape)).sum()
            assert fan_out(layer.synapse())[sender] == met


def test_an_image_flattens_through_channel_height_and_width():
    image = ConvLayer(np.ones((2, 1, 1, 1), int), (1, 2, 2), CubaLif(4096, 0, 0))
    dense = DenseLayer(np.eye(8, dtype=int) * 2, CubaLif(4096, 0, 0))
    spikes = np.zeros((1, 4, 4), np.uint8)
    spikes[0, 1, 0] = 1
    activity = fast.run(QuantizedNetwork.chain((image, dense)), spikes, RunOptions())
    assert np.argwhere(activity.spikes[0][0]).tolist() == [[1, 1], [5, 1]]
    assert np.argwhere(activity.spikes[1][0]).tolist() == [[1, 2], [5, 2]]
