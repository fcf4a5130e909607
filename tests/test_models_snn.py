"""SLAYER networks: what they are made of, what an architecture may hold, where delays start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from neurodeploy.models.architecture import Architecture, LayerSpec
from neurodeploy.models.blocks import layer_spikes, slayer
from neurodeploy.models.snn import KERNELS, SlayerNetwork

pytestmark = pytest.mark.usefixtures("one_torch_thread")

ROOT = Path(__file__).resolve().parent.parent
PLAIN = Architecture.dense((5, 40, 30, 3))


def made(architecture: Architecture = PLAIN, *, seed: int = 0) -> SlayerNetwork:
    torch.manual_seed(seed)
    return SlayerNetwork(architecture)


def test_blocks_are_lava_dls_own():
    network = made()
    assert [type(block) for block in network.blocks] == [slayer.block.cuba.Dense] * 3
    for block in network.blocks:
        assert block.delay_shift is True
        assert block.synapse.pre_hook_fx == block.neuron.quantize_8bit
        assert (block.neuron.threshold, block.neuron.v_th_mant) == (1.25, 80)
        assert block.neuron.current_decay.tolist() == [1024.0]
        assert block.neuron.voltage_decay.tolist() == pytest.approx([204.8])
        assert not block.neuron.current_decay.requires_grad


def test_forward_equals_lava_dls_own_forward(draw_spikes):
    network = made(PLAIN.changed(threshold=0.3))
    spikes = expected = torch.from_numpy(draw_spikes(3, 5, 80)).float()
    for block in network.blocks:
        expected = block(expected)
    assert expected.sum() > 20
    assert torch.equal(network(spikes), expected)
    assert torch.equal(layer_spikes(network, spikes)[-1], expected)


def test_delays_start_spread_over_the_range():
    delays = made(Architecture.dense((5, 400, 300, 3), delay_init_max=20.0)).delay_parameters()
    assert [each.shape for each in delays] == [(400,), (300,)]
    for each in delays:
        assert 0 <= each.min() < 1
        assert 19 < each.max() <= 20
        assert 9 < each.mean() < 11


def test_the_last_layer_has_no_delay_and_delays_can_be_left_out():
    assert [block.delay is None for block in made().blocks] == [False, False, True]
    without = made(PLAIN.with_delays("none"))
    assert without.delay_parameters() == []
    assert all(block.delay is None for block in without.blocks)


def test_importing_prints_nothing(tmp_path):
    files = [tmp_path / "out.txt", tmp_path / "err.txt"]
    with files[0].open("w") as out, files[1].open("w") as err:
        subprocess.run(
            [sys.executable, "-c", "import neurodeploy.models.snn, neurodeploy.models.quantize"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=600, check=True,
        )  # fmt: skip
    assert [file.read_text() for file in files] == ["", ""]


@pytest.mark.long
def test_object_detection_of_slayer_loads_only_when_asked_for():
    code = (
        "import sys\nfrom neurodeploy.models.blocks import slayer\n"
        "assert 'torchvision' not in sys.modules\n"
        "assert slayer.obd.boundingbox.__name__.endswith('object_detection.boundingbox')\n"
        "assert 'torchvision' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


FULL = Architecture(
    (1, 6, 5),
    (
        LayerSpec("conv", channels=3, kernel_size=3, bias=True, threshold=0.4),
        LayerSpec("dense", 9, delays="synaptic", max_delay=8, density=0.5, threshold=0.4),
        LayerSpec("recurrent", 7, learn_decays="neuron", dropout=0.4, threshold=0.4),
        LayerSpec("dense", 4, learn_decays="shared", weight_bits=6),
    ),
)


def test_parameters_fall_into_groups_of_one_learning_rate():
    network = made(FULL)
    names = {id(p): name for name, p in network.named_parameters()}
    groups = {
        kind: sorted(names[id(each)] for each in parameters)
        for kind, parameters in network.parameter_groups().items()
    }
    assert groups == {
        "weights": [
            "blocks.0.neuron.norm.values",
            "blocks.0.synapse.weight",
            "blocks.2.synapse.weight",
            "blocks.3.input_synapse.weight",
            "blocks.3.recurrent_synapse.weight",
            "blocks.4.synapse.weight",
        ],
        "delays": ["blocks.2.synaptic_delay"],
        "decays": [
            f"blocks.{index}.neuron.{which}_decay"
            for index in (3, 4)
            for which in ("current", "voltage")
        ],
    }
    assert set(made(PLAIN).parameter_groups()) == {"weights", "delays"}
    assert set(made(PLAIN.with_delays("none")).parameter_groups()) == {"weights"}


def test_after_a_step_delays_and_decays_mean_something():
    network = made(FULL)
    delays, decays = network.layers[1].synaptic_delay, network.layers[2].neuron.voltage_decay
    delays.data[0, :2] = torch.tensor([-1.0, 9.0])  # 8 is the highest
    decays.data[:2] = torch.tensor([-5.0, 5000.0])
    network.after_step()
    assert delays.data[0, :2].tolist() == [0, 8]
    assert decays.data[:2].tolist() == [0, 4096]


def test_synapses_that_do_not_exist_stay_at_zero(draw_spikes):
    network = made(FULL)
    block = network.layers[1]
    missing = block.mask.flatten(1) == 0
    assert (~missing).sum(1).tolist() == [18] * 9  # half of the 36 senders
    assert not block.synapse.weight.detach().flatten(1)[missing].any()
    optimizer = torch.optim.Adam(network.parameters(), 0.1)
    network(torch.from_numpy(draw_spikes(4, 30, 30, rate=0.5)).float()).sum().backward()
    optimizer.step()
    weight = block.synapse.weight.detach().flatten(1)
    assert not weight[missing].any()
    assert weight[~missing].all()
    assert not block.whole_delays()[missing.numpy()].any()


def test_fewer_synapses_have_larger_weights():
    """The sums keep their size: weights grow with one over the root of the share."""
    sparse = made(Architecture.dense((400, 50, 3)).changed(density=0.25)).layers[0]
    full = made(Architecture.dense((400, 50, 3))).layers[0]
    kept = sparse.synapse.weight.detach()[sparse.mask != 0]
    assert float(kept.std() / full.synapse.weight.detach().std()) == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize("kernels", KERNELS)
def test_dropout_leaves_out_whole_senders_of_a_sample_in_training_alone(kernels, draw_spikes):
    architecture = Architecture.dense((200, 1), threshold=20.0).changed(
        dropout=0.25, current_decay=1.0, voltage_decay=1.0, threshold=30.0
    )
    torch.manual_seed(0)
    network = SlayerNetwork(architecture, kernels)
    network.layers[0].synapse.weight.data[:] = 0.25
    spikes = torch.ones(60, 200, 4)
    arriving = spikes.clone().requires_grad_()
    network.train()(arriving).sum().backward()
    share = arriving.grad[:, :, :3]
    dropped = share == 0
    assert torch.equal(dropped.all(2), dropped.any(2))  # for all steps or for none
    assert float(dropped.float().mean()) == pytest.approx(0.25, abs=0.02)
    torch.manual_seed(7)
    one = network(spikes)
    torch.manual_seed(7)
    assert torch.equal(network(spikes), one)
    network.eval()
    assert torch.equal(network(spikes), network(spikes))
    assert network(spikes)[..., 1:].all()  # 200 * 0.25 is over the threshold


def test_synops_have_a_gradient(draw_spikes):
    network = made(FULL)
    spikes = torch.from_numpy(draw_spikes(4, 30, 30, rate=0.5)).float()
    layers = network.layer_spikes(spikes)
    synops = network.layer_synops(spikes, layers)
    assert synops.shape == (4, 4)
    conv, dense, recurrent, last = network.architecture.shapes[1:]
    own = layers[2].sum((1, 2)) * recurrent[0]
    assert torch.equal(synops[1], layers[0].sum((1, 2)) * dense[0])
    assert torch.equal(synops[2], layers[1].sum((1, 2)) * recurrent[0] + own)
    assert torch.equal(synops[3], layers[2].sum((1, 2)) * last[0])
    assert torch.equal(network.layer_synops(spikes, layers).sum(0), synops.sum(0))
    network.layer_synops(spikes, layers).sum(0).mean().backward()
    assert network.layers[0].synapse.weight.grad.abs().max() > 0
    assert conv == (3, 4, 3)


def test_weights_of_a_convolution_that_are_zero_once_quantized_take_no_synops():
    """One spike in the corner of the image meets the weight (0, 0) of each of three kernels."""
    network = made(FULL)
    spikes = torch.zeros(1, 30, 5)
    spikes[0, 0, 1] = 1
    weight = network.layers[0].synapse.weight.data
    for corners, stored in (((1.0, 1.0, 1.0), 3), ((1.0, 0.0, -1.0), 2), ((0.01, 0.0, 0.0), 0)):
        weight[:, 0, 0, 0, 0] = torch.tensor(corners)
        synops = network.layer_synops(spikes, network.layer_spikes(spikes))
        assert synops[0].tolist() == [stored]


def test_networks_with_biases_run_a_silent_step_first():
    """A bias of half the threshold fires its neuron in the second step, as on a chip."""
    network = made(Architecture.dense((1, 1), bias=True, voltage_decay=0.0, threshold=0.6))
    network.layers[0].neuron.norm.values.data[:] = 0.5
    assert network(torch.zeros(1, 1, 6)).tolist() == [[[0, 1, 0, 1, 0, 1]]]
    network.kernels = "stock"
    assert network(torch.zeros(1, 1, 6)).tolist() == [[[0, 1, 0, 1, 0, 1]]]
