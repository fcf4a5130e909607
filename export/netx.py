"""Write and read netx files, the HDF5 format of lava-dl.

`layer/0`, `layer/1`, ... hold what `lava.lib.dl.netx.hdf5.Network` builds from. What netx has no
place for (task, encoder, class names, delay axis, digest, provenance) is in the group
`neurodeploy`, which netx ignores. Files without that group, as lava-dl exports them, are read as
netx reads them.

Source of the format: `lava.lib.dl.netx.hdf5` and `slayer.block.base` (lava-dl 0.6.0).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from models.atomic import replacing
from models.errors import InputError
from models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription, digest

GROUP = "neurodeploy"
FORMAT_VERSION = 1


def write(network: QuantizedNetwork, path: Path) -> None:
    """Write the network to `path`, replacing the file only when it is complete.

    Axonal delays are written as the columns of a 2-D delay, which netx reads without doubt.

    Raises:
        InputError: when the folder cannot be written.
    """
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        for index, layer in enumerate(network.layers):
            _write_layer(file.create_group(f"layer/{index}"), layer)
        own = file.create_group(GROUP)
        own.attrs["format_version"] = FORMAT_VERSION
        own.attrs["digest"] = digest(network)
        own.attrs["task"] = json.dumps(network.task.as_dict())
        own.attrs["provenance"] = json.dumps(dict(network.provenance))


def _write_layer(group: Any, layer: DenseLayer) -> None:
    group.create_dataset("type", data=np.array([b"dense"], "S10"))
    group.create_dataset("shape", data=np.array([layer.neurons]))
    group.create_dataset("inFeatures", data=layer.senders)
    group.create_dataset("outFeatures", data=layer.neurons)
    group.create_dataset("weight", data=layer.weight.astype(np.int32))
    if layer.delay_kind != "none":
        full = np.broadcast_to(layer.delay, layer.weight.shape)
        group.create_dataset("delay", data=full.astype(np.int32))
        group.attrs["delay_shape"] = layer.delay.shape
    neuron = group.create_group("neuron")
    neuron.create_dataset("type", data=np.array([b"CUBA"], "S10"))
    for name, decays in (
        ("iDecay", layer.neuron.current_decay),
        ("vDecay", layer.neuron.voltage_decay),
    ):
        neuron.create_dataset(name, data=int(decays[0]) if decays.size == 1 else decays)
    neuron.create_dataset("vThMant", data=layer.neuron.threshold)
    neuron.create_dataset("refDelay", data=1)
    neuron.create_dataset("gradedSpike", data=False)


def read(path: Path) -> QuantizedNetwork:
    """Read a network that neurodeploy or lava-dl wrote.

    A 1-D delay is read as netx reads it: one delay a receiving neuron where its length is the
    number of neurons, else one delay a sender. Biases, convolutions and other layers are refused.

    Raises:
        InputError: when the file is missing, unreadable, truncated or holds what is not supported.
    """
    path = Path(path)
    if not path.is_file():
        wrong = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {wrong}; give the path of a .net file")
    try:
        with h5py.File(path, "r") as file:
            return _read_file(file)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, MemoryError) as error:
        raise InputError(f"{path} is no readable netx file ({error}); export it again") from None


def _read_file(file: h5py.File) -> QuantizedNetwork:
    group = file.get("layer")
    if not isinstance(group, h5py.Group) or not len(group):
        raise InputError("the file has no layers; it needs the group 'layer' with 0, 1, ...")
    layers = []
    for index in range(len(group)):
        if str(index) not in group:
            raise InputError(f"layer {index} of {len(group)} is missing; export the file again")
        try:
            layer = _read_layer(group[str(index)], first=index == 0)
        except InputError as error:
            raise InputError(f"layer {index}: {error}") from None
        if layer is not None:
            layers.append(layer)
    own = file.get(GROUP)
    if own and own.attrs["format_version"] != FORMAT_VERSION:
        raise InputError(
            f"the file has version {own.attrs['format_version']} and this program reads "
            f"{FORMAT_VERSION}; use the program that wrote it"
        )
    network = QuantizedNetwork(
        tuple(layers),
        TaskDescription.from_dict(_json_object(own.attrs["task"])) if own else TaskDescription(),
        _json_object(own.attrs["provenance"]) if own else {"source": "netx file without a task"},
    )
    if own and own.attrs["digest"] != digest(network):
        raise InputError("the content was changed, its digest does not match; export it again")
    return network


def _read_layer(group: Any, *, first: bool) -> DenseLayer | None:
    """Return the layer, or None for an input layer without neurons, which only names a shape."""
    kind = _text(group, "type")
    if kind == "input" and first and "neuron" not in group:
        return None
    if kind != "dense":
        raise InputError(f"the layer type is '{kind}'; this version runs 'dense' layers")
    if "weight_rec" in group or isinstance(group.get("weight"), h5py.Group):
        raise InputError("the dense layer is recurrent or complex; this version runs neither")
    if "bias" in group and np.any(_array(group, "bias")):
        raise InputError("the neurons have biases; this version runs neurons without")
    weight = _read_weight(group)
    if "neuron" not in group:
        raise InputError("there is no neuron group; this version runs CUBA neurons")
    return DenseLayer(weight, _read_neuron(group["neuron"]), _read_delay(group, weight))


def _read_weight(group: Any) -> Any:
    """Return the weights as (neurons, senders), once they agree with the sizes in the file."""
    weight = _array(group, "weight")
    sizes = {name: _count(group, name) for name in ("shape", "inFeatures", "outFeatures")}
    neurons = sizes["shape"]
    if weight.ndim == 1 and neurons and weight.size % neurons == 0:
        weight = weight.reshape(neurons, -1)
    if weight.ndim != 2:
        raise InputError(f"weight has shape {weight.shape}; it must be (neurons, senders)")
    for name, expected in (("shape", 0), ("outFeatures", 0), ("inFeatures", 1)):
        if sizes[name] not in (None, weight.shape[expected]):
            raise InputError(
                f"weight has shape {weight.shape} but '{name}' says {sizes[name]}; "
                "export the file again"
            )
    return weight


def _count(group: Any, name: str) -> int | None:
    """Return how many neurons or senders a dataset of sizes stands for, None where it is absent."""
    if name not in group:
        return None
    sizes = _array(group, name)
    if sizes.dtype.kind not in "iu" or (sizes < 1).any():
        raise InputError(f"'{name}' holds {sizes}; sizes are whole numbers from 1")
    return int(math.prod(sizes.reshape(-1).tolist()))


def _read_neuron(group: Any) -> CubaLif:
    kind = _text(group, "type")
    if kind not in ("CUBA", "LOIHI"):
        raise InputError(f"the neuron type is '{kind}'; this version runs 'CUBA'")
    refractory = _array(group, "refDelay") if "refDelay" in group else np.array(1)
    if (refractory > 1).any():
        raise InputError(
            f"refDelay is {refractory.max()}; Lava's fixed-point neuron has no refractory period "
            "over 1"
        )
    if "gradedSpike" in group and np.any(_array(group, "gradedSpike")):
        raise InputError("the spikes are graded; this version runs binary spikes")
    threshold = _array(group, "vThMant")
    return CubaLif(
        _array(group, "iDecay").reshape(-1),
        _array(group, "vDecay").reshape(-1),
        threshold.reshape(()) if threshold.size == 1 else threshold,
    )


def _read_delay(group: Any, weight: Any) -> Any:
    """Return the delay as an array that broadcasts to the weight.

    It has the shape that `delay_shape` says, where we wrote it, else the thinnest that its values
    allow.
    """
    delay = _array(group, "delay") if "delay" in group else np.zeros((1, 1))
    neurons, senders = weight.shape
    if delay.ndim == 1 and delay.size == neurons:
        return delay[:, None]
    if delay.ndim == 1 and delay.size == senders:
        return delay[None, :]
    if delay.size == 1:
        return delay.reshape(1, 1)
    if delay.shape != weight.shape:
        raise InputError(f"delay has shape {delay.shape}; the weights have {weight.shape}")
    shapes = [(1, senders), (neurons, 1), (neurons, senders)]
    if "delay_shape" in group.attrs:
        shapes = [tuple(np.ravel(group.attrs["delay_shape"]).tolist())]
    for rows, columns in shapes:
        thin = delay[:rows, :columns]
        if (delay == thin).all():
            return thin
    raise InputError(f"the delays do not come from an array of shape {shapes[0]}; export again")


def _array(group: Any, name: str) -> Any:
    if name not in group:
        raise InputError(f"'{name}' is missing in {group.name}; export the file again")
    item = group[name]
    if not isinstance(item, h5py.Dataset) or item.size is None or item.nbytes > _BYTES_LIMIT:
        raise InputError(f"'{name}' in {group.name} is no array of a size that a layer can have")
    return np.asarray(item[()])


_BYTES_LIMIT = 1 << 30


def _text(group: Any, name: str) -> str:
    value = _array(group, name).reshape(-1)
    if not value.size:
        raise InputError(f"'{name}' in {group.name} is empty; export the file again")
    return value[0].decode("ascii", "replace") if isinstance(value[0], bytes) else str(value[0])


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, TypeError) as error:
        raise InputError(f"the description is no JSON ({error}); export it again") from None
    if not isinstance(value, dict):
        raise InputError("the description is no JSON object; export it again")
    return value
