"""Train artificial networks of the size of a spiking one on the same samples.

    python -m benchmarks.ann --task har --kind gru --parameters 21000 --out runs/gru.json

All tasks share the hyperparameters: Adam, batches of 64, a learning rate with linear warm-up over
the first 5% of the steps and cosine decay, gradients clipped to a norm of 1, and the epoch with the
best validation accuracy. The peak learning rate is chosen by validation accuracy, too.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np
import optuna
import torch
from numpy.typing import NDArray
from optuna.samplers import GridSampler
from torch import Tensor, nn

from neurodeploy.commands import cli
from neurodeploy.data.task_data import TaskData
from neurodeploy.hw_sim.readout import score
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replacing

RATES: Final = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
BATCH: Final = 64
WARM_UP: Final = 0.05
MAX_GRAD_NORM: Final = 1.0
TIE: Final = 1e-6
"""Weight of the mean accuracy over epochs, which breaks ties of the best one."""
DROPOUT: Final = 0.2
SAMPLES_SEEN: Final = 120_000
EPOCHS: Final = (8, 120)
"""Limits of the number of epochs, which is chosen to show about `SAMPLES_SEEN` samples."""

DENSE_WIDTH_MIN: Final = 32
"""Dense networks average neighboring time points until their layers have this many neurons."""
IMAGE_FRAMES_MAX: Final = 8
GRU_STEPS_MAX: Final = 64
PART_SAMPLES, PART_VALUES = 8192, 1 << 25
"""Limits of the samples, and of their values, that are converted to float at a time."""


@dataclass(frozen=True)
class Shape:
    """Input shape (channels, samples), pixel grid if any, and number of classes of a network."""

    channels: int
    samples: int
    classes: int
    grid: tuple[int, int] | None = None

    @property
    def planes(self) -> int:
        """Images per time point."""
        return self.channels // math.prod(self.grid) if self.grid else self.channels


@dataclass(frozen=True)
class Plan:
    """One artificial network.

    Attributes:
        kind: key of `KINDS`.
        shape: shape of its input and output.
        merged: number of neighboring time points averaged into one.
        width: neurons of hidden layers, GRU units, or channels of the first convolution.
        hidden: neurons of the dense layer after convolutions of images, else 0.
    """

    kind: str
    shape: Shape
    merged: int
    width: int
    hidden: int = 0

    @property
    def steps(self) -> int:
        """Time points after merging."""
        return math.ceil(self.shape.samples / self.merged)

    @property
    def gru_input(self) -> tuple[int, int]:
        """Steps and values per step of a GRU, which reads a static image row by row."""
        if self.shape.grid and self.shape.samples == 1:
            return self.shape.grid[0], self.shape.planes * self.shape.grid[1]
        return self.steps, self.shape.channels

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        with torch.device("meta"):
            return sum(each.numel() for each in Network(self).parameters())

    @property
    def macs(self) -> int:
        """Multiply-accumulates of matrix products and convolutions per sample."""
        if self.kind == "gru":  # torch counts no operations inside its GRU
            steps, values = self.gru_input
            return 3 * self.width * (values + self.width) * steps + self.width * self.shape.classes
        from torch.utils.flop_counter import FlopCounterMode

        with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
            Network(self).eval()(torch.empty(1, self.shape.channels, self.shape.samples))
        return counter.get_total_flops() // 2

    def as_dict(self) -> dict[str, Any]:
        """Return all fields and both counts as JSON values."""
        counts = {"parameters": self.parameters, "macs": self.macs}
        return {**json.loads(json.dumps(asdict(self))), **counts}


class Network(nn.Module):
    """A network from samples, float32 (batch, channels, samples), to logits (batch, classes)."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.body = KINDS[plan.kind](plan)

    def forward(self, samples: Tensor) -> Tensor:
        """Return logits (batch, classes)."""
        if self.plan.merged > 1:
            samples = nn.functional.avg_pool1d(samples, self.plan.merged, ceil_mode=True)
        logits: Tensor = self.body(self.arranged(samples))
        return logits

    def arranged(self, samples: Tensor) -> Tensor:
        """Reshape samples to the images, rows or steps that the kind of network reads."""
        shape, kind = self.plan.shape, self.plan.kind
        if shape.grid and kind == "cnn":
            images = samples.reshape(len(samples), shape.planes, *shape.grid, -1)
            return images.permute(0, 1, 4, 2, 3).flatten(1, 2)
        if shape.grid and kind == "gru" and shape.samples == 1:
            return (
                samples.reshape(len(samples), shape.planes, *shape.grid).transpose(1, 2).flatten(2)
            )
        return samples.transpose(1, 2) if kind == "gru" else samples


