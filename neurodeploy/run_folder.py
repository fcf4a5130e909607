"""The folder of one training run: its checkpoint, its history, and the state to resume from.

model.pt        the best epoch, for `export`
resume.pt       the state after the last finished epoch; model.pt can be made from it
history.jsonl   one JSON object an epoch
history.png     the same as a picture
previous/       the files of the run that was here before
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from hw_sim.report import versions
from models.atomic import replacing
from models.errors import InputError
from neurodeploy import checkpoint, training
from neurodeploy.pages import history
from neurodeploy.tasks import get
from neurodeploy.tasks.task import describe

FORMAT = "neurodeploy.resume"
VERSION = 1


class RunFolder:
    """Where a training keeps its files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / "model.pt"
        self.state = path / "resume.pt"
        self.history = path / "history.jsonl"
        self.picture = path / "history.png"

    def check_writable(self) -> None:
        """Raise InputError when nothing can be written there, before time is spent on training."""
        with replacing(self.path / ".writable"):
            pass
        (self.path / ".writable").unlink()

    def start(self, started: training.Training) -> None:
        """Set the files of an earlier run aside, where they stay until the next start."""
        earlier = [p for p in (self.model, self.state, self.history, self.picture) if p.exists()]
        for file in earlier:
            kept = self.path / "previous"
            kept.mkdir(exist_ok=True)
            file.replace(kept / file.name)

    def resume(self, started: training.Training) -> None:
        """Bring a started training to where the run in this folder stopped.

        Raises:
            InputError: when there is no such run or it was started with other options.
        """
        if not self.state.exists():
            raise InputError(
                f"{self.path} holds no run to resume ({self.state.name} is missing); start one "
                "without --resume"
            )
        values = checkpoint.load_values(self.state, FORMAT, VERSION)
        asked = _options(started)
        if values.get("options") != asked:
            kept = values.get("options")
            wrong = [k for k in asked if not isinstance(kept, dict) or kept.get(k) != asked[k]]
            raise InputError(
                f"the run in {self.path} was started with another {', '.join(wrong)}; give the "
                "options it was started with, or start anew without --resume"
            )
        training.restore(started, values)

    def save(self, started: training.Training) -> None:
        """Keep everything after an epoch; each file is replaced whole."""
        values = {
            "format": FORMAT,
            "version": VERSION,
            "options": _options(started),
            **training.state(started),
        }
        checkpoint.save_values(values, self.state)
        checkpoint.save(best_checkpoint(started), self.model)
        with replacing(self.history) as temporary:
            lines = [json.dumps(vars(epoch)) for epoch in started.history]
            temporary.write_text("\n".join(lines) + "\n")

    def finish(self, started: training.Training) -> None:
        """Draw the history."""
        with replacing(self.picture) as temporary:
            history.draw(started.history, temporary)


def best_checkpoint(started: training.Training) -> checkpoint.Checkpoint:
    """Return the best epoch as a checkpoint."""
    data, settings = started.data, started.settings
    return checkpoint.Checkpoint(
        settings.architecture,
        started.best,
        describe(get(data.task_name), data.windows, data.encoder),
        {
            "epoch": started.best_epoch,
            "validation_accuracy": started.best_accuracy,
            "data": data.windows.source,
            "options": _options(started),
            "versions": {**versions(), "torch": str(torch.__version__)},
        },
    )


def _options(started: training.Training) -> dict[str, Any]:
    """Return what must be the same when a run is resumed, as JSON values."""
    settings, data = started.settings, started.data
    recipe = {k: v for k, v in vars(settings.recipe).items() if k != "augment"}
    return {
        "task": data.task_name,
        "data": data.windows.source,
        "encoder": data.encoder.as_dict(),
        "architecture": settings.architecture.as_dict(),
        "recipe": {**recipe, "hidden": list(settings.recipe.hidden)},
        "seed": settings.seed,
        "kernels": settings.kernels,
    }
