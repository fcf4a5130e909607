"""Quantization: the integers that SLAYER computes with, compared spike by spike, or a refusal."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
import torch

from neurodeploy.evaluation.comparison import check_equivalence
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models import loihi
from neurodeploy.models.blocks import layer_spikes, slayer
from neurodeploy.models.errors import DesignRuleError, InputError
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription
from neurodeploy.models.quantize import quantize

pytestmark = [
    pytest.mark.usefixtures("one_torch_thread"),
    pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning"),
]

NEURON = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.05}
Dense = partial(slayer.block.cuba.Dense, weight_scale=3)


@pytest.fixture
def user_network(stack):
    """Return a function that makes a network of blocks and runs it once, as a training would."""

    def make(*blocks):
        network = stack(*blocks)
        network(torch.zeros(1, blocks[0].synapse.in_channels, 1))
        for block in blocks:
            if block.delay is not None:
                block.delay.delay.data = 25 * torch.rand(block.synapse.out_channels)
        return network

    return make


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(3)


def random_mask() -> torch.Tensor:
    return (torch.rand(12, 7) < 0.6).float()


def odd_steps(weight: torch.Tensor, descale: bool = False) -> torch.Tensor:
    """A user's own quantizer: multiples of 1/64, odd ones too."""
    return slayer.utils.quantize(weight, step=1 / 64).clamp(-255 / 64, 255 / 64)


coarse = partial(slayer.utils.quantize_hook_fx, num_bits=5)

PER_NEURON = {
    "threshold": 1.0, "current_decay": (0.05, 0.9), "voltage_decay": (0.0, 0.4),
    "shared_param": False,
}  # fmt: skip
VARIANTS = {
    "plain": dict,
    "delay": lambda: {"delay": True},
    "weight_norm": lambda: {"weight_norm": True, "delay": True},
    "mask": lambda: {"mask": random_mask()},
    "odd weights": lambda: {"pre_hook_fx": odd_steps},
    "quantize_hook_fx with 7 bits": lambda: {
        "pre_hook_fx": partial(slayer.utils.quantize_hook_fx, num_bits=7)
    },
    "quantize_hook_fx with 5 bits": lambda: {"pre_hook_fx": coarse},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_integers_spike_as_slayer_does(user_network, draw_spikes, variant):
    network = user_network(
        Dense(NEURON, 7, 12, **VARIANTS[variant]()),
        Dense(PER_NEURON, 12, 11, delay=True),
        Dense(NEURON, 11, 4),
    )
    before = {name: values.clone() for name, values in network.state_dict().items()}
    quantized = quantize(network)
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(v, before[name]) for name, v in network.state_dict().items())
    assert network.blocks[0].synapse.weight_norm_enabled == (variant == "weight_norm")
    found = check_equivalence(network, quantized, draw_spikes(6, 7, 100))
    assert found.equal, found.first
    assert found.num_spikes > 500


def test_integers_are_64_times_slayers_values(user_network):
    network = user_network(Dense(PER_NEURON, 7, 12, delay=True), Dense(NEURON, 12, 4))
    network.blocks[0].synapse.weight.data[0, :2, 0, 0, 0] = torch.tensor([9.0, -9.0])
    first, second = quantize(network).layers
    for block, layer in zip(network.blocks, (first, second)):
        slayers = block.synapse.pre_hook_fx(block.synapse.weight, descale=True).detach()
        assert np.array_equal(layer.weight, slayers.flatten(1).numpy())
        assert layer.neuron.threshold == block.neuron.v_th_mant
        assert np.array_equal(layer.neuron.current_decay, np.ravel(block.neuron.cx_current_decay))
        assert np.array_equal(layer.neuron.voltage_decay, np.ravel(block.neuron.cx_voltage_decay))
    assert first.weight[0, :2].tolist() == [loihi.SLAYER_WEIGHT_MAX, loihi.WEIGHT_MIN]
    assert len(set(first.neuron.current_decay.tolist())) > 6


