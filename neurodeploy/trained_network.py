"""Compare an integer network with the trained one that lies beside it, where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import InputError
from models.network import QuantizedNetwork, digest
from neurodeploy import cli
from neurodeploy.comparison import Comparison, place_of

if TYPE_CHECKING:  # it needs torch, which takes seconds to import
    from neurodeploy.evaluation import Inputs


def compare(path: Path, network: QuantizedNetwork, inputs: Inputs) -> tuple[Comparison | None, str]:
    """Return the comparison with the checkpoint of the same name, or None and why there is none.

    Args:
        path: of the network's file; the checkpoint is looked for beside it.
        network: the integer network.
        inputs: samples, spikes of 0 or 1.
    """
    beside = path.with_suffix(".pt")
    if not beside.is_file():
        return None, f"there is no {beside} to compare with, and --compare names no backend"
    with cli.status("loading SLAYER"):
        from models.quantize import quantize
        from neurodeploy import checkpoint, proof
    try:
        kept = checkpoint.load(beside)
        trained = kept.network()
        with cli.progress("comparing with the trained network") as advance:
            spikes = inputs.part(0, inputs.samples)
            found = proof.prove(trained, network, spikes, advance=advance)
        same = digest(quantize(trained, task=kept.task)) == digest(network)
    except (InputError, ValueError) as error:
        return None, f"{beside} cannot be compared with: {error}"
    place = ""
    if found.first is not None:
        shape = network.layers[found.first.layer].shape
        place = place_of(found.first, shape, inputs)
    note = "" if same else f"{beside} quantizes to another network than {path.name}"
    names = (f"the trained {beside.name}", "fast")
    return Comparison(names, len(network.layers), found, place=place, note=note), ""
