"""Prune weights while a network trains: the smallest of each layer become zero, and stay so.

The share that is zero grows from `BEGIN` to `ARRIVED` of the training along a cubic, fast while
there are many that do not matter.

Source: Zhu and Gupta, "To prune, or not to prune" (2017), their equation 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from neurodeploy.models.blocks import synapse_weights
from neurodeploy.models.errors import InputError
from neurodeploy.models.snn import SlayerNetwork, removable_layers

BEGIN: Final = 0.15
ARRIVED: Final = 0.7
"""Where in a training, 0..1, pruning begins and where its whole share is zero."""


def share_at(position: float, share: float) -> float:
    """Return the share of the weights that are zero at a position 0..1 in the training:
    share * (1 - (1 - x)^3), x going from 0 to 1 between `BEGIN` and `ARRIVED`."""
    x = min(max((position - BEGIN) / (ARRIVED - BEGIN), 0.0), 1.0)
    return share * (1 - (1 - x) ** 3)


class WeightPruning:
    """Prunes the weights of a network, each layer by itself.

    Args:
        network: in training, changed in place.
        share: of the weights of each layer, of a fixed mask those that it leaves, 0..1.
    """

    def __init__(self, network: SlayerNetwork, share: float) -> None:
        if not 0 < share < 1:
            raise InputError(f"the share to prune is {share:g}; give one over 0 and below 1")
        self._share = share
        self._blocks = network.layers
        self._check_some_stay()
        self._removable = removable_layers(network)

    def _check_some_stay(self) -> None:
        """Raise InputError when none of the weights into a layer would stay."""
        for index, block in enumerate(self._blocks):
            weight, mask = synapse_weights(block)[0], getattr(block, "mask", None)
            there = weight.numel() if mask is None else int(mask.sum())
            if round(self._share * there) == there:
                highest = (there - 1) / there
                raise InputError(
                    f"--prune {self._share:g} leaves none of the {there:,} weights of layer "
                    f"{index}, and one at least must stay; give {_rounded_down(highest)} at most, "
                    "or larger layers"
                )

    def after_step(self, position: float, alive: Sequence[Tensor] | None = None) -> None:
        """Set to zero what has to be.

        Args:
            position: in the training, 0..1.
            alive: 1 for each neuron of each layer that is there, else 0; the weights of others do
                not count. None where all are.
        """
        share = share_at(position, self._share)
        if not share:
            return
        for index, block in enumerate(self._blocks):
            for own, weight in enumerate(synapse_weights(block)):
                senders = index if own else index - 1
                there = torch.ones_like(weight.data)
                if getattr(block, "mask", None) is not None:
                    there *= block.mask
                if alive is not None and index in self._removable:
                    there[alive[index] == 0] = 0
                if alive is not None and senders in self._removable:
                    there[:, alive[senders] == 0] = 0
                _prune(weight.data, there, share)


def _prune(weight: Tensor, there: Tensor, share: float) -> None:
    """Set the smallest of the weights to zero, as many as round(share * those that are there), but
    for one at least: neurons that leave take theirs."""
    wanted = int(there.sum())
    count = weight.numel() - wanted + min(round(share * wanted), max(wanted - 1, 0))
    if count:
        size = torch.where(there > 0, weight.abs(), -1.0).view(-1)
        weight.view(-1)[torch.topk(size, count, largest=False, sorted=False).indices] = 0


def _rounded_down(share: float) -> str:
    """Return a share below 1 in the digits that tell it from 1, and not more than it is."""
    digits = max(1, math.ceil(-math.log10(1 - share)))
    return f"{math.floor(share * 10**digits) / 10**digits:.{digits}f}"
