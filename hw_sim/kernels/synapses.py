"""What the neurons of a layer receive in every step: kernels that add weights of arriving spikes.

Arrays: B samples, T time steps, S senders, N neurons; spikes lie step by step, (B, T, S), uint8 or,
where they are graded, int32. What arrives in step t is received in step t + 1, the one step that
every layer takes, or later by its delay; what would be received past the end is lost. Sums are
int32, which wraps as Lava's does.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import int32, int64
from numpy.typing import NDArray

from neurodeploy.hw_sim.kernels.lanes import add_to, kernel, load, widen
from neurodeploy.hw_sim.kernels.shared import cache_per_layer, limit_products, parallel
from neurodeploy.models import loihi
from neurodeploy.models.layers import ConvLayer

_LANES = 8
_HALF_ACCUMULATOR = np.int32(1 << (loihi.STATE_BITS - 1))
_ACCUMULATOR_BITS = np.int32((1 << loihi.STATE_BITS) - 1)


@kernel
def list_spikes(sent, senders):
    """List who sent a spike, in senders int32 (S,), and return how many there are; sent (S,).

    No branch depends on a spike, since none is foreseen by the processor.
    """
    count = 0
    for sender in range(sent.size):
        senders[count] = sender
        count += sent[sender] != 0
    return count


@kernel
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
def dense_sums(start, stop, spikes, rows, delays, received):
    """Add up what a dense layer receives.

    spikes (B, T, S padded), rows int16 (S, N), delays int8 (S, 1 or N) -> received int32 (B, T, N),
    which holds zeros before.
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
def conv_sums(start, stop, spikes, weights, rows, runs, sizes, received):
    """Add up what a convolution receives; images have their channels last here.

    spikes (B, T, input height * width * channels, padded), the rest as in `receive_image` ->
    received int32 (B, T, height * width * channels), which holds zeros before.
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
                place, channel = divmod(sender, channels)
                y, x = divmod(place, columns)
                value = int32(spikes[sample, t, sender])
                receive_image(image, weights, rows, runs, sizes, y, x, channel, value)


@parallel
def wrap_sums(start, stop, received):
    """Wrap what is received, int32 (B, T, N), to 24 bits, as Lava's convolution does
    (`lava.proc.conv.utils.signed_clamp`).

    Where a sum of graded spikes leaves 32 bits, Lava casts a float that int32 does not hold, which
    is -2^31 on x86 and then 0, and other values elsewhere; ours has wrapped.
    """
    for sample in range(start, stop):
        for t in range(received.shape[1]):
            for k in range(received.shape[2]):
                shifted = int32(received[sample, t, k] + _HALF_ACCUMULATOR)
                wrapped = int32(shifted & _ACCUMULATOR_BITS)
                received[sample, t, k] = int32(wrapped - _HALF_ACCUMULATOR)


@cache_per_layer
def layout(layer: ConvLayer) -> tuple[Any, ...]:
    """Return kernel, rows, runs and sizes as `conv_sums` takes them.

    Returns:
        kernel int16 of one dimension, through (input channels, kernel height, kernel width,
        channels a group), its columns in the order of the runs; rows int32 (input height, kernel
        height), the output row or -1; runs int32 (input width, R, 3) of output column, first kernel
        column in the new order, and how many, 0 where there are fewer runs; sizes of output
        width, channels, input channels a group, channels a group, kernel width, input channels.
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
    """Return the output row (or column) that an input row reaches through a kernel row, or -1."""
    inputs = np.arange(layer.input_shape[1 + axis])[:, None] + layer.padding[axis]
    offset = inputs - np.arange(layer.weight.shape[2 + axis]) * layer.dilation[axis]
    place = offset // layer.stride[axis]
    inside = (place >= 0) & (place < layer.shape[1 + axis]) & (offset % layer.stride[axis] == 0)
    return np.where(inside, place, -1).astype(np.int32)


def _column_order(width: int, dilation: int, stride: int) -> list[int]:
    """Return the kernel columns so that those which one spike reaches stand together, rightmost
    first: then the output columns that they reach ascend."""
    return sorted(range(width), key=lambda j: (j * dilation % stride, -j))


def _runs(columns: NDArray[np.int32], *, merge: bool) -> list[tuple[int, int, int]]:
    """Return (output column, first kernel column, how many) of neighbouring output columns."""
    runs: list[tuple[int, int, int]] = []
    for place, column in enumerate(columns.tolist()):
        if column < 0:
            continue
        if merge and runs and runs[-1][1] + runs[-1][2] == place:
            start, first, length = runs[-1]
            if column == start + length:
                runs[-1] = (start, first, length + 1)
                continue
        runs.append((column, place, 1))
    return runs


DENSE_RATE: Final = 0.25
"""From this fraction of senders firing in a step on the product is faster: on PilotNet's first
layer a SynOp took 0.51 ns spike by spike, and a multiplication with its share of the copying 0.12
ns as a product (one thread of a server CPU with AVX-512)."""

_WORD_MAX: Final = (1 << loihi.STATE_WORD - 1) - 1

PATCH_BYTES: Final = 1 << 25
"""Patches of so many bytes are multiplied at once, so that memory stays flat."""


