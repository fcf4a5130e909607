"""Conventional hardware: an artificial network of the same size, and what it takes."""

from __future__ import annotations

import csv
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.hw_sim.conventional import constants, conventional, multiply_accumulates
from neurodeploy.models.layers import RecurrentLayer
from neurodeploy.models.network import (
    ConvLayer,
    CubaLif,
    DenseLayer,
    InputLayer,
    QuantizedNetwork,
    TaskDescription,
)

ROOT = Path(__file__).resolve().parents[1]
NEURON = CubaLif(np.array([1000]), np.array([400]), 60)


def dense(neurons: int, senders: int) -> DenseLayer:
    return DenseLayer(np.zeros((neurons, senders), np.int16), NEURON)


def test_every_connection_is_a_multiply_accumulate_zeros_too() -> None:
    assert multiply_accumulates(QuantizedNetwork.chain((dense(3, 4), dense(2, 3)))) == 12 + 6
    own = np.zeros((3, 3), np.int16)
    recurrent = RecurrentLayer(np.zeros((3, 4), np.int16), own, NEURON)
    assert multiply_accumulates(QuantizedNetwork.chain((recurrent,))) == 12 + 9
    inputs = InputLayer(NEURON, (4,))
    assert multiply_accumulates(QuantizedNetwork.chain((inputs, dense(2, 4)))) == 8


def test_a_kernel_counts_where_it_is_used() -> None:
    kernel = np.zeros((2, 1, 3, 3), np.int16)
    assert (
        multiply_accumulates(QuantizedNetwork.chain((ConvLayer(kernel, (1, 5, 5), NEURON),))) == 162
    )
    padded = ConvLayer(kernel, (1, 1, 1), NEURON, padding=(1, 1))
    assert multiply_accumulates(QuantizedNetwork.chain((padded,))) == 2


def test_energy_is_operations_times_rows() -> None:
    found = conventional(QuantizedNetwork.chain((dense(10, 100),)), 50, synops=200.0)
    assert (found.one_pass_macs, found.every_step_macs) == (1000, 50_000)
    by_name = {each.operation.name: each for each in found.processors}
    expected = {"cpu": 8.6e-6, "gpu": 0.3e-6, "arm": 0.9e-6, "cmos45_fp32": 4.6e-9}
    expected["cmos45_int8"] = 0.23e-9
    assert {n: each.one_pass_j for n, each in by_name.items()} == pytest.approx(expected)
    for each in found.processors:
        assert each.every_step_j == pytest.approx(50 * each.one_pass_j)
    assert found.spiking.energy_per_sample_j == pytest.approx(200 * 0.9e-12)


def test_a_microcontroller_takes_what_its_inferences_took_by_kind_of_layer() -> None:
    """Of the Cortex-M33: 81.875 uJ over the autoencoder's 264,192 operations, 1,800 and 90 here."""
    network = QuantizedNetwork.chain((
        ConvLayer(np.zeros((2, 1, 3, 3), np.int16), (1, 12, 12), NEURON), dense(3, 200),
    ))  # fmt: skip
    board = next(b for b in constants().microcontrollers if b.name == "cortex_m33")
    assert board.mac_energy("dense").value == pytest.approx(309.9e-12, rel=1e-3)
    assert board.cycle_energy.high == pytest.approx(81.875e-6 * 291.589 / 160e6)
    found = next(m for m in conventional(network, 5).microcontrollers if m.board == board)
    expected = 1800 * 2578.969e-6 / 12501632 + 600 * 81.875e-6 / 264192
    assert found.one_pass_j.value == pytest.approx(expected)
    assert found.one_pass_j.low == pytest.approx(2400 * 1354.685e-6 / 7489664)
    assert found.one_pass_j.high == pytest.approx(2400 * 81.875e-6 / 264192)
    assert found.every_step_j.value == pytest.approx(5 * expected)
    assert found.artificial_j is found.spiking_j is None


