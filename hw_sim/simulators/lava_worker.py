"""The child process of the Lava backend: run one job on Lava's CPU simulator.

    python -m neurodeploy.hw_sim.simulators.lava_worker JOB

JOB is a folder with `network.net` and `spikes.npy`, (batch, channels, time). The worker writes
`layer_0_spikes.npy`, ... (neurons in Lava's axis order, batch * time), for states also `_current`,
`_voltage` and `_weighted` int32, the number of completed steps to `step.npy`, and errors to
`error.txt`. It never imports torch, which would double its memory and its start-up time.

If JOB contains the file `stream`, the network runs on: the worker writes the results of chunk n,
then the file `done_n`, waits for the file `go_n+1`, and runs the next chunk in a new `spikes.npy`
without a reset.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from neurodeploy.export import lava_graph, netx
from neurodeploy.export.lava_graph import LavaLayer
from neurodeploy.hw_sim.activity import scale_input
from neurodeploy.hw_sim.simulators.process import STREAM_POLL_S, Watchdog, run_worker
from neurodeploy.models import lava_compat
from neurodeploy.models.lava_compat import to_lava
from neurodeploy.models.network import CubaLif, InputLayer, QuantizedNetwork

lava_compat.prepare()

from lava.magma.core.decorator import implements, requires, tag  # noqa: E402
from lava.magma.core.model.py.type import LavaPyType  # noqa: E402
from lava.magma.core.resources import CPU  # noqa: E402
from lava.magma.core.run_conditions import RunSteps  # noqa: E402
from lava.magma.core.run_configs import Loihi2SimCfg  # noqa: E402
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol  # noqa: E402
from lava.proc.conv.models import PyConvModelFixed  # noqa: E402
from lava.proc.conv.process import Conv  # noqa: E402
from lava.proc.dense.models import PyDelayDenseModelBitAcc, PyDenseModelBitAcc  # noqa: E402
from lava.proc.dense.process import DelayDense, Dense  # noqa: E402
from lava.proc.io.source import PySendModelFixed, RingBuffer  # noqa: E402
from lava.proc.lif.models import PyLifResetModelBitAcc  # noqa: E402
from lava.proc.lif.process import LIFReset  # noqa: E402
from lava.proc.sdn.models import (  # noqa: E402
    PyDeltaModelFixed,
    PySigmaDeltaModelFixed,
    PySigmaModelFixed,
)
from lava.proc.sdn.process import Delta, Sigma, SigmaDelta  # noqa: E402

PROGRESS_STEPS = 50


Model = TypeVar("Model", bound=type)


def fixed_point_model(process: type) -> Callable[[Model], Model]:
    """Return a decorator that registers a class as Lava's fixed-point CPU model of `process`."""

    def declare(model: Model) -> Model:
        tagged = tag("fixed_pt")(requires(CPU)(model))
        declared: Model = implements(proc=process, protocol=LoihiProtocol)(tagged)
        return declared

    return declare


def starts_sample(model: Any) -> bool:
    """Return whether a sample starts at this step; Lava counts steps from 1.

    `lava_graph.build` sets `sample_steps` on the process.
    """
    return bool((model.time_step - 1) % model.proc_params["sample_steps"] == 0)


class _Resetting:
    """Clear the variables in `cleared` at the start of each sample, unlike Lava's models."""

    cleared: tuple[str, ...] = ()
    time_step: int
    proc_params: Any

    def run_spk(self) -> None:
        if self.cleared and starts_sample(self):
            for name in self.cleared:
                setattr(self, name, np.zeros_like(getattr(self, name)))
        super().run_spk()  # type: ignore[misc]


class _InChunks:
    """Follow the chunks of steps of a run; `proc_params["job"]` is the folder of the job.

    Attributes:
        first: first step of the chunk, counted from 1.
        last: last step of the chunk.
    """

    first, last = 1, 0
    time_step: int
    proc_params: Any

    def starts_chunk(self) -> bool:
        """Return whether a chunk starts at this step."""
        if self.time_step <= self.last:
            return False
        self.first, self.last = np.load(f"{self.proc_params['job']}/chunk.npy").tolist()
        return True


@fixed_point_model(RingBuffer)
class InputSource(_InChunks, PySendModelFixed):  # type: ignore[misc]
    """Send the input of each chunk from a file; setting a `Var` would take as long as the run."""

    def run_spk(self) -> None:
        if self.starts_chunk():
            self.data = np.load(f"{self.proc_params['job']}/input.npy")
        self.s_out.send(self.data[..., self.time_step - self.first])


