"""One stream that is never cleared: this project's `Stream`, and Lava's stock simulator.

    python -m benchmarks.peers.own_streams WORKLOAD.npz --variant fast|own-lava|lava [--threads 1]

A variant with a number, as in fast-128, runs chunks of so many steps; without one, single steps.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import measuring
from benchmarks.peers.own import network_of
from benchmarks.peers.workload import Workload
from neurodeploy.export import netx
from neurodeploy.hw_sim.streaming import Stream

MOST_STREAMS = 1_000
LAVA_CHUNKS, LAVA_FIRST = 30, 64
"""Chunks of Lava that are timed, and the steps of the first one, which pays for the start."""


def chunk_of(variant: str) -> tuple[str, int]:
    """Return the simulator of a variant and the steps per call."""
    name, _, steps = variant.rpartition("-") if variant[-1].isdigit() else (variant, "", "1")
    return name, int(steps)


def run_fast(workload: Workload, options: measuring.Options, chunk: int) -> measuring.Findings:
    """Measure one stream and, if it runs single steps, a thousand side by side."""
    network, spikes = network_of(workload), workload.stream
    stream = Stream(network, threads=options.threads)
    calls, run = _calls(stream, spikes[None], chunk)
    found = np.concatenate([run(each) for each in calls], 1)
    counts = measuring.count_different(found, workload.stream_expected[:, : found.shape[1]])

    def pass_over(_: int) -> None:
        for each in calls:
            run(each)

    single = measuring.time_calls(pass_over, options.seconds, len(calls) * chunk)
    findings = measuring.stream_findings([single["median"]], 0.0, counts)
    if chunk > 1:
        return {**findings, "single": single}
    batch, wrong = _many_streams(network, workload, options)
    counts["different"] += wrong
    return {**findings, **counts, "single": single, "batch": batch, "batch_size": MOST_STREAMS}


def _calls(
    stream: Stream, spikes: NDArray[Any], chunk: int
) -> tuple[list[NDArray[Any]], Callable[[NDArray[Any]], NDArray[Any]]]:
    """Return the arguments of calls over spikes (1, channels, steps), and what to call, which
    returns the spikes of the last layer (neurons, steps)."""
    if chunk == 1:
        each = np.ascontiguousarray(spikes.transpose(2, 0, 1))
        return list(each), lambda now: stream.step(now).T
    whole = range(chunk, spikes.shape[2] // chunk * chunk + 1, chunk)
    parts = [np.ascontiguousarray(part) for part in np.split(spikes, whole, axis=2)[:-1]]
    return parts, lambda part: np.asarray(stream.run(part).spikes[-1][0])


def _many_streams(
    network: Any, workload: Workload, options: measuring.Options
) -> tuple[dict[str, float], int]:
    """Return the time per step and stream of many streams, and how many neuron steps differ.

    Every stream runs one of the samples; the comparison starts from cleared state.
    """
    stream = Stream(network, MOST_STREAMS, threads=options.threads)
    which = np.arange(MOST_STREAMS) % len(workload.spikes)
    calls = list(np.ascontiguousarray(workload.spikes[which].transpose(2, 0, 1)))
    found = np.stack([stream.step(each) for each in calls], 2)
    wrong = int((found != workload.expected[which]).sum())

    def pass_over(_: int) -> None:
        for each in calls:
            stream.step(each)

    return measuring.time_calls(pass_over, options.seconds, len(calls) * MOST_STREAMS), wrong


def timed(
    lengths: Sequence[int], seconds: Sequence[float], found: Any, workload: Workload
) -> measuring.Findings:
    """Return the findings of pieces of a stream, of which the first pays for the start."""
    pieces = [1e6 * s / length for s, length in zip(seconds[1:], lengths[1:])]
    counts = measuring.count_different(found, workload.stream_expected, steps=sum(lengths))
    return measuring.stream_findings(pieces, seconds[0], counts)


def run_own_lava(workload: Workload, options: measuring.Options, chunk: int) -> measuring.Findings:
    """Measure our Lava backend's stream, chunk by chunk."""
    lengths, seconds, parts, start = [LAVA_FIRST, *[chunk] * LAVA_CHUNKS], [], [], 0
    with Stream(network_of(workload), backend="lava") as stream:
        for length in lengths:
            part = workload.stream[None, :, start : start + length]
            began = time.perf_counter()
            parts.append(stream.run(part).spikes[-1][0])
            seconds.append(time.perf_counter() - began)
            start += length
    return timed(lengths, seconds, np.concatenate(parts, 1), workload)


def run_stock_lava(
    workload: Workload, options: measuring.Options, chunk: int
) -> measuring.Findings:
    """Measure netx and `Loihi2SimCfg(select_tag="fixed_pt")`, chunk by chunk."""
    from benchmarks import stock_lava

    lengths = [LAVA_FIRST, *[chunk] * LAVA_CHUNKS]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.net"
        netx.write(network_of(workload), path)
        seconds, output = stock_lava.run(str(path), workload.stream[:, : sum(lengths)], lengths)
    return timed(lengths, seconds, output, workload)


RUNS = {"fast": run_fast, "own-lava": run_own_lava, "lava": run_stock_lava}


def run(workload: Workload, options: measuring.Options) -> measuring.Findings:
    """Measure a variant."""
    name, chunk = chunk_of(options.variant)
    return RUNS[name](workload, options, chunk)


PACKAGES = {"fast": ("numba", "numpy"), "own-lava": ("lava-nc",), "lava": ("lava-nc", "lava-dl")}

if __name__ == "__main__":
    measuring.main(PACKAGES[chunk_of(sys.argv[sys.argv.index("--variant") + 1])[0]], run)
