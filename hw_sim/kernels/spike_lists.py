"""Lists of the spikes in a stretch of time, made without a branch that depends on the spikes.

Whether a neuron fires is what no processor can predict, and a wrong guess costs as much as ten
neuron updates. So every group of eight bytes writes eight entries, of which as many count as it
holds spikes; the next group overwrites the others.

One spike is one int32 code: the step since the stretch began, shifted left by 16, plus the sender.
"""

from __future__ import annotations

import numpy as np
from numba import int64, uint64

from neurodeploy.hw_sim.kernels.lanes import bits_of, count_bits, kernel, load, store, widen

LANES = 64
"""Rows of weights, outgoing spikes and states are padded to a multiple of this."""

SENDER_BITS = 16
OCTET = 8
"""Spikes are looked at in eights: rows of arriving spikes are padded to a multiple of this."""

SPARE = OCTET
"""How many entries more than spikes a list needs room for."""

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
def _list_octet(byte, code, events, count):
    """Add the spikes of eight senders, one bit each, to a list; return its new length."""
    places = widen(load(_PLACES, int64(byte) * OCTET, OCTET), 32)
    store(events, count, places + code)
    return count + count_bits(byte)


@kernel
def list_spikes(frames, width, start, stop, events):
    """List the spikes of the steps `start` to `stop`, step by step; return how many there are.

    frames uint8 (T * width,), 0 or 1, width a multiple of OCTET -> events int32.
    """
    count = 0
    whole = width // LANES * LANES
    for t in range(start, stop):
        at, code = t * width, (t - start) << SENDER_BITS
        for k in range(0, whole, LANES):
            fired = bits_of(load(frames, at + k, LANES) != 0)
            for octet in range(0, LANES, OCTET):
                byte = (fired >> uint64(octet)) & _BYTE
                count = _list_octet(byte, code + k + octet, events, count)
        for k in range(whole, width, OCTET):
            byte = bits_of(load(frames, at + k, OCTET) != 0)
            count = _list_octet(byte, code + k, events, count)
    return count


@kernel
def sort_by_arrival(events, count, start, sender_delays, first, ordered):
    """Order a list that begins in step `start` by the step in which the spikes count.

    sender_delays int32 (senders,) -> first int64 (ring + 1,), ordered int32: the senders whose
    spikes count in the steps that are `slot` in the ring stand from first[slot] to first[slot + 1].
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
