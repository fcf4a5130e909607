"""What lava-dl's blocks must hold: each rule's refusal, and for those that are no plain limits a
test of what lava-dl does otherwise than Lava."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch

from neurodeploy.models.blocks import SynapticDense, slayer
from neurodeploy.models.errors import DesignRuleError, InputError
from neurodeploy.models.quantize import quantize

pytestmark = pytest.mark.usefixtures("one_torch_thread")

cuba = slayer.block.cuba
Dense = partial(cuba.Dense, weight_scale=3)
Conv = partial(cuba.Conv, weight_scale=4)
Recurrent = partial(cuba.Recurrent, weight_scale=2)


def neuron(**changes):
    """Return the parameters of a block, a dict of its own, since lava-dl's blocks change it."""
    return {"threshold": 0.6, "current_decay": 0.25, "voltage_decay": 0.1, **changes}


def biased(**changes):
    return neuron(norm=slayer.neuron.norm.MeanOnlyBatchNorm, **changes)


def with_bias(synapse_of, block):
    synapse_of(block).bias = torch.nn.Parameter(torch.ones(4))
    return block


def own_bias(block):
    block.bias = torch.ones(4, 1)
    return block


def rough(block):
    block.neuron.norm.pre_hook_fx = lambda values, descale=False: 1.01 * values
    block.neuron.norm.running_mean = torch.full((4,), 0.3)
    return block


def wide(block):
    block.neuron.norm.pre_hook_fx = lambda values, descale=False: values
    block.neuron.norm.running_mean = torch.full((4,), 70.0)
    return block


def shifted(block):
    block.neuron.norm.running_mean = torch.full((4,), 0.25)
    return block


def run_once(block, *shape):
    block(torch.zeros(1, *shape, 1))
    return block


def delayed(block, *shape):
    run_once(block, *shape).delay.delay.data[:] = 3.0
    return block


def delayed_to(steps, block, *shape):
    run_once(block, *shape).delay.delay.data[:] = steps
    return block


def waiting(steps, senders, neurons):
    block = run_once(SynapticDense(neuron(), senders, neurons, longest=30), senders)
    block.synaptic_delay.data[:] = steps
    return block


