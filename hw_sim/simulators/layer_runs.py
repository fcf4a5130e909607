"""Run one layer over all steps, or on from the state that it carries.

A dense layer of CUBA LIF neurons runs in one kernel (`dense_cuba`), and so does a convolution
(`conv`), any other layer in two: one adds up the weighted input (`synapses`, `conv`), one steps the
neurons (`neurons`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Overflows, States, scale_input
from neurodeploy.hw_sim.kernels import conv, dense_cuba, neurons, spike_buffer, synapses
from neurodeploy.hw_sim.kernels.shared import cache_per_layer
from neurodeploy.models import loihi
from neurodeploy.models.arrays import IntArray
from neurodeploy.models.graph import Population
from neurodeploy.models.layers import (
    ConvLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    max_delay,
    per_neuron,
)
from neurodeploy.models.neurons import CubaLif, Delta, SigmaDelta
from neurodeploy.models.synapses import Shape

LayerRun: TypeAlias = tuple[NDArray[Any], States | None, Overflows]
"""Spikes, states if they were asked for, and overflows of a layer or population."""


@dataclass(frozen=True)
class Carried:
    """What one layer carries from a chunk of steps to the next; arrays change in place.

    Attributes:
        states: int32 (B, 3, N), see `kernels.neurons`.
        pending: weighted input of later steps, int32 (B, P, N), that of step t in row t % P; P is
            at least the number of steps after which the last spike has arrived.
    """

    states: NDArray[np.int32]
    pending: NDArray[np.int32]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.states.nbytes + self.pending.nbytes

    @staticmethod
    def cleared(layer: Layer, batch: int) -> Carried:
        """Return what a layer in cleared state carries."""
        rows = 0 if isinstance(layer, InputLayer) else 1 << max_delay(layer).bit_length()
        return Carried(
            np.zeros((batch, 3, layer.neurons), np.int32),
            np.zeros((batch, rows, layer.neurons), np.int32),
        )

    def take(self, received: NDArray[np.int32], now: int) -> None:
        """Add the pending input to that of the steps from `now` on, and clear it."""
        ahead = min(self.pending.shape[1], received.shape[1])
        received[:, :ahead] += self.pending[:, self._rows(now, ahead)]
        self.pending[:] = 0

    def put(self, received: NDArray[np.int32], now: int) -> None:
        """Set the pending input to that of the steps from `now` on."""
        self.pending[:, self._rows(now, received.shape[1])] = received

    def _rows(self, now: int, count: int) -> NDArray[np.intp]:
        rows: NDArray[np.intp] = (now + np.arange(count)) % max(1, self.pending.shape[1])
        return rows


def run_layer(
    layer: Layer,
    before: Shape,
    arriving: NDArray[Any],
    *,
    states: bool,
    carried: Carried | None = None,
    now: int = 0,
) -> tuple[NDArray[Any], States | None, Overflows]:
    """Return spike buffer, states (B, N, T) and overflows of a layer with input shape `before`.

    The layer starts from cleared state or, in step `now`, from what is `carried`.
    """
    if carried is None and dense_cuba.supports(layer, arriving):
        sent, seen, overflows = dense_cuba.run(layer, before, arriving, states=states)
        received = weigh(layer, before, arriving) if states else seen[0]
    elif carried is None and not states and conv.supports(layer, arriving):
        sent, overflows = conv.run(layer, arriving)
        return sent, None, overflows
    else:
        sent, seen, received, overflows = _scan_layer(layer, before, arriving, states, carried, now)
    if not states:
        return sent, None, overflows
    if isinstance(layer, InputLayer) and isinstance(layer.neuron, CubaLif):
        received = np.zeros_like(received)  # the input is added to v, not to u
        seen = received, seen[1]
    arrays = (spike_buffer.to_neurons(each, layer.shape) for each in (*seen, received))
    return sent, States(*arrays), overflows


def _scan_layer(
    layer: Layer,
    before: Shape,
    arriving: NDArray[Any],
    states: bool,
    carried: Carried | None,
    now: int,
) -> tuple[NDArray[Any], tuple[NDArray[Any], NDArray[Any]], NDArray[Any], Overflows]:
    """Return spike buffer, u and v, weighted input and overflows of a layer of any kind."""
    batch, steps, width = arriving.shape
    if carried is not None and not isinstance(layer, InputLayer):  # room for the last arrivals
        room = np.zeros((batch, max_delay(layer) + 1, width), arriving.dtype)
        arriving = np.concatenate([arriving, room], 1)
    lost = np.zeros(batch, np.int64)
    received = weigh(layer, before, arriving, lost)
    both = np.zeros((2, batch if states else 0, steps, layer.neurons), np.int32)
    if carried is None:
        sent, overflows = step_neurons(layer, received, both)
    else:
        carried.take(received, now)
        sent, overflows = step_neurons(layer, received, both, carried.states, steps)
        carried.put(received[:, steps:], now + steps)
    overflows.wraps[:] += lost
    return sent, (both[0], both[1]), received[:, :steps], overflows


def weigh(
    layer: Layer, before: Shape, arriving: NDArray[Any], lost: NDArray[np.int64] | None = None
) -> NDArray[np.int32]:
    """Return the weighted input of a layer in each step, int32 (B, T, N), unpadded.

    The number of sums of a convolution that exceed 32 bits is added to `lost`, int64 (B,).
    """
    if isinstance(layer, InputLayer):
        return scale_input(layer, arriving[:, :, : layer.neurons])
    batch, steps, _ = arriving.shape
    received = np.zeros((batch, steps, layer.neurons), np.int32)
    if isinstance(layer, ConvLayer):
        conv.weigh(layer, arriving, received, lost)
    else:
        synapses.dense_sums(arriving, *matrix(layer, before), received)
    return received


@cache_per_layer
def matrix(layer: Any, before: Shape) -> tuple[Any, Any]:
    """Return weights (S, N) and delays (S, 1 or N), senders in the order of a spike buffer."""
    weight = spike_buffer.channels_last(layer.weight, before)
    delay = layer.delay
    if delay.shape[1] > 1:
        delay = spike_buffer.channels_last(delay, before)
    return np.ascontiguousarray(weight.T), _delays_of_senders(delay, weight.shape)


@cache_per_layer
def feedback(layer: Layer | Population) -> tuple[Any, Any]:
    """Return rows and delays of recurrent synapses, empty if the layer is not recurrent."""
    if not isinstance(layer, RecurrentLayer):
        return np.zeros((0, 0), np.int16), np.zeros((0, 0), np.int8)
    delays = _delays_of_senders(layer.recurrent_delay, layer.recurrent.shape)
    return np.ascontiguousarray(layer.recurrent.T), delays


def _delays_of_senders(delay: IntArray, shape: Shape) -> NDArray[np.int8]:
    """Return delays as int8 (S, 1), one per sender, or (S, N), one per synapse."""
    neurons, senders = shape
    width = 1 if delay.shape[0] == 1 else neurons
    return np.ascontiguousarray(np.broadcast_to(delay.T, (senders, width)), np.int8)


def step_neurons(
    layer: Layer | Population,
    received: NDArray[np.int32],
    states: NDArray[np.int32],
    carried: NDArray[np.int32] | None = None,
    steps: int | None = None,
) -> tuple[NDArray[Any], Overflows]:
    """Return the spike buffer and the overflows of the neurons of a layer or population.

    Args:
        layer: the layer; a population has no recurrent spikes here.
        received: weighted input, int32 (B, T or more, N); recurrent spikes are added to it.
        states: output, see `kernels.neurons`.
        carried: states before the first step, int32 (B, 3, N), replaced by those after the last
            one; None: cleared.
        steps: T; by default all steps of `received`.
    """
    neuron, own = layer.neuron, feedback(layer)
    batch, available, _ = received.shape
    size = (batch, available if steps is None else steps, spike_buffer.padded(layer.neurons))
    sent = np.zeros(size, np.int32 if neuron.graded else np.uint8)
    counts = np.zeros((2, batch), np.int64)
    if carried is None:
        carried = np.zeros((batch, 3, layer.neurons), np.int32)
    if isinstance(neuron, CubaLif):
        neurons.scan_cuba(received, *cuba_parameters(layer), *own, sent, states, counts, carried)
    elif isinstance(neuron, Delta):
        shift = neuron.spike_exp + neuron.state_exp
        threshold = np.int32(neuron.threshold << shift)
        neurons.scan_delta(
            received, np.int32(shift), threshold, np.int32(neuron.state_exp), sent, states, carried
        )
    elif isinstance(neuron, SigmaDelta):
        shift = neuron.spike_exp + neuron.state_exp
        neurons.scan_sigma_delta(
            received, each_neuron(layer, neuron.bias) << np.int32(shift),
            np.int32(neuron.threshold << shift), np.int32(neuron.state_exp),
            *own, sent, states, counts, carried,
        )  # fmt: skip
    else:
        neurons.scan_sigma(received, *own, sent, states, counts, carried)
    return sent, Overflows(*counts)


@cache_per_layer
def cuba_parameters(layer: Layer | Population) -> tuple[Any, ...]:
    """Return the parameters of a layer's neurons for `neurons.scan_cuba`."""
    neuron: Any = layer.neuron
    shift = np.int32(loihi.ACTIVATION_SHIFT)
    if isinstance(layer, InputLayer):  # the input acts like a current that lasts one step
        current_factor = np.zeros(layer.neurons, np.int32)
    else:
        current_factor = each_neuron(layer, loihi.DECAY_ONE - neuron.current_decay)
    return (
        current_factor,
        each_neuron(layer, loihi.DECAY_ONE - neuron.voltage_decay),
        np.int32(neuron.threshold << loihi.ACTIVATION_SHIFT),
        each_neuron(layer, neuron.bias) << shift,
    )


def each_neuron(layer: Layer | Population, values: IntArray) -> NDArray[np.int32]:
    """Return a parameter as one value per neuron in the order of a spike buffer, int32 (N,)."""
    each = per_neuron(np.asarray(values, np.int32), layer.shape)
    return np.ascontiguousarray(spike_buffer.channels_last(each, layer.shape))
