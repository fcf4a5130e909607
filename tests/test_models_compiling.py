"""Compiled kernels follow their sources, those of the functions that they call included."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCRIPT = """
import numpy as np
from neurodeploy.hw_sim.kernels.neurons import scan_cuba
numbers = lambda value, *shape: np.full(shape, value, np.int32)
states = numbers(0, 2, 1, 1, 1)
scan_cuba(numbers(3, 1, 1, 1), numbers(0, 1), numbers(0, 1), np.int32(9), numbers(0, 1),
          np.zeros((0, 0), np.int16), np.zeros((0, 0), np.int8), np.zeros((1, 1, 8), np.uint8),
          states, np.zeros((2, 1), np.int64), numbers(0, 1, 2, 1))
print(states[1, 0, 0, 0], sum(scan_cuba.kernel.stats.cache_hits.values()))
"""


def run(folder: Path) -> str:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")}
    environment.pop("NUMBA_DISABLE_JIT", None)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=folder, env=environment, capture_output=True,
        text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_change_in_a_called_function_of_another_file_is_noticed(tmp_path):
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "neurodeploy", tmp_path / "neurodeploy", ignore=ignore)
    assert run(tmp_path) == "0 0", "3 << 6 exceeds the threshold 9, so the neuron fired"
    assert run(tmp_path) == "0 1"
    path = tmp_path / "neurodeploy" / "models" / "cuba.py"
    text = "return int32(min(max(voltage, -_VOLTAGE_MAX), _VOLTAGE_MAX))"
    assert text in path.read_text()
    path.write_text(path.read_text().replace(text, "return int32(-7)"))
    assert run(tmp_path) == "-7 0"
