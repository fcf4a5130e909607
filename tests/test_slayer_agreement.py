"""SLAYER, our simulator and Lava agree in every spike, and where SLAYER differs it is shown how."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from neurodeploy.evaluation.comparison import check_equivalence
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models import loihi
from neurodeploy.models.blocks import layer_spikes, slayer
from neurodeploy.models.layers import ConvLayer, InputLayer
from neurodeploy.models.quantize import quantize

pytestmark = [
    pytest.mark.usefixtures("one_torch_thread"),
    pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning"),
]

cuba = slayer.block.cuba
Norm = slayer.neuron.norm.MeanOnlyBatchNorm
PIXEL = (2, 7, 6)


def neuron(**changes):
    """Return the parameters of a block in a new dict, since lava-dl's blocks change it."""
    return {"threshold": 0.6, "current_decay": 0.25, "voltage_decay": 0.1, **changes}


def biased(**changes):
    return neuron(norm=Norm, **changes)


Dense = partial(cuba.Dense, weight_scale=3)
Conv = partial(cuba.Conv, weight_scale=4)
Recurrent = partial(cuba.Recurrent, weight_scale=2)

NETWORKS = {
    "dense with biases": (
        (9,), lambda: [Dense(biased(), 9, 12), Dense(biased(), 12, 10), Dense(biased(), 10, 4)]
    ),
    "biases and delays": (
        (9,),
        lambda: [
            Dense(biased(), 9, 12, delay=True),
            Dense(biased(), 12, 10, delay=True),
            Dense(biased(), 10, 4),
        ],
    ),
    "recurrent": ((9,), lambda: [Dense(neuron(), 9, 12), Recurrent(neuron(), 12, 10)]),
    "recurrent layers with biases and delays": (
        (9,),
        lambda: [
            Recurrent(biased(current_decay=1, threshold=1), 9, 12, delay=True),
            Recurrent(biased(current_decay=1, threshold=1), 12, 8, delay=True),
            Dense(biased(), 8, 4),
        ],
    ),
    "recurrent with decays per neuron": (
        (9,),
        lambda: [
            Recurrent(neuron(current_decay=(0.1, 0.9), shared_param=False), 9, 12),
            Dense(neuron(), 12, 4),
        ],
    ),
    "convolutions": (
        PIXEL,
        lambda: [
            Conv(neuron(), 2, 4, (3, 2), stride=(1, 2), padding=(2, 1), dilation=(2, 1)),
            Conv(neuron(), 4, 6, (2, 3), groups=2),
            cuba.Flatten(),
            Dense(neuron(), 6 * 6 * 2, 5),
        ],
    ),
    "convolutions with biases and a delay": (
        PIXEL,
        lambda: [
            Conv(biased(), 2, 4, 3, stride=2, padding=1),
            Conv(biased(), 4, 3, (1, 2), weight_norm=True, delay=True),
            cuba.Flatten(),
            Recurrent(neuron(), 3 * 4 * 2, 7),
            Dense(biased(), 7, 4),
        ],
    ),
    "an input without neurons": (
        (9,), lambda: [cuba.Input(delay_shift=False), Dense(biased(), 9, 12)]
    ),
    "input neurons": (
        PIXEL,
        lambda: [
            cuba.Input(neuron(current_decay=1), weight=0.3, bias=-0.1),
            Conv(biased(), 2, 4, 3),
            cuba.Flatten(),
            Dense(biased(), 4 * 5 * 4, 6),
        ],
    ),
    "input neurons, decays per neuron": (
        (9,),
        lambda: [
            cuba.Input(neuron(current_decay=(1, 1), voltage_decay=(0, 0.5), shared_param=False)),
            Dense(neuron(), 9, 6),
        ],
    ),
    "an average": (
        (9,), lambda: [Dense(neuron(), 9, 12), Dense(neuron(), 12, 8), cuba.Average(4)]
    ),
}  # fmt: skip
"""The shape of the input, and the blocks that take it."""


@pytest.fixture
def trained(stack):
    """Return a function that makes a network, with drawn biases and delays, and quantizes it."""

    def make(shape, blocks, seed=0):
        torch.manual_seed(seed)
        network = stack(*blocks)
        network(torch.rand(3, *shape, 5).round())  # sets the shapes, as any training does
        for block in blocks:
            if getattr(block, "delay", None) is not None:
                block.delay.delay.data = 20 * torch.rand_like(block.delay.delay)
            norm = getattr(getattr(block, "neuron", None), "norm", None)
            if norm is not None:
                norm.running_mean = torch.rand_like(norm.running_mean) * 0.4 - 0.3
        network.eval()
        return network, quantize(network, input_shape=shape if len(shape) > 1 else ())

    return make


def values_for(network, steps=40, samples=4):
    """Return spikes, or integers that SLAYER's input neurons hold without clamping."""
    rng = np.random.default_rng(5)
    shape = (samples, network.inputs, steps)
    if isinstance(network.layers[0], InputLayer):
        return rng.integers(-2, 4, shape).astype(np.int32)
    return (rng.random(shape) < 0.3).astype(np.uint8)


