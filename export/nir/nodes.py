"""Check one NIR node: its fields, their values and its shapes.

`NODES` has an entry for each type. What frameworks write differently gets one form: numbers are
float64, neuron parameters have the shape of the node, sizes of convolutions and pools are pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import nir
import numpy as np

from neurodeploy.export.hdf5 import shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.float_network import FloatArray
from neurodeploy.models.synapses import Shape, kernel_positions

Fields: TypeAlias = Mapping[str, Any]

NEURONS: Final = (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF, nir.Threshold)
"""Nodes with a state or a threshold, which separate the layers of a network."""

STATEFUL: Final = NEURONS[:-1]
"""Neurons with a state: in a cycle they hand on their output of the step before."""

ELEMENTS_LIMIT: Final = 1 << 22
"""Limit of the elements of a node's output; a chip has a million neurons."""

AXES_LIMIT: Final = 8
"""Limit of the axes of an Input, batch and time included."""

IGNORED: Final = ("metadata", "input_type", "output_type")
"""Fields that any node may have and that follow from its others."""


@dataclass(frozen=True)
class Kind:
    """One type of node.

    Attributes:
        required: fields that the node must have.
        optional: fields that it may have.
        build: returns the checked node for its fields and the shape of its input.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    build: Callable[[Fields, Shape], nir.NIRNode]


def build(fields: Fields, shape: Shape) -> nir.NIRNode:
    """Return the checked node for an input shape; its `output_type` is set.

    Args:
        fields: the node's fields, with its `type`.
        shape: shape of the input, without batch and time.

    Raises:
        InputError: when a field is missing, unknown or out of range, or the shape does not fit.
    """
    node = NODES[kind_of(fields)].build(fields, shape)
    node.metadata = dict(fields.get("metadata") or {})
    elements = math.prod(output_shape(node))
    if not 0 < elements <= ELEMENTS_LIMIT:
        raise InputError(
            f"its output has shape {output_shape(node)}; the limit is {ELEMENTS_LIMIT:,} elements"
        )
    return node


def kind_of(fields: Fields) -> str:
    """Return the type of a node whose fields have known names.

    Raises:
        InputError: when the type or a field is unknown, or a field is missing.
    """
    kind = fields["type"]
    if kind not in NODES:
        raise InputError(
            f"its type is '{shown(kind)}', which is not supported; the types are "
            f"{', '.join(sorted(NODES))} and NIRGraph"
        )
    names = {name for name, value in fields.items() if value is not None} - {"type", *IGNORED}
    for name in NODES[kind].required:
        if name not in fields or fields[name] is None:
            raise InputError(f"{kind} needs '{name}', which is missing; export it again")
    unknown = sorted(names - {*NODES[kind].required, *NODES[kind].optional})
    if unknown:
        raise InputError(
            f"{kind} of NIR has no '{shown(unknown[0])}', so its effect is unknown; remove it"
        )
    return str(kind)


def output_shape(node: nir.NIRNode) -> Shape:
    """Return the shape of a checked node's output, without batch and time."""
    (values,) = node.output_type.values()
    return tuple(int(size) for size in np.ravel(values))


def input_shape(node: nir.NIRNode) -> Shape:
    """Return the shape of a checked node's input, without batch and time."""
    (values,) = node.input_type.values()
    return tuple(int(size) for size in np.ravel(values))


def declared_shape(fields: Fields) -> Shape:
    """Return the shape that an Input or Output node declares; () if it leaves it open.

    Raises:
        InputError: when it holds sizes below 1.
    """
    if fields.get("shape") is None or np.size(fields["shape"]) == 0:
        return ()
    values = _integers(fields, "shape").reshape(-1)
    if values.min() < 1 or values.size > AXES_LIMIT:
        raise InputError(f"its shape is {_listed(values)}; give up to {AXES_LIMIT} sizes from 1")
    return tuple(values.tolist())


def wanted_shape(fields: Fields) -> Shape:
    """Return the shape of the input that a node's own fields tell; () if they do not."""
    kind, weight = fields["type"], np.shape(fields.get("weight", 0))
    if kind in ("Linear", "Affine") and len(weight) == 2:
        return (weight[1],)
    if kind in ("Conv1d", "Conv2d") and fields.get("input_shape") is not None and len(weight) > 2:
        groups = int(_sizes(fields, "groups", 1, 1)[0]) if fields.get("groups") is not None else 1
        return (weight[1] * groups, *_sizes(fields, "input_shape", 1, len(weight) - 2))
    names = (name for name in (*NODES[kind].required, *NODES[kind].optional) if name in fields)
    if NODES[kind].build in (_neuron, _scale, _delay):
        return max((np.shape(fields[name]) for name in names), key=math.prod)
    return ()


