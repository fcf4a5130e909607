"""The tasks `mnist` (handwritten digits) and `fashion` (Fashion-MNIST): four IDX files each.

28 x 28 pixels, 60,000 training images and 10,000 test images. Both datasets have the same file
names, sizes and numbers of classes; the sha256 of the official labels tells them apart. torchvision
is not used, because it takes seconds to import, needs torch, and does not notice the wrong dataset.

Sources: LeCun et al., Gradient-based learning applied to document recognition, Proceedings of the
IEEE 86, 1998; Xiao et al., Fashion-MNIST, arXiv 1708.07747, 2017. URLs and md5 are those of
torchvision 0.20, for Fashion-MNIST also of the README of zalandoresearch/fashion-mnist. The sha256
of MNIST's images are used by several public projects; the others are of Debian's package
dataset-fashion-mnist, whose files are recompressed and have another md5.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.config import TrainConfig
from neurodeploy.data.dataset import Dataset, check_labels, image_dataset
from neurodeploy.data.encoders import Encoder, Pixels
from neurodeploy.data.origin import Download, Origin
from neurodeploy.data.readers.files import check_nothing_locked, nearest, require_file
from neurodeploy.data.task import Task
from neurodeploy.models.errors import InputError

UNSIGNED_BYTES = 8
AGAIN = "download it again"
BYTES_MAX = 2**30
"""Size limit of an unpacked file; the largest official one has 47 MB."""


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file.

    Args:
        path: the file, gzipped if its name ends with `.gz`.
        dimensions: required number of dimensions: 3 for images, 1 for labels.

    Returns:
        A read-only, non-empty uint8 array of that many dimensions.

    Raises:
        InputError: if the file is missing, truncated, too long or of another format.
    """
    data = _unpacked(path)
    header = 4 + 4 * dimensions
    wanted = (UNSIGNED_BYTES << 8) + dimensions
    if len(data) < header:
        raise InputError(f"{path} has {len(data)} bytes and needs {header} at least; {AGAIN}")
    magic, *sizes = (int(size) for size in np.frombuffer(data, ">u4", 1 + dimensions))
    if magic != wanted:
        raise InputError(
            f"{path} begins with {magic}, but an IDX file of unsigned bytes in {dimensions} "
            f"dimensions begins with {wanted}; give the official file, or {AGAIN}"
        )
    shape = " x ".join(str(size) for size in sizes)
    if not prod(sizes):
        raise InputError(f"{path} is empty, according to its header ({shape} values); {AGAIN}")
    if len(data) != header + prod(sizes):
        raise InputError(
            f"{path} has {len(data) - header:,} values, but {shape} according to its header; "
            f"{AGAIN}"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(sizes)


def file_sha256(values: NDArray[np.uint8]) -> str:
    """Return the sha256 of the uncompressed IDX file with these values."""
    magic = (UNSIGNED_BYTES << 8) + values.ndim
    sha = hashlib.sha256(np.array([magic, *values.shape], ">u4").tobytes())
    sha.update(values.tobytes())
    return sha.hexdigest()


def _unpacked(path: Path) -> bytes:
    """Return the content of a file, decompressed if its name ends with `.gz`."""
    require_file(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = bytes(file.read(BYTES_MAX + 1))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} cannot be unpacked ({error}); {AGAIN}") from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; check its permissions"
        ) from error
    if len(data) > BYTES_MAX:
        raise InputError(f"{path} holds more than {BYTES_MAX:,} bytes; {AGAIN}")
    return data


SIDE = 28
OFFICIAL: Final = {"train": 60_000, "t10k": 10_000}
"""Number of images of each part, by the prefix of its file names."""

SEARCH_DEPTH = 2
"""Levels of subfolders to search for the files; torchvision stores them in `MNIST/raw`."""


@dataclass(frozen=True)
class Collection:
    """One of the two datasets.

    Attributes:
        name: name of the dataset.
        class_names: one name per label.
        labels_sha256: sha256 of the official training and test labels, without header.
        images_sha256: sha256 of the official training and test image files, uncompressed.
    """

    name: str
    class_names: tuple[str, ...]
    labels_sha256: tuple[str, str]
    images_sha256: tuple[str, str]


