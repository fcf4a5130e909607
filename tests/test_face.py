"""The library as a notebook meets it: `import neurodeploy as nd`."""

from __future__ import annotations

import doctest
import inspect
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurodeploy as nd

ROOT = Path(__file__).parent.parent
FUNCTIONS = [name for name in nd.__all__ if inspect.isfunction(getattr(nd, name))]
EXEMPT = {"load_chip"}
"""Its file is described by docs/cost-files.md, which has a test of its own."""


def a_network(seed: int = 0) -> Any:
    """Return a network by hand: 4 channels, 3 hidden neurons, 2 classes."""
    rng = np.random.default_rng(seed)
    neuron = nd.CubaLif(current_decay=1024, voltage_decay=128, threshold=64)
    layers = [
        nd.DenseLayer(weight=2 * rng.integers(-30, 90, (3, 4)), neuron=neuron),
        nd.DenseLayer(weight=2 * rng.integers(-30, 90, (2, 3)), neuron=neuron, delay=[[0, 2, 5]]),
    ]
    return nd.QuantizedNetwork(layers, nd.TaskDescription(class_names=("rest", "move"), dt_ms=20.0))


@pytest.fixture(scope="module")
def trained() -> dict[str, Any]:
    """Return what the examples of trained networks use."""
    task = nd.task("digits")
    run = nd.fit(task, nd.TrainConfig(hidden=(16,), epochs=1))
    return {"task": task, "run": run}


@pytest.fixture
def names(trained: dict[str, Any]) -> dict[str, Any]:
    """Return the names that examples use without saying where they come from."""
    spikes = np.random.default_rng(1).integers(0, 2, (5, 4, 30), dtype=np.uint8)
    networks = {"network": a_network(), "other": a_network(9)}
    return {"neurodeploy": nd, "np": np, "spikes": spikes, **networks, **trained}


@pytest.mark.parametrize("name", sorted(set(nd.__all__) - EXEMPT))
def test_examples_of_docstrings_hold(
    name: str, names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    thing = getattr(nd, name)
    assert inspect.getdoc(thing), f"{name} says what it is"
    found = doctest.DocTestFinder(recurse=False).find(thing, name, globs=names)
    if name in FUNCTIONS:
        assert any(test.examples for test in found), f"{name} has an example"
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in found:
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_importing_changes_nothing_and_imports_nothing_heavy() -> None:
    code = """
import json, os, signal, sys, warnings
def state():
    handlers = {s.name: str(signal.getsignal(s)) for s in signal.valid_signals()
                if isinstance(s, signal.Signals)}
    return dict(os.environ), handlers, list(map(str, warnings.filters))
before = state()
import neurodeploy
heavy = [m for m in ("numpy", "torch", "lava", "matplotlib", "rich") if m in sys.modules]
assert state() == before
import numpy as np
layer = neurodeploy.DenseLayer([[200]], neurodeploy.CubaLif(0, 0, 9))
network = neurodeploy.QuantizedNetwork([layer])
neurodeploy.evaluate(network, np.ones((2, 1, 9), np.uint8))
print(json.dumps([heavy, state()[:2] == before[:2]]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, cwd=ROOT,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [[], True]


THREADS = """
import sys, threading
import numpy as np
import neurodeploy as nd
layer = nd.DenseLayer(np.full((64, 32), 3), nd.CubaLif(1024, 128, 64))
network = nd.QuantizedNetwork([layer])
spikes = np.random.default_rng(2).integers(0, 2, (64, 32, 300), dtype=np.uint8)
found = []
threads = [
    threading.Thread(target=lambda: found.append(nd.simulate(network, spikes))) for _ in range(8)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len({each.spikes[0].tobytes() for each in found}), len(found))
"""


def test_threads_share_the_simulator_where_numba_has_only_its_own_pool() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", THREADS], capture_output=True, text=True, timeout=600, cwd=ROOT,
        env={**os.environ, "NUMBA_THREADING_LAYER": "workqueue"}, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (0, "1 8\n"), ran.stderr


def test_simulations_run_in_threads() -> None:
    network = a_network()
    spikes = np.random.default_rng(2).integers(0, 2, (64, 4, 200), dtype=np.uint8)
    expected = nd.simulate(network, spikes).spikes[-1]
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(nd.simulate(network, spikes).spikes[-1]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=600)
    assert len(found) == 4
    assert all(np.array_equal(each, expected) for each in found)


def test_training_leaves_torch_as_it_was(trained: dict[str, Any]) -> None:
    import torch

    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    nd.fit(trained["task"], nd.TrainConfig(hidden=(4,), epochs=1, threads=1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_spikes_of_ones_own_are_trained_quantized_and_checked() -> None:
    rng = np.random.default_rng(3)
    labels = np.arange(120) % 2
    spikes = (rng.random((120, 8, 40)) < np.array([0.1, 0.5])[labels, None, None]).astype(np.uint8)
    parts = [(spikes[k::3], labels[k::3]) for k in range(3)]
    task = nd.task_from_arrays(*parts, class_names=("few", "many"), dt_ms=5.0)
    run = nd.fit(task, nd.TrainConfig(hidden=(16,), epochs=25, batch_size=4, learning_rate=0.02))
    network = nd.quantize(run.model)
    assert nd.check_equivalence(run.model, network, task.test).equal
    report = nd.evaluate(network, task.test)
    assert report.accuracy > 0.9, "the classes differ in nothing but their number of spikes"
    assert network.task.class_names == ("few", "many")
    assert network.task.dt_ms == 5.0


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'train_network'"):
        nd.train_network  # noqa: B018
