"""The page of accuracy against energy: what its figures are made of."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import neurodeploy as nd
from benchmarks import budgets


def report_of(accuracy: float, synops: float) -> dict[str, Any]:
    """Return the report of a network 33-8-6 whose energy in µJ is a tenth of its SynOps."""
    energy = {"value": synops / 10, "low": synops / 20, "high": synops / 5}
    layers = [{"neurons": 8}, {"neurons": 6}]
    options = {"architecture": {"input_shape": [33], "layers": layers}, "torch": "2.0"}
    return {
        "network": {"metadata": {"epoch": 1, "options": options}},
        "provenance": {"dataset": "made up"},
        "versions": {"neurodeploy": "0.2"},
        "counted": {
            "score": {"accuracy": accuracy}, "layers": layers,
            "total": {"synops_per_sample": synops},
        },
        "estimated": {"loihi2": {"full_speed": {"energy_per_sample_uj": {"dynamic": energy}}}},
        "neurobench": {"effective_acs": synops * 0.9},
    }  # fmt: skip


def point(name: str, accuracy: float, synops: float, **more: Any) -> dict[str, Any]:
    epoch = {"synops": [synops / 2, synops / 4], "validation_accuracy": accuracy + 0.01}
    found = budgets.figures_of(report_of(accuracy, synops), [epoch])
    return {"name": name, "seed": 0, "budget": float("nan"), **found, **more}


POINTS = [point("dense", 0.94, 1000.0), point("budget 0.5", 0.933, 480.0, budget=375.0)]


def test_a_row_says_what_a_budget_came_to() -> None:
    first, half = budgets.table_of(pd.DataFrame(POINTS)).rows
    assert first[1:3] == ["-", "-"]
    assert first[6] == "+0.0"
    assert half == [
        "budget 0.5", "375", "96.0%", "8", "94.3%", "93.3%", "+0.7", "480",
        "48.00 (24.00 to 96.00)", "432",
    ]  # fmt: skip


def test_seeds_of_one_network_are_one_row_of_means() -> None:
    more = pd.DataFrame([*POINTS, point("dense", 0.92, 1200.0, seed=1)])
    rows = budgets.table_of(more).rows
    assert len(rows) == 2
    assert (rows[0][5], rows[0][7]) == ("93.0% (92.0 to 94.0)", "1,100")


def test_the_page_says_what_halving_costs(tmp_path: Path) -> None:
    page = tmp_path / "budgets.md"
    budgets.write(pd.DataFrame(POINTS), "har", page, ["--task", "har"])
    text = page.read_text()
    assert "saves 52% of them on the test samples and 52% of the dynamic energy" in text
    assert "costs 0.7 points of test accuracy (94.0% to 93.3%)" in text
    assert "![accuracy against energy](budgets.png)" in text
    assert "(33-8-6)" in text
    assert page.with_suffix(".png").stat().st_size > 1000
    better = pd.DataFrame([POINTS[0], point("budget 0.5", 0.95, 480.0, budget=375.0)])
    assert "costs no test accuracy" in budgets.finding(better)
    assert budgets.finding(pd.DataFrame(POINTS[:1])) == ""


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_points_are_trained_once_and_keep_their_budget(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 2
    spikes = (rng.random((24, 6, 12)) < 0.2 + 0.4 * labels[:, None, None]).astype(int)
    config = nd.TrainConfig(hidden=(6,), epochs=2, batch_size=8, learning_rate=0.01)
    data = nd.task_from_arrays(*[(spikes, labels)] * 3, config=config)
    args = argparse.Namespace(
        task="made", runs=tmp_path, seeds=[3], shares=[0.5, 0.9], others=False, threads=1
    )
    found = list(budgets.points_of(data, args))
    assert [each["name"] for each in found] == ["dense", "budget 0.9", "budget 0.5"]
    assert {each["seed"] for each in found} == {3}
    assert np.isnan(found[0]["budget"])
    for point, share in zip(found[1:], (0.9, 0.5)):
        assert point["budget"] == pytest.approx(share * found[0]["validation_synops"], rel=5e-3)
    began = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.net")}
    assert len(began) == 3
    again = list(budgets.points_of(data, args))
    assert pd.DataFrame(again).equals(pd.DataFrame(found))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.net")} == began
