"""The layers of an integer network: synapses, delays and the neurons that they drive, as data.

Neurons of a layer of images count through (channel, height, width), the last fastest, so that a
flattened layer is the same neurons in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.models import loihi
from neurodeploy.models.arrays import IntArray, check_range, read_only, whole
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.neurons import CubaLif, Delta, Neuron, Sigma, SigmaDelta, arrays_of


def checked_matrix(values: IntArray, name: str) -> IntArray:
    weight = read_only(values, np.int16, name)
    if weight.ndim != 2 or not weight.size:
        raise InputError(f"{name} has shape {weight.shape}; it must be (neurons, senders)")
    check_range(weight, loihi.WEIGHT_MIN, loihi.WEIGHT_MAX, name)
    check_senders(weight.shape[1])
    return weight


def check_senders(senders: int) -> None:
    if senders > loihi.SENDERS_MAX:
        raise InputError(
            f"the layer has {senders} senders; sums stay exact up to {loihi.SENDERS_MAX}, so "
            "split it"
        )


def checked_delay(values: IntArray, shape: tuple[int, ...], name: str) -> IntArray:
    delay = read_only(values, np.int64, name)
    if delay.ndim < 2:  # one for all, or one per sender
        delay = np.atleast_2d(delay)
    if delay.ndim != 2 or any(d not in (1, n) for d, n in zip(delay.shape, shape)):
        raise InputError(
            f"{name} has shape {delay.shape}; it must broadcast to "
            f"{shape}: give one number, ({shape[1]},) or (1, {shape[1]}) for one delay per sender, "
            f"({shape[0]}, 1) for one per neuron"
        )
    check_range(delay, 0, loihi.DELAY_MAX, name)
    if not delay.any():
        delay = delay[:1, :1]
    return read_only(delay, np.int8, name)


def check_neuron(neuron: Neuron, shape: tuple[int, ...]) -> None:
    if not isinstance(neuron, (CubaLif, Delta, SigmaDelta, Sigma)):
        raise InputError(
            f"the neuron is a {type(neuron).__name__}; give one of neurodeploy.models.neurons"
        )
    neurons = math.prod(shape)
    sizes = {1, neurons, shape[0]} if len(shape) == 3 else {1, neurons}
    for name, values in arrays_of(neuron).items():
        if values.size not in sizes:
            raise InputError(f"{name} has {values.size} values for {neurons} neurons")


def sizes(values: Any, dimensions: tuple[int, ...], name: str) -> tuple[int, ...]:
    sizes = np.atleast_1d(read_only(values, np.int64, name))
    if sizes.ndim != 1 or sizes.size not in dimensions or sizes.min(initial=1) < 1:
        raise InputError(f"{name} is {values}; it has {dimensions[-1]} sizes from 1 at most")
    return tuple(sizes.tolist())


def pair(values: Any, lowest: int, name: str) -> tuple[int, ...]:
    pair = np.atleast_1d(read_only(values, np.int64, name))
    if pair.shape not in ((1,), (2,)) or pair.min() < lowest:
        raise InputError(f"{name} is {values}; it needs a height and a width from {lowest}")
    return tuple(np.broadcast_to(pair, (2,)).tolist())


DelayKind: TypeAlias = Literal["none", "axonal", "dendritic", "synaptic"]
Shape: TypeAlias = tuple[int, ...]


def _no_delay() -> IntArray:
    return np.zeros((1, 1), np.int8)


class _Layer(Shown):
    """What every kind of layer has; `shape` and `input_shape` are its own."""

    neuron: Any
    shape: Any
    input_shape: Any

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)

    @property
    def inputs(self) -> int:
        """Number of neurons or input channels before this layer."""
        return math.prod(self.input_shape)

    @property
    def delay_kind(self) -> DelayKind:
        """Which delays the spikes have that arrive."""
        return "none"

    @property
    def synapses(self) -> int:
        """Number of stored weights, zeros too; those of a shared kernel count once."""
        return 0


class _MatrixLayer(_Layer):
    """What dense layers have in common."""

    weight: IntArray
    delay: IntArray

    @property
    def shape(self) -> Shape:
        """(neurons,)."""
        return (int(self.weight.shape[0]),)

    @property
    def input_shape(self) -> Shape:
        """(senders,)."""
        return (int(self.weight.shape[1]),)

    @property
    def delay_kind(self) -> DelayKind:
        """Which delays the spikes have that arrive; see `DenseLayer.delay`."""
        return _kind(self.delay)

    @property
    def synapses(self) -> int:
        """Number of stored weights, zeros too."""
        return int(self.weight.size)


@dataclass(frozen=True, eq=False, repr=False)
class InputLayer(_Layer):
    """Neurons that the input drives: CUBA LIF through their bias, delta neurons as their input.

    A value x of the input becomes scale * x + offset: netx's `weight` and `bias` of an input. A
    layer like this takes no time step.

    Attributes:
        neuron: CUBA LIF without a bias of its own, or delta neurons.
        shape: (neurons,), (height, width) or (channels, height, width).
        scale: factor of the input values.
        offset: added to them.

    Example:
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
            raise InputError(f"an input layer has {type(self.neuron).__name__} neurons; it can not")
        if isinstance(self.neuron, CubaLif) and self.neuron.bias.any():
            raise InputError("the input drives the bias of its neurons; give the layer an offset")
        object.__setattr__(self, "shape", sizes(self.shape, (1, 2, 3), "shape"))
        for name in ("scale", "offset"):
            limit = 1 << loihi.MESSAGE_BITS_MAX
            object.__setattr__(self, name, whole(getattr(self, name), -limit, limit, name))
        check_neuron(self.neuron, self.shape)

    @property
    def input_shape(self) -> Shape:
        """The shape of the input: that of the neurons."""
        return self.shape


