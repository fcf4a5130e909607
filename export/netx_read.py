"""Read the layers of a netx file and check every field; `READERS` has an entry for each type."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import h5py
import numpy as np

from neurodeploy.export.hdf5 import array, shown, subgroup, text
from neurodeploy.models import loihi, schema
from neurodeploy.models.arrays import check_range
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, Layer, RecurrentLayer
from neurodeploy.models.neurons import CubaLif, Delta, Neuron, Sigma, SigmaDelta

WIDE_SUFFIX: Final = "_16"
"""Ends the names of arrays of weights of 16 bits, which netx does not read."""


def numbers(group: Any, name: str, default: Any) -> Any:
    """Return the dataset `name` as an array, or `default` where it is absent."""
    return array(group, name) if name in group else np.asarray(default)


def one_number(group: Any, name: str, default: int | None) -> Any:
    """Return the single value of dataset `name` as a 0-d array, or all values if there are several.

    The dataset is required if `default` is None.
    """
    values = array(group, name) if default is None else numbers(group, name, default)
    return values.reshape(()) if values.size == 1 else values


def sizes(group: Any, name: str) -> tuple[int, ...]:
    """Return a dataset of sizes, each 1 or more; () where it is absent."""
    if name not in group:
        return ()
    values = array(group, name)
    if values.dtype.kind not in "iu" or (values < 1).any():
        raise InputError(f"'{name}' holds {values}; sizes are integers from 1")
    return tuple(values.reshape(-1).tolist())


def count(group: Any, name: str) -> int | None:
    """Return the product of a dataset of sizes, or None where it is absent."""
    return math.prod(sizes(group, name)) if name in group else None


def json_object(content: Any) -> dict[str, Any]:
    """Return the JSON object in a text attribute."""
    values = schema.parse(str(content), "the description")
    if not isinstance(values, dict):
        raise InputError("the description is not a JSON object; export it again")
    return dict(values)


NETX_INPUT_WEIGHT: Final = 64
"""netx's default scale of the input of CUBA LIF input neurons."""

REFUSED: Final = {
    "dense_comp": "complex dense",
    "affine": "affine without neurons",
    "pool": "pooling",
    "unpool": "unpooling",
    "convT": "transposed convolution",
    "concat": "concatenation",
}
"""Layer types of lava-dl that are not supported."""


@dataclass(frozen=True)
class Context:
    """Values from outside a layer's group that its reader needs.

    Attributes:
        shape: shape of the previous layer or of the input; () if unknown.
        spike_exp: fractional bits of the graded spikes of sigma-delta neurons.
    """

    shape: tuple[int, ...]
    spike_exp: int


def read_layer(group: Any, context: Context) -> Layer:
    """Return the layer that an HDF5 group describes.

    Raises:
        InputError: when the layer is damaged or not supported.
    """
    kind = text(group, "type")
    if isinstance(group.get("weight"), h5py.Group):
        kind = "dense_comp"
    if kind not in READERS:
        name = f" ({REFUSED[kind]})" if kind in REFUSED else ""
        raise InputError(
            f"the layer type '{shown(kind)}'{name} is not supported; the types are "
            f"{', '.join(READERS)}, flatten and average"
        )
    return READERS[kind](group, context)


def _read_input(group: Any, context: Context) -> Layer:
    neuron = _read_sigma_delta_input(group, context) or _read_neuron(group, context)
    scale = NETX_INPUT_WEIGHT if isinstance(neuron, CubaLif) else 1
    if not isinstance(neuron, (CubaLif, Delta)):
        raise InputError("the neurons of the input layer take no input; they must be CUBA or SDNN")
    shape = sizes(group, "shape")
    if not shape:
        raise InputError(
            "the input layer has no shape; it needs (neurons,), (height, width) or (channels, "
            "height, width)"
        )
    return InputLayer(
        neuron,
        shape,
        one_number(group, "weight", scale),
        one_number(group, "bias", 0),
    )


def _read_dense(group: Any, context: Context) -> Layer:
    if "weight_rec" in group or f"weight_rec{WIDE_SUFFIX}" in group:
        raise InputError(
            "the layer type is 'dense' and the layer has recurrent weights, which netx ignores; "
            "the type of a recurrent layer is 'dense_rec'"
        )
    weight = _read_matrix(group)
    delay = _read_delay(group, "delay", weight.shape)
    return DenseLayer(weight, _read_neuron(group, context, neurons=len(weight)), delay)


