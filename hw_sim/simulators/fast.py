"""The fast backend: event-driven integer simulation, bit-exact with Lava.

Layers run one after the other, each over all samples and time steps, samples in parallel. A dense
layer of CUBA LIF neurons runs in one kernel (`dense_cuba`), and so does a convolution (`conv`), any
other layer in two: one adds up the weighted input (`synapses`, `conv`), one steps the neurons
(`neurons`). Spikes pass from layer to layer in a
`spike_buffer`, (B samples, T steps, N neurons padded).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim import memory as memory_of
from neurodeploy.hw_sim.activity import Activity, Overflows, States, check_input, scale_input
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.kernels import (
    conv,
    dense_cuba,
    network_step,
    neurons,
    spike_buffer,
    synapses,
)
from neurodeploy.hw_sim.kernels.shared import (
    cache_per_layer,
    limit_threads,
    num_threads,
    run_parallel,
)
from neurodeploy.hw_sim.memory import STATES, Need
from neurodeploy.models import loihi
from neurodeploy.models.arrays import IntArray
from neurodeploy.models.layers import (
    ConvLayer,
    DenseLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    Shape,
    max_delay,
    per_neuron,
    weights_of,
)
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import CubaLif, Delta, SigmaDelta


def run(
    network: QuantizedNetwork,
    spikes: NDArray[Any],
    options: RunOptions = RunOptions(),
) -> Activity:
    """Run every sample from cleared state for its whole length.

    Args:
        network: the network.
        spikes: integers (batch, channels, time), see `hw_sim.activity`.
        options: `states` and `threads` apply.

    Raises:
        InputError: when the spikes do not fit the network.
    """
    inputs = check_input(network, spikes)
    voltage = network.readout == "voltage"
    with limit_threads(options.threads):
        runs, shape = [], network.layers[0].input_shape
        sent = spike_buffer.from_neurons(inputs, shape)
        for layer in network.layers:
            asked = options.states or (voltage and layer is network.layers[-1])
            sent, states, overflows = _run_layer(layer, shape, sent, states=asked)
            shape = layer.shape
            runs.append((spike_buffer.to_neurons(sent, shape), states, overflows))
    spikes_of, states_of, overflows_of = zip(*runs)
    return Activity(
        inputs,
        spikes_of,
        states_of if options.states else (),
        overflows_of,
        last_voltage=states_of[-1].voltage[:, :, -1] if voltage else None,
    )


def voltages(
    network: QuantizedNetwork, activity: Activity, index: int, samples: slice = slice(None)
) -> NDArray[np.int32]:
    """Return v of the CUBA LIF neurons of layer `index` after every step, for some samples.

    If the activity has no states, they are computed again from the input spikes of the layer.

    Returns:
        int32 array (samples, neurons, time), after the reset.
    """
    if activity.states:
        return activity.states[index].voltage[samples]
    layer = network.layers[index]
    before = network.layers[index - 1].shape if index else layer.input_shape
    values = activity.spikes[index - 1] if index else activity.inputs
    arriving = spike_buffer.from_neurons(values[samples], before)
    if dense_cuba.supports(layer, arriving):
        seen = dense_cuba.run(layer, before, arriving, states=True, voltage_only=True)[1]
        voltage = seen[1]
    else:
        received = _received(layer, before, arriving)
        both = np.zeros((2, *received.shape), np.int32)
        _scan(layer, received, both)
        voltage = both[1]
    return spike_buffer.to_neurons(voltage, layer.shape)


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


LayerRun: TypeAlias = tuple[NDArray[Any], States | None, Overflows]


class Stream:
    """Runs a network in chunks of steps; what it carries on starts from cleared state."""

    def __init__(self, network: QuantizedNetwork, num_streams: int, options: RunOptions) -> None:
        self.network, self.options, self.num_streams = network, options, num_streams
        plan, carried = self._cleared(1)
        each = plan.memory.nbytes if plan else sum(one.nbytes for one in carried)
        few = "run fewer at once"
        memory_of.check(
            each * num_streams, memory_of.available(), f"{num_streams:,} streams take", few
        )
        self.reset()
        self._inputs = np.zeros((num_streams, 1, spike_buffer.padded(network.inputs)), np.uint8)
        self._values = self._inputs[:, 0, : network.inputs]
        if self._plan is not None:
            last = int(self._plan.program[-1, network_step.FIRST])
            self._sent = np.zeros((num_streams, 1, self._plan.width), np.uint8)
            self._outputs = self._sent[:, 0, last : last + network.layers[-1].neurons]
            self._overflows = np.zeros((len(network.layers), 2, num_streams), np.int64)

    def _cleared(self, streams: int) -> tuple[network_step.Plan | None, list[Carried]]:
        """Return the cleared state of a number of streams: a plan, or what each layer carries."""
        plan = None if self.options.states else _plan_steps(self.network, streams)
        kept = self.network.layers if plan is None else ()
        return plan, [Carried.cleared(layer, streams) for layer in kept]

    def reset(self) -> None:
        """Clear the state of all layers."""
        self.now = 0
        self._plan, self.carried = self._cleared(self.num_streams)
        self._arrays = () if self._plan is None else self._plan[:3]

    def close(self) -> None:
        """Do nothing; there is no process to end."""

    def run(self, inputs: NDArray[Any]) -> Activity:
        """Run the next steps; inputs (num_streams, channels, steps) from `check_input`."""
        first = spike_buffer.from_neurons(inputs, self.network.layers[0].input_shape)
        with limit_threads(self.options.threads):
            if self._plan is None:
                runs = list(self._run_layers(first))
            else:
                runs = list(self._run_together(self._plan, first))
        self.now += inputs.shape[2]
        spikes_of, states_of, overflows_of = zip(*runs)
        return Activity(
            inputs,
            spikes_of,
            states_of if self.options.states else (),
            overflows_of,
            last_voltage=self._last_voltage() if self.network.readout == "voltage" else None,
        )

    def _run_layers(self, sent: NDArray[Any]) -> Iterator[LayerRun]:
        shape = self.network.layers[0].input_shape
        for layer, carried in zip(self.network.layers, self.carried):
            sent, states, overflows = _run_layer(
                layer, shape, sent, states=self.options.states, carried=carried, now=self.now
            )
            shape = layer.shape
            yield spike_buffer.to_neurons(sent, shape), states, overflows

    def _run_together(self, plan: network_step.Plan, first: NDArray[Any]) -> Iterator[LayerRun]:
        batch, steps, _ = first.shape
        sent = np.empty((batch, steps, plan.width), np.uint8)
        overflows = np.zeros((len(plan.program), 2, batch), np.int64)
        arguments = (*self._arrays, self.now, first, sent, overflows)
        run_parallel(network_step.run_streams, batch, *arguments)
        for layer, line, counts in zip(self.network.layers, plan.program, overflows):
            spikes = sent[:, :, line[network_step.FIRST] :]
            yield spike_buffer.to_neurons(spikes, layer.shape), None, Overflows(*counts)

    def step(self, spikes: NDArray[Any]) -> NDArray[np.uint8] | None:
        """Run one step in one call of a kernel; spikes uint8 (num_streams, channels).

        Returns:
            Spikes of the last layer, uint8 (num_streams, neurons), or None, and nothing is done,
            if the spikes are of another dtype or shape or not binary, or the network has no plan.
        """
        if self._plan is None or spikes.dtype != np.uint8 or spikes.shape != self._values.shape:
            return None
        self._values[:] = spikes
        inputs = self._inputs
        arguments = (*self._arrays, self.now, inputs, self._sent, self._overflows)
        if len(inputs) < THREADED_STREAMS:
            if not network_step.run_streams(0, len(inputs), *arguments):
                return None
        else:
            if not network_step.are_binary(inputs, 0, len(inputs)):
                return None
            with limit_threads(self.options.threads):
                run_parallel(network_step.run_streams, len(inputs), *arguments)
        self.now += 1
        return self._outputs.copy()

    def _last_voltage(self) -> NDArray[np.int32]:
        voltage = self._plan.voltage if self._plan else self.carried[-1].states[:, 1]
        voltage = voltage[:, None]
        buffer: NDArray[np.int32] = spike_buffer.to_neurons(voltage, self.network.layers[-1].shape)
        return buffer[:, :, 0].copy()


THREADED_STREAMS: Final = 64
"""Number of streams from which on one step uses several threads."""


def _plan_steps(network: QuantizedNetwork, num_streams: int) -> network_step.Plan | None:
    """Return the plan of one step of a network in cleared state, or None if it has none."""
    layers, before = [], network.layers[0].input_shape
    if network.message_bits or len(before) != 1:
        return None
    for layer in network.layers:
        neuron = layer.neuron
        if not isinstance(layer, (DenseLayer, RecurrentLayer)) or not isinstance(neuron, CubaLif):
            return None
        if sum(map(dense_cuba.largest_sum, weights_of(layer))) >= dense_cuba.SUM_LIMIT:
            return None
        current, voltage, threshold, bias = _cuba(layer)
        layers.append(
            network_step.LayerParameters(
                np.stack([current, voltage, bias]),
                threshold,
                network_step.Synapses(*_matrix(layer, layer.input_shape)),
                network_step.Synapses(*_feedback(layer)),
            )
        )
    return network_step.plan_network(layers, num_streams)


def _run_layer(
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
        received = _received(layer, before, arriving) if states else seen[0]
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
    received = _received(layer, before, arriving, lost)
    both = np.zeros((2, batch if states else 0, steps, layer.neurons), np.int32)
    if carried is None:
        sent, overflows = _scan(layer, received, both)
    else:
        carried.take(received, now)
        sent, overflows = _scan(layer, received, both, carried.states, steps)
        carried.put(received[:, steps:], now + steps)
    overflows.wraps[:] += lost
    return sent, (both[0], both[1]), received[:, :steps], overflows


def _received(
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
        synapses.dense_sums(arriving, *_matrix(layer, before), received)
    return received


@cache_per_layer
def _matrix(layer: Any, before: Shape) -> tuple[Any, Any]:
    """Return weights (S, N) and delays (S, 1 or N), senders in the order of a spike buffer."""
    weight = spike_buffer.channels_last(layer.weight, before)
    delay = layer.delay
    if delay.shape[1] > 1:
        delay = spike_buffer.channels_last(delay, before)
    return np.ascontiguousarray(weight.T), _delays_of_senders(delay, weight.shape)


@cache_per_layer
def _feedback(layer: Layer) -> tuple[Any, Any]:
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


def _scan(
    layer: Layer,
    received: NDArray[np.int32],
    states: NDArray[np.int32],
    carried: NDArray[np.int32] | None = None,
    steps: int | None = None,
) -> tuple[NDArray[Any], Overflows]:
    """Return the spike buffer and the overflows of the neurons of a layer.

    Args:
        layer: the layer.
        received: weighted input, int32 (B, T or more, N); recurrent spikes are added to it.
        states: output, see `kernels.neurons`.
        carried: states before the first step, int32 (B, 3, N), replaced by those after the last
            one; None: cleared.
        steps: T; by default all steps of `received`.
    """
    neuron, own = layer.neuron, _feedback(layer)
    batch, available, _ = received.shape
    size = (batch, available if steps is None else steps, spike_buffer.padded(layer.neurons))
    sent = np.zeros(size, np.int32 if neuron.graded else np.uint8)
    counts = np.zeros((2, batch), np.int64)
    if carried is None:
        carried = np.zeros((batch, 3, layer.neurons), np.int32)
    if isinstance(neuron, CubaLif):
        neurons.scan_cuba(received, *_cuba(layer), *own, sent, states, counts, carried)
    elif isinstance(neuron, Delta):
        shift = neuron.spike_exp + neuron.state_exp
        threshold = np.int32(neuron.threshold << shift)
        neurons.scan_delta(
            received, np.int32(shift), threshold, np.int32(neuron.state_exp), sent, states, carried
        )
    elif isinstance(neuron, SigmaDelta):
        shift = neuron.spike_exp + neuron.state_exp
        neurons.scan_sigma_delta(
            received, _each(layer, neuron.bias) << np.int32(shift),
            np.int32(neuron.threshold << shift), np.int32(neuron.state_exp),
            *own, sent, states, counts, carried,
        )  # fmt: skip
    else:
        neurons.scan_sigma(received, *own, sent, states, counts, carried)
    return sent, Overflows(*counts)


@cache_per_layer
def _cuba(layer: Layer) -> tuple[Any, ...]:
    """Return the parameters of a layer's neurons for `neurons.scan_cuba`."""
    neuron: Any = layer.neuron
    shift = np.int32(loihi.ACTIVATION_SHIFT)
    if isinstance(layer, InputLayer):  # the input acts like a current that lasts one step
        current_factor = np.zeros(layer.neurons, np.int32)
    else:
        current_factor = _each(layer, loihi.DECAY_ONE - neuron.current_decay)
    return (
        current_factor,
        _each(layer, loihi.DECAY_ONE - neuron.voltage_decay),
        np.int32(neuron.threshold << loihi.ACTIVATION_SHIFT),
        _each(layer, neuron.bias) << shift,
    )


