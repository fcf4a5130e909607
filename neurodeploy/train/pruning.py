"""Magnitude pruning during training: the smallest weights of each layer become zero.

The fraction of zeros follows a cubic schedule between `BEGIN` and `ARRIVED`: fast at first, when
many weights have little effect, then slower.

Source: Zhu and Gupta, "To prune, or not to prune" (2017), equation 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.utils import prune

from neurodeploy.models.blocks import synapse_weights
from neurodeploy.models.errors import InputError
from neurodeploy.models.snn import SlayerNetwork, removable_layers

BEGIN: Final = 0.15
ARRIVED: Final = 0.7
"""Progress of the training, 0..1, at which pruning begins and ends."""


def share_at(position: float, share: float) -> float:
    """Return the fraction of zero weights at progress 0..1 of the training:
    share * (1 - (1 - x)^3), with x from 0 to 1 between `BEGIN` and `ARRIVED`."""
    x = min(max((position - BEGIN) / (ARRIVED - BEGIN), 0.0), 1.0)
    return share * (1 - (1 - x) ** 3)


class WeightPruner:
    """Prunes the weights of each layer of a network.

    The masks come from `torch.nn.utils.prune`, but are applied after each step: prune's forward
    hooks do not work here, because the compiled kernels skip the synapse's forward pass. A pruned
    weight returns if its gradient makes it larger than others.

    Args:
        network: the network, changed in place.
        share: fraction of the weights of each layer to prune, 0..1; weights outside a layer's mask
            do not count.
    """

    def __init__(self, network: SlayerNetwork, share: float) -> None:
        if not 0 < share < 1:
            raise InputError(f"the fraction to prune is {share:g}; give one above 0 and below 1")
        self._share = share
        self._blocks = network.layers
        self._removable = removable_layers(network)
        for index, block in enumerate(self._blocks):
            weight, mask = synapse_weights(block)[0], getattr(block, "mask", None)
            count = weight.numel() if mask is None else int(mask.sum())
            if round(share * count) == count:
                raise InputError(
                    f"--prune {share:g} leaves none of the {count:,} weights of layer {index}; "
                    f"give {_rounded_down((count - 1) / count)} at most, or larger layers"
                )

    def after_step(self, position: float, masks: Sequence[Tensor] | None = None) -> None:
        """Set the smallest weights to zero.

        Args:
            position: progress of the training, 0..1.
            masks: neuron masks of `BudgetPruner`; weights of pruned neurons do not count. None for
                all neurons.
        """
        share = share_at(position, self._share)
        if not share:
            return
        for index, block in enumerate(self._blocks):
            for own, weight in enumerate(synapse_weights(block)):
                exists = torch.ones_like(weight, dtype=torch.bool)
                if getattr(block, "mask", None) is not None:
                    exists &= block.mask != 0
                if masks is not None and index in self._removable:
                    exists[masks[index] == 0] = False
                senders = index if own else index - 1
                if masks is not None and senders in self._removable:
                    exists[:, masks[senders] == 0] = False
                _prune(weight.data, exists, share)


def _prune(weight: Tensor, exists: Tensor, share: float) -> None:
    """Set the smallest of the existing weights to zero, all but at least one; and every
    non-existing weight."""
    values = weight[exists]
    count = min(round(share * len(values)), max(len(values) - 1, 0))
    method: Any = prune.L1Unstructured(count)
    pruned = method.compute_mask(values, torch.ones_like(values))
    weight[exists] = values.masked_fill(pruned == 0, 0)
    weight[~exists] = 0


def _rounded_down(share: float) -> str:
    """Return a fraction below 1, rounded down to as many digits as needed to differ from 1."""
    digits = max(1, math.ceil(-math.log10(1 - share)))
    return f"{math.floor(share * 10**digits) / 10**digits:.{digits}f}"
