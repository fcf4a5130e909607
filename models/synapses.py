"""The synapses of a connection: a dense matrix, a convolution, or the input that drives neurons.

The neurons of an image are numbered in C order of (channels, height, width), so that flattening
keeps their order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.models import loihi
from neurodeploy.models.arrays import IntArray, check_range, checked_integer, read_only
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError

DelayKind: TypeAlias = Literal["none", "axonal", "dendritic", "synaptic"]
Shape: TypeAlias = tuple[int, ...]


class _Synapse(Shown):
    """Base class of synapses, which define `shape`, that of the neurons, and `input_shape`."""

    shape: Any
    input_shape: Any

    @property
    def neurons(self) -> int:
        """Number of neurons that receive."""
        return math.prod(self.shape)

    @property
    def inputs(self) -> int:
        """Number of neurons, or of input channels, that send."""
        return math.prod(self.input_shape)


@dataclass(frozen=True, eq=False, repr=False)
class Dense(_Synapse):
    """A weight from every sender to every neuron.

    Attributes:
        weight: int16 array (neurons, inputs), -256..255, or -32768..32767 with two synapses for
            each weight.

    Examples:
        >>> neurodeploy.Dense([[80, -12], [0, 34], [6, 6]]).shape
        (3,)
    """

    if TYPE_CHECKING:

        def __init__(self, weight: ArrayLike) -> None: ...

    weight: IntArray

    def __post_init__(self) -> None:
        set_fields(self, weight=matrix(self.weight, "weight"))

    @property
    def shape(self) -> Shape:
        """(neurons,)."""
        return (int(self.weight.shape[0]),)

    @property
    def input_shape(self) -> Shape:
        """(inputs,)."""
        return (int(self.weight.shape[1]),)

    @property
    def count(self) -> int:
        """Number of weights, zeros included."""
        return int(self.weight.size)


@dataclass(frozen=True, eq=False, repr=False)
class Conv(_Synapse):
    """A 2-D convolution (a correlation, as in PyTorch).

    Attributes:
        weight: int16 array (channels, input channels / groups, kernel height, kernel width),
            as in `Dense`.
        input_shape: (input channels, height, width).
        stride: stride of the kernel, (height, width).
        padding: zeros added on each side of the input, (height, width).
        dilation: spacing of the kernel's rows and columns, (height, width).
        groups: number of groups of input and output channels, each connected only within itself.

    Examples:
        >>> kernel = np.full((8, 2, 3, 3), 10)
        >>> neurodeploy.Conv(kernel, (2, 16, 16), stride=2, padding=1).shape
        (8, 8, 8)
    """

    if TYPE_CHECKING:

        def __init__(
            self,
            weight: ArrayLike,
            input_shape: Sequence[int],
            stride: int | Sequence[int] = 1,
            padding: int | Sequence[int] = 0,
            dilation: int | Sequence[int] = 1,
            groups: int = 1,
        ) -> None: ...

    weight: IntArray
    input_shape: Shape
    stride: Shape = (1, 1)
    padding: Shape = (0, 0)
    dilation: Shape = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        weight = read_only(self.weight, np.int16, "weight")
        if weight.ndim != 4 or not weight.size:
            raise InputError(
                f"weight has shape {weight.shape}; a convolution has (channels, input channels / "
                "groups, height, width)"
            )
        set_fields(
            self,
            weight=weight,
            input_shape=checked_shape(self.input_shape, (3,), "input_shape"),
            stride=_pair(self.stride, 1, "stride"),
            padding=_pair(self.padding, 0, "padding"),
            dilation=_pair(self.dilation, 1, "dilation"),
            groups=checked_integer(self.groups, 1, len(weight), "groups"),
        )
        self._check_channels()
        if min(self.shape) < 1:
            raise InputError(
                f"the kernel {weight.shape[2:]} with dilation {self.dilation} does not fit the "
                f"input {self.input_shape} with padding {self.padding}; make it smaller"
            )
        _check_fan_in(int(weight[0].size), weight)

    def _check_channels(self) -> None:
        channels, group_inputs = self.weight.shape[:2]
        if group_inputs * self.groups != self.input_shape[0] or channels % self.groups:
            raise InputError(
                f"{self.input_shape[0]} input and {channels} output channels in {self.groups} "
                f"groups do not fit a kernel for {group_inputs} input channels per group"
            )

    @property
    def shape(self) -> Shape:
        """(channels, height, width)."""
        kernel, image = self.weight.shape[2:], self.input_shape[1:]
        positions = kernel_positions(image, kernel, self.stride, self.padding, self.dilation)
        return (int(self.weight.shape[0]), *positions)

    @property
    def count(self) -> int:
        """Number of weights of the shared kernel."""
        return int(self.weight.size)


@dataclass(frozen=True, eq=False, repr=False)
class Drive(_Synapse):
    """The input drives the neurons directly, one value each, without a time step in between.

    An input value x becomes scale * x + offset (netx's `weight` and `bias` of an input layer).

    Attributes:
        shape: (neurons,), (height, width) or (channels, height, width).
        scale: factor of the input values, -2^24..2^24.
        offset: added to the scaled values, -2^24..2^24.

    Examples:
        >>> neurodeploy.Drive((1, 28, 28), scale=2).neurons
        784
    """

    if TYPE_CHECKING:

        def __init__(self, shape: Sequence[int], scale: int = 1, offset: int = 0) -> None: ...

    shape: Shape
    scale: int = 1
    offset: int = 0

    def __post_init__(self) -> None:
        limit = 1 << loihi.MESSAGE_BITS_MAX
        set_fields(
            self,
            shape=checked_shape(self.shape, (1, 2, 3), "shape"),
            scale=checked_integer(self.scale, -limit, limit, "scale"),
            offset=checked_integer(self.offset, -limit, limit, "offset"),
        )

    @property
    def input_shape(self) -> Shape:
        """Shape of the input, equal to `shape`."""
        return self.shape

    @property
    def count(self) -> int:
        """Number of weights, none."""
        return 0


Synapse: TypeAlias = Dense | Conv | Drive


def set_fields(thing: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(thing, name, value)


def matrix(values: IntArray, name: str) -> IntArray:
    weight = read_only(values, np.int16, name)
    if weight.ndim != 2 or not weight.size:
        raise InputError(f"{name} has shape {weight.shape}; it must be (neurons, inputs)")
    _check_fan_in(weight.shape[1], weight)
    return weight


def _check_fan_in(inputs: int, weight: IntArray) -> None:
    wide = is_wide(weight)
    limit = loihi.WIDE_FAN_IN_MAX if wide else loihi.FAN_IN_MAX
    if inputs > limit:
        kind = " with weights beyond 8 bits" * wide
        raise InputError(
            f"each neuron has {inputs} inputs{kind}; sums are exact up to {limit}, so split the "
            "layer"
        )


def checked_delay(values: IntArray, shape: Shape, name: str) -> IntArray:
    delay = read_only(values, np.int64, name)
    if delay.ndim < 2:  # shared, or one per input
        delay = np.atleast_2d(delay)
    if delay.ndim != 2 or any(d not in (1, n) for d, n in zip(delay.shape, shape)):
        raise InputError(
            f"{name} has shape {delay.shape}; it must broadcast to {shape}: give one number, "
            f"({shape[1]},) or (1, {shape[1]}) for one delay per input, ({shape[0]}, 1) for one "
            "per neuron"
        )
    check_range(delay, 0, loihi.DELAY_MAX, name)
    return read_only(delay if delay.any() else delay[:1, :1], np.int8, name)


def checked_shape(values: Any, dimensions: tuple[int, ...], name: str) -> Shape:
    sizes = np.atleast_1d(read_only(values, np.int64, name))
    if sizes.ndim != 1 or sizes.size not in dimensions or sizes.min(initial=1) < 1:
        raise InputError(f"{name} is {values}; give at most {dimensions[-1]} sizes from 1")
    return tuple(sizes.tolist())


def _pair(values: Any, lowest: int, name: str) -> Shape:
    pair = np.atleast_1d(read_only(values, np.int64, name))
    if pair.shape not in ((1,), (2,)) or pair.min() < lowest:
        raise InputError(f"{name} is {values}; give a height and a width from {lowest}")
    return tuple(np.broadcast_to(pair, (2,)).tolist())


def no_delay() -> IntArray:
    return np.zeros((1, 1), np.int8)


def kernel_positions(
    sizes: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape
) -> Shape:
    """Return the number of positions of a kernel along each axis of an image, as in PyTorch."""
    axes = zip(sizes, kernel, stride, padding, dilation)
    return tuple((n + 2 * pad - gap * (k - 1) - 1) // step + 1 for n, k, step, pad, gap in axes)


def is_wide(weight: IntArray) -> bool:
    """Return whether a weight exceeds one synapse, -256..255."""
    low, high = int(weight.min(initial=0)), int(weight.max(initial=0))
    return low < loihi.WEIGHT_MIN or high > loihi.WEIGHT_MAX


def weight_parts(weight: IntArray) -> tuple[IntArray, IntArray]:
    """Return the two synapses of each weight, low and high, int16 arrays of the same shape.

    weight = high * 2^7 + low, where low is 0..255 and high is even, -256..254: a signed mantissa of
    8 bits, as one synapse of mixed signs holds it. In Lava and on the chip they are two groups of
    synapses with the exponents 0 and `loihi.HIGH_WEIGHT_EXP`.
    """
    low = weight & np.int16((1 << loihi.LOW_WEIGHT_BITS) - 1)
    return low, (weight >> loihi.LOW_WEIGHT_BITS) * np.int16(loihi.WEIGHT_STEP)


def kind_of(delay: IntArray) -> DelayKind:
    if not delay.any():
        return "none"
    if delay.shape[0] == 1:
        return "axonal"
    return "dendritic" if delay.shape[1] == 1 else "synaptic"


def stored_kernel(synapse: Conv) -> NDArray[np.int64]:
    """Return which weights of a kernel are stored, those other than 0, by input channel.

    Returns:
        int64 array (input channels, channels of its group, kernel height, kernel width), 0 or 1.
    """
    outputs, inputs, *kernel = synapse.weight.shape
    grouped = synapse.weight.reshape(synapse.groups, outputs // synapse.groups, inputs, *kernel)
    by_input: NDArray[np.int64] = (grouped != 0).swapaxes(1, 2).astype(np.int64)
    return by_input.reshape(synapse.input_shape[0], -1, *kernel)


def kernel_reads(synapse: Conv, axis: int) -> NDArray[np.int64]:
    """Return how often each kernel row (axis 0) or column (1) reads an input row or column.

    Returns:
        int64 array (input rows or columns, kernel rows or columns), 0 or 1.
    """
    shifts = (
        np.arange(synapse.weight.shape[2 + axis]) * synapse.dilation[axis] - synapse.padding[axis]
    )
    place = np.arange(synapse.input_shape[1 + axis])[:, None] - shifts
    stride = synapse.stride[axis]
    inside = (place >= 0) & (place < synapse.shape[1 + axis] * stride) & (place % stride == 0)
    reads: NDArray[np.int64] = inside.astype(np.int64)
    return reads


def fan_out(synapse: Synapse) -> NDArray[np.int64]:
    """Return the number of connections of each input, int64 (inputs,), zeros included."""
    if isinstance(synapse, Drive):
        return np.zeros(synapse.inputs, np.int64)
    if not isinstance(synapse, Conv):
        return np.full(synapse.inputs, synapse.neurons, np.int64)
    rows, columns = (kernel_reads(synapse, axis).sum(1) for axis in (0, 1))
    pixels = np.outer(rows, columns).reshape(-1) * (len(synapse.weight) // synapse.groups)
    return np.tile(pixels, synapse.input_shape[0])


def stored_fan_out(synapse: Synapse) -> NDArray[np.int64]:
    """Return the number of stored weights of each input, int64 (inputs,): those a spike adds.

    A convolution stores no weights of zero. A dense matrix stores all.

    Source: Intel's compiler keeps the zeros of dense layers. That it drops those of convolutions is
    inferred: the counter of SynOps in lava-dl's pilotnet_snn/benchmark.ipynb fits non-zero weights.
    """
    if not isinstance(synapse, Conv):
        return fan_out(synapse)
    stored = stored_kernel(synapse).sum(1)
    rows, columns = (kernel_reads(synapse, axis) for axis in (0, 1))
    found: NDArray[np.int64] = np.einsum("yi,cij,xj->cyx", rows, stored, columns, optimize=True)
    return found.reshape(-1)
