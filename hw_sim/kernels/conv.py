"""Convolutions with binary or graded spikes, in one kernel, `conv_layer`.

Sums that Lava's convolution casts from more than 32 bits are computed here, in 64 bits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeGuard

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Overflows
from neurodeploy.hw_sim.kernels import conv_layer, spike_buffer
from neurodeploy.hw_sim.kernels.conv_layer import BLOCK, PLANE_BITS, ConvPlan, Neurons, Way
from neurodeploy.hw_sim.kernels.cuba_layer import OCTET
from neurodeploy.hw_sim.kernels.lanes import LANES
from neurodeploy.hw_sim.kernels.shared import cache_per_layer, num_threads, run_parallel
from neurodeploy.models import loihi
from neurodeploy.models.arrays import IntArray
from neurodeploy.models.layers import ConvLayer, Layer, per_neuron
from neurodeploy.models.neurons import CubaLif
from neurodeploy.models.synapses import weight_parts

PIXEL_NS: Final = 12.0
OCTET_NS: Final = 1.0
SPIKE_NS: Final = 0.9
GRADED_NS: Final = 1.8
PAIR_NS: Final = 0.3
"""Times of the parts of the two ways, measured on PilotNet's layers (one thread of a server CPU
with AVX-512): the sparse way per output pixel, per eight values of the strip that are looked
through, and per spike and LANES output channels, binary or graded; the dense way per pair of values
and BLOCK output channels."""

SURVEYED: Final = 8
"""One in so many samples of binary spikes is counted, to choose the way."""

LEAST_SUMMED: Final = 8
"""The sparse way is not taken if 16 bits hold fewer rows of weights than this."""

_LARGEST = np.iinfo(np.int16).max
_WORD_MAX: Final = (1 << loihi.STATE_WORD - 1) - 1
_HALF: Final = 1 << (loihi.STATE_BITS - 1)


def supports(layer: Layer, arriving: NDArray[Any]) -> TypeGuard[ConvLayer]:
    """Return whether `run` supports this layer with these spikes."""
    return (
        isinstance(layer, ConvLayer)
        and isinstance(layer.neuron, CubaLif)
        and (layer.synapses_per_weight == 1 or parts_cannot_wrap(layer, arriving))
        and not may_leave_32_bits(layer, arriving)
    )


def run(layer: ConvLayer, arriving: NDArray[Any]) -> tuple[NDArray[np.uint8], Overflows]:
    """Return the spikes and overflows of a layer that `supports` accepts.

    Args:
        layer: the convolution.
        arriving: spike buffer (B, T, S padded), uint8 0 or 1, or int32.

    Returns:
        Spike buffer, uint8 (B, T, N padded), and overflows.
    """
    batch, steps, _ = arriving.shape
    height = layer.shape[1]
    sent = np.empty((batch, steps, spike_buffer.padded(layer.neurons)), np.uint8)
    sent[:, :, layer.neurons :] = 0
    overflows = np.zeros((2, batch, height), np.int64)
    plan, way = plan_of(layer), way_of(layer, arriving)
    run_parallel(
        conv_layer.run_neurons,
        batch * height,
        plan,
        way,
        _neurons(layer),
        arriving,
        sent,
        overflows,
    )
    return sent, Overflows(*overflows.sum(2))


def weigh(
    layer: ConvLayer,
    arriving: NDArray[Any],
    received: NDArray[np.int32],
    lost: NDArray[np.int64] | None = None,
) -> None:
    """Compute the weighted input of a convolution, wrapped to 24 bits like Lava's.

    Args:
        layer: the convolution.
        arriving: spike buffer (B, T, S padded), uint8 0 or 1, or int32.
        received: output, int32 (B, T, N), channels last, initially zeros; step 0 is not changed.
        lost: int64 (B,), incremented by the number of sums that exceed 32 bits; None: not counted.
    """
    if layer.synapses_per_weight == 1 or parts_cannot_wrap(layer, arriving):
        _weigh_part(layer, arriving, received, 0, lost)
        return
    for part, exponent in parts(layer):  # Lava wraps the sum of each process
        sums = np.zeros_like(received)
        _weigh_part(part, arriving, sums, exponent, lost)
        received += sums


def _weigh_part(
    layer: ConvLayer,
    arriving: NDArray[Any],
    received: NDArray[np.int32],
    exponent: int,
    lost: NDArray[np.int64] | None,
) -> None:
    """Do the same with the sums shifted left by `exponent`, for one synapse per weight."""
    if may_leave_32_bits(layer, arriving):
        counts = np.zeros(len(arriving), np.int64) if lost is None else lost
        wide_product(layer, arriving, received, counts)
        received[:] = ((received << exponent) + _HALF & 2 * _HALF - 1) - _HALF
    else:
        items, way = len(arriving) * layer.shape[1], way_of(layer, arriving, exponent)
        run_parallel(conv_layer.run_sums, items, plan_of(layer), way, arriving, received)


def way_of(layer: ConvLayer, arriving: NDArray[Any], exponent: int = 0) -> Way:
    """Return how to sum the inputs of a layer for these spikes, shifted left by `exponent`."""
    graded, (largest, density) = arriving.dtype != np.uint8, survey(arriving)
    return Way(
        listed=sparse_is_faster(layer, density, graded=graded),
        graded=graded,
        planes=2 if largest >> PLANE_BITS else 1,
        wraps=exponent > 0 or largest * largest_sum(layer) >= _HALF,
        exponent=exponent,
    )


def sparse_is_faster(layer: ConvLayer, density: float, *, graded: bool) -> bool:
    """Return whether to list the spikes rather than to multiply all values of a spike buffer.

    Args:
        layer: the convolution.
        density: fraction of the values that are spikes.
        graded: whether spikes have values other than 1.
    """
    if not can_list(layer):
        return False
    plan = plan_of(layer)
    rows, columns, inputs = plan.kernel
    each = GRADED_NS if graded else SPIKE_NS
    octets = rows * -(-inputs // OCTET) * layer.stride[1]
    listing = PIXEL_NS + OCTET_NS * octets
    sparse = listing + each * rows * columns * inputs * density * plan.rows.shape[1]
    return bool(sparse < PAIR_NS * plan.pairs.shape[1] * plan.pairs.shape[2])


def can_list(layer: ConvLayer) -> bool:
    """Return whether there is a sparse way for a layer."""
    return plan_of(layer).rows.size > 0


def survey(arriving: NDArray[Any]) -> tuple[int, float]:
    """Return the largest magnitude of the spikes of a buffer (B, T, S padded) and their density.

    The density of binary spikes is that of some of the samples.
    """
    if arriving.dtype == np.uint8:
        some = arriving[::SURVEYED].view(np.bool_)
        return 1, np.count_nonzero(some) / max(some.size, 1)
    ends = np.zeros((len(arriving), 2 * LANES), np.int32)
    counts = np.zeros(len(arriving), np.int64)
    run_parallel(conv_layer.survey, len(arriving), arriving, ends, counts)
    largest = max(int(ends.max(initial=0)), -int(ends.min(initial=0)))
    return largest, int(counts.sum()) / max(arriving.size, 1)


@cache_per_layer
def largest_sum(layer: ConvLayer) -> int:
    """Return the largest possible magnitude of the weighted input of a neuron, of spikes of 1."""
    return int(np.abs(layer.weight, dtype=np.int64).sum((1, 2, 3)).max())


@cache_per_layer
def plan_of(layer: ConvLayer) -> ConvPlan:
    """Return the parameters of a layer for the kernel."""
    channels, height, width = layer.input_shape
    outputs, inputs, rows, columns = layer.weight.shape
    each, padding, dilation = outputs // layer.groups, layer.padding[1], layer.dilation[1]
    grouped = layer.weight.reshape(layer.groups, each, inputs, rows, columns)
    padded = width + 2 * padding
    order = np.argsort(np.arange(padded) % dilation, kind="stable")
    inside = order - padding
    segments, parts = _segments(layer, grouped, padded * channels)
    summed = _LARGEST // max(1, int(np.abs(layer.weight, dtype=np.int64).max()))
    by_column = grouped.transpose(0, 1, 4, 3, 2).reshape(layer.groups, each, -1)
    return ConvPlan(
        pairs=_pairs(parts),
        rows=_blocks(by_column if summed >= LEAST_SUMMED else by_column[:0]),
        segments=segments,
        length=-(-parts.shape[-1] // 2),
        columns=np.where((inside >= 0) & (inside < width), inside, -1).astype(np.int32),
        starts=np.argsort(order)[np.arange(layer.shape[2]) * layer.stride[1]].astype(np.int32),
        summed=summed,
        image=(height, width * channels, channels),
        kernel=(rows, columns, inputs),
        output=(*layer.shape[1:], outputs, each),
        vertical=(layer.stride[0], layer.padding[0], layer.dilation[0]),
        step=layer.stride[1] * channels,
        line=(padded * channels, padding * channels),
    )


def _segments(layer: ConvLayer, grouped: IntArray, line: int) -> tuple[NDArray[np.int32], IntArray]:
    """Return where the parts of the strip start that a pixel sees, and their weights.

    Args:
        layer: the convolution.
        grouped: its weights (G, E, I, R, K), see `ConvPlan`.
        line: length of a row of the strip.

    Returns:
        Starts, int32 (segments,), and weights, int16 (G, E, segments, values in a segment).
    """
    groups, each, inputs, rows, columns = grouped.shape
    weights = grouped.transpose(0, 1, 3, 4, 2)
    if groups == 1 and layer.dilation[1] == 1:  # the columns of a row of the kernel are neighbors
        return (np.arange(rows) * line).astype(np.int32), weights.reshape(1, each, rows, -1)
    apart = layer.dilation[1] * layer.input_shape[0]
    starts = np.arange(rows)[:, None] * line + np.arange(columns) * apart
    return starts.reshape(-1).astype(np.int32), weights.reshape(groups, each, -1, inputs)


def _pairs(parts: IntArray) -> NDArray[np.int16]:
    """Return weights (G, E, segments, values) as (G, blocks, pairs of values, BLOCK * 2)."""
    groups, each, segments, values = parts.shape
    size = (groups, -(-each // BLOCK) * BLOCK, segments, -(-values // 2) * 2)
    padded = np.zeros(size, np.int16)
    padded[:, :each, :, :values] = parts
    blocks = padded.reshape(groups, size[1] // BLOCK, BLOCK, segments * size[3] // 2, 2)
    ordered = np.ascontiguousarray(blocks.transpose(0, 1, 3, 2, 4))
    return ordered.reshape(*ordered.shape[:3], 2 * BLOCK)


def _blocks(weights: IntArray) -> NDArray[np.int16]:
    """Return weights (G, E, values) as (G, blocks, values, LANES), padded with zeros."""
    groups, each, values = weights.shape
    padded = np.zeros((groups, -(-each // LANES) * LANES, values), np.int16)
    padded[:, :each] = weights
    split = padded.reshape(groups, padded.shape[1] // LANES, LANES, values)
    return np.ascontiguousarray(split.swapaxes(2, 3))


@cache_per_layer
def _neurons(layer: ConvLayer) -> Neurons:
    """Return the parameters of a layer's neurons for the kernel."""
    neuron: Any = layer.neuron  # CUBA LIF
    rows: list[NDArray[Any]] = [
        spike_buffer.channels_last(
            per_neuron(np.asarray(values, np.int32), layer.shape), layer.shape
        ).reshape(layer.shape[1], -1)
        for values in (
            loihi.DECAY_ONE - neuron.current_decay,
            loihi.DECAY_ONE - neuron.voltage_decay,
            np.asarray(neuron.bias, np.int32) << loihi.ACTIVATION_SHIFT,
        )
    ]
    if all((each == each[:1]).all() for each in rows):
        rows = [each[:1] for each in rows]
    padding = ((0, 0), (0, -rows[0].shape[1] % LANES))
    factor_u, factor_v, bias = (np.pad(each, padding).astype(np.int32) for each in rows)
    return Neurons(factor_u, factor_v, bias, neuron.threshold << loihi.ACTIVATION_SHIFT)


