"""Stock netx of lava-dl on our files, and the faults that users found in it: both spike alike, or a
rule of `export.rules` names the fault.

Issues are those of lava-dl on GitHub unless another project is named.
"""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch

from neurodeploy.evaluation.comparison import check_equivalence
from neurodeploy.export import netx, rules
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.blocks import slayer
from neurodeploy.models.lava_compat import from_lava, to_lava
from neurodeploy.models.layers import ConvLayer, DenseLayer, RecurrentLayer
from neurodeploy.models.network import CubaLif, QuantizedNetwork
from neurodeploy.models.quantize import quantize

pytestmark = pytest.mark.usefixtures("one_torch_thread")

cuba = slayer.block.cuba
CUBA = {"threshold": 0.6, "current_decay": 0.25, "voltage_decay": 0.1}
STEPS = 20

CONVOLUTIONS = {
    "square": ((2, 6, 6), 3, {}),
    "kernel": ((2, 7, 6), (3, 2), {}),
    "wide": ((2, 3, 9), (1, 4), {}),
    "stride": ((2, 7, 8), (2, 3), {"stride": (2, 1)}),
    "padding": ((2, 5, 6), (3, 2), {"padding": (2, 1)}),
    "dilation": ((2, 8, 7), (3, 2), {"dilation": (2, 3)}),
    "groups": ((4, 6, 5), (2, 3), {"groups": 2}),
    "depthwise": ((4, 5, 6), 2, {"groups": 4}),
    "all of it": (
        (4, 9, 8), (3, 2), {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
    ),
}  # fmt: skip
"""Shape of the input, kernel and the rest, (height, width) each; 4 output channels."""

ON_STOCK = ("kernel", "all of it")
"""Those that run on stock netx as well, which takes seconds each."""


def spikes_for(network):
    rng = np.random.default_rng(0)
    return (rng.random((1, network.inputs, STEPS)) < 0.4).astype(np.uint8)


def export(path, *blocks):
    with h5py.File(path, "w") as file:
        for index, block in enumerate(blocks):
            block.export_hdf5(file.create_group(f"layer/{index}"))


@pytest.fixture(scope="module")
def own():
    """Networks of ours that stock netx is given as files, by name."""
    rng = np.random.default_rng(3)

    def neuron(threshold=200, bias=0):
        return CubaLif(np.array(1000), np.array(300), threshold, np.atleast_1d(bias))

    def even(low, high, *shape):
        return 2 * rng.integers(low // 2, high // 2, shape)

    image, delays = (2, 5, 6), 3 + np.arange(25).reshape(5, 5) % 4
    layers = {
        "odd kernel": ConvLayer(rng.integers(-256, 256, (3, 2, 2, 3)), image, neuron(2000)),
        "biases of an image": ConvLayer(
            even(-20, 40, 3, 2, 2, 3), image, neuron(100, rng.integers(-20, 50, 48))
        ),
        "recurrent": RecurrentLayer(
            rng.integers(-60, 90, (7, 5)), rng.integers(-90, 60, (7, 7)),
            neuron(200, rng.integers(-9, 60, 7)),
        ),
        "recurrent, delays": RecurrentLayer(
            even(-200, 200, 5, 5), even(-200, 256, 5, 5), neuron(400), delays, delays
        ),
        "recurrent, delays, small": RecurrentLayer(
            even(-20, 40, 5, 5), even(-40, 20, 5, 5), neuron(60), delays, delays
        ),
        "recurrent, delays, not square": RecurrentLayer(
            even(-60, 90, 7, 5), even(-200, 60, 7, 7), neuron(), np.full((1, 5), 3)
        ),
        "square, delays of inputs": DenseLayer(
            even(-60, 90, 5, 5), neuron(), np.array([[0, 1, 2, 3, 40]])
        ),
        "zeros": DenseLayer(np.zeros((5, 5), int), neuron(9, np.arange(5))),
        "dense, 16 bits": DenseLayer(even(-9000, 9000, 5, 5), neuron()),
        "recurrent, 16 bits": RecurrentLayer(even(-60, 90, 7, 5), even(-900, 0, 7, 7), neuron()),
        "convolution, 16 bits": ConvLayer(even(-900, 900, 3, 2, 2, 3), image, neuron()),
        "inhibition": DenseLayer(even(-4, 0, 5, 5), neuron(100, np.full(5, 40))),
    }  # fmt: skip
    networks = {name: QuantizedNetwork.chain((layer,)) for name, layer in layers.items()}
    shapes = {"axonal": (1, 5), "dendritic": (7, 1), "synaptic": (7, 5), "1-D": (1, 5)}
    for name, shape in shapes.items():
        first = DenseLayer(even(-110, 160, 7, 5), neuron(90), rng.integers(1, 9, shape))
        last = DenseLayer(even(-110, 160, 3, 7), neuron(90))
        networks[name] = QuantizedNetwork.chain((first, last))
    return networks


def convolution(name, path):
    """Export a convolution of SLAYER; return our reading of the file, and SLAYER's spikes."""
    torch.manual_seed(1)
    shape, kernel, options = CONVOLUTIONS[name]
    conv = cuba.Conv(dict(CUBA), shape[0], 4, kernel, weight_scale=4, **options)
    blocks = (cuba.Input(delay_shift=False), conv)
    conv(blocks[0](torch.zeros(1, *shape, 1)))
    export(path, *blocks)
    network = netx.read(path)
    spikes = torch.from_numpy(spikes_for(network).reshape(1, *shape, STEPS)).float()
    return network, conv(spikes).detach().numpy().reshape(-1, STEPS)


@pytest.fixture(scope="module")
def stock(own, tmp_path_factory, stock_netx):
    """Run all in one process of stock netx; return what it gave, or the name of its error."""
    job = tmp_path_factory.mktemp("stock")
    for name in ON_STOCK:
        convolution(name, job / f"{name}.net")
    for name, network in own.items():
        netx.write(network, job / f"{name}.net")
    with h5py.File(job / "1-D.net", "r+") as file:  # as lava-dl writes delays
        del file["neurodeploy"], file["layer/0/delay"]
        file["layer/0/delay"] = own["1-D"].layers[0].delay[0].astype(np.float32)
    files = sorted(job.glob("*.net"))
    for path in files:
        network = netx.read(path)
        values = spikes_for(network)[0].astype(int)
        np.save(path.with_suffix(".npy"), to_lava(values, network.layers[0].input_shape))
    stock_netx(job)

    def result(name):
        network, error = netx.read(job / f"{name}.net"), job / f"{name}.error"
        if error.exists():
            return network, error.read_text()
        given = np.load(job / f"{name}.out.npy")
        return network, from_lava(given, network.layers[-1].shape)

    return result


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_kernels_are_not_transposed(name, tmp_path):
    """#260: SLAYER's block and our reading of its file give the same spikes."""
    network, slayers = convolution(name, tmp_path / "model.net")
    ours = fast.run(network, spikes_for(network)).spikes[0][0]
    assert 0.1 < ours.mean() < 0.9
    np.testing.assert_array_equal(ours, slayers)
    assert rules.check(network) == ()


@pytest.mark.parametrize("name", ON_STOCK)
def test_stock_netx_transposes_no_kernels_either(name, stock):
    """#260 is mended in lava-dl 0.6.0."""
    network, stocks = stock(name)
    np.testing.assert_array_equal(stocks, fast.run(network, spikes_for(network)).spikes[0][0])


@pytest.mark.parametrize(
    "name",
    [
        "odd kernel", "biases of an image", "recurrent", "recurrent, delays",
        "square, delays of inputs", "axonal", "dendritic", "synaptic", "1-D",
    ],
)  # fmt: skip
def test_what_the_rules_accept_runs_alike_on_stock_netx(name, stock):
    """Among them lava#859 and #304 (weights inflated), PR 173 (delays ignored), and delays of a
    square layer, which netx would read as those of its rows if they had one dimension."""
    network, stocks = stock(name)
    ours = fast.run(network, spikes_for(network)).spikes[-1][0]
    assert 0 < ours.mean() < 1
    np.testing.assert_array_equal(ours, stocks)
    assert rules.check(network) == ()


@pytest.mark.parametrize("name", ["dense", "recurrent", "convolution"])
def test_stock_netx_refuses_weights_of_16_bits_and_a_note_says_so(name, own, stock):
    """It would clip the weights, and skip a layer of a type that it does not know."""
    network, error = stock(f"{name}, 16 bits")
    assert error == "KeyError"
    assert network.digest == own[f"{name}, 16 bits"].digest
    (note,) = rules.notes(network)
    assert "layer 0" in note
    assert "two synapses" in note
    assert rules.check(network) == ()


@pytest.mark.parametrize(
    ("name", "rule", "fault"),
    [
        ("recurrent, delays, small", "scales up to 8 bits", ""),
        (
            "recurrent, delays, not square",
            "cannot build",
            "ValueError",
        ),
        ("zeros", "OverflowError", "OverflowError"),
        ("inhibition", "power of two", ""),
    ],
)
def test_what_stock_netx_gets_wrong_a_rule_names(name, rule, fault, own, stock):
    """#315 is the first: netx gives recurrent layers with delays no weight exponent. Our reading of
    the file is the network that was written."""
    network, stocks = stock(name)
    (problem,) = rules.check(network)
    assert rule in problem
    ours = fast.run(own[name], spikes_for(network)).spikes[0][0]
    np.testing.assert_array_equal(ours, fast.run(network, spikes_for(network)).spikes[0][0])
    assert ours.any()
    if fault:
        assert fault in str(stocks)
    else:
        assert not np.array_equal(ours, stocks)


def test_all_inhibitory_blocks_of_lava_dl_are_read_as_trained(stack, draw_spikes, tmp_path):
    """A minimum of -2^k, which stock netx stores one too small: a rule says so, and our reading
    spikes as SLAYER does, with biases to spike at all."""
    torch.manual_seed(2)
    norm = slayer.neuron.norm.MeanOnlyBatchNorm
    network = stack(cuba.Dense({**CUBA, "norm": norm}, 6, 5), cuba.Dense(dict(CUBA), 5, 3))
    network(torch.zeros(1, 6, 2))
    network.blocks[0].synapse.weight.data = -torch.rand(5, 6, 1, 1, 1).clamp(0.1, 0.9)
    network.blocks[0].synapse.weight.data[0, 0] = -1
    network.blocks[0].neuron.norm.running_mean = torch.full((5,), -1.0)
    network.eval()
    twin = quantize(network)
    export(tmp_path / "model.net", *network.blocks)
    found = netx.read(tmp_path / "model.net")
    for one, other in zip(found.layers, twin.layers, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)
        np.testing.assert_array_equal(one.neuron.bias, other.neuron.bias)
    assert any("the minimum -64" in problem for problem in rules.check(found))
    found = check_equivalence(network, found, draw_spikes(3, 6, 30))
    assert found.equal
    assert found.num_spikes > 20


def test_delays_of_biased_blocks_mean_another_network_in_lava_dl_s_own_file(
    stack, draw_spikes, tmp_path
):
    """lava-dl writes what a neuron's spikes are delayed by, netx and so our reader delay what the
    neuron receives. Without biases a layer's delayed spikes are the same; with biases they are not,
    and only the checkpoint gives the network that was trained."""
    for bias, alike in ((0.0, True), (-0.3, False)):
        torch.manual_seed(2)
        norm = slayer.neuron.norm.MeanOnlyBatchNorm
        blocks = (
            cuba.Dense({**CUBA, "norm": norm}, 6, 5, weight_scale=3, delay=True),
            cuba.Dense(dict(CUBA), 5, 3, weight_scale=3),
        )
        network = stack(*blocks)
        network(torch.zeros(1, 6, 2))
        blocks[0].delay.delay.data = torch.arange(5) * 2.0
        blocks[0].neuron.norm.running_mean = torch.full((5,), bias)
        network.eval()
        twin = quantize(network)
        export(tmp_path / "model.net", *network.blocks)
        found, spikes = netx.read(tmp_path / "model.net"), draw_spikes(3, 6, 40)
        assert check_equivalence(network, twin, spikes).equal
        read, right = fast.run(found, spikes).spikes, fast.run(twin, spikes).spikes
        assert right[-1].any()
        assert np.array_equal(read[-1], right[-1]) == alike
