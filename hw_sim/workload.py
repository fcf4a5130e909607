"""The work of every neurocore of a placed network in every time step.

All neurocores work in parallel and synchronize at a barrier after every step, so the time of a step
is that of its busiest neurocore or link: see `timing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.blocks import list_words, synapse_format
from neurodeploy.hw_sim.chips import Estimate, around
from neurodeploy.hw_sim.placement import Placement
from neurodeploy.hw_sim.timing import ENDS, End, Work, considered, neurons_of
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
from neurodeploy.models.json_fields import At, Table, same
from neurodeploy.models.layers import ConvLayer, InputLayer, RecurrentLayer


@dataclass(frozen=True)
class Peak:
    """The longest step of a run.

    Attributes:
        seconds: seconds of its busiest neurocore or link, each bound by itself.
        sample: index of the sample.
        step: index of the time step.
        neurocore: index of the busiest neurocore.
        synops: SynOps of that neurocore in that step.
    """

    JSON: ClassVar[Table] = Table({**same("sample step neurocore synops"), "busy_us": "seconds"})

    seconds: Estimate
    sample: int
    step: int
    neurocore: int
    synops: int


@dataclass(frozen=True)
class Exchange:
    """Numbers of spikes (or of values of an input layer) between the host and the chip.

    Attributes:
        per_sample: number in the mean sample.
        peak_step: largest number in one step of any sample.
    """

    per_sample: float
    peak_step: int


@dataclass(frozen=True, eq=False)
class Busy:
    """How long a resource of `timing.RESOURCES` is busy in the mean step.

    Attributes:
        seconds: time of its busiest neurocore or link of each step, the mean over steps.
        layer_s: seconds (value) for each layer, float (layers,): of its busiest neurocore, or of
            the link that its spikes load most.
    """

    seconds: Estimate
    layer_s: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Workload:
    """The work of the neurocores in the mean sample. Spikes count in the step that sends them.

    Attributes:
        placement: placement of the network.
        num_samples: number of samples.
        num_steps: time steps of each sample.
        busiest_s: seconds per step of the busiest resource of each step, the mean over steps. With
            several copies, of the slowest copy.
        busiest_by_step_s: the same (value) for each step, float (steps,).
        busy: each resource of one copy that the cost file has rows for, by name.
        peak: the longest step of all samples.
        core_s: seconds per step (value) of each neurocore: of its busiest resource, float
            (neurocores,).
        core_synops: SynOps of each neurocore, float (neurocores,).
        core_reads: words of synaptic memory that each neurocore reads, float (neurocores,).
        core_messages: messages that arrive at each neurocore, float (neurocores,).
        core_spikes: spikes that each neurocore sends, float (neurocores,).
        synops: SynOps of each layer and step, float (layers, steps).
        spikes: spikes of each layer and step, float (layers, steps).
        messages: messages to neurocores and host in each step, float (steps,).
        sent: messages that the host, then each layer sends, and their hops.
        longest_route: hops (east-west, north-south) of the longest route of a message.
        injected: spikes or values that the host sends.
        read: spikes that the host reads; see also `voltages_read`.
    """

    JSON: ClassVar[Table] = Table(
        {
            "peak": "peak",
            "mean_busy_us": "busiest_s",
            "messages_per_sample": "traffic.messages",
            "hops_east_west_per_sample": "traffic.east_west",
            "hops_north_south_per_sample": "traffic.north_south",
            "messages_between_chips_per_sample": "traffic.between_chips",
            "longest_route_hops": "longest_route_hops",
            "input_spikes_per_sample": At(
                "injected.per_sample", "Spikes or values that the host sends."
            ),
            "peak_input_spikes_per_step": At("injected.peak_step", "The most in one step."),
            "output_spikes_per_sample": At("read.per_sample", "Spikes that the host reads."),
            "peak_output_spikes_per_step": At("read.peak_step", "The most in one step."),
            "output_voltages_per_sample": "voltages_read",
        },
        "Load",
        "What the neurocores do, and what chip and host exchange.",
    )

    placement: Placement
    num_samples: int
    num_steps: int
    busiest_s: Estimate
    busiest_by_step_s: NDArray[np.float64]
    busy: Mapping[str, Busy]
    peak: Peak
    core_s: NDArray[np.float64]
    core_synops: NDArray[np.float64]
    core_reads: NDArray[np.float64]
    core_messages: NDArray[np.float64]
    core_spikes: NDArray[np.float64]
    synops: NDArray[np.float64]
    spikes: NDArray[np.float64]
    messages: NDArray[np.float64]
    sent: tuple[Traffic, ...]
    longest_route: tuple[int, int]
    injected: Exchange
    read: Exchange

    @property
    def traffic(self) -> Traffic:
        """All messages and their hops."""
        return sum(self.sent, NO_TRAFFIC)

    @property
    def longest_route_hops(self) -> int:
        """Hops of the longest route; the meshes of several chips connect."""
        return sum(self.longest_route)

    @property
    def voltages_read(self) -> int:
        """Voltages that the host reads after the last step, from outputs that never fire."""
        network = self.placement.network
        return network.layers[-1].neurons if network.readout == "voltage" else 0

    @property
    def busiest_core(self) -> int:
        """Index of the neurocore that takes longest in the mean step."""
        return int(self.core_s.argmax())


def count_messages(
    spikes: NDArray[Any],
    start: NDArray[np.int64],
    counter: NDArray[np.int64],
    synapses: NDArray[np.int64],
    words: NDArray[np.int64],
    counts: NDArray[np.int32],
    summed: NDArray[np.int64],
    reads: NDArray[np.int64],
    by_sender: NDArray[np.int64],
) -> None:
    """Add the spikes of samples to three outputs; any value but 0 is one spike.

    Args:
        spikes: spikes of the senders, array (batch, time, senders).
        start, counter, synapses, words: see `traffic.Counters`.
        counts: output, spikes of each counter, int32 (batch, time, counters).
        summed: output, the same times synapses, int64 (batch, time, counters).
        reads: output, the same times words, int64 (batch, time, counters).
        by_sender: output, spikes of each sender, int64 (senders,).
    """
    batch, time, senders = spikes.shape
    for sample in range(batch):
        for step in range(time):
            sent, count = spikes[sample, step], counts[sample, step]
            total, read = summed[sample, step], reads[sample, step]
            for sender in range(senders):
                if sent[sender] != 0:
                    by_sender[sender] += 1
                    for pair in range(start[sender], start[sender + 1]):
                        count[counter[pair]] += 1
                        total[counter[pair]] += synapses[pair]
                        read[counter[pair]] += words[pair]


_count_messages = compile_kernel(count_messages)


def slowest_of(copies: int, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the expected seconds of the slowest of several copies, float (...).

    Copies run different samples in lockstep: all wait for the slowest in every step. The expected
    maximum of `copies` independent draws, with replacement, from n measured samples is

        sum over i of x_i * ((i / n)^copies - ((i - 1) / n)^copies),    x_1 <= ... <= x_n.

    More copies than samples cannot be slower than the slowest sample that was measured.

    Args:
        copies: number of copies, 1 or more.
        seconds: seconds of each sample, float (samples, ...).
    """
    ranks = np.arange(len(seconds) + 1) / len(seconds)
    found: NDArray[np.float64] = np.tensordot(np.diff(ranks**copies), np.sort(seconds, axis=0), 1)
    return found


