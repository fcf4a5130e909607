"""The benchmark of accuracy: its arithmetic, its page, and runs that go on where they were."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy import board, keys
from benchmarks.accuracy import figures as sums
from benchmarks.accuracy import page as pages
from benchmarks.accuracy import runs as runs_module
from benchmarks.accuracy.commands import Commands, RunFailed
from benchmarks.accuracy.figures import Difference, Outcome
from benchmarks.accuracy.keys import Facts
from benchmarks.accuracy.models import MODELS, parameters
from benchmarks.accuracy.tables import cells_of
from models.architecture import Architecture
from models.layer_spec import LayerSpec

PARAMETERS = {"no-delays": 1000, "axonal": 1100, "synaptic": 2000, "small": 300}
BAND = {"low": 1.0, "value": 2.0, "high": 4.0}


def facts(*, labels: Sequence[int] = (0, 1, 0, 1), subjects: Any = (1, 1, 2, 2)) -> Facts:
    """Return the facts of a made-up task whose own network has axonal delays."""
    layers = [{"kind": "dense", "neurons": 8}, {"kind": "dense", "neurons": 2}]
    shape = {"channels": 3, "samples": 32, "classes": 2, "grid": None}
    plan = {"shape": shape, "merged": 2, "width": 8, "hidden": 0}
    key = {"task": "made", "recipe": {"learning_rate": 0.003}, "encoder": {}}
    return Facts(
        "made",
        "made up in /somewhere",
        {**key, "versions": {"torch": "2"}},
        "axonal",
        PARAMETERS,
        {name: {"input_shape": [6], "layers": layers} for name in PARAMETERS},
        {name: {**plan, "kind": name} for name in ("dense", "cnn", "gru")},
        (36, 12, len(labels)),
        np.array(labels),
        None if subjects is None else np.array(subjects),
        2,
        32,
    )


def figures(answers: Sequence[int], labels: Sequence[int] = (0, 1, 0, 1), **more: Any) -> Any:
    """Return the figures of a run of either kind."""
    code = keys.code_of(MODELS["dense" if "rate" in more else "axonal"])
    right = float(np.mean(np.array(answers) == np.array(labels)))
    chip = {"fits": True, "neurocores": 1, "dynamic_uj": BAND, "latency_ms": BAND}
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
        "seconds": 60.0,
        "core_seconds": 120.0,
        "code": code,
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


def test_the_interval_over_seeds_is_students() -> None:
    assert sums.interval([1.0, 2.0, 3.0]) == pytest.approx(
        (2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5)
    )
    assert sums.interval([1.0]) is None


def test_whole_subjects_are_drawn() -> None:
    values, groups = np.array([0.0, 0.0, 1.0, 1.0]), np.array([7, 7, 9, 9])
    assert sums.drawn_interval(values, groups) == (0.0, 1.0)
    many = np.random.default_rng(0).normal(0.1, 1.0, 400)
    low, high = sums.drawn_interval(many, None)
    half = 1.96 * many.std() / 20
    assert (low, high) == pytest.approx((many.mean() - half, many.mean() + half), abs=0.01)


def test_models_are_compared_seed_by_seed() -> None:
    found = sums.compared(outcomes())
    assert [(each.one, each.other) for each in found] == [
        ("axonal", "no-delays"),
        ("axonal", "gru"),
    ]
    delays = found[0]  # 0.5, 0.25 and 0: a mean of 0.25 and a deviation of 0.25
    assert delays.mean == pytest.approx(0.25)
    half = 4.302653 * 0.25 / 3**0.5
    assert delays.over_seeds == pytest.approx((0.25 - half, 0.25 + half))
    assert (delays.words, delays.units) == ("no benefit shown", "2 subjects")
    assert found[1].words == "no difference shown"


@pytest.mark.parametrize(
    ("over_seeds", "over_test", "words"),
    [
        ((0.01, 0.05), (0.02, 0.04), "more accurate"),
        ((0.01, 0.05), (-0.01, 0.04), "no benefit shown"),
        ((-0.01, 0.05), (0.02, 0.04), "no benefit shown"),
        ((-0.05, -0.01), (-0.04, -0.02), "less accurate"),
        (None, (0.02, 0.04), "one seed shows nothing"),
    ],
)
def test_only_two_intervals_beside_zero_show_something(
    over_seeds: Any, over_test: Any, words: str
) -> None:
    found = Difference("axonal", "no-delays", 0.03, 3, over_seeds, over_test, "2 subjects")
    assert found.words == words


def test_rows_say_what_a_model_came_to() -> None:
    accuracies, costs, _, trainings = cells_of(outcomes())
    assert accuracies.rows[0] == [
        "SNN, no delays", "1,100", "66.7 ± 14.4", "0.667", "66.7 ± 14.4", "all", "0, 1, 2",
    ]  # fmt: skip
    assert accuracies.rows[2][1] == "1,500 (1.36 x)"
    assert costs.rows[0][1:6] == [
        "5,000 SynOps", "does not fit", "does not fit", *["2.00 (1.00 to 4.00)"] * 2,
    ]  # fmt: skip
    assert costs.rows[2][1:] == ["5,000 MACs", *["-"] * 4, "4.50", "0.00115"]  # 0.9 nJ, 0.23 pJ
    assert trainings.rows[2][1:] == [
        "8 units, each 2 samples averaged", "90.0 ± 0.0", "3, 3, 3", "0.01", "2.0",
    ]  # fmt: skip


def test_answers_that_differ_are_said_so() -> None:
    made = outcomes()["axonal"]
    results = {**made.results, 1: {**made.results[1], "same_answers": False}}
    rows = cells_of({"axonal": Outcome(made.facts, made.model, results)})[0].rows
    assert rows[0][5] == "in 2 of 3 seeds"


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    page = tmp_path / "benchmark.md"
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "made.md").write_text("how")
    pages.write([outcomes()], page, {"made, CNN, seed 1": "it broke"})
    text = page.read_text()
    assert "No choice used test data" in text
    assert "[made.md](recipes/made.md)" in text
    assert "- Axonal delays against no delays: no benefit shown on made." in text
    assert "- made, CNN, seed 1: it broke" in text
    assert "another state of the code" not in text
    assert "/somewhere" not in text
    for name in ("accuracy", "operations"):
        assert f"![{name}](benchmark-{name}.png)" in text
        assert (tmp_path / f"benchmark-{name}.png").stat().st_size > 1000


def test_runs_of_other_code_are_said_to_be(tmp_path: Path) -> None:
    made = outcomes()
    other = {"sha256": "0", "commit": "abc", "changed": True}
    results = {**made["gru"].results, 1: figures(ALL, rate=0.01, code=other)}
    made["gru"] = Outcome(made["gru"].facts, made["gru"].model, results)
    pages.write([made], tmp_path / "page.md", {})
    text = (tmp_path / "page.md").read_text()
    assert (
        "1 of the runs were made by another state of the code, at commit abc with changes" in text
    )


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


def test_code_counts_without_comments_and_docstrings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "ROOT", tmp_path)
    digests = []
    for text in ('"""One."""\nX = 1', "# two\nX = 1", '"""One."""\nX = 2'):
        (tmp_path / "file.py").write_text(text)
        keys._code_digest.cache_clear()
        digests.append(keys._code_digest(("file.py",)))
    keys._code_digest.cache_clear()
    assert digests[0] == digests[1] != digests[2]


Maker = Callable[[runs_module.Run, Commands], Mapping[str, Any]]


def run_with(monkeypatch: pytest.MonkeyPatch, make: Maker, *words: str, made: Any = None) -> int:
    """Run the benchmark on the made-up task, a function in place of trainings."""

    def kept(run: runs_module.Run, commands: Commands) -> Mapping[str, Any]:
        values = {"key": run.key, **make(run, commands)}
        runs_module.write_json(values, run.result)
        return values

    monkeypatch.setattr(accuracy, "_tasks", lambda *_: ["made"])
    monkeypatch.setattr(accuracy, "facts_of", lambda _: made or facts())
    monkeypatch.setattr(accuracy, "make", kept)
    return accuracy.main(["--models", "axonal", "gru", "--jobs", "1", *words])


def test_runs_that_are_there_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []

    def make(run: runs_module.Run, commands: Commands) -> Mapping[str, Any]:
        made.append(run.folder.name)
        return figures(ALL, rate=0.01)

    words = ["--runs", str(tmp_path)]
    assert run_with(monkeypatch, make, *words, "--seeds", "0") == 0
    assert run_with(monkeypatch, make, *words, "--seeds", "0", "1") == 0
    assert made == ["axonal-seed-0", "gru-seed-0", "axonal-seed-1", "gru-seed-1"]
    assert "2 of 4 runs are there already" in capsys.readouterr().out


def test_a_run_of_another_recipe_is_made_again_and_kept_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []

    def make(run: runs_module.Run, commands: Commands) -> Mapping[str, Any]:
        made.append(run.folder.name)
        return figures(ALL, rate=0.01)

    words = ["--runs", str(tmp_path), "--seeds", "0"]
    assert run_with(monkeypatch, make, *words) == 0
    other = facts()
    other.key["recipe"]["learning_rate"] = 0.1
    assert run_with(monkeypatch, make, *words, made=other) == 0
    assert made == ["axonal-seed-0", "gru-seed-0", "axonal-seed-0"]  # a GRU has no such rate
    out = capsys.readouterr().out
    assert "made, SNN, axonal delays, seed 0: what is there differs in recipe" in out
    assert (tmp_path / "made" / "axonal-seed-0.earlier-1" / "result.json").exists()


def test_a_failed_run_says_why_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(run: runs_module.Run, commands: Commands) -> Mapping[str, Any]:
        if run.model.spiking:
            raise RunFailed("it broke")
        return figures(ALL, rate=0.01)

    assert run_with(monkeypatch, make, "--runs", str(tmp_path), "--seeds", "0") == 1
    printed = capsys.readouterr()
    assert "GRU" in printed.out
    assert "failed: made, SNN, axonal delays, seed 0: it broke" in printed.err


def test_an_interrupted_training_is_resumed(tmp_path: Path) -> None:
    run = runs_module.runs_of(facts(), runs_module.Place(tmp_path), [0], ["axonal"])[0]
    assert runs_module.prepare(run) == ""
    said: list[Sequence[str]] = []

    class Stopped(Commands):
        def run(self, words: Sequence[str], log: Path, good: tuple[int, ...] = (0,)) -> str:
            said.append(words)
            (run.folder / "resume.pt").touch()
            raise RunFailed("interrupted")

    for _ in range(2):
        assert runs_module.prepare(run) == ""
        with pytest.raises(RunFailed):
            runs_module.make(run, Stopped())
    assert [("--resume" in words) for words in said] == [False, True]
    assert run.kept() is None


def test_other_seeds_take_the_rate_that_the_first_chose(tmp_path: Path) -> None:
    runs = runs_module.runs_of(facts(), runs_module.Place(tmp_path), [4, 5], ["gru"])
    assert [run.chooses for run in runs] == [True, False]
    with pytest.raises(RunFailed, match="its learning rate is chosen on seed 4, which failed"):
        runs_module._chosen_rate(runs[1])
    runs_module.write_json({"key": runs[0].key, "rate": 0.003}, runs[0].result)
    assert runs_module._chosen_rate(runs[1]) == 0.003


def test_a_command_that_fails_says_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"no_such_module ended with exit code 1 \(.*No module"):
        Commands().run(["no_such_module"], tmp_path / "log.txt")


def test_commands_end_when_the_benchmark_does(tmp_path: Path) -> None:
    commands, reasons = Commands(), []

    def wait() -> None:
        try:
            commands.run(["http.server", "0", "--bind", "127.0.0.1"], tmp_path / "log.txt")
        except RunFailed as error:
            reasons.append(str(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not commands._running:
        time.sleep(0.01)
    commands.end()
    waiting.join(30)
    assert reasons
    with pytest.raises(RunFailed, match="interrupted"):
        commands.run(["this"], tmp_path / "log.txt")


def test_tasks_without_data_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    said: list[str] = []
    there = accuracy._tasks(None, said.append)
    assert "mnist" not in there
    assert any(line.startswith("mnist is left out, its data are missing (") for line in said)


def test_times_are_said_in_words() -> None:
    assert [board.duration(s) for s in (12.3, 150, 4000)] == ["12 s", "2 min", "1 h 7 min"]


def test_keys_are_compared_as_json_has_them() -> None:
    kept = json.loads(json.dumps({"a": (1, 2), "b": 1}))
    assert keys.differences(kept, {"a": (1, 2), "b": 2, "c": 3}) == ["b", "c"]
