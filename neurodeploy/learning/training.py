"""What a training is: its data, its configuration, the epochs done; start one, keep and restore it.

`loop` trains it.
"""
# ruff: noqa: E402

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from neurodeploy.models.errors import require

require("training", "torch", "lava.lib.dl.slayer")  # before they are imported

import torch
from torch import Tensor

from neurodeploy.learning import distributed
from neurodeploy.learning.budget import Budget, EveryLayer, Thrift, budget_of
from neurodeploy.learning.config import TrainConfig
from neurodeploy.learning.distributed import ALONE, Team
from neurodeploy.learning.pruning import WeightPruning
from neurodeploy.models.errors import InputError
from neurodeploy.models.snn import SlayerNetwork
from neurodeploy.tasks.task import TaskData


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
        current_decays, voltage_decays: mean of each layer, fraction lost a step.
        synops: SynOps a sample of each layer on the validation windows.
        learning_rates: of the epoch's last step, by what is learned.
        spent: by a sample, on the validation windows, of what has a budget; None without one.
        seconds: that the epoch took, with its validation.
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
    spent: float | None = None
    seconds: float = field(default=0.0, compare=False)


@dataclass
class Training:
    """A training under way: the network, its optimizer and the best epoch so far.

    Attributes:
        forward: returns the spikes of every layer (the last alone without a budget), so that
            gradients are those of all processes.
        team: the processes that train it.
        budget: that it keeps to, or None.
        thrift: what keeps it to its budget, or None.
        pruning: what prunes its weights, or None.
        history: the epochs done.
        best: the weights of the best epoch.
        best_epoch: its number, 0 before the first.
    """

    data: TaskData
    config: TrainConfig
    network: SlayerNetwork
    optimizer: torch.optim.Optimizer
    forward: Callable[[Tensor], Any]
    team: Team = ALONE
    budget: Budget | None = None
    thrift: Thrift | None = None
    pruning: WeightPruning | None = None
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_epoch: int = 0

    @property
    def best_accuracy(self) -> float:
        """Validation accuracy of the best epoch, -1 before the first."""
        return self.history[self.best_epoch - 1].validation_accuracy if self.best_epoch else -1.0


def start(
    data: TaskData, config: TrainConfig, team: Team = ALONE, device_name: str | None = None
) -> Training:
    """Return a training before its first epoch.

    Args:
        data: to train on.
        config: how.
        team: the processes that train together.
        device_name: of this process, where that is not the one in the configuration.

    Raises:
        InputError: when the network does not fit the data, the batch is larger than the data or
            has less windows than there are processes, or the device or what it needs is not there.
    """
    check_batch(config.batch_size, len(data.split.train), team.size)
    device, budget = find_device(device_name or config.device), budget_of(config)
    architecture = data.architecture(config)
    torch.manual_seed(config.seed)
    network = SlayerNetwork(architecture, config.kernels).to(device)
    groups: list[dict[str, Any]] = [
        {"name": name, "params": parameters, "lr": rate, "highest": rate}
        for name, parameters in network.parameter_groups().items()
        for rate in [config.rates[name]]
    ]
    forward = team.wrap(network if budget is None else EveryLayer(network))
    thrift = None if budget is None else Thrift(budget, network, team)
    pruning = WeightPruning(network, config.prune) if config.prune else None
    optimizer = torch.optim.Adam(groups)
    return Training(data, config, network, optimizer, forward, team, budget, thrift, pruning)


def check_batch(batch: int, windows: int, processes: int) -> None:
    """Raise InputError when there is no batch that large, or too little of it for a process."""
    if windows < batch:
        raise InputError(
            f"the batch is {batch} but there are {windows} training windows; give a smaller batch"
        )
    if batch < processes:
        raise InputError(
            f"the batch is {batch} but {processes} processes share it; give a larger batch or "
            "fewer processes"
        )


def find_device(name: str) -> torch.device:
    """Return the torch device of that name.

    Raises:
        InputError: when it is not there, or what lava-dl needs to compile its kernels for it.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0].partition(". ")[0]
        if reason.startswith("Expected one of"):  # torch lists all kinds that there are
            reason = "torch knows no device of that name"
        raise InputError(
            f"the device {name!r} cannot be used ({reason}); use the device cpu"
        ) from None
    if device.type == "cuda":
        distributed.check_compilers(name)
    return device


def state(training: Training) -> dict[str, Any]:
    """Return all that `restore` needs to go on after the last finished epoch."""
    return {
        "network": training.network.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "history": [vars(epoch) for epoch in training.history],
        "best": training.best,
        "best_epoch": training.best_epoch,
        "thrift": None if training.thrift is None else training.thrift.state(),
    }


def restore(training: Training, values: dict[str, Any]) -> None:
    """Bring a training that was just started to where `state` was taken.

    Raises:
        InputError: when the values are of another network.
    """
    try:
        training.network.load_state_dict(values["network"])
        training.optimizer.load_state_dict(values["optimizer"])
        training.history = [Epoch(**_with_tuples(epoch)) for epoch in values["history"]]
        training.best, training.best_epoch = values["best"], values["best_epoch"]
        if training.thrift is not None:
            training.thrift.restore(values["thrift"])
        if not 0 <= training.best_epoch <= len(training.history):
            raise ValueError(f"best_epoch is {training.best_epoch}")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"the interrupted run does not fit these options ({str(error).splitlines()[0]}); give "
            "the options it was started with, or start anew without --resume"
        ) from None


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
