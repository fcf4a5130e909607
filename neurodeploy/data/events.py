"""Tasks with event datasets: N-MNIST, DVS Gesture, SHD, SSC and N-TIDIGITS18.

tonic reads them, except a small N-MNIST in one .npz file. Events are counted per block of pixels
and time bin (`readers.events`), and counts become spikes. Only the configuration of N-MNIST was
tuned on real data (docs/recipes/nmnist.md); the others are initial values (docs/recipes/events.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurodeploy.config import TrainConfig
from neurodeploy.data.augment import Shift
from neurodeploy.data.dataset import TEST, TRAIN, VALIDATION, Dataset, check_labels
from neurodeploy.data.encoders import Counts
from neurodeploy.data.origin import Origin
from neurodeploy.data.readers import tonic_events
from neurodeploy.data.readers.events import Bins, Events, count_all
from neurodeploy.data.readers.files import read_npz, report_progress
from neurodeploy.data.readers.tonic_events import Collection, Files, Part, find_homes
from neurodeploy.data.task import Task
from neurodeploy.models.errors import InputError

CAMERA_BINS: Final = Bins(
    height=34, width=34, polarities=2, pool=(2, 2), step_us=10_000, steps=32
)  # fmt: skip
GESTURE_BINS: Final = Bins(
    height=128, width=128, polarities=2, pool=(4, 4), step_us=25_000, steps=60, from_first=True
)
EAR_BINS: Final = Bins(height=1, width=700, polarities=1, pool=(1, 5), step_us=10_000, steps=100)
COCHLEA_BINS: Final = Bins(
    height=1, width=64, polarities=1, pool=(1, 1), step_us=10_000, steps=100, from_first=True
)

DIGIT_FILES: Final = Files(
    "*.bin", 10_000, r"[0-9](/[^/.][^/]*\.bin)?", "3/00001.bin", event_bytes=5
)
GESTURE_FILES: Final = Files(
    "*.npy", 100, r"user[0-9]{1,9}_[^/]+(/(0|[1-9][0-9]?)\.npy)?", "user01_led/5.npy"
)

NMNIST_SET: Final = Collection(
    task="nmnist",
    kind="NMNIST",
    title="N-MNIST",
    parts=(
        Part(TRAIN, {"train": True}, "Train", "train.zip", 60_000, DIGIT_FILES),
        Part(TEST, {"train": False}, "Test", "test.zip", 10_000, DIGIT_FILES),
    ),
    bins=CAMERA_BINS,
    class_names=tuple("0123456789"),
)
DVSGESTURE_SET: Final = Collection(
    task="dvsgesture",
    kind="DVSGesture",
    title="DVS Gesture",
    parts=(
        Part(
            TRAIN, {"train": True}, "ibmGestureTrain", "ibmGestureTrain.tar.gz", 1_077,
            GESTURE_FILES,
        ),
        Part(
            TEST, {"train": False}, "ibmGestureTest", "ibmGestureTest.tar.gz", 264, GESTURE_FILES
        ),
    ),
    bins=GESTURE_BINS,
    class_names=(
        "clapping", "right wave", "left wave", "right clockwise", "right counterclockwise",
        "left clockwise", "left counterclockwise", "roll", "drums", "guitar", "other",
    ),
    subjects="users",
    apart=True,
    raw=tonic_events.gestures,
)  # fmt: skip
SHD_SET: Final = Collection(
    task="shd",
    kind="SHD",
    title="Spiking Heidelberg Digits",
    parts=(
        Part(TRAIN, {"train": True}, "shd_train.h5", "shd_train.h5.zip", 8_156),
        Part(TEST, {"train": False}, "shd_test.h5", "shd_test.h5.zip", 2_264),
    ),
    bins=EAR_BINS,
    subjects="speaker",
    raw=tonic_events.inner_ear,
)
SSC_SET: Final = Collection(
    task="ssc",
    kind="SSC",
    title="Spiking Speech Commands",
    parts=(
        Part(TRAIN, {"split": "train"}, "ssc_train.h5", "ssc_train.h5.zip", 75_466),
        Part(VALIDATION, {"split": "valid"}, "ssc_valid.h5", "ssc_valid.h5.zip", 9_981),
        Part(TEST, {"split": "test"}, "ssc_test.h5", "ssc_test.h5.zip", 20_382),
    ),
    bins=EAR_BINS,
    raw=tonic_events.inner_ear,
)
NTIDIGITS_SET: Final = Collection(
    task="ntidigits",
    kind="NTIDIGITS18",
    title="N-TIDIGITS18",
    parts=(
        Part(TRAIN, {"train": True, "single_digits": True}, "n-tidigits.hdf5", ""),
        Part(TEST, {"train": False, "single_digits": True}, "n-tidigits.hdf5", ""),
    ),
    bins=COCHLEA_BINS,
    class_names=("oh", "1", "2", "3", "4", "5", "6", "7", "8", "9", "zero"),
    notes=("sequences of several digits are left out",),
    raw=tonic_events.cochlea,
)

SMALL_FILE: Final = "nmnist_small.npz"
SMALL_PARTS: Final = (("train", TRAIN), ("test", TEST))
SMALL_FIELDS: Final = ("x", "y", "p", "t", "offset", "label")
SMALL_WAY_OUT: Final = "give another file, or the folder of the whole dataset"


def read_nmnist(path: Path) -> Dataset:
    """Read N-MNIST through tonic, or a small subset from one .npz file.

    Args:
        path: the folder of the whole dataset, or a folder up to two levels above it; or the file of
            the subset, or its folder.

    Raises:
        InputError: if neither or both are there, or a file is damaged.
    """
    small = path if path.suffix == ".npz" else path / SMALL_FILE
    if path.suffix != ".npz":
        if not small.is_file():
            return tonic_events.read(NMNIST_SET, path)
        if homes := find_homes(NMNIST_SET, path):
            raise InputError(
                f"{path} holds {small.name} and N-MNIST in {homes[0]}; give one of them"
            )
    return read_small(small, CAMERA_BINS, NMNIST_SET.class_names)


def read_small(path: Path, bins: Bins, class_names: tuple[str, ...]) -> Dataset:
    """Read a small N-MNIST from one .npz file and count its events.

    For PART in `train` and `test` the file contains `PART_x`, `PART_y`, `PART_p` and `PART_t`
    (microseconds), the events of all samples one after the other; `PART_offset` (samples + 1), the
    index of the first event of each sample and the number of events; and `PART_label` (samples).

    Raises:
        InputError: if it is not such a file, or damaged.
    """
    names = [f"{part}_{field}" for part, _ in SMALL_PARTS for field in SMALL_FIELDS]
    found = read_npz(path, names, wrong="cannot be read as a small N-MNIST", way_out=SMALL_WAY_OUT)
    for name, values in found.items():
        if values.ndim != 1 or values.dtype.kind not in "iu":
            raise InputError(
                f"{path}: {name} has shape {values.shape} of {values.dtype}; it must be a "
                f"one-dimensional array of integers, so {SMALL_WAY_OUT}"
            )
    parts = {part: {f: found[f"{part}_{f}"] for f in SMALL_FIELDS} for part, _ in SMALL_PARTS}
    for part, fields in parts.items():
        _check_small(path, part, fields, class_names)
    samples = (each for part, fields in parts.items() for each in _samples(part, path, fields))
    labels = [fields["label"] for fields in parts.values()]
    binned = count_all(samples, sum(map(len, labels)), bins, advance=report_progress)
    return Dataset(
        signals=binned.counts,
        labels=np.concatenate(labels).astype(np.int64),
        subjects=None,
        class_names=class_names,
        channel_names=bins.channel_names,
        rate_hz=bins.rate_hz,
        source=f"a small N-MNIST in {path}",
        notes=binned.notes(),
        parts=np.repeat([number for _, number in SMALL_PARTS], [len(each) for each in labels]),
        grid=bins.grid,
    )


def _check_small(
    path: Path, part: str, fields: dict[str, NDArray[Any]], class_names: tuple[str, ...]
) -> None:
    """Raise InputError unless the lengths, offsets and labels of a part are consistent."""
    offset, number = fields["offset"].astype(np.int64), len(fields["t"])
    lengths = {field: len(fields[field]) for field in ("x", "y", "p")}
    if set(lengths.values()) != {number}:
        listed = ", ".join(f"{part}_{field} has {count:,}" for field, count in lengths.items())
        raise InputError(f"{path}: {listed} and {part}_t {number:,} events; {SMALL_WAY_OUT}")
    if len(offset) != len(fields["label"]) + 1:
        raise InputError(
            f"{path}: {part}_offset has {len(offset):,} values for {len(fields['label']):,} "
            f"labels; it must have one more, so {SMALL_WAY_OUT}"
        )
    if offset[0] != 0 or offset[-1] != number or (np.diff(offset) < 0).any():
        raise InputError(
            f"{path}: {part}_offset does not rise from 0 to the {number:,} events of {part}_t; "
            f"{SMALL_WAY_OUT}"
        )
    check_labels(fields["label"].astype(np.int64), class_names, f"{path}: {part}_label")


def _samples(
    part: str, path: Path, fields: dict[str, NDArray[Any]]
) -> Iterator[tuple[str, Events]]:
    """Yield the name, for error messages, and the events of each sample."""
    for index, (start, end) in enumerate(zip(fields["offset"][:-1], fields["offset"][1:])):
        at = slice(int(start), int(end))
        yield (
            f"{path}, {part} sample {index}",
            Events(*(fields[field][at] for field in ("x", "y", "p", "t"))),
        )


CRAMER: Final = (
    "Cramer et al., The Heidelberg Spiking Data Sets for the Systematic Evaluation of Spiking "
    "Neural Networks, IEEE Transactions on Neural Networks and Learning Systems 33, 2022"
)


def _task(
    collection: Collection,
    description: str,
    config: TrainConfig,
    *,
    data: str,
    licence: str,
    citation: str,
    read: Callable[[Path], Dataset] | None = None,
    places: tuple[str, ...] = (),
    threshold: int = 1,
) -> Task:
    """Return the task of a dataset; a bin with at least `threshold` events is a spike."""
    name = collection.task
    return Task(
        name=name,
        description=description,
        read=read or (lambda path: tonic_events.read(collection, path)),
        default_encoder=lambda dataset: Counts(threshold),
        config=config,
        origin=Origin(
            data=data,
            licence=licence,
            citation=citation,
            obtain=f"download it with `python -m neurodeploy.data --task {name} --get`",
            places=(name, collection.kind, *places),
            fetch=tonic_events.fetch(collection),
        ),
    )


NMNIST = _task(
    NMNIST_SET,
    "handwritten digits recorded by an event camera (N-MNIST)",
    TrainConfig(
        network="conv",
        hidden=(128,),
        epochs=20,
        batch_size=32,
        learning_rate=4e-3,
        augment=Shift(CAMERA_BINS.grid, rows=1, columns=1),
    ),
    data="N-MNIST, 70,000 recordings of handwritten digits by an event camera",
    licence="CC BY-SA 4.0",
    citation="Orchard et al., Converting Static Image Datasets to Spiking Neuromorphic Datasets "
    "Using Saccades, Frontiers in Neuroscience 9, 2015",
    read=read_nmnist,
    places=(SMALL_FILE,),
)
DVSGESTURE = _task(
    DVSGESTURE_SET,
    "hand and arm gestures recorded by an event camera (DVS Gesture)",
    TrainConfig(
        network="conv",
        hidden=(128,),
        dropout=0.1,
        epochs=30,
        batch_size=16,
        learning_rate=2e-3,
        augment=Shift(GESTURE_BINS.grid, rows=3, columns=3, steps=4),
    ),
    data="DVS Gesture, 1,341 gestures of 29 people",
    licence="CC BY 4.0",
    citation="Amir et al., A Low Power, Fully Event-Based Gesture Recognition System, CVPR 2017",
    threshold=2,
)
SHD = _task(
    SHD_SET,
    "spoken digits converted by a model of the inner ear (SHD)",
    TrainConfig(
        hidden=(256, 256),
        dropout=0.2,
        epochs=30,
        batch_size=64,
        learning_rate=2e-3,
        delay_rate=0.2,
        augment=Shift(EAR_BINS.grid, columns=4, steps=4),
    ),
    data="Spiking Heidelberg Digits, 10,420 spoken digits of 12 people",
    licence="CC BY 4.0",
    citation=CRAMER,
)
SSC = _task(
    SSC_SET,
    "35 spoken words converted by a model of the inner ear (SSC)",
    TrainConfig(
        hidden=(512, 512),
        dropout=0.1,
        epochs=20,
        batch_size=128,
        learning_rate=2e-3,
        delay_rate=0.2,
        augment=Shift(EAR_BINS.grid, columns=4, steps=4),
    ),
    data="Spiking Speech Commands, 105,829 spoken words",
    licence="CC BY 4.0",
    citation=CRAMER,
)
NTIDIGITS = _task(
    NTIDIGITS_SET,
    "spoken digits recorded by a silicon cochlea (N-TIDIGITS18)",
    TrainConfig(
        hidden=(256, 256),
        dropout=0.1,
        epochs=30,
        batch_size=32,
        learning_rate=2e-3,
        delay_rate=0.2,
        augment=Shift(COCHLEA_BINS.grid, columns=1, steps=4),
    ),
    data="N-TIDIGITS18, spoken single digits of the TIDIGITS corpus",
    licence="not stated; the speech is from TIDIGITS, which is licensed by LDC",
    citation="Anumula et al., Feature Representations for Neuromorphic Audio Spike Streams, "
    "Frontiers in Neuroscience 12, 2018",
)