MNIST_FILES: Final = Collection(
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
FASHION_FILES: Final = Collection(
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
KNOWN: Final = (MNIST_FILES, FASHION_FILES)


def read(path: Path, collection: Collection) -> Dataset:
    """Read a dataset from the folder of its files, or a folder up to two levels above it.

    Raises:
        InputError: if the folder or a file is missing, malformed or of the other dataset.
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
    """Return the possible names of a file, uncompressed first; `kind` is "images" or "labels"."""
    dimensions = 3 if kind == "images" else 1
    plain = [f"{part}-{kind}{mark}idx{dimensions}-ubyte" for mark in "-."]
    return (*plain, *(f"{name}.gz" for name in plain))


def _folder(path: Path) -> Path:
    """Return the folder of the files, at most `SEARCH_DEPTH` levels below `path`."""
    if not path.is_dir():
        raise InputError(f"{path} is not a folder; give the folder of the four IDX files")
    found = nearest(path, SEARCH_DEPTH, lambda folder: bool(_file(folder, "train", "labels")))
    if len(found) > 1:
        names = ", ".join(str(each) for each in found)
        raise InputError(f"{path} holds several datasets, in {names}; give one of them")
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
            f"{images_at} has images of {height} x {width} pixels, but those of {collection.name} "
            f"are {SIDE} x {SIDE}; give its original files"
        )
    if len(images) != len(labels):
        raise InputError(
            f"{images_at} holds {len(images):,} images, but {labels_at.name} {len(labels):,} "
            "labels; download both again"
        )
    return images, labels


def _check_not_another(labels: NDArray[np.uint8], path: Path, collection: Collection) -> None:
    """Raise InputError if the labels are those of the other dataset, or too many."""
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
            "files of that dataset"
        )


def _notes(
    part: str, images: NDArray[np.uint8], labels: NDArray[np.uint8], collection: Collection
) -> list[str]:
    """Return a note if the labels or images of a part are not the official ones."""
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


def _downloads(mirrors: tuple[str, ...], *files: tuple[str, int, str]) -> tuple[Download, ...]:
    return tuple(
        Download(tuple(mirror + file for mirror in mirrors), file, size, f"md5:{md5}")
        for file, size, md5 in files
    )


DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts the files."""


def debian_folder() -> Path | None:
    """Return the folder of the Debian package, None if it is not installed."""
    return DEBIAN_FOLDER if DEBIAN_FOLDER.is_dir() else None


MNIST_ORIGIN = Origin(
    data="MNIST, 70,000 images of handwritten digits",
    licence="reported as CC BY-SA 3.0",
    citation="LeCun et al., Gradient-Based Learning Applied to Document Recognition, Proceedings "
    "of the IEEE 86, 1998",
    obtain="download it with `python -m neurodeploy.data --task mnist --get`",
    places=("mnist",),
    downloads=_downloads(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        ("train-images-idx3-ubyte.gz", 9912422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", 28881, "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", 1648877, "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", 4542, "ec29112dd5afa0611ce80d1b7f02629c"),
    ),
)
FASHION_ORIGIN = Origin(
    data="Fashion-MNIST, 70,000 pictures of clothes",
    licence="MIT",
    citation="Xiao, Rasul and Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking "
    "Machine Learning Algorithms, arXiv 1708.07747, 2017",
    obtain="get it with `apt install dataset-fashion-mnist` or `python -m neurodeploy.data "
    "--task fashion --get`",
    places=("fashion",),
    downloads=_downloads(
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        ("train-images-idx3-ubyte.gz", 26421880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", 29515, "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", 4422102, "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", 5148, "bb300cfdad3c16e7a12a480ee83cd310"),
    ),
    find=debian_folder,
)

CONFIG = TrainConfig(hidden=(256,), epochs=16, batch_size=64, learning_rate=2e-3, logit_scale=1.2)
"""Tuned on Fashion-MNIST (docs/recipes/fashion.md); MNIST uses the same."""

TIME_STEPS = 12


def rate_encoder(dataset: Dataset) -> Encoder:
    """Return a rate encoder: a brighter pixel fires more often."""
    return Pixels(TIME_STEPS)


def latency_encoder(dataset: Dataset) -> Encoder:
    """Return a latency encoder: each pixel fires once, earlier if it is brighter."""
    return Pixels(TIME_STEPS, code="latency")


def _task(name: str, what: str, collection: Collection, origin: Origin) -> Task:
    reader: Callable[[Path], Dataset] = functools.partial(read, collection=collection)
    return Task(
        name=name,
        description=f"{what} in 28 x 28 pixels ({collection.name})",
        read=reader,
        default_encoder=rate_encoder,
        config=CONFIG,
        origin=origin,
        other_encoders={"latency": latency_encoder},
    )


MNIST = _task("mnist", "handwritten digits", MNIST_FILES, MNIST_ORIGIN)
FASHION = _task("fashion", "pictures of clothes", FASHION_FILES, FASHION_ORIGIN)
