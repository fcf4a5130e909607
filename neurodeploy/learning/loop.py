"""Train a network: epochs over augmented windows, the best one by validation kept.

Every epoch draws from generators of its own, seeded by (seed, epoch), so that a training that is
interrupted and resumed takes the same steps as one that is not. The same seed gives the same
weights on the same device, number of threads and version of torch, on which its sums depend.

Each process of several takes its rows of every batch. Their losses are scaled so that the average
of their gradients is the gradient of the mean over the whole batch, whatever their shares.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurodeploy.learning.budget import ARRIVED, BAND, BATCH
from neurodeploy.learning.config import TrainConfig
from neurodeploy.learning.distributed import ALONE, Team
from neurodeploy.learning.training import Epoch, Training
from neurodeploy.models import loihi
from neurodeploy.models.errors import InputError
from neurodeploy.models.snn import SlayerNetwork
from neurodeploy.samples import Samples
from neurodeploy.tasks.task import TaskData, encode_samples

SILENT_RATE = 1e-4
SATURATED_RATE = 0.5
"""Spikes a neuron and step below and above which a layer is no use and gets a warning."""


@dataclass(frozen=True)
class Validated:
    """What a network did on some samples.

    Attributes:
        accuracy: share of right answers.
        rates: spikes a neuron and step of each layer.
        synops: SynOps a sample of each layer, counted as a report counts them: every spike that is
            sent to a layer, before delays, times the weights it meets.
    """

    accuracy: float
    rates: tuple[float, ...]
    synops: tuple[float, ...]


def evaluate(network: SlayerNetwork, samples: Samples, team: Team = ALONE) -> Validated:
    """Run the samples, each process its share, and return what all of them came to."""
    layers = len(network.layers)
    right, rates, synops = 0, np.zeros(layers), np.zeros(layers)
    rows = team.share(len(samples.targets))
    network.eval()
    with torch.no_grad():
        for start in range(rows.start, rows.stop, BATCH):
            chosen = slice(start, min(start + BATCH, rows.stop))
            spikes = torch.from_numpy(samples.spikes[chosen]).to(network.device).float()
            emitted = network.layer_spikes(spikes)
            answers = emitted[-1].sum(2).argmax(1).cpu().numpy()
            right += int((answers == samples.targets[chosen]).sum())
            rates += [float(layer.double().mean()) * len(layer) for layer in emitted]
            synops += network.layer_synops(spikes, emitted).double().sum(1).cpu().numpy()
    values = [each / len(samples.targets) for each in team.total([right, *rates, *synops])]
    return Validated(values[0], tuple(values[1 : layers + 1]), tuple(values[layers + 1 :]))


def layer_warnings(rates: tuple[float, ...], epoch: int) -> list[str]:
    """Return a sentence for each layer that is silent or saturated, by its rates."""
    found = []
    for index, rate in enumerate(rates):
        state = "silent" if rate < SILENT_RATE else "saturated" if rate > SATURATED_RATE else ""
        if state:
            threshold = "lower" if state == "silent" else "higher"
            found.append(
                f"layer {index} is {state} after epoch {epoch} ({rate:.4f} spikes a neuron "
                f"and step; useful are {SILENT_RATE} to {SATURATED_RATE}); give a lower "
                f"--learning-rate, or a file of --network with a {threshold} threshold"
            )
    return found


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
    config, batch = training.config, training.config.batch_size
    steps = len(training.data.split.train) // batch
    loss, right, done = 0.0, 0, (number - 1) * steps
    rows = training.team.share(batch)
    _seed_torch(config.seed, number)
    training.network.part = (rows.start, batch)
    training.network.train()
    whole = config.epochs * steps
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
    config, device, position = training.config, training.network.device, done / steps
    training.network.set_progress(position)
    for group in training.optimizer.param_groups:
        group["lr"] = group["highest"] * rate_share(position)
    target = torch.from_numpy(labels).to(device)
    inputs = torch.from_numpy(spikes).to(device).float()
    found = training.forward(inputs)
    counts = (found if training.thrift is None else found[-1]).sum(2)
    logits = config.logit_scale * counts
    loss = torch.nn.functional.cross_entropy(logits, target, reduction="sum") / config.batch_size
    wanted = loss
    if training.thrift is not None:
        wanted = loss + training.thrift.penalty(
            inputs, found, batch=config.batch_size, position=position, steps=steps
        )
    training.optimizer.zero_grad()
    (wanted * training.team.size).backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(training.network.parameters(), config.max_grad_norm)
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


PART_WINDOWS: Final = 8192
"""Training windows that are encoded at a time, at most."""


def run(training: Training, advance: Callable[[int, int], None] | None = None) -> Iterator[Epoch]:
    """Train epoch after epoch until the configured number is done, yielding each.

    Args:
        training: it is changed in place, also when the caller stops early.
        advance: called with the windows seen and the windows in all.

    Raises:
        InputError: when the loss is no longer a finite number.
    """
    data, config, thrift = training.data, training.config, training.thrift
    validation = encode_samples(data.dataset, data.encoder, data.split.validation)
    for number in range(len(training.history) + 1, config.epochs + 1):
        began = time.monotonic()
        parts = epoch_parts(data, config, number)
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
    budget, position = training.budget, epoch.epoch / training.config.epochs
    if budget is None or epoch.spent is None:
        return True, True, epoch.validation_accuracy
    if not budget.met(epoch.spent):
        return False, False, -epoch.spent
    used = position >= ARRIVED and epoch.spent >= (1 - BAND) * budget.amount
    return True, used, epoch.validation_accuracy


def _means(values: Sequence[Tensor], one: float = 1.0) -> tuple[float, ...]:
    return tuple(float(each.detach().mean()) / one for each in values)


def epoch_parts(data: TaskData, config: TrainConfig, epoch: int) -> Iterator[Samples]:
    """Yield the training windows of one epoch, varied and in random order, some batches at a time,
    so that not all spikes of a large data set are in memory."""
    rng = np.random.default_rng([config.seed, epoch])
    order = rng.permutation(data.split.train)
    most = max(1, PART_WINDOWS // config.batch_size) * config.batch_size
    for start in range(0, len(order), most):
        chosen = order[start : start + most]
        if config.augment is None:
            yield encode_samples(data.dataset, data.encoder, chosen)
        else:
            signals = config.augment(data.dataset.signals[chosen], rng)
            yield Samples.of(data.encoder.encode(signals), data.dataset.labels[chosen])
