"""netx files: every layer and neuron comes back, and lava-dl's own exports are read."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from neurodeploy.export import netx
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models import loihi
from neurodeploy.models.blocks import slayer
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, Layer, RecurrentLayer
from neurodeploy.models.network import QuantizedNetwork, TaskDescription
from neurodeploy.models.neurons import CubaLif, Delta, Neuron, Sigma, SigmaDelta

pytestmark = pytest.mark.usefixtures("one_torch_thread")

cuba, sigma_delta = slayer.block.cuba, slayer.block.sigma_delta
CUBA = {"threshold": 0.6, "current_decay": 0.25, "voltage_decay": 0.1}
SDNN = {"threshold": 0.1, "activation": torch.nn.functional.relu}
IMAGE = (2, 6, 5)


def each_neuron_kind(neurons: int, channels: int) -> dict[str, Neuron]:
    rng = np.random.default_rng(neurons)

    def decays(size):
        return rng.integers(0, 4097, size)

    return {
        "cuba": CubaLif(decays(1), decays(1), 100),
        "never": CubaLif(decays(1), decays(1), loihi.THRESHOLD_NEVER),
        "one bias": CubaLif(decays(1), decays(1), 100, np.array([-4096])),
        "biases": CubaLif(decays(neurons), decays(neurons), 9, rng.integers(-50, 50, neurons)),
        "a channel": CubaLif(decays(channels), decays(1), 9, rng.integers(1, 50, channels)),
        "sigma-delta": SigmaDelta(20, rng.integers(1, 99, neurons), 5, 4),
        "shared bias": SigmaDelta(20, np.array([7])),
        "sigma": Sigma(),
    }


def each_layer(neuron_kind: str) -> dict[str, tuple[Layer, ...]]:
    """Return layers of every kind with such neurons."""
    rng = np.random.default_rng(1)

    def weight(*shape):
        return rng.integers(-256, 256, shape)

    def neuron(neurons, channels=None):
        return each_neuron_kind(neurons, channels or neurons)[neuron_kind]

    conv = ConvLayer(
        weight(4, 1, 3, 2), IMAGE, neuron(4 * 4 * 2, 4), (1, 2), (1, 0), (2, 1), groups=2
    )

    def wide(*shape):
        return rng.integers(-32_768, 32_768, shape)

    return {
        "dense": (DenseLayer(weight(4, 3), neuron(4)),),
        "dense, 16 bits": (DenseLayer(wide(4, 3), neuron(4), np.ones((4, 1), int)),),
        "recurrent, 16 bits": (RecurrentLayer(wide(4, 3), weight(4, 4), neuron(4)),),
        "convolution, 16 bits": (replace(conv, weight=wide(4, 1, 3, 2)),),
        "synaptic delays": (DenseLayer(weight(4, 3), neuron(4), rng.integers(0, 63, (4, 3))),),
        "recurrent": (RecurrentLayer(weight(4, 3), weight(4, 4), neuron(4)),),
        "recurrent with delays": (
            RecurrentLayer(
                weight(4, 4),
                weight(4, 4),
                neuron(4),
                np.full((4, 1), 3),
                rng.integers(1, 9, (1, 4)),
            ),
        ),
        "convolution": (conv,),
        "convolution and dense": (conv, DenseLayer(weight(5, conv.neurons), neuron(5))),
    }


def assert_comes_back(network: QuantizedNetwork, path) -> QuantizedNetwork:
    netx.write(network, path)
    found = netx.read(path)
    assert found.digest == network.digest
    assert (found.input_shape, found.message_bits) == (network.input_shape, network.message_bits)
    return found


@pytest.mark.parametrize("neuron", each_neuron_kind(4, 4))
@pytest.mark.parametrize("layer", each_layer("cuba"))
def test_every_layer_comes_back_with_every_neuron(layer, neuron, tmp_path):
    network = QuantizedNetwork.chain(each_layer(neuron)[layer], message_bits=8)
    found = assert_comes_back(network, tmp_path / "model.net")
    for one, other in zip(found.layers, network.layers, strict=True):
        assert type(one) is type(other)
        assert type(one.neuron) is type(other.neuron)
        assert (one.shape, one.input_shape) == (other.shape, other.input_shape)


@pytest.mark.parametrize("shape", [(3,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize(
    "neuron", [CubaLif(np.array(4096), np.array(7), 3), Delta(20), Delta(20, 3, 2)]
)
def test_input_neurons_come_back(neuron, shape, tmp_path):
    layers = (InputLayer(neuron, shape, -3, 17), DenseLayer(np.ones((2, np.prod(shape))), Sigma()))
    found = assert_comes_back(QuantizedNetwork.chain(layers), tmp_path / "model.net")
    assert (found.layers[0].scale, found.layers[0].offset) == (-3, 17)


def test_an_average_and_an_image_into_a_dense_layer_come_back(tmp_path):
    neuron = CubaLif(np.array(1), np.array(1), 1)
    network = QuantizedNetwork.chain(
        (DenseLayer(np.ones((6, 60)), neuron),),
        TaskDescription(class_names=("a", "b")),
        input_shape=IMAGE,
        neurons_per_output=3,
    )
    assert assert_comes_back(network, tmp_path / "model.net").neurons_per_output == 3
    with h5py.File(tmp_path / "model.net") as file:
        kinds = [file[f"layer/{i}/type"][0] for i in range(4)]
    assert kinds == [b"input", b"flatten", b"dense", b"average"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1), (5, 4)])
@pytest.mark.parametrize("high", [3, 62])
def test_delays_keep_their_shape(shape, high, tmp_path):
    """Where all are 3, the values alone do not tell it."""
    delay = np.random.default_rng(0).integers(3, high + 1, shape)
    layer = DenseLayer(np.ones((5, 4)), CubaLif(1, 1, 1), delay)
    netx.write(QuantizedNetwork.chain((layer,)), tmp_path / "model.net")
    found = netx.read(tmp_path / "model.net").layers[0].delay
    np.testing.assert_array_equal(found, delay, strict=False)
    assert found.shape == shape


def test_task_and_provenance_come_back(network_file):
    found = netx.read(network_file)
    encoder = {"name": "delta", "step": 0.25}
    assert found.task == TaskDescription("har", encoder, ("a", "b", "c"), 64, 20.0)
    assert dict(found.provenance) == {"seed": 3}


def test_a_file_replaces_the_one_before_or_leaves_it(network_file, tmp_path):
    network, path = netx.read(network_file), tmp_path / "runs" / "har" / "model.net"
    for _ in range(2):
        netx.write(network, path)
    assert netx.read(path).digest == network.digest
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(InputError, match="cannot be written"):
        netx.write(network, network_file / "model.net")
    assert netx.read(network_file).digest == network.digest


@pytest.mark.parametrize(
    ("name", "value"),
    [("neuron/refDelay", [1]), ("neuron/vThMant", [100]), ("shape", 5), ("weight", None)],
)
def test_numbers_may_be_arrays_of_one_and_weights_flat(name, value, network_file):
    expected = netx.read(network_file).layers[0].weight
    with h5py.File(network_file, "r+") as file:
        del file["neurodeploy"], file[f"layer/0/{name}"]
        file[f"layer/0/{name}"] = expected.ravel() if value is None else value
    np.testing.assert_array_equal(netx.read(network_file).layers[0].weight, expected)


@pytest.mark.parametrize(
    ("delay", "shape"), [([7, 0, 2], (3, 1)), ([1, 0, 7, 2, 5], (1, 5))], ids=["neurons", "inputs"]
)
def test_a_1d_delay_is_one_per_neuron_if_it_can_be_else_one_per_input(delay, shape, network_file):
    """As netx reads it; `test_export_netx_stock` runs such a file."""
    with h5py.File(network_file, "r+") as file:
        del file["neurodeploy"], file["layer/1/delay"]
        file["layer/1/delay"] = np.array(delay, np.float32)
    found = netx.read(network_file).layers[1].delay
    np.testing.assert_array_equal(found, np.reshape(delay, shape), strict=False)
    assert netx.read(network_file).task == TaskDescription()


def exported(path, shape, *blocks):
    """Run the blocks once and export them as lava-dl's tutorials do; return what we read."""
    torch.manual_seed(0)
    arriving = torch.rand(1, *shape, 3)
    for block in blocks:
        arriving = block(arriving)
    with h5py.File(path, "w") as file:
        for index, block in enumerate(blocks):
            block.export_hdf5(file.create_group(f"layer/{index}"))
    return netx.read(path)


