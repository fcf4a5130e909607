"""The description of a network to train, in Python or as JSON, and the presets.

`LayerSpec` and `Architecture` are checked at construction. `read_architecture` reads the JSON files
of `train --network`, whose schema is docs/schemas/network.json; `PRESETS` are the networks that
`--network` takes by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta

from neurodeploy.models import loihi, schema
from neurodeploy.models.errors import InputError
from neurodeploy.models.old_names import renamed

Kind: TypeAlias = Literal["dense", "recurrent", "conv"]
Delays: TypeAlias = Literal["none", "axonal", "synaptic"]
LearnDecays: TypeAlias = Literal["no", "shared", "neuron"]
WeightBits: TypeAlias = Literal[8, 6, 4]
WeightFormat: TypeAlias = Literal["even", "signed", "unsigned"]
BiasBits: TypeAlias = Literal[8, 13]

KINDS: Final = get_args(Kind)
DELAYS: Final = get_args(Delays)
WEIGHT_BITS: Final = get_args(WeightBits)

_ONLY_CONV: Final = ("channels", "kernel_size", "stride", "padding", "dilation", "groups")
_ONLY: Final = {
    **dict.fromkeys(_ONLY_CONV, ("conv",)),
    "neurons": ("dense", "recurrent"),
    "density": ("dense",),
}
"""Fields that only some kinds of layers have."""

_NEWER: Final = ("dilation", "weight_format", "bias_bits")
"""Fields that earlier releases did not have; `as_dict` leaves them out if they have the default."""

_STEP: Final = 1 / loihi.SLAYER_SCALE

Size: TypeAlias = Annotated[int, Meta(ge=1, le=loihi.FAN_IN_MAX)]
Decay: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Gradient: TypeAlias = Annotated[float, Meta(ge=1e-6, le=1e6)]
From0: TypeAlias = Annotated[int, Meta(ge=0)]
From1: TypeAlias = Annotated[int, Meta(ge=1)]
if TYPE_CHECKING:  # an int on input, always a tuple after the check
    Pair: TypeAlias = Any
    Padding: TypeAlias = Any
else:
    Pair = From1 | Annotated[tuple[From1, ...], Meta(min_length=2, max_length=2)]
    Padding = From0 | Annotated[tuple[From0, ...], Meta(min_length=2, max_length=2)]


@dataclass(frozen=True)
class LayerSpec:
    """One layer of an untrained network.

    Attributes:
        kind: "dense", "recurrent" (dense, with synapses from the layer to itself) or "conv".
        neurons: number of neurons of a dense or recurrent layer, 1 to 65535.
        channels: number of output channels of a convolution, 1 to 65535.
        kernel_size: height and width of a convolution's kernel; one number sets both.
        stride: stride of the kernel, height and width.
        padding: zeros added on each side of the image, height and width.
        dilation: distance of neighboring weights of the kernel in pixels, height and width.
        groups: number of groups of input and output channels.
        delays: learned delays: "none", "axonal" (one per neuron or channel, of its output spikes)
            or "synaptic" (one per synapse of a dense layer).
        max_delay: upper limit of the layer's delays in time steps, 1 to 62.
        bias: learn a bias per neuron (or channel), added to the voltage in every step.
        dropout: fraction of the inputs that are dropped in training, each for a whole sample; 0 to
            below 1.
        density: fraction of the synapses of a dense layer that exist, over 0 to 1. Every neuron has
            the same number, rounded, at least one.
        threshold: in SLAYER's units, where 1.0 is a mantissa of 64; 1/64 to 131071/64.
        current_decay: fraction of the current that is lost per step, 0 to 1.
        voltage_decay: fraction of the voltage that is lost per step, 0 to 1.
        tau_grad: width of the surrogate gradient, relative to the threshold.
        scale_grad: scale of the surrogate gradient.
        learn_decays: "no", "shared" (one pair for the layer) or "neuron" (one pair per neuron).
        weight_bits: bits of a weight, sign included: 8, 6 or 4.
        weight_format: integers that 8 bits stand for: "even" (multiples of two from -256 to 254, as
            in SLAYER), "signed" (-128 to 127) or "unsigned" (0 to 255).
        bias_bits: bits of a bias, sign included: 8 (multiples of two from -256 to 254, as in
            SLAYER) or 13 (the chip's, -4096 to 4095).

    Raises:
        InputError: when a field has the wrong type, is out of range or does not fit the kind.
    """

    kind: Kind
    neurons: Size | None = None
    channels: Size | None = None
    kernel_size: Pair = (3, 3)
    stride: Pair = (1, 1)
    padding: Padding = (0, 0)
    dilation: Pair = (1, 1)
    groups: Size = 1
    delays: Delays = "none"
    max_delay: Annotated[int, Meta(ge=1, le=loihi.DELAY_MAX)] = loihi.DELAY_MAX
    bias: bool = False
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    density: Annotated[float, Meta(gt=0, le=1)] = 1.0
    threshold: Annotated[float, Meta(ge=_STEP, le=loihi.THRESHOLD_MAX * _STEP)] = 1.25
    current_decay: Decay = 0.25
    voltage_decay: Decay = 0.05
    tau_grad: Gradient = 0.02
    scale_grad: Gradient = 1.0
    learn_decays: LearnDecays = "no"
    weight_bits: WeightBits = 8
    weight_format: WeightFormat = "even"
    bias_bits: BiasBits = 8

    def __post_init__(self) -> None:
        schema.check_fields(self)
        for name in ("kernel_size", "stride", "padding", "dilation"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value, value) if isinstance(value, int) else value)
        for each in fields(self):
            kinds = _ONLY.get(each.name, KINDS)
            if self.kind not in kinds and getattr(self, each.name) != each.default:
                raise InputError(
                    f"{each.name} is set for a {self.kind} layer; only {' and '.join(kinds)} "
                    "layers have it"
                )
        size = "channels" if self.kind == "conv" else "neurons"
        if getattr(self, size) is None:
            raise InputError(
                f"a {self.kind} layer needs {size}, an integer from 1 to {loihi.FAN_IN_MAX}"
            )
        if self.delays == "synaptic" and self.kind != "dense":
            raise InputError(
                f"delays is 'synaptic' for a {self.kind} layer; netx has synaptic delays in dense "
                "layers only"
            )
        if self.learn_decays == "neuron" and self.kind == "conv":
            raise InputError(
                "learn_decays is 'neuron' for a conv layer, whose decays lava-dl would apply per "
                "column; use 'shared'"
            )
        if self.weight_format != "even" and self.weight_bits != 8:
            raise InputError(
                f"weight_format is {self.weight_format!r} with weight_bits {self.weight_bits}; it "
                "applies to 8 bits"
            )

    def synapses_per_neuron(self, inputs: int) -> int:
        """Return the number of synapses of each neuron of a dense layer, at least one."""
        return max(round(self.density * inputs), 1)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that the kind of layer has, as JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if self.kind in _ONLY.get(name, KINDS) and name not in self._left_out()
        }

    def _left_out(self) -> set[str]:
        defaults = {each.name: each.default for each in fields(self)}
        return {name for name in _NEWER if getattr(self, name) == defaults[name]}


SYNAPSES_MAX: Final = 1 << 27
"""Maximum number of synapses; about what a Loihi 2 holds."""

SYNAPTIC_DELAY_MAX: Final = 30
"""The default `max_delay` of synaptic delays."""

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Architecture:
    """The definition of an untrained network.

    Attributes:
        input_shape: (channels,) or, for images, (channels, height, width).
        layers: in the order of the data, output neurons last.
        delay_init_max: delays are initialized uniformly between 0 and this many time steps (or the
            layer's `max_delay` if that is less), 0 to 62.

    Raises:
        InputError: when a layer does not fit the previous one, or a limit is exceeded.
    """

    input_shape: tuple[From1, ...]
    layers: tuple[LayerSpec, ...]
    delay_init_max: Annotated[float, Meta(ge=0, le=loihi.DELAY_MAX)] = 30.0

    def __post_init__(self) -> None:
        schema.check_fields(self)
        if len(self.input_shape) not in (1, 3) or math.prod(self.input_shape) > loihi.FAN_IN_MAX:
            raise InputError(
                f"input_shape is {self.input_shape}; give (channels,) or (channels, height, "
                f"width), at most {loihi.FAN_IN_MAX} in total"
            )
        if not self.layers:
            raise InputError("the network has no layers; give at least one")
        total = sum(self.synapses)
        if total > SYNAPSES_MAX:
            raise InputError(
                f"sizes {self.sizes} make {total:,} synapses; the limit is {SYNAPSES_MAX:,}, "
                "about what a Loihi 2 holds, so give smaller layers"
            )
        self._check_delays()

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of the input, then of every layer."""
        shapes = [self.input_shape]
        for index, layer in enumerate(self.layers):
            shapes.append(_shape_after(shapes[-1], layer, index))
        return tuple(shapes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Input channels, then neurons per layer, output neurons last."""
        return tuple(math.prod(shape) for shape in self.shapes)

    @property
    def has_biases(self) -> bool:
        """Whether a layer has biases, which act from the first step; see `models.blocks`."""
        return any(layer.bias for layer in self.layers)

    @property
    def synapses(self) -> tuple[int, ...]:
        """Number of weights of each layer, masked ones included."""
        counts = []
        for layer, (before, after) in zip(self.layers, pairwise(self.shapes)):
            if layer.kind == "conv":
                counts.append(after[0] * before[0] // layer.groups * math.prod(layer.kernel_size))
            else:
                own = after[0] if layer.kind == "recurrent" else 0
                counts.append(after[0] * (math.prod(before) + own))
        return tuple(counts)

    def _check_delays(self) -> None:
        if self.layers[-1].delays == "axonal":
            raise InputError(
                f"layer {len(self.layers) - 1} is the last and has axonal delays, which no layer "
                "receives; set its delays to 'none'"
            )
        for index, (layer, after) in enumerate(pairwise(self.layers)):
            if layer.delays != "axonal":
                continue
            if after.kind == "conv":
                raise InputError(
                    f"layer {index} has axonal delays and layer {index + 1} is a convolution, into "
                    "which netx has no delays; set its delays to 'none'"
                )
            longest = layer.max_delay + after.max_delay
            if after.delays == "synaptic" and longest > loihi.DELAY_MAX:
                raise InputError(
                    f"axonal delays of layer {index} and synaptic delays of layer {index + 1} can "
                    f"add up to {longest} steps; the limit is {loihi.DELAY_MAX}, so give both a "
                    "lower max_delay"
                )

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values, which `from_dict` reads."""
        return {
            "input_shape": list(self.input_shape),
            "delay_init_max": self.delay_init_max,
            "layers": [layer.as_dict() for layer in self.layers],
        }

    def changed(self, **values: Any) -> Architecture:
        """Return a copy with these fields set in every layer."""
        return replace(self, layers=tuple(replace(each, **values) for each in self.layers))

    def with_delays(self, delays: Delays) -> Architecture:
        """Return a copy with delays of one kind in every layer that can have them.

        Axonal: every layer before a dense one. Synaptic: every dense layer.
        """
        if delays not in DELAYS:
            raise InputError(f"delays is {delays!r}; choose {', '.join(DELAYS)}")
        layers = []
        for layer, after in zip(self.layers, (*self.layers[1:], None)):
            supported = {
                "none": False,
                "axonal": after is not None and after.kind == "dense",
                "synaptic": layer.kind == "dense",
            }[delays]
            layers.append(replace(layer, **_delay_fields(delays if supported else "none")))
        return replace(self, layers=tuple(layers))

    @staticmethod
    def dense(
        sizes: Sequence[int],
        *,
        delays: Delays = "axonal",
        delay_init_max: float = 30.0,
        **values: Any,
    ) -> Architecture:
        """Return a network of dense layers that share their fields.

        Args:
            sizes: input channels, then neurons per layer, output neurons last; 1 to 65535 each.
            delays: see `with_delays`.
            delay_init_max: see `Architecture`.
            values: other fields of all layers.
        """
        sizes = tuple(sizes)
        if len(sizes) < 2:
            raise InputError(f"sizes are {sizes}; give at least an input and an output size")
        layers = tuple(LayerSpec("dense", neurons, **values) for neurons in sizes[1:])
        return Architecture(sizes[:1], layers, delay_init_max).with_delays(delays)


def _delay_fields(delays: Delays) -> dict[str, Any]:
    longest = SYNAPTIC_DELAY_MAX if delays == "synaptic" else loihi.DELAY_MAX
    return {"delays": delays, "max_delay": longest}


def _shape_after(before: Shape, layer: LayerSpec, index: int) -> Shape:
    """Return the output shape of a layer whose input has shape `before`.

    Raises:
        InputError: when the layer does not fit the input.
    """
    if layer.kind != "conv":
        return (layer.neurons or 0,)
    if len(before) != 3:
        raise InputError(
            f"layer {index} is a convolution after layer {index - 1}, whose output is not an "
            "image; put it before"
            if index
            else f"layer {index} is a convolution and the input is not an image; give input_shape "
            "as [channels, height, width]"
        )
    channels = layer.channels or 0
    if before[0] % layer.groups or channels % layer.groups:
        raise InputError(
            f"layer {index} has {layer.groups} groups, which do not divide {before[0]} input and "
            f"{channels} output channels"
        )
    padded = [size + 2 * pad for size, pad in zip(before[1:], layer.padding)]
    kernel = _product(layer.kernel_size)
    spans = [gap * (width - 1) + 1 for width, gap in zip(layer.kernel_size, layer.dilation)]
    kernel += "" if layer.dilation == (1, 1) else f" with dilation {_product(layer.dilation)}"
    if any(span > size for span, size in zip(spans, padded)):
        raise InputError(
            f"layer {index} has a kernel of {kernel} and images of {_product(padded)} with padding "
            "(height x width); give a smaller kernel or more padding"
        )
    sizes = zip(padded, spans, layer.stride)
    shape = (channels, *((size - span) // step + 1 for size, span, step in sizes))
    fan_in = before[0] // layer.groups * math.prod(layer.kernel_size)
    for count, what, way_out in (
        (math.prod(shape), "neurons", "fewer channels or a larger stride"),
        (fan_in, "synapses per neuron", "a smaller kernel or more groups"),
    ):
        if count > loihi.FAN_IN_MAX:
            raise InputError(
                f"layer {index} has images of {_product(shape)} (channels x height x width) from "
                f"{_product(before)} with a kernel of {kernel}, {count:,} {what}; the limit is "
                f"{loihi.FAN_IN_MAX:,}, so give {way_out}"
            )
    return shape


def _product(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))


if TYPE_CHECKING:
    LayerFields: TypeAlias = Any
else:
    LayerFields = schema.fields_of(LayerSpec, optional=True)


class NetworkFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A network file of `train --network`.

    Attributes:
        layers: in the order of the data; the last has one neuron per class.
        input_shape: [channels], or [channels, height, width] for a convolution; by default the
            channels of the task.
        delay_init_max: delays are initialized uniformly between 0 and this many time steps.
        defaults: fields of all layers that do not set them.
    """

    layers: Annotated[tuple[LayerFields, ...], Meta(min_length=1)]
    input_shape: Annotated[tuple[From1, ...], Meta(min_length=1, max_length=3)] | None = None
    delay_init_max: Annotated[float, Meta(ge=0, le=loihi.DELAY_MAX)] = 30.0
    defaults: LayerFields = LayerFields()


def from_dict(values: Any, input_shape: Shape = (), *, where: str = "") -> Architecture:
    """Return the architecture that a JSON object describes.

    Args:
        values: the object, as in docs/schemas/network.json or with old names.
        input_shape: used if the object has none.
        where: how messages name the object, such as the path of its file.

    Raises:
        InputError: names the field that is missing, unknown or out of range.
    """
    file = schema.convert(renamed(values, "network", where=where), NetworkFile, where)
    shape, prefix = file.input_shape or input_shape, f"{where}: " if where else ""
    if not shape:
        raise InputError(f"{prefix}a network needs input_shape, such as [33] or [2, 34, 34]")
    try:
        layers = tuple(_layer(each, file, index) for index, each in enumerate(file.layers))
        return Architecture(tuple(shape), layers, file.delay_init_max)
    except InputError as error:
        raise InputError(f"{prefix}{error}") from None


def _layer(layer: Any, file: NetworkFile, index: int) -> LayerSpec:
    merged = {**schema.fields_set(file.defaults), **schema.fields_set(layer)}
    try:
        if "kind" not in merged:
            raise InputError(f"it has no 'kind'; give one of {', '.join(KINDS)}")
        return LayerSpec(**merged)
    except InputError as error:
        raise InputError(f"layers[{index}]: {error}") from None


def read_architecture(path: Path, input_shape: Shape = ()) -> Architecture:
    """Read the architecture of a JSON file; see `from_dict`.

    Raises:
        InputError: when the file cannot be read or does not describe a network.
    """
    text = schema.read_text(
        path, way_out="give a JSON file, as docs/reference/networks.md describes"
    )
    return from_dict(schema.parse(text, str(path)), input_shape, where=str(path))


Preset: TypeAlias = Callable[..., Architecture]

SYNAPTIC_DENSITY: Final = 0.25
"""Default density of the hidden layers of the preset "synaptic"."""


def dense(
    input_shape: Shape, classes: int, *, hidden: Sequence[int] = (128, 128), **values: Any
) -> Architecture:
    """Return dense layers with axonal delays, the default of `train`."""
    layers = tuple(LayerSpec("dense", neurons, **values) for neurons in (*hidden, classes))
    return Architecture(input_shape, layers).with_delays("axonal")


def dense_bias(input_shape: Shape, classes: int, **values: Any) -> Architecture:
    """Return dense layers with axonal delays, learned biases and shared learned decays."""
    return dense(input_shape, classes, **{"bias": True, "learn_decays": "shared", **values})


def recurrent(
    input_shape: Shape, classes: int, *, hidden: Sequence[int] = (128, 128), **values: Any
) -> Architecture:
    """Return a recurrent layer and dense ones, with axonal delays before each dense layer."""
    first, *rest = hidden
    dense_layers = (LayerSpec("dense", neurons, **values) for neurons in (*rest, classes))
    layers = (LayerSpec("recurrent", first, **values), *dense_layers)
    return Architecture(input_shape, layers).with_delays("axonal")


def conv(
    input_shape: Shape, classes: int, *, hidden: Sequence[int] = (128,), **values: Any
) -> Architecture:
    """Return two convolutions, a dense layer and the output.

    Input that is not an image becomes an image of one channel and one column.
    """
    shape = tuple(input_shape) if len(input_shape) == 3 else (1, int(input_shape[0]), 1)
    kernel = tuple(min(3, size) for size in shape[1:])
    images: dict[str, Any] = {
        "kernel_size": kernel,
        "stride": tuple(2 if size > 3 else 1 for size in shape[1:]),
        "padding": tuple(size // 2 for size in kernel),
    }
    layers = (
        LayerSpec("conv", channels=8, **images, **values),
        LayerSpec("conv", channels=16, **images, **values),
        LayerSpec("dense", hidden[-1], **values),
        LayerSpec("dense", classes, **values),
    )
    return Architecture(shape, layers).with_delays("axonal")


def synaptic(input_shape: Shape, classes: int, **values: Any) -> Architecture:
    """Return sparse dense layers (density 0.25) with synaptic delays."""
    network = dense(input_shape, classes, **values).with_delays("synaptic")
    density = values.get("density", SYNAPTIC_DENSITY)
    sparse = tuple(replace(layer, density=density) for layer in network.layers[:-1])
    return replace(network, layers=(*sparse, network.layers[-1]))


def small(
    input_shape: Shape, classes: int, *, hidden: Sequence[int] = (), **values: Any
) -> Architecture:
    """Return one hidden layer of 64 neurons with axonal delays."""
    return dense(input_shape, classes, hidden=hidden or (64,), **values)


PRESETS: Final[dict[str, Preset]] = {
    "dense": dense,
    "dense-bias": dense_bias,
    "recurrent": recurrent,
    "conv": conv,
    "synaptic": synaptic,
    "small": small,
}
"""Presets by name, for `train --network`."""
