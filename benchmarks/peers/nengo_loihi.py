"""nengo-loihi's emulator, its blocks given the integers that its own discretization would make.

python -m benchmarks.peers.nengo_loihi WORKLOAD.npz
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import numpy as np
from nengo_loihi.block import Axon, LoihiBlock, Synapse
from nengo_loihi.builder import Model
from nengo_loihi.emulator import EmulatorInterface
from nengo_loihi.inputs import SpikeInput
from nengo_loihi.probe import LoihiProbe
from numpy.typing import NDArray

from benchmarks.peers import measuring
from benchmarks.peers.workload import LayerArrays, Workload
from neurodeploy.models import loihi

PIECE = 64
LEAVES_OUT = ("clearing between samples", "sums wrap at 21 bits")


def block(layer: LayerArrays) -> LoihiBlock:
    """Return a block of the layer's neurons and synapses, already in integers."""
    neurons = len(layer.weight)
    made = LoihiBlock(neurons)
    whole = {
        "decay_u": layer.current_decay - 1,  # the emulator adds one, as Loihi does
        "decay_v": layer.voltage_decay,
        "vth": layer.threshold << loihi.ACTIVATION_SHIFT,
        "bias": 0,
    }
    for name, values in whole.items():
        setattr(made.compartment, name, _each(values, neurons))
    made.compartment.scale_u = made.compartment.scale_v = False
    made.compartment.vmin, made.compartment.vmax = -loihi.VOLTAGE_MAX, loihi.VOLTAGE_MAX
    synapse = Synapse(layer.weight.shape[1])
    synapse.set_weights(layer.weight.T.astype(np.float32))
    shifted = (layer.weight.T << loihi.ACTIVATION_SHIFT).astype(np.int32)
    synapse.weights = [row[None] for row in shifted]
    made.add_synapse(synapse)
    return made


def _each(values: Any, count: int) -> NDArray[np.int32]:
    return np.array(np.broadcast_to(np.asarray(values, np.int32), (count,)))


def connect(sender: Any, senders: int, receiver: LoihiBlock) -> None:
    """Send each spike of the sender to the axon of the same number."""
    axon = Axon(senders)
    axon.target = receiver.synapses[0]
    sender.add_axon(axon)


def build(workload: Workload) -> tuple[EmulatorInterface, LoihiProbe]:
    """Return the emulator with all input waiting, and the probe of the output."""
    source = SpikeInput(workload.spikes.shape[1])
    for step, spikes in enumerate(workload.stream.T, start=1):
        source.add_spikes(step, np.flatnonzero(spikes))
    blocks = [block(layer) for layer in workload.layers]
    connect(source, source.n_neurons, blocks[0])
    for before, after in pairwise(blocks):
        connect(before, before.n_neurons, after)
    probe = LoihiProbe(blocks[-1], key="spiked")
    model = Model()
    model.add_input(source)
    for each in blocks:
        model.add_block(each)
    model.add_probe(probe)
    return EmulatorInterface(model, seed=0), probe


def measure(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure the emulator on the stream, as far as it gets in the time given."""
    measuring.refuse_delays(workload)
    began = time.perf_counter()
    emulator, probe = build(workload)
    setup = time.perf_counter() - began
    times: list[float] = []
    ends = time.perf_counter() + 2 * options.seconds
    for start in range(0, workload.stream.shape[1], PIECE):
        steps = min(PIECE, workload.stream.shape[1] - start)
        began = time.perf_counter()
        emulator.run_steps(steps)
        times.append(1e6 * (time.perf_counter() - began) / steps)
        if time.perf_counter() > ends and len(times) > measuring.REPEATS_MIN:
            break
    output = np.asarray(emulator.collect_probe_output(probe)).T > 0
    counts = measuring.count_different(output, workload.stream_expected[:, : output.shape[1]])
    found = measuring.stream_findings(times[1:] or times, setup, counts)
    return {**found, "leaves_out": LEAVES_OUT}


if __name__ == "__main__":
    measuring.main(("nengo-loihi", "nengo", "numpy"), measure)
