"""Dense layers of CUBA LIF neurons with binary spikes, in one kernel, `cuba_layer`.

Dendritic delays are applied to the output: from cleared state and without biases, a delay of all
inputs of a neuron shifts its spikes and states by the same number of steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Overflows
from neurodeploy.hw_sim.kernels.cuba_layer import run_layer
from neurodeploy.hw_sim.kernels.lanes import LANES
from neurodeploy.hw_sim.kernels.shared import cache_per_layer, run_parallel
from neurodeploy.hw_sim.kernels.spike_buffer import apply_delays, channels_last
from neurodeploy.models import loihi
from neurodeploy.models.arrays import IntArray
from neurodeploy.models.layers import DenseLayer, Layer, per_neuron
from neurodeploy.models.neurons import CubaLif, arrays_of
from neurodeploy.models.synapses import Shape

TILE = 1024
"""Maximum number of neurons that are processed at once."""

CROWD = {np.dtype(np.int16): 64, np.dtype(np.int32): 16}
"""Number of spikes per step from which on `sum_rows` is used, by dtype of the totals.

Billions of SynOps per second, neuron updates included, on one thread of a shared AMD EPYC with
AVX-512, no delays, best of three; the product is the best of 1024 and 2048 senders:

    spikes per step     of 1024 senders, 32 bits: 21, 51, 102, 512, 1024    of 256, 16 bits: 26, 128
    add_rows                                      22, 24,  26,  28,   21                     28,  37
    sum_rows                                      32, 49,  60,  86,   98                     29,  49
    float32 product                                1,  3,   6,  30,   60                      6,  26

