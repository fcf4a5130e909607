"""Linear maps between spikes and neurons, composed exactly.

A map is one factor per element, a convolution or a matrix, with delays in time steps. Composing
keeps a convolution where one convolution holds the composition exactly; else a matrix is made,
unless it is too large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.export.nir.nodes import spread
from neurodeploy.models.errors import InputError
from neurodeploy.models.float_network import FloatArray
from neurodeploy.models.synapses import Shape, kernel_positions

ENTRIES_LIMIT: Final = 1 << 24
"""Limit of the entries of a matrix that a composition is expanded to; a chip has fewer synapses."""


@dataclass(frozen=True)
class Geometry:
    """The sizes of a convolution over images (channels, height, width).

    Attributes:
        input_shape: (channels, height, width).
        kernel, stride, padding, dilation: (height, width).
        groups: groups of channels.
    """

    input_shape: Shape
    kernel: Shape
    stride: Shape = (1, 1)
    padding: Shape = (0, 0)
    dilation: Shape = (1, 1)
    groups: int = 1

    def positions(self) -> Shape:
        """Return (height, width) of the output."""
        return kernel_positions(
            self.input_shape[1:], self.kernel, self.stride, self.padding, self.dilation
        )


@dataclass(frozen=True)
class Map:
    """A linear map, each with delays.

    Attributes:
        inputs: number of inputs.
        shape: shape of the output.
        weight: float64: (outputs,), one factor per element, in the order of the inputs; (outputs,
            inputs), a matrix; or (channels, input channels / groups, height, width), a convolution.
        geometry: sizes of the convolution, else None.
        delay: int64 delays in time steps, broadcasts to (outputs, inputs); (1, inputs) or (1, 1)
            for one factor per element.
    """

    inputs: int
    shape: Shape
    weight: FloatArray
    geometry: Geometry | None = None
    delay: NDArray[np.int64] = field(default_factory=lambda: np.zeros((1, 1), np.int64))

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return math.prod(self.shape)

    @property
    def elementwise(self) -> bool:
        """Whether the map is one factor per element."""
        return self.weight.ndim == 1


def identity(shape: Shape) -> Map:
    """Return the map of elements onto themselves."""
    count = math.prod(shape)
    return Map(count, shape, np.ones(count))


def scaled(map_: Map, scale: FloatArray) -> Map:
    """Return the map whose outputs are multiplied by `scale`, of the output's shape."""
    if map_.elementwise:
        return replace(map_, weight=map_.weight * scale.reshape(-1))
    if map_.geometry is not None:
        channels = _per_channel(scale, len(map_.weight))
        if channels is not None:
            return replace(map_, weight=map_.weight * channels.reshape(-1, 1, 1, 1))
        map_ = as_matrix(map_)
    return replace(map_, weight=map_.weight * scale.reshape(-1, 1))


def later(map_: Map, steps: NDArray[np.int64]) -> Map:
    """Return the map whose outputs come `steps` (outputs,) or (1,) later."""
    steps = steps.reshape(-1)
    if (steps == steps[0]).all():
        return replace(map_, delay=map_.delay + steps[0])
    if map_.elementwise:  # an output is an input
        return replace(map_, delay=map_.delay + steps[None, :])
    return replace(map_, delay=map_.delay + steps[:, None])


def times_matrix(map_: Map, weight: FloatArray) -> Map:
    """Return the map followed by a matrix (outputs, inputs)."""
    _check_entries(len(weight), map_.inputs)
    if len(map_.delay) > 1:
        return _mixed(weight, map_, weight.shape[:1])
    if map_.elementwise:
        matrix = weight * map_.weight
    elif map_.geometry is not None:
        images = weight.reshape(len(weight), len(map_.weight), *map_.geometry.positions())
        matrix = adjoint(images, map_.weight, map_.geometry).reshape(len(weight), -1)
    else:
        matrix = weight @ map_.weight
    return Map(map_.inputs, weight.shape[:1], matrix, None, map_.delay)


