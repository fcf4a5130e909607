"""The training loop and validation; the epoch with the best validation accuracy is the result.

Every epoch uses its own random generators, seeded by (seed, epoch), so a resumed training takes the
same steps as an uninterrupted one.

With several processes, each computes its rows of every batch. Losses are scaled so that the mean of
the gradients over the processes is the gradient of the mean loss over the batch, even if the
numbers of rows differ.
"""
# ruff: noqa: E402

from __future__ import annotations

import shutil
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import require

require("training", "torch", "lava.lib.dl.slayer")  # before they are imported

import torch
from torch import Tensor

from neurodeploy.config import TrainConfig
from neurodeploy.data.samples import Advance, Samples
from neurodeploy.data.task_data import TaskData, encode_samples
from neurodeploy.models import loihi
from neurodeploy.models.architecture import LayerSpec
from neurodeploy.models.dequantize import to_slayer
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.schema import convert
from neurodeploy.models.snn import SlayerNetwork
from neurodeploy.train import distributed, sequences
from neurodeploy.train.budget import ARRIVED, BAND, BATCH, BudgetPruner, EveryLayer, budget_of
from neurodeploy.train.pruning import WeightPruner
from neurodeploy.train.sequences import Sequences, scored

SILENT_RATE, SATURATED_RATE = 1e-4, 0.5
"""A layer gets a warning if its spikes per neuron and step are below or above these values."""

EPSILON: Final = 1e-12

PART_SAMPLES: Final = 8192
"""Maximum number of training samples to encode at a time."""


@dataclass(frozen=True)
class Epoch:
    """The results of one epoch.

    Attributes:
        epoch: number, from 1.
        loss: mean cross entropy over the training samples.
        train_accuracy: on the augmented training samples, during training.
        validation_accuracy: after the epoch; of a continuous training, over the labelled steps.
        rates: spikes per neuron and step of each layer on the validation samples.
        delays: mean of each layer's learned delays, in time steps; layers without are left out.
        current_decays, voltage_decays: mean of each layer, fraction lost per step.
        synops: SynOps per validation sample, or sequence, of each layer.
        learning_rates: learning rates of the last step, by parameter group.
        cost: cost per validation sample in the unit of the budget; None without a budget.
        seconds: duration, validation included.
    """

    epoch: int
    loss: float
    train_accuracy: float
    validation_accuracy: float
    rates: tuple[float, ...]
    delays: tuple[float, ...]
    current_decays: tuple[float, ...] = ()
    voltage_decays: tuple[float, ...] = ()
    synops: tuple[float, ...] = ()
    learning_rates: dict[str, float] = field(default_factory=dict)
    cost: float | None = None
    seconds: float = field(default=0.0, compare=False)


@dataclass
class Training:
    """A training in progress: the network, its optimizer and the best epoch so far.

    Attributes:
        data: the task's data.
        config: the configuration.
        network: the network, changed in place.
        optimizer: optimizer of the network's parameters.
        forward: the network for the forward pass, which averages gradients over all processes; it
            returns the spikes of the last layer, or of every layer with a budget.
        budget_pruner: trains to a budget, or None.
        weight_pruner: prunes weights, or None.
        history: the finished epochs.
        best: `state_dict` of the best epoch.
        best_epoch: its number, 0 before the first epoch.
        start: the quantized network that the weights come from, or None for random ones.
        start_accuracy: its validation accuracy, or None.
    """

    data: TaskData
    config: TrainConfig
    network: SlayerNetwork
    optimizer: torch.optim.Optimizer
    forward: Callable[[Tensor], Any]
    budget_pruner: BudgetPruner | None = None
    weight_pruner: WeightPruner | None = None
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_epoch: int = 0
    start: QuantizedNetwork | None = None
    start_accuracy: float | None = None

    @property
    def best_accuracy(self) -> float:
        """Validation accuracy of the best epoch, -1 before the first."""
        return self.history[self.best_epoch - 1].validation_accuracy if self.best_epoch else -1.0

    def state(self) -> dict[str, Any]:
        """Return the state after the last finished epoch, for `restore`."""
        pruner = self.budget_pruner
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": [vars(epoch) for epoch in self.history],
            "best": self.best,
            "best_epoch": self.best_epoch,
            "budget_pruner": None if pruner is None else pruner.state(),
        }

    def restore(self, values: dict[str, Any]) -> None:
        """Load a state from `state` into a new training.

        Raises:
            InputError: if the state belongs to another network.
        """
        try:
            self.network.load_state_dict(values["network"])
            self.optimizer.load_state_dict(values["optimizer"])
            self.history = convert(values["history"], list[Epoch])
            self.best, self.best_epoch = values["best"], values["best_epoch"]
            if self.budget_pruner is not None:
                self.budget_pruner.restore(values["budget_pruner"])
            if not 0 <= self.best_epoch <= len(self.history):
                raise ValueError(f"best_epoch is {self.best_epoch}")
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"the interrupted run does not fit these options ({str(error).splitlines()[0]}); "
                "use the options it was started with, or start again without --resume"
            ) from None


