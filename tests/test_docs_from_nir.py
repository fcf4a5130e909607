"""The page on networks of other frameworks: each tab writes a file that its command deploys."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = "docs/how-to/from-nir.md"
TEXT = (ROOT / PAGE).read_text()
TABS = {
    title: textwrap.dedent(tab)
    for title, tab in re.findall(r'^=== "(\w+)"\n((?:    .*\n|\n)+)', TEXT, re.M)
}
FRAMEWORKS = ("snnTorch", "Norse", "SpikingJelly", "sinabs", "Rockpool")


@pytest.fixture
def spikes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Write spikes.npy into an empty folder and go there."""
    monkeypatch.chdir(tmp_path)
    drawn = (np.random.default_rng(0).random((8, 30, 40)) < 0.3).astype(np.uint8)
    np.save("spikes.npy", drawn)
    return drawn


def code_of(tab: str, language: str) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```$", tab, re.M | re.S)[0]


def write_graph(title: str, python: list[str]) -> None:
    """Run the Python of a tab in a process of its own."""
    done = subprocess.run(
        [*python, "-W", "ignore", "-c", code_of(TABS[title], "python")],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    assert Path("network.nir").is_file()


def deploy(title: str, command: Callable[..., tuple[int, str, str]]) -> str:
    """Run the command of a tab, and return what it prints."""
    words = shlex.split(code_of(TABS[title], "sh"))
    assert words[:3] == ["python", "-m", "neurodeploy.export"]
    code, out, err = command("export", *words[3:])
    assert code == 0, err
    return out


def test_every_framework_has_a_tab() -> None:
    assert tuple(TABS) == FRAMEWORKS


def test_the_tab_of_snntorch_deploys(
    spikes: np.ndarray, command: Callable[..., tuple[int, str, str]]
) -> None:
    write_graph("snnTorch", [sys.executable])
    out = deploy("snnTorch", command)
    assert "dialect snntorch" in out
    assert Path("network.net").is_file()


@pytest.mark.long
@pytest.mark.parametrize("title", FRAMEWORKS[1:])
def test_the_tab_of_another_framework_deploys(
    title: str, spikes: np.ndarray, command: Callable[..., tuple[int, str, str]]
) -> None:
    packages = re.findall(r"<!-- environment: (.*) -->", TABS[title])[0].split()
    uv = ["uv", "run", "--quiet", "--isolated", "--no-project", "--python", "3.11"]
    newest = ["--exclude-newer", "2026-11-20"]
    write_graph(title, [*uv, *newest, *[w for p in packages for w in ("--with", p)], "python"])
    assert f"dialect {title.lower()}" in deploy(title, command)


def test_the_python_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the tabs, whose frameworks have environments of their own."""
    monkeypatch.chdir(tmp_path)
    rest = TEXT[TEXT.index("## In Python") :]
    hidden = re.findall(r"^<!-- invisible-code-block: python\n(.*?)^-->$", rest, re.M | re.S)
    names: dict[str, Any] = {}
    for block in [*hidden, *re.findall(r"^```python\n(.*?)^```$", rest, re.M | re.S)]:
        exec(block, names)
    assert names["report"].accuracy is not None
    assert Path("written.nir").is_file()
