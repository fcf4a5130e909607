"""Event cameras, by tonic, each data set in miniature in its official layout."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.models.errors import InputError
from neurodeploy.tasks import get, nmnist
from neurodeploy.tasks.dataset import TEST, VALIDATION

tonic = pytest.importorskip("tonic", reason="tonic is not installed: uv sync --extra events")
pytestmark = pytest.mark.usefixtures("offline_events")


def nmnist_bytes(x: Any, y: Any, p: Any, t: Any) -> bytes:
    """Return events as N-MNIST stores them: 8 bits x, 8 bits y, 1 bit polarity, 23 bits time."""
    packed = (np.asarray(x, np.uint64) << 32) | (np.asarray(y, np.uint64) << 24)
    packed |= (np.asarray(p, np.uint64) << 23) | np.asarray(t, np.uint64)
    return packed.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 3:].tobytes()


@pytest.fixture(scope="module")
def full_nmnist_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for N-MNIST with so many names that end with .bin as tonic wants.

    It takes a part with less than 10,000 for incomplete; folders without a file make them up.
    """
    home = tmp_path_factory.mktemp("events") / "NMNIST"
    for part in ("Train", "Test"):
        for index in range(10_000):
            (home / part / "0" / f"{index}.bin").mkdir(parents=True)
    return home


@pytest.fixture
def nmnist_folder(full_nmnist_folder: Path) -> Path:
    """Write an N-MNIST of 5 samples a digit to train on and one to test on.

    Digit k has k + 1 events at (3 * k, 33), one each 20 ms.
    """
    home = full_nmnist_folder
    for part, number in (("Train", 5), ("Test", 1)):
        for digit in range(10):
            folder = home / part / f"{digit}"
            folder.mkdir(exist_ok=True)
            many = np.arange(digit + 1)
            said = nmnist_bytes(0 * many + 3 * digit, 0 * many + 33, many % 2, 20_000 * many)
            for index in range(number):
                (folder / f"{index:05d}.bin").write_bytes(said)
        (home / f"{part.lower()}.zip").touch()
    return home


@pytest.fixture
def dvsgesture_folder(tmp_path: Path) -> Path:
    """Write a DVS Gesture of users 1 to 10 who train, and 24 to 33 who test.

    Gesture k has events at (10 * k, 5, 1), each twice, from 2000 ms on, one pair each 10 ms.
    """
    home = tmp_path / "DVSGesture"
    for part, users in (("Train", range(1, 11)), ("Test", range(24, 34))):
        for user in users:
            folder = home / f"ibmGesture{part}" / f"user{user:02d}_led"
            folder.mkdir(parents=True)
            for gesture in range(11):
                rows = [(10 * gesture, 5, 1, 2000 + 10 * k) for k in range(gesture + 1)]
                np.save(folder / f"{gesture}.npy", np.array(rows * 2, np.int64))
        (home / f"ibmGesture{part}.tar.gz").touch()
    return home


# What is read


