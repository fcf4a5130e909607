"""The child process of the Lava backend: run one job on Lava's CPU simulator.

    python -m hw_sim.lava_worker JOB

JOB is a folder with `network.net` and `spikes.npy`, uint8 (batch, channels, time). The worker
writes `layer_0_spikes.npy`, ... uint8 (neurons, batch * time), with states also `_current` and
`_voltage` int32, the step it has reached to `step.npy`, and what went wrong to `error.txt`. It
never imports torch, which would double its memory and its start.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from export import lava_graph, netx
from export.delay_dense import REPLACEMENTS
from hw_sim.lava_child import Watch, work
from models import lava_compat

lava_compat.prepare()

from lava.magma.core.decorator import implements, requires, tag  # noqa: E402
from lava.magma.core.resources import CPU  # noqa: E402
from lava.magma.core.run_conditions import RunSteps  # noqa: E402
from lava.magma.core.run_configs import Loihi2SimCfg  # noqa: E402
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol  # noqa: E402
from lava.proc.io.source import RingBuffer  # noqa: E402
from lava.proc.lif.models import PyLifResetModelBitAcc  # noqa: E402
from lava.proc.lif.process import LIFReset  # noqa: E402


@implements(proc=LIFReset, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class RecordingLif(PyLifResetModelBitAcc):  # type: ignore[misc]
    """Lava's bit-accurate neuron, which also keeps what it did and saves it after the last step.

    Reading a sink's buffer through `Var.get` would cost 16 microseconds an element.
    """

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.record = proc_params["record"]
        self.kept: dict[str, Any] = {}

    def spiking_activation(self) -> Any:
        self.fired = super().spiking_activation()
        return self.fired

    def run_spk(self) -> None:
        super().run_spk()
        step, steps = self.time_step, self.record["steps"]
        values = {"spikes": self.fired.astype(np.uint8)}
        if self.record["states"]:
            values |= {"current": self.u, "voltage": self.v}
        for name, value in values.items():
            if name not in self.kept:
                self.kept[name] = np.zeros((value.size, steps), value.dtype)
            self.kept[name][:, step - 1] = value
        if step == steps:
            for name, value in self.kept.items():
                np.save(f"{self.record['prefix']}_{name}.npy", value)
        if self.record["progress"] and step % 50 == 0:
            np.load(self.record["progress"], mmap_mode="r+")[0] = step


def run(job: Path, watch: Watch) -> None:
    """Run the job in the folder `job`."""
    network = netx.read(job / "network.net")
    spikes = np.load(job / "spikes.npy")
    batch, channels, steps = spikes.shape
    stream = spikes.transpose(1, 0, 2).reshape(channels, batch * steps)
    layers = lava_graph.build(network, sample_steps=steps)
    np.save(job / "step.npy", np.zeros(1, np.int64))
    for index, layer in enumerate(layers):
        layer.neuron.proc_params["record"] = {
            "steps": batch * steps,
            "states": (job / "states").exists(),
            "prefix": str(job / f"layer_{index}"),
            "progress": str(job / "step.npy") if index == 0 else "",
        }
    source = RingBuffer(data=stream.astype(np.int32))
    source.s_out.connect(layers[0].synapse.s_in)
    config = Loihi2SimCfg(
        select_tag="fixed_pt", exception_proc_model_map={**REPLACEMENTS, LIFReset: RecordingLif}
    )
    source.create_runtime(config)
    watch.runtime = source.runtime
    source.run(condition=RunSteps(num_steps=batch * steps), run_cfg=config)
    watch.runtime = None
    source.stop()


if __name__ == "__main__":
    work(run, sys.argv[1])
