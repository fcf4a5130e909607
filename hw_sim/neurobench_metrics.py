"""Compute NeuroBench's metrics of a network and a run, as the package `neurobench` 2.3 does.

The package counts operations of torch modules, step by step. This module returns the same numbers
as the package does for the equivalent torch model, and a test compares them. That model has one
`Linear` or `Conv2d` per layer, a second `Linear` for recurrent weights, and then the neurons.
The definitions are:

- Footprint is the number of bytes of parameters and buffers, each in the smallest integers that
  hold it (see `footprint`). Neuron states do not count: the package measures before they exist.
- Connection sparsity counts weights, those of a shared kernel once, but no biases and no delays.
  The division is in single precision, and the result is rounded to four places.
- An effective synaptic operation is a spike times a nonzero weight. Dense operations count every
  weight in every step. Padding and biases do not count. In dense layers, Intel's chips also add
  zero weights; `hw_sim.activity.count` counts those.
- A layer whose inputs in a step are all 0, 1 or -1 accumulates (AC); otherwise it multiplies (MAC).
  This module decides per sample, as the package does with a batch size of one.
- A layer receives a spike in the step in which it is sent. There is no step between layers and no
  delay, and no spike is lost at the end of the run, except recurrent spikes of the last step.
- A membrane update is a neuron and step whose voltage after the reset differs from the step
  before. The first step of every neuron counts. The package does not support sigma-delta neurons.
- Neuron operations are membrane updates times the operations per update of snnTorch's `Synaptic`
  neuron with reset to zero, which is the CUBA LIF. Dense neuron operations count every step.
- Operations are exact. The package sums them in single precision, which rounds above 2^24 per
  layer, step and batch.

Source: `neurobench.metrics` and `neurobench.hooks` (neurobench 2.3.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.conventional import multiply_accumulates
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.arrays import IntArray
from neurodeploy.models.layers import (
    ConvLayer,
    DenseLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    weights_of,
)
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import CubaLif, arrays_of
from neurodeploy.models.synapses import is_wide, stored_fan_out

UPDATE_OPERATIONS: Final = 8
"""Operations of one membrane update of a CUBA LIF neuron that resets to zero.

Source: `neuron_ops_reset_operations` of neurobench 2.3.0, `Synaptic` and "zero".
"""

_VOLTAGE_BYTES: Final = 1 << 23
_BYTE_MAX: Final = 255


@dataclass(frozen=True)
class Neurobench:
    """NeuroBench's metrics; operations and updates are means over samples.

    Attributes:
        num_samples: number of samples, 1 or more.
        footprint_bytes: bytes of the network's parameters.
        connection_sparsity: fraction of zero weights, to four places; 0 without weights.
        activation_sparsity: fraction of neurons and steps without a spike.
        effective_macs: multiplications of a graded spike with a nonzero weight.
        effective_acs: additions of a nonzero weight for a binary spike.
        dense_operations: weights times steps.
        membrane_updates: neurons and steps whose voltage changed; None if some neurons are not
            CUBA LIF, or if updates were not counted.
        effective_neuron_operations: operations of these updates, or None.
        dense_neuron_operations: operations if every step were an update, or None.
    """

    num_samples: int
    footprint_bytes: int
    connection_sparsity: float
    activation_sparsity: float
    effective_macs: float
    effective_acs: float
    dense_operations: float
    membrane_updates: float | None
    effective_neuron_operations: float | None
    dense_neuron_operations: float | None


class NeurobenchMeter:
    """Accumulate NeuroBench's metrics, batch by batch."""

    def __init__(self, network: QuantizedNetwork) -> None:
        """Create a meter for a network; it steps all neurons again unless a run records states."""
        self._network = network
        self._cuba = all(isinstance(layer.neuron, CubaLif) for layer in network.layers)
        self._used = [effective_fan_out(layer) for layer in network.layers]
        self._samples = self._sample_steps = 0
        self._spikes = self._macs = self._acs = self._updates = 0

    def add(self, activity: Activity) -> None:
        """Count the operations of one batch."""
        batch, _, steps = activity.inputs.shape
        self._samples += batch
        self._sample_steps += batch * steps
        senders = (activity.inputs, *activity.spikes)
        sent = [_sent(values) for values in senders]
        self._spikes += sum(int(spikes.sum()) for spikes in sent[1:])
        for index, layer in enumerate(self._network.layers):
            self._add_operations(senders[index], sent[index], self._used[index])
            if isinstance(layer, RecurrentLayer):
                own = senders[index + 1][:, :, :-1]
                self._add_operations(own, _sent(own), _nonzero(layer.recurrent))
        if self._cuba:
            self._updates += _membrane_updates(self._network, activity)

    def _add_operations(
        self, values: NDArray[Any], sent: NDArray[np.int64], used: NDArray[np.integer]
    ) -> None:
        """Add the operations of the inputs `values` (B, S, T).

        `sent` (S,) is the number of spikes per sender, `used` (S,) the nonzero weights per spike.
        """
        multiplied = 0
        if values.dtype != np.uint8:
            large = ((values > 1) | (values < -1)).any(1)
            sample, step = np.nonzero(large)
            multiplied = int(((values[sample, :, step] != 0) @ used).sum())
        self._macs += multiplied
        self._acs += int(sent @ used) - multiplied

    def result(self) -> Neurobench | None:
        """Return the metrics, or None if no sample was added."""
        if not self._samples:
            return None
        neurons = sum(layer.neurons for layer in self._network.layers)
        all_updates = neurons * self._sample_steps
        updates = self._updates / self._samples if self._cuba else None
        return Neurobench(
            num_samples=self._samples,
            footprint_bytes=footprint(self._network),
            connection_sparsity=connection_sparsity(self._network),
            activation_sparsity=(all_updates - self._spikes) / all_updates if all_updates else 0.0,
            effective_macs=self._macs / self._samples,
            effective_acs=self._acs / self._samples,
            dense_operations=multiply_accumulates(self._network)
            * self._sample_steps
            / self._samples,
            membrane_updates=updates,
            effective_neuron_operations=None if updates is None else updates * UPDATE_OPERATIONS,
            dense_neuron_operations=all_updates * UPDATE_OPERATIONS / self._samples
            if self._cuba
            else None,
        )


