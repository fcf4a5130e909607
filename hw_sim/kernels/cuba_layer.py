"""The compiled kernel of the fast backend: one dense layer of CUBA LIF neurons over a batch.

B samples, T time steps, S senders, N neurons padded to a multiple of LANES. A layer is worked off
in stretches of time: list the spikes that arrive in one, add the senders' rows of weights to a ring
of future inputs, where delays say, then take each group of neurons through the whole stretch with
its states in registers. Nothing feeds back within a layer, so the order is free. Wide layers are
split into K tiles of W neurons, so that a tile's ring stays in the cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from neurodeploy.hw_sim.kernels.event_sums import parallel
from neurodeploy.hw_sim.kernels.lanes import kernel, spread, store
from neurodeploy.hw_sim.kernels.neuron_steps import advance, advance_counting
from neurodeploy.hw_sim.kernels.row_sums import add_rows, scatter_rows, sum_rows
from neurodeploy.hw_sim.kernels.spike_lists import LANES, SPARE, list_spikes, sort_by_arrival
from neurodeploy.models.cuba import compiled

_CACHE_LINE = 64


class Scratch(NamedTuple):
    """What a thread works with, made once for many samples.

    Attributes:
        totals: ring of future inputs, (ring * W,); all 0 between two samples.
        current: u of a tile's neurons, int32 (W,).
        voltage: v of a tile's neurons, int32 (W,).
        events: spikes of a stretch, int32.
        ordered: their senders in the order of arrival, int32.
        first: where in this order each step begins, int64 (ring + 1,).
    """

    totals: NDArray[Any]
    current: NDArray[np.int32]
    voltage: NDArray[np.int32]
    events: NDArray[np.int32]
    ordered: NDArray[np.int32]
    first: NDArray[np.int64]


@compiled
def aligned_zeros(size, like):
    """Return zeros of the type of `like`, which start where a cache line starts."""
    spare = _CACHE_LINE // like.itemsize
    room = np.zeros(size + spare, like.dtype)
    skipped = (-room.ctypes.data % _CACHE_LINE) // like.itemsize
    return room[skipped : skipped + size]


@compiled
def make_scratch(plan, senders):
    """Return room for a tile and so many senders, padding included."""
    width, events = plan.width, plan.stretch * senders + SPARE
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
    """Set the totals of some steps to 0."""
    width = plan.width
    for t in range(start, stop):
        at = (t & (plan.ring - 1)) * width
        for j in range(at, at + width, LANES):
            store(totals, j, spread(0, 8, LANES))


@kernel
def receive(plan, tile, frames, start, stop, scratch):
    """Add to the totals what the spikes of the steps `start` to `stop` bring."""
    senders = frames.shape[1]
    events = scratch.events
    count = list_spikes(frames.reshape(-1), senders, start, stop, events)
    if plan.synapse_delays.size:
        scatter_rows(plan, tile, scratch.totals, events, count, start)
    elif count < plan.crowd * (stop - start):
        add_rows(plan, tile, scratch.totals, events, count, start)
    else:
        first, ordered = scratch.first, scratch.ordered
        sort_by_arrival(events, count, start, plan.sender_delays, first, ordered)
        sum_rows(plan, tile, scratch.totals, first, ordered)


@kernel
def run_tile(plan, tile, frames, spikes, seen, scratch):
    """Run the neurons of one tile over one sample; return the numbers of wraps and clips.

    frames uint8 (T, S) -> spikes uint8 (T * K * W,), u and v in seen, int32 (T * K * W,) each,
    or none of both, or no u.
    """
    steps, width = frames.shape[0], plan.width
    scratch.current[:] = 0
    scratch.voltage[:] = 0
    wraps, clips = 0, 0
    stretches = -(-steps // plan.stretch)
    for stretch in range(stretches):
        start, stop = steps * stretch // stretches, steps * (stretch + 1) // stretches
        receive(plan, tile, frames, start, stop, scratch)
        for column in range(0, width, LANES):
            where = (plan, tile * width, column, scratch, (start, stop), spikes)
            if seen[1].size or not advance(*where):
                wrapped, clipped = advance_counting(*where, seen)
                wraps += wrapped
                clips += clipped
        clear(plan, scratch.totals, start, stop)
    clear(plan, scratch.totals, steps, steps + plan.ring - plan.stretch)
    return wraps, clips


@parallel
def run_layer(plan, frames, spikes, out_u, out_v, overflows, threads):
    """Run a layer over a batch, tiles and samples in parallel.

    frames uint8 (B, T, S) of 0 and 1 -> spikes uint8 (B, T, K * W), states int32 (B, T, K * W)
    unless their B is 0, numbers of wraps and clips in overflows int64 (2, K, B). Use as many
    threads as numba does, `threads`.
    """
    batch, items = len(frames), len(frames) * (plan.bias.size // plan.width)
    parts = min(items, threads)
    for part in prange(parts):
        scratch = make_scratch(plan, frames.shape[2])
        for item in range(items * part // parts, items * (part + 1) // parts):
            tile, sample = item // batch, item % batch
            u, v = min(sample, len(out_u)), min(sample, len(out_v))
            seen = (out_u[u : u + 1].reshape(-1), out_v[v : v + 1].reshape(-1))
            fired = spikes[sample].reshape(-1)
            wraps, clips = run_tile(plan, tile, frames[sample], fired, seen, scratch)
            overflows[0, tile, sample], overflows[1, tile, sample] = wraps, clips
