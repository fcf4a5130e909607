"""Compare the training speed of neurodeploy, stock lava-dl and other libraries.

    python -m benchmarks.training [--peers all] [--threads 1 2] [--networks delays dense conv]
        [--har] [--markdown docs/benchmarks/training-speed.md] [--json FILE]

All libraries train the same networks on the same batches: dense layers with axonal delays (only
lava-dl and neurodeploy) and without, and convolutions, the preset "conv". Before timing, spikes and
gradients of neurodeploy must equal those of stock lava-dl. `--har` adds an epoch of the task `har`.
Libraries take turns, so that other load on the machine affects all of them. `benchmarks.programs`
lists the libraries.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks import pages, programs
from benchmarks.pages import Table, number
from benchmarks.peers import lava_dl, workload
from benchmarks.peers.workload import (
    CURRENT_DECAY,
    PADDING,
    STRIDE,
    THRESHOLD,
    VOLTAGE_DECAY,
    TrainingWorkload,
)
from benchmarks.programs import HAR_TRAINERS, OURS, STOCK, TRAINERS, Program
from benchmarks.simulators import exactness
from neurodeploy.models import loihi

INPUT_RATE: Final = 0.1
BATCHES: Final = 8
LONGEST_DELAY: Final = 30
WEIGHT_STEP: Final = 2 / loihi.SLAYER_SCALE
"""Weights are multiples of it, so that SLAYER's rounding does not change them."""
DRIVE: Final = 0.55
"""Standard deviation of weights * sqrt(number of senders); about 5% of neurons fire per step."""
GRADIENT_TOLERANCE: Final = 1e-4
HAR_ROUNDS: Final = 3
NETWORKS: Final = {
    "delays": "With axonal delays",
    "dense": "Without delays",
    "conv": "Convolutions",
}
"""Names of the networks -> headings of their tables."""
IMAGE: Final = (2, 34, 34)
CONV: Final = ((8, 2, 3, 3), (16, 8, 3, 3), (128, 16 * 9 * 9), (10, 128))
"""Input and weights of the preset "conv" on images of N-MNIST's size."""


@dataclass
class Run:
    """The results of one library on one number of threads.

    Attributes:
        name, title: key and title of the library.
        threads: number of threads.
        ms: duration of every step of all turns, in milliseconds.
        figures: figures of the last turn, see `benchmarks.peers.measuring`, or None.
        reason: reason why figures are missing, in one line, else "".
    """

    name: str
    title: str
    threads: int
    ms: list[float] = field(default_factory=list)
    figures: dict[str, Any] | None = None
    reason: str = ""

    @property
    def median_ms(self) -> float | None:
        """Median duration of a step, or None without steps."""
        return median(self.ms) if self.ms and not self.reason else None


@dataclass(frozen=True)
class Result:
    """A workload and its results.

    Attributes:
        name: short name.
        about: description in one line.
        samples: samples per step.
        runs: one per library and number of threads.
        unit: "ms" per step or "s" per epoch.
    """

    name: str
    about: str
    samples: int
    runs: list[Run]
    unit: str = "ms"

    def ratio(self, over: str, under: str, threads: int) -> float | None:
        """Return how many times longer `over` takes than `under`."""
        found = {run.name: run.median_ms for run in self.runs if run.threads == threads}
        one, other = found.get(over), found.get(under)
        return None if one is None or other is None else one / other


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print one table per workload."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = _options().parse_args(words)
    # Stop child processes on SIGTERM, as on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = programs.chosen(TRAINERS, args.peers, (STOCK, OURS))
    results: list[Result] = []
    dense = tuple((after, before) for before, after in pairwise(args.sizes))
    networks: dict[str, tuple[tuple[int, ...], Sequence[tuple[int, ...]], bool]] = {
        "delays": ((), dense, True),
        "dense": ((), dense, False),
        "conv": (IMAGE, CONV, False),
    }
    for name in args.networks:
        image, weights, delays = networks[name]
        results.append(_network(name, names, args, image, weights, delays))
        table_of(results[-1]).show()
    if args.har:
        results.append(_har(args))
        table_of(results[-1]).show()
    if args.json:
        args.json.write_text(json.dumps([asdict(result) for result in results], indent=1))
    if args.markdown:
        found = {run.title: run.figures for each in results for run in each.runs if run.figures}
        pages.write(
            args.markdown, "training", words, tables=[table_of(each) for each in results],
            har=args.har, versions=programs.versions_table(found),
        )  # fmt: skip
    return 0


