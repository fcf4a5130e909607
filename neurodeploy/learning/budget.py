"""Keep a training to a budget: SynOps, or dynamic energy, that the mean sample may take.

The limit leaves the network alone for the first part of the training, then falls along a line in
the logarithm from what it takes to a little below the budget, and stays there. What is over the
limit has a price. With e = log(spent / limit), in every step

    price <- max(0, price + GAIN * e / steps)
    loss  =  error + max(0, price + PUSH * e) * log spent

the augmented Lagrangian of "log spent <= log limit": the price rises while too much is spent, falls
when it is less, and comes to rest where the budget is met with the least error. Spikes alone answer
to it, so neurons leave too (`neurodeploy.learning.thrift`), which saves what every spike that
reaches their layer costs.

Training windows are varied and spikes dropped out, so that more or less is spent on them than on
the validation windows, on which a budget is met: the limit follows their ratio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.chips import Chip, chip, exactly
from neurodeploy.hw_sim.estimates import sample_energy
from neurodeploy.hw_sim.placement import place
from neurodeploy.hw_sim.workload import Meter, operation
from neurodeploy.learning.config import TrainConfig
from neurodeploy.learning.distributed import ALONE, Team
from neurodeploy.models.blocks import synapse_weights
from neurodeploy.models.errors import InputError
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import (
    SlayerNetwork,
    compacted,
    fan_outs,
    removable_layers,
)
from neurodeploy.samples import Samples

if TYPE_CHECKING:
    from neurodeploy.learning.loop import Validated

BAND: Final = 0.05
"""A network meets its budget when it takes no more, and makes use of it when it takes at most this
share less."""

AIM: Final = 1 - BAND / 2
"""What training aims at, as a share of the budget: between meeting it and wasting it."""

BEGIN: Final = 0.25
ARRIVED: Final = 0.65
"""Where in a training, 0..1, the limit begins to fall and where it has arrived."""

GAIN: Final = 30.0
PUSH: Final = 1.0
"""How fast the price follows, a training, and how hard it pushes back at once."""

PRICE_MAX: Final = 20.0


@dataclass(frozen=True)
class Budget:
    """What the mean sample may take.

    Attributes:
        amount: SynOps, or uJ of dynamic energy where there is a chip; over 0.
        chip: whose energy counts, or None for SynOps.
    """

    amount: float
    chip: Chip | None = None

    def __post_init__(self) -> None:
        if not 0 < self.amount < math.inf:
            raise InputError(f"the budget is {self.amount:g} {self.unit}; give a number over 0")

    @property
    def unit(self) -> str:
        """In what it counts."""
        return "SynOps" if self.chip is None else "uJ"

    def met(self, spent: float) -> bool:
        """Tell whether a network that takes so much a sample keeps to it."""
        return spent <= self.amount

    def words(self, spent: float | None = None) -> str:
        """Return an amount with its unit, the budget's when none is given."""
        value = self.amount if spent is None else spent
        if self.chip is None:
            return f"{value:,.10g} SynOps" if spent is None else f"{value:,.0f} SynOps"
        return f"{value:.3g} uJ of dynamic energy on {self.chip.name}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything that decides about weights as JSON values."""
        chip = None if self.chip is None else [self.chip.name, self.chip.digest]
        return {"amount": self.amount, "chip": chip}


def budget_of(config: TrainConfig) -> Budget | None:
    """Return the budget of a configuration, or None.

    Raises:
        InputError: when there is no such chip.
    """
    if config.synop_budget is not None:
        return Budget(config.synop_budget)
    if config.energy_budget_uj is None:
        return None
    chosen = config.chip
    return Budget(config.energy_budget_uj, chip(chosen) if isinstance(chosen, str) else chosen)


