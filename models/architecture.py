"""The description of a network to train, layer by layer, checked when made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias

from neurodeploy.models import loihi
from neurodeploy.models.errors import InputError

Kind: TypeAlias = Literal["dense", "recurrent", "conv"]
Delays: TypeAlias = Literal["none", "axonal", "synaptic"]
LearnDecays: TypeAlias = Literal["no", "shared", "neuron"]

KINDS: Final = ("dense", "recurrent", "conv")
DELAYS: Final = ("none", "axonal", "synaptic")
LEARN_DECAYS: Final = ("no", "shared", "neuron")
WEIGHT_BITS: Final = (8, 6, 4)

_ONLY_CONV: Final = ("channels", "kernel", "stride", "padding", "groups")
_ONLY: Final = {
    **dict.fromkeys(_ONLY_CONV, ("conv",)),
    "neurons": ("dense", "recurrent"),
    "connections": ("dense",),
}
"""Fields that only some kinds of layers have."""

_STEP: Final = 1 / loihi.SLAYER_SCALE
_RANGES: Final[dict[str, tuple[float, float]]] = {
    "threshold": (_STEP, loihi.SLAYER_THRESHOLD_LIMIT - _STEP),
    "current_decay": (0.0, 1.0),
    "voltage_decay": (0.0, 1.0),
    "tau_grad": (1e-6, 1e6),
    "scale_grad": (1e-6, 1e6),
}
_CHOICES: Final[dict[str, tuple[Any, ...]]] = {
    "kind": KINDS,
    "delays": DELAYS,
    "learn_decays": LEARN_DECAYS,
    "weight_bits": WEIGHT_BITS,
}


@dataclass(frozen=True)
class LayerSpec:
    """One layer of an untrained network; every field but the kind and the size has a default.

    Attributes:
        kind: "dense", "recurrent" (a dense layer whose neurons also reach one another) or "conv".
        neurons: of a dense or recurrent layer, 1 to 65535.
        channels: of a convolution.
        kernel: height and width of a convolution's kernel; one number stands for both.
        stride: its steps, height and width.
        padding: rows and columns of zeros around the images, height and width.
        groups: parts that input and output channels fall into.
        delays: learned delays: "axonal", one a neuron (or channel) for the spikes that it sends, or
            "synaptic", one for each synapse of the spikes that arrive at a dense layer.
        longest_delay: time steps that no delay of the layer exceeds, 1 to 62.
        bias: learn what every neuron (or channel) adds to its voltage in every step.
        dropout: share of the senders whose spikes are left out, for a whole sample, in training.
        connections: share of the synapses that a dense layer has; every neuron has as many, the
            whole number next to it and one at least.
        threshold: in SLAYER's units, 1.0 is the mantissa 64; below 64, in steps of 1/64.
        current_decay, voltage_decay: fraction lost a step, 0 to 1.
        tau_grad, scale_grad: width (relative to the threshold) and scale of the surrogate gradient.
        learn_decays: "no", "shared" by all neurons of the layer, or one a "neuron".
        weight_bits: bits of a weight, its sign among them: 8, 6 or 4.
    """

    kind: Kind
    neurons: int | None = None
    channels: int | None = None
    kernel: Any = (3, 3)
    stride: Any = (1, 1)
    padding: Any = (0, 0)
    groups: int = 1
    delays: Delays = "none"
    longest_delay: int = loihi.DELAY_MAX
    bias: bool = False
    dropout: float = 0.0
    connections: float = 1.0
    threshold: float = 1.25
    current_decay: float = 0.25
    voltage_decay: float = 0.05
    tau_grad: float = 0.02
    scale_grad: float = 1.0
    learn_decays: LearnDecays = "no"
    weight_bits: int = 8

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or value not in choices:
                words = ", ".join(str(each) for each in choices)
                raise InputError(f"{name} is {value!r}; it is one of {words}")
        self._check_fields_of_kind()
        for name, lowest in (("kernel", 1), ("stride", 1), ("padding", 0)):
            object.__setattr__(self, name, _pair(getattr(self, name), lowest, name))
        size = "channels" if self.kind == "conv" else "neurons"
        for name, limit in (
            (size, loihi.SENDERS_MAX),
            ("groups", loihi.SENDERS_MAX),
            ("longest_delay", loihi.DELAY_MAX),
        ):
            _check_whole(getattr(self, name), limit, name)
        self._check_numbers()
        self._check_together()

    def _check_fields_of_kind(self) -> None:
        for each in fields(self):
            kinds = _ONLY.get(each.name, KINDS)
            if self.kind not in kinds and getattr(self, each.name) != each.default:
                raise InputError(
                    f"{each.name} is given for a {self.kind} layer; only {' and '.join(kinds)} "
                    "layers have it"
                )

    def _check_numbers(self) -> None:
        if not isinstance(self.bias, bool):
            raise InputError(f"bias is {self.bias!r}; give true or false")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not _is_number(value) or not low <= value <= high:
                raise InputError(f"{name} is {value!r}; the range is {low:g} to {high:g}")
        if not _is_number(self.dropout) or not 0 <= self.dropout < 1:
            raise InputError(f"dropout is {self.dropout!r}; it is a share from 0 to below 1")
        if not _is_number(self.connections) or not 0 < self.connections <= 1:
            raise InputError(f"connections is {self.connections!r}; it is a share over 0 up to 1")

    def _check_together(self) -> None:
        if self.delays == "synaptic" and self.kind != "dense":
            raise InputError(
                f"delays is 'synaptic' for a {self.kind} layer, for which netx has none; only "
                "dense layers have them"
            )
        if self.learn_decays == "neuron" and self.kind == "conv":
            raise InputError(
                "learn_decays is 'neuron' for a conv layer, whose decays lava-dl takes for those "
                "of columns; use 'shared'"
            )

    def connected(self, senders: int) -> int:
        """Return how many of so many senders reach each neuron of a dense layer, one at least."""
        return max(round(self.connections * senders), 1)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that the layer's kind has as JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if self.kind in _ONLY.get(name, KINDS)
        }

    @staticmethod
    def has_default(name: str) -> bool:
        """Tell whether a field of that name may be left out."""
        return {f.name: f.default for f in fields(LayerSpec)}[name] is not MISSING


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_whole(value: Any, limit: int, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
        raise InputError(f"{name} is {value!r}; give a whole number from 1 to {limit}")


def _pair(values: Any, lowest: int, name: str) -> tuple[int, int]:
    pair = (values, values) if isinstance(values, int) else values
    valid = isinstance(pair, (list, tuple)) and len(pair) == 2
    if not valid or any(isinstance(v, bool) or not isinstance(v, int) or v < lowest for v in pair):
        raise InputError(
            f"{name} is {values!r}; give a height and a width, whole numbers from {lowest}"
        )
    return int(pair[0]), int(pair[1])


SYNAPSES_MAX: Final = 1 << 27
"""A network of more would fit no chip and hardly a machine's memory."""

