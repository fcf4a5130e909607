"""Every reader and every kind of bad data: one sentence with a way out, and no file is touched."""

from __future__ import annotations

import io
import os
import random
import re
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import Calls
from numpy.typing import NDArray

from neurodeploy import data as tasks
from neurodeploy.data import events, inventory, mnist, spoken_digits
from neurodeploy.data.readers import wisdm
from neurodeploy.data.readers.files import read_npz, read_numbers
from neurodeploy.data.spoken_digits import read_wav
from neurodeploy.models.errors import InputError

WAY_OUT = re.compile(
    r"[;,] (so |and |or )?(\w+, )?(download|give|get|install|unpack|remove|repair|convert|read|"
    r"leave|rename)\b"
)
Damage = Callable[[Path], Any]


@pytest.fixture
def mnist_folder(tmp_path: Path) -> Path:
    """Write an MNIST of 50 images to train on and 10 to test on, all classes equally often."""
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
        fields |= {f"{part}_offset": np.arange(count + 1), f"{part}_label": np.arange(count) % 10}
    np.savez(path, **fields)
    return path


@pytest.fixture
def compact_folder(tmp_path: Path) -> Path:
    """Write the compact file of spoken digits, 30 recordings of 20 samples."""
    path = tmp_path / "compact" / spoken_digits.COMPACT_FILE
    path.parent.mkdir()
    fields = {
        "wave": np.zeros(600, np.int16), "offset": np.arange(31) * 20,
        "label": np.repeat(np.arange(10), 3), "speaker": np.full(30, "theo"),
        "index": np.tile([0, 5, 10], 10),
    }  # fmt: skip
    np.savez(path, **fields)  # type: ignore[arg-type]
    return path


@pytest.fixture
def watch_folder(tmp_path: Path) -> Path:
    """Write an array in place of seglearn's watch data."""
    path = tmp_path / "watch" / "watch_dataset.npy"
    path.parent.mkdir()
    np.save(path, np.zeros(3))
    return path


def npz(**changes: Any) -> Damage:
    """Return what writes an npz file again with some arrays changed, or left out for None."""

    def change(path: Path) -> None:
        with np.load(path) as file:
            fields = {**file, **changes}
        np.savez(path, **{name: each for name, each in fields.items() if each is not None})

    return change