def _read_recurrent(group: Any, context: Context) -> Layer:
    weight = _read_matrix(group)
    recurrent = _read_weight(group, "weight_rec")
    if recurrent.ndim == 1 and recurrent.size == len(weight) ** 2:
        recurrent = recurrent.reshape(len(weight), -1)
    delay = _read_delay(group, "delay", weight.shape)
    if "delay_rec_shape" in group.attrs:
        recurrent_delay = _read_delay(group, "delay_rec", recurrent.shape)
    elif np.any(delay) and weight.shape != recurrent.shape:
        raise InputError(
            f"the recurrent layer has delays and weights of shape {weight.shape}; netx supports "
            "delays of square weights only, so train it without delays"
        )
    else:
        # In netx the same delays apply to input and recurrent spikes.
        recurrent_delay = delay if np.any(delay) else np.zeros((1, 1))
    neuron = _read_neuron(group, context, neurons=len(weight))
    return RecurrentLayer(weight, recurrent, neuron, delay, recurrent_delay)


def _read_conv(group: Any, context: Context) -> Layer:
    if "delay" in group and np.any(array(group, "delay")):
        raise InputError(
            "the convolution has delays, which netx and Lava do not support; train it without them"
        )
    if len(context.shape) != 3:
        raise InputError(
            "the input shape of the convolution is unknown; put an input layer with a shape "
            "(channels, height, width) before it"
        )
    weight = _read_weight(group, "weight")
    if weight.ndim == 5 and weight.shape[4] == 1:
        weight = weight[..., 0]
    neurons = count(group, "shape")
    if neurons is None:
        raise InputError("the convolution has no 'shape', which netx needs; export the file again")
    layer = ConvLayer(
        weight,
        context.shape,
        _read_neuron(group, context, neurons=neurons, shape=sizes(group, "shape")),
        numbers(group, "stride", 1),
        numbers(group, "padding", 0),
        numbers(group, "dilation", 1),
        one_number(group, "groups", 1),
    )
    declared = sizes(group, "shape")
    if declared != layer.shape:
        raise InputError(
            f"the convolution has shape {layer.shape} but 'shape' says {declared}; export the file "
            "again"
        )
    return layer


READERS: Final[dict[str, Callable[[Any, Context], Layer]]] = {
    "input": _read_input,
    "dense": _read_dense,
    "dense_rec": _read_recurrent,
    "conv": _read_conv,
}
"""Layer type in the file -> reader."""


def _read_weight(group: Any, name: str) -> Any:
    """Return an array of weights: `weight`, of 8 bits as in netx, or `weight_16`, of 16 bits."""
    wide = f"{name}{WIDE_SUFFIX}"
    if wide not in group:
        weight = array(group, name)
        check_range(weight, loihi.WEIGHT_MIN, loihi.WEIGHT_MAX, name)
        return weight
    if name in group:
        raise InputError(f"the layer has '{name}' and '{wide}'; it must have one of them")
    return array(group, wide)


def _read_matrix(group: Any) -> Any:
    """Return the weights (neurons, inputs), checked against the declared sizes."""
    weight = _read_weight(group, "weight")
    declared = {name: count(group, name) for name in ("shape", "inFeatures", "outFeatures")}
    neurons = declared["shape"]
    if weight.ndim == 1 and neurons and weight.size % neurons == 0:
        weight = weight.reshape(neurons, -1)
    if weight.ndim != 2:
        raise InputError(f"weight has shape {weight.shape}; it must be (neurons, inputs)")
    for name, axis in (("shape", 0), ("outFeatures", 0), ("inFeatures", 1)):
        if declared[name] not in (None, weight.shape[axis]):
            raise InputError(
                f"weight has shape {weight.shape} but '{name}' says {declared[name]}; "
                "export the file again"
            )
    return weight


def _read_delay(group: Any, name: str, shape: tuple[int, ...]) -> Any:
    """Return a delay as an array that broadcasts to weights of `shape`.

    Its shape is that of the attribute in the file, or the smallest that its values allow.
    """
    delay = numbers(group, name, np.zeros((1, 1)))
    neurons, inputs = shape
    if delay.ndim == 1 and delay.size == neurons:
        return delay[:, None]
    if delay.ndim == 1 and delay.size == inputs:
        return delay[None, :]
    if delay.size == 1:
        return delay.reshape(1, 1)
    if delay.shape != shape:
        raise InputError(f"{name} has shape {delay.shape}; the weights have {shape}")
    shapes = [(1, inputs), (neurons, 1), (neurons, inputs)]
    if f"{name}_shape" in group.attrs:
        shapes = [tuple(np.ravel(group.attrs[f"{name}_shape"]).tolist())]
    for rows, columns in shapes:
        reduced = delay[:rows, :columns]
        if (delay == reduced).all():
            return reduced
    raise InputError(f"the delays do not come from an array of shape {shapes[0]}; export again")


