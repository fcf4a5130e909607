"""The float network that is quantized after training: layers of weights and discrete neurons.

`Dynamics` holds one time step of a layer of neurons. What frameworks mean by the same NIR node
differs, and every reading is a choice of these parameters; see `export/nir/dialects.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.synapses import Shape, kernel_positions

FloatArray: TypeAlias = NDArray[np.float64]
Reset: TypeAlias = Literal["value", "subtract", "none"]

RESETS: Final = ("value", "subtract", "none")


@dataclass(frozen=True, eq=False, repr=False)
class Dynamics(Shown):
    """One time step of a layer of float neurons, for the weighted input x[t].

    i[t] = current_retention * i[t-1] + input_gain * x[t]
    v[t] = voltage_retention * v[t-1] + current_gain * i[t] + leak
    s[t] = 1 if v[t] > threshold else 0                  (>= unless `strict`)

    After a spike v[t] becomes `reset_value`, or `threshold` is subtracted. With `reset_delay` the
    reset acts in the next step instead, as in snnTorch: the next v is `reset_value` whatever it
    would have been, or `threshold` is subtracted from it. With `multi_spike` a neuron emits
    floor(v / threshold) spikes in one step and subtracts the threshold as often. With
    `overshoot_waits` a neuron whose voltage is still over the threshold after the reset fires in
    the next step only above twice its threshold, as in snnTorch without its delay.

    Arrays are float64 and hold one value for all neurons, or one per neuron in C order.

    Attributes:
        current_retention: share of the current kept per step, 0..1; 0: no current filter.
        input_gain: factor of the weighted input.
        voltage_retention: share of the voltage kept per step, 0..1; 1: no leak.
        current_gain: factor of the current.
        leak: constant added to the voltage in every step.
        threshold: firing threshold; infinity for neurons that never fire (I, LI, CubaLI).
        strict: whether a neuron fires above its threshold only, not at it.
        reset: what happens to the voltage after a spike.
        reset_value: the voltage after a spike for the reset "value".
        reset_delay: whether the reset acts one step later.
        multi_spike: whether a neuron can emit several spikes per step.
        overshoot_waits: whether a neuron over its threshold after a reset by subtraction waits.
    """

    current_retention: FloatArray
    input_gain: FloatArray
    voltage_retention: FloatArray
    current_gain: FloatArray
    leak: FloatArray
    threshold: FloatArray
    strict: bool = True
    reset: Reset = "value"
    reset_value: FloatArray = field(default_factory=lambda: np.zeros(1))
    reset_delay: bool = False
    multi_spike: bool = False
    overshoot_waits: bool = False

    def __post_init__(self) -> None:
        for name in (
            "current_retention", "input_gain", "voltage_retention", "current_gain", "leak",
            "threshold", "reset_value",
        ):  # fmt: skip
            values = _floats(getattr(self, name), name, infinite=name == "threshold")
            object.__setattr__(self, name, values.reshape(-1))
        for name in ("current_retention", "voltage_retention"):
            values = getattr(self, name)
            if values.min() < 0 or values.max() > 1:
                raise InputError(f"{name} ranges from {values.min()} to {values.max()}; 0 to 1")
        if self.reset not in RESETS:
            raise InputError(f"the reset is {self.reset!r}; choose from {', '.join(RESETS)}")

    @property
    def filtered(self) -> bool:
        """Whether the input passes a current filter, as in CubaLIF."""
        return bool(self.current_retention.any())

    @property
    def fires(self) -> bool:
        """Whether the neurons can fire at all."""
        return bool(np.isfinite(self.threshold).any())


@dataclass(frozen=True, eq=False, repr=False)
class FloatLayer(Shown):
    """Weights and the neurons that receive them; x[t] = weight * s[t] + bias + recurrent * z[t-1].

    Attributes:
        name: name of the neuron in its source, such as a NIR node; used in messages and tables.
        weight: float64, (neurons, inputs), or (channels, input channels / groups, height, width)
            of a convolution.
        dynamics: the neurons.
        bias: added to the weighted input in every step, before the current filter: (1,),
            (neurons,), or (channels,) of a convolution.
        recurrent: float64 (neurons, neurons), weights of the layer's own spikes of the step before,
            or None.
        delay: additional delays of the input spikes in time steps, int64, broadcasts to `weight`.
        recurrent_delay: additional delays of the recurrent spikes, broadcasts to `recurrent`.
        input_shape: (inputs,), or (channels, height, width) for a convolution.
        stride, padding, dilation: (height, width) of a convolution.
        groups: groups of a convolution.
    """

    name: str
    weight: FloatArray
    dynamics: Dynamics
    bias: FloatArray = field(default_factory=lambda: np.zeros(1))
    recurrent: FloatArray | None = None
    delay: NDArray[np.int64] = field(default_factory=lambda: np.zeros((1, 1), np.int64))
    recurrent_delay: NDArray[np.int64] = field(default_factory=lambda: np.zeros((1, 1), np.int64))
    input_shape: Shape = ()
    stride: Shape = (1, 1)
    padding: Shape = (0, 0)
    dilation: Shape = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "weight", _floats(self.weight, "weight"))
        set_(self, "bias", _floats(self.bias, "bias").reshape(-1))
        if self.recurrent is not None:
            set_(self, "recurrent", _floats(self.recurrent, "recurrent"))
        for name in ("delay", "recurrent_delay"):
            set_(self, name, np.atleast_2d(np.asarray(getattr(self, name), np.int64)))
        if not self.input_shape:
            set_(self, "input_shape", (int(self.weight.shape[1]),))

    @property
    def convolution(self) -> bool:
        """Whether the layer is a convolution."""
        return self.weight.ndim == 4

    @property
    def shape(self) -> Shape:
        """(neurons,), or (channels, height, width)."""
        if not self.convolution:
            return (int(self.weight.shape[0]),)
        kernel, image = self.weight.shape[2:], self.input_shape[1:]
        positions = kernel_positions(image, kernel, self.stride, self.padding, self.dilation)
        return (int(self.weight.shape[0]), *positions)

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False, repr=False)
class FloatNetwork(Shown):
    """A feed-forward chain of float layers.

    Attributes:
        layers: in the order of the data.
        input_shape: (channels,) or (channels, height, width).
        dt_s: duration of a time step in seconds, or None if it is unknown.
        notes: what was assumed or folded, one sentence each.
        provenance: origin of the network as JSON values.
    """

    layers: tuple[FloatLayer, ...]
    input_shape: Shape
    dt_s: float | None = None
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    if TYPE_CHECKING:

        def __init__(
            self,
            layers: Sequence[FloatLayer],
            input_shape: Sequence[int],
            dt_s: float | None = None,
            notes: Sequence[str] = (),
            provenance: Mapping[str, Any] = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        for name in ("layers", "input_shape", "notes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))


def _floats(values: ArrayLike, name: str, *, infinite: bool = False) -> FloatArray:
    """Return a read-only float64 copy with at least one axis.

    Raises:
        InputError: when a value is not finite (not a number, if `infinite`).
    """
    array = np.array(values, np.float64, ndmin=1)
    if np.isnan(array).any() or not (infinite or np.isfinite(array).all()):
        raise InputError(f"{name} holds values that are not finite; export the network again")
    array.setflags(write=False)
    return array
