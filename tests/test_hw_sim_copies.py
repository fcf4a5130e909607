"""Copies of a network on one chip and on many, against arithmetic by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import with_limits

from neurodeploy.commands import report
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.chips import chip
from neurodeploy.hw_sim.estimated import estimate
from neurodeploy.hw_sim.placement import place
from neurodeploy.hw_sim.workload import measure, slowest_of
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import DenseLayer
from neurodeploy.models.network import CubaLif, QuantizedNetwork
from neurodeploy.report.evaluate import evaluate
from neurodeploy.report.texts import first_words_on
from neurodeploy.report.wording import amount
from neurodeploy.report.wording import copies as copies_sentences

NEURON = CubaLif(np.array([4096]), np.array([4096]), 10)
SMALL = with_limits(chip("loihi1"), neurons_per_core=2, cores_per_chip=12, cores_per_tile=4)
"""Twelve neurocores of two neurons on three tiles, 29 mW static."""


def dense(neurons: int) -> QuantizedNetwork:
    return QuantizedNetwork.chain((DenseLayer(np.ones((neurons, 4), int), NEURON),))


def drawn(network: QuantizedNetwork, samples: int = 5, rate: float = 0.5) -> Activity:
    rng = np.random.default_rng(3)
    inputs, spikes = (
        (rng.random((samples, size, 6)) < rate).astype(np.uint8)
        for size in (network.inputs, network.outputs)
    )
    return Activity(inputs, (spikes,))


def test_copies_follow_each_other_without_a_gap_and_fill_tiles():
    """Three neurocores a copy: three copies take nine neurocores, three tiles of four."""
    placement = place(dense(6), SMALL, copies=3)
    assert (placement.neurocores, placement.tiles, placement.chips) == (3, 3, 1)
    assert (placement.chips_used, placement.total_copies, placement.most_copies) == (1, 3, 4)
    many = place(dense(6), SMALL, copies=4, chips_used=5)
    assert (many.chips, many.chips_used, many.total_copies) == (1, 5, 20)
    assert "4 copies on each of 5 chips" in repr(many)


def test_20_copies_of_6_neurocores_take_30_tiles():
    """So Intel's notebook places N-TIDIGITS: 120 of 128 neurocores of a Loihi 1."""
    placement = place(dense(6 * 2), with_limits(SMALL, cores_per_chip=128), copies=20)
    assert (placement.neurocores, placement.tiles) == (6, 30)


def test_a_network_on_several_chips_is_copied_as_a_group():
    """14 neurons take 7 neurocores of 3 a chip, so 3 chips; 9 neurocores hold one copy."""
    chips = with_limits(SMALL, cores_per_chip=3)
    placement = place(dense(14), chips, chips_used=6)
    assert (placement.chips, placement.groups, placement.total_copies) == (3, 2, 2)
    assert placement.copies_in_words == "1 copy on each of 2 groups of 3 chips"
    two = place(dense(8), chips, copies=1, chips_used=4)  # 4 neurocores on 2 chips
    assert (two.chips, two.most_copies, two.total_copies) == (2, 1, 2)


@pytest.mark.parametrize(
    ("neurons", "options", "words"),
    [
        (6, {"copies": 5}, ("5 copies of 3 neurocores", "12 neurocores of 1 chip", "at most 4")),
        (6, {"copies": 0}, ("copies is 0", "from 1")),
        (6, {"copies": 2.5}, ("copies is 2.5", "whole number")),
        (6, {"chips_used": 0}, ("chips_used is 0", "from 1")),
        (6, {"chips_used": 800}, ("chips_used is 800", "has 768 chips", "at most 768")),
        (26, {"chips_used": 3}, ("chips_used is 3", "one copy takes 2 chips", "multiple of 2")),
        (26, {"copies": 2}, ("2 copies of 13 neurocores", "24 neurocores of 2 chips", "1 copy")),
    ],
)
def test_copies_that_do_not_fit_are_refused(neurons, options, words):
    with pytest.raises(InputError) as error:
        place(dense(neurons), SMALL, **options)
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_the_slowest_copy_is_the_mean_of_the_largest_of_all_draws(copies):
    """Brute force: every way of drawing `copies` of four samples, with replacement."""
    seconds = np.random.default_rng(copies).random((4, 3))
    draws = [seconds[list(each)].max(0) for each in product(range(4), repeat=copies)]
    assert slowest_of(copies, seconds) == pytest.approx(np.mean(draws, axis=0))


def test_many_copies_wait_for_the_slowest_sample():
    seconds = np.array([[1.0, 5.0], [3.0, 2.0]])
    assert slowest_of(10_000, seconds) == pytest.approx([3, 5])


