"""What a network answers: the outputs of its last layer, as its neurons give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.models.network import AnswerKind, QuantizedNetwork


def outputs(network: QuantizedNetwork, activity: Activity) -> NDArray[np.int64]:
    """Return the outputs of every sample; the largest is the answer.

    They are read as `network.answer_kind` says: spikes counted, the voltage after the last step, or
    the value sent last. Neurons that answer together (lava-dl's average) are added up.

    Returns:
        int64 array (batch, outputs).
    """
    sent = activity.spikes[-1]
    if network.answer_kind == "spikes":
        each = sent.sum(2, dtype=np.int64)
    elif network.answer_kind == "voltage" and activity.last_voltage is not None:
        each = activity.last_voltage.astype(np.int64)
    else:
        each = sent[:, :, -1].astype(np.int64)
    grouped: NDArray[np.int64] = each.reshape(len(each), network.outputs, -1).sum(2)
    return grouped


@dataclass(frozen=True, eq=False)
class Answers:
    """The outputs of the first samples of a run, and how they were read.

    Attributes:
        samples: their numbers where they come from.
        kind: see `models.network.QuantizedNetwork.answer_kind`.
        how: the same in words.
        outputs: array (samples, outputs), integers; means where neurons answer together.
    """

    samples: tuple[int, ...]
    kind: AnswerKind
    how: str
    outputs: NDArray[Any]

    def as_json(self) -> dict[str, Any]:
        """Return the answers as JSON values."""
        largest = self.outputs.argmax(1).tolist()
        return {
            "kind": self.kind,
            "how": self.how,
            "samples": list(self.samples),
            "outputs": self.outputs.tolist(),
            "largest": largest,
        }


HOW: dict[AnswerKind, str] = {
    "spikes": "the spikes of the last layer, counted",
    "voltage": (
        "v of the last layer after the last step, since it has no neurons of its own and "
        "never fires"
    ),
    "values": "what the neurons of the last layer sent in the last step",
}
"""How answers of each kind are read."""


def answers(
    network: QuantizedNetwork, found: NDArray[np.int64], numbers: NDArray[np.int64]
) -> Answers:
    """Return the answers to show: means where neurons answer together.

    Args:
        network: that ran.
        found: what `outputs` gave for some samples.
        numbers: of these samples where they come from, int64 (samples,).
    """
    how, group = HOW[network.answer_kind], network.group
    samples = tuple(numbers.tolist())
    if group == 1:
        return Answers(samples, network.answer_kind, how, found)
    how += f"; each output is the mean of {group} consecutive neurons (lava-dl's average)"
    return Answers(samples, network.answer_kind, how, found / group)
