"""The networks that lava-dl ships, against the spikes and states that it ships beside them.

How the stored arrays came to be is told in lava-dl's own `test_hdf5.py`, `test_hdf5_nx.py` and
`test_blocks.py`, which lie beside them. Their images are (width, height, channels, time). The
arrays of `tiny.net` and PilotNet LIF come from runs that reset layer l at step l of a sample, so
that no layer waits for the one before (`rule B`); where steps cannot be compared, a test says why.
"""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from neurodeploy.export import netx
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.kernels import spike_buffer
from neurodeploy.hw_sim.simulators import fast, layer_runs
from neurodeploy.models.errors import InputError
from neurodeploy.models.lava_compat import from_lava
from neurodeploy.models.network import (
    ConvLayer,
    CubaLif,
    DenseLayer,
    QuantizedNetwork,
    Sigma,
    SigmaDelta,
)
from neurodeploy.models.neurons import Delta

STATES = RunOptions(states=True)
PILOTNET = ("input", *(f"conv-{i}" for i in range(5)), *(f"fc-{i}" for i in range(4)))


@pytest.fixture
def stored(shipped):
    """Return a function that loads a stored array of a layer of some shape as (neurons, time)."""

    def load(name, shape):
        return from_lava(np.load(shipped(f"gts/{name}.npy")), shape)

    return load


def driven_as_stored(network: QuantizedNetwork) -> QuantizedNetwork:
    """Return the network for input that is stored as its neurons' bias, already scaled."""
    first = replace(network.layers[0], scale=1, offset=0)
    return network.with_layers((first, *network.layers[1:]))


def at_once(layer, before, arriving):
    """Run a layer under rule B: what arrives in a step is received in that step.

    Args:
        layer: the layer, which starts from cleared state.
        before: shape of the layer before.
        arriving: spikes of the layer before, (neurons, time).

    Returns:
        Spikes, u and v, each (neurons, time).
    """
    padded = np.pad(arriving, ((0, 0), (0, 1)))[None]
    received = layer_runs.weigh(layer, before, spike_buffer.from_neurons(padded, before))[:, 1:]
    states = np.zeros((2, *received.shape), np.int32)
    sent, _ = layer_runs.step_neurons(layer, np.ascontiguousarray(received), states)
    return tuple(spike_buffer.to_neurons(each, layer.shape)[0] for each in (sent, *states))


def test_tiny_net_gives_the_stored_spikes_of_every_layer(shipped, stored):
    """From index 1 on the arrays hold the 15 steps of a sample, each layer from its own reset;
    index 0 holds zeros, as SLAYER's shifted outputs do. `current.npy` is u of layer 1 / 64."""
    network = driven_as_stored(netx.read(shipped("tiny.net")))
    bias = stored("tinynet/input_bias", (3, 16, 16)).astype(int)
    spikes = fast.run(network, np.repeat(bias[None, :, None], 15, 2)).spikes[0][0]
    outputs = [spikes]
    for before, layer in zip(network.layers, network.layers[1:]):
        spikes, current, _ = at_once(layer, before.shape, spikes)
        outputs.append(spikes)
        if len(outputs) == 2:
            kept = np.load(shipped("gts/tinynet/current.npy"))[0].reshape(-1, 16)
            assert not kept[:, 0].any()
            np.testing.assert_array_equal(current, 64 * kept[:, 1:])
    for name, found in zip(("input", "layer1", "output"), outputs, strict=True):
        kept = np.load(shipped(f"gts/tinynet/{name}.npy"))[0].reshape(len(found), 16)
        assert found.sum() > 50
        assert not kept[:, 0].any()
        np.testing.assert_array_equal(found, kept[:, 1:])


@pytest.fixture
def pilotnet(shipped, stored):
    """Return PilotNet LIF and a function that loads a stored array of one of its layers."""
    network = driven_as_stored(netx.read(shipped("gts/pilotnet_lif/network.net")))

    def load(index, suffix=""):
        name = f"pilotnet_lif/{PILOTNET[index]}{suffix}"
        return stored(name, network.layers[index].shape)

    return network, load


def test_pilotnet_lif_input_neurons_give_the_stored_spikes(pilotnet, stored):
    """`input.npy` starts its next sample after 17 steps, `input-s.npy` after 16."""
    network, load = pilotnet
    bias = stored("pilotnet_lif/image", (3, 66, 200))
    spikes = fast.run(network, np.repeat(bias[None, :, None], 24, 2)).spikes[0][0]
    for suffix, period in (("", 17), ("-s", 16)):
        kept = load(0, suffix)
        np.testing.assert_array_equal(spikes[:, :period], kept[:, :period])
        np.testing.assert_array_equal(spikes[:, : 24 - period], kept[:, period:])


