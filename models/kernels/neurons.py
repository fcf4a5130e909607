"""CUBA LIF neurons and axonal delays in compiled kernels, forward and backward, on a CPU.

Spikes equal those of lava-dl's blocks bit for bit while u stays within 24 bits. Gradients equal
lava-dl's, with two exceptions. That of the decays: lava-dl's lacks the sign and the factor 1/4096,
and multiplies with voltages before the reset. That through recurrent neurons: lava-dl's
`custom_recurrent` runs every step from states without a gradient; here the gradient flows back
through u and v, as in a layer without feedback. The reset takes no part in any gradient.
"""

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

STATE_SCALE = loihi.SLAYER_SCALE << loihi.ACTIVATION_SHIFT
"""SLAYER's states are the integer states divided by 4096."""

_LEAST, _LOG2_E = np.float32(-69), np.float32(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = np.float32(0.693145751953125), np.float32(1.42860682030941723e-6)
_NEGLIGIBLE = np.float32(1e-30)
"""Smaller gradients become 0: their products would be subnormal, which takes ten times as long."""


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


# Axonal delays


def whole_delays(delays: Tensor) -> Any:
    """Return the whole steps of delays (neurons,), int32.

    Raises:
        InputError: if a delay is not finite.
    """
    if not bool(torch.isfinite(delays).all()):
        raise InputError("a delay is not finite; train with a lower learning rate")
    return np.floor(delays.detach().numpy()).astype(np.int32)


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
        """spikes (batch, time, neurons), delays (neurons,) -> spikes, delayed."""
        ctx.shift = whole_delays(delays)
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


# Neurons, forward


@compile_kernel
def _step(inputs, bias, current_kept, voltage_kept, threshold, current, voltage, voltages, fired):
    """Advance N neurons by one step; see `models.cuba` for the equations.

    inputs float32 (N,) is the weighted input in SLAYER's units; bias int32 (N,) or None; current
    and voltage int32 (N,) are updated; voltages float32 (N,) receives the voltages before the
    reset, fired float32 (N,) 0 or 1.
    """
    for j in range(inputs.size):
        added = int32(inputs[j] * float32(STATE_SCALE))
        u = wrap_current(int32(decay(current[j], current_kept[j]) + added))
        v = int32(decay(voltage[j], voltage_kept[j]) + u)
        if bias is not None:  # numba removes this branch where there is none
            v = int32(v + bias[j])
        v = clip_voltage(v)
        spike = v > threshold
        current[j] = u
        voltages[j] = float32(v) / float32(STATE_SCALE)
        voltage[j] = int32(0) if spike else v
        fired[j] = float32(1) if spike else float32(0)


@compile_kernel
def _add(share, values, total):
    """Add a share of values float32 (N,) to a total."""
    for j in range(total.size):
        total[j] += share * values[j]


@compile_kernel
def _forward(
    inputs, feedback, bias, current_kept, voltage_kept, threshold, shift, spikes, voltages
):
    """inputs float32 (B, T, N) -> spikes float32 delayed by shift int32 (N,), voltages float32.

    feedback float32 (N, N) from a spike (row) to the neurons, with a shift of 1; or None.
    `spikes` may hold anything.
    """
    batch, steps, neurons = inputs.shape
    alike = shift.min() == shift.max()
    current, voltage = np.empty(neurons, np.int32), np.empty(neurons, np.int32)
    fired, total = np.empty(neurons, np.float32), np.empty(neurons, np.float32)
    for b in range(batch):
        current[:] = 0
        voltage[:] = 0
        spikes[b, : shift[0] if alike else steps] = 0
        for t in range(steps):
            late = t + shift[0]
            row = spikes[b, late] if alike and late < steps else fired
            if feedback is None:
                _step(
                    inputs[b, t], bias, current_kept, voltage_kept, threshold, current, voltage,
                    voltages[b, t], row,
                )  # fmt: skip
            else:
                total[:] = inputs[b, t]
                for i in range(neurons):
                    if spikes[b, t, i] != 0:
                        _add(float32(1), feedback[i], total)
                _step(
                    total, bias, current_kept, voltage_kept, threshold, current, voltage,
                    voltages[b, t], row,
                )  # fmt: skip
            if not alike:
                for j in range(neurons):
                    if fired[j] != 0 and t + shift[j] < steps:
                        spikes[b, t + shift[j], j] = 1


# Neurons, backward


@compile_kernel
def exponential(x):
    """Return exp(x) of a float32 x <= 0, within a few units of the last place; 0 where x < -69.

    2^n times a polynomial of the remainder, in operations that compile to vectors.
    """
    n = np.floor(max(x, _LEAST) * _LOG2_E + float32(0.5))
    r = float32(float32(x - n * _LN2_HIGH) - n * _LN2_LOW)
    p = float32(1 / 720)
    for factor in (1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0):
        p = float32(p * r + float32(factor))
    power = np.int32(int32(int32(n) + 127) << 23).view(np.float32)
    return float32(p * power) if x >= _LEAST else float32(0)


@compile_kernel
def _undelay(grad, shift, undelayed):
    """grad float32 (T, N) of delayed spikes -> undelayed float32 (T, N) of those that fired."""
    steps, neurons = grad.shape
    for t in range(steps):
        for j in range(neurons):
            at = t + shift[j]
            undelayed[t, j] = grad[at, j] if at < steps else float32(0)


@compile_kernel
def _weigh(grads, voltages, surrogate):
    """Multiply grads float32 (T, N) of what fired by the surrogate gradient, in place."""
    centre, slope, peak = surrogate
    for t in range(len(grads)):
        for j in range(grads.shape[1]):
            near = grads[t, j] * (peak * exponential(-abs(voltages[t, j] - centre) / slope))
            grads[t, j] = float32(0) if abs(near) <= _NEGLIGIBLE else near  # a NaN stays


@compile_kernel
def _return(grads, current_kept, voltage_kept, current, voltage, out):
    """Go one step back: grads float32 (N,) of the voltages -> out float32 (N,) of the inputs.

    current and voltage float32 (N,), the gradients of u and v, are updated.
    """
    for j in range(grads.size):
        voltage[j] = voltage_kept[j] * voltage[j] + grads[j]
        current[j] = current_kept[j] * current[j] + voltage[j]
        out[j] = current[j]


@compile_kernel
def _add_decays(current, voltage, before, fired, earlier, fired_earlier, bias, kept, sums):
    """Add the gradients of current_kept and voltage_kept to sums float64 (2, N).

    before and earlier float32 (N,) are the voltages one and two steps ago, before a reset; fired
    and fired_earlier are 1 where a reset followed. u of a step ago is what v gained then.
    """
    for j in range(current.size):
        held = earlier[j] * (float32(1) - fired_earlier[j])
        sums[0, j] += current[j] * (before[j] - bias[j] - kept[j] * held)
        sums[1, j] += voltage[j] * (before[j] * (float32(1) - fired[j]))


@compile_kernel
def _backward(
    grad, feedback, bias, spikes, voltages, surrogate, current_kept, voltage_kept, shift,
    of_bias, of_decays, out, sums,
):  # fmt: skip
    """grad float32 (B, T, N) of the delayed spikes -> out float32 (B, T, N) of the inputs.

    feedback float32 (N, N) to a neuron (row) from the spikes, or None; bias float32 (N,) in
    SLAYER's units; surrogate: centre, slope and peak. sums float64 (3, N) receives the gradients of
    the bias, if `of_bias`, and of current_kept and voltage_kept, if `of_decays`; both with a shift
    of 1.
    """
    batch, steps, neurons = grad.shape
    current, voltage = np.empty(neurons, np.float32), np.empty(neurons, np.float32)
    fired, none = np.empty((steps, neurons), np.float32), np.zeros(neurons, np.float32)
    for b in range(batch):
        current[:] = 0
        voltage[:] = 0
        _undelay(grad[b], shift, fired)
        if feedback is None:
            _weigh(fired, voltages[b], surrogate)
        for t in range(steps - 1, -1, -1):
            if feedback is not None:
                for j in range(neurons if t + 1 < steps else 0):
                    _add(out[b, t + 1, j], feedback[j], fired[t])
                _weigh(fired[t : t + 1], voltages[b, t : t + 1], surrogate)
            _return(fired[t], current_kept, voltage_kept, current, voltage, out[b, t])
            if of_bias:
                for j in range(neurons):
                    sums[0, j] += voltage[j]
            if of_decays and t > 0:
                earlier = voltages[b, t - 2] if t > 1 else none
                _add_decays(
                    current, voltage, voltages[b, t - 1], spikes[b, t], earlier, spikes[b, t - 1],
                    bias, voltage_kept, sums[1:],
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


class CubaNeurons(torch.autograd.Function):
    """Neurons, the one step that a layer takes, and axonal delays, as one operation."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        delays: Tensor | None,
        feedback: Tensor | None,
        bias: Tensor | None,
        current_decay: Tensor | None,
        voltage_decay: Tensor | None,
        dynamics: Dynamics,
    ) -> Tensor:
        """Return spikes (batch, time, neurons) of the weighted inputs (batch, time, neurons).

        Args:
            ctx: torch's.
            inputs: in SLAYER's units, as all but delays and decays.
            delays: axonal, in time steps, (neurons,); only without what follows.
            feedback: weights (neurons, neurons) of the layer's own spikes, to each from each.
            bias: added to the voltage in every step, (neurons,).
            current_decay, voltage_decay: in 1/4096, (neurons,), for their gradients only.
            dynamics: the constants.
        """
        inputs = inputs.detach().contiguous()
        neurons = inputs.shape[2]
        shift = np.ones(neurons, np.int32)
        if delays is not None:
            shift += whole_delays(delays)
        spikes, voltages = torch.empty_like(inputs), torch.empty_like(inputs)
        whole = from_spikes = None
        if bias is not None:
            whole = torch.round(bias.detach() * STATE_SCALE).to(torch.int32).numpy()
        if feedback is not None:
            from_spikes = feedback.detach().t().contiguous().numpy()
        threshold = np.int32(dynamics.threshold << loihi.ACTIVATION_SHIFT)

        def run(part: slice) -> None:
            _forward(
                inputs.numpy()[part], from_spikes, whole, dynamics.current_kept,
                dynamics.voltage_kept, threshold, shift, spikes.numpy()[part],
                voltages.numpy()[part],
            )  # fmt: skip

        over_samples(len(inputs), run)
        ctx.save_for_backward(spikes, voltages, feedback, bias)
        ctx.shift, ctx.dynamics = shift, dynamics
        return spikes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all inputs that need one."""
        grad, needed = grads[0].detach().contiguous(), ctx.needs_input_grad
        spikes, voltages = (
            each.detach() for each in ctx.saved_tensors[:2]
        )  # threads record theirs
        weight, bias = (None if b is None else b.detach() for b in ctx.saved_tensors[2:])
        to_neurons = None if weight is None else weight.contiguous().numpy()
        dynamics, neurons, out = ctx.dynamics, grad.shape[2], torch.empty_like(grad)
        surrogate = (dynamics.centre, dynamics.slope, dynamics.height / 2 / dynamics.slope)
        kept, nothing = (dynamics.current_kept, dynamics.voltage_kept), torch.zeros(neurons)

        def run(part: slice) -> tuple[Tensor, Any]:
            sums, delay_sums = np.zeros((3, neurons)), torch.zeros(neurons)
            _backward(
                grad.numpy()[part], to_neurons, (bias if bias is not None else nothing).numpy(),
                spikes.numpy()[part], voltages.numpy()[part],
                tuple(map(np.float32, surrogate)),
                *(each / np.float32(loihi.DECAY_ONE) for each in kept), ctx.shift,
                needed[3], needed[4] or needed[5], out.numpy()[part], sums,
            )  # fmt: skip
            if needed[1]:
                _sum_delay_grads(grad.numpy()[part], spikes.numpy()[part], delay_sums.numpy())
            return delay_sums, sums

        delay_sums, sums = zip(*over_samples(len(grad), run))
        of_bias, *of_kept = torch.from_numpy(sum(sums)).float()
        of_decays = [-each / loihi.DECAY_ONE for each in of_kept]
        feedback = out.flatten(0, 1).t() @ spikes.flatten(0, 1) if needed[2] else None
        found = (out, torch.stack(delay_sums).sum(0), feedback, of_bias, *of_decays, None)
        return tuple(each if need else None for each, need in zip(found, needed))
