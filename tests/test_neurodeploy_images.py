"""The tasks of images: the digits of scikit-learn; MNIST and Fashion-MNIST on tiny IDX files."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from neurodeploy import data as tasks
from neurodeploy.data import digits, mnist
from neurodeploy.data.dataset import TEST, TRAIN, Dataset
from neurodeploy.data.mnist import FASHION_FILES, MNIST_FILES, read, read_idx
from neurodeploy.data.split import split
from neurodeploy.models.errors import InputError

MAGIC = {1: 2049, 3: 2051}
"""What a file of labels and one of images begin with, as LeCun's page has it."""

COUNTS = {"train": 60, "t10k": 20}
IMAGES = "train-images-idx3-ubyte.gz"
LABELS = "train-labels-idx1-ubyte.gz"


@pytest.fixture(scope="module")
def small() -> Dataset:
    """Return the digits of scikit-learn."""
    return tasks.get("digits").load(None)


def test_digits_come_with_scikit_learn_the_first_1347_to_train(small: Dataset) -> None:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    assert (small.signals.dtype, small.grid) == (np.uint8, (8, 8))
    assert np.array_equal(small.signals[:, :, 0], images)
    assert np.array_equal(small.labels, labels)
    assert split(small).test.tolist() == list(range(1347, 1797))


@pytest.mark.parametrize("change", ["fewer", "brighter", "halves"])
def test_other_digits_than_those_known_are_refused(change: str) -> None:
    images, labels = np.zeros(digits.SHAPE), np.arange(1797) % 10
    images[0, 0, 0] = {"fewer": 16, "brighter": 17, "halves": 0.5}[change]
    if change == "fewer":
        images, labels = images[:-1], labels[:-1]
    with pytest.raises(InputError) as raised:
        digits.dataset_of(images, labels)
    assert f"{images.shape} and values up to {images.max():g}" in str(raised.value)


def write(folder: Path, name: str, values: NDArray[np.uint8]) -> None:
    """Write a file as LeCun's page describes it."""
    numbers = (MAGIC[values.ndim], *values.shape)
    data = b"".join(number.to_bytes(4, "big") for number in numbers) + values.tobytes()
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


@pytest.mark.parametrize("mark", "-.")
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_the_official_names_are_read_packed_or_not(
    make: Callable[..., Path], mark: str, packed: str
) -> None:
    dataset = read(make("{part}-{kind}" + mark + "idx{n}-ubyte" + packed), MNIST_FILES)
    assert dataset.signals.shape == (80, 784, 1)
    assert (dataset.signals.dtype, dataset.grid) == (np.uint8, (28, 28))
    assert dataset.signals[2, 28 * 3 + 5, 0] == 28 * 3 + 5 + 2
    assert dataset.channel_names[28 * 3 + 5] == "pixel 5, 3 (0..255)"
    assert dataset.labels.tolist() == [i % 10 for i in (*range(60), *range(20))]
    assert dataset.parts is not None
    assert dataset.parts.tolist() == [TRAIN] * 60 + [TEST] * 20
    assert split(dataset).test.tolist() == list(range(60, 80))
    assert [note.split()[0] for note in dataset.notes] == ["60", "20"]  # of the official images