def _each(layer: Layer, values: IntArray) -> NDArray[np.int32]:
    """Return a parameter as one value per neuron in the order of a spike buffer, int32 (N,)."""
    each = per_neuron(np.asarray(values, np.int32), layer.shape)
    return np.ascontiguousarray(spike_buffer.channels_last(each, layer.shape))


def memory(network: QuantizedNetwork, steps: int) -> Need:
    """Return the memory of a run: the spikes of all layers, and the work of one layer at a time."""
    graded = [_takes_numbers(network), *(layer.neuron.graded for layer in network.layers)]
    sent, work, spare = [], [], 0  # spare: buffers of images, of which the spikes are a copy
    for layer, numbers in zip(network.layers, graded):
        own = _padded(layer, numbers) * (4 if layer.neuron.graded else 1)
        before, spare = spare, own if len(layer.shape) == 3 else 0
        sent.append(own)
        work.append(before + spare + _work(layer, numbers))
    if network.readout == "voltage":
        work[-1] += 4 * STATES * _padded(network.layers[-1], graded[-2])
    inputs = (network.inputs + spike_buffer.padded(network.inputs)) * (4 if graded[0] else 1)
    weights = sum(map(_weights, network.layers))
    rooms = max(_room(layer, numbers) for layer, numbers in zip(network.layers, graded))
    return Need(weights + rooms, steps * (inputs + sum(sent) + max(work)))


