"""Save trained networks in files, `model.pt`, and read them back without trusting them.

A checkpoint holds tensors and plain values only and is read with torch's `weights_only`, so a
file with code in it is refused, not run.
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

from neurodeploy import cli
from neurodeploy.models import files, schema
from neurodeploy.models.architecture import Architecture, from_dict
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import TaskDescription
from neurodeploy.models.old_names import renamed
from neurodeploy.models.snn import SlayerNetwork

FORMAT: Final = "neurodeploy.learning.checkpoint"
VERSION: Final = 3
READABLE: Final = (2, 3)
"""Versions of both formats that this program reads."""

MODEL, STATE = "model.pt", "resume.pt"
"""The network of a run and the state of its training, in one folder."""
STATE_FORMAT: Final = "neurodeploy.resume"

HDF5, ZIP, PICKLE = b"\x89HDF\r\n\x1a\n", b"PK", b"\x80"
"""The first bytes of netx files, and of torch's."""

PROBE_BYTES: Final = 1 << 20
"""More than the space left on a disk on which a write failed."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network and everything that is needed to use it.

    Attributes:
        architecture: what to build.
        weights: the network's `state_dict`.
        task: what it was trained for.
        training: how it was trained (seed, epoch, validation accuracy, versions), as JSON values.
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
    """Write a checkpoint; the file is replaced when it is complete.

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
    """Read a checkpoint that `save` wrote, in this version or an earlier one.

    Raises:
        InputError: if the file is missing, not a checkpoint of neurodeploy, cut short or unsafe.
    """
    files.check_file(path, "give the path of a .pt file that train wrote")
    _check_begin(path)
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


def _check_begin(path: Path) -> None:
    """Raise InputError unless the file begins like an archive or a pickle of torch."""
    with path.open("rb") as file:
        start = file.read(len(HDF5))
    if start == HDF5:
        raise InputError(
            f"{path} is a netx file (HDF5), not a checkpoint; read it with neurodeploy.load, or "
            f"run it with {cli.next_command('report', path)}"
        )
    if not start.startswith((ZIP, PICKLE)):
        way_out = _way_out(path, otherwise="give the model.pt that train wrote")
        raise InputError(f"{path} is not a checkpoint of neurodeploy; {way_out}")


def _way_out(path: Path, *, otherwise: str = "train again") -> str:
    """Return what to do about a checkpoint: resume its run, if the state is complete."""
    state = path.with_name(STATE)
    if path.name == MODEL and files.kind(state) == "file" and zipfile.is_zipfile(state):
        return f"train --resume writes it again from {state}"
    return otherwise


def save_values(values: dict[str, Any], path: Path) -> None:
    """Write plain values and tensors; the file is replaced when it is complete."""
    with files.replacing(path) as temporary:
        try:
            torch.save(values, temporary)
        except RuntimeError as error:  # torch's zip writer hides the reason, such as a full disk
            with temporary.open("ab") as file:
                file.write(bytes(PROBE_BYTES))
            raise OSError(str(error)) from None


def load_values(path: Path, kind: str, *, way_out: str = "train again") -> dict[str, Any]:
    """Read what `save_values` wrote and check its format and version.

    Args:
        path: of the file.
        kind: `FORMAT` or `STATE_FORMAT`.
        way_out: what to do with a file that cannot be used, for the message.

    Raises:
        InputError: if the file is missing, unreadable, unsafe or has another format or version.
    """
    files.check_file(path, "give the path of a .pt file that train wrote")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's about files that it then refuses
            values = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds on a damaged file
        reason = f"it cannot be read; {way_out}"
        message = str(error).lower()
        if "unsupported global" in message or "unsupported class" in message:
            reason = "it holds code, which is not run; give a file that train wrote"
        raise InputError(f"{path} is not a checkpoint of neurodeploy: {reason}") from None
    found = values.get("format") if isinstance(values, dict) else None
    if found == STATE_FORMAT != kind:
        raise InputError(
            f"{path} is the state of a training, not a network; give {path.with_name(MODEL)}, "
            "which train wrote beside it"
        )
    if not isinstance(values, dict) or found != kind:
        raise InputError(
            f"{path} is not a checkpoint of neurodeploy; for a network of your own see "
            "docs/how-to/own-network.md"
        )
    if values.get("version") not in READABLE:
        versions = " and ".join(map(str, READABLE))
        raise InputError(
            f"{path} has version {values.get('version')} and this program reads {versions}; "
            f"{way_out}, or use the program that wrote it"
        )
    return values
