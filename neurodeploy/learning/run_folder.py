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

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurodeploy.hw_sim.reports.report import versions
from neurodeploy.learning import checkpoint, training
from neurodeploy.learning.run_options import differences, options_of
from neurodeploy.models import files
from neurodeploy.models.errors import InputError
from neurodeploy.models.files import replacing, temporary_pattern
from neurodeploy.models.snn import SlayerNetwork, compacted
from neurodeploy.pages import history
from neurodeploy.tasks import get
from neurodeploy.tasks.task import describe

FORMAT = "neurodeploy.resume"
VERSION = 2


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

    def check_writable(self) -> None:
        """Raise InputError when nothing can be written there, before time is spent on training."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be written ({error.strerror}); choose another output folder"
            ) from None

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

    def resume(self, started: training.Training) -> None:
        """Bring a started training to where the run in this folder stopped.

        Of several processes the leader reads the run and tells the others.

        Raises:
            InputError: when there is no such run or it was started with other options.
        """
        team = started.team
        values = team.from_leader(self._read(started) if team.leads else None)
        training.restore(started, values)
        if team.leads:
            self._write_results(started)

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
        values = checkpoint.load_values(self.state, FORMAT, VERSION)
        wrong = differences(values.get("options"), options_of(started))
        if wrong:
            raise InputError(
                f"the run in {self.path} was started with {', '.join(wrong)}; give the options it "
                "was started with, or start anew without --resume"
            )
        return values

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

    def draw(self, epochs: Sequence[training.Epoch]) -> None:
        """Draw the history of one epoch or more."""
        with replacing(self.picture) as temporary:
            history.draw(epochs, temporary)


def best_checkpoint(started: training.Training) -> checkpoint.Checkpoint:
    """Return the best epoch as a checkpoint.

    Its `training_rates` are the spikes a neuron and step of each layer on the validation windows.
    """
    data, settings = started.data, started.settings
    architecture, weights = settings.architecture, started.best
    if started.thrift is not None:  # without the neurons that have gone
        network = SlayerNetwork(architecture)
        network.load_state_dict(weights)
        smaller = compacted(network)
        architecture, weights = smaller.architecture, smaller.state_dict()
    return checkpoint.Checkpoint(
        architecture,
        weights,
        describe(get(data.task_name), data.windows, data.encoder),
        {
            "epoch": started.best_epoch,
            "validation_accuracy": started.best_accuracy,
            "training_rates": list(started.history[started.best_epoch - 1].rates),
            "data": data.windows.source,
            "options": options_of(started),
            "versions": versions(),
        },
    )