def test_nmnist_is_read_in_the_order_of_its_files(nmnist_folder: Path) -> None:
    dataset = get("nmnist").load(nmnist_folder)
    assert dataset.labels.tolist() == [k for k in range(10) for _ in range(5)] + [*range(10)]
    planes = dataset.signals.reshape(60, 2, 17, 17, -1)
    for digit in range(10):
        seen = planes[50 + digit]
        bins = 20 // (nmnist.BINS.step_us // 1000)
        expected = np.zeros_like(seen)
        for k in range(digit + 1):
            expected[k % 2, 16, 3 * digit // 2, bins * k] = 1
        assert np.array_equal(seen, expected)
    assert "the test part has 10 samples where the published one has 10,000" in dataset.notes


def test_dvsgesture_divides_by_people(dvsgesture_folder: Path) -> None:
    dataset = get("dvsgesture").load(dvsgesture_folder)
    assert dataset.signals.shape == (220, 2048, 60)
    assert dataset.grid == (32, 32)
    assert dataset.subjects is not None
    assert dataset.parts is not None
    assert set(dataset.subjects[dataset.parts == VALIDATION]) == {3, 8}
    assert min(dataset.subjects[dataset.parts == TEST]) == 24
    eighth = np.flatnonzero(dataset.labels == 8)[0]
    planes = dataset.signals[eighth].reshape(2, 32, 32, 60)
    assert planes[1, 1, 20].sum() == planes.sum() == 18
    assert planes[1, 1, 20, :4].tolist() == [6, 4, 6, 2]  # from the first event, 25 ms each
    assert get("dvsgesture").encoder(dataset).encode(dataset.signals[:3]).max() == 1


def test_the_command_trains_an_epoch(
    dvsgesture_folder: Path, tmp_path: Path, command: Any, one_torch_thread: None
) -> None:
    small = ("--hidden", "8", "--epochs", "1", "--batch", "16", "--network", "conv")
    out = tmp_path / "run"
    code, said, noted = command(
        "train", "--task", "dvsgesture", "--data", dvsgesture_folder, "--out", out, *small
    )
    assert code == 0
    assert "Best epoch is 1 of 1" in said
    assert "note: the training part has" in noted
    assert (out / "model.pt").is_file()


# What is refused


@pytest.mark.parametrize(
    ("absent", "message"),
    [
        ("train.zip", r"NMNIST has no train\.zip, without which"),
        ("test.zip", r"NMNIST has no test\.zip, without which"),
    ],
)
def test_a_missing_file_is_named(nmnist_folder: Path, absent: str, message: str) -> None:
    (nmnist_folder / absent).unlink()
    with pytest.raises(InputError, match=message):
        get("nmnist").load(nmnist_folder)


def test_a_missing_archive_of_dvsgesture_is_named(dvsgesture_folder: Path) -> None:
    (dvsgesture_folder / "ibmGestureTrain.tar.gz").unlink()
    with pytest.raises(InputError, match=r"has no ibmGestureTrain\.tar\.gz, without"):
        get("dvsgesture").load(dvsgesture_folder)


def test_a_part_with_less_files_than_tonic_wants_is_refused(dvsgesture_folder: Path) -> None:
    for gesture in range(11):
        (dvsgesture_folder / "ibmGestureTest" / "user24_led" / f"{gesture}.npy").unlink()
    message = r"Test holds 99 files \*\.npy, and tonic takes less than 100 for incomplete; unpack"
    with pytest.raises(InputError, match=message):
        get("dvsgesture").load(dvsgesture_folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            nmnist_bytes([34], [0], [0], [0]),
            r"00002\.bin: event 0 has x 34; it must be a whole number from 0 to",
        ),
        (
            nmnist_bytes([3], [3], [0], [0])[:-2],
            r"00002\.bin .*it has 3 bytes, which is no multiple of 5",
        ),
    ],
)
def test_a_damaged_nmnist_is_refused(nmnist_folder: Path, content: bytes, message: str) -> None:
    (nmnist_folder / "Train" / "3" / "00002.bin").write_bytes(content)
    with pytest.raises(InputError, match=message):
        get("nmnist").load(nmnist_folder)


def test_an_nmnist_sample_without_events_is_kept_and_said(nmnist_folder: Path) -> None:
    (nmnist_folder / "Train" / "3" / "00002.bin").write_bytes(b"")
    dataset = get("nmnist").load(nmnist_folder)
    assert dataset.signals[17].sum() == 0
    assert "1 of 60 samples have no event" in dataset.notes


@pytest.mark.parametrize(
    "stray",
    ["old/1.bin", "10/1.bin", "copy 2/1.bin", "__MACOSX/3/1.bin", "3/._1.bin", "1.bin", "3bin"],
)
def test_what_is_not_named_as_a_sample_of_nmnist_is_refused(
    nmnist_folder: Path, stray: str
) -> None:
    path = nmnist_folder / "Train" / stray
    made = [each for each in path.parents if not each.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    try:
        with pytest.raises(InputError, match=r"Train/.* is not named as .*, such as Train/3/00001"):
            get("nmnist").load(nmnist_folder)
    finally:
        path.unlink()
        for each in made:
            each.rmdir()


@pytest.mark.parametrize(
    "stray",
    [
        "user02_led/x.npy", "user02_led/5 (1).npy", "user02_led/._5.npy", "user02_led/05.npy",
        "user02_led/5npy", "user_led/5.npy", "user9/5.npy", "__MACOSX/user02_led/5.npy", "5.npy",
    ],
)  # fmt: skip
def test_what_is_not_named_as_a_gesture_is_refused(dvsgesture_folder: Path, stray: str) -> None:
    path = dvsgesture_folder / "ibmGestureTrain" / stray
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    with pytest.raises(InputError, match=r"Train/.* is not named as .*such as ibmGestureTrain/us"):
        get("dvsgesture").load(dvsgesture_folder)


def test_a_pipe_in_place_of_a_sample_is_refused(dvsgesture_folder: Path) -> None:
    path = dvsgesture_folder / "ibmGestureTrain" / "user02_led" / "4.npy"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match=r"4\.npy is no regular file; remove it"):
        get("dvsgesture").load(dvsgesture_folder)


