"""The fast backend: event-driven integer simulation, bit-exact with Lava.

Layers run one after the other, each over all samples and all time steps, samples in parallel. A
spike adds one row of weights; a step without spikes only updates the neurons. In a feed-forward
network that starts from cleared state, delays that belong to a sender or to a receiver cost
nothing: they shift spikes in time. Delays of single synapses go through a ring of future inputs.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from hw_sim.activity import Activity, Overflows, States
from hw_sim.cuba_layer import run_shifted, run_synaptic
from hw_sim.run_options import RunOptions, check_spikes
from models import loihi
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
    before = numba.get_num_threads()
    numba.set_num_threads(min(options.threads or before, before))
    try:
        runs, arriving = [], inputs
        for layer in network.layers:
            runs.append(_run_layer(layer, arriving, states=options.states))
            arriving = runs[-1][0]
    finally:
        numba.set_num_threads(before)
    spikes_of, states_of, overflows_of = zip(*runs)
    return Activity(inputs, spikes_of, states_of if options.states else (), overflows_of)


def _run_layer(
    layer: DenseLayer, arriving: NDArray[np.uint8], *, states: bool
) -> tuple[NDArray[np.uint8], States, Overflows]:
    batch, _, steps = arriving.shape
    shape = (batch, layer.neurons, steps)
    state_shape = shape if states else (0, 0, 0)
    spikes = np.zeros(shape, np.uint8)
    kept = States(np.zeros(state_shape, np.int32), np.zeros(state_shape, np.int32))
    neuron = layer.neuron
    kept_current = _per_neuron(loihi.DECAY_ONE - neuron.current_decay, layer.neurons)
    kept_voltage = _per_neuron(loihi.DECAY_ONE - neuron.voltage_decay, layer.neurons)
    threshold = np.int32(neuron.threshold << loihi.ACTIVATION_SHIFT)
    rows = np.ascontiguousarray(layer.weight.T)
    overflows = np.zeros((2, batch), np.int64)
    outputs = (spikes, kept.current, kept.voltage, overflows)
    if layer.delay_kind == "synaptic":
        delays = np.ascontiguousarray(layer.delay.T)
        run_synaptic(arriving, rows, delays, kept_current, kept_voltage, threshold, *outputs)
    else:
        axonal = layer.delay_kind == "axonal"
        sender = _per_neuron(layer.delay[0] if axonal else 0, layer.senders)
        receiver = _per_neuron(0 if axonal else layer.delay[:, 0], layer.neurons)
        run_shifted(
            arriving, rows, sender, receiver, kept_current, kept_voltage, threshold, *outputs
        )
    return spikes, kept, Overflows(*overflows)


def _per_neuron(values: object, count: int) -> NDArray[np.int32]:
    return np.ascontiguousarray(np.broadcast_to(np.asarray(values, np.int32), (count,)))
