"""Dense layers whose synapses learn one delay each: Gaussian kernels in time that move and shrink.

In training a spike reaches a neuron spread over time: a synapse with the delay d and the width
sigma has the kernel (1 - f) G[m] + f G[m + 1], m + f = d, m whole, where G[m] is a Gaussian around
m steps, cut off at two widths, its sum 1. Its width is sigma, or sigma halved as often as it takes
to be m / 2 at most. So the kernel's mean is d, it never looks ahead, and the gradient of d sees as
far as it is wide. The width shrinks in training; at the end, and wherever training is off, each
delay is the nearest whole number.

Source: Hammouamri, Khalfaoui-Hassani and Masquelier, "Learning delays in spiking neural networks
using dilated convolutions with learnable spacings" (ICLR 2024); theirs is one Gaussian around d.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurodeploy.models import loihi
from neurodeploy.models.blocks.lava_dl import slayer

WIDTHS: Final = 2.0
"""A Gaussian is cut off at so many times its width."""


class SynapticDense(slayer.block.cuba.Dense):  # type: ignore[misc]
    """A dense block with a learned delay for every synapse.

    Attributes:
        synaptic_delay: float (neurons, senders), 0 to `longest`.
        longest: time steps that no delay exceeds.
        width: of the Gaussians in steps; 0 for rounded delays in training too.
    """

    def __init__(
        self, neuron: dict[str, Any], senders: int, neurons: int, *, longest: int, **options: Any
    ) -> None:
        super().__init__(neuron, senders, neurons, **options)
        self.synaptic_delay = torch.nn.Parameter(torch.zeros(neurons, senders))
        self.longest = longest
        self.width = 0.0

    @property
    def whole(self) -> bool:
        """Whether delays act as whole numbers now."""
        return not self.training or self.width <= 0

    def forward(self, spikes: Tensor) -> Tensor:
        """Return spikes (batch, neurons, time) of spikes (batch, senders, time)."""
        fired = slayer.axon.delay(self.neuron(self.weighted(spikes)), 1)
        delayed: Tensor = fired if self.delay is None else self.delay(fired)
        return delayed

    def weighted(self, spikes: Tensor) -> Tensor:
        """Return the delayed spikes' weighted sums, float (batch, neurons, time)."""
        weight = self.synapse.pre_hook_fx(self.synapse.weight).flatten(1)
        table = torch.from_numpy(self.table()).to(weight)
        before, share = split_delays(self.synaptic_delay, self.longest, whole=self.whole)
        taps = torch.lerp(table[before], table[before + 1], share[..., None])
        kernel = (weight[..., None] * taps).flip(-1)
        padded = torch.nn.functional.pad(spikes, (table.shape[1] - 1, 0))
        sums = torch.nn.functional.conv1d(padded, kernel)
        # Whole delays give sums of integers, which some convolutions compute inexactly.
        return slayer.utils.quantize(sums, step=1 / loihi.SLAYER_SCALE) if self.whole else sums

    def table(self) -> NDArray[np.float32]:
        """Return the kernels that are in use, see `gaussians`."""
        return gaussians(0.0 if self.whole else self.width, self.longest)

    def whole_delays(self) -> NDArray[np.int64]:
        """Return the delays as whole numbers, int64 (neurons, senders), 0 where no synapse is."""
        before, _ = split_delays(self.synaptic_delay.detach().cpu(), self.longest, whole=True)
        delays: NDArray[np.int64] = before.numpy()
        if self.mask is not None:
            delays = delays * (self.mask.flatten(1).cpu().numpy() != 0)
        return delays


def split_delays(delays: Tensor, longest: int, *, whole: bool) -> tuple[Tensor, Tensor]:
    """Return the row of the table before each delay, int64, and the share of the row after it."""
    clamped = delays.clamp(0, longest)
    if whole:
        return torch.floor(clamped.detach() + 0.5).long(), 0 * clamped
    before = torch.floor(clamped.detach()).clamp_(max=longest - 1)
    return before.long(), clamped - before


def levels_of(width: float) -> list[float]:
    """Return the widths that Gaussians have: this one, halved until a single step is left, 0."""
    levels = []
    while int(WIDTHS * width) > 0:
        levels.append(width)
        width /= 2
    return [*levels, 0.0]


def level_at(levels: list[float], delay: int) -> int:
    """Return which of the levels the Gaussian around a whole delay has: it must not look ahead."""
    return next(index for index, width in enumerate(levels) if int(WIDTHS * width) <= delay)


def gaussian(width: float) -> NDArray[np.float64]:
    """Return the taps of a Gaussian around its middle, cut off, their sum 1."""
    ahead = int(WIDTHS * width)
    taps = np.exp(-0.5 * (np.arange(-ahead, ahead + 1) / (width or 1)) ** 2)
    normed: NDArray[np.float64] = taps / taps.sum()
    return normed


def gaussians(width: float, longest: int) -> NDArray[np.float32]:
    """Return the kernel around every whole delay.

    Args:
        width: of the Gaussians; 0 for one tap each.
        longest: delay of the last row but one; a row for the step after it follows.

    Returns:
        float32 (longest + 2, taps): what a spike is worth so many steps later, rows of sum 1.
    """
    levels = levels_of(width)
    table = np.zeros((longest + 2, longest + 2 + int(WIDTHS * width)))
    for m in range(longest + 2):
        taps = gaussian(levels[level_at(levels, m)])
        table[m, m - len(taps) // 2 : m + len(taps) // 2 + 1] = taps
    return table.astype(np.float32)
