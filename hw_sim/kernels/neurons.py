"""Kernels that step neurons, one per neuron type.

Arrays: B samples, T time steps, N neurons. `received` int32 (B, T or more, N) is the weighted
input. `carried` int32 (B, 3, N) holds the states before the first step and, at the end,
those after the last one: u and v, or sigma, the input before and the residue, as far as a neuron
has them. Outputs are `sent` (B, T, N), uint8, or int32 for graded spikes; `states` int32 (2, B or
0, T, N), u and v or their counterparts; `overflows` int64 (2, B), wraps and clips. Recurrent layers
have weights `rows` int16 (N, N) and `delays` int8 (N, 1 or N), others (0, 0); recurrent spikes are
added to later steps of `received`.
"""

from __future__ import annotations

import numpy as np
from numba import int32, int64

from neurodeploy.hw_sim.kernels import cuba_layer
from neurodeploy.hw_sim.kernels.lanes import LANES, bits_of, kernel, load, select, store
from neurodeploy.hw_sim.kernels.shared import parallel
from neurodeploy.hw_sim.kernels.synapses import receive
from neurodeploy.models import loihi
from neurodeploy.models.cuba import clip_voltage, decay, wrap_current

_ACTIVATION_SHIFT = loihi.ACTIVATION_SHIFT
_SIGN = 31
_UNSHIFTED_MAX = np.int32(1 << (31 - loihi.ACTIVATION_SHIFT))


@kernel
def step_each(
    first, stop, weighted, current_factor, voltage_factor, threshold, bias, current, voltage, fired
):
    """Do the same as `step_cuba` for the neurons `first` to `stop`, one by one."""
    wraps, clips = int32(0), int32(0)
    for j in range(first, stop):
        activation = int32(weighted[j] << _ACTIVATION_SHIFT)
        driven = int32(decay(current[j], current_factor[j]) + activation)
        u = wrap_current(driven)
        charged = int32(int32(decay(voltage[j], voltage_factor[j]) + u) + bias[j])
        v = clip_voltage(charged)
        lost = weighted[j] >= _UNSHIFTED_MAX or weighted[j] < -_UNSHIFTED_MAX
        wraps += int32(u != driven or lost)
        clips += int32(v != charged)
        spike = v > threshold
        current[j] = u
        voltage[j] = int32(0) if spike else v
        fired[j] = spike
    return wraps, clips


@kernel
def step_cuba(weighted, current_factor, voltage_factor, threshold, bias, current, voltage, fired):
    """Advance N CUBA LIF neurons by one step; see `models.cuba` for the equations.

    Input int32: weighted input (N,); current_factor and voltage_factor (N,), 4096 minus the decays;
    threshold and bias (N,), shifted by 6. Updated: current and voltage int32 (N,), fired uint8.
    Returns the numbers of wraps of u and of clips of v.
    """
    arguments = (weighted, current_factor, voltage_factor, threshold, bias, current, voltage, fired)
    wraps, clips = int32(0), int32(0)
    whole = weighted.size // LANES * LANES
    for k in range(0, whole, LANES):
        x = load(weighted, k, LANES)
        u = cuba_layer.decay(load(current, k, LANES), load(current_factor, k, LANES))
        u = u + (x << _ACTIVATION_SHIFT)
        v = cuba_layer.decay(load(voltage, k, LANES), load(voltage_factor, k, LANES))
        v = v + u + load(bias, k, LANES)
        unsure = (x ^ (x >> _SIGN)) > (cuba_layer.SURE >> _ACTIVATION_SHIFT)
        if bits_of(unsure | (((u ^ (u >> _SIGN)) | (v ^ (v >> _SIGN))) > cuba_layer.SURE)):
            wrapped, clipped = step_each(k, k + LANES, *arguments)
            wraps += wrapped
            clips += clipped
        else:
            above = v > threshold
            store(current, k, u)
            store(voltage, k, select(above, 0, v))
            store(fired, k, above)
    wrapped, clipped = step_each(whole, weighted.size, *arguments)
    return wraps + wrapped, clips + clipped


@kernel
def feed_back(received, sent, rows, delays, t):
    """Add the weights of the recurrent spikes of step t to later steps of `received`."""
    for neuron in range(rows.shape[0]):
        if sent[neuron] != 0:
            receive(received, rows, delays, neuron, sent[neuron], t)


