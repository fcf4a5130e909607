"""Run a NIR file inside a framework, by the framework's own importer.

    python -m benchmarks.peers.nir_importers NET.nir SPIKES.npy OUT.npy --framework norse --dt 1e-3

SPIKES holds uint8 (samples, channels, time); OUT gets the graph's output of each step, float32
(samples, neurons, time). The last line of output is a JSON object with the versions.

Images go into snnTorch and Norse one at a time, since their Flatten would flatten the batch too.
Needs the framework and `nir` alone.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch

BATCH = 256


def snntorch(path: Path, dt_s: float) -> Any:
    """Import into snnTorch, whose time step is 1e-4 s."""
    from snntorch.import_nir import import_from_nir

    if dt_s != 1e-4:
        raise SystemExit(f"snnTorch's time step is 1e-4 s, not {dt_s}")
    return import_from_nir(nir.read(path))


def norse(path: Path, dt_s: float) -> Any:
    """Import into Norse."""
    from norse.torch import from_nir

    return from_nir(nir.read(path), dt=dt_s)


def spikingjelly(path: Path, dt_s: float) -> Any:
    """Import into SpikingJelly."""
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    return import_from_nir(path, dt=dt_s)


FRAMEWORKS: dict[str, Callable[[Path, float], Any]] = {
    "snntorch": snntorch, "norse": norse, "spikingjelly": spikingjelly
}  # fmt: skip


@torch.no_grad()
def outputs(load: Callable[[], Any], shape: tuple[int, ...], spikes: Any, size: int) -> Any:
    """Return the output of each step, float32 (samples, neurons, time).

    Args:
        load: makes the module, anew for each batch, so that it starts from cleared state.
        shape: of the graph's input.
        spikes: uint8 (samples, channels, time).
        size: samples per batch; 0: one sample without an axis for the batch.
    """
    found = []
    lead = (-1,) if size else ()
    for start in range(0, len(spikes), size or 1):
        batch = torch.from_numpy(spikes[start : start + (size or 1)].astype(np.float32))
        module, state, steps = load(), None, []
        for column in batch.unbind(-1):
            x = column.reshape(*lead, *shape)
            out, state = module(x, state) if state is not None else module(x)
            steps.append(out.reshape(len(batch), -1))
        found.append(torch.stack(steps, -1).numpy())
    return np.concatenate(found).astype(np.float32)


def main() -> None:
    """Read the command line, run, write the outputs."""
    options = argparse.ArgumentParser(description=__doc__)
    for name in ("network", "spikes", "out"):
        options.add_argument(name, type=Path)
    options.add_argument("--framework", choices=FRAMEWORKS, required=True)
    options.add_argument("--dt", type=float, required=True)
    args = options.parse_args()
    torch.set_num_threads(1)
    shape = tuple(nir.read(args.network).nodes["input"].output_type["output"].tolist())
    single = len(shape) > 1 and args.framework != "spikingjelly"
    load = partial(FRAMEWORKS[args.framework], args.network, args.dt)
    found = outputs(load, shape, np.load(args.spikes), 0 if single else BATCH)
    np.save(args.out, found)
    names = (args.framework, "nir", "nirtorch", "torch")
    versions = {name: version(name) for name in names}
    print(json.dumps({"versions": {**versions, "python": platform.python_version()}}))


if __name__ == "__main__":
    main()
