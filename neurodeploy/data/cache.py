"""The cache of arrays that are slow to read or to encode: `joblib.Memory`.

The arrays are in the folder `arrays` of the user's cache, compressed, with the checksum of zlib; it
may be removed at any time. After a disk error the arrays are computed again, with a note. joblib's
files are pickles, so only the user may write to the folder; downloaded files are never read this
way.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurodeploy.data import origin
from neurodeploy.data.dataset import Dataset, digest, read_only
from neurodeploy.data.encoders.encoder import Encoder

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

FORMAT: Final = 3
BYTES_MAX: Final = 8 * 2**30
"""Size limit of the folder; the least recently used arrays are removed first."""

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
    once, notes = functools.cache(compute), list[str]()
    with _LOCK, warnings.catch_warnings():
        warnings.filterwarnings("error", "Unable to cache to disk")
        try:
            stored = _memory().cache(_computed, ignore=["compute"])
            there = stored.check_call_in_cache(name, text, once)
            arrays = stored(name, text, once)
            if there and once.cache_info().misses:
                notes.append(f"{name} in {folder()} was damaged and has been computed again")
        except (OSError, Warning) as error:  # `compute` raises its own again
            arrays = once()
            notes.append(
                f"{folder()} cannot be written ({error}), so the arrays are computed again each "
                "time; free disk space there, or set XDG_CACHE_HOME to a writable folder"
            )
        _make_room()
    return Cached(_fixed(arrays), tuple(notes))


def _computed(name: str, key: str, compute: Callable[[], Arrays]) -> Arrays:
    """Return the arrays, which joblib stores."""
    return compute()


def _memory() -> Any:
    """Return joblib's cache in `folder`, which logs no traceback of a damaged file."""
    from joblib import Memory

    logging.getLogger("joblib").setLevel(logging.ERROR)
    # Spikes and counts are mostly zero: level 1 makes them small at little cost.
    return Memory(folder(), verbose=0, compress=1)


def _make_room() -> None:
    """Remove what failed writes left, and the least recently used arrays over `BYTES_MAX`."""
    with contextlib.suppress(OSError):  # another process may remove them too
        for path in folder().rglob("output.pkl.*"):
            if str(os.getpid()) in path.name.split("-"):  # failed, because `_LOCK` is held
                path.unlink(missing_ok=True)
        _memory().reduce_size(bytes_limit=BYTES_MAX)


def _fixed(arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays in C order and read-only, without copying arrays that own their data."""
    for values in arrays.values():
        values.setflags(write=False)
    return {name: read_only(values, values.dtype.type) for name, values in arrays.items()}


def fingerprint(paths: Iterable[Path], home: Path) -> str:
    """Return a sha256 of the paths, sizes and modification times of files.

    The files are not read.

    Args:
        paths: the files.
        home: a common parent folder; paths are relative to it, so it may be moved.

    Raises:
        OSError: if a file is missing.
    """
    found = [(path.relative_to(home).as_posix(), path.stat()) for path in sorted(paths)]
    states = [[place, state.st_size, state.st_mtime_ns] for place, state in found]
    return hashlib.sha256(json.dumps(states).encode()).hexdigest()


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
