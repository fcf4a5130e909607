"""Networks that have a name, made for a task's input and number of classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from neurodeploy.models.architectures.architecture import Architecture, Shape
from neurodeploy.models.architectures.layer_spec import LayerSpec

Preset: TypeAlias = Callable[..., Architecture]

SPARSE: Final = 0.25
"""The share of synapses of the preset with synaptic delays."""


def dense(
    input_shape: Shape, classes: int, *, hidden: Sequence[int] = (128, 128), **values: Any
) -> Architecture:
    """Return dense layers with axonal delays: the network that `train` makes by itself."""
    layers = tuple(LayerSpec("dense", neurons, **values) for neurons in (*hidden, classes))
    return Architecture(input_shape, layers).with_delays("axonal")


def dense_bias(input_shape: Shape, classes: int, **values: Any) -> Architecture:
    """Return dense layers with axonal delays whose neurons learn biases and shared decays."""
    return dense(input_shape, classes, **{"bias": True, "learn_decays": "shared", **values})


def recurrent(
    input_shape: Shape, classes: int, *, hidden: Sequence[int] = (128, 128), **values: Any
) -> Architecture:
    """Return a recurrent first layer, then dense ones, with axonal delays into those."""
    first, *rest = hidden
    dense_layers = (LayerSpec("dense", neurons, **values) for neurons in (*rest, classes))
    layers = (LayerSpec("recurrent", first, **values), *dense_layers)
    return Architecture(input_shape, layers).with_delays("axonal")


def conv(
    input_shape: Shape, classes: int, *, hidden: Sequence[int] = (128,), **values: Any
) -> Architecture:
    """Return two convolutions, a dense layer and the output; channels without an image become a
    column of pixels.
    """
    shape = tuple(input_shape) if len(input_shape) == 3 else (1, int(input_shape[0]), 1)
    kernel = tuple(min(3, size) for size in shape[1:])
    images: dict[str, Any] = {
        "kernel": kernel,
        "stride": tuple(2 if size > 3 else 1 for size in shape[1:]),
        "padding": tuple(size // 2 for size in kernel),
    }
    layers = (
        LayerSpec("conv", channels=8, **images, **values),
        LayerSpec("conv", channels=16, **images, **values),
        LayerSpec("dense", hidden[-1], **values),
        LayerSpec("dense", classes, **values),
    )
    return Architecture(shape, layers).with_delays("axonal")


def synaptic(input_shape: Shape, classes: int, **values: Any) -> Architecture:
    """Return dense layers of a quarter of the synapses, each with a delay of its own."""
    network = dense(input_shape, classes, **values).with_delays("synaptic")
    share = values.get("connections", SPARSE)
    sparse = tuple(replace(layer, connections=share) for layer in network.layers[:-1])
    return replace(network, layers=(*sparse, network.layers[-1]))


def small(
    input_shape: Shape, classes: int, *, hidden: Sequence[int] = (), **values: Any
) -> Architecture:
    """Return one hidden layer of 64 neurons with axonal delays."""
    return dense(input_shape, classes, hidden=hidden or (64,), **values)


PRESETS: Final[dict[str, Preset]] = {
    "dense": dense,
    "dense-bias": dense_bias,
    "recurrent": recurrent,
    "conv": conv,
    "synaptic": synaptic,
    "small": small,
}
"""By what `train --network` calls them."""
