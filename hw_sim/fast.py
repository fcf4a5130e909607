"""The fast backend: event-driven integer simulation, bit-exact with Lava.

Layers run one after the other, each over all samples and all time steps, samples in parallel. A
spike adds one row of weights; a step without spikes only updates the neurons. In a feed-forward
network that starts from cleared state, delays that belong to a sender or to a receiver cost
nothing: they shift spikes in time. Delays of single synapses go through a ring of future inputs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from hw_sim.activity import Activity, Overflows, States
from hw_sim.cuba_layer import run_layer
from hw_sim.run_options import RunOptions, check_spikes
from models import loihi
from models.memory import keep_freed_memory
from models.network import DenseLayer, QuantizedNetwork


def run(
    network: QuantizedNetwork,
    spikes: NDArray[np.uint8],
    options: RunOptions = RunOptions(),
) -> Activity:
    """Run every sample from cleared state for its whole length.

    Args:
        network: what to run.
        spikes: 0 or 1, uint8 array (batch, channels, time).
        options: `states` and `threads` count here.

    Raises:
        InputError: when the spikes do not fit the network.
    """
    inputs = check_spikes(network, spikes)
    keep_freed_memory()
    before = numba.get_num_threads()
    numba.set_num_threads(min(options.threads or before, before))
    try:
        runs, frames = [], _frames(inputs)
        for layer in network.layers:
            frames, states, overflows = _run_layer(layer, frames, states=options.states)
            runs.append((frames[:, :, : layer.neurons].transpose(0, 2, 1), states, overflows))
    finally:
        numba.set_num_threads(before)
    spikes_of, states_of, overflows_of = zip(*runs)
    return Activity(inputs, spikes_of, states_of if options.states else (), overflows_of)


def _padded(count: int) -> int:
    """Return the next multiple of eight, so that a row of bytes is whole 64-bit words."""
    return -(-count // 8) * 8


def _frames(spikes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return spikes (B, S, T) step by step, (B, T, S padded)."""
    batch, senders, steps = spikes.shape
    frames = np.zeros((batch, steps, _padded(senders)), np.uint8)
    frames[:, :, :senders] = spikes.transpose(0, 2, 1)
    return frames


def _run_layer(
    layer: DenseLayer, arriving: NDArray[np.uint8], *, states: bool
) -> tuple[NDArray[np.uint8], States, Overflows]:
    """Return spikes (B, T, N padded), states (B, N, T) and overflows of one layer."""
    batch, steps, _ = arriving.shape
    neurons = layer.neurons
    spikes = np.zeros((batch, steps, _padded(neurons)), np.uint8)
    current, voltage = (
        np.zeros((batch if states else 0, steps, neurons), np.int32) for _ in range(2)
    )
    overflows = np.zeros((2, batch), np.int64)
    run_layer(arriving.view(np.uint64), *_constants(layer), spikes, current, voltage, overflows)
    if layer.delay_kind == "dendritic":
        for values in (spikes, current, voltage):
            _delay_neurons(values, layer.delay[:, 0])
    return (
        spikes,
        States(current.transpose(0, 2, 1), voltage.transpose(0, 2, 1)),
        Overflows(*overflows),
    )


@lru_cache(maxsize=256)
def _constants(layer: DenseLayer) -> tuple[Any, ...]:
    """Return what `run_layer` needs of a layer; made once, since a layer does not change."""
    kind, neuron = layer.delay_kind, layer.neuron
    return (
        _each(layer.delay[0] if kind == "axonal" else 0, layer.senders),
        np.ascontiguousarray(layer.weight.T),
        np.ascontiguousarray(layer.delay.T) if kind == "synaptic" else np.zeros((0, 0), np.int8),
        _each(loihi.DECAY_ONE - neuron.current_decay, layer.neurons),
        _each(loihi.DECAY_ONE - neuron.voltage_decay, layer.neurons),
        np.int32(neuron.threshold << loihi.ACTIVATION_SHIFT),
    )


def _each(values: Any, count: int) -> NDArray[np.int32]:
    return np.ascontiguousarray(np.broadcast_to(np.asarray(values, np.int32), (count,)))


def _delay_neurons(values: NDArray[Any], delays: NDArray[Any]) -> None:
    """Shift each neuron's column of (B, T, N) to later steps, in place; from cleared state this is
    what a delay of all that the neuron receives comes to."""
    steps = values.shape[1]
    for delay in np.unique(delays[delays > 0]).tolist():
        late = np.flatnonzero(delays == delay)
        shifted = np.zeros_like(values[:, :, late])
        shifted[:, delay:] = values[:, : max(steps - delay, 0), late]
        values[:, :, late] = shifted
