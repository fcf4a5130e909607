"""Kernels for the weighted input of a layer in every step, and convolutions as matrix products.

Arrays: B samples, T time steps, S senders, N neurons. Spikes are (B, T, S), uint8 or, if graded,
int32. A spike that arrives in step t is received in step t + 1, the one step of delay of every
layer, plus its own delay; spikes past the end are lost. Sums are int32 and wrap as in Lava.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numba import int32, int64
from numpy.typing import NDArray

from neurodeploy.hw_sim.kernels.lanes import add_to, kernel, load, widen
from neurodeploy.hw_sim.kernels.shared import cache_per_layer, limit_products, parallel
from neurodeploy.models import loihi
from neurodeploy.models.layers import ConvLayer, weight_parts

_LANES = 8
_HALF_ACCUMULATOR = np.int32(1 << (loihi.STATE_BITS - 1))
_ACCUMULATOR_BITS = np.int32((1 << loihi.STATE_BITS) - 1)


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


@kernel
def add_weights(received, begin, weights, first, count, value):
    """Add value * weights[first : first + count] to received[begin : begin + count].

    received int32, weights int16, both 1-D.
    """
    whole = count // _LANES * _LANES
    for k in range(0, whole, _LANES):
        add_to(received, begin + k, widen(load(weights, first + k, _LANES), 32) * value)
    for k in range(whole, count):
        received[begin + k] += int32(weights[first + k] * value)


@kernel
def receive_image(received, weights, rows, runs, sizes, y, x, channel, value):
    """Add the weights of one spike at row y, column x and channel of the input image to `received`.

    received int32 (height * width * channels,); weights int16 (input channels * kernel height *
    kernel width * channels per group,); rows int32 (input height, kernel height), runs int32 (input
    width, R, 3) and sizes as in `layout`; value int32, 1 or the payload of a graded spike.
    """
    width, channels, inputs, outputs, kernel_width, _ = sizes
    kernel_height = rows.shape[1]
    group = channel // inputs * outputs
    for i in range(kernel_height):
        line = int64(rows[y, i])
        if line >= 0:
            row = (channel * kernel_height + i) * kernel_width
            for r in range(runs.shape[1]):
                pixel = line * width + int64(runs[x, r, 0])
                first = (row + int64(runs[x, r, 1])) * outputs
                count = int64(runs[x, r, 2]) * outputs
                add_weights(received, pixel * channels + group, weights, first, count, value)


@parallel
def conv_sums(start, stop, spikes, weights, rows, runs, sizes, received):
    """Compute the weighted input of a convolution, spike by spike; images have channels last.

    spikes (B, T, input height * width * channels, padded), the rest as in `receive_image`; output:
    received int32 (B, T, height * width * channels), initially zeros.
    """
    steps = spikes.shape[1]
    columns, channels = runs.shape[0], sizes[5]
    size = columns * rows.shape[0] * channels
    for sample in range(start, stop):
        senders = np.empty(size + 1, np.int32)
        for t in range(steps - 1):
            image = received[sample, t + 1]
            for k in range(list_spikes(spikes[sample, t, :size], senders)):
                sender = int64(senders[k])
                pixel, channel = divmod(sender, channels)
                y, x = divmod(pixel, columns)
                value = int32(spikes[sample, t, sender])
                receive_image(image, weights, rows, runs, sizes, y, x, channel, value)


@parallel
def wrap_sums(start, stop, received):
    """Wrap weighted inputs int32 (B, T, N) to 24 bits, like Lava's convolution
    (`lava.proc.conv.utils.signed_clamp`).

    A sum of graded spikes that exceeds 32 bits wraps here. Lava casts it from float to int32, which
    yields -2^31 on x86 (0 after wrapping), and is undefined elsewhere.
    """
    for sample in range(start, stop):
        for t in range(received.shape[1]):
            for k in range(received.shape[2]):
                shifted = int32(received[sample, t, k] + _HALF_ACCUMULATOR)
                wrapped = int32(shifted & _ACCUMULATOR_BITS)
                received[sample, t, k] = int32(wrapped - _HALF_ACCUMULATOR)


@cache_per_layer
def layout(layer: ConvLayer) -> tuple[Any, ...]:
    """Return the arguments weights, rows, runs and sizes of `conv_sums`.

    Returns:
        weights: int16, 1-D, of (input channels, kernel height, kernel width, channels per group),
        kernel columns in the order of `_column_order`. rows: int32 (input height, kernel height),
        the output row or -1. runs: int32 (input width, R, 3), runs of neighboring output columns as
        (first output column, first kernel column in the new order, length), filled up with length
        0. sizes: output width, channels, input channels per group, channels per group, kernel
        width, input channels.
    """
    outputs, inputs, height, width = layer.weight.shape
    order = _column_order(width, layer.dilation[1], layer.stride[1])
    grouped = layer.weight.reshape(layer.groups, outputs // layer.groups, inputs, height, width)
    kernel = grouped[..., order].transpose(0, 2, 3, 4, 1)
    reached = _reached(layer, axis=1)[:, order]
    runs = [_runs(columns, merge=layer.groups == 1) for columns in reached]
    longest = max(map(len, runs))
    filled = [run + [(0, 0, 0)] * (longest - len(run)) for run in runs]
    each = outputs // layer.groups
    sizes = (layer.shape[2], outputs, inputs, each, width, layer.input_shape[0])
    return (
        np.ascontiguousarray(kernel).reshape(-1),
        _reached(layer, axis=0),
        np.array(filled, np.int32).reshape(len(runs), longest, 3),
        sizes,
    )


def _reached(layer: ConvLayer, *, axis: int) -> NDArray[np.int32]:
    """Return the output row (or column) of each input row and kernel row, or -1."""
    inputs = np.arange(layer.input_shape[1 + axis])[:, None] + layer.padding[axis]
    offset = inputs - np.arange(layer.weight.shape[2 + axis]) * layer.dilation[axis]
    output = offset // layer.stride[axis]
    inside = (output >= 0) & (output < layer.shape[1 + axis]) & (offset % layer.stride[axis] == 0)
    return np.where(inside, output, -1).astype(np.int32)


def _column_order(width: int, dilation: int, stride: int) -> list[int]:
    """Return the kernel columns grouped by the spikes that use them, the rightmost first.

    Then the output columns of a spike ascend.
    """
    return sorted(range(width), key=lambda j: (j * dilation % stride, -j))


def _runs(columns: NDArray[np.int32], *, merge: bool) -> list[tuple[int, int, int]]:
    """Return runs of neighboring output columns: (output column, kernel column, length)."""
    runs: list[tuple[int, int, int]] = []
    for pixel, column in enumerate(columns.tolist()):
        if column < 0:
            continue
        if merge and runs and runs[-1][1] + runs[-1][2] == pixel:
            start, first, length = runs[-1]
            if column == start + length:
                runs[-1] = (start, first, length + 1)
                continue
        runs.append((column, pixel, 1))
    return runs


DENSE_RATE: Final = 0.25
"""Fraction of senders that fire per step from which on the matrix product is faster.

