"""netx files: written and read back, and loaded by lava-dl itself."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from neurodeploy.export import netx
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.hw_sim.simulators.process import Job, run_job
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import (
    CubaLif,
    DenseLayer,
    QuantizedNetwork,
    TaskDescription,
)

KINDS = ("none", "axonal", "dendritic", "synaptic")

STOCK_NETX = '''
"""Run every network of the job with stock lava-dl, on its spikes (channels, time)."""

import sys

import numpy as np

from neurodeploy.hw_sim.simulators.process import work
from neurodeploy.models import lava_compat

lava_compat.prepare()

from lava.lib.dl.netx import hdf5
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io import sink, source


def run(job, watch):
    for path in sorted(job.glob("*.net")):
        spikes = np.load(path.with_suffix(".npy"))
        network = hdf5.Network(net_config=str(path))
        sender = source.RingBuffer(data=spikes.astype(int))
        receiver = sink.RingBuffer(shape=network.out.shape, buffer=spikes.shape[1])
        sender.s_out.connect(network.inp)
        network.out.connect(receiver.a_in)
        config = Loihi2SimCfg(select_tag="fixed_pt")
        sender.create_runtime(config)
        watch.runtime = sender.runtime
        sender.run(condition=RunSteps(num_steps=spikes.shape[1]), run_cfg=config)
        np.save(path.with_suffix(".out"), receiver.data.get())
        watch.runtime = None
        sender.stop()


if __name__ == "__main__":
    work(run, sys.argv[1])
'''


def assert_same(found: QuantizedNetwork, expected: QuantizedNetwork) -> None:
    for layer, right in zip(found.layers, expected.layers, strict=True):
        np.testing.assert_array_equal(layer.weight, right.weight)
        np.testing.assert_array_equal(layer.delay, right.delay, strict=True)
        np.testing.assert_array_equal(layer.neuron.current_decay, right.neuron.current_decay)
        np.testing.assert_array_equal(layer.neuron.voltage_decay, right.neuron.voltage_decay)
        assert layer.neuron.threshold == right.neuron.threshold


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(6, 4), (4, 4), (1, 4), (4, 1)])
def test_every_delay_kind_comes_back_as_it_was(kind, shape, random_network, tmp_path):
    rng = np.random.default_rng(4)
    network = random_network(rng, shape[::-1], delays=[kind], per_neuron=True, weight=(-256, 256))
    netx.write(network, tmp_path / "model.net")
    found = netx.read(tmp_path / "model.net")
    assert_same(found, network)
    assert found.digest == network.digest


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1), (5, 4)])
def test_equal_delays_keep_their_shape(shape, tmp_path):
    """All delays are 3, so that the values alone do not tell it."""
    neuron = CubaLif(np.array([1]), np.array([1]), 1)
    layer = DenseLayer(np.ones((5, 4), int), neuron, np.full(shape, 3))
    netx.write(QuantizedNetwork((layer,)), tmp_path / "model.net")
    assert netx.read(tmp_path / "model.net").layers[0].delay.shape == shape


def test_task_and_provenance_come_back(network_file):
    found = netx.read(network_file)
    assert found.task == TaskDescription(
        "har", {"name": "delta", "step": 0.25}, ("a", "b", "c"), 64, 20.0
    )
    assert dict(found.provenance) == {"seed": 3}


def test_writing_makes_the_folder_and_replaces_the_file(network_file, tmp_path):
    network = netx.read(network_file)
    deeper = tmp_path / "runs" / "har" / "model.net"
    for _ in range(2):
        netx.write(network, deeper)
    assert_same(netx.read(deeper), network)
    assert list(deeper.parent.iterdir()) == [deeper]


def test_a_file_that_cannot_be_written_is_one_sentence(network_file, tmp_path):
    with pytest.raises(InputError, match=r"cannot be written .*choose another output folder"):
        netx.write(netx.read(network_file), network_file / "model.net")
    assert network_file.is_file()


def even(network: QuantizedNetwork) -> QuantizedNetwork:
    """Return the network with weights that are multiples of two, as SLAYER trains them."""
    return QuantizedNetwork(
        tuple(
            DenseLayer(layer.weight // 2 * 2, layer.neuron, layer.delay) for layer in network.layers
        )
    )


def write_as_lava_dl(path: Path, network: QuantizedNetwork, delays: list[np.ndarray]) -> None:
    """Write a file as `slayer.block.base` does: an input layer that only names a shape, float32
    weights, 1-D delays, the neuron's type a scalar string, decays plain ints."""
    with h5py.File(path, "w") as file:
        file.create_dataset("layer/0/type", (1,), "S10", [b"input"])
        file.create_dataset("layer/0/shape", data=np.array([network.inputs]))
        for index, (layer, delay) in enumerate(zip(network.layers, delays), start=1):
            group = file.create_group(f"layer/{index}")
            group.create_dataset("type", (1,), "S10", [b"dense"])
            group.create_dataset("shape", data=np.array([layer.neurons]))
            group.create_dataset("inFeatures", data=layer.inputs)
            group.create_dataset("outFeatures", data=layer.neurons)
            group.create_dataset("weight", data=layer.weight.astype(np.float32))
            if delay.size:
                group.create_dataset("delay", data=delay.astype(np.float32))
            for key, value in {
                "type": "CUBA",
                "iDecay": int(layer.neuron.current_decay[0]),
                "vDecay": int(layer.neuron.voltage_decay[0]),
                "vThMant": layer.neuron.threshold,
                "refDelay": 1,
                "gradedSpike": False,
            }.items():
                group.create_dataset(f"neuron/{key}", data=value)


