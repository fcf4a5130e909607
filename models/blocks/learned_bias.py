"""Biases that are learned, in the place where lava-dl has a norm whose mean it subtracts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neurodeploy.models.blocks.lava_dl import slayer


class LearnedBias(slayer.neuron.norm.MeanOnlyBatchNorm):  # type: ignore[misc]
    """Add a learned value to what drives the voltage, one a channel; in SLAYER's units.

    lava-dl's `MeanOnlyBatchNorm` subtracts a running mean, and its minus is the bias of the chip;
    here that value is a parameter with a gradient, rounded as weights are.

    Attributes:
        values: the biases before rounding, float (channels,).
    """

    def __init__(self, num_features: int) -> None:
        torch.nn.Module.__init__(self)
        self.num_features = num_features
        self.pre_hook_fx: Any = lambda mean: mean  # a neuron puts its own rounding here
        self.values = torch.nn.Parameter(torch.zeros(num_features))

    @property
    def running_mean(self) -> Tensor:
        """What is subtracted, before rounding, float (channels,)."""
        return -self.values

    @property
    def rounded(self) -> Tensor:
        """What is added, float (channels,), multiples of 1/32."""
        bias: Tensor = -self.pre_hook_fx(self.running_mean)
        return bias

    def forward(self, current: Tensor) -> Tensor:
        """Return the current (batch, channels, ..., time) with the biases added."""
        return current + self.rounded.reshape(1, -1, *[1] * (current.ndim - 2))


class BiasedRecurrentNeuron(slayer.neuron.cuba.Neuron):  # type: ignore[misc]
    """A neuron that keeps its current from step to step as it was before the bias.

    lava-dl's `Recurrent` runs a step at a time and keeps the current as the norm left it, so that a
    bias would add up there; on a chip it acts on the voltage alone.
    """

    current_state: Tensor

    def dynamics(self, input: Tensor) -> tuple[Tensor, Tensor]:
        """Return current and voltage (batch, neurons, time)."""
        current, voltage = super().dynamics(input)
        if self.persistent_state:
            with torch.no_grad():
                self.current_state = self.current_state - self.norm.rounded
        return current, voltage
