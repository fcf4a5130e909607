"""The kernel of a convolution laid out for the simulator: which weights a spike adds, and where.

A spike at row y and column x of an input image reaches output row (y + padding - i * dilation) /
stride through kernel row i, where that is whole and inside, and columns alike. With the channels of
an image last, kernel columns that reach neighbouring output columns can lie in one run of weights
that is added to one run of neurons; they are put side by side here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.kernels.once import once_a_layer
from neurodeploy.models.layers import ConvLayer


@once_a_layer
def layout(layer: ConvLayer) -> tuple[Any, ...]:
    """Return kernel, rows, runs and sizes as `hw_sim.kernels.event_sums.conv_sums` takes them.

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
