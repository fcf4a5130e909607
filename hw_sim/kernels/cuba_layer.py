"""The kernel for a dense layer of CUBA LIF neurons over a batch.

B samples, T time steps, S senders, N neurons padded to a multiple of LANES. Time is split into
chunks. For each chunk, list the spikes that arrive, add their senders' rows of weights to a ring
buffer of future inputs according to the delays, then step each group of neurons through the whole
chunk with its states in registers. A dense layer has no feedback, so this order is valid. Wide
layers are split into K tiles of W neurons, so that the ring buffer of a tile stays in the cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import int64, uint64
from numpy.typing import NDArray

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
    widen,
)
from neurodeploy.models import loihi
from neurodeploy.models.compiling import compile_kernel

SENDER_BITS = 16
OCTET = 8
"""Spikes are listed eight at a time: rows of arriving spikes are padded to a multiple of this."""

SPARE = OCTET
"""Entries that a list needs in addition to those of its spikes."""

_SENDER_MASK = (1 << SENDER_BITS) - 1
_BYTE = uint64(255)
_PLACES = np.array(
    [
        [bit for bit in range(8) if byte >> bit & 1] + [0] * (8 - byte.bit_count())
        for byte in range(256)
    ],
    np.int8,
).reshape(-1)


@kernel
def list_octet(byte, code, events, count):
    """Append the spikes of eight senders, one bit each, to a list; return its new length."""
    places = widen(load(_PLACES, int64(byte) * OCTET, OCTET), 32)
    store(events, count, places + code)
    return count + count_bits(byte)


@kernel
def list_spikes(buffer, width, start, stop, events):
    """List the spikes of the steps `start` to `stop` in `events`, int32; return their number.

    buffer uint8 (T * width,), 0 or 1, width a multiple of OCTET. An event is the step, counted from
    `start`, << SENDER_BITS | the sender.
    """
    count = 0
    whole = width // LANES * LANES
    for t in range(start, stop):
        at, code = t * width, (t - start) << SENDER_BITS
        for k in range(0, whole, LANES):
            fired = bits_of(load(buffer, at + k, LANES) != 0)
            for octet in range(0, LANES, OCTET):
                byte = (fired >> uint64(octet)) & _BYTE
                count = list_octet(byte, code + k + octet, events, count)
        for k in range(whole, width, OCTET):
            byte = bits_of(load(buffer, at + k, OCTET) != 0)
            count = list_octet(byte, code + k, events, count)
    return count


@kernel
def sort_by_arrival(events, count, start, sender_delays, first, ordered):
    """Sort a list of spikes that starts at step `start` by the step of their arrival.

    sender_delays int32 (senders,). Output: ordered int32, the senders; first int64 (ring + 1,):
    those of slot s of the ring buffer are ordered[first[s] : first[s + 1]].
    """
    ring = first.size - 1
    first[:] = 0
    for k in range(count):
        first[_slot(events[k], start, sender_delays, ring)] += 1
    total = 0
    for slot in range(ring):
        total += first[slot]
        first[slot] = total
    first[ring] = total
    for k in range(count - 1, -1, -1):
        slot = _slot(events[k], start, sender_delays, ring)
        first[slot] -= 1
        ordered[first[slot]] = events[k] & _SENDER_MASK


@kernel
def _slot(event, start, sender_delays, ring):
    code = int64(event)
    step = start + (code >> SENDER_BITS) + 1 + sender_delays[code & _SENDER_MASK]
    return step & (ring - 1)


@kernel
def add_rows(plan, tile, totals, events, count, start):
    """Add the row of weights of each spike's sender to the totals of the step of its arrival.

    totals (ring * W,), events as in `list_spikes`.
    """
    width, senders = plan.width, plan.weights.shape[1]
    weights = plan.weights.reshape(-1)
    block, first = senders * LANES, tile * width * senders
    for k in range(count):
        code = int64(events[k])
        sender = code & _SENDER_MASK
        step = start + (code >> SENDER_BITS) + 1 + plan.sender_delays[sender]
        at, row = (step & (plan.ring - 1)) * width, first + sender * LANES
        add_to(totals, at, load(weights, row, LANES))
        if width > LANES:  # most layers are this narrow, and a loop would be slower
            add_to(totals, at + LANES, load(weights, row + block, LANES))
            for j in range(2, width // LANES):
                add_to(totals, at + j * LANES, load(weights, row + j * block, LANES))


@kernel
def sum_rows(plan, tile, totals, first, ordered):
    """Do the same as `add_rows` for spikes in the order of their arrival.

    For LANES neurons at a time, all spikes of a step are summed in registers, in 16 bits as long as
    no sum can exceed them. Their part of the weights, S * LANES numbers, stays in the cache.
    """
    width = plan.width
    for column in range(0, width, LANES):
        weights = plan.weights[(tile * width + column) // LANES].reshape(-1)
        for slot in range(plan.ring):
            for begin in range(first[slot], first[slot + 1], plan.summed):
                total = spread(0, 16, LANES)
                for k in range(begin, min(begin + plan.summed, first[slot + 1])):
                    row = load(weights, int64(ordered[k]) * LANES, LANES)
                    total = total + widen(row, 16)
                add_to(totals, slot * width + column, total)


@kernel
def scatter_rows(plan, tile, totals, events, count, start):
    """Do the same as `add_rows` with a delay per synapse."""
    width = plan.width
    for k in range(count):
        code = int64(events[k])
        sender, step = code & _SENDER_MASK, start + (code >> SENDER_BITS) + 1
        for column in range(0, width, LANES):
            block = (tile * width + column) // LANES
            weights, delays = plan.weights[block, sender], plan.synapse_delays[block, sender]
            for j in range(LANES):
                at = ((step + delays[j]) & (plan.ring - 1)) * width + column + j
                totals[at] += weights[j]


_CACHE_LINE = 64


class Scratch(NamedTuple):
    """The buffers of a thread, reused for all samples.

    Attributes:
        totals: ring buffer of future inputs, (ring * W,); all 0 between samples.
        current: u of a tile's neurons, int32 (W,).
        voltage: v of a tile's neurons, int32 (W,).
        events: spikes of a chunk, int32.
        ordered: their senders, sorted by arrival, int32.
        first: index of the first sender of each step in `ordered`, int64 (ring + 1,).
    """

    totals: NDArray[Any]
    current: NDArray[np.int32]
    voltage: NDArray[np.int32]
    events: NDArray[np.int32]
    ordered: NDArray[np.int32]
    first: NDArray[np.int64]


@compile_kernel
def aligned_zeros(size, like):
    """Return zeros with the dtype of `like`, aligned to a cache line."""
    spare = _CACHE_LINE // like.itemsize
    room = np.zeros(size + spare, like.dtype)
    skipped = (-room.ctypes.data % _CACHE_LINE) // like.itemsize
    return room[skipped : skipped + size]


@compile_kernel
def make_scratch(plan, senders):
    """Return the buffers for a tile; senders includes the padding."""
    width, events = plan.width, plan.chunk * senders + SPARE
    return Scratch(
        aligned_zeros(plan.ring * width, plan.totals),
        aligned_zeros(width, plan.bias),
        aligned_zeros(width, plan.bias),
        np.empty(events, np.int32),
        np.empty(events, np.int32),
        np.empty(plan.ring + 1, np.int64),
    )


@kernel
def clear(plan, totals, start, stop):
    """Set the totals of the steps `start` to `stop` to 0."""
    width = plan.width
    for t in range(start, stop):
        at = (t & (plan.ring - 1)) * width
        for j in range(at, at + width, LANES):
            store(totals, j, spread(0, 8, LANES))


@kernel
def receive(plan, tile, buffer, start, stop, scratch):
    """Add the weights of the spikes of the steps `start` to `stop` to the totals."""
    senders = buffer.shape[1]
    events = scratch.events
    count = list_spikes(buffer.reshape(-1), senders, start, stop, events)
    if plan.synapse_delays.size:
        scatter_rows(plan, tile, scratch.totals, events, count, start)
    elif count < plan.crowd * (stop - start):
        add_rows(plan, tile, scratch.totals, events, count, start)
    else:
        first, ordered = scratch.first, scratch.ordered
        sort_by_arrival(events, count, start, plan.sender_delays, first, ordered)
        sum_rows(plan, tile, scratch.totals, first, ordered)


@kernel
def run_tile(plan, tile, buffer, spikes, states, scratch):
    """Run the neurons of one tile over one sample; return the numbers of wraps and clips.

    buffer uint8 (T, S). Output: spikes uint8 (T * K * W,); states, u and v, int32 (T * K * W,)
    each, or empty.
    """
    steps, width = buffer.shape[0], plan.width
    scratch.current[:] = 0
    scratch.voltage[:] = 0
    wraps, clips = 0, 0
    chunks = -(-steps // plan.chunk)
    for chunk in range(chunks):
        start, stop = steps * chunk // chunks, steps * (chunk + 1) // chunks
        receive(plan, tile, buffer, start, stop, scratch)
        for column in range(0, width, LANES):
            arguments = (plan, tile * width, column, scratch, (start, stop), spikes)
            if states[1].size or not advance(*arguments):
                wrapped, clipped = advance_counting(*arguments, states)
                wraps += wrapped
                clips += clipped
        clear(plan, scratch.totals, start, stop)
    clear(plan, scratch.totals, steps, steps + plan.ring - plan.chunk)
    return wraps, clips


_DECAY_SHIFT = loihi.DECAY_SHIFT
_LOW = loihi.DECAY_ONE - 1
_SIGN = 31
_LIMIT, _SPAN = loihi.CURRENT_LIMIT, 2 * loihi.CURRENT_LIMIT
_VOLTAGE_MAX = loihi.VOLTAGE_MAX
SURE = loihi.CURRENT_LIMIT // 2 - 1


@kernel
def decay(state, factor):
    """Return sign(state) * ((|state| * factor) >> 12) of int32 lanes, as `models.cuba.decay` does.

    With state = high * 4096 + low, 0 <= low < 4096, it is high * factor + ((low * factor) >> 12),
    where 4095 added to the product below 0 makes the shift, which rounds down, round toward zero.
    """
    upward = (state >> _SIGN) & _LOW
    return (state >> _DECAY_SHIFT) * factor + (((state & _LOW) * factor + upward) >> _DECAY_SHIFT)


@kernel
def wrap_current(u):
    """Return int32 lanes wrapped once into (-2^23, 2^23], as `models.cuba.wrap_current` does."""
    return select(u > _LIMIT, u - _SPAN, select(u < 1 - _LIMIT, u + _SPAN, u))


@kernel
def clip_voltage(v):
    """Return int32 lanes clipped to +-(2^23 - 1), as `models.cuba.clip_voltage` does."""
    return select(v > _VOLTAGE_MAX, _VOLTAGE_MAX, select(v < -_VOLTAGE_MAX, -_VOLTAGE_MAX, v))


@kernel
def _constants(plan, at):
    return (
        load(plan.current_factor, at, LANES),
        load(plan.voltage_factor, at, LANES),
        load(plan.bias, at, LANES),
    )


@kernel
def _input(plan, scratch, t, column):
    """Return the weighted input of step t in the scale of the states, int32 lanes."""
    at = (t & (plan.ring - 1)) * plan.width + column
    return widen(load(scratch.totals, at, LANES), 32) << plan.shift


@kernel
def advance(plan, first, column, scratch, span, spikes):
    """Step LANES neurons through a chunk without overflow checks; return whether none occurred.

    Counting wraps and clips takes a third of the time of an update, and they are rare. Instead,
    this collects all bits that the states use, and the caller repeats a chunk that may have
    overflowed.

    first: index of the tile's first neuron in the layer; column: that of the neurons in the tile;
    span: start and stop of the steps. Output: spikes uint8 (T * K * W,), states in `scratch`.
    """
    start, stop = span
    factor_u, factor_v, bias = _constants(plan, first + column)
    u, v = load(scratch.current, column, LANES), load(scratch.voltage, column, LANES)
    used = spread(0, 32, LANES)
    whole = plan.bias.size
    for t in range(start, stop):
        u = decay(u, factor_u) + _input(plan, scratch, t, column)
        v = decay(v, factor_v) + u + bias
        used = used | (u ^ (u >> _SIGN)) | (v ^ (v >> _SIGN))
        fired = v > plan.threshold
        v = select(fired, 0, v)
        store(spikes, t * whole + first + column, fired)
    if bits_of(used > SURE):
        return False
    store(scratch.current, column, u)
    store(scratch.voltage, column, v)
    return True


@kernel
def advance_counting(plan, first, column, scratch, span, spikes, states):
    """Do the same as `advance` with 24-bit states; return the numbers of wraps of u and clips of v.

    states: output, u and v after every step, int32 (T * K * W,) each, or empty.
    """
    start, stop = span
    factor_u, factor_v, bias = _constants(plan, first + column)
    u, v = load(scratch.current, column, LANES), load(scratch.voltage, column, LANES)
    wraps, clips = 0, 0
    whole = plan.bias.size
    for t in range(start, stop):
        driven = decay(u, factor_u) + _input(plan, scratch, t, column)
        u = wrap_current(driven)
        charged = decay(v, factor_v) + u + bias
        v = clip_voltage(charged)
        wraps += count_bits(bits_of(u != driven))
        clips += count_bits(bits_of(v != charged))
        fired = v > plan.threshold
        v = select(fired, 0, v)
        store(spikes, t * whole + first + column, fired)
        if states[0].size:
            store(states[0], t * whole + first + column, u)
        if states[1].size:
            store(states[1], t * whole + first + column, v)
    store(scratch.current, column, u)
    store(scratch.voltage, column, v)
    return wraps, clips


@compile_kernel
def run_layer(start, stop, plan, buffer, spikes, out_u, out_v, overflows):
    """Run items `start` to `stop` of the K * B pairs of a tile and a sample.

    buffer uint8 (B, T, S), 0 or 1. Output: spikes uint8 (B, T, K * W); out_u and out_v int32 (B, T,
    K * W), or with B = 0; overflows int64 (2, K, B), the numbers of wraps and clips.
    """
    batch, scratch = len(buffer), make_scratch(plan, buffer.shape[2])
    for item in range(start, stop):
        tile, sample = item // batch, item % batch
        u, v = min(sample, len(out_u)), min(sample, len(out_v))
        states = (out_u[u : u + 1].reshape(-1), out_v[v : v + 1].reshape(-1))
        fired = spikes[sample].reshape(-1)
        wraps, clips = run_tile(plan, tile, buffer[sample], fired, states, scratch)
        overflows[0, tile, sample], overflows[1, tile, sample] = wraps, clips
