"""Networks to train as JSON: the file that `--network` takes, and the presets that it names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeAlias

from neurodeploy.models.architecture import Architecture, LayerSpec, Shape
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import Object, object_of

LAYER_FIELDS = tuple(each.name for each in fields(LayerSpec))
FIELDS = ("input_shape", "longest_start", "defaults", "layers")


def from_dict(values: Any, input_shape: tuple[int, ...] = ()) -> Architecture:
    """Return the architecture that a JSON object describes.

    Args:
        values: its fields; `defaults` are fields of every layer that does not give them itself.
        input_shape: taken where the object has none.

    Raises:
        InputError: when a field is missing, unknown, given twice, of another type or out of range.
    """
    values = _object(values, "a network")
    _check_names(values, FIELDS, "a network")
    shape = values.get("input_shape", list(input_shape))
    if not shape:
        raise InputError("a network needs input_shape, such as [33] or [2, 34, 34]")
    layers = values.get("layers")
    if not isinstance(layers, list):
        raise InputError("a network needs layers, a list of objects")
    defaults = _object(values.get("defaults", {}), "defaults")
    _check_names(defaults, LAYER_FIELDS, "defaults")
    made = tuple(_layer(each, defaults, index) for index, each in enumerate(layers))
    rest = {"longest_start": values["longest_start"]} if "longest_start" in values else {}
    return Architecture(shape, made, **rest)


def read_architecture(path: Path, input_shape: tuple[int, ...] = ()) -> Architecture:
    """Read the architecture of a JSON file.

    Raises:
        InputError: when the file cannot be read or describes none.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=object_of)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); give a JSON file, as docs/networks.md "
            "describes"
        ) from None
    except UnicodeDecodeError:
        raise InputError(
            f"{path} is no text, so no JSON; give a JSON file, as docs/networks.md describes"
        ) from None
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}); correct it there") from None
    except RecursionError:
        raise InputError(f"{path} is nested too deeply; describe a network in it") from None
    try:
        return from_dict(values, input_shape)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _layer(values: Any, defaults: Mapping[str, Any], index: int) -> LayerSpec:
    where = f"layer {index}"
    given = _object(values, where)
    _check_names(given, LAYER_FIELDS, where)
    merged = {**defaults, **given}
    for name in LAYER_FIELDS:
        if name not in merged and not LayerSpec.has_default(name):
            raise InputError(f"{where} needs {name}")
    try:
        return LayerSpec(**merged)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _object(values: Any, what: str) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise InputError(f"{what} is {values!r}; give a JSON object")
    for name in values.twice if isinstance(values, Object) else ():
        raise InputError(f"{what} has {name!r} twice; leave one of them")
    return dict(values)


def _check_names(values: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for name in values:
        if name not in known:
            near = get_close_matches(str(name), list(known), 1, 0)
            raise InputError(f"{where} has the unknown field {name!r}; did you mean {near[0]!r}?")


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
