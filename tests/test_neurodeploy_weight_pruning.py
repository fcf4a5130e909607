"""Weights pruned during training: how many, which, and that they are zero in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from neurodeploy.models.architecture import Architecture
from neurodeploy.models.errors import InputError
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import SlayerNetwork
from neurodeploy.train import training
from neurodeploy.train.pruning import ARRIVED, BEGIN, WeightPruner, _rounded_down, share_at
from neurodeploy.train.run_folder import best_checkpoint

Make = Callable[..., training.Training]


@pytest.mark.parametrize(
    ("position", "share"),
    [
        (0.0, 0.0),
        (BEGIN, 0.0),
        ((BEGIN + ARRIVED) / 2, 0.8 * 7 / 8),  # 1 - (1 - 1/2)^3
        (ARRIVED, 0.8),
        (1.0, 0.8),
    ],
)
def test_the_share_grows_along_a_cubic(position: float, share: float) -> None:
    assert share_at(position, 0.8) == pytest.approx(share)


def test_the_smallest_weights_of_each_layer_become_zero() -> None:
    network = SlayerNetwork(Architecture.dense((4, 10, 2)))
    before = [block.synapse.weight.data.clone() for block in network.layers]
    WeightPruner(network, 0.25).after_step(1.0)
    for block, old in zip(network.layers, before):
        weight = block.synapse.weight.data
        pruned = weight == 0
        assert int(pruned.sum()) == round(0.25 * old.numel())
        assert old[pruned].abs().max() < old[~pruned].abs().min()
        assert torch.equal(weight[~pruned], old[~pruned])


def test_missing_synapses_and_those_of_pruned_neurons_do_not_count() -> None:
    network = SlayerNetwork(Architecture.dense((8, 10, 2), delays="none", density=0.5))
    masks = [torch.ones(10), torch.ones(2)]
    masks[0][:4] = 0
    WeightPruner(network, 0.5).after_step(1.0, masks)
    first, second = (block.synapse.weight.data.flatten(1) for block in network.layers)
    assert int((first[4:] != 0).sum()) == 6 * 4 // 2
    exists = int(network.layers[1].mask.flatten(1)[:, 4:].sum())
    assert int((second[:, 4:] != 0).sum()) == exists - round(0.5 * exists)


@pytest.mark.parametrize(
    ("share", "sizes", "named"),
    [
        (0.0, (4, 3, 2), "the fraction to prune is 0"),
        (1.0, (4, 3, 2), "the fraction to prune is 1"),
        (0.999, (4, 30, 4), "none of the 120 weights of layer 0; give 0.991 at most"),
        (0.96, (24, 10, 2), "none of the 12 weights of layer 1; give 0.91 at most"),
        (0.6, (1, 1, 2), "none of the 1 weights of layer 0; give 0.0 at most"),
    ],
)
def test_a_share_out_of_range_or_that_leaves_no_weight_is_refused(
    share: float, sizes: tuple[int, ...], named: str
) -> None:
    density = 0.6 if sizes[0] == 24 else 1.0
    network = SlayerNetwork(Architecture.dense(sizes, delays="none", density=density))
    with pytest.raises(InputError, match=named):
        WeightPruner(network, share)


@pytest.mark.parametrize("weights", [2, 9, 10, 120, 4096, 16_384])
def test_the_highest_share_that_is_named_leaves_a_weight(weights: int) -> None:
    highest = float(_rounded_down((weights - 1) / weights))
    assert 1 <= weights - round(highest * weights) <= 1 + weights / 9


def test_a_weight_stays_when_few_neurons_are_left() -> None:
    network = SlayerNetwork(Architecture.dense((4, 10, 2), delays="none"))
    masks = [torch.zeros(10), torch.ones(2)]
    masks[0][3] = 1
    WeightPruner(network, 0.9).after_step(1.0, masks)
    left = [int((block.synapse.weight.data != 0).sum()) for block in network.layers]
    assert left == [1, 1]


def test_a_training_ends_with_the_share_at_zero_in_the_quantized_network(
    tiny_training: Make,
) -> None:
    plain = tiny_training(hidden=(20,), epochs=10)
    started = training.start(plain.data, replace(plain.config, prune=0.6))
    for epoch in training.run(started):
        zeros = (started.network.layers[0].synapse.weight.data == 0).float().mean()
        assert float(zeros) == pytest.approx(share_at(epoch.epoch / 10, 0.6), abs=0.01)
    assert all(np.mean(layer.weight == 0) >= 0.59 for layer in quantize(started.network).layers)


def test_weights_are_pruned_beside_a_budget(tiny_training: Make) -> None:
    plain = tiny_training(hidden=(20, 20), epochs=30, learning_rate=5e-3)
    started = training.start(plain.data, replace(plain.config, prune=0.5, synop_budget=2000.0))
    list(training.run(started))
    assert (started.history[started.best_epoch - 1].cost or 1e9) <= 2000
    assert max(best_checkpoint(started).architecture.sizes[1:-1]) < 20