@pytest.mark.parametrize("name", NETWORKS)
def test_slayer_and_fast_agree_in_every_spike_of_every_layer(name, trained):
    network, quantized = trained(NETWORKS[name][0], NETWORKS[name][1]())
    before = {key: value.clone() for key, value in network.state_dict().items()}
    found = check_equivalence(network, quantized, values_for(quantized))
    assert found.equal, found.first
    assert found.num_overflows == 0
    activity = fast.run(quantized, values_for(quantized))
    assert all(0.005 < spikes.mean() < 0.9 for spikes in activity.spikes)
    assert all(torch.equal(v, before[key]) for key, v in network.state_dict().items())


def test_lava_agrees_with_both(trained, on_lava):
    """The largest networks: convolutions, recurrence, biases and a delay; and input neurons."""
    for name in ("convolutions with biases and a delay", "input neurons"):
        network, quantized = trained(NETWORKS[name][0], NETWORKS[name][1]())
        values = values_for(quantized, steps=25, samples=2)
        assert check_equivalence(network, quantized, values).equal
        lavas, ours = on_lava(quantized, values), fast.run(quantized, values)
        for index, spikes in enumerate(ours.spikes):
            np.testing.assert_array_equal(spikes, lavas.spikes[index], f"{name} {index}")


def test_a_delay_of_a_channel_is_that_of_all_its_neurons(trained):
    shape, blocks = NETWORKS["convolutions with biases and a delay"]
    network, quantized = trained(shape, blocks())
    delays = network.blocks[1].delay.delay.detach().numpy()
    assert isinstance(quantized.layers[1], ConvLayer)
    assert quantized.layers[2].delay.tolist() == [np.repeat(np.floor(delays), 8).tolist()]


def test_without_the_silent_step_slayers_biases_start_one_step_late(trained):
    """A neuron with bias 0.5 and threshold 0.6 fires in its second step: step 1 on a chip. In
    SLAYER that spike leaves a step later, since its layer starts with the input."""
    network, quantized = trained((1,), [Dense(biased(voltage_decay=0), 1, 1)])
    network.blocks[0].neuron.norm.running_mean[:] = -0.5
    quantized = quantize(network)
    silent = np.zeros((1, 1, 6), np.uint8)
    assert fast.run(quantized, silent).spikes[0].tolist() == [[[0, 1, 0, 1, 0, 1]]]
    assert layer_spikes(network, torch.zeros(1, 1, 6))[0].tolist() == [[[0, 1, 0, 1, 0, 1]]]
    assert network(torch.zeros(1, 1, 6)).tolist() == [[[0, 0, 1, 0, 1, 0]]]


def test_feedback_arrives_one_step_later_in_both(trained):
    """A neuron that inhibits itself for one step: u and v forget at once, the input drives it in
    every step. SLAYER's s[t] = f(W in[t] + R s[t-1]), shifted by a step, is Lava's graph."""
    params = neuron(current_decay=1, voltage_decay=1, threshold=0.5)
    network, _ = trained((1,), [Recurrent(params, 1, 1)])
    network.blocks[0].input_synapse.weight.data[:] = 1
    network.blocks[0].recurrent_synapse.weight.data[:] = -1
    quantized = quantize(network)
    (spikes,) = fast.run(quantized, np.ones((1, 1, 7), np.uint8)).spikes
    assert spikes.tolist() == [[[0, 1, 0, 1, 0, 1, 0]]]
    assert layer_spikes(network, torch.ones(1, 1, 7))[0].tolist() == spikes.tolist()


def test_slayers_recurrent_block_keeps_its_state_between_batches_and_the_check_does_not(trained):
    """lava-dl sets persistent_state in every recurrent block; a batch of another size clears it."""
    shape, blocks = NETWORKS["recurrent"]
    network, quantized = trained(shape, blocks())
    values = torch.from_numpy(values_for(quantized)).float()
    first, again = network(values), network(values)
    assert not torch.equal(first, again)
    assert torch.equal(layer_spikes(network, values)[-1], layer_spikes(network, values)[-1])
    before = network.blocks[1].neuron.voltage_state.clone()
    assert before.any()
    assert check_equivalence(network, quantized, values_for(quantized)).equal
    assert torch.equal(network.blocks[1].neuron.voltage_state, before)


def test_one_weight_or_bias_changed_is_found(trained):
    shape, blocks = NETWORKS["recurrent"]
    network, quantized = trained(shape, blocks())
    with torch.no_grad():
        network.blocks[1].recurrent_synapse.weight[:, 3] += 4 / loihi.SLAYER_SCALE
    assert check_equivalence(network, quantized, values_for(quantized)).first.layer == 1
    shape, blocks = NETWORKS["dense with biases"]
    network, quantized = trained(shape, blocks())
    network.blocks[2].neuron.norm.running_mean[1] -= 8 / loihi.SLAYER_SCALE
    assert check_equivalence(network, quantized, values_for(quantized)).first.layer == 2


def test_input_neurons_take_no_more_than_slayer_holds(trained):
    """SLAYER quantizes the input like a weight, to -4..254/64: it takes 5 for 254/64, we take 5;
    the check finds it."""
    network, quantized = trained(
        (3,), [cuba.Input(neuron(current_decay=1, threshold=0.4), weight=0.1)]
    )
    values = np.full((1, 3, 12), 5, np.int32)
    assert check_equivalence(network, quantized, np.full_like(values, 3)).equal
    assert not check_equivalence(network, quantized, values).equal
