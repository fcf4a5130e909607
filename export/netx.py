"""Write and read netx files, the HDF5 format of lava-dl.

`lava.lib.dl.netx.hdf5.Network` builds a network from the groups `layer/0`, `layer/1`, ... Data for
which netx has no field (task, message bits, spike_exp, digest, provenance, axes of delays) is in
the group `neurodeploy` or in attributes, which netx ignores. Files without that group, exported by
lava-dl, are read like netx reads them.

Source of the format: `lava.lib.dl.netx.hdf5` and `slayer.block.base` (lava-dl 0.6.0).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from neurodeploy.export.hdf5 import check_size, is_hdf5, opened, subgroup, text
from neurodeploy.export.netx_read import WIDE_SUFFIX, Context, count, json_object, read_layer, sizes
from neurodeploy.models import loihi
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import check_file, replacing
from neurodeploy.models.lava_compat import to_lava
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, Layer, RecurrentLayer
from neurodeploy.models.network import QuantizedNetwork, TaskDescription
from neurodeploy.models.neurons import CubaLif, Delta, Neuron, Sigma, SigmaDelta
from neurodeploy.models.old_names import renamed


def write_layer(group: Any, layer: Layer) -> None:
    """Write a layer and its neurons to an empty HDF5 group."""
    WRITERS[type(layer)](group, layer)
    group.create_dataset("shape", data=np.array(layer.shape))
    neuron = group.create_group("neuron")
    for name, value in NEURON_FIELDS[type(layer.neuron)](layer.neuron).items():
        neuron.create_dataset(name, data=value)
    bias = getattr(layer.neuron, "bias", None)
    if bias is not None and bias.any():
        group.create_dataset("bias", data=_bias(bias, layer))
        group.attrs["bias_size"] = bias.size


def write_shape(group: Any, kind: str, shape: tuple[int, ...]) -> None:
    """Write an entry that has only a shape: `input`, `flatten` or `average`."""
    _write_type(group, kind)
    group.create_dataset("shape", data=np.array(shape))


def _write_type(group: Any, kind: str) -> None:
    group.create_dataset("type", data=np.array([kind.encode()], "S10"))


def _bias(bias: Any, layer: Layer) -> Any:
    """Return the bias in netx's format: per neuron or channel, or an image in Lava's axis order."""
    if len(layer.shape) == 1:
        return np.broadcast_to(bias, layer.shape)
    if bias.size == layer.neurons and bias.size != layer.shape[0]:
        return to_lava(bias, layer.shape)
    return np.broadcast_to(bias, layer.shape[:1])


def _write_input(group: Any, layer: InputLayer) -> None:
    _write_type(group, "input")
    group.create_dataset("weight", data=np.array([layer.scale]))
    if layer.offset:
        group.create_dataset("bias", data=np.array([layer.offset]))


def _write_dense(group: Any, layer: DenseLayer | RecurrentLayer) -> None:
    _write_type(group, "dense" if isinstance(layer, DenseLayer) else "dense_rec")
    group.create_dataset("inFeatures", data=layer.inputs)
    group.create_dataset("outFeatures", data=layer.neurons)
    _write_weight(group, "weight", layer.weight, layer)
    _write_delay(group, "delay", layer.delay, layer.weight.shape)


def _write_recurrent(group: Any, layer: RecurrentLayer) -> None:
    _write_dense(group, layer)
    _write_weight(group, "weight_rec", layer.recurrent, layer)
    _write_delay(group, "delay_rec", layer.recurrent_delay, layer.recurrent.shape)
    group.attrs["delay_rec_shape"] = layer.recurrent_delay.shape


def _write_weight(group: Any, name: str, weight: Any, layer: Layer) -> None:
    """Write a weight array; where weights take two synapses, under a name that netx does not know.

    netx has no such layers. It would clip the weights, and it skips layers of an unknown type, but
    it does not load a layer without `weight`.
    """
    wide = layer.synapses_per_weight == 2
    group.create_dataset(f"{name}{WIDE_SUFFIX * wide}", data=weight.astype(np.int32))


def _write_delay(group: Any, name: str, delay: Any, shape: tuple[int, ...]) -> None:
    """Write delays as a matrix, which is unambiguous in netx, and their shape as an attribute."""
    if delay.any():
        full = np.broadcast_to(delay, shape)
        group.create_dataset(name, data=full.astype(np.int32))
        group.attrs[f"{name}_shape"] = delay.shape


def _write_conv(group: Any, layer: ConvLayer) -> None:
    _write_type(group, "conv")
    group.create_dataset("inChannels", data=layer.input_shape[0])
    group.create_dataset("outChannels", data=len(layer.weight))
    group.create_dataset("kernelSize", data=np.array(layer.weight.shape[2:]))
    for name in ("stride", "padding", "dilation"):
        group.create_dataset(name, data=np.array(getattr(layer, name)))
    group.create_dataset("groups", data=layer.groups)
    _write_weight(group, "weight", layer.weight, layer)


WRITERS: Final[dict[type[Layer], Callable[[Any, Any], None]]] = {
    InputLayer: _write_input,
    DenseLayer: _write_dense,
    RecurrentLayer: _write_recurrent,
    ConvLayer: _write_conv,
}


def _cuba_fields(neuron: CubaLif) -> dict[str, Any]:
    def scalar_or_array(decay: Any) -> Any:
        return int(decay[0]) if decay.size == 1 else decay

    return {
        "type": np.array([b"CUBA"], "S10"),
        "iDecay": scalar_or_array(neuron.current_decay),
        "vDecay": scalar_or_array(neuron.voltage_decay),
        "vThMant": neuron.threshold,
        "refDelay": 1,
        "gradedSpike": False,
    }


def _sigma_delta_fields(neuron: Delta | SigmaDelta) -> dict[str, Any]:
    return {
        "type": np.array([b"SDNN"], "S10"),
        "activation": np.array([b"relu"], "S10"),
        "vThMant": neuron.threshold,
    }


def _sigma_fields(neuron: Sigma) -> dict[str, Any]:
    return {"type": np.array([b"SDNN"], "S10"), "sigma_output": True, "vThMant": 0}


NEURON_FIELDS: Final[dict[type[Neuron], Callable[[Any], dict[str, Any]]]] = {
    CubaLif: _cuba_fields,
    Delta: _sigma_delta_fields,
    SigmaDelta: _sigma_delta_fields,
    Sigma: _sigma_fields,
}


GROUP = "neurodeploy"
FORMAT_VERSION = 3
READABLE: Final = (2, 3)
"""Format versions that can be read; names of earlier ones are in `models.old_names`."""


@dataclass(frozen=True)
class Defaults:
    """Values that a file without the group `neurodeploy` does not have; the defaults are netx's.

    Attributes:
        spike_exp: fractional bits of the graded spikes of sigma-delta neurons, 0..7.
        message_bits: bits of graded input spikes; 0 for binary spikes.
    """

    spike_exp: int = loihi.SPIKE_EXP
    message_bits: int = 0


def write(network: QuantizedNetwork, path: Path) -> None:
    """Write a network to a file, atomically.

    Raises:
        InputError: when the file cannot be written.
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
        own.attrs["digest"] = network.digest
        own.attrs["task"] = json.dumps(network.task.as_dict())
        own.attrs["provenance"] = json.dumps(dict(network.provenance))
        own.attrs["input_shape"] = network.input_shape
        own.attrs["message_bits"] = network.message_bits
        own.attrs["exponents"] = _exponents(network)


