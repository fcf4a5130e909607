"""Artificial networks of the size of a spiking one: their counts, what they see, how they learn."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy import answers, facts, keys, schedule
from benchmarks.accuracy.commands import Commands
from benchmarks.accuracy.models import MODELS
from benchmarks.accuracy.runs import Place, Run
from benchmarks.ann import inputs, networks, sizes, training
from benchmarks.ann.sizes import Plan, Shape
from neurodeploy.__main__ import main
from neurodeploy.export import netx
from neurodeploy.models.errors import InputError

SHAPES = {
    "signal": (Shape(6, 128, 6), 21_000),
    "long signal": (Shape(16, 300, 10), 9_000),
    "one sample": (Shape(40, 1, 4), 5_000),
    "image": (Shape(784, 1, 10, (28, 28)), 100_000),
    "small image": (Shape(64, 1, 10, (8, 8)), 10_000),
    "events": (Shape(2 * 34 * 34, 25, 10, (34, 34)), 300_000),
}

TINY = """
from pathlib import Path
import numpy as np
from neurodeploy.tasks.encoders.registry import SigmaDelta
from neurodeploy.tasks.origin import Origin
from neurodeploy.learning.config import TrainConfig
from neurodeploy.tasks.task import Task
from neurodeploy.tasks.dataset import Dataset

def read(path):
    labels = np.arange(72) % 2
    noise = np.random.default_rng(1).normal(0, 0.5, (72, 3, 32))
    signals = (noise + np.array([-0.5, 0.5])[labels, None, None]).astype(np.float32)
    names = ("acc-x (g)", "acc-y (g)", "acc-z (g)")
    people = np.repeat(np.arange(1, 7), 12)
    return Dataset(signals, labels, people, ("low", "high"), names, 50.0, "made up", (5, 6))

def vary(signals, rng):
    return signals + np.float32(0.1) * rng.normal(size=signals.shape).astype(np.float32)

CONFIG = TrainConfig(hidden=(8,), epochs=2, batch_size=8, learning_rate=1e-2, augment=vary)
ORIGIN = Origin("made up", "none", "none", "make it", find=lambda: Path("/"))
TASK = Task("tiny", "two levels", read, lambda windows: SigmaDelta(0.8), CONFIG, ORIGIN)
"""


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_torch_thread: None) -> Path:
    """Write a task `tiny`, two levels of a signal of six people, and let commands know it."""
    path = tmp_path / "tiny_task.py"
    path.write_text(TINY)
    monkeypatch.setenv("NEURODEPLOY_TASKS", str(path))
    return path


def plans() -> list[Any]:
    """Return a plan of each kind for each shape."""
    return [
        pytest.param(kind, *case, id=f"{kind}, {name}")
        for kind in sizes.KINDS
        for name, case in SHAPES.items()
    ]


@pytest.mark.parametrize(("kind", "shape", "wanted"), plans())
def test_parameters_are_matched_and_are_those_of_torch(
    kind: str, shape: Shape, wanted: int
) -> None:
    plan = sizes.plan_for(kind, shape, wanted)
    assert plan.parameters == networks.learned(networks.Network(plan))
    assert plan.parameters == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize(("kind", "shape", "wanted"), plans())
def test_multiply_accumulates_are_those_that_torch_counts(
    kind: str, shape: Shape, wanted: int
) -> None:
    plan = sizes.plan_for(kind, shape, wanted)
    network = networks.Network(plan).eval()
    counted = {"gru": _gru_macs}.get(kind, _macs)(network, shape)
    assert plan.macs == counted


def _macs(network: Any, shape: Shape) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, shape.channels, shape.samples))
    return counter.get_total_flops() // 2


def _gru_macs(network: Any, shape: Shape) -> int:
    """Count the products of torch's cell, step by step, since its GRU is one operation to torch."""
    gru = network.body.gru
    cell, last = torch.nn.GRUCell(gru.input_size, gru.hidden_size), network.body.last
    seen: list[torch.Tensor] = []
    gru.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    with torch.no_grad():
        network(torch.zeros(1, shape.channels, shape.samples))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        state = torch.zeros(1, gru.hidden_size)
        for step in seen[0].unbind(1):  # the products of GRUCell, written out
            torch.nn.functional.linear(step, cell.weight_ih)
            torch.nn.functional.linear(state, cell.weight_hh)
        last(state)
    return counter.get_total_flops() // 2


def test_long_windows_are_averaged_until_a_dense_network_is_wide() -> None:
    plan = sizes.plan_for("dense", Shape(6, 128, 6), 21_000)
    assert (plan.merged, plan.steps) == (2, 64)
    assert plan.width >= sizes.LEAST_DENSE


def test_a_network_that_cannot_be_so_small_is_refused() -> None:
    with pytest.raises(InputError, match=r"the narrowest gru for .* ask for more"):
        sizes.plan_for("gru", Shape(700, 100, 20), 100)
    with pytest.raises(InputError, match="'mlp' is no kind of network"):
        sizes.plan_for("mlp", Shape(7, 1, 2), 100)


def test_pixels_are_where_the_grid_says() -> None:
    shape = Shape(2 * 3 * 4, 5, 2, (3, 4))
    image = networks.Network(Plan("cnn", shape, 1, 2, 4))
    windows = torch.arange(24 * 5).reshape(1, 24, 5).float()
    arranged = image._arranged(windows)  # plane by plane, of each its samples
    assert arranged.shape == (1, 10, 3, 4)
    assert arranged[0, 1 * 5 + 3, 2, 1] == windows[0, (1 * 3 + 2) * 4 + 1, 3]
    rows = networks.Network(Plan("gru", Shape(24, 1, 2, (3, 4)), 1, 2))
    stepped = rows._arranged(windows[:, :, :1])
    assert stepped.shape == (1, 3, 8)
    assert stepped[0, 2, 4 + 1] == windows[0, (1 * 3 + 2) * 4 + 1, 0]


