"""Encoded samples for a network, read batch by batch, with labels if they are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurodeploy.models.errors import InputError

if TYPE_CHECKING:
    from neurodeploy.data.dataset import Signal

Advance: TypeAlias = Callable[[int, int], None]
"""Progress callback: called with the amount done and the total."""


@dataclass(frozen=True, eq=False, repr=False)
class Samples:
    """Samples to run a network on; `Samples.of(spikes, labels)` creates them from arrays.

    Attributes:
        numbers: index of each sample in its source, int64 (samples,).
        num_steps: time steps per sample.
        part: `part(start, stop)` returns those samples, integers (batch, channels, time).
        labels: the correct class of each sample, int64 (samples,), or None.
        source: name of the source, for reports.
        split: name of the part of the dataset, for reports.
        leading: whether the source has an axis of samples.
        value_bytes: bytes of memory needed to read one value.
        signal: `signal(i)` returns the sensor's signal of sample i; None if unknown.
        transformed: whether scale and offset of an input layer are already applied.
        notes: sentences for the user.

    Examples:
        >>> samples = neurodeploy.Samples.of(spikes, [0, 1, 1, 0, 1])
        >>> samples.take(2).labels.tolist(), samples[0][0].shape
        ([0, 1], (4, 30))
    """

    numbers: NDArray[np.int64]
    num_steps: int
    part: Callable[[int, int], NDArray[Any]]
    labels: NDArray[np.int64] | None
    source: str
    split: str
    leading: bool = True
    value_bytes: int = 1
    signal: Callable[[int], Signal] | None = None
    transformed: bool = False
    notes: tuple[str, ...] = ()

    @staticmethod
    def of(spikes: ArrayLike, labels: ArrayLike | None = None, *, source: str = "") -> Samples:
        """Create samples from arrays.

        Args:
            spikes: integers (samples, channels, time); uint8 of 0 and 1, unless the network takes
                graded spikes.
            labels: the correct class of each sample, integers (samples,), or None.
            source: name of the source, for reports.

        Raises:
            InputError: if a shape or type is wrong, or a label is negative.

        Examples:
            >>> samples = neurodeploy.Samples.of(spikes, [0, 1, 1, 0, 1])
            >>> len(samples), samples.num_steps
            (5, 30)
        """
        spikes = np.asarray(spikes)
        if spikes.ndim != 3 or spikes.dtype.kind not in "bui":
            raise InputError(
                f"the spikes are {spikes.dtype} of shape {spikes.shape}; give integers (samples, "
                "channels, time)"
            )
        known = None if labels is None else np.asarray(labels)
        if known is not None and (known.dtype.kind not in "ui" or known.shape != spikes.shape[:1]):
            raise InputError(
                f"the labels are {known.dtype} of shape {known.shape}; give integers of shape "
                f"({len(spikes)},), one per sample"
            )
        if known is not None and known.min(initial=0) < 0:
            raise InputError(f"the labels hold {known.min()}; give integers from 0")
        return Samples(
            numbers=np.arange(len(spikes)),
            num_steps=spikes.shape[2],
            part=lambda start, stop: spikes[start:stop],
            labels=None if known is None else known.astype(np.int64),
            source=source or "arrays",
            split="custom",
        )

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def spikes(self) -> NDArray[Any]:
        """All samples at once, integers (samples, channels, time)."""
        return self.part(0, len(self))

    @property
    def targets(self) -> NDArray[np.int64]:
        """The labels, int64 (samples,).

        Raises:
            InputError: if there are none.
        """
        if self.labels is None:
            raise InputError(f"the samples of {self.source} have no labels; give one per sample")
        return self.labels

    def __getitem__(self, number: int) -> tuple[NDArray[Any], int | None]:
        """Return the spikes (channels, time) and the label of a sample, like a torch dataset."""
        if not -len(self) <= number < len(self):
            raise IndexError(f"sample {number} does not exist; there are {len(self)}")
        number %= len(self)
        label = None if self.labels is None else int(self.labels[number])
        return self.part(number, number + 1)[0], label

    def __repr__(self) -> str:
        labels = "labelled" if self.labels is not None else "without labels"
        return f"{len(self):,} samples of {self.num_steps:,} steps, {labels}, from {self.source}"

    def take(self, count: int | None) -> Samples:
        """Return `count` evenly spaced samples, or all for None.

        Raises:
            InputError: if `count` is below 1.
        """
        if count is not None and count < 1:
            raise InputError(f"count is {count}; give 1 or more, or None for all")
        chosen = spread(len(self), count)
        whole, signal = self.part, self.signal
        if len(chosen) == len(self):
            return replace(self, notes=(*self.notes, *shortfall(len(self), count)))

        def part(start: int, stop: int) -> NDArray[Any]:
            return np.concatenate([whole(k, k + 1) for k in chosen[start:stop]])

        return replace(
            self,
            numbers=self.numbers[chosen],
            part=part,
            labels=None if self.labels is None else self.labels[chosen],
            signal=None if signal is None else lambda at: signal(int(chosen[at])),
        )

    def progress_from(self, start: int, advance: Advance | None) -> Advance | None:
        """Return a progress callback for the batch that begins at sample `start`."""
        if advance is None:
            return None
        return lambda done, _: advance(start * self.num_steps + done, len(self) * self.num_steps)


def spread(samples: int, count: int | None) -> NDArray[np.int64]:
    """Return the indices of `count` evenly spaced samples, or of all if there are fewer."""
    if count is None or count >= samples:
        return np.arange(samples)
    return np.linspace(0, samples - 1, count).astype(np.int64)


def shortfall(available: int, count: int | None) -> tuple[str, ...]:
    """Return a note if fewer than `count` samples are available, else ()."""
    if count is None or count <= available:
        return ()
    return (f"{count:,} samples were requested, but only {available:,} exist; all of them run",)
