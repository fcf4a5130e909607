"""Networks in files: load and save them, whatever kind of file it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from neurodeploy.export import netx
from neurodeploy.models import files
from neurodeploy.models.errors import InputError
from neurodeploy.models.layers import InputLayer
from neurodeploy.models.network import QuantizedNetwork, check_network

if TYPE_CHECKING:  # it needs torch
    from neurodeploy.models.snn import SlayerNetwork

HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK"
"""How netx files and torch's checkpoints begin."""


def load(
    path: str | Path, *, message_bits: int | None = None, spike_exp: int | None = None
) -> QuantizedNetwork:
    """Return the quantized network of a file; its content tells what it is.

    Args:
        path: a netx file (HDF5) of neurodeploy or lava-dl, or a checkpoint `model.pt` that `fit`
            or `python -m neurodeploy.train` wrote, which is quantized; or a run's folder that holds
            `model.net`.
        message_bits: of graded input spikes, where a file of lava-dl's does not say; 0 for spikes
            of 0 or 1.
        spike_exp: binary places of sigma-delta spikes, where a file of lava-dl's does not say.

    Raises:
        InputError: when the file is missing, damaged or of another kind.

    Examples:
        >>> neurodeploy.save(network, "example.net")
        >>> neurodeploy.load("example.net").inputs
        4
    """
    path = Path(path)
    if path.is_dir() and (path / "model.net").is_file():
        path = path / "model.net"
    files.check_file(path, "give the path of a .net file, or of a model.pt")
    with path.open("rb") as file:
        start = file.read(len(HDF5))
    if start == HDF5:
        return load_netx(path, message_bits=message_bits, spike_exp=spike_exp)
    if start.startswith(ZIP):
        from neurodeploy.models.quantize import quantize

        return quantize(load_model(path))
    raise InputError(
        f"{path} is neither a netx file (HDF5) nor a checkpoint of torch; give a .net file, or the "
        "model.pt that train wrote"
    )


def load_netx(
    path: Path, *, message_bits: int | None = None, spike_exp: int | None = None
) -> QuantizedNetwork:
    """Return the network in a netx file, which lava-dl's files leave open in two points.

    Raises:
        InputError: when it cannot be read, or says otherwise than what is given.
    """
    asked = {"message_bits": message_bits, "spike_exp": spike_exp}
    given = {name: value for name, value in asked.items() if value is not None}
    network = netx.read(path, replace(netx.Defaults(), **given))
    if "message_bits" in given and isinstance(network.layers[0], InputLayer):
        raise InputError(
            f"{path}: its first layer is an input with neurons, which takes values and no graded "
            "spikes; leave --message-bits out"
        )
    exponents = {
        layer.neuron.spike_exp for layer in network.layers if hasattr(layer.neuron, "spike_exp")
    }
    if "spike_exp" in given and not exponents:
        raise InputError(f"{path} has no sigma-delta neurons; leave --spike-exp out")
    for name, carried in (("message_bits", {network.message_bits}), ("spike_exp", exponents)):
        if name in given and carried != {given[name]}:
            raise InputError(
                f"{path} says itself that {name} is {', '.join(map(str, sorted(carried)))} and "
                f"--{name.replace('_', '-')} {given[name]}; leave the option out"
            )
    return network


def load_model(path: str | Path) -> SlayerNetwork:
    """Return the trained network of a checkpoint `model.pt`, in evaluation mode.

    Nothing in the file is run. The network knows its task, which `quantize` hands on.

    Raises:
        InputError: when the file is missing, damaged or no checkpoint of neurodeploy.

    Examples:
        >>> run.save("example.pt")
        >>> neurodeploy.load_model("example.pt").task.name
        'digits'
    """
    from neurodeploy.learning import checkpoint

    return checkpoint.load(Path(path)).network()


def save(network: QuantizedNetwork, path: str | Path) -> None:
    """Write a network to a netx file, which lava-dl reads too; the file is replaced whole.

    Raises:
        InputError: when the name does not end in .net, or the file cannot be written.

    Examples:
        >>> neurodeploy.save(network, "example.net")
        >>> network.save("example.net")
    """
    check_network(network)
    path = Path(path)
    if path.suffix != ".net":
        raise InputError(f"{path} is no name for a netx file; end it in .net")
    netx.write(network, path)
