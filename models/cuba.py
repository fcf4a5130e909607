"""The equations of Loihi's current-based leaky integrate-and-fire neuron, in integers.

numba compiles them for the simulator and the training kernels. Called from Python they take single
numbers.

Source: `lava.proc.lif.models.PyLifModelBitAcc` (lava-nc 0.10.0), which they match bit for bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int32

from neurodeploy.models import loihi
from neurodeploy.models.compiling import compile_kernel

_SHIFT = loihi.DECAY_SHIFT
_LOW = np.int32(loihi.DECAY_ONE - 1)
_CURRENT_LIMIT = np.int32(loihi.CURRENT_LIMIT)
_CURRENT_SPAN = np.int32(2 * loihi.CURRENT_LIMIT)
_VOLTAGE_MAX = np.int32(loihi.VOLTAGE_MAX)


@compile_kernel
def decay(state: Any, factor: Any) -> Any:
    """Return sign(state) * ((|state| * factor) >> 12), rounded toward zero.

    The product of 24 and 13 bits would need int64. With |state| = high * 4096 + low the result is
    high * factor + ((low * factor) >> 12), which needs int32 only.

    Args:
        state: int32, |state| <= 2^23.
        factor: int32, 4096 minus the decay, 0..4096.
    """
    sign = int32(state >> 31)
    size = int32(int32(state ^ sign) - sign)
    high = int32(int32(size >> _SHIFT) * factor)
    low = int32(int32(int32(size & _LOW) * factor) >> _SHIFT)
    return int32(int32(int32(high + low) ^ sign) - sign)


@compile_kernel
def wrap_current(current: Any) -> Any:
    """Return the int32 current wrapped once into (-2^23, 2^23], the range of 24 bits."""
    if current > _CURRENT_LIMIT:
        return int32(current - _CURRENT_SPAN)
    if current <= -_CURRENT_LIMIT:
        return int32(current + _CURRENT_SPAN)
    return int32(current)


@compile_kernel
def clip_voltage(voltage: Any) -> Any:
    """Return the int32 voltage clipped to +-(2^23 - 1)."""
    return int32(min(max(voltage, -_VOLTAGE_MAX), _VOLTAGE_MAX))
