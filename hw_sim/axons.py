"""The axons of a neurocore: which neurocores a spike goes to, and which senders one listens to.

A neurocore is taken to hold consecutive neurons, in images row by row and place by place with all
channels of a place together, so that a spike to a convolution reaches few neurocores. All of a
layer's but the last hold the same number of neurons. How Intel's compiler cuts images is not known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hw_sim.chip import Chip
from models.layers import ConvLayer, InputLayer, Layer, RecurrentLayer


@dataclass(frozen=True)
class Readers:
    """What takes a layer's spikes beside the layer itself.

    Attributes:
        neurocores: the most that one spike goes to.
        convolve: whether they convolve, so that a spike carries its channel.
    """

    neurocores: int
    convolve: bool


def input_axons(layer: Layer, neurons: int) -> int:
    """Return the input axons that `neurons` consecutive neurons of `layer` need: one a sender.

    A spike of an image carries its channel, so that a convolution needs one a place of the input
    that these neurons see; they are taken as whole rows of the output.
    """
    if isinstance(layer, InputLayer):
        return 0
    if isinstance(layer, RecurrentLayer):
        return layer.senders + layer.neurons
    if not isinstance(layer, ConvLayer):
        return layer.senders
    channels, _, width = layer.shape
    rows = _most_parts(neurons, channels * width)
    reach = (rows - 1) * layer.stride[0] + (layer.weight.shape[2] - 1) * layer.dilation[0] + 1
    return int(min(reach, layer.input_shape[1]) * layer.input_shape[2])


def receivers(layer: Layer, neurons: int) -> int:
    """Return the most neurocores of `layer`, `neurons` neurons each, that one spike goes to.

    All of them, except in a convolution: there a sender reaches a few output rows, in each of them
    columns next to one another with all their channels, and hence the neurocores from
    (row * width + first column) * channels // neurons to
    ((row * width + last column + 1) * channels - 1) // neurons. Columns and channels in between
    that dilation or groups leave out are counted too.
    """
    if not isinstance(layer, ConvLayer):
        return -(-layer.neurons // neurons)
    channels, _, width = layer.shape
    columns = [reached for reached in reached_outputs(layer, 1) if reached.size]
    left = np.array([reached[0] for reached in columns], np.int64)
    right = np.array([reached[-1] for reached in columns], np.int64)
    most = 0
    for rows in reached_outputs(layer, 0):
        start = rows[:, None] * width
        first = (start + left) * channels // neurons
        last = ((start + right + 1) * channels - 1) // neurons
        shared = (first[1:] == last[:-1]).sum(0)  # of two rows that end and begin on one neurocore
        most = max(most, int(((last - first + 1).sum(0) - shared).max(initial=0)))
    return most


def reached_outputs(layer: ConvLayer, axis: int) -> list[NDArray[np.intp]]:
    """Return for each input row (axis 0) or column (1) the output rows or columns that read it.

    Output o reads input o * stride + i * dilation - padding through the kernel's row i.
    """
    outputs = np.arange(layer.shape[1 + axis])[:, None] * layer.stride[axis] - layer.padding[axis]
    reads = outputs + np.arange(layer.weight.shape[2 + axis]) * layer.dilation[axis]
    places = range(layer.input_shape[1 + axis])
    return [np.flatnonzero((reads == place).any(1)) for place in places]


def output_axons(layer: Layer, neurons: int, readers: Readers, chip: Chip) -> int:
    """Return the output axons of `neurons` consecutive neurons of `layer`.

    One a neuron and neurocore that its spike goes to, a recurrent layer's own among them. A spike
    to a convolution carries its channel: all channels of a place of the image share one axon, which
    takes more entries than another.

    Source: nengo-loihi, `split_blocks.split_axon` and `block.Axon.axon_slots`.
    """
    if readers.convolve:
        places = _most_parts(neurons, layer.shape[0])
        return places * readers.neurocores * chip.limit("population_axon_entries")
    own = receivers(layer, neurons) if isinstance(layer, RecurrentLayer) else 0
    return neurons * (readers.neurocores + own)


def _most_parts(neurons: int, size: int) -> int:
    """Return the most parts of `size` that a neurocore of `neurons` consecutive neurons touches.

    Neurocores begin at multiples of `neurons`, and so at most size - gcd after a part does.
    """
    return -(-(size - math.gcd(neurons, size) + neurons) // size)
