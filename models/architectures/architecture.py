"""Describe a network to train: its layers in order, checked before any time goes into training.

What no chip, or not netx, could express is refused here: delays that nothing receives, delays into
convolutions and recurrent layers, sums of delays over 62.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, TypeAlias

from neurodeploy.models import loihi
from neurodeploy.models.architectures.layer_spec import DELAYS, Delays, LayerSpec
from neurodeploy.models.errors import InputError

SYNAPSES_MAX: Final = 1 << 27
"""A network of more would fit no chip and hardly a machine's memory."""

SYNAPTIC_LONGEST: Final = 30
"""The longest synaptic delay where nobody says otherwise."""

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Architecture:
    """Everything that defines an untrained network.

    Attributes:
        input_shape: (channels,) or, for images, (channels, height, width).
        layers: in the order of the data, output neurons last.
        longest_start: delays start uniformly between 0 and this many steps, or the layer's longest.
    """

    input_shape: Shape
    layers: tuple[LayerSpec, ...]
    longest_start: float = 30.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", _checked_shape(self.input_shape))
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise InputError("the network has no layers; give at least one")
        start, limit = self.longest_start, loihi.DELAY_MAX
        if (
            isinstance(start, bool)
            or not isinstance(start, (int, float))
            or not 0 <= start <= limit
        ):
            raise InputError(f"longest_start is {start!r}; the range is 0 to {limit}")
        self._check_synapses()
        self._check_delays()

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of the input, then of every layer."""
        shapes = [self.input_shape]
        for index, layer in enumerate(self.layers):
            shapes.append(_shape_after(shapes[-1], layer, index))
        return tuple(shapes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Input channels, then neurons a layer, output neurons last."""
        return tuple(math.prod(shape) for shape in self.shapes)

    @property
    def has_biases(self) -> bool:
        """Whether some layer has, so that its first step counts (see `models.blocks.spikes`)."""
        return any(layer.bias for layer in self.layers)

    def _check_synapses(self) -> None:
        total = sum(stored for stored in self.synapses)
        if total > SYNAPSES_MAX:
            raise InputError(
                f"sizes {self.sizes} make {total:,} synapses; the limit is {SYNAPSES_MAX:,}, "
                "about what a Loihi 2 holds, so give smaller layers"
            )

    @property
    def synapses(self) -> tuple[int, ...]:
        """Weights that each layer has, those that a mask leaves out too."""
        counts = []
        for layer, (before, after) in zip(self.layers, pairwise(self.shapes)):
            if layer.kind == "conv":
                counts.append(after[0] * before[0] // layer.groups * math.prod(layer.kernel))
            else:
                own = after[0] if layer.kind == "recurrent" else 0
                counts.append(after[0] * (math.prod(before) + own))
        return tuple(counts)

    def _check_delays(self) -> None:
        if self.layers[-1].delays == "axonal":
            raise InputError(
                f"layer {len(self.layers) - 1} is the last and has axonal delays, which no layer "
                "receives; leave them out"
            )
        for index, (layer, after) in enumerate(pairwise(self.layers)):
            if layer.delays != "axonal":
                continue
            if after.kind != "dense":
                raise InputError(
                    f"layer {index} has axonal delays and layer {index + 1} is {after.kind}, into "
                    "which netx has no delays; leave them out"
                )
            longest = layer.longest_delay + after.longest_delay
            if after.delays == "synaptic" and longest > loihi.DELAY_MAX:
                raise InputError(
                    f"delays of layer {index} and of the synapses of layer {index + 1} can add up "
                    f"to {longest} steps; the longest is {loihi.DELAY_MAX}, so give both a lower "
                    "longest_delay"
                )

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; `architecture_json.from_dict` reads them."""
        return {
            "input_shape": list(self.input_shape),
            "longest_start": self.longest_start,
            "layers": [layer.as_dict() for layer in self.layers],
        }

    def changed(self, **values: Any) -> Architecture:
        """Return the same network with these fields in every layer."""
        return replace(self, layers=tuple(replace(each, **values) for each in self.layers))

    def with_delays(self, delays: Delays) -> Architecture:
        """Return the same network with delays of that kind wherever it can have them.

        Axonal: on every layer before a dense one. Synaptic: on every dense layer.
        """
        if delays not in DELAYS:
            raise InputError(f"delays is {delays!r}; choose {', '.join(DELAYS)}")
        layers = []
        for layer, after in zip(self.layers, (*self.layers[1:], None)):
            can = {
                "none": False,
                "axonal": after is not None and after.kind == "dense",
                "synaptic": layer.kind == "dense",
            }[delays]
            layers.append(replace(layer, **_delay_fields(delays if can else "none")))
        return replace(self, layers=tuple(layers))

    @staticmethod
    def dense(
        sizes: Sequence[int],
        *,
        delays: Delays = "axonal",
        longest_start: float = 30.0,
        **values: Any,
    ) -> Architecture:
        """Return a network of dense layers, all alike.

        Args:
            sizes: input channels, then neurons a layer, output neurons last; 1 to 65535 each.
            delays: see `with_delays`.
            longest_start: see the class.
            values: other fields of every layer.
        """
        sizes = tuple(sizes)
        valid = [isinstance(n, int) and 1 <= n <= loihi.SENDERS_MAX for n in sizes]
        if len(valid) < 2 or not all(valid):
            raise InputError(
                f"sizes are {sizes}; give two or more whole numbers from 1 to {loihi.SENDERS_MAX}"
            )
        layers = tuple(LayerSpec("dense", neurons, **values) for neurons in sizes[1:])
        return Architecture(sizes[:1], layers, longest_start).with_delays(delays)


def _delay_fields(delays: Delays) -> dict[str, Any]:
    longest = SYNAPTIC_LONGEST if delays == "synaptic" else loihi.DELAY_MAX
    return {"delays": delays, "longest_delay": longest}


def _checked_shape(values: Any) -> Shape:
    shape = tuple(values) if isinstance(values, (list, tuple)) else (values,)
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in shape)
    if len(shape) not in (1, 3) or not whole or math.prod(shape) > loihi.SENDERS_MAX:
        raise InputError(
            f"input_shape is {values!r}; give (channels,) or (channels, height, width), together "
            f"{loihi.SENDERS_MAX} at most"
        )
    return shape


def _shape_after(before: Shape, layer: LayerSpec, index: int) -> Shape:
    """Return the shape of a layer after one of shape `before`, or say why it cannot be there."""
    if layer.kind != "conv":
        return (layer.neurons or 0,)
    if len(before) != 3:
        raise InputError(f"layer {index} is a convolution {_no_images(index)}")
    if before[0] % layer.groups or (layer.channels or 0) % layer.groups:
        raise InputError(
            f"layer {index} has {layer.groups} groups, into which {before[0]} input and "
            f"{layer.channels} output channels do not fall evenly"
        )
    padded = [size + 2 * pad for size, pad in zip(before[1:], layer.padding)]
    if any(kernel > size for kernel, size in zip(layer.kernel, padded)):
        raise InputError(
            f"layer {index} has a kernel of {_product(layer.kernel)} and takes images of "
            f"{_product(padded)}, padding included (height x width); give a smaller kernel or more "
            "padding"
        )
    sizes = [
        (size - kernel) // step + 1
        for size, kernel, step in zip(padded, layer.kernel, layer.stride)
    ]
    shape = (layer.channels or 0, *sizes)
    fan_in = before[0] // layer.groups * math.prod(layer.kernel)
    for count, what, way_out in (
        (math.prod(shape), "neurons", "fewer channels or a larger stride"),
        (fan_in, "synapses a neuron", "a smaller kernel or more groups"),
    ):
        if count > loihi.SENDERS_MAX:
            raise InputError(
                f"layer {index} makes images of {_product(shape)} (channels x height x width) from "
                f"{_product(before)} with a kernel of {_product(layer.kernel)}, {count:,} {what}; "
                f"the limit is {loihi.SENDERS_MAX:,}, so give {way_out}"
            )
    return shape


def _no_images(index: int) -> str:
    """Return why a layer takes no images, and the way out."""
    if index:
        return f"after layer {index - 1}, which makes no images; put it before"
    return "and the input is no image; give input_shape as [channels, height, width]"


def _product(sizes: Sequence[int]) -> str:
    return " x ".join(str(size) for size in sizes)
