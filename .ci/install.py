"""Test the installation in fresh environments: `uv run python .ci/install.py`.

The wheel is built from the sdist and contains one package. With Lava, it runs the README's script,
trains, exports and runs on Lava, in a folder whose own models/, export/ and hw_sim/ must not be
imported. Without Lava, installed by pip on the oldest and newest Python, it reports on networks;
other commands must fail with one sentence that names the missing packages.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
CORE_PYTHONS = ("3.10", "3.13")
LIMIT_S = 600
FOREIGN = ("models", "export", "hw_sim")
SHIPPED = (
    "neurodeploy/py.typed",
    "neurodeploy/lava-overrides.txt",
    "neurodeploy/hw_sim/chips/costs/loihi2.json",
    "neurodeploy/report/templates/report.html.j2",
)

MAKE_NETWORKS = """
from pathlib import Path

import numpy as np

from neurodeploy.export import netx
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork

rng = np.random.default_rng(0)
for name in ("a.net", "b.net"):
    layers = [
        DenseLayer(rng.integers(-60, 90, shape), CubaLif([1024], [400], 200))
        for shape in ((32, 16), (4, 32))
    ]
    netx.write(QuantizedNetwork.chain(tuple(layers)), Path(name))
np.save("spikes.npy", (rng.random((3, 16, 20)) < 0.2).astype(np.uint8))
"""


class Failed(Exception):
    """A check failed."""


def main() -> int:
    """Run all checks and return the exit code."""
    (ROOT / "build").mkdir(exist_ok=True)  # same disk as the checkout, for hard links
    with tempfile.TemporaryDirectory(prefix="install-", dir=ROOT / "build") as name:
        folder = Path(name)
        try:
            wheel = build(folder)
            with_lava(wheel, folder)
            missing = [v for v in CORE_PYTHONS if not without_lava(wheel, folder, v)]
        except Failed as failure:
            print(f"error: {failure}", file=sys.stderr)
            return 1
    for version in missing:
        print(f"NOT TRIED: there is no Python {version} to try the core with", file=sys.stderr)
    return 0


def build(folder: Path) -> Path:
    """Build the sdist and the wheel from it; return the wheel."""
    run("uv", "build", "--quiet", "--out-dir", folder, ROOT, cwd=folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    check(tops == {"neurodeploy", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}, f"{tops}")
    check(set(SHIPPED) <= set(names), f"the wheel lacks one of {', '.join(SHIPPED)}")
    with tarfile.open(sdist) as packed:
        links = [each.name for each in packed if each.issym() or each.islnk()]
    check(not links, f"the sdist holds links, which not every system unpacks: {links}")
    done(f"{wheel.name} installs neurodeploy/ alone")
    return wheel


def with_lava(wheel: Path, folder: Path) -> None:
    """Install the wheel with Lava as in the README, and run the workflow up to Lava."""
    with zipfile.ZipFile(wheel) as packed:
        overrides = packed.extract("neurodeploy/lava-overrides.txt", folder)
    python = environment(folder / "lava", Path(sys.executable))
    install = ("uv", "pip", "install", "--quiet", "--no-config", "--exclude-newer", newest())
    run(*install, "--python", python, "--override", overrides, f"{wheel}[lava]", cwd=folder)
    done("installed with Lava")
    place = foreign_folder(folder / "with_lava")
    (place / "script.py").write_text(readme_script(), encoding="utf-8")
    said = run(python, "script.py", cwd=place)
    check(said.strip() != "", "the README's script prints nothing")
    done("the README's script")
    run(python, "-c", MAKE_NETWORKS, cwd=place)
    module(python, "report", "a.net", "--input", "spikes.npy", cwd=place)
    module(python, "report", "a.net", "--input", "spikes.npy", "--compare", "lava", cwd=place)
    done("a report, and a comparison with Lava")
    module(python, "train", "--task", "digits", "--epochs", "1", "--hidden", "16", cwd=place)
    module(python, "export", "runs/digits/model.pt", cwd=place)
    module(python, "report", "runs/digits/model.net", cwd=place)
    done("trained, exported, reported")


def without_lava(wheel: Path, folder: Path, version: str) -> bool:
    """Install the core by pip and use it; return False if that Python is missing."""
    found = find_python(version)
    if found is None:
        return False
    python = environment(folder / f"core{version}", found)
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    done(f"the core by pip on Python {version}")
    place = foreign_folder(folder / f"with_core{version}")
    run(python, "-c", MAKE_NETWORKS, cwd=place)
    report_on_files(python, place)
    refuse_the_rest(python, place)
    done(f"the core's reports on Python {version}")
    return True


def report_on_files(python: Path, place: Path) -> None:
    """Report on a network as text, JSON and a page, and compare two."""
    given = ("--input", "spikes.npy")
    text = module(python, "report", "a.net", *given, "--html", "page.html", cwd=place)
    check("a.net" in text and "energy" in text, f"the report reads {text!r}")
    check("</html>" in (place / "page.html").read_text(encoding="utf-8"), "the page is cut short")
    found = json.loads(module(python, "report", "a.net", *given, "--json", cwd=place))
    check(found["schema"] == "neurodeploy.report", f"the schema is {found['schema']!r}")
    check(set(found["estimated"]) >= {"loihi1", "loihi2"}, "a chip is missing in the JSON")
    check(found["counted"]["num_samples"] == 3, "the JSON does not count three samples")
    beside = module(python, "report", "--compare", "a.net", "b.net", *given, cwd=place)
    check("a.net" in beside and "b.net" in beside, f"the comparison reads {beside!r}")
    module(python, "data", cwd=place)


def refuse_the_rest(python: Path, place: Path) -> None:
    """Check that commands that need Lava fail with one sentence on its installation."""
    for words in (
        ("train", "--task", "digits"),
        ("export", "model.pt"),
        ("report", "a.net", "--input", "spikes.npy", "--backend", "lava"),
    ):
        said = module(python, *words, cwd=place, code=2)
        check("neurodeploy[lava]" in said and said.count("\n") == 1, f"{words} says {said!r}")


def readme_script() -> str:
    """Return the README's script, the Python block marked `<!-- script -->`."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"^<!-- script -->\n```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    check(len(found) == 1, f"the README has {len(found)} blocks marked <!-- script -->, not one")
    return str(found[0])


