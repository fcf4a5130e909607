"""Measure what every neurocore of a placed network does, step by step.

All neurocores work at once and meet at a barrier after every step, so the time of a step follows
the busiest neurocore of that step, and of that step alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.estimates.core_time import ENDS, Work, core_times, is_dense, neurons_of
from neurodeploy.hw_sim.estimates.estimate import around
from neurodeploy.hw_sim.estimates.workload import Exchange, Peak, Workload
from neurodeploy.hw_sim.kernels.tally import tally
from neurodeploy.hw_sim.placement import links
from neurodeploy.hw_sim.placement.mesh import NO_TRAFFIC, Traffic, longest_way, traffic
from neurodeploy.hw_sim.placement.place import Placement
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import InputLayer, RecurrentLayer

VALUES_AT_ONCE: Final = 1 << 22
"""Neurocores times samples times steps that are worked on at once, to keep memory flat."""


class Meter:
    """Adds up what the neurocores of one placement do, batch by batch."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        layers = placement.network.layers
        self._counters = [links.counters(placement, index) for index in range(len(layers) + 1)]
        self._sent = [np.zeros(len(each.start) - 1, np.int64) for each in self._counters]
        self._times = core_times(placement)
        self._neurons = neurons_of(placement)[:, None]
        self._samples = 0
        self._steps: _Steps | None = None

    def add(self, activity: Activity) -> None:
        """Add the next samples.

        Raises:
            InputError: when they have another number of steps than those before.
        """
        samples, _, steps = activity.inputs.shape
        if self._steps is None:
            self._steps = _Steps(self._placement, steps)
        if steps != self._steps.steps:
            raise InputError(
                f"samples of {steps} steps follow samples of {self._steps.steps}; measure samples "
                "of one length together"
            )
        cores = self._placement.neurocores
        span = max(1, min(steps, VALUES_AT_ONCE // cores))
        some = max(1, VALUES_AT_ONCE // (cores * span))
        for start in range(0, samples, some):
            sent = [each[start : start + some] for each in (activity.inputs, *activity.spikes)]
            for since in range(0, steps, span):
                work = self._work([each[:, :, since : since + span] for each in sent])
                seconds = {end: self._times[end].seconds(work) for end in ENDS}
                self._steps.add(work, seconds, first=self._samples, since=since)
            self._steps.exchange(sent)
            self._samples += len(sent[0])

    def result(self) -> Workload:
        """Return what was measured.

        Raises:
            InputError: when nothing was.
        """
        if self._steps is None or not self._samples:
            raise InputError("no sample was measured; run one at least")
        ways, longest = self._ways()
        return self._steps.workload(self._samples, ways * (1 / self._samples), longest)

    def _work(self, sent: list[NDArray[Any]]) -> Work:
        batch, _, steps = sent[0].shape
        shape = batch, self._placement.neurocores, steps
        work = Work(np.zeros(shape, np.int64), *np.zeros((2, *shape), np.int32))
        for index, (spikes, counters) in enumerate(zip(sent, self._counters)):
            if counters.count:
                counts, synapses = self._tally(index, spikes)
                here, there = slice(counters.sending), slice(counters.sending, None)
                if index > 0:
                    self._emit(work, index - 1, counts[:, here])
                if counters.count > counters.sending:
                    self._receive(work, index, counts[:, there], synapses[:, there])
        return work

    def _tally(self, index: int, spikes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what each counter counts, int32 (batch, counters, steps), and synapses, int64."""
        of, frames = self._counters[index], spikes.transpose(0, 2, 1)
        shape = *frames.shape[:2], of.count
        counts, synapses = np.zeros(shape, np.int32), np.zeros(shape, np.int64)
        tally(frames, of.start, of.counter, of.synapses, counts, synapses, self._sent[index])
        return counts.transpose(0, 2, 1), synapses.transpose(0, 2, 1)

    def _emit(self, work: Work, index: int, counts: NDArray[np.int32]) -> None:
        """Note what a layer sends, and what that is for the layer itself if it is recurrent."""
        cores = self._placement.layers[index].slice
        work.spikes[:, cores] = counts
        if isinstance(self._placement.network.layers[index], RecurrentLayer):
            own = counts.sum(1, keepdims=True)
            work.messages[:, cores] += own
            work.synops[:, cores] += own * self._neurons[cores]

    def _receive(
        self, work: Work, index: int, counts: NDArray[np.int32], synapses: NDArray[np.int64]
    ) -> None:
        """Note what reaches a layer: spikes, and their synapses where these are not all."""
        cores = self._placement.layers[index].slice
        dense = is_dense(self._placement.network.layers[index])
        work.messages[:, cores] += counts
        work.synops[:, cores] += counts * self._neurons[cores] if dense else synapses

    def _ways(self) -> tuple[Traffic, tuple[int, int]]:
        found = [links.messages(self._placement, i, sent) for i, sent in enumerate(self._sent)]
        found += [
            links.own_messages(self._placement, index, self._sent[index + 1])
            for index, layer in enumerate(self._placement.network.layers)
            if isinstance(layer, RecurrentLayer)
        ]
        longest = max((longest_way(*each) for each in found), key=sum)
        return sum((traffic(*each) for each in found), NO_TRAFFIC), longest


@dataclass
class _Exchanged:
    """What passed between host and chip so far.

    Attributes:
        total: spikes or values, over all samples and steps.
        most: of them in one step of any sample.
    """

    total: int = 0
    most: int = 0

    def note(self, counts: NDArray[Any]) -> None:
        """Add what passed in each step of some samples, (batch, steps)."""
        self.total += int(counts.sum())
        self.most = max(self.most, int(counts.max(initial=0)))

    def mean(self, samples: int) -> Exchange:
        """Return it for the mean of so many samples."""
        return Exchange(self.total / samples, self.most)


class _Steps:
    """What was measured so far, summed over samples."""

    def __init__(self, placement: Placement, steps: int) -> None:
        cores, layers = placement.neurocores, len(placement.layers)
        self._placement, self.steps = placement, steps
        self._busy = {end: np.zeros(steps) for end in ENDS}
        self._core_s = np.zeros(cores)
        self._cores = np.zeros((3, cores))
        self._synops, self._spikes = np.zeros((2, layers, steps))
        self._messages = np.zeros(steps)
        self._longest = dict.fromkeys(ENDS, 0.0)
        self._peak = (0, 0, 0, 0)
        self._injected, self._read = _Exchanged(), _Exchanged()

    def add(
        self, work: Work, seconds: dict[str, NDArray[np.float64]], *, first: int, since: int
    ) -> None:
        """Add some samples and steps, the first sample and step of them by their numbers."""
        now = slice(since, since + work.synops.shape[2])
        for end in ENDS:
            busiest = seconds[end].max(1)
            self._busy[end][now] += busiest.sum(0)
            if end == "value" and busiest.max() > self._longest[end]:
                self._peak = _place(seconds[end], work, first, since)
            self._longest[end] = max(self._longest[end], float(busiest.max()))
        self._core_s += seconds["value"].sum((0, 2))
        parts = (work.synops, work.messages, work.spikes)
        self._cores += [each.sum((0, 2), dtype=np.int64) for each in parts]
        for index, placed in enumerate(self._placement.layers):
            self._synops[index, now] += work.synops[:, placed.slice].sum((0, 1))
            self._spikes[index, now] += work.spikes[:, placed.slice].sum((0, 1), dtype=np.int64)
        self._messages[now] += work.messages.sum((0, 1), dtype=np.int64)
        last = self._placement.layers[-1].slice
        read = work.spikes[:, last].sum(1)
        self._messages[now] += read.sum(0)
        self._read.note(read)

    def exchange(self, sent: list[NDArray[Any]]) -> None:
        """Add what the host sends: spikes, or the changes of values that drive input neurons."""
        values = sent[0]
        if isinstance(self._placement.network.layers[0], InputLayer):
            before = np.concatenate([np.zeros_like(values[:, :, :1]), values[:, :, :-1]], axis=2)
            values = values != before
        self._injected.note((values != 0).sum(1))

    def workload(self, samples: int, ways: Traffic, longest: tuple[int, int]) -> Workload:
        """Return means over the samples."""
        sample, step, neurocore, synops = self._peak
        return Workload(
            placement=self._placement,
            samples=samples,
            steps=self.steps,
            busy_s=around(**{end: float(self._busy[end].mean()) / samples for end in ENDS}),
            busy_by_step_s=self._busy["value"] / samples,
            peak=Peak(around(**self._longest), sample, step, neurocore, synops),
            core_s=self._core_s / (samples * self.steps),
            core_synops=self._cores[0] / samples,
            core_messages=self._cores[1] / samples,
            core_spikes=self._cores[2] / samples,
            synops=self._synops / samples,
            spikes=self._spikes / samples,
            messages=self._messages / samples,
            traffic=ways,
            longest_way=longest,
            injected=self._injected.mean(samples),
            read=self._read.mean(samples),
        )


def _place(
    seconds: NDArray[np.float64], work: Work, first: int, since: int
) -> tuple[int, int, int, int]:
    """Return sample, step, neurocore and SynOps where the most seconds are."""
    sample, core, step = (int(i) for i in np.unravel_index(seconds.argmax(), seconds.shape))
    return first + sample, since + step, core, int(work.synops[sample, core, step])


def measure(activity: Activity, placement: Placement) -> Workload:
    """Return what the neurocores did in one run.

    Args:
        activity: of the network that is placed, one sample or more.
        placement: where it is.
    """
    meter = Meter(placement)
    meter.add(activity)
    return meter.result()
