"""Read and check NIR graphs: flat, one Input, one Output, every parameter in its full shape.

A file and a graph in memory go the same way: plain data, subgraphs inlined, edges checked, shapes
inferred from the Input onwards, one checked node at a time. nir's own inference of types refuses
files of several frameworks and is not used.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import nir
import numpy as np

from neurodeploy.export.hdf5 import shown
from neurodeploy.export.nir import nodes as checks
from neurodeploy.export.nir import reading
from neurodeploy.export.nir.nodes import NEURONS, STATEFUL, output_shape
from neurodeploy.export.nir.reading import DEPTH, is_nir
from neurodeploy.models.errors import InputError
from neurodeploy.models.synapses import Shape

__all__ = ["NEURONS", "STATEFUL", "checked", "delayed", "is_nir", "order", "read", "shapes"]

Edge: TypeAlias = tuple[str, str]

NODES_LIMIT: Final = 20_000
EDGES_LIMIT: Final = 100_000
"""Limits of the nodes and edges of a graph; the chain of layers of a network has few."""


def read(path: str | Path) -> nir.NIRGraph:
    """Return the checked graph of a NIR file; see `checked`.

    Raises:
        InputError: when the file or the graph is not valid; names the file and the node.
    """
    path = Path(path)
    content = reading.contents(path)
    try:
        return _checked(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def checked(graph: nir.NIRGraph) -> nir.NIRGraph:
    """Return a flat copy of a graph in which every node is checked; the graph does not change.

    Subgraphs are inlined with dotted names and their Input and Output removed. Parameters are
    float64 and finite; those of neurons, Scale and Delay have the shape of the node; stride,
    padding and dilation are integers ("same" and "valid" are replaced), pairs in two dimensions;
    `input_type` and `output_type` are set. Shapes have no axis for batch or time: an Input with a
    batch axis loses it.

    Raises:
        InputError: when the graph is not valid; names the node.
    """
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"the graph is a {type(graph).__name__}; give a nir.NIRGraph")
    return _checked(_plain(graph, 0))


def order(graph: nir.NIRGraph) -> list[str]:
    """Return the names of the nodes of a checked graph in the order in which a time step runs them.

    A node comes after those that feed it, apart from neurons whose edge to it is in `delayed`.

    Raises:
        InputError: when a cycle has no neuron.
    """
    return _order(graph.nodes, graph.edges, delayed(graph))


def delayed(graph: nir.NIRGraph) -> set[Edge]:
    """Return the edges that carry the spikes of the step before: from neurons, inside a cycle."""
    return _delayed(
        {name for name, node in graph.nodes.items() if isinstance(node, STATEFUL)},
        graph.nodes,
        graph.edges,
    )


def shapes(graph: nir.NIRGraph) -> dict[str, Shape]:
    """Return the output shape of every node of a checked graph, without batch and time."""
    return {name: output_shape(node) for name, node in graph.nodes.items()}


def _plain(graph: nir.NIRGraph, depth: int) -> dict[str, Any]:
    """Return a graph in memory as `reading.contents` returns one from a file."""
    if depth > DEPTH:
        raise InputError(f"graphs are nested more than {DEPTH} deep; flatten them")
    try:
        items = [(str(name), node) for name, node in graph.nodes.items()]
        edges = [(str(one), str(other)) for one, other in graph.edges]
    except (AttributeError, TypeError, ValueError):
        raise InputError(
            "the graph needs a dictionary of nodes and a list of edges (name, name)"
        ) from None
    nodes: dict[str, Any] = {}
    for name, node in items:
        if isinstance(node, nir.NIRGraph):
            nodes[name] = _plain(node, depth + 1)
        elif isinstance(node, nir.NIRNode):
            nodes[name] = _plain_node(node)
        else:
            raise InputError(f"node '{shown(name)}' is a {type(node).__name__}; give a nir node")
    return {"type": "NIRGraph", "nodes": nodes, "edges": edges, "metadata": graph.metadata}


def _plain_node(node: nir.NIRNode) -> dict[str, Any]:
    fields = {name: _array(value) for name, value in vars(node).items()}
    if isinstance(node, (nir.Input, nir.Output)):
        types = node.input_type if isinstance(node, nir.Input) else node.output_type
        fields["shape"] = next(iter((types or {"": None}).values()))
    return {**fields, "type": type(node).__name__}


def _array(value: Any) -> Any:
    """Return a torch tensor as an array, anything else as it is."""
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def _checked(content: Mapping[str, Any]) -> nir.NIRGraph:
    fields, edges = _flat(content)
    kinds = _kinds(fields)
    _check_edges(fields, edges)
    entry, exit_ = _ends(kinds)
    _check_reach(fields, edges, entry, exit_)
    neurons = {name for name, kind in kinds.items() if issubclass(getattr(nir, kind), STATEFUL)}
    names = _order(fields, edges, _delayed(neurons, fields, edges))
    built = _build(fields, edges, entry)
    graph = nir.NIRGraph(
        {name: built[name] for name in names},
        list(edges),
        metadata=dict(content.get("metadata") or {}),
        type_check=False,
    )
    return graph


def _kinds(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the type of every node; its fields have known names."""
    kinds = {}
    for name, each in fields.items():
        try:
            kinds[name] = checks.kind_of(each)
        except InputError as error:
            raise _named(name, error) from None
    return kinds


