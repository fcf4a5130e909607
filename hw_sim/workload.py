"""The work of every neurocore of a placed network, step by step.

All neurocores work at once and meet at a barrier after every step, so the time of a step is that of
its busiest neurocore.
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
    longest_route,
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
        seconds: of its busiest neurocore, each end by itself.
        sample: in which sample, from 0.
        step: in which time step, from 0.
        neurocore: which one, from 0.
        synops: SynOps of that neurocore in that step.
    """

    seconds: Estimate
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
    """The work of the neurocores, of the mean sample. Spikes count in the step that sends them.

    Attributes:
        placement: the neurocores.
        num_samples: how many samples were measured.
        num_steps: time steps of each sample.
        busiest_s: seconds per step of the busiest neurocore of each step, the mean over steps.
        busiest_by_step_s: the same (value) for each step, float (steps,).
        peak: the longest step of all samples.
        core_s: seconds per step (value) of each neurocore, float (neurocores,).
        core_synops: SynOps of each neurocore, float (neurocores,).
        core_messages: messages that arrive at each neurocore, float (neurocores,).
        core_spikes: spikes that each neurocore sends, float (neurocores,).
        synops: SynOps of each layer and step, float (layers, steps).
        spikes: spikes of each layer and step, float (layers, steps).
        messages: messages that arrive at neurocores and host in each step, float (steps,).
        traffic: all messages and their hops.
        longest_route: hops (east-west, north-south) of the longest route of a message.
        injected: from the host.
        read: by the host; spikes only, see `voltages_read`.
    """

    placement: Placement
    num_samples: int
    num_steps: int
    busiest_s: Estimate
    busiest_by_step_s: NDArray[np.float64]
    peak: Peak
    core_s: NDArray[np.float64]
    core_synops: NDArray[np.float64]
    core_messages: NDArray[np.float64]
    core_spikes: NDArray[np.float64]
    synops: NDArray[np.float64]
    spikes: NDArray[np.float64]
    messages: NDArray[np.float64]
    traffic: Traffic
    longest_route: tuple[int, int]
    injected: Exchange
    read: Exchange

    @property
    def voltages_read(self) -> int:
        """Neurons of which the host reads v after the last step, where outputs never fire."""
        network = self.placement.network
        return network.layers[-1].neurons if network.readout == "voltage" else 0

    @property
    def busiest_core(self) -> int:
        """The neurocore that takes longest in the mean step."""
        return int(self.core_s.argmax())


ENDS: Final = ("low", "value", "high")


@dataclass(frozen=True, eq=False)
class Work:
    """The work of neurocores in each step of some samples, arrays (batch, neurocores, time).

    Attributes:
        synops: weights that they add, int64.
        messages: spikes that arrive, int32.
        spikes: spikes that their neurons send, int32.
    """

    synops: NDArray[np.int64]
    messages: NDArray[np.int32]
    spikes: NDArray[np.int32]