REFUSED = {
    "a bias of the synapse": (
        lambda: [with_bias(lambda b: b.synapse, Dense(neuron(), 7, 4))],
        "its weights have biases, but Lava's are on the voltage",
    ),
    "a bias of the feedback": (
        lambda: [with_bias(lambda b: b.recurrent_synapse, Recurrent(neuron(), 7, 4))],
        "its recurrent weights have biases",
    ),
    "a bias of the input": (
        lambda: [own_bias(Recurrent(neuron(), 7, 4))],
        "its bias is added to the current, Lava's to the voltage",
    ),
    "biases between the integers": (
        lambda: [rough(Dense(biased(), 7, 4))],
        "its biases are not multiples of 1/64",
    ),
    "biases too large": (
        lambda: [wide(Dense(biased(), 7, 4))],
        "its biases reach from -4480 to -4480 in integers; Lava's are -4096 to 4095",
    ),
    "biases in a recurrent block": (
        lambda: [shifted(Recurrent(biased(), 7, 4))],
        "the biases of its norm accumulate in its current",
    ),
    "axonal and synaptic delays over 62 together": (
        lambda: [delayed_to(40.0, Dense(neuron(), 7, 4, delay=True), 7), waiting(23.0, 4, 3)],
        "its axonal delays and the synaptic ones of the next block add up to 63 steps; "
        "the longest is 62, so give both a lower limit",
    ),
    "decays a channel": (
        lambda: [run_once(Conv(neuron(shared_param=False), 2, 4, 1), 2, 4, 4)],
        "its decays differ between the channels of an image",
    ),
    "a slow current of input neurons": (
        lambda: [run_once(cuba.Input(neuron()), 7)],
        "it is an Input block whose current persists",
    ),
    "biases of input neurons": (
        lambda: [shifted(run_once(cuba.Input(biased(current_decay=1)), 4))],
        "it is an Input block whose norm adds biases; give the block a bias instead",
    ),
    "an input that was never run": (
        lambda: [cuba.Input(neuron(current_decay=1))],
        "its shape is not initialized; run one forward pass",
    ),
    "an average before the last": (
        lambda: [cuba.Average(2), Dense(neuron(), 2, 4)],
        "it is an Average block before the last",
    ),
    "a delay into a convolution": (
        lambda: [delayed(Conv(neuron(), 2, 4, 1, delay=True), 2, 3, 3), Conv(neuron(), 4, 4, 1)],
        "it has axonal delays and sends to a convolution, for which Lava has none",
    ),
    "an unshifted recurrent block": (
        lambda: [Recurrent(neuron(), 7, 4, delay_shift=False)],
        "delay_shift is False",
    ),
    "winners that take all": (
        lambda: [cuba.KWTA(neuron(), 7, 4, 2)],
        "cuba.KWTA is not supported",
    ),
    "an affine block": (lambda: [cuba.Affine(neuron(), 7, 4)], "cuba.Affine is not supported"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_lava_cannot_do_alike_is_refused_by_name(case, stack):
    make, message = REFUSED[case]
    with pytest.raises(DesignRuleError) as caught:
        quantize(stack(*make()), input_shape=(2, 3, 3))
    assert caught.value.problems[0].startswith(f"block 0: {message}")
    assert len(caught.value.problems) == 1


def test_an_input_after_the_first_block_is_refused(stack):
    blocks = [Dense(neuron(), 7, 4), run_once(cuba.Input(neuron()), 4)]
    with pytest.raises(DesignRuleError, match="block 1: it is an Input block after the first"):
        quantize(stack(*blocks))


def test_a_convolution_without_a_shape_asks_for_it(stack):
    with pytest.raises(InputError, match=r"give input_shape=\(channels, height, width\)"):
        quantize(stack(Conv(neuron(), 2, 4, 1)))


def test_a_network_without_neurons_is_refused(stack):
    with pytest.raises(InputError, match="has no block with neurons"):
        quantize(stack(cuba.Flatten()))


def test_biases_of_a_recurrent_block_add_up_in_its_current():
    """Why they are refused: with bias 0.25 and no decay of u and v, v is 0.25, 0.5, ... on Lava and
    0.25, 0.75, 1.5, ... in lava-dl's block; the threshold of 1.25 is passed in step 5 and 2."""
    params = biased(current_decay=0, voltage_decay=0, threshold=1.25)
    for block, step in ((Dense(copy.copy(params), 1, 1), 5), (Recurrent(params, 1, 1), 2)):
        block.eval().neuron.norm.running_mean[:] = -0.25
        emitted = block(torch.zeros(1, 1, 8))[0, 0]
        assert emitted.tolist().index(1) == step + 1  # the step that every layer takes


def test_decays_a_channel_are_taken_for_columns_by_slayer_on_a_cpu():
    """Why they are refused: with as many columns as channels each column gets a channel's decay,
    with other numbers lava-dl cannot run it at all."""
    torch.manual_seed(1)
    conv = Conv(neuron(voltage_decay=(0, 0.9), shared_param=False), 1, 3, 1)
    spikes = torch.ones(1, 1, 3, 3, 20)
    conv(spikes)
    conv.synapse.weight.data[:] = 0.2
    columns = copy.deepcopy(conv)(spikes)[0].sum(-1)
    assert torch.equal(columns, columns[:1, :1].expand(3, 3, 3))
    assert len(set(columns[0, 0].tolist())) > 1
    with pytest.raises(RuntimeError, match="size of tensor"):
        Conv(neuron(shared_param=False), 1, 3, 1)(torch.ones(1, 1, 3, 4, 2))
