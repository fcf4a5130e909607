"""What is made of a layer for the kernels, once: layers never change."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from neurodeploy.models.layers import Layer

Made = TypeVar("Made")


def once_a_layer(make: Callable[..., Made]) -> Callable[..., Made]:
    """Return `make`, a function of a layer and hashable values, so that it keeps what it returns
    for as long as the layer lives."""
    kept: WeakKeyDictionary[Layer, dict[Any, Made]] = WeakKeyDictionary()

    @wraps(make)
    def once(layer: Layer, *values: Any) -> Made:
        of_layer = kept.setdefault(layer, {})
        if values not in of_layer:
            of_layer[values] = make(layer, *values)
        return of_layer[values]

    return once
