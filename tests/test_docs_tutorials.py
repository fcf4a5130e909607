"""The tutorials: their kept output is clean and complete, and they run on a small configuration."""

from __future__ import annotations

import ast
import copy
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "docs" / "tutorials"
SMALL = {
    "first-network": {"EPOCHS": 1, "HIDDEN": (16,), "SAMPLES": 16, "LAVA_SAMPLES": 1},
    "own-network": {"EPOCHS": 2, "SAMPLES": 40},
}
"""What the cell tagged `parameters` sets for a test."""
SHOWN = {
    "first-network": (
        "the trained network and fast agree in all",
        "fast and lava agree in all",
        "accuracy",
        "uJ",
    ),
    "own-network": (
        "the trained network and fast agree in all",
        "the trained network and fast differ",
        "breaks 3 design rules",
        "fast and lava agree in all",
        "accuracy",
    ),
}
"""Words that the outputs must hold, with any configuration."""
PATHS = re.compile(r"(?<![\w.<:/])/(?:home|root|tmp|work|usr|var|opt|Users|mnt)\b")
BYTES = 600_000
CELLS = range(20, 37)


def read(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def output_text(notebook: Any) -> str:
    return "\n".join(json.dumps(cell.outputs) for cell in code_cells(notebook))


def check_outputs(name: str, notebook: Any) -> None:
    text = output_text(notebook)
    for words in SHOWN[name]:
        assert words in text
    assert "Traceback" not in text
    assert PATHS.search(text) is None
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text


@pytest.mark.parametrize("name", SHOWN)
def test_kept_output_is_complete(name: str) -> None:
    notebook = read(name)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert len(notebook.cells) in CELLS
    assert notebook.metadata.kernelspec.name == "python3"
    assert (FOLDER / f"{name}.ipynb").stat().st_size < BYTES
    for cell in cells:
        if not cell.source.startswith("%%capture"):
            shows = isinstance(ast.parse(cell.source).body[-1], ast.Expr)
            assert cell.outputs or not shows, f"no output is kept of: {cell.source}"
    check_outputs(name, notebook)


@pytest.mark.parametrize(
    "name", [pytest.param("first-network", marks=pytest.mark.long), "own-network"]
)
def test_it_runs_on_a_small_configuration(name: str, tmp_path: Path) -> None:
    notebook = copy.deepcopy(read(name))
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    names = re.findall(r"^(\w+) =", parameters.source, re.MULTILINE)
    assert names == list(SMALL[name])
    parameters.source = "\n".join(f"{key} = {value!r}" for key, value in SMALL[name].items())
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    check_outputs(name, notebook)