def _network(
    name: str,
    names: Sequence[str],
    args: argparse.Namespace,
    image: tuple[int, ...],
    weights: Sequence[tuple[int, ...]],
    delays: bool,
) -> Result:
    """Measure the network of a name in `NETWORKS`; see `make`."""
    torch.set_num_threads(1)  # lava-dl's loops over time are several times slower with two
    job = make(weights, args.batch, args.steps, image=image, delays=delays)
    agreement = check(job)
    rates = ", ".join(f"{rate:.1%}" for rate in firing(job))
    sizes = "-".join("x".join(map(str, shape)) for shape in job.shapes)
    about = (
        f"{sizes}, batch {args.batch}, {args.steps} steps, {rates} firing; "
        f"neurodeploy equals lava-dl in {agreement.spikes:,} spikes, gradients within "
        f"{agreement.gradient:.0e}"
    )
    chosen = {name: TRAINERS[name] for name in names if TRAINERS[name].delays or not delays}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "workload.npz"
        workload.write(job, path)
        runs = measure(
            chosen, path, args.threads, seconds=args.seconds, limit_s=args.limit, rounds=args.rounds
        )
    return Result(NETWORKS[name], about, args.batch, runs)


def _har(args: argparse.Namespace) -> Result:
    """Measure epochs of `har` on two threads."""
    from neurodeploy import task

    data = task("har")
    samples, batch = len(data.train), data.config.batch_size
    runs = measure(HAR_TRAINERS, Path("har"), [2], seconds=0, limit_s=args.limit, rounds=HAR_ROUNDS)
    about = f"an epoch of {samples:,} samples, batch {batch}, axonal delays"
    return Result("har", about, samples, runs, "s")


def measure(
    table: Mapping[str, Program],
    path: Path,
    threads: Sequence[int],
    *,
    seconds: float,
    limit_s: float,
    rounds: int,
) -> list[Run]:
    """Measure libraries in turns.

    Args:
        table: the libraries.
        path: path of the workload.
        threads: numbers of threads; every library runs with each.
        seconds: approximate training time of each library over all rounds.
        limit_s: time limit of one turn in seconds, including its start.
        rounds: number of turns per library.
    """
    runs = [Run(name, each.title, count) for name, each in table.items() for count in threads]
    for _ in tqdm(range(rounds), desc="rounds", disable=None):
        for run in runs:
            if run.reason:
                continue
            found, run.reason = programs.run(
                table[run.name], path, threads=run.threads, seconds=seconds / rounds,
                limit_s=limit_s,
            )  # fmt: skip
            if found is not None:
                run.ms += found.pop("ms")
                peak = max(found["peak_mb"], (run.figures or found)["peak_mb"])
                run.figures = {**found, "peak_mb": peak}
    return runs


def make(
    shapes: Sequence[tuple[int, ...]],
    batch: int,
    steps: int,
    *,
    image: tuple[int, ...] = (),
    delays: bool,
    seed: int = 1,
) -> TrainingWorkload:
    """Return a workload; weights, input and labels are the same with and without delays.

    Args:
        shapes: shape of the weights of each layer, see `TrainingWorkload`.
        batch: samples of a batch.
        steps: time steps.
        image: shape of the input if the first layer is a convolution.
        delays: whether the hidden layers have axonal delays.
        seed: seed of the random numbers.
    """
    rng, inputs = np.random.default_rng(seed), int(np.prod(image)) if image else shapes[0][1]
    spikes = rng.random((BATCHES, batch, inputs, steps)) < INPUT_RATE
    labels = rng.integers(0, shapes[-1][0], (BATCHES, batch))
    weights = tuple(
        (
            np.rint(rng.normal(0, DRIVE / np.sqrt(np.prod(shape[1:])), shape) / WEIGHT_STEP)
            * WEIGHT_STEP
        )
        .clip(-2, 2)
        .astype(np.float32)
        for shape in shapes
    )
    drawn = tuple(
        rng.uniform(0, LONGEST_DELAY, shape[0]).astype(np.float32) for shape in shapes[:-1]
    )
    unknown = np.zeros(0, np.uint8)
    job = TrainingWorkload(
        weights, drawn if delays else (), spikes.astype(np.uint8), labels, unknown, unknown,
        np.array(image, np.int64),
    )  # fmt: skip
    return replace(
        job,
        expected=lava_dl.trainer_of(job, "stock").outputs(),
        in_floats=unknown if delays else run_in_floats(job),
    )


