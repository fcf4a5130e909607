"""The network as a Lava process graph, built from `lava.proc`.

One synapse process and one neuron process a layer: `Dense` or `DelayDense`, then `LIFReset`. The
same graph runs on Lava's CPU simulator and on Loihi; only the run configuration differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from models import lava_compat
from models.network import DenseLayer, QuantizedNetwork

lava_compat.prepare()

from lava.proc.dense.process import DelayDense, Dense  # noqa: E402
from lava.proc.lif.process import LIFReset  # noqa: E402


@dataclass(frozen=True)
class LavaLayer:
    """The two processes of one layer; spikes enter at synapse.s_in and leave at neuron.s_out."""

    synapse: Any
    neuron: Any


def build(network: QuantizedNetwork, *, sample_steps: int) -> tuple[LavaLayer, ...]:
    """Return the connected processes of every layer.

    All layers clear their state together at the first of every `sample_steps` steps, so that
    samples follow one another in one run, each from cleared state (with the models of
    `export.delay_dense`, which clear the spikes in flight as well).

    Args:
        network: what to build.
        sample_steps: time steps of one sample, at least 1.
    """
    layers = tuple(_build_layer(layer, sample_steps) for layer in network.layers)
    for before, after in pairwise(layers):
        before.neuron.s_out.connect(after.synapse.s_in)
    return layers


def _build_layer(layer: DenseLayer, sample_steps: int) -> LavaLayer:
    synapse = _synapse(layer, sample_steps)
    neuron = LIFReset(
        shape=(layer.neurons,),
        # Lava adds one to the current decay (`ds_offset`), none to the voltage decay.
        du=_one_or_each(layer.neuron.current_decay - 1),
        dv=_one_or_each(layer.neuron.voltage_decay),
        vth=layer.neuron.threshold,
        reset_interval=sample_steps,
        reset_offset=1,
    )
    synapse.a_out.connect(neuron.a_in)
    return LavaLayer(synapse, neuron)


def _synapse(layer: DenseLayer, sample_steps: int) -> Any:
    weights = layer.weight.astype(np.int32)
    if layer.delay_kind == "none":
        return Dense(weights=weights, num_weight_bits=8, sample_steps=sample_steps)
    delays = np.ascontiguousarray(np.broadcast_to(layer.delay.astype(int), weights.shape))
    return DelayDense(weights=weights, delays=delays, num_weight_bits=8, sample_steps=sample_steps)


def _one_or_each(values: np.ndarray[Any, Any]) -> Any:
    """Return a scalar for one shared value, else one value a neuron, which Lava broadcasts."""
    return int(values[0]) if values.size == 1 else values.astype(int)
