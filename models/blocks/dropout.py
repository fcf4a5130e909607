"""Dropout of whole senders."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor

Part: TypeAlias = tuple[int, int]
"""Which part of a batch is here, where several processes share it: its first sample, and how many
samples there are in all."""


def drop_senders(arriving: Tensor, share: float, part: Part | None = None) -> Tensor:
    """Return spikes without those of some senders, for a whole sample, the others scaled up.

    Args:
        arriving: float (batch, senders, time).
        share: of the senders that are left out, drawn from torch's global generator of the device.
        part: of a shared batch, for which as much is drawn as for the whole; None for a whole one.
    """
    samples, senders = arriving.shape[:2]
    first, in_all = part or (0, samples)
    drawn = torch.rand(in_all, senders, device=arriving.device)[first : first + samples]
    kept = drawn >= share
    return arriving * (kept / (1 - share))[..., None]
