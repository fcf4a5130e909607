"""Step a whole network of dense and recurrent layers of CUBA LIF neurons in one call.

Layers run one after the other in each step, not step by step in each layer, so that a stream can go
on with any number of steps. Calls are what takes the time of a single step, so the arrays of all
layers are parts of three: the `program`, int64 (layers, columns below), `memory`, int32, with
parameters, delays and states, and `weights`, int16. Neurons are padded to W, a multiple of LANES.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import int64, uint64
from numpy.typing import NDArray

from neurodeploy.hw_sim.kernels.cuba_layer import (
    OCTET,
    SPARE,
    clip_voltage,
    decay,
    list_octet,
    list_spikes,
    wrap_current,
)
from neurodeploy.hw_sim.kernels.lanes import (
    LANES,
    add_to,
    bits_of,
    count_bits,
    kernel,
    load,
    select,
    spread,
    store,
)
from neurodeploy.models import loihi
from neurodeploy.models.compiling import compile_kernel

WIDTH, ROWS, STATES, PENDING, PARAMETERS, THRESHOLD, FIRST = range(7)
"""Columns of the program: W; rows P of pending input; places in `memory`; threshold of v; index of
the layer's first neuron among all."""

INPUT, OWN = 7, 10
"""Columns of the synapses of the input and of the layer's own spikes (recurrent): place of the
weights, (S, W), or -1; place of the delays; entries of `memory` per sender, 1 or W."""

COLUMNS = 13

_ACTIVATION_SHIFT = loihi.ACTIVATION_SHIFT
_BYTE = uint64(255)


class Synapses(NamedTuple):
    """Weights int16 (S, N) and delays int8, (S, 1) one per sender or (S, N) one per synapse."""

    weights: NDArray[np.int16]
    delays: NDArray[np.int8]


class LayerParameters(NamedTuple):
    """The parameters of a layer.

    Attributes:
        factors: int32 (3, N), 4096 minus the decays of u and v, and the bias, shifted by 6.
        threshold: of v, shifted by 6.
        rows: rows of pending input, P, a power of two.
        synapses: of the input.
        own: of the layer's own spikes, empty if it is not recurrent.
    """

    factors: NDArray[np.int32]
    threshold: int
    rows: int
    synapses: Synapses
    own: Synapses


class Plan(NamedTuple):
    """A network for `run_streams`, and its states.

    Attributes:
        program: int64 (layers, COLUMNS).
        memory: int32, everything but the weights.
        weights: int16.
        width: sum of the W of all layers.
        carried: per layer the parts of `memory` with its states (B, 3, W) and pending input
            (B, P, W); see `simulators.fast.Carried`.
    """

    program: NDArray[np.int64]
    memory: NDArray[np.int32]
    weights: NDArray[np.int16]
    width: int
    carried: list[tuple[NDArray[np.int32], NDArray[np.int32]]]


class _Pool:
    """Collects arrays, padded to W columns, into one; `places` are the first indices."""

    def __init__(self, dtype: type[np.integer[Any]]) -> None:
        self.dtype, self.arrays, self.size = dtype, list[NDArray[Any]](), 0

    def add(self, values: NDArray[Any]) -> int:
        place = self.size
        self.arrays.append(np.ascontiguousarray(values, self.dtype).reshape(-1))
        self.size += values.size
        return place

    def joined(self) -> NDArray[Any]:
        return np.concatenate([np.zeros(0, self.dtype), *self.arrays])


