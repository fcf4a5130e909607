"""The benchmark of accuracy: its arithmetic, its page, and runs that go on where they were."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import code
from benchmarks.accuracy import figures as sums
from benchmarks.accuracy import page as pages
from benchmarks.accuracy.facts import Facts
from benchmarks.accuracy.figures import Difference, Outcome
from benchmarks.accuracy.models import MODELS, parameters
from benchmarks.accuracy.tables import cells_of
from neurodeploy.models.architecture import Architecture, LayerSpec

PARAMETERS = {"no-delays": 1000, "axonal": 1100, "synaptic": 2000, "small": 300}
BAND = {"low": 1.0, "value": 2.0, "high": 4.0}


@pytest.fixture(autouse=True)
def _known_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take some digest for that of the code, since reading all of it takes long."""
    monkeypatch.setattr(code, "digest", lambda places: f"{len(places)} places")
    monkeypatch.setattr(code, "_git", lambda *words: "")


def facts(*, labels: Sequence[int] = (0, 1, 0, 1), subjects: Any = (1, 1, 2, 2)) -> Facts:
    """Return the facts of a made-up task whose own network has axonal delays."""
    layers = [{"kind": "dense", "neurons": 8}, {"kind": "dense", "neurons": 2}]
    shape = {"channels": 3, "samples": 32, "classes": 2, "grid": None}
    plan = {"shape": shape, "merged": 2, "width": 8, "hidden": 0}
    key = {"task": "made", "recipe": {"learning_rate": 0.003}, "encoder": {}}
    return Facts(
        task="made",
        source="made up in /somewhere",
        notes=("half of it was left out",),
        key=key,
        own="axonal",
        parameters=PARAMETERS,
        networks={
            **{name: {"input_shape": [6], "layers": layers} for name in PARAMETERS},
            **{name: {**plan, "kind": name} for name in ("dense", "cnn", "gru")},
        },
        counts=(36, 12, len(labels)),
        labels=np.array(labels),
        subjects=None if subjects is None else np.array(subjects),
        unseen=True,
        classes=2,
        steps=32,
    )


def figures(answers: Sequence[int], labels: Sequence[int] = (0, 1, 0, 1), **more: Any) -> Any:
    """Return the figures of a run of either kind."""
    made_by = code.makers(MODELS["dense" if "rate" in more else "axonal"])
    made_by = {**made_by, "sha256": [made_by["sha256"]]}
    right = float(np.mean(np.array(answers) == np.array(labels)))
    chip = {"fits": True, "dynamic_uj": BAND, "latency_ms": BAND}
    return {
        "accuracy": right,
        "macro_f1": right,
        "trained_accuracy": right,
        "same_answers": True,
        "answers": list(answers),
        "parameters": 1100,
        "operations": 5000.0,
        "epoch": 3,
        "validation": 0.9,
        "different_spikes": 0,
        "core_seconds": 120.0,
        "code": made_by,
        "chips": {"loihi1": {**chip, "fits": False}, "loihi2": chip},
        **more,
    }


ALL, HALF, THREE = (0, 1, 0, 1), (0, 0, 0, 0), (0, 1, 0, 0)


def outcomes() -> dict[str, Outcome]:
    """Return three models of a made-up task, three seeds each."""
    made = facts()
    results: dict[str, Mapping[int, Any]] = {
        "no-delays": {0: figures(HALF), 1: figures(THREE), 2: figures(THREE)},
        "axonal": {0: figures(ALL), 1: figures(ALL), 2: figures(THREE)},
        "gru": {seed: figures(ALL, rate=0.01, parameters=1500) for seed in range(3)},
    }
    return {name: Outcome(made, MODELS[name], seeds) for name, seeds in results.items()}


def test_means_and_deviations_are_those_of_hand_arithmetic() -> None:
    none = outcomes()["no-delays"]  # 0.5, 0.75, 0.75
    assert none.mean("accuracy") == pytest.approx(2 / 3)
    assert none.deviation("accuracy") == pytest.approx(0.25 / 3**0.5)  # sqrt((1/36 + 2/144) / 2)
    assert Outcome(none.facts, none.model, {0: none.results[0]}).deviation("accuracy") is None


def test_an_interval_of_one_error_is_students() -> None:
    assert sums.half_width((0.5, 3)) == pytest.approx(4.302653 * 0.5)
    assert sums.half_width((0.5, 3), (0.0, 9)) == pytest.approx(4.302653 * 0.5)
    assert sums.half_width((0.0, 3), (0.0, 9)) == 0
    assert sums.half_width((0.5, 3), (math.inf, 1)) == math.inf


