"""Weights pruned while training: how many, which, and that they stay at zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from neurodeploy.learning import loop, training
from neurodeploy.learning.pruning import ARRIVED, BEGIN, WeightPruning, _rounded_down, share_at
from neurodeploy.learning.run_folder import best_checkpoint
from neurodeploy.models.architecture import Architecture
from neurodeploy.models.errors import InputError
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import SlayerNetwork

Make = Callable[..., training.Training]


def zeros(weight: torch.Tensor) -> float:
    """Return the share of the weights that are zero."""
    return float((weight == 0).float().mean())


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
    WeightPruning(network, 0.25).after_step(1.0)
    for block, old in zip(network.layers, before):
        weight, count = block.synapse.weight.data, round(0.25 * old.numel())
        gone = weight == 0
        assert int(gone.sum()) == count
        assert old[gone].abs().max() < old[~gone].abs().min()
        assert torch.equal(weight[~gone], old[~gone])


def test_weights_that_a_mask_leaves_out_and_of_neurons_that_left_do_not_count() -> None:
    network = SlayerNetwork(Architecture.dense((8, 10, 2), delays="none", density=0.5))
    alive = [torch.ones(10), torch.ones(2)]
    alive[0][:4] = 0
    WeightPruning(network, 0.5).after_step(1.0, alive)
    first, second = (block.synapse.weight.data.flatten(1) for block in network.layers)
    assert int((first[4:] != 0).sum()) == 6 * 4 // 2
    there = network.layers[1].mask.flatten(1)[:, 4:]
    assert int((second[:, 4:] != 0).sum()) == int(there.sum()) - round(0.5 * int(there.sum()))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    network = SlayerNetwork(Architecture.dense((4, 3, 2)))
    with pytest.raises(InputError, match=f"the share to prune is {share:g}; give one over 0"):
        WeightPruning(network, share)


@pytest.mark.parametrize(
    ("share", "sizes", "message"),
    [
        (0.999, (4, 30, 4), "--prune 0.999 leaves none of the 120 weights of layer 0, and one at "
         "least must stay; give 0.991 at most, or larger layers"),
        (0.96, (24, 10, 2), "--prune 0.96 leaves none of the 12 weights of layer 1, and one at "
         "least must stay; give 0.91 at most, or larger layers"),
        (0.5, (1, 1, 2), ""),
        (0.6, (1, 1, 2), "--prune 0.6 leaves none of the 1 weights of layer 0, and one at least "
         "must stay; give 0.0 at most, or larger layers"),
    ],
)  # fmt: skip
def test_a_share_that_leaves_a_layer_without_a_weight_is_refused(
    share: float, sizes: tuple[int, ...], message: str
) -> None:
    values = {"density": 0.6} if sizes[0] == 24 else {}
    network = SlayerNetwork(Architecture.dense(sizes, delays="none", **values))
    if not message:
        WeightPruning(network, share)
        return
    with pytest.raises(InputError) as caught:
        WeightPruning(network, share)
    assert str(caught.value) == message


@pytest.mark.parametrize("weights", [2, 9, 10, 120, 4096, 16_384])
def test_the_highest_share_that_is_named_leaves_a_weight(weights: int) -> None:
    highest = float(_rounded_down((weights - 1) / weights))
    assert 1 <= weights - round(highest * weights) <= 1 + weights / 9


def test_a_weight_stays_where_so_many_neurons_left_that_none_would() -> None:
    network = SlayerNetwork(Architecture.dense((4, 10, 2), delays="none"))
    alive = [torch.zeros(10), torch.ones(2)]
    alive[0][3] = 1
    WeightPruning(network, 0.9).after_step(1.0, alive)
    left = [int((block.synapse.weight.data != 0).sum()) for block in network.layers]
    assert left == [1, 1]


def test_a_training_ends_with_the_share_at_zero_in_the_integer_network(
    tiny_training: Make,
) -> None:
    plain = tiny_training(hidden=(20,), epochs=10)
    started = training.start(plain.data, replace(plain.config, prune=0.6))
    for epoch in loop.run(started):
        done = epoch.epoch / 10
        weight = started.network.layers[0].synapse.weight.data
        assert zeros(weight) == pytest.approx(share_at(done, 0.6), abs=0.01)
    last = quantize(started.network)
    assert all(np.mean(layer.weight == 0) >= 0.59 for layer in last.layers)


def test_weights_are_pruned_beside_a_budget(tiny_training: Make) -> None:
    plain = tiny_training(hidden=(20, 20), epochs=30, learning_rate=5e-3)
    settings = replace(plain.config, prune=0.5, synop_budget=2000.0)
    started = training.start(plain.data, settings)
    list(loop.run(started))
    kept = best_checkpoint(started)
    assert started.best_epoch > 30 * ARRIVED or started.history[started.best_epoch - 1].spent
    assert max(kept.architecture.sizes[1:-1]) < 20
