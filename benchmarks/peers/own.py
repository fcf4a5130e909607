"""This project's simulator, its Lava backend, and Lava's stock simulator.

    python -m benchmarks.peers.own WORKLOAD.npz --variant fast|own-lava|lava

Lava runs one process for each process model, whatever the threads asked for; those set the threads
of numpy's matrix products in each.
"""

from __future__ import annotations

import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import measuring
from benchmarks.peers.workload import LayerArrays, Workload, stream_of
from neurodeploy.commands.cli import keep_freed_memory
from neurodeploy.export import netx
from neurodeploy.hw_sim.activity import count
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.simulators import fast, lava
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork

STREAM_STEPS = 16_384
"""The longest stream; it has one sample at least."""
IMAGE_STREAM_STEPS = 48
"""Of networks that take images, where a step of Lava takes so long."""
OWN_LAVA_STEPS = 2_048
STOCK_FIRST, STOCK_PIECES, STOCK_PIECE = 128, 3, 64
"""Steps of the first piece, which pays for the start; then so many pieces of so many steps."""


def workload_of(name: str, network: QuantizedNetwork, spikes: NDArray[Any]) -> Workload:
    """Return the workload, its expected output and its figures from `fast`.

    Args:
        name: for tables.
        network: what to run.
        spikes: uint8 (samples, channels, time), 0 or 1; int16 for input neurons.
    """
    activity = fast.run(network, spikes)
    samples, _, steps = spikes.shape
    dense = all(
        isinstance(layer, DenseLayer)
        and isinstance(layer.neuron, CubaLif)
        and not layer.neuron.bias.any()
        for layer in network.layers
    )
    whole = max(1, min(samples, STREAM_STEPS // steps)) * steps
    stream = stream_of(spikes, whole if dense else IMAGE_STREAM_STEPS, repeat=not dense)
    neurons = sum(layer.neurons for layer in network.layers)
    return Workload(
        name=name,
        layers=tuple(_arrays(layer) for layer in network.layers) if dense else (),
        neurons=neurons,
        spikes=spikes,
        expected=activity.spikes[-1],
        stream_expected=fast.run(network, stream[None]).spikes[-1][0],
        synops=sum(int(each.synops.sum()) for each in count(network, activity)) / samples / steps,
        firing=sum(int(each.sum()) for each in activity.spikes) / samples / steps / neurons,
        netx=np.zeros(0, np.uint8) if dense else _as_netx(network),
    )


def _arrays(layer: DenseLayer) -> LayerArrays:
    neuron = layer.neuron
    arrays = (layer.weight, layer.delay, neuron.current_decay, neuron.voltage_decay)
    return LayerArrays(*(np.asarray(each, np.int32) for each in arrays), neuron.threshold)


def _as_netx(network: QuantizedNetwork) -> NDArray[np.uint8]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.net"
        netx.write(network, path)
        return np.frombuffer(path.read_bytes(), np.uint8)


def network_of(workload: Workload) -> QuantizedNetwork:
    """Return the network of a workload."""
    if workload.netx.size:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.net"
            path.write_bytes(workload.netx.tobytes())
            return netx.read(path)
    return QuantizedNetwork.chain(
        tuple(
            DenseLayer(
                each.weight,
                CubaLif(each.current_decay, each.voltage_decay, each.threshold),
                each.delay,
            )
            for each in workload.layers
        )
    )


def without_delays(network: QuantizedNetwork) -> QuantizedNetwork:
    """Return a network of dense layers with all delays zero, for simulators that have none."""
    layers = (DenseLayer(layer.weight, layer.neuron) for layer in network.layers)
    return QuantizedNetwork.chain(tuple(layers), network.task)


class Fast:
    """`hw_sim.simulators.fast` as a `measuring.SampleSimulator`."""

    def __init__(self, workload: Workload, threads: int) -> None:
        keep_freed_memory()  # as the commands do
        self.network = network_of(workload)
        self.options = RunOptions(threads=threads)

    def prepare(self, spikes: NDArray[Any]) -> NDArray[Any]:
        """Return spikes as they are, and images as the integers that the simulator takes."""
        return spikes if spikes.dtype == np.uint8 else spikes.astype(np.int32)

    def run(self, prepared: NDArray[Any]) -> Any:
        """Return the activity of all layers."""
        return fast.run(self.network, prepared, self.options)

    def outputs(self, result: Any) -> NDArray[np.uint8]:
        """Return the last layer's spikes (samples, neurons, time)."""
        return result.spikes[-1]


def run_fast(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure `fast`."""
    return measuring.run_samples(
        lambda: Fast(workload, options.threads), workload, options, most=None
    )


def run_own_lava(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure the Lava backend, all samples in one run, and compare all that it ran.

    It reports every 50 steps how far it is; the time between reports leaves out start and stop.
    """
    steps = workload.spikes.shape[2]
    spikes = workload.spikes[: max(1, OWN_LAVA_STEPS // steps)]
    total = len(spikes) * steps
    reports: list[tuple[float, int]] = []

    def report(done: int, _: int) -> None:
        if done and (not reports or reports[-1][1] < done):
            reports.append((time.perf_counter(), done))

    began = time.perf_counter()
    activity = lava.run(network_of(workload), spikes, RunOptions(progress=report))
    seconds = time.perf_counter() - began
    running = reports[:-1] if reports[-1][1] == total else reports
    pieces = [
        1e6 * (after - before) / (more - done)
        for (before, done), (after, more) in pairwise(running)
    ]
    if not pieces:
        raise SystemExit(f"{total} steps are too few to time the backend")
    counts = measuring.count_different(activity.spikes[-1], workload.expected[: len(spikes)])
    found = measuring.stream_findings(pieces, 0.0, counts)
    # Reports are polled for, so that single pieces err both ways; their sum does not.
    (first, start), (last, end) = running[0], running[-1]
    found["single"]["median"] = 1e6 * (last - first) / (end - start)
    return {**found, "setup_s": seconds - 1e-6 * found["single"]["median"] * total}


def run_stock_lava(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure netx and `Loihi2SimCfg(select_tag="fixed_pt")` on 320 steps of the stream, or fewer
    where it ends, and compare them all."""
    from benchmarks import stock_lava

    lengths = [STOCK_FIRST, *STOCK_PIECES * [STOCK_PIECE]]
    while sum(lengths) > workload.stream.shape[1]:
        lengths = [max(1, length // 2) for length in lengths]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.net"
        netx.write(network_of(workload), path)
        seconds, output = stock_lava.run(str(path), workload.stream[:, : sum(lengths)], lengths)
    pieces = [1e6 * s / length for s, length in zip(seconds[1:], lengths[1:])]
    counts = measuring.count_different(output, workload.stream_expected, steps=sum(lengths))
    found = measuring.stream_findings(pieces, 0.0, counts)
    setup = seconds[0] - 1e-6 * lengths[0] * found["single"]["median"]
    return {**found, "setup_s": setup, "leaves_out": ("clearing between samples",)}


VARIANTS = {"fast": run_fast, "own-lava": run_own_lava, "lava": run_stock_lava}

if __name__ == "__main__":
    measuring.main(
        {"fast": ("numba", "numpy"), "own-lava": ("lava-nc",), "lava": ("lava-nc", "lava-dl")},
        lambda workload, options: VARIANTS[options.variant](workload, options),
    )
