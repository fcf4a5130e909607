"""The compiled kernels of the fast backend: one dense layer of CUBA LIF neurons over a batch.

Arrays: B samples, S senders, N neurons, T time steps. A spike that arrives in step t is added to
the current in step t + 1, the one step that every layer takes.
"""

from __future__ import annotations

import numpy as np
from numba import int32, njit, prange

from models import loihi
from models.cuba import clip_voltage, compiled, decay, wrap_current

_ACTIVATION_SHIFT = loihi.ACTIVATION_SHIFT
_RING = 1 << loihi.DELAY_MAX.bit_length()


def _parallel(function):
    return njit(cache=True, nogil=True, parallel=True, error_model="numpy")(function)


@compiled
def list_events(raster, shift, events, counts):
    """List the senders that reach each step, delayed by `shift`; what falls past the end is lost.

    raster uint8 (S, T), shift int32 (S,) -> events int32 (T, S), counts int64 (T,).
    """
    steps = raster.shape[1]
    counts[:] = 0
    for sender in range(raster.shape[0]):
        delay = shift[sender]
        row = raster[sender]
        for t in range(steps - delay):
            if row[t]:
                arrival = t + delay
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


@compiled
def emit(fired, receiver, t, spikes):
    """Write the spikes of step t into spikes uint8 (N, T), each delayed by its neuron's delay."""
    steps = spikes.shape[1]
    for j in range(fired.size):
        if fired[j]:
            at = t + receiver[j]
            if at < steps:
                spikes[j, at] = 1


@compiled
def keep_states(current, voltage, receiver, t, kept_u, kept_v):
    """Write the states of step t into int32 (N, T) arrays, delayed like the spikes."""
    steps = kept_u.shape[1]
    for j in range(current.size):
        at = t + receiver[j]
        if at < steps:
            kept_u[j, at] = current[j]
            kept_v[j, at] = voltage[j]


@_parallel
def run_shifted(
    arriving, rows, sender, receiver, kept_current, kept_voltage, threshold,
    spikes, out_u, out_v, overflows,
):  # fmt: skip
    """Run a layer whose delays belong to senders or to receivers.

    arriving uint8 (B, S, T), rows int16 (S, N), sender int32 (S,) and receiver int32 (N,) delays,
    kept_current and kept_voltage int32 (N,), threshold int32 -> spikes uint8 (B, N, T), out_u and
    out_v int32 (B, N, T) unless their first length is 0, wraps and clips in overflows int64 (2, B).
    """
    batch, senders, steps = arriving.shape
    neurons = rows.shape[1]
    for sample in prange(batch):
        events = np.empty((steps, senders), np.int32)
        counts = np.empty(steps, np.int64)
        total = np.zeros(neurons, np.int32)
        current = np.zeros(neurons, np.int32)
        voltage = np.zeros(neurons, np.int32)
        fired = np.zeros(neurons, np.uint8)
        list_events(arriving[sample], sender, events, counts)
        for t in range(steps):
            if t > 0:
                add_rows(total, rows, events[t - 1, : counts[t - 1]])
            wraps, clips = step_neurons(
                total, kept_current, kept_voltage, threshold, current, voltage, fired
            )
            overflows[0, sample] += wraps
            overflows[1, sample] += clips
            emit(fired, receiver, t, spikes[sample])
            if out_u.shape[0]:
                keep_states(current, voltage, receiver, t, out_u[sample], out_v[sample])


@compiled
def scatter_rows(ring, rows, delays, events, t):
    """Add the rows of the senders that arrived in step t to the ring of future inputs.

    ring int32 (R, N), rows int16 (S, N), delays int8 (S, N).
    """
    for sender in events:
        for j in range(rows.shape[1]):
            slot = (t + 1 + delays[sender, j]) % _RING
            ring[slot, j] += rows[sender, j]


@_parallel
def run_synaptic(
    arriving, rows, delays, kept_current, kept_voltage, threshold,
    spikes, out_u, out_v, overflows,
):  # fmt: skip
    """Run a layer with one delay a synapse, delays int8 (S, N); the rest as in `run_shifted`."""
    batch, senders, steps = arriving.shape
    neurons = rows.shape[1]
    none_sender = np.zeros(senders, np.int32)
    none_receiver = np.zeros(neurons, np.int32)
    for sample in prange(batch):
        events = np.empty((steps, senders), np.int32)
        counts = np.empty(steps, np.int64)
        ring = np.zeros((_RING, neurons), np.int32)
        current = np.zeros(neurons, np.int32)
        voltage = np.zeros(neurons, np.int32)
        fired = np.zeros(neurons, np.uint8)
        list_events(arriving[sample], none_sender, events, counts)
        for t in range(steps):
            total = ring[t % _RING]
            wraps, clips = step_neurons(
                total, kept_current, kept_voltage, threshold, current, voltage, fired
            )
            overflows[0, sample] += wraps
            overflows[1, sample] += clips
            total[:] = 0
            scatter_rows(ring, rows, delays, events[t, : counts[t]], t)
            emit(fired, none_receiver, t, spikes[sample])
            if out_u.shape[0]:
                keep_states(current, voltage, none_receiver, t, out_u[sample], out_v[sample])
