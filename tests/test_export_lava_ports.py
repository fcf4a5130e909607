"""Claims about Lava graphs between a source and a sink of the user's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import neurodeploy as nd
from neurodeploy.models import lava_compat
from neurodeploy.models.errors import InputError

lava_compat.prepare()

from lava.proc.io.sink import RingBuffer as Sink  # noqa: E402
from lava.proc.io.source import RingBuffer as Source  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def network() -> nd.QuantizedNetwork:
    neuron = nd.CubaLif(current_decay=1024, voltage_decay=256, threshold=64)
    return nd.QuantizedNetwork.chain([nd.DenseLayer([[70, 0, 8], [0, 70, 8]], neuron)])


def test_source_and_sink_are_connected(network: nd.QuantizedNetwork) -> None:
    source, sink = Source(data=np.zeros((3, 5), np.int32)), Sink(shape=(2,), buffer=5)
    (layer,) = nd.to_lava(network, source=source, sink=sink.a_in)
    assert source.s_out.out_connections == [layer.inp]
    assert layer.neuron.s_out.out_connections == [sink.a_in]


def test_ports_that_do_not_fit_are_refused(network: nd.QuantizedNetwork) -> None:
    with pytest.raises(InputError, match=r"source has shape \(4,\).*\(3,\)"):
        nd.to_lava(network, source=Source(data=np.zeros((4, 5), np.int32)))
    with pytest.raises(InputError, match="sink is of type int, without a port a_in"):
        nd.to_lava(network, sample_steps=5, sink=3)


@pytest.mark.long
def test_a_sensor_in_lava_gives_the_spikes_of_a_stream() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.lava_sensor", "--minutes", "0.01"],
        cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stdout + done.stderr
    assert "1,000 steps" in done.stdout
