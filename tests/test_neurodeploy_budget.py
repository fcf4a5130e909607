"""Training to a budget: the multiplier by hand, networks as reported, and the options."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.commands import train
from neurodeploy.hw_sim.backends import BACKENDS, RunOptions
from neurodeploy.hw_sim.chips import chip, exactly
from neurodeploy.hw_sim.estimates import sample_energy
from neurodeploy.hw_sim.placement import place
from neurodeploy.hw_sim.workload import measure
from neurodeploy.models.errors import InputError
from neurodeploy.models.quantize import quantize
from neurodeploy.train import checkpoint, history, training
from neurodeploy.train.budget import (
    AIM,
    ARRIVED,
    BEGIN,
    INTEGRAL_GAIN,
    MULTIPLIER_MAX,
    PROPORTIONAL_GAIN,
    Budget,
    Multiplier,
)
from neurodeploy.train.fit import budget_words
from neurodeploy.train.run_folder import best_checkpoint

Make = Callable[..., training.Training]
Run = Callable[..., tuple[int, str, str]]
LOIHI2 = chip("loihi2")


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
    list(training.run(started))
    return started


def reported(started: training.Training) -> tuple[Any, Any]:
    """Return the quantized network of the best epoch and its run on the validation samples."""
    network = quantize(best_checkpoint(started).network())
    return network, BACKENDS["fast"].run(network, started.data.validation.spikes, RunOptions())


def synops(network: Any, activity: Any) -> float:
    """Return the SynOps per sample, by loops over layers: spikes times neurons reached."""
    senders = (activity.inputs, *activity.spikes)
    total = sum(sent.sum() * layer.neurons for sent, layer in zip(senders, network.layers))
    return float(total) / len(activity.inputs)


# The multiplier, by hand


def test_the_limit_begins_late_falls_along_a_line_in_the_logarithm_and_stays() -> None:
    multiplier = Multiplier(Budget(100.0))
    assert multiplier.limit(0.9) is None
    multiplier.initial_cost = 400.0
    assert multiplier.limit(BEGIN) == pytest.approx(400)
    assert multiplier.limit((BEGIN + ARRIVED) / 2) == pytest.approx(math.sqrt(400 * 100 * AIM))
    assert multiplier.limit(ARRIVED) == multiplier.limit(1.0) == pytest.approx(100 * AIM)
    multiplier.budget = Budget(1000.0)  # the limit never rises to a budget above the cost
    assert multiplier.limit(BEGIN) == multiplier.limit(1.0) == pytest.approx(1000 * AIM)


def test_the_multiplier_integrates_the_logarithm_and_stays_in_its_range() -> None:
    multiplier = Multiplier(Budget(100.0), initial_cost=400.0)
    over, cost = math.log(2), 2 * 100 * AIM
    for step in (1, 2):
        expected = step * INTEGRAL_GAIN * over / 100 + PROPORTIONAL_GAIN * over
        assert multiplier.step(1.0, cost, 100) == pytest.approx(expected)
        assert multiplier.value == pytest.approx(step * INTEGRAL_GAIN * over / 100)
    assert multiplier.was_active
    multiplier = Multiplier(Budget(100.0), initial_cost=400.0)
    assert multiplier.step(1.0, 1.0, 10) == multiplier.value == 0.0
    assert not multiplier.was_active
    assert multiplier.step(1.0, 1e9, 1) == multiplier.value == MULTIPLIER_MAX


def test_there_is_no_penalty_before_the_limit_begins() -> None:
    multiplier = Multiplier(Budget(1.0))
    assert multiplier.step(BEGIN / 2, 1e6, 10) == multiplier.value == 0.0
    assert multiplier.initial_cost is None
    assert multiplier.step(BEGIN, 1e6, 10) == 0.0
    assert multiplier.initial_cost == 1e6


def test_a_cost_of_nothing_is_below_every_limit() -> None:
    multiplier = Multiplier(Budget(1.0), value=MULTIPLIER_MAX)
    assert multiplier.step(1.0, 0.0, 10) == multiplier.value == 0.0
    assert multiplier.initial_cost == 0.0
    assert multiplier.limit(BEGIN) == multiplier.limit(1.0) == AIM
    assert not multiplier.was_active


def test_the_target_follows_the_ratio_of_validation_to_training_samples() -> None:
    assert Multiplier(Budget(100.0), ratio=1.2).target == pytest.approx(100 * AIM / 1.2)


@pytest.mark.parametrize("amount", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_of_nothing_is_refused(amount: float) -> None:
    with pytest.raises(InputError, match=rf"the budget is {amount:g} SynOps; give a number over 0"):
        Budget(amount)


# Networks keep to it


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_a_budget_of_synops_is_met_within_5_percent_as_a_report_counts(
    to_budget: Make, share: float
) -> None:
    budget = share * sum(trained(to_budget(None)).history[-1].synops)
    started = trained(to_budget(Budget(budget)))
    network, activity = reported(started)
    best = started.history[started.best_epoch - 1]
    assert synops(network, activity) == pytest.approx(best.cost)
    assert 0.95 * budget <= synops(network, activity) <= budget
    assert best.validation_accuracy == 1.0
    assert all(layer.neurons < 20 for layer in network.layers)
    labels = started.data.validation.labels
    predictions = activity.spikes[-1].sum(2).argmax(1)
    assert float(np.mean(predictions == labels)) == started.best_accuracy


def test_a_budget_of_energy_is_met_within_5_percent_as_a_report_estimates(
    to_budget: Make,
) -> None:
    free = trained(to_budget(Budget(1e6, LOIHI2)))
    budget = 0.6 * (free.history[-1].cost or 0.0)
    started = trained(to_budget(Budget(budget, LOIHI2)))
    network, activity = reported(started)
    workload = measure(activity, place(network, LOIHI2))
    energy = 1e6 * sample_energy(workload, duration_s=exactly(1.0)).dynamic.value
    assert energy == pytest.approx(started.history[started.best_epoch - 1].cost)
    assert 0.95 * budget <= energy <= budget


def test_a_budget_above_the_cost_changes_nothing(to_budget: Make) -> None:
    rich, free = trained(to_budget(Budget(1e9))), trained(to_budget(None))
    assert rich.budget_pruner is not None
    assert not rich.budget_pruner.multiplier.was_active
    assert all(bool(mask.all()) for mask in rich.budget_pruner.masks)
    assert best_checkpoint(rich).architecture == rich.network.architecture
    assert rich.history[-1].loss == pytest.approx(free.history[-1].loss)


def test_a_training_to_a_budget_resumes_to_the_same_weights(to_budget: Make) -> None:
    whole, parts, again = (to_budget(Budget(1500.0)) for _ in range(3))
    list(itertools.islice(training.run(parts), 15))
    again.restore(parts.state())
    assert list(training.run(again))[-1] == trained(whole).history[-1]
    assert again.best_epoch == whole.best_epoch
    assert all(torch.equal(v, again.best[k]) for k, v in whole.best.items())


def test_a_silent_input_meets_every_budget(tiny_training: Make) -> None:
    plain = tiny_training()
    signals = np.zeros_like(plain.data.dataset.signals)
    silent = replace(plain.data, dataset=replace(plain.data.dataset, signals=signals))
    started = training.start(silent, replace(plain.config, synop_budget=1.0))
    assert [epoch.cost for epoch in trained(started).history] == [0.0] * 4


def test_if_no_epoch_meets_the_budget_the_cheapest_is_kept(to_budget: Make) -> None:
    started = trained(to_budget(Budget(1.0)))
    costs = [epoch.cost for epoch in started.history if epoch.cost is not None]
    assert started.history[started.best_epoch - 1].cost == min(costs)


def test_the_least_cost_is_that_of_the_input_on_one_neuron(to_budget: Make) -> None:
    started = to_budget(Budget(1.0))
    samples, pruner = started.data.validation, started.budget_pruner
    assert pruner is not None
    assert pruner.least(samples) == pytest.approx(samples.spikes.sum() / len(samples))
    with pytest.raises(
        InputError, match="synop_budget is 1 SynOps per sample, and the input alone"
    ):
        pruner.check_reachable(samples)


def test_the_best_epoch_meets_the_budget_uses_it_and_then_is_the_most_accurate(
    to_budget: Make,
) -> None:
    started = to_budget(Budget(100.0))  # 30 epochs, the limit arrives in the 20th
    epoch = next(training.run(started))
    epochs = [
        replace(epoch, epoch=number, cost=cost, validation_accuracy=accuracy)
        for number, cost, accuracy in [
            (1, 99.0, 0.99), (18, 98.0, 0.9), (20, 120.0, 1.0), (21, 90.0, 0.95),
            (22, 96.0, 0.8), (23, 97.0, 0.85), (24, 97.0, 0.85),
        ]
    ]  # fmt: skip

    def best(of: list[training.Epoch]) -> int:
        return max(of, key=lambda each: training._quality(started, each)).epoch

    assert best(epochs) == 23
    assert best(epochs[2:4]) == 21
    assert best([replace(each, cost=(each.cost or 0.0) + 100) for each in epochs]) == 21


# The options


@pytest.fixture
def run(
    uci_har_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Return a function that trains in an empty folder and gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(history, "draw", lambda _, path, **__: path.write_bytes(b"a picture"))

    def command(*words: object, epochs: int = 1) -> tuple[int, str, str]:
        capsys.readouterr()
        line = ["--data", uci_har_folder, "--epochs", epochs, "--hidden", 12, 12]
        line += ["--batch", 6, "--threads", 1, *words]
        try:
            code = train.main([str(word) for word in line])
        except SystemExit as ended:  # of argparse
            code = int(ended.code or 0)
        return (code, *capsys.readouterr())

    return command


def last_synops() -> float:
    """Return the SynOps per validation sample after the last epoch of the run."""
    lines = Path("runs/har/history.jsonl").read_text().splitlines()
    return float(sum(json.loads(lines[-1])["synops"]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        *[
            ((f"{option}={value}",), f"'{value}' is not a number above 0")
            for option in ("--synop-budget", "--energy-budget-uj")
            for value in ("0", "-5", "nan", "much")
        ],
        (("--prune=1",), "'1' is not a fraction from 0 to below 1"),
        (("--prune=half",), "'half' is not a fraction from 0 to below 1"),
        (("--weight-bits", 5), "--weight-bits: invalid choice: "),
        (("--synop-budget", 9, "--energy-budget-uj", 1), "not allowed with argument --synop"),
        (("--energy-budget-uj", 1, "--chip", "loihi3"), "--chip: invalid choice: 'loihi3'"),
        (("--chip", "loihi2"), "--energy-budget-uj, which is missing"),
        (
            ("--energy-budget-uj", 1, "--chip", "loihi1", "--chip", "loihi2"),
            "takes one chip, not 2",
        ),
        (("--energy-budget-uj", 0.01), "0.01 µJ of dynamic energy on loihi2 per sample, and the"),
        (("--synop-budget", 1.5), "synop_budget is 1.5 SynOps per sample, and the input alone"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_before_training(
    run: Run, words: tuple[object, ...], message: str
) -> None:
    code, _, err = run(*words)
    assert code == 2
    assert err.count("error: ") == 1
    assert message in err
    assert "epoch" not in err.partition("error: ")[0]
    assert not Path("runs/har/model.pt").exists()


def test_a_budget_that_is_met_is_reported_with_the_remaining_neurons(run: Run) -> None:
    assert run(epochs=6)[0] == 0
    code, _, err = run("--synop-budget", round(0.5 * last_synops()), epochs=24)
    assert code == 0
    assert "SynOps per sample on the validation samples" in err
    assert "of 12 hidden neurons" in err
    assert checkpoint.load(Path("runs/har/model.pt")).architecture.sizes[1] < 12
    code, _, err = run("--synop-budget", 2e6, "--resume", epochs=24)
    assert code == 2
    assert "another budget (--synop-budget or --energy-budget-uj)" in err


def test_a_budget_that_no_epoch_met_ends_with_1_and_keeps_the_nearest(run: Run) -> None:
    assert run()[0] == 0
    budget = round(0.6 * last_synops())
    code, out, err = run("--synop-budget", budget)
    assert code == 1
    assert f"warning: no epoch met the budget of {budget:,} SynOps per sample" in err
    assert "Next:" in out
    assert Path("runs/har/model.pt").exists()


@pytest.mark.parametrize(("cost", "is_noted"), [(940.0, True), (950.0, False), (1000.0, False)])
def test_a_cost_over_a_twentieth_below_the_budget_is_noted(cost: float, is_noted: bool) -> None:
    pruner: Any = SimpleNamespace(multiplier=Multiplier(Budget(1000.0), was_active=True))
    sentence = budget_words(pruner, cost, "3 of 9")
    assert f"{cost / 1000:.1%} of the budget, with 3 of 9 hidden neurons" in sentence
    assert ("more than 5% below it" in sentence) == is_noted
    pruner.multiplier.was_active = False
    assert "which had no effect" in budget_words(pruner, cost, "9 of 9")
    assert Budget(3000.5).words() == "3,000.5 SynOps"


def test_pruned_weights_are_noted_to_be_stored_as_zeros(run: Run) -> None:
    code, _, err = run("--prune", 0.5, "--weight-bits", 4)
    assert code == 0
    assert "note: Intel's compiler stores the zero weights" in err
    saved = checkpoint.load(Path("runs/har/model.pt"))
    assert {layer.weight_bits for layer in saved.architecture.layers} == {4}
    weight = saved.weights["blocks.0.synapse.weight"]
    assert float((weight == 0).float().mean()) == pytest.approx(0.5, abs=0.01)