def test_an_interval_of_two_errors_holds_students_of_both() -> None:
    found = sums.half_width((0.1, 3), (0.2, 9))
    assert found == pytest.approx(((4.302653 * 0.1) ** 2 + (2.306004 * 0.2) ** 2) ** 0.5)


def test_the_error_of_the_test_counts_whole_subjects() -> None:
    values, groups = np.array([0.0, 0.0, 1.0, 1.0]), np.array([7, 7, 9, 9])
    assert sums.error_of_test(values, groups) == pytest.approx(0.5)  # of two means, 0 and 1
    assert sums.error_of_test(values, np.zeros(4, np.int64)) == math.inf
    many = np.random.default_rng(0).normal(0.1, 1.0, 400)
    assert sums.error_of_test(many, np.arange(400)) == pytest.approx(many.std(ddof=1) / 20)


@pytest.mark.parametrize("together", [0.0, 0.2])
@pytest.mark.parametrize("of_seeds", [0.0, 0.02, 0.05])
@pytest.mark.parametrize("subjects", [3, 9, 300])
def test_intervals_hold_the_truth_as_often_as_they_say(
    subjects: int, of_seeds: float, together: float
) -> None:
    """Seeds, subjects, their windows, and each window of each seed differ at random around no
    difference at all; of 1,000 intervals of 95% or more, 930 hold zero but not every one."""
    rng = np.random.default_rng(subjects)
    groups = np.repeat(np.arange(subjects), 5)
    held, draws = 0, 1000
    for _ in range(draws):
        people = rng.normal(0, 0.05, subjects)[groups] + rng.normal(0, 0.1, len(groups))
        seeds = rng.normal(0, of_seeds, (3, 1)) + rng.normal(0, together, (3, len(groups)))
        each = (people + seeds).mean(axis=1)
        of_test = sums.error_of_test((people + seeds).mean(axis=0), groups)
        half = sums.half_width((each.std(ddof=1) / 3**0.5, 3), (of_test, subjects))
        held += abs(each.mean()) <= half
    assert 0.93 * draws <= held < draws


def test_models_are_compared_seed_by_seed() -> None:
    found = sums.compared(outcomes())
    assert [(each.one, each.other) for each in found] == [
        ("axonal", "no-delays"),
        ("axonal", "gru"),
    ]
    delays = found[0]  # 0.5, 0.25 and 0: a mean of 0.25 and a deviation of 0.25
    assert delays.mean == pytest.approx(0.25)
    assert delays.of_seeds == pytest.approx(0.25 / 3**0.5)
    # windows gain (0, 1/3, 0, 2/3) in the mean: subjects 1/6 and 1/3, whose mean has this error
    assert delays.of_test == pytest.approx((1 / 3 - 1 / 6) / 2)
    assert (delays.words, delays.units) == ("no benefit shown", "2 subjects")
    assert found[1].words == "no difference shown"


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.01, 0.05), "more accurate"),
        ((-0.01, 0.05), "no benefit shown"),
        ((-0.05, -0.01), "less accurate"),
        ((-math.inf, math.inf), "no benefit shown"),
        (None, "one seed shows nothing"),
    ],
)
def test_only_an_interval_beside_zero_shows_something(interval: Any, words: str) -> None:
    found = Difference(
        one="axonal", other="no-delays", mean=0.03, of_seeds=0.01, of_test=0.01,
        interval=interval, units="2 subjects",
    )  # fmt: skip
    assert found.words == words


def test_rows_say_what_a_model_came_to() -> None:
    accuracies, costs, _, trainings = cells_of(outcomes())
    assert accuracies.rows[0] == [
        "SNN, no delays", "1,100", "66.7 ± 14.4", "0.667", "66.7 ± 14.4", "every spike", "0, 1, 2",
    ]  # fmt: skip
    assert accuracies.rows[2][1] == "1,500 (1.36 x)"
    assert costs.rows[0][1:6] == [
        "5,000 SynOps", "does not fit", "does not fit", *["2.00 (1.00 to 4.00)"] * 2,
    ]  # fmt: skip
    assert costs.rows[2][1:] == ["5,000 MACs", *["-"] * 4, "4.50", "0.0230"]  # 0.9 nJ, 4.6 pJ
    assert trainings.rows[2][1:] == [
        "8 units, each 2 samples averaged", "90.0 ± 0.0", "3, 3, 3", "0.01", "2.0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"same_answers": False}, "answers of 2 of 3 seeds"),
        ({"different_spikes": 7}, "all answers, 7 spikes differ"),
    ],
)
def test_what_differs_from_the_trained_network_is_said(change: Any, words: str) -> None:
    made = outcomes()["axonal"]
    results = {**made.results, 1: {**made.results[1], **change}}
    rows = cells_of({"axonal": Outcome(made.facts, made.model, results)})[0].rows
    assert rows[0][5] == words


