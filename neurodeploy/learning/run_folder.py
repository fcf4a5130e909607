"""The folder of one training run: its checkpoint, its history, and the state to resume from.

model.pt        the best epoch, for `export`
resume.pt       the state after the last finished epoch; model.pt is made from it
history.jsonl   one JSON object an epoch
history.png     the same as a picture
tensorboard/    the same as TensorBoard's event files, where they were asked for
model.net       what `export` made of model.pt
report.html     what `deploy` reported on model.net
previous/1, ...  the files of the runs that were here before
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import torch

from neurodeploy.learning import checkpoint, tensorboard, training
from neurodeploy.learning.config import TrainConfig
from neurodeploy.learning.training import Training
from neurodeploy.models import files
from neurodeploy.models.architecture import LayerSpec
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replacing, temporary_pattern
from neurodeploy.models.old_names import renamed
from neurodeploy.models.snn import SlayerNetwork, compacted
from neurodeploy.pages import history
from neurodeploy.running.report import versions
from neurodeploy.tasks.dataset import digest as data_digest

TAKEN: Final = (errno.EAGAIN, errno.EACCES)


class RunLock:
    """The right to write into a folder, to hold in a `with` block.

    Attributes:
        problem: why the folder cannot be locked, as on some network drives; "" when it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problem = ""
        self._handle: int | None = None

    def __enter__(self) -> RunLock:
        self._take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._give_back()

    def vanished(self) -> bool:
        """Tell whether the folder that was locked no longer lies at its path."""
        if self._handle is None:
            return not self.folder.is_dir()
        try:
            return not os.path.samestat(os.fstat(self._handle), os.stat(self.folder))
        except OSError:
            return True

    def renew(self) -> None:
        """Make the folder anew where it vanished and lock that.

        Raises:
            InputError: when it cannot be made, or another training was faster.
        """
        self._give_back()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{self.folder} vanished and cannot be made anew ({error.strerror}); start again "
                "with another output folder"
            ) from None
        self._take()

    def _take(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            if error.errno in TAKEN:
                raise InputError(
                    f"another training is writing to {self.folder}; wait until it has ended or "
                    "choose another output folder"
                ) from None
            self.problem = error.strerror or str(error)
            return
        self._handle = handle

    def _give_back(self) -> None:
        if self._handle is not None:
            fcntl.flock(self._handle, fcntl.LOCK_UN)  # also in processes that were forked from this
            os.close(self._handle)
            self._handle = None


RECIPE = (
    "network", "delays", "threshold", "current_decay", "voltage_decay", "tau_grad", "dropout",
    "epochs", "batch_size", "learning_rate", "delay_rate", "decay_rate", "logit_scale",
    "max_grad_norm",
)  # fmt: skip
"""Fields of a configuration that a run is kept with."""

OPTIONS = (
    "task", "hidden", "epochs", "batch_size", "learning_rate", "seed", "kernels", "device", "prune",
    "threads",
)  # fmt: skip
"""What options say of a run, by their names with "_" for "-"."""

OPTION_NAMES = {"batch_size": "batch"}

OF_NETWORK = ("input_shape", "delay_init_max")
OF_LAYERS = {"weight_bits": "--weight-bits", "delays": "--delays", "max_delay": "--delays"}
"""Options that change every layer, by the fields of one."""

WORDS = {
    "data_sha256": "other data",
    "encoder": "another encoder (--encoder, or other data)",
    "processes": "{before} processes instead of {now}",
    "budget": "another budget (--synop-budget or --energy-budget-uj), or none",
}
"""How to say that something differs, where "NAME BEFORE instead of NOW" does not do."""

MOST = 4
"""Differences that are named."""

OF_LAYER, LAYERS = " of layer", "number of layers"


def options_of(started: Training) -> dict[str, Any]:
    """Return what decides about the weights that a training comes to, as JSON values.

    The data counts by what it holds, not by where it lies.
    """
    config, data = started.config, started.data
    return {
        "task": data.name,
        "data_sha256": data_digest(data.dataset),
        "encoder": data.encoder.as_dict(),
        "architecture": started.network.architecture.as_dict(),
        "recipe": _recipe(config),
        "seed": config.seed,
        "kernels": config.kernels,
        "budget": None if started.budget is None else started.budget.as_dict(),
        "prune": config.prune,
        "device": config.device,
        "processes": started.team.size,
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }


def _recipe(config: TrainConfig) -> dict[str, Any]:
    """Return what else of a configuration decides, as JSON values."""
    values = {name: getattr(config, name) for name in RECIPE}
    network = config.network
    values["network"] = network if isinstance(network, str) else "described"
    values["hidden"] = None if config.hidden is None else list(config.hidden)
    return values


def differences(kept: Any, asked: dict[str, Any]) -> list[str]:
    """Return in words what differs from what a run was started with: the first few of it."""
    before, now = _flat(kept), _flat(asked)
    found = [name for name in {**now, **before} if before.get(name) != now.get(name)]
    found = [name for name in found if name != "epochs"]  # a run may go on for longer
    words: dict[str, str] = {}
    for name in found:
        option = _option(name, found)
        if option is not None:
            words.setdefault(option, _words(name, option, before.get(name), now.get(name)))
    more = len(words) - MOST
    first = list(words.values())[:MOST]
    return [*first, f"{more} more differences"] if more > 0 else first


def _option(name: str, found: list[str]) -> str | None:
    """Return the option that makes a difference, or what differs where there is none for it; None
    where another difference says the same."""
    if name == LAYERS:
        return None if "hidden" in found else "--network"
    field, of_layer, _ = name.partition(OF_LAYER)
    if not of_layer:
        return "--network" if name in OF_NETWORK else name
    if LAYERS in found or field in found:
        return None
    if "hidden" in found:
        return OF_LAYERS.get(field)
    return OF_LAYERS.get(field, "--network")


def _words(name: str, option: str, before: Any, now: Any) -> str:
    """Return what differs in words; of several things that an option changes, the first."""
    if name in WORDS:
        return WORDS[name].format(before=before, now=now)
    if option == "--network":
        return f"another --network ({name} {before} instead of {now})"
    if isinstance(now, dict):
        return f"another {name}"
    if name in OPTIONS:
        option = f"--{OPTION_NAMES.get(name, name).replace('_', '-')}"
    return f"{option} {_shown(before)} instead of {_shown(now)}"


def _shown(value: Any) -> str:
    """Return a value as a person types it."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _flat(options: Any) -> dict[str, Any]:
    """Return the options with those of the recipe and of each layer among them."""
    if not isinstance(options, dict):
        return {}
    options, nested = renamed(options, "run", "network"), ("recipe", "architecture")
    flat = {name: value for name, value in options.items() if name not in nested}
    for name in nested:
        flat.update(options.get(name) or {})
    layers = flat.pop("layers", None)
    if isinstance(layers, list):
        flat[LAYERS] = len(layers)
        for index, layer in enumerate(layers):
            flat.update({f"{name}{OF_LAYER} {index}": value for name, value in layer.items()})
    return flat


FORMAT = checkpoint.STATE_FORMAT
VERSION = 3
READABLE = (2, 3)


class RunFolder:
    """Where a training keeps its files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / "model.pt"
        self.state = path / "resume.pt"
        self.history = path / "history.jsonl"
        self.picture = path / "history.png"
        self.events = path / "tensorboard"
        self.previous = path / "previous"
        self._made: list[Path] = []

    def check_writable(self) -> None:
        """Raise InputError when nothing can be written there, before time is spent on training."""
        self._made = [each for each in (self.path, *self.path.parents) if not each.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be written ({error.strerror}); choose another output folder"
            ) from None

    def remove_if_empty(self) -> None:
        """Remove the folders that `check_writable` made, where nothing was written into them."""
        for folder in self._made:
            try:
                folder.rmdir()
            except OSError:
                return

    def remove_leftovers(self) -> None:
        """Remove the unfinished files that a training left which was killed while it wrote.

        To be called while the folder is locked: another training would be writing them.
        """
        for file in (self.model, self.state, self.history, self.picture):
            for unfinished in self.path.glob(temporary_pattern(file)):
                unfinished.unlink(missing_ok=True)

    def set_aside(self) -> Path | None:
        """Move the files of an earlier run to `previous/1`, `previous/2`, ... and return where.

        Nothing is ever removed there. Returns None when there was no earlier run.

        Raises:
            InputError: when they cannot be moved.
        """
        exported, page = self.model.with_suffix(".net"), self.path / files.REPORT_PAGE
        written = (self.model, self.state, self.history, self.picture, self.events, exported, page)
        earlier = [file for file in written if file.exists()]
        if not earlier:
            return None
        try:
            self.previous.mkdir(exist_ok=True)
            taken = [int(p.name) for p in self.previous.iterdir() if p.name.isdecimal()]
            kept = self.previous / str(max(taken, default=0) + 1)
            kept.mkdir()
            for file in earlier:
                file.replace(kept / file.name)
        except OSError as error:
            raise InputError(
                f"the earlier run in {self.path} cannot be set aside ({error.strerror}); choose "
                "another output folder"
            ) from None
        return kept

    def resume(self, started: training.Training) -> int:
        """Bring a started training to where the run in this folder stopped.

        Of several processes the leader reads the run and tells the others.

        Returns:
            The number of epochs that were planned.

        Raises:
            InputError: when there is no such run, it was started with other options, or more
                epochs are done than asked for.
        """
        team = started.team
        values = team.from_leader(self._read(started) if team.leads else None)
        training.restore(started, values)
        done = len(started.history)
        if started.config.epochs < done:
            raise InputError(
                f"the run in {self.path} has {done} epochs and {started.config.epochs} are asked "
                f"for; give {done} or more"
            )
        if team.leads:
            self._write_results(started)
        return int(_flat(values["options"]).get("epochs") or started.config.epochs)

    def check_holds_run(self) -> None:
        """Raise InputError when there is no run to resume."""
        if not self.state.exists():
            raise InputError(
                f"{self.path} holds no run to resume ({self.state.name} is missing); start one "
                "without --resume"
            )

    def _read(self, started: training.Training) -> dict[str, Any]:
        """Return the state that was kept, if it is of a run with the same options."""
        self.check_holds_run()
        values = checkpoint.load_values(self.state, FORMAT, READABLE, way_out=self._way_out())
        wrong = differences(values.get("options"), options_of(started))
        if wrong:
            raise InputError(
                f"the run in {self.path} was started with {', '.join(wrong)}; give the options it "
                "was started with, or start anew without --resume"
            )
        return values

    def _way_out(self) -> str:
        """Return what to do where the run cannot be resumed."""
        anew = "start anew without --resume"
        try:
            checkpoint.load(self.model)
        except InputError:
            return anew
        return f"{self.model} is whole and holds its best epoch: export that, or {anew}"

    def save(self, started: training.Training) -> None:
        """Keep everything after an epoch; each file is replaced whole."""
        values = {
            "format": FORMAT,
            "version": VERSION,
            "options": options_of(started),
            **training.state(started),
        }
        checkpoint.save_values(values, self.state)
        self._write_results(started)

    def _write_results(self, started: training.Training) -> None:
        """Write what is made from the state, which a run killed on the way may lack."""
        checkpoint.save(best_checkpoint(started), self.model)
        with replacing(self.history) as temporary:
            lines = [json.dumps(vars(epoch)) for epoch in started.history]
            temporary.write_text("\n".join(lines) + "\n")

    def draw(
        self,
        epochs: Sequence[training.Epoch],
        best: int | None = None,
        layers: Sequence[LayerSpec] = (),
    ) -> None:
        """Draw the history of one epoch or more, and mark the best (by accuracy if not named).

        The layers name the delays.
        """
        with replacing(self.picture) as temporary:
            history.draw(epochs, temporary, best=best, layers=layers)


def best_checkpoint(started: training.Training) -> checkpoint.Checkpoint:
    """Return the best epoch as a checkpoint.

    Its `training_rates` are the spikes a neuron and step of each layer on the validation windows.
    """
    architecture, weights = started.network.architecture, started.best
    if started.thrift is not None:  # without the neurons that have gone
        network = SlayerNetwork(architecture)
        network.load_state_dict(weights)
        smaller = compacted(network)
        architecture, weights = smaller.architecture, smaller.state_dict()
    return checkpoint.Checkpoint(
        architecture,
        weights,
        started.data.describe(),
        {
            "epoch": started.best_epoch,
            "validation_accuracy": started.best_accuracy,
            "training_rates": list(started.history[started.best_epoch - 1].rates),
            "data": started.data.dataset.source,
            "options": options_of(started),
            "versions": versions(),
        },
    )


class Keeper:
    """Writes what a training leaves; only the leader of its processes does.

    Attributes:
        kept: number of epochs that are on the disk.
    """

    def __init__(
        self, training: Training, folder: RunFolder, lock: RunLock, events: Path | None = None
    ) -> None:
        """Go on with the folder's run where the training was resumed.

        Args:
            training: it is read, never changed.
            folder: of the run.
            lock: on the folder, held.
            events: folder of TensorBoard's event files, or None for none.
        """
        self.training = training
        self.folder = folder
        self.lock = lock
        self.kept = len(training.history)
        self._events_folder = events
        self._events: tensorboard.Events | None = None

    def keep(self) -> list[str]:
        """Keep the epoch that was just done; return what a person should be told of it.

        Raises:
            InputError: when something cannot be written.
        """
        told = []
        if not self.kept and (earlier := self.folder.set_aside()):
            told.append(f"note: the earlier run is now in {earlier}")
        try:
            self._save(told)
        except InputError:
            if not self.lock.vanished():
                raise
            self._save(told)  # it vanished while it was written to
        self.kept = len(self.training.history)
        self._write_events()
        return told

    def _save(self, told: list[str]) -> None:
        """Write the run into its folder, anew where that vanished."""
        if self.lock.vanished():
            self.lock.renew()
            told.append(
                f"warning: {self.folder.path} vanished and was made anew, with all of this run"
            )
        self.folder.save(self.training)

    def finish(self) -> None:
        """Draw the epochs that were kept, if any, and end the event files.

        Raises:
            InputError: when the picture cannot be written.
        """
        if not self.kept:
            return
        best = min(self.training.best_epoch, self.kept)
        layers = self.training.network.architecture.layers
        self.folder.draw(self.training.history[: self.kept], best, layers)
        if self._events_folder is not None and self._events is None:
            self._write_events()  # of a training that was resumed when all was done
        if self._events is not None:
            self._events.close()

    def _write_events(self) -> None:
        if self._events_folder is None:
            return
        if self._events is None:
            epochs = self.training.history[: self.kept]
            self._events = tensorboard.Events(self._events_folder, epochs)
        else:
            self._events.add(self.training.history[-1])
