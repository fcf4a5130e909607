"""Event datasets through tonic, the optional extra `events`.

tonic is under the GPL-3.0; only its interface is used. By default tonic downloads missing datasets;
here only `fetch` does. tonic needs the unpacked files of a dataset in one folder and checks that
the original archives exist beside them. It casts times and addresses without checks, so the raw
events are checked first. Its transforms and disk cache are not used: `ToFrame` counts in int16 and
silently drops events outside of the frame, and the counts are cached like all other arrays.

Source: tonic 1.7, `tonic.datasets`.
"""

from __future__ import annotations

import contextlib
import json
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data import cache
from neurodeploy.data.dataset import TEST, TRAIN, VALIDATION, Dataset, check_labels, whole_numbers
from neurodeploy.data.readers import events
from neurodeploy.data.readers.events import US_PER_S, Bins, Events
from neurodeploy.data.readers.files import (
    check_nothing_locked,
    check_rights,
    map_npy,
    nearest,
    report_progress,
    require_file,
)
from neurodeploy.data.split import validation_subjects
from neurodeploy.models.errors import InputError, require

SEARCH_DEPTH: Final = 2
"""Levels of subfolders to search for a dataset."""


@dataclass(frozen=True)
class Files:
    """The files of a folder with one sample per file.

    Attributes:
        pattern: glob pattern of the file names.
        fewest: with fewer files, tonic considers the folder incomplete.
        names: regular expression of the paths of files and folders, relative to the folder.
        example: the path of a file, for messages.
        event_bytes: file sizes are multiples of this; 0 for no such rule.
    """

    pattern: str
    fewest: int
    names: str
    example: str
    event_bytes: int = 0


@dataclass(frozen=True)
class Part:
    """One official part of a dataset.

    Attributes:
        number: `TRAIN`, `VALIDATION` or `TEST`.
        arguments: arguments of tonic's class for this part.
        content: the file, or folder of files, with the samples.
        archive: the file that tonic requires beside it, "" for none.
        published: published number of samples, 0 if unknown.
        files: the files of the folder, None if `content` is a file.
    """

    number: int
    arguments: Mapping[str, Any]
    content: str
    archive: str
    published: int = 0
    files: Files | None = None


@dataclass(frozen=True)
class Collection:
    """A dataset that tonic reads, and how to count its events.

    Attributes:
        task: name of the task.
        kind: name of tonic's class.
        title: name of the dataset, for reports.
        parts: the official parts.
        bins: how to count events.
        class_names: one name per label; empty to read them from the files.
        subjects: tonic's attribute with the person of each sample, "" for none; with people, the
            validation samples are those of some people of the training part.
        apart: whether a person must be in one official part only.
        notes: notes on samples that are left out.
        raw: for a dataset of tonic, returns a function that reads a sample's events without casts;
            None if tonic does not cast.
    """

    task: str
    kind: str
    title: str
    parts: tuple[Part, ...]
    bins: Bins
    class_names: tuple[str, ...] = ()
    subjects: str = ""
    apart: bool = False
    notes: tuple[str, ...] = ()
    raw: Callable[[Any], Callable[[int], Events]] | None = None

    def get_it(self) -> str:
        """Return how to get the dataset, as a clause."""
        return (
            f"get it with `python -m neurodeploy.data --task {self.task} --get`, or {self.put_it()}"
        )

    def put_it(self) -> str:
        """Return where to put the files by hand, as a clause."""
        wanted = [name for part in self.parts for name in (part.content, part.archive) if name]
        return f"put {', '.join(dict.fromkeys(wanted))} in a folder {self.kind}"


def find_homes(collection: Collection, path: Path) -> list[Path]:
    """Return the folders with the first part, of the first level of subfolders with any."""
    content = collection.parts[0].content
    return nearest(path, SEARCH_DEPTH, lambda folder: (folder / content).exists())


def find_home(collection: Collection, path: Path) -> Path:
    """Return the folder with the first part.

    Raises:
        InputError: if there is none, or more than one.
    """
    content, found = collection.parts[0].content, find_homes(collection, path)
    if not found:
        check_nothing_locked(path, SEARCH_DEPTH)
    if len(found) > 1:
        names = ", ".join(str(each) for each in found)
        raise InputError(f"{path} holds several {content}, in {names}; give one of these folders")
    if found:
        return found[0].absolute()
    raise InputError(
        f"{path} holds no {content}, down to {SEARCH_DEPTH} levels, so {collection.title} is "
        f"missing; {collection.get_it()}"
    )


