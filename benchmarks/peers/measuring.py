"""What the programs of the peers share: options, timing, comparison and the JSON object.

A peer is one of two kinds. One that can clear its state runs samples, alone or many at once
(`SampleSimulator`, `run_samples`). One that cannot runs a stream: the samples one after the other
without a pause (`run_stream`). The JSON object holds

    single, batch    microseconds a step and sample, one sample at a time (another each time) and
                     all at once: median, low and high (quartiles), repeats; null if it does not
    batch_size       samples of `batch`
    setup_s          seconds to build, compile and start, once
    peak_mb          largest resident memory of one process, in MB
    compared         neuron steps of the last layer compared with the expected ones
    spikes           spikes expected among them
    different        neuron steps that differ
    leaves_out       what the simulator cannot do, or does in another way
    synops           stored weights added because a spike arrived, a step and sample
    versions         of the packages that matter, and Python's
    threads          asked for

Needs numpy alone.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.workload_file import Workload, read

REPEATS_LEAST = 3
MOST_SAMPLES = 256
"""Run at once by simulators that keep every state, so that their memory suffices."""

WARM_UP = 2


@dataclass(frozen=True)
class Options:
    """What a program was told.

    Attributes:
        threads: processor cores to use, where the simulator can be told.
        seconds: to measure for, about, in each way.
        variant: which of several ways to build the network, for peers that have some.
    """

    threads: int = 1
    seconds: float = 2.0
    variant: str = ""


@dataclass(frozen=True)
class Findings:
    """What a peer found; `main` adds the rest. See the module's text."""

    single: dict[str, float] | None
    batch: dict[str, float] | None
    batch_size: int
    setup_s: float
    compared: int
    spikes: int
    different: int
    peak_mb: float | None = None
    leaves_out: tuple[str, ...] = field(default=())


class SampleSimulator(Protocol):
    """A simulator that runs samples from cleared state."""

    def prepare(self, spikes: NDArray[np.uint8]) -> Any:
        """Return spikes (samples, channels, time) in the simulator's form; not timed."""

    def run(self, prepared: Any) -> Any:
        """Run them; timed."""

    def outputs(self, result: Any) -> NDArray[Any]:
        """Return the last layer's spikes, (samples, neurons, time) of 0 and 1; not timed."""


def main(measure: Callable[[Workload, Options], Findings], packages: Sequence[str]) -> None:
    """Read the command line, measure, print one JSON object on the last line of output."""
    arguments = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    arguments.add_argument("workload", type=Path, help="a file of `workload_file.write`")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--seconds", type=float, default=2.0)
    arguments.add_argument("--variant", default="")
    given = arguments.parse_args()
    options = Options(given.threads, given.seconds, given.variant)
    workload = read(given.workload)
    found = dict(vars(measure(workload, options)))
    found["synops"] = workload.synops
    if found["peak_mb"] is None:
        found["peak_mb"] = peak_mb()
    found["versions"] = {name: version(name) for name in packages}
    found["versions"]["python"] = platform.python_version()
    print("\n" + json.dumps({**found, "threads": options.threads}), flush=True)


def refuse_delays(workload: Workload) -> None:
    """End the program where the workload has delays, which the simulator does not have."""
    if workload.delayed:
        raise SystemExit("it has no delays of single neurons")


def peak_mb() -> float:
    """Return the largest resident memory of this process and of each that it waited for, MB.

    Linux hands the size of whoever started a program on to its `ru_maxrss`; `VmHWM` is its own.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    status = Path("/proc/self/status")
    if status.exists():
        line = next(each for each in status.read_text().splitlines() if "VmHWM" in each)
        own = int(line.split()[1])
    else:
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * unit / 1e6


def spread(microseconds: Sequence[float]) -> dict[str, float]:
    """Return the median, the quartiles and the number of repeats."""
    low, middle, high = np.percentile(microseconds, (25, 50, 75)).tolist()
    return {"median": middle, "low": low, "high": high, "repeats": len(microseconds)}


def time_calls(call: Callable[[int], Any], seconds: float, work: float) -> dict[str, float]:
    """Time call(0), call(1), ... for about so many seconds, after a warm-up.

    Args:
        call: what to time; it is given the number of the call.
        seconds: to measure for.
        work: by which the times are divided, steps times samples.
    """
    warm_up_ends = time.perf_counter() + seconds
    for k in range(WARM_UP):
        if not k or time.perf_counter() < warm_up_ends:
            call(k)
    times: list[float] = []
    ends = time.perf_counter() + seconds
    while len(times) < REPEATS_LEAST or time.perf_counter() < ends:
        began = time.perf_counter()
        call(len(times))
        times.append(1e6 * (time.perf_counter() - began) / work)
    return spread(times)


def count_different(
    given: NDArray[Any], expected: NDArray[np.uint8], *, steps: int | None = None
) -> dict[str, int]:
    """Return `compared`, `spikes` and `different` of arrays with time last, up to `steps`."""
    given, expected = given[..., :steps], expected[..., :steps]
    if given.shape != expected.shape:
        raise ValueError(f"the output has shape {given.shape}; it must be {expected.shape}")
    return {
        "compared": int(expected.size),
        "spikes": int(expected.sum()),
        "different": int((given.astype(np.uint8) != expected).sum()),
    }


def run_samples(
    build: Callable[[], SampleSimulator],
    workload: Workload,
    options: Options,
    leaves_out: Sequence[str] = (),
    *,
    most: int | None = MOST_SAMPLES,
) -> Findings:
    """Measure a simulator one sample at a time and all at once, up to `most`, and compare them."""
    began = time.perf_counter()
    simulator = build()
    setup = time.perf_counter() - began
    spikes, expected = workload.spikes[:most], workload.expected[:most]
    samples, _, steps = spikes.shape
    every = simulator.prepare(spikes)
    counts = count_different(simulator.outputs(simulator.run(every)), expected)
    each = [simulator.prepare(sample[None]) for sample in spikes]
    single = time_calls(lambda k: simulator.run(each[k % samples]), options.seconds, steps)
    batch = time_calls(lambda _: simulator.run(every), options.seconds, steps * samples)
    return Findings(single, batch, samples, setup, **counts, leaves_out=tuple(leaves_out))


def chunks(steps: int, length: int) -> list[int]:
    """Split so many steps into runs of that length, and a shorter last one."""
    return [min(length, steps - start) for start in range(0, steps, length)]
