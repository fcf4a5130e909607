"""The folder of a training run.

model.pt         the checkpoint of the best epoch, for `export`
resume.pt        the state after the last finished epoch, from which model.pt can be rewritten
history.jsonl    one JSON object per epoch
history.png      the history as a figure
tensorboard/     the history as TensorBoard event files, on request
model.net        the quantized network, from `export`
report.html      the report, from `deploy`
previous/1, ...  the files of earlier runs
.lock            locked while a training writes here
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from filelock import FileLock, Timeout

from neurodeploy.config import TrainConfig
from neurodeploy.config import options as train_options
from neurodeploy.data.dataset import digest
from neurodeploy.models import files
from neurodeploy.models.errors import FolderInUseError, InputError, NotWrittenError
from neurodeploy.models.old_names import renamed
from neurodeploy.models.snn import SlayerNetwork, compacted
from neurodeploy.train import checkpoint, distributed, history, tensorboard
from neurodeploy.train.training import Training
from neurodeploy.versions import versions

OTHER_OPTIONS: Final = "use the options it was started with, or start again without --resume"

LOCK: Final = ".lock"


class RunFolder:
    """Reads and writes the files of a training run.

    Args:
        path: the folder.
        events: folder of TensorBoard event files, or None to write none.

    Attributes:
        num_saved: number of epochs that this training has saved.
    """

    def __init__(self, path: Path, events: Path | None = None) -> None:
        self.path = path
        self.model = path / checkpoint.MODEL
        self.state = path / checkpoint.STATE
        self.history = path / "history.jsonl"
        self.picture = path / "history.png"
        self.events = path / tensorboard.FOLDER
        self.previous = path / "previous"
        self.num_saved = 0
        self._events_folder = events
        self._events: tensorboard.Events | None = None
        self._lock = FileLock(path / LOCK)
        self._locked_file: os.stat_result | None = None

    # Lock

    @contextmanager
    def locked(self, notify: Callable[[str], None]) -> Iterator[None]:
        """Lock the folder in this block, and remove temporary files of a killed training.

        A new folder that is still empty at the end is removed.

        Args:
            notify: called with a warning if the folder cannot be locked, as on some network drives.

        Raises:
            InputError: if the folder cannot be written, or another training writes there.
        """
        new = [each for each in (self.path, *self.path.parents) if not each.exists()]
        self.check_writable()
        try:
            if problem := self._acquire():
                notify(
                    f"warning: {self.path} cannot be locked ({problem}); start no other training "
                    "that writes there"
                )
            else:
                for file in (self.model, self.state, self.history, self.picture):
                    for unfinished in self.path.glob(files.temporary_pattern(file)):
                        unfinished.unlink(missing_ok=True)
            yield
        finally:
            if new and self.path.is_dir() and [p.name for p in self.path.iterdir()] in ([], [LOCK]):
                (self.path / LOCK).unlink(missing_ok=True)
                for folder in new:
                    if not any(folder.iterdir()):
                        folder.rmdir()
            self._lock.release()

    def _acquire(self) -> str:
        """Lock the folder; return "", or the reason why locking is not possible."""
        try:
            self._lock.acquire(blocking=False)
            self._locked_file = os.stat(self.path / LOCK)
        except Timeout:
            raise FolderInUseError(
                f"another training is writing to {self.path}; wait until it ends, or choose "
                "another output folder"
            ) from None
        except OSError as error:
            self._locked_file = None
            return error.strerror or str(error)
        return ""

    def _vanished(self) -> bool:
        """Return whether the locked folder has been removed or replaced."""
        if self._locked_file is None:
            return not self.path.is_dir()
        try:
            return not os.path.samestat(self._locked_file, os.stat(self.path / LOCK))
        except OSError:
            return True

    def check_writable(self) -> None:
        """Create the folder; raise InputError if it cannot be written."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise NotWrittenError(
                f"{self.path} cannot be written ({error.strerror}); choose another output folder"
            ) from None

    # Resuming

    def check_holds_run(self) -> None:
        """Raise InputError if there is no run to resume."""
        if not self.state.exists():
            raise InputError(
                f"{self.path} holds no run to resume ({self.state.name} is missing); start one "
                "without --resume"
            )

    def resume(self, training: Training) -> int:
        """Load the state of the run in this folder into a new training.

        Rank 0 reads the state and broadcasts it.

        Returns:
            The number of epochs for which the run was planned.

        Raises:
            InputError: if there is no run, it was started with other options, or it already has
                more epochs than configured.
        """
        rank = distributed.rank()
        values = distributed.broadcast(None if rank else self._read(training))
        training.restore(values)
        done, epochs = len(training.history), training.config.epochs
        if epochs < done:
            raise InputError(
                f"the run in {self.path} already has {done} epochs, but epochs is {epochs}; give "
                f"{done} or more"
            )
        if rank == 0:
            self._write_results(training)
        self.num_saved = done
        return int(values["options"]["config"].get("epochs", epochs))

    def _read(self, training: Training) -> dict[str, Any]:
        """Return the saved state; raise InputError if the run has other options."""
        self.check_holds_run()
        way_out = "start again without --resume"
        try:
            checkpoint.load(self.model)
            way_out = f"{self.model} is intact and has the best epoch: export it, or {way_out}"
        except InputError:
            pass
        values = checkpoint.load_values(self.state, checkpoint.STATE_FORMAT, way_out=way_out)
        values = renamed(values, "run")
        options = renamed(values.get("options"), "network")
        if wrong := differences(options, options_of(training)):
            raise InputError(
                f"the run in {self.path} was started with {', '.join(wrong)}; {OTHER_OPTIONS}"
            )
        pruner = renamed(values.get("budget_pruner"), "budget")
        return {**values, "options": options, "budget_pruner": pruner}

    # Writing

    def save(self, training: Training) -> list[str]:
        """Write all files after an epoch; return notes and warnings.

        At the first epoch of a new run, the files of an earlier run move to `previous`.

        Raises:
            InputError: if a file cannot be written.
        """
        messages = []
        if not self.num_saved and (earlier := self.set_aside()):
            messages.append(f"note: the earlier run is now in {earlier}")
        try:
            self._write(training, messages)
        except InputError:
            if not self._vanished():
                raise
            self._write(training, messages)  # the folder was removed meanwhile
        self.num_saved = len(training.history)
        self._write_events(training)
        return messages

    def _write(self, training: Training, messages: list[str]) -> None:
        """Write all files of the run; if the folder has been removed, create it again."""
        if self._vanished():
            self._lock.release()
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise NotWrittenError(
                    f"{self.path} was removed and cannot be created again ({error.strerror}); "
                    "train again with another output folder"
                ) from None
            self._acquire()
            messages.append(
                f"warning: {self.path} was removed and has been created again, with this whole run"
            )
        values = {
            "format": checkpoint.STATE_FORMAT,
            "version": checkpoint.VERSION,
            "options": options_of(training),
            **training.state(),
        }
        checkpoint.save_values(values, self.state)
        self._write_results(training)

    def _write_results(self, training: Training) -> None:
        """Write the files that follow from the state; a killed run may lack them."""
        checkpoint.save(best_checkpoint(training), self.model)
        with files.replacing(self.history) as temporary:
            lines = [json.dumps(vars(epoch)) for epoch in training.history]
            temporary.write_text("\n".join(lines) + "\n")

    def _write_events(self, training: Training) -> None:
        if self._events_folder is None:
            return
        if self._events is None:
            self._events = tensorboard.Events(self._events_folder)
            for epoch in training.history[: self.num_saved]:
                self._events.add(epoch)
        else:
            self._events.add(training.history[-1])

    def finish(self, training: Training) -> None:
        """Draw the saved epochs, if any, and close the event files.

        Raises:
            InputError: if the figure cannot be written.
        """
        if not self.num_saved:
            return
        best = min(training.best_epoch, self.num_saved)
        layers = training.network.architecture.layers
        with files.replacing(self.picture) as temporary:
            history.draw(training.history[: self.num_saved], temporary, best=best, layers=layers)
        if self._events_folder is not None and self._events is None:
            self._write_events(training)  # a finished run was resumed, so `save` was not called
        if self._events is not None:
            self._events.close()

    def set_aside(self) -> Path | None:
        """Move the files of an earlier run to `previous/1`, `previous/2`, ...

        Returns:
            The new folder of these files, or None if there was no earlier run.

        Raises:
            InputError: if they cannot be moved.
        """
        exported, page = self.model.with_suffix(".net"), self.path / files.REPORT_PAGE
        written = (self.model, self.state, self.history, self.picture, self.events, exported, page)
        earlier = [file for file in written if file.exists()]
        if not earlier:
            return None
        try:
            self.previous.mkdir(exist_ok=True)
            taken = [int(p.name) for p in self.previous.iterdir() if p.name.isdecimal()]
            target = self.previous / str(max(taken, default=0) + 1)
            target.mkdir()
            for file in earlier:
                file.replace(target / file.name)
        except OSError as error:
            raise NotWrittenError(
                f"the earlier run in {self.path} cannot be moved ({error.strerror}); choose "
                "another output folder"
            ) from None
        return target


