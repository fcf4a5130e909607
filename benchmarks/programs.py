"""List the simulators and training libraries that are compared, and run one of them.

Each runs in its own process under a time limit, in the project's environment or in one that uv
creates from the versions pinned here.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from benchmarks.pages import ROOT, Table

EXCLUDE_NEWER: Final = "2026-11-20"
"""Date as of which uv resolves unpinned versions, as in `pyproject.toml`."""
INSTALL_LIMIT_S: Final = 1800.0
OUT_OF_TIME: Final = "not done after"
THREAD_VARIABLES: Final = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"
)  # fmt: skip
WAITING: Final = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
"""Environment variables that neurodeploy's commands set, removed for other libraries."""

REFERENCE: Final = "lava"
"""The reference simulator of ratios."""
STOCK, OURS = "lava-dl", "ours"


@dataclass(frozen=True)
class Program:
    """One entry of a table.

    Attributes:
        title: name in tables.
        module: module of `benchmarks.peers`.
        variant: argument of the module.
        packages: packages of its environment; none for the project's own environment.
        python: Python version of its environment; None for the current one.
        delays: whether it supports delays of single neurons; if not, it runs without delays.
        images: whether it supports convolutions.
        train: whether it trains.
    """

    title: str
    module: str
    variant: str = ""
    packages: tuple[str, ...] = ()
    python: str | None = None
    delays: bool = False
    images: bool = False
    train: bool = False


_TORCH = ("torch==2.15.0", "numpy<2.4")
_LIBRARIES = {
    "snntorch": ("snnTorch", ("snntorch==1.0.0", *_TORCH)),
    "spikingjelly": ("SpikingJelly", ("spikingjelly==2.0.0", *_TORCH)),
    "norse": ("Norse", ("norse==1.1.0", *_TORCH)),
}
_NENGO = ("nengo-loihi==1.1.0", "nengo==3.2.0", "numpy==1.26.4", "scipy==1.12.0")
_BRIAN = ("brian2-loihi==0.5.2", "brian2==2.9.0", "numpy==1.26.4", "setuptools<81")

SIMULATORS: Final[dict[str, Program]] = {
    "fast": Program("neurodeploy fast", "own", "fast", delays=True, images=True),
    "lava": Program("Lava, stock", "own", "lava", delays=True, images=True),
    "own-lava": Program("Lava, our backend", "own", "own-lava", delays=True, images=True),
    "slayer": Program("SLAYER forward", "lava_dl", delays=True),
    **{
        name: Program(title, "torch_libraries", name, packages)
        for name, (title, packages) in _LIBRARIES.items()
    },
    "spikingjelly-lava": Program(
        "SpikingJelly, Lava's", "torch_libraries", "spikingjelly-lava",
        _LIBRARIES["spikingjelly"][1],
    ),
    "nengo-loihi": Program("nengo-loihi emulator", "nengo_loihi", "", _NENGO, "3.11"),
    "brian2-loihi": Program("brian2-loihi, C++", "brian2_loihi", "plain", _BRIAN, "3.11"),
    "brian2-loihi-stock": Program(
        "brian2-loihi, C++, stock synapses", "brian2_loihi", "stock", _BRIAN, "3.11"
    ),
}  # fmt: skip
TRAINERS: Final[dict[str, Program]] = {
    STOCK: Program("lava-dl, stock", "lava_dl", "stock", delays=True, train=True),
    OURS: Program("neurodeploy", "lava_dl", "compiled", delays=True, train=True),
    **{
        name: Program(title, "torch_libraries", name, packages, train=True)
        for name, (title, packages) in _LIBRARIES.items()
    },
}
STREAMERS: Final[dict[str, Program]] = {
    "fast": Program("neurodeploy fast, single steps", "own_streams", "fast", delays=True),
    **{
        f"fast-{chunk}": Program(
            f"neurodeploy fast, chunks of {chunk}", "own_streams", f"fast-{chunk}", delays=True
        )
        for chunk in (8, 64, 512)
    },
    "lava": Program("Lava, stock, single steps", "own_streams", "lava", delays=True),
    "own-lava": Program("Lava, our backend, single steps", "own_streams", "own-lava", delays=True),
    "own-lava-64": Program(
        "Lava, our backend, chunks of 64", "own_streams", "own-lava-64", delays=True
    ),
    **{
        name: Program(f"{title}, single steps", "torch_streams", name, packages)
        for name, (title, packages) in _LIBRARIES.items()
        if name != "norse"
    },
}
"""Simulators of a stream that is never cleared, in calls of one step or a chunk."""
_NIR = ("nir==1.0.8", "nirtorch==2.6")
_OLD_NIR = ("nir==1.0.4", "nirtorch==2.0.2", "torch==2.15.0")
_EXPORTERS = {
    **{name: (title, (*packages, *_NIR)) for name, (title, packages) in _LIBRARIES.items()},
    "sinabs": ("sinabs", ("sinabs==3.1.3", *_OLD_NIR)),
    "rockpool": ("Rockpool", ("rockpool==3.1.0", *_OLD_NIR)),
}
NIR_TRAINERS: Final[dict[str, Program]] = {
    variant: Program(
        f"{_EXPORTERS[library][0]}, {title}", "nir_trained", variant, _EXPORTERS[library][1]
    )
    for library, variants in {
        "snntorch": {
            "snntorch-leaky": "Leaky",
            "snntorch-synaptic": "Synaptic",
            "snntorch-rleaky": "RLeaky, recurrent",
            "snntorch-default": "Leaky with its default reset",
        },
        "norse": {"norse-lifbox": "LIFBoxCell", "norse-lif": "LIFCell"},
        "spikingjelly": {"spikingjelly-lif": "LIFNode", "spikingjelly-if": "IFNode"},
        "sinabs": {"sinabs-lif": "LIF with resets", "sinabs-default": "IAF with its defaults"},
        "rockpool": {
            "rockpool-lif": "LIFTorch, one spike per step",
            "rockpool-default": "LIFTorch with its defaults",
        },
    }.items()
    for variant, title in variants.items()
}
"""Networks of `benchmarks.peers.nir_trained`."""
HAR_TRAINERS: Final[dict[str, Program]] = {
    STOCK: Program("lava-dl, stock", "har", "stock", delays=True, train=True),
    OURS: Program("neurodeploy", "har", "compiled", delays=True, train=True),
}


