"""What the trainers share, on torch: Adam and cross entropy of the output rates."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.peers import measuring
from benchmarks.peers.workload import LEARNING_RATE, RATE_SCALE, TrainingWorkload


class NetworkTrainer:
    """A `measuring.Trainer` of a network.

    A step is: gradients to zero, forward, cross entropy of the output rates, backward, Adam.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        workload: TrainingWorkload,
        order: tuple[int, int, int],
        expected: NDArray[np.uint8],
        after: Callable[[], None] = lambda: None,
    ) -> None:
        """Take a network and the workload's batches.

        Args:
            network: takes and returns float spikes with their axes in `order`.
            workload: what to train on.
            order: where batch, channels and time are in the arrays that the network takes.
            expected: the output on the first batch, (batch, neurons, time).
            after: called after each step of the optimizer.
        """
        self.network, self.after, self.expected = network, after, expected
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
        self.loss(index).backward()
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


def measure(
    make: Callable[[], NetworkTrainer],
    options: measuring.Options,
    leaves_out: Sequence[str] = (),
) -> measuring.Findings:
    """Build a trainer, compare its output before training, and time its steps."""
    from neurodeploy.commands.cli import keep_freed_memory

    torch.set_num_threads(options.threads)
    keep_freed_memory()
    began = time.perf_counter()
    trainer = make()
    counts = measuring.count_different(trainer.outputs(), trainer.expected)
    ms = measuring.train_steps(trainer, options.seconds)
    setup = time.perf_counter() - began - sum(ms) / 1e3
    return {"ms": ms, "setup_s": setup, "leaves_out": tuple(leaves_out), **counts}