def find_files(collection: Collection, part: Part, home: Path) -> list[Path]:
    """Return the files of a part, after checking that tonic will find them, and no others.

    Raises:
        InputError: if a file is missing or has an unexpected name.
    """
    content = home / part.content
    if not content.exists():
        raise InputError(f"{home} has no {part.content}; {collection.get_it()}")
    if part.archive and not (home / part.archive).is_file():
        raise InputError(
            f"{home} has no {part.archive}, which tonic requires; create an empty file of this name"
        )
    if part.files is None:
        require_file(content)
        return [content]
    _check_names(part.files, content)
    found = list(content.rglob(part.files.pattern))
    if len(found) < part.files.fewest:
        raise InputError(
            f"{content} holds {len(found):,} files {part.files.pattern}, but tonic requires "
            f"{part.files.fewest:,} or more; unpack {part.archive} again"
        )
    return found


def _check_names(files: Files, content: Path) -> None:
    """Raise InputError for a folder or sample with an unexpected name, or that is not readable.

    tonic derives labels from the ends of names, so copies and leftovers would get wrong labels.
    """
    pattern = re.compile(files.names)
    ending = files.pattern.removeprefix("*.")  # tonic does not require the dot
    check_rights(content)
    for path in content.rglob("*"):
        if not path.name.endswith(ending) and not path.is_dir():
            continue  # tonic ignores it
        if not pattern.fullmatch(path.relative_to(content).as_posix()):
            raise InputError(
                f"{path} is not named like the files of the dataset, such as {content.name}/"
                f"{files.example}; remove it or move it away"
            )
        check_rights(path)


REAL: Final = "iuf"
"""NumPy kinds of numbers: signed, unsigned, float."""
US_PER_MS: Final = 1e3


Reader: TypeAlias = Callable[[int], Events]


def gestures(dataset: Any) -> Reader:
    """Return the reader of DVS Gesture: npy files of rows x, y, polarity, milliseconds."""
    return lambda index: _gesture(map_npy(Path(dataset.data[index])))


def inner_ear(dataset: Any) -> Reader:
    """Return the reader of SHD and SSC, which also checks the labels."""
    import h5py

    file = h5py.File(Path(dataset.location_on_system, dataset.data_filename), "r")
    labels, units, times = (file[name] for name in ("labels", "spikes/units", "spikes/times"))

    def read(index: int) -> Events:
        label = np.asarray(labels[index])
        if label.ndim or label.dtype.kind not in REAL or label % 1 != 0:
            raise ValueError(f"its label is {label}, which is not an integer")
        return _sound(units[index], times[index])

    return read


def cochlea(dataset: Any) -> Reader:
    """Return the reader of N-TIDIGITS18."""
    channels, times = (
        dataset.data[f"{dataset.partition}_{field}"] for field in ("addresses", "timestamps")
    )
    names = dataset._samples
    return lambda index: _sound(channels[names[index]], times[names[index]])


def _gesture(rows: NDArray[Any]) -> Events:
    """Return events of rows x, y, polarity, milliseconds."""
    if rows.ndim != 2 or rows.shape[1] != 4 or rows.dtype.kind not in REAL:
        raise ValueError(f"it is an array {rows.shape} of {rows.dtype}, not rows of 4 numbers")
    x, y, polarity, times_ms = rows.T
    times_us = times_ms.astype(np.float64) * US_PER_MS
    floating = rows.dtype.kind == "f"
    largest = np.finfo(rows.dtype).max if floating else np.iinfo(rows.dtype).max
    if (times_us > largest).any():  # tonic converts times in the dtype of the file
        raise ValueError(f"its times in microseconds are out of the range of {rows.dtype}")
    return Events(x, y, polarity, times_us)


def _sound(channels: Any, seconds: Any) -> Events:
    """Return events from their channels and times in seconds, arrays (events,)."""
    x, times = np.asarray(channels), np.asarray(seconds)
    if x.ndim != 1 or x.shape != times.shape or not {x.dtype.kind, times.dtype.kind} <= set(REAL):
        raise ValueError(
            f"it has channels {x.shape} of {x.dtype} for times {times.shape} of {times.dtype}"
        )
    nothing: NDArray[np.int8] = np.zeros(len(x), np.int8)
    return Events(x, nothing, nothing, times.astype(np.float64) * US_PER_S)