class _Recording(_InChunks, _Resetting):
    """Record spikes and states of a neuron model, and save them after the last step of a chunk.

    Reading a sink's buffer through `Var.get` would cost 16 microseconds per element.
    """

    sent: Any
    weighted: Any

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)  # type: ignore[call-arg]
        self.record = proc_params["record"]
        self.recorded: dict[str, Any] = {}

    def states(self) -> tuple[Any, Any]:
        """Return u and v, or their counterparts, after this step."""
        raise NotImplementedError

    def start_chunk(self) -> None:
        """Prepare for the next chunk of steps."""
        self.recorded = {}

    def start_step(self) -> None:
        """Prepare for the next step."""

    def run_spk(self) -> None:
        if self.starts_chunk():
            self.start_chunk()
        self.start_step()
        super().run_spk()
        step, steps = self.time_step - self.first, self.last + 1 - self.first
        values = {"spikes": self.sent}
        if self.record["states"]:
            current, voltage = self.states()
            values |= {"current": current, "voltage": voltage, "weighted": self.weighted}
        for name, value in values.items():
            if name not in self.recorded:
                self.recorded[name] = np.zeros((*value.shape, steps), value.dtype)
            self.recorded[name][..., step] = value
        if self.time_step == self.last:
            for name, value in self.recorded.items():
                np.save(f"{self.record['prefix']}_{name}.npy", value)
        if self.record["progress"] and self.time_step % PROGRESS_STEPS == 0:
            np.load(self.record["progress"], mmap_mode="r+")[0] = self.time_step


@fixed_point_model(LIFReset)
class RecordingLif(_Recording, PyLifResetModelBitAcc):  # type: ignore[misc]
    """CUBA LIF: u, v and binary spikes; `LIFReset` clears its state.

    With `proc_params["driven"]`, the input of the job is the bias mantissas of every step.
    """

    drive: Any = None

    def start_chunk(self) -> None:
        super().start_chunk()
        if self.proc_params["driven"]:
            self.drive = np.load(f"{self.proc_params['job']}/input.npy", mmap_mode="r")

    def start_step(self) -> None:
        if self.drive is not None:
            self.bias_mant = np.asarray(self.drive[..., self.time_step - self.first])

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
    """Record the graded spikes of delta and sigma-delta neurons."""

    state_exp: Any

    def delta_dynamics(self, act_data: Any) -> Any:
        scaled = super().delta_dynamics(act_data)  # type: ignore[misc]
        self.sent = np.right_shift(scaled, self.state_exp).astype(np.int32)
        return scaled


@fixed_point_model(Delta)
class RecordingDelta(_RecordingDelta, PyDeltaModelFixed):  # type: ignore[misc]
    """Delta: its scaled input and its residue are recorded as u and v."""

    cleared = ("act", "residue", "error")

    def delta_dynamics(self, act_data: Any) -> Any:
        self.weighted = np.right_shift(act_data, self.spike_exp + self.state_exp)
        return super().delta_dynamics(act_data)

    def states(self) -> tuple[Any, Any]:
        return self.act, self.residue


class _RecordingSigma(_Recording):
    """Record the input of sigma and sigma-delta neurons."""

    def sigma_dynamics(self, a_in_data: Any) -> Any:
        self.weighted = np.array(a_in_data, np.int32)
        return super().sigma_dynamics(a_in_data)  # type: ignore[misc]


@fixed_point_model(SigmaDelta)
class RecordingSigmaDelta(_RecordingSigma, _RecordingDelta, PySigmaDeltaModelFixed):  # type: ignore[misc]
    """Sigma-delta: sigma and the residue are recorded as u and v."""

    cleared = ("sigma", "act", "residue", "error")

    def states(self) -> tuple[Any, Any]:
        return self.sigma, self.residue


@fixed_point_model(Sigma)
class RecordingSigma(_RecordingSigma, PySigmaModelFixed):  # type: ignore[misc]
    """Sigma: it sends its sum, which is recorded as u, with 0 as v."""

    cleared = ("sigma",)

    def sigma_dynamics(self, a_in_data: Any) -> Any:
        self.sent = super().sigma_dynamics(a_in_data).astype(np.int32)
        return self.sent

    def states(self) -> tuple[Any, Any]:
        return self.sigma, np.zeros_like(self.sigma)


@fixed_point_model(Dense)
class ResettableDense(PyDenseModelBitAcc):  # type: ignore[misc]
    """Send the weighted sum of the previous step's spikes, shifted left by `weight_exp`.

    Weights are used unchanged, integers from -256 to 255; Lava's own model drops the lowest bit of
    odd weights of mixed signs, which `hw_sim.design_rules` reports for a chip.
    """

    def run_spk(self) -> None:
        if starts_sample(self):
            self.a_buff = np.zeros_like(self.a_buff)  # type: ignore[has-type]
        self.a_out.send(self.a_buff)
        arrived = self.s_in.recv()
        if self.num_message_bits.item() > 0:
            sums = self.weights.dot(arrived.astype(np.int32))
        else:
            sums = self.weights[:, np.flatnonzero(arrived)].sum(axis=1)
        self.a_buff = sums << self.weight_exp


