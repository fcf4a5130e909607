"""The child process of the Lava backend: run one job on Lava's CPU simulator.

    python -m neurodeploy.hw_sim.lava_worker JOB

JOB is a folder with `network.net` and `spikes.npy`, (batch, channels, time). The worker writes
`layer_0_spikes.npy`, ... (neurons in Lava's order, batch * time), with states also `_current`,
`_voltage` and `_weighted` int32, the step it has reached to `step.npy`, and what went wrong to
`error.txt`. It never imports torch, which would double its memory and its start.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.export import lava_graph, netx
from neurodeploy.export.lava_graph import LavaLayer
from neurodeploy.export.lava_models import (
    REPLACEMENTS,
    DrivenLif,
    ResettableDelta,
    ResettableSigma,
    ResettableSigmaDelta,
    fixed_point_model,
)
from neurodeploy.export.lava_order import to_lava
from neurodeploy.hw_sim.activity import driven
from neurodeploy.hw_sim.simulators.process import Watch, work
from neurodeploy.models import lava_compat
from neurodeploy.models.network import CubaLif, InputLayer, QuantizedNetwork

lava_compat.prepare()

from lava.magma.core.run_conditions import RunSteps  # noqa: E402
from lava.magma.core.run_configs import Loihi2SimCfg  # noqa: E402
from lava.proc.io.source import RingBuffer  # noqa: E402
from lava.proc.lif.process import LIFReset  # noqa: E402
from lava.proc.sdn.process import Delta, Sigma, SigmaDelta  # noqa: E402

PROGRESS_STEPS = 50


class _Recording:
    """Keep what the neurons of a model did, and save it after the last step.

    Reading a sink's buffer through `Var.get` would cost 16 microseconds an element.
    """

    sent: Any
    weighted: Any
    proc_params: Any
    time_step: int

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)  # type: ignore[call-arg]
        self.record = proc_params["record"]
        self.kept: dict[str, Any] = {}

    def states(self) -> tuple[Any, Any]:
        """Return what stands for u and v after this step."""
        raise NotImplementedError

    def run_spk(self) -> None:
        super().run_spk()  # type: ignore[misc]
        step, steps = self.time_step, self.record["steps"]
        values = {"spikes": self.sent}
        if self.record["states"]:
            current, voltage = self.states()
            values |= {"current": current, "voltage": voltage, "weighted": self.weighted}
        for name, value in values.items():
            if name not in self.kept:
                self.kept[name] = np.zeros((*value.shape, steps), value.dtype)
            self.kept[name][..., step - 1] = value
        if step == steps:
            for name, value in self.kept.items():
                np.save(f"{self.record['prefix']}_{name}.npy", value)
        if self.record["progress"] and step % PROGRESS_STEPS == 0:
            np.load(self.record["progress"], mmap_mode="r+")[0] = step


@fixed_point_model(LIFReset)
class RecordingLif(_Recording, DrivenLif):
    """CUBA LIF: u, v, and spikes of 0 or 1."""

    def subthr_dynamics(self, activation_in: Any) -> None:
        self.weighted = np.array(activation_in, np.int32)
        super().subthr_dynamics(activation_in)

    def spiking_activation(self) -> Any:
        fired = super().spiking_activation()
        self.sent = fired.astype(np.uint8)
        return fired

    def states(self) -> tuple[Any, Any]:
        return self.u, self.v


class _RecordingDelta(_Recording):
    """What the sigma-delta neurons share: the change that they send, and the residue it leaves."""

    state_exp: Any

    def delta_dynamics(self, act_data: Any) -> Any:
        scaled = super().delta_dynamics(act_data)  # type: ignore[misc]
        self.sent = np.right_shift(scaled, self.state_exp).astype(np.int32)
        return scaled


@fixed_point_model(Delta)
class RecordingDelta(_RecordingDelta, ResettableDelta):
    """Delta: its scaled input and its residue stand for u and v."""

    def delta_dynamics(self, act_data: Any) -> Any:
        self.weighted = np.right_shift(act_data, self.spike_exp + self.state_exp)
        return super().delta_dynamics(act_data)

    def states(self) -> tuple[Any, Any]:
        return self.act, self.residue


@fixed_point_model(SigmaDelta)
class RecordingSigmaDelta(_RecordingDelta, ResettableSigmaDelta):
    """Sigma-delta: sigma and its residue stand for u and v."""

    def sigma_dynamics(self, a_in_data: Any) -> Any:
        self.weighted = np.array(a_in_data, np.int32)
        return super().sigma_dynamics(a_in_data)

    def states(self) -> tuple[Any, Any]:
        return self.sigma, self.residue


@fixed_point_model(Sigma)
class RecordingSigma(_Recording, ResettableSigma):
    """Sigma: it sends its sum, which stands for u; nothing stands for v."""

    def sigma_dynamics(self, a_in_data: Any) -> Any:
        self.weighted = np.array(a_in_data, np.int32)
        self.sent = super().sigma_dynamics(a_in_data).astype(np.int32)
        return self.sent

    def states(self) -> tuple[Any, Any]:
        return self.sigma, np.zeros_like(self.sigma)


MODELS = {
    **REPLACEMENTS,
    LIFReset: RecordingLif,
    Delta: RecordingDelta,
    SigmaDelta: RecordingSigmaDelta,
    Sigma: RecordingSigma,
}


def run(job: Path, watch: Watch) -> None:
    """Run the job in the folder `job`."""
    network = netx.read(job / "network.net")
    values = np.load(job / "spikes.npy")
    batch, channels, steps = values.shape
    layers = lava_graph.build(network, sample_steps=steps)
    np.save(job / "step.npy", np.zeros(1, np.int64))
    voltage = network.readout == "voltage"
    for index, layer in enumerate(layers):
        layer.neuron.proc_params["record"] = {
            "steps": batch * steps,
            "states": (job / "states").exists() or (voltage and layer is layers[-1]),
            "prefix": str(job / f"layer_{index}"),
            "progress": str(job / "step.npy") if index == 0 else "",
        }
    stream = values.transpose(1, 0, 2).reshape(channels, batch * steps)
    process = connect_input(network, layers, stream, job)
    config = Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=MODELS)
    process.create_runtime(config)
    watch.runtime = process.runtime
    process.run(condition=RunSteps(num_steps=batch * steps), run_cfg=config)
    watch.runtime = None
    process.stop()


def connect_input(
    network: QuantizedNetwork, layers: Sequence[LavaLayer], stream: Any, job: Path
) -> Any:
    """Connect the input, (channels, time), to the first layer; return a process of the graph."""
    first = network.layers[0]
    if isinstance(first, InputLayer):
        stream = driven(first, stream)
    stream = to_lava(stream.astype(np.int32), first.input_shape)
    if isinstance(first, InputLayer) and isinstance(first.neuron, CubaLif):
        np.save(job / "drive.npy", stream)
        layers[0].neuron.proc_params["drive"] = str(job / "drive.npy")
        return layers[0].neuron
    source = RingBuffer(data=stream)
    source.s_out.connect(layers[0].inp)
    return source


if __name__ == "__main__":
    work(run, sys.argv[1])
