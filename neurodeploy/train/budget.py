"""Train to a budget: a limit of the SynOps, or of the dynamic energy, per sample.

The limit is inactive in the first part of the training. Its logarithm then falls linearly from the
current cost to a little below the budget, and stays there. With e = log(cost / limit), in every
step

    multiplier <- max(0, multiplier + INTEGRAL_GAIN * e / steps)
    loss       =  error + max(0, multiplier + PROPORTIONAL_GAIN * e) * log cost

which is the augmented Lagrangian of "log cost <= log limit": the multiplier rises while the cost is
above the limit, falls while it is below, and converges where the budget is met with the least
error. This penalty only reduces spikes, so `BudgetPruner` also prunes neurons, which reduces the
SynOps of every spike that arrives at their layer.

A budget must be met on the validation samples. Their cost differs from that of the training
samples, which have augmentation and dropout; the limit accounts for the ratio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from neurodeploy.config import TrainConfig
from neurodeploy.data.samples import Samples
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.chips import Chip, chip, exactly
from neurodeploy.hw_sim.estimates import sample_energy
from neurodeploy.hw_sim.placement import place
from neurodeploy.hw_sim.timing import operation
from neurodeploy.hw_sim.workload import Meter
from neurodeploy.models.blocks import synapse_weights
from neurodeploy.models.errors import InputError
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import SlayerNetwork, compacted, fan_outs, removable_layers
from neurodeploy.train import distributed

BAND: Final = 0.05
"""A network uses its budget if its cost is at most this fraction below it."""

AIM: Final = 1 - BAND / 2
"""The cost that training aims at, as a fraction of the budget."""

BEGIN, ARRIVED = 0.25, 0.65
"""Progress of the training, 0..1, at which the limit begins to fall and reaches its final value."""

INTEGRAL_GAIN: Final = 30.0
PROPORTIONAL_GAIN: Final = 1.0
MULTIPLIER_MAX: Final = 20.0

NEURON_SHARE: Final = 0.8
"""Fraction of the reduction of the log cost that comes from pruned neurons."""

LATE_OVER: Final = 1.05
"""Once the limit is final, one neuron per check is pruned while the cost is above this multiple of
it."""

CHECKS: Final = 64
"""Number of times in a training that neurons may be pruned; also sets the window of the means."""

UJ = 1e6
BATCH = 256


@dataclass(frozen=True)
class Budget:
    """A limit of the mean cost per sample.

    Attributes:
        amount: SynOps, or microjoules of dynamic energy with a chip; above 0.
        chip: chip whose energy is limited, or None for SynOps.
    """

    amount: float
    chip: Chip | None = None

    def __post_init__(self) -> None:
        if not 0 < self.amount < math.inf:
            unit = "SynOps" if self.chip is None else "µJ"
            raise InputError(f"the budget is {self.amount:g} {unit}; give a number over 0")

    def is_met(self, cost: float) -> bool:
        """Return whether a cost per sample is within the budget."""
        return cost <= self.amount

    def words(self, cost: float | None = None) -> str:
        """Return a cost with its unit; the budget's amount by default."""
        value = self.amount if cost is None else cost
        if self.chip is None:
            return f"{value:,.10g} SynOps" if cost is None else f"{value:,.0f} SynOps"
        return f"{value:.3g} µJ of dynamic energy on {self.chip.name}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything that affects the weights as JSON values."""
        chip = None if self.chip is None else [self.chip.name, self.chip.digest]
        return {"amount": self.amount, "chip": chip}


def budget_of(config: TrainConfig) -> Budget | None:
    """Return the budget of a configuration, or None.

    Raises:
        InputError: if there is no such chip.
    """
    if config.synop_budget is not None:
        return Budget(config.synop_budget)
    if config.energy_budget_uj is None:
        return None
    chip_ = chip(config.chip) if isinstance(config.chip, str) else config.chip
    return Budget(config.energy_budget_uj, chip_)