@dataclass(frozen=True, eq=False, repr=False)
class DenseLayer(_MatrixLayer):
    """Neurons that every sender of the layer before reaches through one weight and one delay.

    Attributes:
        weight: int16 array (neurons, senders), -256..255.
        neuron: what the weighted spikes drive.
        delay: int8 array that broadcasts to `weight`, 0..62 time steps beside the one step that
            every layer takes. 0: none; (1, senders) or (senders,): axonal, one delay a sender;
            (neurons, 1): dendritic, one delay for all that a neuron receives;
            (neurons, senders): synaptic.

    Example:
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
        object.__setattr__(self, "weight", checked_matrix(self.weight, "weight"))
        object.__setattr__(self, "delay", checked_delay(self.delay, self.weight.shape, "delay"))
        check_neuron(self.neuron, self.shape)


@dataclass(frozen=True, eq=False, repr=False)
class RecurrentLayer(_MatrixLayer):
    """A dense layer whose neurons also reach one another, one step later.

    Attributes:
        weight: int16 array (neurons, senders), -256..255.
        recurrent: int16 array (neurons, neurons), -256..255, from the layer's own spikes.
        neuron: what the weighted spikes drive.
        delay: of the spikes that arrive, as in `DenseLayer`.
        recurrent_delay: of the layer's own spikes, int8 array that broadcasts to `recurrent`.

    Example:
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
        for name, delays in (("weight", "delay"), ("recurrent", "recurrent_delay")):
            matrix = checked_matrix(getattr(self, name), name)
            object.__setattr__(self, name, matrix)
            delay = checked_delay(getattr(self, delays), matrix.shape, delays)
            object.__setattr__(self, delays, delay)
        neurons = len(self.weight)
        if self.recurrent.shape != (neurons, neurons):
            raise InputError(
                f"recurrent has shape {self.recurrent.shape}; {neurons} neurons need "
                f"{(neurons, neurons)}"
            )
        check_neuron(self.neuron, self.shape)

    @property
    def delay_kind(self) -> DelayKind:
        """Which delays arriving spikes have; those of the layer's own where they have none."""
        return _kind(self.delay if self.delay.any() else self.recurrent_delay)

    @property
    def synapses(self) -> int:
        """Number of stored weights, zeros too."""
        return int(self.weight.size + self.recurrent.size)


