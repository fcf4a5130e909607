"""Keep trained networks in files, `model.pt`, and read them back without trusting them.

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
from typing import Any

from neurodeploy.models.errors import require

require("reading model.pt", "torch", "lava.lib.dl.slayer")  # before they are imported

import torch

from neurodeploy import cli
from neurodeploy.models import files
from neurodeploy.models.architecture import Architecture, from_dict
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replacing
from neurodeploy.models.network import TaskDescription
from neurodeploy.models.old_names import renamed
from neurodeploy.models.snn import SlayerNetwork

FORMAT = "neurodeploy.learning.checkpoint"
VERSION = 3
READABLE = (2, 3)
"""Versions that can be read; `models.old_names` has the names of the earlier ones."""

MODEL, STATE = "model.pt", "resume.pt"
"""The network of a run and the state of its training, which stand in one folder."""
STATE_FORMAT = "neurodeploy.resume"

HDF5, ZIP, PICKLE = b"\x89HDF\r\n\x1a\n", b"PK", b"\x80"
"""How netx files begin, and torch's."""

PROBE_BYTES = 1 << 20
"""More than is left where a file of less could not be written."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network and all that is needed to use it.

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
            InputError: when the weights do not fit the architecture or are not finite.
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


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write the checkpoint, replacing the file only when it is complete.

    Raises:
        InputError: when the folder cannot be written.
    """
    task = checkpoint.task
    save_values(
        {
            "format": FORMAT,
            "version": VERSION,
            "architecture": checkpoint.architecture.as_dict(),
            "weights": dict(checkpoint.weights),
            "task": task.as_dict(),
            "training": dict(checkpoint.training),
        },
        path,
    )


def load(path: Path) -> Checkpoint:
    """Read a checkpoint that `save` wrote.

    Raises:
        InputError: when the file is missing, no checkpoint of neurodeploy, cut short or unsafe.
    """
    files.check_file(path, "give the path of a .pt file that train wrote")
    _check_begin(path)
    values = load_values(path, FORMAT, READABLE, way_out=_way_out(path))
    try:
        json.dumps(values["training"])
        return Checkpoint(
            from_dict(values["architecture"]),
            dict(values["weights"]),
            TaskDescription.from_dict(values["task"]),
            renamed(dict(values["training"]), "checkpoint", "run", "network"),
        )
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise InputError(f"{path} is a damaged checkpoint ({reason}); {_way_out(path)}") from None


def _check_begin(path: Path) -> None:
    """Raise InputError unless the file begins as torch's do, in an archive or a pickle."""
    with path.open("rb") as file:
        start = file.read(len(HDF5))
    if start == HDF5:
        raise InputError(
            f"{path} is a netx file (HDF5) and no checkpoint; read it with neurodeploy.load, or "
            f"run it with {cli.next_command('report', path)}"
        )
    if not start.startswith((ZIP, PICKLE)):
        way_out = _way_out(path, otherwise="give the model.pt that train wrote")
        raise InputError(f"{path} is no checkpoint of neurodeploy; {way_out}")


def _way_out(path: Path, *, otherwise: str = "train again") -> str:
    """Return what to do for a checkpoint: go on where its run was left, if that state is whole."""
    state = path.with_name(STATE)
    if path.name == MODEL and files.kind(state) == "file" and zipfile.is_zipfile(state):
        return f"train --resume writes it anew from {state}"
    return otherwise


def save_values(values: dict[str, Any], path: Path) -> None:
    """Write plain values and tensors, replacing the file only when it is complete."""
    with replacing(path) as temporary:
        try:
            torch.save(values, temporary)
        except RuntimeError as error:  # torch's zip writer, when the disk is full
            _ask_the_system(temporary)
            raise OSError(str(error)) from None


def _ask_the_system(path: Path) -> None:
    """Raise the OSError for which a file cannot grow, if there is one; torch does not say it."""
    with path.open("ab") as file:
        file.write(bytes(PROBE_BYTES))


def load_values(
    path: Path, kind: str, versions: tuple[int, ...], *, way_out: str = "train again"
) -> dict[str, Any]:
    """Read what `save_values` wrote and check that it says it is `kind` of one of these versions.

    Args:
        path: of the file.
        kind: that the file says it is.
        versions: one of which it says it has.
        way_out: what to do with a file that cannot be used, for the message.

    Raises:
        InputError: when the file is missing, unreadable, unsafe or of another kind or version.
    """
    files.check_file(path, "give the path of a .pt file that train wrote")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's about files that it then refuses
            values = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on a damaged file torch raises whatever it stumbles on
        reason = f"it cannot be read; {way_out}"
        said = str(error).lower()
        if "unsupported global" in said or "unsupported class" in said:
            reason = "it holds code, which is not run; give a file that train wrote"
        raise InputError(f"{path} is no checkpoint of neurodeploy: {reason}") from None
    found = values.get("format") if isinstance(values, dict) else None
    if found == STATE_FORMAT != kind:
        raise InputError(
            f"{path} is the state of a training and no network; give {path.with_name(MODEL)}, "
            "which train wrote beside it"
        )
    if not isinstance(values, dict) or found != kind:
        raise InputError(
            f"{path} is no checkpoint of neurodeploy; for a network of your own see "
            "docs/own-network.md"
        )
    if values.get("version") not in versions:
        raise InputError(
            f"{path} has version {values.get('version')} and this program reads "
            f"{' and '.join(map(str, versions))}; "
            f"{way_out}, or use the program that wrote it"
        )
    return values
