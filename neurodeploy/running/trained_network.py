"""Compare an integer network with the trained one that lies beside it, where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neurodeploy import cli
from neurodeploy.models import files
from neurodeploy.models.errors import InputError, MissingPackageError, require
from neurodeploy.models.network import QuantizedNetwork, digest
from neurodeploy.running.comparison import Comparison, place_of
from neurodeploy.samples import Samples

if TYPE_CHECKING:  # it needs torch, which takes seconds to import
    pass


def beside(path: Path) -> Path:
    """Return where the checkpoint of a network's file is looked for."""
    return path.parent / f"{path.stem}.pt"


def compare(
    path: Path, network: QuantizedNetwork, inputs: Samples
) -> tuple[Comparison | None, str]:
    """Return the comparison with the checkpoint of the same name, or None and why there is none.

    Args:
        path: of the network's file; the checkpoint is looked for beside it.
        network: the integer network.
        inputs: samples, spikes of 0 or 1.
    """
    file = beside(path)
    try:
        there = files.kind(file)
    except InputError as error:
        return None, str(error)
    if not there:
        return None, f"there is no {file} to compare with, and --compare names no backend"
    try:
        require("it", "torch", "lava.lib.dl.slayer")
    except MissingPackageError as error:
        return None, f"{file} cannot be compared with: {error}"
    with cli.status("loading SLAYER"):
        from neurodeploy.learning import checkpoint
        from neurodeploy.models.quantize import quantize
        from neurodeploy.running import proof
    try:
        kept = checkpoint.load(file)
        trained = kept.network()
        quantized = quantize(trained, task=kept.task)
        _check_shapes(quantized, network)
        with cli.progress("comparing with the trained network") as advance:
            spikes = inputs.part(0, len(inputs))
            found = proof.prove(trained, network, spikes, advance=advance)
    except (InputError, ValueError) as error:
        return None, f"{file} cannot be compared with: {error}"
    place = ""
    if found.first is not None:
        shape = network.layers[found.first.layer].shape
        place = place_of(found.first, shape, inputs)
    same = digest(quantized) == digest(network)
    note = "" if same else f"{file} quantizes to another network than {path.name}"
    names = (f"the trained {file.name}", "fast")
    return Comparison(names, len(network.layers), found, place=place, note=note), ""


def _check_shapes(trained: QuantizedNetwork, network: QuantizedNetwork) -> None:
    """Raise InputError unless both have layers of the same shapes, so that spikes compare."""
    one, other = _shapes(trained), _shapes(network)
    if one != other:
        raise InputError(f"it is another network, {one} and not {other}; train and export anew")


def _shapes(network: QuantizedNetwork) -> str:
    """Return the shapes of the input and of every layer in words, as in "12-3x4x4-2"."""
    shapes = (network.input_shape, *(layer.shape for layer in network.layers))
    return "-".join("x".join(map(str, shape)) for shape in shapes)