def with_validation(
    official: NDArray[np.uint8], subjects: NDArray[np.int64] | None
) -> NDArray[np.uint8]:
    """Return the parts, with a fifth of the training subjects, if known, for validation."""
    parts = official.astype(np.uint8)
    if subjects is None:
        return parts
    people = sorted({int(person) for person in subjects[parts == TRAIN]})
    if len(people) > 1:
        chosen = np.isin(subjects, validation_subjects(people))
        parts[(parts == TRAIN) & chosen] = VALIDATION
    return parts


def check_apart(home: Path, official: NDArray[np.uint8], subjects: NDArray[np.int64]) -> None:
    """Raise InputError for a person who is in the test part and another part."""
    both = np.intersect1d(subjects[official == TEST], subjects[official != TEST])
    if both.size:
        raise InputError(
            f"{home} has person {both[0]} in both the test and the training part; download the "
            "dataset again"
        )


def people_notes(
    official: NDArray[np.uint8], subjects: NDArray[np.int64] | None
) -> tuple[str, ...]:
    """Return a note if the training part has one person, so that validation uses the same one."""
    if subjects is None or len(np.unique(subjects[official == TRAIN])) != 1:
        return ()
    return ("the training part has one person, whose samples are used for validation too",)


def shortages(collection: Collection, official: NDArray[Any]) -> Iterator[str]:
    """Yield a note for each part whose number of samples is not the published one."""
    words = {TRAIN: "training", VALIDATION: "validation", TEST: "test"}
    for part in collection.parts:
        number = int(np.count_nonzero(official == part.number))
        if part.published and number != part.published:
            yield (
                f"the {words[part.number]} part has {number:,} samples instead of the published "
                f"{part.published:,}"
            )


PROBLEMS: Final = (
    OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError,
    RuntimeError, EOFError, MemoryError, OverflowError, zipfile.BadZipFile, tarfile.TarError,
    lzma.LZMAError, zlib.error,
)  # fmt: skip
"""Errors of tonic, h5py and numpy for a damaged or wrong file."""


def read(collection: Collection, path: Path) -> Dataset:
    """Read all parts of a dataset and count its events; the counts are cached.

    Args:
        collection: the dataset.
        path: its folder, or a folder up to two levels above it.

    Raises:
        InputError: if files are missing, damaged or of another dataset, or tonic is not installed.
    """
    home = find_home(collection, path)
    files = [each for part in collection.parts for each in find_files(collection, part, home)]
    key = {
        "task": collection.task,
        "parts": [dict(part.arguments) for part in collection.parts],
        "files": cache.fingerprint(files, home),
        "tonic": _version(),
        **events.key(collection.bins),
    }
    found = cache.cached(f"{collection.task}-counts", key, lambda: _count(collection, home))
    binned, official = events.from_arrays(found["counts"], found["tally"]), found["official"]
    subjects = found["subjects"] if collection.subjects else None
    if collection.apart:
        check_apart(home, official, found["subjects"])
    return Dataset(
        signals=binned.counts,
        labels=found["labels"],
        subjects=subjects,
        class_names=tuple(json.loads(found["class_names"].tobytes())),
        channel_names=collection.bins.channel_names,
        rate_hz=collection.bins.rate_hz,
        source=f"{collection.title} in {home}",
        notes=(
            *collection.notes,
            *shortages(collection, official),
            *people_notes(official, subjects),
            *binned.notes(),
            *found.notes,
        ),
        parts=with_validation(official, subjects),
        grid=collection.bins.grid if collection.bins.height > 1 else None,
    )


def fetch(collection: Collection) -> Callable[[Path], None]:
    """Return a function that downloads the dataset into a folder with tonic.

    It raises InputError if tonic is not installed or the download fails.
    """

    def download(folder: Path) -> None:
        kind = _tonic(collection)
        for part in collection.parts:
            try:
                kind(save_to=str(folder.absolute()), **part.arguments)
            except PROBLEMS as error:
                with contextlib.suppress(OSError):  # remove empty folders
                    (folder / collection.kind).rmdir()
                    folder.rmdir()
                raise InputError(
                    f"{collection.title} could not be downloaded to {folder} ({_first(error)}); "
                    f"try again, or {collection.put_it()}"
                ) from error

    return download


def _tonic(collection: Collection) -> Any:
    """Return tonic's class.

    Raises:
        MissingPackageError: if tonic is not installed.
    """
    require(f"reading {collection.title}", "tonic")
    import numpy.lib.recfunctions  # noqa: F401 (tonic uses it without importing it)
    import tonic

    return getattr(tonic.datasets, collection.kind)


