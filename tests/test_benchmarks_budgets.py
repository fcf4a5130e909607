"""The page of accuracy against energy: what its figures are made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

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
    return {"name": name, "seed": 0, **found, **more}


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


def test_finished_points_are_not_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    epoch = {"synops": [500.0, 250.0], "validation_accuracy": 0.9}
    for name in ("dense-seed-0", "budget-0.5-seed-0"):
        folder = tmp_path / "har" / name
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(json.dumps(report_of(0.9, 1000.0)))
        (folder / "history.jsonl").write_text(json.dumps(epoch) + "\n")
    assert budgets.main(["--runs", str(tmp_path), "--shares", "0.5"]) == 0
    captured = capsys.readouterr()
    assert "training" not in captured.err
    assert "| budget 0.5 |      375 |" in captured.out
