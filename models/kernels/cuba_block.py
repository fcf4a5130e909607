"""The dynamics of a CUBA LIF block with fixed decays, and axonal delays, compiled for a CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numba import float32, int32
from torch import Tensor

from neurodeploy.models import loihi
from neurodeploy.models.compiling import compile_kernel
from neurodeploy.models.cuba import clip_voltage, decay, wrap_current
from neurodeploy.models.errors import InputError
from neurodeploy.models.kernels.threads import over_samples


@compile_kernel
def _shift(values, shift, forward, out):
    """values float32 (B, T, N) -> out: each neuron's by shift int32 (N,) later, or earlier."""
    batch, steps, neurons = values.shape
    for b in range(batch):
        for t in range(steps):
            for j in range(neurons):
                at = t - shift[j] if forward else t + shift[j]
                out[b, t, j] = values[b, at, j] if 0 <= at < steps else np.float32(0)


class AxonalShift(torch.autograd.Function):
    """Delay every neuron's spikes by the whole steps of its delay.

    The gradient of a delay is that of lava-dl: grad[t] * (spikes[t - 1] - spikes[t]), summed.
    """

    @staticmethod
    def forward(ctx: Any, spikes: Tensor, delays: Tensor) -> Tensor:
        """spikes (batch, time, neurons), delays (neurons,) -> spikes, delayed.

        Raises:
            InputError: when a delay is not finite.
        """
        if not bool(torch.isfinite(delays).all()):
            raise InputError("a delay is not finite; train with a lower learning rate")
        ctx.shift = np.floor(delays.detach().numpy()).astype(np.int32)
        delayed = _shifted(spikes, ctx.shift, forward=True)
        ctx.save_for_backward(delayed)
        return delayed

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of the spikes and of the delays."""
        grad, (delayed,) = grads[0], ctx.saved_tensors
        later = (grad[:, 1:] * delayed[:, :-1]).sum((0, 1))
        grad_delays = later - (grad * delayed).sum((0, 1))
        return _shifted(grad, ctx.shift, forward=False), grad_delays


def _shifted(values: Tensor, shift: Any, *, forward: bool) -> Tensor:
    values = values.detach().contiguous()
    out = torch.empty_like(values)

    def run(part: slice) -> None:
        _shift(values.numpy()[part], shift, forward, out.numpy()[part])

    over_samples(len(values), run)
    return out


STATE_SCALE = loihi.SLAYER_SCALE << loihi.ACTIVATION_SHIFT
"""SLAYER's states are the integer states divided by 4096."""

_LEAST, _LOG2_E = np.float32(-69), np.float32(1.4426950408889634)
_NOTHING = np.float32(1e-30)
_LN2_HIGH, _LN2_LOW = np.float32(0.693145751953125), np.float32(1.42860682030941723e-6)


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


@compile_kernel
def _step(inputs, current_kept, voltage_kept, threshold, current, voltage, voltages, fired):
    """Advance N neurons by one step; see `models.cuba` for the equations.

    inputs float32 (N,) is the weighted input in SLAYER's units; current and voltage int32 (N,) are
    updated; voltages float32 (N,) takes the voltages before the reset, fired float32 (N,) 0 or 1.
    """
    for j in range(inputs.size):
        added = int32(inputs[j] * float32(STATE_SCALE))
        u = wrap_current(int32(decay(current[j], current_kept[j]) + added))
        v = clip_voltage(int32(decay(voltage[j], voltage_kept[j]) + u))
        spike = v > threshold
        current[j] = u
        voltages[j] = float32(v) / float32(STATE_SCALE)
        voltage[j] = int32(0) if spike else v
        fired[j] = float32(1) if spike else float32(0)


@compile_kernel
def _forward(inputs, current_kept, voltage_kept, threshold, shift, spikes, voltages):
    """inputs float32 (B, T, N) -> spikes float32 delayed by shift int32 (N,), voltages float32.

    `spikes` may hold anything.
    """
    batch, steps, neurons = inputs.shape
    alike = shift.min() == shift.max()
    current, voltage = np.empty(neurons, np.int32), np.empty(neurons, np.int32)
    fired = np.empty(neurons, np.float32)
    for b in range(batch):
        current[:] = 0
        voltage[:] = 0
        spikes[b, : shift[0] if alike else steps] = 0
        for t in range(steps):
            late = t + shift[0]
            row = spikes[b, late] if alike and late < steps else fired
            _step(
                inputs[b, t], current_kept, voltage_kept, threshold, current, voltage,
                voltages[b, t], row,
            )  # fmt: skip
            if not alike:
                for j in range(neurons):
                    if fired[j] != 0 and t + shift[j] < steps:
                        spikes[b, t + shift[j], j] = 1


@compile_kernel
def exponential(x):
    """Return exp(x) of a float32 x <= 0, within a few units of the last place; 0 where x < -69.

    2^n times a polynomial of what is left, in operations that compile to vectors.
    """
    n = np.floor(max(x, _LEAST) * _LOG2_E + float32(0.5))
    r = float32(float32(x - n * _LN2_HIGH) - n * _LN2_LOW)
    p = float32(1 / 720)
    for factor in (1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0):
        p = float32(p * r + float32(factor))
    power = np.int32(int32(int32(n) + 127) << 23).view(np.float32)
    return float32(p * power) if x >= _LEAST else float32(0)