def numbers(fields: Fields, name: str) -> FloatArray:
    """Return a field as finite float64 numbers.

    Raises:
        InputError: when it does not hold numbers, or one is infinite or not a number.
    """
    try:
        values = np.asarray(fields[name])
    except (ValueError, TypeError, RuntimeError):
        raise InputError(f"{name} cannot be read as an array of numbers") from None
    if values.dtype.kind not in "biuf" or not values.size:
        raise InputError(f"{name} does not hold numbers; export it again")
    with np.errstate(over="ignore"):
        values = values.astype(np.float64)
    if not np.isfinite(values).all():
        wrong = values[~np.isfinite(values)][0]
        neuron = name.startswith("tau") or name == "r"
        more = "; a neuron without leak is an IF" if neuron and np.isinf(wrong) else ""
        raise InputError(f"{name} holds {wrong}, and parameters must be finite{more}")
    return values


def _integers(fields: Fields, name: str) -> Any:
    values = numbers(fields, name)
    if (values != np.round(values)).any() or (np.abs(values) >= 1 << 53).any():
        raise InputError(f"{name} is {_listed(values)}; it must hold integers")
    return values.astype(np.int64)


def _listed(values: Any) -> str:
    """Return a few values of an array for a message."""
    return shown(" x ".join(f"{value:g}" for value in np.ravel(values)[:8])) or "empty"


def _sizes(fields: Fields, name: str, lowest: int, count: int) -> Shape:
    """Return one integer per axis; a single value holds for all axes."""
    values = _integers(fields, name)
    if values.size not in (1, count) or values.min() < lowest:
        raise InputError(f"{name} is {_listed(values)}; give {count} integers from {lowest}")
    return tuple(np.broadcast_to(values.reshape(-1), (count,)).tolist())


def _typed(node: nir.NIRNode, shape: Shape, output: Shape) -> nir.NIRNode:
    node.input_type = {"input": np.array(shape)}
    node.output_type = {"output": np.array(output)}
    return node


def _input(fields: Fields, shape: Shape) -> nir.NIRNode:
    return nir.Input({"input": np.array(shape)})


def _output(fields: Fields, shape: Shape) -> nir.NIRNode:
    declared = declared_shape(fields)
    if declared[-len(shape) :] not in ((), shape):  # some exporters leave the axis of the batch
        raise InputError(f"the Output has shape {declared} and its input {shape}; export it again")
    return nir.Output({"output": np.array(shape)})


def _linear(fields: Fields, shape: Shape) -> nir.NIRNode:
    weight = numbers(fields, "weight")
    if weight.ndim != 2:
        raise InputError(f"weight has shape {weight.shape}; it must be (outputs, inputs)")
    if shape != weight.shape[1:]:
        way = (
            "put a Flatten before it" if math.prod(shape) == weight.shape[1] else "they must agree"
        )
        raise InputError(f"weight has shape {weight.shape} and the input {shape}; {way}")
    if fields["type"] == "Linear":
        return _typed(nir.Linear(weight), shape, weight.shape[:1])
    return nir.Affine(weight, _bias(fields, len(weight)))


def _bias(fields: Fields, outputs: int) -> FloatArray:
    if fields.get("bias") is None:
        return np.zeros(outputs)
    bias = numbers(fields, "bias")
    if bias.size not in (1, outputs):
        raise InputError(f"bias has shape {bias.shape} for {outputs} outputs; export it again")
    return np.broadcast_to(bias.reshape(-1), (outputs,))


def _like(fields: Fields, name: str, shape: Shape) -> FloatArray:
    """Return a parameter with the shape of the node, which it may broadcast to as in PyTorch."""
    values = numbers(fields, name)
    while values.ndim > len(shape) and len(values) == 1:
        values = values[0]
    try:
        return np.broadcast_to(values, shape)
    except ValueError:
        raise InputError(
            f"{name} has shape {np.shape(fields[name])} and the input {shape}; they must agree"
        ) from None