@pytest.mark.parametrize("index", range(1, 9))
def test_pilotnet_lif_layers_give_the_stored_spikes_u_and_v(index, pilotnet):
    """Layer l, given the stored spikes of the layer before, from each of its resets on.

    Layer l was reset at steps l and l + 17, so steps l to 23 can be compared; those before belong
    to a sample whose start was not kept. Where a neuron spikes the stored v is 128, not 0: Loihi
    counts the refractory period in that word.
    """
    network, load = pilotnet
    layer, before = network.layers[index], network.layers[index - 1].shape
    senders = load(index - 1).astype(np.uint8)
    kept = [load(index, suffix) for suffix in ("", "-u", "-v")]
    assert kept[0][:, index:].any()
    for start in range(index, 24, 17):
        steps = slice(start, min(start + 17, 24))
        spikes, current, voltage = at_once(layer, before, senders[:, start - 1 : steps.stop - 1])
        voltage = np.where(spikes, 128, voltage)
        for found, right in zip((spikes, current, voltage), kept):
            np.testing.assert_array_equal(found, right[:, steps])


def test_pilotnet_lif_as_a_whole_gives_the_stored_spikes(pilotnet, stored):
    """From the image alone, without the stored spikes: 17 steps of 9 layers, fewer at the end."""
    network, load = pilotnet
    bias = stored("pilotnet_lif/image", (3, 66, 200))
    spikes = fast.run(network, np.repeat(bias[None, :, None], 17, 2)).spikes[0][0]
    for index in range(1, 9):
        spikes, _, _ = at_once(network.layers[index], network.layers[index - 1].shape, spikes)
        kept = load(index)[:, index : index + 17]
        np.testing.assert_array_equal(spikes[:, : kept.shape[1]], kept)


def test_pilotnet_lif_s_last_layer_was_stored_in_another_run(pilotnet):
    """`fc-3` has 25 steps and agrees with the other arrays up to its reset at step 8 only.

    Its u of step 11, -5376 = 64 * -84, needs neurons 0, 1, 2 and 5 of `fc-2` to spike together in
    step 10, where the stored `fc-2` has neuron 4 alone. So steps 0 to 7 are compared, with the
    state before them taken as 0, which its v of step 3 confirms.
    """
    network, load = pilotnet
    senders, current, voltage = load(8), load(9, "-u")[0], load(9, "-v")[0]
    weight = network.layers[9].weight[0].astype(int)
    _, u, v = at_once(network.layers[9], (10,), np.pad(senders[:, :7], ((0, 0), (1, 0))))
    np.testing.assert_array_equal(u[0], current[:8])
    np.testing.assert_array_equal(v[0], voltage[:8])
    assert u.any()
    assert current[11] == 64 * weight[[0, 1, 2, 5]].sum()
    assert np.flatnonzero(senders[:, 10]).tolist() == [4]


def test_ntidigits_gives_the_stored_spikes_one_step_earlier(shipped):
    """lava-dl's own test compares one neuron in one step; here all 3000 steps but the first."""
    network = netx.read(shipped("gts/ntidigits/ntidigits.net"))
    assert (network.outputs, network.neurons_per_output) == (11, 22)
    spikes = np.load(shipped("gts/ntidigits/input.npy")).astype(np.uint8)
    kept = np.load(shipped("gts/ntidigits/output.npy"))
    found = fast.run(network, spikes[None]).spikes[-1][0]
    assert found.sum() == 22572
    np.testing.assert_array_equal(found[:, :-1], kept[:, 1:])
    assert not kept[:, 0].any()


def test_pilotnet_sdnn_gives_the_stored_output(shipped, stored):
    """9 steps of one image, which the source repeats; the last layer sees the first step of it."""
    network = netx.read(shipped("gts/pilotnet_sdnn/network.net"))
    image = stored("pilotnet_sdnn/input", network.input_shape)
    found = fast.run(network, np.repeat(image[None], 9, 2)).spikes[-1][0]
    np.testing.assert_array_equal(found, np.load(shipped("gts/pilotnet_sdnn/output.npy")))
    assert np.count_nonzero(found) > 6


@pytest.mark.parametrize(
    ("file", "width", "suffix", "layers"),
    [("network", 100, "", (1, 2)), ("square_network", 33, "_square", (1, 2, 3, 4))],
)
def test_pilotnet_sdnn_layers_give_the_stored_sigma(file, width, suffix, layers, shipped):
    """`act0.npy` holds the graded spikes of the input layer, 20 steps; the square network takes
    its first 33 columns. sigma of `square_network` and of the first layers is stored."""
    network = netx.read(shipped(f"gts/pilotnet_sdnn/{file}.net"))
    inner = QuantizedNetwork.chain(network.layers[1:], message_bits=16)
    sent = np.load(shipped("gts/pilotnet_sdnn/act0.npy"))[:width].astype(int)
    states = fast.run(inner, from_lava(sent, inner.input_shape)[None], STATES).states
    for index in layers:
        kept = np.load(shipped(f"gts/pilotnet_sdnn/sigma{index}{suffix}.npy"))
        right = from_lava(kept, network.layers[index].shape)
        assert right.any()
        np.testing.assert_array_equal(states[index - 1].current[0], right)


