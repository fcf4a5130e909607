"""Run a network over a task's samples in batches, and count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hw_sim.activity import LayerCounts, Measured, count, join
from hw_sim.answers import outputs
from hw_sim.backends import Backend
from hw_sim.run_options import RunOptions
from hw_sim.score import Score, score
from models.errors import InputError
from models.network import QuantizedNetwork, TaskDescription
from neurodeploy.tasks import get
from neurodeploy.tasks.split import split_by_subject
from neurodeploy.tasks.task import Samples, encode_windows, matching_encoder


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network did over samples.

    Attributes:
        counts: spikes, SynOps and updates of every layer and sample.
        score: its answers against the labels.
        overflows: how often a state left its 24 bits, or None when the backend does not count it.
        measured: what hardware measured, or None.
    """

    counts: tuple[LayerCounts, ...]
    score: Score
    overflows: int | None
    measured: Measured | None = None


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
    if not task.name:
        raise InputError(
            "the network names no task, so there are no samples to run; export it from a "
            "checkpoint of `python -m neurodeploy.train`"
        )
    windows = get(task.name).load(folder)
    chosen = split_by_subject(windows).test
    if count is not None and count < len(chosen):
        chosen = chosen[np.linspace(0, len(chosen) - 1, count).astype(np.int64)]
    samples = encode_windows(windows, matching_encoder(task, windows), chosen)
    return samples, windows.source


def evaluate(
    network: QuantizedNetwork,
    samples: Samples,
    backend: Backend,
    *,
    options: RunOptions = RunOptions(),
    advance: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Run all samples on the backend and return what can be counted.

    Raises:
        InputError: when the samples do not fit the network.
        BackendError: when the backend cannot run.
    """
    total = len(samples.labels)
    batch = backend.batch or total
    counts: list[tuple[LayerCounts, ...]] = []
    answers: list[NDArray[np.int64]] = []
    overflows: list[int] = []
    measured = None
    for start in range(0, total, batch):
        activity = backend.run(network, samples.spikes[start : start + batch], options)
        counts.append(count(network, activity))
        answers.append(outputs(network, activity))
        overflows += [int((o.wraps + o.clips).sum()) for o in activity.overflows]
        measured = activity.measured
        if advance is not None:
            advance(min(start + batch, total), total)
    return Evaluation(
        join(counts),
        score(np.concatenate(answers), samples.labels),
        sum(overflows) if overflows else None,
        measured,
    )
