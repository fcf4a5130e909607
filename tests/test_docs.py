"""Every page: its Python runs, its commands and options exist, its links lead somewhere."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
from argparse import ArgumentParser
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest

import neurodeploy as nd
from neurodeploy.__main__ import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
}
for each in sorted(DOCS.rglob("*.ipynb")):
    cells = nbformat.read(each, as_version=4).cells
    PAGES[str(each.relative_to(ROOT))] = "\n\n".join(
        cell.source for cell in cells if cell.cell_type == "markdown"
    )
OLD_NAMES = ("CHANGELOG.md", "docs/changes-in-0.2.md")
"""Pages that name options of earlier versions."""
OWN_TEST = (
    "docs/how-to/any-network.md", "docs/how-to/from-nir.md", "docs/how-to/own-network.md",
    "docs/how-to/own-task.md", "docs/how-to/predict.md", "docs/reference/cost-files.md",
)  # fmt: skip
"""Pages that a test of their own runs."""
NOT_OURS = {
    "--all-extras", "--array", "--build", "--check", "--cpu", "--cpus-per-task", "--dev", "--dist",
    "--extra", "--group", "--job-name",
    "--no-deps", "--no-group", "--no-sync", "--nproc-per-node", "--override",
    "--override-dependencies", "--python", "--site-dir", "--strict", "--time", "--torch-backend",
}  # fmt: skip
"""Options of uv, pip, pytest, mkdocs and torchrun that pages name."""


@cache
def hooks() -> Any:
    """Return the module that generates parts of the site."""
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def parser_of(module: str) -> ArgumentParser:
    found = importlib.import_module(module)
    if hasattr(found, "__path__"):
        found = importlib.import_module(f"{module}.__main__")
    parser: ArgumentParser = hooks().parser_of(found.main)
    return parser


def code_of(page: str) -> list[str]:
    """Return the lines of a page's code and its code in the text, Python and JSON left out."""
    text = re.sub(r"^```(?:python|json)\n.*?^```$", "", PAGES[page], flags=re.M | re.S)
    fences = re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S)
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    indented = re.findall(r"^(?: {4}|\t)(.*)$", text, re.M)
    inline = [" ".join(each.split()) for each in re.findall(r"`([^`]+)`", text)]
    lines = [line for block in [*fences, "\n".join(indented)] for line in block.splitlines()]
    return [line.strip() for line in lines] + inline


def commands_of(page: str) -> set[tuple[str, str]]:
    """Return the modules that a page runs, each with its arguments."""
    found = set()
    short = rf"(?:neurodeploy )?({'|'.join(COMMANDS)})((?: --?[\w-]+.*| \S+[./]\S*.*))"
    for line in code_of(page):
        for match in re.finditer(r"-m ((?:neurodeploy|benchmarks)[\w.]*)([^`|&;#]*)", line):
            found.add((match[1], match[2].strip()))
        if match := re.fullmatch(short, line):
            found.add((f"neurodeploy.{match[1]}", match[2].strip()))
    return found


COMMAND_LINES = sorted(
    {each for page in PAGES if "own-task" not in page for each in commands_of(page)}
)


@pytest.mark.parametrize(("module", "words"), COMMAND_LINES)
def test_a_command_on_a_page_takes_its_options(module: str, words: str) -> None:
    if module == "neurodeploy":  # it lists the commands
        return
    parser = parser_of(module)
    if re.fullmatch(r"--[\w-]+", words):  # an option by itself, as text names it
        assert words in parser._option_string_actions
    elif words:
        parser.parse_args(shlex.split(words))


@pytest.mark.parametrize("page", [page for page in PAGES if page not in OLD_NAMES])
def test_options_that_a_page_names_exist(page: str) -> None:
    modules = [f"neurodeploy.{name}" for name in COMMANDS]
    modules += [module for module, _ in COMMAND_LINES if module.startswith("benchmarks")]
    known = {word for module in modules for word in parser_of(module)._option_string_actions}
    named = set(re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*(?![\w-])", "\n".join(code_of(page))))
    assert named <= known | NOT_OURS


def test_the_reference_has_every_name_of_the_library() -> None:
    pages = "".join(text for page, text in PAGES.items() if "reference/api" in page)
    missing = [name for name in nd.__all__ if f"\n::: neurodeploy.{name}\n" not in pages + "\n"]
    assert not missing


def test_the_site_lists_every_option_and_every_field() -> None:
    commands = hooks().commands()
    for name in COMMANDS:
        options = parser_of(f"neurodeploy.{name}")._option_string_actions
        section = commands.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert all(f"`{option}" in section for option in options)


def test_the_new_keys_on_the_page_of_changes_are_in_the_schema() -> None:
    section = PAGES["docs/changes-in-0.2.md"].partition("## Report JSON\n")[2]
    cells = [line.split("|")[3] for line in section.splitlines() if line.startswith("| ")]
    new = set(re.findall(r"`(\w+)`", "".join(cells)))
    schema = (DOCS / "schemas" / "report.json").read_text(encoding="utf-8")
    assert len(new) > 40
    assert not [name for name in new if f'"{name}"' not in schema]


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_to_files(page: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", PAGES[page])
    missing = [link for link in links if not ((ROOT / page).parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", [page for page in PAGES if page not in OLD_NAMES])
def test_files_that_a_page_names_exist(page: str) -> None:
    folders = r"(?:neurodeploy|models|export|hw_sim|benchmarks|docs|tests|\.ci)/"
    named = [each for each in code_of(page) if re.fullmatch(rf"{folders}[\w/.-]+", each)]
    assert not [each for each in named if not (ROOT / each).exists()]


WITH_PYTHON = [
    page for page, text in PAGES.items() if "```python\n" in text and page not in OWN_TEST
]


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_the_python_of_a_page_runs(page: str, run_page: Callable[[str], Any]) -> None:
    run_page(page)
