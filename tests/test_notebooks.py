"""A notebook: what a cell shows of the progress, and of objects that hold much."""

from __future__ import annotations

from typing import Any

import nbformat
import numpy as np
from nbclient import NotebookClient

import neurodeploy as nd
from neurodeploy.hw_sim.chips import CHIPS
from neurodeploy.tasks.dataset import Signal

LETTERS = 400


def a_network(dt_ms: float | None = None) -> Any:
    layer = nd.DenseLayer([[200, 150, -90]], nd.CubaLif(1024, 128, 64))
    return nd.QuantizedNetwork([layer], nd.TaskDescription(dt_ms=dt_ms))


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
    assert shown.output_type == "display_data"
    assert "training" in shown.data["text/plain"]
    assert "100%" in shown.data["text/plain"]
    assert "\n" not in shown.data["text/plain"]


def test_estimate_shows_bands_for_chip() -> None:
    network = a_network(dt_ms=20.0)
    activity = nd.simulate(network, np.ones((2, 3, 30), np.uint8))
    estimated = nd.estimate(network, activity, "loihi1")
    title = CHIPS["loihi1"].title
    assert repr(estimated).startswith(f"{title}: 1 neurocore, about")
    assert "\n" not in repr(estimated)
    html = estimated._repr_html_()
    assert html is not None
    assert title in html
    assert "energy per sample" in html
    assert "real time" in html
    without_pace = nd.estimate(a_network(), activity, "loihi1")._repr_html_()
    assert without_pace is not None
    assert "real time" not in without_pace


def test_signal_is_short_at_prompt() -> None:
    signal = Signal(np.zeros((6, 128), np.float32), tuple("abcdef"))
    assert len(repr(signal)) < LETTERS
    assert "float32 (6, 128)" in repr(signal)