def _named(name: str, error: InputError) -> InputError:
    return InputError(f"node '{shown(name)}': {error}")


# Structure ----------------------------------------------------------------------------------------


def _flat(content: Mapping[str, Any]) -> tuple[dict[str, Any], list[Edge]]:
    """Return the nodes and edges of a graph with its subgraphs inlined."""
    nodes: dict[str, Any] = {}
    edges: list[Edge] = []
    inner: list[str] = []
    _collect(content, "", nodes, edges, inner)
    if not nodes:
        raise InputError("the graph has no nodes; export it again")
    if len(nodes) > NODES_LIMIT or len(edges) > EDGES_LIMIT:
        raise InputError(
            f"the graph has {len(nodes):,} nodes and {len(edges):,} edges; the limits are "
            f"{NODES_LIMIT:,} and {EDGES_LIMIT:,}"
        )
    _check_edges(nodes, edges)
    edges = _without(inner, edges)
    for name in inner:
        del nodes[name]
    return nodes, edges


def _collect(
    content: Mapping[str, Any],
    prefix: str,
    nodes: dict[str, Any],
    edges: list[Edge],
    inner: list[str],
) -> tuple[str, str]:
    """Add the nodes and edges of a graph; return the names of its Input and Output.

    `inner` gets the names of the Inputs and Outputs of subgraphs.
    """
    ends: dict[str, tuple[str, str]] = {}  # of each subgraph
    for name, fields in content["nodes"].items():
        if f"{prefix}{name}" in nodes:
            raise InputError(f"two nodes are called '{shown(prefix + name)}'; rename one")
        if fields["type"] == "NIRGraph":
            ends[name] = _collect(fields, f"{prefix}{name}.", nodes, edges, inner)
        else:
            nodes[f"{prefix}{name}"] = fields
    for one, other in content["edges"]:
        source = ends[one][1] if one in ends else f"{prefix}{one}"
        target = ends[other][0] if other in ends else f"{prefix}{other}"
        edges.append((source, target))
    if not prefix:
        return "", ""
    return _inner_ends(content, prefix, inner)


def _inner_ends(content: Mapping[str, Any], prefix: str, inner: list[str]) -> tuple[str, str]:
    found = []
    for kind in ("Input", "Output"):
        names = [name for name, each in content["nodes"].items() if each["type"] == kind]
        if len(names) != 1:
            raise InputError(
                f"the subgraph '{shown(prefix[:-1])}' has {len(names)} {kind} nodes; it needs one"
            )
        found.append(f"{prefix}{names[0]}")
    inner.extend(found)
    return found[0], found[1]


def _without(names: Iterable[str], edges: Iterable[Edge]) -> list[Edge]:
    """Return the edges without some nodes; those that feed one lead where it led."""
    followers, leaders = _followers(edges), _followers(edge[::-1] for edge in edges)
    for name in names:
        sources, targets = leaders.pop(name, []), followers.pop(name, [])
        if name in sources:
            raise InputError(f"the cycle through '{shown(name)}' has no neuron; break it")
        if len(sources) * len(targets) > EDGES_LIMIT:
            raise InputError(f"over {EDGES_LIMIT:,} pairs of nodes meet in '{shown(name)}'")
        for one in sources:
            followers[one] = [each for each in followers[one] if each != name] + targets
        for other in targets:
            leaders[other] = [each for each in leaders[other] if each != name] + sources
    return [(one, other) for one, others in followers.items() for other in others]


