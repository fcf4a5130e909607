"""The page of accuracy against energy: what its figures are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import budgets, budgets_page
from benchmarks.budgets_page import Point


def point(name: str, *, accuracy: float, synops: float, budget: float | None = None) -> Point:
    """Return a point of a network 33-8-6 whose energy in uJ is a tenth of its SynOps."""
    energy = {"value": synops / 10, "low": synops / 20, "high": synops / 5}
    report: dict[str, Any] = {
        "network": {
            "metadata": {
                "options": {
                    "architecture": {
                        "input_shape": [33],
                        "layers": [{"neurons": 8}, {"neurons": 6}],
                    },
                    "torch": "2.0",
                }
            }
        },
        "provenance": {"dataset": "made up"},
        "versions": {"neurodeploy": "0.1"},
        "counted": {
            "score": {"accuracy": accuracy},
            "layers": [{"neurons": 8}, {"neurons": 6}],
            "total": {"synops_per_sample": synops},
        },
        "estimated": {"loihi2": {"full_speed": {"energy_per_sample_uj": {"dynamic": energy}}}},
        "neurobench": {"effective_acs": synops * 0.9},
    }
    epoch = {"synops": [synops / 2, synops / 4], "validation_accuracy": accuracy + 0.01}
    return Point(name, 0, budget, epoch, report)


POINTS = [
    point("dense", accuracy=0.94, synops=1000.0),
    point("budget 0.5", accuracy=0.933, synops=480.0, budget=375.0),
]


def test_a_row_says_what_a_budget_came_to() -> None:
    dense, half = budgets_page.cells_of(POINTS).rows
    assert dense[1:3] == ["-", "-"]
    assert dense[6] == "+0.0"
    assert half == [
        "budget 0.5", "375", "96.0%", "8", "94.3%", "93.3%", "+0.7", "480",
        "48.00 (24.00 to 96.00)", "432",
    ]  # fmt: skip


def test_seeds_of_one_network_are_one_row_of_means() -> None:
    rows = budgets_page.cells_of([*POINTS, point("dense", accuracy=0.92, synops=1200.0)]).rows
    assert len(rows) == 2
    assert rows[0][5] == "93.0% (92.0 to 94.0)"
    assert rows[0][7] == "1,100"


def test_the_page_says_what_halving_costs(tmp_path: Path) -> None:
    page = tmp_path / "budgets.md"
    budgets_page.write(POINTS, "har", page)
    text = page.read_text()
    assert "saves 52% of them" in text
    assert "52% of the dynamic energy" in text
    assert "costs 0.7 points of test accuracy (94.0% to 93.3%)" in text
    assert "![accuracy against energy](budgets.png)" in text
    assert page.with_suffix(".png").stat().st_size > 1000
    assert "one training, seed 0" in text


def test_halving_that_costs_nothing_is_said_so() -> None:
    better = point("budget 0.5", accuracy=0.95, synops=480.0, budget=375.0)
    assert "costs no test accuracy" in budgets_page.finding([POINTS[0], better])
    assert budgets_page.finding(POINTS[:1]) == ""


def test_points_that_are_there_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def make(place: budgets.Place, folder: Path, words: list[str]) -> None:
        import json

        made.append(folder.name)
        folder.mkdir(parents=True)
        kept = {**POINTS[0].report}
        kept["network"]["metadata"]["epoch"] = 1
        (folder / "report.json").write_text(json.dumps(kept))
        (folder / "history.jsonl").write_text(json.dumps(POINTS[0].epoch) + "\n")

    monkeypatch.setattr(budgets, "_make", make)
    for shares in (["0.5"], ["0.25", "0.5"]):
        assert budgets.main(["--runs", str(tmp_path), "--shares", *shares]) == 0
    assert made == ["dense-seed-0", "budget-0.5-seed-0", "budget-0.25-seed-0"]
