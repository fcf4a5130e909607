"""Events to counts to spikes, moved copies of counts, and the small N-MNIST in one file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy import cli
from neurodeploy.models.errors import InputError
from neurodeploy.tasks import get, reading
from neurodeploy.tasks.augment import Shift
from neurodeploy.tasks.dataset import TEST, TRAIN
from neurodeploy.tasks.encoders.registry import Counts, from_dict
from neurodeploy.tasks.readers import events
from neurodeploy.tasks.readers.events import Bins, Events
from neurodeploy.tasks.split import split

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
    assert binned.notes() == (
        "2 of 302 events come after the last time bin and are left out",
        "1 counts are over 255 and stand as 255",
        "1 of 2 samples have no event",
    )
    again = events.from_arrays(**binned.arrays())
    assert again.notes() == binned.notes()


def test_time_can_start_at_the_first_event_of_each_sample() -> None:
    bins = replace(BINS, from_first=True)
    binned = counted(sample((0, 0, 0, 9500), (0, 0, 0, 7000)), sample(), bins=bins)
    assert binned.counts[0, 0].tolist() == [1, 0, 1]
    assert binned.late == 0


def test_each_channel_has_a_name_in_the_order_of_polarity_row_column() -> None:
    names = BINS.channel_names
    assert len(names) == BINS.channels == 12
    assert names[:3] == ("off x 0 y 0 (events)", "off x 1 y 0 (events)", "off x 0 y 1 (events)")
    assert names[6] == "on x 0 y 0 (events)"
    assert Bins(1, 10, 1, (1, 5), 1000, 3).channel_names == (
        "channel 0 (events)",
        "channel 1 (events)",
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((4, 0, 0, 0), "B: event 1 has x 4; it must be a whole number from 0 to 3, so download"),
        ((-1, 0, 0, 0), "B: event 1 has x -1; it must be a whole number from 0 to 3"),
        ((0, 5, 0, 0), "B: event 1 has y 5; it must be a whole number from 0 to 4"),
        ((0, 0, 2, 0), "B: event 1 has polarity 2; it must be a whole number from 0 to 1"),
        ((0, 0, 0, -1), "B: event 1 is at -1 microseconds; times must be from 0 to 9007"),
        ((0, 0, 0, 2**53 + 2), "B: event 1 is at 9007199254740994.* must be from 0 to 9007"),
        ((0, 0, 0, np.nan), "B: event 1 is at nan microseconds; times must be from 0 to 9007"),
        ((0, 0, 0, np.inf), "B: event 1 is at inf microseconds; times must be from 0 to 9007"),
    ],
)
def test_an_event_beyond_the_sensor_or_at_no_time_is_refused(
    row: tuple[float, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        counted(sample(), sample((0, 0, 0, 0), row))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((0.5, 0, 0, 0), "B: event 1 has x 0.5; it must be a whole number from 0 to 3"),
        ((0, np.nan, 0, 0), "B: event 1 has y nan; it must be a whole number from 0 to 4"),
        ((0, 0, np.inf, 0), "B: event 1 has polarity inf; it must be a whole number from 0 to 1"),
    ],
)
def test_places_that_are_no_whole_numbers_are_refused(row: tuple[float, ...], message: str) -> None:
    with pytest.raises(InputError, match=message), np.errstate(invalid="ignore"):
        counted(sample(), Events(*np.array([(0, 0, 0, 0), row]).T))


def test_a_reader_tells_how_far_it_is_to_who_listens() -> None:
    told: list[tuple[int, int]] = []
    reading.tell(1, 2)
    with reading.listening(lambda done, total: told.append((done, total))):
        events.count_all(zip("AB", [sample(), sample()]), 2, BINS, advance=reading.tell)
    reading.tell(2, 2)
    assert told == [(1, 2), (2, 2)]


def test_a_command_shows_a_bar_once_the_reader_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []

    @contextmanager
    def shown(description: str) -> Iterator[Callable[..., None]]:
        seen.append(description)
        yield lambda *numbers: seen.append(numbers)
        seen.append("end")

    monkeypatch.setattr(cli, "status", shown)
    monkeypatch.setattr(cli, "progress", shown)
    with cli.reading():
        seen.append("a reader that tells nothing")
    assert seen == ["reading the data", "a reader that tells nothing", "end"]
    seen.clear()
    with cli.reading():
        reading.tell(1, 2)
        reading.tell(2, 2)
    assert seen == ["reading the data", "end", "reading the data", (1, 2), (2, 2), "end"]


# The encoder


def test_a_bin_spikes_from_the_threshold_on() -> None:
    counts = np.array([[[0, 1, 2, 3, 255]]], np.uint8)
    assert Counts().encode(counts).tolist() == [[[0, 1, 1, 1, 1]]]
    assert Counts(3).encode(counts).tolist() == [[[0, 0, 0, 1, 1]]]
    assert Counts(3).encode(counts.astype(np.float32)).tolist() == [[[0, 0, 0, 1, 1]]]


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        (0, "threshold is 0; it must be from 1 to 255"),
        (256, "threshold is 256; it must be from 1 to 255"),
        (1.0, "threshold is 1.0; it must be a whole number"),
        (True, "threshold is True; it must be a whole number"),
    ],
)
def test_a_threshold_is_a_number_of_events(threshold: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_dict({"name": "counts", "threshold": threshold})


# Moved copies


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


def shifted(values: NDArray[Any], down: int, right: int, later: int) -> NDArray[Any]:
    """Return values (planes, rows, columns, steps) moved one place at a time."""
    for axis, by in ((1, down), (2, right), (3, later)):
        for _ in range(abs(by)):
            values = np.roll(values, np.sign(by), axis)
            edge = [slice(None)] * 4
            edge[axis] = slice(0, 1) if by > 0 else slice(-1, None)
            values[tuple(edge)] = 0
    return values


def test_no_shift_leaves_counts_as_they_are() -> None:
    signals = np.arange(24, dtype=np.float32).reshape(1, 6, 4)
    moved = Shift((2, 3))(signals, np.random.default_rng(0))
    assert np.array_equal(moved, signals)
    assert moved.dtype == np.float32


# The small N-MNIST


@pytest.fixture
def small() -> dict[str, NDArray[Any]]:
    """Return a small N-MNIST of 60 samples to train on and 20 to test on.

    Sample i is of class i modulo 10 and has i % 7 events, all at pixel (class, 2 * class).
    """
    fields: dict[str, NDArray[Any]] = {}
    for part, number in (("train", 60), ("test", 20)):
        label = np.arange(number) % 10
        many = np.arange(number) % 7
        fields[f"{part}_label"] = label.astype(np.uint8)
        fields[f"{part}_offset"] = np.concatenate([[0], many.cumsum()])
        fields[f"{part}_x"] = np.repeat(label, many).astype(np.uint8)
        fields[f"{part}_y"] = np.repeat(2 * label, many).astype(np.uint8)
        fields[f"{part}_p"] = np.ones(many.sum(), np.uint8)
        fields[f"{part}_t"] = np.arange(many.sum()).astype(np.uint32) * 10
    return fields


@pytest.fixture
def written(tmp_path: Path, small: dict[str, NDArray[Any]]) -> Callable[..., Path]:
    """Return a function that writes the small N-MNIST with some fields changed."""

    def write(**changed: Any) -> Path:
        path = tmp_path / "nmnist_small.npz"
        fields = {**small, **changed}
        np.savez(path, **{key: values for key, values in fields.items() if values is not None})
        return path

    return write


def test_the_small_nmnist_is_read_without_tonic(
    written: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tonic", None)
    dataset = get("nmnist").load(written())
    assert dataset.signals.dtype == np.uint8
    assert dataset.grid == (17, 17)
    assert dataset.labels.tolist() == [i % 10 for i in range(60)] + [i % 10 for i in range(20)]
    assert dataset.parts is not None
    assert dataset.parts.tolist() == [TRAIN] * 60 + [TEST] * 20
    on = dataset.signals.reshape(80, 2, 17, 17, -1)
    assert on[13].sum() == on[13, 1, 3, 1].sum() == 6
    assert "12 of 80 samples have no event" in dataset.notes
    assert get("nmnist").encoder(dataset) == Counts()


def test_the_folder_of_the_small_nmnist_will_do(written: Callable[..., Path]) -> None:
    path = written()
    assert get("nmnist").load(path.parent).source == f"a small N-MNIST in {path}"


def test_the_small_nmnist_beside_the_whole_one_is_refused(written: Callable[..., Path]) -> None:
    folder = written().parent
    (folder / "NMNIST" / "Train").mkdir(parents=True)
    message = rf"{folder} holds nmnist_small\.npz and N-MNIST in {folder}/NMNIST; give one of them$"
    with pytest.raises(InputError, match=message):
        get("nmnist").load(folder)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"test_p": None}, r"cannot be read as a small N-MNIST \(.*test_p.*\); give another"),
        (
            {"train_x": np.array([None])},
            "cannot be read as a small N-MNIST .it holds something else than arrays",
        ),
        ({"train_x": np.zeros(3, np.uint8)}, "train_x has 3 events but train_t has 174; the file"),
        ({"test_t": np.zeros(57)}, r"test_t has shape \(57,\) of float64; it must be one row of"),
        ({"test_y": np.zeros((57, 1), int)}, r"test_y has shape \(57, 1\) of int64; it must"),
        ({"test_label": np.zeros(4, int)}, "test_offset has 21 values for 4 labels; it must have"),
        ({"test_label": np.full(20, 10)}, "test_label holds label 10; labels run from 0 to 9"),
        ({"test_offset": np.arange(21)}, "test_offset does not rise from 0 to the 57 events"),
        ({"test_offset": np.r_[0, 9, np.arange(18), 57]}, "test_offset does not rise from 0 to"),
        ({"test_offset": np.r_[0:20, 57] - 1}, "test_offset does not rise from 0 to the 57"),
        (
            {"test_x": np.full(57, 34)},
            "test sample 1: event 0 has x 34; it must be a whole number from 0 to 33",
        ),
        ({"test_t": np.full(57, -5)}, "test sample 1: event 0 is at -5 microseconds; times must"),
    ],
)
def test_a_damaged_small_nmnist_is_refused(
    written: Callable[..., Path], changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        get("nmnist").load(written(**changed))


def test_a_small_nmnist_cut_short_or_of_other_content_is_refused(
    written: Callable[..., Path], tmp_path: Path
) -> None:
    whole = written().read_bytes()
    for content in (b"", b"no numpy file", whole[: len(whole) // 2], whole[:300] + whole[340:]):
        path = tmp_path / "nmnist_small.npz"
        path.write_bytes(content)
        with pytest.raises(InputError, match="cannot be read as a small N-MNIST"):
            get("nmnist").load(path)
    with pytest.raises(InputError, match=r"absent\.npz cannot be read as a small N-MNIST"):
        get("nmnist").load(tmp_path / "absent.npz")


def test_the_real_samples_have_all_classes_in_every_part(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(shared_data))
    dataset = get("nmnist").load(None)
    assert len(dataset) == 1100
    parts = split(dataset)
    assert [len(rows) for rows in (parts.train, parts.validation, parts.test)] == [801, 199, 100]
    share = dataset.signals.astype(bool).mean()
    assert 0.01 < share < 0.3
    # Every recording is three sweeps of about 100 ms, after each of which the camera rests.
    assert dataset.signals.sum(axis=(1, 2)).min() > 500