def _entries(network: QuantizedNetwork) -> list[Layer | tuple[str, tuple[int, ...]]]:
    """Return the entries of the file: layers, and (type, shape) of entries without neurons."""
    entries: list[Layer | tuple[str, tuple[int, ...]]] = []
    shape = network.input_shape
    if len(shape) > 1 and not isinstance(network.layers[0], InputLayer):
        entries.append(("input", shape))
    for layer in network.layers:
        if len(shape) > 1 and isinstance(layer, (DenseLayer, RecurrentLayer)):
            entries.append(("flatten", (layer.inputs,)))
        entries.append(layer)
        shape = layer.shape
    if network.neurons_per_output > 1:
        entries.append(("average", (network.outputs,)))
    return entries


def _exponents(network: QuantizedNetwork) -> Any:
    """Return spike_exp and state_exp per layer, int64 (layers, 2); -1 without such exponents."""
    pairs = [
        (getattr(layer.neuron, "spike_exp", -1), getattr(layer.neuron, "state_exp", -1))
        for layer in network.layers
    ]
    return np.array(pairs, np.int64)


def read(path: Path, defaults: Defaults = Defaults()) -> QuantizedNetwork:
    """Read a network that neurodeploy or lava-dl wrote.

    A 1-D delay is read as in netx: one per neuron if its length is the number of neurons, else one
    per input. A last layer without neurons becomes netx's integrator, which never fires.

    Args:
        path: path of the file.
        defaults: values that a file of lava-dl does not have.

    Raises:
        InputError: when the file is missing, unreadable, truncated or not supported.
    """
    path = Path(path)
    check_file(path, "give the path of a .net file")
    if path.suffix == ".pt":
        raise InputError(
            f"{path} is named like a checkpoint; export it first (python -m neurodeploy.export "
            f"{path}) and give the resulting .net file"
        )
    if not is_hdf5(path):
        raise InputError(
            f"{path} is not a netx (HDF5) file; give a .net file written by "
            "`python -m neurodeploy.export` or by lava-dl"
        )
    with opened(path, "is not a readable netx file") as file:
        return _read_file(file, defaults)


