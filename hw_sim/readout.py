"""The outputs of a network, its predictions, and their accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork, Readout


def outputs(network: QuantizedNetwork, activity: Activity) -> NDArray[np.int64]:
    """Return the outputs of every sample; the index of the largest is the prediction.

    Depending on `network.readout` they are spike counts, voltages after the last step, or graded
    spikes of the last step. Outputs of several neurons (lava-dl's average) are sums over these.

    Returns:
        int64 array (batch, outputs).
    """
    sent = activity.spikes[network.output_index]
    if network.readout == "spikes":
        each = sent.sum(2, dtype=np.int64)
    elif network.readout == "voltage" and activity.last_voltage is not None:
        each = activity.last_voltage.astype(np.int64)
    else:
        each = sent[:, :, -1].astype(np.int64)
    grouped: NDArray[np.int64] = each.reshape(len(each), network.outputs, -1).sum(2)
    return grouped


def leaky_counts(
    spikes: ArrayLike, memory_steps: float, start: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return leaky counts of spikes, from which a network that runs on decides at any step.

        count[t] = (1 - 1 / memory_steps) count[t-1] + spike[t],    count[-1] = start

    All weights of the past sum to `memory_steps`: a neuron that fires in every step comes to that
    count, and with 1 only the last step counts. A sequence in chunks, each with the last counts of
    the chunk before as `start`, gives the same numbers.

    Args:
        spikes: integers (..., steps) of any leading axes, such as (batch, outputs, steps).
        memory_steps: memory in time steps, 1 or more.
        start: counts before the first step, float64 (...); None for 0.

    Returns:
        float64 array of the shape of `spikes`.

    Raises:
        InputError: if `memory_steps` is not a finite number of 1 or more.
    """
    if not (np.isfinite(memory_steps) and memory_steps >= 1):
        raise InputError(f"the memory is {memory_steps} steps; give a finite number of 1 or more")
    keep, sent = 1 - 1 / memory_steps, np.asarray(spikes, np.float64)
    count = np.zeros(sent.shape[:-1]) if start is None else np.asarray(start, np.float64)
    counts = np.empty_like(sent)
    for step in range(sent.shape[-1]):
        count = keep * count + sent[..., step]
        counts[..., step] = count
    return counts


MEMORY_STEPS: Final = 64
"""Memory of the leaky counts of a network that neither stores one nor a number of time steps."""


def memory_steps(network: QuantizedNetwork) -> float:
    """Return the memory of the leaky counts from which a network decides when it runs on.

    It is the one that the network was trained with (`TrainConfig.continuous`), or half of the time
    steps of the samples that it was trained on, since counts with that memory vary as little as
    counts of a whole sample do.
    """
    options = network.provenance.get("options")
    trained = options.get("continuous") if isinstance(options, Mapping) else None
    stored = trained.get("memory_steps") if isinstance(trained, Mapping) else None
    if isinstance(stored, (int, float)) and stored >= 1:
        return stored
    return max(1, network.task.num_steps // 2) if network.task.num_steps else MEMORY_STEPS


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The outputs and predictions of the first samples of a run.

    Attributes:
        read_from: Source of the outputs: "spikes", "voltage" or "values" (graded spikes).
        description: The same as a phrase.
        sample_indices: Index of each sample in the data.
        outputs: Outputs per sample; means over groups of neurons after lava-dl's `average`.
        predicted: Predicted class per sample: the largest output.
        predicted_names: Names of these classes; None if the network names none.
        labels: Correct class per sample; None if unknown.
        label_names: Names of these classes; None if unknown.
    """

    read_from: Readout
    description: str
    sample_indices: list[int]
    outputs: list[list[float]]
    predicted: list[int]
    predicted_names: list[str] | None
    labels: list[int] | None
    label_names: list[str] | None


READOUTS: dict[Readout, str] = {
    "spikes": "the spikes of the last layer, counted",
    "voltage": (
        "v of the last layer after the last step, since it has no neurons of its own and "
        "never fires"
    ),
    "values": "what the neurons of the last layer sent in the last step",
}
"""Descriptions of `network.readout`."""


def first_predictions(
    network: QuantizedNetwork,
    outputs: NDArray[np.int64],
    indices: NDArray[np.int64],
    *,
    labels: NDArray[np.int64] | None = None,
) -> Predictions:
    """Return the outputs and predictions of samples.

    Args:
        network: the network that ran.
        outputs: the outputs of the samples; see the function `outputs`.
        indices: index of each sample in the data, int64 (samples,).
        labels: the correct class of each sample, int64 (samples,), or None.
    """
    description, names = READOUTS[network.readout], network.task.class_names
    group = network.neurons_per_output
    if group > 1:
        description += (
            f"; each output is the mean of {group} consecutive neurons (lava-dl's average)"
        )
    predicted = predict(outputs).tolist()
    known = None if labels is None else labels.tolist()
    return Predictions(
        read_from=network.readout,
        description=description,
        sample_indices=indices.tolist(),
        outputs=(outputs if group == 1 else outputs / group).tolist(),
        predicted=predicted,
        predicted_names=[names[each] for each in predicted] if names else None,
        labels=known,
        label_names=[names[each] for each in known] if names and known is not None else None,
    )


@dataclass(frozen=True, kw_only=True)
class Score:
    """The predictions of a run compared with the labels.

    Attributes:
        num_samples: Samples that were scored, 1 or more.
        accuracy: Fraction of correct predictions.
        macro_f1: Mean over classes of F1 = 2 * correct / (labelled + predicted); classes that are
            neither labelled nor predicted do not count.
        silent_samples: Samples in which no output neuron spiked; class 0 is predicted for them.
        confusion: Number of samples by label (row) and prediction (column).
    """

    num_samples: int
    accuracy: float
    macro_f1: float
    silent_samples: int
    confusion: list[list[int]]


def predict(output_spikes: ArrayLike) -> NDArray[np.int64]:
    """Return the class of the largest output, the first if several are equal.

    Args:
        output_spikes: outputs, such as spike counts, integers (samples, classes).

    Returns:
        int64 array (samples,).
    """
    best: NDArray[np.int64] = np.asarray(output_spikes).argmax(axis=1).astype(np.int64)
    return best


def score(output_spikes: ArrayLike, labels: ArrayLike) -> Score:
    """Compare the predictions with the labels.

    Args:
        output_spikes: outputs, such as spike counts, integers (samples, classes).
        labels: integers (samples,), 0..classes - 1.

    Raises:
        InputError: when the shapes or the labels do not fit, or there is no sample.
    """
    spikes, truth = np.asarray(output_spikes), np.asarray(labels)
    _check(spikes, truth)
    confusion = confusion_matrix(truth, predict(spikes), classes=spikes.shape[1])
    return Score(
        num_samples=len(truth),
        accuracy=float(confusion.trace() / len(truth)),
        macro_f1=macro_f1(confusion),
        silent_samples=int((spikes.sum(axis=1) == 0).sum()),
        confusion=confusion.tolist(),
    )


def confusion_matrix(
    labels: NDArray[np.integer], predicted: NDArray[np.integer], *, classes: int
) -> NDArray[np.int64]:
    """Return the number of samples by label (row) and prediction (column).

    Args:
        labels: integers (samples,), 0..classes - 1.
        predicted: the predictions, integers (samples,), 0..classes - 1.
        classes: number of classes.
    """
    cells = np.bincount(labels.astype(np.int64) * classes + predicted, minlength=classes**2)
    matrix = cells.reshape(classes, classes).astype(np.int64)
    matrix.setflags(write=False)
    return matrix


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Return the mean F1 of the classes; see `Score.macro_f1`."""
    occurrences = confusion.sum(axis=0) + confusion.sum(axis=1)
    correct = confusion.diagonal()[occurrences > 0]
    return float((2 * correct / occurrences[occurrences > 0]).mean())


def _check(spikes: NDArray[np.integer], labels: NDArray[np.integer]) -> None:
    if spikes.ndim != 2 or labels.shape != spikes.shape[:1]:
        raise InputError(
            f"output spikes have shape {spikes.shape} and labels {labels.shape}; they must be "
            "(samples, classes) and (samples,)"
        )
    if not len(labels):
        raise InputError("there is no sample to score; give at least one")
    classes = spikes.shape[1]
    for extreme in (labels.min(), labels.max()):
        if not 0 <= extreme < classes:
            raise InputError(
                f"there is a label {extreme} for {classes} output neurons; labels go from 0 to "
                f"{classes - 1}"
            )