def _check_edges(nodes: Mapping[str, Any], edges: Sequence[Edge]) -> None:
    seen = set()
    for edge in edges:
        for name, far in (edge, edge[::-1]):
            if name not in nodes:
                raise InputError(
                    f"an edge joins '{shown(far)}' and '{shown(name)}', and there is no node "
                    f"'{shown(name)}'; remove the edge"
                )
        if edge in seen:
            raise InputError(
                f"there are two edges from '{shown(edge[0])}' to '{shown(edge[1])}'; remove one"
            )
        seen.add(edge)


def _ends(kinds: Mapping[str, str]) -> tuple[str, str]:
    """Return the names of the one Input and the one Output."""
    found = []
    for kind in ("Input", "Output"):
        names = [name for name, each in kinds.items() if each == kind]
        if len(names) != 1:
            which = f" ({', '.join(repr(shown(name)) for name in names[:3])})" if names else ""
            raise InputError(
                f"the graph has {len(names)} {kind} nodes{which}; it needs one: "
                + (f"join them to one {kind}" if names else f"add a nir.{kind}")
            )
        found.append(names[0])
    return found[0], found[1]


def _check_reach(nodes: Mapping[str, Any], edges: Sequence[Edge], entry: str, exit_: str) -> None:
    """Raise InputError if a node gets nothing from the Input or gives nothing to the Output."""
    for one, other in edges:
        if other == entry or one == exit_:
            raise InputError(
                f"the edge from '{shown(one)}' to '{shown(other)}' leads into the Input or out of "
                "the Output; remove it"
            )
    reached = _reached(entry, edges)
    reaching = _reached(exit_, [edge[::-1] for edge in edges])
    for name in nodes:
        way = "; connect it or remove it"
        if name not in reached:
            raise InputError(f"node '{shown(name)}' gets nothing from the Input{way}")
        if name not in reaching:
            raise InputError(f"node '{shown(name)}' does not lead to the Output{way}")


def _followers(edges: Iterable[Edge]) -> dict[str, list[str]]:
    followers: dict[str, list[str]] = {}
    for one, other in edges:
        followers.setdefault(one, []).append(other)
    return followers


def _reached(start: str, edges: Iterable[Edge]) -> list[str]:
    """Return the nodes that edges lead to from `start`, nearest first."""
    followers = _followers(edges)
    found, waiting = {start: None}, deque([start])
    while waiting:
        for name in followers.get(waiting.popleft(), ()):
            if name not in found:
                found[name] = None
                waiting.append(name)
    return list(found)


def _delayed(neurons: set[str], nodes: Iterable[str], edges: Sequence[Edge]) -> set[Edge]:
    component = components(nodes, edges)
    return {edge for edge in edges if edge[0] in neurons and len({*map(component.get, edge)}) == 1}


def components(nodes: Iterable[str], edges: Sequence[Edge]) -> dict[str, str]:
    """Return the strongly connected component of every node, by Kosaraju's two searches."""
    followers, leaders = _followers(edges), _followers(edge[::-1] for edge in edges)
    finished: list[str] = []
    seen: set[str] = set()
    for start in nodes:
        if start in seen:
            continue
        seen.add(start)
        stack = [(start, iter(followers.get(start, ())))]
        while stack:
            name, rest = stack[-1]
            step = next((each for each in rest if each not in seen), None)
            if step is None:
                finished.append(name)
                stack.pop()
            else:
                seen.add(step)
                stack.append((step, iter(followers.get(step, ()))))
    component: dict[str, str] = {}
    for root in reversed(finished):
        waiting = [root]
        while waiting:
            name = waiting.pop()
            if name not in component:
                component[name] = root
                waiting.extend(leaders.get(name, ()))
    return component


