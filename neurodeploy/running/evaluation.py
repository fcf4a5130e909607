"""Run a network over samples in batches, and count.

The samples are those of a task, or given ones (`given_input`). Memory stays flat: a batch is as
large as `hw_sim.memory` allows, and whoever wants more of a batch than its counts watches it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.hw_sim import memory
from neurodeploy.hw_sim.activity import Activity, LayerCounts, Measured, count, join
from neurodeploy.hw_sim.backends import Backend, RunOptions
from neurodeploy.hw_sim.memory import Need
from neurodeploy.hw_sim.readout import Score, outputs, score
from neurodeploy.models.errors import InputError
from neurodeploy.models.network import QuantizedNetwork, TaskDescription
from neurodeploy.samples import Advance, Samples, spread
from neurodeploy.tasks import get
from neurodeploy.tasks.encoders.registry import Encoder
from neurodeploy.tasks.split import split
from neurodeploy.tasks.task import encode_windows, matching_encoder
from neurodeploy.tasks.windows import Signal, Windows

OUTPUTS_KEPT: Final = 100
"""Samples whose outputs are kept to be shown."""

Watch: TypeAlias = Callable[[Activity], None]
"""Is given what each batch did, in order."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network did over samples.

    Attributes:
        counts: spikes, SynOps and updates of every layer and sample.
        outputs: of the first `OUTPUTS_KEPT` samples, int64 (samples, outputs).
        score: its answers against the labels, None without labels.
        overflows: how often a state left its width, or None when the backend does not count it.
        measured: what hardware measured, or None.
    """

    counts: tuple[LayerCounts, ...]
    outputs: NDArray[np.int64]
    score: Score | None
    overflows: int | None
    measured: Measured | None = None


def of_task(task: TaskDescription, folder: Path | None, count: int | None = None) -> Samples:
    """Return the test samples of a network's task; see `load_test_samples`."""
    windows, encoder, test = _test_windows(task, folder)
    numbers = spread(len(test), count)
    chosen = test[numbers]
    return Samples(
        numbers=numbers,
        num_steps=encoder.steps(windows.samples),
        part=lambda start, stop: encode_windows(windows, encoder, chosen[start:stop]).spikes,
        labels=windows.labels[chosen],
        source=windows.source,
        split=windows.test_words,
        signal=lambda at: Signal(windows.signals[chosen[at]], windows.channel_names, windows.grid),
    )


def load_test_samples(
    task: TaskDescription, folder: Path | None, count: int | None = None
) -> tuple[Samples, str]:
    """Return the test samples of a network's task, encoded as it was trained, and their source.

    Args:
        task: what the network carries.
        folder: of the data set, or None for the installed data package.
        count: how many, spread evenly over the test samples; all by default.

    Raises:
        InputError: when the network names no task, or the data is missing or of another kind.
    """
    windows, encoder, test = _test_windows(task, folder)
    return encode_windows(windows, encoder, test[spread(len(test), count)]), windows.source


def _test_windows(
    task: TaskDescription, folder: Path | None
) -> tuple[Windows, Encoder, NDArray[np.int64]]:
    """Return the windows, the encoder that the network was trained with, and which test."""
    if not task.name:
        raise InputError(
            "the network names no task, so there are no samples to run; give some with "
            "--input spikes.npy (see docs/any-network.md)"
        )
    windows = get(task.name).load(folder)
    return windows, matching_encoder(task, windows), split(windows).test


def evaluate(
    network: QuantizedNetwork,
    inputs: Samples,
    backend: Backend,
    *,
    options: RunOptions = RunOptions(),
    advance: Advance | None = None,
    watches: Sequence[Watch] = (),
    others: Sequence[Backend] = (),
) -> Evaluation:
    """Run all samples on the backend and return what can be counted.

    Args:
        network: what runs.
        inputs: the samples.
        backend: runs them.
        options: how.
        advance: called with the time steps done and the time steps in all.
        watches: called with the activity of each batch.
        others: backends that a watch runs on each batch as well, so that the memory counts.

    Raises:
        InputError: when the samples do not fit the network, or one not into the memory.
        BackendError: when the backend cannot run.
    """
    batch = batch_size(network, inputs, (backend, *others))
    counts: list[tuple[LayerCounts, ...]] = []
    answers: list[NDArray[np.int64]] = []
    overflows: list[int] = []
    measured = None
    for start in range(0, len(inputs), batch):
        stop = min(start + batch, len(inputs))
        asked = replace(options, progress=inputs.progress_from(start, advance))
        activity = backend.run(network, inputs.part(start, stop), asked)
        counts.append(count(network, activity))
        if inputs.labels is not None or start < OUTPUTS_KEPT:
            answers.append(outputs(network, activity))
        overflows += [int((o.wraps + o.clips).sum()) for o in activity.overflows]
        measured = activity.measured
        for watch in watches:
            watch(activity)
        if advance is not None:
            advance(stop * inputs.num_steps, len(inputs) * inputs.num_steps)
        del activity  # before the next batch takes as much
    given = np.concatenate(answers)
    return Evaluation(
        join(counts),
        given[:OUTPUTS_KEPT],
        None if inputs.labels is None else score(given, inputs.labels),
        sum(overflows) if overflows else None,
        measured,
    )


def batch_size(network: QuantizedNetwork, inputs: Samples, backends: Sequence[Backend]) -> int:
    """Return how many samples to run at a time.

    Raises:
        InputError: when the memory does not suffice for the network or for one sample.
    """
    reading = Need(0, inputs.value_bytes * network.inputs * inputs.num_steps)
    needs = [backend.memory(network, inputs.num_steps) for backend in backends]
    most = [backend.batch for backend in backends if backend.batch is not None]
    return memory.batch_size(
        [reading, *needs], steps=inputs.num_steps, most=min([len(inputs), *most])
    )