def start(
    data: TaskData,
    config: TrainConfig,
    device_name: str | None = None,
    *,
    network_to_tune: QuantizedNetwork | None = None,
) -> Training:
    """Return a training before its first epoch.

    Args:
        data: the task's data.
        config: the configuration.
        device_name: device of this process; `config.device` by default.
        network_to_tune: quantized network to start from, instead of random weights.

    Raises:
        InputError: if the network does not fit the data, the batch is larger than the data or
            smaller than the number of processes, or the device cannot be used.
    """
    if config.continuous:
        sequences.check(data, config)
    check_batch(config.batch_size, num_samples(data, config), distributed.world_size())
    device, budget = find_device(device_name or config.device), budget_of(config)
    if network_to_tune is None:
        architecture = data.architecture(config)
        torch.manual_seed(config.seed)
        network = SlayerNetwork(architecture, config.kernels).to(device)
    else:
        data = data.encoded_for(network_to_tune)
        network = trainable(network_to_tune, data, config).to(device)
    groups = _parameter_groups(network, config, by_layer=network_to_tune is not None)
    return Training(
        data,
        config,
        network,
        torch.optim.Adam(groups),
        distributed.data_parallel(network if budget is None else EveryLayer(network)),
        None if budget is None else BudgetPruner(budget, network),
        WeightPruner(network, config.prune) if config.prune else None,
        start=network_to_tune,
    )


def _parameter_groups(
    network: SlayerNetwork, config: TrainConfig, *, by_layer: bool
) -> list[dict[str, Any]]:
    """Return the optimizer's groups: parameters, name and highest learning rate.

    Args:
        network: the network.
        config: the configuration, whose learning rate of weights is meant for SLAYER's usual
            threshold.
        by_layer: whether each layer's rate is in proportion to its threshold. Weights from
            elsewhere are as large as 8 bits allow, and thresholds with them.
    """
    groups = []
    for name, parameters in network.parameter_groups().items():
        parts = {name: (parameters, 1.0)}
        if by_layer and name == "weights":
            parts = {
                f"weights of layer {index}": (own, spec.threshold / LayerSpec.threshold)
                for index, (block, spec) in enumerate(
                    zip(network.layers, network.architecture.layers)
                )
                if (own := _among(block.parameters(), parameters))
            }
        for part, (own, scale) in parts.items():
            rate = config.rates[name] * scale
            groups.append({"name": part, "params": own, "lr": rate, "highest": rate})
    return groups


def _among(
    some: Iterable[torch.nn.Parameter], all_of: Iterable[torch.nn.Parameter]
) -> list[torch.nn.Parameter]:
    ids = {id(each) for each in all_of}
    return [each for each in some if id(each) in ids]


def trainable(network: QuantizedNetwork, data: TaskData, config: TrainConfig) -> SlayerNetwork:
    """Return a quantized network as one to train on the data.

    Raises:
        InputError: if it does not fit the data, or SLAYER cannot represent it.
    """
    channels = data.encoder.channels(len(data.dataset.channel_names))
    classes, names = data.class_names, network.task.class_names
    for what, found, wanted in (
        ("inputs", network.inputs, channels),
        ("outputs", network.outputs, len(classes)),
    ):
        if found != wanted:
            of = "input channels" if what == "inputs" else "classes"
            raise InputError(
                f"the network to start from has {found} {what}, but the data have {wanted} {of}; "
                "give data that fit it"
            )
    if names != classes and sorted(names) == sorted(classes):
        raise InputError(
            f"the network to start from has its classes in the order {', '.join(names)}, but the "
            f"data in the order {', '.join(classes)}; number the labels as the network does"
        )
    return to_slayer(
        network,
        weight_bits=config.weight_bits,
        tau_grad=config.tau_grad,
        kernels=config.kernels,
    )


