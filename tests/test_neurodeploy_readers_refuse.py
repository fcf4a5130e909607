"""Every reader and every kind of bad data: one sentence with a way out, and no file is touched."""

from __future__ import annotations

import re
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy import tasks
from neurodeploy.models.errors import InputError
from neurodeploy.tasks import inventory

WAY_OUT = re.compile(
    r"[;,] (so |and |or )?(\w+, )?(download|give|get|install|unpack|remove|repair|convert|read|"
    r"leave|rename)\b"
)
Damage = Callable[[Path], Any]


@pytest.fixture
def mnist_folder(tmp_path: Path) -> Path:
    """Write an MNIST of 50 images to train on and 10 to test on, each class as often."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for part, count in (("train", 50), ("t10k", 10)):
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.arange(count) % 10)
        write_idx(folder / f"{part}-images-idx3-ubyte", np.zeros((count, 28, 28)))
    return folder


def write_idx(path: Path, values: NDArray[Any]) -> None:
    head = (2048 + values.ndim, *values.shape)
    path.write_bytes(np.array(head, ">u4").tobytes() + values.astype(np.uint8).tobytes())


@pytest.fixture
def fsdd_folder(tmp_path: Path) -> Path:
    """Write recordings of ten digits by one speaker, one each to test, validate and train on."""
    folder = tmp_path / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    for digit in range(10):
        for index in (0, 5, 10):
            write_wav(folder / f"{digit}_theo_{index}.wav")
    return folder


def write_wav(path: Path, rate: int = 8000, channels: int = 1, width: int = 2) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(bytes(20 * channels * width))


@pytest.fixture
def nmnist_folder(tmp_path: Path) -> Path:
    """Write a small N-MNIST of 50 samples to train on and 10 to test on, of one event each."""
    path = tmp_path / "nmnist" / "nmnist_small.npz"
    path.parent.mkdir()
    fields: dict[str, NDArray[Any]] = {}
    for part, count in (("train", 50), ("test", 10)):
        fields |= {f"{part}_{field}": np.zeros(count, np.uint8) for field in "xypt"}
        fields[f"{part}_offset"], fields[f"{part}_label"] = (
            np.arange(count + 1),
            np.arange(count) % 10,
        )
    np.savez(path, **fields)
    return path


def change_npz(**changes: Any) -> Damage:
    """Return what writes an npz file again with some arrays changed, or left out for None."""

    def change(path: Path) -> None:
        with np.load(path) as file:
            fields = {**file, **changes}
        np.savez(path, **{name: each for name, each in fields.items() if each is not None})

    return change


@pytest.fixture
def watch_folder(tmp_path: Path) -> Path:
    """Write an array in place of seglearn's watch data."""
    path = tmp_path / "watch" / "watch_dataset.npy"
    path.parent.mkdir()
    np.save(path, np.zeros(3))
    return path


def half(name: str = "") -> Damage:
    """Return what cuts a file to half its bytes."""

    def cut(folder: Path) -> None:
        path = folder / name if name else folder
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return cut


def lines(name: str, old: str, new: str) -> Damage:
    """Return what replaces every line that matches a pattern."""

    def change(folder: Path) -> None:
        path = folder / name
        path.write_text(re.sub(old, new, path.read_text(), flags=re.MULTILINE))

    return change


def without(pattern: str) -> Damage:
    """Return what removes the files that match."""
    return lambda folder: [path.unlink() for path in sorted(folder.glob(pattern))]


def idx(name: str, values: NDArray[Any]) -> Damage:
    """Return what writes an IDX file."""
    return lambda folder: write_idx(folder / name, values)


def refusal(task: str, path: Path) -> str:
    """Return the sentence with which data are refused, once all files are found untouched."""
    top = path if path.is_dir() else path.parent
    before = {each: each.read_bytes() for each in top.rglob("*") if each.is_file()}
    with pytest.raises(InputError) as raised:
        inventory.contents(tasks.get(task), path)
    assert {each: each.read_bytes() for each in top.rglob("*") if each.is_file()} == before
    said = str(raised.value)
    assert "\n" not in said
    assert WAY_OUT.search(said), said
    return said


