"""Compare `fast` with recorded runs of Lava.

    python -m benchmarks.differences CASES FOLDER...

Each FOLDER holds a copy of the packages models, export and hw_sim. Their `fast` runs every case
that `save` wrote to the folder CASES, with and without states and with every way to sum a
convolution, and is compared with Lava's result in that case. The program prints one line of JSON
per FOLDER: the number of cases that differ and the first difference. It stops at a FOLDER's first
difference, unless the folder is named `intact`.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

STATES = ("current", "voltage", "weighted")
PACKAGES = ("models", "export", "hw_sim")
"""Packages that contain `fast`."""
INTACT = "intact"


def differences(ours: Any, lava: Any) -> list[str]:
    """Return the differences between two `Activity`, one line each.

    Compares spikes, last voltages and, if both have them, states.
    """
    found = []
    for index, pair in enumerate(zip(ours.spikes, lava.spikes, strict=True)):
        found += _array(f"layer {index} spikes", *pair)
    if ours.states and lava.states:
        for index, (one, other) in enumerate(zip(ours.states, lava.states, strict=True)):
            for name in STATES:
                found += _array(f"layer {index} {name}", getattr(one, name), getattr(other, name))
    if (ours.last_voltage is None) != (lava.last_voltage is None):
        found.append("only one has a last voltage")
    elif ours.last_voltage is not None:
        found += _array("last voltage", ours.last_voltage, lava.last_voltage)
    return found


def _array(name: str, ours: Any, lava: Any) -> list[str]:
    if ours.shape != lava.shape:
        return [f"{name}: shape {ours.shape}, Lava's {lava.shape}"]
    wrong = np.argwhere(ours != lava)
    if not len(wrong):
        return []
    place = tuple(wrong[0].tolist())
    return [
        f"{name}: {len(wrong)} of {ours.size} differ, first at (sample, neuron, step) "
        f"{place}: {ours[place]}, Lava's {lava[place]}"
    ]


def ways(conv: Any, network: Any) -> Iterator[str]:
    """Yield the names of the ways to sum a convolution, each while `fast` takes it.

    Args:
        conv: the module `hw_sim.kernels.conv` of that `fast`.
        network: the network that will run; without convolutions there is one way.
    """
    yield "the faster way"
    if not any(type(layer).__name__ == "ConvLayer" for layer in network.layers):
        return
    with patch.object(conv, "sparse_is_faster", lambda layer, *_, **__: conv.can_list(layer)):
        yield "the sparse way"
    with patch.object(conv, "sparse_is_faster", lambda *_, **__: False):
        yield "the dense way"
    with patch.object(conv, "may_leave_32_bits", lambda *_: True):
        yield "the wide way"


def save(folder: Path, name: str, network: Any, spikes: Any, lava: Any) -> None:
    """Write a case for `python -m benchmarks.differences`: a .net and an .npz file."""
    from neurodeploy.export import netx

    netx.write(network, folder / f"{name}.net")
    arrays = {f"spikes_{index}": each for index, each in enumerate(lava.spikes)}
    for index, states in enumerate(lava.states):
        arrays |= {f"{each}_{index}": getattr(states, each) for each in STATES}
    if lava.last_voltage is not None:
        arrays["last_voltage"] = lava.last_voltage
    np.savez(folder / f"{name}.npz", input=spikes, **arrays)


def load(path: Path) -> tuple[Any, Any]:
    """Return the input and Lava's `Activity` from an .npz file of `save`."""
    with np.load(path) as arrays:
        layers = range(sum(name.startswith("spikes_") for name in arrays))
        lava = SimpleNamespace(
            spikes=[arrays[f"spikes_{i}"] for i in layers],
            states=[SimpleNamespace(**{n: arrays[f"{n}_{i}"] for n in STATES}) for i in layers],
            last_voltage=arrays.get("last_voltage"),
        )
        return arrays["input"], lava


def first_difference(
    run: Any, options: Any, conv: Any, network: Any, spikes: Any, lava: Any
) -> str:
    """Return the first difference of a `fast` from Lava in any way, or ""."""
    for way in ways(conv, network):
        for states in (True, False):
            with np.errstate(over="ignore"):
                ran = run(network, spikes, options(states=states))
            for each in differences(ran, lava):
                return f"{way}: {each}"
    return ""


def compare(cases: Path, folder: Path) -> dict[str, Any]:
    """Return how many cases differ with the `fast` in `folder`, and the first difference."""
    for name in [name for name in sys.modules if name.split(".")[0] == "neurodeploy"]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        fast, conv, netx, options = (
            importlib.import_module(f"neurodeploy.{name}")
            for name in (
                "hw_sim.simulators.fast", "hw_sim.kernels.conv", "export.netx", "hw_sim.backends",
            )
        )  # fmt: skip
    finally:
        sys.path.remove(str(folder))
    if not Path(fast.__file__).is_relative_to(folder):
        raise RuntimeError(f"{fast.__file__} was imported in place of the one in {folder}")
    differ, first = 0, ""
    for path in sorted(cases.glob("*.npz")):
        network, (spikes, lava) = netx.read(path.with_suffix(".net")), load(path)
        found = first_difference(fast.run, options.RunOptions, conv, network, spikes, lava)
        if found:
            differ, first = differ + 1, first or f"{path.stem}: {found}"
            if folder.name != INTACT:
                break
    return {"folder": folder.name, "differ": differ, "first": first}


if __name__ == "__main__":
    for each in sys.argv[2:]:
        print(json.dumps(compare(Path(sys.argv[1]), Path(each))), flush=True)
