"""Weighted sums of a dense layer, with gradients: plain and with synaptic delays."""

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
from neurodeploy.models.kernels.threads import over_samples


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


_SUMS = {"fastmath": {"reassoc", "contract", "nsz"}}
"""Sums may be taken in any order, so that they compile to vectors."""


@dataclass(frozen=True)
class Rows:
    """Where the spread spikes of one sender are in a buffer, a stretch for each width.

    Attributes:
        taps: of the Gaussian of every width, float32 (widths, taps), the middle one in the middle.
        reach: taps on either side of it that count, uint64 (widths,).
        middle: index of the first step in each stretch, uint64 (widths,).
        start: of the row of each whole delay, uint64 (rows,).
        size: of the buffer.
    """

    taps: NDArray[np.float32]
    reach: NDArray[np.uint64]
    middle: NDArray[np.uint64]
    start: NDArray[np.uint64]
    size: int


def rows_of(block: SynapticDense, steps: int) -> Rows:
    """Return the rows for samples of this many steps."""
    levels, count = widths(0.0 if block.whole else block.width), block.longest + 2
    kernels = [gaussian(width) for width in levels]
    reach = np.array([len(kernel) // 2 for kernel in kernels])
    taps = np.zeros((len(levels), 2 * reach[0] + 1), np.float32)
    for own, kernel, ahead in zip(taps, kernels, reach):
        own[reach[0] - ahead : reach[0] + ahead + 1] = kernel
    before = count + int(reach[0])  # room for late rows, and for taps before the middle
    size = before + steps + int(reach[0])
    middle = np.arange(len(levels)) * size + before
    start = np.array([middle[width_index(levels, m)] - m for m in range(count)])
    return Rows(
        taps, reach.astype(np.uint64), middle.astype(np.uint64), start.astype(np.uint64),
        size * len(levels),
    )  # fmt: skip


@dataclass(frozen=True)
class Synapses:
    """The existing synapses, sorted by their sender.

    Attributes:
        place: flat index of each in a matrix (neurons, senders), int64.
        first: index of the first synapse of each sender, uint64 (senders + 1,).
        target: neuron that each reaches, uint64.
    """

    place: NDArray[np.int64]
    first: NDArray[np.uint64]
    target: NDArray[np.uint64]


def synapses_of(block: SynapticDense) -> Synapses:
    """Return the synapses that the block's mask keeps."""
    neurons, senders = block.synaptic_delay.shape
    exists = np.ones((senders, neurons), bool)
    if block.mask is not None:
        exists = block.mask.flatten(1).numpy().T != 0
    sender, target = exists.nonzero()
    first = np.searchsorted(sender, np.arange(senders + 1))
    place = target * senders + sender
    return Synapses(place, first.astype(np.uint64), target.astype(np.uint64))


@compile_kernel
def _spread(spikes, taps, reach, middle, buffer):
    """Fill the buffer with the stretches of one sender's spikes, float32 (T,)."""
    buffer[:] = 0
    centre = uint64(taps.shape[1] // 2)
    for t in range(uint64(len(spikes))):
        if spikes[t] != 0:
            for level in range(uint64(len(reach))):
                at, tap = middle[level] + t - reach[level], centre - reach[level]
                for k in range(uint64(2) * reach[level] + uint64(1)):
                    buffer[at + k] += spikes[t] * taps[level, tap + k]


@compile_kernel
def _gather(grads, taps, reach, middle, out):
    """The reverse of `_spread`: gradients of the buffer -> float32 (T,) of the spikes."""
    out[:] = 0
    centre = uint64(taps.shape[1] // 2)
    for level in range(uint64(len(reach))):
        for k in range(uint64(2) * reach[level] + uint64(1)):
            worth = taps[level, centre - reach[level] + k]
            at = middle[level] - reach[level] + k
            for t in range(uint64(len(out))):
                out[t] += worth * grads[at + t]


@compile_kernel
def _forward(spikes, first, target, row, near, far, taps, reach, middle, start, size, out):
    """spikes float32 (B, I, T) -> out float32 (B, J, T).

    row, near and far of each synapse: the row before its delay, and its weight there and in the row
    after. Indices are uint64, since numba checks the sign of others in every step.
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
    grad, spikes, first, target, row, near, far, taps, reach, middle, start, size, found, out
):
    """grad float32 (B, J, T) -> out float32 (B, I, T) of the spikes, or of no samples.

    found float32 (2, synapses) receives the products of the gradient with both rows of a synapse.
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
                    found[0, s] += one
                    found[1, s] += other
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
    """The sums of synapses with delays, as one operation."""

    @staticmethod
    def forward(
        ctx: Any, spikes: Tensor, weight: Tensor, delays: Tensor, block: SynapticDense
    ) -> Tensor:
        """Return the sums (batch, neurons, time) of spikes (batch, senders, time).

        Args:
            ctx: torch's.
            spikes: float, 0 where there is none.
            weight: rounded, (neurons, senders).
            delays: in steps, (neurons, senders).
            block: with the mask and the width.

        Raises:
            InputError: if a delay is not finite.
        """
        if not bool(torch.isfinite(delays).all()):
            raise InputError("a delay is not finite; train with a lower learning rate")
        spikes = spikes.detach().contiguous()
        rows, synapses = rows_of(block, spikes.shape[2]), synapses_of(block)
        before, share = split_delays(delays.detach(), block.longest, whole=block.whole)
        weights, row, far = (
            each.detach().flatten().numpy()[synapses.place] for each in (weight, before, share)
        )
        of_synapses = (
            synapses.first, synapses.target, row.astype(np.uint64), weights * (1 - far),
            weights * far,
        )  # fmt: skip
        of_rows = (rows.taps, rows.reach, rows.middle, rows.start, rows.size)
        out = torch.empty(len(spikes), len(weight), spikes.shape[2])

        def run(part: slice) -> None:
            _forward(spikes.numpy()[part], *of_synapses, *of_rows, out.numpy()[part])

        over_samples(len(spikes), run)
        ctx.save_for_backward(spikes)
        ctx.whole = block.whole
        ctx.kept = (of_synapses, of_rows, synapses.place, weights, far, weight.shape)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the spikes, the weights and the delays."""
        grad, spikes = grads[0].detach().contiguous(), ctx.saved_tensors[0].detach()
        of_synapses, of_rows, place, weights, far, shape = ctx.kept
        out = torch.empty_like(spikes) if ctx.needs_input_grad[0] else spikes[:0]

        def run(part: slice) -> NDArray[np.float32]:
            found = np.zeros((2, len(place)), np.float32)
            _compiled_backward(
                grad.numpy()[part], spikes.numpy()[part], *of_synapses, *of_rows, found,
                out.numpy()[part],
            )  # fmt: skip
            return found

        near, next_to = np.sum(over_samples(len(grad), run), 0)
        to_weight, to_delays = np.zeros((2, *shape), np.float32)
        to_weight.flat[place] = near + far * (next_to - near)
        if not ctx.whole:
            to_delays.flat[place] = weights * (next_to - near)
        sent = out if ctx.needs_input_grad[0] else None
        return sent, torch.from_numpy(to_weight), torch.from_numpy(to_delays), None


def synaptic_sums(block: SynapticDense, arriving: Tensor) -> Tensor:
    """Return the sums (batch, time, neurons) of spikes (batch, time, senders)."""
    weight = block.synapse.pre_hook_fx(block.synapse.weight).flatten(1)
    sums: Tensor = SynapticSums.apply(arriving.transpose(1, 2), weight, block.synaptic_delay, block)
    return sums.transpose(1, 2)
