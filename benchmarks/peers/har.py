"""Train the task `har` as `neurodeploy.train` does; a step is a whole epoch.

    python -m benchmarks.peers.har ANY --train --variant stock|compiled

An epoch augments and encodes about 6,000 samples, trains on them in batches of 32 with axonal
delays and evaluates the validation samples.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any

import torch

from benchmarks.peers import measuring
from neurodeploy import task
from neurodeploy.commands.cli import keep_freed_memory
from neurodeploy.config import TrainConfig
from neurodeploy.data.task_data import TaskData
from neurodeploy.train import training

EPOCHS = 1000
"""More than will run: it only shapes the learning rate."""


class EpochTrainer:
    """A `measuring.Trainer` whose steps are epochs."""

    steps_to_restart = EPOCHS

    def __init__(self, data: TaskData, config: TrainConfig) -> None:
        self.training = training.start(data, config)
        self.epochs = training.run(self.training)

    def restart(self) -> None:
        """Go on: epochs take the same time."""

    def step(self, index: int) -> None:
        """Train an epoch."""
        next(self.epochs)


def main() -> None:
    """Read the command line, train, and print one JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("workload", help="not read")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--seconds", type=float, default=0.0)
    arguments.add_argument("--variant", default="compiled")
    arguments.add_argument("--train", action="store_true")
    args = arguments.parse_args()
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    began = time.perf_counter()
    data = task("har")
    trainer = EpochTrainer(data, replace(data.config, epochs=EPOCHS, kernels=args.variant))
    found: dict[str, Any] = {"setup_s": time.perf_counter() - began, "leaves_out": ()}
    found["ms"] = measuring.train_steps(trainer, args.seconds, least=1, warm_up=1)
    measuring.report(found, ("lava-dl", "torch"))


if __name__ == "__main__":
    main()