BODY, ACC = "Inertial Signals/body_gyro_x_train.txt", "acc_exp01_user01.txt"
WISDM, WATCH_1600 = "WISDM_ar_v1.1_raw.txt", "raw/watch/gyro/data_1600_gyro_watch.txt"
ROWS: list[tuple[str, str, Damage, str]] = [
    # cut short
    ("uci_har", "har", half(f"train/{BODY}"), "body_gyro_x_train.txt"),
    ("hapt", "har", half(ACC), f"{ACC}|gyro_exp01"),
    ("wisdm", "har", half(WISDM), "split, subjects .*, has no window of .*Standing"),
    ("wisdm_2019", "har", half(WATCH_1600), "test split, subjects 1600, has no window of"),
    ("mnist", "mnist", half("train-images-idx3-ubyte"), "50 x 28 x 28 values and holds 19,592"),
    ("fsdd", "spoken-digits", half("3_theo_5.wav"), r"3_theo_5\.wav (holds|cannot)"),
    ("nmnist", "nmnist", half(), "cannot be read as a small N-MNIST"),
    ("watch", "watch", half(), "is not seglearn's watch data"),
    # a missing channel
    ("uci_har", "har", without(f"train/{BODY}"), "body_gyro_x_train.txt is missing"),
    ("hapt", "har", without("gyro_exp02*"), "gyro_exp02_user02.txt is missing"),
    ("hapt", "har", lines(ACC, r" \S+$", ""), f"{ACC} has 2 columns; it must have 3"),
    ("wisdm", "har", lines(WISDM, r",[^,]*;$", ";"), "malformed of .* records; it must hold"),
    ("wisdm_2019", "har", without("raw/watch/gyro/*"), "gyro holds no data_SUBJECT_gyro_watch"),
    ("mnist", "mnist", without("t10k-images*"), "t10k-images-idx3-ubyte is missing"),
    ("nmnist", "nmnist", change_npz(test_p=None), "it has no array test_p"),
    # no finite number
    ("uci_har", "har", lines(f"train/{BODY}", r"^\S+", "nan"), "holds nan in row 1, column 1"),
    ("hapt", "har", lines(ACC, r"^\S+", "-inf"), "holds -inf in row 1, column 1"),
    ("wisdm", "har", lines(WISDM, r",[^,]*;$", ",NaN;"), "malformed of .* records"),
    ("wisdm_2019", "har", lines(WATCH_1600, r",[^,]*;$", ",1e39;"), "1260 malformed of 1260 rec"),
    ("nmnist", "nmnist", change_npz(train_t=np.full(50, np.nan)), "train_t has shape .* float64"),
    # labels
    ("uci_har", "har", lines("train/y_train.txt", "^6$", "7"), "holds label 7; labels run from 1"),
    ("uci_har", "har", lines("train/y_train.txt", "^6$", "5.5"), "is not a table of 1 columns"),
    ("uci_har", "har", lines("train/y_train.txt", "^6$", "# 6"), "is not a table of 1 columns"),
    ("hapt", "har", lines("labels.txt", "^1 1 7", "1 1 13"), "holds label 13 in row 7"),
    ("wisdm", "har", lines(WISDM, "Sitting", "Flying"), "has no window of Sitting"),
    ("wisdm_2019", "har", lines(WATCH_1600, ",D,", ",Z,"), "has no window of sitting"),
    ("mnist", "mnist", idx("t10k-labels-idx1-ubyte", np.arange(1, 11)), "holds label 10; labels"),
    ("fsdd", "spoken-digits", lambda folder: write_wav(folder / "10_theo_0.wav"), "digits run fr"),
    ("nmnist", "nmnist", change_npz(test_label=np.arange(1, 11)), "holds label 10; labels run"),
    ("nmnist", "nmnist", change_npz(test_label=np.arange(10) / 2), "must be one row of whole num"),
    # subjects or parts that leave a class or a split empty
    ("uci_har", "har", lines("train/subject_train.txt", ".+", "1"), "1 is left to train and to"),
    ("uci_har", "har", lines("test/y_test.txt", "^6$", "5"), "has no window of LAYING"),
    ("hapt", "har", lines("labels.txt", r"^2 2 .*\n", ""), r"test split, subjects \(none\), has"),
    ("wisdm", "har", lines(WISDM, "^4,", "5,"), r"test split, subjects \(none\), has no window"),
    ("wisdm_2019", "har", without("raw/watch/*/data_1601*"), "1602 is left to train and to valid"),
    ("mnist", "mnist", idx("t10k-labels-idx1-ubyte", np.zeros(10)), "test split has no window of"),
    ("fsdd", "spoken-digits", without("*_0.wav"), "test split has no window of zero, one"),
    ("fsdd", "spoken-digits", without("7_theo_10.wav"), "train split has no window of seven"),
    ("nmnist", "nmnist", change_npz(train_label=np.zeros(50, int)), "train split has no window of"),
    # sound of another kind
    ("fsdd", "spoken-digits", lambda f: write_wav(f / "1_theo_0.wav", 44100), "44100 samples a s"),
    ("fsdd", "spoken-digits", lambda f: write_wav(f / "1_theo_0.wav", width=3), "24 bits a sample"),
    ("fsdd", "spoken-digits", lambda f: write_wav(f / "1_theo_0.wav", channels=2), "2 channels an"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "task", "damage", "message"),
    ROWS,
    ids=[f"{reader}-{message}" for reader, _, _, message in ROWS],
)
def test_bad_data_are_refused_in_one_sentence(
    reader: str, task: str, damage: Damage, message: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(f"{reader}_folder")
    damage(path)
    assert re.search(message, refusal(task, path))


READS = {
    "uci_har": ("har",), "wisdm_2019": ("har",), "mnist": ("mnist", "fashion"),
    "fsdd": ("spoken-digits",), "nmnist": ("nmnist",), "watch": (),
}  # fmt: skip
"""Tasks that may read what a fixture writes; only official labels tell MNIST from Fashion-MNIST."""


@pytest.mark.parametrize(
    ("reader", "task"), [("fsdd", "spoken-digits"), ("nmnist", "nmnist"), ("watch", "watch")]
)
def test_a_file_that_may_not_be_read_says_so(
    reader: str, task: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = request.getfixturevalue(f"{reader}_folder")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"cannot be read: Permission denied; check its rights$"):
        tasks.get(task).load(path)


@pytest.mark.parametrize("reader", READS)
def test_a_folder_of_another_data_set_is_refused_by_every_task(
    reader: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(f"{reader}_folder")
    folder = path if path.is_dir() else path.parent
    for task in tasks.TASKS:
        if task not in READS[reader]:
            assert str(folder) in refusal(task, folder)


def test_an_empty_folder_and_a_file_in_its_place_are_refused_by_every_task(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("a,b\n")
    for task in tasks.TASKS:
        assert str(tmp_path) in refusal(task, tmp_path / "empty")
        assert str(tmp_path) in refusal(task, tmp_path / "file")