def times_kernel(map_: Map, kernel: FloatArray, geometry: Geometry, shape: Shape) -> Map:
    """Return the map followed by a convolution, whose output gets `shape`."""
    if len(map_.delay) > 1:
        return _mixed(_matrix_of(kernel, geometry), map_, shape)
    found = None
    if map_.elementwise:
        found = _scaled_inputs(map_.weight, kernel, geometry)
    elif map_.geometry is not None:
        found = _composed(map_.weight, map_.geometry, kernel, geometry)
    if found is not None:
        return Map(map_.inputs, shape, *found, map_.delay)
    _check_entries(math.prod(shape), map_.inputs)
    columns = as_matrix(map_).weight.T.reshape(map_.inputs, *geometry.input_shape)
    matrix = convolve(columns, kernel, geometry).reshape(map_.inputs, -1).T
    return Map(map_.inputs, shape, np.ascontiguousarray(matrix), None, map_.delay)


def summed(one: Map, other: Map) -> Map:
    """Return the sum of two maps with the same inputs and outputs.

    Raises:
        InputError: when a pair of input and output has different delays.
    """
    same = _same_delay(one, other)
    if same and one.elementwise and other.elementwise:
        return replace(one, weight=one.weight + other.weight)
    found = _sum_of_kernels(one, other) if same else None
    if found is not None:
        return replace(one, weight=found[0], geometry=found[1])
    first, second = as_matrix(one), as_matrix(other)
    delay = first.delay if same else _joined_delays(first, second)
    return replace(first, weight=first.weight + second.weight, delay=delay)


def as_matrix(map_: Map) -> Map:
    """Return the map as a matrix.

    Raises:
        InputError: when the matrix is too large.
    """
    if map_.weight.ndim == 2:
        return map_
    _check_entries(map_.outputs, map_.inputs)
    if map_.geometry is None:
        return replace(map_, weight=np.diag(map_.weight))
    return replace(map_, weight=_matrix_of(map_.weight, map_.geometry), geometry=None)


def as_convolution(map_: Map, image: Shape) -> Map | None:
    """Return a map of images (channels, height, width) as a convolution, or None if it is none."""
    if map_.geometry is not None:
        return map_
    channels = _per_channel(map_.weight, image[0]) if map_.elementwise and len(image) == 3 else None
    if channels is None:
        return None
    geometry = Geometry(image, (1, 1), groups=image[0])
    return replace(map_, weight=channels.reshape(-1, 1, 1, 1), geometry=geometry)


def _per_channel(values: FloatArray, channels: int) -> FloatArray | None:
    """Return one value per channel, or None if a channel has different ones."""
    table = values.reshape(channels, -1)
    return table[:, 0] if (table == table[:, :1]).all() else None


def _check_entries(outputs: int, inputs: int) -> None:
    if outputs * inputs > ENTRIES_LIMIT:
        raise InputError(
            f"no single convolution holds it exactly, and a matrix of {outputs:,} x {inputs:,} is "
            f"over the limit of {ENTRIES_LIMIT:,} weights; put a neuron between the linear nodes, "
            "or use pools without padding and overlap"
        )


# Delays -------------------------------------------------------------------------------------------


def _same_delay(one: Map, other: Map) -> bool:
    full = np.broadcast_shapes(one.delay.shape, other.delay.shape)
    return bool((np.broadcast_to(one.delay, full) == np.broadcast_to(other.delay, full)).all())


def _mixed(weight: FloatArray, map_: Map, shape: Shape) -> Map:
    """Return a map followed by a matrix, where the delays differ between the map's outputs.

    Raises:
        InputError: when one input reaches one output with different delays.
    """
    before = as_matrix(map_).weight
    _check_entries(len(weight), map_.inputs)
    delays = np.broadcast_to(map_.delay, before.shape)
    found = np.full((len(weight), map_.inputs), -1, np.int64)
    for steps in np.unique(map_.delay):
        reached = np.abs(weight) @ (np.abs(before) * (delays == steps)) > 0
        if (reached & (found >= 0)).any():
            raise InputError(
                "an input reaches an output by several delays, which one synapse cannot hold; put "
                "the delay before or after all linear nodes"
            )
        found[reached] = steps
    return Map(map_.inputs, shape, weight @ before, None, np.maximum(found, 0))


def _joined_delays(one: Map, other: Map) -> NDArray[np.int64]:
    """Return the delays of the sum of two matrices with different delays.

    Raises:
        InputError: when both have a weight for one pair of input and output.
    """
    delays = [np.broadcast_to(each.delay, one.weight.shape) for each in (one, other)]
    used = [each.weight != 0 for each in (one, other)]
    if (used[0] & used[1] & (delays[0] != delays[1])).any():
        raise InputError(
            "two paths from the same input have different delays, which one synapse cannot hold; "
            "use one path"
        )
    return np.where(used[0], delays[0], np.where(used[1], delays[1], 0))


