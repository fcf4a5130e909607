"""Weighted sums of dense layers, with and without synaptic delays, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numba import float32, uint64
from numpy.typing import NDArray
from torch import Tensor

from neurodeploy.models.blocks import SynapticDense, gaussian, split_delays, width_index, widths
from neurodeploy.models.compiling import compile_kernel
from neurodeploy.models.errors import InputError
from neurodeploy.models.kernels.threads import map_batch


class DenseSums(torch.autograd.Function):
    """`torch.nn.functional.linear` without a bias, with the batch split over threads."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor) -> Tensor:
        """Return (batch, time, neurons) of values (batch, time, senders), weight (neurons,
        senders)."""
        values, weight = values.detach().contiguous(), weight.detach()
        sums = values.new_empty((*values.shape[:2], len(weight)))

        def run(part: slice) -> None:
            torch.mm(values[part].flatten(0, 1), weight.t(), out=sums[part].flatten(0, 1))

        map_batch(len(values), run)
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

        return back, torch.stack(map_batch(len(grad), run)).sum(0)


def dense_sums(values: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted sums; see `DenseSums.forward`."""
    sums: Tensor = DenseSums.apply(values, weight)  # type: ignore[no-untyped-call]
    return sums


_SUMS = {"fastmath": {"reassoc", "contract", "nsz"}}
"""Lets LLVM reorder sums, so that it can vectorize them."""


@dataclass(frozen=True)
class Rows:
    """The layout of a buffer of one sender's spikes, convolved with the Gaussian of every width.

    Attributes:
        taps: the Gaussians, centered, float32 (widths, taps).
        reach: number of taps on either side of the center, uint64 (widths,).
        middle: index of step 0 of the spikes convolved with each Gaussian, uint64 (widths,).
        start: index of step 0 of the spikes with each whole delay, uint64 (rows,).
        size: size of the buffer.
    """

    taps: NDArray[np.float32]
    reach: NDArray[np.uint64]
    middle: NDArray[np.uint64]
    start: NDArray[np.uint64]
    size: int


def rows_of(block: SynapticDense, steps: int) -> Rows:
    """Return the layout for samples of `steps` time steps."""
    levels, count = widths(0.0 if block.whole else block.width), block.longest + 2
    kernels = [gaussian(width) for width in levels]
    reach = np.array([len(kernel) // 2 for kernel in kernels])
    taps = np.zeros((len(levels), 2 * reach[0] + 1), np.float32)
    for own, kernel, ahead in zip(taps, kernels, reach):
        own[reach[0] - ahead : reach[0] + ahead + 1] = kernel
    before = count + int(reach[0])  # space for the longest delay and for taps left of the center
    size = before + steps + int(reach[0])
    middle = np.arange(len(levels)) * size + before
    start = np.array([middle[width_index(levels, m)] - m for m in range(count)])
    return Rows(
        taps, reach.astype(np.uint64), middle.astype(np.uint64), start.astype(np.uint64),
        size * len(levels),
    )  # fmt: skip


@dataclass(frozen=True)
class Synapses:
    """The synapses that exist, sorted by sender.

    Attributes:
        index: flat index of each synapse in a matrix (neurons, senders), int64.
        first: index of the first synapse of each sender, uint64 (senders + 1,).
        target: neuron of each synapse, uint64.
    """

    index: NDArray[np.int64]
    first: NDArray[np.uint64]
    target: NDArray[np.uint64]


def synapses_of(block: SynapticDense) -> Synapses:
    """Return the synapses in the mask of a block."""
    neurons, senders = block.synaptic_delay.shape
    exists = np.ones((senders, neurons), bool)
    if block.mask is not None:
        exists = block.mask.flatten(1).numpy().T != 0
    sender, target = exists.nonzero()
    first = np.searchsorted(sender, np.arange(senders + 1))
    index = target * senders + sender
    return Synapses(index, first.astype(np.uint64), target.astype(np.uint64))


@compile_kernel
def _spread(spikes, taps, reach, middle, buffer):
    """Fill the buffer with one sender's spikes, float32 (T,), convolved with every Gaussian."""
    buffer[:] = 0
    center = uint64(taps.shape[1] // 2)
    for t in range(uint64(len(spikes))):
        if spikes[t] != 0:
            for level in range(uint64(len(reach))):
                at, tap = middle[level] + t - reach[level], center - reach[level]
                for k in range(uint64(2) * reach[level] + uint64(1)):
                    buffer[at + k] += spikes[t] * taps[level, tap + k]


@compile_kernel
def _gather(grads, taps, reach, middle, out):
    """Backpropagate `_spread`: gradients of the buffer to those of the spikes, float32 (T,)."""
    out[:] = 0
    center = uint64(taps.shape[1] // 2)
    for level in range(uint64(len(reach))):
        for k in range(uint64(2) * reach[level] + uint64(1)):
            weight = taps[level, center - reach[level] + k]
            at = middle[level] - reach[level] + k
            for t in range(uint64(len(out))):
                out[t] += weight * grads[at + t]


@compile_kernel
def _forward(spikes, first, target, row, near, far, taps, reach, middle, start, size, out):
    """Compute out float32 (B, J, T), the weighted sums of spikes float32 (B, I, T).

    row, near and far of each synapse: the lower row of its delay, and its weights in that row and
    the next. Indices are uint64, since numba would check the sign of others in every step.
    """
    batch, senders, steps = spikes.shape
    buffer = np.empty(size, np.float32)
    for b in range(uint64(batch)):
        out[b] = 0
        for i in range(uint64(senders)):
            if not spikes[b, i].any():
                continue
            _spread(spikes[b, i], taps, reach, middle, buffer)
            for s in range(first[i], first[i + uint64(1)]):
                j, here, there = target[s], start[row[s]], start[row[s] + uint64(1)]
                one, other = near[s], far[s]
                if other == 0:
                    for t in range(uint64(steps)):
                        out[b, j, t] += one * buffer[here + t]
                else:
                    for t in range(uint64(steps)):
                        out[b, j, t] += one * buffer[here + t] + other * buffer[there + t]


def _backward(
    grad, spikes, first, target, row, near, far, taps, reach, middle, start, size, products, out
):
    """Backpropagate grad float32 (B, J, T) to out float32 (B, I, T), unless out is empty.

    products float32 (2, synapses) receives the products of grad with both rows of each synapse.
    """
    batch, senders, steps = spikes.shape
    buffer, back = np.empty(size, np.float32), np.empty(size, np.float32)
    for b in range(uint64(batch)):
        for i in range(uint64(senders)):
            fires = spikes[b, i].any()
            if fires:
                _spread(spikes[b, i], taps, reach, middle, buffer)
            back[:] = 0
            for s in range(first[i], first[i + uint64(1)]):
                j, here, there = target[s], start[row[s]], start[row[s] + uint64(1)]
                if fires:
                    one, other = float32(0), float32(0)
                    for t in range(uint64(steps)):
                        one += grad[b, j, t] * buffer[here + t]
                        other += grad[b, j, t] * buffer[there + t]
                    products[0, s] += one
                    products[1, s] += other
                if len(out):
                    one, other = near[s], far[s]
                    for t in range(uint64(steps)):
                        back[here + t] += one * grad[b, j, t]
                    if other != 0:
                        for t in range(uint64(steps)):
                            back[there + t] += other * grad[b, j, t]
            if len(out):
                _gather(back, taps, reach, middle, out[b, i])


_compiled_backward = compile_kernel(_backward, **_SUMS)


class SynapticSums(torch.autograd.Function):
    """Weighted sums of synapses with delays, as one operation."""

    @staticmethod
    def forward(
        ctx: Any, spikes: Tensor, weight: Tensor, delays: Tensor, block: SynapticDense
    ) -> Tensor:
        """Return the sums (batch, neurons, time) of spikes (batch, senders, time).

        Args:
            ctx: context of the operation.
            spikes: float, 0 without a spike.
            weight: rounded weights, (neurons, senders).
            delays: delays in time steps, (neurons, senders).
            block: has the mask and the width.

        Raises:
            InputError: if a delay is not finite.
        """
        if not bool(torch.isfinite(delays).all()):
            raise InputError("a delay is not finite; train with a lower learning rate")
        spikes = spikes.detach().contiguous()
        rows, synapses = rows_of(block, spikes.shape[2]), synapses_of(block)
        lower, fraction = split_delays(delays.detach(), block.longest, whole=block.whole)
        weights, row, far = (
            each.detach().flatten().numpy()[synapses.index] for each in (weight, lower, fraction)
        )
        arguments = (
            synapses.first, synapses.target, row.astype(np.uint64), weights * (1 - far),
            weights * far, rows.taps, rows.reach, rows.middle, rows.start, rows.size,
        )  # fmt: skip
        out = torch.empty(len(spikes), len(weight), spikes.shape[2])

        def run(part: slice) -> None:
            _forward(spikes.numpy()[part], *arguments, out.numpy()[part])

        map_batch(len(spikes), run)
        ctx.save_for_backward(spikes)
        ctx.whole = block.whole
        ctx.arguments = arguments
        ctx.synapses = (synapses.index, weights, far, weight.shape)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the spikes, the weights and the delays."""
        grad, spikes = grads[0].detach().contiguous(), ctx.saved_tensors[0].detach()
        index, weights, far, shape = ctx.synapses
        out = torch.empty_like(spikes) if ctx.needs_input_grad[0] else spikes[:0]

        def run(part: slice) -> NDArray[np.float32]:
            products = np.zeros((2, len(index)), np.float32)
            _compiled_backward(
                grad.numpy()[part], spikes.numpy()[part], *ctx.arguments, products,
                out.numpy()[part],
            )  # fmt: skip
            return products

        near, after = np.sum(map_batch(len(grad), run), 0)
        grad_weight, grad_delays = np.zeros((2, *shape), np.float32)
        grad_weight.flat[index] = near + far * (after - near)
        if not ctx.whole:
            grad_delays.flat[index] = weights * (after - near)
        grad_spikes = out if ctx.needs_input_grad[0] else None
        return grad_spikes, torch.from_numpy(grad_weight), torch.from_numpy(grad_delays), None


def synaptic_sums(block: SynapticDense, arriving: Tensor) -> Tensor:
    """Return the sums (batch, time, neurons) of spikes (batch, time, senders)."""
    weight = block.synapse.pre_hook_fx(block.synapse.weight).flatten(1)
    sums: Tensor = SynapticSums.apply(arriving.transpose(1, 2), weight, block.synaptic_delay, block)
    return sums.transpose(1, 2)