def _read_file(file: h5py.File, defaults: Defaults) -> QuantizedNetwork:
    if "node" in file and "layer" not in file:
        raise InputError(
            "it is a NIR graph; export it first with `python -m neurodeploy.export` and give the "
            ".net file"
        )
    own = file.get(GROUP)
    if own and own.attrs["format_version"] not in READABLE:
        raise InputError(
            f"the file has version {own.attrs['format_version']} and this program reads "
            f"{' and '.join(map(str, READABLE))}; export it again from its model.pt"
        )
    layers, input_shape, group = _read_layers(file.get("layer"), defaults)
    if own:
        layers = _with_exponents(layers, own.attrs["exponents"])
    network = QuantizedNetwork.chain(
        layers,
        TaskDescription.from_dict(json_object(own.attrs["task"])) if own else TaskDescription(),
        _provenance(own.attrs["provenance"]) if own else {"source": "netx file without a task"},
        tuple(np.ravel(own.attrs["input_shape"]).tolist()) if own else input_shape,
        own.attrs["message_bits"] if own else defaults.message_bits,
        group,
    )
    if own and own.attrs["digest"] != network.digest:
        raise InputError("the content does not match its digest; export it again")
    return network


def _provenance(content: str) -> dict[str, Any]:
    values: dict[str, Any] = renamed(json_object(content), "run", "network")
    return values


def _read_layers(groups: Any, defaults: Defaults) -> tuple[tuple[Layer, ...], tuple[int, ...], int]:
    """Return the layers with neurons, the input shape (() if unknown) and neurons per output."""
    if not isinstance(groups, h5py.Group) or not len(groups):
        raise InputError("the file has no layers; it needs the group 'layer' with 0, 1, ...")
    check_size(groups)
    layers: list[Layer] = []
    input_shape: tuple[int, ...] = ()
    neurons_per_output = 1
    for index in range(len(groups)):
        if str(index) not in groups:
            raise InputError(f"layer {index} of {len(groups)} is missing; export the file again")
        try:
            group, last = subgroup(groups, str(index)), index == len(groups) - 1
            kind = text(group, "type")
            if kind == "input" and index:
                raise InputError("it is an input layer after the first layer; remove it")
            if kind == "input" and "neuron" not in group:
                input_shape = sizes(group, "shape")
            elif kind == "average":
                neurons_per_output = _read_average(group, layers, last=last)
            elif kind != "flatten":
                shape = layers[-1].shape if layers else input_shape
                layers.append(read_layer(group, Context(shape, defaults.spike_exp)))
        except InputError as error:
            raise InputError(f"layer {index}: {error}") from None
    return tuple(layers), input_shape, neurons_per_output


def _read_average(group: Any, layers: list[Layer], *, last: bool) -> int:
    """Return the number of consecutive neurons that are averaged to one output."""
    outputs = count(group, "shape")
    if not last or not layers or not outputs or layers[-1].neurons % outputs:
        raise InputError(
            f"the average layer has {outputs} outputs; it must be the last layer and its outputs "
            "must divide the neurons of the previous layer"
        )
    return layers[-1].neurons // outputs


def _with_exponents(layers: tuple[Layer, ...], exponents: Any) -> tuple[Layer, ...]:
    """Return the layers with the exponents of their sigma-delta neurons set."""
    if np.shape(exponents) != (len(layers), 2):
        raise InputError("the file lacks the exponents of some layers; export it again")
    return tuple(
        _with_exponents_of(layer, *map(int, pair)) for layer, pair in zip(layers, exponents)
    )


def _with_exponents_of(layer: Any, spike_exp: int, state_exp: int) -> Any:
    if not hasattr(layer.neuron, "spike_exp"):
        return layer
    neuron = replace(layer.neuron, spike_exp=spike_exp, state_exp=state_exp)
    return replace(layer, neuron=neuron)