VALUES_AT_ONCE: Final = 1 << 22
"""Neurocores * samples * steps that are processed at once, to limit memory."""


class Meter:
    """Sum the work of the neurocores of a placement, batch by batch."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        layers, chip = placement.network.layers, placement.chip
        self._counters = [counters(placement, index) for index in range(len(layers) + 1)]
        used = np.any([each.routes.any(0) for each in self._counters], axis=0)
        self._links = [each.routes[:, used].T.astype(float) for each in self._counters]
        self._sent = [np.zeros(len(each.start) - 1, np.int64) for each in self._counters]
        neurons, slices = neurons_of(placement), [placed.slice for placed in placement.layers]
        self._list = [  # synapses and words of a dense sender's list in each neurocore
            (neurons[cores, None] * layer.synapses_per_weight,
             list_words(neurons[cores, None], synapse_format(layer, chip), chip))
            for layer, cores in zip(layers, slices)
        ]  # fmt: skip
        self._num_samples = self._num_steps = 0
        self._busiest: list[NDArray[np.float64]] = []  # (ends, samples or 1, steps), see `ENDS`
        self._cores = np.zeros((4, placement.neurocores))
        self._resources = considered(placement.chip)
        self._busy = {name: dict.fromkeys(ENDS, 0.0) for name in self._resources}
        self._unit_s = dict.fromkeys(self._resources, np.zeros(1))
        self._crossed = np.zeros((len(layers), int(used.sum())))  # of each layer's spikes
        self._core_s = np.zeros(placement.neurocores)
        self._longest = dict.fromkeys(ENDS, 0.0)
        self._peak = (0, 0, 0, 0)
        self._exchanged = {"injected": (0, 0), "read": (0, 0)}  # total, largest in one step

    def add(self, activity: Activity) -> None:
        """Add the next samples.

        Raises:
            InputError: when their network or their number of steps differs.
        """
        _check_sizes(activity, self._placement)
        samples, _, steps = activity.inputs.shape
        if not self._num_steps:
            self._num_steps = steps
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
        busiest = np.zeros((len(ENDS), samples, steps))
        for start in range(0, samples, some):
            sent = [each[start : start + some] for each in (activity.inputs, *activity.spikes)]
            for since in range(0, steps, span):
                work = self._work([each[:, :, since : since + span] for each in sent])
                now = slice(since, since + span)
                busiest[:, start : start + some, now] = self._add_work(work, since)
            self._exchange("injected", self._injected(sent[0]))
            self._num_samples += len(sent[0])
        self._busiest.append(busiest)
        if self._placement.total_copies == 1:  # the sum is all that is needed
            self._busiest = [sum(each.sum(1, keepdims=True) for each in self._busiest)]

    def result(self) -> Workload:
        """Return the work of all samples.

        Raises:
            InputError: when there are none.
        """
        if not self._num_samples:
            raise InputError("no sample was measured; run one at least")
        samples, steps = self._num_samples, self._num_steps
        by_step = self._by_step()
        seconds = {end: float(each.mean()) for end, each in by_step.items()}
        sent, longest = self._routes()
        sample, step, neurocore, synops = self._peak
        injected, read = (
            Exchange(total / samples, most) for total, most in self._exchanged.values()
        )
        return Workload(
            placement=self._placement,
            num_samples=samples,
            num_steps=steps,
            busiest_s=around(**seconds, unit="s"),
            busiest_by_step_s=by_step["value"],
            busy={name: self._busy_in_mean(name) for name in self._resources},
            peak=Peak(around(**self._longest, unit="s"), sample, step, neurocore, synops),
            core_s=self._core_s / (samples * steps),
            core_synops=self._cores[0] / samples,
            core_reads=self._cores[1] / samples,
            core_messages=self._cores[2] / samples,
            core_spikes=self._cores[3] / samples,
            synops=self._synops / samples,
            spikes=self._spikes / samples,
            messages=self._messages / samples,
            sent=tuple(each * (1 / samples) for each in sent),
            longest_route=longest,
            injected=injected,
            read=read,
        )

    def _busy_in_mean(self, name: str) -> Busy:
        """Return how long a resource is busy in the mean step."""
        steps = self._num_samples * self._num_steps
        ends = {end: total / steps for end, total in self._busy[name].items()}
        layers = [self._unit_s[name][placed.slice] for placed in self._placement.layers]
        if self._resources[name].unit == "link":
            per_message = self._placement.chip.cost("link_message_time").value
            layers = list(self._crossed * per_message)
        most = np.array([each.max(initial=0.0) for each in layers])
        return Busy(around(**ends, unit="s"), most / steps)

    def _by_step(self) -> dict[End, NDArray[np.float64]]:
        """Return the seconds per step of the busiest resource for `ENDS`, float (steps,)."""
        copies, every = self._placement.total_copies, np.concatenate(self._busiest, axis=1)
        if copies == 1:
            return dict(zip(ENDS, every[:, 0] / self._num_samples))
        return {end: slowest_of(copies, each) for end, each in zip(ENDS, every)}

    def _work(self, sent: list[NDArray[Any]]) -> Work:
        """Return the work due to the spikes of the host and of every layer."""
        batch, _, steps = sent[0].shape
        shape = batch, self._placement.neurocores, steps
        few, many = np.zeros((2, *shape), np.int32), np.zeros((3, *shape), np.int64)
        links = np.zeros((batch, self._crossed.shape[1], steps))
        work = Work(many[0], few[0], few[1], many[1], links, many[2])
        for index, (spikes, of) in enumerate(zip(sent, self._counters)):
            counts, *sums = self._count(index, spikes)
            arrived = slice(of.sending, of.sending + of.receiving)
            if index > 0:
                self._emit(work, index - 1, counts[:, : of.sending], sums[0][:, : of.sending])
            if of.receiving:
                self._receive(work, index, *(each[:, arrived] for each in (counts, *sums)))
            crossed = self._links[index] @ counts[:, arrived.stop :].astype(float)
            work.links[:] += crossed
            if index > 0:
                self._crossed[index - 1] += crossed.sum((0, 2))
        return work

    def _count(self, index: int, spikes: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Return the counts, the summed synapses and the words read, (batch, counters, steps)."""
        of, by_step = self._counters[index], spikes.transpose(0, 2, 1)
        shape = *by_step.shape[:2], of.count
        counts, sums = np.zeros(shape, np.int32), np.zeros((2, *shape), np.int64)
        _count_messages(
            by_step, of.start, of.counter, of.synapses, of.words, counts, *sums, self._sent[index]
        )
        return tuple(each.transpose(0, 2, 1) for each in (counts, *sums))

    def _emit(
        self, work: Work, index: int, counts: NDArray[np.int32], sent: NDArray[np.int64]
    ) -> None:
        """Add the spikes and messages of a layer, and the work of its recurrent synapses."""
        cores = self._placement.layers[index].slice
        work.spikes[:, cores], work.sent[:, cores] = counts, sent
        if isinstance(self._placement.network.layers[index], RecurrentLayer):
            own = counts.sum(1, keepdims=True)
            work.messages[:, cores] += own
            self._read_lists(work, index, own)

    def _receive(
        self,
        work: Work,
        index: int,
        counts: NDArray[np.int32],
        synapses: NDArray[np.int64],
        words: NDArray[np.int64],
    ) -> None:
        """Add the messages and SynOps of the spikes that arrive at a layer."""
        cores, layer = self._placement.layers[index].slice, self._placement.network.layers[index]
        work.messages[:, cores] += counts
        if isinstance(layer, ConvLayer):
            work.synops[:, cores] += synapses * layer.synapses_per_weight
            work.reads[:, cores] += words
        else:
            self._read_lists(work, index, counts)

    def _read_lists(self, work: Work, index: int, counts: NDArray[np.int32]) -> None:
        """Add the SynOps and the reads of spikes that reach every neuron of a layer."""
        cores, (synapses, words) = self._placement.layers[index].slice, self._list[index]
        work.synops[:, cores] += counts * synapses
        work.reads[:, cores] += counts * words

    def _add_work(self, work: Work, since: int) -> NDArray[np.float64]:
        """Add the work of the steps from `since` on.

        Returns:
            Seconds of the busiest resource for `ENDS`, float (ends, batch, time).
        """
        now = slice(since, since + work.synops.shape[2])
        every = []
        for end in ENDS:
            cores, busiest = self._seconds(work, end)
            every.append(busiest)
            most = float(busiest.max())
            if end == "value":
                self._core_s += cores.sum((0, 2))
                if most > self._longest[end]:
                    sample, step = map(int, np.unravel_index(busiest.argmax(), busiest.shape))
                    core = int(cores[sample, :, step].argmax())
                    synops = int(work.synops[sample, core, step])
                    self._peak = (self._num_samples + sample, since + step, core, synops)
            self._longest[end] = max(self._longest[end], most)
        parts = (work.synops, work.reads, work.messages, work.spikes)
        self._cores += [each.sum((0, 2), dtype=np.int64) for each in parts]
        for index, placed in enumerate(self._placement.layers):
            self._synops[index, now] += work.synops[:, placed.slice].sum((0, 1))
            self._spikes[index, now] += work.spikes[:, placed.slice].sum((0, 1), dtype=np.int64)
        read = work.spikes[:, self._placement.layers[-1].slice].sum(1)
        self._messages[now] += work.messages.sum((0, 1), dtype=np.int64)
        self._messages[now] += read.sum(0)
        self._exchange("read", read)
        return np.stack(every)

    def _seconds(self, work: Work, end: End) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the time of each neurocore and of the busiest resource in each step.

        They are the largest of its resources for a low and a likely time, their sum for a high one.

        Returns:
            float arrays (batch, neurocores, steps) and (batch, steps).
        """
        cores, links = (
            np.zeros(work.synops.shape),
            np.zeros((len(work.synops), work.synops.shape[2])),
        )
        for name, resource in self._resources.items():
            seconds = resource.seconds(self._placement, work, end)
            busiest = seconds.max(1, initial=0.0)
            self._busy[name][end] += float(busiest.sum())
            if end == "value":
                self._unit_s[name] = self._unit_s[name] + seconds.sum((0, 2))
            if resource.unit == "link":
                np.maximum(links, busiest, out=links)
            else:
                (np.add if end == "high" else np.maximum)(cores, seconds, out=cores)
        return cores, np.maximum(cores.max(1), links)

    def _injected(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Return the number of spikes that the host sends in each step, (batch, steps).

        For an input layer, the number of values that differ from the previous step.
        """
        if isinstance(self._placement.network.layers[0], InputLayer):
            before = np.concatenate([np.zeros_like(values[:, :, :1]), values[:, :, :-1]], axis=2)
            values = values != before
        counts: NDArray[np.int64] = (values != 0).sum(1)
        return counts

    def _exchange(self, name: str, counts: NDArray[Any]) -> None:
        total, most = self._exchanged[name]
        self._exchanged[name] = total + int(counts.sum()), max(most, int(counts.max(initial=0)))

    def _routes(self) -> tuple[list[Traffic], tuple[int, int]]:
        """Return the traffic of the host and of each layer, and the hops of the longest route."""
        placement = self._placement
        found = [[messages(placement, index, sent)] for index, sent in enumerate(self._sent)]
        for index, layer in enumerate(placement.network.layers):
            if isinstance(layer, RecurrentLayer):
                found[index + 1].append(own_messages(placement, index, self._sent[index + 1]))
        longest = max((longest_route(*flow) for flows in found for flow in flows), key=sum)
        return [sum((traffic(*each) for each in flows), NO_TRAFFIC) for flows in found], longest


def _check_sizes(activity: Activity, placement: Placement) -> None:
    """Raise InputError if the activity and the placement are of networks of different sizes."""
    layers = placement.network.layers
    ran = [array.shape[1] for array in (activity.inputs, *activity.spikes)]
    placed = [layers[0].inputs, *(layer.neurons for layer in layers)]
    if ran != placed:
        one, other = ("-".join(map(str, sizes)) for sizes in (ran, placed))
        raise InputError(
            f"the activity is of a network {one} and the placed network is {other}; give the "
            "network that ran"
        )


def measure(activity: Activity, placement: Placement) -> Workload:
    """Return the work of the neurocores in one run.

    Args:
        activity: activity of the network, one sample or more.
        placement: placement of the same network.
    """
    meter = Meter(placement)
    meter.add(activity)
    return meter.result()
