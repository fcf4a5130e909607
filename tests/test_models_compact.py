"""Networks without the neurons that cannot matter: smaller, with the same spikes."""

from __future__ import annotations

import pytest
import torch

from neurodeploy.models.architecture import Architecture, LayerSpec
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import SlayerNetwork, compacted, needed_neurons, removable_layers


def made(*layers: LayerSpec, shape: tuple[int, ...] = (6,)) -> SlayerNetwork:
    """Return a network whose neurons fire."""
    torch.manual_seed(1)
    network = SlayerNetwork(Architecture(shape, layers, delay_init_max=10)).eval()
    for values in network.parameters():
        if values.ndim > 1:
            values.data *= 3
    return network


def kinds() -> dict[str, tuple[LayerSpec, ...]]:
    """Return layers that may lose neurons, then what receives from them."""
    last = LayerSpec("dense", 4)
    return {
        "dense": (LayerSpec("dense", 9), LayerSpec("dense", 8), last),
        "axonal delays": (LayerSpec("dense", 9, delays="axonal"), LayerSpec("dense", 8), last),
        "synaptic delays": (
            LayerSpec("dense", 9, delays="synaptic", max_delay=9),
            LayerSpec("dense", 8, delays="synaptic", max_delay=9, density=0.5),
            last,
        ),
        "recurrent": (LayerSpec("recurrent", 9), LayerSpec("dense", 8), last),
        "biases and decays": (
            LayerSpec("dense", 9, bias=True, learn_decays="neuron"),
            LayerSpec("recurrent", 8, bias=True, learn_decays="neuron"),
            last,
        ),
        "few bits": (LayerSpec("dense", 9, weight_bits=4), LayerSpec("dense", 8), last),
    }


def spikes(*shape: int) -> torch.Tensor:
    """Return spikes at a high rate."""
    generator = torch.Generator().manual_seed(2)
    return (torch.rand(*shape, generator=generator) < 0.4).float()


@pytest.mark.parametrize("kind", kinds())
def test_neurons_that_nothing_reaches_or_that_reach_nothing_leave_no_trace(kind: str) -> None:
    network = made(*kinds()[kind])
    into, out_of = network.layers[0], network.layers[1]
    weight = getattr(into, "input_synapse", None) or into.synapse
    weight.weight.data[2] = 0
    if hasattr(into, "recurrent_synapse"):
        into.recurrent_synapse.weight.data[2] = 0
    after = getattr(out_of, "input_synapse", None) or out_of.synapse
    after.weight.data[:, 5] = 0
    if hasattr(into, "recurrent_synapse"):
        into.recurrent_synapse.weight.data[:, 5] = 0
    smaller = compacted(network)
    assert smaller.architecture.sizes == (6, 7, 8, 4)
    arriving = spikes(3, 6, 40)
    with torch.no_grad():
        before, now = network.layer_spikes(arriving), smaller.layer_spikes(arriving)
    kept = [n for n in range(9) if n not in (2, 5)]
    assert now[0].any()
    assert now[-1].any()
    assert torch.equal(before[0][:, kept], now[0])
    assert all(torch.equal(*pair) for pair in zip(before[1:], now[1:]))
    assert quantize(smaller).layers[0].neurons == 7


def test_neurons_that_matter_stay_one_at_least() -> None:
    network = made(*kinds()["biases and decays"])
    weights = compacted(network).state_dict()
    for name, values in network.state_dict().items():
        assert name.endswith("spike_state") or torch.equal(values, weights[name])
    network.layers[0].synapse.weight.data[2] = 0
    network.layers[0].neuron.norm.values.data[2] = 0.5  # a bias alone makes it fire
    assert needed_neurons(network)[0].all()
    network = made(*kinds()["dense"])
    network.layers[0].synapse.weight.data[:] = 0
    assert compacted(network).architecture.sizes == (6, 1, 8, 4)


def test_images_what_sends_to_them_and_the_last_layer_lose_nothing() -> None:
    convolutions = (LayerSpec("conv", channels=2), LayerSpec("conv", channels=3))
    network = made(*convolutions, *kinds()["dense"], shape=(1, 8, 8))
    assert removable_layers(network) == [2, 3]
    network.layers[1].synapse.weight.data[0] = 0
    network.layers[2].synapse.weight.data[0] = 0
    assert compacted(network).architecture.sizes == (64, 72, 48, 8, 8, 4)


def test_making_it_smaller_draws_nothing_from_the_generator_of_torch() -> None:
    network = made(*kinds()["dense"])
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    compacted(network)
    assert torch.equal(torch.rand(3), expected)
