"""Between this project's networks and the arrays of a workload file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.workload_file import LayerArrays, Workload, stream_of
from hw_sim import fast
from hw_sim.activity import count
from models.network import CubaLif, DenseLayer, QuantizedNetwork

STREAM_STEPS = 16_384
"""The longest stream; at least one sample goes in."""


def workload_of(name: str, network: QuantizedNetwork, spikes: NDArray[np.uint8]) -> Workload:
    """Return the workload, its expected output and its figures from `fast`.

    Args:
        name: for tables.
        network: what to run.
        spikes: uint8 (samples, channels, time), 0 or 1.
    """
    activity = fast.run(network, spikes)
    samples, _, steps = spikes.shape
    synops = sum(int(layer.synops.sum()) for layer in count(network, activity))
    emitted = sum(int(layer.sum()) for layer in activity.spikes)
    neurons = sum(layer.neurons for layer in network.layers)
    whole = max(1, min(samples, STREAM_STEPS // steps))
    stream = fast.run(network, stream_of(spikes[:whole])[None]).spikes[-1][0]
    return Workload(
        name,
        tuple(_arrays(layer) for layer in network.layers),
        spikes,
        activity.spikes[-1],
        stream,
        synops / samples / steps,
        emitted / samples / steps / neurons,
    )


def without_delays(network: QuantizedNetwork) -> QuantizedNetwork:
    """Return the network with all delays zero, for simulators that have none."""
    return QuantizedNetwork(
        tuple(DenseLayer(layer.weight, layer.neuron) for layer in network.layers), network.task
    )


def _arrays(layer: DenseLayer) -> LayerArrays:
    weight, delay, current, voltage = (
        np.asarray(values, np.int32)
        for values in (
            layer.weight, layer.delay, layer.neuron.current_decay, layer.neuron.voltage_decay
        )
    )  # fmt: skip
    return LayerArrays(weight, delay, current, voltage, layer.neuron.threshold)


def network_of(workload: Workload) -> QuantizedNetwork:
    """Return the network of a workload."""
    return QuantizedNetwork(
        tuple(
            DenseLayer(
                each.weight,
                CubaLif(each.current_decay, each.voltage_decay, each.threshold),
                each.delay,
            )
            for each in workload.layers
        )
    )
