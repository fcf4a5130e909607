"""How much memory a backend takes for a network: upper estimates of what it allocates.

They were compared with what the backends took on lava-dl's PilotNet (158,000 neurons), on the HAR
network, and on layers that are extreme in senders, steps or places.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numba

from neurodeploy.hw_sim.kernels import frames, layer_plan
from neurodeploy.hw_sim.kernels.conv_product import PATCH_BYTES
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, Layer, weights_of
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import CubaLif

STATES: Final = 3
"""States of a neuron that a run returns when asked for them, 4 bytes each."""

LAVA_BYTES: Final = 80 * 10**6
LAVA_PROCESS_BYTES: Final = 15 * 10**6
"""What Lava's simulator takes for itself, and for each of its processes beyond what they share."""


@dataclass(frozen=True)
class Need:
    """The bytes that a backend takes.

    Attributes:
        fixed: for the network, however many samples run.
        sample: for each sample of a batch.
    """

    fixed: int
    sample: int


Estimator: TypeAlias = Callable[[QuantizedNetwork, int], Need]
"""Returns what a network and a number of time steps take."""


def fast(network: QuantizedNetwork, steps: int) -> Need:
    """Return what the fast backend takes: every layer's spikes, and one layer at work."""
    graded = [_takes_numbers(network), *(layer.neuron.graded for layer in network.layers)]
    kept, work, spare = [], [], 0  # spare: frames of images, of which the spikes kept are a copy
    for layer, numbers in zip(network.layers, graded):
        own = _frame(layer, numbers) * (4 if layer.neuron.graded else 1)
        before, spare = spare, own if len(layer.shape) == 3 else 0
        kept.append(own)
        work.append(before + spare + _work(layer, numbers))
    if network.answer_kind == "voltage":
        work[-1] += 4 * STATES * _frame(network.layers[-1], graded[-2])
    inputs = (network.inputs + frames.padded(network.inputs)) * (4 if graded[0] else 1)
    weights = sum(map(_weights, network.layers))
    rooms = max(_room(layer, numbers) for layer, numbers in zip(network.layers, graded))
    places = sum(4 * _places(layer) for layer in network.layers)
    return Need(weights + places + rooms, steps * (inputs + sum(kept) + max(work)))


def _takes_numbers(network: QuantizedNetwork) -> bool:
    """Tell whether the input is integers of 32 bits, not spikes of 0 or 1."""
    return bool(network.message_bits) or isinstance(network.layers[0], InputLayer)


def _in_one_kernel(layer: Layer, numbers: bool) -> bool:
    """Tell whether `dense_cuba` runs the layer, on spikes that are no numbers."""
    return isinstance(layer, DenseLayer) and isinstance(layer.neuron, CubaLif) and not numbers


def _frame(layer: Layer, numbers: bool) -> int:
    """Return the neurons of a layer with what pads them in one step."""
    if not _in_one_kernel(layer, numbers):
        return frames.padded(layer.neurons)
    tiles = -(-layer.neurons // layer_plan.TILE)
    return tiles * layer_plan.padded(-(-layer.neurons // tiles))


def _work(layer: Layer, numbers: bool) -> int:
    """Return the bytes of a step while a layer is at work, beyond the spikes that it sends."""
    if _in_one_kernel(layer, numbers):  # it shifts spikes by the delays of neurons in a copy
        return _frame(layer, numbers) if layer.delay_kind == "dendritic" else 0
    return (12 if isinstance(layer, InputLayer) else 4) * layer.neurons


def _weights(layer: Layer) -> int:
    """Return the bytes of a layer's weights and delays, with what the kernels make of them."""
    padded = 3 * _frame(layer, numbers=False) * layer.senders
    stored = sum(array.size for array in weights_of(layer))
    return 8 * stored + (padded if isinstance(layer, DenseLayer) else 0)


def _room(layer: Layer, numbers: bool) -> int:
    """Return the bytes that the threads work in, and a convolution as a product."""
    threads = numba.get_num_threads()
    if _in_one_kernel(layer, numbers):  # two lists of spikes and a ring of inputs
        width = min(_frame(layer, numbers), 2 * layer_plan.TILE)
        return threads * 4 * layer_plan.RING * (2 * frames.padded(layer.senders) + width)
    if not isinstance(layer, ConvLayer):
        return threads * 4 * layer.senders
    places, outputs = _places(layer) // layer.groups, layer.neurons // layer.groups
    if numbers:
        return 17 * places + 24 * outputs
    patches = max(PATCH_BYTES, 4 * places)
    product = -(-patches // (4 * places)) * 4 * outputs
    # the next patches are made while the last are still there
    return max(8 * places, 2 * patches + product, threads * 4 * layer.senders)


def _places(layer: Layer) -> int:
    """Return the senders that a product looks up for a convolution: output places times weights
    of a kernel, in every group."""
    if not isinstance(layer, ConvLayer):
        return 0
    return layer.groups * math.prod(layer.shape[1:]) * math.prod(layer.weight.shape[1:])


def lava(network: QuantizedNetwork, steps: int) -> Need:
    """Return what Lava takes: its processes, and copies of spikes and input on their way."""
    sent = sum(layer.neurons * (4 if layer.neuron.graded else 1) for layer in network.layers)
    if network.answer_kind == "voltage":
        sent += 4 * STATES * network.layers[-1].neurons
    weights = sum(array.size for layer in network.layers for array in weights_of(layer))
    processes = 3 + 2 * len(network.layers)
    fixed = LAVA_BYTES + LAVA_PROCESS_BYTES * processes + 24 * weights
    return Need(fixed, steps * (16 * network.inputs + 4 * sent))
