"""Compiled neurons with biases, feedback and learned decays, forward and backward.

Spikes equal those of lava-dl's blocks in every bit while u stays within 24 bits. Two gradients are
not lava-dl's. That of the decays: lava-dl's lacks the sign and the factor 1/4096, and multiplies
with voltages before the reset. That through recurrent neurons: lava-dl's `custom_recurrent` runs
every step from states without a gradient, so that it forgets what u and v held; here the gradient
goes back through both, as in a layer without feedback. The reset takes no part in any gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import float32, int32
from torch import Tensor

from neurodeploy.models import loihi
from neurodeploy.models.compiling import compile_kernel
from neurodeploy.models.cuba import clip_voltage, decay, wrap_current
from neurodeploy.models.kernels.cuba_block import STATE_SCALE, Dynamics, exponential
from neurodeploy.models.kernels.threads import over_samples

_NOTHING = np.float32(1e-30)


@compile_kernel
def _advance(total, bias, current_kept, voltage_kept, threshold, current, voltage, voltages, fired):
    """Advance N neurons by one step; see `models.cuba` for the equations.

    total float32 (N,) is what arrives in SLAYER's units; current and voltage int32 (N,) are
    updated; voltages float32 (N,) takes the voltages before the reset, fired float32 (N,) 0 or 1.
    """
    for j in range(total.size):
        added = int32(total[j] * float32(STATE_SCALE))
        u = wrap_current(int32(decay(current[j], current_kept[j]) + added))
        v = clip_voltage(int32(int32(decay(voltage[j], voltage_kept[j]) + u) + bias[j]))
        spike = v > threshold
        current[j] = u
        voltages[j] = float32(v) / float32(STATE_SCALE)
        voltage[j] = int32(0) if spike else v
        fired[j] = float32(1) if spike else float32(0)


@compile_kernel
def _forward(inputs, feedback, bias, current_kept, voltage_kept, threshold, spikes, voltages):
    """inputs float32 (B, T, N) -> spikes float32 one step later, voltages before the reset.

    feedback float32 (N, N) from a spike (row) to the neurons, or of no rows; bias int32 (N,).
    """
    batch, steps, neurons = inputs.shape
    current, voltage = np.empty(neurons, np.int32), np.empty(neurons, np.int32)
    total, lost = np.empty(neurons, np.float32), np.empty(neurons, np.float32)
    for b in range(batch):
        current[:] = 0
        voltage[:] = 0
        spikes[b, 0, :] = 0
        for t in range(steps):
            total[:] = inputs[b, t]
            for i in range(len(feedback)):
                if spikes[b, t, i] != 0:
                    _add(float32(1), feedback[i], total)
            _advance(
                total, bias, current_kept, voltage_kept, threshold, current, voltage,
                voltages[b, t], spikes[b, t + 1] if t + 1 < steps else lost,
            )  # fmt: skip


@compile_kernel
def _add(share, values, total):
    """Add a share of values float32 (N,) to a total."""
    for j in range(total.size):
        total[j] += share * values[j]


@compile_kernel
def _return(
    arriving, voltages, surrogate, current_kept, voltage_kept, current, voltage, out, bias_sums
):
    """Go one step back: gradients float32 (N,) of what fired -> out float32 (N,) of the inputs.

    current and voltage float32 (N,), the gradients of u and v, are updated. Below 1e-30 what
    arrives becomes 0, since numbers that a float32 cannot hold in full take ten times as long.
    """
    centre, slope, peak = surrogate
    for j in range(arriving.size):
        near = arriving[j] * (peak * exponential(-abs(voltages[j] - centre) / slope))
        near = near if abs(near) > _NOTHING else float32(0)
        voltage[j] = voltage_kept[j] * voltage[j] + near
        current[j] = current_kept[j] * current[j] + voltage[j]
        out[j] = current[j]
        bias_sums[j] += voltage[j]


@compile_kernel
def _add_decays(current, voltage, before, fired, earlier, fired_earlier, bias, kept, sums):
    """Add the gradients of what is kept of u and v to sums float64 (2, N).

    before and earlier float32 (N,) are the voltages one and two steps ago, before a reset; fired
    and fired_earlier say of which there was one. u of a step ago is what v gained then.
    """
    for j in range(current.size):
        held = earlier[j] * (float32(1) - fired_earlier[j])
        sums[0, j] += current[j] * (before[j] - bias[j] - kept[j] * held)
        sums[1, j] += voltage[j] * (before[j] * (float32(1) - fired[j]))


@compile_kernel
def _backward(
    grad, feedback, bias, spikes, voltages, surrogate, current_kept, voltage_kept, decays, out,
    sums,
):  # fmt: skip
    """grad float32 (B, T, N) of the spikes one step later -> out (B, T, N) of the inputs.

    feedback float32 (N, N) to a neuron (row) from the spikes, or of no rows; bias float32 (N,) in
    SLAYER's units; surrogate: centre, slope and peak. sums float64 (3, N) takes the gradients of
    biases and, where `decays` says so, of what is kept of u and v.
    """
    batch, steps, neurons = grad.shape
    current, voltage = np.empty(neurons, np.float32), np.empty(neurons, np.float32)
    arriving, none = np.empty(neurons, np.float32), np.zeros(neurons, np.float32)
    for b in range(batch):
        current[:] = 0
        voltage[:] = 0
        for t in range(steps - 1, -1, -1):
            arriving[:] = grad[b, t + 1] if t + 1 < steps else none
            if t + 1 < steps:
                for j in range(len(feedback)):
                    _add(out[b, t + 1, j], feedback[j], arriving)
            _return(
                arriving, voltages[b, t], surrogate, current_kept, voltage_kept, current,
                voltage, out[b, t], sums[0],
            )  # fmt: skip
            if decays and t > 0:
                earlier = voltages[b, t - 2] if t > 1 else none
                _add_decays(
                    current, voltage, voltages[b, t - 1], spikes[b, t], earlier, spikes[b, t - 1],
                    bias, voltage_kept, sums[1:],
                )  # fmt: skip


class LearnedNeurons(torch.autograd.Function):
    """Neurons and the one step that a layer takes, as one operation."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        feedback: Tensor | None,
        bias: Tensor | None,
        current_decay: Tensor,
        voltage_decay: Tensor,
        dynamics: Dynamics,
    ) -> Tensor:
        """Return spikes (batch, time, neurons) of the weighted inputs (batch, time, neurons).

        Args:
            ctx: torch's.
            inputs: in SLAYER's units, as all but the decays.
            feedback: weights (neurons, neurons) of the layer's own spikes, to each from each.
            bias: added to the voltage in every step, (neurons,).
            current_decay, voltage_decay: in 1/4096, (neurons,), for their gradients only.
            dynamics: the constants.
        """
        inputs = inputs.detach().contiguous()
        neurons = inputs.shape[2]
        bias_of = torch.zeros(neurons) if bias is None else bias.detach()
        weight = torch.zeros(0, neurons) if feedback is None else feedback.detach()
        spikes, voltages = torch.empty_like(inputs), torch.empty_like(inputs)
        whole = torch.round(bias_of * STATE_SCALE).to(torch.int32).numpy()
        threshold = np.int32(dynamics.threshold << loihi.ACTIVATION_SHIFT)
        from_spikes = weight.t().contiguous().numpy() if len(weight) else weight.numpy()

        def run(part: slice) -> None:
            _forward(
                inputs.numpy()[part], from_spikes, whole, dynamics.current_kept,
                dynamics.voltage_kept, threshold, spikes.numpy()[part], voltages.numpy()[part],
            )  # fmt: skip

        over_samples(len(inputs), run)
        ctx.save_for_backward(spikes, voltages, weight, bias_of)
        ctx.dynamics = dynamics
        return spikes

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the inputs, the feedback, the biases and the decays."""
        grad = grads[0].detach().contiguous()
        spikes, voltages, weight, bias = (each.detach() for each in ctx.saved_tensors)
        dynamics, neurons = ctx.dynamics, grad.shape[2]
        constants = (dynamics.centre, dynamics.slope, dynamics.height / 2 / dynamics.slope)
        kept = (dynamics.current_kept, dynamics.voltage_kept)
        out = torch.empty_like(grad)
        learns_decays = any(ctx.needs_input_grad[3:5])

        def run(part: slice) -> Any:
            sums = np.zeros((3, neurons))
            _backward(
                grad.numpy()[part], weight.contiguous().numpy(), bias.numpy(),
                spikes.numpy()[part], voltages.numpy()[part],
                tuple(map(np.float32, constants)),
                *(each / np.float32(loihi.DECAY_ONE) for each in kept), learns_decays,
                out.numpy()[part], sums,
            )  # fmt: skip
            return sums

        sums = torch.from_numpy(sum(over_samples(len(grad), run))).float()
        to_feedback = None
        if len(weight):
            to_feedback = out.flatten(0, 1).t() @ spikes.flatten(0, 1)
        decays = -sums[1:] / loihi.DECAY_ONE
        needed = ctx.needs_input_grad
        found = (out, to_feedback, sums[0], decays[0], decays[1], None)
        return tuple(each if need else None for each, need in zip(found, needed))
