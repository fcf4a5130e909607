"""The compiled kernels of the fast backend: one dense layer of CUBA LIF neurons over a batch.

Arrays: B samples, T time steps, S senders, N neurons. Spikes are kept step by step as bytes 0 or 1,
each row padded to a multiple of eight, so that eight neurons are looked at in one word. A spike
that arrives in step t is added to the current in step t + 1, the one step that every layer takes.
"""

from __future__ import annotations

import numpy as np
from numba import int32, njit, prange
from numba.cpython.unsafe.numbers import trailing_zeros

from models import loihi
from models.cuba import clip_voltage, compiled, decay, wrap_current

_ACTIVATION_SHIFT = loihi.ACTIVATION_SHIFT
_RING = 1 << loihi.DELAY_MAX.bit_length()
_ONE = np.uint64(1)


def _parallel(function):
    return njit(cache=True, nogil=True, parallel=True, error_model="numpy")(function)


@compiled
def list_events(words, shift, events, counts):
    """List the senders that reach each step, delayed by `shift`; what falls past the end is lost.

    words uint64 (T, S / 8) of eight bytes 0 or 1, shift int32 (S,) -> events int32 (T, S), counts
    int64 (T,).
    """
    steps = words.shape[0]
    counts[:] = 0
    for t in range(steps):
        for k in range(words.shape[1]):
            word = words[t, k]
            while word:
                sender = 8 * k + (int32(trailing_zeros(word)) >> 3)  # type: ignore[operator, call-arg]
                word &= word - _ONE
                arrival = t + shift[sender]
                if arrival < steps:
                    events[arrival, counts[arrival]] = sender
                    counts[arrival] += 1


@compiled
def add_rows(total, rows, events):
    """Set total int32 (N,) to the sum of the rows of weights of the senders in `events`.

    Four rows at a time, so that the total is loaded and stored once for four.
    """
    total[:] = 0
    fours = events.size & ~3
    for k in range(0, fours, 4):
        a, b = rows[events[k]], rows[events[k + 1]]
        c, d = rows[events[k + 2]], rows[events[k + 3]]
        for j in range(total.size):
            pair = int32(int32(a[j]) + int32(b[j]))
            total[j] = int32(total[j] + int32(pair + int32(int32(c[j]) + int32(d[j]))))
    for k in range(fours, events.size):
        a = rows[events[k]]
        for j in range(total.size):
            total[j] = int32(total[j] + int32(a[j]))


@compiled
def scatter_rows(ring, rows, delays, events, t):
    """Add the rows of the senders that arrived in step t to the ring of future inputs.

    ring int32 (R, N), rows int16 (S, N), delays int8 (S, N).
    """
    for sender in events:
        for j in range(rows.shape[1]):
            slot = (t + 1 + delays[sender, j]) % _RING
            ring[slot, j] += rows[sender, j]


@compiled
def step_neurons(total, kept_current, kept_voltage, threshold, current, voltage, fired):
    """Advance N neurons by one step; see `models.cuba` for the equations.

    total int32 (N,) is the weighted input; current and voltage int32 (N,) are updated; fired
    uint8 (N,) tells who spiked. Returns how many u wrapped and how many v were clipped.
    """
    wraps, clips = int32(0), int32(0)
    for j in range(total.size):
        driven = int32(decay(current[j], kept_current[j]) + int32(total[j] << _ACTIVATION_SHIFT))
        u = wrap_current(driven)
        charged = int32(decay(voltage[j], kept_voltage[j]) + u)
        v = clip_voltage(charged)
        wraps += int32(u != driven)
        clips += int32(v != charged)
        spike = v > threshold
        current[j] = u
        voltage[j] = int32(0) if spike else v
        fired[j] = spike
    return wraps, clips


@_parallel
def run_layer(
    words, shift, rows, delays, kept_current, kept_voltage, threshold,
    spikes, out_u, out_v, overflows,
):  # fmt: skip
    """Run a layer over a batch, samples in parallel.

    words uint64 (B, T, S / 8) and shift int32 (S,) as in `list_events`; rows int16 (S, N); delays
    int8 (S, N), one a synapse, or (0, 0) for none; kept_current and kept_voltage int32 (N,) and
    threshold int32 as in `step_neurons` -> spikes uint8 (B, T, N padded), states int32 (B, T, N)
    unless B is 0, wraps and clips in overflows int64 (2, B).
    """
    batch, steps, width = words.shape
    neurons = rows.shape[1]
    synaptic = delays.size > 0
    for sample in prange(batch):
        events = np.empty((steps, 8 * width), np.int32)
        counts = np.empty(steps, np.int64)
        ring = np.zeros((_RING if synaptic else 1, neurons), np.int32)
        current = np.zeros(neurons, np.int32)
        voltage = np.zeros(neurons, np.int32)
        list_events(words[sample], shift, events, counts)
        for t in range(steps):
            total = ring[t % _RING if synaptic else 0]
            if not synaptic and t > 0:
                add_rows(total, rows, events[t - 1, : counts[t - 1]])
            wraps, clips = step_neurons(
                total, kept_current, kept_voltage, threshold,
                current, voltage, spikes[sample, t, :neurons],
            )  # fmt: skip
            overflows[0, sample] += wraps
            overflows[1, sample] += clips
            if synaptic:
                total[:] = 0
                scatter_rows(ring, rows, delays, events[t, : counts[t]], t)
            if out_u.shape[0]:
                out_u[sample, t] = current
                out_v[sample, t] = voltage
