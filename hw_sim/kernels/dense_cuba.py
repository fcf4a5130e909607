"""Dense layers of CUBA LIF neurons with binary spikes: what most networks spend their time in.

One kernel (`cuba_layer`) adds the weights and steps the neurons. From cleared state and without
biases a delay of all that a neuron receives comes to a shift of what it does, and costs nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeGuard

import numba
import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Overflows
from neurodeploy.hw_sim.kernels.cuba_layer import run_layer
from neurodeploy.hw_sim.kernels.frames import channels_last
from neurodeploy.hw_sim.kernels.late import late
from neurodeploy.hw_sim.kernels.layer_plan import TILE, LayerPlan, plan_layer
from neurodeploy.hw_sim.kernels.once import once_a_layer
from neurodeploy.models import loihi
from neurodeploy.models.arrays import IntArray
from neurodeploy.models.layers import DenseLayer, Layer, Shape, each_neuron
from neurodeploy.models.neurons import CubaLif, arrays_of


def runs(layer: Layer, arriving: NDArray[Any]) -> TypeGuard[DenseLayer]:
    """Tell whether the kernel runs this layer with these spikes."""
    binary = arriving.dtype == np.uint8
    return binary and isinstance(layer, DenseLayer) and isinstance(layer.neuron, CubaLif)


def run(
    layer: DenseLayer,
    before: Shape,
    arriving: NDArray[np.uint8],
    *,
    states: bool,
    voltage_alone: bool = False,
) -> tuple[NDArray[np.uint8], tuple[NDArray[np.int32], NDArray[np.int32]], Overflows]:
    """Return spikes and states of a layer, and what overflowed.

    Args:
        layer: for which `runs` holds.
        before: shape of the layer before, or of the input.
        arriving: frames of 0 and 1, uint8 (B, T, S padded).
        states: whether to return u and v.
        voltage_alone: whether to leave out u then.

    Returns:
        Frames of spikes (B, T, N padded); u and v, int32 (B, T, N padded), with a B of 0 unless
        they are asked for.
    """
    batch, steps, _ = arriving.shape
    plan, delays = _plan(layer, before)
    width, threads = plan.bias.size, numba.get_num_threads()
    spikes = np.empty((batch, steps, width), np.uint8)
    kept = batch if states else 0
    current = np.empty((0 if voltage_alone else kept, steps, width), np.int32)
    voltage = np.empty((kept, steps, width), np.int32)
    overflows = np.zeros((2, width // plan.width, batch), np.int64)
    run_layer(plan, arriving, spikes, current, voltage, overflows, threads)
    seen = current, voltage
    if delays is not None:
        spikes, seen = late(spikes, delays), (late(current, delays), late(voltage, delays))
    return spikes, seen, Overflows(*overflows.sum(1))


@once_a_layer
def _plan(layer: DenseLayer, before: Shape) -> tuple[LayerPlan, IntArray | None]:
    """Return how the kernel works the layer off, and what its neurons' delays are afterwards."""
    if len(before) == 3:
        delay = layer.delay if layer.delay.shape[1] == 1 else channels_last(layer.delay, before)
        layer = replace(layer, weight=channels_last(layer.weight, before), delay=delay)
    bias = each_neuron(arrays_of(layer.neuron)["bias"], layer.shape)
    biased = bool(bias.any())
    shifted = layer.delay_kind == "dendritic" and not biased
    plan = plan_layer(layer, bias << loihi.ACTIVATION_SHIFT if biased else None)
    return plan, layer.delay[:, 0] if shifted else None


def parts(layer: Layer) -> int:
    """Return how many parts of a layer can run side by side for one sample."""
    return -(-layer.neurons // TILE) if isinstance(layer, DenseLayer) else 1
