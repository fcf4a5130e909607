"""Kernels that add up what the spikes of a stretch of time bring: three ways, one result.

Each adds to the totals, a ring of future inputs (ring * W,), what the spikes of one list, as
`spike_lists` makes them, bring to the neurons of one tile, in the step after their arrival.
"""

from __future__ import annotations

from numba import int64

from neurodeploy.hw_sim.kernels.lanes import add_to, kernel, load, spread, widen
from neurodeploy.hw_sim.kernels.spike_lists import LANES, SENDER_BITS

_SENDER_MASK = (1 << SENDER_BITS) - 1


@kernel
def add_rows(plan, tile, totals, events, count, start):
    """Add the row of each spike's sender to the totals of the step in which it counts.

    totals (ring * W,), events as in `spike_lists`.
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
        if width > LANES:  # Most layers are this narrow, and a loop would take longer.
            add_to(totals, at + LANES, load(weights, row + block, LANES))
            for j in range(2, width // LANES):
                add_to(totals, at + j * LANES, load(weights, row + j * block, LANES))


@kernel
def sum_rows(plan, tile, totals, first, ordered):
    """Do as `add_rows` with the spikes in the order of their arrival.

    LANES neurons at a time are summed in registers over all spikes of a step, in 16 bits as long as
    no sum can exceed these. Meanwhile their part of the weights, S * LANES numbers, stays in the
    cache over the whole stretch.
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
    """Do as `add_rows`, each synapse with its own delay."""
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