class Gru(nn.Module):
    """A GRU, the mean of its states over time, and a dense layer; takes (batch, steps, values)."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.gru = nn.GRU(plan.gru_input[1], plan.width, batch_first=True)
        self.last = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(plan.width, plan.shape.classes))

    def forward(self, values: Tensor) -> Tensor:
        """Return logits (batch, classes)."""
        logits: Tensor = self.last(self.gru(values)[0].mean(1))
        return logits


def dense(plan: Plan) -> nn.Module:
    """Return two hidden layers over the whole sample."""
    width = plan.width
    return nn.Sequential(
        nn.Flatten(), nn.Linear(plan.shape.channels * plan.steps, width), nn.ReLU(),
        nn.Dropout(DROPOUT), nn.Linear(width, width), nn.ReLU(),
        nn.Dropout(DROPOUT), nn.Linear(width, plan.shape.classes),
    )  # fmt: skip


def cnn(plan: Plan) -> nn.Module:
    """Return two convolutions of images and a dense layer, or three convolutions in time."""
    if plan.shape.grid:
        return _image_cnn(plan, plan.shape.grid)
    layers: list[nn.Module] = []
    before, steps = plan.shape.channels, plan.steps
    for index in range(3):
        layers += [
            nn.Conv1d(before, plan.width, 5, padding=2, bias=False),
            nn.BatchNorm1d(plan.width), nn.ReLU(),
        ]  # fmt: skip
        if index < 2 and halved(steps) < steps:
            layers.append(nn.MaxPool1d(2))
            steps = halved(steps)
        before = plan.width
    last = nn.Linear(plan.width, plan.shape.classes)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Dropout(DROPOUT), last)


def _image_cnn(plan: Plan, size: tuple[int, int]) -> nn.Module:
    layers: list[nn.Module] = []
    before = plan.shape.planes * plan.steps
    for channels in (plan.width, 2 * plan.width):
        left = (halved(size[0]), halved(size[1]))
        layers += [
            nn.Conv2d(before, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
            nn.ReLU(), nn.MaxPool2d((1 + (left[0] < size[0]), 1 + (left[1] < size[1]))),
        ]  # fmt: skip
        before, size = channels, left
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(before * math.prod(size), plan.hidden), nn.ReLU(),
        nn.Dropout(DROPOUT), nn.Linear(plan.hidden, plan.shape.classes),
    )  # fmt: skip


KINDS: Final[dict[str, Callable[[Plan], nn.Module]]] = {"dense": dense, "cnn": cnn, "gru": Gru}


def halved(size: int) -> int:
    """Return the size after max pooling by two; sizes below four are not pooled."""
    return size // 2 if size >= 4 else size


def plan_for(kind: str, shape: Shape, parameters: int) -> Plan:
    """Return the network of a kind whose number of parameters is closest to `parameters`.

    Raises:
        InputError: if the narrowest network has more than twice as many.
    """
    merged = {
        "dense": 1,
        "cnn": math.ceil(shape.samples / IMAGE_FRAMES_MAX) if shape.grid else 1,
        "gru": math.ceil(shape.samples / GRU_STEPS_MAX),
    }[kind]
    found = _nearest(Plan(kind, shape, merged, 1), parameters)
    while kind == "dense" and found.width < DENSE_WIDTH_MIN and found.steps > 1:
        found = _nearest(replace(found, merged=2 * found.merged), parameters)
    if found.parameters > 2 * parameters:
        raise InputError(
            f"the narrowest {kind} for {shape} has {found.parameters:,} parameters and "
            f"{parameters:,} are asked for; ask for more"
        )
    return found


def _nearest(plan: Plan, parameters: int) -> Plan:
    """Return the plan with the width and hidden neurons closest to `parameters`."""
    images = plan.kind == "cnn" and plan.shape.grid is not None

    def wide(width: int) -> Plan:
        return replace(plan, width=width, hidden=8 * width if images else 0)

    low, high = 1, 1 << 14
    while low < high:  # the widest within `parameters`
        middle = (low + high + 1) // 2
        low, high = (middle, high) if wide(middle).parameters <= parameters else (low, middle - 1)
    if not images:
        return min(wide(low), wide(low + 1), key=lambda each: abs(each.parameters - parameters))
    one, two = (replace(wide(low), hidden=n).parameters for n in (1, 2))
    return replace(wide(low), hidden=max(1, 1 + round((parameters - one) / (two - one))))


@dataclass(frozen=True, eq=False)
class View:
    """The inputs of an artificial network for a task: its signals, standardized.

    Encoders that first split signals, such as speech into bands, have a method `levels`; the
    network then receives these levels.

    Attributes:
        data: data of the task.
        values: signals, or levels as float32, (samples, channels, time).
        mean, deviation: statistics of the training samples, float32 (channels, 1), or (1, 1) for
            images and uint8 signals.
    """

    data: TaskData
    values: NDArray[Any]
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]

    def rows(self, at: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return samples without augmentation, float32 (samples, channels, time)."""
        return self._standardised(self.values[at])

    def varied(self, at: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
        """Return samples with the task's augmentation, float32 (samples, channels, time)."""
        augment, signals = self.data.config.augment, self.data.dataset.signals
        return self.rows(at) if augment is None else self._standardised(
            levels_of(self.data, augment(signals[at], rng))
        )  # fmt: skip

    def _standardised(self, values: NDArray[Any]) -> NDArray[np.float32]:
        shown = np.asarray(np.asarray(values, np.float32) - self.mean, np.float32)
        shown /= self.deviation
        return shown


def levels_of(data: TaskData, signals: NDArray[Any]) -> NDArray[Any]:
    """Return the encoder's levels as float32, or the signals if it has none."""
    levels = getattr(data.encoder, "levels", None)
    return signals if levels is None else np.asarray(levels(signals), np.float32)


def shape_of(data: TaskData) -> Shape:
    """Return the input shape and number of classes of a network for the task."""
    _, channels, samples = levels_of(data, data.dataset.signals[:1]).shape
    return Shape(channels, samples, len(data.class_names), data.dataset.grid)


def view_of(data: TaskData) -> View:
    """Return a task's samples, standardized with the statistics of its training samples."""
    dataset = data.dataset
    values = levels_of(data, dataset.signals)
    together = dataset.grid is not None or dataset.signals.dtype == np.uint8
    axes = (0, 1, 2) if together else (0, 2)
    count, total, squares = 0, np.zeros(1), np.zeros(1)
    for at in parts(data, data.split.train):
        shown = np.asarray(values[at], np.float32).astype(np.float64)
        count += shown.size if together else shown.shape[0] * shown.shape[2]
        total = total + shown.sum(axis=axes)
        squares = squares + (shown**2).sum(axis=axes)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 1e-12))
    columns = (np.asarray(each[:, None], np.float32) for each in (mean, deviation))
    return View(data, values, *columns)


