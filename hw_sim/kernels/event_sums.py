"""What the neurons of a layer receive in every step: kernels that add weights of arriving spikes.

Arrays: B samples, T time steps, S senders, N neurons; spikes lie step by step, (B, T, S), uint8 or,
where they are graded, int32. What arrives in step t is received in step t + 1, the one step that
every layer takes, or later by its delay; what would be received past the end is lost. Sums are
int32, which wraps as Lava's does.
"""

from __future__ import annotations

import numpy as np
from numba import int32, int64, prange

from neurodeploy.hw_sim.kernels.lanes import add_to, kernel, load, widen
from neurodeploy.models import loihi
from neurodeploy.models.compiling import compile_kernel

_LANES = 8
_HALF_ACCUMULATOR = np.int32(1 << (loihi.STATE_BITS - 1))
_ACCUMULATOR_BITS = np.int32((1 << loihi.STATE_BITS) - 1)


def parallel(function):
    """Compile a function whose `prange` loops run on all threads."""
    return compile_kernel(function, parallel=True)


@compile_kernel
def list_spikes(sent, senders):
    """List who sent a spike, in senders int32 (S,), and return how many there are; sent (S,).

    No branch depends on a spike, since none is foreseen by the processor.
    """
    count = 0
    for sender in range(sent.size):
        senders[count] = sender
        count += sent[sender] != 0
    return count


@compile_kernel
def receive(received, rows, delays, sender, value, t):
    """Add one spike of `sender` that arrives in step t to what is received from t + 1 on.

    received int32 (T, N), rows int16 (S, N), delays int8 (S, N), one a synapse, or (S, 1), one a
    sender; value int32, 1 or the payload of a graded spike.
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
def dense_sums(spikes, rows, delays, received):
    """Add up what a dense layer receives.

    spikes (B, T, S padded), rows int16 (S, N), delays int8 (S, 1 or N) -> received int32 (B, T, N),
    which holds zeros before.
    """
    batch, steps, _ = spikes.shape
    width = rows.shape[0]
    for sample in prange(batch):
        senders = np.empty(width + 1, np.int32)
        for t in range(steps - 1):
            for k in range(list_spikes(spikes[sample, t, :width], senders)):
                value = int32(spikes[sample, t, senders[k]])
                receive(received[sample], rows, delays, senders[k], value, t)


@kernel
def add_weights(received, begin, weights, first, count, value):
    """Add `count` weights from `first` on, times value, to what neurons from `begin` on receive.

    received int32, weights int16, of one dimension.
    """
    whole = count // _LANES * _LANES
    for k in range(0, whole, _LANES):
        add_to(received, begin + k, widen(load(weights, first + k, _LANES), 32) * value)
    for k in range(whole, count):
        received[begin + k] += int32(weights[first + k] * value)


@kernel
def receive_image(received, weights, rows, runs, sizes, y, x, channel, value):
    """Add one spike at row y, column x and channel of an input image to the image that is received.

    received int32 (height * width * channels,); weights int16 (input channels * kernel height *
    kernel width * channels a group,); rows int32 (input height, kernel height) and runs int32
    (input width, R, 3) as in `conv_layout`; sizes of width, channels, input channels a group,
    channels a group, kernel width, input channels; value int32, 1 or the payload of a graded spike.
    """
    width, channels, inputs, outputs, kernel_width, _ = sizes
    kernel_height = rows.shape[1]
    group = channel // inputs * outputs
    for i in range(kernel_height):
        line = int64(rows[y, i])
        if line >= 0:
            row = (channel * kernel_height + i) * kernel_width
            for r in range(runs.shape[1]):
                place = line * width + int64(runs[x, r, 0])
                first = (row + int64(runs[x, r, 1])) * outputs
                count = int64(runs[x, r, 2]) * outputs
                add_weights(received, place * channels + group, weights, first, count, value)


@parallel
def conv_sums(spikes, weights, rows, runs, sizes, received):
    """Add up what a convolution receives; images have their channels last here.

    spikes (B, T, input height * width * channels, padded), the rest as in `receive_image` ->
    received int32 (B, T, height * width * channels), which holds zeros before.
    """
    batch, steps, _ = spikes.shape
    columns, channels = runs.shape[0], sizes[5]
    size = columns * rows.shape[0] * channels
    for sample in prange(batch):
        senders = np.empty(size + 1, np.int32)
        for t in range(steps - 1):
            image = received[sample, t + 1]
            for k in range(list_spikes(spikes[sample, t, :size], senders)):
                sender = int64(senders[k])
                place, channel = divmod(sender, channels)
                y, x = divmod(place, columns)
                value = int32(spikes[sample, t, sender])
                receive_image(image, weights, rows, runs, sizes, y, x, channel, value)


@parallel
def wrap_sums(received):
    """Wrap what is received, int32 (B, T, N), to 24 bits, as Lava's convolution does
    (`lava.proc.conv.utils.signed_clamp`).

    Where a sum of graded spikes leaves 32 bits, Lava casts a float that int32 does not hold, which
    is -2^31 on x86 and then 0, and other values elsewhere; ours has wrapped.
    """
    for sample in prange(received.shape[0]):
        for t in range(received.shape[1]):
            for k in range(received.shape[2]):
                shifted = int32(received[sample, t, k] + _HALF_ACCUMULATOR)
                wrapped = int32(shifted & _ACCUMULATOR_BITS)
                received[sample, t, k] = int32(wrapped - _HALF_ACCUMULATOR)