def chosen(table: Mapping[str, Program], names: str, always: Sequence[str]) -> list[str]:
    """Return the programs of an option: "all", "none" or comma-separated names.

    Those of `always` are always included.
    """
    wanted = {"all": list(table), "none": []}.get(names, names.split(","))
    for name in wanted:
        if name not in table:
            raise SystemExit(f"{name!r} is unknown; there are {', '.join(table)}")
    return [name for name in table if name in (*always, *wanted)]


def run(
    program: Program, workload: Path, *, threads: int, seconds: float, limit_s: float
) -> tuple[dict[str, Any] | None, str]:
    """Run a program in its own process.

    Args:
        program: an entry of a table.
        workload: a file of `benchmarks.peers.workload.write`.
        threads: number of threads, set by options and environment variables.
        seconds: approximate duration of each measurement.
        limit_s: time limit in seconds, without installation. After it, the program and all its
            child processes are killed.

    Returns:
        The JSON object of `benchmarks.peers.measuring` and "", or None and the reason in one line.
    """
    python = python_of(program)
    problem = install(python)
    if problem:
        return None, problem
    options = [str(workload.resolve()), "--threads", str(threads), "--seconds", str(seconds)]
    options += ["--variant", program.variant, *(["--train"] if program.train else [])]
    command = [*python, "-m", f"benchmarks.peers.{program.module}", *options]
    status, out, err = run_limited(command, dict.fromkeys(THREAD_VARIABLES, str(threads)), limit_s)
    lines = out.splitlines()
    if status == 0 and lines and lines[-1].startswith("{"):
        return json.loads(lines[-1]), ""
    return None, f"{OUT_OF_TIME} {limit_s:g} s" if status is None else why(err, status)


@lru_cache
def install(python: tuple[str, ...]) -> str:
    """Install the packages of an environment, once; return the reason of a failure, or ""."""
    if len(python) == 1:
        return ""
    if shutil.which(python[0]) is None:
        return "uv is not installed, which would fetch its packages"
    status, _, err = run_limited((*python, "-c", ""), {}, INSTALL_LIMIT_S)
    return "" if status == 0 else f"does not install: {why(err, status or 1)}"


def python_of(program: Program) -> tuple[str, ...]:
    """Return the command that starts Python with the program's packages."""
    if not program.packages:
        return (sys.executable,)
    version = program.python or f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = [part for package in program.packages for part in ("--with", package)]
    return (
        "uv", "run", "--quiet", "--no-project", "--isolated", "--exclude-newer", EXCLUDE_NEWER,
        "--python", version, *wanted, "python",
    )  # fmt: skip


def run_limited(
    command: Sequence[str], environment: Mapping[str, str], limit_s: float
) -> tuple[int | None, str, str]:
    """Run a command, and kill all its processes at the end.

    The command runs in its own folder, where uv finds no project. It writes to files, since a pipe
    would stay open as long as any of its children lives.

    Returns:
        The exit status, or None if it ran out of time; its stdout; its stderr.
    """
    variables = {name: value for name, value in os.environ.items() if name not in WAITING}
    variables |= {"PYTHONPATH": str(ROOT), **environment}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        files = Path(folder) / "out.txt", Path(folder) / "err.txt"
        with files[0].open("wb") as out, files[1].open("wb") as err:
            process = subprocess.Popen(
                command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=out,
                stderr=err, start_new_session=True,
            )  # fmt: skip
            status = None
            try:
                with suppress(subprocess.TimeoutExpired):
                    status = process.wait(limit_s)
            finally:
                # The child has its own session, so this kills only the child and its children.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return status, *(file.read_text(errors="replace") for file in files)


def why(errors: str, status: int) -> str:
    """Return one line of the stderr of a failed program."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    resolver = [line for line in lines if line.startswith(("error:", "cause:"))]
    last = " ".join(resolver) if resolver else (lines[-1] if lines else "")
    return last[:300] or f"ended without a message, status {status}"


def versions_table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the table of each program's packages and restrictions."""
    rows = [
        [
            title,
            ", ".join(f"{key} {value}" for key, value in figures["versions"].items()),
            ", ".join(figures["leaves_out"]) or "-",
        ]
        for title, figures in found.items()
    ]
    return Table("Versions", "", ["program", "packages", "leaves out"], rows)
