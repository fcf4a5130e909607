"""The cache of arrays that take long to read or to encode: joblib's, with what it leaves open.

The arrays lie in the folder `arrays` of the user's cache, compressed, and may be removed at any
time. joblib writes them whole or not at all and looks them up by a key; here they get a sha256,
which is compared whenever they are read, and everything that goes wrong with the disk becomes a
note: the arrays are computed anew. joblib's files are pickles, so nobody but the user may write to
the folder; data files are never read this way.
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

from neurodeploy.models.errors import InputError
from neurodeploy.tasks import origin
from neurodeploy.tasks.dataset import Dataset, digest, read_only
from neurodeploy.tasks.encoders.encoder import Encoder

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

FORMAT: Final = 2
BYTES_MAX: Final = 8 * 2**30
"""Size limit of the folder; beyond it the arrays that were not used for longest are removed."""

ABANDONED_S: Final = 24 * 60 * 60
"""After that time without a change, a temporary file belongs to a process that was killed."""

_LOCK: Final = threading.RLock()  # the filters of warnings belong to the whole process

BLOCK_SAMPLES: Final = 256
"""Samples that are encoded at once, so that not all spikes of a dataset are in memory."""


@dataclass(frozen=True, eq=False)
class Cached:
    """Arrays that were computed now or before.

    Attributes:
        arrays: by name; read-only.
        notes: one sentence for a cached file that was damaged, or a folder that cannot be written.
    """

    arrays: dict[str, NDArray[Any]]
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.arrays[name]


def folder() -> Path:
    """Return where cached arrays lie."""
    return origin.cache_folder() / "arrays"


def cached(name: str, key: Mapping[str, Any], compute: Callable[[], Arrays]) -> Cached:
    """Return the arrays that `compute` returns, from disk if they were computed for the same key.

    Several processes may call it at once: each reads complete arrays or computes its own.

    Args:
        name: what the arrays are, such as "shd-counts".
        key: JSON values; everything that the arrays depend on, with a version of the code that
            computes them and the `fingerprint` of the files that it reads.
        compute: returns arrays of numbers by name.

    Raises:
        whatever `compute` raises; a cache that cannot be read or written is only noted.
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
    notes = [f"{name} in {folder()} was damaged, so it was computed anew"]
    return Cached(
        _fixed(arrays),
        (*(notes if damaged and once.arrays is not None else ()), *map(_not_cached, reasons[:1])),
    )


class _Once:
    """Calls a function for joblib, and remembers what came of it."""

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
    """Return what `compute` returns, and its sha256; joblib stores both."""
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
    """Collect why joblib could not write, in place of what it warns and logs."""
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
        f"{folder()} cannot be written ({reason}), so the arrays are not cached and are computed "
        "each time; make room there, or set XDG_CACHE_HOME to a folder that can be written"
    )


def _make_room() -> None:
    """Remove the arrays that were not used for longest while the folder holds too much, and what
    killed or failed processes left half written."""
    with contextlib.suppress(OSError):  # another process may remove them too
        for path in folder().rglob("output.pkl.*"):
            own = f"{os.getpid()}" in path.name.split("-")  # `_LOCK` is held: it has failed
            if own or time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink(missing_ok=True)
        _memory().reduce_size(bytes_limit=BYTES_MAX)


def _fixed(arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays in C order and read-only, without a copy where they own their values."""
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
    """Return a sha256 of the paths, sizes and modification times of files, ordered by path.

    It does not read them: a file changed to the same size within the clock's tick goes unnoticed.

    Args:
        paths: of the files.
        home: a folder that holds all of them and may be moved: paths are relative to it.

    Raises:
        InputError: when one is missing.
    """
    sha = hashlib.sha256()
    for path in sorted(paths):
        try:
            found = path.stat()
        except OSError as error:
            raise InputError(
                f"{path} cannot be looked up ({error.strerror}); give a folder with all files"
            ) from None
        place = path.relative_to(home).as_posix()
        sha.update(json.dumps([place, found.st_size, found.st_mtime_ns]).encode())
    return sha.hexdigest()


def prepare(dataset: Dataset, encoder: Encoder) -> tuple[str, ...]:
    """Encode all samples if the encoder is slow, and return the notes of the cache."""
    return _packed(dataset, encoder).notes if encoder.cached else ()


def spikes(dataset: Dataset, encoder: Encoder, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the spikes of some samples, the same that `encoder.encode` returns.

    Args:
        dataset: all of it is encoded unless its spikes are cached.
        encoder: of a class with `cached`.
        indices: of the samples.

    Returns:
        uint8 array (indices, channels, steps) of 0 and 1.
    """
    shape = (encoder.channels(dataset.signals.shape[1]), encoder.steps(dataset.num_steps))
    rows = _packed(dataset, encoder)["bits"][indices]
    return np.unpackbits(rows, axis=1, count=shape[0] * shape[1]).reshape(len(rows), *shape)


@functools.lru_cache(maxsize=1)
def _packed(dataset: Dataset, encoder: Encoder) -> Cached:
    """Return `bits`, uint8 (samples, bytes): each sample's spikes (channels, steps), eight to a
    byte."""

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
