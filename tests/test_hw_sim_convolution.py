"""Convolutions: spike by spike and as matrix products, against the definition of a correlation."""

from __future__ import annotations

import platform

import numpy as np
import pytest

from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.kernels import spike_buffer, synapses
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.layers import ConvLayer, fan_out
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, Sigma

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


@pytest.mark.parametrize("seed", range(40))
def test_every_way_gives_the_correlation_one_step_later(seed):
    rng = np.random.default_rng(seed)
    layer = random_layer(rng)
    images = (rng.random((2, 3, *layer.input_shape)) < 0.5).astype(np.uint8)
    values = images.reshape(2, 3, -1).transpose(0, 2, 1)
    arriving = spike_buffer.from_neurons(values, layer.input_shape)
    received = [np.zeros((2, 3, layer.neurons), np.int32) for _ in range(2)]
    synapses.conv_product(layer, arriving, received[0])
    synapses.conv_sums(arriving, *synapses.layout(layer), received[1])
    for each in received:
        given = spike_buffer.to_neurons(each, layer.shape)
        assert not given[:, :, 0].any()
        for sample, t in np.ndindex(2, 2):
            expected = correlate(layer, images[sample, t]).reshape(-1)
            assert np.array_equal(given[sample, :, t + 1], expected)


def test_sums_wrap_at_24_bits_as_lava_s_do():
    layer = ConvLayer(np.full((1, 1, 1, 1), 255), (1, 1, 1), Sigma())
    network = QuantizedNetwork((layer,), message_bits=24)
    value = (1 << 23) // 255 + 1
    sent = fast.run(network, np.array([[[value, 0]]])).spikes[0]
    assert sent.tolist() == [[[0, 255 * value - (1 << 24)]]]


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="undefined elsewhere")
def test_a_sum_that_leaves_32_bits_is_0_as_in_lava_and_counted(on_lava):
    layer = ConvLayer(np.full((2, 1, 3, 3), 255), (1, 3, 4), CubaLif(4096, 4096, 100), padding=1)
    network = QuantizedNetwork((layer,), message_bits=24)
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
    synapses.wide_product(layer, arriving, received, lost)
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
            assert fan_out(layer)[sender] == met


def test_an_image_flattens_through_channel_height_and_width():
    image = ConvLayer(np.ones((2, 1, 1, 1), int), (1, 2, 2), CubaLif(4096, 0, 0))
    dense = DenseLayer(np.eye(8, dtype=int) * 2, CubaLif(4096, 0, 0))
    spikes = np.zeros((1, 4, 4), np.uint8)
    spikes[0, 1, 0] = 1
    activity = fast.run(QuantizedNetwork((image, dense)), spikes, RunOptions())
    assert np.argwhere(activity.spikes[0][0]).tolist() == [[1, 1], [5, 1]]
    assert np.argwhere(activity.spikes[1][0]).tolist() == [[1, 2], [5, 2]]
