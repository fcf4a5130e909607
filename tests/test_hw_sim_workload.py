"""The work of neurocores, against a slow walk over every spike, neurocore and weight."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from helpers import with_limits

from neurodeploy.hw_sim import workload
from neurodeploy.hw_sim.activity import Activity, count
from neurodeploy.hw_sim.blocks import synapse_format
from neurodeploy.hw_sim.chips import chip
from neurodeploy.hw_sim.placement import Placement, place
from neurodeploy.hw_sim.timing import neurons_of
from neurodeploy.hw_sim.workload import Meter, Workload, count_messages, measure
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import ConvLayer, DenseLayer, InputLayer, RecurrentLayer
from neurodeploy.models.network import CubaLif, Delta, QuantizedNetwork, Sigma, SigmaDelta

NEURON = CubaLif(np.array([4096]), np.array([4096]), 10)


CHIPS = {
    "whole": chip("loihi1"),
    "tiles": with_limits(chip("loihi1"), neurons_per_core=3, cores_per_tile=1),
    "chips": with_limits(chip("loihi2"), neurons_per_core=4, cores_per_chip=3, cores_per_tile=2),
    "rows": with_limits(
        chip("loihi2"), neurons_per_core=2, cores_per_chip=7, cores_per_tile=1, tiles_east_west=2
    ),
    "square": with_limits(
        chip("loihi1"), neurons_per_core=3, cores_per_chip=1, tiles_east_west=2, tiles_north_south=3
    ),
}
"""Chips that put a network on one tile, on many tiles, and on many chips of some tiles or one."""


def dense(*sizes: int) -> list[Any]:
    return [DenseLayer(np.ones((b, a), int), NEURON) for a, b in pairwise(sizes)]


def convolution(**options: Any) -> ConvLayer:
    weight = np.ones((4, 2 // options.get("groups", 1), 3, 2), int)
    weight[0, 0, 1], weight[2:, 0, :, 0] = 0, 0
    return ConvLayer(weight, (2, 4, 5), NEURON, **options)


def wide(layer: Any) -> Any:
    """Return the layer with weights that take two synapses each."""
    return replace(layer, weight=300 * layer.weight)


def networks() -> dict[str, QuantizedNetwork]:
    conv, grouped = convolution(padding=(1, 0)), convolution(groups=2, stride=(1, 2))
    recurrent = RecurrentLayer(np.ones((7, 6), int), np.ones((7, 7), int), NEURON)
    delta = [InputLayer(Delta(1), (6,)), DenseLayer(np.ones((5, 6), int), SigmaDelta(1)),
             DenseLayer(np.ones((2, 5), int), Sigma())]  # fmt: skip
    return {
        "dense": QuantizedNetwork.chain(dense(6, 9, 5)),
        "one layer": QuantizedNetwork.chain(dense(3, 8)),
        "recurrent": QuantizedNetwork.chain([*dense(4, 6), recurrent, *dense(7, 3)]),
        "convolution": QuantizedNetwork.chain([conv, *dense(conv.neurons, 3)]),
        "groups": QuantizedNetwork.chain([InputLayer(NEURON, (2, 4, 5)), grouped]),
        "16 bits": QuantizedNetwork.chain(
            [
                wide(conv),
                wide(DenseLayer(np.ones((6, conv.neurons), int), NEURON)),
                wide(RecurrentLayer(np.ones((7, 6), int), np.ones((7, 7), int), NEURON)),
            ]
        ),
        "input layer": QuantizedNetwork.chain([InputLayer(NEURON, (6,), 3, 2), *dense(6, 5)]),
        "graded": QuantizedNetwork.chain(dense(6, 5), message_bits=8),
        "sigma-delta": QuantizedNetwork.chain(delta),
    }


NETWORKS = networks()


EVERYWHERE = [(network, chip) for network in NETWORKS for chip in CHIPS]


def drawn(
    network: QuantizedNetwork, *, samples: int = 4, steps: int = 5, seed: int = 0
) -> Activity:
    """Draw spikes of every layer, with graded ones and input values below 0 where there are some.

    What matters here is where spikes go, not why they are sent.
    """
    rng = np.random.default_rng(seed)

    def spikes(neurons: int, *, graded: bool) -> np.ndarray:
        sent = rng.random((samples, neurons, steps)) < 0.3
        return sent * rng.integers(-9, 9, sent.shape, np.int32) if graded else sent.astype(np.uint8)

    layers = network.layers
    wide = bool(network.message_bits) or isinstance(layers[0], InputLayer)
    emitted = tuple(spikes(each.neurons, graded=each.neuron.graded) for each in layers)
    return Activity(spikes(network.inputs, graded=wide), emitted)


def weights_of_sender(layer: Any, sender: int) -> list[int]:
    """Return the neurons that a spike reaches, one entry a stored synapse, by definition."""
    if isinstance(layer, InputLayer):
        return []
    if not isinstance(layer, ConvLayer):
        return list(range(layer.neurons)) * layer.synapses_per_weight
    found = []
    inputs, outputs = layer.weight.shape[1], len(layer.weight) // layer.groups
    for number, (channel, o, p) in enumerate(product(*map(range, layer.shape))):
        for c, i, j in product(*map(range, layer.weight.shape[1:])):
            y = o * layer.stride[0] + i * layer.dilation[0] - layer.padding[0]
            x = p * layer.stride[1] + j * layer.dilation[1] - layer.padding[1]
            inside = 0 <= y < layer.input_shape[1] and 0 <= x < layer.input_shape[2]
            place = np.array([channel // outputs * inputs + c, y, x])
            stored = layer.weight[channel, c, i, j] != 0
            if inside and stored and np.ravel_multi_index(place, layer.input_shape) == sender:
                found.append(number)
    return found * layer.synapses_per_weight


class Slow:
    """The workload, by a walk over every spike of every sample and step."""

    def __init__(self, placement: Placement, activity: Activity) -> None:
        self.placement, self.layers = placement, placement.network.layers
        self.cores = list(placement.cores())
        self.senders = (activity.inputs, *activity.spikes)
        samples, _, steps = activity.inputs.shape
        shape = (samples, len(self.cores), steps)
        self.synops, self.reads, self.messages, self.spikes, self.out = np.zeros((5, *shape), int)
        self.links: dict[Any, np.ndarray] = defaultdict(lambda: np.zeros((samples, steps), int))
        self.sent, self.read = np.zeros((2, samples, steps), int)
        self.ways: list[tuple[int, int, bool]] = []
        self.reached = {
            index: [weights_of_sender(layer, s) for s in range(layer.inputs)]
            for index, layer in enumerate(self.layers)
        }
        for index, sent in enumerate(self.senders):
            for sample, sender, step in zip(*(axis.tolist() for axis in np.nonzero(sent))):
                self._send(index, sender, sample, step)
        self._exchange()

    def core_of(self, index: int, neuron: int) -> int:
        entry = self.placement.layers[index]
        place = np.unravel_index(neuron, entry.blocks.shape)
        block = tuple(int(a) // b for a, b in zip(place, entry.blocks.size))
        return entry.first + list(product(*map(range, entry.blocks.grid))).index(block)

    def _cores_of(self, index: int, neurons: list[int]) -> dict[int, int]:
        found: dict[int, int] = defaultdict(int)
        for neuron in neurons:
            found[self.core_of(index, neuron)] += 1
        return found

    def words(self, index: int, neurons: list[int]) -> dict[int, int]:
        """Return the words that each neurocore reads: a list for each place of the output that
        the sender reaches, or one list of all neurons of a dense layer, in pieces of whole words.
        """
        layer, chip = self.layers[index], self.placement.chip
        area = 1 if not isinstance(layer, ConvLayer) else layer.shape[1] * layer.shape[2]
        lists: dict[tuple[int, int], int] = defaultdict(int)
        for neuron in neurons:
            lists[self.core_of(index, neuron), neuron % area] += 1
        found: dict[int, int] = defaultdict(int)
        each = synapse_format(layer, chip)
        longest = chip.limit("synapse_list_length") if "synapse_list_length" in chip.limits else 99
        for (core, _), synapses in lists.items():
            for bits in [width for width in (each.weight, each.low) if width]:
                left = synapses // layer.synapses_per_weight
                while left:
                    piece = min(left, longest)
                    size = piece * bits + chip.limit("synapse_list_header")
                    found[core] += math.ceil(size / chip.limit("synapse_list_word"))
                    left -= piece
        return found

    def _send(self, index: int, sender: int, sample: int, step: int) -> None:
        """One spike of one sender, the host for `index` 0."""
        source = None
        if index > 0:
            source = self.core_of(index - 1, sender)
            self.spikes[sample, source, step] += 1
            if isinstance(self.layers[index - 1], RecurrentLayer):
                own = self.layers[index - 1]
                everyone = list(range(own.neurons)) * own.synapses_per_weight
                self._arrive(source, (index - 1, everyone), sample, step)
        if index == len(self.layers):
            self.read[sample, step] += 1
            self._travel(source, None, sample, step)
        else:
            self._arrive(source, (index, self.reached[index][sender]), sample, step)

    def _arrive(
        self, source: int | None, reached: tuple[int, list[int]], sample: int, step: int
    ) -> None:
        words = self.words(*reached)
        for core, weights in self._cores_of(*reached).items():
            self.synops[sample, core, step] += weights
            self.reads[sample, core, step] += words[core]
            self.messages[sample, core, step] += 1
            self._travel(source, core, sample, step)

    def _travel(self, source: int | None, core: int | None, sample: int, step: int) -> None:
        if source is not None:
            self.out[sample, source, step] += 1
        wide = self.placement.chip.limit("tiles_east_west")
        high = self.placement.chip.limit("tiles_north_south")
        row = math.ceil(math.sqrt(self.placement.chips))
        places = [(0, 0, 0)] * 2
        for end, number in enumerate((source, core)):
            if number is not None:
                core = self.cores[number]
                x, y = core.chip % row * wide + core.x, core.chip // row * high + core.y
                places[end] = (x, y, core.chip)
        (x, y, here), (to_x, to_y, there) = places
        self.ways.append((abs(x - to_x), abs(y - to_y), here != there))
        way = [(column, y) for column in range(x, to_x, 1 if to_x > x else -1)]
        way += [(to_x, line) for line in range(y, to_y, 1 if to_y > y else -1)]
        for link in pairwise([*way, (to_x, to_y)]):
            self.links[link][sample, step] += 1

    def _exchange(self) -> None:
        values = self.senders[0]
        if not isinstance(self.layers[0], InputLayer):
            self.sent = (values != 0).sum(1)
            return
        for sample, channel, step in product(*map(range, values.shape)):
            before = values[sample, channel, step - 1] if step else 0
            self.sent[sample, step] += values[sample, channel, step] != before

    def seconds(self, end: str) -> np.ndarray:
        """Return the time of every core and step: what it does times what each costs."""
        rows = {name: getattr(self.placement.chip.cost(name), end)
                for name in self.placement.chip.costs}  # fmt: skip
        found = np.zeros((4, *self.synops.shape))
        for core in self.cores:
            kind = "convolution" if isinstance(self.layers[core.layer], ConvLayer) else "synaptic"
            spikes = self.spikes[:, core.number]
            resting = core.neurons - spikes if end == "low" else 0
            found[:, :, core.number] = (
                self.synops[:, core.number] * rows[f"{kind}_operation_time"],
                self.messages[:, core.number] * rows["spike_message_time"],
                self.out[:, core.number] * rows["message_out_time"],
                spikes * rows["spike_generation_time"]
                + (core.neurons - resting) * rows["neuron_update_active_time"]
                + resting * rows["neuron_update_inactive_time"],
            )
        return found.sum(0) if end == "high" else found.max(0)

    def link_seconds(self, end: str) -> np.ndarray:
        """Return the time of the busiest link in every step."""
        time = getattr(self.placement.chip.cost("link_message_time"), end)
        return time * np.max([self.read * 0, *self.links.values()], axis=0)


def compare(found: Workload, slow: Slow) -> None:
    samples, _, steps = slow.synops.shape
    layer_of = np.array([core.layer for core in slow.cores])
    assert (found.num_samples, found.num_steps) == (samples, steps)
    for index in range(len(slow.layers)):
        mine = layer_of == index
        assert found.synops[index] == pytest.approx(slow.synops[:, mine].sum((0, 1)) / samples)
        assert found.spikes[index] == pytest.approx(slow.spikes[:, mine].sum((0, 1)) / samples)
    for name in ("synops", "reads", "messages", "spikes"):
        expected = getattr(slow, name).sum((0, 2)) / samples
        assert getattr(found, f"core_{name}") == pytest.approx(expected), name
    arrived = (slow.messages.sum(1) + slow.read).sum(0) / samples
    assert found.messages == pytest.approx(arrived)
    ways = np.array(slow.ways, float).reshape(-1, 3).sum(0) / samples
    traffic = found.traffic
    assert traffic.messages == pytest.approx(arrived.sum()) == pytest.approx(found.messages.sum())
    assert [traffic.east_west, traffic.north_south, traffic.between_chips] == pytest.approx(ways)
    longest = max((sum(way[:2]) for way in slow.ways), default=0)
    assert sum(found.longest_route) == longest
    assert longest == 0 or found.longest_route in [way[:2] for way in slow.ways]
    for exchange, counts in ((found.injected, slow.sent), (found.read, slow.read)):
        assert exchange.per_sample == pytest.approx(counts.sum() / samples)
        assert exchange.peak_step == counts.max()


def compare_times(found: Workload, slow: Slow) -> None:
    peak = found.peak
    for end in ("low", "value", "high"):
        seconds = slow.seconds(end)
        busiest = np.maximum(seconds.max(1), slow.link_seconds(end))
        assert getattr(found.busy["link"].seconds, end) == pytest.approx(
            slow.link_seconds(end).mean()
        )
        assert getattr(found.busiest_s, end) == pytest.approx(busiest.mean())
        assert getattr(peak.seconds, end) == pytest.approx(busiest.max())
        if end == "value":
            assert found.busiest_by_step_s == pytest.approx(busiest.mean(0))
            assert found.core_s == pytest.approx(seconds.mean((0, 2)))
            assert found.busiest_core == found.core_s.argmax()
            there = seconds[peak.sample, :, peak.step]
            assert busiest[peak.sample, peak.step] == pytest.approx(busiest.max())
            assert there[peak.neurocore] == pytest.approx(there.max())
    assert peak.synops == slow.synops[peak.sample, peak.neurocore, peak.step]


@pytest.mark.parametrize(("name", "chip"), EVERYWHERE)
def test_every_spike_is_where_a_slow_walk_takes_it(name, chip):
    placement = place(NETWORKS[name], CHIPS[chip])
    activity = drawn(NETWORKS[name], seed=len(name))
    found, slow = measure(activity, placement), Slow(placement, activity)
    compare(found, slow)
    compare_times(found, slow)


@pytest.mark.parametrize("name", NETWORKS)
def test_totals_are_what_is_counted(name):
    activity = drawn(NETWORKS[name], seed=7)
    found = measure(activity, place(NETWORKS[name], CHIPS["chips"]))
    for index, counts in enumerate(count(NETWORKS[name], activity)):
        assert found.synops[index].sum() == pytest.approx(counts.synops.mean())
        assert found.spikes[index].sum() == pytest.approx(counts.spikes.mean())


def slices(activity: Activity, *sizes: int) -> list[Activity]:
    ends = np.cumsum((0, *sizes)).tolist()
    return [
        Activity(activity.inputs[a:b], tuple(each[a:b] for each in activity.spikes))
        for a, b in pairwise(ends)
    ]


@pytest.mark.parametrize("at_once", [1, 7, 40, 1 << 22])
@pytest.mark.parametrize("name", NETWORKS)
def test_batches_and_chunks_change_nothing(name, at_once, monkeypatch):
    """Samples come in threes, ones and twos, and are worked on in chunks of samples or steps."""
    placement = place(NETWORKS[name], CHIPS["chips"])
    activity = drawn(NETWORKS[name], samples=6, steps=9, seed=3)
    monkeypatch.setattr(workload, "VALUES_AT_ONCE", at_once)
    measuring = Meter(placement)
    for part in slices(activity, 3, 1, 2):
        measuring.add(part)
    found, slow = measuring.result(), Slow(placement, activity)
    compare(found, slow)
    compare_times(found, slow)


def test_the_longest_step_is_found_in_its_sample_step_and_neurocore():
    """6 to 9 to 5 neurons in cores of 3. Five input spikes add 15 weights on each of three cores;
    then six hidden ones add 18 on the first core of the last layer, and three only 9."""
    placement = place(NETWORKS["dense"], CHIPS["tiles"])
    quiet = drawn(NETWORKS["dense"], samples=3, steps=4)
    activity = Activity(quiet.inputs * 0, tuple(each * 0 for each in quiet.spikes))
    activity.inputs[2, :5, 2] = 1
    activity.spikes[0][2, :6, 3] = 1
    peak = measure(activity, placement).peak
    assert (peak.sample, peak.step, peak.neurocore, peak.synops) == (2, 3, 3, 18)
    activity.spikes[0][2, 3:6, 3] = 0
    peak = measure(activity, placement).peak
    assert (peak.sample, peak.step, peak.neurocore, peak.synops) == (2, 2, 0, 15)


def test_silence_takes_the_updates_alone():
    placement = place(NETWORKS["dense"], CHIPS["tiles"])
    activity = drawn(NETWORKS["dense"])
    silent = Activity(activity.inputs * 0, tuple(each * 0 for each in activity.spikes))
    found = measure(silent, placement)
    compare(found, Slow(placement, silent))
    assert found.traffic.messages == found.messages.sum() == found.core_synops.sum() == 0
    assert found.longest_route == (0, 0)
    assert found.busiest_s.value == pytest.approx(3 * 8.4e-9)
    assert (found.injected.peak_step, found.read.per_sample) == (0, 0)
    assert (found.peak.sample, found.peak.step, found.peak.neurocore) == (0, 0, 0)


def test_more_synops_of_a_step_than_32_bits_hold_are_counted():
    """Three senders, each with 2^30 weights to one target; a spike of -5 is one spike."""
    start, target = np.arange(4), np.zeros(3, np.int64)
    counts, (weighted, read) = np.zeros((1, 1, 1), np.int32), np.zeros((2, 1, 1, 1), np.int64)
    sent = np.zeros(3, np.int64)
    spikes = np.array([[[1, 1, -5]]], np.int32)
    weights, words = np.full(3, 1 << 30, np.int32), np.full(3, 7, np.int32)
    count_messages(spikes, start, target, weights, words, counts, weighted, read, sent)
    assert (counts.item(), weighted.item(), read.item()) == (3, 3 << 30, 21)
    assert sent.tolist() == [1, 1, 1]
    placement = place(NETWORKS["dense"], CHIPS["whole"])
    assert neurons_of(placement).dtype == np.int64


def test_samples_of_another_length_are_refused():
    measuring = Meter(place(NETWORKS["dense"], CHIPS["whole"]))
    measuring.add(drawn(NETWORKS["dense"], steps=4))
    with pytest.raises(InputError, match="samples of 5 steps follow samples of 4; measure samples"):
        measuring.add(drawn(NETWORKS["dense"], steps=5))


def test_no_sample_is_refused():
    measuring = Meter(place(NETWORKS["dense"], CHIPS["whole"]))
    with pytest.raises(InputError, match="no sample was measured; run one at least"):
        measuring.result()
    measuring.add(drawn(NETWORKS["dense"], samples=0))
    with pytest.raises(InputError, match="no sample was measured"):
        measuring.result()