So a dense product would never be faster. With axonal delays the two kernels are equally fast in 16
bits at about 128 spikes.
"""

LEAST_SUMMED = 8
"""`sum_rows` is not used if 16 bits hold fewer rows of weights than this: weights of 14 bits and
more. With 128 spikes of 256 senders per step it took 0.99, 1.08, 1.22, 1.58 and 2.3 ms at 16, 8, 4,
2 and 1 rows, and `add_rows` 1.15 ms."""

RING = 1 << loihi.DELAY_MAX.bit_length() + 1
"""Steps in the ring buffer of future inputs: half for delays, half for a chunk of time steps."""

_CACHE_LINE = 64
_LARGEST = np.iinfo(np.int16).max
SUM_LIMIT = 1 << (31 - loihi.ACTIVATION_SHIFT)


class LayerPlan(NamedTuple):
    """The parameters of a layer for the kernel; K tiles of W neurons each.

    Attributes:
        weights: int8 or int16 (K * W / LANES, S, LANES), contiguous for LANES neurons; divided by 2
            if `shift` is one more than `ACTIVATION_SHIFT`, which takes even weights of 8 bits.
        width: W.
        sender_delays: int32 (S,), axonal delays in time steps.
        synapse_delays: int8 in the shape of `weights`, or (0, 0, 0) without synaptic delays.
        current_factor: int32 (K * W,), 4096 minus the current decay.
        voltage_factor: int32 (K * W,), 4096 minus the voltage decay.
        bias: int32 (K * W,), added to v in every step.
        threshold: threshold of v, shifted by 6.
        shift: left shift of weighted sums.
        totals: an empty array with the dtype of weighted sums: int16 if they fit, else int32.
        ring: steps in the ring buffer of future inputs, a power of two.
        chunk: steps that are processed at once: ring minus 1 minus the longest delay.
        summed: number of rows of weights whose sum fits 16 bits.
        crowd: number of spikes per step from which on `sum_rows` is used.
    """

    weights: NDArray[Any]
    width: int
    sender_delays: NDArray[np.int32]
    synapse_delays: NDArray[np.int8]
    current_factor: NDArray[np.int32]
    voltage_factor: NDArray[np.int32]
    bias: NDArray[np.int32]
    threshold: int
    shift: int
    totals: NDArray[Any]
    ring: int
    chunk: int
    summed: int
    crowd: int


def padded(count: int, to: int = LANES) -> int:
    """Return `count` rounded up to a multiple of `to`."""
    return -(-count // to) * to


def plan_layer(
    layer: DenseLayer, bias: NDArray[Any] | None = None, *, tile: int = TILE
) -> LayerPlan:
    """Return the parameters of a layer for the kernel.

    Args:
        layer: the layer.
        bias: integers (neurons,), shifted by 6, added to v in every step; None for none. Without
            biases the caller must apply dendritic delays to the output.
        tile: maximum number of neurons that are processed at once.
    """
    kind = layer.delay_kind
    neuron: Any = layer.neuron  # CUBA LIF
    if kind == "dendritic" and bias is not None:
        kind = "synaptic"
    tiles = -(-layer.neurons // tile)
    width = padded(-(-layer.neurons // tiles))
    narrow = layer.synapses_per_weight == 1
    halved = narrow and not np.bitwise_or.reduce(layer.weight, axis=None) & 1
    weights = _blocks(layer.weight, tiles * width, np.int8 if halved else np.int16, int(halved))
    longest = int(layer.delay.max()) if kind in ("axonal", "synaptic") else 0
    fits = halved and largest_sum(layer.weight) >> 1 <= _LARGEST
    totals = np.zeros(0, np.int16 if fits else np.int32)
    summed = _LARGEST // max(1, -int(weights.min()), int(weights.max()))
    return LayerPlan(
        weights=weights,
        width=width,
        sender_delays=_row(layer.inputs, layer.inputs, layer.delay[0] if kind == "axonal" else 0),
        synapse_delays=_blocks(
            np.broadcast_to(layer.delay, layer.weight.shape), tiles * width, np.int8
        )
        if kind == "synaptic"
        else np.zeros((0, 0, 0), np.int8),
        current_factor=_row(tiles * width, layer.neurons, loihi.DECAY_ONE - neuron.current_decay),
        voltage_factor=_row(tiles * width, layer.neurons, loihi.DECAY_ONE - neuron.voltage_decay),
        bias=_row(tiles * width, layer.neurons, 0 if bias is None else bias),
        threshold=neuron.threshold << loihi.ACTIVATION_SHIFT,
        shift=loihi.ACTIVATION_SHIFT + int(halved),
        totals=totals,
        ring=RING,
        chunk=RING - 1 - longest,
        summed=max(1, summed),
        crowd=CROWD[totals.dtype] if summed >= LEAST_SUMMED else np.iinfo(np.int32).max,
    )


def largest_sum(weight: NDArray[Any]) -> int:
    """Return the largest possible magnitude of the weighted input of a neuron."""
    return max(int(np.abs(row, dtype=np.int64).sum()) for row in weight)


def _aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return zeros, aligned to a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.zeros(size + _CACHE_LINE, np.uint8)
    skipped = -room.ctypes.data % _CACHE_LINE
    values: NDArray[Any] = room[skipped : skipped + size].view(dtype).reshape(shape)
    return values


def _blocks(values: NDArray[Any], neurons: int, dtype: Any, shift: int = 0) -> NDArray[Any]:
    """Return (neurons, senders) as (blocks, senders, LANES), shifted right, padded with zeros."""
    result = _aligned((neurons // LANES, values.shape[1], LANES), dtype)
    for block, first in zip(result, range(0, len(values), LANES)):
        part = values[first : first + LANES] >> shift
        block[:, : len(part)] = part.T
    return result


def _row(width: int, count: int, values: Any) -> NDArray[np.int32]:
    """Return values for `count` entries, padded with zeros to `width`."""
    result = _aligned((width,), np.int32)
    result[:count] = values
    return result


def supports(layer: Layer, arriving: NDArray[Any]) -> TypeGuard[DenseLayer]:
    """Return whether the kernel supports this layer with these spikes."""
    return arriving.dtype == np.uint8 and holds(layer)


def holds(layer: Layer) -> bool:
    """Return whether the kernel supports this layer with spikes of 0 or 1.

    It does not count sums that leave 32 bits when they are shifted, which takes 1,024 senders with
    the largest weights of 16 bits.
    """
    if not isinstance(layer, DenseLayer) or not isinstance(layer.neuron, CubaLif):
        return False
    return layer.synapses_per_weight == 1 or _largest_sum(layer) < SUM_LIMIT


@cache_per_layer
def _largest_sum(layer: DenseLayer) -> int:
    return largest_sum(layer.weight)


def run(
    layer: DenseLayer,
    before: Shape,
    arriving: NDArray[np.uint8],
    *,
    states: bool,
    voltage_only: bool = False,
) -> tuple[NDArray[np.uint8], tuple[NDArray[np.int32], NDArray[np.int32]], Overflows]:
    """Return spikes, states and overflows of a layer.

    Args:
        layer: a layer that `supports` accepts.
        before: shape of the previous layer, or of the input.
        arriving: spike buffer, uint8 (B, T, S padded), 0 or 1.
        states: whether to return u and v.
        voltage_only: whether to omit u then.

    Returns:
        Spike buffer (B, T, N padded); u and v, int32 (B, T, N padded), with B = 0 unless requested;
        overflows.
    """
    batch, steps, _ = arriving.shape
    plan, delays = _plan(layer, before)
    width = plan.bias.size
    spikes = np.empty((batch, steps, width), np.uint8)
    recorded = batch if states else 0
    current = np.empty((0 if voltage_only else recorded, steps, width), np.int32)
    voltage = np.empty((recorded, steps, width), np.int32)
    overflows = np.zeros((2, width // plan.width, batch), np.int64)
    items = batch * (width // plan.width)
    run_parallel(run_layer, items, plan, arriving, spikes, current, voltage, overflows)
    if delays is not None:
        spikes = apply_delays(spikes, delays)
        current, voltage = apply_delays(current, delays), apply_delays(voltage, delays)
    return spikes, (current, voltage), Overflows(*overflows.sum(1))


@cache_per_layer
def _plan(layer: DenseLayer, before: Shape) -> tuple[LayerPlan, IntArray | None]:
    """Return the parameters for the kernel, and the delays to apply to its output, or None."""
    if len(before) == 3:
        delay = layer.delay if layer.delay.shape[1] == 1 else channels_last(layer.delay, before)
        layer = replace(layer, weight=channels_last(layer.weight, before), delay=delay)
    bias = per_neuron(arrays_of(layer.neuron)["bias"], layer.shape)
    biased = bool(bias.any())
    shifted = layer.delay_kind == "dendritic" and not biased
    plan = plan_layer(layer, bias << loihi.ACTIVATION_SHIFT if biased else None)
    return plan, layer.delay[:, 0] if shifted else None
