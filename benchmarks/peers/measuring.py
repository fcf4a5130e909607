"""What the programs share: options, timing, comparison and the JSON object that they print.

A simulator that can clear its state runs samples, alone or many at once (`run_samples`); one that
cannot runs a stream, the samples one after the other without a pause. A trainer takes steps
(`train`). The JSON object holds

    single, batch    microseconds per step and sample, one sample at a time (another each time) and
                     all at once: median, low and high (quartiles), repeats; null if it does not
    batch_size       samples of `batch`
    ms               milliseconds of each step of a training
    setup_s          seconds to build, compile and start
    peak_mb          largest resident memory of one process, in MB
    compared         neuron steps of the last layer compared with the expected ones
    spikes           spikes expected among them
    different        neuron steps that differ
    leaves_out       what the program cannot do, or does in another way
    synops           stored weights added because a spike arrived, per step and sample
    versions         of the packages that matter, and Python's

Needs numpy alone.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.workload import TrainingWorkload, Workload, read

REPEATS_MIN = 3
SAMPLES_MAX = 256
"""Run at once by simulators that keep every state, so that their memory suffices."""
WARM_UP = 2

Findings = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """Options of a program.

    Attributes:
        threads: processor cores to use, where the program can be told.
        seconds: to measure for, about, in each way.
        variant: which of several ways to build the network, for programs that have some.
    """

    threads: int = 1
    seconds: float = 2.0
    variant: str = ""


class SampleSimulator(Protocol):
    """A simulator that runs samples from cleared state."""

    def prepare(self, spikes: NDArray[np.uint8]) -> Any:
        """Return spikes (samples, channels, time) in the simulator's form; not timed."""

    def run(self, prepared: Any) -> Any:
        """Run them; timed."""

    def outputs(self, result: Any) -> NDArray[Any]:
        """Return the last layer's spikes, (samples, neurons, time) of 0 and 1; not timed."""


class Trainer(Protocol):
    """Something that trains."""

    steps_to_restart: int

    def restart(self) -> None:
        """Go back to the start; not timed."""

    def step(self, index: int) -> None:
        """Take a step, `index` of them after the start; timed."""


def main(
    packages: Sequence[str] | Mapping[str, Sequence[str]],
    simulate: Callable[[Workload, Options], Findings] | None = None,
    train: Callable[[TrainingWorkload, Options], Findings] | None = None,
) -> None:
    """Read the command line, measure, print one JSON object on the last line of output.

    Args:
        packages: whose versions matter, for each variant where they differ.
        simulate: measures a simulation.
        train: measures a training, with --train.
    """
    arguments = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    arguments.add_argument("workload", type=Path, help="a file of `workload.write`")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--seconds", type=float, default=2.0)
    arguments.add_argument("--variant", default="")
    arguments.add_argument("--train", action="store_true", help="train the network")
    args = arguments.parse_args()
    options = Options(args.threads, args.seconds, args.variant)
    names = packages[args.variant] if isinstance(packages, Mapping) else packages
    if args.train:
        assert train is not None
        found = train(read(TrainingWorkload, args.workload), options)
    else:
        assert simulate is not None
        workload = read(Workload, args.workload)
        found = {"synops": workload.synops, "leaves_out": (), **simulate(workload, options)}
    report(found, names)


def report(found: Findings, packages: Sequence[str]) -> None:
    """Print what a program found, with versions and memory."""
    versions = {**{name: version(name) for name in packages}, "python": platform.python_version()}
    print("\n" + json.dumps({"peak_mb": peak_mb(), **found, "versions": versions}), flush=True)


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
    while len(times) < REPEATS_MIN or time.perf_counter() < ends:
        began = time.perf_counter()
        call(len(times))
        times.append(1e6 * (time.perf_counter() - began) / work)
    return spread(times)


def count_different(
    found: NDArray[Any], expected: NDArray[np.uint8], *, steps: int | None = None
) -> dict[str, int]:
    """Return `compared`, `spikes` and `different` of arrays with time last, up to `steps`."""
    found, expected = found[..., :steps], expected[..., :steps]
    if found.shape != expected.shape:
        raise ValueError(f"the output has shape {found.shape}; it must be {expected.shape}")
    return {
        "compared": int(expected.size),
        "spikes": int(expected.sum()),
        "different": int((found.astype(np.uint8) != expected).sum()),
    }


def stream_findings(microseconds: Sequence[float], setup_s: float, counts: Findings) -> Findings:
    """Return the findings of a simulator that runs a stream."""
    single = spread(microseconds)
    return {"single": single, "batch": None, "batch_size": 0, "setup_s": setup_s, **counts}


def run_samples(
    build: Callable[[], SampleSimulator],
    workload: Workload,
    options: Options,
    *,
    most: int | None = SAMPLES_MAX,
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
    return {"single": single, "batch": batch, "batch_size": samples, "setup_s": setup, **counts}


def train_steps(
    trainer: Trainer, seconds: float, *, least: int = 2, warm_up: int = WARM_UP
) -> list[float]:
    """Return the milliseconds of each step for about so many seconds, at least `least` steps.

    Every few steps the trainer goes back to its start, so that the network fires alike whatever
    the number of steps.
    """
    for index in range(min(warm_up, trainer.steps_to_restart)):
        trainer.step(index)
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
