"""Measure what every neurocore of a placed network does, step by step.

All neurocores work at once and meet at a barrier after every step, so the time of a step follows
the busiest neurocore of that step, and of that step alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.chips import Chip, Estimate, around
from neurodeploy.hw_sim.placement import Placement
from neurodeploy.hw_sim.traffic import (
    NO_TRAFFIC,
    Traffic,
    counters,
    longest_way,
    messages,
    own_messages,
    traffic,
)
from neurodeploy.models.compiling import compile_kernel
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import ConvLayer, InputLayer, Layer, RecurrentLayer


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
        return network.layers[-1].neurons if network.readout == "voltage" else 0

    @property
    def busiest_core(self) -> int:
        """The neurocore that takes longest in the mean step."""
        return int(self.core_s.argmax())


ENDS = ("low", "value", "high")


@dataclass(frozen=True, eq=False)
class Work:
    """What neurocores do in each step of some samples, arrays (batch, neurocores, time).

    Attributes:
        synops: weights that they add, int64.
        messages: spikes that arrive, int32.
        spikes: spikes that their neurons send, int32.
    """

    synops: NDArray[np.int64]
    messages: NDArray[np.int32]
    spikes: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class CoreTimes:
    """The seconds that one end of the estimate charges.

    Attributes:
        synop: for a SynOp, float (neurocores, 1).
        message: for a spike that arrives.
        spike: for a spike that is sent, beyond its neuron's update.
        fixed: for a step without spikes: the updates of all neurons, float (neurocores, 1).
    """

    synop: NDArray[np.float64]
    message: float
    spike: float
    fixed: NDArray[np.float64]

    def seconds(self, work: Work) -> NDArray[np.float64]:
        """Return SynOps * synop + messages * message + spikes * spike + fixed.

        Returns:
            float array (batch, neurocores, time).
        """
        found = work.synops * self.synop
        found += work.messages * self.message
        found += work.spikes * self.spike
        found += self.fixed
        return found


def core_times(placement: Placement) -> dict[str, CoreTimes]:
    """Return the seconds of what neurocores do, for each of `ENDS`.

    Neurons count as `neuron_updates` has it: one that spikes takes what it does beyond one that
    does not.
    """
    chip = placement.chip
    neurons = neurons_of(placement).astype(np.float64)[:, None]
    quiet, spiking = (neuron_updates(1, spikes, chip=chip, what="time") for spikes in (0, 1))
    generation, message = chip.cost("spike_generation_time"), chip.cost("spike_message_time")
    synop = _of_layers(placement)
    return {
        end: CoreTimes(
            synop=np.array([getattr(each, end) for each in synop])[:, None],
            message=getattr(message, end),
            spike=getattr(generation, end) + getattr(spiking, end) - getattr(quiet, end),
            fixed=neurons * np.float64(getattr(quiet, end)),
        )
        for end in ENDS
    }


def neuron_updates(updates: float, spikes: float, *, chip: Chip, what: str) -> Estimate:
    """Return the joules or seconds of `updates` neuron updates, of which `spikes` end in a spike.

    A neuron at rest is updated for less than an active one, and which ones are at rest is not
    counted. Low: only those that spike are active, and one at rest takes no more than they do,
    spikes * active + (updates - spikes) * inactive. Value and high: all are active,
    updates * active, as KerasSpiking counts. What generates a spike is not among it.

    Args:
        updates: neurons times steps.
        spikes: as many at most.
        chip: on which.
        what: "energy" or "time".
    """
    active = chip.cost(f"neuron_update_active_{what}")
    inactive = chip.cost(f"neuron_update_inactive_{what}")
    low = spikes * active.low + (updates - spikes) * min(inactive.low, active.low)
    return around(updates * active.value, low, updates * active.high)


def neurons_of(placement: Placement) -> NDArray[np.int64]:
    """Return the neurons of every neurocore, int64 (neurocores,)."""
    sizes = [math.prod(size) for placed in placement.layers for size in placed.blocks.sizes()]
    return np.array(sizes, np.int64)


def operation(layer: Layer, chip: Chip, what: str) -> Estimate:
    """Return the joules or seconds of one SynOp of a layer; convolutions may have a row of theirs.

    Args:
        layer: whose SynOp.
        chip: on which.
        what: "energy" or "time".
    """
    row = f"convolution_operation_{what}"
    if isinstance(layer, ConvLayer) and row in chip.costs:
        return chip.cost(row)
    return chip.cost(f"synaptic_operation_{what}")


def _of_layers(placement: Placement) -> list[Estimate]:
    found = []
    for layer, placed in zip(placement.network.layers, placement.layers):
        found += [operation(layer, placement.chip, "time")] * placed.neurocores
    return found


def is_dense(layer: Layer) -> bool:
    """Return whether a spike that arrives reaches every neuron of the layer."""
    return not isinstance(layer, (ConvLayer, InputLayer))


def count_messages(
    spikes: NDArray[Any],
    start: NDArray[np.int64],
    counter: NDArray[np.int64],
    synapses: NDArray[np.int64],
    counts: NDArray[np.int32],
    summed: NDArray[np.int64],
    by_sender: NDArray[np.int64],
) -> None:
    """Add to the three outputs what the samples hold; any value but 0 is one spike.

    Args:
        spikes: what the senders sent, array (batch, time, senders).
        start: where the pairs of each sender begin, int64 (senders + 1,).
        counter: of each pair of sender and counter, int64 (pairs,).
        synapses: of each pair, int32 (pairs,).
        counts: spikes that each counter counts, int32 (batch, time, counters).
        summed: the same, each times its synapses, int64 (batch, time, counters).
        by_sender: spikes of each sender, int64 (senders,).
    """
    batch, time, senders = spikes.shape
    for sample in range(batch):
        for step in range(time):
            sent, count, total = spikes[sample, step], counts[sample, step], summed[sample, step]
            for sender in range(senders):
                if sent[sender] != 0:
                    by_sender[sender] += 1
                    for pair in range(start[sender], start[sender + 1]):
                        count[counter[pair]] += 1
                        total[counter[pair]] += synapses[pair]


_count_messages = compile_kernel(count_messages)

VALUES_AT_ONCE: Final = 1 << 22
"""Neurocores times samples times steps that are worked on at once, to keep memory flat."""


class Meter:
    """Adds up what the neurocores of one placement do, batch by batch."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        layers = placement.network.layers
        self._counters = [counters(placement, index) for index in range(len(layers) + 1)]
        self._sent = [np.zeros(len(each.start) - 1, np.int64) for each in self._counters]
        self._times = core_times(placement)
        self._neurons = neurons_of(placement)[:, None]
        self._samples = 0
        self._steps: _Steps | None = None

    def add(self, activity: Activity) -> None:
        """Add the next samples.

        Raises:
            InputError: when they are of another network, or have another number of steps than those
                before.
        """
        _check_sizes(activity, self._placement)
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
        for index, (spikes, of) in enumerate(zip(sent, self._counters)):
            if of.count:
                counts, synapses = self._tally(index, spikes)
                here, there = slice(of.sending), slice(of.sending, None)
                if index > 0:
                    self._emit(work, index - 1, counts[:, here])
                if of.count > of.sending:
                    self._receive(work, index, counts[:, there], synapses[:, there])
        return work

    def _tally(self, index: int, spikes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what each counter counts, int32 (batch, counters, steps), and synapses, int64."""
        of, frames = self._counters[index], spikes.transpose(0, 2, 1)
        shape = *frames.shape[:2], of.count
        counts, synapses = np.zeros(shape, np.int32), np.zeros(shape, np.int64)
        _count_messages(
            frames, of.start, of.counter, of.synapses, counts, synapses, self._sent[index]
        )
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
        found = [messages(self._placement, i, sent) for i, sent in enumerate(self._sent)]
        found += [
            own_messages(self._placement, index, self._sent[index + 1])
            for index, layer in enumerate(self._placement.network.layers)
            if isinstance(layer, RecurrentLayer)
        ]
        longest = max((longest_way(*each) for each in found), key=sum)
        return sum((traffic(*each) for each in found), NO_TRAFFIC), longest


def _check_sizes(activity: Activity, placement: Placement) -> None:
    """Raise InputError for the activity of a network of other sizes than the one placed."""
    layers = placement.network.layers
    ran = [array.shape[1] for array in (activity.inputs, *activity.spikes)]
    placed = [layers[0].inputs, *(layer.neurons for layer in layers)]
    if ran != placed:
        one, other = ("-".join(map(str, sizes)) for sizes in (ran, placed))
        raise InputError(
            f"the activity is of a network {one} and the network placed is {other}; give the "
            "network that ran"
        )


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
