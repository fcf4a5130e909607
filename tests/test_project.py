"""The project as a whole: imports go one way, and heavy ones stay where they belong."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ("models", "export", "hw_sim", "neurodeploy")
WITHIN = (
    "progress", "style", "versions", "config", "data", "train", "evaluation", "report", "explore",
    "predict", "commands",
)  # fmt: skip
"""The order of what `neurodeploy/` holds: nothing imports what stands to its right."""
FACE = ("neurodeploy/__init__.py", "neurodeploy/__main__.py")
"""The library's face and the list of commands stand above everything."""
TRAINING = (
    "models/block",
    "models/kernels",
    "models/snn.py",
    "models/quantize.py",
    "models/dequantize.py",
    "export/nir/modules.py",  # torch modules of other frameworks
    "neurodeploy/",
)
FILES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text())
    for package in ORDER
    for path in sorted((ROOT / package).rglob("*.py"))
    if not any(folder.is_symlink() for folder in path.parents)
}
MODULES = {
    name: re.sub("^neurodeploy/|(/__init__)?[.]py$", "", name).replace("/", ".") for name in FILES
}
"""Each file's module below neurodeploy, such as "data.task"."""


def imported(tree: ast.AST) -> set[str]:
    """Return the top-level packages that a file imports, anywhere in it; of ours, the folders."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {_package(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {_package(f"{node.module}.{alias.name}") for alias in node.names}
    return found


def _package(name: str) -> str:
    first, *rest = name.split(".")
    return rest[0] if first == "neurodeploy" and rest and rest[0] in ORDER else first


def test_imports_point_one_way() -> None:
    """Imports inside functions and for types count; only files of ten lines run what they like."""
    places = {name: place for place, name in enumerate((*ORDER[:-1], *WITHIN))}
    for name, tree in FILES.items():
        if len((ROOT / name).read_text().splitlines()) <= 10 or name in FACE:
            continue
        own = places[name.removeprefix("neurodeploy/").split("/")[0].removesuffix(".py")]
        for other in own_modules(tree):
            assert places[other.split(".")[0]] <= own, f"{name} imports neurodeploy.{other}"


def test_no_file_imports_itself_through_others() -> None:
    """Imports inside functions and for types count; CycleError names the files in the circle."""
    graph = {
        MODULES[name]: set(own_modules(tree)) for name, tree in FILES.items() if name not in FACE
    }
    TopologicalSorter(graph).prepare()


def own_modules(tree: ast.AST) -> Iterator[str]:
    """Yield the modules of neurodeploy that a file imports, such as "data.task"."""
    modules = set(MODULES.values())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            first, _, rest = node.module.partition(".")
            for alias in node.names if first == "neurodeploy" else ():
                below = f"{rest}.{alias.name}".lstrip(".")
                yield below if below in modules else rest


def test_torch_is_imported_only_where_networks_are_trained() -> None:
    for name, tree in FILES.items():
        assert name.startswith(TRAINING) or "torch" not in imported(tree), name


def test_functions_have_at_most_sixty_lines_below_their_docstring() -> None:
    for name, tree in FILES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno if body else 0
                assert lines < 60, f"{name}: {node.name}"


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("neurodeploy.models", ("numpy", "torch", "numba", "lava", "h5py")),
        ("neurodeploy.hw_sim.simulators.fast", ("torch", "lava", "h5py")),
        ("neurodeploy.export.netx", ("torch", "lava", "numba")),
        ("neurodeploy.report.report", ("torch", "lava", "matplotlib")),
        ("neurodeploy.export.lava_graph", ("torch",)),
        ("neurodeploy.report.notebook", ("torch", "lava")),
    ],
)
def test_importing_stays_light(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print([n for n in {absent!r} if n in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=ROOT,
        check=True,
    )
    assert ran.stdout.strip() == "[]", ran.stderr
