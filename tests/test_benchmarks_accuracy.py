"""The benchmark of accuracy: its arithmetic, its records, and runs that continue."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy import figures, page, predictions, records, runner, setup
from benchmarks.accuracy.figures import Difference, Results
from benchmarks.accuracy.setup import MODELS, Setup
from neurodeploy.export import netx
from neurodeploy.models.architecture import Architecture, LayerSpec
from neurodeploy.models.errors import InputError

RECORDS = Path(__file__).parents[1] / "docs/benchmarks/records"
LABELS = np.array([0, 1, 0, 1])
ALL, HALF, THREE = (0, 1, 0, 1), (0, 0, 0, 0), (0, 1, 0, 0)


def a_setup(**changes: Any) -> Setup:
    """Return the setup of a made-up task whose own network has axonal delays."""
    layers = [{"kind": "dense", "neurons": 8}, {"kind": "dense", "neurons": 2}]
    shape = {"channels": 3, "samples": 32, "classes": 2, "grid": None}
    plan = {"shape": shape, "merged": 2, "width": 8, "hidden": 0, "parameters": 1500, "macs": 5000}
    parameters = {"no-delays": 1000, "axonal": 1100, "synaptic": 2000, "small": 300}
    values: dict[str, Any] = {
        **{"task": "made", "source": "made up", "notes": ("half of it was left out",)},
        **{"counts": (36, 12, 4), "classes": 2, "steps": 32, "unseen": True, "own": "axonal"},
        **{"data_sha256": "d", "split_sha256": "s", "augment": None, "encoder": {"name": "e"}},
        "config": {"learning_rate": 0.003},
        "sketches": {"augment": [1.0, -2.0], "encoder": [3.0, 4.0], "levels": None},
        "networks": {
            **{name: {"input_shape": [6], "layers": layers} for name in parameters},
            **{name: {**plan, "kind": name} for name in ("dense", "cnn", "gru")},
        },
        **{"parameters": parameters, "ann": {"batch_size": 64}, "labels": LABELS},
        "subjects": np.array([1, 1, 2, 2]),
    }
    return Setup(**{**values, **changes})


def a_run(model: str, seed: int, answers: Any = ALL, **changes: Any) -> dict[str, Any]:
    """Return the figures of a run."""
    correct, ann = float((np.array(answers) == LABELS).mean()), bool(MODELS[model].kind)
    values: dict[str, Any] = {
        **{"model": model, "seed": seed, "accuracy": correct, "macro_f1": correct},
        **{"validation_accuracy": 0.9, "best_epoch": 3, "parameters": 1100, "operations": 5000.0},
        **{"learning_rate": 0.01 if ann else 0.003, "core_seconds": 120.0, "code_sha256": "0"},
        **{"commit": "030396447140", "changed": False, "processor": "one", "python": "3.11"},
        **dict.fromkeys(records.PACKAGES, "2.0"),
        "predictions": list(answers),
    }
    if ann:
        values |= {"rates": "0.01", "epochs": 2, "parameters": 1500}
        tried = {"learning_rate": 0.01, "seconds": 1.5, "validation_accuracies": "0.5 0.9"}
        return {**values, "tried": [tried], **changes}
    values |= {"trained_accuracy": correct, "same_predictions": True, "different_spikes": 0}
    for chip, fits in (("loihi1", False), ("loihi2", True)):
        ends = {"low": 1.0, "value": 2.0, "high": 4.0}
        values |= {f"{chip}_{unit}_{end}": ends[end] for unit in ("uj", "ms") for end in ends}
        values[f"{chip}_fits"] = fits
    return {**values, **changes}


def results(*runs: dict[str, Any], **changes: Any) -> Results:
    """Return the results of runs."""
    made = a_setup(**changes)
    correct = {
        (run["model"], run["seed"]): (np.array(run["predictions"]) == LABELS).astype(float)
        for run in runs
    }
    return Results(made, pd.DataFrame(runs), correct)


def three_models() -> Results:
    """Return three models of a made-up task, three seeds each."""
    return results(
        *(a_run("no-delays", seed, each) for seed, each in enumerate((HALF, THREE, THREE))),
        *(a_run("axonal", seed, each) for seed, each in enumerate((ALL, ALL, THREE))),
        *(a_run("gru", seed) for seed in range(3)),
    )


def test_an_interval_of_one_error_is_students() -> None:
    assert figures.half_width((0.5, 3)) == pytest.approx(4.302653 * 0.5)
    assert figures.half_width((0.5, 3), (0.0, 9)) == pytest.approx(4.302653 * 0.5)
    assert figures.half_width((0.5, 3), (math.inf, 1)) == math.inf
    both = figures.half_width((0.1, 3), (0.2, 9))
    assert both == pytest.approx(((4.302653 * 0.1) ** 2 + (2.306004 * 0.2) ** 2) ** 0.5)


def test_the_error_of_the_test_counts_whole_subjects() -> None:
    values, groups = np.array([0.0, 0.0, 1.0, 1.0]), np.array([7, 7, 9, 9])
    assert figures.error_of_test(values, groups) == pytest.approx(0.5)  # of two means, 0 and 1
    assert figures.error_of_test(values, np.zeros(4, np.int64)) == math.inf
    many = np.random.default_rng(0).normal(0.1, 1.0, 400)
    assert figures.error_of_test(many, np.arange(400)) == pytest.approx(many.std(ddof=1) / 20)


@pytest.mark.parametrize("together", [0.0, 0.2])
@pytest.mark.parametrize("of_seeds", [0.0, 0.02, 0.05])
@pytest.mark.parametrize("subjects", [3, 9, 300])
def test_intervals_cover_the_truth_as_often_as_they_say(
    subjects: int, of_seeds: float, together: float
) -> None:
    """Seeds, subjects, their samples, and each sample of each seed differ at random around no
    difference at all; of 500 intervals of 95% or more, 465 hold zero but not every one."""
    rng = np.random.default_rng(subjects)
    groups = np.repeat(np.arange(subjects), 5)
    held, draws = 0, 500
    for _ in range(draws):
        people = rng.normal(0, 0.05, subjects)[groups] + rng.normal(0, 0.1, len(groups))
        seeds = rng.normal(0, of_seeds, (3, 1)) + rng.normal(0, together, (3, len(groups)))
        each = (people + seeds).mean(axis=1)
        of_test = figures.error_of_test((people + seeds).mean(axis=0), groups)
        half = figures.half_width((each.std(ddof=1) / 3**0.5, 3), (of_test, subjects))
        held += abs(each.mean()) <= half
    assert 0.93 * draws <= held < draws


def test_models_are_compared_seed_by_seed() -> None:
    delays, artificial = figures.compared(three_models())
    assert (delays.one, delays.other) == ("axonal", "no-delays")
    assert delays.mean == pytest.approx(0.25)  # of 0.5, 0.25 and 0, whose deviation is 0.25
    assert delays.of_seeds == pytest.approx(0.25 / 3**0.5)
    # samples gain (0, 1/3, 0, 2/3) in the mean: subjects 1/6 and 1/3, whose mean has this error
    assert delays.of_test == pytest.approx((1 / 3 - 1 / 6) / 2)
    assert (delays.words, delays.units) == ("no benefit shown", "2 subjects")
    assert (artificial.other, artificial.words) == ("gru", "no difference shown")


@pytest.mark.parametrize(
    ("mean", "half", "words"),
    [
        (0.03, 0.02, "more accurate"),
        (0.03, 0.04, "no benefit shown"),
        (-0.03, 0.02, "less accurate"),
        (0.03, math.inf, "no benefit shown"),
        (0.03, math.nan, "one seed shows nothing"),
    ],
)
def test_only_an_interval_beside_zero_shows_something(mean: float, half: float, words: str) -> None:
    found = Difference(
        one="axonal", other="no-delays", mean=mean, of_seeds=0.01, of_test=0.01, half_width=half,
        units="2 subjects",
    )  # fmt: skip
    assert found.words == words


def test_rows_hold_means_deviations_and_costs() -> None:
    accuracies, costs, _, trainings = page.tables(three_models())
    assert accuracies.rows[0] == [  # 0.5, 0.75, 0.75: deviation sqrt((1/36 + 2/144) / 2)
        "SNN, no delays", "1,100", "66.7 ± 14.4", "0.667", "66.7 ± 14.4", "every spike", "0, 1, 2",
    ]  # fmt: skip
    assert accuracies.rows[2][1] == "1,500 (1.36 x)"
    assert costs.rows[0][1:6] == [
        "5,000 SynOps", "does not fit", "does not fit", *["2.00 (1.00 to 4.00)"] * 2,
    ]  # fmt: skip
    assert costs.rows[2][1:] == ["5,000 MACs", *["-"] * 4, "4.50", "0.0230"]  # 0.9 nJ, 4.6 pJ
    assert trainings.rows[2][1:] == [
        "8 units, each 2 time points averaged", "90.0 ± 0.0", "3, 3, 3", "0.01", "2.0",
    ]  # fmt: skip


def test_weights_delays_and_biases_are_parameters() -> None:
    network = Architecture((5,), (LayerSpec("dense", 8, bias=True), LayerSpec("dense", 2)))
    assert setup.parameters_of(network) == 5 * 8 + 8 + 8 * 2
    assert setup.parameters_of(network.with_delays("axonal")) == 5 * 8 + 8 + 8 * 2 + 8
    assert setup.parameters_of(network.with_delays("synaptic")) == 2 * (5 * 8 + 8 * 2) + 8


def close(one: Any, other: Any) -> bool:
    """Return whether two setups with these sketches of an encoder are the same to a network."""
    setups = [a_setup(sketches={"encoder": setup.sketch(e), "augment": None, "levels": None})
              for e in (one, other)]  # fmt: skip
    return not setup.differences(*setups, "axonal")


def test_a_sketch_ignores_the_last_digits_and_single_spikes() -> None:
    signals = np.random.default_rng(0).normal(size=(64, 6, 50)).astype(np.float32)
    spikes = (np.random.default_rng(1).random((64, 33, 128)) < 0.05).astype(np.uint8)
    more, fewer = spikes.copy(), spikes.copy()
    more[0, 0, 0] ^= 1
    fewer[:, 3] = 0
    assert close(signals, signals * np.float32(1 + 1e-6))
    assert not close(signals, signals * np.float32(1.01))
    assert not close(signals, np.roll(signals, 1, axis=2))
    assert close(spikes, more)
    assert not close(spikes, fewer)


@pytest.mark.parametrize(
    ("change", "spiking", "artificial"),
    [
        ({"config": {"learning_rate": 0.1}}, ["config"], []),
        ({"encoder": {"name": "other"}}, ["encoder"], []),
        ({"data_sha256": "x"}, ["data_sha256"], ["data_sha256"]),
        ({"split_sha256": "x"}, ["split_sha256"], ["split_sha256"]),
        ({"augment": "vary_wrist"}, ["augment"], ["augment"]),
        ({"ann": {"batch_size": 32}}, [], ["ann"]),
        ({"networks": {}}, ["network"], ["network"]),
        ({"notes": (), "source": "elsewhere"}, [], []),
    ],
)
def test_a_record_of_another_setup_is_stale(
    tmp_path: Path, change: Any, spiking: list[str], artificial: list[str]
) -> None:
    for model in ("axonal", "gru"):
        records.add(tmp_path, a_setup(), a_run(model, 0))
    known, now = records.read(tmp_path), a_setup(**change)
    for model, names in (("axonal", spiking), ("gru", artificial)):
        row, reason = known.find(now, model, 0)
        assert (row is None) == bool(names)
        assert reason == (f"stale: recorded with other {', '.join(names)}" if names else "")
    assert known.find(a_setup(), "gru", 0, [0.003])[0] is None  # tried another learning rate
    assert known.find(a_setup(), "axonal", 1)[1] == "not recorded"


def test_a_record_replaces_the_one_of_the_same_run_and_leaves_others(tmp_path: Path) -> None:
    for model, seed in (("gru", 0), ("axonal", 1), ("axonal", 0)):
        records.add(tmp_path, a_setup(), a_run(model, seed))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    records.add(tmp_path, a_setup(), a_run("axonal", 1))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    records.add(tmp_path, a_setup(data_sha256="x"), a_run("axonal", 1, THREE))
    known = records.read(tmp_path)
    assert known.runs.model.tolist() == ["axonal", "axonal", "gru"]
    assert known.runs.accuracy.tolist() == [1.0, 0.75, 1.0]
    assert known.of(known.runs.iloc[1]).tolist() == list(THREE)
    assert known.runs.commit.tolist() == ["030396447140"] * 3  # no number


@pytest.mark.parametrize(
    ("name", "change", "named"),
    [
        ("runs.csv", lambda t: t.replace(b"macro_f1", b"other"), "macro_f1"),
        ("runs.csv", lambda t: t.replace(b",1.0,1.0,0.9", b",0.5,1.0,0.9"), "axonal, seed 0"),
        ("runs.csv", lambda t: t.replace(b",1.0,1.0,0.9", b",many,1.0,0.9"), "accuracy"),
        ("setups.jsonl", lambda t: b"{}\n", "key"),
        ("setups.jsonl", lambda t: t[:50], "damaged"),
        ("predictions.npz", lambda t: t[:50], "damaged"),
        ("trainings.csv", lambda t: b"\xff\xfe", "damaged"),
    ],
)
def test_damaged_records_are_refused_by_name(
    tmp_path: Path, name: str, change: Any, named: str
) -> None:
    records.add(tmp_path, a_setup(), a_run("axonal", 0))
    (tmp_path / name).write_bytes(change((tmp_path / name).read_bytes()))
    with pytest.raises(InputError, match=str(tmp_path)) as error:
        records.read(tmp_path)
    assert named in str(error.value)


def test_the_projects_records_are_whole() -> None:
    known = records.read(RECORDS)
    assert len(known.runs) == 111
    assert len(known.trainings) == 126
    for row in known.runs.itertuples():
        assert known.find(known.setups[row.setup], row.model, row.seed)[0] is not None


@pytest.mark.parametrize("task", ["digits", "har"])
def test_the_projects_records_are_of_the_tasks_as_they_are(task: str) -> None:
    known, now = records.read(RECORDS), setup.setup_of(task)
    runs = known.runs[known.runs.task == task]
    assert {known.find(now, row.model, row.seed)[1] for row in runs.itertuples()} == {""}
    assert now.own == "axonal"


def test_what_is_recorded_can_be_shown_without_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    words = ["--task", "nmnist", "--kept", "--records", str(RECORDS)]
    assert accuracy.main([*words, "--seeds", "0", "7"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| GRU")]
    assert rows[0].endswith(" 0 |")  # seed 7 is not recorded
    assert accuracy.main(["--task", "nmnist", "--runs", str(tmp_path)]) == 2
    assert "nmnist" in capsys.readouterr().err


TINY = """
from pathlib import Path
import numpy as np
from neurodeploy.data.encoders import SigmaDelta
from neurodeploy.data.origin import Origin
from neurodeploy.config import TrainConfig
from neurodeploy.data.task import Task
from neurodeploy.data.dataset import Dataset

