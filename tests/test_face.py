"""The library as a notebook meets it: `import neurodeploy as nd`."""

from __future__ import annotations

import copy
import doctest
import inspect
import json
import os
import pickle
import re
import subprocess
import sys
import threading
from importlib import resources
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

import neurodeploy as nd

ROOT = Path(__file__).parent.parent


def a_network(seed: int = 0) -> Any:
    """Return a network by hand: 4 channels, 3 hidden neurons, 2 classes."""
    rng = np.random.default_rng(seed)
    neuron = nd.CubaLif(current_decay=1024, voltage_decay=128, threshold=64)
    layers = [
        nd.DenseLayer(weight=2 * rng.integers(-30, 90, (3, 4)), neuron=neuron),
        nd.DenseLayer(weight=2 * rng.integers(-30, 90, (2, 3)), neuron=neuron, delay=[[0, 2, 5]]),
    ]
    return nd.QuantizedNetwork.chain(
        layers, nd.TaskDescription(class_names=("rest", "move"), dt_ms=20.0)
    )


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
    return {
        "neurodeploy": nd,
        "np": np,
        "resources": resources,
        "spikes": spikes,
        **networks,
        **trained,
    }


def python(code: str, **environment: str) -> str:
    """Return what a program prints in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, cwd=ROOT,
        env={**os.environ, **environment}, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("name", nd.__all__)
def test_examples_of_docstrings_hold(
    name: str, names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    thing = getattr(nd, name)
    assert inspect.getdoc(thing), f"{name} says what it is"
    found = doctest.DocTestFinder(recurse=False).find(thing, name, globs=names)
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
network = neurodeploy.QuantizedNetwork.chain([layer])
neurodeploy.evaluate(network, np.ones((2, 1, 9), np.uint8))
print(json.dumps([heavy, state()[:2] == before[:2]]))
"""
    assert json.loads(python(code)) == [[], True]


