"""A NIR graph under construction: connect nodes by weights, delays and loops.

NIR has Delay nodes, which no framework's importer reads. Where they cannot be used, spikes pass a
delay line: a layer of neurons without memory in which each hands its spikes on to the next one, one
step later, since a neuron in a cycle hands on its spikes of the step before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import nir
import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.models.float_network import FloatArray

WEIGHTS_MAX: Final = 1 << 24
"""Most weights of the parallel paths, or of the delay line, of one layer."""


@dataclass
class Graph:
    """A graph under construction.

    Attributes:
        dt_s: time step in seconds.
        delays: whether to use Delay nodes.
        short_loops: whether a cycle may have two nodes.
        nodes, edges: of the graph.
        last: the node that feeds the next layer.
    """

    dt_s: float
    delays: bool
    short_loops: bool
    nodes: dict[str, nir.NIRNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    last: str = ""

    def add(self, name: str, node: nir.NIRNode, source: str = "") -> str:
        """Add a node, and the edge from `source`; return its name."""
        self.nodes[name] = node
        if source:
            self.edges.append((source, name))
        self.last = name
        return name


@dataclass(frozen=True)
class Weights:
    """Weights (neurons, inputs), broadcastable delays in steps, and a bias (1,) or (neurons,)."""

    matrix: FloatArray
    delay: NDArray[Any] = field(default_factory=lambda: np.zeros((1, 1), np.int8))
    bias: FloatArray = field(default_factory=lambda: np.zeros(1))

    @property
    def node(self) -> nir.Affine:
        """The weights without their delays; importers know Affine better than Linear."""
        bias = np.broadcast_to(self.bias, self.matrix.shape[:1])
        return nir.Affine(self.matrix.astype(np.float32), bias.astype(np.float32))


def connect(graph: Graph, source: str, target: str, name: str, weights: Weights) -> None:
    """Connect two nodes by weights and delays; `target` may be added later.

    Axonal delays are a Delay before the weights. Dendritic ones are a Delay after them, where no
    bias would be delayed too. Synaptic ones are parallel paths, one per delay.

    Raises:
        InputError: when the delays need more than `WEIGHTS_MAX` weights.
    """
    delay, (neurons, inputs) = weights.delay, weights.matrix.shape
    if delay.any() and not graph.delays:
        _connect_line(graph, source, target, name, weights)
    elif delay.shape[0] == 1:
        source = _add_delay(graph, source, name, np.broadcast_to(delay[0], (inputs,)))
        graph.edges.append((graph.add(name, weights.node, source), target))
    elif delay.shape[1] == 1 and not weights.bias.any():
        source = graph.add(name, weights.node, source)
        source = _add_delay(graph, source, name, np.broadcast_to(delay[:, 0], (neurons,)))
        graph.edges.append((source, target))
    else:
        for path, steps, part in _paths(name, weights):
            before = _add_delay(graph, source, path, np.full(inputs, steps))
            graph.edges.append((graph.add(path, part.node, before), target))


def connect_back(graph: Graph, neurons: str, name: str, weights: Weights) -> None:
    """Connect neurons with themselves.

    Where a cycle of two nodes is not read, a Flatten that changes nothing makes it three.
    """
    if graph.short_loops:
        connect(graph, neurons, neurons, name, weights)
        return
    loop, size = f"{name}_loop", {"input": np.array([len(weights.matrix)])}
    connect(graph, neurons, loop, name, weights)
    graph.edges.append((graph.add(loop, nir.Flatten(size, start_dim=0, end_dim=0)), neurons))


def _add_delay(graph: Graph, source: str, name: str, steps: NDArray[Any]) -> str:
    """Add a Delay behind `source` unless it is 0; return the node to go on from."""
    if not steps.any():
        return source
    return graph.add(f"{name}_delay", nir.Delay(steps * graph.dt_s), source)


def _check_size(name: str, size: int, what: str) -> None:
    if size > WEIGHTS_MAX:
        raise InputError(
            f"{name} has delays that NIR can only write as {what} with {size} weights; the limit "
            f"is {WEIGHTS_MAX}, so shorten the delays or write a netx file (.net)"
        )


def _paths(name: str, weights: Weights) -> Iterator[tuple[str, int, Weights]]:
    """Yield name, delay in steps and weights of one path per delay; the first has the bias."""
    delay = np.broadcast_to(weights.delay, weights.matrix.shape)
    used = np.unique(delay[weights.matrix != 0]).tolist() or [0]
    _check_size(name, len(used) * delay.size, f"{len(used)} matrices")
    for index, steps in enumerate(used):
        matrix = np.where(delay == steps, weights.matrix, 0)
        bias = np.zeros(1) if index else weights.bias
        yield f"{name}_{steps}", steps, replace(weights, matrix=matrix, bias=bias)


def _connect_line(graph: Graph, source: str, target: str, name: str, weights: Weights) -> None:
    """Connect two nodes through a delay line, for binary spikes.

    The line has a row of neurons for each input: neuron d of a row sends what arrived d steps ago,
    up to the longest delay of the input, and the weights read each synapse's own delay.
    """
    matrix = weights.matrix
    delay = np.where(matrix != 0, weights.delay, 0).astype(np.int64)
    lengths = delay.max(axis=0) + 1
    first, taps = np.cumsum(lengths) - lengths, int(lengths.sum())
    _check_size(name, taps * taps, f"a delay line of {taps} neurons")
    inputs = np.arange(matrix.shape[1])
    enter = np.zeros((taps, len(inputs)))
    enter[first, inputs] = 1
    step = np.eye(taps, k=-1)
    step[first] = 0
    read = np.zeros((len(matrix), taps))
    read[np.arange(len(matrix))[:, None], first + delay] = matrix
    line = f"{name}_line"
    graph.edges.append((graph.add(f"{name}_enter", Weights(enter).node, source), line))
    connect_back(graph, line, f"{name}_step", Weights(step))
    graph.add(line, _without_memory(taps, graph.dt_s))
    graph.edges.append((graph.add(name, replace(weights, matrix=read).node, line), target))


def _without_memory(neurons: int, dt_s: float) -> nir.CubaLIF:
    """Return neurons that fire in a step in which a spike arrives."""
    one = np.ones(neurons)
    return nir.CubaLIF(one * dt_s, one * dt_s, one, 0 * one, one / 2, w_in=one)
