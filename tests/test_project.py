"""The project as a whole: imports go one way, heavy ones stay where they belong."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ("models", "export", "hw_sim", "neurodeploy")
FILES = [
    path
    for package in ORDER
    for path in sorted((ROOT / package).rglob("*.py"))
    if not any(folder.is_symlink() for folder in path.parents)
]


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a file imports, anywhere in it; of ours, the folders."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {_package(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {_package(f"{node.module}.{alias.name}") for alias in node.names}
    return found


def _package(name: str) -> str:
    first, *rest = name.split(".")
    return rest[0] if first == "neurodeploy" and rest and rest[0] in ORDER else first


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    own = "neurodeploy" if path.name == "__main__.py" else path.relative_to(ROOT).parts[0]
    later = set(ORDER[ORDER.index(own) + 1 :])
    assert not imported(path) & later


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_torch_is_imported_only_where_networks_are_trained(path: Path) -> None:
    trained = (
        "models/blocks/", "models/kernels/", "models/snn.py", "models/snn.py",
        "models/quantize.py", "neurodeploy/",
    )  # fmt: skip
    if not path.relative_to(ROOT).as_posix().startswith(trained):
        assert "torch" not in imported(path)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 600
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 60, node.name


def test_no_test_imports_another() -> None:
    names = {path.stem for path in (ROOT / "tests").glob("*.py")}
    for path in (ROOT / "tests").glob("*.py"):
        assert not imported(path) & (names | {"tests"}), path.name


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("neurodeploy.models", ("numpy", "torch", "numba", "lava", "h5py")),
        ("neurodeploy.hw_sim.simulators.fast", ("torch", "lava", "h5py")),
        ("neurodeploy.export.netx", ("torch", "lava", "numba")),
        ("neurodeploy.running.report", ("torch", "lava", "matplotlib")),
        ("neurodeploy.export.lava_graph", ("torch",)),
        ("neurodeploy.pages.notebook", ("torch", "lava")),
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
