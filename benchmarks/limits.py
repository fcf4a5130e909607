"""Measure a lower bound of the simulation time on this machine.

The rates are those of loops like the kernel's (`hw_sim.kernels.lanes`) on one thread, best of
several runs. The loops contain only the measured work: no spike lists, input, output, delays or
overflow counts. A simulator that adds a row of weights per spike and updates every neuron in every
step, with the same loops, cannot be faster on this machine than `Rates.floor_ns`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from neurodeploy.hw_sim.kernels.cuba_layer import aligned_zeros, decay
from neurodeploy.hw_sim.kernels.dense_cuba import TILE
from neurodeploy.hw_sim.kernels.lanes import load, select, spread, store, widen
from neurodeploy.models import loihi
from neurodeploy.models.layers import ConvLayer, weights_of
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.synapses import fan_out

LANES, WIDE, ROWS = 32, 128, 8
REPEATS = 15
BYTES, NARROW, WHOLE = (np.zeros(0, kind) for kind in (np.int8, np.int16, np.int32))


@dataclass(frozen=True)
class Rates:
    """Peak rates of this machine on one thread, in billions per second.

    Attributes:
        updates: neuron updates.
        synops: synaptic operations, with the weights of one layer.
    """

    updates: float
    synops: float

    def floor_ns(self, neuron_updates: float, synops: float) -> float:
        """Return the minimum time of this work in nanoseconds."""
        return neuron_updates / self.updates + synops / self.synops


def _compiled(function: Callable[..., Any]) -> Any:
    return njit(cache=True, nogil=True, error_model="numpy")(function)


@_compiled
def add_narrow(order, senders, width):
    """Sum rows of int16 in registers, for 128 neurons at once and with 16-bit sums.

    `order` int32 (rows,) holds the indices of the rows. Sums are stored after every eight rows, a
    typical number of spikes per step.
    """
    weights = aligned_zeros(senders * width, NARROW)
    totals = aligned_zeros(width, NARROW)
    for first in range(0, order.size, ROWS):
        for k in range(0, width, WIDE):
            a = b = c = d = spread(0, 16, LANES)
            for n in range(first, first + ROWS):
                at = order[n] * width + k
                a, b = a + load(weights, at, LANES), b + load(weights, at + 32, LANES)
                c, d = c + load(weights, at + 64, LANES), d + load(weights, at + 96, LANES)
            store(totals, k, a)
            store(totals, k + 32, b)
            store(totals, k + 64, c)
            store(totals, k + 96, d)
    return totals[0]


@_compiled
def add_bytes(order, senders, width):
    """Like `add_narrow`, with rows of int8, which take half the memory."""
    weights = aligned_zeros(senders * width, BYTES)
    totals = aligned_zeros(width, NARROW)
    for first in range(0, order.size, ROWS):
        for k in range(0, width, WIDE):
            a = b = c = d = spread(0, 16, LANES)
            for n in range(first, first + ROWS):
                at = order[n] * width + k
                a = a + widen(load(weights, at, LANES), 16)
                b = b + widen(load(weights, at + 32, LANES), 16)
                c = c + widen(load(weights, at + 64, LANES), 16)
                d = d + widen(load(weights, at + 96, LANES), 16)
            store(totals, k, a)
            store(totals, k + 32, b)
            store(totals, k + 64, c)
            store(totals, k + 96, d)
    return totals[0]


LOOPS = (add_bytes, add_narrow)


@_compiled
def update_neurons(neurons, steps):
    """Update CUBA LIF neurons, 64 at once with their states in registers.

    Computes the equations only, without wrapping, clipping and output. Inputs are in the cache.
    """
    inputs = aligned_zeros(neurons, NARROW)
    inputs[:] = 9
    states = aligned_zeros(2 * neurons, WHOLE)
    factors = aligned_zeros(LANES, WHOLE)
    factors[:] = loihi.DECAY_ONE - 1024
    kept = load(factors, 0, LANES)
    for k in range(0, neurons, 2 * LANES):
        u, v = load(states, k, LANES), load(states, neurons + k, LANES)
        u2, v2 = load(states, k + LANES, LANES), load(states, neurons + k + LANES, LANES)
        for _ in range(steps):
            u = decay(u, kept) + (widen(load(inputs, k, LANES), 32) << 7)
            u2 = decay(u2, kept) + (widen(load(inputs, k + LANES, LANES), 32) << 7)
            v, v2 = decay(v, kept) + u, decay(v2, kept) + u2
            v, v2 = select(v > 9000, 0, v), select(v2 > 9000, 0, v2)
        store(states, k, u)
        store(states, neurons + k, v)
        store(states, k + LANES, u2)
        store(states, neurons + k + LANES, v2)
    return states[0]


def rate(work: float, function: Callable[..., Any], *arguments: Any) -> float:
    """Return work per nanosecond, the best of several calls."""
    function(*arguments)
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - began)
    return work / min(times) / 1e9


def synop_rate(senders: int = 128, width: int = 128, add: Callable[..., Any] = add_narrow) -> float:
    """Return billions of synaptic operations per second when `add` sums rows of random senders.

    Args:
        senders: number of rows.
        width: weights per row, a multiple of 128.
        add: one of `LOOPS`.
    """
    rows = 200_000 * WIDE // width // ROWS * ROWS
    order = np.random.default_rng(0).integers(0, senders, rows, np.int32)
    return rate(rows * width, add, order, senders, width)


def update_rate(neurons: int = 128) -> float:
    """Return billions of neuron updates per second; `neurons` a multiple of 64."""
    steps = 2_000_000 // neurons
    return rate(steps * neurons, update_neurons, neurons, steps)


def rates_of(network: QuantizedNetwork) -> Rates:
    """Measure the rates for the shape of the layer with the most synapses.

    The SynOp rate is the best over rows of 128 to 1024 neurons, in int8 and int16. The weights of a
    convolution are measured as rows of 128.
    """
    layer = max(network.layers, key=lambda each: int(fan_out(each.synapse()).sum()))
    senders, widths = sum(weight.size for weight in weights_of(layer)) // WIDE + 1, {WIDE}
    if not isinstance(layer, ConvLayer) and layer.neurons >= WIDE:
        senders = layer.inputs
        widths.add(min(layer.neurons // WIDE * WIDE, TILE))
    found = [synop_rate(senders, width, add) for width in widths for add in LOOPS]
    return Rates(update_rate(), max(found))
