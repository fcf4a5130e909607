"""The page on users' own networks: its examples agree with SLAYER and with stock netx."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurodeploy as nd

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def names(run_page: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return run_page("docs/how-to/own-network.md")


def test_the_page_quantizes_a_checkpoint_and_reads_a_file_as_slayer_computes(
    names: dict[str, Any],
) -> None:
    assert not names["problems"]
    assert names["comparison"].equal
    assert names["comparison"].num_spikes > 1000
    kinds = [layer.delay_kind for layer in nd.load("my_network.net").layers]
    assert kinds == ["none", "axonal", "axonal"]
    expected = names["delayed"]
    assert all(layer.sum() > 100 for layer in expected[:2])
    assert all(np.array_equal(a, b) for a, b in zip(names["activity"].spikes, expected))
    kinds = [layer.delay_kind for layer in names["network"].layers]
    assert kinds == ["dendritic", "dendritic", "none"]
    # Stock netx, in a process of its own, which a time limit ends if it hangs
    files = (str(Path(name).resolve()) for name in ("exported.net", "my_spikes.npy"))
    with open("out.txt", "w") as out, open("err.txt", "w") as err:
        subprocess.run(
            [sys.executable, "-m", "benchmarks.stock_lava", *files, "1"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=600, check=True,
        )  # fmt: skip
    given = json.loads(Path("out.txt").read_text().splitlines()[-1])["first_output"]
    assert expected[-1][0].sum() > 0
    assert np.array_equal(given, expected[-1][0])
