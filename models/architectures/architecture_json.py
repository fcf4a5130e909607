"""Networks to train as JSON: `docs/networks.md` describes every field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from neurodeploy.models.architectures.architecture import Architecture
from neurodeploy.models.architectures.layer_spec import LayerSpec
from neurodeploy.models.errors import InputError
from neurodeploy.models.json_object import Object, object_of

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
