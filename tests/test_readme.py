"""What the README says: its commands exist, and its packages are those that are built."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PARAGRAPHS = re.sub(r"(?<!\n)\n(?!\n)", " ", README)  # a command may go on in the next line
COMMAND = r"python -m ((?:neurodeploy|benchmarks)\.\w+(?: (?!--help)--?[\w-]+| [\w./]+)*)"
COMMANDS = sorted(set(re.findall(COMMAND, PARAGRAPHS)))


class Parsed(BaseException):
    """The options were taken."""


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_in_the_readme_take_their_options(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = ArgumentParser.parse_args

    def parse_and_end(parser: ArgumentParser, *given: Any) -> None:
        parse(parser, *given)
        raise Parsed

    monkeypatch.setattr(ArgumentParser, "parse_args", parse_and_end)
    module, *arguments = shlex.split(line)
    found = importlib.import_module(module)
    if hasattr(found, "__path__"):
        found = importlib.import_module(f"{module}.__main__")
    with pytest.raises(Parsed):
        found.main(arguments)


def test_the_readme_names_the_two_commands() -> None:
    assert "pip install uv && uv run python -m neurodeploy.deploy --task har" in README
    assert "uv run pytest" in README


def test_the_script_in_the_readme_is_a_whole_program(tmp_path: Path) -> None:
    (script,) = re.findall(r"^<!-- script -->\n```python\n(.*?)^```$", README, re.S | re.M)
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


def test_no_placeholder_is_left_in_the_readme() -> None:
    assert not re.findall(r"@[A-Z_]+@", README)


def test_files_that_the_readme_links_to_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links)


def test_the_python_under_test_is_one_that_is_supported() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.10,<3.14"
    assert (3, 10) <= sys.version_info[:2] < (3, 14)


def test_the_accuracies_in_the_readme_are_those_of_the_records() -> None:
    models = ("no-delays", "axonal", "synaptic", "dense", "cnn", "gru")
    section = README.partition("\n## Accuracy\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w-]+)`.*?\| .*? \| (.*) \|$", section, re.MULTILINE)
    records = ROOT / "docs" / "benchmarks" / "records"
    assert {task for task, _ in rows} == {path.stem for path in records.glob("*.jsonl")}
    for task, cells in rows:
        found: dict[str, list[float]] = {}
        for line in (records / f"{task}.jsonl").read_text().splitlines():
            run = json.loads(line)
            found.setdefault(run["key"]["model"], []).append(100 * run["accuracy"])
        expected = [f"{mean(found[name]):.1f} ± {stdev(found[name]):.1f}" for name in models]
        assert cells.split(" | ") == expected, task
