"""Compare the NIR reference with the frameworks: networks that each made and exported itself.

    python -m benchmarks.nir_frameworks [--frameworks snntorch,norse] [--seed 1] [--keep tests/nir]
        [--out docs/benchmarks/nir-frameworks.md]

Each framework runs in an environment of its own, which uv makes; `benchmarks.peers.nir_networks`
has the networks. The reference reads the exported graph in the framework's dialect and must emit
the framework's own spikes, each one. --keep stores graphs, inputs and spikes as one zip file per
framework, for the tests. The exit code is 1 if a spike differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import pages, programs
from benchmarks.pages import Table
from benchmarks.programs import Program
from neurodeploy.export.nir import dialects, graph
from neurodeploy.export.nir.reference import simulate

_OURS: Final = ("torch==2.15.0", "numpy<2.5", "setuptools<81")
_NIR: Final = ("nir==1.0.8", "nirtorch==2.6", *_OURS)
_OLD_NIR: Final = ("nir==1.0.4", "nirtorch==2.0.2", *_OURS)
EXPORTERS: Final[dict[str, Program]] = {
    "snntorch": Program("snnTorch", "nir_networks", "snntorch", ("snntorch==1.0.0", *_NIR), "3.11"),
    "norse": Program("Norse", "nir_networks", "norse", ("norse==1.1.0", *_NIR), "3.11"),
    "spikingjelly": Program(
        "SpikingJelly", "nir_networks", "spikingjelly", ("spikingjelly==2.0.0", *_NIR), "3.11"
    ),
    "sinabs": Program("sinabs", "nir_networks", "sinabs", ("sinabs==3.1.3", *_OLD_NIR), "3.11"),
    "rockpool": Program(
        "Rockpool", "nir_networks", "rockpool", ("rockpool==3.1.0", *_OLD_NIR), "3.11"
    ),
}
"""Frameworks that export NIR; sinabs and Rockpool need nir 1.0.4 or older."""
LIMIT_S: Final = 900.0


@dataclass(frozen=True)
class Compared:
    """One network and how the reference agrees with its framework.

    Attributes:
        name: framework and network.
        dt_s: time step that the dialect took.
        rates: share of neurons that emit in a step, per layer.
        compared: number of neuron steps of layers that spike.
        different: neuron steps with another number of spikes, in float64 and in float32.
        voltage: largest difference of voltages of neurons that never fire.
    """

    name: str
    dt_s: float | None
    rates: tuple[float, ...]
    compared: int
    different: tuple[int, int]
    voltage: float

    @property
    def wrong(self) -> int:
        """Number of neuron steps that differ in float64."""
        return self.different[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Make the networks, compare, print, and write the page."""
    words = sys.argv[1:] if argv is None else list(argv)
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--frameworks", default="all", help="comma-separated names, or all")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--keep", type=Path, help="folder for one zip file per framework")
    options.add_argument("--out", type=Path, help="page to write")
    args = options.parse_args(words)
    results: list[Compared] = []
    versions: dict[str, str] = {}
    for name in programs.chosen(EXPORTERS, args.frameworks, ()):
        with tempfile.TemporaryDirectory() as folder:
            versions[name] = make(name, Path(folder), args.seed)
            results += compare(Path(folder))
            if args.keep:
                keep(Path(folder), args.keep / f"{name}.zip")
    tables = [_table(results), _versions(versions)]
    for table in tables:
        table.show()
    if args.out:
        pages.write(args.out, "nir_frameworks", words, tables=tables, results=results)
    return int(any(sum(each.different) for each in results))


def make(framework: str, folder: Path, seed: int) -> str:
    """Let a framework write its networks into a folder; return its versions in words."""
    program = EXPORTERS[framework]
    python = programs.python_of(program)
    problem = programs.install(python)
    command = [*python, "-m", f"benchmarks.peers.{program.module}", program.variant, str(folder)]
    status, out, err = (1, "", problem) if problem else programs.run_limited(
        [*command, str(seed)], dict.fromkeys(programs.THREAD_VARIABLES, "1"), LIMIT_S
    )  # fmt: skip
    if status != 0:
        raise SystemExit(f"{program.title}: {programs.why(err, status or 1)}")
    found = json.loads(out.splitlines()[-1])
    return ", ".join(f"{key} {value}" for key, value in found.items())


def compare(folder: Path) -> Iterator[Compared]:
    """Run the reference on all networks of a folder."""
    for path in sorted(folder.glob("*.nir")):
        with np.load(path.with_suffix(".npz")) as stored:
            about = json.loads(str(stored["about"]))
            layers = [stored[f"layer_{k}"] for k in range(len(stored.files) - 2)]
            yield _compared(path, about, stored["inputs"], layers)


def _compared(
    path: Path, about: dict[str, Any], inputs: NDArray[Any], layers: list[NDArray[Any]]
) -> Compared:
    network = graph.read(path)
    dialect = dialects.DIALECTS[about["dialect"]].with_options(**about["options"])
    dt_s, _ = dialects.time_step(network, dialect)
    different, voltage = [0, 0], 0.0
    for k, dtype in enumerate((np.float64, np.float32)):
        runs = simulate(network, inputs, dialect, dt_s, dtype=dtype)
        for run, layer in zip(runs.values(), layers, strict=True):
            if layer.dtype == np.uint8:
                different[k] += int((run.spikes != layer).sum())
            elif run.voltage is not None:
                voltage = max(voltage, float(np.abs(run.voltage - layer).max()))
    spiking = [layer for layer in layers if layer.dtype == np.uint8]
    return Compared(
        path.stem,
        dt_s,
        tuple(float((layer != 0).mean()) for layer in layers),
        sum(layer.size for layer in spiking),
        (different[0], different[1]),
        voltage,
    )


def keep(folder: Path, path: Path) -> None:
    """Write all files of a folder into a zip file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for each in sorted(folder.iterdir()):
            file.writestr(zipfile.ZipInfo(each.name), each.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def _table(results: Sequence[Compared]) -> Table:
    rows = [
        [
            each.name,
            "steps" if each.dt_s is None else f"{each.dt_s:g} s",
            " ".join(f"{rate:.0%}" for rate in each.rates),
            f"{each.compared:,}",
            *(str(count) for count in each.different),
            f"{each.voltage:.0e}" if each.voltage else "-",
        ]
        for each in results
    ]
    header = ["network", "time step", "active", "compared", "float64", "float32", "voltage"]
    return Table("Spikes that differ", "", header, rows)


def _versions(versions: dict[str, str]) -> Table:
    rows = [[EXPORTERS[name].title, text] for name, text in versions.items()]
    return Table("Versions", "", ["framework", "packages"], rows)


if __name__ == "__main__":
    sys.exit(main())
