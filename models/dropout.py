"""Dropout of whole senders."""

from __future__ import annotations

import torch
from torch import Tensor


def drop_senders(arriving: Tensor, share: float) -> Tensor:
    """Return spikes without those of some senders, for a whole sample, the others scaled up.

    Args:
        arriving: float (batch, senders, time).
        share: of the senders that are left out, drawn from torch's global generator of the device.
    """
    kept = torch.rand(arriving.shape[:2], device=arriving.device) >= share
    return arriving * (kept / (1 - share))[..., None]