def data_of(tiny: Path) -> Any:
    """Return the data of the task."""
    from neurodeploy import train

    return train.load_data(facts._options("tiny"))


def test_signals_are_standardised_by_the_training_windows(tiny: Path) -> None:
    data = data_of(tiny)
    shown = inputs.view_of(data)(data.dataset.signals[data.split.train])
    assert shown.mean(axis=(0, 2)) == pytest.approx(np.zeros(3), abs=1e-5)
    assert shown.std(axis=(0, 2)) == pytest.approx(np.ones(3), abs=1e-5)


def test_a_network_sees_the_levels_of_an_encoder_that_has_them(tiny: Path) -> None:
    data = data_of(tiny)

    class Banded:
        def levels(self, signals: Any) -> Any:
            return signals[:, :2, ::4]

    object.__setattr__(data, "encoder", Banded())
    assert inputs.shape_of(data) == Shape(2, 8, 2)
    view, rows = inputs.view_of(data), np.arange(5)
    shown = view(data.dataset.signals[:5])
    assert shown.shape == (5, 2, 8)
    assert (view.rows(data, rows) == shown).all()
    assert len(list(inputs.epoch(data, view, None, np.random.default_rng(0)))) == 1


def test_the_rate_and_the_epoch_are_chosen_on_validation_windows(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data_of(tiny)
    plan = sizes.plan_for("cnn", inputs.shape_of(data), 300)
    looked_at: list[Sequence[int]] = []
    shown = training.shown_to

    def watched(network: Any, view: Any, data: Any, rows: Any) -> Any:
        looked_at.append(rows.tolist())
        return shown(network, view, data, rows)

    monkeypatch.setattr(training, "shown_to", watched)
    rates = (1e-5, 1e-2)
    found = training.run(data, plan, seed=0, rates=rates, augment=None, epochs=6)
    accuracies = [max(each["validation"]) for each in found["tried"]]
    assert found["rate"] == rates[int(np.argmax(accuracies))] == 1e-2
    assert found["accuracy"] > 0.9
    assert looked_at == [data.split.validation.tolist()] * 12 + [data.split.test.tolist()]
    again = training.run(data, plan, seed=0, rates=[1e-2], augment=None, epochs=6)
    assert again["predictions"] == found["predictions"]


def test_the_facts_of_a_task_change_with_what_its_code_does(tiny: Path, tmp_path: Path) -> None:
    from neurodeploy.tasks import own

    before = facts.facts_of("tiny")
    assert before.own == "axonal"
    assert before.parameters["axonal"] == 6 * 8 + 8 * 2 + 8
    assert before.subjects is not None
    tiny.write_text(TINY.replace("np.float32(0.1)", "np.float32(0.25)"))
    own._task_of.cache_clear()
    after = facts.facts_of("tiny")
    own._task_of.cache_clear()
    for model, changed in (("axonal", ["varied"]), ("gru", ["varied"])):
        both = [Run(each, MODELS[model], 0, Place(tmp_path)).key for each in (before, after)]
        assert keys.differences(*both) == changed


class Here(Commands):
    """Runs the programs of spiking networks in this process, whose modules are imported already."""

    def run(self, words: Sequence[str], log: Path, good: tuple[int, ...] = (0,)) -> str:
        if words[0] == "benchmarks.ann":
            return super().run(words, log, good)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            if words[0].startswith("neurodeploy."):
                code = main([words[0].removeprefix("neurodeploy."), *words[1:]])
            else:
                code = importlib.import_module(words[0]).main(list(words[1:]))
        assert code in good, words
        return out.getvalue()


@pytest.mark.long
def test_the_benchmark_trains_tests_and_writes_the_page(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schedule, "Commands", Here)
    monkeypatch.setattr("signal.signal", lambda *_: None)  # a thread may not set any
    page = tmp_path / "benchmark.md"
    words = ["--task", "tiny", "--seeds", "3", "--jobs", "1", "--runs", str(tmp_path / "runs")]
    words += ["--models", "no-delays", "dense", "--markdown", str(page)]
    assert accuracy.main(words) == 0
    out = capsys.readouterr().out
    assert "tiny, SNN, no delays, seed 3: " in out
    text = page.read_text()
    row = next(line for line in text.splitlines() if line.startswith("| SNN, no delays | 64 |"))
    cells = [cell.strip() for cell in row.split("|")]
    assert cells[3] == cells[5]  # the integer network is as accurate as the trained one
    assert cells[6] == "every spike"
    kept = accuracy.main(words), capsys.readouterr().out
    assert kept[0] == 0
    assert "2 of 2 runs are there already" in kept[1]

    folder = tmp_path / "runs" / "tiny" / "no-delays-seed-3"
    network = netx.read(folder / "model.net")
    silent = replace(network.layers[-1], weight=np.zeros_like(network.layers[-1].weight))
    netx.write(replace(network, layers=(*network.layers[:-1], silent)), tmp_path / "silent.net")
    found = answers.compare(folder / "model.pt", tmp_path / "silent.net", 1)
    assert found["deployed"] == [0] * len(found["trained"])
    assert found["different"] > 0
