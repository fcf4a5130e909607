"""Train a task's network: epochs over augmented windows, the best one by validation kept.

Every epoch draws from generators of its own, seeded by (seed, epoch), so that a training that is
interrupted and resumed takes the same steps as one that is not. The same seed gives the same
weights on the same device, number of threads and version of torch, on which its sums depend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import InputError
from models.memory import keep_freed_memory
from models.snn import Architecture, SlayerNetwork
from neurodeploy.tasks.encoders import Encoder
from neurodeploy.tasks.recipe import Recipe
from neurodeploy.tasks.split import Split
from neurodeploy.tasks.task import Samples, encode_windows
from neurodeploy.tasks.windows import Windows

SILENT_RATE = 1e-4
SATURATED_RATE = 0.5
"""Spikes a neuron and step below and above which a layer is no use and gets a warning."""

EVALUATION_BATCH = 256


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The windows of a task, who is in which part, and how they become spikes."""

    task_name: str
    windows: Windows
    split: Split
    encoder: Encoder

    def majority_share(self) -> float:
        """Return the share of the validation windows that the most frequent class has."""
        labels = self.windows.labels[self.split.validation]
        return float(np.bincount(labels).max() / len(labels))


@dataclass(frozen=True)
class Settings:
    """What a training needs beside the data.

    Attributes:
        architecture: the network to train.
        recipe: rates, batch, epochs, augmentation.
        seed: of weights, order and augmentation, 0 or more.
        device: "cpu" or a torch device with a GPU.
        kernels: see `models.snn.KERNELS`.
    """

    architecture: Architecture
    recipe: Recipe
    seed: int = 0
    device: str = "cpu"
    kernels: str = "compiled"


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to.

    Attributes:
        epoch: from 1.
        loss: mean cross entropy over the training windows.
        train_accuracy: on the augmented training windows, while training.
        validation_accuracy: on the validation subjects, after the epoch.
        rates: spikes a neuron and step of each layer on the validation windows.
        delays: mean axonal delay of each layer that has delays, in steps.
    """

    epoch: int
    loss: float
    train_accuracy: float
    validation_accuracy: float
    rates: tuple[float, ...]
    delays: tuple[float, ...]


@dataclass
class Training:
    """A training under way: the network, its optimizer and the best epoch so far.

    Attributes:
        history: the epochs done.
        best: the weights of the best epoch.
        best_epoch: its number, 0 before the first.
    """

    data: TrainingData
    settings: Settings
    network: SlayerNetwork
    optimizer: torch.optim.Optimizer
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_epoch: int = 0

    @property
    def best_accuracy(self) -> float:
        """Validation accuracy of the best epoch, -1 before the first."""
        return self.history[self.best_epoch - 1].validation_accuracy if self.best_epoch else -1.0


def start(data: TrainingData, settings: Settings) -> Training:
    """Return a training before its first epoch.

    Raises:
        InputError: when the batch is larger than the data or the device is not there.
    """
    if len(data.split.train) < settings.recipe.batch:
        raise InputError(
            f"the batch is {settings.recipe.batch} but there are {len(data.split.train)} training "
            "windows; choose a smaller batch"
        )
    device = find_device(settings.device)
    torch.manual_seed(settings.seed)
    network = SlayerNetwork(settings.architecture, settings.kernels).to(device)
    delays = network.delay_parameters()
    ids = {id(p) for p in delays}
    weights = [p for p in network.parameters() if p.requires_grad and id(p) not in ids]
    groups = [{"params": weights, "lr": settings.recipe.learning_rate}]
    if delays:
        groups.append({"params": delays, "lr": settings.recipe.delay_rate})
    for group in groups:
        group["highest"] = group["lr"]
    return Training(data, settings, network, torch.optim.Adam(groups))


def find_device(name: str) -> torch.device:
    """Return the torch device of that name, or raise InputError when it is not there."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"the device {name!r} cannot be used ({reason}); use --device cpu"
        ) from None
    return device


def run(training: Training, advance: Callable[[int, int], None] | None = None) -> Iterator[Epoch]:
    """Train epoch after epoch until the recipe's number is done, yielding each.

    Args:
        training: it is changed in place, also when the caller stops early.
        advance: called with the windows seen and the windows in all.

    Raises:
        InputError: when the loss is no longer a finite number.
    """
    keep_freed_memory()
    data, recipe = training.data, training.settings.recipe
    validation = encode_windows(data.windows, data.encoder, data.split.validation)
    for number in range(len(training.history) + 1, recipe.epochs + 1):
        samples = epoch_samples(data, recipe, seed=training.settings.seed, epoch=number)
        loss, train_accuracy = _train_epoch(training, samples, number, advance)
        accuracy, rates = evaluate(training.network, validation)
        delays = tuple(float(d.detach().mean()) for d in training.network.delay_parameters())
        training.history.append(Epoch(number, loss, train_accuracy, accuracy, rates, delays))
        if accuracy > training.best_accuracy:
            training.best_epoch = number
            training.best = {
                name: values.detach().cpu().clone()
                for name, values in training.network.state_dict().items()
            }
        yield training.history[-1]


