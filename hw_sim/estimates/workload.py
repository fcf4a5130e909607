"""What the neurocores of a placed network do in the mean sample, as data; `meter` measures it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.estimates.estimate import Estimate
from neurodeploy.hw_sim.placement.mesh import Traffic
from neurodeploy.hw_sim.placement.place import Placement


@dataclass(frozen=True)
class Peak:
    """The longest step of a run.

    Attributes:
        busy_s: what its busiest neurocore takes, each end by itself.
        sample: in which sample, from 0.
        step: in which time step, from 0.
        neurocore: which one, from 0.
        synops: SynOps of that neurocore in that step.
    """

    busy_s: Estimate
    sample: int
    step: int
    neurocore: int
    synops: int


@dataclass(frozen=True)
class Exchange:
    """Spikes, or values that drive input neurons, that pass between the host and the chip.

    Attributes:
        per_sample: in the mean sample.
        peak_step: the most in one step of any sample.
    """

    per_sample: float
    peak_step: int


@dataclass(frozen=True, eq=False)
class Workload:
    """What the neurocores did. Spikes count in the step in which they are sent.

    Attributes:
        placement: the neurocores.
        samples: how many ran.
        steps: time steps of each.
        busy_s: seconds a step that the busiest neurocore of each step takes, the mean.
        busy_by_step_s: the same (value) in each step, float (steps,).
        peak: the longest step.
        core_s: seconds a step (value) of each neurocore, float (neurocores,).
        core_synops: of each neurocore, a sample, float (neurocores,).
        core_messages: that arrive at each neurocore, a sample, float (neurocores,).
        core_spikes: that each neurocore sends, a sample, float (neurocores,).
        synops: of each layer and step, a sample, float (layers, steps).
        spikes: of each layer and step, a sample, float (layers, steps).
        messages: that arrive at neurocores and host in each step, a sample, float (steps,).
        traffic: the ways of all messages, for a sample.
        longest_way: hops (east-west, north-south) of the longest of them.
        injected: from the host.
        read: by the host; spikes alone, see `voltages_read`.
    """

    placement: Placement
    samples: int
    steps: int
    busy_s: Estimate
    busy_by_step_s: NDArray[np.float64]
    peak: Peak
    core_s: NDArray[np.float64]
    core_synops: NDArray[np.float64]
    core_messages: NDArray[np.float64]
    core_spikes: NDArray[np.float64]
    synops: NDArray[np.float64]
    spikes: NDArray[np.float64]
    messages: NDArray[np.float64]
    traffic: Traffic
    longest_way: tuple[int, int]
    injected: Exchange
    read: Exchange

    @property
    def voltages_read(self) -> int:
        """Neurons of which the host reads v after the last step: outputs that never fire."""
        network = self.placement.network
        return network.layers[-1].neurons if network.answer_kind == "voltage" else 0

    @property
    def busiest_core(self) -> int:
        """The neurocore that takes longest in the mean step."""
        return int(self.core_s.argmax())
