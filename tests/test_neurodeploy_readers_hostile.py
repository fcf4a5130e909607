"""Files made to do harm, or damaged in ways that libraries do not foresee: one sentence each."""

from __future__ import annotations

import gzip
import io
import os
import random
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.models.errors import InputError
from neurodeploy.tasks import download, get
from neurodeploy.tasks.download import Download, fetch
from neurodeploy.tasks.readers import fsdd, mnist_like, nmnist_small, wisdm
from neurodeploy.tasks.readers.fsdd import read_wav
from neurodeploy.tasks.readers.npz import read_npz
from neurodeploy.tasks.readers.text import read_numbers
from neurodeploy.tasks.unpack import unpack

FSDD = tuple(fsdd.ARRAYS)
NMNIST = tuple(f"{part}_{name}" for part, _ in nmnist_small.PARTS for name in nmnist_small.FIELDS)
READERS = {"spoken-digits": FSDD, "nmnist": NMNIST}


def npy(shape: str) -> bytes:
    """Return the header of a numpy file without its values."""
    head = f"{{'descr': '<i2', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode()


def write_npz(path: Path, names: tuple[str, ...], content: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(f"{name}.npy", content)
    return path


def change_members(path: Path, at: int, value: int) -> None:
    """Set a byte, counted from the flags on, in all headers of a zip archive."""
    data = bytearray(path.read_bytes())
    for start, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        found = data.find(start)
        while found >= 0:
            data[found + flags + at] = value
            found = data.find(start, found + 1)
    path.write_bytes(data)


@pytest.mark.parametrize("task", READERS)
@pytest.mark.parametrize(
    "shape", [f"({2**50},)", f"({2**62},)", f"({2**70},)", "(-5,)", "(1", "f()"]
)
def test_a_header_that_promises_what_there_is_not_is_refused(
    task: str, shape: str, tmp_path: Path
) -> None:
    path = write_npz(tmp_path / "x.npz", READERS[task], npy(shape))
    with pytest.raises(
        InputError, match=r"x\.npz (is not a whole|cannot be read as).*; (get|give)"
    ):
        get(task).load(path)


@pytest.mark.parametrize("task", READERS)
@pytest.mark.parametrize(("at", "value", "said"), [(0, 1, "encrypted"), (2, 99, "compression")])
def test_an_npz_file_packed_in_another_way_is_refused(
    task: str, at: int, value: int, said: str, tmp_path: Path
) -> None:
    path = write_npz(tmp_path / "x.npz", READERS[task], npy("(0,)"))
    change_members(path, at, value)
    with pytest.raises(InputError, match=rf"\(.*{said}.*\); (get it again|give another)"):
        get(task).load(path)


@pytest.mark.parametrize("task", READERS)
def test_a_plain_npy_file_or_a_pickle_by_that_name_is_refused(task: str, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    for content in (npy("(0,)"), b"cos\nsystem\n(S'touch ran'\ntR.", b"P"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"\(it is no zip archive\)"):
            get(task).load(path)


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("spoken-digits", "0_theo_0.wav"),
        ("spoken-digits", fsdd.COMPACT_FILE),
        ("nmnist", "x.npz"),
        ("watch", "watch_dataset.npy"),
        ("har", wisdm.FILE),
        ("mnist", "train-labels-idx1-ubyte"),
    ],
)
def test_a_pipe_in_place_of_a_file_is_refused(task: str, name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name} is no regular file; remove|holds no .*{name}"):
        get(task).load(tmp_path / name if name == "x.npz" else tmp_path)


