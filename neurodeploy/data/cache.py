"""The cache of arrays that are slow to read or to encode, on top of `joblib.Memory`.

The arrays are in the folder `arrays` of the user's cache, compressed; it may be removed at any
time. joblib writes atomically and looks arrays up by a key. This module adds a sha256, which is
checked at every read; after a disk error the arrays are computed again, with a note. joblib's files
are pickles, so only the user may write to the folder; downloaded files are never read this way.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data import origin
from neurodeploy.data.dataset import Dataset, digest, read_only
from neurodeploy.data.encoders.encoder import Encoder
from neurodeploy.models.errors import InputError

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

FORMAT: Final = 2
BYTES_MAX: Final = 8 * 2**30
"""Size limit of the folder; the least recently used arrays are removed first."""

ABANDONED_S: Final = 24 * 60 * 60
"""A temporary file that has not changed for this time was left by a killed process."""

_LOCK: Final = threading.RLock()  # warning filters are global to the process

BLOCK_SAMPLES: Final = 256
"""Samples to encode at a time, which limits memory."""


@dataclass(frozen=True, eq=False)
class Cached:
    """Arrays from the cache, or newly computed.

    Attributes:
        arrays: read-only arrays by name.
        notes: sentences on a damaged cache file or a folder that cannot be written.
    """

    arrays: dict[str, NDArray[Any]]
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.arrays[name]


def folder() -> Path:
    """Return the folder of cached arrays."""
    return origin.cache_folder() / "arrays"


def cached(name: str, key: Mapping[str, Any], compute: Callable[[], Arrays]) -> Cached:
    """Return the arrays of `compute`, from disk if they are cached for the same key.

    Several processes may call it at once: each reads complete arrays or computes its own.

    Args:
        name: name of the arrays, such as "shd-counts".
        key: everything that the arrays depend on, as JSON values: also the version of the code that
            computes them and the `fingerprint` of its input files.
        compute: returns numeric arrays by name. Its exceptions propagate; errors of the cache only
            give a note.
    """
    text = json.dumps({"format": FORMAT, **key}, sort_keys=True, allow_nan=False)
    once, damaged, reasons = _Once(compute), False, list[str]()
    with _LOCK, _joblib_reports(reasons):
        try:
            stored = _memory().cache(_computed, ignore=["compute"])
            damaged = stored.check_call_in_cache(name, text, once)
            arrays, sha256 = stored(name, text, once)
            if once.arrays is None and _sha256(arrays) != sha256:
                stored.call_and_shelve(name, text, once).clear()
                arrays, _ = stored(name, text, once)
            _make_room()
        except OSError as error:
            if once.failed:
                raise
            reasons.append(error.strerror or str(error))
            arrays = once.arrays if once.arrays is not None else once()
    notes = [f"{name} in {folder()} was damaged and has been computed again"]
    return Cached(
        _fixed(arrays),
        (*(notes if damaged and once.arrays is not None else ()), *map(_not_cached, reasons[:1])),
    )


class _Once:
    """Calls `compute` for joblib, and stores its result and whether it failed."""

    def __init__(self, compute: Callable[[], Arrays]) -> None:
        self.compute = compute
        self.arrays: Arrays | None = None
        self.failed = False

    def __call__(self) -> Arrays:
        self.failed = True
        self.arrays = self.compute()
        self.failed = False
        return self.arrays


def _computed(name: str, key: str, compute: Callable[[], Arrays]) -> tuple[Arrays, str]:
    """Return the arrays and their sha256; joblib stores both."""
    arrays = compute()
    if any(values.dtype.hasobject for values in arrays.values()):
        raise TypeError("arrays of objects are not cached")
    return arrays, _sha256(arrays)


def _memory() -> Any:
    """Return joblib's cache in `folder`."""
    from joblib import Memory

    # Spikes and counts are mostly zero: level 1 makes them small at little cost.
    return Memory(folder(), verbose=0, compress=1)


