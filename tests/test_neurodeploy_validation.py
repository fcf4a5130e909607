"""What an epoch's validation counts is what a report counts on the integer network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.hw_sim.activity import count
from neurodeploy.hw_sim.backends import BACKENDS, RunOptions
from neurodeploy.learning import loop
from neurodeploy.learning.distributed import Team
from neurodeploy.learning.loop import evaluate
from neurodeploy.models.architecture import Architecture
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import SlayerNetwork
from neurodeploy.samples import Samples

pytestmark = pytest.mark.usefixtures("one_torch_thread")

Draw = Callable[..., np.ndarray]


def network(architecture: Architecture) -> SlayerNetwork:
    """Return a network of the same weights each time."""
    torch.manual_seed(5)
    return SlayerNetwork(architecture)


@pytest.fixture
def samples(draw_spikes: Draw) -> Samples:
    return Samples.of(draw_spikes(11, 6, 40), np.arange(11) % 3)


ARCHITECTURES = {
    "axonal delays": Architecture.dense((6, 9, 7, 3), threshold=0.5),
    "none": Architecture.dense((6, 9, 3), threshold=0.5, delays="none"),
    "synaptic delays": Architecture.dense((6, 9, 3), threshold=0.5, delays="synaptic"),
    "biases": Architecture.dense((6, 9, 3), threshold=0.5, delays="none", bias=True),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_synops_and_rates_are_those_of_the_integer_network(
    samples: Samples, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    trained = network(ARCHITECTURES[name])
    monkeypatch.setattr(loop, "BATCH", 4)  # so that the last is smaller
    found = evaluate(trained, samples)
    integers = quantize(trained)
    activity = BACKENDS["fast"].run(integers, samples.spikes, RunOptions())
    counted = count(integers, activity)
    assert found.synops == pytest.approx([layer.synops.mean() for layer in counted])
    assert found.rates == pytest.approx([spikes.mean() for spikes in activity.spikes])
    answers = activity.spikes[-1].sum(2).argmax(1)
    assert found.accuracy == pytest.approx((answers == samples.labels).mean())
    assert min(found.synops) > 0


def test_the_shares_of_several_processes_add_up_to_what_one_counts(
    samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = network(ARCHITECTURES["axonal delays"])
    alone = evaluate(trained, samples)
    parts: list[Any] = []
    monkeypatch.setattr(Team, "total", lambda _, values: parts.append(values) or values)
    for rank in range(3):
        evaluate(trained, samples, Team(rank, 3))
    summed = np.sum(parts, axis=0) / len(samples.labels)
    assert summed == pytest.approx([alone.accuracy, *alone.rates, *alone.synops])