@dataclass(frozen=True, eq=False, repr=False)
class ConvLayer(_Layer):
    """Neurons in images that a shared kernel reaches: a 2-D correlation, as in PyTorch.

    Attributes:
        weight: int16 array (channels, input channels / groups, kernel height, kernel width),
            -256..255.
        input_shape: (input channels, height, width).
        neuron: what the weighted spikes drive.
        stride: steps of the kernel, (height, width).
        padding: rows and columns of zeros around the input, (height, width).
        dilation: distance of the kernel's rows and columns, (height, width).
        groups: parts that input and output channels fall into; each part sees only its own.

    Example:
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
        check_range(weight, loihi.WEIGHT_MIN, loihi.WEIGHT_MAX, "weight")
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "input_shape", sizes(self.input_shape, (3,), "input_shape"))
        for name, lowest in (("stride", 1), ("padding", 0), ("dilation", 1)):
            object.__setattr__(self, name, pair(getattr(self, name), lowest, name))
        object.__setattr__(self, "groups", whole(self.groups, 1, len(weight), "groups"))
        self._check_channels()
        if min(self.shape) < 1:
            raise InputError(
                f"the kernel {weight.shape[2:]} with dilation {self.dilation} does not fit the "
                f"input {self.input_shape} with padding {self.padding}; make it smaller"
            )
        check_senders(int(weight[0].size))
        check_neuron(self.neuron, self.shape)

    def _check_channels(self) -> None:
        channels, group_inputs = self.weight.shape[:2]
        if group_inputs * self.groups != self.input_shape[0] or channels % self.groups:
            raise InputError(
                f"{self.input_shape[0]} input and {channels} output channels in {self.groups} "
                f"groups do not fit a kernel for {group_inputs} input channels a group"
            )

    @property
    def shape(self) -> Shape:
        """(channels, height, width)."""
        sizes = zip(
            self.input_shape[1:], self.weight.shape[2:], self.stride, self.padding, self.dilation
        )
        return (
            int(self.weight.shape[0]),
            *((size + 2 * pad - gap * (kernel - 1) - 1) // step + 1
              for size, kernel, step, pad, gap in sizes),
        )  # fmt: skip

    @property
    def synapses(self) -> int:
        """Number of stored weights: those of the shared kernel."""
        return int(self.weight.size)


Layer: TypeAlias = InputLayer | DenseLayer | RecurrentLayer | ConvLayer

LAYERS: Final[dict[type[Layer], str]] = {
    InputLayer: "input with a neuron",
    DenseLayer: "dense",
    RecurrentLayer: "recurrent dense",
    ConvLayer: "convolution",
}
"""Every kind of layer that has neurons, and how people call it."""


def each_neuron(values: IntArray, shape: Shape) -> NDArray[Any]:
    """Return a parameter of a layer's neurons as one value a neuron, (neurons,).

    Args:
        values: one value for all, one a channel of a layer of images, or one a neuron.
        shape: of the layer.
    """
    if values.size == shape[0]:
        values = np.repeat(values, math.prod(shape[1:]))
    return np.ascontiguousarray(np.broadcast_to(values, (math.prod(shape),)))


def weights_of(layer: Layer) -> tuple[IntArray, ...]:
    """Return the arrays of weights that the layer stores; a recurrent layer has two."""
    if isinstance(layer, InputLayer):
        return ()
    return (layer.weight, layer.recurrent) if isinstance(layer, RecurrentLayer) else (layer.weight,)


def max_delay(layer: Layer) -> int:
    """Return the longest delay of a spike that reaches the layer, in time steps."""
    if isinstance(layer, RecurrentLayer):
        return int(max(layer.delay.max(), layer.recurrent_delay.max()))
    return int(layer.delay.max()) if isinstance(layer, DenseLayer) else 0


def fan_out(layer: Layer) -> NDArray[np.int64]:
    """Return how many weights a spike of each sender is multiplied with, zeros too, (senders,)."""
    if isinstance(layer, InputLayer):
        return np.zeros(layer.inputs, np.int64)
    if not isinstance(layer, ConvLayer):
        return np.full(layer.inputs, layer.neurons, np.int64)
    rows, columns = (_uses(layer, axis) for axis in (0, 1))
    places = np.outer(rows, columns).reshape(-1) * (len(layer.weight) // layer.groups)
    return np.tile(places, layer.input_shape[0])


def _uses(layer: ConvLayer, axis: int) -> NDArray[np.int64]:
    """Return how many pairs of kernel and output rows (or columns) read each input row."""
    outputs = np.arange(layer.shape[1 + axis])[:, None] * layer.stride[axis] - layer.padding[axis]
    reads = outputs + np.arange(layer.weight.shape[2 + axis]) * layer.dilation[axis]
    size = layer.input_shape[1 + axis]
    return np.bincount(reads[(reads >= 0) & (reads < size)], minlength=size)


def _kind(delay: IntArray) -> DelayKind:
    if not delay.any():
        return "none"
    if delay.shape[0] == 1:
        return "axonal"
    return "dendritic" if delay.shape[1] == 1 else "synaptic"
