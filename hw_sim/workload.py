"""The work of every neurocore of a placed network in every time step.

All neurocores work in parallel and synchronize at a barrier after every step, so the time of a step
is that of its busiest neurocore.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.blocks import list_words, synapse_format
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
        seconds: time of its busiest neurocore, each bound by itself.
        sample: index of the sample.
        step: index of the time step.
        neurocore: index of the busiest neurocore.
        synops: SynOps of that neurocore in that step.
    """

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
class Workload:
    """The work of the neurocores in the mean sample. Spikes count in the step that sends them.

    Attributes:
        placement: placement of the network.
        num_samples: number of samples.
        num_steps: time steps of each sample.
        busiest_s: seconds per step of the busiest neurocore of each step, the mean over steps.
        busiest_by_step_s: the same (value) for each step, float (steps,).
        peak: the longest step of all samples.
        core_s: seconds per step (value) of each neurocore, float (neurocores,).
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

    placement: Placement
    num_samples: int
    num_steps: int
    busiest_s: Estimate
    busiest_by_step_s: NDArray[np.float64]
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
    def voltages_read(self) -> int:
        """Voltages that the host reads after the last step, from outputs that never fire."""
        network = self.placement.network
        return network.layers[-1].neurons if network.readout == "voltage" else 0

    @property
    def busiest_core(self) -> int:
        """Index of the neurocore that takes longest in the mean step."""
        return int(self.core_s.argmax())


ENDS: Final = ("low", "value", "high")


@dataclass(frozen=True, eq=False)
class Work:
    """The work of neurocores in each step of some samples, arrays (batch, neurocores, time).

    Attributes:
        synops: SynOps, int64.
        reads: words of synaptic memory that SynOps read, int64.
        messages: spikes that arrive, int32.
        spikes: spikes that are sent, int32.
    """

    synops: NDArray[np.int64]
    reads: NDArray[np.int64]
    messages: NDArray[np.int32]
    spikes: NDArray[np.int32]


def core_seconds(placement: Placement, work: Work) -> dict[str, NDArray[np.float64]]:
    """Return the seconds of neurocores in each step, float (batch, neurocores, time), for `ENDS`.

    seconds = SynOps * synop + messages * message + spikes * spike + neurons * update, where the
    time of a spike is that of its generation, and that of the update of a spiking neuron minus that
    of another.
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

    The update of an inactive neuron costs less than that of an active one, but inactive neurons are
    not counted. Low: only spiking neurons are active,
    spikes * active + (updates - spikes) * inactive. Value and high: all neurons are active,
    updates * active, as in KerasSpiking. The generation of spikes is not included.

    Args:
        updates: neurons times steps.
        spikes: number of spikes, `updates` at most.
        chip: the chip.
        what: "energy" or "time".
    """
    active = chip.cost(f"neuron_update_active_{what}")
    inactive = chip.cost(f"neuron_update_inactive_{what}")
    low = spikes * active.low + (updates - spikes) * min(inactive.low, active.low)
    return around(updates * active.value, low, updates * active.high, active.unit)


def neurons_of(placement: Placement) -> NDArray[np.int64]:
    """Return the number of neurons of every neurocore, int64 (neurocores,)."""
    sizes = [math.prod(size) for placed in placement.layers for size in placed.blocks.sizes()]
    return np.array(sizes, np.int64)


def operation(layer: Layer, chip: Chip, what: str) -> Estimate:
    """Return the joules or seconds of one SynOp of a layer; convolutions may have their own row.

    Args:
        layer: the layer.
        chip: the chip.
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

VALUES_AT_ONCE: Final = 1 << 22
"""Neurocores * samples * steps that are processed at once, to limit memory."""


class Meter:
    """Sum the work of the neurocores of a placement, batch by batch."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        layers, chip = placement.network.layers, placement.chip
        self._counters = [counters(placement, index) for index in range(len(layers) + 1)]
        self._sent = [np.zeros(len(each.start) - 1, np.int64) for each in self._counters]
        neurons, slices = neurons_of(placement), [placed.slice for placed in placement.layers]
        self._list = [  # synapses and words of a dense sender's list in each neurocore
            (neurons[cores, None] * layer.synapses_per_weight,
             list_words(neurons[cores, None], synapse_format(layer, chip), chip))
            for layer, cores in zip(layers, slices)
        ]  # fmt: skip
        self._num_samples = self._num_steps = 0
        self._cores = np.zeros((4, placement.neurocores))
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
        """Return the work of all samples.

        Raises:
            InputError: when there are none.
        """
        if not self._num_samples:
            raise InputError("no sample was measured; run one at least")
        samples, steps = self._num_samples, self._num_steps
        seconds = {end: float(self._busiest[end].mean()) / samples for end in ENDS}
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
            busiest_by_step_s=self._busiest["value"] / samples,
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

    def _work(self, sent: list[NDArray[Any]]) -> Work:
        """Return the work due to the spikes of the host and of every layer."""
        batch, _, steps = sent[0].shape
        shape = batch, self._placement.neurocores, steps
        work = Work(*np.zeros((2, *shape), np.int64), *np.zeros((2, *shape), np.int32))
        for index, (spikes, of) in enumerate(zip(sent, self._counters)):
            if of.count:
                counts, *sums = self._count(index, spikes)
                if index > 0:
                    self._emit(work, index - 1, counts[:, : of.sending])
                if of.count > of.sending:
                    arrived = [each[:, of.sending :] for each in (counts, *sums)]
                    self._receive(work, index, *arrived)
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

    def _emit(self, work: Work, index: int, counts: NDArray[np.int32]) -> None:
        """Add the spikes that a layer sends, and the work of its recurrent synapses."""
        cores = self._placement.layers[index].slice
        work.spikes[:, cores] = counts
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

    def _add_work(self, work: Work, since: int) -> None:
        """Add the work of the steps from `since` on."""
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
        parts = (work.synops, work.reads, work.messages, work.spikes)
        self._cores += [each.sum((0, 2), dtype=np.int64) for each in parts]
        for index, placed in enumerate(self._placement.layers):
            self._synops[index, now] += work.synops[:, placed.slice].sum((0, 1))
            self._spikes[index, now] += work.spikes[:, placed.slice].sum((0, 1), dtype=np.int64)
        read = work.spikes[:, self._placement.layers[-1].slice].sum(1)
        self._messages[now] += work.messages.sum((0, 1), dtype=np.int64)
        self._messages[now] += read.sum(0)
        self._exchange("read", read)

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
