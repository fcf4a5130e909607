"""Run a network of any form: populations in topological order, those of a cycle step by step.

A population that a chain could hold runs as one layer, over all steps. At any other the weighted
inputs of its connections are added up, and then its neurons step. All sums wrap at 32 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Overflows, States
from neurodeploy.hw_sim.kernels import spike_buffer
from neurodeploy.hw_sim.kernels.shared import cache_per_layer
from neurodeploy.hw_sim.simulators.layer_runs import (
    Carried,
    LayerRun,
    run_layer,
    step_neurons,
    weigh,
)
from neurodeploy.models.graph import INPUT, Connection, Population
from neurodeploy.models.layers import ConvLayer, DenseLayer, Layer
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import CubaLif
from neurodeploy.models.synapses import Conv, Shape

_ANY_NEURON = CubaLif(0, 0, 0)


class Graph:
    """A network that runs in chunks of steps, from cleared state.

    Args:
        network: the network.
        batch: samples B, or streams.
        once: whether the first chunk is the whole sample, so that nothing is carried on.
    """

    def __init__(self, network: QuantizedNetwork, batch: int, *, once: bool) -> None:
        self.network, self.now = network, 0
        self.shapes, self.freed = _shapes_and_freed(network)
        self.parts: list[_AsLayer | _Together] = []
        for group in network.groups:
            layer = network.as_layer(group[0])
            if len(group) == 1 and layer is not None:
                carried = None if once else Carried.cleared(layer, batch)
                self.parts.append(_AsLayer(network.into(group[0])[0], layer, carried))
            else:
                self.parts.append(_Together(network, group, batch))

    def run(self, inputs: NDArray[Any], *, states_of: AbstractSet[str]) -> list[LayerRun]:
        """Run the next steps.

        Args:
            inputs: (B, channels, T) from `check_input`.
            states_of: populations whose states are returned.

        Returns:
            Spikes (B, N, T), states or None, and overflows of every population.
        """
        sent = _Sent(inputs, self.shapes)
        runs: list[LayerRun] = []
        for group, part, freed in zip(self.network.groups, self.parts, self.freed):
            asked = not states_of.isdisjoint(group)
            for name, (spikes, states, overflows) in part.run(sent, self.now, asked).items():
                sent.buffers[name] = spikes
                neurons = spike_buffer.to_neurons(spikes, self.shapes[name])
                runs.append((neurons, states, overflows))
            for name in freed:
                sent.buffers.pop(name, None)
        self.now += inputs.shape[2]
        return runs

    def voltage(self, name: str) -> NDArray[np.int32]:
        """Return v of a population, as it is carried on, int32 (B, N)."""
        part = next(x for x, names in zip(self.parts, self.network.groups) if name in names)
        voltage = part.states_of(name)[:, 1][:, None]
        shape = self.network.population(name).shape
        return spike_buffer.to_neurons(voltage, shape)[:, :, 0].copy()

    @property
    def nbytes(self) -> int:
        """Size of what is carried on, in bytes."""
        return sum(part.nbytes for part in self.parts)


@cache_per_layer
def _shapes_and_freed(network: Any) -> tuple[dict[str, Shape], list[list[str]]]:
    """Return the shapes of the populations, and for each group whose spikes it takes last."""
    last = {each.source: each.target for each in network.connections}
    freed = [[name for name in last if last[name] in group] for group in network.groups]
    return {each.name: each.shape for each in network.populations}, freed


class _Sent:
    """What the input and the populations have sent, as spike buffers."""

    def __init__(self, inputs: NDArray[Any], shapes: Mapping[str, Shape]) -> None:
        self.inputs, self.shapes = inputs, shapes
        self.buffers: dict[str, NDArray[Any]] = {}

    def by(self, connection: Connection) -> tuple[NDArray[Any], Shape]:
        """Return the spike buffer that arrives by a connection, and the shape of its order."""
        if connection.source == INPUT:
            shape = connection.synapse.input_shape
            return spike_buffer.from_neurons(self.inputs, shape), shape
        return self.buffers[connection.source], self.shapes[connection.source]


class _AsLayer:
    """A population that a chain could hold."""

    def __init__(self, first: Connection, layer: Layer, carried: Carried | None) -> None:
        self.first, self.layer, self.carried = first, layer, carried
        self.nbytes = 0 if carried is None else carried.nbytes

    def run(self, sent: _Sent, now: int, states: bool) -> dict[str, LayerRun]:
        """Run the next steps."""
        arriving, before = sent.by(self.first)
        run = run_layer(self.layer, before, arriving, states=states, carried=self.carried, now=now)
        return {self.first.target: run}

    def states_of(self, _: str) -> NDArray[np.int32]:
        """Return the states that are carried on, int32 (B, 3, N)."""
        assert self.carried is not None
        return self.carried.states


class _Together:
    """Populations of a cycle, or one that several connections reach."""

    def __init__(self, network: QuantizedNetwork, group: tuple[str, ...], batch: int) -> None:
        self.members = [network.population(name) for name in group]
        into = [each for name in group for each in network.into(name)]
        self.inner = [each for each in into if each.source in group]
        self.outer = [each for each in into if each.source not in group]
        self.shapes = {each.name: each.shape for each in self.members}
        self.room = 1 + max(each.max_delay for each in into)
        self.states = {x.name: np.zeros((batch, 3, x.neurons), np.int32) for x in self.members}
        self.pending = {
            x.name: np.zeros((batch, self.room, x.neurons), np.int32) for x in self.members
        }
        carried = (*self.states.values(), *self.pending.values())
        self.nbytes = sum(each.nbytes for each in carried)

    def states_of(self, name: str) -> NDArray[np.int32]:
        """Return the states that are carried on, int32 (B, 3, N)."""
        return self.states[name]

    def run(self, sent: _Sent, now: int, states: bool) -> dict[str, LayerRun]:
        """Run the next steps."""
        batch, _, steps = sent.inputs.shape
        received = {
            name: np.concatenate([rows, np.zeros((batch, steps, rows.shape[2]), np.int32)], 1)
            for name, rows in self.pending.items()
        }
        lost = {each.name: np.zeros(batch, np.int64) for each in self.members}
        for each in self.outer:
            self._add(each, *sent.by(each), received[each.target], lost[each.target])
        span = 1 if self.inner else steps
        pieces: dict[str, list[LayerRun]] = {each.name: [] for each in self.members}
        for start in range(0, steps, span):
            for member in self.members:
                window = received[member.name][:, start : start + span]
                pieces[member.name].append(self._step(member, window, states))
            for each in self.inner:
                spikes = pieces[each.source][-1][0]
                ahead = received[each.target][:, start:]
                self._add(each, spikes, self.shapes[each.source], ahead, lost[each.target])
        self.pending = {name: rows[:, steps:].copy() for name, rows in received.items()}
        return {name: _joined(runs, lost[name]) for name, runs in pieces.items()}

    def _add(
        self,
        connection: Connection,
        spikes: NDArray[Any],
        before: Shape,
        received: NDArray[np.int32],
        lost: NDArray[np.int64],
    ) -> None:
        """Add the weighted input by a connection from the first step of `received` on."""
        batch, steps, width = spikes.shape
        room = np.zeros((batch, self.room, width), spikes.dtype)
        arriving = np.concatenate([spikes, room], 1)
        added = weigh(layer_with(connection), before, arriving, lost)
        if not isinstance(connection.synapse, Conv):
            added = spike_buffer.channels_last(added, self.shapes[connection.target])
        shift = connection.max_delay if isinstance(connection.synapse, Conv) else 0
        received[:, shift : steps + self.room] += added[:, : steps + self.room - shift]

    def _step(self, population: Population, received: NDArray[np.int32], states: bool) -> LayerRun:
        """Run the neurons of a population over the steps of `received`."""
        batch, steps, neurons = received.shape
        both = np.zeros((2, batch if states else 0, steps, neurons), np.int32)
        weighted = np.ascontiguousarray(received)
        carried = self.states[population.name]
        sent, overflows = step_neurons(population, weighted, both, carried, steps)
        if not states:
            return sent, None, overflows
        seen = (spike_buffer.to_neurons(x, population.shape) for x in (*both, weighted))
        return sent, States(*seen), overflows


def _joined(runs: list[LayerRun], lost: NDArray[np.int64]) -> LayerRun:
    """Return the runs of consecutive steps as one."""
    sent, states, overflows = zip(*runs)
    total = Overflows(
        sum((each.wraps for each in overflows), lost), sum(each.clips for each in overflows)
    )
    seen = None
    if states[0] is not None:
        names = ("current", "voltage", "weighted")
        seen = States(*(np.concatenate([getattr(x, n) for x in states], 2) for n in names))
    return np.concatenate(sent, 1), seen, total


@cache_per_layer
def layer_with(connection: Any) -> DenseLayer | ConvLayer:
    """Return a layer with the synapses and the delay of a connection, to weigh its input."""
    if isinstance(connection.synapse, Conv):
        return ConvLayer(neuron=_ANY_NEURON, **vars(connection.synapse))
    return DenseLayer(connection.synapse.weight, _ANY_NEURON, connection.delay)