def foreign_folder(place: Path) -> Path:
    """Create a folder with packages named as in `FOREIGN` that raise on import."""
    for name in FOREIGN:
        (place / name).mkdir(parents=True)
        (place / name / "__init__.py").write_text("raise RuntimeError('foreign code')\n")
    return place


def find_python(version: str) -> Path | None:
    """Return a Python of that version from PATH, pyenv or uv, which may download it."""
    for candidate in candidates(version):
        try:
            run(candidate, "-c", f"import sys; assert sys.version.startswith('{version}.')")
        except (Failed, OSError):
            continue
        return Path(candidate)
    return None


def candidates(version: str) -> Iterator[str | Path]:
    """Yield candidates for a Python of that version, which may not work."""
    yield from filter(None, [shutil.which(f"python{version}")])
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    for extra in ((), ("--managed-python",)):
        try:
            if extra:
                run("uv", "python", "install", version)
            yield run("uv", "python", "find", "--no-project", *extra, version).strip()
        except Failed:
            continue


def environment(place: Path, python: Path) -> Path:
    """Create an environment with pip and return its Python."""
    run("uv", "venv", "--quiet", "--no-config", "--no-project", "--seed", "--python", python, place)
    return place / "bin" / "python"


def newest() -> str:
    """Return `exclude-newer` of the project's environment."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r'^exclude-newer = "(.*)"$', text, re.MULTILINE)[0]


def module(python: Path, name: str, *words: str, cwd: Path, code: int = 0) -> str:
    """Run a command of neurodeploy and return its output, see `run`."""
    return run(python, "-m", f"neurodeploy.{name}", *words, cwd=cwd, code=code)


def run(*words: str | Path, cwd: Path = ROOT, code: int = 0) -> str:
    """Run a command outside this environment.

    Returns:
        Its stdout, or its stderr if `code` is not 0.

    Raises:
        Failed: if its exit code is not `code`, or if it exceeds the time limit.
    """
    ours = ("PYTHONPATH", "VIRTUAL_ENV", "UV", "UV_COMPILE_BYTECODE", "PYENV_VERSION")
    outside = {name: value for name, value in os.environ.items() if name not in ours}
    shown = " ".join(str(word).splitlines()[0] if str(word).strip() else "..." for word in words)
    try:
        ran = subprocess.run(
            [str(word) for word in words],
            check=False, cwd=cwd, env=outside, capture_output=True, text=True, timeout=LIMIT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"{shown} did not end within {LIMIT_S} s") from None
    if ran.returncode != code:
        raise Failed(f"{shown} ended with {ran.returncode}, not {code}:\n{ran.stdout}{ran.stderr}")
    return ran.stderr if code else ran.stdout


def check(held: bool, sentence: str) -> None:
    """Raise Failed with the sentence unless `held`."""
    if not held:
        raise Failed(sentence)


def done(what: str) -> None:
    """Print a finished check with the elapsed time."""
    print(f"{time.monotonic() - BEGAN:5.0f} s  {what}", flush=True)


BEGAN = time.monotonic()

if __name__ == "__main__":
    sys.exit(main())
