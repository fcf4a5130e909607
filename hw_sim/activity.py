"""What a run of a network yields: the spikes of every layer, and what can be counted from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.network import QuantizedNetwork


@dataclass(frozen=True)
class States:
    """The state of one layer after every step.

    Attributes:
        current: u, int32 array (batch, neurons, time).
        voltage: v after the reset of neurons that fired, int32 array (batch, neurons, time).
    """

    current: NDArray[np.int32]
    voltage: NDArray[np.int32]


@dataclass(frozen=True)
class Overflows:
    """How often the states of one layer left their 24 bits, an entry a sample.

    SLAYER's do not: a network that overflows does not spike as it was trained. In a layer with
    dendritic delays, steps that the delay moves past the end of the sample count as well.

    Attributes:
        wraps: steps of a neuron in which u wrapped around, int64 array (batch,).
        clips: steps of a neuron in which v was clipped, int64 array (batch,).
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


@dataclass(frozen=True)
class Measured:
    """What Intel's profiler measured on real hardware, means over samples; nothing else fills it.

    Attributes:
        samples: how many were measured, each in a run of its own.
        power_w: power of a run, in W.
        energy_uj: energy of one inference, in uJ.
        time_per_step_us: duration of a time step in us; None where the power is not positive.
    """

    samples: int
    power_w: Breakdown
    energy_uj: Breakdown
    time_per_step_us: float | None


@dataclass(frozen=True)
class Activity:
    """The spikes of every layer in a run that started from cleared state.

    Attributes:
        inputs: what was sent in, uint8 array (batch, channels, time), 0 or 1.
        spikes: one uint8 array (batch, neurons, time) a layer: what its neurons emit (Lava's
            `s_out`), before the delays on their way to the next layer.
        states: one `States` a layer when asked for, else empty.
        overflows: one `Overflows` a layer from a backend that counts them (`fast`), else empty.
        measured: power, energy and time from real hardware (`loihi2`), else None.
    """

    inputs: NDArray[np.uint8]
    spikes: tuple[NDArray[np.uint8], ...]
    states: tuple[States, ...] = ()
    overflows: tuple[Overflows, ...] = ()
    measured: Measured | None = None


@dataclass(frozen=True)
class LayerCounts:
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

    @property
    def active_updates(self) -> NDArray[np.int64]:
        """Neuron updates that ended in a spike, an entry a sample."""
        return self.spikes


def count(network: QuantizedNetwork, activity: Activity) -> tuple[LayerCounts, ...]:
    """Count spikes, SynOps and neuron updates of every layer and sample.

    A dense layer stores every weight, zeros too (Intel's compiler drops none), so each arriving
    spike costs as many SynOps as the layer has neurons. Spikes of the last step are counted with
    the sample that sent them.

    Returns:
        One `LayerCounts` a layer, arrays of int64 (batch,).
    """
    senders = (activity.inputs, *activity.spikes)
    counts = []
    for layer, arriving, emitted in zip(network.layers, senders, activity.spikes):
        spikes_in = arriving.sum((1, 2), dtype=np.int64)
        counts.append(
            LayerCounts(
                spikes_in=spikes_in,
                spikes=emitted.sum((1, 2), dtype=np.int64),
                synops=spikes_in * layer.neurons,
                neuron_updates=np.full(len(emitted), layer.neurons * emitted.shape[2], np.int64),
            )
        )
    return tuple(counts)


def join(parts: list[tuple[LayerCounts, ...]]) -> tuple[LayerCounts, ...]:
    """Join the counts of consecutive batches along the samples."""
    fields = LayerCounts.__dataclass_fields__
    return tuple(
        LayerCounts(**{name: np.concatenate([getattr(p, name) for p in layer]) for name in fields})
        for layer in zip(*parts)
    )
