"""The Loihi backend, against STAND-INS for Intel's hardware packages, which are not public.

The stand-ins have the names of Intel's modules and run Lava's own CPU models under the label of a
neurocore, so the whole path runs: the graph, `Loihi2HwCfg`, the adapters and the profiler. They
show that the backend is put together rightly; they show nothing about a real chip.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.hw_sim import backends
from neurodeploy.hw_sim.activity import Breakdown
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.simulators import fast, loihi
from neurodeploy.models.errors import BackendError, DesignRuleError, InputError
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork

PROFILER = '''
"""A stand-in: 0.5 W, of which 0.2 W static, and 10 us a step."""


class Loihi2HWProfiler:
    def __init__(self, run_cfg):
        self.steps = None

    def energy_probe(self, num_steps):
        self.steps = num_steps

    def power_breakdown(self):
        return 0.5, 0.3, 0.2, 0.25, 0.15, 0.1

    def energy_breakdown(self):
        return tuple(watts * 10 * self.steps for watts in self.power_breakdown())
'''

ADAPTERS = '''
"""A stand-in: adapters that hand on in the same step, on the CPU."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class PyToNxAdapter(AbstractProcess):
    def __init__(self, *, shape, num_message_bits=0):
        super().__init__(shape=shape)
        self.inp, self.out = InPort(shape=shape), OutPort(shape=shape)


class NxToPyAdapter(PyToNxAdapter):
    pass