def num_samples(data: TaskData, config: TrainConfig) -> int:
    """Return the number of training samples, or sequences, per epoch."""
    return sequences.num_sequences(data, config) if config.continuous else len(data.split.train)


def check_batch(batch: int, samples: int, processes: int) -> None:
    """Raise InputError if the batch has more samples than the data, or fewer than processes."""
    if samples < batch:
        raise InputError(
            f"the batch is {batch} but there are {samples} training samples; give a smaller batch"
        )
    if batch < processes:
        raise InputError(
            f"the batch is {batch} but {processes} processes share it; give a larger batch or "
            "fewer processes"
        )


# The device


def find_device(name: str) -> torch.device:
    """Return the torch device of that name.

    Raises:
        InputError: if it cannot be used, or a tool to compile lava-dl's CUDA kernels is missing.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0].partition(". ")[0]
        if reason.startswith("Expected one of"):  # followed by a list of all device types
            reason = "torch has no device of that name"
        raise InputError(
            f"the device {name!r} cannot be used ({reason}); use the device cpu"
        ) from None
    if device.type == "cuda" and (missing := missing_compilers()):
        raise InputError(
            f"training on {name!r} compiles lava-dl's CUDA kernels, but there is no "
            f"{' and no '.join(missing)}; install it or use --device cpu"
        )
    return device


def missing_compilers() -> list[str]:
    """Return the missing tools to compile lava-dl's CUDA kernels, each with its package."""
    from torch.utils import cpp_extension

    home = Path(cpp_extension.CUDA_HOME or "/nowhere")
    compiler = str(cpp_extension.get_cxx_compiler())  # type: ignore[no-untyped-call]
    header = Path(sysconfig.get_path("include")) / "Python.h"
    found = {
        "nvcc (of NVIDIA's CUDA toolkit, at CUDA_HOME)": (home / "bin" / "nvcc").exists(),
        "ninja (uv pip install ninja)": cpp_extension.is_ninja_available(),
        f"C++ compiler ({compiler})": shutil.which(compiler) is not None,
        f"Python.h (package python3.{sys.version_info[1]}-dev)": header.exists(),
    }
    return [name for name, there in found.items() if not there]


# Epochs


def run(training: Training, advance: Advance | None = None) -> Iterator[Epoch]:
    """Train the remaining epochs, and yield the results of each.

    Args:
        training: the training, changed in place, also if the caller stops early.
        advance: progress callback, called with the samples done and the total.

    Raises:
        InputError: if the loss is no longer finite.
    """
    config, pruner = training.config, training.budget_pruner
    validation = validation_samples(training.data, config)
    for number in range(len(training.history) + 1, config.epochs + 1):
        began = time.monotonic()
        loss, accuracy = _train_epoch(training, number, advance)
        network = training.network if pruner is None else pruner.deployed()
        validated = evaluate(network, validation, config)
        cost = None
        if pruner is not None and isinstance(validation, Samples):
            cost = pruner.validated(network, sum(validated.synops), validation)
        neurons: list[Any] = [block.neuron for block in training.network.layers]
        epoch = Epoch(
            number,
            loss,
            accuracy,
            validated.accuracy,
            validated.rates,
            _means(training.network.delay_parameters()),
            _means([each.current_decay for each in neurons], loihi.DECAY_ONE),
            _means([each.voltage_decay for each in neurons], loihi.DECAY_ONE),
            validated.synops,
            {group["name"]: float(group["lr"]) for group in training.optimizer.param_groups},
            cost,
            time.monotonic() - began,
        )
        best = training.history[training.best_epoch - 1] if training.best_epoch else None
        training.history.append(epoch)
        if best is None or _quality(training, epoch) > _quality(training, best):
            training.best_epoch = number
            training.best = {
                name: values.detach().cpu().clone()
                for name, values in training.network.state_dict().items()
            }
        yield epoch


def validation_samples(data: TaskData, config: TrainConfig) -> Samples | Sequences:
    """Return the encoded validation samples, or sequences of a continuous training."""
    if config.continuous:
        return sequences.validation_sequences(data, config)
    return encode_samples(data.dataset, data.encoder, data.split.validation)


