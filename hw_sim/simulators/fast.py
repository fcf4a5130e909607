"""The fast backend: event-driven integer simulation, bit-exact with Lava.

`graph` runs populations one after the other, each over all samples and time steps, samples in
parallel; `layer_runs` chooses their kernels. Spikes pass from one to the next in a `spike_buffer`,
(B samples, T steps, N neurons padded). A chain of dense CUBA LIF layers streams in one kernel,
`network_step`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim import memory as memory_of
from neurodeploy.hw_sim.activity import Activity, Overflows, check_input
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.kernels import (
    conv,
    dense_cuba,
    network_step,
    spike_buffer,
)
from neurodeploy.hw_sim.kernels.shared import (
    limit_threads,
    num_threads,
    run_parallel,
)
from neurodeploy.hw_sim.memory import STATES, Need
from neurodeploy.hw_sim.simulators.graph import Graph, layer_with
from neurodeploy.hw_sim.simulators.layer_runs import (
    LayerRun,
    cuba_parameters,
    feedback,
    matrix,
    step_neurons,
    weigh,
)
from neurodeploy.models.graph import INPUT
from neurodeploy.models.layers import (
    ConvLayer,
    DenseLayer,
    InputLayer,
    Layer,
    RecurrentLayer,
    weights_of,
)
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import CubaLif
from neurodeploy.models.synapses import Drive


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
        asked = {each.name for each in network.populations} if options.states else set[str]()
        asked |= {network.output} if voltage else set()
        runs = Graph(network, len(inputs), once=True).run(inputs, states_of=asked)
    spikes_of, states_of, overflows_of = zip(*runs)
    last = states_of[network.output_index].voltage[:, :, -1] if voltage else None
    states = states_of if options.states else ()
    return Activity(inputs, spikes_of, states, overflows_of, last_voltage=last)


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
        received = weigh(layer, before, arriving)
        both = np.zeros((2, *received.shape), np.int32)
        step_neurons(layer, received, both)
        voltage = both[1]
    return spike_buffer.to_neurons(voltage, layer.shape)


class Stream:
    """Runs a network in chunks of steps; what it carries on starts from cleared state."""

    def __init__(self, network: QuantizedNetwork, num_streams: int, options: RunOptions) -> None:
        self.network, self.options, self.num_streams = network, options, num_streams
        plan, graph = self._cleared(1)
        each = plan.memory.nbytes if plan else graph.nbytes
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

    def _cleared(self, streams: int) -> tuple[network_step.Plan | None, Graph]:
        """Return the cleared state of a number of streams: a plan, if there is one, and a graph."""
        plan = None if self.options.states else _plan_steps(self.network, streams)
        return plan, Graph(self.network, streams if plan is None else 0, once=False)

    def reset(self) -> None:
        """Clear the state of all layers."""
        self.now = 0
        self._plan, self._graph = self._cleared(self.num_streams)
        self._arrays = () if self._plan is None else self._plan[:3]

    def close(self) -> None:
        """Do nothing; there is no process to end."""

    def run(self, inputs: NDArray[Any]) -> Activity:
        """Run the next steps; inputs (num_streams, channels, steps) from `check_input`."""
        every = {each.name for each in self.network.populations}
        asked = every if self.options.states else set[str]()
        with limit_threads(self.options.threads):
            if self._plan is None:
                runs = self._graph.run(inputs, states_of=asked)
            else:
                runs = list(self._run_together(self._plan, inputs))
        self.now += inputs.shape[2]
        spikes_of, states_of, overflows_of = zip(*runs)
        return Activity(
            inputs,
            spikes_of,
            states_of if self.options.states else (),
            overflows_of,
            last_voltage=self._last_voltage() if self.network.readout == "voltage" else None,
        )

    def _run_together(self, plan: network_step.Plan, inputs: NDArray[Any]) -> Iterator[LayerRun]:
        first = spike_buffer.from_neurons(inputs, (self.network.inputs,))
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
        if self._plan is None:
            return self._graph.voltage(self.network.output)
        voltage: NDArray[np.int32] = self._plan.voltage[:, : self.network.layers[-1].neurons]
        return voltage.copy()


THREADED_STREAMS: Final = 64
"""Number of streams from which on one step uses several threads."""


def _plan_steps(network: QuantizedNetwork, num_streams: int) -> network_step.Plan | None:
    """Return the plan of one step of a network in cleared state, or None if it has none."""
    layers: list[network_step.LayerParameters] = []
    if network.message_bits or not network.is_chain:
        return None
    for layer in network.layers:
        neuron = layer.neuron
        if not isinstance(layer, (DenseLayer, RecurrentLayer)) or not isinstance(neuron, CubaLif):
            return None
        if sum(map(dense_cuba.largest_sum, weights_of(layer))) >= dense_cuba.SUM_LIMIT:
            return None
        current, voltage, threshold, bias = cuba_parameters(layer)
        layers.append(
            network_step.LayerParameters(
                np.stack([current, voltage, bias]),
                threshold,
                network_step.Synapses(*matrix(layer, layer.input_shape)),
                network_step.Synapses(*feedback(layer)),
            )
        )
    return network_step.plan_network(layers, num_streams)


def memory(network: QuantizedNetwork, steps: int) -> Need:
    """Return the memory of a run: all spikes, and the work of one population at a time."""
    numbers = {each.name: each.neuron.graded for each in network.populations}
    numbers[INPUT] = _takes_numbers(network)
    last = {each.source: each.target for each in network.connections}
    sent, work, fixed, rooms = [], [], 0, [0]
    images: dict[str, int] = {}  # spike buffers, of which the returned spikes are a copy
    for each in network.populations:
        into = network.into(each.name)
        whole = network.as_layer(each.name)
        kinds = [numbers[connection.source] for connection in into]
        layers = [layer_with(connection) for connection in into] if whole is None else [whole]
        width = _padded(whole, kinds[0]) if whole else spike_buffer.padded(each.neurons)
        own = width * (4 if each.neuron.graded else 1)
        images[each.name] = own if len(each.shape) == 3 else 0
        apart = 0 if whole else 12 * each.neurons + 4 * max(layer.inputs for layer in layers)
        works = [_work(layer, kind) for layer, kind in zip(layers, kinds)]
        sent.append(own)
        work.append(sum(images.values()) + max(works) + apart)
        if each.name == network.output and network.readout == "voltage":
            work[-1] += 4 * STATES * width
        fixed += sum(map(_weights, layers))
        rooms += [_room(layer, kind) for layer, kind in zip(layers, kinds)]
        images = {x: size for x, size in images.items() if last.get(x, each.name) != each.name}
    inputs = (network.inputs + spike_buffer.padded(network.inputs)) * (4 if numbers[INPUT] else 1)
    return Need(fixed + max(rooms), steps * (inputs + sum(sent) + max(work)))


def _takes_numbers(network: QuantizedNetwork) -> bool:
    """Return whether the input is int32, not binary spikes."""
    driven = any(isinstance(each.synapse, Drive) for each in network.connections)
    return bool(network.message_bits) or driven


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
