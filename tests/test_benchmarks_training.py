"""The benchmark of training times what equals stock lava-dl, and says why others have none."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from benchmarks import training
from benchmarks.peers import lava_dl, measuring, workload
from benchmarks.programs import OURS, STOCK, TRAINERS, Program
from benchmarks.training import Result, Run

pytestmark = pytest.mark.usefixtures("one_torch_thread")

TINY = (((48, 12), (48, 48), (4, 48)), 4, 60)
IMAGES = (((3, 2, 3, 3), (6, 3, 3, 3), (4, 24)), 4, 60)


@pytest.fixture(scope="module")
def delayed():
    return training.make(*TINY, delays=True)


def run_of(name, threads, *ms, **others):
    figures = {"spikes": 9, "different": 0, "peak_mb": 100.0}
    return Run(name, TRAINERS[name].title, threads, list(ms), figures, **others)


@pytest.mark.long
def test_the_benchmark_runs_and_writes_page_and_figures(tmp_path, capsys):
    page, figures = tmp_path / "speed.md", tmp_path / "speed.json"
    code = training.main([
        "--peers", "none", "--threads", "1", "--sizes", "12", "48", "48", "4", "--batch", "4",
        "--steps", "60", "--seconds", "0", "--rounds", "1", "--markdown", str(page), "--json",
        str(figures),
    ])  # fmt: skip
    assert code == 0
    assert "neurodeploy" in capsys.readouterr().out
    for result in json.loads(figures.read_text()):
        assert [run["name"] for run in result["runs"]] == [STOCK, OURS]
        for run in result["runs"]:
            assert len(run["ms"]) == 2
            assert run["reason"] == ""
            assert run["figures"]["different"] == 0
    for part in ("# Speed of training", "| neurodeploy ", "lava-dl 0.6.0"):
        assert part in page.read_text()


@pytest.mark.parametrize(
    ("network", "image", "delays"),
    [(TINY, (), True), (TINY, (), False), (IMAGES, (2, 8, 8), False)],
)
def test_ours_equals_stock_before_anything_is_timed(network, image, delays):
    found = training.check(training.make(*network, image=image, delays=delays))
    assert found.spikes > 100
    assert found.different == 0
    assert found.gradient < 1e-5


@pytest.mark.parametrize(
    ("agreement", "named"),
    [
        (lava_dl.Agreement(100, 3, 0.0), "3 of 100 spikes differ"),
        (lava_dl.Agreement(100, 0, 0.5), "gradient differs .* by 5.0e-01"),
        (lava_dl.Agreement(100, 0, float("nan")), "gradient differs"),
        (lava_dl.Agreement(0, 0, 0.0), "0 of 0 spikes"),
    ],
)
def test_a_difference_from_stock_ends_the_benchmark(delayed, monkeypatch, agreement, named):
    monkeypatch.setattr(lava_dl, "compare", lambda _: agreement)
    with pytest.raises(SystemExit, match=named):
        training.check(delayed)


def test_delays_change_the_output_and_nothing_else(delayed):
    other = training.make(*TINY, delays=False)
    assert not other.delays
    assert all(np.array_equal(a, b) for a, b in zip(delayed.weights, other.weights))
    assert np.array_equal(delayed.spikes, other.spikes)
    assert not np.array_equal(delayed.expected, other.expected)


@pytest.mark.parametrize(("network", "image"), [(TINY, ()), (IMAGES, (2, 8, 8))])
def test_spikes_in_floats_are_nearly_those_of_integers(network, image):
    other = training.make(*network, image=image, delays=False)
    # but for the step of each layer
    later = len(other.weights)
    assert int(other.in_floats.sum()) == pytest.approx(int(other.expected.sum()), rel=0.2)
    assert (other.in_floats[..., :-later] == other.expected[..., later:]).mean() > 0.9


def test_steps_train_and_a_restart_forgets_them(delayed):
    trainer = lava_dl.trainer_of(delayed, "compiled")
    weight = trainer.network.blocks[0].synapse.weight
    before = weight.detach().clone()
    assert np.array_equal(trainer.outputs(), delayed.expected)
    assert len(measuring.train_steps(trainer, 0, least=3)) == 3
    assert not torch.equal(weight, before)
    trainer.restart()
    assert torch.equal(weight, before)
    assert np.array_equal(trainer.outputs(), delayed.expected)


@pytest.mark.long
def test_a_program_that_fails_says_why_and_the_others_go_on(delayed, tmp_path):
    workload.write(delayed, tmp_path / "w.npz")
    table = {"bad": Program("Bad", "no_such_program"), OURS: TRAINERS[OURS]}
    bad, ours = training.measure(table, tmp_path / "w.npz", [1], seconds=0, limit_s=900, rounds=1)
    assert "no_such_program" in bad.reason
    assert bad.median_ms is None
    assert ours.median_ms > 0
    assert ours.figures["peak_mb"] > 10
    (late,) = training.measure(
        {OURS: TRAINERS[OURS]}, tmp_path / "w.npz", [1], seconds=0, limit_s=0.2, rounds=1
    )
    assert late.reason == "not done after 0.2 s"


def test_the_table_holds_medians_and_both_ratios():
    runs = [
        run_of(STOCK, 1, 300, 310, 290), run_of(STOCK, 2, 320), run_of(OURS, 1, 20, 19, 90),
        run_of(OURS, 2, 10), run_of("norse", 1, 100), run_of("norse", 2, reason="it ended"),
    ]  # fmt: skip
    stock, ours, norse = training.table_of(Result("Without delays", "tiny", 64, runs)).rows
    assert stock[1:-1] == ["300", "320", "213", "1.00", "1.00", "15.0", "32.0", "100"]
    assert ours[1:-1] == ["20.0", "10.0", "6,400", "15.0", "32.0", "1.00", "1.00", "100"]
    assert norse[1:] == ["100", "-", "640", "3.00", "-", "5.00", "-", "100", "it ended"]
    assert ours[-1] == "yes, 9 spikes"
