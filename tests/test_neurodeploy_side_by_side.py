"""`report --compare`: what its words name, and networks side by side."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.commands import report
from neurodeploy.export import netx
from neurodeploy.models.network import TaskDescription
from neurodeploy.report.evaluate import compare_networks
from neurodeploy.report.report import SideBySide, short_names

A, B, C = Path("a.net"), Path("b.net"), Path("c.net")


@pytest.fixture
def networks(dense):
    """Write a.net and b.net, which differ in one threshold, and 3 samples for both in x.npy."""
    netx.write(dense, A)
    last = dense.layers[1]
    other = replace(last, neuron=replace(last.neuron, threshold=last.neuron.threshold + 9))
    netx.write(dense.with_layers((dense.layers[0], other)), B)
    np.save("x.npy", (np.random.default_rng(1).random((3, 4, 30)) < 0.4).astype(np.uint8))
    return dense


@pytest.fixture
def run(capsys):
    """Return a function that runs the command and gives its exit code, stdout and stderr."""

    def command(*words):
        code = report.main([str(word) for word in words])
        return (code, *capsys.readouterr())

    return command


# What the words name


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--compare", "lava", "a.net"], ("--compare", "lava", "a.net")),
        (["a.net", "--compare", "b.net", "lava"], ("b.net", "lava")),
        (["--compare", "lava"], ("--compare", "lava")),
        (["a.net", "--compare", "lava", "loihi2"], ("2 backends", "lava, loihi2")),
        (["--compare", "a.net"], ("--compare", "a.net")),
        (["--compare", "a.net", "a.net"], ("a.net twice",)),
        (["a.net", "--compare", "./a.net", "b.net"], ("a.net twice",)),
        (["a.net", "--compare", "link.net"], ("a.net and link.net", "same file")),
        (["a.net", "--compare", "none.net"], ("none.net does not exist",)),
        (["a.net", "--compare", "lavaa"], ("(fast, lava, loihi2)", "lavaa")),
        (["a.net", "--compare", "b.net", "--plots", "x"], ("--plots", "--compare")),
        (["a.net", "--compare", "b.net", "--raster", "0"], ("--raster", "--compare")),
        (["a.net", "--compare", "b.net", "--trace"], ("--trace", "--compare")),
        (["a.net", "--compare", "b.net", "--spikes", "s.npz"], ("--spikes", "--compare")),
        (["a.net", "--compare", "wide.net", "--input", "x.npy"], ("wide.net", "(3, 4, 30)")),
        (["a.net", "--compare", "b.net"], ("a.net", "task")),
    ],
)
def test_words_that_name_no_comparison_are_refused(networks, random_network, run, words, named):
    Path("link.net").symlink_to("a.net")
    netx.write(random_network(np.random.default_rng(0), (7, 3)), "wide.net")
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert all(each in err for each in named)
    assert err.count("\n") == 1


# Side by side


def test_networks_stand_side_by_side_with_the_figures_of_their_own_reports(networks, run):
    code, out, err = run("--compare", A, B, "--input", "x.npy", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["schema"], found["version"]) == ("neurodeploy.comparison", 4)
    assert [each["file"] for each in found["networks"]] == ["a.net", "b.net"]
    assert found["notes"] == []
    for each in found["networks"]:
        alone = json.loads(run(each["file"], "--input", "x.npy", "--json")[1])
        assert each["report"] == alone
    rates = [each["report"]["counted"]["total"] for each in found["networks"]]
    assert rates[0]["spikes_per_sample"] > rates[1]["spikes_per_sample"]


def test_the_network_may_stand_before_the_option(networks, run):
    one = run("--compare", A, B, "--input", "x.npy", "--json")[1]
    other = run(A, "--compare", B, "--input", "x.npy", "--json")[1]
    assert one == other


def test_the_text_shows_all_in_tables_and_the_next_command(networks, run):
    np.save("y.npy", np.array([0, 1, 2]))
    for name in ("c.net", "d.net"):
        shutil.copy(B, name)
    files = ("a.net", "b.net", "c.net", "d.net")
    words = ("--compare", *files, "--input", "x.npy", "--labels", "y.npy")
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    rows = [line.split("│")[1].strip() for line in out.splitlines() if line.startswith("│")]
    names = [name for name in rows if name]  # what is broken into lines has a name once
    parts = len(names) // len(files)
    assert names == list(files) * parts
    assert parts >= 3  # counted, and for each of two chips
    assert max(len(line) for line in out.splitlines() if line.startswith(("┏", "│"))) <= 80
    assert "b.net and c.net hold the same network" in out
    last = "  python -m neurodeploy.report a.net --input x.npy"
    assert out.splitlines()[-1].startswith(last)
    assert "python -m" not in run(*words, "--brief")[1]


def test_networks_side_by_side_are_csv_and_a_page(networks, run):
    words = ("--compare", A, B, "--input", "x.npy")
    rows = list(csv.DictReader(io.StringIO(run(*words, "--csv")[1])))
    assert [row["network"] for row in rows] == ["a.net", "b.net"]
    code, out, err = run(*words, "--html", "p.html")
    assert (code, err) == (0, "")
    assert "p.html" in out
    page = Path("p.html").read_text()
    assert all(row["sha256"][:12] in page for row in rows)


@pytest.mark.parametrize(
    "words",
    [("--json", "--brief"), ("--json", "--csv"), ("--csv", "--brief")],
)
def test_two_forms_of_output_are_refused(networks, run, capsys, words):
    with pytest.raises(SystemExit) as ended:
        run("--compare", A, B, "--input", "x.npy", *words)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert all(word in captured.err for word in words)


def test_csv_of_one_network_is_refused(networks, run):
    code, out, err = run(A, "--input", "x.npy", "--csv")
    assert (code, out) == (2, "")
    assert "--compare" in err


def test_different_tasks_samples_and_steps_are_said(networks):
    made = compared(networks)
    one, other = made.entries
    task = replace(other.report.network, task=TaskDescription("gestures"))
    counted = replace(other.report.counted, num_samples=9, num_steps=2)
    changed = replace(other, report=replace(other.report, network=task, counted=counted))
    notes = SideBySide.of([one, changed]).notes
    assert notes[0].startswith("the tasks differ (a.net no task, b.net gestures)")
    assert notes[1].startswith("the numbers of samples differ (a.net 3, b.net 9)")
    assert notes[2].startswith("the numbers of time steps differ (a.net 30, b.net 2)")


def compared(network):
    """Return two networks side by side on the samples in x.npy."""
    pair = {"a.net": network, "b.net": netx.read(B)}
    return compare_networks(pair, np.load("x.npy"))


def test_names_are_as_long_as_it_takes_to_tell_them_apart():
    files = [Path("runs/a/model.net"), Path("runs/b/model.net")]
    assert short_names(files) == ["a/model.net", "b/model.net"]
    assert short_names([A, Path("runs/b.net")]) == ["a.net", "b.net"]


def test_a_network_that_does_not_fit_fails_the_check(networks, random_network, run):
    netx.write(random_network(np.random.default_rng(0), (5000, 2)), "wide.net")
    netx.write(random_network(np.random.default_rng(1), (5000, 2)), "other.net")
    np.save("x.npy", np.zeros((1, 5000, 3), np.uint8))
    words = ("--compare", "wide.net", "other.net", "--input", "x.npy", "--chip", "loihi1")
    code, out, _ = run(*words)
    assert code == 1
    assert "wide.net does not fit loihi1: layer 0 needs 5,000 input axons" in out


def test_a_file_of_no_network_is_refused_before_anything_runs(networks, run, monkeypatch):
    Path("b.net").write_bytes(b"no network")
    monkeypatch.setattr("neurodeploy.report.evaluate.evaluate", None)
    err = run(A, "--compare", B, "--input", "x.npy")[2]
    assert "b.net" in err
    assert "HDF5" in err
