"""Run a network over a task's samples in batches, and count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hw_sim.activity import LayerCounts, Measured, count, join
from hw_sim.backends import Backend
from hw_sim.run_options import RunOptions
from hw_sim.score import Score, score
from neurodeploy.tasks.task import Samples
from models.network import QuantizedNetwork

BATCH = 512
"""Samples held with the spikes of every layer at a time; what is counted stays."""


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
    counts: list[tuple[LayerCounts, ...]] = []
    answers: list[NDArray[np.int64]] = []
    overflows: list[int] = []
    measured = None
    for start in range(0, total, BATCH):
        activity = backend.run(network, samples.spikes[start : start + BATCH], options)
        counts.append(count(network, activity))
        answers.append(activity.spikes[-1].sum(2, dtype=np.int64))
        overflows += [int((o.wraps + o.clips).sum()) for o in activity.overflows]
        measured = activity.measured or measured
        if advance is not None:
            advance(min(start + BATCH, total), total)
    return Evaluation(
        join(counts),
        score(np.concatenate(answers), samples.labels),
        sum(overflows) if overflows else None,
        measured,
    )
