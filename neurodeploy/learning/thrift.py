"""Make a training keep to its budget: put the price on spikes, and let neurons go.

A neuron that leaves saves its own spikes and one SynOp of every spike that reaches its layer, those
of the input among them, which nothing else saves. Those leave first whose spikes matter least to
the loss for what they save: the root of the mean square of sum(weight * gradient) over the weights
that they send through, which is what the loss would change, to the first order, without them.

Source: the measure is Molchanov et al., "Importance estimation for neural network pruning" (CVPR
2019), its first order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from neurodeploy.learning.budget import ARRIVED, Budget, Law
from neurodeploy.learning.distributed import ALONE, Team
from neurodeploy.learning.spending import Spending, dynamic_energy_uj, tariff_of
from neurodeploy.learning.validation import Validated
from neurodeploy.models.snn import SlayerNetwork, compacted, removable_layers, weights_into
from neurodeploy.samples import Samples

SHARE: Final = 0.8
"""Of the logarithm of what is to be saved, the part that neurons save by leaving."""

LATE: Final = 1.05
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
            sent = weights_into(self._network.layers[index + 1])[0]
            own = weights_into(self._network.layers[index])[1:]
            change = torch.stack([_change(each) for each in (sent, *own)]).sum(0)
            self._matter[index] += rate * (change.square() - self._matter[index])

    def after_step(self, number: int, position: float, steps: int) -> None:
        """Let neurons go when it is time, and keep those at zero that have gone."""
        limit = self.law.limit(position)
        if limit is not None and number % max(steps // CHECKS, 1) == 0:
            start = max(self.law.unlimited or limit, self.law.aim)
            wanted = SHARE * math.log(start / limit)
            while (
                position <= ARRIVED
                and self.saved < wanted
                and self.spent() > limit
                and self._let_go()
            ):
                pass
            if position > ARRIVED and self.spent() > LATE * limit:
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
            weights_into(blocks[index])[0].data[gone] = 0
            weights_into(blocks[index + 1])[0].data[:, gone] = 0
            for own in weights_into(blocks[index])[1:]:
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
        return float(self._spending.of(counts, alive, samples.spikes.shape[2]))

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
