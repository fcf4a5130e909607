"""What the neurons of a layer receive in every step: kernels that add weights of arriving spikes.

Arrays: B samples, T time steps, S senders, N neurons; spikes lie step by step, (B, T, S), uint8 or,
where they are graded, int32. What arrives in step t is received in step t + 1, the one step that
every layer takes, or later by its delay; what would be received past the end is lost. Sums are
int32, which wraps as Lava's does.
"""

from __future__ import annotations

import numpy as np
from numba import int32, njit, prange

from models import loihi
from models.cuba import compiled

_HALF_ACCUMULATOR = np.int32(1 << (loihi.STATE_BITS - 1))
_ACCUMULATOR_BITS = np.int32((1 << loihi.STATE_BITS) - 1)


def parallel(function):
    """Compile a function whose `prange` loops run on all threads, and keep the result on disk."""
    return njit(cache=True, nogil=True, parallel=True, error_model="numpy")(function)


@compiled
def receive(received, rows, delays, sender, value, t):
    """Add one spike of `sender` that arrives in step t to what is received from t + 1 on.

    received int32 (T, N), rows int16 (S, N), delays int8 (S, N), one a synapse, or (S, 1), one a
    sender; value 1 or the payload of a graded spike.
    """
    steps, neurons = received.shape
    if delays.shape[1] == 1:
        arrival = t + 1 + delays[sender, 0]
        if arrival < steps:
            for j in range(neurons):
                received[arrival, j] += int32(rows[sender, j] * int32(value))
    else:
        for j in range(neurons):
            arrival = t + 1 + delays[sender, j]
            if arrival < steps:
                received[arrival, j] += int32(rows[sender, j] * int32(value))


@parallel
def dense_sums(spikes, rows, delays, received):
    """Add up what a dense layer receives.

    spikes (B, T, S), rows int16 (S, N), delays int8 (S, 1 or N) -> received int32 (B, T, N), which
    holds zeros before.
    """
    for sample in prange(spikes.shape[0]):
        for t in range(spikes.shape[1] - 1):
            for sender in range(spikes.shape[2]):
                if spikes[sample, t, sender] != 0:
                    value = spikes[sample, t, sender]
                    receive(received[sample], rows, delays, sender, value, t)


@compiled
def receive_image(received, kernel, stride, padding, dilation, y, x, channel, value):
    """Add one spike at (y, x, channel) of the input image to the image that is received.

    received int32 (height, width, channels), kernel int16 (groups, input channels a group, kernel
    height, kernel width, channels a group); stride, padding, dilation (height, width).
    """
    inputs, height, width, outputs = kernel.shape[1:]
    group, member = channel // inputs, channel % inputs
    first = group * outputs
    for i in range(height):
        row = y + padding[0] - i * dilation[0]
        if row % stride[0] or row < 0 or row // stride[0] >= received.shape[0]:
            continue
        for j in range(width):
            column = x + padding[1] - j * dilation[1]
            if column % stride[1] or column < 0 or column // stride[1] >= received.shape[1]:
                continue
            weights = kernel[group, member, i, j]
            place = received[row // stride[0], column // stride[1], first : first + outputs]
            for k in range(outputs):
                place[k] += int32(weights[k] * int32(value))


@parallel
def conv_sums(spikes, kernel, stride, padding, dilation, received):
    """Add up what a convolution receives; images have their channels last here.

    spikes (B, T, input height, width, channels), the rest as in `receive_image` -> received int32
    (B, T, height, width, channels), which holds zeros before. Lava's convolution wraps its sums to
    24 bits (`lava.proc.conv.utils.signed_clamp`), and so does this.
    """
    batch, steps, height, width, channels = spikes.shape
    for sample in prange(batch):
        for t in range(steps - 1):
            image = received[sample, t + 1]
            for y in range(height):
                for x in range(width):
                    for channel in range(channels):
                        value = spikes[sample, t, y, x, channel]
                        if value != 0:
                            receive_image(
                                image, kernel, stride, padding, dilation, y, x, channel, value
                            )
            flat = image.reshape(image.size)
            for k in range(flat.size):
                wrapped = int32(int32(flat[k] + _HALF_ACCUMULATOR) & _ACCUMULATOR_BITS)
                flat[k] = int32(wrapped - _HALF_ACCUMULATOR)
