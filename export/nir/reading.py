"""Read the content of a NIR file as plain data; `graph` makes a checked graph of it.

A graph is a dictionary with `type`, `nodes` (name -> dictionary), `edges` (pairs of names) and
`metadata`, as `nir.NIRGraph.to_dict` returns it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from neurodeploy.export.hdf5 import (
    check_size,
    dataset,
    is_hdf5,
    member,
    opened,
    shown,
    subgroup,
    text,
    texts,
)
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import check_file

BYTES_LIMIT: Final = 1 << 30
"""Limit of the total size of all arrays of a file, in bytes; the weights of four chips are less."""

VERSION: Final = 1
"""The newest major version of NIR that is read; nir 1.0.8 writes "1.0.8"."""

DEPTH: Final = 32
"""Limit of the depth of graphs inside graphs."""

WAY_OUT: Final = "give the path of a .nir file that nir.write wrote"


def is_nir(path: Path) -> bool:
    """Return whether a file is HDF5 and has the group `node` of NIR, and not `layer` of netx.

    If it has neither or cannot be opened, its name decides, for the sake of the message.

    Raises:
        InputError: when the file cannot be opened.
    """
    if not is_hdf5(path):
        return False
    try:
        with h5py.File(path, "r") as file:
            found = {name for name in ("node", "layer") if name in file}
    except (OSError, RuntimeError, ValueError):
        found = set()
    return found == {"node"} or (not found and path.suffix == ".nir")


def contents(path: Path) -> dict[str, Any]:
    """Return the graph of a NIR file as plain data.

    Links are not followed, and no array is read before all sizes are known.

    Raises:
        InputError: when the file is missing, damaged, too large, of a newer version or no NIR.
    """
    path = Path(path)
    check_file(path, WAY_OUT)
    if not is_hdf5(path):
        raise InputError(f"{path} is not a NIR (HDF5) file; {WAY_OUT}")
    with opened(path, "is damaged") as file:
        return _contents(file)


def _contents(file: h5py.File) -> dict[str, Any]:
    if "node" not in file:
        has = ", ".join(shown(name) for name in list(file)[:3]) or "nothing"
        raise InputError(f"it is HDF5 but not NIR, which has the group 'node' (it has {has})")
    _check_version(file)
    check_size(file, BYTES_LIMIT)
    root = subgroup(file, "node")
    if "type" not in root:
        raise InputError("its group 'node' is incomplete; nir.write failed, so export it again")
    kind = _kind(root)
    if kind != "NIRGraph":
        raise InputError(f"it holds a single {shown(kind)} node; give a file of a nir.NIRGraph")
    return _graph(root, "", 0)


def _check_version(file: h5py.File) -> None:
    if "version" not in file:
        return  # nir.read does not ask for one either
    version = text(file, "version")
    found = re.match(r"(\d{1,9})(\.|$)", version)
    if not found:
        raise InputError(f"its NIR version is '{shown(version)}'; it must start with a number")
    if int(found[1]) > VERSION:
        raise InputError(
            f"it was written by NIR {shown(version)} and this program reads NIR {VERSION}.x; write "
            f"it with nir {VERSION}.x"
        )


def _graph(group: Any, prefix: str, depth: int) -> dict[str, Any]:
    """Return a graph; `prefix` is the dotted name of the subgraph for messages."""
    if depth > DEPTH:
        raise InputError(f"graphs are nested more than {DEPTH} deep; flatten them")
    nodes = {}
    for name in subgroup(group, "nodes"):
        full = f"{prefix}{name}"
        try:
            inner = subgroup(group["nodes"], name)
            kind = _kind(inner)
            nodes[name] = {"type": kind, **_fields(inner)} if kind != "NIRGraph" else None
        except InputError as error:
            raise InputError(f"node '{shown(full)}': {error}") from None
        if nodes[name] is None:
            nodes[name] = _graph(inner, f"{full}.", depth + 1)
    return {
        "type": "NIRGraph",
        "nodes": nodes,
        "edges": _edges(group),
        "metadata": _metadata(group),
    }


def _kind(group: Any) -> str:
    if "type" not in group:
        raise InputError("it has no 'type'; export it again (names of nodes cannot contain '/')")
    return text(group, "type")


def _fields(group: Any) -> dict[str, Any]:
    names = [name for name in group if name not in ("type", "metadata")]
    return {**{name: _value(group, name) for name in names}, "metadata": _metadata(group)}


def _metadata(group: Any) -> dict[str, Any]:
    return _dictionary(subgroup(group, "metadata"), 0) if "metadata" in group else {}


def _dictionary(group: Any, depth: int) -> dict[str, Any]:
    if depth > DEPTH:
        raise InputError(f"its metadata are nested more than {DEPTH} deep; flatten them")
    return {
        name: _dictionary(subgroup(group, name), depth + 1)
        if isinstance(member(group, name), h5py.Group)
        else _value(group, name)
        for name in group
    }


def _value(group: Any, name: str) -> Any:
    """Return a dataset: a text or an array of numbers or of texts."""
    item = dataset(group, name)
    if item.dtype.kind in "biuf":
        return np.asarray(item[()])
    found = texts(item)
    if len(found) != item.size:
        raise InputError(f"'{shown(name)}' holds neither numbers nor text; export it again")
    return np.array(found, object).reshape(item.shape) if item.shape else found[0]


def _edges(group: Any) -> list[tuple[str, str]]:
    values = _value(group, "edges")
    if isinstance(values, np.ndarray) and not values.size:
        return []
    if not isinstance(values, np.ndarray) or values.dtype != object or values.shape[1:] != (2,):
        raise InputError("'edges' is not an array of pairs of names; export it again")
    return [(str(one), str(other)) for one, other in values]
