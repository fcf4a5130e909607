"""How many weights a spike is multiplied with in each layer of a network to train."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from neurodeploy.models.architectures.architecture import Architecture
from neurodeploy.models.layers import ConvLayer, fan_out
from neurodeploy.models.neurons import CubaLif


def fan_outs(architecture: Architecture) -> list[tuple[Any, int]]:
    """Return for each layer the SynOps of a spike of each sender, int64 (senders,), and of a spike
    of its own that comes back to it; zeros among the weights count, as in a report."""
    found = []
    for layer, (before, after) in zip(architecture.layers, pairwise(architecture.shapes)):
        own = after[0] if layer.kind == "recurrent" else 0
        if layer.kind == "conv":
            shape = (after[0], before[0] // layer.groups, *layer.kernel)
            neuron = CubaLif(np.zeros(1, np.int32), np.zeros(1, np.int32), 1)
            image = ConvLayer(
                np.zeros(shape, np.int16), before, neuron, layer.stride, layer.padding,
                groups=layer.groups,
            )  # fmt: skip
            found.append((fan_out(image), own))
        else:
            found.append((np.full(int(np.prod(before)), after[0], np.int64), own))
    return found
