"""MNIST and Fashion-MNIST on tiny files in the official layout."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks import fashion, mnist
from neurodeploy.tasks.dataset import TEST, TRAIN
from neurodeploy.tasks.readers import mnist_like
from neurodeploy.tasks.readers.mnist_like import read_idx
from neurodeploy.tasks.split import split

MAGIC = {1: 2049, 3: 2051}
"""What a file of labels and one of images begin with, as LeCun's page has it."""

COUNTS = {"train": 60, "t10k": 20}


def idx_bytes(values: NDArray[np.uint8]) -> bytes:
    """Return a file as LeCun's page describes it."""
    numbers = (MAGIC[values.ndim], *values.shape)
    return b"".join(number.to_bytes(4, "big") for number in numbers) + values.tobytes()


def write(folder: Path, name: str, values: NDArray[np.uint8]) -> None:
    data = idx_bytes(values)
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes 60 + 20 images: image i has label i modulo 10, pixel (y, x) of
    it is (28 y + x + i) modulo 256."""

    def write_all(name: str = "{part}-{kind}-idx{n}-ubyte.gz", below: str = "mnist") -> Path:
        folder = tmp_path / below
        folder.mkdir(parents=True)
        for part, count in COUNTS.items():
            order = np.arange(count)
            images = (np.arange(784) + order[:, None]).astype(np.uint8).reshape(count, 28, 28)
            for kind, values in (("images", images), ("labels", (order % 10).astype(np.uint8))):
                write(folder, name.format(part=part, kind=kind, n=values.ndim), values)
        return folder

    return write_all


def refused(message: str):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize("mark", "-.")
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_the_official_names_are_read_packed_or_not(
    make: Callable[..., Path], mark: str, packed: str
) -> None:
    dataset = mnist.read(make("{part}-{kind}" + mark + "idx{n}-ubyte" + packed))
    assert dataset.signals.shape == (80, 784, 1)
    assert dataset.signals.dtype == np.uint8
    assert dataset.grid == (28, 28)
    assert dataset.signals[2, 28 * 3 + 5, 0] == 28 * 3 + 5 + 2
    assert dataset.channel_names[28 * 3 + 5] == "pixel 5, 3 (0..255)"
    assert dataset.labels.tolist() == [i % 10 for i in (*range(60), *range(20))]
    assert dataset.parts is not None
    assert dataset.parts.tolist() == [TRAIN] * 60 + [TEST] * 20


def test_images_of_the_test_files_test_and_no_others(make: Callable[..., Path]) -> None:
    parts = split(mnist.read(make()))
    assert parts.test.tolist() == list(range(60, 80))
    assert sorted([*parts.train, *parts.validation]) == list(range(60))


def test_files_two_levels_below_are_found_and_unpacked_ones_come_first(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make("{part}-{kind}-idx{n}-ubyte", "MNIST/raw")
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(b"not read")
    assert len(mnist.read(tmp_path)) == 80


def test_a_note_says_that_images_are_missing(make: Callable[..., Path]) -> None:
    assert mnist.read(make()).notes == (
        "60 of the 60,000 official images to train are in the folder",
        "20 of the 10,000 official images to test are in the folder",
    )


def test_a_note_says_that_labels_are_not_the_official_ones(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist_like, "OFFICIAL", COUNTS)
    assert mnist.read(make()).notes == (
        "the labels to train are not the official ones of MNIST",
        "the labels to test are not the official ones of MNIST",
    )


def test_a_note_says_that_images_beside_the_official_labels_are_others(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make("{part}-{kind}-idx{n}-ubyte")
    labels = [read_idx(folder / f"{part}-labels-idx1-ubyte", 1).data for part in COUNTS]
    files = [(folder / f"{part}-images-idx3-ubyte").read_bytes() for part in COUNTS]
    known = replace(
        mnist_like.MNIST,
        labels_sha256=tuple(hashlib.sha256(each).hexdigest() for each in labels),
        images_sha256=tuple(hashlib.sha256(each).hexdigest() for each in files),
    )
    monkeypatch.setattr(mnist_like, "OFFICIAL", COUNTS)
    monkeypatch.setattr(mnist_like, "MNIST", known)
    monkeypatch.setattr(mnist_like, "KNOWN", (known,))
    assert mnist.read(folder).notes == ()
    (folder / "t10k-images-idx3-ubyte").write_bytes(files[1][:-1] + b"\0")
    assert mnist.read(folder).notes == (
        "the labels to test are the official ones of MNIST, the images are not",
    )


@pytest.mark.skipif(
    fashion.debian_folder() is None, reason="dataset-fashion-mnist is not installed"
)
def test_debians_images_are_the_official_ones() -> None:
    assert fashion.read(fashion.DEBIAN_FOLDER).notes == ()


def test_the_official_labels_tell_one_data_set_from_the_other(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make()
    labels = read_idx(folder / "train-labels-idx1-ubyte.gz", 1)
    known = replace(
        mnist_like.MNIST, labels_sha256=(mnist_like.hashlib.sha256(labels.data).hexdigest(), "")
    )
    monkeypatch.setattr(mnist_like, "KNOWN", (known, mnist_like.FASHION))
    with refused(
        f"{folder}/train-labels-idx1-ubyte.gz is of MNIST, not of Fashion-MNIST; give the folder "
        "of Fashion-MNIST"
    ):
        fashion.read(folder)


# What cannot be read


def test_no_folder_and_a_folder_without_files_are_refused(tmp_path: Path) -> None:
    with refused(f"{tmp_path}/none is not a folder; give the folder of the four IDX files"):
        mnist.read(tmp_path / "none")
    with refused(
        f"{tmp_path} holds no train-labels-idx1-ubyte or train-labels.idx1-ubyte or "
        "train-labels-idx1-ubyte.gz or train-labels.idx1-ubyte.gz, down to 2 levels; give the "
        "folder of the four IDX files"
    ):
        mnist.read(tmp_path)


def test_two_data_sets_in_one_folder_are_refused(make: Callable[..., Path], tmp_path: Path) -> None:
    first, second = make(below="a/raw"), make(below="b/raw")
    with refused(f"{tmp_path} holds several data sets, in {first}, {second}; give one of them"):
        mnist.read(tmp_path)


@pytest.mark.parametrize(
    "name", ["train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]
)
def test_a_missing_file_is_named(make: Callable[..., Path], name: str) -> None:
    folder = make()
    (folder / name).unlink()
    plain = folder / name.removesuffix(".gz")
    with refused(f"{plain} is missing; unpack the data set again, with all its files"):
        mnist.read(folder)


def test_a_packed_file_that_is_cut_short_is_refused(make: Callable[..., Path]) -> None:
    folder = make()
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(
        InputError, match=f"^{path} cannot be unpacked \\(.*\\); download it again$"
    ):
        mnist.read(folder)


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"\x1f\x8b\x08\x00"])
def test_what_is_no_packed_file_is_refused(make: Callable[..., Path], content: bytes) -> None:
    folder = make()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be unpacked \(.*\); download it again$"):
        mnist.read(folder)


def test_a_packed_file_with_damaged_content_is_refused(make: Callable[..., Path]) -> None:
    folder = make()
    path = folder / "train-images-idx3-ubyte.gz"
    data = bytearray(path.read_bytes())
    data[20:40] = bytes(20)
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"cannot be unpacked \(.*\); download it again$"):
        mnist.read(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data[:10], "holds 10 bytes and needs 16 at least; download it again"),
        (
            lambda data: data[:-1],
            "says that it holds 60 x 28 x 28 values and holds 47,039; download it again",
        ),
        (
            lambda data: data + b"0",
            "says that it holds 60 x 28 x 28 values and holds 47,041; download it again",
        ),
        (
            lambda data: b"\0\0\x08\x01" + data[4:],
            "begins with the number 2049, an IDX file of unsigned bytes in 3 dimensions with 2051; "
            "give the official file, or download it again",
        ),
        (
            lambda data: data[:4] + bytes(4) + data[8:16],
            "says that it holds 0 x 28 x 28 values; it must hold some, so download it again",
        ),
    ],
)
def test_a_file_that_disagrees_with_its_header_is_refused(
    make: Callable[..., Path], change: Callable[[bytes], bytes], said: str
) -> None:
    folder = make("{part}-{kind}-idx{n}-ubyte")
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(change(path.read_bytes()))
    with refused(f"{path} {said}"):
        mnist.read(folder)


def test_a_file_that_may_not_be_read_says_so(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make()

    def fail(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with refused(
        f"{folder}/train-labels-idx1-ubyte.gz cannot be read: Permission denied; check its rights"
    ):
        mnist.read(folder)


def test_as_many_labels_as_images_are_needed(make: Callable[..., Path]) -> None:
    folder = make()
    write(folder, "train-labels-idx1-ubyte.gz", np.zeros(59, np.uint8))
    with refused(
        f"{folder}/train-images-idx3-ubyte.gz holds 60 images and train-labels-idx1-ubyte.gz 59 "
        "labels; they must be as many, so download both again"
    ):
        mnist.read(folder)


def test_labels_of_letters_are_refused(make: Callable[..., Path]) -> None:
    folder = make()
    write(folder, "train-labels-idx1-ubyte.gz", np.arange(60, dtype=np.uint8) % 26 + 1)
    with refused(
        f"{folder}/train-labels-idx1-ubyte.gz holds label 10; labels run from 0 to 9, so read "
        "another file or download it again"
    ):
        mnist.read(folder)


def test_images_of_another_size_are_refused(make: Callable[..., Path]) -> None:
    folder = make()
    write(folder, "t10k-images-idx3-ubyte.gz", np.zeros((20, 32, 31), np.uint8))
    with refused(
        f"{folder}/t10k-images-idx3-ubyte.gz holds images of 32 x 31 pixels; those of MNIST have "
        "28 x 28, so give its own files"
    ):
        mnist.read(folder)


def test_more_images_than_the_data_set_has_are_refused(make: Callable[..., Path]) -> None:
    folder = make()
    write(folder, "t10k-labels-idx1-ubyte.gz", np.zeros(10_001, np.uint8))
    with refused(
        f"{folder}/t10k-labels-idx1-ubyte.gz holds 10,001 labels and MNIST has 10,000; give the "
        "files of that data set"
    ):
        mnist.read(folder)


# The real data


def test_the_fashion_mnist_of_debian_is_read_whole_and_is_refused_as_mnist() -> None:
    folder = fashion.debian_folder()
    if folder is None:
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    assert fashion.ORIGIN.find() == folder
    dataset = fashion.read(folder)
    assert dataset.notes == ()
    assert dataset.signals.shape == (70_000, 784, 1)
    assert np.bincount(dataset.labels).tolist() == [7000] * 10
    parts = split(dataset)
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [48_000, 12_000, 10_000]
    with refused(
        f"{folder}/train-labels-idx1-ubyte.gz is of Fashion-MNIST, not of MNIST; give the folder "
        "of MNIST"
    ):
        mnist.read(folder)