def test_files_two_levels_below_are_found_and_unpacked_ones_come_first(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make("{part}-{kind}-idx{n}-ubyte", "MNIST/raw")
    (folder / LABELS).write_bytes(b"not read")
    assert len(read(tmp_path, MNIST_FILES)) == 80


def test_a_note_says_what_is_not_official(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make("{part}-{kind}-idx{n}-ubyte")
    monkeypatch.setattr(mnist, "OFFICIAL", COUNTS)
    assert [note.split(" are not")[0] for note in read(folder, MNIST_FILES).notes] == [
        "the labels to train", "the labels to test",
    ]  # fmt: skip
    labels = [read_idx(folder / f"{part}-labels-idx1-ubyte", 1).data for part in COUNTS]
    files = [(folder / f"{part}-images-idx3-ubyte").read_bytes() for part in COUNTS]
    official = replace(
        MNIST_FILES,
        labels_sha256=tuple(hashlib.sha256(each).hexdigest() for each in labels),
        images_sha256=tuple(hashlib.sha256(each).hexdigest() for each in files),
    )
    assert read(folder, official).notes == ()
    (folder / "t10k-images-idx3-ubyte").write_bytes(files[1][:-1] + b"\0")
    (note,) = read(folder, official).notes
    assert "the images are not" in note
    # the official labels tell one dataset from the other
    monkeypatch.setattr(mnist, "KNOWN", (official, FASHION_FILES))
    with pytest.raises(InputError, match=f"^{folder}/train-labels.* is of MNIST, not of Fashion"):
        read(folder, FASHION_FILES)


def test_what_no_folder_or_no_one_dataset_is_is_refused(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    for path, named in ((tmp_path / "none", "none is not a folder"), (tmp_path, "train-labels-id")):
        with pytest.raises(InputError, match=named):
            read(path, MNIST_FILES)
    first, second = make(below="a/raw"), make(below="b/raw")
    with pytest.raises(InputError, match=f"{first}, {second}"):
        read(tmp_path, MNIST_FILES)


def packed(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the content of a packed file."""
    path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()))))


DAMAGE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    **{
        f"no {name}": (name, lambda path: path.unlink(), "is missing")
        for name in (IMAGES, "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
    },
    "cut": (IMAGES, lambda path: os.truncate(path, path.stat().st_size - 20), "be unpacked"),
    "page": (IMAGES, lambda path: path.write_bytes(b"<html>not found</html>"), "be unpacked"),
    "start": (IMAGES, lambda path: path.write_bytes(b"\x1f\x8b\x08\x00"), "be unpacked"),
    "zeros": (
        IMAGES,
        lambda path: path.write_bytes(path.read_bytes()[:20] + bytes(20) + path.read_bytes()[40:]),
        "be unpacked",
    ),
    "short": (IMAGES, lambda path: packed(path, lambda data: data[:10]), "10 bytes and needs 16"),
    "less": (IMAGES, lambda path: packed(path, lambda data: data[:-1]), "has 47,039"),
    "more": (IMAGES, lambda path: packed(path, lambda data: data + b"0"), "has 47,041"),
    "kind": (IMAGES, lambda path: packed(path, lambda data: b"\0\0\x08\1" + data[4:]), "2049"),
    "none": (
        IMAGES, lambda path: packed(path, lambda data: data[:4] + bytes(4) + data[8:16]), "0 x 28",
    ),
    "labels": (LABELS, lambda path: write(path.parent, path.name, np.zeros(59, np.uint8)), "59 "),
    "letters": (
        LABELS,
        lambda path: write(path.parent, path.name, np.arange(60, dtype=np.uint8) % 26 + 1),
        "label 10",
    ),
    "sizes": (
        IMAGES,
        lambda path: write(path.parent, path.name, np.zeros((60, 32, 31), np.uint8)),
        "32 x 31",
    ),
    "many": (
        LABELS, lambda path: write(path.parent, path.name, np.zeros(60_001, np.uint8)), "60,001",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_or_wrong_files_are_named(make: Callable[..., Path], case: str) -> None:
    name, damage, named = DAMAGE[case]
    path = make() / name
    damage(path)
    with pytest.raises(InputError) as raised:
        read(path.parent, MNIST_FILES)
    assert str(path).removesuffix(".gz") in str(raised.value) or path.name in str(raised.value)
    assert named in str(raised.value)


def test_a_packed_file_that_would_fill_the_memory_is_refused(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make()
    monkeypatch.setattr(mnist, "BYTES_MAX", 40_000)
    with pytest.raises(InputError, match=f"{IMAGES} holds more than 40,000 bytes"):
        read(folder, MNIST_FILES)


@pytest.mark.skipif(mnist.debian_folder() is None, reason="dataset-fashion-mnist is not installed")
def test_the_fashion_mnist_of_debian_is_whole_and_refused_as_mnist() -> None:
    assert mnist.FASHION.origin.find() == mnist.DEBIAN_FOLDER
    dataset = read(mnist.DEBIAN_FOLDER, FASHION_FILES)
    assert dataset.notes == ()
    assert dataset.signals.shape == (70_000, 784, 1)
    assert np.bincount(dataset.labels).tolist() == [7000] * 10
    parts = split(dataset)
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [48_000, 12_000, 10_000]
    with pytest.raises(InputError, match="is of Fashion-MNIST, not of MNIST"):
        read(mnist.DEBIAN_FOLDER, MNIST_FILES)