def half(name: str = "", bytes_: int | None = None) -> Damage:
    """Return what cuts a file to half its bytes, or to so many."""

    def cut(folder: Path) -> None:
        path = folder / name if name else folder
        os.truncate(path, path.stat().st_size // 2 if bytes_ is None else bytes_)

    return cut


def lines(name: str, old: str, new: str, count: int = 0) -> Damage:
    """Return what replaces every line that matches a pattern, or so many."""

    def change(folder: Path) -> None:
        path = folder / name
        text, done = re.subn(old, new, path.read_text(), count=count, flags=re.MULTILINE)
        assert done
        path.write_text(text)

    return change


def drop_last(name: str) -> Damage:
    """Return what removes the last line, as a broken download does."""
    return lines(name, r"^.*\n\Z", "")


def text(name: str, content: str) -> Damage:
    """Return what writes a file."""
    return lambda folder: (folder / name).write_text(content)


def without(pattern: str) -> Damage:
    """Return what removes the files that match."""
    return lambda folder: [path.unlink() for path in sorted(folder.glob(pattern))]


def idx(name: str, values: NDArray[Any]) -> Damage:
    """Return what writes an IDX file."""
    return lambda folder: write_idx(folder / name, values)


def wav(name: str, **kind: int) -> Damage:
    """Return what writes a WAV file."""
    return lambda folder: write_wav(folder / name, **kind)


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


Y, WHO = "train/y_train.txt", "train/subject_train.txt"
BODY, TOTAL = (f"Inertial Signals/{name}_train.txt" for name in ("body_gyro_x", "total_acc_y"))
ACC, ROWS_ = "acc_exp01_user01.txt", "labels.txt"
WISDM, WATCH_1600 = "WISDM_ar_v1.1_raw.txt", "raw/watch/gyro/data_1600_gyro_watch.txt"
WATCH_1601 = "raw/watch/gyro/data_1601_gyro_watch.txt"
ROWS: list[tuple[str, str, Damage, str]] = [
    # cut short
    ("uci_har", "har", half(f"train/{BODY}"), "body_gyro_x_train.txt"),
    ("uci_har", "har", drop_last(f"train/{TOTAL}"), "total_acc_y_train.txt has 17 rows but y_t"),
    ("uci_har", "har", drop_last(WHO), "subject_train.txt has 17 rows but y_train.txt has 18"),
    ("uci_har", "har", lines(f"train/{TOTAL}", r".{29}\n\Z", ""), "_y_train.txt is not a table of"),
    ("hapt", "har", half(ACC), f"{ACC}|gyro_exp01"),
    ("hapt", "har", drop_last("gyro_exp02_user02.txt"), "has 1409 rows but acc_exp02_user02.txt"),
    ("hapt", "har", lines(ROWS_, "7 1210 1409", "7 1210 1410", 1), "1210 to 1410 in row 7"),
    ("wisdm", "har", half(WISDM), "split, subjects .*, has no sample of .*Standing"),
    ("wisdm_2019", "har", half(WATCH_1600), "test split, subjects 1600, has no sample of"),
    ("mnist", "mnist", half("train-images-idx3-ubyte"), "has 19,592 values, but 50 x 28 x 28"),
    *(("fsdd", "spoken-digits", half("3_theo_5.wav", size), rf"3_theo_5\.wav {said}")
      for size, said in ((0, "cannot"), (30, "cannot"), (63, "holds 9 of"), (64, "holds 10 of"))),
    ("nmnist", "nmnist", half(), "cannot be read as a small N-MNIST"),
    ("compact", "spoken-digits", half(), "is not a whole npz file"),
    ("watch", "watch", half(), "has sha256"),
    # missing
    ("uci_har", "har", without(f"train/{BODY}"), "body_gyro_x_train.txt is missing"),
    ("uci_har", "har", without(Y), "y_train.txt is missing"),
    ("hapt", "har", without("gyro_exp02*"), "gyro_exp02_user02.txt is missing"),
    ("hapt", "har", without(ROWS_), "labels.txt is missing"),
    ("hapt", "har", lines(ACC, r" \S+$", ""), f"{ACC} has 2 columns; it must have 3"),
    ("hapt", "har", lines(ROWS_, r" \S+$", ""), "labels.txt has 4 columns; it must have 5"),
    ("wisdm", "har", lines(WISDM, r",[^,]*;$", ";"), "malformed of .* records; it must hold"),
    ("wisdm_2019", "har", without("raw/watch/gyro/*"), "gyro holds no data_SUBJECT_gyro_watch"),
    ("wisdm_2019", "har", lambda f: [without(f"raw/watch/{kind}*")(f) for kind in (
        "gyro/data_1600", "accel/data_1601", "accel/data_1602")], "no subject with files of both"),
    ("mnist", "mnist", without("t10k-images*"), "t10k-images-idx3-ubyte is missing"),
    ("nmnist", "nmnist", npz(test_p=None), "it has no array test_p"),
    ("compact", "spoken-digits", npz(speaker=None), "has no array speaker"),
    # of another kind
    ("uci_har", "har", text(f"train/{TOTAL}", "1 2 3\n"), "has 3 columns; it must have 128"),
    ("uci_har", "har", lines(f"train/{TOTAL}", r"1\.1", "<html>", 1), "convert string"),
    ("uci_har", "har", text(Y, ""), "y_train.txt is empty"),
    ("hapt", "har", lambda f: (f / ACC).write_bytes(b"\xff\xfe\x00"), f"{ACC} is not a table of 3"),
    ("wisdm", "har", text(WISDM, ""), "raw.txt has 0 malformed of 0 records"),
    ("wisdm", "har", text(WISDM, "<html>\nnot found\n</html>\n"), "3 malformed of 3 records"),
    ("wisdm", "har", text(WISDM, "1,Walking,5,1.0,2.0,3.0;\n" * 9), "no segment of 128 samples"),
    ("wisdm", "har", text(WISDM, "1,Dancing,5,1,2,3;\n" * 200), "no segment of 128 samples"),
    ("wisdm_2019", "har", text(WATCH_1601, ""), f"{WATCH_1601} has 0 malformed of 0 records"),
    *(("fsdd", "spoken-digits", wav("1_theo_0.wav", **{kind: value}), f"has {value * unit} {said}")
      for kind, value, unit, said in (
          ("rate", 44100, 1, "samples per second .*-r 8000"), ("width", 3, 8, "bits"),
          ("width", 1, 8, "bits .*-b 16"), ("channels", 2, 1, "channels .*-c 1"))),
    ("fsdd", "spoken-digits", lambda f: (f / "1_theo_0.wav").write_bytes(b"no sound" * 9), "RIFF"),
    *(("fsdd", "spoken-digits", wav(name), f"{name} is not named DIGIT_SPEAKER_INDEX.wav")
      for name in ("voice.wav", "7_jackson.wav", "a_theo_1.wav", "3_theo_-1.wav")),
    ("nmnist", "nmnist", npz(train_x=np.zeros((2, 25), int)), r"train_x has shape \(2, 25\)"),
    ("nmnist", "nmnist", npz(train_x=np.zeros(49, int)), "train_x has 49"),
    ("nmnist", "nmnist", npz(train_offset=np.arange(50)), "train_offset has 50 values for 50 "),
    ("nmnist", "nmnist", npz(train_offset=np.arange(51)[::-1]), "train_offset does not rise fr"),
    *(("compact", "spoken-digits", npz(**changes), said) for changes, said in (
        ({"offset": np.array([0, 600])}, "has 2 offsets and 30 of label"),
        ({"label": np.zeros(29, int)}, "has 31 offsets and 29 of label"),
        ({"offset": np.arange(31)}, "600 samples of wave but go from 0 to 30"),
        ({"offset": np.arange(1, 32) * 20}, "but go from 20 to 620"),
        ({"offset": np.r_[np.zeros(30, int), 600]}, "by 0 at least"),
        ({"wave": np.zeros(600)}, r"wave is float64 of shape \(600,\)"),
        ({"wave": np.zeros((2, 9), np.int16)}, r"wave is int16 of shape \(2, 9\)"),
        ({"label": np.zeros(30)}, "label is float64"), ({"speaker": np.zeros(30, int)}, "text"),
        ({"speaker": np.full(30, None, object)}, "something other than arrays of numbers"))),
    # no finite number
    ("uci_har", "har", lines(f"train/{BODY}", r"^\S+", "nan"), "holds nan in row 1, column 1"),
    ("hapt", "har", lines(ACC, r"^\S+", "-inf"), "holds -inf in row 1, column 1"),
    ("hapt", "har", lines(ACC, r"^20 20\.1", "20 inf"), "holds inf in row 21, column 2"),
    ("wisdm", "har", lines(WISDM, r",[^,]*;$", ",NaN;"), "malformed of .* records"),
    ("wisdm_2019", "har", lines(WATCH_1600, r",[^,]*;$", ",1e39;"), "1260 malformed of 1260 rec"),
    ("nmnist", "nmnist", npz(train_t=np.full(50, np.nan)), "train_t has shape .* float64"),
    # labels
    *(("uci_har", "har", lines(Y, "^6$", new), said) for new, said in (
        ("7", "holds label 7; labels run from 1"), ("0", "holds label 0; labels run from 1"),
        ("5.5", "is not a table of 1 columns"), ("# 6", "is not a table of 1 columns"))),
    ("hapt", "har", lines(ROWS_, "^1 1 7", "1 1 13"), "holds label 13 in row 7"),
    ("hapt", "har", lines(ROWS_, "7 1210 1409", "7 1210 1209", 1), "1210 to 1209 in row 7"),
    ("hapt", "har", lines(ROWS_, "3 410 609", "3 409 609", 1), "samples 409 to 609 with 3 in row"),
    ("wisdm", "har", lines(WISDM, "Sitting", "Flying"), "has no sample of Sitting"),
    ("wisdm_2019", "har", lines(WATCH_1600, ",D,", ",Z,"), "has no sample of sitting"),
    ("mnist", "mnist", idx("t10k-labels-idx1-ubyte", np.arange(1, 11)), "holds label 10; labels"),
    ("fsdd", "spoken-digits", wav("10_theo_0.wav"), "holds 10_theo_0; digits run from 0 to 9"),
    ("fsdd", "spoken-digits", wav("0_theo_00.wav"), "holds 0_theo_0 twice"),
    ("compact", "spoken-digits", npz(label=np.full(30, 10)), "holds 10_theo_0; digits run"),
    ("compact", "spoken-digits", npz(index=np.full(30, -1)), "holds 0_theo_-1; digits run"),
    ("nmnist", "nmnist", npz(test_label=np.arange(1, 11)), "holds label 10; labels run"),
    ("nmnist", "nmnist", npz(test_label=np.arange(10) / 2), "one-dimensional array of integers"),
    # subjects
    ("uci_har", "har", lines(WHO, ".+", "1"), "1 is left for training and"),
    ("uci_har", "har", lines(WHO, "^1$", "2"), "subject 2, who is in train too"),
    ("wisdm_2019", "har", lines(WATCH_1601, "^1601", "1600"), "1,260 records of subject 1600"),
    *(("wisdm_2019", "har", text(f"raw/watch/accel/data_{who}_accel_watch.txt", "1,A,1,1,1,1;\n"),
       f"names the subject '{who}'") for who in ("9" * 25, "x", "-1", "", "01602", "1600_x")),
    # a class or a split is left empty
    ("uci_har", "har", lines("test/y_test.txt", "^6$", "5"), "has no sample of LAYING"),
    ("hapt", "har", lines(ROWS_, r"^2 2 .*\n", ""), r"test split, subjects \(none\), has"),
    ("wisdm", "har", lines(WISDM, "^4,", "5,"), r"test split, subjects \(none\), has no sample"),
    ("wisdm_2019", "har", without("raw/watch/*/data_1601*"), "1602 is left for training and"),
    ("mnist", "mnist", idx("t10k-labels-idx1-ubyte", np.zeros(10)), "test split has no sample of"),
    ("fsdd", "spoken-digits", without("*_0.wav"), "test split has no sample of zero, one"),
    ("fsdd", "spoken-digits", without("7_theo_10.wav"), "train split has no sample of seven"),
    ("nmnist", "nmnist", npz(train_label=np.zeros(50, int)), "train split has no sample of"),
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


@pytest.mark.parametrize("reader", READS)
def test_a_folder_of_another_dataset_is_refused_by_every_task(
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
        for name in ("empty", "file", "missing"):
            assert str(tmp_path) in refusal(task, tmp_path / name)


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("spoken-digits", "0_theo_0.wav"),
        ("spoken-digits", spoken_digits.COMPACT_FILE),
        ("nmnist", "x.npz"),
        ("watch", "watch_dataset.npy"),
        ("har", wisdm.FILE),
        ("mnist", "train-labels-idx1-ubyte"),
    ],
)
def test_a_pipe_in_place_of_a_file_is_refused(task: str, name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name} is not a regular file|holds no .*{name}"):
        tasks.get(task).load(tmp_path / name if name == "x.npz" else tmp_path)


NPZ = {
    "spoken-digits": tuple(spoken_digits.ARRAYS),
    "nmnist": tuple(
        f"{part}_{name}" for part, _ in events.SMALL_PARTS for name in events.SMALL_FIELDS
    ),
}
"""The arrays of the npz files that tasks read."""


def npy(shape: str) -> bytes:
    """Return the header of a numpy file without its values."""
    head = f"{{'descr': '<i2', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode()


def write_npz(path: Path, names: tuple[str, ...], content: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(f"{name}.npy", content)
    return path


@pytest.mark.parametrize("task", NPZ)
def test_an_npz_file_that_lies_or_is_packed_in_another_way_is_refused(
    task: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.npz"
    for shape in (f"({2**50},)", f"({2**62},)", f"({2**70},)", "(-5,)", "(1", "f()"):
        write_npz(path, NPZ[task], npy(shape))
        assert str(path) in refusal(task, path)
    for at, value, said in ((0, 1, "encrypted"), (2, 99, "compression")):
        data = bytearray(write_npz(path, NPZ[task], npy("(0,)")).read_bytes())
        for start, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            for found in re.finditer(re.escape(start), bytes(data)):
                data[found.start() + flags + at] = value
        path.write_bytes(data)
        assert said in refusal(task, path)
    for content in (npy("(0,)"), b"cos\nsystem\n(S'touch ran'\ntR.", b"P"):
        path.write_bytes(content)
        assert "it is not a zip archive" in refusal(task, path)


@pytest.mark.parametrize("task", NPZ)
def test_a_pickle_in_an_npz_file_is_not_run(task: str, tmp_path: Path) -> None:
    marker, path = tmp_path / "ran", tmp_path / "x.npz"
    hostile = np.array([Calls(os.system, f"touch {marker}")], object)
    np.savez(path, **dict.fromkeys(NPZ[task], hostile))  # type: ignore[arg-type]
    assert "something other than arrays of numbers" in refusal(task, path)
    assert not marker.exists()


def test_an_npz_file_with_any_bytes_changed_is_read_or_refused(tmp_path: Path) -> None:
    packed, path, rng = io.BytesIO(), tmp_path / "x.npz", random.Random(0)
    np.savez_compressed(packed, a=np.arange(50), b=np.arange(3))
    whole = packed.getvalue()
    refused: list[str] = []
    for _ in range(200):
        damaged = bytearray(whole)
        for at in rng.choices(range(len(whole)), k=3):
            damaged[at] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            read_npz(path, ("a", "b"), wrong="is damaged", way_out="get it again")
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 100
    assert not any("\n" in said for said in refused)


@pytest.mark.parametrize("size", [2**14, 2**32 - 1])
def test_an_idx_header_that_promises_too_much_is_refused(size: int, tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(b"\0\0\x08\3" + size.to_bytes(4, "big") * 3)
    with pytest.raises(InputError, match=f"but {size} x {size} x {size} according to its header"):
        mnist.read_idx(path, 3)


@pytest.mark.parametrize(
    ("columns", "dtype", "texts"),
    [
        (1, np.int64, ("1.5\n2\n", "1e0\n2\n", "9" * 30 + "\n", "# 1\n2\n", "2 # 1\n")),
        (3, np.float32, ("a,b,c\n", "subject label x\n", "1\0 2 3\n", "1e39 2 3\n")),
    ],
)
def test_a_table_holds_finite_numbers_of_its_type_and_nothing_else(
    columns: int, dtype: Any, texts: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "table.txt"
    for content in texts:
        path.write_text(content)
        with pytest.raises(InputError, match=r"table\.txt (is not a table of|holds inf)"):
            read_numbers(path, columns, dtype=dtype)


@pytest.mark.parametrize(
    ("at", "value", "said"), [(17, 255, "ends early"), (20, 3, "unknown format")]
)
def test_a_wav_file_that_lies_about_its_format_is_refused(
    at: int, value: int, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.wav"
    write_wav(path)
    data = bytearray(path.read_bytes())
    data[at] = value
    path.write_bytes(data)
    with pytest.raises(InputError, match=said):
        read_wav(path, 8000)


def test_times_of_few_bits_are_counted_as_others_are(nmnist_folder: Path) -> None:
    npz(test_t=np.full(10, 255, np.uint8))(nmnist_folder)
    counts = tasks.get("nmnist").load(nmnist_folder).signals
    assert counts[50:, 0, 0].tolist() == [1] * 10
