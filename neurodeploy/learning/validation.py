"""Look at a network between two epochs: how well it answers, how much it fires, what that costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from neurodeploy.learning.distributed import ALONE, Team
from neurodeploy.models.snn import SlayerNetwork
from neurodeploy.samples import Samples

BATCH = 256

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