@dataclass
class Law:
    """The law by which the price of what is spent follows a budget.

    Attributes:
        budget: to keep to.
        price: what a unit of log spent costs in units of the loss.
        unlimited: spent a training sample when the limit began to fall, None before.
        pressed: whether anything was ever over the limit.
        ratio: of what a validation sample takes to what a training sample takes.
    """

    budget: Budget
    price: float = 0.0
    unlimited: float | None = None
    ratio: float = 1.0
    pressed: bool = False

    @property
    def aim(self) -> float:
        """What a training sample is to take in the end."""
        return AIM * self.budget.amount / self.ratio

    def limit(self, position: float) -> float | None:
        """Return what a training sample may take at a position 0..1, None where all it wants."""
        if self.unlimited is None:
            return None
        fallen = min(max((position - BEGIN) / (ARRIVED - BEGIN), 0.0), 1.0)
        start = max(self.unlimited, self.aim)
        return float(start * (self.aim / start) ** fallen)

    def step(self, position: float, spent: float, steps: int) -> float:
        """Follow what the mean training sample takes now, and return the weight of log spent.

        Args:
            position: in the training, 0..1.
            spent: by the mean training sample lately, over 0.
            steps: of the whole training.
        """
        if position < BEGIN:
            return 0.0
        if self.unlimited is None:
            self.unlimited = spent
        over = math.log(spent / (self.limit(position) or spent))
        self.price = min(max(self.price + GAIN * over / steps, 0.0), PRICE_MAX)
        weight = min(max(self.price + PUSH * over, 0.0), PRICE_MAX)
        self.pressed = self.pressed or weight > 0
        return weight

    def validated(self, spent: float, trained: float) -> None:
        """Note what the mean validation sample takes where a training sample takes `trained`."""
        if spent > 0 and trained > 0:
            self.ratio = spent / trained


UJ = 1e6
BATCH = 256


@dataclass(frozen=True)
class Tariff:
    """What events cost, in the budget's unit.

    Attributes:
        synop: a SynOp of each layer.
        message: a spike that arrives at each layer, or at the host after the last.
        spike: a spike that is sent.
        update: a neuron and step.
    """

    synop: tuple[float, ...]
    message: tuple[float, ...]
    spike: float = 0.0
    update: float = 0.0


def tariff_of(budget: Budget, network: SlayerNetwork) -> Tariff:
    """Return what events cost the network; of energy all but the hops from tile to tile."""
    layers = len(network.layers)
    if budget.chip is None:
        return Tariff((1.0,) * layers, (0.0,) * (layers + 1))
    chip, integers = budget.chip, quantize(network)
    each = UJ * chip.cost("spike_message_energy").value
    receivers = [placed.receivers for placed in place(integers, chip).layers]
    return Tariff(
        tuple(UJ * operation(layer, chip, "energy").value for layer in integers.layers),
        tuple(each * count for count in (*receivers, 1)),
        UJ * chip.cost("spike_generation_energy").value,
        UJ * chip.cost("neuron_update_active_energy").value,
    )


class Spending:
    """What a network spends of which some neurons are left out."""

    def __init__(self, network: SlayerNetwork, tariff: Tariff) -> None:
        self._tariff = tariff
        found = fan_outs(network.architecture)
        self._fan_outs = [(torch.from_numpy(each).float(), own) for each, own in found]

    def of(self, counts: Sequence[Tensor], alive: Sequence[Tensor], steps: int) -> Tensor:
        """Return what is spent, float (...).

        Args:
            counts: spikes that each sender sent, the input's first, each (..., neurons).
            alive: 1 for each neuron of each layer that is there, else 0, float (neurons,).
            steps: of a sample.
        """
        tariff, arrived = self._tariff, counts[0]
        total = torch.zeros_like(arrived[..., 0])
        for index, (fan_out, own) in enumerate(self._fan_outs):
            there, synop, message = alive[index], tariff.synop[index], tariff.message[index]
            share = there.mean()
            total = total + arrived @ (fan_out.to(arrived) * share * synop + message)
            arrived = counts[index + 1] * there
            feedback = own * share * synop + message if own else 0.0
            total = total + arrived.sum(-1) * (tariff.spike + feedback)
            total = total + there.sum() * steps * tariff.update
        return total + arrived.sum(-1) * tariff.message[-1]


def dynamic_energy_uj(
    network: SlayerNetwork, samples: Samples, chip: Chip, team: Team = ALONE
) -> float:
    """Return the dynamic energy of the mean sample as a report estimates it.

    Args:
        network: in evaluation mode, without neurons that are not needed.
        samples: to run; each process takes its share, one at the least.
        chip: on which.
        team: the processes.
    """
    meter, rows = Meter(place(quantize(network), chip)), team.share(len(samples.targets))
    with torch.no_grad():
        for start in range(rows.start, rows.stop, BATCH):
            inputs = samples.spikes[start : min(start + BATCH, rows.stop)]
            layers = network.layer_spikes(torch.from_numpy(inputs).to(network.device).float())
            spikes = tuple(each.cpu().numpy().astype(np.uint8) for each in layers)
            meter.add(Activity(inputs, spikes))
    energy = sample_energy(meter.result(), duration_s=exactly(0.0))
    part = energy.dynamic.value * UJ * (rows.stop - rows.start)
    return team.total([part])[0] / len(samples.targets)