@fixed_point_model(DelayDense)
class ResettableDelayDense(PyDelayDenseModelBitAcc):  # type: ignore[misc]
    """Add the weights of arriving spikes to a buffer of future inputs.

    a_buff int32 (neurons, max_delay + 1): column d is the input of the neurons in d steps. Weights
    are used unchanged, integers from -256 to 255, shifted left by `weight_exp`.
    """

    def run_spk(self) -> None:
        exponent = self.proc_params["weight_exp"]
        if starts_sample(self):
            self.a_buff[:] = 0
        self.a_out.send(self.a_buff[:, 0].copy())
        arrived = self.s_in.recv()
        graded = self.num_message_bits.item() > 0
        self.a_buff[:, :-1] = self.a_buff[:, 1:]
        self.a_buff[:, -1] = 0
        neurons = np.arange(len(self.weights))
        for index in np.flatnonzero(arrived):
            payload = int(arrived[index]) if graded else 1
            added = self.weights[:, index] * payload << exponent
            self.a_buff[neurons, self.delays[:, index]] += added


@fixed_point_model(Conv)
class ResettableConv(_Resetting, PyConvModelFixed):  # type: ignore[misc]
    """Lava's convolution, cleared between samples.

    Its sizes are int32 here: Lava's int8 raises an error in numpy 2 for images wider than 127. Its
    sums are shifted left by `weight_exp`, which Lava's own model ignores.
    """

    cleared = ("a_buf",)
    kernel_size = LavaPyType(np.ndarray, np.int32, precision=8)
    stride = LavaPyType(np.ndarray, np.int32, precision=8)
    padding = LavaPyType(np.ndarray, np.int32, precision=8)
    dilation = LavaPyType(np.ndarray, np.int32, precision=8)
    groups = LavaPyType(np.ndarray, np.int32, precision=8)

    def clamp_precision(self, x: Any) -> Any:
        return super().clamp_precision(x << self.proc_params["weight_exp"])


MODELS = {
    RingBuffer: InputSource,
    Dense: ResettableDense,
    DelayDense: ResettableDelayDense,
    Conv: ResettableConv,
    LIFReset: RecordingLif,
    Delta: RecordingDelta,
    SigmaDelta: RecordingSigmaDelta,
    Sigma: RecordingSigma,
}


FOREVER = 1 << 60
"""Steps of the sample of a stream, which is never reset."""


def run(job: Path, watchdog: Watchdog) -> None:
    """Run the job in the folder `job`."""
    network = netx.read(job / "network.net")
    values, streaming = np.load(job / "spikes.npy"), (job / "stream").exists()
    layers = lava_graph.build(network, sample_steps=FOREVER if streaming else values.shape[2])
    np.save(job / "step.npy", np.zeros(1, np.int64))
    process = connect(network, layers, job)
    config = Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=MODELS)
    process.create_runtime(config)
    watchdog.runtime = process.runtime
    steps = run_chunk(network, job, process, config, before=0)
    for chunk in count(1) if streaming else ():
        (job / f"done_{chunk - 1}").touch()
        while not (job / f"go_{chunk}").exists():
            time.sleep(STREAM_POLL_S)
        steps += run_chunk(network, job, process, config, before=steps)
    watchdog.runtime = None
    process.stop()


def run_chunk(
    network: QuantizedNetwork, job: Path, process: Any, config: Any, *, before: int
) -> int:
    """Run the input in `spikes.npy` after the first `before` steps, and return its steps."""
    values, first = np.load(job / "spikes.npy"), network.layers[0]
    batch, channels, time_steps = values.shape
    steps = int(batch * time_steps)
    stream = values.transpose(1, 0, 2).reshape(channels, steps)
    if isinstance(first, InputLayer):
        stream = scale_input(first, stream)
    np.save(job / "input.npy", to_lava(stream.astype(np.int32), first.input_shape))
    np.save(job / "chunk.npy", np.array([before + 1, before + steps]))
    process.run(condition=RunSteps(num_steps=steps), run_cfg=config)
    return steps


def connect(network: QuantizedNetwork, layers: Sequence[LavaLayer], job: Path) -> Any:
    """Let the layers read and write the files of the job; return a process of the graph."""
    first, voltage = network.layers[0], network.readout == "voltage"
    driven = isinstance(first, InputLayer) and isinstance(first.neuron, CubaLif)
    for index, layer in enumerate(layers):
        layer.neuron.proc_params["job"] = str(job)
        layer.neuron.proc_params["driven"] = driven and index == 0
        layer.neuron.proc_params["record"] = {
            "states": (job / "states").exists() or (voltage and layer is layers[-1]),
            "prefix": str(job / f"layer_{index}"),
            "progress": str(job / "step.npy") if index == 0 else "",
        }
    if driven:
        return layers[0].neuron
    shape = to_lava(np.zeros((first.inputs, 1), np.int32), first.input_shape).shape
    source = RingBuffer(data=np.zeros(shape, np.int32))
    source.proc_params["job"] = str(job)
    for port in layers[0].inputs:
        source.s_out.connect(port)
    return source


if __name__ == "__main__":
    run_worker(run, sys.argv[1])