def _read_neuron(
    group: Any, context: Context, *, neurons: int | None = None, shape: tuple[int, ...] = ()
) -> Neuron:
    """Return the neurons of a layer, or netx's integrator that never fires if it has none."""
    bias: Any = _read_bias(group, shape) if neurons is not None else np.zeros(1)
    if "neuron" not in group:
        no_decay, no_memory = np.array([0]), np.array([loihi.DECAY_ONE])
        return CubaLif(no_decay, no_memory, loihi.THRESHOLD_NEVER, bias)
    neuron = subgroup(group, "neuron")
    kind = text(neuron, "type")
    if kind == "SDNN":
        return _read_sigma_delta(neuron, bias, context)
    if kind not in ("CUBA", "LOIHI"):
        known = "resonate-and-fire" if "RF" in kind else "unknown"
        raise InputError(
            f"the neuron type '{shown(kind)}' ({known}) is not supported; the types are CUBA and "
            "SDNN"
        )
    return _read_cuba(neuron, bias)


def _read_cuba(neuron: Any, bias: Any) -> Neuron:
    refractory = numbers(neuron, "refDelay", 1)
    if not (refractory <= 1).all():
        raise InputError(
            f"refDelay is {refractory.max()}; the limit of Lava's fixed-point neuron is 1"
        )
    if np.any(numbers(neuron, "gradedSpike", False)):
        raise InputError("gradedSpike is set; Lava's CUBA LIF neurons emit spikes of 0 or 1")
    exponent = numbers(neuron, "weight_exp", 0)
    if np.any(exponent):
        raise InputError(
            f"weight_exp is {exponent}; the norm scales the input, which netx leaves out, so train "
            "with slayer.neuron.norm.MeanOnlyBatchNorm"
        )
    threshold = one_number(neuron, "vThMant", None)
    if threshold.size == 1 and loihi.THRESHOLD_NEVER < threshold < 1 << 31:
        # lava-dl writes several thresholds above the largest mantissa; none is ever reached
        threshold = np.asarray(loihi.THRESHOLD_NEVER)
    return CubaLif(
        array(neuron, "iDecay").reshape(-1), array(neuron, "vDecay").reshape(-1), threshold, bias
    )


def _read_sigma_delta(neuron: Any, bias: Any, context: Context) -> Neuron:
    _check_sigma_delta(neuron)
    if "sigma_output" in neuron:
        if np.any(bias):
            raise InputError("the sigma neurons have biases, which Lava's do not have; remove them")
        return Sigma()
    return SigmaDelta(one_number(neuron, "vThMant", None), bias, context.spike_exp)


def _read_sigma_delta_input(group: Any, context: Context) -> Delta | None:
    """Return the delta neurons of an input layer, or None for neurons of another type."""
    neuron = subgroup(group, "neuron")
    if text(neuron, "type") != "SDNN":
        return None
    _check_sigma_delta(neuron)
    return Delta(one_number(neuron, "vThMant", None), context.spike_exp)


def _check_sigma_delta(neuron: Any) -> None:
    if "activation" in neuron and text(neuron, "activation") != "relu":
        raise InputError(
            f"the activation is '{shown(text(neuron, 'activation'))}'; netx has only 'relu'"
        )
    bits = numbers(neuron, "messageBits", 16)
    if (bits < 1).any():
        raise InputError(f"messageBits is {bits}; graded spikes need at least 1")


def _read_bias(group: Any, shape: tuple[int, ...]) -> Any:
    """Return the biases in the order of the neurons; in the file, images are in Lava's axis order.

    A shared bias is written once per neuron or channel for netx, with the attribute bias_size 1.
    """
    bias = numbers(group, "bias", 0)
    if len(shape) == 3 and bias.ndim == 3 and bias.shape == shape[::-1]:
        bias = bias.T
    shared = group.attrs.get("bias_size") == 1 and bias.size and (bias == bias.flat[0]).all()
    return bias.reshape(-1)[:1] if shared else bias.reshape(-1)