def _version() -> str:
    """Return tonic's version, "" if it is not installed."""
    try:
        return metadata.version("tonic")
    except metadata.PackageNotFoundError:
        return ""


def _count(collection: Collection, home: Path) -> dict[str, NDArray[Any]]:
    """Return the counts, labels, official parts, subjects and class names of all parts."""
    opened = [_Opened(collection, part, home) for part in collection.parts]
    names = opened[0].class_names
    for each in opened[1:]:
        if each.class_names != names:
            raise InputError(
                f"the classes of {each.path} and {opened[0].path} differ; download both again"
            )
    labels: list[int] = []
    samples = ((name, seen) for each in opened for name, seen in each.samples(labels))
    total = sum(len(each.order) for each in opened)
    binned = events.count_all(samples, total, collection.bins, advance=report_progress)
    counted = {
        **binned.arrays(),
        "labels": np.array(labels, np.int64),
        "official": np.repeat([p.number for p in collection.parts], [len(o.order) for o in opened]),
        "class_names": np.frombuffer(json.dumps(names).encode(), np.uint8),
    }
    if collection.subjects:
        counted["subjects"] = np.concatenate([each.subjects() for each in opened])
    return counted


class _Opened:
    """One part as tonic reads it."""

    def __init__(self, collection: Collection, part: Part, home: Path) -> None:
        self.collection, self.part, self.path = collection, part, home / part.content

        def never(_: object) -> None:
            raise InputError(f"tonic finds no {collection.title} in {home}; {collection.get_it()}")

        # By default tonic searches a folder named like the class.
        place = property(lambda _: str(home), lambda _, value: None)
        kind = type(
            collection.kind,
            (_tonic(collection),),
            {"download": never, "location_on_system": place},
        )
        with self._explained():
            self.dataset: Any = kind(save_to=str(home.parent), **part.arguments)
            listed = self.dataset.data if part.files else None
            # The file system's order of files is arbitrary.
            count = range(len(self.dataset))
            self.order = sorted(count, key=listed.__getitem__) if listed else list(count)
            self.names = listed
            found = collection.class_names or [name.decode() for name in self.dataset.classes]
            self.class_names = tuple(str(name) for name in found)

    def samples(self, labels: list[int]) -> Iterator[tuple[str, Events]]:
        """Yield the name and the events of each sample; append its label to `labels`."""
        with self._explained():
            raw = self.collection.raw(self.dataset) if self.collection.raw else None
        for index in self.order:
            name = self.names[index] if self.names else f"{self.path}, sample {index}"
            with self._explained(name), np.errstate(invalid="ignore", over="ignore"):
                self._check_size(name)
                if raw is not None:
                    events.check(raw(index), self.collection.bins, name)
                found, label = self.dataset[index]
                labels.append(int(label))
                seen = _events(found, self.collection.bins)
            check_labels(np.array(labels[-1:]), self.class_names, name)
            yield name, seen

    def _check_size(self, name: str) -> None:
        each = self.part.files.event_bytes if self.part.files else 0
        size = Path(name).stat().st_size if each else 0
        if size and size % each:
            raise ValueError(f"it has {size:,} bytes, not a multiple of {each} per event")

    def subjects(self) -> NDArray[np.int64]:
        """Return the person of each sample."""
        with self._explained():
            people = np.asarray(getattr(self.dataset, self.collection.subjects))
            if people.shape != (len(self.order),):
                raise ValueError(
                    f"its people have shape {people.shape} for {len(self.order)} samples"
                )
            return whole_numbers(people, np.int64, f"{self.path}: people")[self.order]

    @contextlib.contextmanager
    def _explained(self, name: str = "") -> Iterator[None]:
        """Convert errors of a damaged file to InputError."""
        try:
            yield
        except InputError:
            raise
        except PROBLEMS as error:
            raise InputError(
                f"{name or self.path} cannot be read as {self.collection.title} "
                f"({_first(error)}); download the dataset again"
            ) from error


def _events(found: NDArray[Any], bins: Bins) -> Events:
    """Return the events of tonic's structured array."""
    nothing = np.zeros(len(found), np.int8)
    y = found["y"] if "y" in (found.dtype.names or ()) else nothing
    polarity = found["p"].astype(np.int64) if bins.polarities > 1 else nothing
    return Events(found["x"], y, polarity, found["t"])


def _first(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return (str(error).splitlines() or [type(error).__name__])[0]
