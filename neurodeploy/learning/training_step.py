"""Take the steps of one epoch: forward, loss, gradient, and a share of the highest learning rate.

Each process of a team takes its rows of every batch. Their losses are scaled so that the average
of their gradients is the gradient of the mean over the whole batch, whatever their shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from neurodeploy.learning.training import Training
from neurodeploy.models.errors import InputError
from neurodeploy.samples import Samples


def train_epoch(
    training: Training,
    parts: Iterable[Samples],
    number: int,
    advance: Callable[[int, int], None] | None,
) -> tuple[float, float]:
    """Return the mean loss and the accuracy over the epoch's windows.

    Args:
        training: it is changed in place.
        parts: the samples of the epoch in their order; each part but the last is whole batches.
        number: of the epoch, from 1.
        advance: called with the windows seen and the windows in all.
    """
    recipe, seed = training.settings.recipe, training.settings.seed
    batch = recipe.batch
    steps = len(training.data.split.train) // batch
    loss, right, done = 0.0, 0, (number - 1) * steps
    rows = training.team.share(batch)
    _seed_torch(seed, number)
    training.network.part = (rows.start, batch)
    training.network.train()
    whole = recipe.epochs * steps
    for spikes, labels in _batches(parts, batch, rows):
        added = _step(training, spikes, labels, done, whole)
        done += 1
        _thin_out(training, done, whole)
        loss, right = loss + added[0], right + added[1]
        if advance is not None:
            advance(done * batch, whole * batch)
    total_loss, total_right = training.team.total([loss, right])
    return total_loss / steps, total_right / (steps * batch)


def _batches(
    parts: Iterable[Samples], batch: int, rows: slice
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Yield the spikes and labels of this process's rows of every whole batch."""
    for samples in parts:
        for start in range(0, len(samples.targets) - batch + 1, batch):
            chosen = slice(start + rows.start, start + rows.stop)
            yield samples.spikes[chosen], samples.targets[chosen]


def _thin_out(training: Training, number: int, steps: int) -> None:
    """Take out the neurons and weights that are to go after `number` of `steps` steps."""
    thrift = training.thrift
    if thrift is not None:
        thrift.after_step(number, number / steps, steps)
    if training.pruning is not None:
        training.pruning.after_step(number / steps, None if thrift is None else thrift.alive)


def _seed_torch(seed: int, epoch: int) -> None:
    """Let what torch draws depend on nothing but the seed and the epoch."""
    torch.manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0]))


def _step(
    training: Training,
    spikes: NDArray[np.uint8],
    labels: NDArray[np.int64],
    done: int,
    steps: int,
) -> tuple[float, int]:
    """Take one step of the optimizer after `done` of `steps` in the whole training.

    Returns:
        This process's part of the mean loss over the batch, and its number of right answers.
    """
    recipe, device, position = training.settings.recipe, training.network.device, done / steps
    training.network.set_progress(position)
    for group in training.optimizer.param_groups:
        group["lr"] = group["highest"] * rate_share(position)
    target = torch.from_numpy(labels).to(device)
    inputs = torch.from_numpy(spikes).to(device).float()
    found = training.forward(inputs)
    counts = (found if training.thrift is None else found[-1]).sum(2)
    logits = recipe.count_scale * counts
    loss = torch.nn.functional.cross_entropy(logits, target, reduction="sum") / recipe.batch
    wanted = loss
    if training.thrift is not None:
        wanted = loss + training.thrift.penalty(
            inputs, found, batch=recipe.batch, position=position, steps=steps
        )
    training.optimizer.zero_grad()
    (wanted * training.team.size).backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(training.network.parameters(), recipe.gradient_limit)
    # Weights that are no numbers still give spikes of 0 or 1, so the loss alone does not tell.
    for name, value in (("loss", loss), ("gradient", norm)):
        if not bool(torch.isfinite(value)):
            raise InputError(
                f"the {name} became {value.item()} in epoch {len(training.history) + 1}; start "
                "anew with a lower learning rate"
            )
    if training.thrift is not None:
        training.thrift.after_backward(steps)
    training.optimizer.step()
    training.network.after_step()
    return float(loss.detach()), int((counts.argmax(1) == target).sum())


def rate_share(position: float, warm_up: float = 0.2) -> float:
    """Return the learning rate's share of its highest value: a linear rise, then a half cosine."""
    if position < warm_up:
        return 0.04 + 0.96 * position / warm_up
    return 0.5 * (1 + float(np.cos(np.pi * (position - warm_up) / (1 - warm_up))))