def _scale(fields: Fields, shape: Shape) -> nir.NIRNode:
    return nir.Scale(_like(fields, "scale", shape))


def _delay(fields: Fields, shape: Shape) -> nir.NIRNode:
    delay = _like(fields, "delay", shape)
    if delay.min() < 0:
        raise InputError(f"delay holds {delay.min():g} s; delays are 0 or more")
    return nir.Delay(delay)


def _flatten(fields: Fields, shape: Shape) -> nir.NIRNode:
    """Return a Flatten with dimensions that count neither batch nor time."""
    start, end = (
        int(_sizes(fields, name, -8, 1)[0]) if fields.get(name) is not None else default
        for name, default in (("start_dim", 1), ("end_dim", -1))
    )
    last = len(shape) - 1
    start, end = (min(max(d + len(shape) if d < 0 else d, 0), last) for d in (start, end))
    if end < start:
        raise InputError(f"start_dim {start} is after end_dim {end} for the shape {shape}")
    output = (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
    node = nir.Flatten({"input": np.array(shape)}, start, end)
    return _typed(node, shape, output)


def _conv(fields: Fields, shape: Shape) -> nir.NIRNode:
    """Return a convolution with numbers for "same" and "valid"."""
    axes = 1 if fields["type"] == "Conv1d" else 2
    weight = numbers(fields, "weight")
    if weight.ndim != axes + 2:
        names = "(outputs, inputs / groups, " + ("length)" if axes == 1 else "height, width)")
        raise InputError(f"weight has shape {weight.shape}; it must be {names}")
    groups = int(_sizes(fields, "groups", 1, 1)[0]) if fields.get("groups") is not None else 1
    if len(shape) != axes + 1 or shape[0] != weight.shape[1] * groups or len(weight) % groups:
        raise InputError(
            f"weight has shape {weight.shape} with {groups} group{'s' if groups > 1 else ''} and "
            f"the input {shape}, which do not fit"
        )
    stride = _sizes(fields, "stride", 1, axes)
    dilation = _sizes(fields, "dilation", 1, axes)
    weight, dilation, padding = _padding(fields, weight, stride, dilation)
    output = (
        len(weight),
        *_windows(shape[1:], weight.shape[2:], stride, padding, dilation),
    )
    _check_image(fields, shape)
    bias = _bias(fields, len(weight))
    if axes == 1:
        node: nir.NIRNode = nir.Conv1d(
            shape[1], weight, stride[0], padding[0], dilation[0], groups, bias
        )
    else:
        node = nir.Conv2d(shape[1:], weight, stride, padding, dilation, groups, bias)  # type: ignore[arg-type]
    return _typed(node, shape, output)


def _check_image(fields: Fields, shape: Shape) -> None:
    """Raise InputError if a convolution declares another image than it gets."""
    if fields.get("input_shape") is None:
        return
    declared = _sizes(fields, "input_shape", 1, len(shape) - 1)
    if declared != shape[1:]:
        raise InputError(f"input_shape is {declared} and the image it gets {shape[1:]}")


def _padding(
    fields: Fields, weight: FloatArray, stride: Shape, dilation: Shape
) -> tuple[FloatArray, Shape, Shape]:
    """Return weights, dilation and symmetric padding that say what the padding says.

    "same" pads one more at the end where the total is odd. A kernel with a leading zero and a
    dilation of 1 needs that one at the start too, so the padding is symmetric again.
    """
    axes = len(stride)
    name = fields["padding"]
    name = name.item() if isinstance(name, np.ndarray) and name.dtype.kind in "OSU" else name
    name = name.decode("ascii", "replace") if isinstance(name, bytes) else name
    if not isinstance(name, str):
        return weight, dilation, _sizes(fields, "padding", 0, axes)
    if name not in ("same", "valid"):
        raise InputError(f"padding is '{shown(name)}'; give 'same', 'valid' or integers")
    if name == "valid":
        return weight, dilation, (0,) * axes
    if max(stride) > 1:
        raise InputError("padding is 'same' with a stride over 1, which PyTorch does not define")
    totals = [gap * (size - 1) for gap, size in zip(dilation, weight.shape[2:])]
    if any(total % 2 for total in totals):
        weight, dilation = spread(weight, dilation), (1,) * axes
        ahead = [(0, 0), (0, 0), *((total % 2, 0) for total in totals)]
        weight = np.pad(weight, ahead)
    return weight, dilation, tuple(-(-total // 2) for total in totals)


def spread(weight: FloatArray, dilation: Shape) -> FloatArray:
    """Return the kernel (outputs, inputs, ...) of a dilation of 1 that a dilated one amounts to."""
    if max(dilation) == 1:
        return weight
    sizes = [gap * (size - 1) + 1 for gap, size in zip(dilation, weight.shape[2:])]
    if math.prod(sizes) * math.prod(weight.shape[:2]) > ELEMENTS_LIMIT * 4:
        raise InputError(f"its dilated kernel has shape {tuple(sizes)}, which is too large")
    wide = np.zeros((*weight.shape[:2], *sizes))
    places = (slice(None), slice(None), *(slice(None, None, gap) for gap in dilation))
    wide[places] = weight
    return wide


def _windows(
    shape: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape
) -> list[int]:
    """Return the number of positions of a kernel along each axis.

    Raises:
        InputError: when there is none.
    """
    positions = list(kernel_positions(shape, kernel, stride, padding, dilation))
    if min(positions) < 1:
        raise InputError(f"its kernel of {kernel} is larger than its padded input of {shape}")
    return positions


def _pool(fields: Fields, shape: Shape) -> nir.NIRNode:
    if len(shape) != 3:
        raise InputError(f"its input has shape {shape}; it must be (channels, height, width)")
    kernel = _sizes(fields, "kernel_size", 1, 2)
    stride = _sizes(fields, "stride", 1, 2) if fields.get("stride") is not None else kernel
    padding = _sizes(fields, "padding", 0, 2) if fields.get("padding") is not None else (0, 0)
    if any(pad > size // 2 for pad, size in zip(padding, kernel)):
        raise InputError(f"its padding {padding} is over half of its kernel {kernel}")
    output = (shape[0], *_windows(shape[1:], kernel, stride, padding, (1, 1)))
    node = getattr(nir, fields["type"])(np.array(kernel), np.array(stride), np.array(padding))
    return _typed(node, shape, output)


def _neuron(fields: Fields, shape: Shape) -> nir.NIRNode:
    """Return neurons whose parameters all have the shape of the node."""
    kind = NODES[fields["type"]]
    values = {
        name: _like(fields, name, shape)
        for name in (*kind.required, *kind.optional)
        if fields.get(name) is not None
    }
    for name, default in (("w_in", 1.0), ("v_reset", 0.0)):
        if name in kind.optional and name not in values:
            values[name] = np.full(shape, default)
    for name in ("tau", "tau_mem", "tau_syn"):
        if name in values and values[name].min() <= 0:
            raise InputError(
                f"{name} holds {values[name].min():g} s; a time constant must be above 0"
            )
    return getattr(nir, fields["type"])(**values)  # type: ignore[no-any-return]


_CONV: Final = ("weight", "stride", "padding", "dilation")
_CUBA: Final = ("tau_syn", "tau_mem", "r", "v_leak")

NODES: Final[dict[str, Kind]] = {
    "Input": Kind((), ("shape",), _input),
    "Output": Kind((), ("shape",), _output),
    "Affine": Kind(("weight", "bias"), (), _linear),
    "Linear": Kind(("weight",), (), _linear),
    "Scale": Kind(("scale",), (), _scale),
    "Conv1d": Kind(_CONV, ("input_shape", "groups", "bias"), _conv),
    "Conv2d": Kind(_CONV, ("input_shape", "groups", "bias"), _conv),
    "SumPool2d": Kind(("kernel_size",), ("stride", "padding"), _pool),
    "AvgPool2d": Kind(("kernel_size",), ("stride", "padding"), _pool),
    "Flatten": Kind((), ("start_dim", "end_dim"), _flatten),
    "Delay": Kind(("delay",), (), _delay),
    "Threshold": Kind(("threshold",), (), _neuron),
    "I": Kind(("r",), (), _neuron),
    "IF": Kind(("r", "v_threshold"), ("v_reset",), _neuron),
    "LI": Kind(("tau", "r", "v_leak"), (), _neuron),
    "LIF": Kind(("tau", "r", "v_leak", "v_threshold"), ("v_reset",), _neuron),
    "CubaLI": Kind(_CUBA, ("w_in",), _neuron),
    "CubaLIF": Kind((*_CUBA, "v_threshold"), ("v_reset", "w_in"), _neuron),
}
"""Type of a node -> its fields and its check."""
