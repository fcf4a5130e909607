"""Train a task's network: epochs over augmented windows, the best one by validation kept.

Every epoch draws from generators of its own, seeded by (seed, epoch), so that a training that is
interrupted and resumed takes the same steps as one that is not. The same seed gives the same
weights on the same device, number of threads and version of torch, on which its sums depend.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from torch import Tensor

from neurodeploy.learning.budget import ARRIVED, BAND
from neurodeploy.learning.training import Epoch, Training, TrainingData
from neurodeploy.learning.training_step import train_epoch
from neurodeploy.learning.validation import Validated, evaluate
from neurodeploy.models import loihi
from neurodeploy.models.memory import keep_freed_memory
from neurodeploy.samples import Samples
from neurodeploy.tasks.recipe import Recipe
from neurodeploy.tasks.task import encode_windows

PART_WINDOWS: Final = 8192
"""Training windows that are encoded at a time, at most."""


def run(training: Training, advance: Callable[[int, int], None] | None = None) -> Iterator[Epoch]:
    """Train epoch after epoch until the recipe's number is done, yielding each.

    Args:
        training: it is changed in place, also when the caller stops early.
        advance: called with the windows seen and the windows in all.

    Raises:
        InputError: when the loss is no longer a finite number.
    """
    keep_freed_memory()
    data, recipe, thrift = training.data, training.settings.recipe, training.thrift
    validation = encode_windows(data.windows, data.encoder, data.split.validation)
    for number in range(len(training.history) + 1, recipe.epochs + 1):
        began = time.monotonic()
        parts = epoch_parts(data, recipe, seed=training.settings.seed, epoch=number)
        trained = train_epoch(training, parts, number, advance)
        network = training.network if thrift is None else thrift.deployed()
        validated = evaluate(network, validation, training.team)
        spent = None if thrift is None else thrift.validated(network, validated, validation)
        epoch = _epoch(training, number, trained, validated, spent, time.monotonic() - began)
        best = training.history[training.best_epoch - 1] if training.best_epoch else None
        better = best is None or _rank(training, epoch) > _rank(training, best)
        training.history.append(epoch)
        if better:
            training.best_epoch = number
            training.best = {
                name: values.detach().cpu().clone()
                for name, values in training.network.state_dict().items()
            }
        yield training.history[-1]


def _epoch(
    training: Training,
    number: int,
    trained: tuple[float, float],
    validated: Validated,
    spent: float | None,
    seconds: float,
) -> Epoch:
    """Return what an epoch came to; trained are its loss and accuracy."""
    neurons: list[Any] = [block.neuron for block in training.network.layers]
    return Epoch(
        number,
        *trained,
        validated.accuracy,
        validated.rates,
        _means(training.network.delay_parameters()),
        _means([each.current_decay for each in neurons], loihi.DECAY_ONE),
        _means([each.voltage_decay for each in neurons], loihi.DECAY_ONE),
        validated.synops,
        {group["name"]: float(group["lr"]) for group in training.optimizer.param_groups},
        spent,
        seconds,
    )


def _rank(training: Training, epoch: Epoch) -> tuple[bool, bool, float]:
    """Return what the best epoch has the most of. To a budget one is better that meets it, then one
    that makes use of it where the limit has arrived, then the more accurate one; where none meets
    it, the thriftier one."""
    budget, position = training.settings.budget, epoch.epoch / training.settings.recipe.epochs
    if budget is None or epoch.spent is None:
        return True, True, epoch.validation_accuracy
    if not budget.met(epoch.spent):
        return False, False, -epoch.spent
    used = position >= ARRIVED and epoch.spent >= (1 - BAND) * budget.amount
    return True, used, epoch.validation_accuracy


def _means(values: Sequence[Tensor], one: float = 1.0) -> tuple[float, ...]:
    return tuple(float(each.detach().mean()) / one for each in values)


def epoch_parts(data: TrainingData, recipe: Recipe, *, seed: int, epoch: int) -> Iterator[Samples]:
    """Yield the training windows of one epoch, varied and in random order, some batches at a time,
    so that not all spikes of a large data set are in memory."""
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(data.split.train)
    most = max(1, PART_WINDOWS // recipe.batch) * recipe.batch
    for start in range(0, len(order), most):
        chosen = order[start : start + most]
        if recipe.augment is None:
            yield encode_windows(data.windows, data.encoder, chosen)
        else:
            signals = recipe.augment(data.windows.signals[chosen], rng)
            yield Samples.of(data.encoder.encode(signals), data.windows.labels[chosen])
