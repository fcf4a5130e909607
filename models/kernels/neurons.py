"""CUBA LIF neurons and axonal delays in compiled kernels, forward and backward, on a CPU.

Spikes are bit-exact with lava-dl's blocks while u stays within 24 bits. Gradients equal lava-dl's,
with two exceptions. Decays: lava-dl's gradient lacks the sign and the factor 1/4096, and uses the
voltages before the reset. Recurrent neurons: lava-dl's `custom_recurrent` detaches the states in
every step; here the gradient flows back through u and v, as in a layer without feedback. No
gradient flows through the reset.
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
from neurodeploy.models.kernels.threads import map_batch

STATE_SCALE = loihi.SLAYER_SCALE << loihi.ACTIVATION_SHIFT
"""SLAYER's states are the integer states divided by 4096."""

_LEAST, _LOG2_E = np.float32(-69), np.float32(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = np.float32(0.693145751953125), np.float32(1.42860682030941723e-6)
_NEGLIGIBLE = np.float32(1e-30)
"""Smaller gradients become 0, since arithmetic with subnormal numbers is ten times slower."""


@dataclass(frozen=True)
class Dynamics:
    """The constants of the neurons of a block.

    Attributes:
        current_factor, voltage_factor: 4096 minus the decay, int32 (neurons,).
        threshold: mantissa; a neuron fires when v > threshold << 6.
        center: voltage at which the surrogate gradient is largest: SLAYER's threshold plus epsilon.
        tau: width of the surrogate gradient scale / (2 tau) exp(-|v - center| / tau), in SLAYER's
            units.
        scale: scale of the surrogate gradient.
    """

    current_factor: Any
    voltage_factor: Any
    threshold: int
    center: float
    tau: float
    scale: float


# Axonal delays


def whole_delays(delays: Tensor) -> Any:
    """Return delays (neurons,) rounded down to whole steps, int32.

    Raises:
        InputError: if a delay is not finite.
    """
    if not bool(torch.isfinite(delays).all()):
        raise InputError("a delay is not finite; train with a lower learning rate")
    return np.floor(delays.detach().numpy()).astype(np.int32)


@compile_kernel
def _shift(values, shift, forward, out):
    """Shift values float32 (B, T, N) of each neuron by shift int32 (N,) steps, forward or back."""
    batch, steps, neurons = values.shape
    for b in range(batch):
        for t in range(steps):
            for j in range(neurons):
                at = t - shift[j] if forward else t + shift[j]
                out[b, t, j] = values[b, at, j] if 0 <= at < steps else np.float32(0)


class AxonalShift(torch.autograd.Function):
    """Delay the spikes of every neuron by its delay, rounded down to whole steps.

    The gradient of a delay is lava-dl's: the sum of grad[t] * (spikes[t - 1] - spikes[t]).
    """

    @staticmethod
    def forward(ctx: Any, spikes: Tensor, delays: Tensor) -> Tensor:
        """Return the delayed spikes of spikes (batch, time, neurons) and delays (neurons,)."""
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

    map_batch(len(values), run)
    return out


# Neurons, forward


@compile_kernel
def _step(
    inputs, bias, current_factor, voltage_factor, threshold, current, voltage, voltages, fired
):
    """Advance N neurons by one step; see `models.cuba` for the equations.

    inputs float32 (N,) is the weighted input in SLAYER's units; bias int32 (N,) or None; current
    and voltage int32 (N,) are updated; voltages float32 (N,) receives the voltages before the
    reset, fired float32 (N,) 0 or 1.
    """
    for j in range(inputs.size):
        added = int32(inputs[j] * float32(STATE_SCALE))
        u = wrap_current(int32(decay(current[j], current_factor[j]) + added))
        v = int32(decay(voltage[j], voltage_factor[j]) + u)
        if bias is not None:  # numba removes this branch if bias is None
            v = int32(v + bias[j])
        v = clip_voltage(v)
        spike = v > threshold
        current[j] = u
        voltages[j] = float32(v) / float32(STATE_SCALE)
        voltage[j] = int32(0) if spike else v
        fired[j] = float32(1) if spike else float32(0)


@compile_kernel
def _add_scaled(factor, values, total):
    """Add factor * values float32 (N,) to a total."""
    for j in range(total.size):
        total[j] += factor * values[j]


@compile_kernel
def _forward(
    inputs, feedback, bias, current_factor, voltage_factor, threshold, shift, spikes, voltages
):
    """Compute spikes, delayed by shift int32 (N,), and voltages of inputs, all float32 (B, T, N).

    feedback float32 (N, N) are recurrent weights, (senders, neurons), with a shift of 1; or None.
    `spikes` need not be initialized.
    """
    batch, steps, neurons = inputs.shape
    same_shift = shift.min() == shift.max()
    current, voltage = np.empty(neurons, np.int32), np.empty(neurons, np.int32)
    fired, total = np.empty(neurons, np.float32), np.empty(neurons, np.float32)
    for b in range(batch):
        current[:] = 0
        voltage[:] = 0
        spikes[b, : shift[0] if same_shift else steps] = 0
        for t in range(steps):
            arrival = t + shift[0]
            row = spikes[b, arrival] if same_shift and arrival < steps else fired
            if feedback is None:
                _step(
                    inputs[b, t], bias, current_factor, voltage_factor, threshold, current, voltage,
                    voltages[b, t], row,
                )  # fmt: skip
            else:
                total[:] = inputs[b, t]
                for i in range(neurons):
                    if spikes[b, t, i] != 0:
                        _add_scaled(float32(1), feedback[i], total)
                _step(
                    total, bias, current_factor, voltage_factor, threshold, current, voltage,
                    voltages[b, t], row,
                )  # fmt: skip
            if not same_shift:
                for j in range(neurons):
                    if fired[j] != 0 and t + shift[j] < steps:
                        spikes[b, t + shift[j], j] = 1


# Neurons, backward


@compile_kernel
def exponential(x):
    """Return exp(x) of a float32 x <= 0, within a few units in the last place; 0 where x < -69.

    It is 2^n times a polynomial of the remainder, in operations that LLVM vectorizes.
    """
    n = np.floor(max(x, _LEAST) * _LOG2_E + float32(0.5))
    r = float32(float32(x - n * _LN2_HIGH) - n * _LN2_LOW)
    p = float32(1 / 720)
    for factor in (1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0):
        p = float32(p * r + float32(factor))
    power = np.int32(int32(int32(n) + 127) << 23).view(np.float32)
    return float32(p * power) if x >= _LEAST else float32(0)


@compile_kernel
def _undo_delays(grad, shift, undelayed):
    """Move grad float32 (T, N) of the delayed spikes to the steps in which they fired."""
    steps, neurons = grad.shape
    for t in range(steps):
        for j in range(neurons):
            at = t + shift[j]
            undelayed[t, j] = grad[at, j] if at < steps else float32(0)


@compile_kernel
def _apply_surrogate(grads, voltages, surrogate):
    """Multiply grads float32 (T, N) of spikes by the surrogate gradient, in place."""
    center, tau, peak = surrogate
    for t in range(len(grads)):
        for j in range(grads.shape[1]):
            product = grads[t, j] * (peak * exponential(-abs(voltages[t, j] - center) / tau))
            grads[t, j] = float32(0) if abs(product) <= _NEGLIGIBLE else product  # NaN stays NaN


@compile_kernel
def _backward_step(grads, current_factor, voltage_factor, current, voltage, out):
    """Backpropagate one step: grads float32 (N,) of the voltages to out float32 (N,) of the inputs.

    current and voltage float32 (N,) are the gradients of u and v, which are updated.
    """
    for j in range(grads.size):
        voltage[j] = voltage_factor[j] * voltage[j] + grads[j]
        current[j] = current_factor[j] * current[j] + voltage[j]
        out[j] = current[j]


@compile_kernel
def _add_decay_grads(current, voltage, v1, fired1, v2, fired2, bias, voltage_factor, sums):
    """Add the gradients of current_factor and voltage_factor to sums float64 (2, N).

    v1 and v2 float32 (N,) are the voltages one and two steps ago, before the reset; fired1 and
    fired2 are 1 where a reset followed. u one step ago is reconstructed from them.
    """
    for j in range(current.size):
        u1 = v1[j] - bias[j] - voltage_factor[j] * (v2[j] * (float32(1) - fired2[j]))
        sums[0, j] += current[j] * u1
        sums[1, j] += voltage[j] * (v1[j] * (float32(1) - fired1[j]))


@compile_kernel
def _backward(
    grad, feedback, bias, spikes, voltages, surrogate, current_factor, voltage_factor, shift,
    needs_bias, needs_decays, out, sums,
):  # fmt: skip
    """Backpropagate grad float32 (B, T, N) of the delayed spikes to out float32 (B, T, N).

    out: gradients of the inputs. feedback float32 (N, N): recurrent weights, (neurons, senders), or
    None. bias float32 (N,): in SLAYER's units. surrogate: center, tau and peak. sums float64 (3, N)
    receives the gradients of the bias, if `needs_bias`, and of current_factor and voltage_factor,
    if `needs_decays`; both require a shift of 1.
    """
    batch, steps, neurons = grad.shape
    current, voltage = np.empty(neurons, np.float32), np.empty(neurons, np.float32)
    fired, none = np.empty((steps, neurons), np.float32), np.zeros(neurons, np.float32)
    for b in range(batch):
        current[:] = 0
        voltage[:] = 0
        _undo_delays(grad[b], shift, fired)
        if feedback is None:
            _apply_surrogate(fired, voltages[b], surrogate)
        for t in range(steps - 1, -1, -1):
            if feedback is not None:
                for j in range(neurons if t + 1 < steps else 0):
                    _add_scaled(out[b, t + 1, j], feedback[j], fired[t])
                _apply_surrogate(fired[t : t + 1], voltages[b, t : t + 1], surrogate)
            _backward_step(fired[t], current_factor, voltage_factor, current, voltage, out[b, t])
            if needs_bias:
                for j in range(neurons):
                    sums[0, j] += voltage[j]
            if needs_decays and t > 0:
                v2 = voltages[b, t - 2] if t > 1 else none
                _add_decay_grads(
                    current, voltage, voltages[b, t - 1], spikes[b, t], v2, spikes[b, t - 1],
                    bias, voltage_factor, sums[1:],
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
    """Neurons, the one step of delay of every layer, and axonal delays, as one operation."""

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
            ctx: context of the operation.
            inputs: in SLAYER's units, like feedback and bias.
            delays: axonal delays in time steps, (neurons,); not together with the next four.
            feedback: recurrent weights, (neurons, senders).
            bias: added to the voltage in every step, (neurons,).
            current_decay, voltage_decay: in 1/4096, (neurons,); used for their gradients only.
            dynamics: the constants of the neurons.
        """
        inputs = inputs.detach().contiguous()
        neurons = inputs.shape[2]
        shift = np.ones(neurons, np.int32)
        if delays is not None:
            shift += whole_delays(delays)
        spikes, voltages = torch.empty_like(inputs), torch.empty_like(inputs)
        integer_bias = by_sender = None
        if bias is not None:
            integer_bias = torch.round(bias.detach() * STATE_SCALE).to(torch.int32).numpy()
        if feedback is not None:
            by_sender = feedback.detach().t().contiguous().numpy()
        threshold = np.int32(dynamics.threshold << loihi.ACTIVATION_SHIFT)

        def run(part: slice) -> None:
            _forward(
                inputs.numpy()[part], by_sender, integer_bias, dynamics.current_factor,
                dynamics.voltage_factor, threshold, shift, spikes.numpy()[part],
                voltages.numpy()[part],
            )  # fmt: skip

        map_batch(len(inputs), run)
        ctx.save_for_backward(spikes, voltages, feedback, bias)
        ctx.shift, ctx.dynamics = shift, dynamics
        return spikes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all inputs that need one."""
        grad, needed = grads[0].detach().contiguous(), ctx.needs_input_grad
        # Detached, since grad mode is on in other threads.
        saved: list[Any] = [None if each is None else each.detach() for each in ctx.saved_tensors]
        spikes, voltages, weight, bias = saved
        by_neuron = None if weight is None else weight.contiguous().numpy()
        dynamics, neurons, out = ctx.dynamics, grad.shape[2], torch.empty_like(grad)
        surrogate = (dynamics.center, dynamics.tau, dynamics.scale / 2 / dynamics.tau)
        factors = (dynamics.current_factor, dynamics.voltage_factor)
        some_bias = torch.zeros(neurons) if bias is None else bias

        def run(part: slice) -> tuple[Tensor, Any]:
            sums, delay_sums = np.zeros((3, neurons)), torch.zeros(neurons)
            _backward(
                grad.numpy()[part], by_neuron, some_bias.numpy(),
                spikes.numpy()[part], voltages.numpy()[part],
                tuple(map(np.float32, surrogate)),
                *(each / np.float32(loihi.DECAY_ONE) for each in factors), ctx.shift,
                needed[3], needed[4] or needed[5], out.numpy()[part], sums,
            )  # fmt: skip
            if needed[1]:
                _sum_delay_grads(grad.numpy()[part], spikes.numpy()[part], delay_sums.numpy())
            return delay_sums, sums

        delay_sums, sums = zip(*map_batch(len(grad), run))
        grad_bias, *grad_factors = torch.from_numpy(sum(sums)).float()
        grad_decays = [-each / loihi.DECAY_ONE for each in grad_factors]
        feedback = out.flatten(0, 1).t() @ spikes.flatten(0, 1) if needed[2] else None
        all_grads = (out, torch.stack(delay_sums).sum(0), feedback, grad_bias, *grad_decays, None)
        return tuple(each if need else None for each, need in zip(all_grads, needed))