def _means(values: Sequence[Tensor], one: float = 1.0) -> tuple[float, ...]:
    return tuple(float(each.detach().mean()) / one for each in values)


def _quality(training: Training, epoch: Epoch) -> tuple[bool, bool, float]:
    """Return the sort key of an epoch; the best epoch has the largest.

    With a budget, epochs that meet it come first; among these, epochs that also use it, once the
    limit is final; among these, the most accurate. If no epoch meets it, the cheapest is best.
    """
    pruner, position = training.budget_pruner, epoch.epoch / training.config.epochs
    if pruner is None or epoch.cost is None:
        return True, True, epoch.validation_accuracy
    budget = pruner.multiplier.budget
    if not budget.is_met(epoch.cost):
        return False, False, -epoch.cost
    used = position >= ARRIVED and epoch.cost >= (1 - BAND) * budget.amount
    return True, used, epoch.validation_accuracy


def _train_epoch(training: Training, number: int, advance: Advance | None) -> tuple[float, float]:
    """Train epoch `number`, from 1; return the mean loss and the accuracy over its samples."""
    config, batch = training.config, training.config.batch_size
    steps = num_samples(training.data, config) // batch
    loss, correct, rated, done = 0.0, 0, 0, (number - 1) * steps
    total = config.epochs * steps
    rows = distributed.rows(batch)
    torch.manual_seed(int(np.random.SeedSequence([config.seed, number]).generate_state(1)[0]))
    training.network.part = (rows.start, batch)
    training.network.train()
    pruner = training.budget_pruner
    for spikes, labels in _batches(epoch_parts(training.data, config, number), batch, rows):
        step_loss, step_correct, step_rated = _step(training, spikes, labels, done, total)
        done += 1
        if pruner is not None:
            pruner.after_step(done, done / total, total)
        if training.weight_pruner is not None:
            masks = None if pruner is None else pruner.masks
            training.weight_pruner.after_step(done / total, masks)
        loss, correct, rated = loss + step_loss, correct + step_correct, rated + step_rated
        if advance is not None:
            advance(done * batch, total * batch)
    total_loss, total_correct, total_rated = distributed.all_sum([loss, correct, rated])
    share = total_rated / (steps * _terms(config))  # of the terms of the loss, 1 for samples
    return total_loss / steps / max(share, EPSILON), total_correct / max(total_rated, 1)


def _terms(config: TrainConfig) -> int:
    """Return the number of terms of the loss of a batch if every step has a label."""
    per_sample = config.sequence_steps - config.settling_steps if config.continuous else 1
    return config.batch_size * per_sample


