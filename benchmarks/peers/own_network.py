"""Between this project's networks and the arrays of a workload file."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.workload_file import LayerArrays, Workload, stream_of
from neurodeploy.export import netx
from neurodeploy.hw_sim.activity import count
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork

STREAM_STEPS = 16_384
"""The longest stream; at least one sample goes in."""

IMAGE_STREAM_STEPS = 48
"""Where the network takes images: Lava's step takes so long there."""


def workload_of(name: str, network: QuantizedNetwork, spikes: NDArray[Any]) -> Workload:
    """Return the workload, its expected output and its figures from `fast`.

    Args:
        name: for tables.
        network: what to run.
        spikes: uint8 (samples, channels, time), 0 or 1; int16 where input neurons take it.
    """
    activity = fast.run(network, spikes)
    samples, _, steps = spikes.shape
    dense = _dense(network)
    whole = max(1, min(samples, STREAM_STEPS // steps)) * steps
    stream = stream_of(spikes, whole if dense else IMAGE_STREAM_STEPS, repeat=not dense)
    neurons = sum(layer.neurons for layer in network.layers)
    return Workload(
        name,
        tuple(_arrays(layer) for layer in network.layers) if dense else (),
        neurons,
        spikes,
        activity.spikes[-1],
        fast.run(network, stream[None]).spikes[-1][0],
        sum(int(layer.synops.sum()) for layer in count(network, activity)) / samples / steps,
        sum(int(layer.sum()) for layer in activity.spikes) / samples / steps / neurons,
        b"" if dense else _as_netx(network),
    )


def _dense(network: QuantizedNetwork) -> bool:
    """Tell whether the arrays of dense layers hold all that the network does."""
    return all(
        isinstance(layer, DenseLayer)
        and isinstance(layer.neuron, CubaLif)
        and not layer.neuron.bias.any()
        for layer in network.layers
    )


def _as_netx(network: QuantizedNetwork) -> bytes:
    with TemporaryDirectory() as folder:
        netx.write(network, Path(folder) / "network.net")
        return (Path(folder) / "network.net").read_bytes()


def _from_netx(content: bytes) -> QuantizedNetwork:
    with TemporaryDirectory() as folder:
        (Path(folder) / "network.net").write_bytes(content)
        return netx.read(Path(folder) / "network.net")


def without_delays(network: QuantizedNetwork) -> QuantizedNetwork:
    """Return a network of dense layers with all delays zero, for simulators that have none."""
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
    if workload.netx:
        return _from_netx(workload.netx)
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
