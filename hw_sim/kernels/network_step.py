"""Step a whole network of dense and recurrent layers of CUBA LIF neurons in one call.

Layers run one after the other in each step, not step by step in each layer, so that a stream can go
on with any number of steps. Calls are what takes the time of a single step, so the arrays of all
layers are parts of three: the `program`, int64 (layers, columns below), `memory`, int32, with
parameters, delays and states, and `weights`, int16. Neurons are padded to W, a multiple of LANES.

Spikes in flight are kept as bits, one per sender in the row of the step of their arrival, so that
the state of a thousand streams is small. Delays that differ between the synapses of a sender cannot
be kept so; their weights are added to rows of pending input.
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
    bits_of,
    count_bits,
    kernel,
    load,
    select,
    spread,
    store,
    widen,
)
from neurodeploy.models import loihi
from neurodeploy.models.compiling import compile_kernel

WIDTH, ROWS, STATES, PENDING, PARAMETERS, THRESHOLD, FIRST = range(7)
"""Columns of the program: W; number of rows of pending input; places in `memory`; threshold of v;
index of the layer's first neuron among all."""

INPUT, OWN = 7, 12
"""First columns of the synapses of the input and of the layer's own spikes (recurrent)."""

WEIGHTS, DELAYS, FLIGHT, FLIGHT_ROWS, WORDS = range(5)
"""Columns of synapses after the first one: place of the weights, (S, W), or -1 if there are none;
of the delays, (S,), or (S, W) one per synapse; of the bits of spikes in flight, or -1 with a delay
per synapse; number of their rows, and words of 32 bits in a row."""

COLUMNS = 17

WORD = 32
"""Senders per word of spikes in flight."""

