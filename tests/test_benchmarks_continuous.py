"""The comparison of windows with networks that run on: its measures by hand, and its page."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import neurodeploy as nd
from benchmarks import continuous
from benchmarks.continuous import Decided, Quality, Result
from neurodeploy.data.dataset import Dataset, Recording
from neurodeploy.data.encoders import SigmaDelta
from neurodeploy.data.har import HAR
from neurodeploy.data.split import Split
from neurodeploy.data.task_data import TaskData
from neurodeploy.models.network import QuantizedNetwork

LABELS = np.array([-1] * 2 + [0] * 8 + [-1] * 2 + [1] * 6 + [0] * 6 + [-1])


def decided(*pairs: tuple[int, int]) -> Decided:
    steps, classes = zip(*pairs)
    return Decided(np.array(steps), np.array(classes), 100.0)


def test_the_decision_in_force_is_the_last_one() -> None:
    some = decided((3, 1), (7, 0))
    assert continuous.in_force(some, np.array([2, 3, 6, 7, 99])).tolist() == [-1, 1, 1, 0, 0]


def test_delays_count_from_the_first_step_of_another_activity() -> None:
    assert continuous.activities(LABELS) == [(2, 10, 0), (12, 18, 1), (18, 24, 0)]
    late = decided((4, 0), (12, 0), (15, 1), (20, 0))
    assert continuous.delays(late, LABELS, 0) == [3, 2]
    early = decided((4, 0), (11, 1), (17, 1), (30, 0))
    assert continuous.delays(early, LABELS, 0) == [0, None]
    assert continuous.delays(late, LABELS, 13) == [2]


def test_changes_to_a_wrong_class_are_false_and_changes_back_are_not() -> None:
    flicker = decided((1, 1), (3, 0), (5, 1), (7, 0), (9, 1), (13, 0), (15, 1), (17, 1))
    assert continuous.false_changes(flicker, LABELS) == 2
    assert continuous.false_changes(decided((3, 0), (13, 1), (19, 0)), LABELS) == 0


def test_the_quality_of_a_recording_by_hand() -> None:
    chosen = decided((4, 0), (6, 1), (8, 0), (12, 0), (15, 1), (20, 0))
    found = continuous.quality([chosen], [LABELS], first=4, rate_hz=2.0)
    # Seconds are steps 4, 6, ... 22 but 10; the decisions in force at 6, 12, 14 and 18 are wrong.
    assert found.accuracy == pytest.approx(5 / 9)
    assert found.delay_s == pytest.approx(1.25)
    assert found.missed == 0
    assert found.false_per_hour == pytest.approx(3600 / 9)  # 18 labelled steps from step 4 on
    assert found.synops_per_s == pytest.approx(100 / (25 / 2))


def test_a_way_is_one_row_of_means_over_the_seeds() -> None:
    def result(way: str, seed: int, accuracy: float, memory: float | None = None) -> Result:
        return Result(way, seed, memory, Quality(accuracy, 1.0, 2.0, 0.0, 30.0, 1000.0))

    results = [
        result(continuous.WINDOWS, 0, 0.9),
        result(continuous.WINDOWS, 1, 0.8),
        result(continuous.CONTINUOUS, 0, 0.7, 64),
        result(continuous.TRAINED, 0, 0.91, 96),
    ]
    first, second, _ = continuous.table_of(results, 50.0).rows
    assert first[:4] == [continuous.WINDOWS, "-", "85.0 (80.0 to 90.0)", "1.0"]
    assert second[1:3] == ["1.28", "70.0"]
    text = continuous.finding(results)
    assert "85.0% of the labelled seconds with windows and in 70.0% when it runs on" in text
    assert "has 91.0%" in text


def test_both_ways_decide_as_predictions_do(
    random_network: Callable[..., QuantizedNetwork],
) -> None:
    """Windows and leaky counts on a recording of 900 steps, against `nd.predictions`."""
    rng = np.random.default_rng(4)
    encoder = SigmaDelta(0.8)
    signal = rng.normal(0, 1, (2, 900)).astype(np.float32)
    recording = Recording(signal, np.zeros(900, int), 1)
    names, channels = ("left", "right", "none"), ("acc-x (g)", "acc-y (g)")
    dataset = Dataset(
        signals=np.zeros((3, 2, 100)), labels=np.arange(3), subjects=np.ones(3), rate_hz=50.0,
        class_names=names, channel_names=channels, source="made up", recordings=(recording,),
    )  # fmt: skip
    rows = np.arange(3)
    data = TaskData(HAR, dataset, Split(rows, rows, rows), encoder)
    made = random_network(rng, (4, 12, 3), delays=["axonal", "none"])
    network = QuantizedNetwork.chain(made.layers, data.describe())
    (encoded,) = data.recordings("test")
    hop = continuous.HOP
    windows = continuous.by_windows(network, data, encoded, hop, 1)
    ran = continuous.run_on(network, encoded, 1)
    counts = continuous.by_leaky_counts(ran, 40, 99)
    assert len(set(counts.classes.tolist())) > 1
    for way, options in ((windows, {}), (counts, {"continuous": True, "memory": 0.8})):
        found = list(nd.predictions(network, signal.T, window=2.0, hop=hop / 50, **options))
        assert [round(each.time_s * 50) for each in found] == way.steps.tolist()
        expected = [names[k] for k in way.classes]
        assert [each.class_name or names[0] for each in found] == expected
