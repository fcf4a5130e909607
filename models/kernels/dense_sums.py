"""The weighted sums of a dense layer in training on a CPU, shared among threads."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neurodeploy.models.kernels.threads import over_samples


class DenseSums(torch.autograd.Function):
    """`torch.nn.functional.linear` without a bias, of a batch that is shared among threads."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor) -> Tensor:
        """Return (batch, time, neurons) of values (batch, time, senders), weight (neurons,
        senders)."""
        values, weight = values.detach().contiguous(), weight.detach()
        sums = values.new_empty((*values.shape[:2], len(weight)))

        def run(part: slice) -> None:
            torch.mm(values[part].flatten(0, 1), weight.t(), out=sums[part].flatten(0, 1))

        over_samples(len(values), run)
        ctx.save_for_backward(values, weight)
        return sums

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return the gradients of the values and of the weights."""
        grad = grads[0].contiguous()
        values, weight = ctx.saved_tensors
        back = torch.empty_like(values) if ctx.needs_input_grad[0] else None

        def run(part: slice) -> Tensor:
            rows = grad[part].flatten(0, 1)
            if back is not None:
                torch.mm(rows, weight, out=back[part].flatten(0, 1))
            return torch.mm(rows.t(), values[part].flatten(0, 1))

        return back, torch.stack(over_samples(len(grad), run)).sum(0)


def dense_sums(values: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted sums; see `DenseSums.forward`."""
    sums: Tensor = DenseSums.apply(values, weight)  # type: ignore[no-untyped-call]
    return sums