def test_a_step_waits_for_the_slowest_of_all_copies():
    network = dense(6)
    activity = drawn(network)
    samples = zip(activity.inputs[:, None], activity.spikes[0][:, None])
    alone = [Activity(inputs, (spikes,)) for inputs, spikes in samples]
    placement = place(network, SMALL)
    by_step = np.stack([measure(each, placement).busiest_by_step_s for each in alone])
    found = measure(activity, place(network, SMALL, copies=3, chips_used=2))
    assert found.busiest_by_step_s == pytest.approx(slowest_of(6, by_step))
    assert found.busiest_s.value == pytest.approx(slowest_of(6, by_step).mean())
    one = measure(activity, place(network, SMALL))
    assert one.busiest_by_step_s == pytest.approx(by_step.mean(0))
    assert found.peak == one.peak
    assert found.synops == pytest.approx(one.synops)


def test_copies_share_static_power_and_the_barrier_spans_their_tiles():
    """29 mW for 4 copies of 3 of 12 neurocores: 7.25 mW each, with or without the rest."""
    network = dense(6)
    activity = drawn(network)
    one, four = (estimate(network, activity, SMALL, copies=n) for n in (1, 4))
    power = SMALL.cost("static_power")
    assert one.power.static.value == pytest.approx(power.value)
    assert four.power.static.value == pytest.approx(power.value / 4)
    assert four.power.static.low == one.power.static.low == pytest.approx(power.low / 4)
    assert one.latency.barrier_s == SMALL.barrier_time(1)
    assert four.latency.barrier_s == SMALL.barrier_time(3)
    assert four.energy.dynamic == one.energy.dynamic
    board = estimate(network, activity, SMALL, copies=4, chips_used=7)
    assert board.latency.barrier_s == SMALL.barrier_time(3 * 7)
    assert board.power.static == four.power.static


def test_words_on_static_power_say_what_copies_share():
    network = dense(6)
    four, apart = (
        estimate(network, drawn(network), SMALL, copies=copies, chips_used=chips)
        for copies, chips in ((4, 1), (1, 3))
    )
    power = SMALL.cost("static_power").value
    shared = f"4 copies share the {amount(power, 'W')}: {amount(power / 4, 'W')} each."
    assert shared in first_words_on("Small", four)
    assert copies_sentences([four])[0].endswith("of 4 copies, and they share the static power.")
    assert "share the" not in first_words_on("Small", apart)
    assert copies_sentences([apart])[0].endswith("of 3 copies.")


def test_spikes_in_place_of_an_activity_are_refused():
    with pytest.raises(InputError, match="type ndarray; give what"):
        estimate(dense(1), np.zeros((1, 1, 3), np.uint8), "loihi1")  # type: ignore[arg-type]


def test_a_silent_network_of_one_neuron_has_copies_too():
    network = QuantizedNetwork.chain((DenseLayer([[1]], NEURON),))
    silent = Activity(np.zeros((2, 1, 3), np.uint8), (np.zeros((2, 1, 3), np.uint8),))
    found = estimate(network, silent, "loihi1", copies=128, chips_used=768)
    assert found.placement.total_copies == 128 * 768
    assert found.energy.synaptic.value == 0 < found.energy.static.low
    assert found.latency.busiest_s.value == pytest.approx(8.4e-9)


def test_the_command_takes_copies_and_ends_with_2_if_they_do_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """A network of one neuron takes a neurocore; a chip of Loihi 1 has 128 of them."""
    network, file = dense(1), tmp_path / "one.net"
    network.save(file)
    np.save(tmp_path / "input.npy", drawn(network).inputs)
    words = [str(file), "--input", str(tmp_path / "input.npy"), "--chip", "loihi1"]
    assert report.main([*words, "--copies", "128", "--chips-used", "3", "--brief"]) == 0
    assert "128 copies on each of 3 chips" in capsys.readouterr().out
    assert report.main([*words, "--copies", "129"]) == 2
    said = capsys.readouterr().err
    assert "129 copies of 1 neurocore" in said
    assert "at most 128 copies" in said
    assert said.count("\n") == 1


def test_a_report_names_the_copies_and_its_values_are_those_of_one():
    network = dense(6)
    spikes = drawn(network).inputs
    own = replace(SMALL, name="small")
    found = evaluate(network, spikes, chips=[own], copies=4, chips_used=7).to_dict()
    placed: dict[str, Any] = found["estimated"]["small"]["placement"]
    names = ("neurocores", "chips", "copies", "chips_used", "total_copies", "tiles")
    assert [placed[name] for name in names] == [3, 1, 4, 7, 28, 3]
    with pytest.raises(InputError, match="5 copies of 3 neurocores"):
        evaluate(network, spikes, chips=[own], copies=5)