def best_checkpoint(training: Training) -> checkpoint.Checkpoint:
    """Return the best epoch as a checkpoint, without pruned neurons.

    Its `training_rates` are the layers' spikes per neuron and step on the validation samples.
    """
    architecture, weights = training.network.architecture, training.best
    if training.budget_pruner is not None:
        network = SlayerNetwork(architecture)
        network.load_state_dict(weights)
        smaller = compacted(network)
        architecture, weights = smaller.architecture, smaller.state_dict()
    return checkpoint.Checkpoint(
        architecture,
        weights,
        training.data.describe(),
        {
            "epoch": training.best_epoch,
            "validation_accuracy": training.best_accuracy,
            "training_rates": list(training.history[training.best_epoch - 1].rates),
            "data": training.data.dataset.source,
            "options": options_of(training),
            "versions": versions(),
        },
    )


# Options of a run

ELSEWHERE: Final = (
    "weight_bits", "synop_budget", "energy_budget_uj", "chip", "prune", "continuous",
    "sequence_steps", "settling_steps", "memory_steps", "augment", "seed", "device", "kernels",
    "threads",
)  # fmt: skip
"""Fields of `TrainConfig` that are not stored under "config"."""


def options_of(training: Training) -> dict[str, Any]:
    """Return all settings that affect the trained weights, as JSON values.

    The dataset is identified by its content, not by its path.
    """
    config, data, pruner = training.config, training.data, training.budget_pruner
    network = config.network
    return {
        "task": data.name,
        "data_sha256": digest(data.dataset),
        "encoder": data.encoder.as_dict(),
        "architecture": training.network.architecture.as_dict(),
        "config": {
            **{name: each for name, each in vars(config).items() if name not in ELSEWHERE},
            "network": network if isinstance(network, str) else "described",
            "hidden": None if config.hidden is None else list(config.hidden),
        },
        "seed": config.seed,
        "kernels": config.kernels,
        "budget": None if pruner is None else pruner.multiplier.budget.as_dict(),
        "prune": config.prune,
        **({"continuous": _of_sequences(config)} if config.continuous else {}),
        "start": None if training.start is None else training.start.digest,
        "device": config.device,
        "world_size": distributed.world_size(),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }


