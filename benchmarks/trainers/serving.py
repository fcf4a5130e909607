"""What the programs share: options, the conversation with who started them, and what is timed.

A program builds its network, takes two steps to warm up and prints one line of JSON:

    setup_s          seconds to build and to warm up
    compared, spikes, different   neuron steps of the last layer before training that were compared
                     with the expected ones, spikes expected among them, and neuron steps that
                     differ; absent where the program trains a task
    leaves_out       what the library cannot do, or does in another way
    versions         of the packages that matter, and Python's
    threads          that it was told to use

Then each line of input, a JSON object with `seconds` and `least`, is a turn: it goes back to the
start and steps for so many seconds, at least so many steps. Its answer is one line: {"ms":
[milliseconds of each step], "peak_mb": largest resident memory}. It ends with its input.

A step is: gradients to zero, forward, cross entropy of the output rates, backward, Adam. Every few
steps the network goes back to its start, which is not timed, so that it fires alike whatever the
number of steps that a program manages.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.peers.measuring import count_different, peak_mb
from benchmarks.trainers.training_file import LEARNING_RATE, RATE_SCALE, TrainingWorkload, read
from neurodeploy.cli import keep_freed_memory

WARM_UP = 2


class Trainer(Protocol):
    """What a program trains."""

    leaves_out: tuple[str, ...]
    steps_to_restart: int

    def restart(self) -> None:
        """Go back to the start; not timed."""

    def step(self, index: int) -> None:
        """Take a step, `index` of them after the start; timed."""


class NetworkTrainer:
    """A `Trainer` of a network with cross entropy on its output rates and with Adam."""

    def __init__(
        self,
        network: torch.nn.Module,
        workload: TrainingWorkload,
        order: tuple[int, int, int],
        expected: NDArray[np.uint8],
        leaves_out: Sequence[str] = (),
        *,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        """Take a network and the workload's batches.

        Args:
            network: takes and returns float spikes with their axes in `order`.
            workload: what to train on.
            order: where batch, channels and time are in the arrays that the network takes.
            expected: the output on the first batch, (batch, neurons, time).
            leaves_out: see the module's text.
            after: called after each step of the optimizer.
        """
        self.network, self.after, self.leaves_out = network, after, tuple(leaves_out)
        self.expected = expected
        self.order, self.time_axis = order, order.index(2)
        self.batches = [
            torch.from_numpy(spikes.transpose(order).astype(np.float32)).contiguous()
            for spikes in workload.spikes
        ]
        self.labels = torch.from_numpy(workload.labels)
        self.steps_to_restart = len(self.batches)
        self.start = {name: value.clone() for name, value in network.state_dict().items()}
        self.restart()

    def restart(self) -> None:
        """Load the weights of the start and begin with a new optimizer."""
        self.network.load_state_dict(self.start)
        self.optimizer = torch.optim.Adam(self.network.parameters(), LEARNING_RATE)

    def step(self, index: int) -> None:
        """Take a step on a batch."""
        self.optimizer.zero_grad()
        loss = self.loss(index)
        loss.backward()
        self.optimizer.step()
        self.after()

    def loss(self, index: int) -> Tensor:
        """Return the loss on a batch."""
        rates = self.network(self.batches[index]).mean(self.time_axis)
        return torch.nn.functional.cross_entropy(RATE_SCALE * rates, self.labels[index])

    def outputs(self) -> NDArray[np.uint8]:
        """Return the output on the first batch, (batch, neurons, time)."""
        with torch.no_grad():
            output = self.network(self.batches[0])
        return np.transpose((output.numpy() > 0).astype(np.uint8), np.argsort(self.order))


def main(make: Callable[[TrainingWorkload, str], NetworkTrainer], packages: Sequence[str]) -> None:
    """Read the command line and serve a network's trainer."""
    given = options("workload")
    workload = read(given.workload)
    began = time.perf_counter()
    trainer = make(workload, given.variant)
    counts = count_different(trainer.outputs(), trainer.expected)
    serve(trainer, given.threads, packages, began, counts)


def options(*files: str) -> argparse.Namespace:
    """Read the command line, and compute on as many threads as it says."""
    arguments = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    for name in files:
        arguments.add_argument(name, type=Path)
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--variant", default="")
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    keep_freed_memory()
    return given


def serve(
    trainer: Trainer,
    threads: int,
    packages: Sequence[str],
    began: float,
    counts: dict[str, int] | None = None,
    *,
    warm_up: int = WARM_UP,
) -> None:
    """Warm up, introduce the program, then take turns until the input ends."""
    for index in range(min(warm_up, trainer.steps_to_restart)):
        trainer.step(index)
    versions = {name: version(name) for name in packages}
    _say(
        {
            **(counts or {}),
            "setup_s": time.perf_counter() - began,
            "leaves_out": trainer.leaves_out,
            "versions": {**versions, "python": platform.python_version()},
            "threads": threads,
        }
    )
    for line in sys.stdin:
        wanted = json.loads(line)
        times = _turn(trainer, wanted["seconds"], wanted["least"])
        _say({"ms": times, "peak_mb": peak_mb()})


def _turn(trainer: Trainer, seconds: float, least: int) -> list[float]:
    """Return the milliseconds of each step of a turn."""
    trainer.restart()
    times: list[float] = []
    ends = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < ends:
        index = len(times) % trainer.steps_to_restart
        if times and not index:
            trainer.restart()
        began = time.perf_counter()
        trainer.step(index)
        times.append(1e3 * (time.perf_counter() - began))
    return times


def _say(answer: dict[str, Any]) -> None:
    print("\n" + json.dumps(answer), flush=True)
