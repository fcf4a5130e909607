"""Axons between neurocores, against arithmetic by hand and the definition of a convolution."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from export import netx
from hw_sim.axons import Readers, input_axons, output_axons, receivers
from hw_sim.chip import chip
from hw_sim.placement import place
from models.layers import ConvLayer, DenseLayer, InputLayer, RecurrentLayer
from models.network import CubaLif, QuantizedNetwork

LOIHI1 = chip("loihi1")
NEURON = CubaLif(np.array([4096]), np.array([4096]), 10)


def convolution(weight_shape, input_shape, **options) -> ConvLayer:
    return ConvLayer(np.ones(weight_shape, int), input_shape, NEURON, **options)


def mixed(*shape: int) -> np.ndarray:
    """Return weights that need all eight bits."""
    weight = np.full(shape, -256)
    weight[0, 0] = 254
    return weight


def reached_by_definition(layer: ConvLayer, neurons: int) -> int:
    """Return the most neurocores that one sender reaches, one kernel weight after the other."""
    channels, height, width = layer.shape
    reached: dict[tuple[int, int], set[int]] = {}
    for o, p, i, j in product(*map(range, (height, width, *layer.weight.shape[2:]))):
        y = o * layer.stride[0] + i * layer.dilation[0] - layer.padding[0]
        x = p * layer.stride[1] + j * layer.dilation[1] - layer.padding[1]
        if 0 <= y < layer.input_shape[1] and 0 <= x < layer.input_shape[2]:
            first = (o * width + p) * channels
            cores = {neuron // neurons for neuron in range(first, first + channels)}
            reached.setdefault((y, x), set()).update(cores)
    return max(map(len, reached.values()))


def test_a_spike_to_a_dense_layer_goes_to_all_its_neurocores():
    assert receivers(DenseLayer(np.ones((10, 2), int), NEURON), 3) == 4


def test_a_spike_to_a_convolution_goes_to_four_of_32_neurocores():
    """26460 neurons are 827 a core. A sender reaches 3 rows of 1764 neurons, in each 3 places of
    36 channels: 108 neurons, on 1 core, or on 2 where they begin at 720 to 826 of one. The rows
    begin 1764 - 2 * 827 = 110 further, so that only one of the three is on 2: 3 + 1."""
    layer = convolution((36, 24, 5, 5), (24, 33, 101), stride=(2, 2))
    assert layer.shape == (36, 15, 49)
    assert -(-layer.neurons // 827) == 32
    assert receivers(layer, 827) == 4


def test_three_rows_of_an_image_are_three_neurocores_of_one_row_each():
    layer = convolution((1, 1, 3, 3), (1, 4, 4), padding=(1, 1))
    assert [receivers(layer, neurons) for neurons in (4, 8, 16)] == [3, 2, 1]


def test_senders_that_no_kernel_reaches_send_nowhere():
    assert receivers(convolution((1, 1, 1, 1), (1, 1, 1), stride=(3, 3), padding=(1, 1)), 1) == 0


@pytest.mark.parametrize("seed", range(30))
def test_receivers_are_those_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    kernel, stride, padding = (tuple(rng.integers(*ends, 2)) for ends in ((1, 4), (1, 4), (0, 2)))
    layer = convolution(
        (rng.integers(1, 6), 2, *kernel), (2, *rng.integers(5, 9, 2)),
        stride=stride, padding=padding, dilation=(rng.integers(1, 3), 1),
    )  # fmt: skip
    for neurons in (1, 2, 5, 7, 16, layer.neurons):
        assert receivers(layer, neurons) == reached_by_definition(layer, neurons)


def test_columns_that_dilation_leaves_out_are_counted():
    """Outputs 0 and 2 of three read the middle of five inputs; output 1 lies between."""
    layer = convolution((1, 1, 1, 2), (1, 1, 5), dilation=(1, 2))
    assert reached_by_definition(layer, 1) == 2
    assert receivers(layer, 1) == 3


def test_the_channels_of_a_place_share_an_output_axon_to_a_convolution():
    """12 neurons of 3 channels are 4 places, to 5 cores, with 2 entries each; 4 neurons touch 2."""
    layer = InputLayer(NEURON, (3, 4, 4))
    assert output_axons(layer, 12, Readers(5, convolve=True), LOIHI1) == 4 * 5 * 2
    assert output_axons(layer, 4, Readers(5, convolve=True), LOIHI1) == 2 * 5 * 2
    assert output_axons(layer, 12, Readers(5, convolve=False), LOIHI1) == 12 * 5


def test_neurons_across_two_rows_see_the_input_of_both():
    """Three neurons a core and rows of four: the second core has one of row 0 and two of row 1."""
    layer = convolution((1, 1, 1, 1), (1, 4, 4))
    assert [input_axons(layer, neurons) for neurons in (2, 3, 4, 16)] == [4, 8, 4, 16]


def test_a_recurrent_layer_needs_output_axons_to_its_own_neurocores():
    """Lists of 125 synapses take 9 + 8 words of 64 bits, of 63 only 9: 1000 or 1001 of the former
    do not fit 1048576 bits. So 1000 neurons take 16 cores of 63 and 2000 take 32."""
    recurrent = RecurrentLayer(mixed(1000, 1), mixed(1000, 1000), NEURON)
    placement = place(QuantizedNetwork((recurrent, DenseLayer(mixed(2000, 1000), NEURON))), LOIHI1)
    assert [layer.neurocores for layer in placement.layers] == [16, 32]
    used = {budget.name: budget.used for budget in placement.layers[0].budgets}
    assert used["output axons"] == 63 * (32 + 16)


def test_pilotnet_s_images_are_bound_by_their_neurons(shipped):
    """The least power of two above 39600, 76032, 26460, 8064, 5632 and 2560 over 1024."""
    placement = place(netx.read(shipped("gts/pilotnet_lif/network.net")), LOIHI1)
    found = [layer.neurocores for layer in placement.layers]
    assert found == [64, 128, 32, 8, 8, 4, 1, 1, 1, 1]
    for layer in placement.layers[:6]:
        assert layer.binding.name == "neurons"
