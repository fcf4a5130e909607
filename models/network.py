"""The integer network that every exporter, simulator and report reads.

A `QuantizedNetwork` is data that does not change: frozen layers, integers only, arrays read-only,
validated when made. It has no methods that simulate, export or plot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models import loihi
from models.errors import InputError

IntArray: TypeAlias = NDArray[np.integer[Any]]
DelayKind: TypeAlias = Literal["none", "axonal", "dendritic", "synaptic"]


def read_only(values: ArrayLike, dtype: type[np.integer[Any]], name: str) -> IntArray:
    """Return a contiguous read-only integer copy of `values`.

    Raises:
        InputError: when a value is not a whole number or does not fit `dtype`.
    """
    given = np.asarray(values)
    if given.dtype.kind not in "biuf":
        raise InputError(f"{name} has dtype {given.dtype}; it must hold whole numbers")
    with np.errstate(invalid="ignore"):
        converted = given.astype(dtype, order="C", copy=True)
    if not np.array_equal(converted, given):
        wrong = given[converted != given].flat[0]
        raise InputError(
            f"{name} holds {wrong}; it must hold whole numbers that fit {dtype.__name__}"
        )
    converted.setflags(write=False)
    return converted


def check_range(values: IntArray, low: int, high: int, name: str) -> None:
    """Raise InputError unless every value lies in `low..high`."""
    for extreme in (values.min(initial=low), values.max(initial=low)):
        if not low <= extreme <= high:
            raise InputError(f"{name} holds {extreme}; the range is {low} to {high}")


@dataclass(frozen=True, eq=False)
class CubaLif:
    """The current-based leaky integrate-and-fire neurons of one layer.

    u[t] = decay(u[t-1], current_decay) + (input << 6), v[t] = decay(v[t-1], voltage_decay) + u[t],
    spike when v[t] > threshold << 6, then v[t] = 0; `models.cuba` holds the exact equations.

    Attributes:
        current_decay: int32 array (1,) or (neurons,), 0..4096, fraction lost a step in 1/4096.
        voltage_decay: the same for the voltage.
        threshold: mantissa, 0..131071.
    """

    current_decay: IntArray
    voltage_decay: IntArray
    threshold: int

    def __post_init__(self) -> None:
        for name in ("current_decay", "voltage_decay"):
            values = read_only(np.atleast_1d(getattr(self, name)), np.int32, name)
            if values.ndim != 1 or not values.size:
                raise InputError(f"{name} has shape {values.shape}; give one value or one a neuron")
            check_range(values, 0, loihi.DECAY_ONE, name)
            object.__setattr__(self, name, values)
        threshold = read_only(self.threshold, np.int64, "threshold")
        if threshold.ndim:
            raise InputError(f"threshold has shape {threshold.shape}; give one value a layer")
        check_range(threshold, 0, loihi.THRESHOLD_MAX, "threshold")
        object.__setattr__(self, "threshold", int(threshold))


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """Neurons that every sender of the layer before reaches through one weight and one delay.

    Attributes:
        weight: int16 array (neurons, senders), -256..255.
        neuron: the CUBA LIF neurons that the weighted spikes drive.
        delay: int8 array that broadcasts to `weight`, 0..62 time steps beside the one step that
            every layer takes. (1, 1) and 0: none; (1, senders): axonal, one delay a sender;
            (neurons, 1): dendritic, one delay for all that a neuron receives;
            (neurons, senders): synaptic.
    """

    weight: IntArray
    neuron: CubaLif
    delay: IntArray = field(default_factory=lambda: np.zeros((1, 1), np.int8))

    def __post_init__(self) -> None:
        weight = read_only(self.weight, np.int16, "weight")
        if weight.ndim != 2 or not weight.size:
            raise InputError(f"weight has shape {weight.shape}; it must be (neurons, senders)")
        check_range(weight, loihi.WEIGHT_MIN, loihi.WEIGHT_MAX, "weight")
        if weight.shape[1] > loihi.SENDERS_MAX:
            raise InputError(
                f"the layer has {weight.shape[1]} senders; sums stay exact up to "
                f"{loihi.SENDERS_MAX}, so split it"
            )
        delay = read_only(self.delay, np.int64, "delay")
        if delay.ndim != 2 or any(d not in (1, n) for d, n in zip(delay.shape, weight.shape)):
            raise InputError(f"delay has shape {delay.shape}; it must broadcast to {weight.shape}")
        check_range(delay, 0, loihi.DELAY_MAX, "delay")
        if not delay.any():
            delay = delay[:1, :1]
        for name in ("current_decay", "voltage_decay"):
            size = getattr(self.neuron, name).size
            if size not in (1, len(weight)):
                raise InputError(f"{name} has {size} values for {len(weight)} neurons")
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "delay", read_only(delay, np.int8, "delay"))

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return int(self.weight.shape[0])

    @property
    def senders(self) -> int:
        """Number of neurons or input channels that send to this layer."""
        return int(self.weight.shape[1])

    @property
    def delay_kind(self) -> DelayKind:
        """Which delays the layer has; see `delay`."""
        if not self.delay.any():
            return "none"
        if self.delay.shape[0] == 1:
            return "axonal"
        return "dendritic" if self.delay.shape[1] == 1 else "synaptic"


Layer: TypeAlias = DenseLayer


@dataclass(frozen=True)
class TaskDescription:
    """What a network was made for: enough to encode new signals and to read its answers.

    Attributes:
        name: key of the task registry, or "" when none is known.
        encoder: the spike encoder's name and parameters, as JSON values.
        class_names: one name an output neuron.
        steps: time steps of one sample.
        dt_ms: duration of one time step in milliseconds.
    """

    name: str = ""
    encoder: Mapping[str, Any] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    steps: int | None = None
    dt_ms: float | None = None

    def __post_init__(self) -> None:
        texts = (self.name, *self.class_names)
        numbers = (("steps", self.steps, int), ("dt_ms", self.dt_ms, (int, float)))
        if isinstance(self.class_names, str) or not all(isinstance(t, str) for t in texts):
            raise InputError(f"the task's name and class names must be texts; they are {texts}")
        for name, value, kind in numbers:
            if value is not None and not (isinstance(value, kind) and value > 0):
                raise InputError(f"{name} is {value!r}; it must be a number over 0")
        object.__setattr__(self, "encoder", MappingProxyType(dict(self.encoder)))
        object.__setattr__(self, "class_names", tuple(self.class_names))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {
            "name": self.name,
            "encoder": dict(self.encoder),
            "class_names": list(self.class_names),
            "steps": self.steps,
            "dt_ms": self.dt_ms,
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> TaskDescription:
        """Return the task that `as_dict` described.

        Raises:
            InputError: when a field is missing, unknown or of another type.
        """
        try:
            task = TaskDescription(**{**values, "class_names": values["class_names"]})
            json.dumps(task.as_dict(), allow_nan=False)
        except (TypeError, KeyError, ValueError) as error:
            raise InputError(f"the task description is damaged ({error})") from None
        return task


@dataclass(frozen=True, eq=False)
class QuantizedNetwork:
    """A feed-forward spiking network of integers.

    Attributes:
        layers: in the order of the data; each layer's senders are the neurons of the one before.
        task: what the network was made for.
        provenance: how it came to be (versions, seed, source), as JSON values; not in the digest.
    """

    layers: tuple[Layer, ...]
    task: TaskDescription = TaskDescription()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))
        _check_chain(self.layers, self.task.class_names)

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return self.layers[0].senders

    @property
    def outputs(self) -> int:
        """Number of output neurons."""
        return self.layers[-1].neurons


def _check_chain(layers: Sequence[Layer], class_names: Sequence[str]) -> None:
    if not layers:
        raise InputError("the network has no layers; it needs at least one")
    for index, (before, after) in enumerate(pairwise(layers), start=1):
        if before.neurons != after.senders:
            raise InputError(
                f"layer {index} expects {after.senders} senders but layer {index - 1} has "
                f"{before.neurons} neurons; the sizes must agree"
            )
    if class_names and len(class_names) != layers[-1].neurons:
        raise InputError(
            f"the network has {layers[-1].neurons} output neurons for {len(class_names)} classes; "
            "the numbers must agree"
        )


def digest(network: QuantizedNetwork) -> str:
    """Return the sha256 of the network's content: layers and task, not provenance or file bytes.

    Returns:
        64 hexadecimal digits; networks with the same content have the same, and no others.
    """
    sha = hashlib.sha256(json.dumps(network.task.as_dict(), sort_keys=True).encode())
    for layer in network.layers:
        sha.update(f"dense cuba {layer.neuron.threshold}".encode())
        for values in (
            layer.weight, layer.delay, layer.neuron.current_decay, layer.neuron.voltage_decay
        ):  # fmt: skip
            sha.update(f"{values.shape}".encode())
            sha.update(values.astype("<i4").tobytes())
    return sha.hexdigest()
