"""The input and the activity of a run: spikes, states, and counts of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models import loihi
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.graph import INPUT
from neurodeploy.models.layers import InputLayer
from neurodeploy.models.network import CubaLif, QuantizedNetwork
from neurodeploy.models.synapses import Drive, stored_fan_out


def check_input(network: QuantizedNetwork, values: NDArray[Any]) -> NDArray[Any]:
    """Check the input and return it as a contiguous array (batch, channels, time).

    Binary spikes become uint8 and graded spikes int32; the values of an input layer keep a dtype
    that fits in int32.

    Raises:
        InputError: when the shape does not fit the network, the values are no integers, binary
            spikes are not 0 or 1, or graded spikes exceed the network's message bits.
    """
    if values.ndim != 3 or values.shape[1] != network.inputs:
        raise InputError(
            f"the input has shape {values.shape}; the network takes (batch, {network.inputs}, time)"
        )
    if values.dtype.kind not in "bui":
        raise InputError(f"the input has dtype {values.dtype}; it must be an array of integers")
    driven = [each for each in network.connections if isinstance(each.synapse, Drive)]
    for each in driven:
        first: Any = network.as_layer(each.target)
        check_scaled(first, values)
    if driven:
        narrow = np.can_cast(values.dtype, np.int32) and values.dtype != np.bool_
        return np.ascontiguousarray(values, None if narrow else np.int32)
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    if not network.message_bits:
        if low < 0 or high > 1:
            raise InputError(
                f"the input spikes reach from {low} to {high}; they must be 0 or 1, unless the "
                "network takes graded spikes (message_bits, on the command line --message-bits)"
            )
        return np.ascontiguousarray(values, np.uint8)
    limit = (1 << network.message_bits) - 1
    if max(-low, high) > limit:
        raise InputError(
            f"the graded input spikes reach from {low} to {high}; {network.message_bits} message "
            f"bits hold {-limit} to {limit}"
        )
    return np.ascontiguousarray(values, np.int32)


def check_scaled(layer: InputLayer, values: NDArray[Any]) -> None:
    """Check the input that `scale_input` returns.

    Raises:
        InputError: when a result exceeds a bias mantissa, or the state of a delta neuron.
    """
    ends = (int(values.min(initial=0)), int(values.max(initial=0)))
    low, high, kind = loihi.BIAS_MIN, loihi.BIAS_MAX, "a bias of 13 bits"
    if not isinstance(layer.neuron, CubaLif):
        high = (1 << (loihi.STATE_WORD - 1 - layer.neuron.spike_exp - layer.neuron.state_exp)) - 1
        low, kind = -high, "the state of a delta neuron"
    for extreme in (layer.scale * end + layer.offset for end in ends):
        if not low <= extreme <= high:
            raise InputError(
                f"the input drives its neurons with {layer.scale} * value + {layer.offset} = "
                f"{extreme}; {kind} holds {low} to {high}, so scale the input down"
            )


def scale_input(layer: InputLayer, values: NDArray[Any]) -> NDArray[np.int32]:
    """Return scale * values + offset, the input of the neurons of an input layer, int32.

    Raises:
        InputError: as `check_scaled`.
    """
    check_scaled(layer, values)
    if layer.scale == 1 and layer.offset == 0:
        return np.ascontiguousarray(values, np.int32)
    return np.ascontiguousarray(values, np.int32) * np.int32(layer.scale) + np.int32(layer.offset)


@dataclass(frozen=True, repr=False)
class States(Shown):
    """The states of one layer after every step, int32 arrays (batch, neurons, time).

    Attributes:
        current: u; the scaled input of delta neurons, the sum of sigma-delta and sigma neurons.
        voltage: v after the reset; the residue of delta and sigma-delta neurons.
        weighted: the weighted input of the step; for input layers 0 (CUBA LIF) or the scaled input.
    """

    current: NDArray[np.int32]
    voltage: NDArray[np.int32]
    weighted: NDArray[np.int32]


@dataclass(frozen=True, repr=False)
class Overflows(Shown):
    """Number of overflows of the states of one layer, per sample.

    SLAYER's states do not overflow, so a network that does spikes differently than in training. In
    a layer with dendritic delays, steps that the delay moves past the end of the sample count, too.

    Attributes:
        wraps: neurons and steps in which a state wrapped, such as u of CUBA LIF, int64 (batch,).
        clips: neurons and steps in which a state was clipped, such as v, int64 (batch,).
    """

    wraps: NDArray[np.int64]
    clips: NDArray[np.int64]


@dataclass(frozen=True)
class Breakdown:
    """A power or an energy and its parts, with the names of Intel's profiler.

    Attributes:
        total: sum of dynamic and static.
        dynamic: due to the activity of the network.
        static: of the powered chip without activity.
        vdd: supply of the neurocores' logic.
        vdd_m: supply of their memory.
        vdd_io: supply of the links.
    """

    total: float
    dynamic: float
    static: float
    vdd: float
    vdd_m: float
    vdd_io: float


MEASURED_CAVEATS: Final = (
    "The host sends input and receives the spikes of every layer at every step, which limits the "
    "speed; a network that does not wait for the host takes less time and less static energy.",
    "A sample lasts milliseconds, which is short for the chip's power sensors.",
)
"""Caveats about measured values, one sentence each."""


@dataclass(frozen=True)
class Measured:
    """Measurements of Intel's profiler on real hardware, means over samples.

    Attributes:
        num_samples: number of samples that were measured, each in its own run.
        power_w: power of a run, in W.
        energy_per_sample_uj: energy of one inference, in µJ.
        time_per_step_us: duration of a time step in µs; None if the power is not positive.
        caveats: caveats about these values, one sentence each.
    """

    num_samples: int
    power_w: Breakdown
    energy_per_sample_uj: Breakdown
    time_per_step_us: float | None
    caveats: tuple[str, ...] = MEASURED_CAVEATS


@dataclass(frozen=True, repr=False)
class Activity(Shown):
    """The spikes of every layer in a run from cleared state.

    Attributes:
        inputs: the input, array (batch, channels, time): uint8, 0 or 1, or int32.
        spikes: one array (batch, neurons, time) per layer: the spikes that its neurons emit (Lava's
            `s_out`), before any delays; uint8, 0 or 1, or int32 for graded spikes.
        states: one `States` per layer if requested, else empty.
        overflows: one `Overflows` per layer if the backend counts them (`fast`), else empty.
        measured: power, energy and time from real hardware (`loihi2`), else None.
        last_voltage: v of the last layer after the last step, int32 array (batch, neurons), if
            `network.readout` is "voltage", else None.

    Examples:
        >>> activity = neurodeploy.simulate(network, spikes)
        >>> int(activity.spikes[-1].sum()) == int(activity.spikes[-1].sum((0, 2)).sum())
        True
    """

    inputs: NDArray[Any]
    spikes: tuple[NDArray[Any], ...]
    states: tuple[States, ...] = ()
    overflows: tuple[Overflows, ...] = ()
    measured: Measured | None = None
    last_voltage: NDArray[np.int32] | None = None


@dataclass(frozen=True, repr=False)
class LayerCounts(Shown):
    """Counts of one layer, one entry per sample.

    Attributes:
        spikes_in: spikes that arrived at the layer, int64 array (batch,).
        spikes: spikes that its neurons emitted, int64 array (batch,).
        synops: synapses whose weights were added for arriving spikes, int64 array (batch,).
        neuron_updates: neurons times steps, int64 array (batch,).
        dendrite_updates: what Intel's counter of neuron updates would show, int64 array (batch,).
    """

    spikes_in: NDArray[np.int64]
    spikes: NDArray[np.int64]
    synops: NDArray[np.int64]
    neuron_updates: NDArray[np.int64]
    dendrite_updates: NDArray[np.int64]


def dendrite_updates(updates: Any, spikes: Any) -> Any:
    """Return what Intel's counter of neuron updates would show: 2 * updates + spikes.

    It is shown beside the neuron updates and never charged.

    Source: fit to the counters of PilotNet in lava-dl's pilotnet_snn/benchmark.ipynb (derived).
    """
    return 2 * updates + spikes


def count(network: QuantizedNetwork, activity: Activity) -> tuple[LayerCounts, ...]:
    """Count spikes, SynOps and neuron updates of every layer and sample.

    An arriving spike causes as many SynOps as its sender has stored synapses: in each connection,
    `models.synapses.stored_fan_out` weights of `synapses_per_weight` each. Spikes of the last step
    count. A graded spike counts once; the values that drive neurons are no spikes.

    Returns:
        One `LayerCounts` per layer.
    """
    names = [INPUT, *(each.name for each in network.populations)]
    sent = {name: _count(x) for name, x in zip(names, (activity.inputs, *activity.spikes))}
    counts = []
    for population, emitted in zip(network.populations, activity.spikes):
        into = [x for x in network.into(population.name) if not isinstance(x.synapse, Drive)]
        spikes = sent[population.name].sum(1)
        synops, spikes_in = np.zeros_like(spikes), np.zeros_like(spikes)
        for each in into:
            synops += sent[each.source] @ stored_fan_out(each.synapse)
            spikes_in += sent[each.source].sum(1)
        updates = np.full(len(emitted), population.neurons * emitted.shape[2], np.int64)
        counts.append(
            LayerCounts(
                spikes_in=spikes_in,
                spikes=spikes,
                synops=synops * network.synapses_per_weight(population.name),
                neuron_updates=updates,
                dendrite_updates=dendrite_updates(updates, spikes),
            )
        )
    return tuple(counts)


def _count(spikes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the number of spikes of each neuron, int64 (batch, neurons)."""
    fired = spikes if spikes.dtype == np.uint8 else spikes != 0
    counts: NDArray[np.int64] = fired.sum(2, dtype=np.int64)
    return counts


def join(parts: list[tuple[LayerCounts, ...]]) -> tuple[LayerCounts, ...]:
    """Join the counts of consecutive batches along the samples."""
    fields = LayerCounts.__dataclass_fields__
    return tuple(
        LayerCounts(**{name: np.concatenate([getattr(p, name) for p in layer]) for name in fields})
        for layer in zip(*parts)
    )