@pytest.mark.parametrize(
    ("trained", "column"), [([2.99, 0.0, 61.5], [2, 0, 61]), ([-0.5, 62.7, 1.0], [0, 62, 1])]
)
def test_an_axonal_delay_becomes_a_column_of_the_receiving_layer(user_network, trained, column):
    """The last step of an optimizer may leave one out of range; SLAYER would clamp it."""
    network = user_network(Dense(NEURON, 7, 3, delay=True), Dense(NEURON, 3, 4))
    network.blocks[0].delay.delay.data = torch.tensor(trained)
    first, second = quantize(network).layers
    assert first.delay_kind == "none"
    assert second.delay.tolist() == [column]
    assert network.blocks[0].delay.delay.tolist() == pytest.approx(trained)


def test_task_and_provenance_are_kept(user_network):
    task = TaskDescription("har", {"name": "delta"}, tuple("abcd"), 100, 20.0)
    quantized = quantize(user_network(Dense(NEURON, 7, 4)), task=task, provenance={"seed": 3})
    assert quantized.task == task
    assert dict(quantized.provenance) == {"seed": 3}


def huge(weight: torch.Tensor, descale: bool = False) -> torch.Tensor:
    return slayer.utils.quantize_hook_fx(8 * weight, num_bits=8)


def never_run(*args, **kwargs):
    return slayer.block.cuba.Dense(*args, **kwargs)


def long_delay(*args):
    block = Dense(*args, delay=True)
    block.delay = slayer.axon.Delay()
    block(torch.zeros(1, 7, 1))
    block.delay.delay.data[1] = 63.2
    return block


def no_number(*args):
    block = Dense(*args)
    block.synapse.weight.data[1, 2] = float("nan")
    return block