def test_the_spiking_network_takes_cycles_for_each_synop_and_each_update() -> None:
    for found in conventional(
        QuantizedNetwork.chain((dense(10, 100),)), 50, 200.0
    ).microcontrollers:
        energies = [
            each.energy_uj * 1e-6 * each.per_second / (found.board.clock_mhz * 1e6)
            for each in found.board.inferences
        ]
        low, likely, high = (200 * a + 10 * 50 * b for a, b in ((3, 12), (7, 52), (20, 104)))
        assert found.spiking_j.low == pytest.approx(low * min(energies))
        assert found.spiking_j.value == pytest.approx(likely * sum(energies) / 4)
        assert found.spiking_j.high == pytest.approx(high * max(energies))


def test_multiply_accumulates_of_the_reference_models_are_those_of_their_layers() -> None:
    """Layers of MLPerf Tiny's models: side of the output squared, times channels, times kernel."""
    sizes = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640]
    resnet = 32**2 * 16 * (27 + 2 * 144) + 16**2 * 32 * (144 + 288 + 16)
    resnet += 8**2 * 64 * (288 + 576 + 32) + 64 * 10
    keywords = 125 * 64 * (40 + 4 * (9 + 64)) + 64 * 12
    mobilenet, side = 48**2 * 8 * 27 + 256 * 2, 48
    for stride, sends, takes in [
        (1, 8, 16), (2, 16, 32), (1, 32, 32), (2, 32, 64), (1, 64, 64), (2, 64, 128),
        *[(1, 128, 128)] * 5, (2, 128, 256), (1, 256, 256),
    ]:  # fmt: skip
        side //= stride
        mobilenet += side**2 * sends * (9 + takes)
    expected = [sum(a * b for a, b in pairwise(sizes)), resnet, keywords, mobilenet]
    for board in constants().microcontrollers:
        assert [each.macs for each in board.inferences] == expected


def test_the_artificial_network_is_the_cheapest_of_at_least_the_spiking_one_s_accuracy() -> None:
    """By the records of the accuracy benchmark; axonal delays are what every task trains."""
    means = defaultdict(list)
    with (ROOT / "docs" / "benchmarks" / "records" / "runs.csv").open() as file:
        for row in csv.DictReader(file):
            figures = float(row["accuracy"]), float(row["operations"])
            means[row["task"], row["model"]].append(figures)
    found = {key: np.mean(rows, axis=0) for key, rows in means.items()}
    names = {"dense": "dense network", "cnn": "CNN", "gru": "GRU"}
    for each in constants().artificial:
        least = found[each.task, "axonal"][0]
        able = {m: found[each.task, m] for m in names if found[each.task, m][0] >= least}
        best = min(able, key=lambda model: able[model][1])
        assert (each.network, each.macs) == (names[best], able[best][1])
        assert each.accuracy == pytest.approx(able[best][0], abs=5e-4)
    assert {each.task for each in constants().artificial} == {task for task, _ in found}


def test_the_artificial_network_of_a_task_is_counted_wherever_it_runs() -> None:
    digits = QuantizedNetwork.chain((dense(10, 64),), TaskDescription("digits"))
    found = conventional(digits, 4)
    assert found.artificial.macs == 79884
    assert found.processors[0].artificial_j == pytest.approx(79884 * 8.6e-9)
    board = found.microcontrollers[0]
    assert board.artificial_j == board.board.mac_energy("convolution") * 79884.0


def test_json_says_which_figure_fits_when() -> None:
    found = conventional(QuantizedNetwork.chain((dense(1, 1),)), 2)
    assert set(found.when) == {"one_pass", "every_step"}
    assert {f"{name}_j" for name in found.when} < set(vars(found.processors[0]))
    assert found.spiking is None
    assert (
        conventional(QuantizedNetwork.chain((dense(1, 1),)), 2, 0.0).spiking.energy_per_sample_j
        == 0
    )
