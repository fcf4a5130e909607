"""Run a network continuously: in chunks of steps, with the state carried from one to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.hw_sim import backends
from neurodeploy.hw_sim.activity import Activity, check_input
from neurodeploy.hw_sim.backends import RunOptions
from neurodeploy.models.arrays import checked_integer
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork

MAX_STREAMS = 1 << 20


class Stream:
    """A network that runs on: the state is cleared once, at the start, and never between calls.

    A run in chunks of any sizes equals one run of the whole in every spike, u and v; spikes that a
    delay holds back at the end of a chunk arrive in a later one.

    Args:
        network: the network.
        num_streams: number of independent streams side by side, each with a state of its own.
        backend: "fast" or "lava"; Lava runs one stream, in a process that `close` ends.
        states: whether to return u and v of every layer.
        threads: CPU cores to use (`fast`); all by default.
        time_limit_s: time limit of the start and of each chunk, in seconds (`lava`).

    Attributes:
        steps: number of steps so far.

    Raises:
        InputError: if a number is out of range or the backend cannot run streams.

    Examples:
        >>> stream = neurodeploy.Stream(network)
        >>> first, second = stream.run(spikes[:1, :, :7]), stream.run(spikes[:1, :, 7:])
        >>> whole = neurodeploy.simulate(network, spikes[:1])
        >>> parts = np.concatenate([first.spikes[-1], second.spikes[-1]], axis=2)
        >>> stream.steps, np.array_equal(parts, whole.spikes[-1])
        (30, True)
        >>> stream.step(np.zeros((1, 4), np.uint8)).shape  # one step, the quick way
        (1, 2)
    """

    def __init__(
        self,
        network: QuantizedNetwork,
        num_streams: int = 1,
        *,
        backend: str = "fast",
        states: bool = False,
        threads: int | None = None,
        time_limit_s: float | None = None,
    ) -> None:
        self.network = network
        self.num_streams = checked_integer(num_streams, 1, MAX_STREAMS, "num_streams")
        options = RunOptions(states=states, threads=threads, time_limit_s=time_limit_s)
        self._running = backends.get(backend).stream(network, self.num_streams, options)

    def __repr__(self) -> str:
        return f"Stream({self.network!r}, num_streams={self.num_streams:,}, steps={self.steps:,})"

    @property
    def steps(self) -> int:
        """Number of steps so far."""
        return self._running.now

    def reset(self) -> None:
        """Clear the state and start again at step 0."""
        self._running.reset()

    def close(self) -> None:
        """End the process of the backend, if it has one; also at the end of a `with` block."""
        self._running.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(self, spikes: ArrayLike) -> Activity:
        """Run the next steps.

        Args:
            spikes: integers (num_streams, channels, steps), any number of steps from 1.

        Returns:
            The activity of these steps.

        Raises:
            InputError: if the spikes do not fit the network, the number of streams, or have no
                steps.
        """
        return self._running.run(self._checked(np.asarray(spikes)))

    def step(self, spikes: ArrayLike) -> NDArray[Any]:
        """Run one step and return the spikes of the last layer.

        Args:
            spikes: integers (num_streams, channels).

        Returns:
            uint8, or int32 for graded spikes, (num_streams, outputs).

        Raises:
            InputError: as `run`.
        """
        values = np.asarray(spikes)
        sent = self._running.step(values)
        if sent is not None:
            return sent
        if values.ndim != 2:
            raise InputError(
                f"the spikes of one step have shape {values.shape}; give (num_streams, channels) "
                f"= ({self.num_streams}, {self.network.inputs})"
            )
        last: NDArray[Any] = self.run(values[:, :, None]).spikes[-1][:, :, 0]
        return last

    def _checked(self, spikes: NDArray[Any]) -> NDArray[Any]:
        inputs = check_input(self.network, spikes)
        if len(inputs) != self.num_streams or not inputs.shape[2]:
            raise InputError(
                f"the spikes have shape {inputs.shape}; give ({self.num_streams}, "
                f"{self.network.inputs}, steps) for {self.num_streams} "
                f"stream{'s' * (self.num_streams > 1)}, with at least one step"
            )
        return inputs
