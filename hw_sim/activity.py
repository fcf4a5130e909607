"""What a run of a network takes and yields: its input, checked; the spikes of every layer; and what
can be counted from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models import loihi
from neurodeploy.models.display import Shown
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import InputLayer, RecurrentLayer, fan_out
from neurodeploy.models.network import CubaLif, QuantizedNetwork


def check_input(network: QuantizedNetwork, values: NDArray[Any]) -> NDArray[Any]:
    """Return the input as a contiguous array (batch, channels, time).

    Spikes of 0 or 1 become uint8; graded spikes and the values that drive input neurons int32.

    Raises:
        InputError: unless the shape fits the network, the values are whole numbers, and spikes are
            0 or 1 or graded spikes fit the network's message bits.
    """
    if values.ndim != 3 or values.shape[1] != network.inputs:
        raise InputError(
            f"the input has shape {values.shape}; the network takes (batch, {network.inputs}, time)"
        )
    if values.dtype.kind not in "bui":
        raise InputError(
            f"the input spikes are {values.dtype}; they must be whole numbers in an integer array"
        )
    first = network.layers[0]
    if isinstance(first, InputLayer):
        driven(first, values)
        return np.ascontiguousarray(values, np.int32)
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


def driven(layer: InputLayer, values: NDArray[Any]) -> NDArray[np.int32]:
    """Return scale * value + offset, what the neurons of an input layer take, int32, same shape.

    Raises:
        InputError: when a result does not fit a bias mantissa, or a delta neuron's state.
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
    return values.astype(np.int32) * np.int32(layer.scale) + np.int32(layer.offset)


@dataclass(frozen=True, repr=False)
class States(Shown):
    """The state of one layer after every step, int32 arrays (batch, neurons, time).

    Attributes:
        current: u; of delta neurons the scaled input, of sigma-delta and sigma neurons their sum.
        voltage: v after the reset of neurons that fired; of sigma-delta neurons the residue.
        weighted: the weighted input of the step; of input neurons 0 or what they take.
    """

    current: NDArray[np.int32]
    voltage: NDArray[np.int32]
    weighted: NDArray[np.int32]


@dataclass(frozen=True, repr=False)
class Overflows(Shown):
    """How often a state of one layer left its width, an entry a sample.

    SLAYER's do not: a network that overflows does not spike as it was trained. In a layer with
    dendritic delays, steps that the delay moves past the end of the sample count as well.

    Attributes:
        wraps: steps of a neuron in which a state wrapped, such as u of CUBA LIF, int64 (batch,).
        clips: steps of a neuron in which a state was clipped, such as v, int64 (batch,).
    """

    wraps: NDArray[np.int64]
    clips: NDArray[np.int64]


@dataclass(frozen=True)
class Breakdown:
    """A power or an energy and its parts, named as Intel's profiler names them.

    Attributes:
        total: dynamic and static together.
        dynamic: what the network's activity takes.
        static: what the powered chip takes without it.
        vdd: of the supply of the neurocores' logic.
        vdd_m: of the supply of their memory.
        vdd_io: of the supply of the links.
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
"""How to read measured values, one sentence each."""


@dataclass(frozen=True)
class Measured:
    """What Intel's profiler measured on real hardware, means over samples; nothing else fills it.

    Attributes:
        num_samples: how many were measured, each in a run of its own.
        power_w: power of a run, in W.
        energy_per_sample_uj: energy of one inference, in µJ.
        time_per_step_us: duration of a time step in µs; None if the power is not positive.
        caveats: how to read these values, one sentence each.
    """

    num_samples: int
    power_w: Breakdown
    energy_per_sample_uj: Breakdown
    time_per_step_us: float | None
    caveats: tuple[str, ...] = MEASURED_CAVEATS


@dataclass(frozen=True, repr=False)
class Activity(Shown):
    """The spikes of every layer in a run that started from cleared state.

    Attributes:
        inputs: what was sent in, array (batch, channels, time): uint8, 0 or 1, or int32.
        spikes: one array (batch, neurons, time) a layer: what its neurons emit (Lava's `s_out`),
            before the delays on their way to the next layer; uint8, 0 or 1, or int32 where the
            neurons send graded spikes.
        states: one `States` a layer when asked for, else empty.
        overflows: one `Overflows` a layer from a backend that counts them (`fast`), else empty.
        measured: power, energy and time from real hardware (`loihi2`), else None.
        last_voltage: v of the last layer after the last step, int32 array (batch, neurons), where
            the network answers with it, else None.

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
    """What one layer did, counted, an entry a sample.

    Attributes:
        spikes_in: spikes that arrived, int64 array (batch,).
        spikes: spikes that the layer's neurons emitted, int64 array (batch,).
        synops: stored weights added because a spike arrived, int64 array (batch,).
        neuron_updates: neurons times steps, int64 array (batch,).
    """

    spikes_in: NDArray[np.int64]
    spikes: NDArray[np.int64]
    synops: NDArray[np.int64]
    neuron_updates: NDArray[np.int64]


def count(network: QuantizedNetwork, activity: Activity) -> tuple[LayerCounts, ...]:
    """Count spikes, SynOps and neuron updates of every layer and sample.

    A layer stores every weight, zeros too (Intel's compiler drops none), so an arriving spike costs
    as many SynOps as weights it is multiplied with, `models.layers.fan_out`; a recurrent layer's
    own spikes arrive as well. Spikes of the last step are counted with the sample that sent them.
    A graded spike is one spike; what drives input neurons is none.

    Returns:
        One `LayerCounts` a layer, arrays of int64 (batch,).
    """
    senders = (activity.inputs, *activity.spikes)
    counts = []
    for layer, arriving, emitted in zip(network.layers, senders, activity.spikes):
        spikes = _count(emitted).sum(1)
        arrived = _count(arriving)
        if isinstance(layer, InputLayer):
            arrived = np.zeros_like(arrived)
        synops, spikes_in = arrived @ fan_out(layer), arrived.sum(1)
        if isinstance(layer, RecurrentLayer):
            synops, spikes_in = synops + spikes * layer.neurons, spikes_in + spikes
        counts.append(
            LayerCounts(
                spikes_in=spikes_in,
                spikes=spikes,
                synops=synops,
                neuron_updates=np.full(len(emitted), layer.neurons * emitted.shape[2], np.int64),
            )
        )
    return tuple(counts)


def _count(spikes: NDArray[Any]) -> NDArray[np.int64]:
    """Return how many spikes each neuron sent, int64 (batch, neurons)."""
    sent = spikes if spikes.dtype == np.uint8 else spikes != 0
    counts: NDArray[np.int64] = sent.sum(2, dtype=np.int64)
    return counts


def join(parts: list[tuple[LayerCounts, ...]]) -> tuple[LayerCounts, ...]:
    """Join the counts of consecutive batches along the samples."""
    fields = LayerCounts.__dataclass_fields__
    return tuple(
        LayerCounts(**{name: np.concatenate([getattr(p, name) for p in layer]) for name in fields})
        for layer in zip(*parts)
    )
