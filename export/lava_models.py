"""Our process models for Lava's CPU simulator: they clear what Lava's leave between samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from neurodeploy.models import lava_compat

lava_compat.prepare()

from lava.magma.core.decorator import implements, requires, tag  # noqa: E402
from lava.magma.core.resources import CPU  # noqa: E402
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol  # noqa: E402

Model = TypeVar("Model", bound=type)


def fixed_point_model(process: type) -> Callable[[Model], Model]:
    """Return a decorator that declares a class Lava's fixed-point CPU model of `process`."""

    def declare(model: Model) -> Model:
        tagged = tag("fixed_pt")(requires(CPU)(model))
        declared: Model = implements(proc=process, protocol=LoihiProtocol)(tagged)
        return declared

    return declare


def starts_sample(time_step: int, proc_params: Any) -> bool:
    """Tell whether a sample starts at this step; Lava counts steps from 1.

    `sample_steps` is set on the process by `export.lava_graph.build`.
    """
    return bool((time_step - 1) % proc_params["sample_steps"] == 0)


lava_compat.prepare()

from lava.proc.lif.models import PyLifResetModelBitAcc  # noqa: E402
from lava.proc.lif.process import LIFReset  # noqa: E402
from lava.proc.sdn.models import (  # noqa: E402
    PyDeltaModelFixed,
    PySigmaDeltaModelFixed,
    PySigmaModelFixed,
)
from lava.proc.sdn.process import Delta, Sigma, SigmaDelta  # noqa: E402


@fixed_point_model(LIFReset)
class DrivenLif(PyLifResetModelBitAcc):  # type: ignore[misc]
    """Lava's bit-accurate neuron; its bias follows the input where there is one.

    `proc_params["drive"]` names a file of bias mantissas, (neurons in Lava's order, steps), or is
    absent.
    """

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        name = proc_params.get("drive")
        self.drive = None if name is None else np.load(name, mmap_mode="r")

    def run_spk(self) -> None:
        if self.drive is not None:
            self.bias_mant = np.asarray(self.drive[..., self.time_step - 1])
        super().run_spk()


class _Clearing:
    """Clear the state variables in `cleared` when a sample starts, then do what the model does."""

    cleared: tuple[str, ...] = ()
    time_step: int
    proc_params: Any

    def run_spk(self) -> None:
        if starts_sample(self.time_step, self.proc_params):
            for name in self.cleared:
                setattr(self, name, np.zeros_like(getattr(self, name)))
        super().run_spk()  # type: ignore[misc]


@fixed_point_model(Delta)
class ResettableDelta(_Clearing, PyDeltaModelFixed):  # type: ignore[misc]
    """Lava's delta neuron, which forgets when a sample starts."""

    cleared = ("act", "residue", "error")


@fixed_point_model(SigmaDelta)
class ResettableSigmaDelta(_Clearing, PySigmaDeltaModelFixed):  # type: ignore[misc]
    """Lava's sigma-delta neuron, which forgets when a sample starts."""

    cleared = ("sigma", "act", "residue", "error")


@fixed_point_model(Sigma)
class ResettableSigma(_Clearing, PySigmaModelFixed):  # type: ignore[misc]
    """Lava's sigma neuron, which forgets when a sample starts."""

    cleared = ("sigma",)


lava_compat.prepare()

from lava.magma.core.model.py.type import LavaPyType  # noqa: E402
from lava.proc.conv.models import PyConvModelFixed  # noqa: E402
from lava.proc.conv.process import Conv  # noqa: E402
from lava.proc.dense.models import PyDelayDenseModelBitAcc, PyDenseModelBitAcc  # noqa: E402
from lava.proc.dense.process import DelayDense, Dense  # noqa: E402


@fixed_point_model(Dense)
class ResettableDense(PyDenseModelBitAcc):  # type: ignore[misc]
    """Send what arrived in the step before, and forget it when a sample starts.

    Weights are taken as they are, integers from -256 to 255; Lava's own model drops the lowest
    bit of odd weights of mixed signs, which `hw_sim.design_rules` reports for a chip.
    """

    def run_spk(self) -> None:
        if starts_sample(self.time_step, self.proc_params):
            self.a_buff = np.zeros_like(self.a_buff)  # type: ignore[has-type]
        self.a_out.send(self.a_buff)
        arrived = self.s_in.recv()
        if self.num_message_bits.item() > 0:
            self.a_buff = self.weights.dot(arrived.astype(np.int32))
        else:
            self.a_buff = self.weights[:, np.flatnonzero(arrived)].sum(axis=1)


@fixed_point_model(DelayDense)
class ResettableDelayDense(PyDelayDenseModelBitAcc):  # type: ignore[misc]
    """Add the weights of arriving spikes to a buffer of future inputs, and clear it for a sample.

    a_buff int32 (neurons, max_delay + 1) holds in column d what the neurons receive in d steps.
    Weights are taken as they are: integers from -256 to 255.
    """

    def run_spk(self) -> None:
        if starts_sample(self.time_step, self.proc_params):
            self.a_buff[:] = 0
        self.a_out.send(self.a_buff[:, 0].copy())
        arrived = self.s_in.recv()
        graded = self.num_message_bits.item() > 0
        self.a_buff[:, :-1] = self.a_buff[:, 1:]
        self.a_buff[:, -1] = 0
        neurons = np.arange(len(self.weights))
        for sender in np.flatnonzero(arrived):
            payload = int(arrived[sender]) if graded else 1
            self.a_buff[neurons, self.delays[:, sender]] += self.weights[:, sender] * payload


@fixed_point_model(Conv)
class ResettableConv(PyConvModelFixed):  # type: ignore[misc]
    """Lava's convolution, which forgets what arrived when a sample starts.

    Its sizes are int32 here: Lava's int8 meets images wider than 127 in numpy 2 with an error.
    """

    kernel_size = LavaPyType(np.ndarray, np.int32, precision=8)
    stride = LavaPyType(np.ndarray, np.int32, precision=8)
    padding = LavaPyType(np.ndarray, np.int32, precision=8)
    dilation = LavaPyType(np.ndarray, np.int32, precision=8)
    groups = LavaPyType(np.ndarray, np.int32, precision=8)

    def run_spk(self) -> None:
        if starts_sample(self.time_step, self.proc_params):
            self.a_buf = np.zeros_like(self.a_buf)  # type: ignore[has-type]
        super().run_spk()


REPLACEMENTS = {
    Dense: ResettableDense,
    DelayDense: ResettableDelayDense,
    Conv: ResettableConv,
}
"""Lava process -> model, for the `exception_proc_model_map` of a run configuration."""
