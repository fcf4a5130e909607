"""The comparison of our spikes with those of a framework that read our NIR file."""

from __future__ import annotations

import numpy as np

from benchmarks import nir_written
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork


def ours() -> nir_written.Ours:
    """Return two samples of four steps of a layer of two neurons; one prediction is wrong."""
    network = QuantizedNetwork.chain([DenseLayer(np.ones((2, 3)), CubaLif(0, 0, 1))])
    spikes = np.array([[[0, 1, 1, 1], [0, 0, 0, 1]], [[0, 1, 0, 0], [0, 0, 0, 0]]], np.uint8)
    return nir_written.Ours(network, np.zeros((2, 3, 4)), np.array([0, 1]), spikes)


def test_a_graph_is_a_step_earlier_for_each_layer() -> None:
    own = ours()
    theirs = np.concatenate([own.spikes[:, :, 1:], np.ones((2, 2, 1))], axis=2)
    cells = dict(zip(nir_written.HEADINGS, nir_written.row("it", "", own, theirs)))
    assert cells["in the same step"] == "100.000%"
    assert cells["spikes elsewhere"] == "0"
    assert cells["accuracy in the chip's steps"] == "50.00%"
    assert cells["equal predictions"] == "100.00%"


def test_spikes_in_other_steps_are_counted() -> None:
    own = ours()
    theirs = np.zeros((2, 2, 4))
    theirs[0, 0, :2] = 1  # of three spikes, two
    theirs[1, 1, 0] = 1  # not ours, and it turns the prediction
    cells = dict(zip(nir_written.HEADINGS, nir_written.row("it", "", own, theirs)))
    assert cells["our spikes"] == "5"
    assert cells["in the same step"] == "40.000%"
    assert cells["spikes elsewhere"] == "1"
    assert cells["accuracy"] == "100.00%"
    assert cells["equal predictions"] == "50.00%"