def read(path):
    labels = np.arange(72) % 2
    noise = np.random.default_rng(1).normal(0, 0.5, (72, 3, 32))
    signals = (noise + np.array([-0.5, 0.5])[labels, None, None]).astype(np.float32)
    names = ("acc-x (g)", "acc-y (g)", "acc-z (g)")
    people = np.repeat(np.arange(1, 7), 12)
    return Dataset(signals, labels, people, ("low", "high"), names, 50.0, "made up", (5, 6))

CONFIG = TrainConfig(hidden=(8,), epochs=EPOCHS, batch_size=8, learning_rate=1e-2)
ORIGIN = Origin("made up", "none", "none", "make it", find=lambda: Path("/"))
TASK = Task("tiny", "two levels", read, lambda dataset: SigmaDelta(0.8), CONFIG, ORIGIN)
"""


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a task `tiny`, two levels of a signal of six people, and let commands know it."""
    path = tmp_path / "tiny_task.py"
    path.write_text(TINY.replace("EPOCHS", "2"))
    monkeypatch.setenv("NEURODEPLOY_TASKS", str(path))
    return path


@pytest.mark.long
def test_runs_are_made_recorded_and_not_made_again(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The learning rate of a later seed is the first one's; a run that fails leaves the others."""
    runs, path = tmp_path / "runs", tmp_path / "benchmark.md"
    log = runs / "tiny" / "no-delays-seed-3" / "log.txt"
    log.mkdir(parents=True)
    words = ["--task", "tiny", "--seeds", "3", "4", "--runs", str(runs), "--markdown", str(path)]
    words += ["--models", "no-delays", "dense"]
    assert accuracy.main(words) == 1
    assert f"tiny, SNN, no delays, seed 3: [Errno 21] Is a directory: '{log}'" in (
        capsys.readouterr().err
    )
    assert "- tiny, SNN, no delays, seed 3: " in path.read_text()
    row = next(line for line in path.read_text().splitlines() if line.startswith("| SNN, no del"))
    cells = [cell.strip() for cell in row.split("|")]
    assert cells[3] == cells[5]  # the quantized network is as accurate as the trained one
    assert cells[6] == "every spike"
    known = records.read(runs)
    first, later = (known.find(setup.setup_of("tiny"), "dense", seed)[0] for seed in (3, 4))
    assert first is not None
    assert later is not None
    assert later.rates == f"{first.learning_rate:g}"
    assert len(first.rates.split()) == 5

    before = (runs / "runs.csv").read_text().splitlines()
    log.rmdir()
    assert accuracy.main(words) == 0
    after = (runs / "runs.csv").read_text().splitlines()
    assert [line for line in after if "no-delays,3" not in line] == before
    assert len(after) == 5
    out = runs / "tiny" / "dense-seed-3" / "ann.json"
    made = out.stat().st_mtime_ns
    words[words.index("--models") + 1 :] = ["dense"]
    words[words.index("--seeds") + 1 : words.index("--runs")] = ["3", "4", "5"]
    assert accuracy.main(words) == 0
    added = records.read(runs).find(setup.setup_of("tiny"), "dense", 5)[0]
    assert added is not None
    assert added.rates == later.rates
    assert out.stat().st_mtime_ns == made

    folder = log.parent
    network = netx.read(folder / "model.net")
    silent = replace(network.layers[-1], weight=np.zeros_like(network.layers[-1].weight))
    netx.write(network.with_layers((*network.layers[:-1], silent)), tmp_path / "silent.net")
    found = predictions.compare(folder / "model.pt", tmp_path / "silent.net", 1)
    assert found["quantized"] == [0] * len(found["trained"])
    assert found["different_spikes"] > 0


@pytest.mark.long
def test_an_interrupted_run_continues_and_another_setup_is_moved_aside(
    tiny: Path, tmp_path: Path
) -> None:
    tiny.write_text(TINY.replace("EPOCHS", "4000"))
    runs = tmp_path / "runs"
    words = ["--task", "tiny", "--seeds", "0", "--models", "no-delays", "--runs", str(runs)]
    state = runs / "tiny" / "no-delays-seed-0" / "resume.pt"
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.accuracy", *words])
    try:
        deadline = time.monotonic() + 300
        history = state.parent / "history.jsonl"  # the last file of an epoch
        while not history.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
    kept = json.loads((state.parent / "history.jsonl").read_text().splitlines()[0])
    spent = json.loads((state.parent / "run.json").read_text())["core_seconds"]
    assert spent > 0
    run = runner.Run(setup.setup_of("tiny"), "no-delays", 0, runs)
    assert runner.prepare(run) is None  # goes on there
    assert kept == json.loads((state.parent / "history.jsonl").read_text().splitlines()[0])
    other = replace(run, setup=a_setup(task="tiny"))
    aside = runner.prepare(other)
    assert aside is not None
    assert (aside / "resume.pt").exists()
    assert not state.exists()
