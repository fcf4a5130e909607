"""The neuron types of layers, as data.

An array parameter holds one value for all neurons of the layer, one per neuron, or one per channel
of an image layer; the layer checks the size.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from neurodeploy.models import loihi
from neurodeploy.models.arrays import IntArray, checked_integer, neuron_parameter
from neurodeploy.models.display import Shown


def _zero() -> IntArray:
    return np.zeros(1, np.int32)


@dataclass(frozen=True, eq=False, repr=False)
class CubaLif(Shown):
    """Current-based leaky integrate-and-fire neurons with binary spikes.

    u[t] = decay(u[t-1], current_decay) + (input << 6),
    v[t] = decay(v[t-1], voltage_decay) + u[t] + (bias << 6),
    spike when v[t] > threshold << 6, then v[t] = 0; `models.cuba` holds the exact equations.

    Decays and biases have one value for all neurons, or one per neuron.

    Attributes:
        current_decay: int32 array, 0..4096, fraction of the current lost per step, in 1/4096.
        voltage_decay: int32 array, 0..4096, fraction of the voltage lost per step, in 1/4096.
        threshold: mantissa, 0..131071, or THRESHOLD_NEVER (131072), which no voltage exceeds.
        bias: int32 array, -4096..4095, mantissa added to the voltage in every step.

    Thresholds and weights have the same unit: with decays of 4096, which clear the state in every
    step, a neuron fires when the weights of the spikes that arrive in one step sum to more than its
    threshold.

    Examples:
        >>> neurodeploy.CubaLif(current_decay=1024, voltage_decay=[128, 256], threshold=64)
        CubaLif(current_decay=1024, voltage_decay=int32 (2,) 128..256, threshold=64, bias=0)
    """

    if TYPE_CHECKING:

        def __init__(
            self,
            current_decay: ArrayLike,
            voltage_decay: ArrayLike,
            threshold: int,
            bias: ArrayLike = 0,
        ) -> None: ...

    graded: ClassVar[bool] = False

    current_decay: IntArray
    voltage_decay: IntArray
    threshold: int
    bias: IntArray = field(default_factory=_zero)

    def __post_init__(self) -> None:
        for name in ("current_decay", "voltage_decay"):
            values = neuron_parameter(getattr(self, name), np.int32, 0, loihi.DECAY_ONE, name)
            object.__setattr__(self, name, values)
        threshold = checked_integer(self.threshold, 0, loihi.THRESHOLD_NEVER, "threshold")
        object.__setattr__(self, "threshold", threshold)
        bias = neuron_parameter(self.bias, np.int32, loihi.BIAS_MIN, loihi.BIAS_MAX, "bias")
        object.__setattr__(self, "bias", bias if bias.any() else bias[:1])


@dataclass(frozen=True, eq=False, repr=False)
class Delta(Shown):
    """Sigma-delta input neurons, which send the changes of their input from a threshold on.

    x[t] = input << (spike_exp + state_exp), delta = x[t] - x[t-1] + residue,
    sent = delta where |delta| >= threshold << (spike_exp + state_exp), else 0,
    residue = delta - sent; the graded spike is sent >> state_exp. Everything is int32 and wraps.

    Source: `lava.proc.sdn.models.PyDeltaModelFixed` (lava-nc 0.10.0).

    Attributes:
        threshold: mantissa, 0..131071.
        spike_exp: fractional bits of a graded spike, 0..7; 6 in netx.
        state_exp: further fractional bits of the state, 0..7; 6 in netx.
    """

    graded: ClassVar[bool] = True

    threshold: int
    spike_exp: int = loihi.SPIKE_EXP
    state_exp: int = loihi.STATE_EXP

    def __post_init__(self) -> None:
        _check_exponents(self)


@dataclass(frozen=True, eq=False, repr=False)
class SigmaDelta(Shown):
    """Sigma-delta neurons with ReLU, which sum their input and send changes of their activation.

    sigma[t] = sigma[t-1] + input, x[t] = max(sigma[t] + (bias << (spike_exp + state_exp)), 0); x is
    sent as in `Delta`. The input is not shifted.

    Source: `lava.proc.sdn.models.PySigmaDeltaModelFixed` (lava-nc 0.10.0).

    Attributes:
        threshold: mantissa, 0..131071.
        bias: int32 array, -32768..32767.
        spike_exp: fractional bits of a graded spike, 0..7; 6 in netx.
        state_exp: further fractional bits of the state, 0..7; 6 in netx.
    """

    graded: ClassVar[bool] = True

    threshold: int
    bias: IntArray = field(default_factory=_zero)
    spike_exp: int = loihi.SPIKE_EXP
    state_exp: int = loihi.STATE_EXP

    def __post_init__(self) -> None:
        low, high = loihi.SIGMA_BIAS_MIN, loihi.SIGMA_BIAS_MAX
        bias = neuron_parameter(self.bias, np.int32, low, high, "bias")
        object.__setattr__(self, "bias", bias if bias.any() else bias[:1])
        _check_exponents(self)


@dataclass(frozen=True, eq=False, repr=False)
class Sigma(Shown):
    """Output neurons of a sigma-delta network, which send the sum of their input in every step.

    Source: `lava.proc.sdn.models.PySigmaModelFixed` (lava-nc 0.10.0).
    """

    graded: ClassVar[bool] = True


def _check_exponents(neuron: Delta | SigmaDelta) -> None:
    threshold = checked_integer(neuron.threshold, 0, loihi.THRESHOLD_MAX, "threshold")
    object.__setattr__(neuron, "threshold", threshold)
    for name in ("spike_exp", "state_exp"):
        value = checked_integer(getattr(neuron, name), 0, loihi.EXPONENT_MAX, name)
        object.__setattr__(neuron, name, value)


Neuron: TypeAlias = CubaLif | Delta | SigmaDelta | Sigma

NEURONS: Final[dict[type[Neuron], str]] = {
    CubaLif: "CUBA LIF",
    Delta: "delta (sigma-delta input)",
    SigmaDelta: "sigma-delta with ReLU",
    Sigma: "sigma (sigma-delta output)",
}
"""Neuron types, and their names in messages and reports."""


def arrays_of(neuron: Neuron) -> dict[str, IntArray]:
    """Return the array parameters by name."""
    values = {each.name: getattr(neuron, each.name) for each in fields(neuron)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