def test_the_page_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "pages" / "benchmark.md"
    monkeypatch.setattr(pages, "RECIPES", tmp_path)
    (tmp_path / "made.md").write_text("how")
    absent = {"made, CNN, seed 1": "it broke"}
    pages.write([outcomes()], page, ["--seeds", "0", "1", "2"], absent, ["other", "more"])
    text = page.read_text()
    assert "    python -m benchmarks.accuracy --seeds 0 1 2\n" in text
    assert (
        "| made | made up | 48 | 4 | 50.0% | 91.7 ± 14.4 (axonal delays) | 100.0 ± 0.0 (GRU) "
        "| -8.3 | no difference shown |" in text
    )
    assert "of 2 subjects (who take no part in training)" in text
    assert "Half of it was left out." in text
    assert "fewer than 3 seeds" not in text
    assert "no record" not in text
    assert "[made.md](../made.md)" in text
    assert "Left out, since their data were missing here: other, more." in text
    assert "- Axonal delays against no delays: no benefit shown on made." in text
    assert "- made, CNN, seed 1: it broke" in text
    assert "another state of the code" not in text
    assert "/somewhere" not in text
    for name in ("accuracy", "operations"):
        assert f"![{name}](benchmark-{name}.png)" in text
        assert page.with_name(f"benchmark-{name}.png").stat().st_size > 1000


def test_runs_of_other_code_are_said_to_be(tmp_path: Path) -> None:
    made = outcomes()
    other = {**code.makers(MODELS["gru"]), "sha256": ["0"], "commit": "abc", "changed": True}
    results = {**made["gru"].results, 1: figures(ALL, rate=0.01, code=other)}
    made["gru"] = Outcome(made["gru"].facts, made["gru"].model, results)
    pages.write([made], tmp_path / "page.md", [], {})
    text = (tmp_path / "page.md").read_text()
    assert (
        "1 of the runs were made by another state of the code or of the cost files, at commits abc "
        "with changes" in text
    )
    assert "There is no record of how the recipe of made was chosen." in text


def test_tasks_without_their_data_are_said_to_be(tmp_path: Path) -> None:
    made = {
        name: replace(each, facts=replace(each.facts, recorded=True))
        for name, each in outcomes().items()
    }
    pages.write([made], tmp_path / "page.md", [], {})
    assert (
        "as recorded, since their data were missing here: made."
        in (tmp_path / "page.md").read_text()
    )


def test_few_seeds_are_said(tmp_path: Path) -> None:
    made = outcomes()
    made["gru"] = Outcome(made["gru"].facts, made["gru"].model, {0: figures(ALL, rate=0.01)})
    pages.write([made], tmp_path / "page.md", [], {})
    assert "Some models of made have fewer than 3 seeds" in (tmp_path / "page.md").read_text()


def test_the_best_artificial_network_is_chosen_on_validation_windows() -> None:
    made = facts()
    worse = {0: figures(HALF, rate=0.01, validation=0.95)}
    better = {0: figures(ALL, rate=0.01, validation=0.9)}
    found = {
        "cnn": Outcome(made, MODELS["cnn"], worse),
        "gru": Outcome(made, MODELS["gru"], better),
    }
    best = pages.best_artificial(found)
    assert best is not None
    assert best.model.name == "cnn"


def test_weights_delays_and_biases_are_parameters() -> None:
    layers = (LayerSpec("dense", 8, bias=True), LayerSpec("dense", 2))
    network = Architecture((5,), layers)
    assert parameters(network) == 5 * 8 + 8 + 8 * 2
    assert parameters(network.with_delays("axonal")) == 5 * 8 + 8 + 8 * 2 + 8
    assert parameters(network.with_delays("synaptic")) == 2 * (5 * 8 + 8 * 2) + 8
