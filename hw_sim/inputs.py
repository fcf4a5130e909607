"""The input of a run: what a network takes, checked once for every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models import loihi
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import CubaLif, InputLayer, QuantizedNetwork


def check_input(network: QuantizedNetwork, values: NDArray[Any]) -> NDArray[Any]:
    """Return the input as a contiguous array (batch, channels, time).

    Spikes of 0 or 1 become uint8; graded spikes and the values that drive input neurons int32.

    Raises:
        InputError: unless the shape fits the network, the values are whole numbers, and spikes are
            0 or 1 or graded spikes fit the network's message bits.
    """
    if values.ndim != 3 or values.shape[1] != network.inputs:
        raise InputError(
            f"the input has shape {values.shape}; the network takes (batch, {network.inputs}, time)"
        )
    if values.dtype.kind not in "bui":
        raise InputError(
            f"the input spikes are {values.dtype}; they must be whole numbers in an integer array"
        )
    first = network.layers[0]
    if isinstance(first, InputLayer):
        driven(first, values)
        return np.ascontiguousarray(values, np.int32)
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    if not network.message_bits:
        if low < 0 or high > 1:
            raise InputError(
                f"the input spikes reach from {low} to {high}; they must be 0 or 1, unless the "
                "network takes graded spikes (message_bits, on the command line --message-bits)"
            )
        return np.ascontiguousarray(values, np.uint8)
    limit = (1 << network.message_bits) - 1
    if max(-low, high) > limit:
        raise InputError(
            f"the graded input spikes reach from {low} to {high}; {network.message_bits} message "
            f"bits hold {-limit} to {limit}"
        )
    return np.ascontiguousarray(values, np.int32)


def driven(layer: InputLayer, values: NDArray[Any]) -> NDArray[np.int32]:
    """Return scale * value + offset, what the neurons of an input layer take, int32, same shape.

    Raises:
        InputError: when a result does not fit a bias mantissa, or a delta neuron's state.
    """
    ends = (int(values.min(initial=0)), int(values.max(initial=0)))
    low, high, kind = loihi.BIAS_MIN, loihi.BIAS_MAX, "a bias of 13 bits"
    if not isinstance(layer.neuron, CubaLif):
        high = (1 << (loihi.STATE_WORD - 1 - layer.neuron.spike_exp - layer.neuron.state_exp)) - 1
        low, kind = -high, "the state of a delta neuron"
    for extreme in (layer.scale * end + layer.offset for end in ends):
        if not low <= extreme <= high:
            raise InputError(
                f"the input drives its neurons with {layer.scale} * value + {layer.offset} = "
                f"{extreme}; {kind} holds {low} to {high}, so scale the input down"
            )
    return values.astype(np.int32) * np.int32(layer.scale) + np.int32(layer.offset)
