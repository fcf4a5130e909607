"""What a command does with a stdout that goes away, is full, or cannot spell a name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom neurodeploy.commands import cli\n"
        "def lines(argv=None):\n"
        "    for i in range(10**6): print(i)\n"
        "    return 0\n"
        "sys.exit(cli.command(lines)())"
    )
    script = tmp_path / "lines.py"
    script.write_text(code)
    ran = subprocess.run(
        f"{sys.executable} {script} | head -1",
        check=False,
        shell=True,
        capture_output=True,
        text=True,
        timeout=600,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (ran.stdout, ran.stderr) == ("0\n", "")


PRINTS = """
import sys
from neurodeploy.commands import cli
@cli.command
def main(argv=None):
    print(sys.argv[1])
    return 0
sys.exit(main())
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_stdout_that_takes_nothing_is_one_sentence_on_stderr() -> None:
    for program in (["-c", PRINTS, "x"], ["-m", "neurodeploy"]):
        with open("/dev/full", "w") as full:
            ran = subprocess.run(
                [sys.executable, *program],
                check=False,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=600,
                cwd=ROOT,
            )
        assert ran.returncode == 2
        assert ran.stderr.startswith("error: ")
        assert "stdout (No space left on device)" in ran.stderr
        assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("encoding", "name", "shown"),
    [("ascii", "né.net", b"n\\xe9.net\n"), ("utf-8", "b\udcff.net", b"b\\udcff.net\n")],
)
def test_names_that_stdout_cannot_hold_are_spelled_out(
    encoding: str, name: str, shown: bytes
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PRINTS, os.fsencode(name)],
        check=False,
        capture_output=True,
        timeout=600,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"},
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, shown, b"")
