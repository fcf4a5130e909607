"""Reports as data, and the score of answers."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn import metrics  # type: ignore[import-untyped]

from hw_sim.activity import Activity, count
from hw_sim.chip import CHIPS
from hw_sim.report import NOT_MODELLED, build
from hw_sim.score import answers, score
from models.errors import InputError
from models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription, digest


@pytest.fixture
def network() -> QuantizedNetwork:
    """Two inputs, three hidden neurons, two classes, a step every 20 ms."""
    neuron = CubaLif(np.array([4096]), np.array([4096]), 10)
    layers = DenseLayer(np.full((3, 2), 64), neuron), DenseLayer(np.full((2, 3), 64), neuron)
    task = TaskDescription("test", class_names=("left", "right"), dt_ms=20)
    return QuantizedNetwork(layers, task)


@pytest.fixture
def counts(network):
    """Two samples of four steps: 6 and 2 spikes in, 3 and 1 hidden, 1 and 1 out."""
    inputs, hidden, output = (np.zeros((2, n, 4), np.uint8) for n in (2, 3, 2))
    inputs[0, :, :3] = inputs[1, :, 0] = 1
    hidden[0, :, 1] = hidden[1, 0, 1] = 1
    output[0, 0, 2] = output[1, 1, 2] = 1
    return count(network, Activity(inputs, (hidden, output)))


@pytest.fixture
def report(network, counts):
    found = score([[1, 0], [0, 1]], [0, 0])
    return build(network, counts, chips=list(CHIPS.values()), score=found).as_json()


def keys_of(value) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for inner in value.values() for key in keys_of(inner))]
    if isinstance(value, list):
        return [key for inner in value for key in keys_of(inner)]
    return []


def test_a_report_survives_json(report):
    assert json.loads(json.dumps(report)) == report


def test_a_report_says_what_it_is_and_of_what(report, network):
    assert (report["schema"], report["version"]) == ("neurodeploy.report", 1)
    assert report["network"]["sha256"] == digest(network)
    assert report["versions"]["numpy"] == np.__version__


def test_counted_figures_are_means_over_samples(report):
    counted = report["counted"]
    assert (counted["samples"], counted["steps"]) == (2, 4)
    assert (counted["accuracy"], counted["confusion"]) == (0.5, [[1, 1], [0, 0]])
    assert counted["layers"][0] == {
        "layer": 0,
        "kind": "dense",
        "neuron": "CUBA LIF",
        "neurons": 3,
        "shape": [3],
        "senders": 2,
        "synapses": 6,
        "delays": "none",
        "spikes_in_per_sample": 4.0,
        "spikes_per_sample": 2.0,
        "synops_per_sample": 12.0,
        "dense_synops_per_sample": 24,
        "neuron_updates_per_sample": 12.0,
        "firing_rate_per_step": 2 / 12,
    }
    assert counted["total"]["synops_per_sample"] == 12 + 2 * 2


def test_every_chip_is_estimated(report):
    assert list(report["estimated"]) == ["loihi1", "loihi2"]
    for estimate in report["estimated"].values():
        assert estimate["fits"] is True
        assert estimate["placement"]["neurocores"] == 2
        for pace in ("full_speed", "real_time"):
            dynamic = estimate[pace]["energy_uj"]["dynamic"]
            assert 0 < dynamic["low"] < dynamic["value"] < dynamic["high"]
            assert dynamic["value"] < estimate[pace]["energy_uj"]["total"]["value"]


def test_energies_are_in_microjoules_and_times_in_milliseconds(report):
    """16 SynOps of 23.6 pJ; four steps of 20 ms at 29 mW are 2320 uJ."""
    loihi1 = report["estimated"]["loihi1"]
    synaptic = loihi1["full_speed"]["energy_uj"]["synaptic"]
    assert synaptic["value"] == pytest.approx(16 * 23.6e-6, rel=1e-3)
    assert loihi1["real_time"]["sample_ms"]["value"] == pytest.approx(80)
    assert loihi1["real_time"]["energy_uj"]["static"]["value"] == pytest.approx(2320)
    step = loihi1["full_speed"]["step_us"]["value"]
    assert loihi1["full_speed"]["latency_ms"]["value"] == pytest.approx(4 * step / 1000, rel=1e-3)


def test_dynamic_energy_is_the_same_at_any_pace(report):
    loihi2 = report["estimated"]["loihi2"]
    full, slow = loihi2["full_speed"]["energy_uj"], loihi2["real_time"]["energy_uj"]
    assert full["dynamic"] == slow["dynamic"]
    assert full["static"]["value"] < slow["static"]["value"]


def test_the_sensor_s_pace_can_be_said_anew(network, counts):
    report = build(network, counts, chips=[CHIPS["loihi2"]], dt_ms=1).as_json()
    assert report["estimated"]["loihi2"]["real_time"]["dt_ms"] == 1


def test_without_a_pace_there_is_no_real_time(counts, network):
    network = QuantizedNetwork(network.layers)
    report = build(network, counts, chips=[CHIPS["loihi2"]]).as_json()
    assert report["estimated"]["loihi2"]["real_time"] is None


def test_without_labels_there_is_no_accuracy(counts, network):
    counted = build(network, counts, chips=[]).as_json()["counted"]
    assert counted["accuracy"] is None
    assert counted["macro_f1"] is None


def test_a_report_claims_nothing_from_hardware(report):
    assert "measured" not in json.dumps(report).lower()


def test_counted_and_estimated_do_not_mix(report):
    assert not any("energy" in key or "latency" in key for key in keys_of(report["counted"]))
    assert not any("synops" in key or "accuracy" in key for key in keys_of(report["estimated"]))


def test_every_figure_of_the_cost_files_has_its_source_in_the_report(report):
    rows = sum(len(each.rows()) for each in CHIPS.values())
    assert len(report["sources"]) == rows
    assert all(row["source"] and row["grade"] and row["unit"] for row in report["sources"])
    assert report["not_modelled"] == list(NOT_MODELLED)


def test_problems_of_the_chip_are_reported_and_do_not_stop_the_report():
    layer = DenseLayer(np.array([[-255, 254]]), CubaLif(np.array([1]), np.array([1]), 1))
    network = QuantizedNetwork((layer,))
    silent = Activity(np.zeros((1, 2, 3), np.uint8), (np.zeros((1, 1, 3), np.uint8),))
    report = build(network, count(network, silent), chips=[CHIPS["loihi2"]]).as_json()
    loihi2 = report["estimated"]["loihi2"]
    assert loihi2["fits"] is False
    assert len(loihi2["problems"]) == 1


def test_a_score_of_other_samples_is_refused(network, counts):
    with pytest.raises(InputError, match="1 samples are scored and 2 are counted"):
        build(network, counts, chips=[], score=score([[1, 0]], [0]))


def test_the_answer_is_the_class_that_spiked_most_and_the_lowest_of_equals():
    assert answers([[0, 2, 1], [3, 3, 1], [0, 0, 0]]).tolist() == [1, 0, 0]


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
    found, given = score(spikes, labels), answers(spikes)
    assert found.macro_f1 == pytest.approx(metrics.f1_score(labels, given, average="macro"))
    assert found.accuracy == pytest.approx(metrics.accuracy_score(labels, given))
    expected = metrics.confusion_matrix(labels, given, labels=range(classes))
    assert found.confusion.tolist() == expected.tolist()


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


def test_a_report_needs_no_torch():
    code = "import sys, hw_sim.report; sys.exit('torch' in sys.modules or 'lava' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
