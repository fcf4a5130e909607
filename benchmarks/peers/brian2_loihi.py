"""brian2-loihi, compiled to a C++ program by Brian 2.

    python -m benchmarks.peers.brian2_loihi WORKLOAD.npz [--variant plain|stock]

stock: `LoihiSynapses` as they are, which work out every synapse's weight anew in each step; plain:
the same neurons, and Brian's own synapses with the weights worked out once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import brian2
import brian2_loihi
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import measuring
from benchmarks.peers.workload import LayerArrays, Workload
from neurodeploy.models import loihi

REPEATS = 5
SMALL_PARENT = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Starts the compiled program, whose largest memory Linux reports as that of its parent or more."""

LEAVES_OUT = ("clearing between samples", "states do not overflow")


def neurons(layer: LayerArrays) -> Any:
    """Return the layer's neurons."""
    if layer.current_decay.size > 1 or layer.voltage_decay.size > 1:
        raise SystemExit("LoihiNeuronGroup has one decay for all neurons")
    return brian2_loihi.LoihiNeuronGroup(
        len(layer.weight),
        threshold_v_mant=layer.threshold,
        decay_v=int(layer.voltage_decay[0]),
        decay_I=int(layer.current_decay[0]),
    )


def synapses(source: Any, target: Any, weight: NDArray[np.int32], variant: str) -> Any:
    """Return all synapses from the source to the target."""
    by_sender = weight.T.reshape(-1)
    if variant == "stock":
        mixed = brian2_loihi.synapse_sign_mode.MIXED
        made = brian2_loihi.LoihiSynapses(source, target, sign_mode=mixed)
        made.connect()
        made.w = by_sender
        return made
    made = brian2.Synapses(source, target, "w_act : 1", on_pre="I += w_act")
    made.connect()
    made.w_act = by_sender * (1 << loihi.ACTIVATION_SHIFT)
    return made


def build(workload: Workload, options: measuring.Options, folder: str) -> Any:
    """Compile the network and its input; return the monitor of the output."""
    brian2.set_device("cpp_standalone", directory=folder, build_on_run=False)
    brian2.prefs.devices.cpp_standalone.openmp_threads = (
        options.threads if options.threads > 1 else 0
    )
    steps, channels = np.nonzero(workload.stream.T)
    # Brian's generator reaches the first layer without the step that it takes on Loihi.
    source = brian2_loihi.LoihiSpikeGeneratorGroup(
        workload.spikes.shape[1], channels, steps + 1, sorted=True
    )
    groups = [source, *(neurons(layer) for layer in workload.layers)]
    links = [
        synapses(before, after, layer.weight, options.variant)
        for before, after, layer in zip(groups, groups[1:], workload.layers)
    ]
    monitor = brian2_loihi.LoihiSpikeMonitor(groups[-1])
    network = brian2_loihi.LoihiNetwork(*groups, *links, monitor)
    network.run(workload.stream.shape[1])
    brian2.device.build(directory=folder, compile=True, run=True, debug=False)
    return monitor


def run_again(folder: Path) -> tuple[float, float]:
    """Run the compiled program; return the seconds of its time loop and its memory, MB."""
    # the starting command asks OpenMP to wait without spinning, which is not Brian's default.
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    ran = subprocess.run(
        [sys.executable, "-S", "-c", SMALL_PARENT, str(folder / "main")],
        cwd=folder, env=environment, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    memory = int(ran.stdout.split()[-1]) * 1024 / 1e6
    seconds = float((folder / "results" / "last_run_info.txt").read_text().split()[0])
    return seconds, memory


def measure(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure the compiled program on the stream."""
    measuring.refuse_delays(workload)
    steps = workload.stream.shape[1]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        monitor = build(workload, options, folder)
        setup = time.perf_counter() - began
        output = np.zeros(workload.stream_expected.shape, np.uint8)
        output[np.asarray(monitor.i), np.rint(np.asarray(monitor.t_) * 1000).astype(int)] = 1
        runs = [run_again(Path(folder)) for _ in range(REPEATS)]
    counts = measuring.count_different(output, workload.stream_expected)
    found = measuring.stream_findings([1e6 * s / steps for s, _ in runs], setup, counts)
    return {**found, "peak_mb": max(memory for _, memory in runs), "leaves_out": LEAVES_OUT}


if __name__ == "__main__":
    measuring.main(("brian2-loihi", "brian2", "numpy"), measure)