def test_a_person_in_two_parts_is_refused(dvsgesture_folder: Path) -> None:
    folder = dvsgesture_folder / "ibmGestureTrain" / "user02_led"
    folder.rename(folder.with_name("user25_led"))
    with pytest.raises(InputError, match="person 25 in the test and in the training part; each be"):
        get("dvsgesture").load(dvsgesture_folder)


def test_a_sample_moved_to_another_folder_is_counted_there(dvsgesture_folder: Path) -> None:
    before = get("dvsgesture").load(dvsgesture_folder)
    folder = dvsgesture_folder / "ibmGestureTrain" / "user02_led"
    (folder / "4.npy").replace(folder.with_name("user03_led") / "4.npy")
    assert before.subjects is not None
    assert np.count_nonzero(before.subjects == 2) == 11
    after = get("dvsgesture").load(dvsgesture_folder)
    assert after.subjects is not None
    assert np.count_nonzero(after.subjects == 2) == 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no numpy file", r"4\.npy cannot be read as DVS Gesture \("),
        (None, r"4\.npy cannot be read as DVS Gesture \(.*Python objects"),
        (
            np.array([["1", "0", "0", "5"]] * 9),
            r"\(it is an array \(9, 4\) of <U1, not of rows of 4",
        ),
        (
            np.array([[b"1", b"0", b"0", b"5"]] * 9),
            r"\(it is an array \(9, 4\) of \|S1, not of rows",
        ),
        (
            np.zeros((5, 3), np.int64),
            r"4\.npy cannot be read as DVS Gesture \(it is an array \(5, 3",
        ),
        (np.zeros((1, 5, 4), np.int64), r"it is an array \(1, 5, 4\) of int64, not of rows of 4 n"),
        (np.zeros(5, [("x", int)]), "not of rows of 4 numbers"),
        (
            np.array([[128, 0, 0, 0]]),
            r"4\.npy: event 0 has x 128; it must be a whole number from 0",
        ),
        (np.array([[65539, 0, 0, 0]]), "event 0 has x 65539; it must be"),
        (np.array([[196728, 0, 0, 0]]), "event 0 has x 196728; it must be"),
        (np.array([[0, 2**40, 0, 0]]), "event 0 has y 1099511627776; it must be"),
        (np.array([[np.nan, 0, 0, 0]]), "event 0 has x nan; it must be"),
        (np.array([[3.7, 0, 0, 0]]), r"event 0 has x 3\.7; it must be"),
        (np.array([[0, 0, 2, 0]]), "event 0 has polarity 2; it must be a whole number from 0 to 1"),
        (np.array([[0, 0, -1, 0]]), "event 0 has polarity -1; it must be"),
        (np.array([[0, 0, np.nan, 0]]), "event 0 has polarity nan; it must be"),
        (np.array([[0, 0, 0, -1]]), "event 0 is at -1000.0 microseconds; times must be from 0 to"),
        (np.array([[0, 0, 0, np.nan]]), "event 0 is at nan microseconds; times must be from 0 to"),
        (np.array([[0, 0, 0, 2**62]]), r"its times in microseconds are beyond its type, int64"),
        (np.array([[0, 0, 0, 2**50]], np.float64), "event 0 is at 1.1.*; times must be from 0 to"),
        (
            np.array([[0, 0, 0, 33]], np.int16),
            r"its times in microseconds are beyond its type, int",
        ),
    ],
)
def test_a_damaged_dvsgesture_is_refused(
    dvsgesture_folder: Path, content: Any, message: str
) -> None:
    path = dvsgesture_folder / "ibmGestureTrain" / "user02_led" / "4.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, np.array([object()]) if content is None else content, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        get("dvsgesture").load(dvsgesture_folder)


def test_a_broken_archive_in_place_of_a_gesture_is_refused(dvsgesture_folder: Path) -> None:
    path = dvsgesture_folder / "ibmGestureTrain" / "user02_led" / "4.npy"
    path.write_bytes(b"PK\x03\x04 an archive")
    with pytest.raises(
        InputError, match=r"4\.npy cannot be read as DVS .*magic string .*; download"
    ):
        get("dvsgesture").load(dvsgesture_folder)


def test_a_gesture_that_there_is_not_is_refused(dvsgesture_folder: Path) -> None:
    path = dvsgesture_folder / "ibmGestureTrain" / "user02_led" / "4.npy"
    path.rename(path.with_name("11.npy"))
    with pytest.raises(InputError, match=r"11\.npy holds label 11; labels run from 0 to 10"):
        get("dvsgesture").load(dvsgesture_folder)