def memory(layer: ConvLayer, *, graded: bool) -> int:
    """Return the bytes of the weights for the kernel and of the buffers of all threads."""
    outputs, inputs, rows, columns = (int(size) for size in layer.weight.shape)
    each = outputs // layer.groups
    blocks = -(-each // BLOCK) * BLOCK + -(-each // LANES) * LANES
    weights: int = 2 * blocks * layer.groups * rows * columns * (inputs + 1)
    seen = (layer.input_shape[2] + 2 * layer.padding[1]) * rows
    strip = 2 * seen * layer.input_shape[0] + 8 * seen * (inputs + 2 * OCTET)
    row: int = 20 * layer.shape[2] * outputs
    wide: int = 17 * layer.shape[1] * layer.shape[2] * rows * columns * inputs + 24 * layer.neurons
    return weights + num_threads() * (strip + row) + graded * wide


def may_leave_32_bits(layer: ConvLayer, arriving: NDArray[Any]) -> bool:
    """Return whether sums of these graded spikes may exceed 32 bits, for `wide_product`."""
    if arriving.dtype == np.uint8 or not arriving.size:
        return False
    return bool(survey(arriving)[0] * largest_sum(layer) > _WORD_MAX)


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
    low, high = (largest_sum(part) << exponent for part, exponent in parts(layer))
    return bool(survey(arriving)[0] * (low + high) < _HALF)


def wide_product(
    layer: ConvLayer, arriving: NDArray[np.int32], received: NDArray[Any], lost: NDArray[np.int64]
) -> None:
    """Compute the weighted input of a convolution; sums that exceed 32 bits become 0.

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
