"""Run our networks, written as NIR, in other frameworks and compare accuracy and spikes.

    python -m benchmarks.nir_written runs/digits/model.net runs/har/model.net

Each network is written in the dialect of snnTorch, Norse and SpikingJelly, read there by the
framework's own importer, in an environment of its own, and run on the test data of the network's
task. Networks with delays run in our float reference alone, since no importer reads Delay nodes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.pages import Table
from benchmarks.programs import THREAD_VARIABLES, Program, install, python_of, run_limited, why
from neurodeploy.commands import cli
from neurodeploy.data.task_data import task_samples
from neurodeploy.evaluation import files as network_files
from neurodeploy.export.nir import graph as nir_graph
from neurodeploy.export.nir import reference, writing
from neurodeploy.export.nir.dialects import DIALECTS
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork

_TORCH: Final = ("torch==2.15.0", "numpy<2.4", "nir==1.0.8", "nirtorch==2.6")
FRAMEWORKS: Final = {
    "snntorch": Program("snnTorch", "nir_importers", "snntorch", ("snntorch==1.0.0", *_TORCH)),
    "norse": Program("Norse", "nir_importers", "norse", ("norse==1.1.0", *_TORCH)),
    "spikingjelly": Program(
        "SpikingJelly", "nir_importers", "spikingjelly", ("spikingjelly==2.0.0", *_TORCH)
    ),
}  # fmt: skip
LIMIT_S: Final = 1800.0
HEADINGS: Final = (
    "run by", "versions", "accuracy", "accuracy in the chip's steps", "equal predictions",
    "our spikes", "in the same step", "spikes elsewhere",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ours:
    """A network and what its integers do on the test data.

    Attributes:
        network: the network.
        inputs: uint8 (samples, channels, steps).
        labels: int64 (samples,).
        spikes: of the output neurons (samples, neurons, steps).
    """

    network: QuantizedNetwork
    inputs: NDArray[Any]
    labels: NDArray[np.int64]
    spikes: NDArray[Any]


def run(path: Path, samples: int | None) -> Ours:
    """Run a network on the test data of its task."""
    network = network_files.load(path)
    test = task_samples(network.task, None, count=samples)
    inputs = test.part(0, len(test))
    if test.labels is None:
        raise InputError(f"{path} has a task without labels; give another network")
    return Ours(network, inputs, test.labels, fast.run(network, inputs).spikes[-1])


def row(name: str, versions: str, ours: Ours, theirs: NDArray[Any]) -> list[str]:
    """Compare outputs of each step, float (samples, neurons, steps), with those of the integers.

    Output step k of a graph is step k + layers on the chip, so that a sample of T steps gives
    T - layers steps there.
    """
    late = len(ours.network.layers)
    steps = ours.spikes.shape[2] - late
    expected, found = ours.spikes[:, :, late:], theirs[:, :, :steps]
    cut, whole, own = (predicted(ours.network, each) for each in (found, theirs, ours.spikes))
    total = int(expected.sum())
    return [
        name,
        versions,
        f"{(whole == ours.labels).mean():.2%}",
        f"{(cut == ours.labels).mean():.2%}",
        f"{(cut == own).mean():.2%}",
        str(total),
        f"{(expected * found).sum() / max(total, 1):.3%}",
        str(int(found.sum() - (expected * found).sum())),
    ]


def predicted(network: QuantizedNetwork, spikes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the class with most spikes of each sample."""
    counts = spikes.sum(2).reshape(len(spikes), network.outputs, -1).sum(2)
    return np.asarray(counts.argmax(1), np.int64)


def in_reference(ours: Ours, folder: Path) -> NDArray[Any]:
    """Return the output spikes of the plain graph in our float reference."""
    writing.write(ours.network, folder / "plain.nir")
    read = nir_graph.read(folder / "plain.nir")
    shape = (len(ours.inputs), *ours.network.input_shape, -1)
    last = f"lif{len(ours.network.layers)}"
    dt_s = (ours.network.task.dt_ms or 1000 * writing.DT_S) / 1000
    found = reference.simulate(
        read, ours.inputs.reshape(shape), DIALECTS["plain"], dt_s, nodes=[last], voltages=False
    )
    return found[last].spikes


def in_framework(name: str, ours: Ours, folder: Path) -> tuple[NDArray[Any], str]:
    """Return the outputs of the graph in a framework, and the framework's versions.

    Raises:
        InputError: when the network cannot be written for it, or the framework fails.
    """
    writing.write(ours.network, folder / "network.nir", dialect=name)
    np.save(folder / "spikes.npy", ours.inputs)
    python = python_of(FRAMEWORKS[name])
    problem = install(python)
    if problem:
        raise InputError(problem)
    paths = [str(folder / each) for each in ("network.nir", "spikes.npy", "out.npy")]
    words = [*paths, "--framework", name]
    words += ["--dt", str(writing.IMPORTERS[name].dt_s)]
    command = [*python, "-W", "ignore", "-m", "benchmarks.peers.nir_importers", *words]
    status, out, err = run_limited(command, dict.fromkeys(THREAD_VARIABLES, "1"), LIMIT_S)
    if status is None:
        raise InputError(f"not done after {LIMIT_S:g} s")
    if status:
        raise InputError(why(err, status))
    versions = json.loads(out.splitlines()[-1])["versions"]
    return np.load(folder / "out.npy"), ", ".join(f"{k} {v}" for k, v in versions.items())


def table(path: Path, ours: Ours, frameworks: Sequence[str]) -> Table:
    """Return the comparison of one network; a framework that cannot run it has its reason."""
    network = ours.network
    own = predicted(network, ours.spikes)
    right = f"{(own == ours.labels).mean():.2%}"
    late = len(network.layers)
    count = str(int(ours.spikes[:, :, late:].sum()))
    rows = [["neurodeploy, integers", "", "", right, "100.00%", count, "100.000%", "0"]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows.append(row("float reference", "", ours, in_reference(ours, folder)))
        for each in frameworks:
            title = FRAMEWORKS[each].title
            try:
                found, versions = in_framework(each, ours, folder)
                rows.append(row(title, versions, ours, found))
            except InputError as error:
                rows.append([title, str(error), *["-"] * (len(HEADINGS) - 2)])
    about = (
        f"{len(ours.inputs)} test samples of {ours.inputs.shape[2]} steps, {late} layers, digest "
        f"{network.digest[:12]}"
    )
    return Table(f"{network.task.name or path.stem} ({path})", about, HEADINGS, rows)


@cli.command
def main(argv: Sequence[str] | None = None) -> int:
    """Compare the networks of the command line and print their tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("networks", nargs="+", type=Path, help="model.net or model.pt of a task")
    options.add_argument("--samples", type=int, help="number of test samples (default: all)")
    options.add_argument(
        "--frameworks", nargs="*", choices=tuple(FRAMEWORKS), default=tuple(FRAMEWORKS)
    )
    args = options.parse_args(argv)
    for path in args.networks:
        table(path, run(path, args.samples), args.frameworks).show()
    return cli.DONE


if __name__ == "__main__":
    raise SystemExit(main())
