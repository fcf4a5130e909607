"""Reference simulator of NIR graphs: floats, one step per node, in numpy.

What integers are compared with. In the dialect of a framework it gives this framework's spikes.
A node outside of cycles runs over all time steps at once; the nodes of a cycle run step by step,
and there a neuron hands on its spikes of the step before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

import nir
import numpy as np
from numpy.typing import DTypeLike, NDArray

from neurodeploy.export.nir.dialects import NEURONS, TIMED, Dialect, dynamics
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.float_network import Dynamics
from neurodeploy.models.layers import Shape

Array = NDArray[Any]
"""Floats of one node over time: (steps, samples, *shape)."""

SAMPLES: Final = 16
"""Samples that run at once, which bounds the memory."""


@dataclass(frozen=True, eq=False, repr=False)
class NodeRun(Shown):
    """Spikes and voltages of a neuron node.

    Attributes:
        spikes: int32 (samples, neurons, steps), number of spikes in each step.
        voltage: float (samples, neurons, steps) after the reset, counted from the voltage of the
            start; None if it was not recorded.
    """

    spikes: NDArray[np.int32]
    voltage: Array | None = None


def simulate(
    graph: nir.NIRGraph,
    inputs: Array,
    dialect: Dialect,
    dt_s: float | None,
    *,
    nodes: Collection[str] | None = None,
    voltages: bool = True,
    dtype: DTypeLike = np.float64,
) -> dict[str, NodeRun]:
    """Run a graph and return what its neurons do.

    Args:
        graph: a flat graph that `graph.read` or `graph.checked` returned.
        inputs: (samples, *shape, steps), the values of the input node.
        dialect: an entry of `DIALECTS`, with its options.
        dt_s: time step in seconds, see `dialects.time_step`.
        nodes: names of the neuron nodes to record; by default all.
        voltages: whether to record voltages.
        dtype: float64, or float32 to follow a framework where voltages meet thresholds exactly.

    Raises:
        InputError: when the input has another shape, or a node has no meaning in the dialect.
    """
    run = _Graph(graph, inputs.shape[1:-1], dialect, dt_s, np.dtype(dtype))
    names = [name for name in run.neurons if nodes is None or name in nodes]
    parts: dict[str, list[NodeRun]] = {name: [] for name in names}
    for start in range(0, max(len(inputs), 1), SAMPLES):
        chunk = np.moveaxis(inputs[start : start + SAMPLES], -1, 0).astype(run.dtype)
        for name, result in run.run(chunk, names, voltages):
            parts[name].append(result)
    return {name: _joined(results) for name, results in parts.items()}


def _joined(results: list[NodeRun]) -> NodeRun:
    voltage = [each.voltage for each in results if each.voltage is not None]
    return NodeRun(
        np.concatenate([each.spikes for each in results]),
        np.concatenate(voltage) if voltage else None,
    )


class _Graph:
    """A graph made ready: groups of nodes in order, and a function for each node."""

    def __init__(
        self,
        graph: nir.NIRGraph,
        input_shape: Shape,
        dialect: Dialect,
        dt_s: float | None,
        dtype: np.dtype[Any],
    ) -> None:
        self.dtype = dtype
        self.nodes: Mapping[str, Any] = graph.nodes
        self.sources: dict[str, list[str]] = {name: [] for name in graph.nodes}
        for source, target in graph.edges:
            self.sources[target].append(source)
        self.groups = _groups(graph.nodes, self.sources)
        self.neurons: dict[str, Dynamics] = {}
        self.delays: dict[str, NDArray[np.int64]] = {}
        shapes = _shapes(self.nodes, self.sources, self.groups, input_shape)
        self.shapes = shapes
        self.functions: dict[str, Callable[[Array], Array]] = {}
        for name, node in self.nodes.items():
            if isinstance(node, NEURONS):
                self.neurons[name] = dynamics(node, dialect, dt_s, name, shapes[name])
            elif isinstance(node, nir.Delay):
                self.delays[name] = _delay_steps(node, dt_s, name)
                self.functions[name] = partial(delayed, steps=self.delays[name])
            else:
                self.functions[name] = linear(node, name, dtype)

    def run(self, inputs: Array, names: list[str], voltages: bool) -> Iterator[tuple[str, NodeRun]]:
        """Run some samples: inputs (steps, samples, *shape)."""
        out: dict[str, Array] = {}
        waiting = dict.fromkeys(self.nodes, 0)
        for sources in self.sources.values():
            for source in sources:
                waiting[source] += 1
        for group in self.groups:
            states = self._run_group(group, out, inputs)
            for name in group:
                for source in self.sources[name]:
                    waiting[source] -= 1
                if name in names:
                    yield name, _recorded(out[name], states[name], voltages, self.neurons[name])
            for name in [each for each in out if not waiting[each]]:
                del out[name]

    def _run_group(
        self, group: list[str], out: dict[str, Array], inputs: Array
    ) -> dict[str, Array]:
        """Add the outputs of a group to `out`; return the voltages of its neurons."""
        name = group[0]
        if len(group) > 1 or name in self.sources[name]:
            return self._run_cycle(group, out, inputs.shape[0], inputs.shape[1])
        if isinstance(self.nodes[name], nir.Input):
            out[name] = inputs
            return {}
        x = self._sum(name, out)
        if name not in self.neurons:
            out[name] = self.functions[name](x)
            return {}
        neuron = Neurons(self.neurons[name], x.shape[1:], self.dtype)
        out[name], voltage = np.empty_like(x), np.empty_like(x)
        for t in range(len(x)):
            out[name][t] = neuron.step(x[t])
            voltage[t] = neuron.v
        return {name: voltage}

    def _run_cycle(
        self, group: list[str], out: dict[str, Array], steps: int, samples: int
    ) -> dict[str, Array]:
        inside = set(group)
        for name in group:
            out[name] = np.zeros((steps, samples, *self.shapes[name]), self.dtype)
        voltages = {name: np.zeros_like(out[name]) for name in group if name in self.neurons}
        neurons = {
            name: Neurons(self.neurons[name], out[name].shape[1:], self.dtype) for name in voltages
        }
        outside = {
            name: self._sum(
                name, {key: out[key] for key in self.sources[name] if key not in inside}
            )
            for name in group
        }
        held = {name: np.zeros_like(out[name]) for name in group if name in self.delays}
        for t in range(steps):
            for name in group:
                x: Array = outside[name][t] if outside[name].ndim else np.zeros(1, self.dtype)
                for source in self.sources[name]:
                    if source in neurons:  # spikes of the step before
                        x = x + (out[source][t - 1] if t else np.zeros_like(out[source][0]))
                    elif source in inside:
                        x = x + out[source][t]
                if name in neurons:
                    out[name][t] = neurons[name].step(x)
                    voltages[name][t] = neurons[name].v
                elif name in held:
                    held[name][t] = x
                    out[name][t] = delayed(held[name], self.delays[name], np.array([t]))[0]
                else:
                    out[name][t] = self.functions[name](x[None])[0]
        return voltages

    def _sum(self, name: str, out: Mapping[str, Array]) -> Array:
        """Return the sum of the outputs that reach a node, or a zero without axes."""
        total: Array = np.zeros((), self.dtype)
        for source in self.sources[name]:
            if source in out:
                total = total + out[source] if total.ndim else out[source]
        return total


class Neurons:
    """The state of a layer of neurons, and its step; see `Dynamics` for the equations.

    Attributes:
        v: voltage after the reset, (samples, *shape).
    """

    def __init__(self, dynamics: Dynamics, shape: Shape, dtype: np.dtype[Any]) -> None:
        self.dynamics = dynamics
        for name in (
            "current_retention", "input_gain", "voltage_retention", "current_gain", "leak",
            "threshold", "reset_value",
        ):  # fmt: skip
            values = getattr(dynamics, name).astype(dtype)
            setattr(self, name, values.reshape(shape[1:]) if values.size > 1 else values)
        self.i = np.zeros(shape, dtype)
        self.v = np.zeros(shape, dtype)
        self.spikes = np.zeros(shape, dtype)

    current_retention: Array
    input_gain: Array
    voltage_retention: Array
    current_gain: Array
    leak: Array
    threshold: Array
    reset_value: Array

    def step(self, x: Array) -> Array:
        """Return the output of one step: spikes, or the voltage of neurons that never fire."""
        self.i = self.current_retention * self.i + self.input_gain * x
        v: Array = self.voltage_retention * self.v + self.current_gain * self.i + self.leak
        if not self.dynamics.fires:
            self.v = v
            return v
        if self.dynamics.reset_delay:
            v = self._reset(v, self.spikes)
        spikes = self._fired(v)
        self.v = v if self.dynamics.reset_delay else self._reset(v, spikes)
        self.spikes = spikes
        return spikes

    def _fired(self, v: Array) -> Array:
        fired = v > self.threshold if self.dynamics.strict else v >= self.threshold
        if self.dynamics.multi_spike:
            return np.asarray(np.where(fired, np.floor(v / self.threshold), 0), v.dtype)
        return np.asarray(fired, v.dtype)

    def _reset(self, v: Array, spikes: Array) -> Array:
        if self.dynamics.reset == "subtract":
            return np.asarray(v - spikes * self.threshold, v.dtype)
        if self.dynamics.reset == "value":
            return np.asarray(np.where(spikes > 0, self.reset_value, v), v.dtype)
        return v


def _recorded(out: Array, voltage: Array, voltages: bool, dynamics: Dynamics) -> NodeRun:
    """Turn (steps, samples, *shape) into (samples, neurons, steps)."""
    spikes = out if dynamics.fires else np.zeros_like(out)
    flat = [
        np.moveaxis(each.reshape(*each.shape[:2], -1), 0, -1)
        for each in ([spikes, voltage] if voltages else [spikes])
    ]
    return NodeRun(
        np.ascontiguousarray(flat[0], dtype=np.int32),
        np.ascontiguousarray(flat[1]) if voltages else None,
    )


def _delay_steps(node: nir.Delay, dt_s: float | None, name: str) -> NDArray[np.int64]:
    """Return a delay in steps.

    Raises:
        InputError: when it is no whole number of steps, or the time step is unknown.
    """
    delays = np.asarray(node.delay, np.float64) / (1.0 if dt_s is None else dt_s)
    steps = np.rint(delays)
    if (np.abs(delays - steps) > 1e-3).any() or (steps < 0).any():
        worst = float(np.ravel(node.delay)[np.argmax(np.abs(delays - steps))])
        raise InputError(
            f"node {name} delays by {worst:g}, and a step takes {dt_s or 1:g}; delays must be "
            "whole numbers of steps"
        )
    return steps.astype(np.int64)


def delayed(x: Array, steps: NDArray[np.int64], times: NDArray[Any] | None = None) -> Array:
    """Return x[t - steps] at some times, by default all; zero before the start."""
    flat = x.reshape(*x.shape[:2], -1)
    each = np.broadcast_to(steps.reshape(-1), flat.shape[2:])
    time = (np.arange(len(x)) if times is None else times)[:, None, None] - each
    taken = np.take_along_axis(flat, np.maximum(time, 0), axis=0)
    return np.asarray(np.where(time >= 0, taken, 0).reshape(-1, *x.shape[1:]), x.dtype)


def linear(node: Any, name: str, dtype: DTypeLike) -> Callable[[Array], Array]:
    """Return the function of a node without state, for (steps, samples, *shape).

    Raises:
        InputError: when the node is of an unknown type.
    """
    if isinstance(node, nir.Input | nir.Output):
        return lambda x: x
    if isinstance(node, nir.Linear | nir.Affine):
        weight = np.asarray(node.weight, dtype)
        bias = np.asarray(getattr(node, "bias", 0), dtype)
        return lambda x: x @ weight.T + bias
    if isinstance(node, nir.Scale):
        scale = np.asarray(node.scale, dtype)
        return lambda x: x * scale
    if isinstance(node, nir.Flatten):
        return partial(_flattened, int(node.start_dim), int(node.end_dim))
    if isinstance(node, nir.Conv1d | nir.Conv2d):
        return partial(_convolved, node, dtype)
    if isinstance(node, nir.SumPool2d | nir.AvgPool2d):
        return partial(_pooled, node)
    raise InputError(f"node {name} is {type(node).__name__}, which the reference cannot run")


def _flattened(start: int, end: int, x: Array) -> Array:
    shape = x.shape[2:]
    end = end % len(shape)
    return x.reshape(*x.shape[:2], *shape[:start], -1, *shape[end + 1 :])


def _pair(value: Any, axes: int) -> tuple[int, ...]:
    values = np.ravel(np.asarray(value)).astype(int).tolist()
    return tuple(values * axes if len(values) == 1 else values)


def _padding(node: Any, kernel: Shape, axes: int) -> list[tuple[int, int]]:
    """Return the zeros before and after each axis; "same" puts the odd one after."""
    if not isinstance(node.padding, str):
        return [(each, each) for each in _pair(node.padding, axes)]
    if node.padding == "valid":
        return [(0, 0)] * axes
    sizes = [gap * (k - 1) for gap, k in zip(_pair(node.dilation, axes), kernel, strict=True)]
    return [(size // 2, size - size // 2) for size in sizes]


def _windows(
    x: Array, kernel: Shape, stride: Shape, padding: list[tuple[int, int]], dilation: Shape
) -> Array:
    """Return views (steps, samples, channels, *positions, *kernel) of images."""
    axes = len(kernel)
    x = np.pad(x, [(0, 0)] * 3 + padding)
    spans = tuple(gap * (k - 1) + 1 for gap, k in zip(dilation, kernel, strict=True))
    view: Any = np.lib.stride_tricks.sliding_window_view  # its types allow one axis only
    windows: Array = view(x, spans, axis=tuple(range(3, 3 + axes)))
    steps = [slice(None)] * 3 + [slice(None, None, each) for each in stride]
    return np.asarray(windows[tuple(steps + [slice(None, None, each) for each in dilation])])


def _convolved(node: Any, dtype: DTypeLike, x: Array) -> Array:
    """Convolve step by step, since the windows of all steps would not fit into memory."""
    weight = np.asarray(node.weight, dtype)
    axes = weight.ndim - 2
    groups = int(np.ravel(node.groups)[0])
    kernel = weight.shape[2:]
    rows = weight.reshape(groups, weight.shape[0] // groups, -1)
    bias = np.asarray(0 if node.bias is None else node.bias, dtype)
    views = _windows(
        x,
        kernel,
        _pair(node.stride, axes),
        _padding(node, kernel, axes),
        _pair(node.dilation, axes),
    )
    views = np.moveaxis(views, 2, 2 + axes)  # channels beside the kernel
    result = np.empty((*views.shape[: 2 + axes], weight.shape[0]), x.dtype)
    for out, now in zip(result, views, strict=True):
        columns = now.reshape(*now.shape[: 1 + axes], groups, 1, -1)
        products = columns @ np.swapaxes(rows, 1, 2)
        out[...] = products.reshape(out.shape) + bias
    return np.moveaxis(result, -1, 2)


def _pooled(node: Any, x: Array) -> Array:
    kernel = _pair(node.kernel_size, 2)
    padding = _padding(node, kernel, 2)
    windows = _windows(x, kernel, _pair(node.stride, 2), padding, (1, 1))
    total = windows.sum(axis=(-2, -1))
    return np.asarray(
        total / np.prod(kernel) if isinstance(node, nir.AvgPool2d) else total, x.dtype
    )


def _shapes(
    nodes: Mapping[str, Any],
    sources: Mapping[str, list[str]],
    groups: list[list[str]],
    shape: Shape,
) -> dict[str, Shape]:
    """Return the output shape of each node for an input shape."""
    found: dict[str, Shape] = {}
    for group in groups:
        for name in group * 2:  # in a cycle, the shape can come from the node after
            node = nodes[name]
            if isinstance(node, nir.Input):
                found[name] = tuple(shape)
            elif isinstance(node, nir.Linear | nir.Affine):
                found[name] = (len(node.weight),)
            else:
                known = [found[each] for each in sources[name] if each in found]
                if known and isinstance(node, (*NEURONS, nir.Delay)):
                    found[name] = known[0]
                elif known:
                    probe = np.zeros((1, 1, *known[0]))
                    found[name] = linear(node, name, np.float64)(probe).shape[2:]
    return found


def _groups(nodes: Mapping[str, Any], sources: Mapping[str, list[str]]) -> list[list[str]]:
    """Return the nodes in topological order, those of a cycle as one group.

    Within a group, a node comes after those that it needs in the same step.
    """
    reach = {name: _reachable(name, sources) for name in sources}
    group = {
        name: frozenset([name, *(other for other in reach[name] if name in reach[other])])
        for name in sources
    }
    needs = {
        members: {group[each] for name in members for each in sources[name]} - {members}
        for members in group.values()
    }
    return [_within(members, nodes, sources) for members in TopologicalSorter(needs).static_order()]


def _reachable(name: str, sources: Mapping[str, list[str]]) -> set[str]:
    """Return the nodes that a node depends on."""
    found: set[str] = set()
    todo = [name]
    while todo:
        new = [each for each in sources[todo.pop()] if each not in found]
        found.update(new)
        todo += new
    return found


def _within(
    members: Collection[str], nodes: Mapping[str, Any], sources: Mapping[str, list[str]]
) -> list[str]:
    """Order the nodes of a cycle, where neurons hand on their spikes of the step before.

    Raises:
        InputError: when a cycle has no neuron.
    """
    needs = {
        name: [
            each for each in sources[name] if each in members and not isinstance(nodes[each], TIMED)
        ]
        for name in members
    }
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise InputError(
            f"nodes {', '.join(error.args[1])} form a cycle without a neuron; put one into it"
        ) from None
