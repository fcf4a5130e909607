"""What the README and its kin say of the project: its version, its commands and its numbers."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd
import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_readme_is_short_and_names_the_two_commands() -> None:
    assert len(README.splitlines()) <= 150
    assert "pip install uv && uv run python -m neurodeploy.deploy --task har" in README
    assert "uv run pytest" in README


def test_numbers_beside_a_link_stand_on_the_page_that_it_leads_to() -> None:
    section = README.partition("\n## Beside lava-dl alone\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\|(.*)\((docs/benchmarks/[\w-]+\.md)\).*\|$", section, re.MULTILINE)
    assert rows
    for text, page in rows:
        numbers = set(re.findall(r"\b\d+[.,]\d+\b", text))
        assert numbers
        assert numbers <= set(re.findall(r"\b\d+[.,]\d+\b", (ROOT / page).read_text())), page


def test_one_version_stands_everywhere() -> None:
    version = PROJECT["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    newest = re.search(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version


def test_the_python_under_test_is_one_that_is_supported() -> None:
    assert PROJECT["requires-python"] == ">=3.10,<3.14"
    assert (3, 10) <= sys.version_info[:2] < (3, 14)


@pytest.mark.parametrize("task", ["har", "watch", "digits", "fashion", "spoken-digits", "nmnist"])
def test_the_accuracies_on_the_page_of_results_are_those_of_the_records(task: str) -> None:
    page = (ROOT / "docs" / "benchmarks" / "index.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `{task}`.*?\| .*? \| (.*) \|$", page, re.MULTILINE)
    assert row is not None
    runs = pd.read_csv(ROOT / "docs" / "benchmarks" / "records" / "runs.csv")
    percent = (100 * runs[runs.task == task].set_index("model").accuracy).groupby("model")
    models = ("no-delays", "axonal", "synaptic", "dense", "cnn", "gru")
    expected = [f"{percent.mean()[name]:.1f} ± {percent.std()[name]:.1f}" for name in models]
    assert row[1].split(" | ") == expected