THREADS = """
import sys, threading
import numpy as np
import neurodeploy as nd
layer = nd.DenseLayer(np.full((64, 32), 3), nd.CubaLif(1024, 128, 64))
network = nd.QuantizedNetwork.chain([layer])
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
    assert python(THREADS, NUMBA_THREADING_LAYER="workqueue") == "1 8\n"


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


SPIKES = np.ones((2, 4, 9), np.uint8)
PARTS = [(np.ones((4, 3, 9), np.uint8), [0, 1, 0, 1])] * 3
MISTAKES = {
    "a path for a network": (lambda net: nd.simulate("model.net", SPIKES), "neurodeploy.load"),
    "a torch module for a network": (
        lambda net: nd.evaluate(type("Module", (), {"blocks": []})(), SPIKES),
        "neurodeploy.quantize",
    ),
    "a network for a model": (lambda net: nd.check_equivalence(net, net, SPIKES), "blocks"),
    "a task for its samples": (
        lambda net: nd.evaluate(net, nd.task_from_arrays(*PARTS)), "task.test"
    ),
    "a name for a task": (lambda net: nd.fit("digits"), "neurodeploy.task"),
    "a dict for a configuration": (
        lambda net: nd.fit(nd.task_from_arrays(*PARTS), {"epochs": 1}), "TrainConfig"
    ),
    "activity of another network": (
        lambda net: nd.estimate(
            net,
            nd.simulate(nd.QuantizedNetwork.chain([nd.DenseLayer([[1, 2]], NEURON)]), [[[1], [0]]]),
        ),
        "2-1 and the placed network is 4-3-2",
    ),
    "no chip": (lambda net: nd.place(net, None), "the chip is None"),
    "no chips": (lambda net: nd.evaluate(net, SPIKES, chips=None), "the chips are None"),
    "no threads": (lambda net: nd.simulate(net, SPIKES, threads=0), "threads is 0"),
    "a layer for layers": (lambda net: nd.QuantizedNetwork.chain(net.layers[0]), "list of layers"),
    "a text among layers": (lambda net: nd.QuantizedNetwork.chain([net.layers[0], "x"]), "layer 1"),
    "ragged weights": (lambda net: nd.DenseLayer([[1, 2], [3]], NEURON), "weight cannot be read"),
    "delays of another size": (
        lambda net: nd.DenseLayer([[1, 2], [3, 4]], NEURON, delay=[1, 2, 3]), "per input"
    ),
    "spikes that are no numbers": (lambda net: nd.Samples.of(["a"]), "give integers"),
    "labels below 0": (lambda net: nd.Samples.of(SPIKES, [0, -1]), "-1"),
    "no sample": (lambda net: nd.Samples.of(SPIKES).take(0), "count is 0"),
    "labels of another part": (
        lambda net: nd.task_from_arrays((PARTS[0][0], [0, 1]), *PARTS[1:]), "train: the labels"
    ),
    "parts of other channels": (
        lambda net: nd.task_from_arrays((SPIKES, [0, 1]), *PARTS[1:]), "parts differ"
    ),
    "too few class names": (
        lambda net: nd.task_from_arrays(*PARTS, class_names=["one"]), "label 1 for 1 class names"
    ),
    "an unknown network": (lambda net: nd.TrainConfig(network="resnet"), "no network 'resnet'"),
    "rows of nothing": (
        lambda net: nd.evaluate(net, SPIKES).to_rows("layers"), "'chip' or 'layer'"
    ),
}  # fmt: skip
NEURON = nd.CubaLif(1024, 128, 64)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_natural_mistake_is_one_sentence_with_a_way_out(name: str) -> None:
    mistake, said = MISTAKES[name]
    with pytest.raises(nd.InputError, match=re.escape(said)) as caught:
        mistake(a_network())
    assert "\n" not in str(caught.value)


def test_delays_and_sizes_are_taken_as_people_write_them() -> None:
    layer = nd.DenseLayer(np.ones((3, 2)), NEURON, delay=[4, 5])
    assert (layer.delay_kind, layer.delay.tolist()) == ("axonal", [[4, 5]])
    assert nd.DenseLayer(np.ones((3, 2)), NEURON, delay=7).delay.tolist() == [[7]]
    assert nd.TrainConfig(hidden=[np.int64(16)]).hidden == (16,)


def test_networks_and_reports_are_copied_and_pickled() -> None:
    network = a_network()
    report = nd.evaluate(network, SPIKES)
    for again in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert again.digest == network.digest
        assert not again.layers[0].weight.flags.writeable
    assert pickle.loads(pickle.dumps(report)).to_dict() == report.to_dict()


def test_an_import_with_its_calibration_is_copied_and_pickled() -> None:
    one = np.ones(3)
    neurons = nir.LIF(tau=0.01 * one, r=one, v_leak=0 * one, v_threshold=0.2 * one)
    graph = nir.NIRGraph.from_list(nir.Linear(weight=2 * np.eye(3, 4)), neurons)
    spikes = nd.Samples.of(np.ones((2, 4, 6), np.uint8))
    found = nd.import_nir(graph, dt=1e-3, calibrate=spikes)
    for again in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert again.network.digest == found.network.digest
        assert again.calibration is not None
        assert again.calibration.to_dict() == found.calibration.to_dict()


def test_samples_are_like_a_dataset_of_torch() -> None:
    samples = nd.Samples.of(np.arange(24).reshape(2, 3, 4) % 2, [5, 7])
    spikes, label = samples[-1]
    assert (spikes.shape, label, len(samples)) == ((3, 4), 7, 2)
    with pytest.raises(IndexError):
        samples[2]


def test_without_lava_names_are_there_and_say_what_is_missing_when_called() -> None:
    code = """
import sys
sys.modules["torch"] = sys.modules["lava"] = sys.modules["lava.proc"] = None
from neurodeploy import *
import neurodeploy as nd
for name in ("fit", "quantize", "to_lava"):
    assert hasattr(nd, name)
    try:
        getattr(nd, name)(None)
    except nd.InputError as error:
        print(type(error).__name__, "pip install" in str(error))
"""
    assert python(code).splitlines() == ["MissingPackageError True"] * 3


def test_trainings_in_threads_come_to_the_weights_of_one(trained: dict[str, Any]) -> None:
    import torch

    config = nd.TrainConfig(hidden=(4,), epochs=1, threads=1)
    alone = nd.fit(trained["task"], config).checkpoint.weights
    found: list[Any] = []
    fit = lambda: found.append(nd.fit(trained["task"], config).checkpoint.weights)  # noqa: E731
    threads = [threading.Thread(target=fit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=600)
    assert len(found) == 2
    assert all(torch.equal(each[name], alone[name]) for each in found for name in alone)


def test_an_interruption_says_what_is_lost(trained: dict[str, Any]) -> None:
    def interrupt(epoch: Any) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(
        KeyboardInterrupt, match="2 finished epochs are lost, because there is no folder"
    ):
        nd.fit(trained["task"], nd.TrainConfig(hidden=(4,), epochs=3), on_epoch=interrupt)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'train_network'"):
        nd.train_network  # noqa: B018