_ACTIVATION_SHIFT = loihi.ACTIVATION_SHIFT
_WORD_BITS = uint64((1 << WORD) - 1)
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
        synapses: of the input.
        own: of the layer's own spikes, empty if it is not recurrent.
    """

    factors: NDArray[np.int32]
    threshold: int
    synapses: Synapses
    own: Synapses


class Plan(NamedTuple):
    """A network for `run_streams`, and its states.

    Attributes:
        program: int64 (layers, COLUMNS).
        memory: int32, everything but the weights.
        weights: int16.
        width: sum of the W of all layers.
        voltage: v of the last layer, int32 (B, W), a part of `memory`.
    """

    program: NDArray[np.int64]
    memory: NDArray[np.int32]
    weights: NDArray[np.int16]
    width: int
    voltage: NDArray[np.int32]


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
    memory, weights, first = _Pool(np.int32), _Pool(np.int16), 0
    for line, layer in zip(program, layers):
        width = padded(layer.factors.shape[1])
        line[WIDTH], line[ROWS], line[THRESHOLD], line[FIRST] = width, 1, layer.threshold, first
        line[PARAMETERS] = memory.add(_widened(layer.factors, width))
        line[STATES] = memory.add(np.zeros((streams, 2, width)))
        for column, synapses in ((INPUT, layer.synapses), (OWN, layer.own)):
            if synapses.weights.size:
                _plan_synapses(line, line[column:], synapses, streams, memory, weights)
        line[PENDING] = memory.add(np.zeros((streams, line[ROWS], width)))
        first += width
    joined, last = memory.joined(), program[-1]
    states = joined[last[STATES] : last[STATES] + streams * 2 * last[WIDTH]]
    voltage = states.reshape(streams, 2, last[WIDTH])[:, 1]
    return Plan(program, joined, weights.joined(), first, voltage)


def _plan_synapses(
    line: NDArray[np.int64],
    columns: NDArray[np.int64],
    synapses: Synapses,
    streams: int,
    memory: _Pool,
    weights: _Pool,
) -> None:
    """Fill the columns of synapses, and raise the number of rows of pending input if needed."""
    senders, width = len(synapses.weights), int(line[WIDTH])
    rows = 1 << int(synapses.delays.max()).bit_length()  # more than the longest delay
    columns[WEIGHTS] = weights.add(_widened(synapses.weights, width))
    if synapses.delays.shape[1] > 1:
        columns[DELAYS] = memory.add(_widened(synapses.delays, width))
        line[ROWS] = max(line[ROWS], rows)
        return
    columns[DELAYS] = memory.add(synapses.delays)
    columns[FLIGHT_ROWS], columns[WORDS] = rows, -(-senders // WORD)
    columns[FLIGHT] = memory.add(np.zeros((streams, rows, columns[WORDS])))


def _widened(values: NDArray[Any], width: int) -> NDArray[Any]:
    return np.pad(values, ((0, 0), (0, width - values.shape[1])))


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
    landed, rows = np.empty(longest, np.int32), np.empty(2 * longest, np.int64)
    for stream in range(start, stop):
        buffer = inputs[stream].reshape(-1)
        for t in range(steps):
            spikes, at = sent[stream, t], (now + t, stream)
            count = list_spikes(buffer, senders, t, t + 1, arriving)
            for layer in range(len(program)):
                line, counts = program[layer], overflows[layer, :, stream]
                number = _arrive(line, INPUT, memory, at, landed, rows, 0)
                number = _arrive(line, OWN, memory, at, landed, rows, number)
                width = line[WIDTH]
                place = line[PENDING] + (stream * line[ROWS] + (at[0] & (line[ROWS] - 1))) * width
                following = 0
                for column in range(0, width, LANES):
                    bits = _step_neurons(
                        line, memory, weights, place, stream, column, (rows, number), spikes, counts
                    )
                    for octet in range(0, LANES, OCTET):
                        byte = (bits >> uint64(octet)) & _BYTE
                        following = list_octet(byte, column + octet, fired, following)
                _send(line, INPUT, memory, weights, at, arriving, count)
                _send(line, OWN, memory, weights, at, fired, following)
                arriving, fired, count = fired, arriving, following
    return True


@kernel
def _arrive(line, column, memory, at, landed, rows, number):
    """Append the places of the rows of weights of the spikes that arrive in a step to `rows`, and
    clear their bits; return the new length.

    at: step and stream. landed int32, rows int64: room for all senders.
    """
    flight, words = line[column + FLIGHT], line[column + WORDS]
    if flight < 0:
        return number
    now, stream = at
    flight_rows = line[column + FLIGHT_ROWS]
    flight += (stream * flight_rows + (now & (flight_rows - 1))) * words
    count = 0
    for word in range(words):
        bits = uint64(memory[flight + word]) & _WORD_BITS
        memory[flight + word] = 0
        for octet in range(0, WORD, OCTET):
            byte = (bits >> uint64(octet)) & _BYTE
            count = list_octet(byte, word * WORD + octet, landed, count)
    for k in range(count):
        rows[number + k] = line[column + WEIGHTS] + landed[k] * line[WIDTH]
    return number + count


@kernel
def _step_neurons(line, memory, weights, place, stream, column, arrived, spikes, counts):
    """Step LANES neurons and return their spikes as bits.

    Their input is what is pending from `place` on, which is cleared, and the weights of the spikes
    that have `arrived`, places of rows and their number. Output: spikes uint8 (W of all layers,),
    counts int64 (2,), numbers of wraps and clips.
    """
    width = line[WIDTH]
    rows, number = arrived
    factors = line[PARAMETERS] + column
    u_at = line[STATES] + stream * 2 * width + column
    v_at = u_at + width
    weighted = load(memory, place + column, LANES)
    store(memory, place + column, spread(0, 32, LANES))
    for k in range(number):
        weighted = weighted + widen(load(weights, rows[k] + column, LANES), 32)
    driven = decay(load(memory, u_at, LANES), load(memory, factors, LANES))
    driven = driven + (weighted << _ACTIVATION_SHIFT)
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
def _send(line, column, memory, weights, at, senders, count):
    """Note the spikes of a step in the rows of the steps of their arrival."""
    if line[column + WEIGHTS] < 0:
        return
    now, stream = at
    delays, width = line[column + DELAYS], line[WIDTH]
    flight, rows, words = line[column + FLIGHT], line[column + FLIGHT_ROWS], line[column + WORDS]
    if flight >= 0:
        flight += stream * rows * words
        for k in range(count):
            sender = int64(senders[k])
            row = (now + 1 + memory[delays + sender]) & (rows - 1)
            memory[flight + row * words + sender // WORD] |= int64(1) << (sender % WORD)
        return
    rows = line[ROWS]
    pending = line[PENDING] + stream * rows * width
    for k in range(count):
        row = int64(senders[k]) * width
        for j in range(row, row + width):
            step = (now + 1 + memory[delays + j]) & (rows - 1)
            memory[pending + step * width + j - row] += weights[line[column + WEIGHTS] + j]
