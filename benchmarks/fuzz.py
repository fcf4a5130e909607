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
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks import pages
from benchmarks.census import Census
from benchmarks.differences import PACKAGES, differences
from benchmarks.lava_server import LavaServer
from benchmarks.random_networks import LENGTH, Case, case
from neurodeploy.export import netx
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.hw_sim.simulators import fast

PROGRESS_NETWORKS = 50
VERSIONS = ("lava-nc", "numpy", "numba")


def check(case: Case, lava: Activity) -> tuple[list[str], Activity]:
    """Compare `fast`, with and without states, with Lava; return differences and activity."""
    found = [
        differences(fast.run(case.network, case.spikes, RunOptions(states=states)), lava)
        for states in (False, True)
    ]
    wrong = [f"without states: {each}" for each in found[0]] + found[1]
    return wrong, fast.run(case.network, case.spikes, RunOptions(states=True))


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
