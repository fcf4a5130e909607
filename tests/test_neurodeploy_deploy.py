"""The whole way as a person types it, on a tiny data set, done or with a check that failed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.commands import deploy
from neurodeploy.evaluation import comparison
from neurodeploy.evaluation.comparison import Comparison, Divergence
from neurodeploy.export import netx
from neurodeploy.hw_sim import design_rules
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.backends import BACKENDS
from neurodeploy.models.errors import BackendError

SMALL = ("--epochs", "1", "--hidden", "8", "--batch", "6")
Command = Callable[..., tuple[int, str, str]]


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, without the data."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {"data", ".lock"} & {*path.relative_to(folder).parts}
    }


# The whole way


def test_one_command_goes_the_whole_way_and_three_go_the_same(
    uci_har_folder: Path, tmp_path: Path, command: Command
) -> None:
    whole, steps = tmp_path / "whole", tmp_path / "steps"
    words = ("--data", uci_har_folder, *SMALL)
    code, out, err = command("deploy", *words, "--out", whole, "--lava-samples", "2")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("Best epoch is 1 of 1: ")
    assert lines[1].startswith(f"Wrote {whole / 'model.net'} (sha256 ")
    assert "SLAYER and the simulator agree in all" in lines[1]
    assert lines[2].startswith("Lava and our simulator agree in all ")
    assert lines[2].endswith(" spikes of 2 layers over 2 samples in one run")
    assert "likely (low to high)" in out
    assert "Estimates per sample" not in out  # the tables are in the page
    assert lines[-3].startswith(f"Wrote {whole / 'report.html'}")
    assert lines[-2].startswith("Done in ")
    assert lines[-1].startswith("  python -m neurodeploy.report ")
    known = ("Training 33-8-6 on 12 samples of ", "epoch  1: loss ", "warning: ", "note: ")
    assert all(line.startswith(known) for line in err.splitlines())
    names = {
        "model.pt", "model.net", "resume.pt", "history.jsonl", "history.png", "report.html",
        ".lock",
    }  # fmt: skip
    assert {path.name for path in whole.iterdir()} == names

    code, out, _ = command("train", *words, "--out", steps)
    assert code == 0
    assert out.splitlines()[-1].startswith("Next: python -m neurodeploy.export ")
    code, out, _ = command("export", steps / "model.pt", "--data", uci_har_folder)
    assert code == 0
    assert out.splitlines()[-1].startswith("Next: python -m neurodeploy.report ")
    assert (whole / "model.net").exists()
    one, other = netx.read(whole / "model.net"), netx.read(steps / "model.net")
    assert one.digest == other.digest


def test_lava_counts_what_our_simulator_counts(command: Command, work: Path) -> None:
    words = ("report", "runs/har/model.net", "--data", "data", "--json", "--samples", "2")
    ours = json.loads(command(*words)[1])
    code, out, err = command(*words, "--backend", "lava", "--time-limit", "100")
    assert (code, err) == (0, "")
    on_lava = json.loads(out)
    assert on_lava["provenance"]["backend"] == "lava"
    assert on_lava["counted"] == ours["counted"]
    assert on_lava["estimated"] == ours["estimated"]


def test_export_writes_where_it_is_told_and_on_fewer_samples(command: Command, work: Path) -> None:
    words = ("runs/har/model.pt", "--data", "data", "--out", "far/away/x.net", "--samples", "3")
    code, out, _ = command("export", *words)
    assert code == 0
    assert "Wrote far/away/x.net" in out
    assert "over 3 samples" in out
    written = netx.read(Path("far/away/x.net"))
    assert written.digest == netx.read(work / "runs/har/model.net").digest


def test_a_new_run_keeps_the_earlier_one(command: Command, work: Path) -> None:
    before = files(work / "runs/har")
    code, _, err = command("train", "--data", "data", *SMALL, "--seed", "1")
    assert code == 0
    assert "note: the earlier run is now in runs/har/previous/1\n" in err
    assert files(work / "runs/har/previous/1") == before
    assert not (work / "runs/har/model.net").exists()


# Done, and a check failed: 1


def test_a_checkpoint_that_is_called_a_network_is_not_written_over(
    command: Command, work: Path
) -> None:
    kept = (work / "runs/har/model.pt").read_bytes()
    (work / "kept.net").write_bytes(kept)
    code, _, err = command("export", "kept.net", "--data", "data")
    assert code == 2
    assert err.endswith("error: --out would overwrite kept.net; give it another name\n")
    assert (work / "kept.net").read_bytes() == kept


def test_a_network_that_does_not_fit_is_not_exported(
    command: Command, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(work)
    broken = (lambda *_: ["layer 0 is too wide"], lambda *_: ["layer 1 is too long"])
    monkeypatch.setattr(design_rules, "RULES", broken)
    code, out, _ = command("export", "runs/har/model.pt", "--data", "data")
    assert code == 1
    assert out == (
        "the network for Intel Loihi 2 breaks 2 design rules:\n  - layer 0 is too wide\n"
        "  - layer 1 is too long\n"
    )
    assert files(work) == before
    code, out, _ = command("report", "runs/har/model.net", "--data", "data")
    assert code == 1
    assert "does not fit loihi1: layer 0 is too wide" in out
    assert command("report", "runs/har/model.net", "--data", "data", "--json")[0] == 1


def test_a_network_that_spikes_otherwise_is_not_exported(
    command: Command, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(work)
    found = Comparison(("SLAYER", "fast"), 2, 12, 900, 3, Divergence(1, 4, 17, 2), 5)
    monkeypatch.setattr(comparison, "check_equivalence", lambda *_, **__: found)
    code, out, _ = command("export", "runs/har/model.pt", "--data", "data")
    assert code == 1
    assert out.startswith(
        "runs/har/model.pt was not exported: 3 of its spikes differ between SLAYER and the "
        "simulator over 12 samples, first in layer 1, sample 4, time step 17, neuron 2"
    )
    assert files(work) == before


def test_a_difference_to_lava_is_named(
    command: Command, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flipped(network: Any, spikes: Any, options: Any) -> Activity:
        activity = BACKENDS["fast"].run(network, spikes, options)
        last = activity.spikes[-1].copy()
        last[-1, 3, 20] ^= 1
        return replace(activity, spikes=(*activity.spikes[:-1], last))

    other = {**BACKENDS, "lava": replace(BACKENDS["lava"], run=flipped)}
    monkeypatch.setattr("neurodeploy.hw_sim.backends.BACKENDS", other)
    words = ("--data", "data", *SMALL, "--out", "new", "--lava-samples", "2")
    code, out, _ = command("deploy", *words)
    assert code == 1
    assert out.splitlines()[-1] == (
        "Lava and our simulator differ in 1 spike of 2 samples, first in layer 1, sample 1, time "
        "step 20, neuron 3"
    )


def test_a_failing_lava_does_not_cost_the_report(
    command: Command, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(network: Any, spikes: Any, options: Any) -> Activity:
        raise BackendError("Lava is not well")

    other = {**BACKENDS, "lava": replace(BACKENDS["lava"], run=fail)}
    monkeypatch.setattr("neurodeploy.hw_sim.backends.BACKENDS", other)
    words = ("--data", "data", *SMALL, "--out", "new", "--lava-samples", "2")
    code, out, err = command("deploy", *words)
    assert code == 1
    assert "error: Lava is not well\n" in err
    assert "likely (low to high)" in out


def test_deploy_needs_no_lava_when_no_sample_is_to_run_on_it(
    command: Command, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "_agrees_with_lava", None)
    shutil.rmtree(work / "runs")
    code, out, _ = command("deploy", "--data", "data", *SMALL, "--lava-samples", "0")
    assert code == 0
    assert "Lava and our simulator" not in out


def test_every_sample_of_the_equivalence_check_is_a_test_sample(
    command: Command, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    check = comparison.check_equivalence

    def seen(trained: Any, network: Any, samples: Any, **more: Any) -> Any:
        given.append(samples.spikes)
        return check(trained, network, samples, **more)

    monkeypatch.setattr(comparison, "check_equivalence", seen)
    command("export", "runs/har/model.pt", "--data", "data")
    from neurodeploy.data import har

    windows = har.HAR.load(work / "data")
    tested = np.isin(windows.subjects, windows.test_subjects)
    expected = har.default_encoder(windows).encode(windows.signals[tested])
    assert np.array_equal(given[0], expected)