@contextlib.contextmanager
def _joblib_reports(reasons: list[str]) -> Iterator[None]:
    """Collect the reasons of joblib's write errors instead of warning and logging."""
    logger = logging.getLogger("joblib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        logger.setLevel(level)
    for each in caught:
        if "joblib" not in Path(each.filename).parts:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        elif "Unable to cache" in str(each.message):
            reasons.append(str(each.message).partition("Exception: ")[2].rstrip("."))


def _not_cached(reason: str) -> str:
    return (
        f"{folder()} cannot be written ({reason}), so the arrays are computed again each time; "
        "free disk space there, or set XDG_CACHE_HOME to a writable folder"
    )


def _make_room() -> None:
    """Remove temporary files of killed or failed processes, and the least recently used arrays
    while the folder exceeds `BYTES_MAX`."""
    with contextlib.suppress(OSError):  # another process may remove them too
        for path in folder().rglob("output.pkl.*"):
            own = f"{os.getpid()}" in path.name.split("-")  # failed, because `_LOCK` is held
            if own or time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink(missing_ok=True)
        _memory().reduce_size(bytes_limit=BYTES_MAX)


def _fixed(arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays in C order and read-only, without copying arrays that own their data."""
    for values in arrays.values():
        values.setflags(write=False)
    return {name: read_only(values, values.dtype.type) for name, values in arrays.items()}


def _sha256(arrays: Arrays) -> str:
    sha = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        sha.update(json.dumps([name, values.dtype.str, values.shape]).encode())
        sha.update(values.reshape(-1).view(np.uint8).data)
    return sha.hexdigest()


def fingerprint(paths: Iterable[Path], home: Path) -> str:
    """Return a sha256 of the paths, sizes and modification times of files.

    The files are not read.

    Args:
        paths: the files.
        home: a common parent folder; paths are relative to it, so it may be moved.

    Raises:
        InputError: if a file is missing.
    """
    sha = hashlib.sha256()
    for path in sorted(paths):
        try:
            found = path.stat()
        except OSError as error:
            raise InputError(
                f"{path} cannot be accessed ({error.strerror}); give a folder with all files"
            ) from None
        place = path.relative_to(home).as_posix()
        sha.update(json.dumps([place, found.st_size, found.st_mtime_ns]).encode())
    return sha.hexdigest()


def prepare(dataset: Dataset, encoder: Encoder) -> tuple[str, ...]:
    """Encode and cache all samples if the encoder is slow; return the notes of the cache."""
    return _packed(dataset, encoder).notes if encoder.cached else ()


def spikes(dataset: Dataset, encoder: Encoder, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the spikes of some samples from the cache, equal to those of `encoder.encode`.

    Args:
        dataset: the dataset; all of it is encoded if its spikes are not cached yet.
        encoder: an encoder with `cached`.
        indices: indices of the samples.

    Returns:
        uint8 array (indices, channels, steps) of 0 and 1.
    """
    shape = (encoder.channels(dataset.signals.shape[1]), encoder.steps(dataset.num_steps))
    rows = _packed(dataset, encoder)["bits"][indices]
    return np.unpackbits(rows, axis=1, count=shape[0] * shape[1]).reshape(len(rows), *shape)


@functools.lru_cache(maxsize=1)
def _packed(dataset: Dataset, encoder: Encoder) -> Cached:
    """Return `bits`, uint8 (samples, bytes): the spikes (channels, steps) of each sample, packed
    with `numpy.packbits`."""

    def bits() -> Arrays:
        blocks = []
        for start in range(0, max(len(dataset), 1), BLOCK_SAMPLES):
            encoded = encoder.encode(dataset.signals[start : start + BLOCK_SAMPLES])
            blocks.append(np.packbits(encoded.reshape(len(encoded), -1), axis=1))
        return {"bits": np.concatenate(blocks)}

    key = {
        "dataset": digest(dataset),
        "encoder": encoder.as_dict(),
        "versions": encoder.versions(),
    }
    return cached(f"{encoder.name}-spikes", key, bits)
