"""The score of a network's answers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics  # type: ignore[import-untyped]

from neurodeploy.hw_sim.readout import leaky_counts, memory_steps, predict, score
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription


def test_the_answer_is_the_class_that_spiked_most_and_the_lowest_of_equals():
    assert predict([[0, 2, 1], [3, 3, 1], [0, 0, 0]]).tolist() == [1, 0, 0]


def test_samples_without_an_output_spike_are_silent():
    found = score([[0, 2], [0, 0], [0, 0]], [1, 0, 1])
    assert found.silent_samples == 2
    assert found.accuracy == pytest.approx(2 / 3)


@pytest.mark.parametrize("classes", [2, 6])
@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scikit_learn(classes, seed):
    rng = np.random.default_rng(seed)
    spikes = rng.integers(0, 5, (40, classes))
    labels = rng.integers(0, max(classes - 1, 2), 40)  # of six classes one has no label
    found, given = score(spikes, labels), predict(spikes)
    assert found.macro_f1 == pytest.approx(metrics.f1_score(labels, given, average="macro"))
    assert found.accuracy == pytest.approx(metrics.accuracy_score(labels, given))
    expected = metrics.confusion_matrix(labels, given, labels=range(classes))
    assert found.confusion == expected.tolist()


def test_a_class_neither_labelled_nor_answered_does_not_count():
    assert score([[1, 0, 0], [0, 1, 0]], [0, 1]).macro_f1 == 1


def test_a_class_never_answered_counts_as_zero():
    assert score([[1, 0], [1, 0]], [0, 1]).macro_f1 == pytest.approx((2 / 3 + 0) / 2)


@pytest.mark.parametrize(
    ("spikes", "labels", "message"),
    [
        ([[1, 0]], [0, 1], "must be"),
        ([1, 0], [0, 1], "must be"),
        (np.zeros((0, 2), int), np.zeros(0, int), "there is no sample"),
        ([[1, 0]], [2], "there is a label 2 for 2 output neurons"),
        ([[1, 0]], [-1], "there is a label -1"),
    ],
)
def test_labels_that_do_not_fit_are_refused(spikes, labels, message):
    with pytest.raises(InputError, match=message):
        score(spikes, labels)


def test_leaky_counts_by_hand():
    assert leaky_counts([1, 0, 1, 1], 2).tolist() == [1, 0.5, 1.25, 1.625]
    assert leaky_counts([0, 1, 0, 1], 1).tolist() == [0, 1, 0, 1]
    assert leaky_counts([0, 1], 4, np.array(8.0)).tolist() == [6, 5.5]
    assert leaky_counts(np.ones(2000), 20)[-1] == pytest.approx(20)


def test_leaky_counts_in_chunks_are_those_of_the_whole_bit_for_bit():
    rng = np.random.default_rng(0)
    spikes = rng.integers(0, 2, (2, 3, 500))
    whole, state, parts = leaky_counts(spikes, 37.5), np.zeros((2, 3)), []
    for chunk in np.split(spikes, [0, 1, 2, 90, 91, 400], axis=2):
        parts.append(leaky_counts(chunk, 37.5, state))
        state = parts[-1][..., -1] if chunk.shape[2] else state
    assert np.array_equal(np.concatenate(parts, axis=2), whole)


@pytest.mark.parametrize("memory", [0.5, 0, float("nan"), float("inf")])
def test_a_memory_below_one_step_is_refused(memory):
    with pytest.raises(InputError, match="the memory is"):
        leaky_counts([1], memory)


def test_the_memory_is_the_trained_one_or_half_a_sample():
    layers = [DenseLayer([[2]], CubaLif(4096, 4096, 64))]
    trained = {"options": {"continuous": {"memory_steps": 40}}}
    assert memory_steps(QuantizedNetwork.chain(layers, provenance=trained)) == 40
    assert memory_steps(QuantizedNetwork.chain(layers, TaskDescription(num_steps=128))) == 64
    assert memory_steps(QuantizedNetwork.chain(layers)) == 64