def epoch_parts(
    data: TaskData, config: TrainConfig, epoch: int
) -> Iterator[Samples] | Iterator[Sequences]:
    """Yield the training samples of one epoch, augmented and in random order.

    Each part has at most `PART_SAMPLES` samples, a whole number of batches, which limits memory.
    """
    if config.continuous:
        yield from sequences.epoch_sequences(data, config, epoch)
        return
    rng = np.random.default_rng([config.seed, epoch])
    order = rng.permutation(data.split.train)
    most = max(1, PART_SAMPLES // config.batch_size) * config.batch_size
    for start in range(0, len(order), most):
        chosen = order[start : start + most]
        if config.augment is None:
            yield encode_samples(data.dataset, data.encoder, chosen)
        else:
            signals = config.augment(data.dataset.signals[chosen], rng)
            yield Samples.of(data.encoder.encode(signals), data.dataset.labels[chosen])


def _batches(
    parts: Iterable[Samples | Sequences], batch: int, rows: slice
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Yield the spikes and labels of this process's rows of every full batch."""
    for samples in parts:
        for start in range(0, len(samples.targets) - batch + 1, batch):
            chosen = slice(start + rows.start, start + rows.stop)
            yield samples.spikes[chosen], samples.targets[chosen]


def _step(
    training: Training,
    spikes: NDArray[np.uint8],
    labels: NDArray[np.int64],
    done: int,
    steps: int,
) -> tuple[float, int, int]:
    """Take one optimizer step, number `done` of `steps` in the whole training, from 0.

    Returns:
        This process's part of the mean loss over the batch (steps without a label have loss 0), and
        its numbers of correct and of all predictions.
    """
    config, device, position = training.config, training.network.device, done / steps
    pruner = training.budget_pruner
    training.network.set_progress(position)
    for group in training.optimizer.param_groups:
        group["lr"] = group["highest"] * rate_share(position)
    target = torch.from_numpy(labels).to(device)
    inputs = torch.from_numpy(spikes).to(device).float()
    output = training.forward(inputs)
    counts, target = scored(output if pruner is None else output[-1], target, config)
    logits = config.logit_scale * counts
    loss = torch.nn.functional.cross_entropy(logits, target, reduction="sum") / _terms(config)
    objective = loss
    if pruner is not None:
        objective = loss + pruner.penalty(
            inputs, output, batch=config.batch_size, position=position, steps=steps
        )
    training.optimizer.zero_grad()
    (objective * distributed.world_size()).backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(training.network.parameters(), config.max_grad_norm)
    # NaN weights still give spikes of 0 or 1, so the loss can be finite.
    for name, value in (("loss", loss), ("gradient", norm)):
        if not bool(torch.isfinite(value)):
            raise InputError(
                f"the {name} became {value.item()} in epoch {len(training.history) + 1}; train "
                "again with a lower learning rate"
            )
    if pruner is not None:
        pruner.after_backward(steps)
    training.optimizer.step()
    training.network.after_step()
    return float(loss.detach()), int((counts.argmax(1) == target).sum()), len(target)


def rate_share(position: float, warm_up: float = 0.2) -> float:
    """Return the factor of the highest learning rate: a linear warm-up, then a half cosine."""
    if position < warm_up:
        return 0.04 + 0.96 * position / warm_up
    return 0.5 * (1 + float(np.cos(np.pi * (position - warm_up) / (1 - warm_up))))


# Validation


@dataclass(frozen=True)
class Validated:
    """The results of a network on some samples.

    Attributes:
        accuracy: fraction of correct predictions.
        rates: spikes per neuron and step of each layer.
        synops: SynOps per sample of each layer, counted as in a report: spikes sent to the layer,
            before delays, times their stored weights.
    """

    accuracy: float
    rates: tuple[float, ...]
    synops: tuple[float, ...]


def evaluate(
    network: SlayerNetwork, samples: Samples | Sequences, config: TrainConfig | None = None
) -> Validated:
    """Run the samples, each process its rows, and return the results of all processes.

    Args:
        network: the network; it is in evaluation mode afterwards.
        samples: samples, or sequences of a continuous training.
        config: configuration of the training; needed for sequences only.
    """
    layers, config = len(network.layers), config or TrainConfig()
    correct, rated, rates, synops = 0, 0, np.zeros(layers), np.zeros(layers)
    rows = distributed.rows(len(samples.targets))
    network.eval()
    with torch.no_grad():
        for start in range(rows.start, rows.stop, BATCH):
            chosen = slice(start, min(start + BATCH, rows.stop))
            spikes = torch.from_numpy(samples.spikes[chosen]).to(network.device).float()
            emitted = network.layer_spikes(spikes)
            targets = torch.from_numpy(samples.targets[chosen]).to(network.device)
            counts, targets = scored(emitted[-1], targets, config)
            correct, rated = correct + int((counts.argmax(1) == targets).sum()), rated + len(counts)
            rates += [float(layer.double().mean()) * len(layer) for layer in emitted]
            synops += network.layer_synops(spikes, emitted).double().sum(1).cpu().numpy()
    right, of_all, *sums = distributed.all_sum([correct, rated, *rates, *synops])
    values = [each / len(samples.targets) for each in sums]
    return Validated(right / max(of_all, 1), tuple(values[:layers]), tuple(values[layers:]))


def layer_warnings(rates: tuple[float, ...], epoch: int) -> list[str]:
    """Return a sentence for each layer whose spike rate is too low or too high."""
    found = []
    for index, rate in enumerate(rates):
        state = "silent" if rate < SILENT_RATE else "saturated" if rate > SATURATED_RATE else ""
        if state:
            threshold = "lower" if state == "silent" else "higher"
            found.append(
                f"layer {index} is {state} after epoch {epoch} ({rate:.4f} spikes per neuron and "
                f"step; the useful range is {SILENT_RATE} to {SATURATED_RATE}); use a lower "
                f"--learning-rate, or a --network file with a {threshold} threshold"
            )
    return found