def test_lava_dl_s_own_layout_is_read_and_its_1d_delays_as_netx_reads_them(
    tmp_path, random_network
):
    """One delay a neuron where the length is the number of neurons, else one a sender."""
    network = random_network(np.random.default_rng(6), (4, 4, 3))
    by_neuron, by_sender = np.array([0, 5, 2, 9]), np.array([1, 0, 7, 2])
    write_as_lava_dl(tmp_path / "model.net", network, [by_neuron, by_sender])
    found = netx.read(tmp_path / "model.net")
    first, second = network.layers
    assert_same(
        found,
        QuantizedNetwork(
            (
                DenseLayer(first.weight, first.neuron, by_neuron[:, None]),
                DenseLayer(second.weight, second.neuron, by_sender[None]),
            )
        ),
    )
    assert found.task == TaskDescription()


def test_stock_netx_loads_our_files_and_spikes_as_fast_does(tmp_path, random_network):
    """Without delays, with each kind, and a file laid out as lava-dl does; output index t of one
    sample from cleared state is ours."""
    rng = np.random.default_rng(10)
    job = tmp_path / "job"
    job.mkdir()
    (job / "stock_netx.py").write_text(STOCK_NETX)
    for kind in KINDS:
        network = random_network(rng, (5, 7, 3), delays=[kind], longest=9, threshold=(30, 150))
        netx.write(even(network), job / f"{kind}.net")
    plain = even(random_network(rng, (5, 7, 3), threshold=(30, 150)))
    delays = [rng.integers(0, 9, 5), rng.integers(0, 9, 3)]
    write_as_lava_dl(job / "lava_dl.net", plain, delays)
    spikes = (rng.random((1, 5, 30)) < 0.5).astype(np.uint8)
    paths = sorted(job.glob("*.net"))
    for each in paths:
        np.save(each.with_suffix(".npy"), spikes[0])
    run_job(Job("stock_netx", job, "Stock netx", steps=30 * len(paths), limit_s=600))
    assert len(paths) == 5
    for each in paths:
        expected = fast.run(netx.read(each), spikes).spikes[-1][0]
        assert 0 < expected.mean() < 1, each.name
        np.testing.assert_array_equal(np.load(each.with_suffix(".out.npy")), expected, each.name)


@pytest.mark.parametrize(
    ("name", "value"),
    [("layer/0/neuron/refDelay", [1]), ("layer/0/neuron/vThMant", [100]), ("layer/0/shape", 5)],
)
def test_numbers_may_be_scalars_or_arrays_of_one(name, value, network_file):
    expected = netx.read(network_file).layers[0]
    with h5py.File(network_file, "r+") as file:
        del file["neurodeploy"]
        del file[name]
        file[name] = value
    found = netx.read(network_file).layers[0]
    np.testing.assert_array_equal(found.weight, expected.weight)


def test_flat_weights_are_read_by_the_shape(network_file):
    expected = netx.read(network_file)
    with h5py.File(network_file, "r+") as file:
        del file["layer/0/weight"]
        file["layer/0/weight"] = expected.layers[0].weight.ravel()
    assert_same(netx.read(network_file), expected)