def pays(arriving: NDArray[Any]) -> bool:
    """Tell whether a product is faster for spikes (B, T, S); graded spikes never take it."""
    return arriving.dtype == np.uint8 and float(arriving.mean()) > DENSE_RATE


def conv_product(layer: ConvLayer, arriving: NDArray[np.uint8], received: NDArray[Any]) -> None:
    """Put what a convolution receives into `received`, int32 (B, T, N), channels last.

    Args:
        layer: the convolution.
        arriving: 0 or 1, uint8 (B, T, S), channels last.
        received: zeros before; its first step stays so.
    """
    batch, steps, _ = arriving.shape
    sums = received.reshape(batch, steps, -1, layer.groups, len(layer.weight) // layer.groups)
    for group, (places, weights) in enumerate(_groups(layer)):
        chunk = max(1, PATCH_BYTES // (4 * places.size))
        for sample in range(batch):
            for start in range(0, steps - 1, chunk):
                stop = min(start + chunk, steps - 1)
                patches = np.empty((stop - start, *places.shape), np.float32)
                _fill(arriving[sample, start:stop], places, patches)
                with limit_products():
                    sums[sample, start + 1 : stop + 1, :, group] = patches @ weights


def may_leave_32_bits(layer: ConvLayer, arriving: NDArray[Any]) -> bool:
    """Tell whether a sum of these graded spikes could leave 32 bits, and takes `wide_product`."""
    if arriving.dtype == np.uint8 or not arriving.size:
        return False
    largest = max(int(arriving.max()), -int(arriving.min()))
    return largest * _largest_sum(layer) > _WORD_MAX


@cache_per_layer
def _largest_sum(layer: ConvLayer) -> int:
    return int(np.abs(layer.weight, dtype=np.int64).sum((1, 2, 3)).max())


def wide_product(
    layer: ConvLayer, arriving: NDArray[np.int32], received: NDArray[Any], lost: NDArray[np.int64]
) -> None:
    """Do as `conv_product` with graded spikes in 64 bits; a sum that leaves 32 is 0, and counted.

    That is what Lava's convolution makes of it on x86, which casts a double to 32 bits and wraps
    the result to 24 (`lava.proc.conv.utils`); elsewhere the cast has no defined result.

    Args:
        layer: the convolution.
        arriving: int32 (B, T, S padded), channels last.
        received: zeros before; its first step stays so.
        lost: int64 (B,), to which the sums that leave 32 bits are added.
    """
    batch, steps, _ = arriving.shape
    sums = received.reshape(batch, steps, -1, layer.groups, len(layer.weight) // layer.groups)
    for group, (places, weights) in enumerate(_groups(layer)):
        for sample, t in np.ndindex(batch, steps - 1):
            seen = np.where(places >= 0, arriving[sample, t][places], 0).astype(np.int64)
            exact = seen @ weights.astype(np.int64)
            outside = np.abs(exact) > _WORD_MAX
            lost[sample] += int(outside.sum())
            sums[sample, t + 1, :, group] = np.where(outside, 0, exact)


@parallel
def _fill(start, stop, images, places, patches):
    """Copy what each output place sees: images uint8 (F, S), places int32 (P, K), senders or -1 ->
    patches float32 (F, P, K)."""
    for frame in range(start, stop):
        for place in range(places.shape[0]):
            for k in range(places.shape[1]):
                sender = places[place, k]
                patches[frame, place, k] = images[frame, sender] if sender >= 0 else 0


@cache_per_layer
def _groups(layer: ConvLayer) -> tuple[tuple[NDArray[np.int32], NDArray[np.float32]], ...]:
    """Return for each group the senders that its output places see, (P, K), and its kernel (K, O).

    K counts through kernel height, width and the group's input channels, P through output height
    and width.
    """
    channels, _, width = layer.input_shape
    outputs, inputs, _, _ = layer.weight.shape
    each = outputs // layer.groups
    rows, columns = (_seen(layer, axis) for axis in (0, 1))
    place = (rows[:, None, :, None] * width + columns[None, :, None, :]).astype(np.int32)
    inside = (rows >= 0)[:, None, :, None] & (columns >= 0)[None, :, None, :]
    parts = []
    for group in range(layer.groups):
        members = np.arange(group * inputs, (group + 1) * inputs, dtype=np.int32)
        senders = np.where(inside[..., None], place[..., None] * np.int32(channels) + members, -1)
        kernel = layer.weight[group * each : (group + 1) * each].transpose(2, 3, 1, 0)
        parts.append(
            (
                senders.astype(np.int32, copy=False).reshape(layer.shape[1] * layer.shape[2], -1),
                np.ascontiguousarray(kernel, np.float32).reshape(-1, each),
            )
        )
    return tuple(parts)


def _seen(layer: ConvLayer, axis: int) -> NDArray[np.int64]:
    """Return the input row (or column) that an output row sees through a kernel row, or -1."""
    outputs = np.arange(layer.shape[1 + axis])[:, None] * layer.stride[axis] - layer.padding[axis]
    seen = outputs + np.arange(layer.weight.shape[2 + axis]) * layer.dilation[axis]
    inside = (seen >= 0) & (seen < layer.input_shape[1 + axis])
    return np.where(inside, seen, -1)
