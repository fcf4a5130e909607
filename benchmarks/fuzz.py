"""Compare `fast` with Lava on random networks, in every spike and state.

    python -m benchmarks.fuzz --networks 1000 --seed 0 [--out docs/benchmarks/fuzz.md]
        [--keep runs/fuzz]

Prints all differences and a census of what the networks exercised. The exit code is 1 if anything
differs. --keep saves networks that differ to a folder, as a .net and a .npy file each.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import pages
from benchmarks.census import Census
from benchmarks.differences import PACKAGES, differences, ways
from benchmarks.lava_server import LavaServer
from benchmarks.random_networks import LENGTH, Case, case
from neurodeploy.export import netx
from neurodeploy.hw_sim.activity import Activity, Overflows, States
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.kernels import conv
from neurodeploy.hw_sim.simulators import fast
from neurodeploy.hw_sim.streaming import Stream

PROGRESS_NETWORKS = 50
CHUNKS: Final = (1, 1, 2, 9, 1, 5)
"""Sizes of the first chunks of a stream."""
VERSIONS = ("lava-nc", "numpy", "numba")


def check(case: Case, lava: Activity) -> tuple[list[str], Activity]:
    """Compare `fast` and its streams with Lava, with and without states, in every way to sum.

    Returns:
        The differences, and the activity.
    """
    wrong = []
    for way in ways(conv, case.network):
        for states, name in ((False, "without states"), (True, "with states")):
            options = RunOptions(states=states)
            ran = {
                f"{way}, {name}": fast.run(case.network, case.spikes, options),
                f"{way}, in chunks, {name}": run_in_chunks(case, CHUNKS, states=states),
            }
            wrong += [
                f"{how}: {each}" for how, one in ran.items() for each in differences(one, lava)
            ]
    return wrong, fast.run(case.network, case.spikes, RunOptions(states=True))


def run_in_chunks(case: Case, sizes: Sequence[int], *, states: bool) -> Activity:
    """Run a stream in chunks of these sizes, the last one as long as needed; return the whole."""
    stream = Stream(case.network, len(case.spikes), states=states)
    parts = np.split(case.spikes, np.cumsum(sizes), axis=2)
    return joined([stream.run(part) for part in parts if part.shape[2]])


def joined(parts: Sequence[Activity]) -> Activity:
    """Return the activities of consecutive chunks as one, with the overflows added up."""

    def join(arrays: Iterable[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(list(arrays), axis=2)

    names = ("current", "voltage", "weighted")
    return Activity(
        join(part.inputs for part in parts),
        tuple(map(join, zip(*(part.spikes for part in parts)))),
        tuple(
            States(*(join(getattr(each, name) for each in layer) for name in names))
            for layer in zip(*(part.states for part in parts))
        ),
        tuple(
            Overflows(sum(each.wraps for each in layer), sum(each.clips for each in layer))
            for layer in zip(*(part.overflows for part in parts))
        ),
        last_voltage=parts[-1].last_voltage,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, print and write the page."""
    words = sys.argv[1:] if argv is None else list(argv)
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--networks", type=int, default=1000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, help="page to write")
    options.add_argument("--keep", type=Path, help="folder for networks that differ")
    args = options.parse_args(words)
    began, census, wrong = time.monotonic(), Census(), []
    code = digest_of_packages()  # before files can change
    rng = np.random.default_rng(args.seed)
    with LavaServer() as lava:
        for number in range(args.networks):
            drawn = case(rng.bytes(LENGTH))
            found, activity = check(drawn, lava.run(drawn.network, drawn.spikes))
            census.add(drawn, activity)
            if found:
                wrong.append(f"network {number}: " + "; ".join(found))
                print(wrong[-1], flush=True)
                _keep(drawn, args.keep, number)
            if (number + 1) % PROGRESS_NETWORKS == 0:
                seconds = time.monotonic() - began
                print(f"{number + 1} networks, {seconds:.0f} s, {len(wrong)} differ", flush=True)
    result = f"{len(wrong)} networks differ" if wrong else "no difference"
    print(f"{result} in {census.networks:,} networks\n\n{census.tables()}")
    if args.out is not None:
        pages.write(
            args.out, "fuzz", words, census=census, wrong=wrong, result=result,
            minutes=(time.monotonic() - began) / 60, code=code,
            versions=", ".join(f"{name} {version(name)}" for name in VERSIONS),
        )  # fmt: skip
    return 1 if wrong else 0


def digest_of_packages() -> str:
    """Return the sha256 of the Python files of the packages that implement `fast` and `to_lava`."""
    sha = hashlib.sha256()
    for name in PACKAGES:
        for path in sorted((pages.ROOT / name).rglob("*.py")):
            sha.update(path.read_bytes())
    return sha.hexdigest()


def _keep(case: Case, folder: Path | None, number: int) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        netx.write(case.network, folder / f"{number}.net")
        np.save(folder / f"{number}.npy", case.spikes)


if __name__ == "__main__":
    sys.exit(main())