class Hand(PyLoihiProcessModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def run_spk(self):
        self.out.send(self.inp.recv())


@implements(proc=PyToNxAdapter, protocol=LoihiProtocol)
@requires(CPU)
class HandIn(Hand):
    pass


@implements(proc=NxToPyAdapter, protocol=LoihiProtocol)
@requires(CPU)
class HandOut(Hand):
    pass
'''

DENSE_MODELS = '''
"""A stand-in: Lava's CPU models under the label of a neurocore."""

from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.c.model import CLoihiProcessModel
from lava.magma.core.resources import Loihi2NeuroCore
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.models import PyDelayDenseModelBitAcc, PyDenseModelBitAcc
from lava.proc.dense.process import Dense, DelayDense


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(Loihi2NeuroCore)
class NcDense(PyDenseModelBitAcc, CLoihiProcessModel):
    pass


@implements(proc=DelayDense, protocol=LoihiProtocol)
@requires(Loihi2NeuroCore)
class NcDelayDense(PyDelayDenseModelBitAcc, CLoihiProcessModel):
    pass
'''

LIF_MODELS = '''
"""A stand-in: Lava's CPU model under the label of a neurocore."""

from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.c.model import CLoihiProcessModel
from lava.magma.core.resources import Loihi2NeuroCore
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.models import PyLifResetModelBitAcc
from lava.proc.lif.process import LIFReset


@implements(proc=LIFReset, protocol=LoihiProtocol)
@requires(Loihi2NeuroCore)
class NcLifReset(PyLifResetModelBitAcc, CLoihiProcessModel):
    pass
'''

STAND_INS = {
    "utils/loihi2_profiler.py": "",
    "utils/loihi2_profiler_api.py": PROFILER,
    "proc/embedded_io/spike.py": ADAPTERS,
    "proc/dense/ncmodels.py": DENSE_MODELS,
    "proc/lif/ncmodels.py": LIF_MODELS,
    "magma/core/model/nc/model.py": "class AbstractNcProcessModel:\n    pass\n",
    # No kin, so that `Loihi2HwCfg` prefers the models above and the compiler takes them for Python.
    "magma/core/model/c/model.py": (
        "class AbstractCProcessModel:\n    pass\n\n\nclass CLoihiProcessModel:\n    pass\n"
    ),
}


@pytest.fixture
def stand_ins(tmp_path, monkeypatch) -> Path:
    """Write the stand-ins where this process and its children find them; `lava` is a namespace."""
    for name, text in STAND_INS.items():
        path = tmp_path / "lava" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = filter(None, [os.environ.get("PYTHONPATH")])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *before]))
    importlib.invalidate_caches()
    return tmp_path / "lava"


@pytest.fixture
def network() -> QuantizedNetwork:
    """Six channels, five hidden neurons, three outputs that are reached with synaptic delays."""
    rng = np.random.default_rng(5)
    neuron = CubaLif(np.array([1024]), np.array([410]), 100)
    hidden, output = (2 * rng.integers(-60, 100, shape) for shape in ((5, 6), (3, 5)))
    delay = rng.integers(0, 6, output.shape)
    return QuantizedNetwork.chain((DenseLayer(hidden, neuron), DenseLayer(output, neuron, delay)))


@pytest.fixture
def spikes() -> np.ndarray:
    return (np.random.default_rng(6).random((2, 6, 16)) < 0.4).astype(np.uint8)


def test_without_intel_s_packages_it_says_what_is_missing_and_the_way_out(network, spikes):
    with pytest.raises(
        BackendError,
        match=r"not installed \(lava.utils.loihi2_profiler, .*run with --backend fast or lava",
    ):
        backends.get("loihi2").run(network, spikes)


def test_a_package_of_intel_s_that_alone_is_missing_is_named(stand_ins, network, spikes):
    (stand_ins / "proc/embedded_io/spike.py").unlink()
    with pytest.raises(BackendError, match=r"\(lava.proc.embedded_io.spike not found\)"):
        loihi.run(network, spikes)


def test_on_stand_ins_it_spikes_as_fast_does_and_brings_what_the_profiler_measured(
    stand_ins, network, spikes
):
    seen = []
    options = RunOptions(progress=lambda done, total: seen.append((done, total)))
    activity = loihi.run(network, spikes, options)
    expected = fast.run(network, spikes)
    assert all(layer.any() for layer in expected.spikes)
    for found, right in zip(activity.spikes, expected.spikes, strict=True):
        np.testing.assert_array_equal(found, right)
    assert seen[-1] == (32, 32)
    measured = activity.measured
    assert measured.num_samples == 2
    assert measured.power_w == Breakdown(0.5, 0.3, 0.2, 0.25, 0.15, 0.1)
    assert measured.energy_per_sample_uj.total == pytest.approx(0.5 * 10 * 16)
    assert measured.time_per_step_us == pytest.approx(10)


def test_spikes_that_differ_from_fast_s_are_refused(stand_ins, network, spikes):
    models = stand_ins / "proc/lif/ncmodels.py"
    models.write_text(
        LIF_MODELS.replace(
            "pass", "def spiking_activation(self):\n        return self.v > self.effective_vth + 64"
        )
    )
    with pytest.raises(BackendError, match=r"the chip's spikes differ .* first in layer 0, sample"):
        loihi.run(network, spikes)


def test_a_process_that_would_run_on_the_host_is_refused(stand_ins, network, spikes):
    (stand_ins / "proc/lif/ncmodels.py").unlink()
    with pytest.raises(
        BackendError, match="Loihi failed: Intel's packages have no neurocore model of LIFReset"
    ):
        loihi.run(network, spikes)


def test_an_error_of_intel_s_packages_comes_back(stand_ins, network, spikes):
    path = stand_ins / "utils/loihi2_profiler_api.py"
    path.write_text(PROFILER.replace("self.steps = num_steps", "raise OSError('no board')"))
    with pytest.raises(BackendError, match="Loihi failed: OSError: no board"):
        loihi.run(network, spikes)


def test_states_are_refused(stand_ins, network, spikes):
    with pytest.raises(InputError, match="the states stay on the chip"):
        loihi.run(network, spikes, RunOptions(states=True))


def test_a_run_without_steps_is_refused(stand_ins, network):
    with pytest.raises(InputError, match="needs at least one step"):
        loihi.run(network, np.zeros((1, 6, 0), np.uint8))


def test_weights_that_the_chip_would_round_are_refused(stand_ins):
    layer = DenseLayer(np.array([[-255, 254]]), CubaLif(np.array([1]), np.array([1]), 1))
    with pytest.raises(DesignRuleError, match="layer 0 has mixed weights that need"):
        loihi.run(QuantizedNetwork.chain((layer,)), np.ones((1, 2, 3), np.uint8))


def test_measured_figures_are_means_over_samples():
    runs = [
        {"power_w": [0.5, 0.3, 0.2, 0, 0, 0], "energy_uj": [80, 48, 32, 0, 0, 0]},
        {"power_w": [0.7, 0.5, 0.2, 0, 0, 0], "energy_uj": [112, 80, 32, 0, 0, 0]},
    ]
    measured = loihi.summarize(runs, steps=16)
    assert measured.power_w.total == pytest.approx(0.6)
    assert measured.energy_per_sample_uj.dynamic == pytest.approx(64)
    assert measured.time_per_step_us == pytest.approx(10)


def test_a_power_in_the_profiler_s_noise_gives_no_time():
    run = {"power_w": [-0.006, 0, 0, 0, 0, 0], "energy_uj": [1, 0, 0, 0, 0, 0]}
    assert loihi.summarize([run], steps=16).time_per_step_us is None