@parallel
def scan_cuba(
    start, stop, received, current_factor, voltage_factor, threshold, bias, rows, delays,
    sent, states, overflows, carried,
):  # fmt: skip
    """Run CUBA LIF neurons over all steps; arguments as in `step_cuba` and above."""
    steps = sent.shape[1]
    for sample in range(start, stop):
        current = carried[sample, 0].copy()
        voltage = carried[sample, 1].copy()
        for t in range(steps):
            wraps, clips = step_cuba(
                received[sample, t], current_factor, voltage_factor, threshold, bias,
                current, voltage, sent[sample, t],
            )  # fmt: skip
            overflows[0, sample] += wraps
            overflows[1, sample] += clips
            feed_back(received[sample], sent[sample, t], rows, delays, t)
            if states.shape[1]:
                states[0, sample, t] = current
                states[1, sample, t] = voltage
        carried[sample, 0] = current
        carried[sample, 1] = voltage


@kernel
def send_change(activation, before, residue, threshold, state_exp):
    """Return the graded spike and the new residue of a sigma-delta neuron, int32 each.

    delta = activation - before + residue; it is sent if |delta| >= threshold (int32, in the scale
    of the states), else it is the new residue; see `models.neurons.Delta`.
    """
    delta = int32(int32(activation - before) + residue)
    if delta >= threshold or int32(-delta) >= threshold:
        return int32(delta >> state_exp), int32(0)
    return int32(0), delta


@parallel
def scan_delta(start, stop, received, shift, threshold, state_exp, sent, states, carried):
    """Run delta neurons over all steps; `received` is the input, shifted left by `shift` int32."""
    steps, neurons = sent.shape[1], received.shape[2]
    for sample in range(start, stop):
        before = carried[sample, 1].copy()
        residue = carried[sample, 2].copy()
        for t in range(steps):
            for j in range(neurons):
                x = int32(received[sample, t, j] << shift)
                change, left = send_change(x, before[j], residue[j], threshold, state_exp)
                sent[sample, t, j], residue[j], before[j] = change, left, x
            if states.shape[1]:
                states[0, sample, t] = before
                states[1, sample, t] = residue
        carried[sample, 1] = before
        carried[sample, 2] = residue


@parallel
def scan_sigma_delta(
    start, stop, received, bias, threshold, state_exp, rows, delays,
    sent, states, overflows, carried,
):  # fmt: skip
    """Run sigma-delta neurons with ReLU over all steps.

    bias int32 (N,) and threshold int32 are in the scale of the states. Sums that exceed 32 bits
    wrap and are counted.
    """
    steps, neurons = sent.shape[1], received.shape[2]
    for sample in range(start, stop):
        sigma = carried[sample, 0].copy()
        before = carried[sample, 1].copy()
        residue = carried[sample, 2].copy()
        for t in range(steps):
            for j in range(neurons):
                total = int64(sigma[j]) + received[sample, t, j]
                sigma[j] = int32(total)
                overflows[0, sample] += int64(total != sigma[j])
                x = int32(max(int32(sigma[j] + bias[j]), int32(0)))
                change, left = send_change(x, before[j], residue[j], threshold, state_exp)
                sent[sample, t, j], residue[j], before[j] = change, left, x
            feed_back(received[sample], sent[sample, t], rows, delays, t)
            if states.shape[1]:
                states[0, sample, t] = sigma
                states[1, sample, t] = residue
        carried[sample, 0] = sigma
        carried[sample, 1] = before
        carried[sample, 2] = residue


@parallel
def scan_sigma(start, stop, received, rows, delays, sent, states, overflows, carried):
    """Run sigma neurons over all steps; they send the sum of their input so far."""
    steps, neurons = sent.shape[1], received.shape[2]
    for sample in range(start, stop):
        sigma = carried[sample, 0].copy()
        for t in range(steps):
            for j in range(neurons):
                total = int64(sigma[j]) + received[sample, t, j]
                sigma[j] = int32(total)
                overflows[0, sample] += int64(total != sigma[j])
                sent[sample, t, j] = sigma[j]
            feed_back(received[sample], sent[sample, t], rows, delays, t)
            if states.shape[1]:
                states[0, sample, t] = sigma
        carried[sample, 0] = sigma
