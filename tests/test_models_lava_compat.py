"""Lava is imported on Python 3.11 and later, and nothing of the patch stays."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from neurodeploy.models.lava_compat import from_lava, to_lava

MODULE = "lava.magma.compiler.var_model"


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def test_lava_s_compiler_can_be_imported_after_it():
    done = run_python(
        "from neurodeploy.models import lava_compat; lava_compat.prepare(); lava_compat.prepare()\n"
        "import lava.magma.compiler.compiler, dataclasses\n"
        "assert dataclasses.dataclass.__name__ == 'dataclass'\n"
        "assert not hasattr(dataclasses.dataclass, '__wrapped__')\n"
    )
    assert done.returncode == 0, done.stderr


def test_lava_can_be_imported_after_a_progress_bar() -> None:
    """tqdm makes a lock of `multiprocessing`, which fixes the start method."""
    done = run_python(
        "import multiprocessing\n"
        "multiprocessing.set_start_method('fork')\n"
        "from neurodeploy.models import lava_compat; lava_compat.prepare()\n"
        "from lava.magma.core.run_configs import Loihi2SimCfg\n"
        "from lava.proc.dense.process import DelayDense\n"
        "try:\n"
        "    multiprocessing.set_start_method('fork')\n"
        "except RuntimeError:\n"
        "    print('put back')\n"
    )
    assert done.returncode == 0, done.stderr
    assert "put back" in done.stdout


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 accepts that module")
def test_without_it_the_import_fails():
    """When this fails the patch is no longer needed."""
    done = run_python(f"import {MODULE}")
    assert "mutable default" in done.stderr


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4)])
def test_axes_turn_to_lava_and_back(shape):
    values = np.arange(np.prod(shape) * 6).reshape(-1, 6)
    turned = to_lava(values, shape)
    assert turned.shape == (*reversed(shape), 6)
    assert (turned == values.reshape(*shape, 6).transpose(*reversed(range(len(shape))), -1)).all()
    assert (from_lava(turned, shape) == values).all()
