"""Tell before a training whether a chip could hold the network, whatever its weights become."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from neurodeploy.hw_sim import design_rules
from neurodeploy.hw_sim.chips import chip
from neurodeploy.hw_sim.placement import place
from neurodeploy.models import loihi
from neurodeploy.models.architecture import LayerSpec
from neurodeploy.models.network import (
    ConvLayer,
    CubaLif,
    DenseLayer,
    Layer,
    QuantizedNetwork,
    RecurrentLayer,
)

if TYPE_CHECKING:
    from neurodeploy.models.architecture import Architecture, Shape


def capacity_problems(architecture: Architecture) -> tuple[str, ...]:
    """Return why a Loihi 2 could not hold a network of that shape, whatever its weights become."""
    shapes = architecture.shapes
    senders: tuple[LayerSpec | None, ...] = (None, *architecture.layers)
    layers = tuple(
        _largest(layer, before, after, _delay(layer, sender))
        for layer, sender, (before, after) in zip(architecture.layers, senders, pairwise(shapes))
    )
    network = QuantizedNetwork(layers, input_shape=architecture.input_shape)
    return design_rules.check(network, place(network, chip("loihi2")))


def _delay(layer: LayerSpec, sender: LayerSpec | None) -> int:
    """Return the longest delay that a spike can have on its way to a layer."""
    axonal = sender.max_delay if sender and sender.delays == "axonal" else 0
    return axonal + (layer.max_delay if layer.delays == "synaptic" else 0)


def _largest(layer: LayerSpec, before: Shape, after: Shape, delay: int) -> Layer:
    """Return a layer whose weights need as many bits as they can and whose delays are longest."""
    neuron = CubaLif(np.zeros(1, np.int32), np.zeros(1, np.int32), 0)
    if layer.kind == "conv":
        kernel = _weights((after[0], before[0] // layer.groups, *layer.kernel_size), layer)
        return ConvLayer(kernel, before, neuron, layer.stride, layer.padding, groups=layer.groups)
    senders = int(np.prod(before))
    weight = _weights((after[0], senders), layer)
    delays = np.full((1, senders), delay)
    if layer.kind == "recurrent":
        return RecurrentLayer(weight, _weights((after[0], after[0]), layer), neuron, delays)
    return DenseLayer(weight, neuron, delays)


def _weights(shape: tuple[int, ...], layer: LayerSpec) -> np.ndarray:
    """Return the extreme weights of the layer's bits, its step the largest."""
    half = 1 << (layer.weight_bits - 1)
    step = -loihi.WEIGHT_MIN // half
    weight = np.full(shape, step * (half - 1), np.int16)
    weight.flat[0] = loihi.WEIGHT_MIN
    return weight
