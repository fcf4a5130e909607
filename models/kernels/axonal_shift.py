"""Axonal delays by themselves: each neuron's spikes some steps later, with lava-dl's gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurodeploy.models.compiling import compile_kernel
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