def weights(synapse):
    return synapse.pre_hook_fx(synapse.weight, descale=True).detach().numpy()[..., 0]


def test_cuba_blocks_are_read_as_lava_dl_exports_them(tmp_path):
    """A biased norm stands for biases. `refDelay`, `gradedSpike` and the rest are lava-dl's own."""
    norm = {"norm": slayer.neuron.norm.MeanOnlyBatchNorm}
    blocks = (
        cuba.Input({**CUBA, "current_decay": 1}, weight=0.4, bias=-0.2),
        cuba.Conv({**CUBA, **norm}, 2, 4, (3, 2), stride=(1, 2), padding=(0, 1), groups=2),
        cuba.Flatten(),
        cuba.Dense({**CUBA, **norm}, 4 * 4 * 3, 7),
        cuba.Recurrent({**CUBA, **norm}, 7, 6),
        cuba.Dense({**CUBA, "voltage_decay": (0.1, 0.9), "shared_param": False}, 6, 5, delay=True),
    )
    for block in (blocks[1], blocks[3], blocks[4]):
        block.neuron.norm.pre_hook_fx = block.neuron.quantize_8bit
        block.eval()
        block.neuron.norm.running_mean = torch.linspace(-1, 1, 4 if block is blocks[1] else 7)
    blocks[4].neuron.norm.running_mean = torch.linspace(-1, 1, 6)
    found = exported(tmp_path / "model.net", IMAGE, *blocks)
    first, conv, dense, recurrent, last = found.layers
    assert found.input_shape == first.shape == IMAGE
    assert (first.scale, first.offset) == (26, -12)  # multiples of 2/64
    assert isinstance(conv, ConvLayer)
    assert (conv.stride, conv.padding, conv.dilation, conv.groups) == ((1, 2), (0, 1), (1, 1), 2)
    assert conv.shape == (4, 4, 3)
    np.testing.assert_array_equal(conv.weight, weights(blocks[1].synapse))
    np.testing.assert_array_equal(recurrent.weight, weights(blocks[4].input_synapse)[..., 0, 0])
    np.testing.assert_array_equal(
        recurrent.recurrent, weights(blocks[4].recurrent_synapse)[..., 0, 0]
    )
    for layer, block in zip((conv, dense, recurrent), (blocks[1], blocks[3], blocks[4])):
        np.testing.assert_array_equal(layer.neuron.bias, block.neuron.norm.bias)
        assert layer.neuron.threshold == 38
    np.testing.assert_array_equal(last.neuron.voltage_decay, blocks[5].neuron.cx_voltage_decay)
    np.testing.assert_array_equal(last.delay, np.zeros((1, 1)))  # a fresh delay is below 1


