"""Write one layer of an integer network into a group of a netx file.

Source of the format: `lava.lib.dl.netx.hdf5` and `slayer.block.base` (lava-dl 0.6.0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, Layer, RecurrentLayer
from neurodeploy.models.neurons import CubaLif, Delta, Neuron, Sigma, SigmaDelta


def write_layer(group: Any, layer: Layer) -> None:
    """Write the layer with its neurons into the empty HDF5 group."""
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
    """Write a layer that only names a shape: `input`, `flatten` or `average`."""
    _write_type(group, kind)
    group.create_dataset("shape", data=np.array(shape))


def _write_type(group: Any, kind: str) -> None:
    group.create_dataset("type", data=np.array([kind.encode()], "S10"))


def _bias(bias: Any, layer: Layer) -> Any:
    """Return the bias as netx takes it: one a neuron or channel, or an image in Lava's order."""
    if len(layer.shape) == 1:
        return np.broadcast_to(bias, layer.shape)
    if bias.size == layer.neurons and bias.size != layer.shape[0]:
        return bias.reshape(layer.shape).T
    return np.broadcast_to(bias, layer.shape[:1])


def _write_input(group: Any, layer: InputLayer) -> None:
    _write_type(group, "input")
    group.create_dataset("weight", data=np.array([layer.scale]))
    if layer.offset:
        group.create_dataset("bias", data=np.array([layer.offset]))


def _write_dense(group: Any, layer: DenseLayer | RecurrentLayer) -> None:
    _write_type(group, "dense" if isinstance(layer, DenseLayer) else "dense_rec")
    group.create_dataset("inFeatures", data=layer.senders)
    group.create_dataset("outFeatures", data=layer.neurons)
    group.create_dataset("weight", data=layer.weight.astype(np.int32))
    _write_delay(group, "delay", layer.delay, layer.weight.shape)


def _write_recurrent(group: Any, layer: RecurrentLayer) -> None:
    _write_dense(group, layer)
    group.create_dataset("weight_rec", data=layer.recurrent.astype(np.int32))
    _write_delay(group, "delay_rec", layer.recurrent_delay, layer.recurrent.shape)
    group.attrs["delay_rec_shape"] = layer.recurrent_delay.shape


def _write_delay(group: Any, name: str, delay: Any, shape: tuple[int, ...]) -> None:
    """Write delays in two dimensions, which netx reads without doubt, and the axis they have."""
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
    group.create_dataset("weight", data=layer.weight.astype(np.int32))


WRITERS: Final[dict[type[Layer], Callable[[Any, Any], None]]] = {
    InputLayer: _write_input,
    DenseLayer: _write_dense,
    RecurrentLayer: _write_recurrent,
    ConvLayer: _write_conv,
}


def _cuba_fields(neuron: CubaLif) -> dict[str, Any]:
    def one_or_each(decay: Any) -> Any:
        return int(decay[0]) if decay.size == 1 else decay

    return {
        "type": np.array([b"CUBA"], "S10"),
        "iDecay": one_or_each(neuron.current_decay),
        "vDecay": one_or_each(neuron.voltage_decay),
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
