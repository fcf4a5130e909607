"""Replacements for Lava's synapse models on the CPU: they forget at a sample's end, and are fast.

Lava's `LIFReset` clears u and v, but neither `Dense` nor `DelayDense` clears the spikes in flight,
so a sample leaks into the next one. And `DelayDense` builds a 63-fold weight matrix at every step,
which makes it ten times slower than all the rest. Both models here clear what is in flight at the
first step of every sample; the delayed one adds the columns of weights of the spikes that arrived
straight into the buffer of future inputs.

Source of the behaviour that they keep: `lava.proc.dense.models` (lava-nc 0.10.0).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models import lava_compat

lava_compat.prepare()

from lava.magma.core.decorator import implements, requires, tag  # noqa: E402
from lava.magma.core.resources import CPU  # noqa: E402
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol  # noqa: E402
from lava.proc.dense.models import PyDelayDenseModelBitAcc, PyDenseModelBitAcc  # noqa: E402
from lava.proc.dense.process import DelayDense, Dense  # noqa: E402


def starts_sample(time_step: int, proc_params: Any) -> bool:
    """Tell whether a sample starts at this step; Lava counts steps from 1.

    `sample_steps` is set on the process by `export.lava_graph.build`.
    """
    return bool((time_step - 1) % proc_params["sample_steps"] == 0)


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class ResettableDense(PyDenseModelBitAcc):  # type: ignore[misc]
    """Send what arrived in the step before, and forget it when a sample starts.

    Weights are taken as they are, integers from -256 to 255; Lava's own model drops the lowest
    bit of odd weights of mixed signs, which `hw_sim.design_rules` reports for a chip.
    """

    def run_spk(self) -> None:
        if starts_sample(self.time_step, self.proc_params):
            self.a_buff = np.zeros_like(self.a_buff)  # type: ignore[has-type]
        self.a_out.send(self.a_buff)
        self.a_buff = self.weights[:, np.flatnonzero(self.s_in.recv())].sum(axis=1)


@implements(proc=DelayDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class ResettableDelayDense(PyDelayDenseModelBitAcc):  # type: ignore[misc]
    """Add the weights of arriving spikes to a buffer of future inputs, and clear it for a sample.

    a_buff int32 (neurons, max_delay + 1) holds in column d what the neurons receive in d steps.
    Weights are taken as they are: integers from -256 to 255.
    """

    def run_spk(self) -> None:
        if starts_sample(self.time_step, self.proc_params):
            self.a_buff[:] = 0
        self.a_out.send(self.a_buff[:, 0].copy())
        arrived = np.flatnonzero(self.s_in.recv())
        self.a_buff[:, :-1] = self.a_buff[:, 1:]
        self.a_buff[:, -1] = 0
        neurons = np.arange(len(self.weights))
        for sender in arrived:
            self.a_buff[neurons, self.delays[:, sender]] += self.weights[:, sender]


REPLACEMENTS = {Dense: ResettableDense, DelayDense: ResettableDelayDense}
"""Lava process -> model, for the `exception_proc_model_map` of a run configuration."""