@compile_kernel
def _weigh(grads, voltages, centre, slope, peak):
    """Multiply grads float32 (T, N) of what fired by the surrogate gradient, in place.

    Below 1e-30 they become 0: through the layers they would leave what a float32 holds in full, and
    such numbers take ten times as long.
    """
    for t in range(len(grads)):
        for j in range(grads.shape[1]):
            near = grads[t, j] * (peak * exponential(-abs(voltages[t, j] - centre) / slope))
            grads[t, j] = float32(0) if abs(near) <= _NOTHING else near  # which keeps a NaN


@compile_kernel
def _return(grads, current_kept, voltage_kept, current, voltage, out):
    """Go one step back: grads float32 (N,) of the voltages -> out float32 (N,) of the inputs."""
    for j in range(grads.size):
        voltage[j] = voltage_kept[j] * voltage[j] + grads[j]
        current[j] = current_kept[j] * current[j] + voltage[j]
        out[j] = current[j]


@compile_kernel
def _undelay(grad, shift, undelayed):
    """grad float32 (T, N) of delayed spikes -> undelayed float32 (T, N) of those that fired."""
    steps, neurons = grad.shape
    for t in range(steps):
        for j in range(neurons):
            at = t + shift[j]
            undelayed[t, j] = grad[at, j] if at < steps else float32(0)


@compile_kernel
def _backward(grad, voltages, centre, slope, peak, current_kept, voltage_kept, shift, grad_inputs):
    """grad float32 (B, T, N) of the delayed spikes -> grad_inputs float32 (B, T, N).

    The reset takes no part in the gradient, as in SLAYER.
    """
    batch, steps, neurons = grad.shape
    current, voltage = np.empty(neurons, np.float32), np.empty(neurons, np.float32)
    undelayed = np.empty((steps, neurons), np.float32)
    for b in range(batch):
        _undelay(grad[b], shift, undelayed)
        _weigh(undelayed, voltages[b], centre, slope, peak)
        current[:] = 0
        voltage[:] = 0
        for t in range(steps - 1, -1, -1):
            _return(
                undelayed[t], current_kept, voltage_kept, current, voltage, grad_inputs[b, t]
            )  # fmt: skip


@compile_kernel
def _sum_delay_grads(grad, spikes, sums):
    """Add grad[t] * (spikes[t - 1] - spikes[t]) over samples and steps to sums float32 (N,).

    grad and spikes are float32 (B, T, N).
    """
    batch, steps, neurons = grad.shape
    for b in range(batch):
        for j in range(neurons):
            sums[j] -= grad[b, 0, j] * spikes[b, 0, j]
        for t in range(1, steps):
            for j in range(neurons):
                sums[j] += grad[b, t, j] * (spikes[b, t - 1, j] - spikes[b, t, j])


class CubaBlock(torch.autograd.Function):
    """Neurons, the one step that a layer takes, and the axonal delays, as one operation."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, delays: Tensor | None, dynamics: Dynamics) -> Tensor:
        """inputs (batch, time, neurons), delays (neurons,) -> spikes (batch, time, neurons).

        Raises:
            InputError: when a delay is not finite.
        """
        inputs = inputs.detach().contiguous()
        shift = np.ones(inputs.shape[2], np.int32)
        if delays is not None:
            if not bool(torch.isfinite(delays).all()):
                raise InputError("a delay is not finite; train with a lower learning rate")
            shift += np.floor(delays.detach().numpy()).astype(np.int32)
        spikes, voltages = torch.empty_like(inputs), torch.empty_like(inputs)
        threshold = np.int32(dynamics.threshold << loihi.ACTIVATION_SHIFT)

        def run(part: slice) -> None:
            _forward(
                inputs.numpy()[part], dynamics.current_kept, dynamics.voltage_kept, threshold,
                shift, spikes.numpy()[part], voltages.numpy()[part],
            )  # fmt: skip

        over_samples(len(inputs), run)
        ctx.save_for_backward(spikes, voltages)
        ctx.shift, ctx.dynamics = shift, dynamics
        return spikes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor | None, None]:
        """Return the gradients of the inputs and of the delays."""
        grad = grads[0].contiguous()
        spikes, voltages = (each.detach() for each in ctx.saved_tensors)  # threads record theirs
        dynamics = ctx.dynamics
        constants = (dynamics.centre, dynamics.slope, dynamics.height / 2 / dynamics.slope)
        kept = (dynamics.current_kept, dynamics.voltage_kept)
        grad_inputs = torch.empty_like(grad)

        def run(part: slice) -> Tensor:
            _backward(
                grad.numpy()[part], voltages.numpy()[part], *map(np.float32, constants),
                *(each / np.float32(loihi.DECAY_ONE) for each in kept),
                ctx.shift, grad_inputs.numpy()[part],
            )  # fmt: skip
            sums = torch.zeros(grad.shape[2])
            if ctx.needs_input_grad[1]:
                _sum_delay_grads(grad.numpy()[part], spikes.numpy()[part], sums.numpy())
            return sums

        delay_grads = torch.stack(over_samples(len(grad), run)).sum(0)
        return grad_inputs, delay_grads if ctx.needs_input_grad[1] else None, None
