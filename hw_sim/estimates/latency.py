"""How long chips take for one sample, and whether they keep up with a sensor.

The time of a step is that of its busiest neurocore, the longest way of a spike, and the barrier at
which all neurocores meet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from neurodeploy.hw_sim.activity import LayerCounts
from neurodeploy.hw_sim.chips.cost import Estimate, exactly, largest
from neurodeploy.hw_sim.estimates.meter import Workload
from neurodeploy.models.errors import InputError


@dataclass(frozen=True)
class Latency:
    """The time of one sample at full speed.

    Attributes:
        busy_s: seconds of the busiest neurocore of each step, the mean over steps.
        way_s: seconds of the longest way of a spike; low: it hides behind the work.
        barrier_s: seconds of the barrier.
        peak_s: seconds of the busiest neurocore in the longest step of all samples.
        steps: time steps of one sample.
        busiest_core: the neurocore, from 0, that takes longest in the mean step.
        busiest_layer: the layer, from 0, whose neurons it holds.
        busiest_core_s: seconds (value) of that very neurocore in the mean step; no more than
            `busy_s`, since other neurocores may be the busiest of other steps.
    """

    busy_s: Estimate
    way_s: Estimate
    barrier_s: Estimate
    peak_s: Estimate
    steps: int
    busiest_core: int = 0
    busiest_layer: int = 0
    busiest_core_s: float = 0.0

    @property
    def step_s(self) -> Estimate:
        """Seconds of the mean time step."""
        return self.busy_s + self.way_s + self.barrier_s

    @property
    def peak_step_s(self) -> Estimate:
        """Seconds of the longest time step of all samples."""
        return self.peak_s + self.way_s + self.barrier_s

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
        headroom: dt_s over the longest step; the chip keeps up where it is 1 or more.
    """

    dt_s: float
    sample_s: Estimate
    headroom: Estimate

    @property
    def keeps_up(self) -> bool:
        """Whether the chip keeps up in the longest step, even at the slowest of the estimate."""
        return self.headroom.low >= 1


def sample_latency(workload: Workload) -> Latency:
    """Return the time of the mean sample at full speed."""
    placement, chip = workload.placement, workload.placement.chip
    across, along = workload.longest_way
    way = chip.cost("hop_east_west_time") * across + chip.cost("hop_north_south_time") * along
    firsts = [placed.first for placed in placement.layers]
    core = workload.busiest_core
    return Latency(
        busy_s=workload.busy_s,
        way_s=way * Estimate(0.0, 1.0, 1.0),
        barrier_s=chip.barrier_time(placement.tiles * placement.chips),
        peak_s=workload.peak.busy_s,
        steps=workload.steps,
        busiest_core=core,
        busiest_layer=max(index for index, first in enumerate(firsts) if first <= core),
        busiest_core_s=float(workload.core_s[core]),
    )


def first_steps_s(workload: Workload, latency: Latency, steps: int) -> Estimate:
    """Return the seconds of the first `steps` steps of the mean sample, 1 to all."""
    whole = float(workload.busy_by_step_s.sum())
    share = float(workload.busy_by_step_s[:steps].sum()) / whole if whole else 0.0
    busy = latency.busy_s * (share * latency.steps)
    return busy + (latency.way_s + latency.barrier_s) * steps


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
        InputError: when `dt_ms` is not above 0, or infinite.
    """
    if not 0 < dt_ms < math.inf:
        raise InputError(f"dt_ms is {dt_ms}; a time step must last longer than 0 ms, and end")
    dt_s = dt_ms / 1000
    return RealTime(
        dt_s=dt_s,
        sample_s=largest([latency.sample_s, exactly(dt_s * latency.steps)]),
        headroom=latency.peak_step_s.inverse() * dt_s,
    )
