"""Train an artificial network as the spiking one is: same windows, same split, same variation.

The hyperparameters are the same for all tasks: Adam, batches of 64, a rate that rises over the
first twentieth of the steps and falls along a cosine, gradients cut to a norm of 1, the best epoch
by validation accuracy. The highest rate is the best of a few by the validation
accuracy of one seed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.ann.inputs import BATCH, View, epoch, parts, view_of
from benchmarks.ann.networks import DROPOUT, Network, logits_of
from benchmarks.ann.sizes import Plan
from neurodeploy.hw_sim.readout import Score, score
from neurodeploy.learning.config import Augment
from neurodeploy.models.errors import InputError
from neurodeploy.tasks.task import TaskData

WARM_UP: Final = 0.05
GRADIENT_LIMIT: Final = 1.0
RATES: Final = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
WINDOWS_SEEN: Final = 120_000
FEWEST_EPOCHS, MOST_EPOCHS = 8, 120
"""Epochs are as many as show that many training windows, within these limits."""


@dataclass(frozen=True, eq=False)
class Trained:
    """The best epoch of a training.

    Attributes:
        rate: highest learning rate.
        epoch: the best one, from 1.
        validation: accuracy after each epoch.
        weights: of the best epoch.
        seconds: that the training took.
    """

    rate: float
    epoch: int
    validation: tuple[float, ...]
    weights: dict[str, Tensor]
    seconds: float

    @property
    def accuracy(self) -> float:
        """Validation accuracy of the best epoch."""
        return self.validation[self.epoch - 1]

    def as_dict(self) -> dict[str, Any]:
        """Return all but the weights as JSON values."""
        values = {name: value for name, value in vars(self).items() if name != "weights"}
        return {**values, "validation": list(self.validation)}


def rules() -> dict[str, Any]:
    """Return what all trainings have in common, as JSON values."""
    return {
        "batch": BATCH,
        "warm_up": WARM_UP,
        "gradient_limit": GRADIENT_LIMIT,
        "windows_seen": WINDOWS_SEEN,
        "epochs": [FEWEST_EPOCHS, MOST_EPOCHS],
        "dropout": DROPOUT,
    }


def epochs_for(windows: int) -> int:
    """Return how many epochs to train on so many windows."""
    return min(max(round(WINDOWS_SEEN / windows), FEWEST_EPOCHS), MOST_EPOCHS)


def run(
    data: TaskData,
    plan: Plan,
    *,
    seed: int,
    rates: Sequence[float],
    augment: Augment | None,
    epochs: int | None = None,
) -> dict[str, Any]:
    """Train with each rate, test the one that validates best, and return all as JSON values.

    Args:
        data: of the task.
        plan: the network.
        seed: of weights, order and variation.
        rates: to try; of several that validate alike the one is taken whose epochs do best in the
            mean. One whose loss is no longer a finite number is out.
        augment: the recipe's.
        epochs: as `epochs_for` says when None.

    Raises:
        InputError: when no rate trains the network.
    """
    view = view_of(data)
    count = epochs_for(len(data.split.train)) if epochs is None else epochs
    tried: list[Trained] = []
    diverged: dict[float, str] = {}
    for rate in rates:
        try:
            tried.append(
                train(data, view, plan, seed=seed, rate=rate, augment=augment, epochs=count)
            )
        except InputError as error:
            diverged[rate] = str(error)
    if not tried:
        raise InputError(f"no learning rate of {', '.join(map(str, rates))} trains it: {diverged}")
    best = max(tried, key=lambda each: (each.accuracy, fmean(each.validation)))
    network = Network(plan)
    network.load_state_dict(best.weights)
    logits = shown_to(network, view, data, data.split.test)
    labels = data.dataset.labels[data.split.test]
    found: Score = score(logits, labels)
    return {
        "plan": plan.as_dict(),
        "epochs": count,
        "tried": [each.as_dict() for each in tried],
        "diverged": list(diverged),
        "rate": best.rate,
        "accuracy": found.accuracy,
        "macro_f1": found.macro_f1,
        "answers": logits.argmax(1).tolist(),
    }


def train(
    data: TaskData,
    view: View,
    plan: Plan,
    *,
    seed: int,
    rate: float,
    augment: Augment | None,
    epochs: int,
) -> Trained:
    """Return the best epoch of a training with one rate.

    Raises:
        InputError: when the loss is no longer a finite number.
    """
    torch.manual_seed(seed)
    network, began = Network(plan), time.monotonic()
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    steps = epochs * -(-len(data.split.train) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: share(done / steps))
    labels = data.dataset.labels[data.split.validation]
    accuracies: list[float] = []
    best: dict[str, Tensor] = {}
    for number in range(1, epochs + 1):
        rng = np.random.default_rng([seed, number])
        network.train()
        for values, truth in epoch(data, view, augment, rng):
            _steps(network, optimizer, schedule, torch.from_numpy(values), torch.from_numpy(truth))
        answers = shown_to(network, view, data, data.split.validation).argmax(1)
        accuracies.append(float((answers == labels).mean()))
        if accuracies[-1] > max(accuracies[:-1], default=-1.0):
            best = {name: each.clone() for name, each in network.state_dict().items()}
    kept = 1 + int(np.argmax(accuracies))
    return Trained(rate, kept, tuple(accuracies), best, time.monotonic() - began)


def share(position: float) -> float:
    """Return the learning rate's share of its highest value at a position 0..1 in the training."""
    if position < WARM_UP:
        return 0.05 + 0.95 * position / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (position - WARM_UP) / (1 - WARM_UP)))


def _steps(network: Network, optimizer: Any, schedule: Any, values: Tensor, truth: Tensor) -> None:
    """Take a step for each batch of the windows; a last one of a single window is left out, of
    which a normalisation has no spread."""
    for batch, labels in zip(torch.split(values, BATCH), torch.split(truth, BATCH)):
        if len(batch) > 1:
            loss = torch.nn.functional.cross_entropy(network(batch), labels)
            if not bool(torch.isfinite(loss)):
                raise InputError(f"the loss of the {network.plan.kind} became {loss.item()}")
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_LIMIT)
            optimizer.step()
        schedule.step()


def shown_to(
    network: Network, view: View, data: TaskData, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the logits (rows, classes) of windows."""
    found = [logits_of(network, torch.from_numpy(view.rows(data, at))) for at in parts(data, rows)]
    return np.concatenate([each.numpy() for each in found])