def _of_sequences(config: TrainConfig) -> dict[str, Any]:
    """Return the settings of a continuous training."""
    names = ("sequence_steps", "settling_steps", "memory_steps")
    return {name: getattr(config, name) for name in names}


SENTENCES: Final = {
    "data_sha256": "other data",
    "encoder": "another encoder (--encoder, or other data)",
    "world_size": "{before} processes instead of {now}",
    "start": "another network to start from (--start), or none",
    "continuous": "other sequences (--continuous), or none",
    "budget": "another budget (--synop-budget or --energy-budget-uj), or none",
}
"""Differences that need other words than "NAME BEFORE instead of NOW"."""

OF_LAYER, NUM_LAYERS = " of layer ", "number of layers"
OF_LAYERS: Final = {"--weight-bits": ("weight_bits",), "--delays": ("delays", "max_delay")}
"""Command-line options that change a field of every layer."""

MOST: Final = 4
"""Maximum number of differences in a message."""


def differences(saved: Any, current: dict[str, Any]) -> list[str]:
    """Return the differences between saved and current options as phrases, at most `MOST`."""
    flags = {"task": "--task", **{name: each["flag"] for name, each in train_options().items()}}
    (before, old_network), (now, new_network) = _flat(saved), _flat(current)
    found: dict[str, str] = {}
    for name in {**now, **before}:
        old, new = before.get(name), now.get(name)
        if old == new or name == "epochs":  # a run may be extended
            continue
        option = flags.get(name, name)
        found[option] = f"{option} {_typed(old)} instead of {_typed(new)}"
        if name in SENTENCES:
            found[option] = SENTENCES[name].format(before=old, now=new)
    if not {"--network", "--hidden"} & found.keys():
        for name in {**new_network, **old_network}:
            old, new = old_network.get(name), new_network.get(name)
            if old == new:
                continue
            option = next((o for o, fields in OF_LAYERS.items() if name.startswith(fields)), "")
            words = f"{option} {old} instead of {new}"
            if not option:
                option = "--network"
                words = f"another --network ({name} {old} instead of {new})"
            found.setdefault(option, words)
            if name == NUM_LAYERS:
                break
    named = list(found.values())
    more = len(named) - MOST
    return [*named[:MOST], f"{more} more differences"] if more > 0 else named


def _flat(options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return flat options, "config" merged into them, and the flat fields of the architecture."""
    if not isinstance(options, Mapping):
        return {}, {}
    flat = {k: v for k, v in options.items() if k not in ("config", "architecture")}
    network = dict(options.get("architecture") or {})
    layers = network.pop("layers", [])
    network = {NUM_LAYERS: len(layers), **network}
    for index, layer in enumerate(layers):
        network.update({f"{field}{OF_LAYER}{index}": each for field, each in layer.items()})
    return {**flat, **(options.get("config") or {})}, network


def _typed(value: Any) -> str:
    """Return a value as typed on a command line."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