@dataclass
class Multiplier:
    """The Lagrange multiplier of a budget, and the limit that it follows.

    Attributes:
        budget: the budget to meet.
        value: integral part of the weight of log cost in the loss.
        initial_cost: cost per training sample when the limit began to fall, None before.
        ratio: cost per validation sample divided by cost per training sample.
        was_active: whether the cost was ever above the limit.
    """

    budget: Budget
    value: float = 0.0
    initial_cost: float | None = None
    ratio: float = 1.0
    was_active: bool = False

    @property
    def target(self) -> float:
        """The cost per training sample to reach at the end."""
        return AIM * self.budget.amount / self.ratio

    def limit(self, position: float) -> float | None:
        """Return the limit per training sample at progress 0..1; None before `BEGIN`."""
        if self.initial_cost is None:
            return None
        fallen = min(max((position - BEGIN) / (ARRIVED - BEGIN), 0.0), 1.0)
        start = max(self.initial_cost, self.target)
        return float(start * (self.target / start) ** fallen)

    def step(self, position: float, cost: float, steps: int) -> float:
        """Update the multiplier and return the weight of log cost in the loss.

        Args:
            position: progress of the training, 0..1.
            cost: moving mean of the cost per training sample; 0 is below every limit.
            steps: steps of the whole training.
        """
        if position < BEGIN:
            return 0.0
        if self.initial_cost is None:
            self.initial_cost = cost
        over = math.log(cost / (self.limit(position) or cost)) if cost else -math.inf
        self.value = min(max(self.value + INTEGRAL_GAIN * over / steps, 0.0), MULTIPLIER_MAX)
        weight = min(max(self.value + PROPORTIONAL_GAIN * over, 0.0), MULTIPLIER_MAX)
        self.was_active = self.was_active or weight > 0
        return weight


class CostModel:
    """The differentiable cost of a network's spikes in the unit of a budget, with neuron masks.

    For a SynOp budget, the cost is the number of SynOps. For an energy budget, it is the energy of
    SynOps, spike messages, spike generation and neuron updates; hops between tiles are left out.
    """

    def __init__(self, budget: Budget, network: SlayerNetwork) -> None:
        layers = len(network.layers)
        self._synop, self._message = (1.0,) * layers, (0.0,) * (layers + 1)
        self._spike = self._update = 0.0
        if budget.chip is not None:
            chip, integers = budget.chip, quantize(network)
            each = UJ * chip.cost("spike_message_energy").value
            receivers = [placed.receivers for placed in place(integers, chip).layers]
            self._synop = tuple(
                UJ * operation(layer, chip, "energy").value for layer in integers.layers
            )
            self._message = tuple(each * count for count in (*receivers, 1))
            self._spike = UJ * chip.cost("spike_generation_energy").value
            self._update = UJ * chip.cost("neuron_update_active_energy").value
        self.update(network)

    def update(self, network: SlayerNetwork) -> None:
        """Count the stored weights anew: training makes some weights of convolutions zero."""
        found = fan_outs(network)
        self._fan_outs = [(torch.from_numpy(each).float(), own) for each, own in found]

    def cost(self, counts: Sequence[Tensor], masks: Sequence[Tensor], num_steps: int) -> Tensor:
        """Return the cost, float (...).

        Args:
            counts: spike counts of the input and of each layer, float (..., neurons) each.
            masks: float (neurons,) per layer: 1 for a remaining neuron, 0 for a pruned one.
            num_steps: time steps per sample.
        """
        arrived = counts[0]
        total = torch.zeros_like(arrived[..., 0])
        for index, (fan_out, own) in enumerate(self._fan_outs):
            mask, synop, message = masks[index], self._synop[index], self._message[index]
            share = mask.mean()
            total = total + arrived @ (fan_out.to(arrived) * share * synop + message)
            arrived = counts[index + 1] * mask
            feedback = own * share * synop + message if own else 0.0
            total = total + arrived.sum(-1) * (self._spike + feedback)
            total = total + mask.sum() * num_steps * self._update
        return total + arrived.sum(-1) * self._message[-1]


def dynamic_energy_uj(network: SlayerNetwork, samples: Samples, chip: Chip) -> float:
    """Return the dynamic energy per sample in microjoules, estimated as in a report.

    Args:
        network: in evaluation mode, without pruned neurons.
        samples: samples to run; each process runs its share, at least one.
        chip: chip to place the network on.
    """
    meter, rows = Meter(place(quantize(network), chip)), distributed.rows(len(samples.targets))
    with torch.no_grad():
        for start in range(rows.start, rows.stop, BATCH):
            inputs = samples.spikes[start : min(start + BATCH, rows.stop)]
            layers = network.layer_spikes(torch.from_numpy(inputs).to(network.device).float())
            spikes = tuple(each.cpu().numpy().astype(np.uint8) for each in layers)
            meter.add(Activity(inputs, spikes))
    energy = sample_energy(meter.result(), duration_s=exactly(0.0))
    part = energy.dynamic.value * UJ * (rows.stop - rows.start)
    return distributed.all_sum([part])[0] / len(samples.targets)


