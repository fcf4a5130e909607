"""The layers of an integer network as data: synapses, delays and neurons.

The neurons of an image layer are numbered in C order of (channels, height, width), so that
flattening keeps their order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.models import loihi
from neurodeploy.models.arrays import IntArray, check_range, checked_integer, read_only
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.neurons import CubaLif, Delta, Neuron, Sigma, SigmaDelta, arrays_of

DelayKind: TypeAlias = Literal["none", "axonal", "dendritic", "synaptic"]
Shape: TypeAlias = tuple[int, ...]


def _set(thing: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(thing, name, value)


def _matrix(values: IntArray, name: str) -> IntArray:
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


def _delay(values: IntArray, shape: Shape, name: str) -> IntArray:
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


def _check_neuron(neuron: Neuron, shape: Shape) -> None:
    if not isinstance(neuron, (CubaLif, Delta, SigmaDelta, Sigma)):
        raise InputError(
            f"the neuron is a {type(neuron).__name__}; give one of neurodeploy.models.neurons"
        )
    neurons = math.prod(shape)
    sizes = {1, neurons, shape[0]} if len(shape) == 3 else {1, neurons}
    for name, values in arrays_of(neuron).items():
        if values.size not in sizes:
            raise InputError(f"{name} has {values.size} values for {neurons} neurons")


def _shape(values: Any, dimensions: tuple[int, ...], name: str) -> Shape:
    sizes = np.atleast_1d(read_only(values, np.int64, name))
    if sizes.ndim != 1 or sizes.size not in dimensions or sizes.min(initial=1) < 1:
        raise InputError(f"{name} is {values}; give at most {dimensions[-1]} sizes from 1")
    return tuple(sizes.tolist())


def _pair(values: Any, lowest: int, name: str) -> Shape:
    pair = np.atleast_1d(read_only(values, np.int64, name))
    if pair.shape not in ((1,), (2,)) or pair.min() < lowest:
        raise InputError(f"{name} is {values}; give a height and a width from {lowest}")
    return tuple(np.broadcast_to(pair, (2,)).tolist())


def _no_delay() -> IntArray:
    return np.zeros((1, 1), np.int8)


def kernel_positions(
    sizes: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape
) -> Shape:
    """Return the number of positions of a kernel along each axis of an image, as in PyTorch."""
    axes = zip(sizes, kernel, stride, padding, dilation)
    return tuple((n + 2 * pad - gap * (k - 1) - 1) // step + 1 for n, k, step, pad, gap in axes)


class _Layer(Shown):
    """Base class of layers, which define `shape` and `input_shape`."""

    neuron: Any
    shape: Any
    input_shape: Any

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)

    @property
    def inputs(self) -> int:
        """Number of neurons of the previous layer, or of input channels."""
        return math.prod(self.input_shape)

    @property
    def delay_kind(self) -> DelayKind:
        """Kind of the delays of the input spikes."""
        return "none"

    @property
    def synapses(self) -> int:
        """Number of weights, zeros included; a shared kernel counts once.

        A weight that takes two synapses counts once, too; see `synapses_per_weight`.
        """
        return 0

    @cached_property
    def synapses_per_weight(self) -> int:
        """Number of synapses that store one weight: 2 if a weight of the layer exceeds -256..255.

        Both are synapses from the same sender to the same neuron, in two groups with weight
        exponents of their own; see `weight_parts`.
        """
        return 1 + any(map(is_wide, weights_of(cast("Layer", self))))


class _MatrixLayer(_Layer):
    """Base class of dense layers."""

    weight: IntArray
    delay: IntArray

    @property
    def shape(self) -> Shape:
        """(neurons,)."""
        return (int(self.weight.shape[0]),)

    @property
    def input_shape(self) -> Shape:
        """(inputs,)."""
        return (int(self.weight.shape[1]),)

    @property
    def delay_kind(self) -> DelayKind:
        """Kind of the delays; see `DenseLayer.delay`."""
        return _kind(self.delay)

    @property
    def synapses(self) -> int:
        """Number of weights, zeros included."""
        return int(self.weight.size)


@dataclass(frozen=True, eq=False, repr=False)
class InputLayer(_Layer):
    """Neurons driven by the input: CUBA LIF neurons through their bias, delta neurons directly.

    An input value x becomes scale * x + offset (netx's `weight` and `bias` of an input layer). This
    layer does not delay its input by a time step.

    Attributes:
        neuron: CUBA LIF neurons without a bias, or delta neurons.
        shape: (neurons,), (height, width) or (channels, height, width).
        scale: factor of the input values, -2^24..2^24.
        offset: added to the scaled values, -2^24..2^24.

    Examples:
        >>> neuron = neurodeploy.CubaLif(current_decay=4096, voltage_decay=128, threshold=64)
        >>> neurodeploy.InputLayer(neuron, (1, 28, 28), scale=2).neurons
        784
    """

    neuron: CubaLif | Delta
    shape: Shape
    scale: int = 1
    offset: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.neuron, (CubaLif, Delta)):
            raise InputError(
                f"an input layer has {type(self.neuron).__name__} neurons; give CubaLif or Delta"
            )
        if isinstance(self.neuron, CubaLif) and self.neuron.bias.any():
            raise InputError("the input drives the bias of its neurons; give the layer an offset")
        limit = 1 << loihi.MESSAGE_BITS_MAX
        _set(
            self,
            shape=_shape(self.shape, (1, 2, 3), "shape"),
            scale=checked_integer(self.scale, -limit, limit, "scale"),
            offset=checked_integer(self.offset, -limit, limit, "offset"),
        )
        _check_neuron(self.neuron, self.shape)

    @property
    def input_shape(self) -> Shape:
        """Shape of the input, equal to `shape`."""
        return self.shape


@dataclass(frozen=True, eq=False, repr=False)
class DenseLayer(_MatrixLayer):
    """A fully connected layer: one weight and one delay per input and neuron.

    Attributes:
        weight: int16 array (neurons, inputs), -256..255, or -32768..32767 with two synapses for
            each weight.
        neuron: the neurons.
        delay: int8 array that broadcasts to `weight`, 0..62 time steps in addition to the one step
            of every layer. 0: none; (1, inputs) or (inputs,): axonal, one per input;
            (neurons, 1): dendritic, one per neuron; (neurons, inputs): synaptic, one per synapse.

    Examples:
        >>> neuron = neurodeploy.CubaLif(current_decay=1024, voltage_decay=128, threshold=64)
        >>> layer = neurodeploy.DenseLayer([[80, -12], [0, 34], [6, 6]], neuron, delay=[[0, 5]])
        >>> layer.shape, layer.input_shape, layer.delay_kind
        ((3,), (2,), 'axonal')
    """

    if TYPE_CHECKING:

        def __init__(self, weight: ArrayLike, neuron: Neuron, delay: ArrayLike = 0) -> None: ...

    weight: IntArray
    neuron: Neuron
    delay: IntArray = field(default_factory=_no_delay)

    def __post_init__(self) -> None:
        _set(self, weight=_matrix(self.weight, "weight"))
        _set(self, delay=_delay(self.delay, self.weight.shape, "delay"))
        _check_neuron(self.neuron, self.shape)


@dataclass(frozen=True, eq=False, repr=False)
class RecurrentLayer(_MatrixLayer):
    """A fully connected layer whose own spikes feed back to it one step later.

    Attributes:
        weight: int16 array (neurons, inputs), as in `DenseLayer`.
        recurrent: int16 array (neurons, neurons), weights of the layer's own spikes. If weights of
            either array exceed -256..255, all of the layer take two synapses.
        neuron: the neurons.
        delay: delays of the input spikes, as in `DenseLayer`.
        recurrent_delay: delays of the layer's own spikes, int8, broadcasts to `recurrent`.

    Examples:
        >>> neuron = neurodeploy.CubaLif(current_decay=1024, voltage_decay=128, threshold=64)
        >>> layer = neurodeploy.RecurrentLayer([[80], [34]], [[0, -20], [-20, 0]], neuron)
        >>> layer.neurons, layer.synapses
        (2, 6)
    """

    if TYPE_CHECKING:

        def __init__(
            self,
            weight: ArrayLike,
            recurrent: ArrayLike,
            neuron: Neuron,
            delay: ArrayLike = 0,
            recurrent_delay: ArrayLike = 0,
        ) -> None: ...

    weight: IntArray
    recurrent: IntArray
    neuron: Neuron
    delay: IntArray = field(default_factory=_no_delay)
    recurrent_delay: IntArray = field(default_factory=_no_delay)

    def __post_init__(self) -> None:
        for name, delay_name in (("weight", "delay"), ("recurrent", "recurrent_delay")):
            matrix = _matrix(getattr(self, name), name)
            delay = _delay(getattr(self, delay_name), matrix.shape, delay_name)
            _set(self, **{name: matrix, delay_name: delay})
        neurons = len(self.weight)
        if self.recurrent.shape != (neurons, neurons):
            raise InputError(
                f"recurrent has shape {self.recurrent.shape}; {neurons} neurons need "
                f"{(neurons, neurons)}"
            )
        _check_neuron(self.neuron, self.shape)

    @property
    def delay_kind(self) -> DelayKind:
        """Kind of the delays of the input spikes or, if they have none, of recurrent spikes."""
        return _kind(self.delay if self.delay.any() else self.recurrent_delay)

    @property
    def synapses(self) -> int:
        """Number of weights, zeros included."""
        return int(self.weight.size + self.recurrent.size)


@dataclass(frozen=True, eq=False, repr=False)
class ConvLayer(_Layer):
    """A 2-D convolution (a correlation, as in PyTorch).

    Attributes:
        weight: int16 array (channels, input channels / groups, kernel height, kernel width),
            as in `DenseLayer`.
        input_shape: (input channels, height, width).
        neuron: the neurons.
        stride: stride of the kernel, (height, width).
        padding: zeros added on each side of the input, (height, width).
        dilation: spacing of the kernel's rows and columns, (height, width).
        groups: number of groups of input and output channels, each connected only within itself.

    Examples:
        >>> neuron = neurodeploy.CubaLif(current_decay=1024, voltage_decay=128, threshold=64)
        >>> kernel = np.full((8, 2, 3, 3), 10)
        >>> neurodeploy.ConvLayer(kernel, (2, 16, 16), neuron, stride=2, padding=1).shape
        (8, 8, 8)
    """

    if TYPE_CHECKING:

        def __init__(
            self,
            weight: ArrayLike,
            input_shape: Sequence[int],
            neuron: Neuron,
            stride: int | Sequence[int] = 1,
            padding: int | Sequence[int] = 0,
            dilation: int | Sequence[int] = 1,
            groups: int = 1,
        ) -> None: ...

    weight: IntArray
    input_shape: Shape
    neuron: Neuron
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
        _set(
            self,
            weight=weight,
            input_shape=_shape(self.input_shape, (3,), "input_shape"),
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
        _check_neuron(self.neuron, self.shape)

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
    def synapses(self) -> int:
        """Number of weights of the shared kernel."""
        return int(self.weight.size)


Layer: TypeAlias = InputLayer | DenseLayer | RecurrentLayer | ConvLayer

LAYERS: Final[dict[type[Layer], str]] = {
    InputLayer: "input with a neuron",
    DenseLayer: "dense",
    RecurrentLayer: "recurrent dense",
    ConvLayer: "convolution",
}
"""Layer types, and their names in messages and reports."""


def per_neuron(values: IntArray, shape: Shape) -> NDArray[Any]:
    """Return a parameter of a layer's neurons as one value per neuron, (neurons,).

    Args:
        values: one shared value, one per channel of an image layer, or one per neuron.
        shape: shape of the layer.
    """
    if values.size == shape[0]:
        values = np.repeat(values, math.prod(shape[1:]))
    return np.ascontiguousarray(np.broadcast_to(values, (math.prod(shape),)))


def weights_of(layer: Layer) -> tuple[IntArray, ...]:
    """Return the weight arrays of a layer; a recurrent layer has two."""
    if isinstance(layer, InputLayer):
        return ()
    return (layer.weight, layer.recurrent) if isinstance(layer, RecurrentLayer) else (layer.weight,)


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


def max_delay(layer: Layer) -> int:
    """Return the longest delay of a layer in time steps."""
    if isinstance(layer, RecurrentLayer):
        return int(max(layer.delay.max(), layer.recurrent_delay.max()))
    return int(layer.delay.max()) if isinstance(layer, DenseLayer) else 0


def fan_out(layer: Layer) -> NDArray[np.int64]:
    """Return the number of connections of each input, int64 (inputs,), weights of zero included."""
    if isinstance(layer, InputLayer):
        return np.zeros(layer.inputs, np.int64)
    if not isinstance(layer, ConvLayer):
        return np.full(layer.inputs, layer.neurons, np.int64)
    rows, columns = (kernel_reads(layer, axis).sum(1) for axis in (0, 1))
    pixels = np.outer(rows, columns).reshape(-1) * (len(layer.weight) // layer.groups)
    return np.tile(pixels, layer.input_shape[0])


def stored_fan_out(layer: Layer) -> NDArray[np.int64]:
    """Return the number of stored weights of each input, int64 (inputs,): those a spike adds.

    A convolution stores no weights of zero. A dense or recurrent layer stores all.

    Source: Intel's compiler keeps the zeros of dense layers. That it drops those of convolutions is
    inferred: the counter of SynOps in lava-dl's pilotnet_snn/benchmark.ipynb fits non-zero weights.
    """
    if not isinstance(layer, ConvLayer):
        return fan_out(layer)
    stored = stored_kernel(layer).sum(1)
    rows, columns = (kernel_reads(layer, axis) for axis in (0, 1))
    found: NDArray[np.int64] = np.einsum("yi,cij,xj->cyx", rows, stored, columns, optimize=True)
    return found.reshape(-1)


def stored_kernel(layer: ConvLayer) -> NDArray[np.int64]:
    """Return which weights of a kernel are stored, those other than 0, by input channel.

    Returns:
        int64 array (input channels, channels of its group, kernel height, kernel width), 0 or 1.
    """
    outputs, inputs, *kernel = layer.weight.shape
    grouped = layer.weight.reshape(layer.groups, outputs // layer.groups, inputs, *kernel)
    by_input: NDArray[np.int64] = (grouped != 0).swapaxes(1, 2).astype(np.int64)
    return by_input.reshape(layer.input_shape[0], -1, *kernel)


def kernel_reads(layer: ConvLayer, axis: int) -> NDArray[np.int64]:
    """Return how often each kernel row (axis 0) or column (1) reads an input row or column.

    Returns:
        int64 array (input rows or columns, kernel rows or columns), 0 or 1.
    """
    shifts = np.arange(layer.weight.shape[2 + axis]) * layer.dilation[axis] - layer.padding[axis]
    place = np.arange(layer.input_shape[1 + axis])[:, None] - shifts
    stride = layer.stride[axis]
    inside = (place >= 0) & (place < layer.shape[1 + axis] * stride) & (place % stride == 0)
    reads: NDArray[np.int64] = inside.astype(np.int64)
    return reads


def _kind(delay: IntArray) -> DelayKind:
    if not delay.any():
        return "none"
    if delay.shape[0] == 1:
        return "axonal"
    return "dendritic" if delay.shape[1] == 1 else "synaptic"
