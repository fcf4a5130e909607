"""Compiled dynamics of lava-dl's CUBA blocks for training on a CPU, forward and backward.

lava-dl steps through time in Python, twice a block and pass, and through the neurons for the
delays. Here one block is one autograd operation over arrays (batch, time, neurons). Spikes equal
those of the stock block in every bit while u stays within 24 bits; gradients equal its up to the
order of summation.

Source of the behaviour: `slayer.neuron.cuba`, `slayer.neuron.dynamics.leaky_integrator`,
`slayer.spike.spike` and `slayer.axon.delay` (lava-dl 0.6.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numba import float32, int32, prange
from torch import Tensor

from models import loihi
from models.compiling import compile_kernel
from models.cuba import clip_voltage, decay, wrap_current
from models.errors import InputError

STATE_SCALE = loihi.SLAYER_SCALE << loihi.ACTIVATION_SHIFT
"""SLAYER's states are the integer states divided by 4096."""


@dataclass(frozen=True)
class Dynamics:
    """The constants of one block.

    Attributes:
        current_kept, voltage_kept: 4096 minus the decay, int32 (neurons,).
        threshold: mantissa; the neuron fires when v > threshold << 6.
        centre: voltage at which the surrogate gradient is largest, SLAYER's threshold and epsilon.
        slope: width tau of the surrogate gradient scale / (2 tau) exp(-|v - centre| / tau), in
            SLAYER's units.
        height: the surrogate's scale.
    """

    current_kept: Any
    voltage_kept: Any
    threshold: int
    centre: float
    slope: float
    height: float


def _parallel(function: Any) -> Any:
    return compile_kernel(function, parallel=True)


@_parallel
def _forward(inputs, current_kept, voltage_kept, threshold, shift, spikes, voltages):
    """inputs float32 (B, T, N) -> spikes float32 delayed by shift int32 (N,), voltages float32."""
    batch, steps, neurons = inputs.shape
    for b in prange(batch):
        current = np.zeros(neurons, np.int32)
        voltage = np.zeros(neurons, np.int32)
        for t in range(steps):
            for j in range(neurons):
                added = int32(inputs[b, t, j] * float32(STATE_SCALE))
                u = wrap_current(int32(decay(current[j], current_kept[j]) + added))
                v = clip_voltage(int32(decay(voltage[j], voltage_kept[j]) + u))
                current[j] = u
                voltages[b, t, j] = float32(v) / float32(STATE_SCALE)
                voltage[j] = int32(0) if v > threshold else v
            for j in range(neurons):
                if voltage[j] == 0 and voltages[b, t, j] > 0 and t + shift[j] < steps:
                    spikes[b, t + shift[j], j] = 1


@_parallel
def _backward(grad, surrogate, current_kept, voltage_kept, shift, grad_inputs):
    """grad float32 (B, T, N) of the delayed spikes -> grad_inputs float32 (B, T, N).

    The reset takes no part in the gradient, as in SLAYER.
    """
    batch, steps, neurons = grad.shape
    for b in prange(batch):
        voltage = np.zeros(neurons, np.float32)
        current = np.zeros(neurons, np.float32)
        for t in range(steps - 1, -1, -1):
            for j in range(neurons):
                at = t + shift[j]
                spike = grad[b, at, j] * surrogate[b, t, j] if at < steps else float32(0)
                voltage[j] = voltage_kept[j] * voltage[j] + spike
                current[j] = current_kept[j] * current[j] + voltage[j]
                grad_inputs[b, t, j] = current[j]


class CubaBlock(torch.autograd.Function):
    """Neurons, the one step that a layer takes, and the axonal delays, as one operation."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, delays: Tensor | None, dynamics: Dynamics) -> Tensor:
        """inputs (batch, time, neurons), delays (neurons,) -> spikes (batch, time, neurons).

        Raises:
            InputError: when a delay is not finite.
        """
        inputs = inputs.contiguous()
        neurons = inputs.shape[2]
        shift = np.ones(neurons, np.int32)
        if delays is not None:
            if not bool(torch.isfinite(delays).all()):
                raise InputError("a delay is not finite; train with a lower learning rate")
            shift += np.floor(delays.detach().numpy()).astype(np.int32)
        spikes, voltages = torch.zeros_like(inputs), torch.empty_like(inputs)
        _forward(
            inputs.detach().numpy(),
            dynamics.current_kept,
            dynamics.voltage_kept,
            np.int32(dynamics.threshold << loihi.ACTIVATION_SHIFT),
            shift,
            spikes.numpy(),
            voltages.numpy(),
        )
        ctx.save_for_backward(spikes, voltages)
        ctx.shift, ctx.dynamics = shift, dynamics
        return spikes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor | None, None]:
        """Return the gradients of the inputs and of the delays."""
        grad = grads[0].contiguous()
        spikes, voltages = ctx.saved_tensors
        dynamics = ctx.dynamics
        distance = (voltages - dynamics.centre).abs_()
        surrogate = distance.div_(-dynamics.slope).exp_()
        surrogate.mul_(dynamics.height / 2 / dynamics.slope)
        grad_inputs = torch.empty_like(grad)
        _backward(
            grad.numpy(),
            surrogate.numpy(),
            dynamics.current_kept / np.float32(loihi.DECAY_ONE),
            dynamics.voltage_kept / np.float32(loihi.DECAY_ONE),
            ctx.shift,
            grad_inputs.numpy(),
        )
        return grad_inputs, _delay_grad(grad, spikes) if ctx.needs_input_grad[1] else None, None


def _delay_grad(grad: Tensor, spikes: Tensor) -> Tensor:
    """Return the sum over samples and steps of grad[t] * (spikes[t - 1] - spikes[t])."""
    later = (grad[:, 1:] * spikes[:, :-1]).sum((0, 1))
    return later - (grad * spikes).sum((0, 1))