REFUSED = {
    "wide weights": (
        lambda: Dense(NEURON, 7, 4, pre_hook_fx=huge, weight_scale=9),
        ("-512 to 510", "-256..254", "pre_hook_fx"),
    ),
    "unquantized weights": (
        lambda: Dense(NEURON, 7, 4, pre_hook_fx=None), ("weights", "1/64", "pre_hook_fx")
    ),
    "no number": (lambda: no_number(NEURON, 7, 4), ("synapse.weight", "not finite")),
    "high threshold": (lambda: Dense({**NEURON, "threshold": 64}, 7, 4), ("threshold is 64",)),
    "negative threshold": (lambda: Dense({**NEURON, "threshold": -1}, 7, 4), ("threshold is -1",)),
    "long delay": (lambda: long_delay(NEURON, 7, 4), ("delays", "63", "62", "max_delay=62")),
    "delays never set": (lambda: never_run(NEURON, 7, 4, delay=True), ("delays", "forward pass")),
    "decays never set": (lambda: never_run(PER_NEURON, 7, 4), ("decays", "forward pass")),
    "no delay shift": (lambda: Dense(NEURON, 7, 4, delay_shift=False), ("delay_shift",)),
    "graded spikes": (
        lambda: Dense({**NEURON, "graded_spike": True}, 7, 4), ("graded_spike=False",)
    ),
    "normalised input": (
        lambda: Dense({**NEURON, "norm": slayer.neuron.norm.WgtScaleBatchNorm}, 7, 4),
        ("WgtScaleBatchNorm", "slayer.neuron.norm.MeanOnlyBatchNorm"),
    ),
    "persistent state": (
        lambda: Dense({**NEURON, "persistent_state": True}, 7, 4), ("persistent_state=False",)
    ),
    "another scale": (lambda: Dense({**NEURON, "scale": 32}, 7, 4), ("scale=32", "64")),
    "image": (lambda: Dense(NEURON, (7, 2, 1), 4), ("image", "in_neurons")),
    "mask under weight_norm": (
        lambda: Dense(NEURON, 7, 12, mask=random_mask(), weight_norm=True), ("mask", "weight_norm")
    ),
    "pooling": (lambda: slayer.block.cuba.Pool(NEURON, 2), ("cuba.Pool", "Average")),
    "other neurons": (
        lambda: slayer.block.sigma_delta.Dense({"threshold": 0.1, "activation": torch.relu}, 7, 4),
        ("sigma_delta.Dense", "slayer.block.cuba.Input"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_integer_counterpart_is_refused(stack, case):
    make, named = REFUSED[case]
    with pytest.raises(DesignRuleError, match=".*".join(map(re.escape, named))) as caught:
        quantize(stack(make(), Dense(NEURON, 4, 4)))
    (problem,) = caught.value.problems
    assert problem.startswith("block 0: ")


def test_a_delayed_last_layer_is_refused(user_network):
    network = user_network(Dense(NEURON, 7, 4), Dense(NEURON, 4, 4, delay=True))
    with pytest.raises(DesignRuleError, match=r"block 1: .*last.*delay=False"):
        quantize(network)
    network.blocks[1].delay.delay.data[:] = 0.9
    assert len(quantize(network).layers) == 2


def test_sums_that_float32_cannot_hold_are_refused(stack):
    network = stack(Dense(NEURON, 66053, 1))
    network.blocks[0].synapse.weight.data[:] = 254 / 64
    with pytest.raises(DesignRuleError, match="16777462"):
        quantize(network)


def test_all_problems_are_reported_at_once(stack):
    network = stack(
        Dense({**NEURON, "threshold": 70}, 7, 4, pre_hook_fx=None),
        Dense({**NEURON, "graded_spike": True, "persistent_state": True}, 4, 4),
        long_delay(NEURON, 7, 4),
    )
    with pytest.raises(DesignRuleError) as caught:
        quantize(network)
    named = ["weights", "threshold", "graded", "persists", "63 steps", "last"]
    blocks = [0, 0, 1, 1, 2, 2]
    for problem, block, word in zip(caught.value.problems, blocks, named, strict=True):
        assert problem.startswith(f"block {block}: ")
        assert word in problem


def test_a_module_without_blocks_is_refused(stack):
    for module in (torch.nn.Linear(2, 2), stack()):
        with pytest.raises(InputError, match="blocks"):
            quantize(module)


@pytest.mark.parametrize(("threshold", "slayer_fires"), [(63, False), (64, True)])
def test_from_64_on_slayer_fires_at_the_threshold_itself(stack, threshold, slayer_fires):
    """As many inputs as the threshold with weights of 1.0 bring v exactly to the threshold.

    The integers fire above it only; that is why such thresholds are refused.
    """
    network = stack(
        Dense({"threshold": threshold, "current_decay": 1, "voltage_decay": 1}, threshold, 1)
    )
    network.blocks[0].synapse.weight.data[:] = 1.0
    spikes = np.zeros((1, threshold, 3), np.uint8)
    spikes[:, :, 0] = 1
    emitted = layer_spikes(network, torch.from_numpy(spikes).float())[0]
    assert emitted.flatten().tolist() == [0, float(slayer_fires), 0]
    integer = QuantizedNetwork.chain(
        (
            DenseLayer(
                np.full((1, threshold), 64), CubaLif(np.array(4096), np.array(4096), 64 * threshold)
            ),
        )
    )
    assert not fast.run(integer, spikes).spikes[0].any()


def test_a_current_beyond_24_bits_makes_the_networks_differ_and_is_counted(stack):
    """64 weights of 254 add 64 * 254 << 6 a step to a current that never decays.

    Eight steps bring it to 8323072; the ninth, step 9 of the layer, wraps it at 2^23.
    """
    network = stack(Dense({"threshold": 1, "current_decay": 0, "voltage_decay": 0}, 64, 2))
    network.blocks[0].synapse.weight.data[:] = 254 / 64
    quantized, spikes = quantize(network), np.ones((1, 64, 12), np.uint8)
    within = check_equivalence(network, quantized, spikes[:, :, :9])
    assert (within.equal, within.num_overflows, within.num_spikes) == (True, 0, 2 * 8)
    beyond = check_equivalence(network, quantized, spikes)
    assert not beyond.equal
    assert beyond.num_overflows >= 2
    assert (beyond.first.layer, beyond.first.step) == (0, 9)
