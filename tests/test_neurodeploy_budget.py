"""Training to a budget: the law of the price by hand, and networks that keep to it as reported."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.hw_sim.backends import BACKENDS, RunOptions
from neurodeploy.hw_sim.chips import choose, exactly
from neurodeploy.hw_sim.estimates import sample_energy
from neurodeploy.hw_sim.placement import place
from neurodeploy.hw_sim.workload import measure
from neurodeploy.learning import loop, training
from neurodeploy.learning.budget import AIM, ARRIVED, BEGIN, GAIN, PRICE_MAX, PUSH, Budget, Law
from neurodeploy.learning.run_folder import best_checkpoint
from neurodeploy.models.errors import InputError
from neurodeploy.models.quantize import quantize
from neurodeploy.tasks.task import encode_samples

Make = Callable[..., training.Training]
LOIHI2 = choose(("loihi2",), ())[0]


def amount_of(budget: Budget | None) -> dict[str, Any]:
    """Return the fields of a configuration that give a budget."""
    if budget is None:
        return {}
    if budget.chip is None:
        return {"synop_budget": budget.amount}
    return {"energy_budget_uj": budget.amount, "chip": budget.chip}


@pytest.fixture
def to_budget(tiny_training: Make) -> Make:
    """Return a function that starts a tiny training to a budget."""

    def make(budget: Budget | None, **values: Any) -> training.Training:
        plain = tiny_training(hidden=(20, 20), epochs=30, learning_rate=5e-3, **values)
        return training.start(plain.data, replace(plain.config, **amount_of(budget)))

    return make


def trained(started: training.Training) -> training.Training:
    """Return a training after all its epochs."""
    list(loop.run(started))
    return started


def reported(started: training.Training) -> tuple[Any, Any]:
    """Return the integer network of the best epoch and its run on the validation windows."""
    network = quantize(best_checkpoint(started).network())
    data = started.data
    spikes = encode_samples(data.dataset, data.encoder, data.split.validation).spikes
    return network, BACKENDS["fast"].run(network, spikes, RunOptions())


def synops(network: Any, activity: Any) -> float:
    """Return the SynOps of the mean sample, by loops over layers: spikes times neurons reached."""
    senders = (activity.inputs, *activity.spikes)
    total = sum(sent.sum() * layer.neurons for sent, layer in zip(senders, network.layers))
    return float(total) / len(activity.inputs)


# The law, by hand


def test_the_limit_stays_away_falls_along_a_line_in_the_logarithm_and_stays() -> None:
    law = Law(Budget(100.0))
    assert law.limit(0.9) is None
    law.unlimited = 400.0
    middle = (BEGIN + ARRIVED) / 2
    assert law.limit(BEGIN) == pytest.approx(400)
    assert law.limit(middle) == pytest.approx(math.sqrt(400 * 100 * AIM))
    assert law.limit(ARRIVED) == law.limit(1.0) == pytest.approx(100 * AIM)


def test_the_limit_never_rises_to_a_budget_above_what_is_spent() -> None:
    law = Law(Budget(1000.0), unlimited=400.0)
    assert law.limit(BEGIN) == law.limit(1.0) == pytest.approx(1000 * AIM)


def test_the_price_follows_the_logarithm_and_pushes_back_at_once() -> None:
    law = Law(Budget(100.0), unlimited=400.0)
    over = math.log(2)
    spent = 2 * 100 * AIM
    assert law.step(1.0, spent, 100) == pytest.approx(GAIN * over / 100 + PUSH * over)
    assert law.price == pytest.approx(GAIN * over / 100)
    assert law.step(1.0, spent, 100) == pytest.approx(2 * GAIN * over / 100 + PUSH * over)
    assert law.pressed


def test_the_price_is_never_negative_and_has_a_highest() -> None:
    law = Law(Budget(100.0), unlimited=400.0)
    assert law.step(1.0, 1.0, 10) == law.price == 0.0
    assert not law.pressed
    assert law.step(1.0, 1e9, 1) == law.price == PRICE_MAX


def test_nothing_has_a_price_before_the_limit_begins() -> None:
    law = Law(Budget(1.0))
    assert law.step(BEGIN / 2, 1e6, 10) == law.price == 0.0
    assert law.unlimited is None
    assert law.step(BEGIN, 1e6, 10) == 0.0
    assert law.unlimited == 1e6


def test_the_aim_follows_what_validation_samples_take_beside_training_samples() -> None:
    law = Law(Budget(100.0))
    law.validated(60.0, 50.0)
    assert law.aim == pytest.approx(100 * AIM / 1.2)


@pytest.mark.parametrize("amount", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_of_nothing_is_refused(amount: float) -> None:
    with pytest.raises(InputError, match=r"the budget is .* SynOps; give a number over 0"):
        Budget(amount)


# Networks keep to it


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_a_budget_of_synops_is_met_within_5_percent_as_a_report_counts(
    to_budget: Make, share: float
) -> None:
    free = trained(to_budget(None)).history[-1]
    budget = share * sum(free.synops)
    started = trained(to_budget(Budget(budget)))
    network, activity = reported(started)
    best = started.history[started.best_epoch - 1]
    assert synops(network, activity) == pytest.approx(best.spent)
    assert 0.95 * budget <= synops(network, activity) <= budget
    assert best.validation_accuracy == 1.0


def test_a_budget_of_energy_is_met_within_5_percent_as_a_report_estimates(
    to_budget: Make,
) -> None:
    free = trained(to_budget(Budget(1e6, LOIHI2)))
    best = free.history[free.best_epoch - 1]
    budget = Budget(0.6 * (free.history[-1].spent or 0.0), LOIHI2)
    started = trained(to_budget(budget))
    network, activity = reported(started)
    workload = measure(activity, place(network, LOIHI2))
    energy = 1e6 * sample_energy(workload, duration_s=exactly(1.0)).dynamic.value
    best = started.history[started.best_epoch - 1]
    assert energy == pytest.approx(best.spent)
    assert 0.95 * budget.amount <= energy <= budget.amount


def test_the_network_without_the_neurons_that_left_answers_as_it_was_validated(
    to_budget: Make,
) -> None:
    free = sum(trained(to_budget(None)).history[-1].synops)
    started = trained(to_budget(Budget(0.3 * free)))
    network, activity = reported(started)
    assert all(layer.neurons < 20 for layer in network.layers)
    labels = started.data.dataset.labels[started.data.split.validation]
    right = activity.spikes[-1].sum(2).argmax(1) == labels
    assert float(np.mean(right)) == started.best_accuracy


def test_a_budget_above_what_the_network_takes_presses_nothing(to_budget: Make) -> None:
    rich = trained(to_budget(Budget(1e9)))
    assert rich.thrift is not None
    assert not rich.thrift.law.pressed
    assert rich.thrift.law.price == 0.0
    assert all(bool(alive.all()) for alive in rich.thrift.alive)
    assert best_checkpoint(rich).architecture == rich.network.architecture


def test_a_training_to_a_budget_resumes_to_the_same_weights(to_budget: Make) -> None:
    whole = to_budget(Budget(1500.0))
    parts = to_budget(Budget(1500.0))
    for _ in zip(range(15), loop.run(parts)):
        pass
    again = to_budget(Budget(1500.0))
    training.restore(again, training.state(parts))
    assert list(loop.run(again))[-1] == trained(whole).history[-1]
    assert again.best_epoch == whole.best_epoch
    assert all(torch.equal(v, again.best[k]) for k, v in whole.best.items())


def test_where_no_epoch_meets_the_budget_the_thriftiest_is_kept(to_budget: Make) -> None:
    started = trained(to_budget(Budget(1.0)))
    spent = [epoch.spent for epoch in started.history]
    assert started.history[started.best_epoch - 1].spent == min(s for s in spent if s is not None)


def test_what_no_training_saves_is_known_beforehand(to_budget: Make) -> None:
    started = to_budget(Budget(1.0))
    data, thrift = started.data, started.thrift
    assert thrift is not None
    samples = encode_samples(data.dataset, data.encoder, data.split.validation)
    arriving = samples.spikes.sum() / len(samples.labels)
    assert thrift.least(samples) == pytest.approx(arriving)  # on one neuron


def test_the_best_epoch_meets_the_budget_uses_it_and_then_is_the_most_accurate(
    to_budget: Make,
) -> None:
    started = to_budget(Budget(100.0))  # 30 epochs, the limit arrives in the 20th
    epoch = next(loop.run(started))
    told = [(1, 99.0, 0.99), (18, 98.0, 0.9), (20, 120.0, 1.0), (21, 90.0, 0.95), (22, 96.0, 0.8),
            (23, 97.0, 0.85), (24, 97.0, 0.85)]  # fmt: skip
    epochs = [
        replace(epoch, epoch=number, spent=spent, validation_accuracy=accuracy)
        for number, spent, accuracy in told
    ]
    best = max(epochs, key=lambda each: loop._rank(started, each))
    assert best.epoch == 23
    best = max(epochs[2:4], key=lambda each: loop._rank(started, each))
    assert best.epoch == 21
    over = [replace(each, spent=(each.spent or 0.0) + 100) for each in epochs]
    assert max(over, key=lambda each: loop._rank(started, each)).epoch == 21