class EveryLayer(torch.nn.Module):
    """A module that returns the spikes of all layers, for DistributedDataParallel."""

    def __init__(self, network: SlayerNetwork) -> None:
        super().__init__()
        self.network = network
        self.device, self.architecture = network.device, network.architecture

    def forward(self, spikes: Tensor) -> list[Tensor]:
        """Return the spikes of every layer before axonal delays."""
        return self.network.layer_spikes(spikes)


_STATE: Final = ("log_saved", "_num_seen", "_num_steps")
_TENSORS: Final = ("masks", "_counts", "_saliency")
_OF_MULTIPLIER: Final = ("value", "initial_cost", "ratio", "was_active")


class BudgetPruner:
    """Trains a network to a budget: adds a penalty to the loss, and prunes neurons.

    Attributes:
        multiplier: Lagrange multiplier of the penalty.
        masks: float (neurons,) per layer: 1 for a remaining neuron, 0 for a pruned one.
        log_saved: log of (cost with all neurons / cost with the remaining ones).
    """

    def __init__(self, budget: Budget, network: SlayerNetwork) -> None:
        sizes = network.architecture.sizes
        self.multiplier = Multiplier(budget)
        self.masks = [torch.ones(n) for n in sizes[1:]]
        self.log_saved = 0.0
        self._network, self._model = network, CostModel(budget, network)
        self._removable = removable_layers(network)
        self._counts = [torch.zeros(n) for n in sizes]
        self._saliency = [torch.zeros(n) for n in sizes[1:]]
        self._num_seen = self._num_steps = 0

    def penalty(
        self, spikes: Tensor, layers: Sequence[Tensor], *, batch: int, position: float, steps: int
    ) -> Tensor:
        """Return this process's part of the penalty to add to the mean loss over the batch.

        Args:
            spikes: input spikes (samples of this process, channels, time).
            layers: spikes of every layer for this input.
            batch: number of samples of all processes.
            position: progress of the training, 0..1.
            steps: steps of the whole training.
        """
        counts = [each.sum(2) for each in (spikes, *layers)]
        self._model.update(self._network)
        self._update_means(counts, batch, steps)
        self._num_steps = spikes.shape[2]
        now = self.cost()
        weight = self.multiplier.step(position, now, steps)
        if not weight:
            return counts[0].new_zeros(())
        cost = self._model.cost(counts, [each.to(spikes) for each in self.masks], self._num_steps)
        return weight * cost.sum() / (batch * now)

    def cost(self) -> float:
        """Return the moving mean of the cost per training sample."""
        return float(self._model.cost(self._counts, self.masks, self._num_steps))

    def _update_means(self, counts: Sequence[Tensor], batch: int, steps: int) -> None:
        """Update the moving means of the spike counts per sample."""
        sums = torch.cat([each.detach().sum(0).cpu() for each in counts])
        means = torch.tensor(distributed.all_sum((sums / batch).tolist()))
        self._num_seen += 1
        sizes = [len(each) for each in self._counts]
        for mean, now in zip(self._counts, torch.split(means, sizes)):
            mean.add_(now - mean, alpha=self._rate(steps))

    def _rate(self, steps: int) -> float:
        return max(1 / self._num_seen, min(CHECKS / steps, 1.0))

    def after_backward(self, steps: int) -> None:
        """Update the saliency of each neuron, a moving mean of (sum of weight * gradient)^2."""
        for index in self._removable:
            sent = synapse_weights(self._network.layers[index + 1])[0]
            own = synapse_weights(self._network.layers[index])[1:]
            change = torch.stack([_change(each) for each in (sent, *own)]).sum(0)
            self._saliency[index] += self._rate(steps) * (change.square() - self._saliency[index])

    def after_step(self, number: int, position: float, steps: int) -> None:
        """Prune neurons at every check, and set the weights of pruned neurons to zero."""
        limit = self.multiplier.limit(position)
        if limit is not None and number % max(steps // CHECKS, 1) == 0:
            start = max(self.multiplier.initial_cost or limit, self.multiplier.target)
            wanted = NEURON_SHARE * math.log(start / limit)
            if position > ARRIVED:
                if self.cost() > LATE_OVER * limit:
                    self._prune_one()
            else:
                while self.log_saved < wanted and self.cost() > limit and self._prune_one():
                    pass
        self._apply_masks()

    def _prune_one(self) -> bool:
        """Prune the neuron with the least saliency per saved cost; return False if there is none.

        A neuron is not pruned if the cost without it would be below the target, or if it is the
        last one of its layer.
        """
        masks = [each.clone().requires_grad_() for each in self.masks]
        before = self._model.cost(self._counts, masks, self._num_steps)
        savings = torch.autograd.grad(before, masks)
        best: tuple[float, int, int] | None = None
        for index in self._removable:
            worth = self._saliency[index].sqrt() / savings[index].clamp(min=1e-12)
            worth[self.masks[index] == 0] = math.inf
            worth[before.item() - savings[index] < self.multiplier.target] = math.inf
            least = int(worth.argmin())
            several = self.masks[index].sum() > 1
            if several and float(worth[least]) < (math.inf if best is None else best[0]):
                best = float(worth[least]), index, least
        if best is None:
            return False
        self.masks[best[1]][best[2]] = 0
        self.log_saved += math.log(before.item() / self.cost())
        return True

    @torch.no_grad()
    def _apply_masks(self) -> None:
        blocks = self._network.layers
        for index in self._removable:
            pruned = self.masks[index] == 0
            if not pruned.any():
                continue
            arriving, *own = synapse_weights(blocks[index])
            arriving[pruned] = 0
            synapse_weights(blocks[index + 1])[0][:, pruned] = 0
            for each in own:
                each[pruned], each[:, pruned] = 0, 0
            if blocks[index].neuron.norm is not None:
                blocks[index].neuron.norm.values[pruned] = 0

    def least(self, samples: Samples) -> float:
        """Return a lower bound of the cost per sample: only the input spikes, and every layer that
        can be pruned has one neuron."""
        arrived = torch.from_numpy(samples.spikes.sum(2, dtype=np.int64).mean(0)).float()
        counts = [arrived, *(torch.zeros_like(each) for each in self.masks)]
        masks = [each.clone() for each in self.masks]
        for index in self._removable:
            masks[index][1:] = 0
        return float(self._model.cost(counts, masks, samples.num_steps))

    def check_reachable(self, samples: Samples) -> None:
        """Raise InputError if the budget is below the least cost on the validation samples."""
        budget, least = self.multiplier.budget, self.least(samples)
        if least > budget.amount:
            name = "synop_budget" if budget.chip is None else "energy_budget_uj"
            raise InputError(
                f"{name} is {budget.words()} per sample, and the input alone costs "
                f"{budget.words(least)} with one neuron in every layer that can be pruned; give at "
                "least that"
            )

    def deployed(self) -> SlayerNetwork:
        """Return the network without the pruned neurons."""
        return compacted(self._network)

    def validated(self, network: SlayerNetwork, synops: float, samples: Samples) -> float:
        """Return the cost per validation sample of `network` in the budget's unit, and update the
        ratio of validation cost to training cost.

        Args:
            network: the network without pruned neurons, from `deployed`.
            synops: its SynOps per sample.
            samples: the validation samples.
        """
        chip, trained = self.multiplier.budget.chip, self.cost()
        cost = synops if chip is None else dynamic_energy_uj(network, samples, chip)
        if cost > 0 and trained > 0:
            self.multiplier.ratio = cost / trained
        return cost

    def state(self) -> dict[str, Any]:
        """Return the state as tensors and plain values, for `restore`."""
        return {
            **{name: getattr(self.multiplier, name) for name in _OF_MULTIPLIER},
            **{name.strip("_"): getattr(self, name) for name in (*_STATE, *_TENSORS)},
        }

    def restore(self, values: dict[str, Any]) -> None:
        """Load a state from `state`."""
        for name in _OF_MULTIPLIER:
            setattr(self.multiplier, name, values[name])
        for name in _STATE:
            setattr(self, name, values[name.strip("_")])
        for name in _TENSORS:
            for now, before in zip(getattr(self, name), values[name.strip("_")]):
                now.copy_(before)


def _change(weight: Tensor) -> Tensor:
    """Return sum(weight * gradient) over the outgoing synapses of each neuron, float (neurons,)."""
    if weight.grad is None:
        return torch.zeros(weight.shape[1])
    return (weight.detach() * weight.grad).flatten(1).sum(0).cpu()
