"""What the commands do, from Python with objects in memory and no file."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.data.inputs import load_input
from neurodeploy.data.samples import Samples
from neurodeploy.evaluation.comparison import compare
from neurodeploy.evaluation.simulation import simulate
from neurodeploy.hw_sim.activity import count
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork, TaskDescription
from neurodeploy.report.evaluate import compare_networks, evaluate

pytestmark = pytest.mark.usefixtures("workplace")

NAMES = ("walk", "sit", "lie")


@pytest.fixture
def network(random_network) -> QuantizedNetwork:
    drawn = random_network(np.random.default_rng(4), (6, 8, 3), delays=["axonal"])
    even = tuple(replace(layer, weight=layer.weight & ~1) for layer in drawn.layers)
    return QuantizedNetwork.chain(even, TaskDescription("x", class_names=NAMES, dt_ms=20))


@pytest.fixture
def spikes() -> np.ndarray:
    return (np.random.default_rng(5).random((7, 6, 40)) < 0.3).astype(np.uint8)


# simulate


def test_a_simulation_takes_arrays_and_samples_and_gives_the_same_spikes(network, spikes):
    expected = fast.run(network, spikes).spikes
    for given in (spikes, spikes.astype(float), spikes.tolist(), Samples.of(spikes)):
        found = simulate(network, given).spikes
        assert all(np.array_equal(one, two) for one, two in zip(found, expected, strict=True))
    assert np.array_equal(simulate(network, spikes[3]).spikes[1][0], expected[1][3])


def test_a_simulation_of_more_than_a_batch_is_whole(network):
    many = (np.random.default_rng(5).random((600, 6, 9)) < 0.3).astype(np.uint8)
    seen: list[tuple[int, int]] = []
    found = simulate(network, many, states=True, advance=lambda *n: seen.append(n))
    expected = simulate(network, many[570:], states=True)
    assert np.array_equal(found.spikes[1][570:], expected.spikes[1])
    assert np.array_equal(found.states[0].voltage[570:], expected.states[0].voltage)
    assert found.overflows[0].wraps.shape == (600,)
    assert seen[-1] == (5400, 5400)


def test_simulations_run_side_by_side_in_threads(network, spikes):
    expected = fast.run(network, spikes).spikes[1]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: simulate(network, one).spikes[1][0], spikes))
    assert np.array_equal(np.stack(found), expected)


def test_values_that_an_input_layer_transforms_may_be_an_array(driven):
    values = np.random.default_rng(1).integers(0, 15, (12, 9))
    plain = simulate(driven, values).spikes
    taken = simulate(driven, load_input(3 * values + 2, driven, transformed=True)).spikes
    assert all(np.array_equal(one, two) for one, two in zip(plain, taken, strict=True))


# compare


def test_backends_are_compared_in_memory(network, spikes):
    found = compare(network, spikes[:2])
    total = sum(int(layer.sum()) for layer in fast.run(network, spikes[:2]).spikes)
    assert found.equal
    assert (found.num_spikes, found.num_samples, found.first) == (total, 2, None)
    assert str(found) == f"fast and lava agree in all {total} spikes of 2 layers over 2 samples"


# evaluate


def test_a_report_has_what_was_counted_and_estimated_without_a_file(network, spikes):
    labels = np.arange(7) % 3
    made = evaluate(network, spikes, labels=labels, trace=True, chips="loihi1")
    counts = fast.run(network, spikes).spikes[-1].sum(2)
    assert made.accuracy == (counts.argmax(1) == labels).mean()
    assert list(made.estimated) == ["loihi1"]
    assert made.trace is not None
    assert made.sample is not None
    assert made.digest == network.digest
    assert not list(Path().iterdir())
    headline = repr(made)
    for part in ("accuracy", made.digest[:12], "7 samples", "Intel Loihi 1"):
        assert part in headline
    assert len(headline.splitlines()) < 6


def test_answers_carry_the_names_of_classes(network, spikes):
    answers = evaluate(network, spikes, labels=np.arange(7) % 3).to_dict()["predictions"]
    assert answers["predicted_names"] == [NAMES[each] for each in answers["predicted"]]
    assert answers["labels"] == [0, 1, 2, 0, 1, 2, 0]
    assert answers["label_names"][:3] == list(NAMES)
    nameless = QuantizedNetwork.chain(network.layers)
    answers = evaluate(nameless, spikes).to_dict()["predictions"]
    assert (answers["predicted_names"], answers["labels"], answers["label_names"]) == (None,) * 3


def test_rows_are_flat_and_one_per_chip_or_layer(network, spikes):
    made = evaluate(network, spikes)
    rows = made.to_rows()
    assert [row["chip"] for row in rows] == ["loihi1", "loihi2"]
    assert {(row["chips"], row["copies"]) for row in rows} == {(1, 1)}
    energy = made.to_dict()["estimated"]["loihi2"]["full_speed"]["energy_per_sample_uj"]["total"]
    band = (
        rows[1]["energy_per_sample_low_uj"],
        rows[1]["energy_per_sample_uj"],
        rows[1]["energy_per_sample_high_uj"],
    )
    assert band == (energy["low"], energy["value"], energy["high"])
    counts = count(network, fast.run(network, spikes))
    layers = made.to_rows("layer")
    assert [row["synops_per_sample"] for row in layers] == [c.synops.mean() for c in counts]
    found = made.to_dict()["estimated"]["loihi2"]["full_speed"]["energy_per_sample_by_layer_uj"]
    by_layer = [each["total"]["value"] for each in found["layers"]]
    assert [row["loihi2_energy_per_sample_uj"] for row in layers] == pytest.approx(
        by_layer, rel=1e-3
    )
    flat = (str, int, float, bool, tuple, type(None))
    assert all(isinstance(value, flat) for row in rows + layers for value in row.values())


def test_a_report_is_saved_by_the_end_of_its_name(network, spikes):
    made = evaluate(network, spikes)
    made.save("report.json")
    assert json.loads(Path("report.json").read_text()) == json.loads(json.dumps(made.to_dict()))
    made.save("report.html")
    assert made.digest[:12] in Path("report.html").read_text()
    assert Path("report.html").read_text() == made.to_html()
    made.save_figures("figures")
    assert Path("figures/energy.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda n, _: simulate(n, np.zeros((2, 5, 9), int)), r"\(2, 5, 9\).*\(6, time\)"),
        (lambda n, _: simulate(n, np.zeros((6, 9)) + 0.5), r"0\.5"),
        (lambda n, _: simulate(n, np.full((6, 9), 2)), "0 or 1"),
        (lambda n, _: simulate(n, "none.npy"), r"none\.npy"),
        (lambda n, _: simulate(n, [[1, 2], [3]]), "array"),
        (lambda n, x: simulate(n, x, backend="gpu"), "'gpu'"),
        (lambda n, x: simulate(n, x, time_limit_s=3), "time limit"),
        (lambda n, x: evaluate(n, x, labels=[0, 1]), r"\(7,\)"),
        (lambda n, x: evaluate(n, x, labels=[3] * 7), "label 3 for 3 outputs"),
        (lambda n, x: evaluate(n, x, chips=["loihi3"]), "'loihi3'"),
        (lambda n, x: evaluate(n, x, chips=["loihi1", "loihi1"]), "loihi1 appears twice"),
        (lambda n, x: evaluate(n, x, copies=65), "at most 64 copies"),
        (lambda n, x: evaluate(n, x, compare="fast"), "fast and fast"),
        (lambda n, x: evaluate(n, x, keep_sample=7), "sample 7"),
        (lambda n, x: evaluate(n, x, spikes_to="out.npy"), r"out\.npy"),
        (lambda n, x: evaluate(n, x).save("report.txt"), r"report\.txt"),
        (lambda n, x: compare_networks([n], x), "1 network"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(network, spikes, call, named):
    with pytest.raises(InputError, match=named) as caught:
        call(network, spikes)
    assert "\n" not in str(caught.value)


# Several networks


def test_networks_are_compared_by_name(network, spikes):
    wide = network.with_layers((network.layers[0], replace(network.layers[1], delay=[[0]])))
    found = compare_networks({"a": network, "b": wide}, spikes, chips=["loihi2"])
    rows = found.to_rows()
    assert [(row["network"], row["chip"]) for row in rows] == [("a", "loihi2"), ("b", "loihi2")]
    assert rows[0]["sha256"] != rows[1]["sha256"]
    assert [each["name"] for each in found.to_dict()["networks"]] == ["a", "b"]
    own = {"a": Samples.of(spikes), "b": Samples.of(spikes[:, :5])}
    with pytest.raises(InputError, match=r"^b: "):
        compare_networks({"a": network, "b": network}, own)
