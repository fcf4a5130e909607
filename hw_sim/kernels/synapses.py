"""Kernels for the weighted input of dense and recurrent layers in every step.

Arrays: B samples, T time steps, S senders, N neurons. Spikes are (B, T, S), uint8 or, if graded,
int32. A spike that arrives in step t is received in step t + 1, the one step of delay of every
layer, plus its own delay; spikes past the end are lost. Sums are int32 and wrap as in Lava.
"""

from __future__ import annotations

import numpy as np
from numba import int32

from neurodeploy.hw_sim.kernels.lanes import kernel
from neurodeploy.hw_sim.kernels.shared import parallel


@kernel
def list_spikes(sent, senders):
    """Write the senders of spikes to senders int32 (S,) and return their number; sent (S,).

    No branch depends on a spike, since the processor cannot predict it.
    """
    count = 0
    for sender in range(sent.size):
        senders[count] = sender
        count += sent[sender] != 0
    return count


@kernel
def receive(received, rows, delays, sender, value, t):
    """Add the weights of one spike of `sender` that arrives in step t to later steps of `received`.

    received int32 (T, N), rows int16 (S, N), delays int8 (S, N) per synapse or (S, 1) per sender;
    value int32, 1 or the payload of a graded spike.
    """
    steps, neurons = received.shape
    if delays.shape[1] == 1:
        arrival = t + 1 + int32(delays[sender, 0])
        if arrival < steps:
            for j in range(neurons):
                received[arrival, j] += int32(rows[sender, j] * value)
    else:
        for j in range(neurons):
            arrival = t + 1 + int32(delays[sender, j])
            if arrival < steps:
                received[arrival, j] += int32(rows[sender, j] * value)


@parallel
def dense_sums(start, stop, spikes, rows, delays, received):
    """Compute the weighted input of a dense layer.

    spikes (B, T, S padded), rows int16 (S, N), delays int8 (S, 1 or N); output: received int32
    (B, T, N), initially zeros.
    """
    steps = spikes.shape[1]
    width = rows.shape[0]
    for sample in range(start, stop):
        senders = np.empty(width + 1, np.int32)
        for t in range(steps - 1):
            for k in range(list_spikes(spikes[sample, t, :width], senders)):
                value = int32(spikes[sample, t, senders[k]])
                receive(received[sample], rows, delays, senders[k], value, t)