LEAVING_SHARE: Final = 0.8
"""Of the logarithm of what is to be saved, the part that neurons save by leaving."""

LATE_OVER: Final = 1.05
"""Over this multiple of the limit, where it has arrived, one neuron more leaves a check."""

CHECKS: Final = 64
"""How often in a training neurons may leave, and over how much of it means are taken."""


class EveryLayer(torch.nn.Module):
    """A network that returns the spikes of all its layers, also where several processes run it."""

    def __init__(self, network: SlayerNetwork) -> None:
        super().__init__()
        self.network = network

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.device

    @property
    def architecture(self) -> Any:
        """Of the network."""
        return self.network.architecture

    def forward(self, spikes: Tensor) -> list[Tensor]:
        """Return the spikes of every layer before delays."""
        return self.network.layer_spikes(spikes)


class Thrift:
    """What a training to a budget keeps beside its network.

    Attributes:
        law: of the price.
        alive: 1 for each neuron of each layer that is there, else 0, float (neurons,).
        saved: log of what is spent with all neurons over what is without those that left.
    """

    def __init__(self, budget: Budget, network: SlayerNetwork, team: Team = ALONE) -> None:
        self.law = Law(budget)
        self._network, self._team = network, team
        self._spending = Spending(network, tariff_of(budget, network))
        self.alive = [torch.ones(n) for n in network.architecture.sizes[1:]]
        self.saved = 0.0
        self._seen = 0
        self._counts = [torch.zeros(n) for n in network.architecture.sizes]
        self._matter = [torch.zeros(n) for n in network.architecture.sizes[1:]]
        self._steps = 0

    def penalty(
        self, spikes: Tensor, layers: Sequence[Tensor], *, batch: int, position: float, steps: int
    ) -> Tensor:
        """Return this process's part of what is added to the mean loss over a batch.

        Args:
            spikes: of the input, (this process's samples, channels, time).
            layers: spikes of every layer for it.
            batch: samples of all processes.
            position: in the training, 0..1.
            steps: of the whole training.
        """
        counts = [each.sum(2) for each in (spikes, *layers)]
        self._note(counts, batch, steps)
        self._steps = spikes.shape[2]
        now = self.spent()
        weight = self.law.step(position, now, steps)
        if not weight:
            return counts[0].new_zeros(())
        spent = self._spending.of(counts, [each.to(spikes) for each in self.alive], self._steps)
        return weight * spent.sum() / (batch * now)

    def spent(self) -> float:
        """Return what the mean training sample takes lately."""
        return float(self._spending.of(self._counts, self.alive, self._steps))

    def _note(self, counts: Sequence[Tensor], batch: int, steps: int) -> None:
        """Follow the mean spikes of every sender."""
        sums = torch.cat([each.detach().sum(0).cpu() for each in counts])
        means = torch.tensor(self._team.total((sums / batch).tolist()))
        self._seen += 1
        rate = max(1 / self._seen, min(CHECKS / steps, 1.0))
        sizes = [len(each) for each in self._counts]
        for mean, now in zip(self._counts, torch.split(means, sizes)):
            mean.add_(now - mean, alpha=rate)

    def after_backward(self, steps: int) -> None:
        """Follow how much each neuron matters, from the gradient of a step."""
        rate = max(1 / self._seen, min(CHECKS / steps, 1.0))
        for index in removable_layers(self._network):
            sent = synapse_weights(self._network.layers[index + 1])[0]
            own = synapse_weights(self._network.layers[index])[1:]
            change = torch.stack([_change(each) for each in (sent, *own)]).sum(0)
            self._matter[index] += rate * (change.square() - self._matter[index])

    def after_step(self, number: int, position: float, steps: int) -> None:
        """Let neurons go when it is time, and keep those at zero that have gone."""
        limit = self.law.limit(position)
        if limit is not None and number % max(steps // CHECKS, 1) == 0:
            start = max(self.law.unlimited or limit, self.law.aim)
            wanted = LEAVING_SHARE * math.log(start / limit)
            while (
                position <= ARRIVED
                and self.saved < wanted
                and self.spent() > limit
                and self._let_go()
            ):
                pass
            if position > ARRIVED and self.spent() > LATE_OVER * limit:
                self._let_go()
        self._hold()

    def _let_go(self) -> bool:
        """Take out the neuron that matters least for what it saves; tell whether there was one.

        One that would leave less than the aim stays: the price does the rest.
        """
        alive = [each.clone().requires_grad_() for each in self.alive]
        before = self._spending.of(self._counts, alive, self._steps)
        savings = torch.autograd.grad(before, alive)
        best: tuple[float, int, int] | None = None
        for index in removable_layers(self._network):
            worth = self._matter[index].sqrt() / savings[index].clamp(min=1e-12)
            worth[self.alive[index] == 0] = math.inf
            worth[before.item() - savings[index] < self.law.aim] = math.inf
            least = int(worth.argmin())
            several = self.alive[index].sum() > 1
            if several and float(worth[least]) < (math.inf if best is None else best[0]):
                best = float(worth[least]), index, least
        if best is None:
            return False
        self.alive[best[1]][best[2]] = 0
        self.saved += math.log(before.item() / self.spent())
        return True

    @torch.no_grad()
    def _hold(self) -> None:
        blocks = self._network.layers
        for index in removable_layers(self._network):
            gone = self.alive[index] == 0
            if not gone.any():
                continue
            synapse_weights(blocks[index])[0].data[gone] = 0
            synapse_weights(blocks[index + 1])[0].data[:, gone] = 0
            for own in synapse_weights(blocks[index])[1:]:
                own.data[gone], own.data[:, gone] = 0, 0
            if blocks[index].neuron.norm is not None:
                blocks[index].neuron.norm.values.data[gone] = 0

    def least(self, samples: Samples) -> float:
        """Return what the mean sample takes of which only the input spikes, with one neuron in
        every layer that can lose the others."""
        arrived = torch.from_numpy(samples.spikes.sum(2, dtype=np.int64).mean(0)).float()
        counts = [arrived, *(torch.zeros_like(each) for each in self.alive)]
        alive = [each.clone() for each in self.alive]
        for index in removable_layers(self._network):
            alive[index][1:] = 0
        return float(self._spending.of(counts, alive, samples.num_steps))

    def check_reachable(self, samples: Samples) -> None:
        """Raise InputError when what no training can save is over the budget.

        Args:
            samples: to validate.
        """
        budget, least = self.law.budget, self.least(samples)
        if least > budget.amount:
            name = "synop_budget" if budget.chip is None else "energy_budget_uj"
            raise InputError(
                f"{name} is {budget.words()} per sample, and the input alone takes "
                f"{budget.words(least)} where every layer that can has one neuron; give at least "
                "that"
            )

    def deployed(self) -> SlayerNetwork:
        """Return the network without the neurons that have gone."""
        return compacted(self._network)

    def validated(self, network: SlayerNetwork, validated: Validated, samples: Samples) -> float:
        """Note what `deployed` takes on validation samples, and return it in the budget's unit."""
        chip = self.law.budget.chip
        spent = sum(validated.synops)
        if chip is not None:
            spent = dynamic_energy_uj(network, samples, chip, self._team)
        self.law.validated(spent, self.spent())
        return spent

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs, as tensors and plain values."""
        return {
            "price": self.law.price,
            "unlimited": self.law.unlimited,
            "ratio": self.law.ratio,
            "pressed": self.law.pressed,
            "saved": self.saved,
            "seen": self._seen,
            "steps": self._steps,
            "alive": self.alive,
            "counts": self._counts,
            "matter": self._matter,
        }

    def restore(self, values: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.law.price, self.law.unlimited = values["price"], values["unlimited"]
        self.law.ratio, self.law.pressed = values["ratio"], values["pressed"]
        self.saved = values["saved"]
        self._seen, self._steps = values["seen"], values["steps"]
        for name in ("alive", "counts", "matter"):
            for kept, now in zip(
                values[name], getattr(self, name if name == "alive" else f"_{name}")
            ):
                now.copy_(kept)


def _change(weight: Tensor) -> Tensor:
    """Return sum(weight * gradient) over what each sender sends through, float (senders,)."""
    if weight.grad is None:
        return torch.zeros(weight.shape[1])
    return (weight.detach() * weight.grad).flatten(1).sum(0).cpu()
