"""MNIST and Fashion-MNIST: four IDX files of 28 x 28 pixels, 60,000 to train and 10,000 to test.

Both have the same names, sizes and classes, so a folder of one reads like the other: the official
labels tell them apart.

The digests of MNIST's images are those that several public projects check their downloads against;
the others are of Debian's dataset-fashion-mnist.

Sources: LeCun et al., Gradient-based learning applied to document recognition, Proceedings of the
IEEE 86, 1998; Xiao et al., Fashion-MNIST, arXiv 1708.07747, 2017.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.models.errors import InputError
from neurodeploy.tasks.dataset import Dataset, check_labels
from neurodeploy.tasks.readers.images import image_dataset
from neurodeploy.tasks.readers.search import check_nothing_locked, nearest
from neurodeploy.tasks.readers.text import require_file

UNSIGNED_BYTES = 8
AGAIN = "download it again"
MOST_BYTES = 2**30
"""What a packed file may come to; the largest official one comes to 47 MB."""
BLOCK_BYTES = 2**20


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read one file.

    Args:
        path: unpacked, or packed where the name ends with `.gz`.
        dimensions: that the file must have: 3 for images, 1 for labels.

    Returns:
        uint8 array of that many dimensions, read-only, none of them 0.

    Raises:
        InputError: when the file is missing, cut short, too long or holds something else.
    """
    data = _unpacked(path)
    header = 4 + 4 * dimensions
    wanted = (UNSIGNED_BYTES << 8) + dimensions
    if len(data) < header:
        raise InputError(f"{path} holds {len(data)} bytes and needs {header} at least; {AGAIN}")
    magic, *sizes = (int(size) for size in np.frombuffer(data, ">u4", 1 + dimensions))
    if magic != wanted:
        raise InputError(
            f"{path} begins with the number {magic}, an IDX file of unsigned bytes in {dimensions} "
            f"dimensions with {wanted}; give the official file, or {AGAIN}"
        )
    shape = " x ".join(str(size) for size in sizes)
    if not prod(sizes):
        raise InputError(f"{path} says that it holds {shape} values; it must hold some, so {AGAIN}")
    if len(data) != header + prod(sizes):
        raise InputError(
            f"{path} says that it holds {shape} values and holds {len(data) - header:,}; {AGAIN}"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(sizes)


def file_sha256(values: NDArray[np.uint8]) -> str:
    """Return the sha256 of the file, not packed, that holds the values."""
    magic = (UNSIGNED_BYTES << 8) + values.ndim
    sha = hashlib.sha256(np.array([magic, *values.shape], ">u4").tobytes())
    sha.update(values.tobytes())
    return sha.hexdigest()


def _unpacked(path: Path) -> bytes:
    """Return the bytes of a file, unpacked where its name says that it is packed."""
    require_file(path)
    try:
        data = path.read_bytes()
        return _decompressed(data, path) if path.suffix == ".gz" else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} cannot be unpacked ({error}); {AGAIN}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check its rights") from error


def _decompressed(packed: bytes, path: Path) -> bytes:
    """Return what is packed; raise what gzip raises for damage, InputError for too much."""
    blocks, left = [], MOST_BYTES
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
        while block := file.read(BLOCK_BYTES):
            left -= len(block)
            if left < 0:
                raise InputError(f"{path} unpacks to more than {MOST_BYTES:,} bytes; {AGAIN}")
            blocks.append(block)
    return b"".join(blocks)


SIDE = 28
OFFICIAL: Final = {"train": 60_000, "t10k": 10_000}
"""Images of each part, by what its files are called."""

SEARCH_DEPTH = 2
"""How many levels below the given folder the files may lie: torchvision's lie in `MNIST/raw`."""


@dataclass(frozen=True)
class Collection:
    """One of the data sets.

    Attributes:
        name: of the data set.
        class_names: one a label.
        labels_sha256: of the official labels that train and that test, as unpacked bytes.
        images_sha256: of the official files of images, unpacked, of the same parts.
    """

    name: str
    class_names: tuple[str, ...]
    labels_sha256: tuple[str, str]
    images_sha256: tuple[str, str]