def epoch_samples(data: TrainingData, recipe: Recipe, *, seed: int, epoch: int) -> Samples:
    """Return the training windows of one epoch, varied and in random order."""
    rng = np.random.default_rng([seed, epoch])
    chosen = rng.permutation(data.split.train)
    if recipe.augment is None:
        return encode_windows(data.windows, data.encoder, chosen)
    signals = recipe.augment(data.windows.signals[chosen], rng)
    return Samples(data.encoder.encode(signals), data.windows.labels[chosen])


def _train_epoch(
    training: Training,
    samples: Samples,
    number: int,
    advance: Callable[[int, int], None] | None,
) -> tuple[float, float]:
    """Return the mean loss and the accuracy over the epoch's windows."""
    recipe = training.settings.recipe
    count, batch = len(samples.labels), recipe.batch
    steps = count // batch
    total_loss, right = 0.0, 0
    training.network.train()
    for step in range(steps):
        chosen = slice(step * batch, (step + 1) * batch)
        position = ((number - 1) * steps + step) / (recipe.epochs * steps)
        loss, correct = _step(training, samples.spikes[chosen], samples.labels[chosen], position)
        total_loss, right = total_loss + loss, right + correct
        if advance is not None:
            advance(((number - 1) * steps + step + 1) * batch, recipe.epochs * steps * batch)
    return total_loss / steps, right / (steps * batch)


def _step(
    training: Training, spikes: NDArray[np.uint8], labels: NDArray[np.int64], position: float
) -> tuple[float, int]:
    """Take one step of the optimizer; position 0..1 is where in the training it is."""
    recipe, device = training.settings.recipe, training.network.device
    for group in training.optimizer.param_groups:
        group["lr"] = group["highest"] * rate_share(position)
    target = torch.from_numpy(labels).to(device)
    counts = training.network(torch.from_numpy(spikes).to(device).float()).sum(2)
    loss = torch.nn.functional.cross_entropy(recipe.count_scale * counts, target)
    training.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(training.network.parameters(), recipe.gradient_limit)
    # Weights that are no numbers still give spikes of 0 or 1, so the loss alone does not tell.
    for name, value in (("loss", loss), ("gradient", norm)):
        if not bool(torch.isfinite(value)):
            raise InputError(
                f"the {name} became {value.item()} in epoch {len(training.history) + 1}; start "
                "anew with a lower learning rate"
            )
    training.optimizer.step()
    training.network.clamp_delays()
    return float(loss.detach()), int((counts.argmax(1) == target).sum())


def rate_share(position: float, warm_up: float = 0.2) -> float:
    """Return the learning rate's share of its highest value: a linear rise, then a half cosine."""
    if position < warm_up:
        return 0.04 + 0.96 * position / warm_up
    return 0.5 * (1 + float(np.cos(np.pi * (position - warm_up) / (1 - warm_up))))


def evaluate(network: SlayerNetwork, samples: Samples) -> tuple[float, tuple[float, ...]]:
    """Return the accuracy, and the spikes a neuron and step of every layer."""
    right, totals = 0, np.zeros(len(network.blocks))
    network.eval()
    with torch.no_grad():
        for start_at in range(0, len(samples.labels), EVALUATION_BATCH):
            chosen = slice(start_at, start_at + EVALUATION_BATCH)
            spikes = torch.from_numpy(samples.spikes[chosen]).to(network.device).float()
            layers = network.layer_spikes(spikes)
            answers = layers[-1].sum(2).argmax(1).cpu().numpy()
            right += int((answers == samples.labels[chosen]).sum())
            totals += [float(layer.mean()) * len(layer) for layer in layers]
    return right / len(samples.labels), tuple(float(r) for r in totals / len(samples.labels))


def warnings(epoch: Epoch) -> list[str]:
    """Return a sentence for each layer that is silent or saturated."""
    found = []
    for index, rate in enumerate(epoch.rates):
        state = "silent" if rate < SILENT_RATE else "saturated" if rate > SATURATED_RATE else ""
        if state:
            way_out = "lower" if state == "silent" else "raise"
            found.append(
                f"layer {index} is {state} after epoch {epoch.epoch} ({rate:.4f} spikes a neuron "
                f"and step; useful are {SILENT_RATE} to {SATURATED_RATE}); lower the learning rate "
                f"or {way_out} the recipe's threshold"
            )
    return found


def state(training: Training) -> dict[str, Any]:
    """Return all that `restore` needs to go on after the last finished epoch."""
    return {
        "network": training.network.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "history": [vars(epoch) for epoch in training.history],
        "best": training.best,
        "best_epoch": training.best_epoch,
    }


def restore(training: Training, values: dict[str, Any]) -> None:
    """Bring a training that was just started to where `state` was taken.

    Raises:
        InputError: when the values are of another network.
    """
    try:
        training.network.load_state_dict(values["network"])
        training.optimizer.load_state_dict(values["optimizer"])
        training.history = [
            Epoch(**{**epoch, "rates": tuple(epoch["rates"]), "delays": tuple(epoch["delays"])})
            for epoch in values["history"]
        ]
        training.best, training.best_epoch = values["best"], values["best_epoch"]
        if not 0 <= training.best_epoch <= len(training.history):
            raise ValueError(f"best_epoch is {training.best_epoch}")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"the interrupted run does not fit these options ({str(error).splitlines()[0]}); give "
            "the options it was started with, or start anew without --resume"
        ) from None
