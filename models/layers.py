"""The layers of an integer network as data: synapses, delays and neurons.

The neurons of an image layer are numbered in C order of (channels, height, width), so that
flattening keeps their order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.models.arrays import IntArray
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.graph import INPUT, Connection, Population, check_driven, check_neuron
from neurodeploy.models.neurons import CubaLif, Delta, Neuron
from neurodeploy.models.synapses import (
    Conv,
    DelayKind,
    Dense,
    Drive,
    Shape,
    checked_delay,
    is_wide,
    kernel_positions,
    kind_of,
    matrix,
    no_delay,
    set_fields,
)


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

    def synapse(self) -> Dense:
        """Return the synapses of the input spikes."""
        return Dense(self.weight)

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
        return kind_of(self.delay)

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
        check_driven(self.neuron)
        set_fields(self, **vars(self.synapse()))
        check_neuron(self.neuron, self.shape)

    def synapse(self) -> Drive:
        """Return how the input drives the neurons."""
        return Drive(self.shape, self.scale, self.offset)

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
    delay: IntArray = field(default_factory=no_delay)

    def __post_init__(self) -> None:
        set_fields(self, weight=matrix(self.weight, "weight"))
        set_fields(self, delay=checked_delay(self.delay, self.weight.shape, "delay"))
        check_neuron(self.neuron, self.shape)


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
    delay: IntArray = field(default_factory=no_delay)
    recurrent_delay: IntArray = field(default_factory=no_delay)

    def __post_init__(self) -> None:
        for name, delay_name in (("weight", "delay"), ("recurrent", "recurrent_delay")):
            weight = matrix(getattr(self, name), name)
            delay = checked_delay(getattr(self, delay_name), weight.shape, delay_name)
            set_fields(self, **{name: weight, delay_name: delay})
        neurons = len(self.weight)
        if self.recurrent.shape != (neurons, neurons):
            raise InputError(
                f"recurrent has shape {self.recurrent.shape}; {neurons} neurons need "
                f"{(neurons, neurons)}"
            )
        check_neuron(self.neuron, self.shape)

    @property
    def delay_kind(self) -> DelayKind:
        """Kind of the delays of the input spikes or, if they have none, of recurrent spikes."""
        return kind_of(self.delay if self.delay.any() else self.recurrent_delay)

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
        set_fields(self, **vars(self.synapse()))
        check_neuron(self.neuron, self.shape)

    def synapse(self) -> Conv:
        """Return the kernel and how it moves, without the neurons."""
        return Conv(
            self.weight, self.input_shape, self.stride, self.padding, self.dilation, self.groups
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


def max_delay(layer: Layer) -> int:
    """Return the longest delay of a layer in time steps."""
    if isinstance(layer, RecurrentLayer):
        return int(max(layer.delay.max(), layer.recurrent_delay.max()))
    return int(layer.delay.max()) if isinstance(layer, DenseLayer) else 0


def graph_of(layers: Sequence[Layer]) -> tuple[tuple[Population, ...], tuple[Connection, ...]]:
    """Return the populations of a chain, named "0", "1", ..., and their connections."""
    populations: list[Population] = []
    connections: list[Connection] = []
    for index, layer in enumerate(layers):
        name, source = str(index), str(index - 1) if index else INPUT
        populations.append(Population(name, layer.neuron, layer.shape))
        delay = layer.delay if isinstance(layer, (DenseLayer, RecurrentLayer)) else 0
        connections.append(Connection(source, name, layer.synapse(), delay))
        if isinstance(layer, RecurrentLayer):
            loop = Connection(name, name, Dense(layer.recurrent), layer.recurrent_delay)
            connections.append(loop)
    return tuple(populations), tuple(connections)


def layer_of(population: Population, into: Sequence[Connection]) -> Layer | None:
    """Return a population as a layer, or None if no layer receives its connections.

    Args:
        population: the population.
        into: the connections that lead to it, its own last.
    """
    first, *loops = into
    neuron, synapse = population.neuron, first.synapse
    if any(each.source != population.name for each in loops) or first.source == population.name:
        return None
    if isinstance(synapse, Drive):
        return InputLayer(cast("Any", neuron), population.shape, synapse.scale, synapse.offset)
    if isinstance(synapse, Conv):
        plain = not loops and not first.max_delay
        return ConvLayer(neuron=neuron, **vars(synapse)) if plain else None
    own = [each.synapse.weight for each in loops if isinstance(each.synapse, Dense)]
    if population.shape != synapse.shape or len(own) != len(loops) or len(own) > 1:
        return None
    if not own:
        return DenseLayer(synapse.weight, neuron, first.delay)
    return RecurrentLayer(synapse.weight, own[0], neuron, first.delay, loops[0].delay)
