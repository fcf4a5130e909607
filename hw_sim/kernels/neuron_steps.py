"""Kernels that take CUBA LIF neurons through a stretch of time, LANES at once, states in registers.

The equations are those of `models.cuba`, on lanes.
"""

from __future__ import annotations

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

_DECAY_SHIFT = loihi.DECAY_SHIFT
_LOW = loihi.DECAY_ONE - 1
_SIGN = 31
_LIMIT, _SPAN = loihi.CURRENT_LIMIT, 2 * loihi.CURRENT_LIMIT
_VOLTAGE_MAX = loihi.VOLTAGE_MAX
_SURE = loihi.CURRENT_LIMIT // 2 - 1


@kernel
def decay(state, kept):
    """Return sign(state) * ((|state| * kept) >> 12) of int32 lanes, as `models.cuba.decay` does.

    With state = high * 4096 + low, 0 <= low < 4096, it is high * kept + ((low * kept) >> 12), where
    4095 added to the product below 0 makes the shift, which rounds down, round toward zero.
    """
    upward = (state >> _SIGN) & _LOW
    return (state >> _DECAY_SHIFT) * kept + (((state & _LOW) * kept + upward) >> _DECAY_SHIFT)


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
        load(plan.kept_current, at, LANES),
        load(plan.kept_voltage, at, LANES),
        load(plan.bias, at, LANES),
    )


@kernel
def _input(plan, scratch, t, column):
    """Return the weighted input of step t, int32 lanes shifted like the states."""
    at = (t & (plan.ring - 1)) * plan.width + column
    return widen(load(scratch.totals, at, LANES), 32) << plan.shift


@kernel
def advance(plan, first, column, scratch, span, spikes):
    """Take LANES neurons through a stretch as if 24 bits were enough; return whether they were.

    Counting wraps and clips takes a third of an update, and they are rare: instead, all bits that
    a state ever used are collected, and the caller repeats a stretch in which one was too many.

    first: where in the layer the tile begins, column where in the tile the neurons do, span: the
    first step and the one after the last -> spikes uint8 (T * K * W,), states in `scratch`.
    """
    start, stop = span
    kept_u, kept_v, bias = _constants(plan, first + column)
    u, v = load(scratch.current, column, LANES), load(scratch.voltage, column, LANES)
    used = spread(0, 32, LANES)
    whole = plan.bias.size
    for t in range(start, stop):
        u = decay(u, kept_u) + _input(plan, scratch, t, column)
        v = decay(v, kept_v) + u + bias
        used = used | (u ^ (u >> _SIGN)) | (v ^ (v >> _SIGN))
        fired = v > plan.threshold
        v = select(fired, 0, v)
        store(spikes, t * whole + first + column, fired)
    if bits_of(used > _SURE):
        return False
    store(scratch.current, column, u)
    store(scratch.voltage, column, v)
    return True


@kernel
def advance_counting(plan, first, column, scratch, span, spikes, seen):
    """Do as `advance` in 24 bits; return how many u wrapped and how many v were clipped.

    seen: u and v after every step, int32 (T * K * W,) each, or empty ones.
    """
    start, stop = span
    kept_u, kept_v, bias = _constants(plan, first + column)
    u, v = load(scratch.current, column, LANES), load(scratch.voltage, column, LANES)
    wraps, clips = 0, 0
    whole = plan.bias.size
    for t in range(start, stop):
        driven = decay(u, kept_u) + _input(plan, scratch, t, column)
        u = wrap_current(driven)
        charged = decay(v, kept_v) + u + bias
        v = clip_voltage(charged)
        wraps += count_bits(bits_of(u != driven))
        clips += count_bits(bits_of(v != charged))
        fired = v > plan.threshold
        v = select(fired, 0, v)
        store(spikes, t * whole + first + column, fired)
        if seen[0].size:
            store(seen[0], t * whole + first + column, u)
        if seen[1].size:
            store(seen[1], t * whole + first + column, v)
    store(scratch.current, column, u)
    store(scratch.voltage, column, v)
    return wraps, clips