def parts(data: TaskData, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield rows in groups of whole batches that fit in memory as floats."""
    values = data.dataset.signals[0].size
    most = max(1, min(PART_SAMPLES, PART_VALUES // values) // BATCH) * BATCH
    for start in range(0, len(rows), most):
        yield rows[start : start + most]


def epochs_for(samples: int) -> int:
    """Return the number of epochs for a number of training samples."""
    return min(max(round(SAMPLES_SEEN / samples), EPOCHS[0]), EPOCHS[1])


def rules() -> dict[str, Any]:
    """Return the hyperparameters that all trainings share, as JSON values."""
    return {
        "batch_size": BATCH, "warm_up": WARM_UP, "max_grad_norm": MAX_GRAD_NORM,
        "samples_seen": SAMPLES_SEEN, "epochs": list(EPOCHS), "dropout": DROPOUT,
    }  # fmt: skip


def run(
    view: View, plan: Plan, *, seed: int, rates: Sequence[float] = RATES, epochs: int | None = None
) -> dict[str, Any]:
    """Train with each learning rate and test the one with the best validation accuracy.

    Ties are broken by the mean accuracy over epochs. Learning rates whose loss becomes infinite or
    NaN are excluded.

    Returns:
        JSON values of all trainings and of the test.

    Raises:
        InputError: if the loss diverges with every learning rate.
    """
    count = epochs or epochs_for(len(view.data.split.train))
    tried: dict[float, dict[str, Any]] = {}
    weights: dict[float, dict[str, Tensor]] = {}

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_categorical("learning_rate", rates)
        accuracies, weights[rate], seconds = train(view, plan, seed=seed, rate=rate, epochs=count)
        tried[rate] = {"learning_rate": rate, "validation": accuracies, "seconds": seconds}
        if not accuracies:
            raise optuna.TrialPruned("the loss diverges")
        return max(accuracies) + TIE * fmean(accuracies)

    study = optuna.create_study(direction="maximize", sampler=GridSampler({"learning_rate": rates}))
    study.optimize(objective, n_trials=len(rates))
    if not any(each["validation"] for each in tried.values()):
        raise InputError(f"the loss of the {plan.kind} diverges with every learning rate, {rates}")
    chosen = study.best_params["learning_rate"]
    network = Network(plan)
    network.load_state_dict(weights[chosen])
    logits, labels = shown_to(network, view, view.data.split.test)
    found = score(logits, labels)
    return {
        "plan": plan.as_dict(), "epochs": count, "tried": [tried[rate] for rate in rates],
        "learning_rate": chosen, "accuracy": found.accuracy, "macro_f1": found.macro_f1,
        "predictions": logits.argmax(1).tolist(),
    }  # fmt: skip


def train(
    view: View, plan: Plan, *, seed: int, rate: float, epochs: int
) -> tuple[list[float], dict[str, Tensor], float]:
    """Return validation accuracy per epoch, the weights of the best epoch, and the duration in s.

    The accuracies are empty if the loss becomes infinite or NaN.
    """
    torch.manual_seed(seed)
    network, began = Network(plan), time.monotonic()
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    steps = epochs * -(-len(view.data.split.train) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: rate_share(done / steps))
    accuracies: list[float] = []
    best: dict[str, Tensor] = {}
    for number in range(1, epochs + 1):
        rng = np.random.default_rng([seed, number])
        network.train()
        for at in parts(view.data, rng.permutation(view.data.split.train)):
            if not _steps(
                network, optimizer, schedule, view.varied(at, rng), view.data.dataset.labels[at]
            ):
                return [], {}, time.monotonic() - began
        logits, labels = shown_to(network, view, view.data.split.validation)
        accuracies.append(float((logits.argmax(1) == labels).mean()))
        if accuracies[-1] > max(accuracies[:-1], default=-1.0):
            best = {name: each.clone() for name, each in network.state_dict().items()}
    return accuracies, best, time.monotonic() - began


def rate_share(position: float) -> float:
    """Return the learning rate as a fraction of its peak, at a position 0..1 of the training."""
    if position < WARM_UP:
        return 0.05 + 0.95 * position / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (position - WARM_UP) / (1 - WARM_UP)))


def _steps(
    network: Network, optimizer: Any, schedule: Any, values: NDArray[Any], labels: NDArray[Any]
) -> bool:
    """Take one step per batch and return whether the loss stayed finite.

    Batch normalization cannot train on a single sample, so a last batch of one sample is skipped.
    """
    pairs = (torch.split(torch.from_numpy(each), BATCH) for each in (values, labels))
    for batch, truth in zip(*pairs):
        if len(batch) > 1:
            loss = nn.functional.cross_entropy(network(batch), truth)
            if not bool(torch.isfinite(loss)):
                return False
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), MAX_GRAD_NORM)
            optimizer.step()
        schedule.step()
    return True


def shown_to(
    network: Network, view: View, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return logits (samples, classes) in evaluation mode, and labels."""
    network.eval()
    with torch.no_grad():
        logits = [
            network(batch).numpy()
            for at in parts(view.data, rows)
            for batch in torch.split(torch.from_numpy(view.rows(at)), 256)
        ]
    return np.concatenate(logits), view.data.dataset.labels[rows]


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    args = _options().parse_args(argv)
    from neurodeploy import task

    cli.use_threads(args.threads)
    data = task(args.task, args.data)
    plan = plan_for(args.kind, shape_of(data), args.parameters)
    found = run(view_of(data), plan, seed=args.seed, rates=args.rates, epochs=args.epochs)
    with replacing(args.out) as temporary:
        temporary.write_text(json.dumps(found))
    print(f"Wrote {args.out}")
    return cli.DONE


def _options() -> argparse.ArgumentParser:
    options = cli.parser("ann", (__doc__ or "").splitlines()[0])
    options.prog = "python -m benchmarks.ann"
    options.add_argument("--task", required=True, help="task to train on")
    cli.add_data_option(options)
    options.add_argument("--kind", choices=KINDS, required=True, help="kind of network")
    options.add_argument(
        "--parameters", type=cli.whole_number(1), required=True, help="target number"
    )
    options.add_argument("--seed", type=cli.whole_number(0), default=0, help="random seed")
    options.add_argument(
        "--rates", type=cli.positive_number, nargs="+", default=RATES, help="learning rates to try"
    )
    options.add_argument(
        "--epochs", type=cli.whole_number(1), help="default: by size of the dataset"
    )
    options.add_argument("--out", type=Path, required=True, help="JSON file to write")
    cli.add_threads_option(options)
    return options


if __name__ == "__main__":
    sys.exit(main())