def _order(nodes: Iterable[str], edges: Sequence[Edge], cut: set[Edge]) -> list[str]:
    """Return the nodes in topological order, without the edges in `cut`."""
    direct = [edge for edge in edges if edge not in cut]
    followers = _followers(direct)
    missing = dict.fromkeys(nodes, 0)
    for _, other in direct:
        missing[other] += 1
    ready = deque(name for name, count in missing.items() if not count)
    names = []
    while ready:
        name = ready.popleft()
        names.append(name)
        for other in followers.get(name, ()):
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    if len(names) < len(missing):
        raise InputError(_cycle(direct, set(missing) - set(names)))
    return names


def _cycle(edges: Iterable[Edge], left: set[str]) -> str:
    """Return the message that names the nodes of a cycle among the nodes `left`."""
    before = {other: one for one, other in edges if one in left and other in left}
    name = min(before)
    walked: list[str] = []
    while name not in walked:
        walked.append(name)
        name = before[name]
    cycle = walked[walked.index(name) :][::-1]
    first = cycle.index(min(cycle))
    cycle = cycle[first:] + cycle[:first]
    some = ", ".join(f"'{shown(each)}'" for each in cycle[:5])
    more = f" and {len(cycle) - 5} more" if len(cycle) > 5 else ""
    return f"the cycle through {some}{more} has no neuron; put one into it or break it"


# Shapes -------------------------------------------------------------------------------------------


def _build(fields: Mapping[str, Any], edges: Sequence[Edge], entry: str) -> dict[str, nir.NIRNode]:
    """Return the checked nodes, for the first reading of the shapes that fits the whole graph.

    Exporters differ in whether the Input has axes of batch and time, or no shape at all, and in
    whether the dimensions of a Flatten count the batch. If none fits, the error of the reading that
    got furthest is raised.
    """
    shape = _entry_shape(fields, edges, entry)
    reason, furthest = InputError(f"node '{shown(entry)}' has no shape"), -1
    for start in [shape[axes:] for axes in range(min(len(shape), 3))]:
        for batch in (0, 1):
            built: dict[str, nir.NIRNode] = {}
            try:
                _build_from(start, _shifted(fields, batch), edges, entry, built)
            except InputError as error:
                if len(built) > furthest:
                    reason, furthest = error, len(built)
            else:
                return built
    raise reason


def _entry_shape(fields: Mapping[str, Any], edges: Sequence[Edge], entry: str) -> Shape:
    """Return the shape of the Input, or the one that its first follower tells."""
    followers = _followers(edges)[entry]
    for name, function in (
        (entry, checks.declared_shape), *((each, checks.wanted_shape) for each in followers)
    ):  # fmt: skip
        try:
            shape = function(fields[name])
        except InputError as error:
            raise _named(name, error) from None
        if shape:
            return shape
    raise InputError(f"node '{shown(entry)}' has no shape; give the Input the shape of one sample")


def _shifted(fields: Mapping[str, Any], batch: int) -> Mapping[str, Any]:
    """Return the fields with dimensions of Flatten that do not count the axis of the batch."""
    if not batch:
        return fields
    return {
        name: {**each, **_without_batch(each)} if each["type"] == "Flatten" else each
        for name, each in fields.items()
    }


def _without_batch(fields: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, default in (("start_dim", 1), ("end_dim", -1)):
        value = fields.get(name)
        number = np.asarray(default if value is None else value)
        if number.dtype.kind in "iu":
            value = np.where(number > 0, number - 1, number)
        found[name] = value
    return found


def _build_from(
    shape: Shape,
    fields: Mapping[str, Any],
    edges: Sequence[Edge],
    entry: str,
    built: dict[str, nir.NIRNode],
) -> None:
    """Fill `built` with the checked nodes, for an input of `shape`."""
    leaders = _followers(edge[::-1] for edge in edges)
    for name in _reached(entry, edges):
        source = next((each for each in leaders.get(name, ()) if each in built), None)
        try:
            arriving = output_shape(built[source]) if source is not None else shape
            built[name] = checks.build(fields[name], arriving)
        except InputError as error:
            raise _named(name, error) from None
    for one, other in edges:
        gives, takes = output_shape(built[one]), checks.input_shape(built[other])
        if gives != takes:
            raise InputError(
                f"node '{shown(other)}' takes the shape {takes} and gets {gives} from node "
                f"'{shown(one)}'; their shapes must agree"
            )
