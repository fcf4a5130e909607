"""Artificial networks of the size of a spiking one: their counts, what they see, how they learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import ann
from benchmarks.ann import Network, Plan, Shape
from neurodeploy import TrainConfig, task_from_arrays
from neurodeploy.models.errors import InputError

SHAPES = {
    "signal": (Shape(6, 128, 6), 21_000),
    "one sample": (Shape(40, 1, 4), 5_000),
    "image": (Shape(784, 1, 10, (28, 28)), 100_000),
    "small image": (Shape(64, 1, 10, (8, 8)), 10_000),
    "events": (Shape(2 * 34 * 34, 25, 10, (34, 34)), 300_000),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("kind", ann.KINDS)
def test_parameters_are_matched(kind: str, name: str) -> None:
    shape, wanted = SHAPES[name]
    plan = ann.plan_for(kind, shape, wanted)
    assert plan.parameters == pytest.approx(wanted, rel=0.1)
    samples = torch.zeros(2, shape.channels, shape.samples)
    assert Network(plan).eval()(samples).shape == (2, shape.classes)


@pytest.mark.parametrize(
    ("plan", "parameters", "macs"),
    [
        # 3 x 8 values, 5 neurons twice, 2 classes
        (Plan("dense", Shape(3, 8, 2), 1, 5), 120 + 5 + 25 + 5 + 10 + 2, 120 + 25 + 10),
        # kernels of 5 over 8, 4 and 2 steps, a scale and a shift per channel, a dense layer
        (
            Plan("cnn", Shape(3, 8, 2), 1, 4),
            60 + 8 + 80 + 8 + 80 + 8 + 10,
            60 * 8 + 80 * 4 + 80 * 2 + 8,
        ),
        # kernels of 3 x 3 over 8 x 8 and 4 x 4 pixels, then 2 x 2 pixels to 5 neurons
        (
            Plan("cnn", Shape(64, 1, 3, (8, 8)), 1, 2, 5),
            18 + 4 + 72 + 8 + 16 * 5 + 5 + 15 + 3,
            18 * 64 + 72 * 16 + 16 * 5 + 15,
        ),
        # three gates of the input and the state, two biases each
        (Plan("gru", Shape(3, 8, 2), 2, 4), 3 * 4 * 7 + 24 + 8 + 2, 3 * 4 * 7 * 4 + 8),
    ],
)
def test_counts_are_those_of_hand_arithmetic(plan: Plan, parameters: int, macs: int) -> None:
    assert (plan.parameters, plan.macs) == (parameters, macs)


def test_long_samples_are_averaged_until_a_dense_network_is_wide() -> None:
    plan = ann.plan_for("dense", Shape(6, 128, 6), 21_000)
    assert (plan.merged, plan.steps) == (2, 64)
    assert plan.width >= ann.DENSE_WIDTH_MIN


def test_a_network_that_cannot_be_so_small_is_refused() -> None:
    with pytest.raises(InputError, match=r"the narrowest gru for .* 100 are asked for"):
        ann.plan_for("gru", Shape(700, 100, 20), 100)


def test_pixels_are_where_the_grid_says() -> None:
    shape = Shape(2 * 3 * 4, 5, 2, (3, 4))
    samples = torch.arange(24 * 5).reshape(1, 24, 5).float()
    arranged = Network(Plan("cnn", shape, 1, 2, 4)).arranged(samples)  # plane by plane, its times
    assert arranged.shape == (1, 10, 3, 4)
    assert arranged[0, 1 * 5 + 3, 2, 1] == samples[0, (1 * 3 + 2) * 4 + 1, 3]
    rows = Network(Plan("gru", Shape(24, 1, 2, (3, 4)), 1, 2)).arranged(samples[:, :, :1])
    assert rows.shape == (1, 3, 8)
    assert rows[0, 2, 4 + 1] == samples[0, (1 * 3 + 2) * 4 + 1, 0]


def add_noise(signals: Any, rng: np.random.Generator) -> Any:
    return signals + rng.normal(size=signals.shape)


@pytest.fixture
def data() -> Any:
    """Return 72 samples of two classes that fire at different rates."""
    rng, labels = np.random.default_rng(1), np.arange(24) % 2
    parts = [
        ((rng.random((24, 3, 32)) < np.array([0.1, 0.7])[labels, None, None]).astype(int), labels)
        for _ in range(3)
    ]
    return task_from_arrays(*parts, config=TrainConfig(augment=add_noise))


def test_rate_and_epoch_are_chosen_on_validation_samples(
    data: Any, monkeypatch: pytest.MonkeyPatch, one_torch_thread: None
) -> None:
    view, plan = ann.view_of(data), ann.plan_for("cnn", ann.shape_of(data), 300)
    looked_at: list[Any] = []
    shown = ann.shown_to

    def watched(network: Any, view: Any, rows: Any) -> Any:
        looked_at.append(rows.tolist())
        return shown(network, view, rows)

    monkeypatch.setattr(ann, "shown_to", watched)
    rates = (1e-5, 1e-2)
    found = ann.run(view, plan, seed=0, rates=rates, epochs=6)
    accuracies = [max(each["validation"]) for each in found["tried"]]
    assert found["learning_rate"] == rates[int(np.argmax(accuracies))] == 1e-2
    assert found["accuracy"] > 0.9
    assert looked_at == [data.split.validation.tolist()] * 12 + [data.split.test.tolist()]
    again = ann.run(view, plan, seed=0, rates=[1e-2], epochs=6)
    assert again["predictions"] == found["predictions"]


def test_a_rate_that_diverges_drops_out(data: Any, one_torch_thread: None) -> None:
    view, plan = ann.view_of(data), ann.plan_for("dense", ann.shape_of(data), 3000)
    found = ann.run(view, plan, seed=0, rates=[1e30, 1e-2], epochs=2)
    assert found["learning_rate"] == 1e-2
    assert found["tried"][0]["validation"] == []
    with pytest.raises(InputError, match="diverges"):
        ann.run(view, plan, seed=0, rates=[1e30], epochs=2)