def _takes_numbers(network: QuantizedNetwork) -> bool:
    """Return whether the input is int32, not binary spikes."""
    return bool(network.message_bits) or isinstance(network.layers[0], InputLayer)


def _in_one_kernel(layer: Layer, numbers: bool) -> bool:
    """Return whether `dense_cuba` runs the layer; `numbers`: its input is int32."""
    return dense_cuba.holds(layer) and not numbers


def _padded(layer: Layer, numbers: bool) -> int:
    """Return the number of neurons of a layer with padding."""
    if not _in_one_kernel(layer, numbers):
        return spike_buffer.padded(layer.neurons)
    tiles = -(-layer.neurons // dense_cuba.TILE)
    return tiles * dense_cuba.padded(-(-layer.neurons // tiles))


def _work(layer: Layer, numbers: bool) -> int:
    """Return the bytes per step that running a layer needs in addition to its output spikes."""
    if _in_one_kernel(layer, numbers):  # dendritic delays copy the spikes
        return _padded(layer, numbers) if layer.delay_kind == "dendritic" else 0
    if isinstance(layer, ConvLayer) and isinstance(layer.neuron, CubaLif) and not numbers:
        return 0
    parts = isinstance(layer, ConvLayer) and layer.synapses_per_weight == 2
    return (12 if isinstance(layer, InputLayer) or parts else 4) * layer.neurons


def _weights(layer: Layer) -> int:
    """Return the bytes of a layer's weights and delays and of their copies for the kernels."""
    padded = 3 * _padded(layer, numbers=False) * layer.inputs
    stored = sum(array.size for array in weights_of(layer))
    return 8 * stored + (padded if isinstance(layer, DenseLayer) else 0)


def _room(layer: Layer, numbers: bool) -> int:
    """Return the bytes of the buffers of all threads."""
    threads = num_threads()
    if _in_one_kernel(layer, numbers):  # two lists of spikes and a ring of inputs
        width = min(_padded(layer, numbers), 2 * dense_cuba.TILE)
        return threads * 4 * dense_cuba.RING * (2 * spike_buffer.padded(layer.inputs) + width)
    if not isinstance(layer, ConvLayer):
        return threads * 4 * layer.inputs
    return conv.memory(layer, graded=numbers)
