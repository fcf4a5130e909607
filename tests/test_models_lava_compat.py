"""Lava's import on Python 3.11 and later: the one patch, and that nothing of it stays."""

from __future__ import annotations

import dataclasses
import importlib
import multiprocessing
import subprocess
import sys

import pytest

from neurodeploy.models import lava_compat

MODULE = "lava.magma.compiler.var_model"


@pytest.fixture(autouse=True)
def no_start_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ran in this process before, as where no start method is set."""
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda allow_none: None)


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


def test_python_3_10_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 14, "final", 0))
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.setattr(
        importlib, "import_module", lambda name: pytest.fail(f"{name} was imported")
    )
    lava_compat.prepare()


@pytest.mark.parametrize("error", [ImportError, KeyboardInterrupt])
def test_dataclass_is_put_back_when_the_import_fails(error, monkeypatch):
    original = dataclasses.dataclass
    seen = []

    def fail(name: str) -> None:
        seen.append(dataclasses.dataclass)
        raise error(name)

    monkeypatch.setattr(sys, "version_info", (3, 11, 0, "final", 0))
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(error):
        lava_compat.prepare()
    assert seen[0] is not original
    assert dataclasses.dataclass is original


def test_the_replacement_makes_dataclasses_that_can_be_hashed(monkeypatch):
    """As a decorator with and without arguments, and not where the author chose otherwise."""
    made = {}

    def define(name: str) -> None:
        @dataclasses.dataclass
        class Plain:
            x: int = 0

        @dataclasses.dataclass(order=True)
        class Ordered:
            x: int = 0

        @dataclasses.dataclass(unsafe_hash=False)
        class Chosen:
            x: int = 0

        made.update(plain=Plain, ordered=Ordered, chosen=Chosen)

    monkeypatch.setattr(sys, "version_info", (3, 11, 0, "final", 0))
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.setattr(importlib, "import_module", define)
    lava_compat.prepare()
    assert hash(made["plain"]()) == hash(made["plain"]())
    assert made["ordered"](1) < made["ordered"](2)
    assert hash(made["ordered"]())
    with pytest.raises(TypeError, match="unhashable"):
        hash(made["chosen"]())
