"""One layer of a network to train, as data: what may be said about it, and what is refused."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields
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
