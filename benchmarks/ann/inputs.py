"""What an artificial network sees: the signals that the encoder turns into spikes, standardised.

An encoder that takes signals apart first, such as speech into bands, has a method `levels`; then
the network sees those levels. Else it sees the signals: of a sensor, pixels, or counts of events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.ann.sizes import Shape
from neurodeploy.learning.config import Augment
from neurodeploy.tasks.task import TaskData

BATCH: Final = 64
"""Windows of a step."""
PART_WINDOWS: Final = 8192
PART_VALUES: Final = 1 << 25
"""Windows that are shown at a time, and values in them, at most."""
SMALLEST_SPREAD: Final = 1e-6

Values: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class View:
    """How windows are shown to a network.

    Attributes:
        levels: of the encoder, or None.
        mean: float32 (channels, 1), or (1, 1) for pixels and counts, all of which share it.
        spread: the same, of the standard deviation; over 0.
        kept: levels of all windows, float32, which take a while to make; None without levels.
    """

    levels: Callable[[NDArray[Any]], NDArray[Any]] | None
    mean: Values
    spread: Values
    kept: Values | None = None

    def rows(self, data: TaskData, at: NDArray[np.int64]) -> Values:
        """Return windows of a task, not varied, as the network sees them."""
        if self.kept is None:
            return self(data.dataset.signals[at])
        return self._standardised(self.kept[at])

    def __call__(self, signals: NDArray[Any]) -> Values:
        """Return signals (windows, channels, samples) as the network sees them."""
        return self._standardised(seen(self.levels, signals))

    def _standardised(self, values: Values) -> Values:
        shown = np.asarray(values - self.mean, np.float32)
        shown /= self.spread
        return shown


def seen(levels: Callable[[NDArray[Any]], NDArray[Any]] | None, signals: NDArray[Any]) -> Values:
    """Return signals, or their levels, as float32."""
    return np.asarray(signals if levels is None else levels(signals), np.float32)


def view_of(data: TaskData) -> View:
    """Return how the windows of a task are shown, standardised by the training windows."""
    levels = getattr(data.encoder, "levels", None)
    kept = None if levels is None else seen(levels, data.dataset.signals)
    together = data.dataset.grid is not None or data.dataset.signals.dtype == np.uint8
    axes = (0, 1, 2) if together else (0, 2)
    count, total, squares = 0, np.zeros(1), np.zeros(1)
    for at in parts(data, data.split.train):
        values = data.dataset.signals[at] if kept is None else kept[at]
        shown = values.astype(np.float64)
        count += shown.size if together else shown.shape[0] * shown.shape[2]
        total = total + shown.sum(axis=axes)
        squares = squares + (shown**2).sum(axis=axes)
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, SMALLEST_SPREAD**2))
    columns = [np.asarray(each[:, None], np.float32) for each in (mean, spread)]
    return View(levels, columns[0], columns[1], kept)


def shape_of(data: TaskData) -> Shape:
    """Return what a network sees and says."""
    windows = data.dataset
    levels = getattr(data.encoder, "levels", None)
    _, channels, samples = seen(levels, windows.signals[:1]).shape
    return Shape(channels, samples, len(windows.class_names), windows.grid)


def parts(data: TaskData, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield rows some whole batches at a time, so that not all windows are in memory as floats."""
    values = data.dataset.signals[0].size
    most = max(1, min(PART_WINDOWS, PART_VALUES // values) // BATCH) * BATCH
    for start in range(0, len(rows), most):
        yield rows[start : start + most]


def epoch(
    data: TaskData, view: View, augment: Augment | None, rng: np.random.Generator
) -> Iterator[tuple[Values, NDArray[np.int64]]]:
    """Yield the training windows in random order, varied where the recipe varies them, and their
    labels, some thousands at a time."""
    for at in parts(data, rng.permutation(data.split.train)):
        if augment is None:
            shown = view.rows(data, at)
        else:
            shown = view(augment(data.dataset.signals[at], rng))
        yield shown, data.dataset.labels[at]
