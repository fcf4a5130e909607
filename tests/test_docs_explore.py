"""The scripts on the page about searches, run on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from neurodeploy.explore.study import read_search

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "how-to" / "explore.md"
SLURM, SSH = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.S)
OPTIONS = "--task har --out explore/har --trials 60"

pytestmark = pytest.mark.long


def run_small(script: str, folder: Path, number: int = 1) -> None:
    """Run a script at the same time in several processes, with a search that takes seconds."""
    (folder / "space.json").write_text('{"layers": [1], "neurons": [4, 8], "epochs": [1]}')
    assert OPTIONS in script
    small = script.replace(OPTIONS, "--task digits --space space.json --out out --trials 4")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    running = [
        subprocess.Popen(["bash", "-c", small], cwd=folder, env=environment) for _ in range(number)
    ]
    assert [each.wait(600) for each in running] == [0] * number
    found = read_search(folder / "out" / "journal.log")
    assert 4 <= len(found.complete) <= 5
    assert all([made.seed for made in each.repeats] == [0] for each in found.front)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_the_tasks_of_a_slurm_array_share_a_search(tmp_path: Path) -> None:
    run_small(SLURM, tmp_path, 2)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_hosts_reached_by_ssh_share_a_search(tmp_path: Path) -> None:
    run_small(f'ssh() {{ shift; "$@"; }}\n{SSH}', tmp_path)
