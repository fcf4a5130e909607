"""Train the task `har` as `neurodeploy.train` does; a step is a whole epoch.

python -m benchmarks.trainers.har --variant stock|compiled

An epoch varies and encodes about 6,000 windows, trains on them in batches of 32 with axonal delays
and evaluates the validation windows.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any

from benchmarks.trainers import serving
from neurodeploy import train
from neurodeploy.learning import loop, training

EPOCHS = 1000
"""More than will be run: it only shapes the learning rate."""


class HarTrainer:
    """A `serving.Trainer` whose steps are epochs."""

    leaves_out: tuple[str, ...] = ()
    steps_to_restart = EPOCHS

    def __init__(self, data: Any, config: Any) -> None:
        self.training = training.start(data, config)
        self.epochs = loop.run(self.training)

    def restart(self) -> None:
        """Go on: epochs take the same time."""

    def step(self, index: int) -> None:
        """Train an epoch."""
        next(self.epochs)


def make(variant: str) -> HarTrainer:
    """Return the trainer on the installed data package."""
    arguments = argparse.ArgumentParser()
    train.add_options(arguments)
    given = arguments.parse_args(["--task", "har", "--kernels", variant])
    data = train.load_data(given)
    return HarTrainer(data, replace(train.config_of(given), epochs=EPOCHS))


def main() -> None:
    """Read the command line and serve."""
    given = serving.options()
    began = time.perf_counter()
    trainer = make(given.variant or "compiled")
    serving.serve(trainer, given.threads, ("lava-dl", "torch"), began, warm_up=1)


if __name__ == "__main__":
    main()
