"""The command report: its files (--html, --plots, --raster), and what it is given by mistake."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.commands import report
from neurodeploy.export import netx
from neurodeploy.report import page as html
from neurodeploy.report.evaluate import evaluate
from neurodeploy.report.figures.drawing import FIGURES


@pytest.fixture(autouse=True)
def samples(dense: object) -> None:
    """Write three samples for the network 4-5-3."""
    np.save("input.npy", (np.random.default_rng(1).random((3, 4, 20)) < 0.5).astype(np.uint8))


def run(capsys, *words):
    code = report.main(["dense.net", "--input", "input.npy", *words])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_a_page_and_figures_are_written_and_said(capsys):
    code, out, err = run(capsys, "--html", "new/page.html", "--plots", "new/plots", "--raster", "2")
    assert (code, err) == (0, "")
    assert "Wrote new/page.html: the full report as an HTML page" in out
    assert "Wrote new/plots: the figures as PNG and SVG" in out
    assert "Sample 2 of the run" in Path("new/page.html").read_text()
    there = {path.name for path in Path("new/plots").iterdir()}
    drawn = set(FIGURES) - {"confusion"}  # the samples have no labels
    assert there == {f"{name}.{kind}" for name in drawn for kind in ("png", "svg")}
    assert Path("new/plots/energy.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in Path("new").iterdir()} == {"page.html", "plots"}


def test_a_page_is_the_same_every_time(capsys):
    pages = []
    for name in ("one.html", "two.html"):
        run(capsys, "--html", name)
        pages.append(Path(name).read_text())
    assert pages[0] == pages[1]


def test_a_page_that_cannot_be_finished_leaves_the_old_one(monkeypatch):
    Path("page.html").write_text("old")
    made = evaluate(netx.read(Path("dense.net")), np.load("input.npy"))

    def fail(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(html, "render", fail)
    with pytest.raises(KeyboardInterrupt):
        made.save("page.html")
    assert Path("page.html").read_text() == "old"
    assert not list(Path().glob(".*"))


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let no file grow to the size of a page or a figure."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limit[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_loses_no_report_and_leaves_no_folder(capsys):
    plain = run(capsys)[1]
    code, out, err = run(capsys, "--html", "new/page.html", "--plots", "new/plots")
    assert code == 2
    assert "File too large" in err
    assert len(out) > 1000
    assert plain.startswith(out)
    assert not Path("new").exists()
    code, out, _ = run(capsys, "--plots", "plots", "--json")
    assert code == 2
    assert json.loads(out)["counted"]["num_samples"] == 3
    assert not Path("plots").exists()


@pytest.fixture
def other() -> None:
    """Write the network once more."""
    shutil.copy("dense.net", "other.net")


@pytest.mark.usefixtures("other", "full_disk")
@pytest.mark.parametrize("words", [(), ("--csv",), ("--json",)])
def test_a_full_disk_loses_no_comparison(capsys, words):
    _, whole, _ = run(capsys, "--compare", "other.net", *words)
    code, out, err = run(capsys, "--compare", "other.net", *words, "--html", "page.html")
    assert code == 2
    assert "page.html" in err
    assert len(out) > 500
    assert whole.startswith(out)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("--raster 1", ["--raster", "--html", "--plots"]),
        ("--html p.html --raster 3", ["--raster", "sample 3", "0 to 2"]),
        ("--html page.txt", ["page.txt", ".html"]),
        ("--html folder.html", ["folder.html"]),
        ("--html link.html", ["--html", "dense.net"]),
        ("--plots input.npy", ["input.npy", "--plots"]),
        ("--html input.npy/page.html", ["input.npy/page.html", "File exists"]),
        ("--plots input.npy/plots", ["input.npy/plots", "Not a directory"]),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_run(capsys, words, named):
    Path("folder.html").mkdir()
    os.link("dense.net", "link.html")
    code, out, err = run(capsys, *words.split())
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert all(name in err for name in named)


def test_figures_do_not_replace_what_is_read(capsys):
    Path("plots").mkdir()
    Path("dense.net").rename("plots/energy.svg")
    code = report.main(["plots/energy.svg", "--input", "input.npy", "--plots", "plots"])
    assert code == 2
    assert "--plots would overwrite plots/energy.svg" in capsys.readouterr().err


def test_figures_are_not_even_imported_where_none_is_asked_for():
    code = (
        "import sys; from neurodeploy.commands import report; "
        "report.main(['dense.net', '--input', 'input.npy', '--json']); "
        "sys.exit([n for n in ('matplotlib', 'jinja2', 'torch') if n in sys.modules] or 0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stderr


# What a person may give by mistake


INPUT = ("--input", "input.npy")


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
    np.save("input.npy", np.ones((2, 4, 30), np.uint8))
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
