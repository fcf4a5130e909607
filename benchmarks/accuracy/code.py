"""The code, the packages and the machine that make a run, which stand beside its key."""

from __future__ import annotations

import ast
import hashlib
import platform
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from benchmarks.accuracy.models import Model
from benchmarks.speed_page import processor

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("neurodeploy", "torch", "numpy", "lava-dl")

TASKS: Final = (
    "neurodeploy/tasks/augment", "neurodeploy/tasks/encoders", "neurodeploy/tasks/cache.py",
    "neurodeploy/tasks/split.py", "neurodeploy/tasks/task.py", "hw_sim/readout.py",
)  # fmt: skip
SPIKING: Final = (
    *TASKS, "models", "export", "hw_sim", "neurodeploy/learning", "neurodeploy/running",
    "neurodeploy/train.py", "neurodeploy/report.py",
    "benchmarks/accuracy/answers.py",
)  # fmt: skip
ARTIFICIAL: Final = (*TASKS, "benchmarks/ann")


def makers(model: Model) -> dict[str, Any]:
    """Return what makes a model's runs now, as JSON values.

    A digest of its code and of the costs of chips, the commit of the project and whether files of
    the code are changed since, versions, and the processor.
    """
    places = places_of(model)
    return {
        "sha256": digest(places),
        "commit": _git("rev-parse", "--short=12", "HEAD") or "unknown",
        "changed": bool(_git("status", "--porcelain", "--", *places)),
        "versions": {
            "python": platform.python_version(),
            **{package: metadata.version(package) for package in PACKAGES},
        },
        "processor": processor(),
    }


def places_of(model: Model) -> tuple[str, ...]:
    """Return the files and folders whose code makes a model's runs."""
    return SPIKING if model.spiking else ARTIFICIAL


def unchanged(model: Model) -> bool:
    """Return whether a model's code is what it was when this process first asked."""
    return _first_digest(places_of(model)) == digest(places_of(model))


@cache
def _first_digest(places: tuple[str, ...]) -> str:
    return digest(places)


def digest(places: Iterable[str]) -> str:
    """Return the sha256 of files and of all Python and JSON files in folders of the project.

    Comments on lines of their own, docstrings and empty lines do not count.
    """
    sha = hashlib.sha256()
    for path in sorted(set(_files(places))):
        sha.update(f"{path.relative_to(ROOT)}\n{_said(path)}".encode())
    return sha.hexdigest()


def _files(places: Iterable[str]) -> Iterable[Path]:
    for place in places:
        path = ROOT / place
        yield from [path] if path.is_file() else [*path.rglob("*.py"), *path.rglob("*.json")]


def _said(path: Path) -> str:
    """Return a file without what says nothing to a computer."""
    text = path.read_text(encoding="utf-8")
    silent = _docstring_lines(text) if path.suffix == ".py" else set()
    lines = [line for n, line in enumerate(text.splitlines(), 1) if n not in silent]
    return "\n".join(line for line in lines if line.strip() and not line.strip().startswith("#"))


def _docstring_lines(text: str) -> set[int]:
    """Return the numbers of the lines of texts that stand alone."""
    return {
        number
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


@cache
def _git(*words: str) -> str:
    """Return what git says of the project's folder, "" where it cannot."""
    line = ["git", "-C", str(ROOT), *words]
    try:
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
