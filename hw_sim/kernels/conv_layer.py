"""The kernel for convolutions, row by row of the output image.

B samples, T time steps, images (height, width, channels) with channels last. An item of work is one
output row of one sample over all steps. In each step, the rows of the input image that it sees are
copied to a strip, the weighted inputs of its pixels are summed, and CUBA LIF neurons are stepped
while the sums are in the cache; other neurons get the sums.

There are two ways to sum, and `conv.run` takes the faster one. The dense way multiplies pairs of
neighboring values in the strip with pairs of weights, four pixels at a time. The sparse way lists
the spikes of the strip column by column, so that those that a pixel sees are neighbors in the list,
and adds the row of weights of each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int64, uint64
from numpy.typing import NDArray

from neurodeploy.hw_sim.kernels.cuba_layer import (
    OCTET,
    SURE,
    aligned_zeros,
    clip_voltage,
    decay,
    list_octet,
    wrap_current,
)
from neurodeploy.hw_sim.kernels.lanes import (
    LANES,
    add_pairs,
    bits_of,
    count_bits,
    kernel,
    load,
    load_pair,
    select,
    spread,
    store,
    store_first,
    widen,
)
from neurodeploy.models import loihi
from neurodeploy.models.compiling import compile_kernel

PIXELS = 4
"""Pixels that the dense way sums at once."""

BLOCK = 32
"""Output channels that the dense way sums at once."""

_PAIRED = 2 * BLOCK

PLANE_BITS = 15
"""Bits of a graded spike that a strip holds; longer ones are summed in two planes."""

_PLANE_MASK = np.int32((1 << PLANE_BITS) - 1)
_HALF = 1 << (loihi.STATE_BITS - 1)
_MASK = (1 << loihi.STATE_BITS) - 1
_SIGN = 31
_SHIFT = loihi.ACTIVATION_SHIFT


class ConvPlan(NamedTuple):
    """The parameters of a convolution for the kernel.

    H, W and C are the height, width and channels of the input, the output has O channels. G groups
    have C / G = I input and O / G = E output channels each; the kernel has R rows and K columns.

    Attributes:
        pairs: weights for the dense way, int16 (G, blocks of E, pairs of values, BLOCK * 2).
        rows: weights for the sparse way, int16 (G, blocks of E, K * R * I, LANES).
        segments: starts of the parts of the strip that a pixel sees, relative to it, int32.
        length: pairs of values in each of them.
        columns: input column of each column of the list, or -1 in the padding, int32. They are
            ordered so that the ones that a pixel sees are neighbors.
        starts: the first column of the list that each output column sees, int32 (output width,).
        summed: rows of weights whose sum fits 16 bits.
        image: H, W * C, C.
        kernel: R, K, I.
        output: output height, output width, O, E.
        vertical: stride, padding and dilation.
        step: distance of output pixels in the strip.
        line: length of a row of the strip, and start of the image in it.
    """

    pairs: NDArray[np.int16]
    rows: NDArray[np.int16]
    segments: NDArray[np.int32]
    length: int
    columns: NDArray[np.int32]
    starts: NDArray[np.int32]
    summed: int
    image: tuple[int, int, int]
    kernel: tuple[int, int, int]
    output: tuple[int, int, int, int]
    vertical: tuple[int, int, int]
    step: int
    line: tuple[int, int]


class Way(NamedTuple):
    """How to sum.

    Attributes:
        listed: whether to take the sparse way.
        graded: whether spikes have values other than 1.
        planes: 2 if values exceed `PLANE_BITS`, else 1.
        wraps: whether sums may exceed 24 bits.
        exponent: left shift of the sums.
    """

    listed: bool
    graded: bool
    planes: int
    wraps: bool
    exponent: int


class Neurons(NamedTuple):
    """The parameters of CUBA LIF neurons: int32 (output height, or 1 if all rows are equal, W),
    W the length of a row padded to LANES; factors are 4096 minus the decays, the bias and the
    threshold are shifted by 6."""

    current_factor: NDArray[np.int32]
    voltage_factor: NDArray[np.int32]
    bias: NDArray[np.int32]
    threshold: int


class Scratch(NamedTuple):
    """The buffers of a thread: the strip, the list of spikes (weight, place in the strip, first of
    each column), sums of a row and of one plane, u, v and spikes."""

    strip: NDArray[np.int16]
    codes: NDArray[np.int32]
    places: NDArray[np.int32]
    first: NDArray[np.int64]
    sums: NDArray[np.int32]
    plane: NDArray[np.int32]
    current: NDArray[np.int32]
    voltage: NDArray[np.int32]
    fired: NDArray[np.uint8]


@compile_kernel
def survey(start, stop, spikes, ends, counts):
    """Find the extremes and the number of the graded spikes of samples `start` to `stop`.

    spikes int32 (B, T, S padded). Output: ends int32 (B, 2 * LANES), among them the least and the
    largest spike; counts int64 (B,), the number of spikes other than 0.
    """
    values, found, size = spikes.reshape(-1), ends.reshape(-1), spikes[0].size
    for sample in range(start, stop):
        at, end = 2 * sample * LANES, (sample + 1) * size
        whole = end - size % LANES
        least = largest = spread(0, 32, LANES)
        for k in range(end - size, whole, LANES):
            some = load(values, k, LANES)
            least = select(some < least, some, least)
            largest = select(some > largest, some, largest)
            counts[sample] += count_bits(bits_of(some != 0))
        store(found, at, least)
        store(found, at + LANES, largest)
        for k in range(whole, end):
            found[at] = min(found[at], values[k])
            found[at + LANES] = max(found[at + LANES], values[k])
            counts[sample] += values[k] != 0


@compile_kernel
def make_scratch(plan):
    """Return the buffers for a plan."""
    _, columns, outputs, _ = plan.output
    width = -(-columns * outputs // LANES) * LANES
    size = plan.kernel[0] * plan.line[0] + PIXELS * plan.step + LANES
    spikes = plan.columns.size * plan.kernel[0] * (plan.kernel[2] + 2 * OCTET) + OCTET
    listed = spikes if plan.rows.size else 1
    return Scratch(
        aligned_zeros(size, np.zeros(0, np.int16)),
        np.zeros(listed, np.int32),
        np.zeros(listed, np.int32),
        np.zeros(plan.columns.size + 1, np.int64),
        aligned_zeros(width + LANES, np.zeros(0, np.int32)),
        aligned_zeros(width + LANES, np.zeros(0, np.int32)),
        aligned_zeros(width, np.zeros(0, np.int32)),
        aligned_zeros(width, np.zeros(0, np.int32)),
        aligned_zeros(width, np.zeros(0, np.uint8)),
    )


@kernel
def copy(source, start, target, at, count):
    """Copy source[start : start + count] to target[at : at + count].

    The last lanes overlap those before, since the number is seldom a multiple of them.
    """
    if count < BLOCK:
        for k in range(count):
            target[at + k] = source[start + k]
    else:
        for k in range(0, count - BLOCK, BLOCK):
            store(target, at + k, load(source, start + k, BLOCK))
        last = count - BLOCK
        store(target, at + last, load(source, start + last, BLOCK))


@kernel
def fill_strip(plan, spikes, offset, row, way, plane, strip):
    """Copy the rows of an image that output row `row` sees; rows outside the image stay zero.

    spikes: all spike buffers, flat; offset: the start of the image in them; strip int16.
    """
    height, width, _ = plan.image
    stride, padding, dilation = plan.vertical
    for i in range(plan.kernel[0]):
        y = row * stride - padding + i * dilation
        if 0 <= y < height:
            source, target = offset + y * width, i * plan.line[0] + plan.line[1]
            if way.planes == 1:
                copy(spikes, source, strip, target, width)
            else:
                shift, mask = PLANE_BITS * plane, -1 if plane else _PLANE_MASK
                for k in range(width):
                    strip[target + k] = (int64(spikes[source + k]) >> shift) & mask


@kernel
def list_strip(plan, group, graded, scratch):
    """List the values of the strip other than 0, column by column.

    Output: codes, the weight of each in the patch of a pixel whose first column is column 0;
    places, its place in the strip; first, the first entry of each column.
    """
    height, _, inputs = plan.kernel
    channels, (line, start) = plan.image[2], plan.line
    count = 0
    for column in range(plan.columns.size):
        scratch.first[column] = count
        x = plan.columns[column]
        if x >= 0:
            for i in range(height):
                at = i * line + start + x * channels + group * inputs
                code = (column * height + i) * inputs
                for c in range(0, inputs, OCTET):
                    byte = bits_of(load(scratch.strip, at + c, OCTET) != 0)
                    byte &= uint64((1 << min(OCTET, inputs - c)) - 1)
                    if graded:
                        list_octet(byte, at + c, scratch.places, count)
                    count = list_octet(byte, code + c, scratch.codes, count)
    scratch.first[plan.columns.size] = count


@kernel
def sum_listed(plan, group, scratch, sums):
    """Sum the rows of weights of the spikes in a list."""
    height, width, inputs = plan.kernel
    _, columns, outputs, each = plan.output
    for block in range(plan.rows.shape[1]):
        rows = plan.rows[group, block].reshape(-1)
        channel = group * each + block * LANES
        for x in range(columns):
            column = int64(plan.starts[x])
            begin, end = scratch.first[column], scratch.first[column + width]
            base = column * height * inputs
            total = spread(0, 32, LANES)
            for start in range(begin, end, plan.summed):
                part = spread(0, 16, LANES)
                for k in range(start, min(start + plan.summed, end)):
                    part = part + load(rows, (int64(scratch.codes[k]) - base) * LANES, LANES)
                total = total + widen(part, 32)
            store_first(sums, x * outputs + channel, total, each - block * LANES)


@kernel
def sum_weighted(plan, group, scratch, sums):
    """Do the same as `sum_listed` for graded spikes."""
    height, width, inputs = plan.kernel
    _, columns, outputs, each = plan.output
    for block in range(plan.rows.shape[1]):
        rows = plan.rows[group, block].reshape(-1)
        channel = group * each + block * LANES
        for x in range(columns):
            column = int64(plan.starts[x])
            base = column * height * inputs
            total = spread(0, 32, LANES)
            for k in range(scratch.first[column], scratch.first[column + width]):
                row = load(rows, (int64(scratch.codes[k]) - base) * LANES, LANES)
                total = total + widen(row, 32) * scratch.strip[scratch.places[k]]
            store_first(sums, x * outputs + channel, total, each - block * LANES)


@kernel
def sum_pairs(plan, group, scratch, sums):
    """Multiply the values of the strip with the weights of each output pixel."""
    _, columns, outputs, each = plan.output
    strip, step = scratch.strip, plan.step
    for block in range(plan.pairs.shape[1]):
        weights = plan.pairs[group, block].reshape(-1)
        for x in range(0, columns, PIXELS):
            a = b = c = d = spread(0, 32, BLOCK)
            k = 0
            for segment in range(plan.segments.size):
                at = int64(plan.segments[segment]) + x * step + group * plan.kernel[2]
                for n in range(at, at + 2 * plan.length, 2):
                    values = load(weights, k, _PAIRED)
                    k += _PAIRED
                    a = add_pairs(a, load_pair(strip, n), values)
                    b = add_pairs(b, load_pair(strip, n + step), values)
                    c = add_pairs(c, load_pair(strip, n + 2 * step), values)
                    d = add_pairs(d, load_pair(strip, n + 3 * step), values)
            at = x * outputs + group * each + block * BLOCK
            count = each - block * BLOCK
            store_first(sums, at, a, count)
            store_first(sums, at + outputs, b, count * (x + 1 < columns))
            store_first(sums, at + 2 * outputs, c, count * (x + 2 < columns))
            store_first(sums, at + 3 * outputs, d, count * (x + 3 < columns))


@kernel
def sum_plane(plan, spikes, offset, row, way, plane, scratch, sums):
    """Sum the weighted inputs of an output row, of one plane of the spikes."""
    fill_strip(plan, spikes, offset, row, way, plane, scratch.strip)
    for group in range(plan.pairs.shape[0]):
        if not way.listed:
            sum_pairs(plan, group, scratch, sums)
        else:
            list_strip(plan, group, way.graded, scratch)
            if way.graded:
                sum_weighted(plan, group, scratch, sums)
            else:
                sum_listed(plan, group, scratch, sums)


@kernel
def sum_row(plan, spikes, offset, row, way, scratch):
    """Set scratch.sums to the weighted inputs of an output row, wrapped to 24 bits like Lava's
    convolution (`lava.proc.conv.utils.signed_clamp`)."""
    sums = scratch.sums
    sum_plane(plan, spikes, offset, row, way, 0, scratch, sums)
    if way.planes == 2:
        sum_plane(plan, spikes, offset, row, way, 1, scratch, scratch.plane)
        for k in range(0, scratch.current.size, LANES):
            store(sums, k, load(sums, k, LANES) + (load(scratch.plane, k, LANES) << PLANE_BITS))
    if way.wraps:
        for k in range(0, scratch.current.size, LANES):
            shifted = (load(sums, k, LANES) << way.exponent) + _HALF
            store(sums, k, (shifted & _MASK) - _HALF)


@kernel
def step_row(neurons, row, scratch):
    """Step the neurons of an output row; return the numbers of wraps of u and clips of v."""
    width = scratch.current.size
    at = min(row, neurons.bias.shape[0] - 1) * width
    current_factor, voltage_factor = neurons.current_factor.reshape(-1), neurons.voltage_factor
    voltage_factor, bias = voltage_factor.reshape(-1), neurons.bias.reshape(-1)
    wraps, clips = 0, 0
    for k in range(0, width, LANES):
        factor = load(current_factor, at + k, LANES)
        driven = decay(load(scratch.current, k, LANES), factor)
        driven = driven + (load(scratch.sums, k, LANES) << _SHIFT)
        factor = load(voltage_factor, at + k, LANES)
        kept = decay(load(scratch.voltage, k, LANES), factor) + load(bias, at + k, LANES)
        u, v = driven, kept + driven
        if bits_of(((u ^ (u >> _SIGN)) | (v ^ (v >> _SIGN))) > SURE):  # rare
            u = wrap_current(driven)
            charged = kept + u
            v = clip_voltage(charged)
            wraps += count_bits(bits_of(u != driven))
            clips += count_bits(bits_of(v != charged))
        fired = v > neurons.threshold
        store(scratch.current, k, u)
        store(scratch.voltage, k, select(fired, 0, v))
        store(scratch.fired, k, fired)
    return wraps, clips


@compile_kernel
def run_neurons(start, stop, plan, way, neurons, arriving, sent, overflows):
    """Run items `start` to `stop` of the B * output height pairs of a sample and an output row.

    arriving (B, T, H * W * C, padded), uint8 or int32. Output: sent uint8 (B, T, output height *
    output width * O, padded); overflows int64 (2, B, output height), the numbers of wraps and
    clips.
    """
    scratch = make_scratch(plan)
    height, columns, outputs, _ = plan.output
    count = columns * outputs
    _, steps, size = arriving.shape
    spikes, fired = arriving.reshape(-1), sent.reshape(-1)
    for item in range(start, stop):
        sample, row = item // height, item % height
        scratch.strip[:] = 0
        scratch.sums[:] = 0
        scratch.current[:] = 0
        scratch.voltage[:] = 0
        for t in range(steps):
            if t > 0:
                sum_row(plan, spikes, (sample * steps + t - 1) * size, row, way, scratch)
            wraps, clips = step_row(neurons, row, scratch)
            overflows[0, sample, row] += wraps
            overflows[1, sample, row] += clips
            copy(scratch.fired, 0, fired, (sample * steps + t) * sent.shape[2] + row * count, count)


@compile_kernel
def run_sums(start, stop, plan, way, arriving, received):
    """Do the same as `run_neurons` without neurons.

    Output: received int32 (B, T, output height * output width * O), the weighted inputs; step 0
    is not changed.
    """
    scratch = make_scratch(plan)
    height, columns, outputs, _ = plan.output
    count = columns * outputs
    _, steps, size = arriving.shape
    spikes, sums = arriving.reshape(-1), received.reshape(-1)
    for item in range(start, stop):
        sample, row = item // height, item % height
        scratch.strip[:] = 0
        for t in range(1, steps):
            sum_row(plan, spikes, (sample * steps + t - 1) * size, row, way, scratch)
            copy(scratch.sums, 0, sums, ((sample * steps + t) * height + row) * count, count)
