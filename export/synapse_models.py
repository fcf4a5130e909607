"""Replacements for Lava's synapse models on the CPU: they forget at a sample's end, and are fast.

Lava's `LIFReset` clears u and v, but no synapse clears the spikes in flight, so a sample leaks into
the next one. And `DelayDense` builds a 63-fold weight matrix at every step, which makes it ten
times slower than all the rest. The models here clear what is in flight at the first step of every
sample; the delayed one adds the columns of weights of the spikes that arrived straight into the
buffer of future inputs.

Source of the behaviour that they keep: `lava.proc.dense.models`, `lava.proc.conv.models` (lava-nc
0.10.0).
"""

from __future__ import annotations

import numpy as np

from neurodeploy.export.lava_model import fixed_point_model, starts_sample
from neurodeploy.models import lava_compat

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
    bit of odd weights of mixed signs, which `hw_sim.placement.design_rules` reports for a chip.
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