def test_pilotnet_sdnn_input_neurons_give_the_stored_graded_spikes(shipped, stored):
    network = netx.read(shipped("gts/pilotnet_sdnn/network.net"))
    image = np.repeat(stored("pilotnet_sdnn/input", network.input_shape)[None], 20, 2)
    found = fast.run(network.with_layers(network.layers[:1]), image).spikes[0][0]
    np.testing.assert_array_equal(found, stored("pilotnet_sdnn/act0", network.input_shape))


def test_the_dense_block_gives_the_stored_spikes(shipped):
    """The neuron's parameters stand in `test_blocks.py`; `du` there is one below our decay.
    `current.npy` is no u or v of this run (it is never read there) and is not compared."""
    layer = DenseLayer(
        np.load(shipped("gts/dense/weight.npy")), CubaLif(np.array(4096), np.array(415), 6)
    )
    spikes = np.load(shipped("gts/dense/in.npy")).astype(np.uint8)
    found = fast.run(QuantizedNetwork.chain((layer,)), spikes[None]).spikes[0][0]
    assert found.sum() > 1000
    np.testing.assert_array_equal(found, np.load(shipped("gts/dense/out.npy")))


def test_the_sigma_delta_blocks_give_the_stored_graded_spikes(shipped, stored):
    """Delta neurons over 15 steps, a convolution over its one stored step (lava-dl's test runs one,
    in which its bias alone acts), and sigma neurons over 16 steps.

    The parameters stand in `test_blocks.py`. The stored kernel is as Lava takes it: (channels,
    width, height, inputs), flipped. The last block took the images flattened in Lava's order, and
    without message bits, so that Lava made 1 of every graded spike.
    """
    sine = np.sin(2 * np.pi * np.arange(15) / 15)
    values = (np.load(shipped("gts/tinynet_sdnn/input_bias.npy"))[..., None] * sine).astype(int)
    sent = stored("tinynet_sdnn/input", (3, 16, 16))
    kernel = np.load(shipped("gts/tinynet_sdnn/layer1_kernel.npy"))
    bias = np.load(shipped("gts/tinynet_sdnn/layer1_bias.npy"))
    conv = ConvLayer(
        kernel.transpose(0, 3, 2, 1)[:, :, ::-1, ::-1], (3, 16, 16), SigmaDelta(20, bias), (2, 2)
    )
    first = netx.InputLayer(Delta(20), (3, 16, 16))
    found = fast.run(QuantizedNetwork.chain((first,)), from_lava(values, (3, 16, 16))[None])
    np.testing.assert_array_equal(found.spikes[0][0], sent)
    step = fast.run(QuantizedNetwork.chain((conv,), message_bits=16), sent[None, :, :1].astype(int))
    kept = stored("tinynet_sdnn/layer1", conv.shape)
    np.testing.assert_array_equal(step.spikes[0][0, :, 0], kept[:, 0])
    assert kept[:, 0].any()
    assert not kept[:, 1:].any()
    last = DenseLayer(np.load(shipped("gts/tinynet_sdnn/layer2_weight.npy")), Sigma())
    flat = np.load(shipped("gts/tinynet_sdnn/layer1.npy")).reshape(1, -1, 16)
    found = fast.run(QuantizedNetwork.chain((last,)), (flat != 0).astype(int)).spikes[0][0]
    np.testing.assert_array_equal(found, np.load(shipped("gts/tinynet_sdnn/layer2.npy")))


def test_mnist_net_answers_with_the_voltage_of_its_last_layer(shipped, draw_spikes):
    """Its last layer has no neurons: netx makes them integrators whose u never decays and whose v
    forgets, so that the last v is u, the weighted sum of all spikes that arrived, times 64."""
    network = netx.read(shipped("mnist.net"))
    assert network.readout == "voltage"
    image = np.repeat(draw_spikes(1, 784, 1), 20, 2)
    run = fast.run(network, image)
    hidden = run.spikes[2][0, :, :-1].sum(1, dtype=int)
    assert hidden.any()
    np.testing.assert_array_equal(run.last_voltage[0], 64 * (network.layers[3].weight @ hidden))


def test_the_complex_dense_block_is_refused_by_name(shipped, tmp_path):
    """It is resonate-and-fire with weights in two parts, laid out as lava-dl writes them."""
    with h5py.File(tmp_path / "model.net", "w") as file:
        group = file.create_group("layer/0")
        group.create_dataset("type", data=np.array([b"dense"], "S10"))
        group.create_dataset("shape", data=np.array([256]))
        for part, name in (("real", "weight_r"), ("imag", "weight_img")):
            weight = np.load(shipped(f"gts/complex_dense/{name}.npy"))
            group.create_dataset(f"weight/{part}", data=weight)
        group.create_dataset("neuron/type", data=b"RF_PHASE")
    with pytest.raises(InputError, match="complex dense"):
        netx.read(tmp_path / "model.net")
