"""Run a network in Lava between a sensor and a sink of one's own, without a reset.

    python -m benchmarks.lava_sensor [model.net] [--minutes 10]

The example of `neurodeploy.to_lava(network, source=..., sink=...)`: a synthetic sensor sends random
spikes, a sink counts the output spikes. Every minute, the memory of all processes is printed; at
the end, the counts must be those of `neurodeploy.Stream`. Without a file, a small network is made.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

import neurodeploy as nd
from neurodeploy.models import lava_compat
from neurodeploy.models.network import QuantizedNetwork

lava_compat.prepare()

from lava.magma.core.decorator import implements, requires, tag  # noqa: E402
from lava.magma.core.model.py.model import PyLoihiProcessModel  # noqa: E402
from lava.magma.core.model.py.ports import PyInPort, PyOutPort  # noqa: E402
from lava.magma.core.model.py.type import LavaPyType  # noqa: E402
from lava.magma.core.process.ports.ports import InPort, OutPort  # noqa: E402
from lava.magma.core.process.process import AbstractProcess  # noqa: E402
from lava.magma.core.process.variable import Var  # noqa: E402
from lava.magma.core.resources import CPU  # noqa: E402
from lava.magma.core.run_conditions import RunSteps  # noqa: E402
from lava.magma.core.run_configs import Loihi2SimCfg  # noqa: E402
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol  # noqa: E402

RATE: Final = 0.1
STEPS: Final = 1000
"""Time steps per call of `run`."""


def readings(step: int, channels: int) -> Any:
    """Return the spikes of a step, int32 (channels,), drawn anew from its number."""
    return (np.random.default_rng(step).random(channels) < RATE).astype(np.int32)


class Sensor(AbstractProcess):  # type: ignore[misc]
    """A synthetic sensor."""

    def __init__(self, channels: int) -> None:
        super().__init__(shape=(channels,))
        self.s_out = OutPort(shape=(channels,))


@implements(proc=Sensor, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class SensorModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Send the readings of each step; a real sensor reads its device here."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def run_spk(self) -> None:
        """Send one step."""
        self.s_out.send(readings(self.time_step - 1, self.proc_params["shape"][0]))


class Counter(AbstractProcess):  # type: ignore[misc]
    """A sink that counts spikes."""

    def __init__(self, outputs: int) -> None:
        super().__init__(shape=(outputs,))
        self.a_in = InPort(shape=(outputs,))
        self.counts = Var(shape=(outputs,), init=0)


@implements(proc=Counter, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class CounterModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Add up the spikes that arrive."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    counts: Any = LavaPyType(np.ndarray, np.int32)

    def run_spk(self) -> None:
        """Take one step."""
        self.counts += self.a_in.recv()


def example() -> QuantizedNetwork:
    """Return a network 12-32-4 with delays."""
    rng = np.random.default_rng(0)
    neuron = nd.CubaLif(current_decay=1024, voltage_decay=256, threshold=160)
    hidden = nd.DenseLayer(2 * rng.integers(-20, 60, (32, 12)), neuron)
    delay = rng.integers(0, 10, (1, 32))
    return nd.QuantizedNetwork.chain(
        [hidden, nd.DenseLayer(2 * rng.integers(-20, 40, (4, 32)), neuron, delay)]
    )


def memory_mb() -> float:
    """Return the memory of this process and its children in MB, shared pages counted in each."""
    pages = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            session = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[3])
            pages += int((folder / "statm").read_text().split()[1]) * (session == _session())
        except (OSError, IndexError, ValueError):  # it ended
            continue
    return pages * 4096 / 1e6


def _session() -> int:
    return int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[3])


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print the memory, compare, and return 1 if a count differs."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("network", type=Path, nargs="?")
    options.add_argument("--minutes", type=float, default=10.0)
    args = options.parse_args(argv)
    network = nd.load(args.network) if args.network else example()
    sensor, counter = Sensor(network.inputs), Counter(network.layers[-1].neurons)
    nd.to_lava(network, source=sensor, sink=counter)
    start, printed, steps = time.monotonic(), -1, 0
    try:
        while (passed := (time.monotonic() - start) / 60) < args.minutes or not steps:
            sensor.run(RunSteps(STEPS), Loihi2SimCfg(select_tag="fixed_pt"))
            steps += STEPS
            if int(passed) > printed:
                printed = int(passed)
                print(f"{passed:4.1f} min  {steps:9,} steps  {memory_mb():7.1f} MB", flush=True)
        counts = counter.counts.get()
        print(f"{args.minutes:4.1f} min  {steps:9,} steps  {memory_mb():7.1f} MB", flush=True)
    finally:
        sensor.stop()
    return int(not equal(network, steps, counts))


def equal(network: QuantizedNetwork, steps: int, counts: Any) -> bool:
    """Return whether `Stream` counts the same."""
    stream, ours = nd.Stream(network), np.zeros(network.layers[-1].neurons, np.int64)
    for first in range(0, steps, STEPS):
        drawn = np.stack([readings(k, network.inputs) for k in range(first, first + STEPS)], 1)
        ours += stream.run(drawn[None].astype(np.uint8)).spikes[-1][0].sum(1, np.int64)
    print(f"spikes in Lava {counts.tolist()}, in a stream {ours.tolist()}")
    return bool((counts == ours).all())


if __name__ == "__main__":
    sys.exit(main())
