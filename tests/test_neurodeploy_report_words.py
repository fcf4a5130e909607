"""What a person may give `report` and `export` by mistake, and what they are told instead."""

from __future__ import annotations

import json
import resource
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


@pytest.mark.parametrize(
    ("words", "content", "named"),
    [
        (("export", "dense.net"), None, ("already", "python -m neurodeploy.report dense.net")),
        (("report", "README.md", *INPUT), b"# Read me\n", ("README.md", "HDF5", ".net")),
        (("report", "a.png", *INPUT), b"\x89PNG\r\n\x1a\n" + bytes(9), ("a.png", "HDF5", ".net")),
        (("report", "model.pt"), b"PK", ("python -m neurodeploy.export model.pt",)),
    ],
)
def test_a_file_of_another_kind_is_named_and_what_to_do_with_it(command, words, content, named):
    if content is not None:
        Path(words[1]).write_bytes(content)
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert all(word in err for word in named)


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


def test_fewer_samples_than_asked_for_are_said(command):
    code, out, err = command("report", "dense.net", *INPUT, "--samples", "500", "--json")
    assert code == 0
    said = "500 samples were requested, but only 3 exist; all of them run"
    assert err == f"note: {said}\n"
    made = json.loads(out)
    assert made["counted"]["num_samples"] == 3
    assert said in made["provenance"]["notes"]


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
