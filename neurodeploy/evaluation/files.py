"""Load and save networks in any of the file formats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from neurodeploy.export import netx
from neurodeploy.export.nir.reading import is_nir
from neurodeploy.models import files
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import HDF5, ZIP
from neurodeploy.models.layers import InputLayer
from neurodeploy.models.network import QuantizedNetwork, check_network

if TYPE_CHECKING:  # it needs torch
    from neurodeploy.models.snn import SlayerNetwork


def load(
    path: str | Path, *, message_bits: int | None = None, spike_exp: int | None = None
) -> QuantizedNetwork:
    """Load the quantized network of a file.

    Args:
        path: a netx file (HDF5) of neurodeploy or lava-dl; a NIR graph (HDF5), which `from_nir`
            reads with its defaults; a checkpoint `model.pt`, which is quantized; or the folder of a
            run with `model.net`.
        message_bits: bits of graded input spikes, 0 for binary spikes; only for files of lava-dl,
            which do not store it.
        spike_exp: fractional bits of sigma-delta spikes; only for files of lava-dl, which do not
            store it.

    Raises:
        InputError: if the file is missing, damaged or of another format.

    Examples:
        >>> neurodeploy.save(network, "example.net")
        >>> neurodeploy.load("example.net").inputs
        4
    """
    path = Path(path)
    if path.is_dir() and (path / "model.net").is_file():
        path = path / "model.net"
    files.check_file(path, "give the path of a .net or .nir file, or of a model.pt")
    with path.open("rb") as file:
        start = file.read(len(HDF5))
    if start == HDF5 and is_nir(path):
        from neurodeploy.evaluation.nir import load_nir

        if message_bits is not None or spike_exp is not None:
            raise InputError(
                f"{path} is a NIR graph; message_bits and spike_exp are options of netx files, so "
                "use neurodeploy.from_nir"
            )
        return load_nir(path)
    if start == HDF5:
        return load_netx(path, message_bits=message_bits, spike_exp=spike_exp)
    if start.startswith(ZIP):
        from neurodeploy.models.quantize import quantize

        return quantize(load_model(path))
    raise InputError(
        f"{path} is neither a netx file or a NIR graph (HDF5) nor a checkpoint of torch; give a "
        ".net or .nir file, or the model.pt that train wrote"
    )


def load_exported(
    path: Path, *, message_bits: int | None = None, spike_exp: int | None = None
) -> QuantizedNetwork:
    """Load the network of a netx file, or of a NIR file in which `save` put its integers.

    Raises:
        InputError: if the file cannot be read, or is a NIR graph that must be quantized first.
    """
    if files.kind(path) != "file" or not is_nir(path):
        return load_netx(path, message_bits=message_bits, spike_exp=spike_exp)
    from neurodeploy.export.nir import graph, metadata

    found = graph.read(path)
    network = metadata.exact(found)
    if network is None:
        was = "was changed after neurodeploy wrote it" if metadata.changed(found) else "has floats"
        raise InputError(
            f"{path} is a NIR graph that {was}; quantize it first (python -m neurodeploy.export "
            f"{path}) and give the resulting .net file"
        )
    return network


def load_netx(
    path: Path, *, message_bits: int | None = None, spike_exp: int | None = None
) -> QuantizedNetwork:
    """Load the network of a netx file; see `load`.

    Raises:
        InputError: if it cannot be read, or stores a value that differs from an argument.
    """
    options = {"message_bits": message_bits, "spike_exp": spike_exp}
    args = {name: value for name, value in options.items() if value is not None}
    network = netx.read(path, replace(netx.Defaults(), **args))
    if "message_bits" in args and isinstance(network.layers[0], InputLayer):
        raise InputError(
            f"{path}: its first layer has input neurons, which take values instead of graded "
            "spikes; leave --message-bits out"
        )
    exponents = {
        layer.neuron.spike_exp for layer in network.layers if hasattr(layer.neuron, "spike_exp")
    }
    if "spike_exp" in args and not exponents:
        raise InputError(f"{path} has no sigma-delta neurons; leave --spike-exp out")
    for name, stored in (("message_bits", {network.message_bits}), ("spike_exp", exponents)):
        if name in args and stored != {args[name]}:
            raise InputError(
                f"{path} stores {name} {', '.join(map(str, sorted(stored)))}, and "
                f"--{name.replace('_', '-')} is {args[name]}; leave the option out"
            )
    return network


def load_model(path: str | Path) -> SlayerNetwork:
    """Load the trained network of a checkpoint `model.pt`, in evaluation mode.

    No code in the file is run. The network's `task` is the one it was trained for.

    Raises:
        InputError: if the file is missing, damaged or not a checkpoint of neurodeploy.

    Examples:
        >>> run.save("example.pt")
        >>> neurodeploy.load_model("example.pt").task.name
        'digits'
    """
    from neurodeploy.train import checkpoint

    return checkpoint.load(Path(path)).network()


FORMATS: Final = {"netx": ".net", "nir": ".nir"}
"""The formats that networks are written in, and how the names of their files end."""


def save(network: QuantizedNetwork, path: str | Path, *, dialect: str | None = None) -> None:
    """Write a network to a netx file (.net), which lava-dl reads, or to a NIR file (.nir).

    An existing file is replaced once the new one is complete. Both formats hold the integers of the
    network, so that `load` returns a network with the same digest.

    Args:
        network: what to write.
        path: file whose name ends in .net or .nir.
        dialect: for NIR, the framework whose importer will read the file: "plain" (the default),
            "snntorch", "norse" or "spikingjelly".

    Raises:
        InputError: if the name ends otherwise, NIR has no node for a layer, or the file cannot be
            written.

    Examples:
        >>> neurodeploy.save(network, "example.net")
        >>> network.save("example.net")
        >>> network.save("example.nir")
    """
    check_network(network)
    path = Path(path)
    if path.suffix not in FORMATS.values():
        raise InputError(
            f"{path} does not end in {' or '.join(FORMATS.values())}; give another name"
        )
    if path.suffix == FORMATS["nir"]:
        from neurodeploy.export.nir import writing

        writing.write(network, path, dialect=dialect or "plain")
        return
    if dialect is not None:
        raise InputError(f"the dialect is {dialect!r}, which only .nir files have; leave it out")
    netx.write(network, path)
