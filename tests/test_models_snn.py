"""SLAYER networks: what they are made of, what an architecture may hold, where delays start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models import loihi
from models.architecture import Architecture
from models.block_spikes import layer_spikes
from models.errors import InputError
from models.slayer import slayer
from models.snn import SlayerNetwork

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


def test_unknown_kernels_are_refused():
    with pytest.raises(InputError, match="'fast' is no kind of kernels; choose compiled or stock"):
        SlayerNetwork(PLAIN, "fast")


def test_delays_start_spread_over_the_range():
    delays = made(Architecture.dense((5, 400, 300, 3), longest_start=20.0)).delay_parameters()
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


def test_delays_are_clamped_to_what_loihi_has(draw_spikes):
    network = made()
    first = network.delay_parameters()[0]
    first.data[:2] = torch.tensor([-3.0, 99.0])
    kept = first.data[2:].clone()
    network.after_step()
    assert first.data[:2].tolist() == [0.0, loihi.DELAY_MAX]
    assert torch.equal(first.data[2:], kept)


def test_the_same_seed_gives_the_same_weights():
    one, same, other = (made(seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(values, same[name]) for name, values in one.items())
    assert not torch.equal(one["blocks.0.synapse.weight"], other["blocks.0.synapse.weight"])
    assert not torch.equal(one["blocks.0.delay.delay"], other["blocks.0.delay.delay"])


def test_weights_load_into_a_fresh_network():
    trained, fresh = made(seed=1), made(seed=2)
    fresh.load_state_dict(trained.state_dict())
    assert all(torch.equal(v, fresh.state_dict()[n]) for n, v in trained.state_dict().items())


def test_importing_prints_nothing(tmp_path):
    files = [tmp_path / "out.txt", tmp_path / "err.txt"]
    with files[0].open("w") as out, files[1].open("w") as err:
        subprocess.run(
            [sys.executable, "-c", "import models.snn, models.quantize"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=120, check=True,
        )  # fmt: skip
    assert [file.read_text() for file in files] == ["", ""]


def test_object_detection_of_slayer_loads_only_when_asked_for():
    code = (
        "import sys\nfrom models.slayer import slayer\n"
        "assert 'torchvision' not in sys.modules\n"
        "assert slayer.obd.boundingbox.__name__.endswith('object_detection.boundingbox')\n"
        "assert 'torchvision' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
