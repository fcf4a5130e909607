"""Notebooks: the tutorials run and show what they should; objects and progress show themselves."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import neurodeploy as nd
from neurodeploy.data.dataset import Signal
from neurodeploy.hw_sim.chips import CHIPS

FOLDER = Path(__file__).parent.parent / "docs" / "tutorials"
SMALL = {
    "first-network": {"EPOCHS": 1, "HIDDEN": (16,), "SAMPLES": 16, "LAVA_SAMPLES": 1},
    "own-network": {"EPOCHS": 2, "SAMPLES": 40},
}
"""What the cell tagged `parameters` sets for a test."""
SHOWN = {
    "first-network": (
        "the trained network and fast agree in all", "fast and lava agree in all", "accuracy",
    ),
    "own-network": (
        "the trained network and fast agree in all", "the trained network and fast differ",
        "breaks 3 design rules", "fast and lava agree in all", "accuracy",
    ),
}  # fmt: skip
"""Words that the outputs must hold, with any configuration."""
PATHS = re.compile(r"(?<![\w.<:/])/(?:home|root|tmp|work|usr|var|opt|Users|mnt)\b")
BYTES = 300_000


def read(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def check_outputs(name: str, notebook: Any) -> None:
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    text = json.dumps(outputs)
    assert all(words in text for words in SHOWN[name])
    assert PATHS.search(text) is None
    assert not [each for each in outputs if each.output_type == "error"]
    assert not [each for each in outputs if each.get("name") == "stderr"]


@pytest.mark.parametrize("name", SHOWN)
def test_a_tutorial_is_kept_with_all_that_it_shows(name: str) -> None:
    notebook = read(name)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert (FOLDER / f"{name}.ipynb").stat().st_size < BYTES, "run: python .ci/notebooks.py"
    for cell in cells:
        if not cell.source.startswith("%%capture"):
            shows = isinstance(ast.parse(cell.source).body[-1], ast.Expr)
            assert cell.outputs or not shows, f"no output is kept of: {cell.source}"
    check_outputs(name, notebook)


@pytest.mark.parametrize(
    "name", [pytest.param("first-network", marks=pytest.mark.long), "own-network"]
)
def test_a_tutorial_runs_on_a_small_configuration(name: str, tmp_path: Path) -> None:
    notebook = read(name)
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    names = re.findall(r"^(\w+) =", parameters.source, re.MULTILINE)
    assert names == list(SMALL[name])
    parameters.source = "\n".join(f"{key} = {value!r}" for key, value in SMALL[name].items())
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()
    check_outputs(name, notebook)


def test_a_progress_bar_is_one_line_of_the_cell() -> None:
    code = """
import neurodeploy as nd
advance = nd.progress_bar("training")
for done in range(0, 1001, 50):
    advance(done, 1000)
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    (shown,) = notebook.cells[0].outputs
    text = shown.data["text/plain"]
    assert shown.output_type == "display_data"
    assert "training" in text
    assert "100%" in text
    assert "\n" not in text


def test_a_program_that_imports_ipykernel_is_no_notebook(capsys: Any) -> None:
    import ipykernel  # noqa: F401

    nd.progress_bar("running")(1, 2)
    assert capsys.readouterr().out == ""


def test_checking_published_data_warns_of_no_widgets(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from neurodeploy.data.origin import check_published
Path("empty").touch()
check_published(Path("empty"), "{hashlib.sha256().hexdigest()}", "")
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    assert not notebook.cells[0].outputs


@pytest.mark.parametrize("dt_ms", [20.0, None])
def test_an_estimate_shows_its_chip_and_real_time_only_at_a_known_pace(dt_ms: float | None) -> None:
    layer = nd.DenseLayer([[200, 150, -90]], nd.CubaLif(1024, 128, 64))
    network = nd.QuantizedNetwork.chain([layer], nd.TaskDescription(dt_ms=dt_ms))
    activity = nd.simulate(network, np.ones((2, 3, 30), np.uint8))
    estimated = nd.estimate(network, activity, "loihi1")
    title = CHIPS["loihi1"].title
    assert repr(estimated).startswith(f"{title}: 1 neurocore, about")
    assert "\n" not in repr(estimated)
    html = estimated._repr_html_()
    assert html is not None
    assert title in html
    assert ("real time" in html) == (dt_ms is not None)


def test_a_signal_is_short_at_the_prompt() -> None:
    shown = repr(Signal(np.zeros((6, 128), np.float32), tuple("abcdef")))
    assert len(shown) < 400
    assert "float32 (6, 128)" in shown
