"""The integers of a network in the metadata of its NIR graph, and back.

`metadata["neurodeploy"]` holds the layers of the network as nested values, its task, provenance and
digest, and a hash of the graph's own nodes and edges. Who changes the graph leaves the integers
behind; the hash tells.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

import nir
import numpy as np

from neurodeploy.export.netx_read import json_object
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import ConvLayer, DenseLayer, RecurrentLayer
from neurodeploy.models.network import QuantizedNetwork, TaskDescription
from neurodeploy.models.neurons import CubaLif

KEY: Final = "neurodeploy"
"""Key of our own values in the metadata of a graph."""
FORMAT_VERSION: Final = 1


def attach(graph: nir.NIRGraph, network: QuantizedNetwork, **more: str | float) -> None:
    """Put a network, and more values, into the metadata of the graph that was made from it."""
    own = {**_content(network), **more, "graph_sha256": _fingerprint(graph)}
    graph.metadata = {**graph.metadata, KEY: own}


def exact(graph: nir.NIRGraph) -> QuantizedNetwork | None:
    """Return the integer network that `to_nir` wrote into the metadata of a graph.

    Returns:
        The network, with the digest that it had when it was written; None when the graph was not
        written by neurodeploy, or was changed afterwards.

    Raises:
        InputError: when the metadata is damaged or of a later release.
    """
    own = _own(graph)
    if own is None or changed(graph):
        return None
    if int(own.get("format_version", 0)) != FORMAT_VERSION:
        raise InputError(
            f"the metadata has version {own.get('format_version')} and this program reads "
            f"{FORMAT_VERSION}; write the file again"
        )
    try:
        network = _network(own)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"the metadata of neurodeploy is damaged ({error})") from None
    if network.digest != own.get("digest"):
        raise InputError("the metadata does not match its digest; write the file again")
    return network


def changed(graph: nir.NIRGraph) -> bool:
    """Return whether a graph of neurodeploy was changed after it was written."""
    own = _own(graph)
    return own is not None and own.get("graph_sha256") != _fingerprint(graph)


def written_step(graph: nir.NIRGraph) -> float | None:
    """Return the time step in seconds with which neurodeploy wrote a graph, None if it did not."""
    try:
        dt_s = float((_own(graph) or {})["dt_s"])
    except (LookupError, TypeError, ValueError):
        return None
    return dt_s if 0 < dt_s < float("inf") else None


def _own(graph: nir.NIRGraph) -> Mapping[str, Any] | None:
    metadata = graph.metadata if isinstance(graph.metadata, Mapping) else {}
    own = metadata.get(KEY)
    return own if isinstance(own, Mapping) else None


def _content(network: QuantizedNetwork) -> dict[str, Any]:
    """Return a network as nested values that HDF5 stores."""
    return {
        "format_version": FORMAT_VERSION,
        "digest": network.digest,
        "task": json.dumps(network.task.as_dict()),
        "provenance": json.dumps(dict(network.provenance)),
        "input_shape": np.array(network.input_shape),
        "message_bits": network.message_bits,
        "neurons_per_output": network.neurons_per_output,
        "layers": {str(index): _values(layer) for index, layer in enumerate(network.layers)},
    }


def _values(item: Any) -> dict[str, Any]:
    """Return the fields of a layer or neuron, and its type."""
    values = {each.name: getattr(item, each.name) for each in fields(item)}
    stored = {
        name: _values(value)
        if is_dataclass(value)
        else np.array(value)
        if isinstance(value, tuple)
        else value
        for name, value in values.items()
    }
    return {"type": type(item).__name__, **stored}


_TYPES: Final = {each.__name__: each for each in (DenseLayer, RecurrentLayer, ConvLayer, CubaLif)}


def _item(values: Mapping[str, Any]) -> Any:
    """Return the layer or neuron of the output of `_values`."""
    args = {
        name: _item(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if name != "type"
    }
    return _TYPES[values["type"]](**args)


def _network(own: Mapping[str, Any]) -> QuantizedNetwork:
    layers = own["layers"]
    return QuantizedNetwork.chain(
        tuple(_item(layers[str(index)]) for index in range(len(layers))),
        TaskDescription.from_dict(json_object(own["task"])),
        json_object(own["provenance"]),
        tuple(np.ravel(own["input_shape"]).tolist()),
        int(own["message_bits"]),
        int(own["neurons_per_output"]),
    )


def _fingerprint(graph: nir.NIRGraph) -> str:
    """Return the sha256 of the nodes' values and of the edges, in any order of either."""
    sha = hashlib.sha256()
    for name in sorted(graph.nodes):
        sha.update(name.encode())
        _add_values(sha, graph.nodes[name].to_dict())
    for source, target in sorted(map(tuple, graph.edges)):
        sha.update(f"{source} -> {target}".encode())
    return sha.hexdigest()


def _add_values(sha: Any, values: Mapping[str, Any]) -> None:
    for name in sorted(values):
        value = values[name]
        if name == "metadata":
            continue
        sha.update(name.encode())
        if isinstance(value, Mapping):
            _add_values(sha, value)
            continue
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            sha.update(str(array.shape).encode())
            sha.update(array.astype("<f8").tobytes())
        else:
            sha.update(str(value).encode())