On PilotNet's first layer a SynOp took 0.51 ns spike by spike, and a multiplication 0.12 ns in a
matrix product, copying included (one thread of a server CPU with AVX-512).
"""

_WORD_MAX: Final = (1 << loihi.STATE_WORD - 1) - 1

PATCH_BYTES: Final = 1 << 25
"""Maximum size of the patches that are multiplied at once, to limit memory."""


def product_is_faster(arriving: NDArray[Any]) -> bool:
    """Return whether to use `conv_product` for spikes (B, T, S); never for graded spikes."""
    return arriving.dtype == np.uint8 and float(arriving.mean()) > DENSE_RATE


def conv_product(layer: ConvLayer, arriving: NDArray[np.uint8], received: NDArray[Any]) -> None:
    """Compute the weighted input of a convolution as a matrix product.

    Args:
        layer: the convolution.
        arriving: 0 or 1, uint8 (B, T, S), channels last.
        received: output, int32 (B, T, N), channels last, initially zeros; step 0 is not changed.
    """
    batch, steps, _ = arriving.shape
    sums = received.reshape(batch, steps, -1, layer.groups, len(layer.weight) // layer.groups)
    for group, (senders, weights) in enumerate(_groups(layer)):
        chunk = max(1, PATCH_BYTES // (4 * senders.size))
        for sample in range(batch):
            for start in range(0, steps - 1, chunk):
                stop = min(start + chunk, steps - 1)
                patches = np.empty((stop - start, *senders.shape), np.float32)
                _fill(arriving[sample, start:stop], senders, patches)
                with limit_products():
                    sums[sample, start + 1 : stop + 1, :, group] = patches @ weights


def may_leave_32_bits(layer: ConvLayer, arriving: NDArray[Any]) -> bool:
    """Return whether sums of these graded spikes may exceed 32 bits, for `wide_product`."""
    if arriving.dtype == np.uint8 or not arriving.size:
        return False
    largest = max(int(arriving.max()), -int(arriving.min()))
    return largest * _largest_sum(layer) > _WORD_MAX


@cache_per_layer
def _largest_sum(layer: ConvLayer) -> int:
    return int(np.abs(layer.weight, dtype=np.int64).sum((1, 2, 3)).max())


@cache_per_layer
def parts(layer: ConvLayer) -> tuple[tuple[ConvLayer, int], ...]:
    """Return the two groups of synapses of a convolution, as layers, and their exponents."""
    low, high = weight_parts(layer.weight)
    return (replace(layer, weight=low), 0), (replace(layer, weight=high), loihi.HIGH_WEIGHT_EXP)


def parts_cannot_wrap(layer: ConvLayer, arriving: NDArray[Any]) -> bool:
    """Return whether no sum of the two groups can leave 24 bits.

    Then the sum of the weights is that of Lava's two convolutions, each wrapped, and is exact in
    float32, too.
    """
    low, high = (_largest_sum(part) << exponent for part, exponent in parts(layer))
    largest = max(int(arriving.max(initial=0)), -int(arriving.min(initial=0)))
    return largest * (low + high) < int(_HALF_ACCUMULATOR)


def wide_product(
    layer: ConvLayer, arriving: NDArray[np.int32], received: NDArray[Any], lost: NDArray[np.int64]
) -> None:
    """Do the same as `conv_product` for graded spikes; sums that exceed 32 bits become 0.

    So does Lava's convolution on x86, which casts a double to 32 bits and wraps the result to 24
    (`lava.proc.conv.utils`); elsewhere the cast is undefined.

    Args:
        layer: the convolution.
        arriving: int32 (B, T, S padded), channels last.
        received: output, int32 (B, T, N), channels last, initially zeros; step 0 is not changed.
        lost: int64 (B,), incremented by the number of sums that exceed 32 bits.
    """
    batch, steps, _ = arriving.shape
    sums = received.reshape(batch, steps, -1, layer.groups, len(layer.weight) // layer.groups)
    for group, (senders, weights) in enumerate(_groups(layer)):
        for sample, t in np.ndindex(batch, steps - 1):
            seen = np.where(senders >= 0, arriving[sample, t][senders], 0).astype(np.int64)
            exact = seen @ weights.astype(np.int64)
            outside = np.abs(exact) > _WORD_MAX
            lost[sample] += int(outside.sum())
            sums[sample, t + 1, :, group] = np.where(outside, 0, exact)


@parallel
def _fill(start, stop, images, senders, patches):
    """Copy the input of each output pixel: images uint8 (F, S), senders int32 (P, K), or -1, to
    patches float32 (F, P, K)."""
    for frame in range(start, stop):
        for pixel in range(senders.shape[0]):
            for k in range(senders.shape[1]):
                sender = senders[pixel, k]
                patches[frame, pixel, k] = images[frame, sender] if sender >= 0 else 0


@cache_per_layer
def _groups(layer: ConvLayer) -> tuple[tuple[NDArray[np.int32], NDArray[np.float32]], ...]:
    """Return per group the senders of every output pixel, (P, K), or -1, and the kernel (K, O).

    P = output height * width, K = kernel height * width * input channels of the group.
    """
    channels, _, width = layer.input_shape
    outputs, inputs, _, _ = layer.weight.shape
    each = outputs // layer.groups
    rows, columns = (_inputs(layer, axis) for axis in (0, 1))
    pixel = (rows[:, None, :, None] * width + columns[None, :, None, :]).astype(np.int32)
    inside = (rows >= 0)[:, None, :, None] & (columns >= 0)[None, :, None, :]
    parts = []
    for group in range(layer.groups):
        members = np.arange(group * inputs, (group + 1) * inputs, dtype=np.int32)
        senders = np.where(inside[..., None], pixel[..., None] * np.int32(channels) + members, -1)
        kernel = layer.weight[group * each : (group + 1) * each].transpose(2, 3, 1, 0)
        parts.append(
            (
                senders.astype(np.int32, copy=False).reshape(layer.shape[1] * layer.shape[2], -1),
                np.ascontiguousarray(kernel, np.float32).reshape(-1, each),
            )
        )
    return tuple(parts)


def _inputs(layer: ConvLayer, axis: int) -> NDArray[np.int64]:
    """Return the input row (or column) of each output row and kernel row, or -1."""
    outputs = np.arange(layer.shape[1 + axis])[:, None] * layer.stride[axis] - layer.padding[axis]
    seen = outputs + np.arange(layer.weight.shape[2 + axis]) * layer.dilation[axis]
    inside = (seen >= 0) & (seen < layer.input_shape[1 + axis])
    return np.where(inside, seen, -1)
