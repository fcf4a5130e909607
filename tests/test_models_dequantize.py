"""From integers back to SLAYER: the same spikes and digest, what stays fixed, what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.evaluation.comparison import check_equivalence
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.architecture import Architecture, LayerSpec
from neurodeploy.models.blocks import layer_spikes
from neurodeploy.models.dequantize import bits_of, constant_neurons, to_slayer
from neurodeploy.models.errors import DesignRuleError
from neurodeploy.models.network import (
    ConvLayer,
    CubaLif,
    DenseLayer,
    InputLayer,
    QuantizedNetwork,
    RecurrentLayer,
    Sigma,
    TaskDescription,
)
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import SlayerNetwork
from neurodeploy.train.checkpoint import Checkpoint

pytestmark = pytest.mark.usefixtures("one_torch_thread")

RNG = np.random.default_rng(4)


def weights(*shape: int, low: int = -110, high: int = 180, odd: bool = False) -> Any:
    drawn = RNG.integers(low, high, shape)
    return drawn if odd else drawn & ~1


def neuron(size: int = 1, *, bias: int = 0, threshold: int = 120) -> CubaLif:
    biases = RNG.integers(-30, 60, bias) if bias else 0
    current, voltage = RNG.integers(300, 3000, size), RNG.integers(0, 1500, size)
    return CubaLif(current, voltage, threshold, biases)


def delays(*shape: int) -> Any:
    return RNG.integers(0, 63, shape)


NETWORKS = {
    "decays per neuron, axonal delays, biases": [
        DenseLayer(weights(9, 5), neuron(9)),
        DenseLayer(weights(4, 9), neuron(bias=4), delays(1, 9)),
    ],
    "odd weights of one sign, and within 7 bits": [
        DenseLayer(weights(9, 5, low=0, high=256, odd=True), neuron()),
        DenseLayer(weights(4, 9, low=-128, high=128, odd=True), neuron(4)),
    ],
    "delays of the input, per neuron and per synapse": [
        DenseLayer(weights(9, 5), neuron(), delays(1, 5)),
        DenseLayer(weights(9, 9), neuron(), delays(9, 1)),
        DenseLayer(weights(4, 9), neuron(), delays(4, 9)),
    ],
    "thresholds of 17 bits": [
        DenseLayer(weights(9, 50), CubaLif(4096, 0, 5000)),
        DenseLayer(weights(4, 9, low=0), CubaLif(0, 0, 100_001)),
    ],
    "recurrence after delays": [
        DenseLayer(weights(6, 5), neuron()),
        RecurrentLayer(weights(9, 6), weights(9, 9), neuron(9, bias=9), delays(1, 6)),
        RecurrentLayer(weights(4, 9), weights(4, 4), neuron()),
    ],
    "convolutions with dilation, groups and biases of 13 bits": [
        ConvLayer(
            weights(4, 2, 3, 3), (2, 9, 8), CubaLif(900, 90, 300, [5, -4000, 299, 0]), (2, 1),
            (1, 0), (1, 2),
        ),
        ConvLayer(weights(6, 2, 2, 2), (4, 5, 4), neuron(), groups=2),
        DenseLayer(weights(4, 72), neuron(), np.repeat(delays(6), 12)),
    ],
    "delays per pixel after a convolution": [
        ConvLayer(weights(4, 2, 3, 3), (2, 5, 5), neuron()),
        DenseLayer(weights(4, 36), neuron(), delays(1, 36)),
    ],
    "4 bits": [
        DenseLayer(weights(9, 5, low=-8, high=8, odd=True) * 32, neuron(9)),
        DenseLayer(weights(4, 9, low=-8, high=8, odd=True) * 16, neuron()),
    ],
}  # fmt: skip


@pytest.mark.parametrize("case", NETWORKS)
def test_the_way_to_slayer_and_back_changes_no_spike_and_no_integer(
    case: str, draw_spikes: Any
) -> None:
    task = TaskDescription("", {"name": "spikes", "extra_steps": 2}, tuple("abcd"), dt_ms=1.0)
    network = QuantizedNetwork.chain(NETWORKS[case], task, {"seed": 3})
    trainable = to_slayer(network)
    assert quantize(trainable).digest == network.digest
    assert dict(quantize(trainable).provenance) == {"seed": 3}
    spikes = draw_spikes(4, network.inputs, 80)
    found = check_equivalence(trainable, network, spikes)  # in lava-dl's dynamics
    assert found.equal, found
    assert found.num_spikes > 200
    with torch.no_grad():  # in our kernels, which training uses
        compiled = trainable.layer_spikes(torch.from_numpy(spikes).float())
    expected = fast.run(network, spikes).spikes
    assert all(np.array_equal(a.numpy(), b) for a, b in zip(compiled, expected))
    saved = Checkpoint(trainable.architecture, trainable.state_dict(), trainable.task, {})
    assert quantize(saved.network()).digest == network.digest


def test_the_fewest_bits_that_hold_all_layers_are_kept() -> None:
    four = QuantizedNetwork.chain(NETWORKS["4 bits"])
    six = QuantizedNetwork.chain([DenseLayer([[8, -248], [0, 16]], CubaLif(4096, 0, 9))])
    assert (bits_of(four), bits_of(six), bits_of(random_recurrent())) == (4, 6, 8)
    assert {each.weight_bits for each in to_slayer(four).architecture.layers} == {4}
    wider = to_slayer(four, weight_bits=8)
    assert quantize(wider).digest == four.digest


def random_recurrent() -> QuantizedNetwork:
    return QuantizedNetwork.chain(NETWORKS["recurrence after delays"])


def test_a_high_threshold_fires_above_it_only() -> None:
    """As many inputs as the threshold with weights of 1.0 bring v exactly to the threshold."""
    for threshold in (63, 64, 2047):
        spec = LayerSpec("dense", 1, threshold=threshold, current_decay=1, voltage_decay=1)
        network = SlayerNetwork(Architecture((threshold + 1,), (spec,))).eval()
        network.layers[0].synapse.weight.data[:] = 1.0
        network.layers[0].synapse.weight.data[0, -1] = 2 / 64
        at, above = torch.ones(1, threshold + 1, 1), torch.ones(1, threshold + 1, 1)
        at[:, -1] = 0
        for spikes, fires in ((at, 0.0), (above, 1.0)):
            padded = torch.nn.functional.pad(spikes, (0, 1))
            with torch.no_grad():
                assert float(layer_spikes(network, padded)[0].sum()) == fires
                assert float(network.layer_spikes(padded)[0].sum()) == fires


# What stays as it is


def always_on() -> QuantizedNetwork:
    """A recurrent layer of 3 neurons, one that is always on (3) and one that relays it (4)."""
    recurrent = weights(5, 5)
    recurrent[3:] = 0
    recurrent[4, 3] = 254
    weight = weights(5, 4)
    weight[3:] = 0
    rules = CubaLif([900, 900, 900, 4096, 4096], [90, 90, 90, 4096, 4096], 100, [0, 0, 0, 101, 100])
    return QuantizedNetwork.chain(
        [RecurrentLayer(weight, recurrent, rules), DenseLayer(weights(2, 5), neuron())]
    )


def one_step(network: SlayerNetwork, spikes: Any) -> None:
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    counts = network(torch.from_numpy(spikes).float()).sum(2)
    (counts - 20).square().mean().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    network.after_step()
    network.eval()


def test_neurons_that_send_a_constant_keep_doing_so(draw_spikes: Any) -> None:
    network = always_on()
    assert constant_neurons(network.layers[0]).tolist() == [False] * 3 + [True] * 2
    assert not constant_neurons(network.layers[1]).any()
    trainable, spikes = to_slayer(network), draw_spikes(6, 4, 60)
    one_step(trainable, spikes)
    before, after = network.layers[0], quantize(trainable).layers[0]
    assert isinstance(before, RecurrentLayer)
    assert isinstance(after, RecurrentLayer)
    for name in ("weight", "recurrent"):
        assert np.array_equal(getattr(after, name)[3:], getattr(before, name)[3:])
    assert (after.recurrent[:3] != before.recurrent[:3]).any()
    assert (after.recurrent[:3, 3:] != before.recurrent[:3, 3:]).any()  # what they send learns
    assert after.neuron.bias[3:].tolist() == [101, 100]
    fired = fast.run(quantize(trainable), spikes).spikes[0]
    assert fired[:, 3].all()
    assert fired[:, 4, 1:].all()


def test_synaptic_delays_stay_and_unsigned_weights_keep_their_sign(draw_spikes: Any) -> None:
    first = DenseLayer(weights(6, 4, low=0, high=60, odd=True), neuron(), delays(6, 4))
    network = QuantizedNetwork.chain([first, DenseLayer(weights(2, 6, high=255), neuron())])
    first = replace(first, weight=np.where(first.weight == first.weight.max(), 255, first.weight))
    network = network.with_layers((first, network.layers[1]))
    trainable = to_slayer(network)
    for _ in range(5):
        one_step(trainable, draw_spikes(6, 4, 60))
    after = quantize(trainable).layers[0]
    assert isinstance(after, DenseLayer)
    assert np.array_equal(after.delay, first.delay)
    assert (after.weight != first.weight).any()
    assert after.weight.min() >= 0
    assert (after.weight & 1).any()


# Refusals

PLAIN = DenseLayer(weights(4, 4), neuron())
IMAGES = ConvLayer(weights(2, 1, 2, 2), (1, 3, 3), neuron())
REFUSED: dict[str, tuple[Any, tuple[str, ...]]] = {
    "graded input": (
        lambda: QuantizedNetwork.chain([PLAIN], message_bits=8),
        ("graded spikes of 8 bits", "0 and 1")
    ),
    "averages": (
        lambda: QuantizedNetwork.chain([PLAIN], neurons_per_output=2), ("2 neurons are averaged",)
    ),
    "input neurons": (
        lambda: QuantizedNetwork.chain([InputLayer(CubaLif(4096, 9, 9), (4,)), PLAIN]),
        ("layer 0 is an input layer",),
    ),
    "sigma-delta": (
        lambda: QuantizedNetwork.chain([replace(PLAIN, neuron=Sigma())]),
        ("layer 0 has sigma", "CUBA LIF"),
    ),
    "a readout of voltages": (
        lambda: QuantizedNetwork.chain([PLAIN, replace(PLAIN, neuron=CubaLif(0, 9, 1 << 17))]),
        ("layer 1 never fires", "threshold"),
    ),
    "threshold 0": (
        lambda: QuantizedNetwork.chain([replace(PLAIN, neuron=CubaLif(0, 9, 0))]), ("threshold 0",)
    ),
    "odd weights of both signs": (
        lambda: QuantizedNetwork.chain(
            [replace(PLAIN, weight=np.full((4, 4), 201) * [1, 1, 1, -1])]
        ),
        ("layer 0", "-201 to 201", "even"),
    ),
    "decays per channel": (
        lambda: QuantizedNetwork.chain([replace(IMAGES, neuron=CubaLif([3, 4], 9, 9))]),
        ("layer 0", "one current_decay per channel"),
    ),
    "biases per pixel": (
        lambda: QuantizedNetwork.chain([replace(IMAGES, neuron=CubaLif(3, 9, 9, np.arange(8)))]),
        ("layer 0", "one bias per neuron"),
    ),
    "delayed feedback": (
        lambda: QuantizedNetwork.chain([RecurrentLayer(*[weights(4, 4)] * 2, neuron(), 0, 3)]),
        ("layer 0", "recurrent_delay"),
    ),
    "delays into a first recurrent layer": (
        lambda: QuantizedNetwork.chain([RecurrentLayer(*[weights(4, 4)] * 2, neuron(), 3)]),
        ("layer 0", "recurrent with delays"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_slayer_cannot_train_is_refused(case: str) -> None:
    make, named = REFUSED[case]
    with pytest.raises(DesignRuleError, match=".*".join(map(re.escape, named))) as caught:
        to_slayer(make())
    assert len(caught.value.problems) == 1