SYNAPTIC_LONGEST: Final = 30
"""The longest synaptic delay where nobody says otherwise."""

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Architecture:
    """Everything that defines an untrained network.

    Attributes:
        input_shape: (channels,) or, for images, (channels, height, width).
        layers: in the order of the data, output neurons last.
        longest_start: delays start uniformly between 0 and this many steps, or the layer's longest.
    """

    input_shape: Shape
    layers: tuple[LayerSpec, ...]
    longest_start: float = 30.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", _checked_shape(self.input_shape))
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise InputError("the network has no layers; give at least one")
        start, limit = self.longest_start, loihi.DELAY_MAX
        if (
            isinstance(start, bool)
            or not isinstance(start, (int, float))
            or not 0 <= start <= limit
        ):
            raise InputError(f"longest_start is {start!r}; the range is 0 to {limit}")
        self._check_synapses()
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
        """Input channels, then neurons a layer, output neurons last."""
        return tuple(math.prod(shape) for shape in self.shapes)

    @property
    def has_biases(self) -> bool:
        """Whether some layer has, so that its first step counts (see `models.blocks`)."""
        return any(layer.bias for layer in self.layers)

    def _check_synapses(self) -> None:
        total = sum(stored for stored in self.synapses)
        if total > SYNAPSES_MAX:
            raise InputError(
                f"sizes {self.sizes} make {total:,} synapses; the limit is {SYNAPSES_MAX:,}, "
                "about what a Loihi 2 holds, so give smaller layers"
            )

    @property
    def synapses(self) -> tuple[int, ...]:
        """Weights that each layer has, those that a mask leaves out too."""
        counts = []
        for layer, (before, after) in zip(self.layers, pairwise(self.shapes)):
            if layer.kind == "conv":
                counts.append(after[0] * before[0] // layer.groups * math.prod(layer.kernel))
            else:
                own = after[0] if layer.kind == "recurrent" else 0
                counts.append(after[0] * (math.prod(before) + own))
        return tuple(counts)

    def _check_delays(self) -> None:
        if self.layers[-1].delays == "axonal":
            raise InputError(
                f"layer {len(self.layers) - 1} is the last and has axonal delays, which no layer "
                "receives; leave them out"
            )
        for index, (layer, after) in enumerate(pairwise(self.layers)):
            if layer.delays != "axonal":
                continue
            if after.kind != "dense":
                raise InputError(
                    f"layer {index} has axonal delays and layer {index + 1} is {after.kind}, into "
                    "which netx has no delays; leave them out"
                )
            longest = layer.longest_delay + after.longest_delay
            if after.delays == "synaptic" and longest > loihi.DELAY_MAX:
                raise InputError(
                    f"delays of layer {index} and of the synapses of layer {index + 1} can add up "
                    f"to {longest} steps; the longest is {loihi.DELAY_MAX}, so give both a lower "
                    "longest_delay"
                )

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; `architecture_json.from_dict` reads them."""
        return {
            "input_shape": list(self.input_shape),
            "longest_start": self.longest_start,
            "layers": [layer.as_dict() for layer in self.layers],
        }

    def changed(self, **values: Any) -> Architecture:
        """Return the same network with these fields in every layer."""
        return replace(self, layers=tuple(replace(each, **values) for each in self.layers))

    def with_delays(self, delays: Delays) -> Architecture:
        """Return the same network with delays of that kind wherever it can have them.

        Axonal: on every layer before a dense one. Synaptic: on every dense layer.
        """
        if delays not in DELAYS:
            raise InputError(f"delays is {delays!r}; choose {', '.join(DELAYS)}")
        layers = []
        for layer, after in zip(self.layers, (*self.layers[1:], None)):
            can = {
                "none": False,
                "axonal": after is not None and after.kind == "dense",
                "synaptic": layer.kind == "dense",
            }[delays]
            layers.append(replace(layer, **_delay_fields(delays if can else "none")))
        return replace(self, layers=tuple(layers))

    @staticmethod
    def dense(
        sizes: Sequence[int],
        *,
        delays: Delays = "axonal",
        longest_start: float = 30.0,
        **values: Any,
    ) -> Architecture:
        """Return a network of dense layers, all alike.

        Args:
            sizes: input channels, then neurons a layer, output neurons last; 1 to 65535 each.
            delays: see `with_delays`.
            longest_start: see the class.
            values: other fields of every layer.
        """
        sizes = tuple(sizes)
        valid = [isinstance(n, int) and 1 <= n <= loihi.SENDERS_MAX for n in sizes]
        if len(valid) < 2 or not all(valid):
            raise InputError(
                f"sizes are {sizes}; give two or more whole numbers from 1 to {loihi.SENDERS_MAX}"
            )
        layers = tuple(LayerSpec("dense", neurons, **values) for neurons in sizes[1:])
        return Architecture(sizes[:1], layers, longest_start).with_delays(delays)


def _delay_fields(delays: Delays) -> dict[str, Any]:
    longest = SYNAPTIC_LONGEST if delays == "synaptic" else loihi.DELAY_MAX
    return {"delays": delays, "longest_delay": longest}


def _checked_shape(values: Any) -> Shape:
    shape = tuple(values) if isinstance(values, (list, tuple)) else (values,)
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in shape)
    if len(shape) not in (1, 3) or not whole or math.prod(shape) > loihi.SENDERS_MAX:
        raise InputError(
            f"input_shape is {values!r}; give (channels,) or (channels, height, width), together "
            f"{loihi.SENDERS_MAX} at most"
        )
    return shape


def _shape_after(before: Shape, layer: LayerSpec, index: int) -> Shape:
    """Return the shape of a layer after one of shape `before`, or say why it cannot be there."""
    if layer.kind != "conv":
        return (layer.neurons or 0,)
    if len(before) != 3:
        raise InputError(f"layer {index} is a convolution {_no_images(index)}")
    if before[0] % layer.groups or (layer.channels or 0) % layer.groups:
        raise InputError(
            f"layer {index} has {layer.groups} groups, into which {before[0]} input and "
            f"{layer.channels} output channels do not fall evenly"
        )
    padded = [size + 2 * pad for size, pad in zip(before[1:], layer.padding)]
    if any(kernel > size for kernel, size in zip(layer.kernel, padded)):
        raise InputError(
            f"layer {index} has a kernel of {_product(layer.kernel)} and takes images of "
            f"{_product(padded)}, padding included (height x width); give a smaller kernel or more "
            "padding"
        )
    sizes = [
        (size - kernel) // step + 1
        for size, kernel, step in zip(padded, layer.kernel, layer.stride)
    ]
    shape = (layer.channels or 0, *sizes)
    fan_in = before[0] // layer.groups * math.prod(layer.kernel)
    for count, what, way_out in (
        (math.prod(shape), "neurons", "fewer channels or a larger stride"),
        (fan_in, "synapses a neuron", "a smaller kernel or more groups"),
    ):
        if count > loihi.SENDERS_MAX:
            raise InputError(
                f"layer {index} makes images of {_product(shape)} (channels x height x width) from "
                f"{_product(before)} with a kernel of {_product(layer.kernel)}, {count:,} {what}; "
                f"the limit is {loihi.SENDERS_MAX:,}, so give {way_out}"
            )
    return shape


def _no_images(index: int) -> str:
    """Return why a layer takes no images, and the way out."""
    if index:
        return f"after layer {index - 1}, which makes no images; put it before"
    return "and the input is no image; give input_shape as [channels, height, width]"


def _product(sizes: Sequence[int]) -> str:
    return " x ".join(str(size) for size in sizes)
