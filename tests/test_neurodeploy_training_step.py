"""Training of networks with all that can be learned: what a step moves, and that it can go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from neurodeploy.learning import loop, training
from neurodeploy.learning.checkpoint import Checkpoint, load, save
from neurodeploy.models.architecture import Architecture, LayerSpec
from neurodeploy.models.network import TaskDescription

pytestmark = pytest.mark.usefixtures("one_torch_thread")

KINDS = {
    "synaptic": (
        LayerSpec("dense", 8, delays="synaptic", max_delay=20, density=0.5, dropout=0.2),
        LayerSpec("dense", 2, bias=True, weight_bits=6),
    ),
    "recurrent": (
        LayerSpec("recurrent", 8, bias=True, learn_decays="neuron", delays="axonal"),
        LayerSpec("dense", 2, dropout=0.1),
    ),
    "images": (
        LayerSpec("conv", channels=4, kernel_size=(3, 1), bias=True, learn_decays="shared"),
        LayerSpec("dense", 2, delays="synaptic", weight_bits=4),
    ),
}


@pytest.fixture(params=KINDS)
def start(request: Any, tiny_training: Callable[..., Any]) -> Callable[[], training.Training]:
    """Return a function that starts the same training anew."""
    plain = tiny_training(batch_size=12)
    channels = plain.network.architecture.sizes[0]
    shape = (1, channels, 1) if request.param == "images" else (channels,)
    low = tuple(replace(layer, threshold=0.4) for layer in KINDS[request.param])
    settings = plain.config.with_network(Architecture(shape, low, 12.0))
    return lambda: training.start(plain.data, settings)


def test_everything_that_learns_has_a_rate_and_moves(start):
    started = start()
    before = {n: p.detach().clone() for n, p in started.network.named_parameters()}
    names = {id(p): n for n, p in started.network.named_parameters()}
    rates = {
        names[id(p)]: group["highest"]
        for group in started.optimizer.param_groups
        for p in group["params"]
    }
    list(loop.run(started))
    for name, values in started.network.named_parameters():
        assert (name in rates) == values.requires_grad
        assert torch.equal(values, before[name]) != values.requires_grad, name
        if "decay" in name and values.requires_grad:
            assert rates[name] == started.config.decay_rate


def test_an_interrupted_training_comes_to_the_same_weights(start):
    whole, first, second = start(), start(), start()
    epochs = list(loop.run(whole))
    for epoch in loop.run(first):
        if epoch.epoch == 3:  # delays are whole from the fourth on
            break
    training.restore(second, training.state(first))
    torch.manual_seed(99)
    list(loop.run(second))
    assert [e.loss for e in second.history] == [e.loss for e in epochs]
    for name, values in whole.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], values), name


def test_a_checkpoint_answers_as_the_network_in_training_did(start, tmp_path):
    started = start()
    list(loop.run(started))
    architecture = started.network.architecture
    save(Checkpoint(architecture, started.best, TaskDescription(), {}), tmp_path / "model.pt")
    kept = load(tmp_path / "model.pt")
    assert kept.architecture == architecture
    network = kept.network()
    assert not network.training
    started.network.load_state_dict(started.best)
    spikes = torch.rand(5, architecture.sizes[0], 30).round()
    expected = started.network.eval().layer_spikes(spikes)
    assert all(torch.equal(a, b) for a, b in zip(network.layer_spikes(spikes), expected))
