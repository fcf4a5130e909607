"""Write and read netx files, the HDF5 format of lava-dl.

`layer/0`, `layer/1`, ... hold what `lava.lib.dl.netx.hdf5.Network` builds from. What netx has no
place for (task, encoder, class names, message bits, spike_exp, delay axes, digest, provenance) is
in the group `neurodeploy`, or in attributes, which netx ignores. Files without that group, as
lava-dl exports them, are read as netx reads them.

Source of the format: `lava.lib.dl.netx.hdf5` and `slayer.block.base` (lava-dl 0.6.0).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurodeploy.export.netx_fields import check_size, count, json_object, sizes, subgroup, text
from neurodeploy.export.netx_read import Before, read_layer
from neurodeploy.export.netx_write import write_layer, write_shape
from neurodeploy.models import loihi
from neurodeploy.models.atomic import replacing
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import DenseLayer, InputLayer, Layer, RecurrentLayer
from neurodeploy.models.network import QuantizedNetwork, TaskDescription, digest

GROUP = "neurodeploy"
FORMAT_VERSION = 2


@dataclass(frozen=True)
class Defaults:
    """What a file without the group `neurodeploy` does not say, as netx takes it by default.

    Attributes:
        spike_exp: binary places of the graded spikes of sigma-delta neurons, 0..7.
        message_bits: of the input's graded spikes, 0 for spikes of 0 or 1.
    """

    spike_exp: int = loihi.SPIKE_EXP
    message_bits: int = 0


def write(network: QuantizedNetwork, path: Path) -> None:
    """Write the network to `path`, replacing the file only when it is complete.

    Delays are written in two dimensions, which netx reads without doubt.

    Raises:
        InputError: when the folder cannot be written.
    """
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        for index, entry in enumerate(_entries(network)):
            group = file.create_group(f"layer/{index}")
            if isinstance(entry, tuple):
                write_shape(group, *entry)
            else:
                write_layer(group, entry)
        own = file.create_group(GROUP)
        own.attrs["format_version"] = FORMAT_VERSION
        own.attrs["digest"] = digest(network)
        own.attrs["task"] = json.dumps(network.task.as_dict())
        own.attrs["provenance"] = json.dumps(dict(network.provenance))
        own.attrs["input_shape"] = network.input_shape
        own.attrs["message_bits"] = network.message_bits
        own.attrs["exponents"] = _exponents(network)


def _entries(network: QuantizedNetwork) -> list[Layer | tuple[str, tuple[int, ...]]]:
    """Return the layers of the file: those of the network, and what names shapes between them."""
    entries: list[Layer | tuple[str, tuple[int, ...]]] = []
    shape = network.input_shape
    if len(shape) > 1 and not isinstance(network.layers[0], InputLayer):
        entries.append(("input", shape))
    for layer in network.layers:
        if len(shape) > 1 and isinstance(layer, (DenseLayer, RecurrentLayer)):
            entries.append(("flatten", (layer.senders,)))
        entries.append(layer)
        shape = layer.shape
    if network.group > 1:
        entries.append(("average", (network.outputs,)))
    return entries


def _exponents(network: QuantizedNetwork) -> Any:
    """Return spike_exp and state_exp of every layer, int64 (layers, 2); -1 where it has none."""
    pairs = [
        (getattr(layer.neuron, "spike_exp", -1), getattr(layer.neuron, "state_exp", -1))
        for layer in network.layers
    ]
    return np.array(pairs, np.int64)


def read(path: Path, defaults: Defaults = Defaults()) -> QuantizedNetwork:
    """Read a network that neurodeploy or lava-dl wrote.

    A 1-D delay is read as netx reads it: one delay a receiving neuron where its length is the
    number of neurons, else one delay a sender. A last layer without neurons becomes netx's
    integrator that never fires.

    Args:
        path: of the file.
        defaults: for a file that lava-dl wrote.

    Raises:
        InputError: when the file is missing, unreadable, truncated or holds what is not supported.
    """
    path = Path(path)
    _check_is_file(path)
    if path.suffix == ".pt":
        raise InputError(
            f"{path} is a checkpoint by its name; export it and give the .net file that comes of it"
        )
    try:
        with h5py.File(path, "r") as file:
            return _read_file(file, defaults)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except PermissionError as error:
        raise InputError(f"{path} may not be read ({error.strerror})") from None
    except (
        OSError, LookupError, RuntimeError, TypeError, ValueError, MemoryError, AttributeError,
        ArithmeticError,
    ) as error:  # fmt: skip
        raise InputError(f"{path} is no readable netx file ({error}); export it again") from None


def _check_is_file(path: Path) -> None:
    try:
        is_file, there = path.is_file(), path.exists()
    except OSError as error:  # a name too long, a folder that may not be looked into
        raise InputError(f"{str(path)[:200]} cannot be read ({error.strerror})") from None
    if not is_file:
        wrong = "is no regular file" if there else "does not exist"
        raise InputError(f"{path} {wrong}; give the path of a .net file")


def _read_file(file: h5py.File, defaults: Defaults) -> QuantizedNetwork:
    own = file.get(GROUP)
    if own and own.attrs["format_version"] != FORMAT_VERSION:
        raise InputError(
            f"the file has version {own.attrs['format_version']} and this program reads "
            f"{FORMAT_VERSION}; export it again from its model.pt"
        )
    layers, input_shape, group = _read_layers(file.get("layer"), defaults)
    if own:
        layers = _with_exponents(layers, own.attrs["exponents"])
    network = QuantizedNetwork(
        layers,
        TaskDescription.from_dict(json_object(own.attrs["task"])) if own else TaskDescription(),
        json_object(own.attrs["provenance"]) if own else {"source": "netx file without a task"},
        tuple(np.ravel(own.attrs["input_shape"]).tolist()) if own else input_shape,
        own.attrs["message_bits"] if own else defaults.message_bits,
        group,
    )
    if own and own.attrs["digest"] != digest(network):
        raise InputError("the content was changed, its digest does not match; export it again")
    return network


def _read_layers(groups: Any, defaults: Defaults) -> tuple[tuple[Layer, ...], tuple[int, ...], int]:
    """Return the layers with neurons, the input's shape (() if unknown) and outputs an answer."""
    if not isinstance(groups, h5py.Group) or not len(groups):
        raise InputError("the file has no layers; it needs the group 'layer' with 0, 1, ...")
    check_size(groups)
    layers: list[Layer] = []
    input_shape: tuple[int, ...] = ()
    answer = 1
    for index in range(len(groups)):
        if str(index) not in groups:
            raise InputError(f"layer {index} of {len(groups)} is missing; export the file again")
        try:
            group, last = subgroup(groups, str(index)), index == len(groups) - 1
            kind = text(group, "type")
            if kind == "input" and index:
                raise InputError("there is an input layer after the first; leave it out")
            if kind == "input" and "neuron" not in group:
                input_shape = sizes(group, "shape")
            elif kind == "average":
                answer = _read_average(group, layers, last=last)
            elif kind != "flatten":
                shape = layers[-1].shape if layers else input_shape
                layers.append(read_layer(group, Before(shape, defaults.spike_exp)))
        except InputError as error:
            raise InputError(f"layer {index}: {error}") from None
    return tuple(layers), input_shape, answer


def _read_average(group: Any, layers: list[Layer], *, last: bool) -> int:
    """Return how many consecutive neurons of the layer before answer together."""
    outputs = count(group, "shape")
    if not last or not layers or not outputs or layers[-1].neurons % outputs:
        raise InputError(
            f"the average layer gives {outputs} outputs; it must be the last and divide the "
            "neurons of the layer before"
        )
    return layers[-1].neurons // outputs


def _with_exponents(layers: tuple[Layer, ...], exponents: Any) -> tuple[Layer, ...]:
    """Return the layers with the exponents of sigma-delta neurons that the file states."""
    if np.shape(exponents) != (len(layers), 2):
        raise InputError("the file does not state the exponents of every layer; export it again")
    return tuple(
        _with_exponents_of(layer, *map(int, pair)) for layer, pair in zip(layers, exponents)
    )


def _with_exponents_of(layer: Any, spike_exp: int, state_exp: int) -> Any:
    if not hasattr(layer.neuron, "spike_exp"):
        return layer
    neuron = replace(layer.neuron, spike_exp=spike_exp, state_exp=state_exp)
    return replace(layer, neuron=neuron)