def test_an_input_without_neurons_names_the_shape(tmp_path):
    blocks = (cuba.Input(delay_shift=False), cuba.Conv(CUBA, 2, 4, 3))
    found = exported(tmp_path / "model.net", IMAGE, *blocks)
    assert found.input_shape == IMAGE
    assert len(found.layers) == 1


def test_affine_blocks_are_read_as_integrators_that_never_fire(tmp_path):
    """With dynamics lava-dl writes the largest threshold of its own, without it no neurons."""
    for index, dynamics in enumerate((True, False)):
        path = tmp_path / f"{index}.net"
        blocks = (cuba.Dense(CUBA, 3, 4), cuba.Affine(CUBA, 4, 2, dynamics=dynamics))
        found = exported(path, (3,), *blocks)
        assert found.readout == "voltage"
        assert found.layers[1].neuron.threshold == loihi.THRESHOLD_NEVER
        assert found.layers[1].neuron.current_decay == (1024 if dynamics else 0)


def test_lava_dl_cannot_export_its_own_average(tmp_path):
    """It asks the block for neurons, which it has not: such files were written by hand, as
    `ntidigits.net` shows. Those are read."""
    blocks = (cuba.Dense(CUBA, 3, 6), cuba.Average(2))
    with pytest.raises(AttributeError, match="neuron"):
        exported(tmp_path / "model.net", (3,), *blocks)
    with h5py.File(tmp_path / "model.net", "r+") as file:
        file["layer/1/shape"] = np.array([2, 1, 1])
    found = netx.read(tmp_path / "model.net")
    assert (found.outputs, found.neurons_per_output) == (2, 3)


def test_sigma_delta_blocks_are_read_as_lava_dl_exports_them(tmp_path):
    blocks = (
        sigma_delta.Input(SDNN, weight=0.5, bias=0.25),
        sigma_delta.Conv(SDNN, 2, 4, 3),
        sigma_delta.Flatten(),
        sigma_delta.Dense({**SDNN, "threshold": 0.5}, 4 * 4 * 3, 7),
        sigma_delta.Output(SDNN, 7, 3),
    )
    found = exported(tmp_path / "model.net", IMAGE, *blocks)
    first, conv, dense, last = found.layers
    assert isinstance(first.neuron, Delta)
    assert (first.scale, first.offset, first.neuron.threshold) == (32, 16, 6)
    assert (conv.neuron.spike_exp, conv.neuron.state_exp) == (loihi.SPIKE_EXP, loihi.STATE_EXP)
    assert dense.neuron.threshold == 32
    assert isinstance(dense.neuron, SigmaDelta)
    assert isinstance(last.neuron, Sigma)
    np.testing.assert_array_equal(last.weight, weights(blocks[4].synapse)[..., 0, 0])
    assert found.readout == "values"


def test_spike_exp_and_message_bits_of_a_foreign_file_are_the_reader_s_to_give(tmp_path):
    blocks = (sigma_delta.Dense(SDNN, 4, 7), sigma_delta.Output(SDNN, 7, 3))
    exported(tmp_path / "model.net", (4,), *blocks)
    found = netx.read(tmp_path / "model.net", netx.Defaults(spike_exp=2, message_bits=9))
    assert found.message_bits == 9
    assert found.layers[0].neuron.spike_exp == 2


def test_thresholds_past_the_mantissa_never_fire(tmp_path):
    """lava-dl writes two of them: 1 << 17 and (1 << 18) - 1."""
    for threshold in (1 << 17, (1 << 18) - 1):
        blocks = (cuba.Dense(CUBA, 3, 4),)
        exported(tmp_path / "model.net", (3,), *blocks)
        with h5py.File(tmp_path / "model.net", "r+") as file:
            del file["layer/0/neuron/vThMant"]
            file["layer/0/neuron/vThMant"] = threshold
        network = netx.read(tmp_path / "model.net")
        assert network.layers[0].neuron.threshold == loihi.THRESHOLD_NEVER
        run = fast.run(network, np.ones((1, 3, 200), np.uint8))
        assert not run.spikes[0].any()
