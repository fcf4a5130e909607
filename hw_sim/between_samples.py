"""What lies between one sample and the next on a chip: nothing, a reset, or steps of waiting.

A sample starts from cleared state. A sensor that never stops runs on without a reset (continuous);
samples one after another need their neurons cleared, or steps without input until every state has
decayed to zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.chips import Estimate, exactly
from neurodeploy.hw_sim.estimates import (
    Latency,
    neuron_energy,
    sample_energy,
    sample_latency,
    static_power,
)
from neurodeploy.hw_sim.timing import neuron_updates, neurons_of, step_time
from neurodeploy.hw_sim.workload import Workload
from neurodeploy.models import loihi
from neurodeploy.models.json_fields import Table
from neurodeploy.models.layers import InputLayer, Layer, RecurrentLayer, max_delay, weights_of
from neurodeploy.models.network import QuantizedNetwork
from neurodeploy.models.neurons import CubaLif


@dataclass(frozen=True)
class Waiting:
    """Steps without input after which every state is zero.

    Attributes:
        steps: number of steps that suffice after any sample; None if no number does.
        reason: why not, one sentence; "" otherwise.
    """

    steps: int | None
    reason: str = ""


@dataclass(frozen=True)
class Repeated:
    """One sample of many, with what lies between it and the next.

    Attributes:
        note: how to read it, or why it cannot be, one sentence.
        steps: time steps between samples, at most; None if no number suffices.
        sample_s: seconds from one sample to the next; None if there is no next one.
        energy: joules of a sample and of what follows it; None if there is no next one.
    """

    JSON: ClassVar[Table] = Table(
        {
            "num_steps": "steps",
            "sample_ms": "sample_s",
            "energy_uj": "energy",
            "note": "note",
        }
    )

    note: str
    steps: int | None = None
    sample_s: Estimate | None = None
    energy: Estimate | None = None


def continuous(workload: Workload) -> Repeated:
    """Return the cost if nothing lies between samples: the state is kept."""
    return _repeated(workload, 0, exactly(0.0, "s"), exactly(0.0, "J"), "the state is kept")


def cleared(workload: Workload) -> Repeated:
    """Return the cost if every neuron is cleared: one write each, as long as an update.

    Low: it takes no time, as with `reset_interval` of lava-dl's netx, where neurons clear
    themselves in the first step of a sample.
    """
    placement, latency = workload.placement, sample_latency(workload)
    neurons = neurons_of(placement)
    write = _updates_s(workload, latency) * Estimate(0.0, 1.0, 1.0)
    note = "one write per neuron at least; how the host or the chip clears neurons is not modelled"
    energy = exactly(0.0, "J")
    if "neuron_clear_energy" in placement.chip.costs:
        energy = placement.chip.cost("neuron_clear_energy") * float(neurons.sum())
    else:
        note += f"; the cost file of {placement.chip.title} has no neuron_clear_energy, taken as 0"
    return _repeated(workload, 0, write, energy, note)


def decayed(workload: Workload) -> Repeated:
    """Return the cost if the chip waits until every state is zero, which may be never."""
    waiting = waiting_steps(workload.placement.network)
    if waiting.steps is None:
        return Repeated(f"never: {waiting.reason}")
    latency, placement = sample_latency(workload), workload.placement
    updates = float(neurons_of(placement).sum()) * waiting.steps
    energy = neuron_energy(updates, 0, chip=placement.chip)
    seconds = _updates_s(workload, latency) * waiting.steps
    note = "steps that suffice after any input"
    return _repeated(workload, waiting.steps, seconds, energy, note)


WAYS: Final[dict[str, Callable[[Workload], Repeated]]] = {
    "continuous": continuous,
    "cleared": cleared,
    "decayed": decayed,
}
"""Name -> function that returns the cost of a sample and of what follows it."""


def between_samples(workload: Workload) -> dict[str, Repeated]:
    """Return the cost of one sample of many, at full speed, for each of `WAYS`."""
    return {name: way(workload) for name, way in WAYS.items()}


def _updates_s(workload: Workload, latency: Latency) -> Estimate:
    """Return the seconds of a step without spikes."""
    placement = workload.placement
    most = int(neurons_of(placement).max())
    updates = neuron_updates(most, 0, chip=placement.chip, what="time")
    return step_time(updates, exactly(0.0, "s"), latency.barrier_s)


def _repeated(
    workload: Workload, steps: int, seconds: Estimate, dynamic: Estimate, note: str
) -> Repeated:
    """Return a sample, followed by `seconds` that take `dynamic` joules and static power."""
    sample_s = sample_latency(workload).sample_s
    energy = sample_energy(workload, duration_s=sample_s).total
    after = dynamic + static_power(workload.placement) * seconds
    return Repeated(note, steps, sample_s + seconds, energy + after)


def waiting_steps(network: QuantizedNetwork) -> Waiting:
    """Return the steps without input after which the state of any sample is zero.

    A layer waits for the last spike of the layer before, one step and the longest delay later. Then
    its currents and voltages decay from the largest ones that its weights allow. Decays round
    toward zero, so that every state between two others stays between them: the layer is at rest
    when its highest and its lowest state are zero, and silent when the highest one is below the
    threshold for good.
    """
    silent = rest = 0
    for index, layer in enumerate(network.layers):
        reason = _why_never(index, layer)
        if reason:
            return Waiting(None, reason)
        arrived = silent + 1 + max_delay(layer)
        graded = index == 0 and bool(network.message_bits)
        spiking, decaying = decay_steps(layer, graded=graded)
        silent, rest = arrived + spiking, max(rest, arrived + decaying)
    return Waiting(rest)


def _why_never(index: int, layer: Layer) -> str:
    """Return why the state of a layer never decays to zero, or ""."""
    neuron = layer.neuron
    if not isinstance(neuron, CubaLif):
        return f"layer {index} has sigma-delta neurons, whose state does not decay"
    if isinstance(layer, RecurrentLayer):
        return f"layer {index} is recurrent and may keep itself active"
    if neuron.bias.any() or (isinstance(layer, InputLayer) and layer.offset):
        return f"layer {index} has a bias, which keeps its neurons from zero"
    if not (neuron.current_decay.all() and neuron.voltage_decay.all()):
        return f"layer {index} has neurons with a decay of 0"
    return ""


def decay_steps(layer: Layer, *, graded: bool = False) -> tuple[int, int]:
    """Return the steps without input in which a layer may spike, and until its state is zero.

    Args:
        layer: a layer of CUBA LIF neurons without bias, whose decays are positive.
        graded: whether its input are graded spikes, which may bring any current.
    """
    neuron = layer.neuron
    assert isinstance(neuron, CubaLif)
    pairs = np.broadcast_arrays(neuron.current_decay, neuron.voltage_decay)
    losses = np.unique(np.stack(pairs).reshape(2, -1), axis=1).astype(np.int64)
    high, low = largest_currents(layer, losses[0], graded=graded)
    threshold = min(neuron.threshold << loihi.ACTIVATION_SHIFT, loihi.VOLTAGE_MAX)
    top = np.minimum(_settled(high, losses[1]), threshold)
    bottom = np.minimum(_settled(low, losses[1]), loihi.VOLTAGE_MAX)
    steps = spiking = 0
    while any(each.any() for each in (high, low, top, bottom)):
        steps += 1
        high, low = (_decay(each, losses[0]) for each in (high, low))
        top, bottom = _decay(top, losses[1]) + high, _decay(bottom, losses[1]) + low
        if (top > threshold).any():
            spiking = steps
        top, bottom = np.minimum(top, threshold), np.minimum(bottom, loihi.VOLTAGE_MAX)
    return spiking, steps


def largest_currents(
    layer: Layer, loss: NDArray[np.int64], *, graded: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return bounds of the positive currents and of the size of the negative ones.

    |u| <= sum of weights of one sign << 6, over the loss per step: loss / 4096.

    Args:
        layer: the layer.
        loss: current decays, int64 (n,), 1 or more.
        graded: whether the input may bring any current.
    """
    limit = np.full(len(loss), loihi.CURRENT_LIMIT)
    if graded or isinstance(layer, InputLayer):
        return limit, limit
    (weight,) = (each.reshape(len(each), -1).astype(np.int64) for each in weights_of(layer))
    sums = (np.maximum(sign * weight, 0).sum(1).max() for sign in (1, -1))
    high, low = (_settled(int(each) << loihi.ACTIVATION_SHIFT, loss) for each in sums)
    wraps = np.maximum(high, low) > loihi.CURRENT_LIMIT  # and then changes its sign
    return np.where(wraps, limit, high), np.where(wraps, limit, low)


def _settled(steady: NDArray[np.int64] | int, loss: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the largest state under a steady input: input * 4096 / loss."""
    return -(-steady * loihi.DECAY_ONE // loss)


def _decay(size: NDArray[np.int64], loss: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the size of a state after one step; see `models.cuba.decay`."""
    return (size * (loihi.DECAY_ONE - loss)) >> loihi.DECAY_SHIFT
