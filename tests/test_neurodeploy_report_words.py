"""What a person may give `report` and `export` by mistake, and what they are told instead."""

from __future__ import annotations

import csv
import io
import json
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurodeploy import report
from neurodeploy.export import netx


@pytest.fixture(autouse=True)
def samples(dense: object) -> None:
    """Write three samples for the network 4-5-3."""
    np.save("x.npy", (np.random.default_rng(1).random((3, 4, 20)) < 0.5).astype(np.uint8))


INPUT = ("--input", "x.npy")


def test_a_network_given_to_export_is_exported_already(command):
    code, out, err = command("export", "dense.net")
    assert (code, out) == (2, "")
    assert "exported already" in err
    assert "python -m neurodeploy.report dense.net" in err


@pytest.mark.parametrize(
    ("name", "content"), [("README.md", b"# Read me\n"), ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(9))]
)
def test_a_file_of_another_kind_is_named_and_what_to_give(command, name, content):
    Path(name).write_bytes(content)
    code, _, err = command("report", name, *INPUT)
    assert code == 2
    assert f"{name} is no HDF5 file" in err
    assert ".net file" in err
    assert "again" not in err


def test_a_checkpoint_is_to_be_exported_first_with_the_command(command):
    Path("model.pt").write_bytes(b"PK")
    code, _, err = command("report", "model.pt")
    assert code == 2
    assert "python -m neurodeploy.export model.pt" in err


def test_the_folder_of_a_run_stands_for_its_network(command, dense):
    Path("run").mkdir()
    code, _, err = command("report", "run", *INPUT)
    assert code == 2
    assert "run is a folder without model.net" in err
    Path("run/model.pt").write_bytes(b"PK")
    assert "python -m neurodeploy.export run/model.pt" in command("report", "run", *INPUT)[2]
    netx.write(dense, Path("run/model.net"))
    code, out, err = command("report", "run", *INPUT, "--json")
    assert code == 0
    assert err == "note: run is a folder; reporting on run/model.net\n"
    assert json.loads(out)["network"]["task"] == ""


def test_links_in_a_circle_are_not_said_to_be_missing(command):
    Path("loop.net").symlink_to("loop.net")
    code, _, err = command("report", "loop.net", *INPUT)
    assert code == 2
    assert "symbolic links" in err
    assert "does not exist" not in err


def test_fewer_samples_than_asked_for_are_said(command):
    code, out, err = command("report", "dense.net", *INPUT, "--samples", "500", "--json")
    assert code == 0
    said = "500 samples were asked for and there are 3; all of them run"
    assert err == f"note: {said}\n"
    made = json.loads(out)
    assert made["counted"]["num_samples"] == 3
    assert said in made["provenance"]["notes"]


@pytest.mark.parametrize("words", [(), ("--brief",), ("--json",), ("--compare", "b.net"),
                                   ("--compare", "b.net", "--brief")])  # fmt: skip
def test_a_note_on_samples_is_shown_once_for_each_network(command, other, words):
    _, out, err = command("report", "dense.net", *INPUT, "--samples", "500", *words)
    shown = (err if "--json" in words else out + err).count("500 samples were asked for")
    assert shown == 1 + ("--compare" in words)


def test_a_full_disk_leaves_no_half_of_the_figures(capsys):
    report.main(["dense.net", *INPUT, "--plots", "plots"])
    before = {path.name: path.read_bytes() for path in Path("plots").iterdir()}
    np.save("x.npy", np.ones((2, 4, 30), np.uint8))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limit[1]))
    try:
        code = report.main(["dense.net", *INPUT, "--plots", "plots", "--html", "page.html"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    err = capsys.readouterr().err
    assert code == 2
    assert "File too large" in err
    assert "page.html" in err or "*.html" in err
    assert {path.name: path.read_bytes() for path in Path("plots").iterdir()} == before
    assert not Path("page.html").exists()


def test_the_usage_tells_when_a_network_is_needed(capsys):
    with pytest.raises(SystemExit):
        report.main(["--help"])
    usage = capsys.readouterr().out.split("\n\n")[0]
    assert "report model.net" in usage
    assert "--compare a.net b.net" in usage
    assert "[model.net]" not in usage


def test_a_brief_report_is_the_beginning_of_the_whole(command):
    whole = command("report", "dense.net", *INPUT)[1]
    brief = command("report", "dense.net", *INPUT, "--brief")[1]
    assert whole.startswith(brief)
    assert len(brief.splitlines()) <= 24


@pytest.fixture
def other(dense) -> None:
    last = dense.layers[1]
    changed = replace(last, neuron=replace(last.neuron, threshold=last.neuron.threshold + 9))
    netx.write(replace(dense, layers=(dense.layers[0], changed)), Path("b.net"))


def test_networks_side_by_side_are_rows_of_csv(command, other):
    code, out, err = command("report", "dense.net", "--compare", "b.net", *INPUT, "--csv")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["network"] for row in rows] == ["dense.net", "b.net"]
    made = json.loads(command("report", "b.net", *INPUT, "--json")[1])
    assert made["network"]["sha256"] in {cell for row in rows for cell in row.values()}


@pytest.mark.parametrize("words", [(), ("--compare", "b.net", "--json")])
def test_csv_is_of_several_networks_alone(command, other, words):
    code, _, err = command("report", "dense.net", *words, *INPUT, "--csv")
    assert code == 2
    assert "--csv" in err


def test_networks_side_by_side_are_a_page(command, other):
    code, out, err = command(
        "report", "dense.net", "--compare", "b.net", *INPUT, "--html", "p.html"
    )
    assert (code, err) == (0, "")
    assert "Wrote p.html" in out
    page = Path("p.html").read_text()
    assert "dense.net" in page
    assert "b.net" in page
