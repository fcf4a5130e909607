"""The order of axes: images are (width, height, channels) in Lava, channels first here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.layers import Shape


def to_lava(values: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return values (neurons, ...) of a layer of `shape` with Lava's axes, the rest behind."""
    images = values.reshape(*shape, *values.shape[1:])
    return np.ascontiguousarray(images.transpose(_turned(len(shape), images.ndim)))


def from_lava(values: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return values with Lava's axes for a layer of `shape` as (neurons, ...)."""
    images = np.ascontiguousarray(values.transpose(_turned(len(shape), values.ndim)))
    return images.reshape(-1, *values.shape[len(shape) :])


def _turned(dimensions: int, axes: int) -> tuple[int, ...]:
    return (*reversed(range(dimensions)), *range(dimensions, axes))
