"""The score of a network's answers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics  # type: ignore[import-untyped]

from neurodeploy.hw_sim.readout import predict, score
from neurodeploy.models.errors import InputError


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