MNIST: Final = Collection(
    "MNIST",
    tuple(str(digit) for digit in range(10)),
    (
        "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    ),
    (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
)
FASHION: Final = Collection(
    "Fashion-MNIST",
    (
        "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
        "ankle boot",
    ),
    (
        "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
        "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    ),
    (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
)  # fmt: skip
KNOWN: Final = (MNIST, FASHION)


def read(path: Path, collection: Collection) -> Dataset:
    """Read a data set from the folder of its files, or from one up to two levels above it.

    Raises:
        InputError: when the folder or a file is missing or malformed, or is of another data set.
    """
    folder = _folder(path)
    parts = {part: _read_part(folder, part, collection) for part in OFFICIAL}
    return image_dataset(
        parts["train"],
        parts["t10k"],
        class_names=collection.class_names,
        source=f"{collection.name} in {folder}",
        notes=[note for part, held in parts.items() for note in _notes(part, *held, collection)],
    )


def spellings(part: str, kind: str) -> tuple[str, ...]:
    """Return what a file may be called, unpacked ones first: kind is "images" or "labels"."""
    dimensions = 3 if kind == "images" else 1
    plain = [f"{part}-{kind}{mark}idx{dimensions}-ubyte" for mark in "-."]
    return (*plain, *(f"{name}.gz" for name in plain))


def _folder(path: Path) -> Path:
    """Return the folder of the files, at most some levels below the given one."""
    if not path.is_dir():
        raise InputError(f"{path} is not a folder; give the folder of the four IDX files")
    found = nearest(path, SEARCH_DEPTH, lambda folder: bool(_file(folder, "train", "labels")))
    if len(found) > 1:
        names = ", ".join(str(each) for each in found)
        raise InputError(f"{path} holds several data sets, in {names}; give one of them")
    if found:
        return found[0]
    check_nothing_locked(path, SEARCH_DEPTH)
    raise InputError(
        f"{path} holds no {' or '.join(spellings('train', 'labels'))}, down to {SEARCH_DEPTH} "
        "levels; give the folder of the four IDX files"
    )


def _file(folder: Path, part: str, kind: str) -> Path | None:
    """Return the file of one part, None when there is none."""
    paths = (folder / name for name in spellings(part, kind))
    return next((path for path in paths if path.is_file()), None)


def _read_part(
    folder: Path, part: str, collection: Collection
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the images and labels of "train" or "t10k", checked against each other."""
    labels_at, images_at = (
        _file(folder, part, kind) or folder / spellings(part, kind)[0]
        for kind in ("labels", "images")
    )
    labels = read_idx(labels_at, 1)
    check_labels(labels.astype(np.int64), collection.class_names, f"{labels_at}")
    _check_not_another(labels, labels_at, collection)
    images = read_idx(images_at, 3)
    if images.shape[1:] != (SIDE, SIDE):
        height, width = images.shape[1:]
        raise InputError(
            f"{images_at} holds images of {height} x {width} pixels; those of {collection.name} "
            f"have {SIDE} x {SIDE}, so give its own files"
        )
    if len(images) != len(labels):
        raise InputError(
            f"{images_at} holds {len(images):,} images and {labels_at.name} {len(labels):,} "
            "labels; they must be as many, so download both again"
        )
    return images, labels


def _check_not_another(labels: NDArray[np.uint8], path: Path, collection: Collection) -> None:
    """Raise InputError when the labels are the official ones of another data set, or too many."""
    found = hashlib.sha256(labels.tobytes()).hexdigest()
    for other in KNOWN:
        if other is not collection and found in other.labels_sha256:
            raise InputError(
                f"{path} is of {other.name}, not of {collection.name}; give the folder of "
                f"{collection.name}"
            )
    most = OFFICIAL[path.name.partition("-")[0]]
    if len(labels) > most:
        raise InputError(
            f"{path} holds {len(labels):,} labels and {collection.name} has {most:,}; give the "
            "files of that data set"
        )


def _notes(
    part: str, images: NDArray[np.uint8], labels: NDArray[np.uint8], collection: Collection
) -> list[str]:
    """Return a sentence when the labels of a part, or its images, are not the official ones."""
    what = "to train" if part == "train" else "to test"
    if len(labels) < OFFICIAL[part]:
        return [
            f"{len(labels):,} of the {OFFICIAL[part]:,} official images {what} are in the folder"
        ]
    if hashlib.sha256(labels.tobytes()).hexdigest() not in collection.labels_sha256:
        return [f"the labels {what} are not the official ones of {collection.name}"]
    if file_sha256(images) not in collection.images_sha256:
        return [f"the labels {what} are the official ones of {collection.name}, the images are not"]
    return []
