"""What a network in training spends a sample, with gradient, and exactly as a report counts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.chips.chip import Chip
from neurodeploy.hw_sim.chips.cost import exactly
from neurodeploy.hw_sim.estimates.energy import sample_energy
from neurodeploy.hw_sim.estimates.meter import Meter, operation
from neurodeploy.hw_sim.placement.place import place
from neurodeploy.learning.budget import Budget
from neurodeploy.learning.distributed import ALONE, Team
from neurodeploy.learning.validation import BATCH
from neurodeploy.models.quantize import quantize
from neurodeploy.models.snn import SlayerNetwork, fan_outs
from neurodeploy.samples import Samples

UJ = 1e6


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