def footprint(network: QuantizedNetwork) -> int:
    """Return the bytes of a network's parameters, each array in the smallest integers that hold it.

    - Weights: one byte if they fit 8 bits or all are even (halves are stored, as in SLAYER), else
      two.
    - Delays: one byte; none if all are zero.
    - Decays and biases: two bytes per value, whether per layer, channel or neuron; no bytes for
      biases that are all zero.
    - Thresholds, and scale and offset of an input layer: four bytes.
    """
    return sum(_layer_bytes(layer) for layer in network.layers)


def _layer_bytes(layer: Layer) -> int:
    numbers = sum(weight.size * _weight_bytes(weight) for weight in weights_of(layer))
    if isinstance(layer, InputLayer):
        numbers += 2 * 4
    if isinstance(layer, (DenseLayer, RecurrentLayer)):
        delays = [layer.delay]
        if isinstance(layer, RecurrentLayer):
            delays.append(layer.recurrent_delay)
        numbers += sum(delay.size for delay in delays if delay.any())
    for name, values in arrays_of(layer.neuron).items():
        if name != "bias" or values.any():
            numbers += 2 * values.size
    return int(numbers + 4 * hasattr(layer.neuron, "threshold"))


def _weight_bytes(weight: IntArray) -> int:
    halved = not is_wide(weight) and not np.bitwise_or.reduce(weight, axis=None) & 1
    lowest, highest = int(weight.min()), int(weight.max())
    byte = (lowest >= 0 and highest <= _BYTE_MAX) or (lowest >= -128 and highest <= 127)
    return 1 if halved or byte else 2


def connection_sparsity(network: QuantizedNetwork) -> float:
    """Return the fraction of zero weights, rounded to four places; 0 without weights."""
    weights = [weight for layer in network.layers for weight in weights_of(layer)]
    stored = sum(weight.size for weight in weights)
    zeros = stored - sum(np.count_nonzero(weight) for weight in weights)
    return round(float(np.float32(zeros) / np.float32(stored)), 4) if stored else 0.0


def effective_fan_out(layer: Layer) -> NDArray[np.int64]:
    """Return the number of nonzero weights per sender, int64 (senders,)."""
    if isinstance(layer, InputLayer):
        return np.zeros(layer.inputs, np.int64)
    return (
        stored_fan_out(layer.synapse()) if isinstance(layer, ConvLayer) else _nonzero(layer.weight)
    )


def _nonzero(weight: IntArray) -> NDArray[np.int64]:
    """Return the number of nonzero weights per sender; `weight` is (neurons, senders)."""
    counts: NDArray[np.int64] = (weight != 0).sum(0, dtype=np.int64)
    return counts


def _sent(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return the number of spikes of each neuron in a batch (B, N, T), int64 (N,)."""
    total = np.zeros(values.shape[1], np.int64)
    for start in range(0, len(values), _BYTE_MAX):  # sums of up to 255 spikes fit a byte
        part = values[start : start + _BYTE_MAX]
        spikes = part if part.dtype == np.uint8 else part != 0
        total += spikes.sum(0, dtype=np.uint8).sum(1, dtype=np.int64)
    return total


def _membrane_updates(network: QuantizedNetwork, activity: Activity) -> int:
    """Return the number of neurons and steps of a batch whose voltage changed.

    The first step of every neuron counts.
    """
    batch, _, steps = activity.inputs.shape
    updates = 0
    for index, layer in enumerate(network.layers):
        size = max(1, _VOLTAGE_BYTES // (4 * layer.neurons * max(steps, 1)))
        for start in range(0, batch, size):
            v = fast.voltages(network, activity, index, slice(start, start + size))
            updates += int(np.count_nonzero(v[:, :, 1:] != v[:, :, :-1])) + v[:, :, :1].size
    return updates