# Convolutions -------------------------------------------------------------------------------------


def convolve(images: FloatArray, kernel: FloatArray, geometry: Geometry) -> FloatArray:
    """Return the convolution (a correlation, as in PyTorch) of images (B, C, H, W) with zeros."""
    groups, rows, columns = geometry.groups, *geometry.positions()
    (up, left), count = geometry.padding, len(images)
    padded = np.pad(images, ((0, 0), (0, 0), (up, up), (left, left)))
    weight = kernel.reshape(groups, len(kernel) // groups, *kernel.shape[1:])
    out = np.zeros((count, groups, weight.shape[1], rows, columns))
    for a, b in np.ndindex(*geometry.kernel):
        part = padded[_taps(geometry, (a, b), (rows, columns))]
        part = part.reshape(count, groups, -1, rows * columns)
        out += (weight[..., a, b] @ part).reshape(out.shape)
    return out.reshape(count, len(kernel), rows, columns)


def adjoint(images: FloatArray, kernel: FloatArray, geometry: Geometry) -> FloatArray:
    """Return the transposed convolution of images (B, outputs, rows, columns): (B, C, H, W)."""
    groups, (rows, columns) = geometry.groups, geometry.positions()
    (up, left), count = geometry.padding, len(images)
    channels, height, width = geometry.input_shape
    weight = kernel.reshape(groups, len(kernel) // groups, *kernel.shape[1:])
    parts = images.reshape(count, groups, -1, rows * columns)
    padded = np.zeros((count, channels, height + 2 * up, width + 2 * left))
    for a, b in np.ndindex(*geometry.kernel):
        back = weight[..., a, b].swapaxes(1, 2) @ parts
        view = padded[_taps(geometry, (a, b), (rows, columns))]
        view += back.reshape(view.shape)
    return padded[:, :, up : up + height, left : left + width]


def _taps(geometry: Geometry, tap: Shape, positions: Shape) -> tuple[slice, ...]:
    """Return the slices of padded images (B, C, H, W) that a tap of the kernel reads."""
    whole = slice(None)
    return (
        whole,
        whole,
        *(
            slice(k * gap, k * gap + step * (n - 1) + 1, step)
            for k, gap, step, n in zip(tap, geometry.dilation, geometry.stride, positions)
        ),
    )


def _matrix_of(kernel: FloatArray, geometry: Geometry) -> FloatArray:
    """Return the matrix (outputs, inputs) of a convolution."""
    outputs = len(kernel) * math.prod(geometry.positions())
    inputs = math.prod(geometry.input_shape)
    _check_entries(outputs, inputs)
    matrix = np.zeros((outputs, inputs))
    size = max(1, (1 << 20) // max(inputs, outputs))
    for start in range(0, inputs, size):  # some columns at a time
        count = min(size, inputs - start)
        ones = np.zeros((count, inputs))
        ones[np.arange(count), start + np.arange(count)] = 1
        images = ones.reshape(count, *geometry.input_shape)
        matrix[:, start : start + count] = convolve(images, kernel, geometry).reshape(count, -1).T
    return matrix


def _scaled_inputs(
    factor: FloatArray, kernel: FloatArray, geometry: Geometry
) -> tuple[FloatArray, Geometry] | None:
    """Return a convolution of inputs times a factor, if the factor is one per channel."""
    channels = _per_channel(factor, geometry.input_shape[0])
    if channels is None:
        return None
    each = channels.reshape(geometry.groups, 1, -1, 1, 1)
    grouped = kernel.reshape(geometry.groups, -1, *kernel.shape[1:])
    return (grouped * each).reshape(kernel.shape), geometry


def _composed(
    first: FloatArray, one: Geometry, second: FloatArray, two: Geometry
) -> tuple[FloatArray, Geometry] | None:
    """Return one convolution for two, or None where none holds them exactly.

    Where the second pads with zeros, or leaves out the end of its input, the one convolution would
    read the input beyond what the first gave; it is exact if only zeros lie there.
    """
    groups = math.gcd(one.groups, two.groups)
    axes = range(2)
    padding = tuple(one.padding[a] + two.padding[a] * one.stride[a] for a in axes)
    stride = tuple(one.stride[a] * two.stride[a] for a in axes)
    outputs = two.positions()
    sizes = []
    for axis in axes:
        if not _pads_with_zeros(one, two, axis):
            return None
        extent = [each.dilation[axis] * (each.kernel[axis] - 1) for each in (one, two)]
        size = extent[0] + extent[1] * one.stride[axis] + 1
        room = one.input_shape[1 + axis] + 2 * padding[axis] - stride[axis] * outputs[axis]
        sizes.append(max(size, room + 1))  # zeros at the end, so that no output is added
    if math.prod(sizes) * len(second) * (one.input_shape[0] // groups) > ENTRIES_LIMIT:
        return None
    kernel = np.zeros((len(second), one.input_shape[0] // groups, *sizes))
    inner = _regrouped(spread(first, one.dilation), one.groups, groups)
    outer = _regrouped(second, two.groups, groups)
    inner = inner.reshape(groups, -1, *inner.shape[1:])
    outer = outer.reshape(groups, -1, *outer.shape[1:])
    height, width = inner.shape[3:]
    for a, b in np.ndindex(*two.kernel):
        part = np.einsum("gom,gmihw->goihw", outer[..., a, b], inner)
        row, column = (n * two.dilation[x] * one.stride[x] for n, x in ((a, 0), (b, 1)))
        kernel[:, :, row : row + height, column : column + width] += part.reshape(
            len(second), -1, height, width
        )
    found = Geometry(one.input_shape, tuple(sizes), stride, padding, (1, 1), groups)
    assert found.positions() == outputs
    return kernel, found


def _pads_with_zeros(one: Geometry, two: Geometry, axis: int) -> bool:
    """Return whether the input is zero wherever the second convolution reads its padding."""
    size, middle = one.input_shape[1 + axis], one.positions()[axis]
    outputs = np.arange(two.positions()[axis])[:, None] * two.stride[axis] - two.padding[axis]
    read = (outputs + np.arange(two.kernel[axis]) * two.dilation[axis]).reshape(-1)
    beyond = read[(read < 0) | (read >= middle)]
    taps = np.arange(one.kernel[axis]) * one.dilation[axis]
    places = beyond[:, None] * one.stride[axis] - one.padding[axis] + taps
    return not ((places >= 0) & (places < size)).any()


def _regrouped(kernel: FloatArray, groups: int, fewer: int) -> FloatArray:
    """Return a kernel of `groups` groups as one of `fewer`, with zeros between the groups."""
    if groups == fewer:
        return kernel
    many = groups // fewer
    outputs, inputs = len(kernel) // groups, kernel.shape[1]
    wide = np.zeros((fewer, many, outputs, many, inputs, *kernel.shape[2:]))
    parts = kernel.reshape(fewer, many, outputs, inputs, *kernel.shape[2:])
    for index in range(many):
        wide[:, index, :, index] = parts[:, index]
    return wide.reshape(len(kernel), many * inputs, *kernel.shape[2:])


def _sum_of_kernels(one: Map, other: Map) -> tuple[FloatArray, Geometry] | None:
    """Return the sum of two convolutions with the same stride as one, or None."""
    image = next((each.geometry.input_shape for each in (one, other) if each.geometry), ())
    maps = [as_convolution(each, image) for each in (one, other)]
    pairs = [(each.weight, each.geometry) for each in maps if each and each.geometry]
    if len(pairs) < 2:
        return None
    (first, a), (second, b) = pairs
    if a.stride != b.stride or a.positions() != b.positions() or len(first) != len(second):
        return None
    groups = math.gcd(a.groups, b.groups)
    padding = tuple(np.maximum(a.padding, b.padding).tolist())
    ahead = [tuple(np.subtract(padding, each.padding).tolist()) for each in (a, b)]
    wide = [
        _regrouped(spread(weight, each.dilation), each.groups, groups) for weight, each in pairs
    ]
    positions = a.positions()
    sizes = []
    for x in range(2):
        room = image[1 + x] + 2 * padding[x] - a.stride[x] * positions[x]
        ends = (first[x] + kernel.shape[2 + x] for first, kernel in zip(ahead, wide))
        sizes.append(max(room + 1, *ends))
    total = np.zeros((len(first), image[0] // groups, *sizes))
    for (row, column), kernel in zip(ahead, wide):
        total[:, :, row : row + kernel.shape[2], column : column + kernel.shape[3]] += kernel
    found = Geometry(image, tuple(sizes), a.stride, padding, (1, 1), groups)
    return (total, found) if found.positions() == positions else None
