"""How long a chip takes for one sample, and whether it keeps up with a sensor.

All neurocores work at once and meet at a barrier after every step, so the time of a step follows
the busiest neurocore, not the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hw_sim.activity import LayerCounts
from hw_sim.energy import hop_cost, mean, update_time
from hw_sim.estimate import Estimate, exactly, largest
from hw_sim.placement import Placement
from models.errors import InputError


@dataclass(frozen=True)
class Latency:
    """The time of one sample at full speed.

    Attributes:
        step_s: seconds of one time step.
        steps: time steps of one sample.
        busiest_layer: the layer, from 0, whose neurocores take longest.
    """

    step_s: Estimate
    steps: int
    busiest_layer: int

    @property
    def sample_s(self) -> Estimate:
        """Seconds of one sample: steps * step_s."""
        return self.step_s * self.steps

    @property
    def samples_per_s(self) -> Estimate:
        """Samples a second, one after another: 1 / sample_s."""
        return self.sample_s.inverse()


@dataclass(frozen=True)
class RealTime:
    """One sample at the pace of a sensor that gives one time step every `dt_s`.

    Attributes:
        dt_s: seconds of one time step of the sensor.
        sample_s: seconds of one sample; longer than the sensor's where the chip falls behind.
        headroom: dt_s / step_s; the chip keeps up where it is 1 or more.
    """

    dt_s: float
    sample_s: Estimate
    headroom: Estimate

    @property
    def keeps_up(self) -> bool:
        """Whether the chip keeps up even at the slowest of the estimate."""
        return self.headroom.low >= 1


def sample_latency(counts: Sequence[LayerCounts], placement: Placement) -> Latency:
    """Return the time of the mean sample at full speed.

    step = time of the busiest neurocore + the longest way of a spike + barrier. Counts are means
    over samples and steps; a step with more spikes than the mean takes longer.

    Args:
        counts: what each layer did, an entry a sample.
        placement: where the layers are.
    """
    steps = steps_of(counts, [placed.neurons for placed in placement.layers])
    cores = [core_time(counts, placement, index=index, steps=steps) for index in range(len(counts))]
    overhead = hop_cost(placement, "time") + placement.chip.barrier_time(placement.tiles)
    return Latency(
        step_s=largest(cores) + overhead,
        steps=steps,
        busiest_layer=max(range(len(cores)), key=lambda index: cores[index].value),
    )


def core_time(
    counts: Sequence[LayerCounts], placement: Placement, *, index: int, steps: int
) -> Estimate:
    """Return the seconds a step that the fullest neurocore of layer `index` takes.

    Every spike that arrives at the layer arrives at `receivers` of its neurocores, which are all of
    them except in a convolution: arriving * message * receivers / neurocores, as if spread evenly.
    SynOps, updates and emitted spikes are shared by its neurons: SynOps * operation + updates *
    update + spikes * generation, times neurons_per_core / neurons.
    """
    layer, placed, chip = counts[index], placement.layers[index], placement.chip
    spikes = mean(layer.spikes) / steps
    work = (
        chip.cost("synaptic_operation_time") * (mean(layer.synops) / steps)
        + update_time(placed.neurons, spikes, chip=chip)
        + chip.cost("spike_generation_time") * spikes
    )
    share = placed.neurons_per_core / placed.neurons
    arriving = mean(layer.spikes_in) / steps * placed.receivers / placed.neurocores
    return work * share + chip.cost("spike_message_time") * arriving


def steps_of(counts: Sequence[LayerCounts], neurons: Sequence[int]) -> int:
    """Return the time steps of one sample: neuron updates / neurons.

    Args:
        counts: what each layer did, an entry a sample.
        neurons: of each layer.

    Raises:
        InputError: when there is no sample, or the counts are not those of such layers.
    """
    if len(counts) != len(neurons):
        raise InputError(
            f"there are counts of {len(counts)} layers for a network of {len(neurons)}; "
            "count and report the same network"
        )
    if not len(counts[0].neuron_updates):
        raise InputError("the counts hold no sample; run one at least")
    pairs = zip(counts, neurons, strict=True)
    steps = {float(updates) / size for layer, size in pairs for updates in layer.neuron_updates}
    found = min(steps)
    if len(steps) > 1 or found < 1 or not found.is_integer():
        raise InputError(
            "the counts fit no number of steps that all layers and samples share; count and "
            "report the same run"
        )
    return int(found)


def real_time(latency: Latency, dt_ms: float) -> RealTime:
    """Return how `latency` compares with a sensor that gives one time step every `dt_ms`.

    Raises:
        InputError: when `dt_ms` is not above 0.
    """
    if not dt_ms > 0:
        raise InputError(f"dt_ms is {dt_ms}; a time step must last longer than 0 ms")
    dt_s = dt_ms / 1000
    return RealTime(
        dt_s=dt_s,
        sample_s=largest([latency.sample_s, exactly(dt_s * latency.steps)]),
        headroom=latency.step_s.inverse() * dt_s,
    )
