"""Events to counts, moved copies of counts, and the small N-MNIST in one file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.data import get
from neurodeploy.data.augment import Shift
from neurodeploy.data.dataset import TEST, TRAIN
from neurodeploy.data.encoders import Counts
from neurodeploy.data.readers import events
from neurodeploy.data.readers.events import Bins, Events
from neurodeploy.data.split import split
from neurodeploy.models.errors import InputError

BINS = Bins(height=5, width=4, polarities=2, pool=(2, 2), step_us=1000, steps=3)


def sample(*rows: tuple[float, ...]) -> Events:
    """Return events given as rows x, y, polarity, time in microseconds."""
    columns = np.array(rows).reshape(-1, 4).T
    return Events(*columns[:3].astype(np.int64), columns[3])


def counted(*samples: Events, bins: Bins = BINS) -> events.Binned:
    """Return the counts of samples called A, B, ..."""
    return events.count_all(zip("ABCDEF", samples), len(samples), bins)


def test_each_event_counts_in_its_square_and_bin() -> None:
    binned = counted(sample((0, 0, 0, 0), (1, 1, 0, 999), (3, 4, 1, 1000), (2, 1, 1, 2999)))
    assert binned.counts.shape == (1, 2 * 3 * 2, 3)  # 5 rows of pixels make 3 rows of squares
    expected = np.zeros((2, 3, 2, 3), int)
    expected[0, 0, 0, 0] = 2
    expected[1, 2, 1, 1] = 1
    expected[1, 0, 1, 2] = 1
    assert np.array_equal(binned.counts[0].reshape(2, 3, 2, 3), expected)
    assert binned.notes() == ()
    names = BINS.channel_names
    assert len(names) == BINS.channels == 12
    assert names[:3] == ("off x 0 y 0 (events)", "off x 1 y 0 (events)", "off x 0 y 1 (events)")
    assert names[6] == "on x 0 y 0 (events)"
    ear = Bins(1, 10, 1, (1, 5), 1000, 3)
    assert ear.channel_names == ("channel 0 (events)", "channel 1 (events)")


def test_counts_follow_a_plain_loop_over_random_events() -> None:
    rng = np.random.default_rng(0)
    bins = Bins(height=9, width=7, polarities=2, pool=(3, 2), step_us=700, steps=11)
    x, y, p = (rng.integers(0, most, 2000) for most in (7, 9, 2))
    times = rng.integers(0, 9000, 2000)
    binned = counted(Events(x, y, p, times), bins=bins)
    expected = np.zeros((2, 3, 4, 11), int)
    late = 0
    for n in range(2000):
        if times[n] // 700 < 11:
            expected[p[n], y[n] // 3, x[n] // 2, times[n] // 700] += 1
        else:
            late += 1
    assert np.array_equal(binned.counts.reshape(expected.shape), expected)
    assert binned.late == late > 0


def test_what_is_left_out_is_counted_and_said() -> None:
    rows = [(0, 0, 0, 10)] * 300 + [(0, 0, 0, 3000), (0, 0, 0, 1e12)]
    binned = counted(sample(*rows), sample())
    assert binned.counts[0, 0, 0] == 255
    late, full, empty = binned.notes()
    assert late.startswith("2 of 302 events")
    assert full.startswith("1 counts are over 255")
    assert empty.startswith("1 of 2 samples")
    assert events.from_arrays(**binned.arrays()).notes() == binned.notes()


def test_time_can_start_at_the_first_event_of_each_sample() -> None:
    bins = replace(BINS, from_first=True)
    binned = counted(sample((0, 0, 0, 9500), (0, 0, 0, 7000)), sample(), bins=bins)
    assert binned.counts[0, 0].tolist() == [1, 0, 1]
    assert binned.late == 0


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ((4, 0, 0, 0), "x 4(.0)?; .* 0 to 3"),
        ((-1, 0, 0, 0), "x -1(.0)?; "),
        ((0.5, 0, 0, 0), "x 0.5; "),
        ((0, 5, 0, 0), "y 5(.0)?; .* 0 to 4"),
        ((0, np.nan, 0, 0), "y nan; "),
        ((0, 0, 2, 0), "polarity 2(.0)?; .* 0 to 1"),
        ((0, 0, np.inf, 0), "polarity inf; "),
        *(((0, 0, 0, time), r"microseconds; .* 9007") for time in (-1, 2**53 + 2, np.nan, np.inf)),
    ],
)
def test_an_event_beyond_the_sensor_or_at_no_time_is_refused(
    row: tuple[float, ...], named: str
) -> None:
    with pytest.raises(InputError, match=f"B: event 1 .*{named}"), np.errstate(invalid="ignore"):
        counted(sample(), Events(*np.array([(0, 0, 0, 0), row]).T))


def test_a_shift_moves_counts_and_lets_nothing_in() -> None:
    rng = np.random.default_rng(3)
    signals = rng.integers(1, 200, (40, 2 * 4 * 3, 5)).astype(np.uint8)
    moved = Shift((4, 3), rows=1, columns=2, steps=1)(signals, rng)
    assert moved.dtype == np.uint8
    seen = set()
    for before, after in zip(signals.reshape(40, 2, 4, 3, 5), moved.reshape(40, 2, 4, 3, 5)):
        move = next(
            (down, right, later)
            for down in (-1, 0, 1)
            for right in (-2, -1, 0, 1, 2)
            for later in (-1, 0, 1)
            if np.array_equal(after, shifted(before, down, right, later))
        )
        seen.add(move)
    assert len(seen) > 15
    still = Shift((4, 3))(signals.astype(np.float32), rng)
    assert np.array_equal(still, signals)
    assert still.dtype == np.float32


def shifted(values: NDArray[Any], down: int, right: int, later: int) -> NDArray[Any]:
    """Return values (planes, rows, columns, steps) moved one place at a time."""
    for axis, by in ((1, down), (2, right), (3, later)):
        for _ in range(abs(by)):
            values = np.roll(values, np.sign(by), axis)
            edge = [slice(None)] * 4
            edge[axis] = slice(0, 1) if by > 0 else slice(-1, None)
            values[tuple(edge)] = 0
    return values


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a small N-MNIST with some fields changed.

    60 samples train and 20 test; sample i is of class i modulo 10 and has i % 7 events, all at
    pixel (class, 2 * class).
    """

    def write(**changed: Any) -> Path:
        fields: dict[str, NDArray[Any]] = {}
        for part, number in (("train", 60), ("test", 20)):
            label, many = np.arange(number) % 10, np.arange(number) % 7
            fields[f"{part}_label"] = label.astype(np.uint8)
            fields[f"{part}_offset"] = np.concatenate([[0], many.cumsum()])
            fields[f"{part}_x"] = np.repeat(label, many).astype(np.uint8)
            fields[f"{part}_y"] = np.repeat(2 * label, many).astype(np.uint8)
            fields[f"{part}_p"] = np.ones(many.sum(), np.uint8)
            fields[f"{part}_t"] = np.arange(many.sum()).astype(np.uint32) * 10
        path = tmp_path / "nmnist_small.npz"
        np.savez(path, **(fields | changed))
        return path

    return write


