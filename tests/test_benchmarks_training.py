"""The benchmark of training times what equals stock lava-dl, and says why others have none."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import compare, training, training_page, training_runs, training_workload
from benchmarks.compare import Peer
from benchmarks.tables import markdown_of
from benchmarks.trainers import har, lava_dl, serving, training_file
from benchmarks.training_page import Result
from benchmarks.training_runs import OURS, STOCK, TRAINERS, Run
from benchmarks.training_workload import Shape

pytestmark = pytest.mark.usefixtures("one_torch_thread")

TINY = Shape((12, 48, 48, 4), 4, 60)


@pytest.fixture(scope="module")
def delayed():
    return training_workload.make(TINY, delays=True)


def run_of(name, threads, *ms, **others):
    introduction = {
        "spikes": 9, "different": 0, "versions": {"torch": "2"}, "leaves_out": ["delays"],
    }  # fmt: skip
    return Run(name, TRAINERS[name].title, threads, introduction, list(ms), 100.0, **others)


@pytest.fixture
def result():
    return Result(
        "Without delays", "tiny", 64, False,
        [
            run_of(STOCK, 1, 300, 310, 290), run_of(STOCK, 2, 320),
            run_of(OURS, 1, 20, 19, 90), run_of(OURS, 2, 10),
            run_of("norse", 1, 100), run_of("norse", 2, reason="ended without a word"),
        ],
    )  # fmt: skip


@pytest.mark.long
def test_the_benchmark_runs_and_writes_page_and_figures(tmp_path, capsys):
    page, figures = tmp_path / "speed.md", tmp_path / "speed.json"
    code = training.main([
        "--peers", "none", "--threads", "1", "--sizes", "12", "48", "48", "4", "--batch", "4",
        "--steps", "60", "--seconds", "0", "--rounds", "2", "--markdown", str(page), "--json",
        str(figures),
    ])  # fmt: skip
    assert code == 0
    assert "neurodeploy" in capsys.readouterr().out
    found = json.loads(figures.read_text())
    assert [each["delays"] for each in found["workloads"]] == [True, False]
    for workload in found["workloads"]:
        assert [run["name"] for run in workload["runs"]] == [STOCK, OURS]
        for run in workload["runs"]:
            assert len(run["ms"]) == 4  # two a turn
            assert run["reason"] == ""
            assert run["introduction"]["different"] == 0
    for part in ("# Speed of training", "| neurodeploy |", "## Targets", "lava-dl 0.6.0"):
        assert part in page.read_text()


@pytest.mark.parametrize("delays", [True, False])
def test_ours_equals_stock_before_anything_is_timed(delays):
    found = training_workload.check(training_workload.make(TINY, delays=delays))
    assert found.spikes > 100
    assert found.different == 0
    assert found.gradient < 1e-5


def test_a_difference_from_stock_ends_the_benchmark(delayed, monkeypatch):
    for agreement, words in (
        (lava_dl.Agreement(100, 3, 0.0), "3 of 100 spikes differ"),
        (lava_dl.Agreement(100, 0, 0.5), "a gradient differs from stock lava-dl's by 5.0e-01"),
        (lava_dl.Agreement(100, 0, float("nan")), "a gradient differs"),
        (lava_dl.Agreement(0, 0, 0.0), "0 of 0 spikes"),
    ):
        monkeypatch.setattr(lava_dl, "compare", lambda _, found=agreement: found)
        with pytest.raises(SystemExit, match=words):
            training_workload.check(delayed)


def test_delays_change_the_output_and_nothing_else(delayed):
    other = training_workload.make(TINY, delays=False)
    assert not other.delays
    assert all(np.array_equal(a, b) for a, b in zip(delayed.weights, other.weights))
    assert np.array_equal(delayed.spikes, other.spikes)
    assert not np.array_equal(delayed.expected, other.expected)


def test_spikes_in_floats_are_nearly_those_of_integers(delayed):
    workload = training_workload.make(TINY, delays=False)
    late = len(workload.weights)
    assert int(workload.in_floats.sum()) == pytest.approx(int(workload.expected.sum()), rel=0.2)
    same = workload.in_floats[..., :-late] == workload.expected[..., late:]
    assert same.mean() > 0.9


def test_a_workload_file_holds_everything(delayed, tmp_path):
    training_file.write(delayed, tmp_path / "w.npz")
    again = training_file.read(tmp_path / "w.npz")
    assert again.sizes == (12, 48, 48, 4)
    for name in ("weights", "delays"):
        pairs = zip(getattr(again, name), getattr(delayed, name), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)
    for name in ("spikes", "labels", "expected", "in_floats"):
        assert np.array_equal(getattr(again, name), getattr(delayed, name))


def test_steps_train_and_a_restart_forgets_them(delayed):
    trainer = lava_dl.make(delayed, "compiled")
    weight = trainer.network.blocks[0].synapse.weight
    before = weight.detach().clone()
    assert np.array_equal(trainer.outputs(), delayed.expected)
    times = serving._turn(trainer, 0, 3)
    assert len(times) == 3
    assert not torch.equal(weight, before)
    trainer.restart()
    assert torch.equal(weight, before)
    assert np.array_equal(trainer.outputs(), delayed.expected)


def test_a_turn_goes_back_to_the_start_after_its_last_batch(delayed, monkeypatch):
    trainer = lava_dl.make(delayed, "compiled")
    seen = []
    monkeypatch.setattr(trainer, "step", seen.append)
    monkeypatch.setattr(trainer, "restart", lambda: seen.append("restart"))
    serving._turn(trainer, 0, 10)
    assert seen == ["restart", *range(8), "restart", 0, 1]


def test_a_program_that_fails_says_why_and_the_others_go_on(delayed, tmp_path):
    training_file.write(delayed, tmp_path / "w.npz")
    peers = [Peer("bad", "Bad", "no_such_program"), TRAINERS[OURS]]
    told = []
    bad, ours = training_runs.measure(
        peers, [tmp_path / "w.npz"], [1], told.append, seconds=0, limit_s=900, rounds=1
    )
    assert "no_such_program" in bad.reason
    assert bad.median_ms is None
    assert ours.median_ms > 0
    assert ours.peak_mb > 10
    assert told[-1] == "  round 1 of 1 done"


def test_a_program_that_takes_too_long_is_ended(delayed, tmp_path):
    training_file.write(delayed, tmp_path / "w.npz")
    (run,) = training_runs.measure(
        [TRAINERS[OURS]], [tmp_path / "w.npz"], [1], print, seconds=0, limit_s=0.2, rounds=1
    )
    assert run.reason == "no answer after 0.2 s"


def test_without_uv_other_libraries_say_so(monkeypatch, tmp_path):
    compare.install.cache_clear()
    monkeypatch.setattr(compare.shutil, "which", lambda _: None)
    (run,) = training_runs.measure(
        [TRAINERS["norse"]], [], [1], print, seconds=0, limit_s=9, rounds=1
    )
    compare.install.cache_clear()
    assert "uv is not installed" in run.reason


def test_every_library_has_a_program_and_pinned_packages():
    for peer in (*TRAINERS.values(), *training_runs.HAR_TRAINERS):
        assert (compare.ROOT / f"benchmarks/trainers/{peer.program}.py").is_file()
        assert all(any(sign in package for sign in "=<") for package in peer.packages)


def test_an_unknown_library_is_refused():
    with pytest.raises(SystemExit, match="'torch' is no library; there are lava-dl, ours"):
        training.main(["--peers", "norse,torch"])
    assert [peer.name for peer in training._chosen("norse")] == [STOCK, OURS, "norse"]


def test_the_table_holds_medians_and_both_ratios(result):
    text = markdown_of(training_page.cells_of(result))
    assert "| lava-dl, stock | 300 | 320 | 213 | 1.00 | 1.00 | 15.0 | 32.0 | 100 | yes, 9" in text
    assert "| neurodeploy | 20.0 | 10.0 | 6,400 | 15.0 | 32.0 | 1.00 | 1.00 | 100 | yes, 9" in text
    assert "| Norse | 100 | - | 640 | 3.00 | - | 5.00 | - | 100 | ended without a word |" in text


def test_targets_are_measured_figures_against_wanted_ones(result):
    found = {each.text: (each.measured, each.met) for each in training_page.targets([result])}
    assert found == {
        "x stock lava-dl without delays, 1 thread": (15.0, True),
        "x the fastest other library, threads: 1": (5.0, True),
        "x the fastest other library, threads: 2": (None, None),
        "2 threads x 1 thread, without delays": (2.0, True),
    }
    epochs = [run_of(OURS, 2, 2600), run_of(STOCK, 2, 20000)]
    slow = replace(result, unit="s", runs=epochs)
    (target,) = training_page.targets([slow])
    assert (target.measured, target.met) == (2.6, False)


def test_an_epoch_of_a_task_is_a_step(tiny_training):
    trainer = har.HarTrainer.__new__(har.HarTrainer)
    trainer.training = tiny_training()
    trainer.epochs = har.loop.run(trainer.training)
    trainer.restart()
    trainer.step(0)
    trainer.step(1)
    assert len(trainer.training.history) == 2