def padded(neurons: int) -> int:
    """Return the number of neurons with padding, W."""
    return -(-neurons // LANES) * LANES


def plan_network(layers: list[LayerParameters], streams: int) -> Plan:
    """Return the plan of a network in cleared state."""
    program = np.full((len(layers), COLUMNS), -1, np.int64)
    memory, weights = _Pool(np.int32), _Pool(np.int16)
    shapes = []
    for line, layer in zip(program, layers):
        width = padded(layer.factors.shape[1])
        shapes.append(((streams, 3, width), (streams, layer.rows, width)))
        line[FIRST] = sum(int(each) for each in program[: len(shapes) - 1, WIDTH])
        line[WIDTH], line[ROWS], line[THRESHOLD] = width, layer.rows, layer.threshold
        line[PARAMETERS] = memory.add(_widened(layer.factors, width))
        line[STATES], line[PENDING] = (memory.add(np.zeros(each)) for each in shapes[-1])
        for column, synapses in ((INPUT, layer.synapses), (OWN, layer.own)):
            if synapses.weights.size:
                each = synapses.delays.shape[1] > 1
                delays = _widened(synapses.delays, width) if each else synapses.delays
                line[column] = weights.add(_widened(synapses.weights, width))
                line[column + 1], line[column + 2] = memory.add(delays), width if each else 1
    joined = memory.joined()
    carried = [
        (_part(joined, line[STATES], states), _part(joined, line[PENDING], pending))
        for line, (states, pending) in zip(program, shapes)
    ]
    return Plan(program, joined, weights.joined(), int(program[:, WIDTH].sum()), carried)


def _widened(values: NDArray[Any], width: int) -> NDArray[Any]:
    return np.pad(values, ((0, 0), (0, width - values.shape[1])))


def _part(memory: NDArray[Any], place: int, shape: tuple[int, ...]) -> NDArray[Any]:
    return memory[place : place + int(np.prod(shape))].reshape(shape)


@compile_kernel
def are_binary(inputs, start, stop):
    """Return whether the inputs of the streams `start` to `stop` are 0 or 1; uint8 (B, T, S)."""
    used = np.uint8(0)
    for value in inputs[start:stop].flat:
        used |= value
    return used <= 1


@compile_kernel
def run_streams(start, stop, program, memory, weights, now, inputs, sent, overflows):
    """Run the streams `start` to `stop` from step `now` on, unless their inputs are not binary.

    inputs uint8 (B, T, S), S a multiple of OCTET. Output: sent uint8 (B, T, W of all layers),
    spikes; overflows int64 (layers, 2, B), numbers of wraps and clips are added; returns whether
    the inputs are binary.
    """
    if not are_binary(inputs, start, stop):
        return False
    _, steps, senders = inputs.shape
    longest = max(senders, program[:, WIDTH].max()) + SPARE
    arriving, fired = np.empty(longest, np.int32), np.empty(longest, np.int32)
    for stream in range(start, stop):
        buffer = inputs[stream].reshape(-1)
        for t in range(steps):
            spikes = sent[stream, t]
            count = list_spikes(buffer, senders, t, t + 1, arriving)
            for layer in range(len(program)):
                counts = overflows[layer, :, stream]
                count = _step_layer(
                    program[layer], memory, weights, (now + t, stream), arriving, count, fired,
                    spikes, counts,
                )  # fmt: skip
                arriving, fired = fired, arriving
    return True


@kernel
def _step_layer(line, memory, weights, at, arriving, count, fired, spikes, counts):
    """Step a layer's neurons, list their spikes in `fired`, and return their number.

    at: step and stream. Output: spikes uint8 (W of all layers,), counts int64 (2,), see above.
    """
    now, stream = at
    width, rows = line[WIDTH], line[ROWS]
    pending = line[PENDING] + stream * rows * width
    place = pending + (now & (rows - 1)) * width
    number = 0
    for column in range(0, width, LANES):
        bits = _step_neurons(line, memory, place, stream, column, spikes, counts)
        for octet in range(0, LANES, OCTET):
            byte = (bits >> uint64(octet)) & _BYTE
            number = list_octet(byte, column + octet, fired, number)
    _receive(line, INPUT, memory, weights, now, pending, arriving, count)
    if line[OWN] >= 0:
        _receive(line, OWN, memory, weights, now, pending, fired, number)
    return number


@kernel
def _step_neurons(line, memory, place, stream, column, spikes, counts):
    """Step LANES neurons with the pending input from `place` on, clear it, and return spikes."""
    width = line[WIDTH]
    factors = line[PARAMETERS] + column
    u_at = line[STATES] + stream * 3 * width + column
    v_at = u_at + width
    weighted = load(memory, place + column, LANES) << _ACTIVATION_SHIFT
    store(memory, place + column, spread(0, 32, LANES))
    driven = decay(load(memory, u_at, LANES), load(memory, factors, LANES)) + weighted
    u = wrap_current(driven)
    charged = decay(load(memory, v_at, LANES), load(memory, factors + width, LANES)) + u
    charged = charged + load(memory, factors + 2 * width, LANES)
    v = clip_voltage(charged)
    counts[0] += count_bits(bits_of(u != driven))
    counts[1] += count_bits(bits_of(v != charged))
    spike = v > line[THRESHOLD]
    store(memory, u_at, u)
    store(memory, v_at, select(spike, 0, v))
    store(spikes, line[FIRST] + column, spike)
    return bits_of(spike)


@kernel
def _receive(line, column, memory, weights, now, pending, senders, count):
    """Add the weights of spikes to the pending input of the steps of their arrival."""
    width, rows, each = line[WIDTH], line[ROWS], line[column + 2]
    for k in range(count):
        sender = int64(senders[k])
        row, delays = line[column] + sender * width, line[column + 1] + sender * each
        if each == 1:
            place = pending + ((now + 1 + memory[delays]) & (rows - 1)) * width
            for j in range(0, width, LANES):
                add_to(memory, place + j, load(weights, row + j, LANES))
        else:
            for j in range(width):
                place = pending + ((now + 1 + memory[delays + j]) & (rows - 1)) * width
                memory[place + j] += weights[row + j]
