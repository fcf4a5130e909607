"""Conventional hardware: an artificial network of the same size, and what it takes."""

from __future__ import annotations

import numpy as np
import pytest

from neurodeploy.hw_sim.conventional import conventional, multiply_accumulates
from neurodeploy.models.layers import RecurrentLayer
from neurodeploy.models.network import ConvLayer, CubaLif, DenseLayer, InputLayer, QuantizedNetwork

NEURON = CubaLif(np.array([1000]), np.array([400]), 60)


def dense(neurons: int, senders: int) -> DenseLayer:
    return DenseLayer(np.zeros((neurons, senders), np.int16), NEURON)


def test_every_connection_is_a_multiply_accumulate_zeros_too() -> None:
    assert multiply_accumulates(QuantizedNetwork((dense(3, 4), dense(2, 3)))) == 12 + 6
    own = np.zeros((3, 3), np.int16)
    recurrent = RecurrentLayer(np.zeros((3, 4), np.int16), own, NEURON)
    assert multiply_accumulates(QuantizedNetwork((recurrent,))) == 12 + 9
    inputs = InputLayer(NEURON, (4,))
    assert multiply_accumulates(QuantizedNetwork((inputs, dense(2, 4)))) == 8


def test_a_kernel_counts_where_it_is_used() -> None:
    kernel = np.zeros((2, 1, 3, 3), np.int16)
    assert multiply_accumulates(QuantizedNetwork((ConvLayer(kernel, (1, 5, 5), NEURON),))) == 162
    padded = ConvLayer(kernel, (1, 1, 1), NEURON, padding=(1, 1))
    assert multiply_accumulates(QuantizedNetwork((padded,))) == 2


def test_energy_is_operations_times_rows() -> None:
    found = conventional(QuantizedNetwork((dense(10, 100),)), 50, synops=200.0)
    assert (found.one_pass_macs, found.every_step_macs) == (1000, 50_000)
    by_name = {each.operation.name: each for each in found.processors}
    expected = {"cpu": 8.6e-6, "gpu": 0.3e-6, "arm": 0.9e-6, "cmos45_fp32": 4.6e-9}
    expected["cmos45_int8"] = 0.23e-9
    assert {n: each.one_pass_j for n, each in by_name.items()} == pytest.approx(expected)
    for each in found.processors:
        assert each.every_step_j == pytest.approx(50 * each.one_pass_j)
    assert found.spiking.energy_per_sample_j == pytest.approx(200 * 0.9e-12)


def test_json_says_which_figure_fits_when() -> None:
    found = conventional(QuantizedNetwork((dense(1, 1),)), 2)
    assert set(found.when) == {"one_pass", "every_step"}
    assert {f"{name}_j" for name in found.when} < set(vars(found.processors[0]))
    assert found.spiking is None
    assert conventional(QuantizedNetwork((dense(1, 1),)), 2, 0.0).spiking.energy_per_sample_j == 0