class Calls:
    """Pickles to a call of `os.system`."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("task", READERS)
def test_a_pickle_in_an_npz_file_is_not_run(task: str, tmp_path: Path) -> None:
    marker, path = tmp_path / "ran", tmp_path / "x.npz"
    hostile = np.array([Calls(f"touch {marker}")], object)
    np.savez(path, **dict.fromkeys(READERS[task], hostile))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="it holds something else than arrays of numbers"):
        get(task).load(path)
    assert not marker.exists()


@pytest.mark.parametrize("size", [2**14, 2**32 - 1])
def test_an_idx_header_that_promises_too_much_is_refused(size: int, tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(b"\0\0\x08\3" + size.to_bytes(4, "big") * 3)
    with pytest.raises(InputError, match=f"says that it holds {size} x {size} x {size} values and"):
        mnist_like.read_idx(path, 3)


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist_like, "MOST_BYTES", 3_000_000)
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(bytes(4_000_000)))
    assert path.stat().st_size < 5_000
    with pytest.raises(InputError, match="unpacks to more than 3,000,000 bytes; download it again"):
        mnist_like.read_idx(path, 3)


@pytest.mark.parametrize("text", ["1.5\n2\n", "1e0\n2\n", "9" * 30 + "\n", "# 1\n2\n", "2 # 1\n"])
def test_a_table_of_whole_numbers_holds_nothing_else(text: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=r"labels\.txt is not a table of 1 columns"):
        read_numbers(path, 1, dtype=np.int64)


@pytest.mark.parametrize("text", ["a,b,c\n", "subject label x\n", "1\0 2 3\n", "1e39 2 3\n"])
def test_a_table_with_a_heading_only_or_no_finite_numbers_is_refused(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "signal.txt"
    path.write_text(text)
    with pytest.raises(
        InputError, match=r"signal\.txt (is not a table of 3|holds inf).*download it"
    ):
        read_numbers(path, 3, dtype=np.float32)


def test_a_wisdm_value_beyond_float32_is_malformed(wisdm_folder: Path) -> None:
    with (wisdm_folder / wisdm.FILE).open("a") as file:
        file.write("4,Standing,49999999999999,1.0,2.0,1e39;\n")
    assert get("har").load(wisdm_folder).notes[0] == "malformed records left out: 2"


@pytest.mark.parametrize("subject", ["9" * 25, "x", "-1", "", "01602", "1600_x"])
def test_a_wisdm_2019_file_of_no_subject_is_refused(subject: str, wisdm_2019_folder: Path) -> None:
    path = wisdm_2019_folder / "raw" / "watch" / "accel" / f"data_{subject}_accel_watch.txt"
    path.write_text("1600,A,1,1,1,1;\n")
    with pytest.raises(InputError, match=f"names the subject '{subject}'; it must be a number of"):
        get("har").load(wisdm_2019_folder)


def test_a_wav_chunk_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(100))
    data = bytearray(path.read_bytes())
    data[17] = 255  # of the size of the chunk with the format
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"WAV file \(it ends early\); get it again, or convert"):
        read_wav(path, 8000)


def test_times_of_few_bits_are_counted_as_others_are(tmp_path: Path) -> None:
    fields = {name: np.zeros(10, np.uint8) for name in NMNIST}
    for part in ("train", "test"):
        fields[f"{part}_offset"], fields[f"{part}_label"] = np.arange(11), np.arange(10)
        fields[f"{part}_t"] = np.full(10, 255, np.uint8)
    np.savez(tmp_path / "x.npz", **fields)  # type: ignore[arg-type]
    assert get("nmnist").load(tmp_path / "x.npz").signals[:, 0, 0].tolist() == [1] * 20


def test_a_member_without_a_name_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a", "text")
    data = (tmp_path / "x.zip").read_bytes()
    for start, length, name in ((b"PK\3\4", 26, 30), (b"PK\1\2", 28, 46)):
        at = data.index(start)
        data = (
            data[: at + length] + b"\0" + data[at + length + 1 : at + name] + data[at + name + 1 :]
        )
    end = data.index(b"PK\5\6")
    sizes = (int.from_bytes(data[end + k : end + k + 4], "little") - 1 for k in (12, 16))
    data = data[: end + 12] + b"".join(n.to_bytes(4, "little") for n in sizes) + data[end + 20 :]
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(InputError, match=r"x\.zip holds a file without a name; remove the archive"):
        unpack(tmp_path / "x.zip", tmp_path / "new")
    assert os.listdir(tmp_path) == ["x.zip"]


def test_a_download_in_place_that_may_not_be_read_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: Path, kind: str) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(download, "_digest", forbidden)
    (tmp_path / "data").write_bytes(b"1")
    one = Download(("http://127.0.0.1/data",), "data", 1, "md5:" + "0" * 32)
    message = (
        r"data is there already but cannot be read \(Permission denied\); move it away and try"
    )
    with pytest.raises(InputError, match=message):
        fetch(one, tmp_path)
    assert (tmp_path / "data").read_bytes() == b"1"


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