def test_the_small_nmnist_is_read_without_tonic(
    small: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tonic", None)
    path = small()
    dataset = get("nmnist").load(path.parent)
    assert dataset.source == get("nmnist").load(path).source
    assert (dataset.signals.dtype, dataset.grid) == (np.uint8, (17, 17))
    assert dataset.labels.tolist() == [i % 10 for i in (*range(60), *range(20))]
    assert dataset.parts is not None
    assert dataset.parts.tolist() == [TRAIN] * 60 + [TEST] * 20
    on = dataset.signals.reshape(80, 2, 17, 17, -1)
    assert on[13].sum() == on[13, 1, 3, 1].sum() == 6
    assert any(note.startswith("12 of 80 samples") for note in dataset.notes)
    assert get("nmnist").encoder(dataset) == Counts()
    (path.parent / "NMNIST" / "Train").mkdir(parents=True)  # the whole one beside it
    with pytest.raises(InputError, match=rf"N-MNIST in {path.parent}/NMNIST; give one"):
        get("nmnist").load(path.parent)


def test_the_real_samples_have_all_classes_in_every_part(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(shared_data))
    dataset = get("nmnist").load(None)
    assert len(dataset) == 1100
    parts = split(dataset)
    assert [len(rows) for rows in (parts.train, parts.validation, parts.test)] == [801, 199, 100]
    assert 0.01 < dataset.signals.astype(bool).mean() < 0.3
    # Every recording is three sweeps of about 100 ms, after each of which the camera rests.
    assert dataset.signals.sum(axis=(1, 2)).min() > 500
