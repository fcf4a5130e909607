"""Decisions over time: in windows from cleared state, or in continuous operation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.data.encoders.encoder import EncoderStream
from neurodeploy.data.inputs import load_input
from neurodeploy.evaluation.simulation import simulate
from neurodeploy.hw_sim.activity import Activity
from neurodeploy.hw_sim.readout import leaky_counts, memory_steps, outputs
from neurodeploy.hw_sim.streaming import Stream
from neurodeploy.models.errors import InputError, require
from neurodeploy.models.network import QuantizedNetwork, TaskDescription, check_network
from neurodeploy.predict import clock
from neurodeploy.predict.clock import Piece
from neurodeploy.predict.columns import Columns, Intake, choose, intake
from neurodeploy.predict.joining import JoinedSource
from neurodeploy.predict.sources import Source, open_source

BATCH: Final = 256
"""Windows to run at a time."""

STEPS: Final = 4096
"""Steps of continuous operation to run at a time."""


Way: TypeAlias = Literal["windows", "continuous"]


@dataclass(frozen=True)
class Decision:
    """What a network decides at one time of a recording.

    Attributes:
        time_s: seconds from the first row of the recording to the last one that the decision uses.
        class_name: name of the class of the largest output; "" if no output neuron has spiked.
        score: share of the output spikes that are of this class, 0 to 1; in continuous operation
            of the leaky counts. For a network that is read by its voltage or values, that output.
        gap: why the state was cleared since the decision before: "missing rows", "not a number" or
            "clock" (it ran backwards), joined by "; " if several; "" if it was not.
        way: "windows" or "continuous".

    Examples:
        >>> neurodeploy.Decision(2.56, "WALKING", 0.93).gap
        ''
    """

    time_s: float
    class_name: str
    score: float
    gap: str = ""
    way: Way = "windows"


class Observer(Protocol):
    """Sees what a prediction does, for pictures and costs."""

    def piece(self, piece: Piece) -> None:
        """See rows, at the rate of the network."""

    def ran(self, activity: Activity, times: NDArray[np.float64], way: Way) -> None:
        """See the activity (batch, neurons, steps), and the time of the last row of each sample."""


@dataclass(frozen=True)
class Plan:
    """How to predict, in rows of signal.

    Attributes:
        network: the network.
        wanted: what it takes.
        rate_hz: rows per second.
        window: rows per window; in continuous operation, rows before the first decision.
        hop: rows from one decision to the next.
        memory: memory of the leaky counts in time steps.
        backend: name of the backend.
        both: whether to decide in both ways.
    """

    network: QuantizedNetwork
    wanted: Intake
    rate_hz: float
    window: int
    hop: int
    memory: float
    backend: str = "fast"
    both: bool = False

    def decide(self, values: NDArray[Any], time_s: float, gap: str, way: Way) -> Decision:
        """Return the decision of the outputs (outputs,)."""
        best, total = int(values.argmax()), float(values.sum())
        names, score = self.network.task.class_names, float(values[best])
        name = names[best] if names else str(best)
        if self.network.readout == "spikes":
            name, score = (name, score / total) if total > 0 else ("", 0.0)
        return Decision(round(time_s, 6), name, score, gap, way)


class Windows:
    """Decisions from windows, each from cleared state and encoded by itself, as in training."""

    def __init__(self, plan: Plan, observers: Sequence[Observer] = ()) -> None:
        self.plan, self.observers = plan, observers
        self.gap = ""
        self._clear()

    def close(self) -> None:
        """Do nothing: windows hold no process."""

    def _clear(self) -> None:
        self.values: NDArray[np.float64] | None = None
        self.times = np.zeros(0)
        self.skip = 0

    def push(self, piece: Piece) -> Iterator[Decision]:
        """Yield the decisions that the rows of a piece complete."""
        if piece.gap:
            self._clear()
            self.gap = _both(self.gap, piece.gap)
        before = piece.values[:0] if self.values is None else self.values
        values = np.concatenate([before, piece.values])
        times = np.concatenate([self.times, piece.times])
        window, hop = self.plan.window, self.plan.hop
        starts = np.arange(self.skip, len(values) - window + 1, hop)
        for first in range(0, len(starts), BATCH):
            yield from self._run(values, times, starts[first : first + BATCH])
        used = int(starts[-1]) + hop if len(starts) else self.skip
        keep = min(used, len(values))
        self.values, self.times, self.skip = values[keep:], times[keep:], used - keep

    def _run(
        self, values: NDArray[np.float64], times: NDArray[np.float64], starts: NDArray[np.int64]
    ) -> Iterator[Decision]:
        plan = self.plan
        cut = np.stack([values[start : start + plan.window].T for start in starts])
        encoder = plan.wanted.encoder
        spikes = cut if encoder is None else encoder.encode(cut)
        activity = simulate(plan.network, spikes, backend=plan.backend)
        ends = times[starts + plan.window - 1]
        for observer in self.observers:
            observer.ran(activity, ends, "windows")
        for found, end in zip(outputs(plan.network, activity), ends, strict=True):
            gap, self.gap = self.gap, ""
            each = found / plan.network.neurons_per_output
            yield plan.decide(each, float(end), gap, "windows")


class Continuous:
    """Decisions of a network that runs on, from leaky counts of its output spikes."""

    def __init__(self, plan: Plan, observers: Sequence[Observer] = ()) -> None:
        self.plan, self.observers = plan, observers
        self.gap = ""
        if plan.network.readout != "spikes":
            raise InputError(
                "continuous operation counts output spikes, and this network is read by its "
                f"{plan.network.readout}; predict in windows"
            )
        encoder = plan.wanted.encoder
        channels = plan.wanted.channels
        self.encoder = None if encoder is None else EncoderStream(encoder, channels)
        self.stream = Stream(plan.network, backend=plan.backend)
        self.counts = np.zeros(plan.network.outputs)
        self.rows = 0

    def push(self, piece: Piece) -> Iterator[Decision]:
        """Yield the decisions that fall into a piece."""
        if piece.gap:
            self.gap = _both(self.gap, piece.gap)
            self._clear()
        for start in range(0, len(piece.values), STEPS):
            part = slice(start, start + STEPS)
            yield from self._run(piece.values[part], piece.times[part])

    def close(self) -> None:
        """End the process of the backend, if it has one."""
        self.stream.close()

    def _clear(self) -> None:
        """Clear the state of encoder, network and counts."""
        if self.encoder is not None:
            self.encoder.reset()
        self.stream.reset()
        self.counts = np.zeros(self.plan.network.outputs)
        self.rows = 0

    def _run(self, values: NDArray[np.float64], times: NDArray[np.float64]) -> Iterator[Decision]:
        plan, network = self.plan, self.plan.network
        activity = self.stream.run(self._spikes(values.T[None]))
        for observer in self.observers:
            observer.ran(activity, times[-1:], "continuous")
        sent = activity.spikes[-1][0]
        grouped = sent.reshape(network.outputs, network.neurons_per_output, -1).sum(1)
        counts = leaky_counts(grouped, plan.memory, self.counts)
        self.counts = counts[:, -1]
        per_row = counts.shape[1] // len(times)
        done = self.rows + 1 + np.arange(len(times))  # rows since the state was cleared
        self.rows += len(times)
        for at in np.flatnonzero((done >= plan.window) & ((done - plan.window) % plan.hop == 0)):
            gap, self.gap = self.gap, ""
            latest = counts[:, (at + 1) * per_row - 1]
            yield plan.decide(latest, float(times[at]), gap, "continuous")

    def _spikes(self, signals: NDArray[np.float64]) -> NDArray[Any]:
        if self.encoder is not None:
            return self.encoder.encode(signals)
        plain = replace(self.plan.network, task=TaskDescription())  # no steps after each chunk
        return load_input(signals, plain).spikes


class Both:
    """Decisions of both ways, in turn, at the same times."""

    def __init__(self, plan: Plan, observers: Sequence[Observer] = ()) -> None:
        self.ways = Windows(plan, observers), Continuous(plan, observers)

    def push(self, piece: Piece) -> Iterator[Decision]:
        """Yield the decisions that a piece completes: windows, continuous, windows, ..."""
        for pair in zip(*(way.push(piece) for way in self.ways), strict=True):
            yield from pair

    def close(self) -> None:
        """End the process of the backend, if it has one."""
        for way in self.ways:
            way.close()


def _both(before: str, gap: str) -> str:
    return gap if before in ("", gap) or before in gap.split("; ") else f"{before}; {gap}"


class Predictions:
    """The decisions on a recording, one after the other: an iterator.

    Attributes:
        plan: how they are made.
        columns: the columns that are used.
        notes: sentences on what was assumed or left out so far.
        made: number of decisions so far.
        gaps: number of times that the state was cleared so far.
        seconds: seconds of the recording so far, at the rate of the network.
    """

    def __init__(self, plan: Plan, columns: Columns, notes: list[str]) -> None:
        self.plan, self.columns, self.notes = plan, columns, notes
        self.made = self.gaps = 0
        self.seconds = 0.0
        self.decisions: Iterator[Decision] = iter(())

    def __repr__(self) -> str:
        return f"Predictions({self.made:,} decisions on {self.seconds:,.2f} s of signal so far)"

    def __iter__(self) -> Iterator[Decision]:
        return self

    def __next__(self) -> Decision:
        return next(self.decisions)


def predictions(
    network: QuantizedNetwork,
    source: str | Path | Sequence[str | Path] | ArrayLike | Iterator[Any],
    *,
    rate_hz: float | None = None,
    window: float | None = None,
    hop: float | None = None,
    continuous: bool = False,
    memory: float | None = None,
    columns: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
    time: str | None = None,
    max_gap: float | None = None,
    backend: str = "fast",
    both: bool = False,
) -> Predictions:
    """Return the decisions of a network on a recording or stream, while it arrives.

    Signals are encoded as in the network's training. In windows, each decision is that of a window
    from cleared state. In continuous operation the state is kept, as on a chip that runs on, and
    leaky counts of the output spikes decide; see `hw_sim.readout.leaky_counts`. After a gap, a
    value that is not a number or a clock that runs backwards, both start from cleared state, and
    the next decision says why.

    Args:
        network: the network.
        source: the path of a CSV or .npy file, "-" for stdin, a binary file object with CSV lines,
            an array, or an iterator of rows (channels,) or chunks (rows, channels). A list of paths
            names CSV files of one sensor each, which are joined by their times. Spikes are taken
            too, as many channels as the network has inputs.
        rate_hz: rows per second of the source; resampled if the network was trained with another
            rate. By default that of the training, which the times of the source must confirm.
        window: seconds per window; by default as in training. In continuous operation, seconds
            before the first decision.
        hop: seconds from one decision to the next; half a window by default.
        continuous: whether to keep the state.
        memory: memory of the leaky counts in seconds; by default that of the training, or half of
            a training sample.
        columns: names of the columns of the channels, in the order of the network; found by name
            by default.
        units: units of sensors whose columns state none, such as {"acc": "m/s^2"}.
        time: name of the column of times, or "none".
        max_gap: longest time between two rows in seconds; 1.75 steps of the source by default.
        backend: name of the backend, "fast" or "lava".
        both: whether to decide in both ways, in turn; see `Decision.way`.

    Raises:
        InputError: if columns, units or rate do not fit the network, or a row is damaged.

    Examples:
        >>> rows = iter(spikes[0].T)  # a row of 4 channels per step of 20 ms
        >>> found = neurodeploy.predictions(network, rows, window=0.2, hop=0.2)
        >>> [decision.time_s for decision in found]
        [0.18, 0.38, 0.58]
    """
    if isinstance(columns, str):
        raise InputError(f"columns is {columns!r}; give a list of names")
    options = Options(
        rate_hz,
        window,
        hop,
        continuous,
        memory,
        tuple(columns),
        units,
        time,
        max_gap,
        backend,
        both,
    )
    return observed(network, source, options)


@dataclass(frozen=True)
class Options:
    """The options of `predictions`.

    Raises:
        InputError: if a number is not finite and over 0, or `continuous` and `both` are given.
    """

    rate_hz: float | None = None
    window: float | None = None
    hop: float | None = None
    continuous: bool = False
    memory: float | None = None
    columns: tuple[str, ...] = ()
    units: Mapping[str, str] | None = None
    time: str | None = None
    max_gap: float | None = None
    backend: str = "fast"
    both: bool = False

    def __post_init__(self) -> None:
        if self.continuous and self.both:
            raise InputError("continuous and both are True; give one of them")
        for name in ("rate_hz", "window", "hop", "memory", "max_gap"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, Real) and 0 < float(value) < math.inf):
                raise InputError(f"{name} is {value!r}; give a finite number over 0")


def observed(
    network: QuantizedNetwork,
    source: Any,
    options: Options,
    observers: Sequence[Callable[[Plan, Columns], Observer]] = (),
) -> Predictions:
    """Return the predictions with observers of their work; see `predictions`."""
    check_network(network)
    wanted = intake(network)
    opened = _open(source, sorted({wanted.channels, wanted.inputs}))
    columns = choose(
        opened, wanted, columns=options.columns, units=options.units, time=options.time
    )
    if columns.encoded:
        wanted = wanted.of_spikes(network)
    plan = make_plan(network, wanted, options, opened.name)
    watching = [make(plan, columns) for make in observers]
    kind = Both if options.both else Continuous if options.continuous else Windows
    predictor: Windows | Continuous | Both = kind(plan, watching)
    found = Predictions(plan, columns, opened.notes)
    pieces = clock.pieces(
        opened, columns, wanted, rate_hz=options.rate_hz or plan.rate_hz, max_gap=options.max_gap
    )
    found.decisions = _decide(pieces, predictor, found, watching)
    return found


def _open(source: Any, channels: Sequence[int]) -> Source:
    """Open a source, or join several files."""
    if isinstance(source, (list, tuple)) and all(isinstance(s, (str, Path)) for s in source):
        opened = [open_source(each, channels) for each in source]
        return opened[0] if len(opened) == 1 else JoinedSource(opened)
    return open_source(source, channels)


def _decide(
    pieces: Iterator[Piece],
    predictor: Windows | Continuous | Both,
    found: Predictions,
    observers: Sequence[Observer],
) -> Iterator[Decision]:
    with closing(predictor):
        for piece in pieces:
            for observer in observers:
                observer.piece(piece)
            found.gaps += bool(piece.gap)
            found.seconds += len(piece.times) / found.plan.rate_hz
            for decision in predictor.push(piece):
                found.made += 1
                yield decision


def make_plan(network: QuantizedNetwork, wanted: Intake, options: Options, source: str) -> Plan:
    """Return windows, hops and memory in rows of signal.

    Raises:
        InputError: if rate or window is unknown, or shorter than a row.
    """
    rate = wanted.rate_hz or options.rate_hz
    if rate is None:
        raise InputError(
            f"the network stores no time step; give the rows per second of {source} with --rate"
        )
    if (options.rate_hz or rate) > rate:
        require("resampling to a lower rate", "scipy")
    window = wanted.window if options.window is None else round(options.window * rate)
    if window is None:
        raise InputError(
            "the network stores no number of time steps; give the seconds of a window with --window"
        )
    hop = max(window // 2, 1) if options.hop is None else round(options.hop * rate)
    for name, rows in (("window", window), ("hop", hop)):
        if rows < 1:
            raise InputError(f"--{name} is shorter than a row, {1 / rate:g} s; give a longer time")
    memory = memory_steps(network)
    if options.memory is not None:
        steps = 1 if wanted.encoder is None else wanted.encoder.steps(window) / window
        memory = max(options.memory * rate * steps, 1.0)
    return Plan(
        network,
        wanted,
        rate,
        window,
        hop,
        memory,
        options.backend,
        options.both,
    )
