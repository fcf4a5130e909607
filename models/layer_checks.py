"""The checks of what a layer is made of: ranges and shapes, each with its message."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neurodeploy.models import loihi
from neurodeploy.models.arrays import IntArray, check_range, read_only
from neurodeploy.models.errors import InputError
from neurodeploy.models.neurons import CubaLif, Delta, Neuron, Sigma, SigmaDelta, arrays_of


def checked_matrix(values: IntArray, name: str) -> IntArray:
    weight = read_only(values, np.int16, name)
    if weight.ndim != 2 or not weight.size:
        raise InputError(f"{name} has shape {weight.shape}; it must be (neurons, senders)")
    check_range(weight, loihi.WEIGHT_MIN, loihi.WEIGHT_MAX, name)
    check_senders(weight.shape[1])
    return weight


def check_senders(senders: int) -> None:
    if senders > loihi.SENDERS_MAX:
        raise InputError(
            f"the layer has {senders} senders; sums stay exact up to {loihi.SENDERS_MAX}, so "
            "split it"
        )


def checked_delay(values: IntArray, shape: tuple[int, ...], name: str) -> IntArray:
    delay = read_only(values, np.int64, name)
    if delay.ndim != 2 or any(d not in (1, n) for d, n in zip(delay.shape, shape)):
        raise InputError(f"{name} has shape {delay.shape}; it must broadcast to {shape}")
    check_range(delay, 0, loihi.DELAY_MAX, name)
    if not delay.any():
        delay = delay[:1, :1]
    return read_only(delay, np.int8, name)


def check_neuron(neuron: Neuron, shape: tuple[int, ...]) -> None:
    if not isinstance(neuron, (CubaLif, Delta, SigmaDelta, Sigma)):
        raise InputError(
            f"the neuron is a {type(neuron).__name__}; give one of neurodeploy.models.neurons"
        )
    neurons = math.prod(shape)
    sizes = {1, neurons, shape[0]} if len(shape) == 3 else {1, neurons}
    for name, values in arrays_of(neuron).items():
        if values.size not in sizes:
            raise InputError(f"{name} has {values.size} values for {neurons} neurons")


def sizes(values: Any, dimensions: tuple[int, ...], name: str) -> tuple[int, ...]:
    sizes = np.atleast_1d(read_only(values, np.int64, name))
    if sizes.ndim != 1 or sizes.size not in dimensions or sizes.min(initial=1) < 1:
        raise InputError(f"{name} is {values}; it has {dimensions[-1]} sizes from 1 at most")
    return tuple(sizes.tolist())


def pair(values: Any, lowest: int, name: str) -> tuple[int, ...]:
    pair = np.atleast_1d(read_only(values, np.int64, name))
    if pair.shape not in ((1,), (2,)) or pair.min() < lowest:
        raise InputError(f"{name} is {values}; it needs a height and a width from {lowest}")
    return tuple(np.broadcast_to(pair, (2,)).tolist())
