"""Dense layers of CUBA LIF neurons in one kernel: what most networks spend their time in."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from hw_sim.activity import Overflows, States
from models.layers import Layer, Shape


def runs(layer: Layer, arriving: NDArray[Any]) -> bool:
    """Tell whether the kernel runs this layer with these spikes."""
    return False


def run(
    layer: Layer, before: Shape, arriving: NDArray[Any]
) -> tuple[NDArray[Any], States, Overflows]:
    raise NotImplementedError