def core_seconds(placement: Placement, work: Work) -> dict[str, NDArray[np.float64]]:
    """Return the seconds of neurocores in each step, float (batch, neurocores, time), for `ENDS`.

    SynOps * synop + messages * message + spikes * spike + neurons * quiet update, where a spike
    costs its generation and what the update of a spiking neuron costs more than a quiet one.
    """
    chip = placement.chip
    neurons = neurons_of(placement).astype(np.float64)[:, None]
    quiet, spiking = (neuron_updates(1, spikes, chip=chip, what="time") for spikes in (0, 1))
    generation, message = chip.cost("spike_generation_time"), chip.cost("spike_message_time")
    synops = [operation(layer, chip, "time") for layer in placement.network.layers]
    cores = [placed.neurocores for placed in placement.layers]
    found = {}
    for end in ENDS:
        synop = np.repeat([getattr(each, end) for each in synops], cores)[:, None]
        seconds = work.synops * synop
        seconds += work.messages * getattr(message, end)
        spike = getattr(generation, end) + getattr(spiking, end) - getattr(quiet, end)
        seconds += work.spikes * spike
        seconds += neurons * np.float64(getattr(quiet, end))
        found[end] = seconds
    return found


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
    return around(updates * active.value, low, updates * active.high, active.unit)


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
    """Adds up the work of the neurocores of one placement, batch by batch."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        layers = placement.network.layers
        self._counters = [counters(placement, index) for index in range(len(layers) + 1)]
        self._sent = [np.zeros(len(each.start) - 1, np.int64) for each in self._counters]
        self._neurons = neurons_of(placement)[:, None]
        self._num_samples = self._num_steps = 0
        self._cores = np.zeros((3, placement.neurocores))
        self._core_s = np.zeros(placement.neurocores)
        self._longest = dict.fromkeys(ENDS, 0.0)
        self._peak = (0, 0, 0, 0)
        self._exchanged = {"injected": (0, 0), "read": (0, 0)}  # in all, and the most in a step

    def add(self, activity: Activity) -> None:
        """Add the next samples.

        Raises:
            InputError: when they are of another network, or have another number of steps than those
                before.
        """
        _check_sizes(activity, self._placement)
        samples, _, steps = activity.inputs.shape
        if not self._num_steps:
            self._num_steps = steps
            self._busiest = {end: np.zeros(steps) for end in ENDS}
            self._synops, self._spikes = np.zeros((2, len(self._placement.layers), steps))
            self._messages = np.zeros(steps)
        if steps != self._num_steps:
            raise InputError(
                f"samples of {steps} steps follow samples of {self._num_steps}; measure samples "
                "of one length together"
            )
        cores = self._placement.neurocores
        span = max(1, min(steps, VALUES_AT_ONCE // cores))
        some = max(1, VALUES_AT_ONCE // (cores * span))
        for start in range(0, samples, some):
            sent = [each[start : start + some] for each in (activity.inputs, *activity.spikes)]
            for since in range(0, steps, span):
                self._add_work(
                    self._work([each[:, :, since : since + span] for each in sent]), since
                )
            self._exchange("injected", self._injected(sent[0]))
            self._num_samples += len(sent[0])

    def result(self) -> Workload:
        """Return what was measured.

        Raises:
            InputError: when nothing was.
        """
        if not self._num_samples:
            raise InputError("no sample was measured; run one at least")
        samples, steps = self._num_samples, self._num_steps
        seconds = {end: float(self._busiest[end].mean()) / samples for end in ENDS}
        routes, longest = self._routes()
        sample, step, neurocore, synops = self._peak
        injected, read = (
            Exchange(total / samples, most) for total, most in self._exchanged.values()
        )
        return Workload(
            placement=self._placement,
            num_samples=samples,
            num_steps=steps,
            busiest_s=around(**seconds, unit="s"),
            busiest_by_step_s=self._busiest["value"] / samples,
            peak=Peak(around(**self._longest, unit="s"), sample, step, neurocore, synops),
            core_s=self._core_s / (samples * steps),
            core_synops=self._cores[0] / samples,
            core_messages=self._cores[1] / samples,
            core_spikes=self._cores[2] / samples,
            synops=self._synops / samples,
            spikes=self._spikes / samples,
            messages=self._messages / samples,
            traffic=routes * (1 / samples),
            longest_route=longest,
            injected=injected,
            read=read,
        )

    def _work(self, sent: list[NDArray[Any]]) -> Work:
        """Return the work that the spikes of the host and of every layer make."""
        batch, _, steps = sent[0].shape
        shape = batch, self._placement.neurocores, steps
        work = Work(np.zeros(shape, np.int64), *np.zeros((2, *shape), np.int32))
        for index, (spikes, of) in enumerate(zip(sent, self._counters)):
            if of.count:
                counts, synapses = self._count(index, spikes)
                if index > 0:
                    self._emit(work, index - 1, counts[:, : of.sending])
                if of.count > of.sending:
                    self._receive(work, index, counts[:, of.sending :], synapses[:, of.sending :])
        return work

    def _count(self, index: int, spikes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what each counter counts, int32 (batch, counters, steps), and synapses, int64."""
        of, by_step = self._counters[index], spikes.transpose(0, 2, 1)
        shape = *by_step.shape[:2], of.count
        counts, synapses = np.zeros(shape, np.int32), np.zeros(shape, np.int64)
        _count_messages(
            by_step, of.start, of.counter, of.synapses, counts, synapses, self._sent[index]
        )
        return counts.transpose(0, 2, 1), synapses.transpose(0, 2, 1)

    def _emit(self, work: Work, index: int, counts: NDArray[np.int32]) -> None:
        """Add what a layer sends, and what that makes for the layer itself if it is recurrent."""
        cores = self._placement.layers[index].slice
        work.spikes[:, cores] = counts
        if isinstance(self._placement.network.layers[index], RecurrentLayer):
            own = counts.sum(1, keepdims=True)
            work.messages[:, cores] += own
            work.synops[:, cores] += own * self._neurons[cores]

    def _receive(
        self, work: Work, index: int, counts: NDArray[np.int32], synapses: NDArray[np.int64]
    ) -> None:
        """Add what reaches a layer: all neurons of a dense one, some synapses of a convolution."""
        cores = self._placement.layers[index].slice
        convolves = isinstance(self._placement.network.layers[index], ConvLayer)
        work.messages[:, cores] += counts
        work.synops[:, cores] += synapses if convolves else counts * self._neurons[cores]

    def _add_work(self, work: Work, since: int) -> None:
        """Add the work of steps from `since` on."""
        seconds = core_seconds(self._placement, work)
        now = slice(since, since + work.synops.shape[2])
        for end in ENDS:
            busiest = seconds[end].max(1)
            self._busiest[end][now] += busiest.sum(0)
            most = float(busiest.max())
            if end == "value" and most > self._longest[end]:
                place = np.unravel_index(seconds[end].argmax(), seconds[end].shape)
                sample, core, step = map(int, place)
                synops = int(work.synops[sample, core, step])
                self._peak = (self._num_samples + sample, since + step, core, synops)
            self._longest[end] = max(self._longest[end], most)
        self._core_s += seconds["value"].sum((0, 2))
        parts = (work.synops, work.messages, work.spikes)
        self._cores += [each.sum((0, 2), dtype=np.int64) for each in parts]
        for index, placed in enumerate(self._placement.layers):
            self._synops[index, now] += work.synops[:, placed.slice].sum((0, 1))
            self._spikes[index, now] += work.spikes[:, placed.slice].sum((0, 1), dtype=np.int64)
        read = work.spikes[:, self._placement.layers[-1].slice].sum(1)
        self._messages[now] += work.messages.sum((0, 1), dtype=np.int64)
        self._messages[now] += read.sum(0)
        self._exchange("read", read)

    def _injected(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Return what the host sends in each step, (batch, steps): spikes, or the changes of values
        that drive input neurons."""
        if isinstance(self._placement.network.layers[0], InputLayer):
            before = np.concatenate([np.zeros_like(values[:, :, :1]), values[:, :, :-1]], axis=2)
            values = values != before
        counts: NDArray[np.int64] = (values != 0).sum(1)
        return counts

    def _exchange(self, name: str, counts: NDArray[Any]) -> None:
        total, most = self._exchanged[name]
        self._exchanged[name] = total + int(counts.sum()), max(most, int(counts.max(initial=0)))

    def _routes(self) -> tuple[Traffic, tuple[int, int]]:
        """Return the traffic of all samples, and the hops of the longest route."""
        found = [messages(self._placement, i, sent) for i, sent in enumerate(self._sent)]
        found += [
            own_messages(self._placement, index, self._sent[index + 1])
            for index, layer in enumerate(self._placement.network.layers)
            if isinstance(layer, RecurrentLayer)
        ]
        longest = max((longest_route(*each) for each in found), key=sum)
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


def measure(activity: Activity, placement: Placement) -> Workload:
    """Return the work of the neurocores in one run.

    Args:
        activity: of the network that is placed, one sample or more.
        placement: of that network.
    """
    meter = Meter(placement)
    meter.add(activity)
    return meter.result()
