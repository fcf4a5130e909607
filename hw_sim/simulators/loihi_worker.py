"""The child process of the Loihi backend: run one job on a Loihi 2 through Intel's packages.

    python -m neurodeploy.hw_sim.simulators.loihi_worker JOB

JOB is a folder with `network.net` and `spikes.npy`, uint8 (batch, channels, time). The worker
writes `layer_0_spikes.npy`, ... uint8 (batch, neurons, time), the profiler's results per sample to
`measured.json`, the number of completed steps to `step.npy`, and errors to `error.txt`.

Every sample has its own run on a new graph, since clearing the neurons' states does not clear
spikes in flight on the chip. The graph is that of `export.lava_graph`; the host sends the input and
receives the spikes of every layer through adapters at every step.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.export import lava_graph, netx
from neurodeploy.export.lava_graph import LavaLayer
from neurodeploy.hw_sim.simulators.process import Watchdog, run_worker
from neurodeploy.models import lava_compat
from neurodeploy.models.errors import BackendError
from neurodeploy.models.lava_compat import from_lava, to_lava
from neurodeploy.models.network import QuantizedNetwork

lava_compat.prepare()

from lava.magma.core.resources import CPU, NeuroCore  # noqa: E402
from lava.magma.core.run_conditions import RunSteps  # noqa: E402
from lava.magma.core.run_configs import Loihi2HwCfg  # noqa: E402
from lava.proc.embedded_io.spike import NxToPyAdapter, PyToNxAdapter  # noqa: E402
from lava.proc.io import sink, source  # noqa: E402
from lava.utils.profiler import Profiler  # noqa: E402

HOST_MODELS = {
    source.RingBuffer: source.PySendModelFixed,
    sink.RingBuffer: sink.PyReceiveModelFixed,
}
"""The processes that run on the host; all others must have a model for the chip."""


def run(job: Path, watchdog: Watchdog) -> None:
    """Run the job in the folder `job`."""
    network = netx.read(job / "network.net")
    spikes = np.load(job / "spikes.npy")
    batch, _, steps = spikes.shape
    found = [np.zeros((batch, layer.neurons, steps), np.uint8) for layer in network.layers]
    measured = []
    for index, sample in enumerate(spikes):
        np.save(job / "step.npy", np.array([index * steps]))
        emitted, figures = run_sample(network, sample, watchdog)
        measured.append(figures)
        for layer, spikes_of_layer, values in zip(network.layers, found, emitted):
            spikes_of_layer[index] = from_lava(np.asarray(values), layer.shape)
    for index, spikes_of_layer in enumerate(found):
        np.save(job / f"layer_{index}_spikes.npy", spikes_of_layer)
    (job / "measured.json").write_text(json.dumps(measured))


def run_sample(
    network: QuantizedNetwork, sample: NDArray[np.uint8], watchdog: Watchdog
) -> tuple[list[Any], dict[str, list[float]]]:
    """Return the spikes of every layer, (neurons, time), and the profiler's power and energy.

    sample uint8 (channels, time). Power is in W and energy in uJ, each as total, dynamic, static,
    vdd, vdd_m, vdd_io.
    """
    steps = sample.shape[1]
    layers = lava_graph.build(network, sample_steps=steps)
    sender, receivers = connect_host(layers, to_lava(sample, network.layers[0].input_shape))
    config = Loihi2HwCfg(exception_proc_model_map=HOST_MODELS)
    profiler = Profiler.init(config)
    profiler.energy_probe(num_steps=steps)
    sender.create_runtime(config)
    watchdog.runtime = sender.runtime
    refuse_host_models(layers)
    sender.run(condition=RunSteps(num_steps=steps), run_cfg=config)
    emitted = [receiver.data.get() for receiver in receivers]
    watchdog.runtime = None
    sender.stop()
    figures = {"power_w": profiler.power_breakdown(), "energy_uj": profiler.energy_breakdown()}
    return emitted, {name: [float(value) for value in six] for name, six in figures.items()}


def connect_host(layers: Sequence[LavaLayer], sample: NDArray[Any]) -> tuple[Any, list[Any]]:
    """Connect the graph to the host; return the source process and a sink process per layer."""
    *channels, steps = sample.shape
    sender = source.RingBuffer(data=sample.astype(np.int32))
    to_chip = PyToNxAdapter(shape=tuple(channels))
    sender.s_out.connect(to_chip.inp)
    for port in layers[0].inputs:
        to_chip.out.connect(port)
    receivers = []
    for layer in layers:
        from_chip = NxToPyAdapter(shape=layer.neuron.s_out.shape)
        receiver = sink.RingBuffer(shape=layer.neuron.s_out.shape, buffer=steps)
        layer.neuron.s_out.connect(from_chip.inp)
        from_chip.out.connect(receiver.a_in)
        receivers.append(receiver)
    return sender, receivers


def refuse_host_models(layers: Sequence[LavaLayer]) -> None:
    """Raise BackendError if `Loihi2HwCfg` silently chose a CPU model for a process."""
    for layer in layers:
        for process in (*layer.synapses, *layer.recurrents, layer.neuron):
            resources = list(flatten(process.model_class.required_resources))
            if CPU in resources and not any(issubclass(each, NeuroCore) for each in resources):
                raise BackendError(
                    f"Intel's packages have no neurocore model of {type(process).__name__}, so it "
                    "would run on the host; update them or run with --backend fast or lava"
                )


def flatten(resources: Sequence[Any]) -> Iterator[type]:
    """Yield the resources that a model requires; a list of them means alternatives."""
    for each in resources:
        yield from each if isinstance(each, list) else [each]


if __name__ == "__main__":
    run_worker(run, sys.argv[1])
