"""Checkpoints of trained networks, `model.pt`: write them, and read them safely.

A checkpoint contains only tensors and plain values. It is read with torch's `weights_only`, which
refuses files that contain code.
"""
# ruff: noqa: E402

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from neurodeploy.models.errors import require

require("reading model.pt", "torch", "lava.lib.dl.slayer")  # before they are imported

import torch

from neurodeploy.models import files, schema
from neurodeploy.models.architecture import Architecture, from_dict
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import TaskDescription
from neurodeploy.models.old_names import renamed
from neurodeploy.models.snn import SlayerNetwork

FORMAT: Final = "neurodeploy.learning.checkpoint"
VERSION: Final = 3
READABLE: Final = (2, 3)
"""Versions of both formats that can be read."""

MODEL, STATE = "model.pt", "resume.pt"
"""File names of the network and of the training state in the folder of a run."""
STATE_FORMAT: Final = "neurodeploy.resume"

HDF5, ZIP, PICKLE = b"\x89HDF\r\n\x1a\n", b"PK", b"\x80"
"""The first bytes of netx files, and of the two formats of torch."""

PROBE_BYTES: Final = 1 << 20
"""Bytes to write after a failed write, to get the system's error; see `save_values`."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network with its task and training metadata.

    Attributes:
        architecture: the network's architecture.
        weights: the network's `state_dict`.
        task: the task that it was trained for.
        training: seed, epoch, validation accuracy, versions and more, as JSON values.
    """

    architecture: Architecture
    weights: Mapping[str, torch.Tensor]
    task: TaskDescription
    training: Mapping[str, Any]

    def network(self, kernels: str = "compiled") -> SlayerNetwork:
        """Return the trained network in evaluation mode.

        Raises:
            InputError: if the weights do not fit the architecture or are not finite.
        """
        try:
            network = SlayerNetwork(self.architecture, kernels)
            network.load_state_dict(self.weights)
        except (RuntimeError, TypeError, AttributeError) as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise InputError(
                f"the weights do not fit the architecture ({reason}); train again"
            ) from None
        for name, values in network.state_dict().items():
            if not bool(torch.isfinite(values).all()):
                raise InputError(f"{name} holds a value that is not finite; train again")
        network.task, network.provenance = self.task, self.training
        return network.eval()


class CheckpointFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of `model.pt`."""

    architecture: dict[str, Any]
    weights: dict[str, Any]
    task: dict[str, Any]
    training: dict[str, Any]
    format: str = FORMAT
    version: int = VERSION


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint; an existing file is replaced once the new one is complete.

    Raises:
        InputError: if the file cannot be written.
    """
    content = CheckpointFile(
        checkpoint.architecture.as_dict(),
        dict(checkpoint.weights),
        checkpoint.task.as_dict(),
        dict(checkpoint.training),
    )
    save_values(msgspec.structs.asdict(content), path)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint of this or an earlier version.

    Raises:
        InputError: if the file is missing, not a checkpoint of neurodeploy, truncated or unsafe.
    """
    files.check_file(path, "give the path of a .pt file that train wrote")
    _check_start(path)
    values = load_values(path, FORMAT, way_out=_way_out(path))
    try:
        content = schema.convert(values, CheckpointFile)
        json.dumps(content.training)
        return Checkpoint(
            from_dict(content.architecture),
            content.weights,
            TaskDescription.from_dict(content.task),
            renamed(content.training, "run", "network"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is a damaged checkpoint ({error}); {_way_out(path)}") from None


def _check_start(path: Path) -> None:
    """Raise InputError unless the first bytes are those of a torch file."""
    with path.open("rb") as file:
        start = file.read(len(HDF5))
    if start == HDF5:
        raise InputError(
            f"{path} is a netx file (HDF5), not a checkpoint; read it with neurodeploy.load, or "
            f"run it with python -m neurodeploy.report {path}"
        )
    if not start.startswith((ZIP, PICKLE)):
        way_out = _way_out(path, otherwise="give the model.pt that train wrote")
        raise InputError(f"{path} is not a checkpoint of neurodeploy; {way_out}")


def _way_out(path: Path, *, otherwise: str = "train again") -> str:
    """Return advice for a damaged checkpoint: resume its run, if the state is complete."""
    state = path.with_name(STATE)
    if path.name == MODEL and files.kind(state) == "file" and zipfile.is_zipfile(state):
        return f"train --resume writes it again from {state}"
    return otherwise


def save_values(values: dict[str, Any], path: Path) -> None:
    """Write plain values and tensors; an existing file is replaced once the new one is complete."""
    with files.replacing(path) as temporary:
        try:
            torch.save(values, temporary)
        except RuntimeError as error:
            # torch's zip writer hides the reason, such as a full disk; writing again raises it.
            with temporary.open("ab") as file:
                file.write(bytes(PROBE_BYTES))
            raise OSError(str(error)) from None


def load_values(path: Path, kind: str, *, way_out: str = "train again") -> dict[str, Any]:
    """Read what `save_values` wrote and check its format and version.

    Args:
        path: the file.
        kind: expected format, `FORMAT` or `STATE_FORMAT`.
        way_out: advice at the end of an error message.

    Raises:
        InputError: if the file is missing, unreadable, unsafe or of another format or version.
    """
    files.check_file(path, "give the path of a .pt file that train wrote")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about files that it then refuses
            values = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for a damaged file
        reason = f"it cannot be read; {way_out}"
        message = str(error).lower()
        if "unsupported global" in message or "unsupported class" in message:
            reason = "it contains code, which is not run; give a file that train wrote"
        raise InputError(f"{path} is not a checkpoint of neurodeploy: {reason}") from None
    found = values.get("format") if isinstance(values, dict) else None
    if found == STATE_FORMAT != kind:
        raise InputError(
            f"{path} is the state of a training run, not a network; give {path.with_name(MODEL)}"
        )
    if isinstance(values, dict) and any(".synapse." in str(key) for key in values):
        raise InputError(
            f"{path} holds weights of lava-dl's blocks without the network that they belong to; "
            "build the network, load them with load_state_dict and give it to neurodeploy.quantize "
            "(docs/how-to/own-network.md)"
        )
    if not isinstance(values, dict) or found != kind:
        raise InputError(
            f"{path} is not a checkpoint of neurodeploy; for a network of your own see "
            "docs/how-to/own-network.md"
        )
    if values.get("version") not in READABLE:
        versions = " and ".join(map(str, READABLE))
        raise InputError(
            f"{path} has format version {values.get('version')}, but this neurodeploy reads "
            f"{versions}; {way_out}, or use the version of neurodeploy that wrote it"
        )
    return values
