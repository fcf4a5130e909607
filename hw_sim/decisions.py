"""Predictions after every time step, and the number of steps after which they are reliable.

The prediction after t steps is read from the last layer by `network.readout`: from the spike counts
of these steps, or from the graded spikes or the voltages of step t. After all steps it is the
prediction of `hw_sim.readout`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import InputLayer
from neurodeploy.models.network import QuantizedNetwork

TOLERANCE: Final = 0.01
"""Tolerated difference of the accuracy from that after all steps: one percentage point."""


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """The predictions of a run after every time step.

    Attributes:
        num_samples: Samples that ran, 1 or more.
        num_steps: Time steps per sample, T.
        accuracy_by_step: Fraction correct after 1 to T steps; None without labels.
        agreement_by_step: Fraction of predictions after 1 to T steps equal to that after T.
        criterion: What holds from `earliest_step` on: "accuracy", or "agreement" without labels.
        tolerance: How far below its last value the criterion may be.
        earliest_step: Fewest steps from which on the criterion holds. At least
            `counted.propagation_steps` + 1 (or T if that is less), since no earlier prediction can
            depend on the sample.
        mean_stable_step: Steps after which the prediction no longer changes, mean over samples.
    """

    num_samples: int
    num_steps: int
    accuracy_by_step: list[float] | None
    agreement_by_step: list[float]
    criterion: str
    tolerance: float = TOLERANCE
    earliest_step: int
    mean_stable_step: float


def propagation_steps(network: QuantizedNetwork) -> int:
    """Return the number of steps from the input to the spikes of the last layer: one per layer.

    An input layer spikes in the step of its input, so it does not count.
    """
    return sum(not isinstance(layer, InputLayer) for layer in network.layers)


def steps_to_prediction(network: QuantizedNetwork) -> int:
    """Return the smallest number of steps after which a prediction can depend on the input.

    An input spike of the first step reaches the last layer `propagation_steps` steps later and
    affects its voltages and spikes in that step.
    """
    return propagation_steps(network) + 1


class DecisionMeter:
    """Count correct predictions after every step, batch by batch."""

    def __init__(self, network: QuantizedNetwork, labels: NDArray[np.integer] | None) -> None:
        """Create a meter for a network.

        Args:
            network: the network that runs.
            labels: the correct classes of all samples that will be added, (samples,), or None.
        """
        self._network = network
        self._labels = labels
        self._samples = 0
        self._correct: Any = 0
        self._agreed: Any = 0
        self._stable = 0

    def add(self, activity: Activity) -> None:
        """Count the predictions of the next samples, which have the same number of steps.

        Raises:
            InputError: when there are more samples than labels.
        """
        if self._network.outputs == 1:
            return
        predicted = predictions_by_step(self._network, activity)
        first, self._samples = self._samples, self._samples + len(predicted)
        if self._labels is not None:
            if self._samples > len(self._labels):
                raise InputError(
                    f"the number of labels is {len(self._labels)} for {self._samples} samples; "
                    "give one per sample"
                )
            labels = self._labels[first : self._samples]
            self._correct = self._correct + (predicted == labels[:, None]).sum(0)
        agrees = predicted == predicted[:, -1:]
        self._agreed = self._agreed + agrees.sum(0)
        last_change = np.where(agrees.all(1), 0, agrees.shape[1] - agrees[:, ::-1].argmin(1))
        self._stable += int((last_change + 1).sum())

    def result(self) -> Decisions | None:
        """Return the predictions after every step.

        None without samples, and for a network with one output, whose prediction is constant.
        """
        if not self._samples:
            return None
        labelled, first = self._labels is not None, steps_to_prediction(self._network)
        counted = self._correct if labelled else self._agreed
        return Decisions(
            num_samples=self._samples,
            num_steps=len(counted),
            accuracy_by_step=(self._correct / self._samples).tolist() if labelled else None,
            agreement_by_step=(self._agreed / self._samples).tolist(),
            criterion="accuracy" if labelled else "agreement",
            earliest_step=max(_earliest(counted, self._samples), min(first, len(counted))),
            mean_stable_step=self._stable / self._samples,
        )


def predictions_by_step(network: QuantizedNetwork, activity: Activity) -> NDArray[np.int64]:
    """Return the prediction after every step: the largest output, the first if several are equal.

    Returns:
        int64 array (batch, time), 0..outputs - 1.
    """
    outputs = _outputs_by_step(network, activity)
    best, predicted = outputs[0], np.zeros(outputs[0].shape, np.int64)
    for k, output in enumerate(outputs[1:], start=1):
        predicted[output > best] = k
        best = np.maximum(best, output)
    return predicted


def _outputs_by_step(network: QuantizedNetwork, activity: Activity) -> NDArray[Any]:
    """Return the outputs after every step, integers (outputs, batch, time)."""
    sent: NDArray[Any] = activity.spikes[-1]
    kind = network.readout
    if kind == "voltage":
        sent = fast.voltages(network, activity, len(network.layers) - 1)
    batch, _, steps = sent.shape
    wide = np.int32 if kind == "spikes" else np.int64
    by_output = sent.transpose(1, 0, 2).reshape(
        network.outputs, network.neurons_per_output, batch, steps
    )
    grouped = (
        by_output[:, 0].astype(wide)
        if network.neurons_per_output == 1
        else by_output.sum(1, dtype=wide)
    )
    outputs: NDArray[Any] = grouped.cumsum(2, dtype=wide) if kind == "spikes" else grouped
    return outputs


def _earliest(counted: NDArray[np.integer], samples: int) -> int:
    """Return the first step from which on the counts stay within the tolerance of the last."""
    allowed = int(TOLERANCE * samples + 1e-9)  # 1e-9: against rounding errors of the product
    short = np.flatnonzero(counted < counted[-1] - allowed)
    return int(short[-1]) + 2 if len(short) else 1