def run_in_floats(job: TrainingWorkload) -> NDArray[np.uint8]:
    """Return the last layer's spikes on the first batch, with states in double precision.

    u = decay(u) + weighted input; v = decay(v) + u. If v exceeds the threshold, the neuron fires
    and v is reset to 0. Spikes reach the next layer in the same step.
    """
    arriving = torch.from_numpy(job.spikes[0].transpose(2, 0, 1).astype(np.float64))
    for weight, shape in zip(job.weights, job.shapes):
        inputs = weighted(torch.from_numpy(weight).double(), arriving, shape).numpy()
        current = voltage = np.zeros(inputs.shape[1:])
        fired = np.zeros(inputs.shape, np.bool_)
        for step, now in enumerate(inputs):
            current = current * (1 - CURRENT_DECAY / loihi.DECAY_ONE) + now
            voltage = voltage * (1 - VOLTAGE_DECAY / loihi.DECAY_ONE) + current
            fired[step] = voltage > THRESHOLD
            voltage = np.where(fired[step], 0, voltage)
        arriving = torch.from_numpy(fired.astype(np.float64))
    return arriving.numpy().transpose(1, 2, 0).astype(np.uint8)


def weighted(weight: torch.Tensor, spikes: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the weighted input (time, batch, neurons) of a layer whose senders have a shape."""
    if weight.ndim == 2:
        return spikes @ weight.T
    images = spikes.reshape(-1, *shape)
    sums = torch.nn.functional.conv2d(images, weight, stride=STRIDE, padding=PADDING)
    return sums.reshape(*spikes.shape[:2], -1)


def check(job: TrainingWorkload) -> lava_dl.Agreement:
    """Compare spikes and gradients of neurodeploy with those of stock lava-dl before training.

    Raises:
        SystemExit: if a spike or a gradient differs, or if no neuron fires.
    """
    found = lava_dl.compare(job)
    if found.different or not found.spikes:
        raise SystemExit(f"{found.different} of {found.spikes} spikes differ from stock lava-dl's")
    if not found.gradient <= GRADIENT_TOLERANCE:
        raise SystemExit(
            f"a gradient differs from stock lava-dl's by {found.gradient:.1e} of its largest value"
        )
    return found


def firing(job: TrainingWorkload) -> list[float]:
    """Return the fraction of each layer's neurons that fire per step before training."""
    trainer = lava_dl.trainer_of(job, "compiled")
    with torch.no_grad():
        return [float(each.mean()) for each in trainer.network.layer_spikes(trainer.batches[0])]


def table_of(result: Result) -> Table:
    """Return the table of one workload, with a row per library."""
    threads = list(dict.fromkeys(run.threads for run in result.runs))
    words = [f"{count} thread{'s' * (count > 1)}" for count in threads]
    headings = ["library", *(f"{result.unit}, {each}" for each in words), "samples/s"]
    headings += [f"{over}, {each}" for over in ("x lava-dl", "neurodeploy x") for each in words]
    rows = []
    for name in dict.fromkeys(run.name for run in result.runs):
        runs = [run for run in result.runs if run.name == name]
        times = [run.median_ms for run in runs]
        known = [time for time in times if time is not None]
        scale = 1000 if result.unit == "s" else 1
        figures = next((run.figures for run in runs if run.figures), None)
        ends = next((run.reason for run in runs if run.reason), "yes")
        if ends == "yes" and figures and "different" in figures:
            ends = exactness(figures)
        peaks = [run.figures["peak_mb"] for run in runs if run.figures]
        rows.append([
            runs[0].title,
            *(number(None if time is None else time / scale) for time in times),
            number(1e3 * result.samples / min(known)) if known else "-",
            *(number(result.ratio(STOCK, name, count)) for count in threads),
            *(number(result.ratio(name, OURS, count)) for count in threads),
            f"{max(peaks):,.0f}" if peaks else "-",
            ends,
        ])  # fmt: skip
    return Table(result.name, result.about, [*headings, "peak MB", "exact?"], rows)


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument(
        "--peers", default="all",
        help=f"comma-separated names, 'all' or 'none'; names: {', '.join(TRAINERS)}",
    )  # fmt: skip
    options.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="thread counts")
    options.add_argument(
        "--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS),
        help="dense layers with delays, without delays, and the preset conv; all by default",
    )  # fmt: skip
    options.add_argument("--har", action="store_true", help="also measure epochs of the task har")
    options.add_argument("--sizes", type=int, nargs="+", default=[12, 128, 128, 6])
    options.add_argument("--batch", type=int, default=64, help="samples per step")
    options.add_argument("--steps", type=int, default=128, help="time steps per sample")
    options.add_argument(
        "--seconds", type=float, default=20.0, help="training time of each in all rounds"
    )
    options.add_argument("--rounds", type=int, default=5, help="turns per library")
    options.add_argument("--limit", type=float, default=600.0, help="time limit of a turn, seconds")
    options.add_argument("--json", type=Path, help="write all figures to this file")
    options.add_argument("--markdown", type=Path, help="write all tables to this file")
    return options


if __name__ == "__main__":
    sys.exit(main())
