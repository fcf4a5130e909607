"""Weights of fewer than 8 bits: multiples of a power of two that a chip stores in so many bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

from neurodeploy.models import loihi
from neurodeploy.models.blocks.lava_dl import slayer

_STEPS: Final = (1, 2, 4, 8, 16, 32, 64)
"""In units of the integer weight; a chip stores the exponent of the step once a layer."""


class WeightSteps:
    """Round weights to mantissas of some bits, sign included, times one step for the whole layer.

    weight = step * mantissa, mantissa from -2^(bits - 1) to 2^(bits - 1) - 1. The step is the power
    of two that changes the layer's weights least, in squares; it follows them as they are trained.
    The gradient passes to the weights that the range does not cut, as with lava-dl's 8 bits.

    Args:
        bits: of a weight.
        weights: all weights of the layer, which share the step.
    """

    def __init__(self, bits: int, weights: Sequence[Tensor]) -> None:
        self.bits = bits
        self.weights = list(weights)

    def __call__(self, weight: Tensor, descale: bool = False) -> Tensor:
        """Return the rounded weights in SLAYER's units, or with `descale` as integers."""
        rounded = self._round(weight, self.step())
        return rounded * loihi.SLAYER_SCALE if descale else rounded

    def step(self) -> int:
        """Return the layer's step in units of the integer weight."""
        flat = torch.cat([weight.detach().flatten() for weight in self.weights])
        steps = [step for step in _STEPS if step << (self.bits - 1) <= -loihi.WEIGHT_MIN]
        errors = [float((self._round(flat, step) - flat).square().sum()) for step in steps]
        return steps[errors.index(min(errors))]

    def _round(self, weight: Tensor, step: int) -> Tensor:
        size, half = step / loihi.SLAYER_SCALE, 1 << (self.bits - 1)
        rounded: Any = slayer.utils.quantize(weight, step=size)
        limited: Tensor = rounded.clamp(-half * size, (half - 1) * size)
        return limited
