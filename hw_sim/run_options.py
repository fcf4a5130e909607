"""What a backend may be told about a run, and the check of its input that they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.network import QuantizedNetwork


@dataclass(frozen=True)
class RunOptions:
    """How to run; a backend leaves alone what does not concern it.

    Attributes:
        states: also return u and v of every layer, where the backend can read them.
        threads: processor cores to use (`fast`); all by default.
        time_limit_s: seconds after which a run of another process is ended (`lava`, `loihi2`).
        progress: called with the time steps done and the time steps in all (`lava`).
    """

    states: bool = False
    threads: int | None = None
    time_limit_s: float | None = None
    progress: Callable[[int, int], None] | None = None


def check_spikes(network: QuantizedNetwork, spikes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the spikes as a contiguous uint8 array.

    Raises:
        InputError: unless they are 0 or 1 in a uint8 or bool array (batch, channels, time).
    """
    if spikes.ndim != 3 or spikes.shape[1] != network.inputs:
        raise InputError(
            f"the input spikes have shape {spikes.shape}; the network takes "
            f"(batch, {network.inputs}, time)"
        )
    if spikes.dtype not in (np.uint8, np.bool_) or spikes.max(initial=0) > 1:
        raise InputError(
            f"the input spikes are {spikes.dtype} up to {spikes.max(initial=0)}; they must be "
            "0 or 1 in a uint8 or bool array"
        )
    return np.ascontiguousarray(spikes, np.uint8)
